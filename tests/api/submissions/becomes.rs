//! What becomes of a submission: records, scores, and what an update policy lets it change.

use serde_json::{Value, json};

use super::{Site, at_once, execute, form, model, scope};
use crate::support::bodies;

// What becomes of a submission.

#[tokio::test]
async fn a_submission_makes_a_contact_with_its_company_a_lead_and_an_interaction() {
    let site = Site::open().await;
    let sent = json!({
        "fields": {
            "email": " Ann@Example.com ", "first_name": "Ann", "phone": "+372 5551 2345", "city": "Tallinn",
            "role": "buyer", "company": "Contoso OÜ", "topic": "Warehouse", "budget": "10k", "size": "50",
            "question": "When?\nWhere?",
        },
        "utm": {"utm_source": "newsletter"}, "anonymous_id": "browser-1", "page_url": "https://www.example.com/p",
        "consents": {"marketing": true},
    });
    let id = site.send(sent.clone()).await.expect(202)["submission_id"].as_str().unwrap().to_owned();

    let (contact, lead) = (site.contact().await, site.lead().await);
    let account = site.list("/v1/accounts").await[0].clone();
    assert_eq!((&contact["email"], &contact["first_name"]), (&json!("Ann@Example.com"), &json!("Ann")));
    assert_eq!((&contact["phone_e164"], &contact["address"]["city"]), (&json!("+37255512345"), &json!("Tallinn")));
    assert_eq!((&contact["attributes"], &contact["first_source"]), (&json!({"role": "buyer"}), &json!("landing_page")));
    assert_eq!((&contact["account_id"], &account["name"]), (&account["id"], &json!("Contoso OÜ")));
    assert_eq!(contact["marketing_only"], true);
    let consent = &contact["consents"]["marketing"];
    assert_eq!((&consent["granted"], &consent["how"]), (&json!(true), &json!("form")));
    let evidence = consent["evidence"].as_str().unwrap();
    assert!(evidence.starts_with(&format!("submission {id}, text 2026-03, address sha256:")), "{evidence}");

    assert_eq!((&lead["contact_id"], &lead["account_id"]), (&contact["id"], &account["id"]));
    assert_eq!((&lead["topic"], &lead["campaign"]), (&json!("Warehouse"), &json!("spring-2026")));
    assert_eq!((&lead["attributes"], &lead["utm"]), (&json!({"budget": "10k"}), &sent["utm"]));
    assert_eq!((&lead["form_id"], &lead["stage"]), (&site.form["id"], &json!("inquiry")));
    assert_eq!((&lead["source"], &lead["channel_class"]), (&json!("landing_page"), &json!("net")));
    assert_eq!(
        (&lead["captured"]["company"], &lead["captured"]["email"]),
        (&json!("Contoso OÜ"), &json!("Ann@Example.com"))
    );

    let interaction = site.list("/v1/interactions").await[0].clone();
    assert_eq!((&interaction["kind"], &interaction["form_id"]), (&json!("form_submitted"), &site.form["id"]));
    assert_eq!((&interaction["contact_id"], &interaction["lead_id"]), (&contact["id"], &lead["id"]));
    assert_eq!(interaction["properties"], json!({"size": "50", "page_url": "https://www.example.com/p"}));

    let became = site.became(&id).await;
    assert_eq!((&became["status"], &became["reason"], &became["payload"]), (&json!("processed"), &Value::Null, &sent));
    assert_eq!((&became["contact_id"], &became["lead_id"]), (&contact["id"], &lead["id"]));
    assert_eq!((&became["interaction_id"], &became["form_version"]), (&interaction["id"], &json!(2)));
    let effects = ["contact", "account", "lead"].map(|record| became["outcome"][record]["effect"].clone());
    assert_eq!(effects, [json!("created"), json!("created"), json!("created")]);
}

#[tokio::test]
async fn a_second_submission_of_a_known_person_is_credited_to_them_and_their_lead() {
    let site = Site::open().await;
    site.submit(json!({"email": "ann@example.com", "question": "One?"})).await;
    let second = site.submit(json!({"email": "ANN@example.com.", "question": "Two?"})).await;
    assert_eq!(site.counts().await, [1, 1, 2, 2]);
    let became = site.became(&second).await;
    assert_eq!(became["outcome"]["contact"]["effect"], "linked");
    assert_eq!(became["outcome"]["lead"]["effect"], "linked");
    assert_eq!(became["contact_id"], site.contact().await["id"]);
}

#[tokio::test]
async fn another_form_makes_another_lead_of_the_same_contact() {
    let site = Site::open().await;
    site.submit(json!({"email": "ann@example.com"})).await;
    let other = site.admin.post("/v1/forms", form()).await.expect(201);
    site.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&other)), Value::Null).await.expect(200);
    let path = format!("/v1/public/forms/{}/submissions", other["key"].as_str().unwrap());
    site.app.visitor().post(&path, json!({"fields": {"email": "ann@example.com"}})).await.expect(202);
    assert_eq!(site.counts().await, [1, 2, 2, 2]);
}

#[tokio::test]
async fn a_closed_lead_is_not_taken_up_again() {
    let site = Site::open().await;
    site.submit(json!({"email": "ann@example.com", "question": "One?"})).await;
    let lead = site.lead().await;
    let closing = "UPDATE leads SET status = 'disqualified' WHERE form_id IS NOT NULL";
    site.app.state.db.write(scope(&site), move |tx| execute(tx, closing)).await.unwrap();
    let second = site.submit(json!({"email": "ann@example.com", "question": "Two?"})).await;
    assert_eq!(site.counts().await, [1, 2, 2, 2]);
    assert_ne!(site.became(&second).await["lead_id"], lead["id"]);
}

#[tokio::test]
async fn a_form_may_open_a_lead_for_every_submission() {
    let site = Site::with(json!({"always_create_lead": true})).await;
    for number in 0..3 {
        site.submit(json!({"email": "ann@example.com", "question": format!("{number}")})).await;
    }
    assert_eq!(site.counts().await, [1, 3, 3, 3]);
}

#[tokio::test]
async fn a_form_writes_only_the_records_it_is_made_for() {
    for (writes, counts) in
        [("contact_and_lead", [1, 1, 1, 1]), ("contact", [1, 0, 1, 1]), ("lead", [0, 1, 1, 1]), ("none", [0, 0, 1, 1])]
    {
        let site = Site::with(json!({"writes": writes})).await;
        let id = site.submit(json!({"email": "ann@example.com", "company": "Contoso"})).await;
        assert_eq!(site.counts().await, counts, "{writes}");
        assert_eq!(site.count("/v1/accounts").await, usize::from(writes != "none"), "{writes}");
        assert_eq!(site.became(&id).await["status"], "processed", "{writes}");
    }
}

#[tokio::test]
async fn a_known_person_is_credited_with_the_interaction_even_if_the_form_writes_nothing() {
    let site = Site::with(json!({"writes": "none"})).await;
    let contact = site.admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    let id = site.submit(json!({"email": "ann@example.com", "first_name": "Anna", "role": "buyer"})).await;
    let interaction = site.list("/v1/interactions").await[0].clone();
    assert_eq!(interaction["contact_id"], contact["id"]);
    assert_eq!(site.contact().await, contact);
    assert_eq!(site.became(&id).await["outcome"]["contact"]["effect"], "linked");
}

#[tokio::test]
async fn what_a_browser_did_before_becomes_the_persons_who_submits_from_it() {
    let site = Site::open().await;
    let visit = json!({
        "kind": "page_visited", "occurred_at": "2026-03-01T10:00:00Z", "person": {"anonymous_id": "browser-1"},
    });
    site.admin.post("/v1/interactions", visit).await.expect(201);
    site.send(json!({"fields": {"email": "ann@example.com"}, "anonymous_id": "browser-1"})).await.expect(202);
    let contact = site.contact().await["id"].clone();
    for interaction in site.list("/v1/interactions").await {
        assert_eq!(interaction["contact_id"], contact, "{interaction}");
    }
}

#[tokio::test]
async fn a_company_without_a_person_is_kept_as_an_account_and_the_submission_says_why() {
    let site = Site::with(json!({"fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "company", "maps_to": "account.name"},
        {"name": "switchboard"},
    ]}))
    .await;
    let id = site.submit(json!({"company": "Contoso", "switchboard": "+372 600 0000"})).await;
    assert_eq!(site.counts().await, [0, 0, 0, 1]);
    let became = site.became(&id).await;
    assert_eq!((&became["status"], &became["outcome"]["account"]["effect"]), (&json!("processed"), &json!("created")));
    assert!(became["reason"].as_str().unwrap().contains("no lead"), "{became}");
    site.submit(json!({"company": " CONTOSO", "switchboard": "+372 600 0001"})).await;
    assert_eq!(site.count("/v1/accounts").await, 1);
}

#[tokio::test]
async fn what_cannot_be_matched_is_created_or_fails_as_the_form_says() {
    let fields = json!([
        {"name": "email", "maps_to": "contact.email"}, {"name": "first_name", "maps_to": "contact.first_name"},
        {"name": "phone", "maps_to": "contact.phone"},
    ]);
    let creating = Site::with(json!({"fields": fields})).await;
    for number in 0..2 {
        creating.submit(json!({"first_name": "Ann", "phone": format!("+372 5551 234{number}")})).await;
    }
    assert_eq!(creating.counts().await, [2, 2, 2, 2]);

    let failing = Site::with(json!({"fields": fields, "on_unmatchable": "fail"})).await;
    let id = failing.submit(json!({"first_name": "Ann", "phone": "+372 5551 2345"})).await;
    assert_eq!(failing.counts().await, [0, 0, 1, 1]);
    let became = failing.became(&id).await;
    assert_eq!((&became["status"], &became["outcome"]["contact"]["effect"]), (&json!("failed"), &json!("left_alone")));
    assert!(became["reason"].as_str().unwrap().contains("contact_by_email"), "{became}");
    let decision = became["outcome"]["contact"]["decision_id"].as_str().unwrap();
    let kept = failing.admin.get(&format!("/v1/match-decisions/{decision}")).await.expect(200);
    assert_eq!(kept["decision"]["outcome"], "unmatchable");
}

#[tokio::test]
async fn what_a_form_writes_of_new_known_and_unmatchable_people() {
    let fields = json!([
        {"name": "email", "maps_to": "contact.email"}, {"name": "first_name", "maps_to": "contact.first_name"},
    ]);
    let (by_mail, by_name) = (json!({"email": "ann@example.com", "first_name": "Ann"}), json!({"first_name": "Ann"}));
    // Contacts, leads and interactions afterwards; whether the submission failed.
    for (writes, new, known, created, left_alone) in [
        ("contact_and_lead", [1, 1, 1], [1, 1, 1], ([1, 1, 1], "processed"), ([0, 0, 0], "failed")),
        ("contact", [1, 0, 1], [1, 0, 1], ([1, 0, 1], "processed"), ([0, 0, 0], "failed")),
        ("lead", [0, 1, 1], [1, 1, 1], ([0, 1, 1], "processed"), ([0, 0, 0], "failed")),
        ("none", [0, 0, 1], [1, 0, 1], ([0, 0, 0], "processed"), ([0, 0, 0], "processed")),
    ] {
        for (person, sent, unmatchable, counts, status) in [
            ("new", &by_mail, "create", new, "processed"),
            ("known", &by_mail, "create", known, "processed"),
            ("unmatchable", &by_name, "create", created.0, created.1),
            ("unmatchable", &by_name, "fail", left_alone.0, left_alone.1),
        ] {
            let site = Site::with(json!({"writes": writes, "on_unmatchable": unmatchable, "fields": fields})).await;
            if person == "known" {
                site.admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
            }
            let became = site.became(&site.submit(sent.clone()).await).await;
            let [contacts, leads, interactions, submissions] = site.counts().await;
            let case = format!("{writes} {person} {unmatchable}");
            assert_eq!(([contacts, leads, interactions], submissions), (counts, 1), "{case}: {became}");
            assert_eq!(became["status"], status, "{case}: {became}");
            if person == "known" {
                assert_eq!(became["contact_id"], site.contact().await["id"], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_subscription_and_a_landing_page_are_submitted_and_an_event_is_registered_for() {
    for (kind, interaction) in
        [("landing_page", "form_submitted"), ("subscription", "form_submitted"), ("event", "event_registered")]
    {
        let site = Site::with(json!({"kind": kind})).await;
        site.submit(json!({"email": "ann@example.com"})).await;
        assert_eq!(site.list("/v1/interactions").await[0]["kind"], interaction, "{kind}");
    }
}

#[tokio::test]
async fn answers_that_go_nowhere_are_kept_and_shown() {
    let site = Site::open().await;
    let id = site.submit(json!({"email": "ann@example.com", "size": "50", "question": "When?\nWhere?"})).await;
    let shown = site.became(&id).await["payload"]["fields"].clone();
    assert_eq!((&shown["size"], &shown["question"]), (&json!("50"), &json!("When?\nWhere?")));
    assert_eq!(site.list("/v1/submissions").await[0]["payload"]["fields"], shown);
}

// Scores.

#[tokio::test]
async fn a_submission_scores_its_lead_by_what_was_done_and_what_was_said() {
    let site = Site::open().await;
    crate::scoring::live_model(&site.admin, model()).await;
    site.submit(json!({"email": "ann@example.com"})).await;
    let lead = site.lead().await;
    assert_eq!((&lead["score"], &lead["stage"]), (&json!(30), &json!("marketing_qualification")));
    site.submit(json!({"email": "ann@example.com", "role": "buyer"})).await;
    let lead = site.lead().await;
    assert_eq!((&lead["score"], &lead["temperature"]), (&json!(80), &json!("hot")));
    site.submit(json!({"email": "ann@example.com", "size": "5"})).await;
    assert_eq!(site.lead().await["stage"], "sales_acceptance");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn identical_submissions_at_once_score_once_and_are_told_once() {
    let site = Site::open().await;
    crate::scoring::live_model(&site.admin, model()).await;
    at_once(&site, vec![json!({"fields": {"email": "ann@example.com"}}); 64]).await;
    let lead = site.lead().await;
    assert_eq!(lead["score"], 30);
    let entries = site.list(&format!("/v1/leads/{}/score-entries", bodies::id(&lead))).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    for kind in ["submission.processed", "contact.created", "lead.created", "lead.scored"] {
        assert_eq!(site.count(&format!("/v1/events?type={kind}")).await, 1, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_of_one_person_at_once_all_count() {
    let site = Site::open().await;
    crate::scoring::live_model(&site.admin, model()).await;
    let answer = |number| json!({"fields": {"email": "ann@example.com", "size": format!("{number}")}});
    at_once(&site, (0..32).map(answer).collect()).await;
    assert_eq!(site.lead().await["score"], 32 * 30);
}

// The update policy.

#[tokio::test]
async fn blanks_are_filled_and_what_is_known_stays_with_the_contradiction_kept_beside_it() {
    let site = Site::open().await;
    let known = json!({"first_name": "Ann", "email": "ann@example.com", "phone": "+372 5551 2345"});
    site.admin.post("/v1/contacts", known).await.expect(201);
    let fields = json!({
        "email": "ANN@example.com", "first_name": "Anna", "phone": "+3725551 2345", "city": "Tartu", "role": "buyer",
    });
    let became = site.became(&site.submit(fields).await).await;
    let contact = site.contact().await;
    assert_eq!((&contact["first_name"], &contact["email"]), (&json!("Ann"), &json!("ann@example.com")));
    assert_eq!((&contact["address"]["city"], &contact["attributes"]["role"]), (&json!("Tartu"), &json!("buyer")));
    assert_eq!(contact["phone"], "+372 5551 2345");
    assert_eq!(became["outcome"]["contact"]["effect"], "updated");
    let conflicts = became["outcome"]["conflicts"].as_array().unwrap();
    assert_eq!((conflicts.len(), &conflicts[0]["field"]), (1, &json!("contact.first_name")));
    assert_eq!(conflicts[0]["sent"], "Anna");
}

#[tokio::test]
async fn overwriting_takes_what_was_sent_and_linking_takes_nothing() {
    for (policy, name, topic) in
        [("overwrite", "Anna", "Two"), ("link_only", "Ann", "One"), ("fill_blanks", "Ann", "One")]
    {
        let site = Site::with(json!({"update_policy": policy})).await;
        site.submit(json!({"email": "ann@example.com", "first_name": "Ann", "topic": "One"})).await;
        site.submit(json!({"email": "ann@example.com", "first_name": "Anna", "topic": "Two"})).await;
        let (contact, lead) = (site.contact().await, site.lead().await);
        assert_eq!((&contact["first_name"], &lead["topic"]), (&json!(name), &json!(topic)), "{policy}");
    }
}

#[tokio::test]
async fn an_absent_or_empty_field_never_blanks_what_is_known() {
    for policy in ["overwrite", "link_only", "fill_blanks"] {
        let site = Site::with(json!({"update_policy": policy})).await;
        let all =
            json!({"email": "ann@example.com", "first_name": "Ann", "city": "Tartu", "role": "x", "topic": "One"});
        site.submit(all).await;
        let before = (site.contact().await, site.lead().await);
        site.submit(json!({"email": "ann@example.com", "first_name": " ", "city": "", "role": "", "topic": ""})).await;
        let after = (site.contact().await, site.lead().await);
        assert_eq!((&after.0["first_name"], &after.0["address"]), (&before.0["first_name"], &before.0["address"]));
        assert_eq!(
            (&after.0["attributes"], &after.1["topic"]),
            (&before.0["attributes"], &before.1["topic"]),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn a_consent_is_given_once_and_never_withdrawn_by_a_form() {
    let site = Site::open().await;
    for given in [true, false, true] {
        let body = json!({"fields": {"email": "ann@example.com", "size": given.to_string()}, "consents": {"marketing": given}});
        site.send(body).await.expect(202);
        site.app.wait_seconds(3600);
    }
    let consent = site.contact().await["consents"]["marketing"].clone();
    assert_eq!((&consent["granted"], &consent["at"]), (&json!(true), &json!("2026-03-02T09:00:00.000000Z")));
}

//! What visitors send: the door, the three bodies, once only, and what becomes of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, Request, TestApp, bodies};

const PAGE: &str = "https://www.example.com";

/// A form with a field of each sort.
fn form() -> Value {
    json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page", "campaign": "spring-2026",
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "first_name", "maps_to": "contact.first_name"},
            {"name": "phone", "maps_to": "contact.phone"},
            {"name": "city", "maps_to": "contact.address.city"},
            {"name": "role", "maps_to": "contact.attributes.role"},
            {"name": "company", "maps_to": "account.name"},
            {"name": "topic", "maps_to": "lead.topic"},
            {"name": "budget", "maps_to": "lead.attributes.budget"},
            {"name": "size"},
            {"name": "question", "multi_line": true},
        ],
        "consents": [{"purpose": "marketing", "text_version": "2026-03"}],
        "allowed_origins": [PAGE],
    })
}

/// A service with one live form, and someone who looks at what became of its submissions.
struct Site {
    app: TestApp,
    admin: Person,
    form: Value,
}

impl Site {
    async fn open() -> Self {
        Self::with(json!({})).await
    }

    async fn with(changes: Value) -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let form = admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201);
        let publish = format!("/v1/forms/{}/publish", bodies::id(&form));
        let form = admin.post(&publish, Value::Null).await.expect(200);
        Self { app, admin, form }
    }

    fn path(&self) -> String {
        format!("/v1/public/forms/{}/submissions", self.form["key"].as_str().unwrap())
    }

    fn request(&self) -> Request {
        self.app.visitor().request(Method::POST, &self.path())
    }

    async fn send(&self, body: Value) -> Answer {
        self.app.visitor().post(&self.path(), body).await
    }

    /// Sends these fields; gives the submission's id.
    async fn submit(&self, fields: Value) -> String {
        let answer = self.send(json!({"fields": fields})).await.expect(202);
        assert_eq!(answer["status"], "accepted");
        answer["submission_id"].as_str().unwrap().to_owned()
    }

    /// What became of a submission.
    async fn became(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/submissions/{id}")).await.expect(200)
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    async fn count(&self, path: &str) -> usize {
        self.list(path).await.len()
    }

    /// How many contacts, leads, interactions and submissions there are.
    async fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (place, kind) in ["contacts", "leads", "interactions", "submissions"].iter().enumerate() {
            counts[place] = self.count(&format!("/v1/{kind}?limit=200")).await;
        }
        counts
    }

    async fn contact(&self) -> Value {
        let contacts = self.list("/v1/contacts").await;
        assert_eq!(contacts.len(), 1, "{contacts:?}");
        contacts[0].clone()
    }

    async fn lead(&self) -> Value {
        let leads = self.list("/v1/leads").await;
        assert_eq!(leads.len(), 1, "{leads:?}");
        leads[0].clone()
    }
}

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
    assert_eq!(consent["evidence"], format!("submission {id}, text 2026-03"));

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

// Scores.

fn model() -> Value {
    json!({
        "name": "Interest", "target": "contact", "sales_ready_score": 100, "groups": [],
        "rules": [
            {"key": "forms", "points": 30, "when": [{"interaction": "form_submitted", "frequency": "each"}]},
            {"key": "buyer", "points": 20, "when": [{"field": "contact.attributes.role", "op": "eq", "value": "buyer"}]},
        ],
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}],
    })
}

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

// What a visitor is told is wrong.

#[tokio::test]
async fn what_the_form_does_not_have_or_the_visitor_left_out_is_refused_and_not_stored() {
    let site = Site::with(json!({"consents": [{"purpose": "marketing", "required": true}]})).await;
    let answer = site.send(json!({"fields": {"score": "100", "owner_id": "x", "first_name": "a\nb"}})).await;
    let expected = ["/fields/score", "/fields/owner_id", "/fields/first_name", "/fields/email", "/consents/marketing"];
    answer.expect_invalid(&expected);
    let beside = json!({
        "fields": {"email": "ann@example.com"}, "consents": {"marketing": true}, "score": 1, "tags": [],
        "owner_id": "x", "stage": "x", "is_admin": true, "source": "x",
    });
    site.send(beside).await.expect_invalid(&["/score", "/tags", "/owner_id", "/stage", "/is_admin", "/source"]);
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_value_that_no_record_could_hold_is_refused() {
    let site = Site::with(json!({"fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "phone", "maps_to": "contact.phone"},
        {"name": "country", "maps_to": "contact.address.country"}, {"name": "first_name", "maps_to": "contact.first_name"},
        {"name": "note", "multi_line": true},
    ]}))
    .await;
    let fields = json!({
        "email": "ann@", "phone": "5551 2345", "country": "Estonia", "first_name": "a".repeat(101), "note": "a".repeat(4_000),
    });
    let answer = site.send(json!({"fields": fields, "page_url": "javascript:alert(1)"})).await;
    answer.expect_invalid(&["/fields/email", "/fields/phone", "/fields/country", "/fields/first_name", "/page_url"]);
    let long = json!({"fields": {"email": "ann@example.com", "note": "a".repeat(4_001)}});
    site.send(long).await.expect_invalid(&["/fields/note"]);
}

#[tokio::test]
async fn a_consent_is_a_boolean_that_the_form_asks_for() {
    let site = Site::open().await;
    for (consents, pointer) in [
        (json!({"marketing": "yes"}), "/consents/marketing"),
        (json!({"marketing": null}), "/consents/marketing"),
        (json!({"profiling": true}), "/consents/profiling"),
        (json!({"newsletter": true}), "/consents/newsletter"),
    ] {
        let answer = site.send(json!({"fields": {"email": "ann@example.com"}, "consents": consents})).await;
        answer.expect_invalid(&[pointer]);
    }
    let posted = site.request().form(&[("email", "ann@example.com"), ("consent.marketing", "yes")]).send().await;
    posted.expect_invalid(&["/consents/marketing"]);
}

#[tokio::test]
async fn too_much_is_refused() {
    let site = Site::open().await;
    let fields: Value =
        (0..1_000).map(|number| (format!("f{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    site.send(json!({"fields": fields})).await.expect_invalid(&["/fields"]);
    let huge = json!({"fields": {"email": "ann@example.com", "question": "a".repeat(70_000)}});
    site.send(huge).await.expect_problem(413, "payload-too-large");
    let parts: String = (0..10_000).map(|number| part(&format!("f{number}"), "x")).collect();
    multipart(&site, "b", parts + "--b--\r\n").await.expect_problem(413, "payload-too-large");
    let parts: String = (0..500).map(|number| part(&format!("f{number}"), "x")).collect();
    multipart(&site, "b", parts + "--b--\r\n").await.expect_invalid(&["/fields"]);
}

// The three bodies.

#[tokio::test]
async fn the_same_answers_are_the_same_submission_in_every_body() {
    let site = Site::open().await;
    let id = site
        .send(json!({"fields": {"email": "ann@example.com", "question": "a b\nc"}, "utm": {"utm_source": "x"}, "consents": {"marketing": true}}))
        .await
        .expect(202)["submission_id"]
        .clone();
    let pairs = [
        ("email", "ann@example.com"),
        ("fields.question", "a b\r\nc"),
        ("utm_source", "x"),
        ("consent.marketing", "on"),
        ("anonymous_id", ""),
    ];
    let posted = site.request().form(&pairs).send().await.expect(202);
    let parts: String = pairs.iter().map(|(name, value)| part(name, value)).collect();
    let in_parts = multipart(&site, "b", parts + "--b--\r\n").await.expect(202);
    assert_eq!((&posted["submission_id"], &in_parts["submission_id"]), (&id, &id));
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_name_given_twice_is_refused_in_every_body() {
    let site = Site::open().await;
    site.request().form(&[("email", "a@x.ee"), ("email", "b@x.ee")]).send().await.expect_invalid(&["/fields/email"]);
    let parts = part("email", "a@x.ee") + &part("fields.email", "b@x.ee") + "--b--\r\n";
    multipart(&site, "b", parts).await.expect_invalid(&["/fields/email"]);
    let twice = site.request().bytes("application/json", r#"{"fields": {"email": "a@x.ee", "email": "b@x.ee"}}"#);
    twice.send().await.expect_problem(400, "malformed-json");
}

#[tokio::test]
async fn files_other_types_and_broken_bodies_are_refused() {
    let site = Site::open().await;
    let file = "--b\r\nContent-Disposition: form-data; name=\"email\"; filename=\"a.exe\"\r\n\r\nMZ\r\n--b--\r\n";
    multipart(&site, "b", file.to_owned()).await.expect_problem(415, "unsupported-media-type");
    let good = part("email", "a@x.ee") + "--b--\r\n";
    multipart(&site, &"b".repeat(1_024), good.clone()).await.expect_problem(415, "unsupported-media-type");
    multipart(&site, "b", part("../../x", "1") + &good).await.expect_invalid(&["/fields/..~1..~1x"]);
    multipart(&site, "b", part("email", "a@x.ee")).await.expect_problem(400, "malformed-request");
    for kind in ["text/plain", "application/xml", "application/json; charset=utf-16", "multipart/mixed; boundary=b"] {
        site.request().bytes(kind, "{}").send().await.expect_problem(415, "unsupported-media-type");
    }
    site.request().bytes("application/json", "{bad").send().await.expect_problem(400, "malformed-json");
    let latin = site.request().bytes("application/x-www-form-urlencoded", "email=%E4@x.ee");
    latin.send().await.expect_problem(400, "malformed-request");
    site.request()
        .bytes("application/x-www-form-urlencoded", "email=%00")
        .send()
        .await
        .expect_invalid(&["/fields/email"]);
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

async fn multipart(site: &Site, boundary: &str, body: String) -> Answer {
    let body = body.replace("--b\r\n", &format!("--{boundary}\r\n")).replace("--b--", &format!("--{boundary}--"));
    site.request().bytes(&format!("multipart/form-data; boundary={boundary}"), body).send().await
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_browsers_form_post_is_sent_on_to_the_forms_thank_you_page() {
    let site = Site::with(json!({"thank_you_url": "https://www.example.com/thanks"})).await;
    for email in ["new@example.com", "new@example.com", "known@example.com"] {
        let sent =
            site.request().form(&[("email", email)]).header("accept", BROWSER).header("origin", PAGE).send().await;
        assert_eq!((sent.status(), sent.header("location")), (303, Some("https://www.example.com/thanks")));
    }
    let script = site.request().form(&[("email", "ann@example.com")]).header("accept", "*/*").send().await;
    assert_eq!(script.status(), 202);
    let json =
        site.request().json(&json!({"fields": {"email": "b@example.com"}})).header("accept", BROWSER).send().await;
    assert_eq!(json.status(), 202);
}

#[tokio::test]
async fn a_form_without_a_thank_you_page_has_one_here() {
    let site = Site::open().await;
    let sent = site.request().form(&[("email", "ann@example.com")]).header("accept", BROWSER).send().await;
    assert_eq!(sent.status(), 303);
    let page = site.app.visitor().get(sent.header("location").unwrap()).await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("Thank you"));
    let nowhere = site.app.visitor().get("/v1/public/forms/f_nothing/thanks").await;
    nowhere.expect_problem(404, "not-found");
}

// The door.

#[tokio::test]
async fn pages_of_other_sites_may_not_send_the_form() {
    let site = Site::open().await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    for origin in [
        "null",
        "https://www.example.com.evil.io",
        "http://www.example.com",
        "https://www.example.com:8443",
        "https://www.example.com.",
        "https://www.example.com/",
        "https://example.com",
        "",
    ] {
        let answer = site.request().json(&body).header("origin", origin).send().await;
        answer.expect_problem(403, "origin-not-allowed");
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("vary")),
            (None, Some("Origin")),
            "{origin}"
        );
    }
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
    let twice = site.request().json(&body).header("origin", PAGE).header("origin", PAGE).send().await;
    twice.expect_problem(403, "origin-not-allowed");
    for origin in [PAGE, "https://WWW.EXAMPLE.com"] {
        let answer = site.request().json(&body).header("origin", origin).send().await;
        answer.expect(202);
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("vary")),
            (Some(origin), Some("Origin"))
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_page_that_may_send_the_form_may_read_what_is_wrong() {
    let site = Site::open().await;
    let answers = [
        site.request().json(&json!({"fields": {}})).header("origin", PAGE).send().await,
        site.request().bytes("application/json", "{").header("origin", PAGE).send().await,
    ];
    for (answer, status) in answers.iter().zip([422, 400]) {
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, Some(PAGE)));
    }
}

#[tokio::test]
async fn browsers_that_ask_first_are_told_exactly_what_is_allowed() {
    let site = Site::open().await;
    let ask = |origin: &str| {
        let request = site.app.visitor().request(Method::OPTIONS, &site.path()).header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-odd, content-type")
    };
    let allowed = ask(PAGE).send().await;
    assert_eq!((allowed.status(), allowed.header("access-control-allow-origin")), (204, Some(PAGE)));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("content-type, idempotency-key"));
    assert_eq!((allowed.header("vary"), allowed.header("access-control-allow-credentials")), (Some("Origin"), None));
    for origin in ["https://evil.io", "null"] {
        let refused = ask(origin).send().await;
        assert_eq!((refused.status(), refused.header("access-control-allow-origin")), (204, None), "{origin}");
        assert_eq!((refused.header("access-control-allow-methods"), refused.header("vary")), (None, Some("Origin")));
    }
    let plain = site.app.visitor().request(Method::OPTIONS, &site.path()).send().await;
    assert_eq!((plain.status(), plain.header("allow")), (204, Some("POST, OPTIONS")));
}

#[tokio::test]
async fn only_posts_are_taken_and_no_parameters() {
    let site = Site::open().await;
    let visitor = site.app.visitor();
    visitor.get(&format!("{}?email=ann@example.com", site.path())).await.expect_problem(405, "method-not-allowed");
    assert_eq!(visitor.request(Method::HEAD, &site.path()).send().await.status(), 405);
    let body = json!({"fields": {"email": "ann@example.com"}});
    let with_parameter = visitor.post(&format!("{}?redirect=https://evil.io", site.path()), body).await;
    with_parameter.expect_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn the_address_kept_is_the_peers_whatever_headers_say() {
    let site = Site::open().await;
    let sent = site.request().json(&json!({"fields": {"email": "ann@example.com"}})).header("user-agent", "Browser/1");
    let headers = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("x-real-ip", "203.0.113.7")];
    let sent = headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value)).send().await.expect(202);
    let became = site.became(sent["submission_id"].as_str().unwrap()).await;
    assert_eq!((&became["remote_address"], &became["user_agent"]), (&json!("127.0.0.1"), &json!("Browser/1")));
}

// Exactly once.

#[tokio::test]
async fn the_same_answers_within_the_window_are_one_submission() {
    let site = Site::open().await;
    let fields = json!({"email": "ann@example.com", "size": "5"});
    let first = site.submit(fields.clone()).await;
    site.app.wait_seconds(60);
    assert_eq!(site.submit(json!({"size": " 5 ", "email": "ann@example.com", "question": ""})).await, first);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    site.app.wait_seconds(240);
    assert_ne!(site.submit(fields).await, first);
    assert_eq!(site.counts().await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn a_form_may_take_the_same_answers_again_at_once() {
    let site = Site::with(json!({"duplicate_window_s": 0})).await;
    let fields = json!({"email": "ann@example.com"});
    assert_ne!(site.submit(fields.clone()).await, site.submit(fields).await);
    assert_eq!(site.counts().await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn the_id_that_a_page_gave_a_submission_makes_a_repeat_the_first_for_good() {
    let site = Site::open().await;
    let body = json!({"fields": {"email": "ann@example.com"}, "submission_id": "page-1"});
    let first = site.send(body.clone()).await.expect(202);
    site.app.wait_days(30);
    assert_eq!(site.send(body).await.expect(202), first);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let other = json!({"fields": {"email": "bob@example.com"}, "submission_id": "page-1"});
    site.send(other).await.expect_invalid(&["/submission_id"]);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_answer_to_the_letter() {
    let site = Site::with(json!({"duplicate_window_s": 0})).await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").header("origin", PAGE).send().await;
    first.expect(202);
    for key in ["k-1", "\"k-1\""] {
        let again = site.request().json(&body).key(key).header("origin", PAGE).send().await;
        assert_eq!((again.status(), again.bytes()), (202, first.bytes()));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("access-control-allow-origin"), Some(PAGE));
    }
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let other = site.request().json(&json!({"fields": {"email": "bob@example.com"}})).key("k-1").send().await;
    other.expect_problem(422, "idempotency-key-reused");
    for key in ["", "a b", "\u{e4}", &"k".repeat(256)] {
        site.request().json(&body).key(key).send().await.expect_problem(400, "malformed-request");
    }
    let two = site.request().json(&body).key("a").key("b").send().await;
    two.expect_problem(400, "malformed-request");
}

#[tokio::test]
async fn a_key_that_met_a_mistake_of_the_visitor_serves_for_the_corrected_answers() {
    let site = Site::open().await;
    site.request()
        .json(&json!({"fields": {"email": "ann@"}}))
        .key("k-1")
        .send()
        .await
        .expect_invalid(&["/fields/email"]);
    site.request().json(&json!({"fields": {"email": "ann@example.com"}})).key("k-1").send().await.expect(202);
}

#[tokio::test]
async fn a_key_of_one_form_says_nothing_to_another() {
    let site = Site::open().await;
    let other = site.admin.post("/v1/forms", form()).await.expect(201);
    site.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&other)), Value::Null).await.expect(200);
    let path = format!("/v1/public/forms/{}/submissions", other["key"].as_str().unwrap());
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").send().await.expect(202);
    let second = site.app.visitor().request(Method::POST, &path).json(&body).key("k-1").send().await.expect(202);
    assert_ne!(first, second);
}

/// Sends these bodies at once; gives the ids that were answered.
async fn at_once(site: &Site, bodies: Vec<Value>) -> Vec<String> {
    let visitor = site.app.visitor();
    let mut sending = tokio::task::JoinSet::new();
    for body in bodies {
        let (visitor, path) = (visitor.clone(), site.path());
        sending.spawn(async move {
            visitor.post(&path, body).await.expect(202)["submission_id"].as_str().unwrap().to_owned()
        });
    }
    let mut ids = sending.join_all().await;
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_answers_of_one_new_person_at_once_are_one_contact_one_lead_and_all_their_interactions() {
    let site = Site::open().await;
    let answer = |number| json!({"fields": {"email": "ann@example.com", "question": format!("Question {number}?")}});
    let mut ids = at_once(&site, (0..64).map(answer).collect()).await;
    ids.dedup();
    assert_eq!((ids.len(), site.counts().await), (64, [1, 1, 64, 64]));
    let (contact, lead) = (site.contact().await, site.lead().await);
    for submission in site.list("/v1/submissions?limit=200").await {
        assert_eq!(submission["status"], "processed", "{submission}");
        assert_eq!((&submission["contact_id"], &submission["lead_id"]), (&contact["id"], &lead["id"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_identical_submissions_at_once_are_one() {
    let site = Site::open().await;
    for round in 0..3 {
        let body = json!({"fields": {"email": format!("ann-{round}@example.com"), "first_name": "Ann"}});
        let mut ids = at_once(&site, vec![body; 64]).await;
        ids.dedup();
        let so_far = round + 1;
        assert_eq!((ids.len(), site.counts().await), (1, [so_far; 4]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_who_share_a_company_and_a_phone_and_come_at_once_all_get_in() {
    let site = Site::open().await;
    let answer = |number| {
        json!({"fields": {"email": format!("p{}@example.com", number % 8), "phone": "+372 5551 2345",
            "company": "Contoso", "question": format!("{number}")}})
    };
    at_once(&site, (0..64).map(answer).collect()).await;
    assert_eq!((site.counts().await, site.count("/v1/accounts").await), ([8, 8, 64, 64], 1));
}

// Nothing is lost.

fn scope(site: &Site) -> ripen::db::Scope {
    ripen::db::Scope { workspace: site.app.workspace().id, at: site.app.now(), actor: None, cause: None }
}

fn execute(tx: &mut ripen::db::Tx<'_>, sql: &str) -> ripen::error::Result<()> {
    use diesel::connection::SimpleConnection;
    match &mut *tx.conn {
        ripen::db::Conn::Postgres(conn) => conn.batch_execute(sql)?,
        ripen::db::Conn::Sqlite(conn) => conn.batch_execute(sql)?,
    }
    Ok(())
}

/// Makes every new row of `table` for which `condition` holds a fault.
async fn break_inserts(site: &Site, table: &'static str, condition: &'static str) {
    let breaking = move |tx: &mut ripen::db::Tx<'_>| {
        let sql = match &*tx.conn {
            ripen::db::Conn::Postgres(_) => format!(
                "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$ LANGUAGE plpgsql; \
                 CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION broken();"
            ),
            ripen::db::Conn::Sqlite(_) => format!(
                "CREATE TRIGGER broken BEFORE INSERT ON {table} WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, 'broken'); END;"
            ),
        };
        execute(tx, &sql)
    };
    site.app.state.db.write(scope(site), breaking).await.unwrap();
}

#[tokio::test]
async fn a_submission_whose_processing_fails_is_kept_and_says_why() {
    let site = Site::open().await;
    let settings = site.admin.get("/v1/settings").await;
    let version = settings.header("etag").unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let change = json!({"sources": {"landing_page": null}});
    site.admin.patch_version("/v1/settings", version, change).await.expect(200);
    let fields = json!({"email": "ann@example.com", "question": "Why?"});
    let id = site.submit(fields.clone()).await;
    assert_eq!(site.counts().await, [0, 0, 0, 1]);
    let became = site.became(&id).await;
    assert_eq!((&became["status"], &became["payload"]["fields"]), (&json!("failed"), &fields));
    assert!(became["reason"].as_str().unwrap().contains("/source"), "{became}");
    let events = site.list("/v1/events").await;
    assert!(events.iter().any(|event| event["type"] == "submission.failed" && event["data"]["submission_id"] == id));
}

#[tokio::test]
async fn a_fault_behind_a_submission_leaves_nothing_but_the_submission() {
    let site = Site::open().await;
    break_inserts(&site, "interactions", "NEW.kind = 'form_submitted'").await;
    let id = site.submit(json!({"email": "ann@example.com"})).await;
    assert_eq!(site.counts().await, [0, 0, 0, 1]);
    let became = site.became(&id).await;
    assert_eq!(became["status"], "failed");
    assert!(!became["reason"].as_str().unwrap().contains("broken"), "{became}");
    assert_eq!(site.submit(json!({"email": "ann@example.com"})).await, id);
}

#[tokio::test]
async fn a_transaction_that_fails_as_a_whole_is_followed_by_one_that_keeps_the_submission() {
    let site = Site::open().await;
    break_inserts(&site, "submissions", "NEW.status = 'processed'").await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").send().await;
    let id = first.expect(202)["submission_id"].as_str().unwrap().to_owned();
    assert_eq!((site.counts().await, site.became(&id).await["status"].clone()), ([0, 0, 0, 1], json!("failed")));
    let again = site.request().json(&body).key("k-1").send().await;
    assert_eq!((again.bytes(), again.header("idempotency-replayed")), (first.bytes(), Some("true")));
}

// Reading them.

#[tokio::test]
async fn submissions_are_listed_by_form_state_contact_and_lead() {
    let site = Site::with(json!({"on_unmatchable": "fail", "fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "first_name", "maps_to": "contact.first_name"},
    ]}))
    .await;
    let ann = site.became(&site.submit(json!({"email": "ann@example.com"})).await).await;
    let failed = site.became(&site.submit(json!({"first_name": "Bob"})).await).await;
    let listed = async |query: String| site.list(&format!("/v1/submissions?{query}")).await;
    assert_eq!(listed(format!("form_id={}", bodies::id(&site.form))).await, [failed.clone(), ann.clone()]);
    assert_eq!(listed("status=failed".to_owned()).await, [failed]);
    for name in ["contact_id", "lead_id"] {
        assert_eq!(
            listed(format!("{name}={}", ann[name].as_str().unwrap())).await,
            std::slice::from_ref(&ann),
            "{name}"
        );
    }
    let page = site.admin.get("/v1/submissions?limit=1&count=true&sort=received_at").await.expect(200);
    assert_eq!((&page["data"], &page["total"]), (&json!([ann]), &json!(2)));
    let stranger = site.app.other_workspace().admin().await;
    stranger.get(&format!("/v1/submissions/{}", bodies::id(&ann))).await.expect_problem(404, "not-found");
    assert_eq!(stranger.get("/v1/submissions").await.expect(200)["data"], json!([]));
    let marketer = site.app.integration(&["forms:read"]).await;
    marketer.get("/v1/submissions").await.expect_problem(403, "forbidden");
}

//! Submissions under strategies of the workspace's own: what is one, what is another, and nothing lost (MAT-1, MAT-3 to
//! MAT-5, MAT-7).

use serde_json::{Value, json};

use super::{STRATEGIES, became, counts, decision, listed, new_strategy, publish, strategy, submit};
use crate::support::{Person, TestApp, bodies};

const PHONE: &str = "+372 5551 2345";

/// Sends these bodies at once to the form.
async fn at_once(app: &TestApp, form: &Value, bodies: Vec<Value>) {
    let (visitor, path) = (app.visitor(), format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap()));
    let mut sending = tokio::task::JoinSet::new();
    for body in bodies {
        let (visitor, path) = (visitor.clone(), path.clone());
        sending.spawn(async move { visitor.post(&path, body).await.expect(202) });
    }
    sending.join_all().await;
}

/// How many open leads no second one may begin like.
async fn guarded(app: &TestApp) -> i64 {
    use diesel::prelude::*;
    use ripen::schema::leads;
    let scope = ripen::db::Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let count = |tx: &mut ripen::db::Tx<'_>| {
        let guarded = leads::table.filter(leads::origin_key.is_not_null()).filter(leads::status.eq("open"));
        Ok(guarded.count().get_result(tx.conn)?)
    };
    app.state.db.read(scope, count).await.unwrap()
}

/// Sixty-four submissions made by `body` of one new person, at once: one contact, one lead, all interactions theirs.
async fn expect_one_person(contact: &[&[&str]], lead: &[&[&str]], body: impl Fn(usize) -> Value) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    strategy(&admin, "who", "contact", contact).await;
    strategy(&admin, "what", "lead", lead).await;
    let form = publish(&admin, json!({"contact_strategy": "who", "lead_strategy": "what", "campaign": "spring"})).await;
    at_once(&app, &form, (0..64).map(body).collect()).await;
    assert_eq!((counts(&admin).await, guarded(&app).await), ([1, 1, 64, 64], 1));
    let contact = listed(&admin, "/v1/contacts").await[0]["id"].clone();
    for kind in ["submissions", "interactions"] {
        for record in listed(&admin, &format!("/v1/{kind}")).await {
            assert_eq!(record["contact_id"], contact, "{record}");
        }
    }
    for submission in listed(&admin, "/v1/submissions").await {
        assert_eq!(submission["status"], "processed", "{submission}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_of_one_new_person_at_once_matched_by_phone_are_one_contact_one_lead_and_all_interactions() {
    let body = |number: usize| {
        // Each writes from another address, and the number in another spelling.
        let phone = ["+372 5551 2345", "+37255512345", "+372-5551-2345"][number % 3];
        json!({"fields": {"email": format!("ann-{number}@example.com"), "phone": phone, "note": format!("{number}")}})
    };
    expect_one_person(&[&["phone"]], &[&["phone", "campaign"]], body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_of_one_new_browser_at_once_are_one_contact_one_lead_and_all_interactions() {
    let body =
        |number: usize| json!({"fields": {"first": "Ann", "note": format!("{number}")}, "anonymous_id": "browser-1"});
    expect_one_person(&[&["anonymous_id"]], &[&["contact", "form"]], body).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_of_one_new_person_at_once_with_alike_names_and_one_phone_are_one_contact() {
    let body = |number: usize| {
        let (first, last) = (["Jonathan", "JONATHON"][number % 2], ["Martha", "Marhta", "martha "][number % 3]);
        json!({"fields": {"first": first, "last": last, "phone": PHONE, "note": format!("{number}")}})
    };
    expect_one_person(&[&["phone", "~first_name", "~last_name"]], &[&["contact", "campaign"]], body).await;
}

/// A service with one live form whose contacts and leads are found so.
async fn site(contact: &[&[&str]], lead: &[&[&str]], changes: Value) -> (TestApp, Person, Value) {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    strategy(&admin, "who", "contact", contact).await;
    strategy(&admin, "what", "lead", lead).await;
    let naming = bodies::with(json!({"contact_strategy": "who", "lead_strategy": "what"}), changes);
    let form = publish(&admin, naming).await;
    (app, admin, form)
}

const CONTACT_AND_FORM: &[&[&str]] = &[&["contact", "form"], &["email", "form"]];

#[tokio::test]
async fn names_that_are_alike_are_one_person_only_with_one_number() {
    let (app, admin, form) = site(&[&["phone", "~first_name", "~last_name"]], CONTACT_AND_FORM, json!({})).await;
    let first = submit(&app, &form, json!({"first": "Jonathan", "last": "Tamm", "phone": PHONE})).await;
    let alike = submit(&app, &form, json!({"first": "Jonathon", "last": "TAMM", "phone": "+37255512345"})).await;
    let contact = became(&admin, &first).await["contact_id"].clone();
    assert_eq!(became(&admin, &alike).await["contact_id"], contact);
    let verdicts = &decision(&admin, &alike, "contact").await["decision"]["candidates"][0]["fields"];
    let verdicts: Vec<&Value> = verdicts.as_array().unwrap().iter().map(|field| &field["verdict"]).collect();
    assert_eq!(verdicts, ["equal", "alike", "equal"]);
    submit(&app, &form, json!({"first": "Jane", "last": "Tamm", "phone": PHONE})).await;
    submit(&app, &form, json!({"first": "Jonathan", "last": "Tamm", "phone": "+372 5551 0000"})).await;
    assert_eq!(counts(&admin).await, [3, 3, 4, 4]);
}

#[tokio::test]
async fn a_browser_that_is_known_is_its_person() {
    let (app, admin, form) = site(&[&["email"], &["anonymous_id"]], CONTACT_AND_FORM, json!({})).await;
    let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    let send = async |fields: Value, browser: &str| {
        let answer = app.visitor().post(&path, json!({"fields": fields, "anonymous_id": browser})).await.expect(202);
        became(&admin, answer["submission_id"].as_str().unwrap()).await["contact_id"].clone()
    };
    let ann = send(json!({"email": "ann@example.com"}), "browser-1").await;
    assert_eq!(send(json!({"first": "Ann"}), "browser-1").await, ann);
    assert_ne!(send(json!({"first": "Ann"}), "browser-2").await, ann);
    let named = json!({"target": "contact", "strategy": "who", "keys": {"anonymous_id": "browser-1"}});
    let seen = admin.post(&format!("{STRATEGIES}/preview"), named).await.expect(200);
    assert_eq!(seen["winner"], ann);
    let other = json!({"email": "ann@example.com", "anonymous_id": "browser-2"});
    let asked = json!({"target": "contact", "strategy": "who", "keys": other});
    let seen = admin.post(&format!("{STRATEGIES}/preview"), asked).await.expect(200);
    let verdicts: Vec<&Value> =
        seen["candidates"][0]["fields"].as_array().unwrap().iter().map(|it| &it["verdict"]).collect();
    assert_eq!((&seen["winner"], verdicts), (&ann, vec![&json!("equal"), &json!("different")]));
    assert_eq!(seen["tie_break"]["decided_by"], "earlier_alternative");
}

#[tokio::test]
async fn an_external_id_finds_its_contact() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    strategy(&admin, "crm", "contact", &[&["external_id"]]).await;
    let contact = admin.post("/v1/contacts", json!({"first_name": "Ann", "external_id": "crm-7"})).await.expect(201);
    let look = async |keys: Value| {
        let asked = json!({"target": "contact", "strategy": "crm", "keys": keys});
        admin.post(&format!("{STRATEGIES}/preview"), asked).await.expect(200)
    };
    assert_eq!(look(json!({"external_id": "crm-7"})).await["winner"], contact["id"]);
    assert_eq!(look(json!({"external_id": "CRM-7"})).await["outcome"], "no_match");
}

#[tokio::test]
async fn the_contact_changed_last_wins_among_those_with_one_number() {
    let (app, admin, form) = site(&[&["phone"]], CONTACT_AND_FORM, json!({})).await;
    let mut colleagues = Vec::new();
    for name in ["Ann", "Bob", "Eve"] {
        app.wait_seconds(1);
        colleagues.push(admin.post("/v1/contacts", json!({"first_name": name, "phone": PHONE})).await.expect(201));
    }
    app.wait_seconds(1);
    let path = format!("/v1/contacts/{}", bodies::id(&colleagues[1]));
    admin.patch(&path, json!({"job_title": "Buyer"})).await.expect(200);
    let id = submit(&app, &form, json!({"phone": PHONE})).await;
    let kept = decision(&admin, &id, "contact").await["decision"].clone();
    assert_eq!((&kept["winner"], &kept["tie_break"]["decided_by"]), (&colleagues[1]["id"], &json!("latest_update")));
    assert_eq!(kept["tie_break"]["contenders"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_lead_of_the_matched_contact_beats_one_that_is_nobodys() {
    let (app, admin, form) = site(&[&["email"]], &[&["email", "campaign"]], json!({"campaign": "spring"})).await;
    let ann = admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    let lead = |contact: Value| json!({"contact_id": contact, "captured": {"email": "ann@example.com"}, "source": "web", "campaign": "spring"});
    let theirs = admin.post("/v1/leads", lead(ann["id"].clone())).await.expect(201);
    app.wait_seconds(1);
    admin.post("/v1/leads", lead(Value::Null)).await.expect(201);
    let id = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    assert_eq!(became(&admin, &id).await["lead_id"], theirs["id"]);
    let kept = decision(&admin, &id, "lead").await;
    assert_eq!(kept["decision"]["tie_break"]["decided_by"], "matched_contact");
}

#[tokio::test]
async fn leads_are_found_by_phone_topic_and_account() {
    let lead = &[&["phone", "topic"][..], &["account", "topic"][..]];
    let (app, admin, form) = site(&[&["email"]], lead, json!({})).await;
    let captured =
        json!({"captured": {"first_name": "Ann", "phone": "+37255512345"}, "topic": "CRM  pilot", "source": "web"});
    let known = admin.post("/v1/leads", captured).await.expect(201);
    let by_phone = json!({"email": "ann@example.com", "phone": PHONE, "topic": "crm pilot"});
    let id = submit(&app, &form, by_phone).await;
    assert_eq!(became(&admin, &id).await["lead_id"], known["id"]);
    let moved = json!({"captured": {"first_name": "Ann", "phone": "+372 5550 0000"}});
    admin.patch(&format!("/v1/leads/{}", bodies::id(&known)), moved).await.expect(200);
    let elsewhere =
        submit(&app, &form, json!({"email": "ann@example.com", "phone": PHONE, "topic": "crm pilot"})).await;
    assert_ne!(became(&admin, &elsewhere).await["lead_id"], known["id"]);

    let first = submit(&app, &form, json!({"email": "bob@example.com", "company": "Contoso", "topic": "ERP"})).await;
    let colleague =
        submit(&app, &form, json!({"email": "eve@example.com", "company": "CONTOSO", "topic": "erp"})).await;
    let (first, colleague) = (became(&admin, &first).await, became(&admin, &colleague).await);
    assert_eq!(colleague["lead_id"], first["lead_id"]);
    assert_ne!(colleague["contact_id"], first["contact_id"]);
    let interaction = colleague["interaction_id"].as_str().unwrap();
    let interaction = listed(&admin, "/v1/interactions").await.into_iter().find(|it| it["id"] == interaction).unwrap();
    assert_eq!(interaction["contact_id"], colleague["contact_id"], "the one who did it is credited");
}

/// Closes every lead of the service.
async fn close_leads(app: &TestApp) {
    use diesel::connection::SimpleConnection;
    const CLOSING: &str = "UPDATE leads SET status = 'disqualified'";
    let scope = ripen::db::Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let closing = |tx: &mut ripen::db::Tx<'_>| {
        match &mut *tx.conn {
            ripen::db::Conn::Postgres(conn) => conn.batch_execute(CLOSING)?,
            ripen::db::Conn::Sqlite(conn) => conn.batch_execute(CLOSING)?,
        }
        Ok(())
    };
    app.state.db.write(scope, closing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closed_leads_are_taken_up_only_where_the_strategy_says_so() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let closed = bodies::with(new_strategy("closed_too", "lead", CONTACT_AND_FORM), json!({"match_closed": true}));
    admin.post(STRATEGIES, closed).await.expect(201);
    let form = publish(&admin, json!({"lead_strategy": "closed_too"})).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    close_leads(&app).await;
    let before = listed(&admin, "/v1/leads").await;
    let body = |number| json!({"fields": {"email": "ann@example.com", "topic": "ERP", "note": format!("{number}")}});
    at_once(&app, &form, (0..16).map(body).collect()).await;
    assert_eq!((counts(&admin).await, listed(&admin, "/v1/leads").await), ([1, 1, 17, 17], before));
    let lead = became(&admin, &first).await["lead_id"].clone();
    for submission in listed(&admin, "/v1/submissions").await {
        assert_eq!((&submission["lead_id"], &submission["status"]), (&lead, &json!("processed")), "{submission}");
    }
    let plain = publish(&admin, json!({})).await;
    let id = submit(&app, &plain, json!({"email": "ann@example.com"})).await;
    close_leads(&app).await;
    let again = submit(&app, &plain, json!({"email": "ann@example.com"})).await;
    assert_ne!(became(&admin, &again).await["lead_id"], became(&admin, &id).await["lead_id"]);
    let kept = decision(&admin, &again, "lead").await["decision"].clone();
    let excluded: Vec<&Value> = kept["candidates"].as_array().unwrap().iter().map(|it| &it["excluded"]).collect();
    assert_eq!(excluded, ["closed", "closed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lead_that_was_given_to_another_contact_is_not_taken_for_this_ones() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = publish(&admin, json!({})).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    let lead = became(&admin, &first).await["lead_id"].as_str().unwrap().to_owned();
    let bob = admin.post("/v1/contacts", bodies::contact("bob@example.com")).await.expect(201);
    admin.patch(&format!("/v1/leads/{lead}"), json!({"contact_id": bob["id"]})).await.expect(200);
    let body = |number| json!({"fields": {"email": "ann@example.com", "note": format!("{number}")}});
    at_once(&app, &form, (0..16).map(body).collect()).await;
    assert_eq!(counts(&admin).await, [2, 2, 17, 17]);
    assert_eq!(guarded(&app).await, 1, "the guard is with the lead that is this contact's");
    let again = submit(&app, &form, json!({"email": "ann@example.com", "note": "again"})).await;
    let again_became = became(&admin, &again).await;
    assert_ne!(again_became["lead_id"], json!(lead));
    assert_eq!(again_became["contact_id"], became(&admin, &first).await["contact_id"]);
    let kept = decision(&admin, &again, "lead").await["decision"].clone();
    let bobs = kept["candidates"].as_array().unwrap().iter().find(|it| it["id"] == json!(lead)).unwrap();
    assert_eq!((&bobs["excluded"], &bobs["eligible"]), (&json!("other_contact"), &json!(false)));
    let bobs = listed(&admin, &format!("/v1/interactions?contact_id={}", bodies::id(&bob))).await;
    assert_eq!(bobs, Vec::<Value>::new(), "Bob did nothing");
}

#[tokio::test]
async fn a_strategy_that_compares_no_contacts_takes_the_lead_and_credits_whoever_did_it() {
    let (app, admin, form) = site(&[&["email"]], &[&["email", "form"]], json!({})).await;
    let first = became(&admin, &submit(&app, &form, json!({"email": "ann@example.com"})).await).await;
    let bob = admin.post("/v1/contacts", bodies::contact("bob@example.com")).await.expect(201);
    let path = format!("/v1/leads/{}", first["lead_id"].as_str().unwrap());
    admin.patch(&path, json!({"contact_id": bob["id"]})).await.expect(200);
    let again = became(&admin, &submit(&app, &form, json!({"email": "ann@example.com"})).await).await;
    assert_eq!((&again["lead_id"], &again["contact_id"]), (&first["lead_id"], &first["contact_id"]));
    assert_eq!(counts(&admin).await, [2, 1, 2, 2]);
}

#[tokio::test]
async fn an_address_that_is_somebodys_credits_them_whatever_the_strategy_compares() {
    let (app, admin, form) = site(&[&["phone"]], CONTACT_AND_FORM, json!({"update_policy": "overwrite"})).await;
    let ann = admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    let fields = json!({"email": "Ann@Example.com", "phone": PHONE, "first": "Anna"});
    let id = submit(&app, &form, fields).await;
    assert_eq!(counts(&admin).await, [1, 1, 1, 1]);
    let came = became(&admin, &id).await;
    assert_eq!((&came["status"], &came["contact_id"]), (&json!("processed"), &ann["id"]));
    assert_eq!(listed(&admin, "/v1/interactions").await[0]["contact_id"], ann["id"]);
    assert_eq!(admin.get(&format!("/v1/contacts/{}", bodies::id(&ann))).await.expect(200), ann, "she stays as she was");
    let kept = decision(&admin, &id, "contact").await;
    assert_eq!((&kept["effect"], &kept["record_id"]), (&json!("linked"), &ann["id"]));
    let why = &kept["decision"];
    assert_eq!((&why["outcome"], &why["winner"], &why["held_by"]), (&json!("no_match"), &Value::Null, &ann["id"]));

    let unmatchable = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    assert_eq!(became(&admin, &unmatchable).await["contact_id"], ann["id"]);
    assert_eq!(decision(&admin, &unmatchable, "contact").await["decision"]["outcome"], "unmatchable");
    assert_eq!(counts(&admin).await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn an_address_of_somebody_else_stays_theirs_and_is_kept_beside_who_was_matched() {
    for policy in ["fill_blanks", "overwrite"] {
        let (app, admin, form) = site(&[&["phone"]], CONTACT_AND_FORM, json!({"update_policy": policy})).await;
        let ann = admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
        let bob = admin.post("/v1/contacts", json!({"first_name": "Bob", "phone": PHONE})).await.expect(201);
        let id = submit(&app, &form, json!({"email": "ann@example.com", "phone": PHONE, "last": "Lee"})).await;
        let came = became(&admin, &id).await;
        assert_eq!((&came["status"], &came["contact_id"]), (&json!("processed"), &bob["id"]), "{policy}");
        let conflicts = came["outcome"]["conflicts"].as_array().unwrap();
        assert!(conflicts.iter().any(|it| it["field"] == "contact.email" && it["sent"] == "ann@example.com"), "{came}");
        let bob = admin.get(&format!("/v1/contacts/{}", bodies::id(&bob))).await.expect(200);
        assert_eq!((&bob["email"], &bob["last_name"]), (&Value::Null, &json!("Lee")), "{policy}");
        assert_eq!(admin.get(&format!("/v1/contacts/{}", bodies::id(&ann))).await.expect(200), ann);
        assert_eq!(counts(&admin).await, [2, 1, 1, 1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn contacts_created_by_hand_while_submissions_arrive_are_nobodys_second_self() {
    let (app, admin, form) = site(&[&["phone"], &["anonymous_id"]], CONTACT_AND_FORM, json!({})).await;
    for round in 0..6 {
        let email = format!("ann-{round}@example.com");
        let fields =
            |number| json!({"fields": {"email": email, "phone": PHONE.replace("2345", &format!("10{round}{number}"))}});
        let creating = (0..4).map(|_| admin.post("/v1/contacts", json!({"email": email})));
        let sending = at_once(&app, &form, (0..8).map(fields).collect());
        futures_util::future::join(futures_util::future::join_all(creating), sending).await;
        let with_email = listed(&admin, &format!("/v1/contacts?email={email}")).await;
        assert_eq!(with_email.len(), 1, "{with_email:?}");
    }
    let submissions = listed(&admin, "/v1/submissions").await;
    assert_eq!(submissions.len(), 48);
    for submission in submissions {
        assert_eq!(submission["status"], "processed", "{submission}");
        assert!(submission["interaction_id"].is_string(), "{submission}");
    }
}

#[tokio::test]
async fn what_an_own_strategy_cannot_match_is_created_or_fails_as_the_form_says_and_is_credited_all_the_same() {
    let rules: &[&[&str]] = &[&["phone", "~last_name"]];
    let (app, admin, form) = site(rules, CONTACT_AND_FORM, json!({})).await;
    for note in ["1", "2"] {
        submit(&app, &form, json!({"phone": PHONE, "note": note})).await;
    }
    assert_eq!(counts(&admin).await, [2, 2, 2, 2]);

    let (app, admin, form) = site(rules, CONTACT_AND_FORM, json!({"on_unmatchable": "fail"})).await;
    let ann = admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    let id = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    let came = became(&admin, &id).await;
    assert_eq!((&came["status"], &came["contact_id"]), (&json!("failed"), &ann["id"]));
    assert!(came["reason"].as_str().unwrap().contains("who"), "{came}");
    assert_eq!(counts(&admin).await, [1, 0, 1, 1]);
    let kept = decision(&admin, &id, "contact").await;
    assert_eq!(kept["decision"]["alternatives"], json!([{"applicable": false, "missing": ["phone", "last_name"]}]));
}

#[tokio::test]
async fn a_match_never_suppresses_the_interaction() {
    for writes in ["contact_and_lead", "contact", "lead", "none"] {
        let lead: &[&[&str]] = &[&["contact", "campaign"]];
        let changes = json!({"writes": writes, "update_policy": "link_only", "campaign": "spring"});
        let (app, admin, form) = site(&[&["phone"]], lead, changes).await;
        let ann = admin.post("/v1/contacts", json!({"first_name": "Ann", "phone": PHONE})).await.expect(201);
        for note in ["1", "2", "3"] {
            submit(&app, &form, json!({"phone": PHONE, "note": note})).await;
        }
        let leads = usize::from(writes.contains("lead"));
        assert_eq!(counts(&admin).await, [1, leads, 3, 3], "{writes}");
        for interaction in listed(&admin, "/v1/interactions").await {
            assert_eq!(interaction["contact_id"], ann["id"], "{writes}");
        }
    }
}

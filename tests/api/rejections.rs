//! Leads that teleprospecting or sales refuses, and what brings them back.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::flags::mark;
use crate::processes::lead;
use crate::scoring::{day, events, live_model};
use crate::support::{Answer, Options, Person, TestApp, bodies};

async fn reject(person: &Person, lead: &str) -> Answer {
    person.post(&format!("{lead}/rejection"), json!({"reason": "no_budget", "note": "next year"})).await
}

/// A model in which calls and a role make ready, mails fade in a group with a cap, and silence counts against.
fn model() -> Value {
    let interaction = |kind: &str| json!({"interaction": kind, "frequency": "each"});
    let fading = bodies::with(interaction("email_opened"), json!({"decay": {"percent": 50, "every_days": 10}}));
    let silent = json!({"interaction": "page_visited", "frequency": "none", "within_days": 5});
    json!({
        "name": "Calls", "target": "contact", "sales_ready_score": 100,
        "groups": [{"name": "mails", "max": 40}],
        "rules": [
            {"key": "call", "points": 60, "when": [interaction("call")]},
            {"key": "mails", "points": 40, "group": "mails", "when": [fading]},
            {"key": "boss", "points": 80,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "crowd", "points": -30, "when": [{"field": "contact.job_title", "op": "eq", "value": "student"}]},
            {"key": "silent", "points": -5, "when": [silent]},
        ],
    })
}

/// Somebody with a lead, and how they are reached.
struct Prospect {
    admin: Person,
    contact: String,
    lead: String,
}

impl Prospect {
    async fn new(app: &TestApp) -> Self {
        let admin = app.admin().await;
        live_model(&admin, model()).await;
        let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
        let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
        let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
        Self { admin, contact, lead }
    }

    async fn did(&self, app: &TestApp, kind: &str, external_id: &str) {
        let body = json!({"kind": kind, "occurred_at": app.now(), "contact_id": self.contact, "source": "crm",
            "external_id": external_id});
        let answer = self.admin.post("/v1/interactions", body).await;
        assert!([200, 201].contains(&answer.status()), "{answer:?}");
    }

    async fn is(&self, role: &str) {
        let change = json!({"decision_role": role});
        self.admin.patch(&format!("/v1/contacts/{}", self.contact), change).await.expect(200);
    }

    #[track_caller]
    fn looks(shown: &Value, is_ready: bool, stage: &str) {
        assert_eq!((shown["flags"]["sales_ready"].is_object(), &shown["stage"]), (is_ready, &json!(stage)), "{shown}");
    }

    async fn shown(&self) -> Value {
        self.admin.get(&self.lead).await.expect(200)
    }
}

/// A prospect with two calls and two mails, refused by sales.
async fn refused(app: &TestApp) -> Prospect {
    let ann = Prospect::new(app).await;
    for (kind, name) in [("email_opened", "m1"), ("email_opened", "m2"), ("call", "c1"), ("call", "c2")] {
        ann.did(app, kind, name).await;
    }
    Prospect::looks(&ann.shown().await, true, "sales_acceptance");
    reject(&ann.admin, &ann.lead).await.expect(201);
    Prospect::looks(&ann.shown().await, false, "marketing_qualification");
    ann
}

#[tokio::test]
async fn a_refused_lead_goes_back_without_any_mark_and_the_history_says_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "teleprospect_ready").await.expect(200);
    mark(&admin, &lead, "teleprospect_accepted").await.expect(200);
    let caller = app.person(Role::Teleprospector).await;
    let answer = reject(&caller, &lead).await.expect(201);
    let expected = json!({"reason": "no_budget", "flags": {},
        "stage": {"from": "teleprospect_qualification", "to": "marketing_qualification"}});
    assert_eq!(answer, expected);
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!((&shown["flags"], &shown["stage"]), (&json!({}), &json!("marketing_qualification")));
    let row = admin.get(&format!("{lead}/transitions")).await.expect(200)["data"][0].clone();
    assert_eq!(
        (&row["cause"], &row["reason"], &row["note"]),
        (&json!("rejected"), &json!("no_budget"), &json!("next year"))
    );
    let told = events(&admin, lead.rsplit('/').next().unwrap(), "lead.rejected").await;
    let data = &told[0]["data"];
    assert_eq!((&data["from"], &data["to"]), (&json!("teleprospect_qualification"), &json!("marketing_qualification")));
    assert_eq!((&data["reason"], &data["lead"]["flags"]), (&json!("no_budget"), &json!({})));
    assert!(data["flags_before"]["teleprospect_accepted"].is_object());
}

#[tokio::test]
async fn a_reason_is_one_of_the_workspaces_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "sales_ready").await.expect(200);
    let path = format!("{lead}/rejection");
    let refused = admin.post(&path, json!({"reason": "bad_mood"})).await.expect_invalid(&["/reason"]);
    assert!(refused.to_string().contains("no_budget"), "{refused}");
    admin.post(&path, json!({"note": "no"})).await.expect_invalid(&["/reason"]);
    let change = json!({"refusal_reasons": {"bad_mood": "Bad mood", "no_budget": null}});
    admin.patch_version("/v1/settings", 1, change).await.expect(200);
    reject(&admin, &lead).await.expect_invalid(&["/reason"]);
    admin.post(&path, json!({"reason": "bad_mood"})).await.expect(201);
}

#[tokio::test]
async fn a_list_of_reasons_makes_sense() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let change = json!({"refusal_reasons": {"No": "x", "empty": " ", "long": "x".repeat(201)}});
    let pointers = ["/refusal_reasons/No", "/refusal_reasons/empty", "/refusal_reasons/long"];
    admin.patch_version("/v1/settings", 1, change).await.expect_invalid(&pointers);
    let settings = admin.get("/v1/settings").await.expect(200);
    let none: serde_json::Map<_, _> =
        settings["refusal_reasons"].as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect();
    admin
        .patch_version("/v1/settings", 1, json!({"refusal_reasons": none}))
        .await
        .expect_invalid(&["/refusal_reasons"]);
}

#[tokio::test]
async fn leads_are_refused_only_where_that_is_offered_and_not_after_acceptance() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let refused = reject(&admin, &lead).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("teleprospect_acceptance"), "{refused}");
    mark(&admin, &lead, "sales_ready").await.expect(200);
    admin.patch(&lead, json!({"owner_id": admin.id()})).await.expect(200);
    mark(&admin, &lead, "sales_accepted").await.expect(200);
    let refused = reject(&admin, &lead).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("disqualify"), "{refused}");
}

#[tokio::test]
async fn only_those_who_work_leads_refuse_them_and_only_their_own_workspaces() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "sales_ready").await.expect(200);
    reject(&app.person(Role::Viewer).await, &lead).await.expect_problem(403, "forbidden");
    reject(&app.other_workspace().admin().await, &lead).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn of_many_who_refuse_a_lead_at_once_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "sales_ready").await.expect(200);
    let answers = join_all((0..32).map(|_| reject(&admin, &lead))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
}

#[tokio::test]
async fn time_alone_never_brings_a_refused_lead_back() {
    let often = Some(std::time::Duration::from_millis(20));
    let app = TestApp::start_with(Options { start: day(100), sweep_every: often, ..Options::default() }).await;
    let ann = refused(&app).await;
    // The mails fade while their group is capped, and silence begins to count.
    for days in [3, 4, 9, 30] {
        app.wait_days(days);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        ann.admin.get(&format!("{}/scores", ann.lead)).await.expect(200);
        Prospect::looks(&ann.shown().await, false, "marketing_qualification");
    }
}

#[tokio::test]
async fn what_was_known_already_or_takes_points_away_brings_no_refused_lead_back() {
    let app = TestApp::start_at(day(100)).await;
    let ann = refused(&app).await;
    app.wait_seconds(60);
    ann.did(&app, "call", "c2").await;
    ann.did(&app, "email_opened", "m1").await;
    Prospect::looks(&ann.shown().await, false, "marketing_qualification");
    let title = |title: &str| json!({"job_title": title});
    let path = format!("/v1/contacts/{}", ann.contact);
    ann.admin.patch(&path, title("student")).await.expect(200);
    Prospect::looks(&ann.shown().await, false, "marketing_qualification");
    // What took points away does so no more: that is nothing new in their favour.
    ann.admin.patch(&path, title("buyer")).await.expect(200);
    let shown = ann.shown().await;
    assert_eq!(shown["score"], 160);
    Prospect::looks(&shown, false, "marketing_qualification");
}

#[tokio::test]
async fn new_points_bring_a_refused_lead_back_to_sales() {
    let app = TestApp::start_at(day(100)).await;
    let ann = refused(&app).await;
    app.wait_seconds(60);
    ann.did(&app, "call", "c3").await;
    let shown = ann.shown().await;
    Prospect::looks(&shown, true, "sales_acceptance");
    assert_eq!(shown["flags"]["sales_ready"]["at"], json!(app.now()));
    assert_eq!(events(&ann.admin, shown["id"].as_str().unwrap(), "lead.sales_ready").await.len(), 2);

    reject(&ann.admin, &ann.lead).await.expect(201);
    ann.is("decision_maker").await;
    Prospect::looks(&ann.shown().await, true, "sales_acceptance");
}

#[tokio::test]
async fn new_points_that_do_not_reach_bring_no_refused_lead_back() {
    let app = TestApp::start_at(day(100)).await;
    let ann = Prospect::new(&app).await;
    mark(&ann.admin, &ann.lead, "sales_ready").await.expect(200);
    reject(&ann.admin, &ann.lead).await.expect(201);
    ann.did(&app, "call", "c1").await;
    Prospect::looks(&ann.shown().await, false, "marketing_qualification");
    ann.did(&app, "call", "c2").await;
    Prospect::looks(&ann.shown().await, true, "sales_acceptance");
}

#[tokio::test]
async fn a_person_may_hand_a_refused_lead_over_again() {
    let app = TestApp::start_at(day(100)).await;
    let ann = refused(&app).await;
    let marked = mark(&ann.admin, &ann.lead, "sales_ready").await.expect(200);
    assert_eq!(marked["stage"], json!({"from": "marketing_qualification", "to": "sales_acceptance"}));
}

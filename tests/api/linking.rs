//! Leads without a contact get theirs in bulk (CAP-11).

use serde_json::{Value, json};

use crate::scoring::live_model;
use crate::support::TestApp;

async fn lead(app: &TestApp, captured: Value) -> Value {
    let body = json!({"captured": captured, "topic": "Software", "source": "web"});
    app.admin().await.post("/v1/leads", body).await.expect(201)
}

async fn contact_of(app: &TestApp, lead: &Value) -> Value {
    let path = format!("/v1/leads/{}?expand=contact", lead["id"].as_str().unwrap());
    app.admin().await.get(&path).await.expect(200)["contact"].clone()
}

async fn link(app: &TestApp, wish: Value) -> Value {
    let admin = app.admin().await;
    let job = admin.finished(admin.post("/v1/leads/link-contacts", wish).await).await;
    assert_eq!(job["state"], "done", "{job}");
    job["result"].clone()
}

#[tokio::test]
async fn leads_are_linked_with_the_known_and_with_the_new() {
    let app = TestApp::start().await;
    let known = app.admin().await.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let anns = lead(&app, json!({"email": "Ann@Example.com "})).await;
    let bobs = lead(&app, json!({"first_name": "Bob", "email": "bob@example.com"})).await;
    let bobs_too = lead(&app, json!({"email": "bob@example.com"})).await;

    let result = link(&app, json!({})).await;
    assert_eq!(result, json!({"linked": 2, "created": 1, "left": 0, "reasons": []}));
    assert_eq!(contact_of(&app, &anns).await["id"], known["id"]);
    let bob = contact_of(&app, &bobs).await;
    assert_eq!((&bob["first_name"], &bob["marketing_only"]), (&json!("Bob"), &json!(true)));
    assert_eq!(contact_of(&app, &bobs_too).await["id"], bob["id"]);
}

#[tokio::test]
async fn a_lead_that_is_linked_is_scored_by_what_its_contact_did() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let when = json!([{"interaction": "call", "frequency": "each"}]);
    live_model(
        &admin,
        json!({"name": "Calls", "target": "contact", "rules": [{"key": "call", "points": 30, "when": when}]}),
    )
    .await;
    let call = json!({"kind": "call", "occurred_at": app.now(), "person": {"email": "ann@example.com"}});
    admin.post("/v1/interactions", call).await.expect(201);
    let lead = lead(&app, json!({"email": "ann@example.com"})).await;
    assert_eq!(lead["score"], 0);

    link(&app, json!({"lead_ids": [lead["id"]]})).await;
    let linked = admin.get(&format!("/v1/leads/{}", lead["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&linked["score"], &linked["stage"]), (&json!(30), &json!("marketing_qualification")));
}

#[tokio::test]
async fn a_lead_in_inquiry_that_a_person_links_is_scored_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = |target: &str, field: &str| {
        let when = json!([{"field": field, "op": "is_set"}]);
        json!({"name": target, "target": target, "rules": [{"key": "known", "points": 30, "when": when}]})
    };
    live_model(&admin, known("contact", "contact.email")).await;
    live_model(&admin, known("account", "account.domain")).await;
    let contact = admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let account = admin.post("/v1/accounts", json!({"name": "Contoso", "domain": "contoso.ee"})).await.expect(201);
    for link in [json!({"contact_id": contact["id"]}), json!({"account_id": account["id"]})] {
        let lead = lead(&app, json!({"last_name": "Tamm"})).await;
        assert_eq!((&lead["score"], &lead["stage"]), (&json!(0), &json!("inquiry")));
        let linked = admin.patch(&format!("/v1/leads/{}", lead["id"].as_str().unwrap()), link).await.expect(200);
        assert_eq!((&linked["score"], &linked["stage"]), (&json!(30), &json!("marketing_qualification")));
    }
}

#[tokio::test]
async fn each_match_is_explained() {
    let app = TestApp::start().await;
    lead(&app, json!({"email": "ann@example.com"})).await;
    link(&app, json!({})).await;
    let contact = app.admin().await.get("/v1/contacts").await.expect(200)["data"][0].clone();
    let decisions = app.admin().await.get("/v1/match-decisions?channel=link").await.expect(200);
    let decision = &decisions["data"][0];
    assert_eq!((&decision["effect"], &decision["record_id"]), (&json!("created"), &contact["id"]));
    assert_eq!(decision["decision"]["outcome"], "no_match");
}

#[tokio::test]
async fn what_cannot_be_linked_is_left_and_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let stranger = lead(&app, json!({"email": "ann@example.com"})).await;
    let linked = lead(&app, json!({"email": "bob@example.com"})).await;
    let contact = admin.post("/v1/contacts", json!({"email": "bob@example.com"})).await.expect(201);
    let path = format!("/v1/leads/{}", linked["id"].as_str().unwrap());
    admin.patch(&path, json!({"contact_id": contact["id"]})).await.expect(200);
    let unknown = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

    let ids = json!([stranger["id"], linked["id"], unknown, stranger["id"]]);
    let result = link(&app, json!({"lead_ids": ids, "create": false})).await;
    assert_eq!((&result["linked"], &result["created"], &result["left"]), (&json!(0), &json!(0), &json!(3)));
    let left: Vec<&Value> = result["reasons"].as_array().unwrap().iter().map(|one| &one["lead_id"]).collect();
    assert!(left.contains(&&stranger["id"]) && left.contains(&&linked["id"]) && left.contains(&&json!(unknown)));
    assert_eq!(contact_of(&app, &stranger).await, Value::Null);
}

#[tokio::test]
async fn more_leads_than_one_step_takes_are_all_linked() {
    let app = TestApp::start().await;
    for number in 0..230 {
        lead(&app, json!({"email": format!("person-{}@example.com", number / 2)})).await;
    }
    let result = link(&app, json!({})).await;
    assert_eq!(result, json!({"linked": 115, "created": 115, "left": 0, "reasons": []}));
}

#[tokio::test]
async fn leads_of_another_workspace_are_left_alone() {
    let app = TestApp::start().await;
    let body = json!({"captured": {"email": "ann@example.com"}, "topic": "Software", "source": "web"});
    let theirs = app.other_workspace().admin().await.post("/v1/leads", body).await.expect(201);
    let result = link(&app, json!({"lead_ids": [theirs["id"]]})).await;
    assert_eq!((&result["linked"], &result["left"]), (&json!(0), &json!(1)));
    assert_eq!(link(&app, json!({})).await["left"], 0);
}

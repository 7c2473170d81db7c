//! What people did, over HTTP: one or many, told once or twice, of people known or not.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;

const AT: &str = "2026-03-01T10:00:00Z";

async fn contact(app: &TestApp, body: Value) -> String {
    let contact = app.admin().await.post("/v1/contacts", body).await.expect(201);
    contact["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_interaction_of_a_known_person_is_credited_to_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let body = json!({
        "kind": "email_opened", "occurred_at": AT, "person": {"email": "ANN@example.com"}, "asset": "newsletter-3",
        "properties": {"client": "web"}, "source": "mailer", "external_id": "m-1842"
    });
    let answer = admin.post("/v1/interactions", body).await;
    let recorded = answer.expect(201);
    assert_eq!(recorded["attributed_to"], ann);
    let read = admin.get(answer.header("location").unwrap()).await.expect(200);
    assert_eq!(read["person_email"], "ann@example.com");
    assert_eq!(read["properties"], json!({"client": "web"}));
    assert_eq!(read["evidence"], "human");
    assert_eq!(read["recorded_at"], "2026-03-02T09:00:00.000000Z");
}

#[tokio::test]
async fn what_was_told_before_is_answered_with_the_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}, "source": "phone", "external_id": "1"});
    let first = admin.post("/v1/interactions", body.clone()).await.expect(201);
    let again = join_all((0..20).map(|_| admin.post("/v1/interactions", body.clone()))).await;
    assert!(again.iter().all(|answer| answer.expect(200)["id"] == first["id"]));
    app.wait_days(2);
    assert_eq!(admin.post("/v1/interactions", body).await.expect(200)["id"], first["id"]);
    let list = admin.get("/v1/interactions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_bad_item_of_a_list_spoils_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let unknown = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    let items = json!([
        {"kind": "call", "occurred_at": AT, "contact_id": ann},
        {"kind": "teleported", "occurred_at": AT, "contact_id": ann},
        {"kind": "call", "occurred_at": AT},
        {"kind": "call", "occurred_at": AT, "contact_id": unknown, "lead_id": unknown, "sender_id": unknown},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "points": 100},
        "call",
        {"kind": "call", "occurred_at": "2026-03-02T09:05:01Z", "contact_id": ann},
        {"kind": "call", "occurred_at": "2026-03-02T09:05:00Z", "contact_id": ann},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "person": {"email": "ann@example.com"}},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "source": "phone"}
    ]);
    let results = admin.post("/v1/interactions", items).await.expect(200);
    let statuses: Vec<i64> =
        results["results"].as_array().unwrap().iter().map(|r| r["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 400, 422, 201, 422, 422]);
    let pointers: Vec<&str> = results["results"][3]["problem"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/contact_id", "/sender_id", "/lead_id"]);
    let list = admin.get("/v1/interactions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_single_bad_interaction_is_refused_with_all_that_is_wrong() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let problem = admin.post("/v1/interactions", json!({"kind": "call", "points": 3})).await.expect(422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert!(pointers.contains(&"/occurred_at") && pointers.contains(&"/points"), "{pointers:?}");
    let problem =
        admin.post("/v1/interactions", json!({"kind": "nap", "occurred_at": "2027-01-01T00:00:00Z"})).await.expect(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3);
    admin.post("/v1/interactions", json!("call")).await.expect(400);
}

#[tokio::test]
async fn a_list_has_its_limits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let item = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    assert_eq!(admin.post("/v1/interactions", json!([])).await.expect(200), json!({"results": []}));
    let results = admin.post("/v1/interactions", Value::Array(vec![item.clone(); 1_000])).await.expect(200);
    assert_eq!(results["results"].as_array().unwrap().len(), 1_000);
    admin.post("/v1/interactions", Value::Array(vec![item; 1_001])).await.expect(422);
}

#[tokio::test]
async fn what_an_unknown_person_did_waits_until_they_appear() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let keys = [
        json!({"email": "ann@example.com"}),
        json!({"phone": "+372 5551 2345"}),
        json!({"external_id": "crm-1"}),
        json!({"anonymous_id": "browser-1"}),
    ];
    for person in &keys {
        let body = json!({"kind": "page_visited", "occurred_at": AT, "person": person});
        assert_eq!(admin.post("/v1/interactions", body).await.expect(201)["attributed_to"], Value::Null);
    }
    let waiting = admin.get("/v1/interactions?attributed=false").await.expect(200);
    assert_eq!(waiting["data"].as_array().unwrap().len(), 4);

    let ann = contact(&app, json!({"email": "Ann@Example.com", "external_id": "crm-1"})).await;
    let known = |list: Value| list["data"].as_array().unwrap().len();
    assert_eq!(known(admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200)), 2);
    let more = json!({"phone": "+37255512345", "anonymous_ids": ["browser-1"]});
    admin.patch(&format!("/v1/contacts/{ann}"), more).await.expect(200);
    assert_eq!(known(admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200)), 4);
}

#[tokio::test]
async fn the_strongest_key_given_decides_and_a_weaker_one_is_not_asked() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com", "anonymous_ids": ["shared-browser"]})).await;
    let visit = |person: Value| json!({"kind": "page_visited", "occurred_at": AT, "person": person});
    let recorded = admin.post("/v1/interactions", visit(json!({"anonymous_id": "shared-browser"}))).await.expect(201);
    assert_eq!(recorded["attributed_to"], ann);
    let bob = visit(json!({"email": "bob@example.com", "anonymous_id": "shared-browser"}));
    assert_eq!(admin.post("/v1/interactions", bob).await.expect(201)["attributed_to"], Value::Null);
}

#[tokio::test]
async fn a_browser_is_recognised_once_its_person_is_known() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let visit = |person: Value| json!({"kind": "page_visited", "occurred_at": AT, "person": person});
    admin.post("/v1/interactions", visit(json!({"anonymous_id": "browser-7"}))).await.expect(201);
    admin
        .post("/v1/interactions", visit(json!({"email": "ann@example.com", "anonymous_id": "browser-7"})))
        .await
        .expect(201);
    let later = admin.post("/v1/interactions", visit(json!({"anonymous_id": "browser-7"}))).await.expect(201);
    assert_eq!(later["attributed_to"], ann);
    let list = admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_phone_that_two_share_tells_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for email in ["ann@example.com", "bob@example.com"] {
        contact(&app, json!({"email": email, "phone": "+372 5551 2345"})).await;
    }
    let call = json!({"kind": "call", "occurred_at": AT, "person": {"phone": "0037255512345"}});
    assert_eq!(admin.post("/v1/interactions", call).await.expect(201)["attributed_to"], Value::Null);
}

#[tokio::test]
async fn a_person_who_appears_while_they_act_loses_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..5 {
        let email = format!("new-{round}@example.com");
        let visit = json!({"kind": "page_visited", "occurred_at": AT, "person": {"email": email}});
        let visits = join_all((0..10).map(|_| admin.post("/v1/interactions", visit.clone())));
        let (created, visits) = tokio::join!(contact(&app, json!({"email": email})), visits);
        assert!(visits.iter().all(|answer| answer.status() == 201));
        let list = admin.get(&format!("/v1/interactions?contact_id={created}")).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 10);
    }
}

#[tokio::test]
async fn a_workspace_adds_kinds_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let visit = json!({"kind": "demo_requested", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    admin.post("/v1/interactions", visit.clone()).await.expect(422);
    admin.post("/v1/interaction-kinds", json!({"key": "demo_requested", "name": "Requested a demo"})).await.expect(201);
    admin.post("/v1/interaction-kinds", json!({"key": "demo_requested", "name": "Again"})).await.expect(409);
    admin.post("/v1/interaction-kinds", json!({"key": "call", "name": "Call"})).await.expect(409);
    admin.post("/v1/interactions", visit).await.expect(201);
    let kinds = admin.get("/v1/interaction-kinds").await.expect(200);
    assert_eq!(kinds["data"].as_array().unwrap().len(), 18);
}

#[tokio::test]
async fn interactions_never_change() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let visit = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    let id = admin.post("/v1/interactions", visit).await.expect(201)["id"].as_str().unwrap().to_owned();
    let answer = admin.delete(&format!("/v1/interactions/{id}")).await;
    assert!(answer.header("allow").unwrap().starts_with("GET"));
    answer.expect(405);
}

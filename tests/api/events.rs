//! The outbox over HTTP.

use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn every_fact_is_listed_with_the_record_and_what_it_was_before() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let id = contact["id"].as_str().unwrap();
    admin.patch(&format!("/v1/contacts/{id}"), json!({"first_name": "Ann"})).await.expect(200);
    let events = admin.get(&format!("/v1/events?contact_id={id}&sort=at")).await.expect(200);
    let types: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["contact.created", "contact.changed"]);
    assert_eq!(events["data"][1]["data"]["before"]["first_name"], Value::Null);
    assert_eq!(events["data"][1]["data"]["contact"]["first_name"], "Ann");
}

#[tokio::test]
async fn events_of_one_lead_stand_in_the_order_they_happened() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    let lead = admin.post("/v1/leads", body).await.expect(201);
    let id = lead["id"].as_str().unwrap();
    let events = admin.get(&format!("/v1/events?lead_id={id}&sort=at")).await.expect(200);
    let types: Vec<&str> =
        events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["lead.created", "lead.stage_changed"]);
    let moved = admin.get("/v1/events?type=lead.stage_changed").await.expect(200);
    assert_eq!(moved["data"][0]["data"]["to"], "inquiry");
}

#[tokio::test]
async fn a_write_that_fails_leaves_no_event() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = json!({"email": "ann@example.com"});
    admin.post("/v1/contacts", contact.clone()).await.expect(201);
    admin.post("/v1/contacts", contact).await.expect(409);
    let events = admin.get("/v1/events").await.expect(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}

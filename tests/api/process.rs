//! The stages a lead goes through, over HTTP.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;

async fn lead(app: &TestApp) -> String {
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    let lead: Value = app.admin().await.post("/v1/leads", body).await.expect(201);
    format!("/v1/leads/{}", lead["id"].as_str().unwrap())
}

#[tokio::test]
async fn the_shipped_process_is_listed_with_its_stages_in_order() {
    let app = TestApp::start().await;
    let list = app.admin().await.get("/v1/processes").await.expect(200);
    let stages: Vec<&str> =
        list["data"][0]["stages"].as_array().unwrap().iter().map(|stage| stage["key"].as_str().unwrap()).collect();
    let expected = [
        "inquiry",
        "marketing_qualification",
        "teleprospect_acceptance",
        "teleprospect_qualification",
        "sales_acceptance",
    ];
    assert_eq!(stages, expected);
}

#[tokio::test]
async fn a_move_by_hand_is_written_down_with_both_stages_and_the_time_spent() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&app).await;
    app.wait_seconds(90);
    let moved =
        admin.post(&format!("{lead}/transitions"), json!({"to": "teleprospect_acceptance", "note": "call"})).await;
    assert_eq!(moved.expect(201), json!({"from": "inquiry", "to": "teleprospect_acceptance"}));

    let history = admin.get(&format!("{lead}/transitions?sort=at")).await.expect(200);
    let rows = history["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["from_stage"], &rows[0]["to_stage"], &rows[0]["cause"]),
        (&json!(null), &json!("inquiry"), &json!("created"))
    );
    assert_eq!(rows[1]["seconds_in_stage"], 90);
    assert_eq!(rows[1]["cause"], "by_hand");
    assert_eq!(rows[1]["actor_id"], json!(admin.id()));
    assert_eq!(rows[1]["note"], "call");
}

#[tokio::test]
async fn a_lead_may_go_back_but_not_to_where_it_is_or_to_no_stage() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("{}/transitions", lead(&app).await);
    admin.post(&path, json!({"to": "sales_acceptance"})).await.expect(201);
    admin.post(&path, json!({"to": "inquiry"})).await.expect(201);
    admin.post(&path, json!({"to": "inquiry"})).await.expect(409);
    let problem = admin.post(&path, json!({"to": "won"})).await.expect(422);
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("marketing_qualification"));
}

#[tokio::test]
async fn of_many_who_move_a_lead_to_one_stage_at_once_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = format!("{}/transitions", lead(&app).await);
    let answers = join_all((0..32).map(|_| admin.post(&path, json!({"to": "sales_acceptance"})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
    let history = admin.get(&path).await.expect(200);
    assert_eq!(history["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_workspace_may_switch_an_automatic_move_off() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch_version("/v1/settings", 1, json!({"automatic_moves": {"created": false}})).await.expect(200);
    let lead = lead(&app).await;
    assert_eq!(admin.get(&lead).await.expect(200)["stage"], Value::Null);
    let moved = admin.post(&format!("{lead}/transitions"), json!({"to": "inquiry"})).await.expect(201);
    assert_eq!(moved, json!({"from": null, "to": "inquiry"}));
}

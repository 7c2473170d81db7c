//! The register of kinds.

use reqwest::Method;
use serde_json::json;

use super::AT;
use crate::scoring::{live_model, published, stopped};
use crate::support::{Person, TestApp, bodies};

async fn demo_requested(admin: &Person) {
    let kind = json!({"key": "demo_requested", "name": "Requested a demo"});
    admin.post("/v1/interaction-kinds", kind).await.expect(201);
}

#[tokio::test]
async fn a_workspace_adds_kinds_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let visit = json!({"kind": "demo_requested", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    admin.post("/v1/interactions", visit.clone()).await.expect(422);
    demo_requested(&admin).await;
    for key in ["demo_requested", "call"] {
        admin.post("/v1/interaction-kinds", json!({"key": key, "name": "Again"})).await.expect_problem(409, "conflict");
    }
    admin.post("/v1/interactions", visit).await.expect(201);
    let kinds = admin.get("/v1/interaction-kinds").await.expect(200);
    assert_eq!(kinds["data"].as_array().unwrap().len(), 18);
    let elsewhere = app.other_workspace().admin().await;
    elsewhere.get("/v1/interaction-kinds/demo_requested").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_kind_is_renamed_and_its_key_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demo_requested(&admin).await;
    let path = "/v1/interaction-kinds/demo_requested";
    let read = admin.get(path).await;
    assert_eq!(read.expect(200), json!({"key": "demo_requested", "name": "Requested a demo", "built_in": false}));
    assert_eq!(read.header("etag"), Some("\"v1\""));
    let renamed = admin.patch_version(path, 1, json!({"name": "Asked for a demo"})).await;
    assert_eq!(renamed.expect(200)["name"], "Asked for a demo");
    assert_eq!(renamed.header("etag"), Some("\"v2\""));
    admin.patch_version(path, 1, json!({"name": "Late"})).await.expect_problem(412, "precondition-failed");
    assert_eq!(admin.patch(path, json!({})).await.header("etag"), Some("\"v2\""));
    admin.patch(path, json!({"key": "other"})).await.expect_invalid(&["/key"]);
    admin.patch(path, json!({"name": ""})).await.expect_invalid(&["/name"]);
    assert_eq!(admin.get(path).await.expect(200)["name"], "Asked for a demo");
}

#[tokio::test]
async fn a_built_in_kind_stays_as_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = "/v1/interaction-kinds/email_opened";
    let read = admin.get(path).await.expect(200);
    assert_eq!((&read["name"], &read["built_in"]), (&json!("Opened a mail"), &json!(true)));
    admin.patch(path, json!({"name": "Read a mail"})).await.expect_problem(409, "conflict");
    admin.delete(path).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_kind_goes_only_when_no_interaction_and_no_model_uses_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = "/v1/interaction-kinds/demo_requested";
    admin.delete(path).await.expect_problem(404, "not-found");
    demo_requested(&admin).await;
    let rule = json!({"key": "demo", "points": 10, "when": [{"interaction": "demo_requested", "frequency": "each"}]});
    let definition = json!({"name": "Demos", "target": "contact", "rules": [rule]});
    let draft = admin.post("/v1/scoring-models", definition.clone()).await.expect(201);
    admin.delete(path).await.expect_problem(409, "conflict");
    published(&admin, &bodies::id(&draft)).await;
    admin.delete(path).await.expect_problem(409, "conflict");
    stopped(&admin, &bodies::id(&draft), false).await;
    let stale = admin.request(Method::DELETE, path).if_version(7);
    stale.send().await.expect_problem(412, "precondition-failed");
    admin.delete(path).await.expect(204);
    admin.get(path).await.expect_problem(404, "not-found");

    demo_requested(&admin).await;
    let visit = json!({"kind": "demo_requested", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    admin.post("/v1/interactions", visit).await.expect(201);
    admin.delete(path).await.expect_problem(409, "conflict");
    live_model(&admin, definition).await;
}

//! Who changed what the workspace decides for itself.

use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, bodies};

#[tokio::test]
async fn a_change_of_settings_is_kept_with_who_when_before_and_after() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.wait_seconds(60);
    let request = admin.request(Method::PATCH, "/v1/settings").header("x-request-id", "request-1842");
    let settings = request.if_version(1).merge_patch(&json!({"default_country": "EE"})).send().await.expect(200);

    let list = admin.get("/v1/audit?record=settings").await.expect(200);
    let entry = &list["data"][0];
    assert_eq!(
        (&entry["record"], &entry["record_id"], &entry["action"], &entry["actor_id"], &entry["request_id"]),
        (&json!("settings"), &Value::Null, &json!("changed"), &json!(admin.id()), &json!("request-1842"))
    );
    assert_eq!(entry["at"], "2026-03-02T09:01:00.000000Z");
    assert_eq!(entry["before"]["default_country"], Value::Null);
    assert_eq!(entry["after"], settings);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_changes_nothing_or_is_refused_leaves_no_entry() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch_version("/v1/settings", 1, json!({"require_profiling_consent": false})).await.expect(200);
    admin.patch_version("/v1/settings", 1, json!({"default_country": "Estonia"})).await.expect(422);
    admin.patch_version("/v1/settings", 7, json!({"default_country": "EE"})).await.expect(412);
    assert_eq!(admin.get("/v1/audit").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn users_and_clients_are_audited_and_no_secret_is_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mari = json!({"name": "Mari", "email": "mari@example.com", "role": "salesperson"});
    let mari = admin.post("/v1/users", mari).await.expect(201);
    let path = format!("/v1/users/{}", bodies::id(&mari));
    app.wait_seconds(1);
    let changed = admin.patch_version(&path, 1, json!({"role": "sales_manager"})).await.expect(200);
    app.wait_seconds(1);
    let client = json!({"name": "Mailer", "scopes": ["interactions:write"]});
    let client = admin.post("/v1/clients", client).await.expect(201);
    app.wait_seconds(1);
    let id = client["client"]["id"].as_str().unwrap();
    admin.delete(&format!("/v1/clients/{id}")).await.expect(204);
    admin.delete(&format!("/v1/clients/{id}")).await.expect(404);

    let all = admin.get("/v1/audit?sort=at").await.expect(200);
    let told: Vec<String> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["record"].as_str().unwrap(), entry["action"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["user created", "user changed", "client created", "client deleted"]);
    let of_mari = admin.get(&format!("/v1/audit?record_id={}", bodies::id(&mari))).await.expect(200);
    assert_eq!((&of_mari["data"][0]["before"], &of_mari["data"][0]["after"]), (&mari, &changed));
    let secret = client["client_secret"].as_str().unwrap();
    assert!(!all.to_string().contains(secret) && !all.to_string().contains("secret_hash"));
}

#[tokio::test]
async fn the_log_is_paged_and_narrowed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (version, country) in [(1, "EE"), (2, "LV"), (3, "LT")] {
        app.wait_seconds(60);
        admin.patch_version("/v1/settings", version, json!({"default_country": country})).await.expect(200);
    }
    let first = admin.get("/v1/audit?limit=2").await.expect(200);
    assert_eq!(first["data"][0]["after"]["default_country"], "LT");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("/v1/audit?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!((&second["data"][0]["after"]["default_country"], &second["next_cursor"]), (&json!("EE"), &Value::Null));
    let between = "/v1/audit?from=2026-03-02T09:02:00Z&until=2026-03-02T09:03:00Z";
    let between = admin.get(between).await.expect(200);
    assert_eq!(between["data"].as_array().unwrap().len(), 1);
    assert_eq!(between["data"][0]["after"]["default_country"], "LV");
    let backwards = "/v1/audit?from=2026-03-02T09:03:00Z&until=2026-03-02T09:02:00Z";
    admin.get(backwards).await.expect_problem(400, "invalid-parameter");
    let nobody = format!("/v1/audit?actor_id={}", uuid());
    assert_eq!(admin.get(&nobody).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn only_administrators_read_it_and_only_of_their_workspace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.patch_version("/v1/settings", 1, json!({"default_country": "EE"})).await.expect(200);
    for role in [Role::Marketer, Role::SalesManager, Role::Viewer, Role::Integration] {
        app.person(role).await.get("/v1/audit").await.expect_problem(403, "forbidden");
    }
    let stranger = app.other_workspace().admin().await;
    assert_eq!(stranger.get("/v1/audit").await.expect(200)["data"], json!([]));
}

fn uuid() -> &'static str {
    "0195d3a0-7c4e-7b6e-9c55-2f6d3a0b1c4d"
}

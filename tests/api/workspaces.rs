//! Tenants, users, clients, settings.

use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, bodies};

fn mari() -> Value {
    json!({"name": "Mari Maasikas", "email": "Mari@Example.com", "role": "salesperson", "teams": ["north"], "rank": 1})
}

#[tokio::test]
async fn the_token_alone_decides_the_workspace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201);
    let path = format!("/v1/accounts/{}", bodies::id(&account));
    let stranger = app.other_workspace().admin().await;
    for (name, value) in [
        ("x-tenant-id", "acme"),
        ("x-workspace", "acme"),
        ("host", "acme.example.com"),
        ("x-forwarded-host", "acme.example.com"),
    ] {
        stranger.request(Method::GET, &path).header(name, value).send().await.expect_problem(404, "not-found");
    }
    stranger.get(&format!("/acme{path}")).await.expect_problem(404, "not-found");
    stranger.get(&format!("{path}?workspace=acme")).await.expect_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn two_workspaces_may_hold_the_same_things() {
    let app = TestApp::start().await;
    for admin in [app.admin().await, app.other_workspace().admin().await] {
        admin.post("/v1/users", mari()).await.expect(201);
        admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    }
}

#[tokio::test]
async fn a_user_is_created_changed_and_listed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post("/v1/users", mari()).await;
    let user = created.expect(201);
    assert_eq!(
        (&user["email"], &user["disabled"], &user["version"]),
        (&json!("Mari@Example.com"), &json!(false), &json!(1))
    );
    let path = created.header("location").unwrap();
    assert_eq!(admin.get(path).await.expect(200), user);

    let patch = json!({"role": "sales_manager", "rank": null, "away_until": "2026-03-09T00:00:00Z", "capacity": 20});
    let changed = admin.patch_version(path, 1, patch).await.expect(200);
    assert_eq!(
        (&changed["role"], &changed["rank"], &changed["version"]),
        (&json!("sales_manager"), &Value::Null, &json!(2))
    );
    assert_eq!(changed["away_until"], "2026-03-09T00:00:00.000000Z");
    assert_eq!(changed["teams"], json!(["north"]));

    admin.patch_version(path, 1, json!({"name": "X"})).await.expect_problem(412, "precondition-failed");
    admin.patch(path, json!({"name": "X"})).await.expect_problem(428, "precondition-required");
    let listed = admin.get("/v1/users?sort=created_at").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().last(), Some(&changed));
}

#[tokio::test]
async fn two_users_never_share_an_address_however_it_is_spelled() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/v1/users", mari()).await.expect(201);
    for spelling in ["mari@example.com", " MARI@example.COM "] {
        let twin = bodies::with(mari(), json!({"email": spelling}));
        admin.post("/v1/users", twin).await.expect_problem(409, "conflict");
    }
    let other = admin.post("/v1/users", bodies::with(mari(), json!({"email": "other@example.com"}))).await.expect(201);
    let path = format!("/v1/users/{}", bodies::id(&other));
    admin.patch_version(&path, 1, json!({"email": "mari@example.com"})).await.expect_problem(409, "conflict");
    assert_eq!(admin.get(&path).await.expect(200)["email"], "other@example.com");
}

#[tokio::test]
async fn what_is_no_user_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (change, pointer) in [
        (json!({"email": "mari"}), "/email"),
        (json!({"email": "a@x.com\r\nBcc: b@x.com"}), "/email"),
        (json!({"role": "root"}), "/role"),
        (json!({"rank": 0}), "/rank"),
        (json!({"name": ""}), "/name"),
        (json!({"scopes": ["workspace:admin"]}), "/scopes"),
        (json!({"disabled": true}), "/disabled"),
    ] {
        admin.post("/v1/users", bodies::with(mari(), change)).await.expect_invalid(&[pointer]);
    }
}

#[tokio::test]
async fn users_and_clients_of_another_workspace_do_not_exist() {
    let app = TestApp::start().await;
    let (seller, program) = (app.person(Role::Salesperson).await, app.integration(&["accounts:read"]).await);
    let stranger = app.other_workspace().admin().await;
    let path = format!("/v1/users/{}", seller.id());
    stranger.get(&path).await.expect_problem(404, "not-found");
    stranger.patch_version(&path, 1, json!({"disabled": true})).await.expect_problem(404, "not-found");
    stranger.delete(&format!("/v1/clients/{}", program.id())).await.expect_problem(404, "not-found");
    seller.get("/v1/accounts").await.expect(200);
    program.get("/v1/accounts").await.expect(200);
    assert!(!stranger.get("/v1/users").await.text().contains(&seller.id().to_string()));
    assert!(!stranger.get("/v1/clients").await.text().contains(&program.id().to_string()));
}

#[tokio::test]
async fn only_an_administrator_manages_the_workspace() {
    let app = TestApp::start().await;
    for role in
        [Role::Marketer, Role::SalesManager, Role::Salesperson, Role::Teleprospector, Role::Viewer, Role::Integration]
    {
        let person = app.person(role).await;
        person.post("/v1/users", mari()).await.expect_problem(403, "forbidden");
        person
            .patch_version(&format!("/v1/users/{}", person.id()), 1, json!({"role": "admin"}))
            .await
            .expect_problem(403, "forbidden");
        person.get("/v1/settings").await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_client_gets_known_scopes_only() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wanted = json!({"name": "Mailer", "scopes": ["accounts:read", "everything", "accounts:*"]});
    admin.post("/v1/clients", wanted).await.expect_invalid(&["/scopes/1", "/scopes/2"]);
    admin.post("/v1/clients", json!({"name": "Mailer", "scopes": []})).await.expect_invalid(&["/scopes"]);
}

#[tokio::test]
async fn settings_are_changed_in_the_version_that_was_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let read = admin.get("/v1/settings").await;
    let settings = read.expect(200);
    assert_eq!(read.header("etag"), Some("\"v1\""));
    let changed = admin
        .patch_version("/v1/settings", 1, json!({"default_country": "EE", "sources": {"fair": "net"}}))
        .await
        .expect(200);
    assert_eq!(changed["default_country"], "EE");
    assert_eq!(changed["sources"]["fair"], "net");
    assert_eq!(changed["sources"]["web"], settings["sources"]["web"]);
    admin
        .patch_version("/v1/settings", 1, json!({"default_country": "LV"}))
        .await
        .expect_problem(412, "precondition-failed");
    admin.patch("/v1/settings", json!({})).await.expect_problem(428, "precondition-required");
    let restored =
        admin.patch_version("/v1/settings", 2, json!({"default_country": null, "sources": {"fair": null}})).await;
    assert_eq!(restored.expect(200), settings);
    assert_eq!(app.other_workspace().admin().await.get("/v1/settings").await.expect(200), settings);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (patch, pointer) in [
        (json!({"default_country": "Estonia"}), "/default_country"),
        (json!({"sources": {"Web Site": "net"}}), "/sources/Web Site"),
        (json!({"sources": {"fair": "air"}}), "/sources/fair"),
        (json!({"unknown": 1}), "/unknown"),
        (json!({"require_profiling_consent": "yes"}), "/require_profiling_consent"),
    ] {
        let answer = admin.patch_version("/v1/settings", 1, patch.clone()).await;
        let problem = answer.expect_problem(422, "validation-failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{patch}: {problem}");
    }
    assert_eq!(admin.get("/v1/settings").await.header("etag"), Some("\"v1\""));
}

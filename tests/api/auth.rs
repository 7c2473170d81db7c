//! Who may do what: tokens, scopes, roles.

mod forged;
mod grant;

use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, bodies};

const SOME_ID: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// Every operation that needs a token: method, path, and the scope it needs.
async fn protected_operations(app: &TestApp) -> Vec<(Method, String, String)> {
    let document = app.visitor().get("/openapi.json").await.expect(200);
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { SOME_ID } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().unwrap() {
            if let Some(scopes) = operation["security"][0]["bearer"].as_array() {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let scope = scopes.first().and_then(Value::as_str).unwrap_or_default();
                found.push((method, path.clone(), scope.to_owned()));
            }
        }
    }
    assert!(found.len() > 10);
    found
}

#[tokio::test]
async fn without_a_token_every_protected_operation_asks_for_one() {
    let app = TestApp::start().await;
    for (method, path, _) in protected_operations(&app).await {
        let answer = app.visitor().request(method, &path).send().await;
        answer.expect_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn a_caller_without_the_scope_is_refused_before_anything_else_is_looked_at() {
    let app = TestApp::start().await;
    for role in [Role::Viewer, Role::Salesperson, Role::Marketer, Role::Integration] {
        let (person, held) = (app.person(role).await, role.scopes());
        for (method, path, scope) in protected_operations(&app).await {
            if !scope.is_empty() && !held.contains(&scope.as_str()) {
                person.request(method, &path).send().await.expect_problem(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_client_may_do_what_its_scopes_say_and_nothing_else() {
    let app = TestApp::start().await;
    let program = app.integration(&["accounts:read"]).await;
    program.get("/v1/accounts").await.expect(200);
    program.post("/v1/accounts", bodies::account("Contoso")).await.expect_problem(403, "forbidden");
    assert_eq!(program.get("/v1/me").await.expect(200)["scopes"], json!(["accounts:read"]));
}

#[tokio::test]
async fn a_lowered_role_takes_effect_with_the_tokens_already_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let marketer = app.person(Role::Marketer).await;
    let kept = app.bearer(&marketer.token().await.unwrap());
    kept.post("/v1/accounts", bodies::account("Contoso")).await.expect(201);
    let path = format!("/v1/users/{}", marketer.id());
    admin.patch_version(&path, 1, json!({"role": "viewer"})).await.expect(200);
    kept.post("/v1/accounts", bodies::account("Contoso")).await.expect_problem(403, "forbidden");
    kept.get("/v1/accounts").await.expect(200);
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_back_when_enabled() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let seller = app.person(Role::Salesperson).await;
    seller.get("/v1/accounts").await.expect(200);
    let path = format!("/v1/users/{}", seller.id());
    admin.patch_version(&path, 1, json!({"disabled": true})).await.expect(200);
    seller.get("/v1/accounts").await.expect_problem(401, "invalid-token");
    admin.patch_version(&path, 2, json!({"disabled": false})).await.expect(200);
    seller.get("/v1/accounts").await.expect(200);
}

#[tokio::test]
async fn a_deleted_client_is_out_at_once() {
    let app = TestApp::start().await;
    let program = app.integration(&["accounts:read"]).await;
    program.get("/v1/accounts").await.expect(200);
    app.admin().await.delete(&format!("/v1/clients/{}", program.id())).await.expect(204);
    program.get("/v1/accounts").await.expect_problem(401, "invalid-token");
}

#[tokio::test]
async fn a_token_speaks_for_one_user_of_one_workspace() {
    let app = TestApp::start().await;
    let (admin, seller) = (app.admin().await, app.person(Role::Salesperson).await);
    let me = seller.get("/v1/me").await.expect(200);
    assert_eq!(me["id"], json!(seller.id()));
    assert_eq!(me["kind"], "user");
    assert_eq!(me["workspace_id"], json!(app.workspace().id));
    assert_eq!(me["scopes"].as_array().unwrap().len(), Role::Salesperson.scopes().len());
    assert_ne!(admin.get("/v1/me").await.expect(200)["id"], me["id"]);
}

#[tokio::test]
async fn a_token_is_taken_from_the_authorization_header_only() {
    let app = TestApp::start().await;
    let token = app.admin().await.token().await.unwrap();
    let visitor = app.visitor();
    visitor.get(&format!("/v1/me?access_token={token}")).await.expect_problem(401, "unauthorized");
    let cookie = visitor.request(Method::GET, "/v1/me").header("cookie", format!("access_token={token}"));
    cookie.send().await.expect_problem(401, "unauthorized");
    let basic = visitor.request(Method::GET, "/v1/me").header("authorization", format!("Basic {token}"));
    basic.send().await.expect_problem(401, "unauthorized");
    let listed = format!("Bearer {token}, Bearer {token}");
    let two = visitor.request(Method::GET, "/v1/me").header("authorization", listed);
    two.send().await.expect_problem(400, "malformed-request");
    for scheme in ["bearer", "BEARER"] {
        let any_case = visitor.request(Method::GET, "/v1/me").header("authorization", format!("{scheme} {token}"));
        any_case.send().await.expect(200);
    }
}

//! Trading a client's secret for a token.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

/// A client made over the API: its id and secret.
async fn client(app: &TestApp, scopes: Value) -> (String, String) {
    let made = app.admin().await.post("/v1/clients", json!({"name": "Mailer", "scopes": scopes})).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["client"]["id"]), text(&made["client_secret"]))
}

async fn ask(app: &TestApp, fields: &[(&str, &str)]) -> Answer {
    app.visitor().request(Method::POST, "/oauth/token").form(fields).send().await
}

#[tokio::test]
async fn a_client_trades_its_secret_for_a_token_in_the_form_or_by_basic() {
    let app = TestApp::start().await;
    let (id, secret) = client(&app, json!(["accounts:read", "accounts:write"])).await;
    let grant = ("grant_type", "client_credentials");
    let by_form = ask(&app, &[grant, ("client_id", &id), ("client_secret", &secret)]).await.expect(200);
    assert_eq!(by_form["token_type"], "Bearer");
    assert_eq!(by_form["expires_in"], 900);
    assert_eq!(by_form["scope"], "accounts:read accounts:write");
    let basic = app.visitor().request(Method::POST, "/oauth/token").form(&[grant]);
    let by_basic = basic.with(|builder| builder.basic_auth(&id, Some(&secret))).send().await.expect(200);
    for answer in [by_form, by_basic] {
        app.bearer(answer["access_token"].as_str().unwrap()).get("/v1/accounts").await.expect(200);
    }
}

#[tokio::test]
async fn a_client_may_ask_for_less_and_never_gets_more() {
    let app = TestApp::start().await;
    let (id, secret) = client(&app, json!(["accounts:read", "accounts:write"])).await;
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("scope", "accounts:read workspace:admin"),
    ];
    let answer = ask(&app, &wanted).await.expect(200);
    assert_eq!(answer["scope"], "accounts:read");
    let program = app.bearer(answer["access_token"].as_str().unwrap());
    program.get("/v1/accounts").await.expect(200);
    program.get("/v1/users").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_look_the_same() {
    let app = TestApp::start().await;
    let (id, secret) = client(&app, json!(["accounts:read"])).await;
    let nobody = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    let mut seen = Vec::new();
    for (id, secret) in [(nobody, secret.as_str()), (&id, "rs_wrong"), (&id, ""), ("no id", "x")] {
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let mut problem = ask(&app, &fields).await.expect_problem(401, "unauthorized");
        problem["instance"] = Value::Null;
        seen.push(problem);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[tokio::test]
async fn a_request_for_a_token_is_a_form_with_known_fields() {
    let app = TestApp::start().await;
    let (id, secret) = client(&app, json!(["accounts:read"])).await;
    let (id, secret) = (("client_id", id.as_str()), ("client_secret", secret.as_str()));
    ask(&app, &[id, secret]).await.expect_invalid(&["/grant_type"]);
    ask(&app, &[("grant_type", "password"), id, secret]).await.expect_invalid(&["/grant_type"]);
    let grant = ("grant_type", "client_credentials");
    ask(&app, &[grant, id, secret, ("extra", "1")]).await.expect_invalid(&["/extra"]);
    ask(&app, &[grant, grant, id, secret]).await.expect_problem(400, "malformed-request");
    app.visitor().post("/oauth/token", json!({})).await.expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_only_as_a_hash() {
    let app = TestApp::start().await;
    let (id, secret) = client(&app, json!(["accounts:read"])).await;
    let listed = app.admin().await.get("/v1/clients").await;
    assert!(listed.text().contains(&id));
    assert!(!listed.text().contains("secret"));
    assert!(!listed.text().contains(&secret));
}

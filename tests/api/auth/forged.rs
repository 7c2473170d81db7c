//! Tokens that are not ours, not any more, or not yet.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use ripen::auth::token::{AUDIENCE, ISSUER};
use serde_json::{Value, json};

use crate::support::{SECRET, TestApp};

/// What a good token of the administrator says.
async fn good_claims(app: &TestApp) -> Value {
    let now = app.now().seconds();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": app.admin().await.id(), "kind": "user", "workspace": app.workspace().id,
        "scope": "accounts:read", "iat": now, "exp": now + 900,
    })
}

fn good_header() -> Value {
    json!({"alg": "HS256", "typ": "at+jwt"})
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token signed by the service's own secret, whatever it says of itself.
fn signed(header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

async fn status(app: &TestApp, token: &str) -> u16 {
    app.bearer(token).get("/v1/accounts").await.status()
}

/// Asserts that `token` is refused and that the caller hears no reason.
async fn expect_refused(app: &TestApp, token: &str) {
    let answer = app.bearer(token).get("/v1/accounts").await;
    let problem = answer.expect_problem(401, "invalid-token");
    assert_eq!(problem["detail"], "get a new token");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn a_token_that_says_what_ours_say_is_one_of_ours() {
    let app = TestApp::start().await;
    assert_eq!(status(&app, &signed(&good_header(), &good_claims(&app).await)).await, 200);
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused_however_it_spells_none() {
    let app = TestApp::start().await;
    let claims = part(&good_claims(&app).await);
    for algorithm in [json!("none"), json!("nOnE"), json!("None"), json!(""), json!(["HS256"]), Value::Null] {
        let header = part(&json!({"alg": algorithm, "typ": "at+jwt"}));
        expect_refused(&app, &format!("{header}.{claims}.")).await;
        expect_refused(&app, &format!("{header}.{claims}")).await;
    }
    expect_refused(&app, &format!("{}.{claims}.", part(&json!({"typ": "at+jwt"})))).await;
}

#[tokio::test]
async fn a_token_that_brings_its_own_key_or_extensions_is_refused() {
    let app = TestApp::start().await;
    let claims = good_claims(&app).await;
    for (name, value) in [
        ("alg", json!("HS512")),
        ("alg", json!("RS256")),
        ("typ", json!("JWT")),
        ("crit", json!(["exp"])),
        ("crit", json!(["unknown"])),
        ("b64", json!(false)),
    ] {
        let mut header = good_header();
        header[name] = value;
        expect_refused(&app, &signed(&header, &claims)).await;
    }
    let other = EncodingKey::from_secret(b"-----BEGIN PUBLIC KEY-----\nanything the service may have published");
    let message = format!("{}.{}", part(&good_header()), part(&claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &other, Algorithm::HS256).unwrap();
    expect_refused(&app, &format!("{message}.{signature}")).await;
}

#[tokio::test]
async fn a_token_ends_half_a_minute_after_it_says_so() {
    let app = TestApp::start().await;
    let token = signed(&good_header(), &good_claims(&app).await);
    app.wait_seconds(900 + 29);
    assert_eq!(status(&app, &token).await, 200);
    app.wait_seconds(2);
    expect_refused(&app, &token).await;
    // And one made by a clock that is ahead is good half a minute early.
    app.wait_seconds(-931 - 29);
    assert_eq!(status(&app, &token).await, 200);
    app.wait_seconds(-2);
    expect_refused(&app, &token).await;
}

#[tokio::test]
async fn a_token_without_an_honest_end_is_refused() {
    let app = TestApp::start().await;
    let now = app.now().seconds();
    for exp in
        [Value::Null, json!(1e300), json!(-1), json!(now as f64 + 0.5), json!("soon"), json!(now + 24 * 3600 + 1)]
    {
        let mut claims = good_claims(&app).await;
        claims["exp"] = exp;
        expect_refused(&app, &signed(&good_header(), &claims)).await;
    }
    for missing in ["exp", "iat", "iss", "aud", "sub", "workspace", "kind", "scope"] {
        let mut claims = good_claims(&app).await;
        claims.as_object_mut().unwrap().remove(missing);
        expect_refused(&app, &signed(&good_header(), &claims)).await;
    }
}

#[tokio::test]
async fn a_token_for_nobody_or_for_a_user_of_another_workspace_is_refused() {
    let app = TestApp::start().await;
    let mut nobody = good_claims(&app).await;
    nobody["sub"] = json!("019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10");
    expect_refused(&app, &signed(&good_header(), &nobody)).await;
    let mut crossed = good_claims(&app).await;
    crossed["workspace"] = json!(app.other_workspace().id);
    expect_refused(&app, &signed(&good_header(), &crossed)).await;
    let mut changed_kind = good_claims(&app).await;
    changed_kind["kind"] = json!("client");
    expect_refused(&app, &signed(&good_header(), &changed_kind)).await;
}

#[tokio::test]
async fn a_changed_or_cut_token_is_refused() {
    let app = TestApp::start().await;
    let good = signed(&good_header(), &good_claims(&app).await);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let mut other_claims = good_claims(&app).await;
    other_claims["scope"] = json!("workspace:admin");
    let swapped = format!("{}.{}.{signature}", part(&good_header()), part(&other_claims));
    let standard = format!("{message}.{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap()));
    for bad in [
        swapped,
        standard,
        message.to_owned(),
        format!("{message}."),
        format!("{message}.{}", &signature[..1]),
        format!("{message}.{}", &signature[..signature.len() - 1]),
        format!("{good}="),
        format!("{good}.{signature}"),
    ] {
        expect_refused(&app, &bad).await;
    }
    let (header, rest) = good.split_once('.').unwrap();
    for position in [0, rest.len() / 4, rest.len() / 2] {
        let mut bytes = rest.as_bytes().to_vec();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        expect_refused(&app, &format!("{header}.{}", String::from_utf8(bytes).unwrap())).await;
    }
}

#[tokio::test]
async fn something_that_is_no_signed_token_at_all_is_refused() {
    let app = TestApp::start().await;
    let header = part(&json!({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2_147_483_647_i64, "zip": "DEF"}));
    let nested = signed(&json!({"alg": "HS256", "typ": "at+jwt", "cty": "JWT"}), &json!({"inner": "x"}));
    for bad in ["x", "a.b.c", "..", "null", &format!("{header}.a.b.c.d"), &nested, "{\"payload\":\"x\"}"] {
        expect_refused(&app, bad).await;
    }
    expect_refused(&app, &format!("rs_{}", "0".repeat(64))).await;
    let mut claims = good_claims(&app).await;
    claims["scope"] = json!("x ".repeat(10_000));
    expect_refused(&app, &signed(&good_header(), &claims)).await;
    assert!([401, 431].contains(&status(&app, &"a".repeat(100_000)).await));
}

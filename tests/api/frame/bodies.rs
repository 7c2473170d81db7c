//! Bodies that are no JSON, not the JSON meant, too large, or of another type.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Person, TestApp, bodies as make};

const JSON: &str = "application/json";
const MEBIBYTE: usize = 1024 * 1024;

async fn post(person: &Person, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    person.request(Method::POST, "/v1/accounts").bytes(content_type, body).send().await
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_malformed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in [
        "{bad",
        "",
        "\u{feff}{\"name\": \"A\"}",
        "{\"name\": \"A\"} x",
        "{\"employees\": NaN}",
        "{'name': 'A'}",
        "{\"name\": \"\\ud800\"}",
    ] {
        post(&admin, JSON, body).await.expect_problem(400, "malformed-json");
    }
    post(&admin, JSON, b"{\"name\": \"\xff\"}".to_vec()).await.expect_problem(400, "malformed-json");
}

#[tokio::test]
async fn a_name_given_twice_is_refused_at_any_depth() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in [r#"{"name": "A", "name": "B"}"#, r#"{"name": "A", "attributes": {"x": 1, "x": 2}}"#] {
        post(&admin, JSON, body).await.expect_problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_refused_as_such() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for body in ["[]", "null", "1", "\"name\"", "true"] {
        post(&admin, JSON, body).await.expect_problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn deep_nesting_costs_a_refusal_and_nothing_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for depth in [127, 128, 10_000, 500_000] {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        post(&admin, JSON, value.clone()).await.expect_problem(400, "malformed-json");
        let inside = format!("{{\"name\": {value}}}");
        post(&admin, JSON, inside).await.expect_problem(400, "malformed-json");
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = make::account("Contoso").to_string();
    for wrong in
        ["text/plain", "application/xml", "application/json;charset=utf-16", "application/merge-patch+json", ""]
    {
        post(&admin, wrong, body.clone()).await.expect_problem(415, "unsupported-media-type");
    }
    let untyped = admin.request(Method::POST, "/v1/accounts").with(|builder| builder.body(body.clone()));
    untyped.send().await.expect_problem(415, "unsupported-media-type");
    let two = admin.request(Method::POST, "/v1/accounts").header("content-type", JSON).bytes(JSON, body.clone());
    two.send().await.expect_problem(415, "unsupported-media-type");
    for right in ["application/json;charset=UTF-8", "Application/JSON; charset=\"utf-8\""] {
        post(&admin, right, body.clone()).await.expect(201);
    }
}

#[tokio::test]
async fn a_body_beyond_1_mib_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(MEBIBYTE));
    post(&admin, JSON, large).await.expect_problem(413, "payload-too-large");
    // The largest that is read is judged by what it says.
    let just = format!("{{\"name\": \"{}\"}}", "x".repeat(MEBIBYTE - 12));
    assert_eq!(just.len(), MEBIBYTE);
    post(&admin, JSON, just).await.expect_invalid(&["/name"]);
}

#[tokio::test]
async fn a_great_many_fields_or_entries_are_refused_quickly() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields: serde_json::Map<_, _> = (0..50_000).map(|k| (format!("f{k}"), json!(k))).collect();
    let begun = std::time::Instant::now();
    post(&admin, JSON, json!(fields).to_string()).await.expect_problem(422, "validation-failed");
    post(&admin, JSON, json!({"name": vec![1; 100_000]}).to_string()).await.expect_problem(422, "validation-failed");
    // Some hundred milliseconds in a build with optimisation.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn unknown_and_read_only_fields_are_each_named() {
    let app = TestApp::start().await;
    let body = json!({"name": "A", "id": "x", "created_at": "now", "version": 7, "a/b": 1});
    app.admin().await.post("/v1/accounts", body).await.expect_invalid(&["/id", "/created_at", "/version", "/a~1b"]);
}

#[tokio::test]
async fn a_merge_patch_is_an_object_of_its_own_type() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = admin.post("/v1/accounts", make::account("Contoso")).await.expect(201);
    let path = format!("/v1/accounts/{}", make::id(&account));
    admin.patch(&path, json!({"name": null})).await.expect_invalid(&["/name"]);
    admin.patch(&path, json!([])).await.expect_problem(400, "malformed-json");
    let json_patch = json!([{"op": "remove", "path": "/name"}]).to_string();
    let sent = admin.request(Method::PATCH, &path).bytes("application/json-patch+json", json_patch);
    sent.send().await.expect_problem(415, "unsupported-media-type");
    let unchanged = admin.patch(&path, json!({})).await;
    assert_eq!(unchanged.expect(200), account);
    assert_eq!(unchanged.header("etag"), Some("\"v1\""));
}

#[tokio::test]
async fn control_characters_are_refused_in_every_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for field in ["name", "domain", "industry", "tax_id", "registration_number"] {
        for text in ["a\u{0}b", "a\u{1b}[31m", "a\u{7f}"] {
            let mut body = make::account("A");
            body[field] = json!(text);
            admin.post("/v1/accounts", body).await.expect_problem(422, "validation-failed");
        }
    }
    let attribute = json!({"name": "A", "attributes": {"note": "a\u{0}"}});
    admin.post("/v1/accounts", attribute).await.expect_invalid(&["/attributes/note"]);
}

#[tokio::test]
async fn text_is_kept_as_it_was_sent_whatever_it_would_mean_elsewhere() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for name in [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "'; DROP TABLE accounts; --",
        "\u{202e}evil",
        "🦀 ÕÄÖÜ",
    ] {
        let created = admin.post("/v1/accounts", make::account(name)).await.expect(201);
        assert_eq!(admin.get(&format!("/v1/accounts/{}", make::id(&created))).await.expect(200)["name"], name);
    }
    // Decomposed letters become composed ones before anything is judged.
    assert_eq!(admin.post("/v1/accounts", make::account("Cafe\u{301}")).await.expect(201)["name"], "Café");
}

//! What holds for every request, whatever it asks for.

mod bodies;
mod numbers;
mod raw;

use reqwest::Method;
use serde_json::Value;

use crate::support::{TestApp, bodies as make};

const SOME_ID: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// Every path of the service with the methods it documents, as the service itself tells.
async fn documented_paths(app: &TestApp) -> Vec<(String, Vec<String>)> {
    let document = app.visitor().get("/openapi.json").await.expect(200);
    let methods = |item: &Value| item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
    let paths = document["paths"].as_object().unwrap();
    paths.iter().map(|(path, item)| (filled(path), methods(item))).collect()
}

/// `path` with something in place of its parameters.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { SOME_ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_whoever_asks() {
    let app = TestApp::start().await;
    for path in
        ["/", "/v1", "/v1/nothing", "/v1/accounts/", "/v1/accounts/x/y", "/v2/accounts", "/metrics", "/.git/config"]
    {
        app.visitor().get(path).await.expect_problem(404, "not-found");
        app.admin().await.get(path).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_know_is_refused_with_those_it_knows() {
    let app = TestApp::start().await;
    for (path, known) in documented_paths(&app).await {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "GETX"] {
            if known.iter().any(|known| known == method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = app.visitor().request(method.clone(), &path).send().await;
            answer.expect_problem(405, "method-not-allowed");
            let allowed = answer.header("allow").unwrap();
            assert!(known.iter().all(|known| allowed.contains(known.as_str())), "{method} {path}: {allowed}");
        }
    }
}

#[tokio::test]
async fn every_path_tells_its_methods() {
    let app = TestApp::start().await;
    for (path, known) in documented_paths(&app).await {
        if known.iter().any(|method| method == "OPTIONS") {
            continue;
        }
        let answer = app.visitor().request(Method::OPTIONS, &path).send().await;
        answer.expect(204);
        let allowed = answer.header("allow").unwrap();
        assert!(known.iter().all(|known| allowed.contains(known.as_str())), "{path}: {allowed}");
        assert_eq!(allowed.contains("HEAD"), known.iter().any(|method| method == "GET"), "{path}: {allowed}");
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/v1/accounts", make::account("Contoso")).await.expect(201);
    for (path, known) in documented_paths(&app).await {
        if !known.iter().any(|method| method == "GET") {
            continue;
        }
        let (get, head) = (admin.get(&path).await, admin.request(Method::HEAD, &path).send().await);
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.bytes(), b"", "{path}");
        for header in ["content-type", "etag", "cache-control", "content-length"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
    }
}

#[tokio::test]
async fn the_documentation_is_served() {
    let app = TestApp::start().await;
    let page = app.visitor().get("/docs/").await;
    assert_eq!(page.status(), 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let address = app.visitor().get("/docs").await;
    assert_eq!((address.status(), address.header("location")), (307, Some("/docs/")));
    app.visitor().request(Method::POST, "/docs/").send().await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn an_address_beyond_8_kib_is_refused() {
    let app = TestApp::start().await;
    for length in [9_000, 60_000] {
        let path = format!("/v1/accounts?q={}", "%25".repeat(length / 3));
        app.admin().await.get(&path).await.expect_problem(414, "uri-too-long");
    }
}

#[tokio::test]
async fn an_unknown_or_repeated_parameter_is_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.get("/v1/accounts?limt=5").await.expect_bad_parameter("limt");
    admin.get("/v1/accounts?limit=1&limit=2").await.expect_bad_parameter("limit");
    admin.get("/v1/me?x=1").await.expect_bad_parameter("x");
    admin.request(Method::POST, "/v1/accounts?x=1").json(&make::account("A")).send().await.expect_bad_parameter("x");
    let both = admin.get("/v1/accounts?limit=0&q=%00&owner_id=me").await.expect_problem(400, "invalid-parameter");
    assert_eq!(both["errors"].as_array().unwrap().len(), 3, "{both}");
}

#[tokio::test]
async fn an_id_in_any_other_spelling_names_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = admin.post("/v1/accounts", make::account("Contoso")).await.expect(201);
    let id = make::id(&account);
    for spelling in [id.to_uppercase(), id.replace('-', ""), format!("urn:uuid:{id}"), format!("%7B{id}%7D")] {
        admin.get(&format!("/v1/accounts/{spelling}")).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_path_with_escapes_names_nothing() {
    let app = TestApp::start().await;
    for path in [
        "/v1/accounts/%00",
        "/v1/accounts/%ff%fe",
        "/v1%2faccounts",
        "/v1/accounts/%2e%2e",
        "/v1/accounts;a=b",
        "//v1/accounts",
    ] {
        app.admin().await.get(path).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn the_answer_is_json_whatever_the_caller_says_to_accept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for accept in ["text/html", "image/png", "*/*;q=0"] {
        let found = admin.request(Method::GET, "/v1/accounts").header("accept", accept).send().await;
        assert_eq!((found.status(), found.header("content-type")), (200, Some("application/json")));
        let missing = admin.request(Method::GET, "/v1/nothing").header("accept", accept).send().await;
        missing.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_request_keeps_the_id_its_caller_gave_it_when_that_is_plain() {
    let app = TestApp::start().await;
    let ask = async |id: &str| {
        let answer = app.visitor().request(Method::GET, "/v1/accounts").header("x-request-id", id).send().await;
        answer.expect_problem(401, "unauthorized");
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask("order-1842.retry_2").await, "order-1842.retry_2");
    for id in ["short", "two words here", "<script>alert(1)</script>", &"x".repeat(65)] {
        assert_ne!(ask(id).await, id);
    }
}

#[tokio::test]
async fn no_answer_is_kept_by_caches_or_guessed_to_be_another_type() {
    let app = TestApp::start().await;
    for path in ["/v1/accounts", "/v1/nothing", "/health/live"] {
        let answer = app.admin().await.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[tokio::test]
async fn a_record_that_has_not_changed_is_not_sent_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = admin.post("/v1/accounts", make::account("Contoso")).await.expect(201);
    let path = format!("/v1/accounts/{}", make::id(&account));
    let ask = async |tag: &str| admin.request(Method::GET, &path).header("if-none-match", tag).send().await.status();
    assert_eq!(ask("\"v1\"").await, 304);
    assert_eq!(ask("W/\"v1\"").await, 304);
    assert_eq!(ask("\"v7\", \"v1\"").await, 304);
    assert_eq!(ask("*").await, 304);
    assert_eq!(ask("\"v2\"").await, 200);
}

#[tokio::test]
async fn the_service_says_that_it_lives_and_is_ready() {
    let app = TestApp::start().await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.visitor().get(path).await.expect(200)["status"], "ok");
    }
}

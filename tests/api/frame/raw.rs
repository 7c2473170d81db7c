//! Requests that no HTTP library would send.

use crate::support::TestApp;

/// The status of the first answer in `answer`.
#[track_caller]
fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_the_body_is_sent() {
    let app = TestApp::start().await;
    let token = app.admin().await.token().await.unwrap();
    for expect in ["", "Expect: 100-continue\r\n"] {
        let answer = app
            .raw(&format!(
                "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: 10485760\r\n{expect}\r\n"
            ))
            .await;
        let answer = answer.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(status(answer), 413, "{answer}");
        assert!(answer.contains("/problems/payload-too-large"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_read_up_to_the_limit_and_no_further() {
    let app = TestApp::start().await;
    let token = app.admin().await.token().await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let answer = app
        .raw(&format!(
            "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            chunk.repeat(17)
        ))
        .await;
    assert_eq!(status(&answer), 413, "{answer}");
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_the_connection_closed() {
    let app = TestApp::start().await;
    for framing in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Content-Length: 2\r\nContent-Length: 3",
        "Transfer-Encoding: xchunked",
        "Content-Length : 2",
        "Content-Length: +2",
    ] {
        let answer = app.raw(&format!("POST /v1/accounts HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{{}}")).await;
        assert_eq!(status(&answer), 400, "{framing}: {answer}");
    }
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let app = TestApp::start().await;
    let many: String = (0..150).map(|k| format!("X-{k}: 1\r\n")).collect();
    let answer = app.raw(&format!("GET /health/live HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
    assert_eq!(status(&answer), 431, "{answer}");
    // Larger ones may cost the connection.
    let large = app.raw(&format!("GET /health/live HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000))).await;
    assert!(large.is_empty() || status(&large) == 431, "{large}");
    app.visitor().get("/health/live").await.expect(200);
}

#[tokio::test]
async fn two_tokens_in_one_request_are_ambiguous() {
    let app = TestApp::start().await;
    let token = app.admin().await.token().await.unwrap();
    let twice = format!("Authorization: Bearer {token}\r\n").repeat(2);
    let answer = app.raw(&format!("GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{twice}\r\n")).await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert!(answer.contains("/problems/malformed-request"), "{answer}");
}

#[tokio::test]
async fn a_host_that_somebody_made_up_changes_nothing() {
    let app = TestApp::start().await;
    for line in [
        "GET /openapi.json HTTP/1.1\r\nHost: evil.example",
        "GET http://evil.example/openapi.json HTTP/1.1\r\nHost: evil.example",
    ] {
        let answer = app.raw(&format!("{line}\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), 200);
        assert!(!answer.contains("evil"));
    }
}

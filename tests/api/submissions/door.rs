//! The door: what is refused, the three bodies, origins and addresses.

use reqwest::Method;
use serde_json::{Value, json};

use super::{PAGE, Site};
use crate::support::Answer;

// What a visitor is told is wrong.

#[tokio::test]
async fn what_the_form_does_not_have_or_the_visitor_left_out_is_refused_and_not_stored() {
    let site = Site::with(json!({"consents": [{"purpose": "marketing", "required": true}]})).await;
    let answer = site.send(json!({"fields": {"score": "100", "owner_id": "x", "first_name": "a\nb"}})).await;
    let expected = ["/fields/score", "/fields/owner_id", "/fields/first_name", "/fields/email", "/consents/marketing"];
    answer.expect_invalid(&expected);
    let beside = json!({
        "fields": {"email": "ann@example.com"}, "consents": {"marketing": true}, "score": 1, "tags": [],
        "owner_id": "x", "stage": "x", "is_admin": true, "source": "x",
    });
    site.send(beside).await.expect_invalid(&["/score", "/tags", "/owner_id", "/stage", "/is_admin", "/source"]);
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_value_that_no_record_could_hold_is_refused() {
    let site = Site::with(json!({"fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "phone", "maps_to": "contact.phone"},
        {"name": "country", "maps_to": "contact.address.country"}, {"name": "first_name", "maps_to": "contact.first_name"},
        {"name": "note", "multi_line": true},
    ]}))
    .await;
    let fields = json!({
        "email": "ann@", "phone": "5551 2345", "country": "Estonia", "first_name": "a".repeat(101), "note": "a".repeat(4_000),
    });
    let answer = site.send(json!({"fields": fields, "page_url": "javascript:alert(1)"})).await;
    answer.expect_invalid(&["/fields/email", "/fields/phone", "/fields/country", "/fields/first_name", "/page_url"]);
    let long = json!({"fields": {"email": "ann@example.com", "note": "a".repeat(4_001)}});
    site.send(long).await.expect_invalid(&["/fields/note"]);
}

#[tokio::test]
async fn a_consent_is_a_boolean_that_the_form_asks_for() {
    let site = Site::open().await;
    for (consents, pointer) in [
        (json!({"marketing": "yes"}), "/consents/marketing"),
        (json!({"marketing": null}), "/consents/marketing"),
        (json!({"profiling": true}), "/consents/profiling"),
        (json!({"newsletter": true}), "/consents/newsletter"),
    ] {
        let answer = site.send(json!({"fields": {"email": "ann@example.com"}, "consents": consents})).await;
        answer.expect_invalid(&[pointer]);
    }
    let posted = site.request().form(&[("email", "ann@example.com"), ("consent.marketing", "yes")]).send().await;
    posted.expect_invalid(&["/consents/marketing"]);
}

#[tokio::test]
async fn too_much_is_refused() {
    let site = Site::open().await;
    let fields: Value =
        (0..1_000).map(|number| (format!("f{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    site.send(json!({"fields": fields})).await.expect_invalid(&["/fields"]);
    let huge = json!({"fields": {"email": "ann@example.com", "question": "a".repeat(70_000)}});
    site.send(huge).await.expect_problem(413, "payload-too-large");
    let parts: String = (0..10_000).map(|number| part(&format!("f{number}"), "x")).collect();
    multipart(&site, "b", parts + "--b--\r\n").await.expect_problem(413, "payload-too-large");
    let parts: String = (0..500).map(|number| part(&format!("f{number}"), "x")).collect();
    multipart(&site, "b", parts + "--b--\r\n").await.expect_invalid(&["/fields"]);
}

// The three bodies.

#[tokio::test]
async fn the_same_answers_are_the_same_submission_in_every_body() {
    let site = Site::open().await;
    let id = site
        .send(json!({"fields": {"email": "ann@example.com", "question": "a b\nc"}, "utm": {"utm_source": "x"}, "consents": {"marketing": true}}))
        .await
        .expect(202)["submission_id"]
        .clone();
    let pairs = [
        ("email", "ann@example.com"),
        ("fields.question", "a b\r\nc"),
        ("utm_source", "x"),
        ("consent.marketing", "on"),
        ("anonymous_id", ""),
    ];
    let posted = site.request().form(&pairs).send().await.expect(202);
    let parts: String = pairs.iter().map(|(name, value)| part(name, value)).collect();
    let in_parts = multipart(&site, "b", parts + "--b--\r\n").await.expect(202);
    assert_eq!((&posted["submission_id"], &in_parts["submission_id"]), (&id, &id));
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_name_given_twice_is_refused_in_every_body() {
    let site = Site::open().await;
    site.request().form(&[("email", "a@x.ee"), ("email", "b@x.ee")]).send().await.expect_invalid(&["/fields/email"]);
    let parts = part("email", "a@x.ee") + &part("fields.email", "b@x.ee") + "--b--\r\n";
    multipart(&site, "b", parts).await.expect_invalid(&["/fields/email"]);
    let twice = site.request().bytes("application/json", r#"{"fields": {"email": "a@x.ee", "email": "b@x.ee"}}"#);
    twice.send().await.expect_problem(400, "malformed-json");
}

#[tokio::test]
async fn files_other_types_and_broken_bodies_are_refused() {
    let site = Site::open().await;
    let file = "--b\r\nContent-Disposition: form-data; name=\"email\"; filename=\"a.exe\"\r\n\r\nMZ\r\n--b--\r\n";
    multipart(&site, "b", file.to_owned()).await.expect_problem(415, "unsupported-media-type");
    let good = part("email", "a@x.ee") + "--b--\r\n";
    multipart(&site, &"b".repeat(1_024), good.clone()).await.expect_problem(415, "unsupported-media-type");
    multipart(&site, "b", part("../../x", "1") + &good).await.expect_invalid(&["/fields/..~1..~1x"]);
    multipart(&site, "b", part("email", "a@x.ee")).await.expect_problem(400, "malformed-request");
    for kind in ["text/plain", "application/xml", "application/json; charset=utf-16", "multipart/mixed; boundary=b"] {
        site.request().bytes(kind, "{}").send().await.expect_problem(415, "unsupported-media-type");
    }
    site.request().bytes("application/json", "{bad").send().await.expect_problem(400, "malformed-json");
    let latin = site.request().bytes("application/x-www-form-urlencoded", "email=%E4@x.ee");
    latin.send().await.expect_problem(400, "malformed-request");
    site.request()
        .bytes("application/x-www-form-urlencoded", "email=%00")
        .send()
        .await
        .expect_invalid(&["/fields/email"]);
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
}

fn part(name: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

async fn multipart(site: &Site, boundary: &str, body: String) -> Answer {
    let body = body.replace("--b\r\n", &format!("--{boundary}\r\n")).replace("--b--", &format!("--{boundary}--"));
    site.request().bytes(&format!("multipart/form-data; boundary={boundary}"), body).send().await
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_browsers_form_post_is_sent_on_to_the_forms_thank_you_page() {
    let site = Site::with(json!({"thank_you_url": "https://www.example.com/thanks"})).await;
    for email in ["new@example.com", "new@example.com", "known@example.com"] {
        let sent =
            site.request().form(&[("email", email)]).header("accept", BROWSER).header("origin", PAGE).send().await;
        assert_eq!((sent.status(), sent.header("location")), (303, Some("https://www.example.com/thanks")));
    }
    let script = site.request().form(&[("email", "ann@example.com")]).header("accept", "*/*").send().await;
    assert_eq!(script.status(), 202);
    let json =
        site.request().json(&json!({"fields": {"email": "b@example.com"}})).header("accept", BROWSER).send().await;
    assert_eq!(json.status(), 202);
}

#[tokio::test]
async fn a_form_post_may_choose_among_the_forms_thank_you_pages_and_no_other() {
    let site = Site::with(json!({
        "thank_you_url": "https://www.example.com/thanks",
        "thank_you_urls": {"estonian": "https://www.example.com/aitah", "here": "http://localhost:3000/x"},
    }))
    .await;
    let post = |pairs: &[(&str, &str)]| {
        let pairs = [&[("email", "ann@example.com")], pairs].concat();
        site.request().form(&pairs).header("accept", BROWSER).send()
    };
    for (wish, place) in [
        (&[][..], "https://www.example.com/thanks"),
        (&[("thank_you", "")], "https://www.example.com/thanks"),
        (&[("thank_you", "estonian")], "https://www.example.com/aitah"),
        (&[("thank_you", "here")], "http://localhost:3000/x"),
    ] {
        let sent = post(wish).await;
        assert_eq!((sent.status(), sent.header("location")), (303, Some(place)));
    }
    for elsewhere in ["https://evil.io", "//evil.io", "finnish"] {
        post(&[("thank_you", elsewhere)]).await.expect_invalid(&["/thank_you"]);
    }
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_form_without_a_thank_you_page_has_one_here() {
    let site = Site::open().await;
    let sent = site.request().form(&[("email", "ann@example.com")]).header("accept", BROWSER).send().await;
    assert_eq!(sent.status(), 303);
    let page = site.app.visitor().get(sent.header("location").unwrap()).await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("Thank you"));
    let nowhere = site.app.visitor().get("/v1/public/forms/f_nothing/thanks").await;
    nowhere.expect_problem(404, "not-found");
}

// The door.

#[tokio::test]
async fn pages_of_other_sites_may_not_send_the_form() {
    let site = Site::open().await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    for origin in [
        "null",
        "https://www.example.com.evil.io",
        "http://www.example.com",
        "https://www.example.com:8443",
        "https://www.example.com.",
        "https://www.example.com/",
        "https://example.com",
        "",
    ] {
        let answer = site.request().json(&body).header("origin", origin).send().await;
        answer.expect_problem(403, "origin-not-allowed");
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("vary")),
            (None, Some("Origin")),
            "{origin}"
        );
    }
    assert_eq!(site.counts().await, [0, 0, 0, 0]);
    let twice = site.request().json(&body).header("origin", PAGE).header("origin", PAGE).send().await;
    twice.expect_problem(403, "origin-not-allowed");
    for origin in [PAGE, "https://WWW.EXAMPLE.com"] {
        let answer = site.request().json(&body).header("origin", origin).send().await;
        answer.expect(202);
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("vary")),
            (Some(origin), Some("Origin"))
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_page_that_may_send_the_form_may_read_what_is_wrong() {
    let site = Site::open().await;
    let answers = [
        site.request().json(&json!({"fields": {}})).header("origin", PAGE).send().await,
        site.request().bytes("application/json", "{").header("origin", PAGE).send().await,
    ];
    for (answer, status) in answers.iter().zip([422, 400]) {
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, Some(PAGE)));
    }
}

#[tokio::test]
async fn browsers_that_ask_first_are_told_exactly_what_is_allowed() {
    let site = Site::open().await;
    let ask = |origin: &str| {
        let request = site.app.visitor().request(Method::OPTIONS, &site.path()).header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-odd, content-type")
    };
    let allowed = ask(PAGE).send().await;
    assert_eq!((allowed.status(), allowed.header("access-control-allow-origin")), (204, Some(PAGE)));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("content-type, idempotency-key"));
    assert_eq!((allowed.header("vary"), allowed.header("access-control-allow-credentials")), (Some("Origin"), None));
    for origin in ["https://evil.io", "null"] {
        let refused = ask(origin).send().await;
        assert_eq!((refused.status(), refused.header("access-control-allow-origin")), (204, None), "{origin}");
        assert_eq!((refused.header("access-control-allow-methods"), refused.header("vary")), (None, Some("Origin")));
    }
    let plain = site.app.visitor().request(Method::OPTIONS, &site.path()).send().await;
    assert_eq!((plain.status(), plain.header("allow")), (204, Some("POST, OPTIONS")));
}

#[tokio::test]
async fn a_page_may_read_what_was_wrong_before_its_answers_were_looked_at() {
    let site = Site::open().await;
    for (origin, shown) in [(PAGE, Some(PAGE)), ("https://evil.io", None)] {
        let ask = |method, path: &str| site.app.visitor().request(method, path).header("origin", origin);
        let with_parameter = format!("{}?redirect=1", site.path());
        let answers = [
            (405, ask(Method::PUT, &site.path()).send().await),
            (415, ask(Method::POST, &site.path()).bytes("text/plain", "{}").send().await),
            (400, ask(Method::POST, &with_parameter).json(&json!({})).send().await),
            (400, ask(Method::GET, &format!("{}?x=1", site.path().replace("submissions", "token"))).send().await),
        ];
        for (status, answer) in answers {
            assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (status, shown));
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
    let nowhere = site.app.visitor().request(Method::PUT, "/v1/public/forms/f_nothing/submissions");
    let nowhere = nowhere.header("origin", PAGE).send().await;
    assert_eq!((nowhere.status(), nowhere.header("access-control-allow-origin")), (405, None));
    let program = site.app.visitor().request(Method::PUT, &site.path()).send().await;
    assert_eq!((program.status(), program.header("access-control-allow-origin")), (405, None));
}

#[tokio::test]
async fn only_posts_are_taken_and_no_parameters() {
    let site = Site::open().await;
    let visitor = site.app.visitor();
    visitor.get(&format!("{}?email=ann@example.com", site.path())).await.expect_problem(405, "method-not-allowed");
    assert_eq!(visitor.request(Method::HEAD, &site.path()).send().await.status(), 405);
    let body = json!({"fields": {"email": "ann@example.com"}});
    let with_parameter = visitor.post(&format!("{}?redirect=https://evil.io", site.path()), body).await;
    with_parameter.expect_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn the_address_kept_is_the_peers_whatever_headers_say() {
    let site = Site::open().await;
    let sent = site.request().json(&json!({"fields": {"email": "ann@example.com"}})).header("user-agent", "Browser/1");
    let headers = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("x-real-ip", "203.0.113.7")];
    let sent = headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value)).send().await.expect(202);
    let became = site.became(sent["submission_id"].as_str().unwrap()).await;
    assert_eq!((&became["remote_address"], &became["user_agent"]), (&json!("127.0.0.1"), &json!("Browser/1")));
}

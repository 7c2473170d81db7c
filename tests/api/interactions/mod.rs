//! What people did, over HTTP: one or many, told once or twice, of people known or not.

mod attribution;
mod kinds;
mod replies;
mod stream;
mod together;
mod voids;

use futures_util::future::join_all;
use reqwest::Method;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::scoring::{day, decider, ledger, live_model, newcomers, scores, sum};
use crate::support::{Person, TestApp, bodies};

const AT: &str = "2026-03-01T10:00:00Z";

/// The interactions of a list, as many as a page holds.
async fn listed(admin: &Person, filter: &str) -> Vec<Value> {
    let list = admin.get(&format!("/v1/interactions?limit=200&{filter}")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

/// A model that gives ten points for each mail that was opened.
async fn ten_an_open(admin: &Person) -> String {
    let rule = json!({"key": "opens", "points": 10, "when": [{"interaction": "email_opened", "frequency": "each"}]});
    live_model(admin, json!({"name": "Opens", "target": "contact", "rules": [rule]})).await
}

/// A contact with a lead; their ids.
async fn person_with_lead(admin: &Person, contact: Value) -> (String, String) {
    let contact = bodies::id(&admin.post("/v1/contacts", contact).await.expect(201));
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    (contact, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)))
}

/// The score of a lead, which must be what its ledger adds up to.
async fn score_of(admin: &Person, lead: &str) -> i64 {
    let score = admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"].as_i64().unwrap();
    assert_eq!(sum(&ledger(admin, lead).await), score);
    assert_eq!(scores(admin, lead).await["score"].as_i64().unwrap_or(0), score);
    score
}

async fn contact(app: &TestApp, body: Value) -> String {
    let contact = app.admin().await.post("/v1/contacts", body).await.expect(201);
    contact["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_interaction_of_a_known_person_is_credited_to_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let body = json!({
        "kind": "email_opened", "occurred_at": AT, "person": {"email": "ANN@example.com"}, "asset": "newsletter-3",
        "properties": {"client": "web"}, "source": "mailer", "external_id": "m-1842"
    });
    let answer = admin.post("/v1/interactions", body).await;
    let recorded = answer.expect(201);
    assert_eq!(recorded["attributed_to"], ann);
    let read = admin.get(answer.header("location").unwrap()).await.expect(200);
    assert_eq!(read["person_email"], "ann@example.com");
    assert_eq!(read["properties"], json!({"client": "web"}));
    assert_eq!(read["evidence"], "human");
    assert_eq!(read["recorded_at"], "2026-03-02T09:00:00.000000Z");
}

#[tokio::test]
async fn what_was_told_before_is_answered_with_the_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}, "source": "phone", "external_id": "1"});
    let first = admin.post("/v1/interactions", body.clone()).await.expect(201);
    let again = join_all((0..20).map(|_| admin.post("/v1/interactions", body.clone()))).await;
    assert!(again.iter().all(|answer| answer.expect(200)["id"] == first["id"]));
    app.wait_days(2);
    assert_eq!(admin.post("/v1/interactions", body).await.expect(200)["id"], first["id"]);
    let list = admin.get("/v1/interactions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_bad_item_of_a_list_spoils_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let unknown = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    let items = json!([
        {"kind": "call", "occurred_at": AT, "contact_id": ann},
        {"kind": "teleported", "occurred_at": AT, "contact_id": ann},
        {"kind": "call", "occurred_at": AT},
        {"kind": "call", "occurred_at": AT, "contact_id": unknown, "lead_id": unknown, "sender_id": unknown},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "points": 100},
        "call",
        {"kind": "call", "occurred_at": "2026-03-02T09:05:01Z", "contact_id": ann},
        {"kind": "call", "occurred_at": "2026-03-02T09:05:00Z", "contact_id": ann},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "person": {"email": "ann@example.com"}},
        {"kind": "call", "occurred_at": AT, "contact_id": ann, "source": "phone"}
    ]);
    let results = admin.post("/v1/interactions", items).await.expect(200);
    let statuses: Vec<i64> =
        results["results"].as_array().unwrap().iter().map(|r| r["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 400, 422, 201, 422, 422]);
    let pointers: Vec<&str> = results["results"][3]["problem"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/contact_id", "/sender_id", "/lead_id"]);
    let list = admin.get("/v1/interactions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_single_bad_interaction_is_refused_with_all_that_is_wrong() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let problem = admin.post("/v1/interactions", json!({"kind": "call", "points": 3})).await.expect(422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert!(pointers.contains(&"/occurred_at") && pointers.contains(&"/points"), "{pointers:?}");
    let problem =
        admin.post("/v1/interactions", json!({"kind": "nap", "occurred_at": "2027-01-01T00:00:00Z"})).await.expect(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3);
    admin.post("/v1/interactions", json!("call")).await.expect(400);
}

#[tokio::test]
async fn a_list_has_its_limits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let item = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    assert_eq!(admin.post("/v1/interactions", json!([])).await.expect(200), json!({"results": []}));
    let results = admin.post("/v1/interactions", Value::Array(vec![item.clone(); 1_000])).await.expect(200);
    assert_eq!(results["results"].as_array().unwrap().len(), 1_000);
    admin.post("/v1/interactions", Value::Array(vec![item; 1_001])).await.expect(422);
}

#[tokio::test]
async fn what_an_unknown_person_did_waits_until_they_appear() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let keys = [
        json!({"email": "ann@example.com"}),
        json!({"phone": "+372 5551 2345"}),
        json!({"external_id": "crm-1"}),
        json!({"anonymous_id": "browser-1"}),
    ];
    for person in &keys {
        let body = json!({"kind": "page_visited", "occurred_at": AT, "person": person});
        assert_eq!(admin.post("/v1/interactions", body).await.expect(201)["attributed_to"], Value::Null);
    }
    let waiting = admin.get("/v1/interactions?attributed=false").await.expect(200);
    assert_eq!(waiting["data"].as_array().unwrap().len(), 4);

    let ann = contact(&app, json!({"email": "Ann@Example.com", "external_id": "crm-1"})).await;
    let known = |list: Value| list["data"].as_array().unwrap().len();
    assert_eq!(known(admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200)), 2);
    let more = json!({"phone": "+37255512345", "anonymous_ids": ["browser-1"]});
    admin.patch(&format!("/v1/contacts/{ann}"), more).await.expect(200);
    assert_eq!(known(admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200)), 4);
}

#[tokio::test]
async fn the_strongest_key_given_decides_and_a_weaker_one_is_not_asked() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com", "anonymous_ids": ["shared-browser"]})).await;
    let visit = |person: Value| json!({"kind": "page_visited", "occurred_at": AT, "person": person});
    let recorded = admin.post("/v1/interactions", visit(json!({"anonymous_id": "shared-browser"}))).await.expect(201);
    assert_eq!(recorded["attributed_to"], ann);
    let bob = visit(json!({"email": "bob@example.com", "anonymous_id": "shared-browser"}));
    assert_eq!(admin.post("/v1/interactions", bob).await.expect(201)["attributed_to"], Value::Null);
}

#[tokio::test]
async fn a_browser_is_recognised_once_its_person_is_known() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&app, json!({"email": "ann@example.com"})).await;
    let visit = |person: Value| json!({"kind": "page_visited", "occurred_at": AT, "person": person});
    admin.post("/v1/interactions", visit(json!({"anonymous_id": "browser-7"}))).await.expect(201);
    admin
        .post("/v1/interactions", visit(json!({"email": "ann@example.com", "anonymous_id": "browser-7"})))
        .await
        .expect(201);
    let later = admin.post("/v1/interactions", visit(json!({"anonymous_id": "browser-7"}))).await.expect(201);
    assert_eq!(later["attributed_to"], ann);
    let list = admin.get(&format!("/v1/interactions?contact_id={ann}")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_phone_that_two_share_tells_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for email in ["ann@example.com", "bob@example.com"] {
        contact(&app, json!({"email": email, "phone": "+372 5551 2345"})).await;
    }
    let call = json!({"kind": "call", "occurred_at": AT, "person": {"phone": "0037255512345"}});
    assert_eq!(admin.post("/v1/interactions", call).await.expect(201)["attributed_to"], Value::Null);
}

#[tokio::test]
async fn a_person_who_appears_while_they_act_loses_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..5 {
        let email = format!("new-{round}@example.com");
        let visit = json!({"kind": "page_visited", "occurred_at": AT, "person": {"email": email}});
        let visits = join_all((0..10).map(|_| admin.post("/v1/interactions", visit.clone())));
        let (created, visits) = tokio::join!(contact(&app, json!({"email": email})), visits);
        assert!(visits.iter().all(|answer| answer.status() == 201));
        let list = admin.get(&format!("/v1/interactions?contact_id={created}")).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 10);
    }
}

#[tokio::test]
async fn interactions_never_change() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let visit = json!({"kind": "call", "occurred_at": AT, "person": {"email": "ann@example.com"}});
    let id = admin.post("/v1/interactions", visit).await.expect(201)["id"].as_str().unwrap().to_owned();
    let answer = admin.delete(&format!("/v1/interactions/{id}")).await;
    assert!(answer.header("allow").unwrap().starts_with("GET"));
    answer.expect(405);
}

#[tokio::test]
async fn the_same_event_twenty_times_at_once_and_a_day_later_scores_once() {
    let app = TestApp::start_at(day(100)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (_, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let open = json!({"kind": "email_opened", "occurred_at": day(99), "person": {"email": "ann@example.com"},
        "source": "mailer", "external_id": "m-1"});
    let answers = join_all((0..20).map(|_| admin.post("/v1/interactions", open.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 19);
    app.wait_seconds(25 * 3600);
    let list = admin.post("/v1/interactions", json!([open, open])).await.expect(200);
    assert!(list["results"].as_array().unwrap().iter().all(|result| result["status"] == 200));
    stream::told(&app, &admin, &[open.to_string()]).await.iter().for_each(|line| assert_eq!(line["status"], 200));
    assert_eq!(score_of(&admin, &lead).await, 10);
    assert_eq!(listed(&admin, "").await.len(), 1);
}

/// What is told of in the order of `STORY`, late, in the order of `order`.
async fn told_late(order: &[usize], how: &str) -> (i64, Value) {
    let app = TestApp::start_at(day(20)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    const STORY: [(&str, i64); 6] = [
        ("asset_downloaded", 1),
        ("email_opened", 2),
        ("email_opened", 3),
        ("email_opened", 4),
        ("event_attended", 10),
        ("page_visited", 12),
    ];
    let all = order.iter().map(|place| STORY[*place]);
    let all: Vec<Value> =
        all.map(|(kind, on)| json!({"kind": kind, "occurred_at": day(on), "contact_id": contact})).collect();
    match how {
        "one by one" => {
            for one in all {
                admin.post("/v1/interactions", one).await.expect(201);
            }
        }
        "as a list" => drop(admin.post("/v1/interactions", Value::Array(all)).await.expect(200)),
        _ => {
            let lines: Vec<String> = all.iter().map(Value::to_string).collect();
            drop(stream::told(&app, &admin, &lines).await);
        }
    }
    let forecast = scores(&admin, &lead).await["forecast"].clone();
    (score_of(&admin, &lead).await, forecast)
}

#[tokio::test]
async fn whatever_arrives_late_and_in_whatever_order_scores_as_if_it_had_arrived_in_order() {
    let expected = told_late(&[0, 1, 2, 3, 4, 5], "one by one").await;
    assert_eq!(expected.0, 30 + 15 + 40 + 20);
    for order in [[5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]] {
        for how in ["one by one", "as a list", "as a stream"] {
            assert_eq!(told_late(&order, how).await, expected, "{how}");
        }
    }
}

#[tokio::test]
async fn what_lies_more_than_five_minutes_ahead_is_refused_however_it_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let at = |seconds: i64| json!({"kind": "call", "occurred_at": app.now().plus_seconds(seconds), "person": {"email": "ann@example.com"}});
    let beyond = Timestamp::from_micros(app.now().plus_seconds(300).micros() + 1);
    let beyond = bodies::with(at(0), json!({"occurred_at": beyond}));
    admin.post("/v1/interactions", beyond.clone()).await.expect_invalid(&["/occurred_at"]);
    let list = admin.post("/v1/interactions", json!([beyond, at(300)])).await.expect(200);
    assert_eq!((&list["results"][0]["status"], &list["results"][1]["status"]), (&json!(422), &json!(201)));
    let lines = stream::told(&app, &admin, &[beyond.to_string(), at(300).to_string()]).await;
    assert_eq!((&lines[0]["status"], &lines[1]["status"]), (&json!(422), &json!(201)));
}

#[tokio::test]
async fn a_list_is_narrowed_by_everything_an_interaction_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = json!({"name": "White paper", "kind": "landing_page", "source": "landing_page",
        "fields": [{"name": "email", "maps_to": "contact.email"}]});
    let form = bodies::id(&admin.post("/v1/forms", form).await.expect(201));
    let full = json!({
        "kind": "email_clicked", "occurred_at": "2026-02-01T10:00:00Z", "person": {"email": "ann@example.com"},
        "asset": "white-paper", "campaign": "spring", "form_id": form, "source": "mailer", "external_id": "m-1",
        "sender_id": admin.id(), "cause": "offer", "evidence": "suspect", "remote_address": "::ffff:203.0.113.7"
    });
    let full = bodies::id(&admin.post("/v1/interactions", full).await.expect(201));
    admin
        .post(
            "/v1/interactions",
            json!({"kind": "page_visited", "occurred_at": AT, "person": {"email": "ann@example.com"}}),
        )
        .await
        .expect(201);
    let read = admin.get(&format!("/v1/interactions/{full}")).await.expect(200);
    assert_eq!(read["remote_address"], "203.0.113.7");
    for filter in [
        "kind=email_clicked".to_owned(),
        "asset=white-paper".to_owned(),
        "campaign=spring".to_owned(),
        format!("form_id={form}"),
        "source=mailer".to_owned(),
        format!("sender_id={}", admin.id()),
        "cause=offer".to_owned(),
        "evidence=suspect".to_owned(),
        "occurred_until=2026-02-01T10:00:00.000001Z".to_owned(),
        "occurred_from=2026-02-01T10:00:00Z&occurred_until=2026-02-02T10:00:00Z".to_owned(),
    ] {
        let found = listed(&admin, &filter).await;
        assert_eq!(found.iter().map(bodies::id).collect::<Vec<_>>().join(" "), full, "{filter}");
    }
    assert_eq!(listed(&admin, "voided=false").await.len(), 2);
    assert_eq!(listed(&admin, "voided=true").await.len(), 0);
    assert_eq!(listed(&admin, "occurred_until=2026-02-01T10:00:00Z").await.len(), 0);
    assert_eq!(admin.get("/v1/interactions?count=true&kind=page_visited").await.expect(200)["total"], 1);
    let turned = "occurred_from=2026-02-02T10:00:00Z&occurred_until=2026-02-01T10:00:00Z";
    admin.get(&format!("/v1/interactions?{turned}")).await.expect_bad_parameter("occurred_from");
    admin.get("/v1/interactions?evidence=ghost").await.expect_bad_parameter("evidence");
}

#[tokio::test]
async fn what_may_be_a_machines_scores_where_the_model_says_so_and_what_is_one_never() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rule = json!({"key": "opens", "points": 10, "when": [{"interaction": "email_opened", "frequency": "each"}]});
    let lenient = json!({"name": "All", "target": "contact", "rules": [rule], "suspect_evidence": true});
    live_model(&admin, lenient).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    for (evidence, score) in [("machine", 0), ("suspect", 10), ("human", 20), ("machine", 20)] {
        let open = json!({"kind": "email_opened", "occurred_at": AT, "contact_id": contact, "evidence": evidence});
        admin.post("/v1/interactions", open).await.expect(201);
        assert_eq!(score_of(&admin, &lead).await, score, "{evidence}");
    }
}

/// Every text of an interaction: where it stands, and how long it may be.
const TEXTS: [(&str, usize); 11] = [
    ("/kind", 64),
    ("/person/email", 254),
    ("/person/phone", 40),
    ("/person/external_id", 200),
    ("/person/anonymous_id", 200),
    ("/asset", 100),
    ("/campaign", 100),
    ("/source", 100),
    ("/external_id", 200),
    ("/cause", 200),
    ("/remote_address", 45),
];

/// An interaction with `text` at `pointer`.
fn with_text(pointer: &str, text: &str) -> Value {
    let mut body = json!({"kind": "call", "occurred_at": AT, "person": {"external_id": "crm-1"}, "source": "s", "external_id": "e"});
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = json!(text);
    body
}

#[tokio::test]
async fn every_text_of_an_interaction_is_kept_as_it_is_or_refused_where_it_stands() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (pointer, longest) in TEXTS {
        let refused = |text: String| {
            let admin = admin.clone();
            async move {
                let problem = admin.post("/v1/interactions", with_text(pointer, &text)).await.expect(422);
                let errors = problem["errors"].as_array().unwrap();
                assert!(errors.iter().any(|error| error["pointer"] == pointer), "{pointer}: {problem}");
            }
        };
        refused("a\u{0}b".to_owned()).await;
        refused("a\u{7}b".to_owned()).await;
        refused("x".repeat(longest + 1)).await;
        refused("x".repeat(12 * 1024)).await;
        let broken = with_text(pointer, "TEXT").to_string().replace("TEXT", "\\ud800");
        let answer = admin.request(Method::POST, "/v1/interactions").bytes("application/json", broken).send().await;
        answer.expect_problem(400, "malformed-json");
    }
    for (pointer, longest) in TEXTS
        .into_iter()
        .filter(|(pointer, _)| !["/kind", "/person/email", "/person/phone", "/remote_address"].contains(pointer))
    {
        for text in
            ["<script>alert(1)</script>{{7*7}}", "\u{202e}x", "\u{1f600}".repeat(longest).as_str(), "' OR 1=1 --\\"]
        {
            let text = &text.chars().take(longest).collect::<String>();
            let recorded = admin.post("/v1/interactions", with_text(pointer, text)).await;
            assert!([200, 201].contains(&recorded.status()), "{pointer} {text}: {}", recorded.text());
        }
    }
    let named = json!({"e\u{301}": "e\u{301}", "nested": {"a": ["<b>"]}});
    let body = bodies::with(with_text("/cause", "e\u{301}"), json!({"external_id": "normal", "properties": named}));
    let id = bodies::id(&admin.post("/v1/interactions", body).await.expect(201));
    let read = admin.get(&format!("/v1/interactions/{id}")).await.expect(200);
    assert_eq!(read["cause"], "\u{e9}");
    assert_eq!(read["properties"]["nested"], json!({"a": ["<b>"]}));
    let nul =
        bodies::with(with_text("/cause", "x"), json!({"external_id": "nul", "properties": {"a": {"b": "\u{0}"}}}));
    admin.post("/v1/interactions", nul).await.expect_invalid(&["/properties/a/b"]);
    let large = bodies::with(
        with_text("/cause", "x"),
        json!({"external_id": "large", "properties": {"a": "x".repeat(17_000)}}),
    );
    admin.post("/v1/interactions", large).await.expect_invalid(&["/properties"]);
}

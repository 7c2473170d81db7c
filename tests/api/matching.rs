//! Matching: the shipped strategies, decisions that can be read, previews that write nothing.

use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

async fn live_form(admin: &Person) -> Value {
    let form = json!({
        "name": "Trial", "kind": "landing_page", "source": "web",
        "fields": [{"name": "email", "maps_to": "contact.email"}, {"name": "note"}],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200)
}

async fn submit(app: &TestApp, form: &Value, fields: Value) -> String {
    let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    let accepted = app.visitor().post(&path, json!({"fields": fields})).await.expect(202);
    accepted["submission_id"].as_str().unwrap().to_owned()
}

async fn preview(admin: &Person, target: &str, keys: Value) -> Value {
    admin.post("/v1/matching-strategies/preview", json!({"target": target, "keys": keys})).await.expect(200)
}

#[tokio::test]
async fn each_target_has_exactly_one_default_strategy() {
    let app = TestApp::start().await;
    let listed = app.admin().await.get("/v1/matching-strategies").await.expect(200);
    for target in ["contact", "lead"] {
        let defaults = listed["data"].as_array().unwrap().iter();
        let defaults = defaults.filter(|it| it["strategy"]["target"] == target && it["is_default"] == true);
        assert_eq!(defaults.count(), 1, "{target}");
    }
    let fields = &listed["data"][1]["strategy"]["alternatives"];
    let names: Vec<Vec<&str>> = fields
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect())
        .collect();
    assert_eq!(names, [["contact", "form"], ["email", "form"]]);
}

#[tokio::test]
async fn every_submission_leaves_its_decisions_with_candidates_verdicts_and_effects() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = live_form(&admin).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com", "note": "1"})).await;
    let second = submit(&app, &form, json!({"email": "Ann@Example.com", "note": "2"})).await;
    let decisions = async |submission: &str| {
        let path = format!("/v1/match-decisions?submission_id={submission}&sort=at");
        admin.get(&path).await.expect(200)["data"].as_array().unwrap().clone()
    };
    let told = |decisions: &[Value]| -> Vec<(Value, Value, Value)> {
        let told = |it: &Value| (it["target"].clone(), it["decision"]["outcome"].clone(), it["effect"].clone());
        decisions.iter().map(told).collect()
    };
    let (new, known) = (decisions(&first).await, decisions(&second).await);
    let expected = |outcome, effect| {
        vec![(json!("contact"), json!(outcome), json!(effect)), (json!("lead"), json!(outcome), json!(effect))]
    };
    assert_eq!(told(&new), expected("no_match", "created"));
    assert_eq!(told(&known), expected("matched", "linked"));
    for (created, matched) in new.iter().zip(&known) {
        assert_eq!(matched["record_id"], created["record_id"]);
        assert_eq!(matched["decision"]["winner"], created["record_id"]);
        assert_eq!((&matched["channel"], &matched["submission_id"]), (&json!("form"), &json!(second)));
        assert_eq!(matched["decision"]["candidates"][0]["fields"][0]["verdict"], "equal");
        let path = format!("/v1/match-decisions/{}", bodies::id(matched));
        assert_eq!(admin.get(&path).await.expect(200), *matched);
    }
    let text = serde_json::to_string(&known).unwrap().to_lowercase();
    assert!(!text.contains("example.com"), "a decision holds no personal values: {text}");
}

#[tokio::test]
async fn a_preview_is_the_decision_that_a_submission_would_get_and_writes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = live_form(&admin).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    let contact = admin.get(&format!("/v1/submissions/{first}")).await.expect(200)["contact_id"].clone();
    let seen = preview(&admin, "contact", json!({"email": " ANN@example.com", "phone": "+3725551234"})).await;
    let lead = preview(&admin, "lead", json!({"contact": contact, "form": form["id"]})).await;
    for path in ["/v1/contacts", "/v1/leads", "/v1/submissions", "/v1/interactions"] {
        assert_eq!(admin.get(path).await.expect(200)["data"].as_array().unwrap().len(), 1, "{path}");
    }
    let second = submit(&app, &form, json!({"email": "Ann@example.com", "note": "again"})).await;
    let kept = admin.get(&format!("/v1/match-decisions?submission_id={second}&sort=at")).await.expect(200);
    assert_eq!(kept["data"][0]["decision"], seen);
    assert_eq!(kept["data"][1]["decision"]["winner"], lead["winner"]);
}

#[tokio::test]
async fn a_preview_says_when_nothing_can_be_compared() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let decision = preview(&admin, "contact", json!({"phone": "+3725551234"})).await;
    assert_eq!((&decision["outcome"], &decision["winner"]), (&json!("unmatchable"), &Value::Null));
    assert_eq!(decision["alternatives"], json!([{"applicable": false, "missing": ["email"]}]));
    let nobody = preview(&admin, "contact", json!({"email": "nobody@example.com"})).await;
    assert_eq!(nobody["outcome"], "no_match");
}

#[tokio::test]
async fn a_preview_refuses_what_it_cannot_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ask = async |body: Value| admin.post("/v1/matching-strategies/preview", body).await;
    let wrong = json!({"target": "contact", "keys": {"email": "ann@", "phone": "555", "topic": "crm"}});
    ask(wrong).await.expect_invalid(&["/keys/email", "/keys/phone", "/keys/topic"]);
    let unknown = json!({"target": "lead", "strategy": "contact_by_email", "keys": {}});
    ask(unknown).await.expect_invalid(&["/strategy"]);
    ask(json!({"target": "account", "keys": {"name": "x"}})).await.expect_invalid(&["/target", "/keys/name"]);
}

#[tokio::test]
async fn another_workspace_is_never_matched_and_its_decisions_are_not_seen() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = live_form(&admin).await;
    let submission = submit(&app, &form, json!({"email": "ann@example.com"})).await;
    let kept = admin.get(&format!("/v1/match-decisions?submission_id={submission}")).await.expect(200);
    let stranger = app.other_workspace().admin().await;
    let seen = preview(&stranger, "contact", json!({"email": "ann@example.com"})).await;
    assert_eq!((&seen["outcome"], &seen["candidates"]), (&json!("no_match"), &json!([])));
    stranger
        .get(&format!("/v1/match-decisions/{}", bodies::id(&kept["data"][0])))
        .await
        .expect_problem(404, "not-found");
    let path = format!("/v1/match-decisions?submission_id={submission}");
    assert_eq!(stranger.get(&path).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn decisions_are_listed_for_one_submission_by_those_who_may_read_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.get("/v1/match-decisions").await.expect_bad_parameter("submission_id");
    admin.get("/v1/match-decisions?submission_id=7").await.expect_bad_parameter("submission_id");
    let other = app.integration(&["forms:read"]).await;
    other.get("/v1/matching-strategies").await.expect_problem(403, "forbidden");
}

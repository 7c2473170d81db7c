//! Matching: decisions that can be read, previews of single values; what strategies do is in the modules below.

mod capture;
mod preview;
mod strategies;
mod suiting;

use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

const STRATEGIES: &str = "/v1/matching-strategies";

/// Rules of one kind, each alternative as the names of its fields; `~` before one compares it fuzzily.
fn alternatives(rules: &[&[&str]]) -> Value {
    let field = |name: &&str| match name.strip_prefix('~') {
        Some(name) => json!({"field": name, "compare": "fuzzy"}),
        None => json!({"field": name}),
    };
    let fields = |names: &&[&str]| json!({"fields": names.iter().map(field).collect::<Vec<_>>()});
    rules.iter().map(fields).collect()
}

/// A strategy to create.
fn new_strategy(key: &str, target: &str, rules: &[&[&str]]) -> Value {
    json!({"key": key, "name": format!("Strategy {key}"), "target": target, "alternatives": alternatives(rules)})
}

/// A created strategy.
async fn strategy(admin: &Person, key: &str, target: &str, rules: &[&[&str]]) -> Value {
    admin.post(STRATEGIES, new_strategy(key, target, rules)).await.expect(201)
}

fn strategy_path(strategy: &Value) -> String {
    format!("{STRATEGIES}/{}", bodies::id(strategy))
}

/// A form that collects what can be matched by.
fn wide_form() -> Value {
    let slots = [
        ("email", "contact.email"),
        ("phone", "contact.phone"),
        ("first", "contact.first_name"),
        ("last", "contact.last_name"),
        ("company", "account.name"),
        ("topic", "lead.topic"),
    ];
    let mut fields: Vec<Value> = slots.iter().map(|(name, slot)| json!({"name": name, "maps_to": slot})).collect();
    fields.push(json!({"name": "note"}));
    json!({"name": "Wide", "kind": "landing_page", "source": "web", "fields": fields, "duplicate_window_s": 0})
}

/// A live form: the wide one with `changes`.
async fn publish(admin: &Person, changes: Value) -> Value {
    let form = admin.post("/v1/forms", bodies::with(wide_form(), changes)).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200)
}

/// The entries of a list's first page.
async fn listed(admin: &Person, path: &str) -> Vec<Value> {
    let more = if path.contains('?') { "&" } else { "?" };
    admin.get(&format!("{path}{more}limit=200")).await.expect(200)["data"].as_array().unwrap().clone()
}

/// How many contacts, leads, interactions and submissions there are.
async fn counts(admin: &Person) -> [usize; 4] {
    let mut counts = [0; 4];
    for (place, kind) in ["contacts", "leads", "interactions", "submissions"].iter().enumerate() {
        counts[place] = listed(admin, &format!("/v1/{kind}")).await.len();
    }
    counts
}

/// What became of a submission.
async fn became(admin: &Person, submission: &str) -> Value {
    admin.get(&format!("/v1/submissions/{submission}")).await.expect(200)
}

/// The decision about what a submission did to the `contact` or the `lead`.
async fn decision(admin: &Person, submission: &str, about: &str) -> Value {
    let became = became(admin, submission).await;
    let id = became["outcome"][about]["decision_id"].as_str().unwrap_or_else(|| panic!("no decision: {became}"));
    admin.get(&format!("/v1/match-decisions/{id}")).await.expect(200)
}

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
    ask(json!({})).await.expect_invalid(&["/target", "/keys"]);
    ask(json!({"keys": {}})).await.expect_invalid(&["/target"]);
    ask(json!({"submission": {"fields": {}}})).await.expect_invalid(&["/form_id"]);
    let form = live_form(&admin).await["id"].clone();
    ask(json!({"form_id": form})).await.expect_invalid(&["/submission"]);
    let both = json!({"form_id": form, "submission": {"fields": {}}, "keys": {}, "strategy": "contact_by_email"});
    ask(both).await.expect_invalid(&["/keys", "/strategy"]);
    ask(json!({"form_id": form, "target": "contact", "keys": {}})).await.expect_invalid(&["/form_id"]);
    let unread = json!({"form_id": form, "submission": {"fields": {"email": "ann@", "age": "7"}}});
    ask(unread).await.expect_invalid(&["/submission/fields/email", "/submission/fields/age"]);
    let nowhere = json!({"form_id": bodies::id(&app.other_workspace().admin().await.post("/v1/forms", wide_form()).await.expect(201)), "submission": {"fields": {}}});
    ask(nowhere).await.expect_invalid(&["/form_id"]);
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
async fn decisions_are_found_by_submission_record_target_channel_and_effect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = live_form(&admin).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com", "note": "1"})).await;
    let second = submit(&app, &form, json!({"email": "ann@example.com", "note": "2"})).await;
    submit(&app, &form, json!({"email": "bob@example.com"})).await;
    let (contact, lead) =
        (became(&admin, &first).await["contact_id"].clone(), became(&admin, &first).await["lead_id"].clone());
    let count = async |query: &str| listed(&admin, &format!("/v1/match-decisions{query}")).await.len();
    assert_eq!(count("").await, 6);
    assert_eq!(count(&format!("?submission_id={second}")).await, 2);
    assert_eq!(count(&format!("?record_id={}", contact.as_str().unwrap())).await, 2);
    assert_eq!(count(&format!("?record_id={}&effect=linked", lead.as_str().unwrap())).await, 1);
    assert_eq!((count("?target=lead").await, count("?target=contact&effect=created").await), (3, 2));
    assert_eq!((count("?channel=form").await, count("?channel=lead_ad").await), (6, 0));
    let page = admin.get("/v1/match-decisions?limit=4&count=true").await.expect(200);
    assert_eq!((page["data"].as_array().unwrap().len(), &page["total"]), (4, &json!(6)));
    let rest = format!("/v1/match-decisions?limit=4&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(admin.get(&rest).await.expect(200)["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn decisions_are_listed_by_those_who_may_read_them_and_only_by_what_they_have() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (parameter, value) in
        [("submission_id", "7"), ("record_id", "x"), ("target", "account"), ("channel", "fax"), ("effect", "deleted")]
    {
        admin.get(&format!("/v1/match-decisions?{parameter}={value}")).await.expect_bad_parameter(parameter);
    }
    let other = app.integration(&["forms:read"]).await;
    other.get("/v1/matching-strategies").await.expect_problem(403, "forbidden");
    other.get("/v1/match-decisions").await.expect_problem(403, "forbidden");
}

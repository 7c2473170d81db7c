//! Forms: draft, live, stopped, deleted; definitions that hold together. What visitors send is in `submissions`.

use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

/// The least that can be published.
fn form() -> Value {
    json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page",
        "fields": [{"name": "email", "required": true, "maps_to": "contact.email"}],
    })
}

async fn created(admin: &Person, changes: Value) -> Value {
    admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201)
}

fn path(form: &Value) -> String {
    format!("/v1/forms/{}", bodies::id(form))
}

/// What a visitor hears who sends the form.
async fn submit(app: &TestApp, form: &Value) -> u16 {
    let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    app.visitor().post(&path, json!({"fields": {"email": "ann@example.com"}})).await.status()
}

#[tokio::test]
async fn a_form_takes_submissions_only_while_it_is_live() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({})).await;
    assert_eq!((form["status"].as_str(), submit(&app, &form).await), (Some("draft"), 404));
    let live = admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect(200);
    assert_eq!((live["status"].as_str(), submit(&app, &form).await), (Some("live"), 202));
    let stopped = admin.post(&format!("{}/stop", path(&form)), Value::Null).await.expect(200);
    assert_eq!((stopped["status"].as_str(), submit(&app, &form).await), (Some("stopped"), 404));
    admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect(200);
    assert_eq!(submit(&app, &form).await, 202);
    admin.request(Method::DELETE, &path(&form)).if_version(4).send().await.expect(204);
    assert_eq!(submit(&app, &form).await, 410);
}

#[tokio::test]
async fn a_created_form_shows_its_definition_with_the_defaults_it_was_not_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.post("/v1/forms", form()).await;
    let created = answer.expect(201);
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    assert_eq!(admin.get(answer.header("location").unwrap()).await.expect(200), created);
    let told =
        ["writes", "on_unmatchable", "update_policy", "always_create_lead", "duplicate_window_s", "allowed_origins"];
    let shown: Vec<&Value> = told.iter().map(|name| &created[*name]).collect();
    let expected =
        [json!("contact_and_lead"), json!("create"), json!("fill_blanks"), json!(false), json!(300), json!([])];
    assert_eq!(shown, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn publishing_a_published_form_and_stopping_a_stopped_one_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({})).await;
    admin.post(&format!("{}/stop", path(&form)), Value::Null).await.expect_problem(409, "conflict");
    for (verb, version) in [("publish", 2), ("publish", 2), ("stop", 3), ("stop", 3)] {
        let shown = admin.post(&format!("{}/{verb}", path(&form)), Value::Null).await.expect(200);
        assert_eq!(shown["version"], version, "{verb}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_definition_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = json!({
        "source": "nowhere", "contact_strategy": "lead_by_contact_and_form", "lead_strategy": "unheard_of",
        "owner_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10", "thank_you_url": "javascript:alert(1)",
        "allowed_origins": ["https://good.com", "null", "https://good.com/page"],
        "thank_you_urls": {"good": "https://good.com/", "bad": "http://good.com/"}, "honeypot": "email",
        "consents": [{"purpose": "marketing"}, {"purpose": "marketing"}],
        "fields": [
            {"name": "email", "maps_to": "contact.email"},
            {"name": "email", "maps_to": "contact.email"},
            {"name": "utm_source"},
        ],
    });
    let answer = admin.post("/v1/forms", bodies::with(form(), wrong)).await;
    answer.expect_invalid(&[
        "/source",
        "/contact_strategy",
        "/lead_strategy",
        "/owner_id",
        "/thank_you_url",
        "/thank_you_urls/bad",
        "/honeypot",
        "/allowed_origins/1",
        "/allowed_origins/2",
        "/consents/1/purpose",
        "/fields/1/name",
        "/fields/1/maps_to",
        "/fields/2/name",
    ]);
}

#[tokio::test]
async fn the_contract_refuses_unknown_members_names_and_targets() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = json!({
        "key": "mine", "status": "live", "kind": "fax", "duplicate_window_s": 90_000, "writes": "everything",
        "fields": [{"name": "1st"}, {"name": "a", "maps_to": "lead.score"}, {"name": "b", "type": "text"}],
    });
    let answer = admin.post("/v1/forms", bodies::with(form(), wrong)).await;
    answer.expect_invalid(&[
        "/key",
        "/status",
        "/kind",
        "/duplicate_window_s",
        "/writes",
        "/fields/0/name",
        "/fields/1/maps_to",
        "/fields/2/type",
    ]);
    admin.post("/v1/forms", json!({})).await.expect_invalid(&["/name", "/kind", "/source"]);
}

#[tokio::test]
async fn a_draft_may_be_incomplete_and_a_live_form_may_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({"fields": []})).await;
    admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect_invalid(&["/fields"]);
    let nobody = json!({"fields": [{"name": "question", "maps_to": "lead.topic"}]});
    admin.patch_version(&path(&form), 1, nobody.clone()).await.expect(200);
    admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect_invalid(&["/fields"]);
    let whole = json!({"fields": [{"name": "email", "maps_to": "contact.email"}]});
    admin.patch_version(&path(&form), 2, whole).await.expect(200);
    admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect(200);
    admin.patch_version(&path(&form), 4, nobody).await.expect_invalid(&["/fields"]);
    admin.patch_version(&path(&form), 4, json!({"name": "Another"})).await.expect(200);
}

#[tokio::test]
async fn a_form_that_writes_nothing_needs_no_person() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({"writes": "none", "fields": [{"name": "answer"}]})).await;
    admin.post(&format!("{}/publish", path(&form)), Value::Null).await.expect(200);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_restores_the_default() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({"topic": "CRM", "duplicate_window_s": 0, "update_policy": "overwrite"})).await;
    let changes = json!({"topic": null, "duplicate_window_s": null, "update_policy": null, "campaign": "spring"});
    let changed = admin.patch_version(&path(&form), 1, changes).await.expect(200);
    assert_eq!((&changed["topic"], &changed["campaign"]), (&Value::Null, &json!("spring")));
    assert_eq!((&changed["duplicate_window_s"], &changed["update_policy"]), (&json!(300), &json!("fill_blanks")));
    assert_eq!((&changed["version"], &changed["key"]), (&json!(2), &form["key"]));
    let answer = admin.patch_version(&path(&form), 2, json!({"name": null, "kind": "fax", "colour": "red"})).await;
    answer.expect_invalid(&["/name", "/kind", "/colour"]);
    let unchanged = admin.patch_version(&path(&form), 2, json!({})).await.expect(200);
    assert_eq!(unchanged["version"], 2);
}

#[tokio::test]
async fn changes_name_the_version_they_are_made_to() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = created(&admin, json!({})).await;
    let path = path(&form);
    admin.patch(&path, json!({"name": "x"})).await.expect_problem(428, "precondition-required");
    admin.delete(&path).await.expect_problem(428, "precondition-required");
    admin.patch_version(&path, 7, json!({"name": "x"})).await.expect_problem(412, "precondition-failed");
    let publish = admin.request(Method::POST, &format!("{path}/publish")).if_version(7).send().await;
    publish.expect_problem(412, "precondition-failed");
    assert_eq!(admin.get(&path).await.expect(200), form);
}

#[tokio::test]
async fn a_deleted_form_is_gone_and_not_listed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (kept, gone) = (created(&admin, json!({})).await, created(&admin, json!({})).await);
    admin.request(Method::DELETE, &path(&gone)).if_version(1).send().await.expect(204);
    admin.get(&path(&gone)).await.expect_problem(410, "gone");
    admin.patch_version(&path(&gone), 2, json!({"name": "x"})).await.expect_problem(410, "gone");
    admin.post(&format!("{}/publish", path(&gone)), Value::Null).await.expect_problem(410, "gone");
    admin.request(Method::DELETE, &path(&gone)).if_version(2).send().await.expect_problem(410, "gone");
    let listed = admin.get("/v1/forms?count=true").await.expect(200);
    assert_eq!((&listed["data"], &listed["total"]), (&json!([kept]), &json!(1)));
    let deleted = admin.get("/v1/forms?status=deleted").await.expect(200);
    assert_eq!(deleted["data"][0]["id"], gone["id"]);
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_a_form() {
    let app = TestApp::start().await;
    let form = created(&app.admin().await, json!({})).await;
    let stranger = app.other_workspace().admin().await;
    stranger.get(&path(&form)).await.expect_problem(404, "not-found");
    stranger.patch_version(&path(&form), 1, json!({"name": "x"})).await.expect_problem(404, "not-found");
    stranger.post(&format!("{}/publish", path(&form)), Value::Null).await.expect_problem(404, "not-found");
    assert_eq!(stranger.get("/v1/forms").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn only_who_may_write_forms_changes_them() {
    let app = TestApp::start().await;
    let form = created(&app.admin().await, json!({})).await;
    let (viewer, marketer) = (app.person(Role::Viewer).await, app.person(Role::Marketer).await);
    viewer.get(&path(&form)).await.expect(200);
    viewer.post("/v1/forms", self::form()).await.expect_problem(403, "forbidden");
    viewer.post(&format!("{}/publish", path(&form)), Value::Null).await.expect_problem(403, "forbidden");
    marketer.post(&format!("{}/publish", path(&form)), Value::Null).await.expect(200);
    app.visitor().get(&path(&form)).await.expect_problem(401, "unauthorized");
}

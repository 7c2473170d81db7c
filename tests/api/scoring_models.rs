//! The life of a scoring model: drafted, published, changed, stopped.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::{day, decider, ledger, live_model, newcomers, published, record, scores, stopped, sum};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn a_draft_scores_nothing_until_it_is_published() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    let created = admin.post("/v1/scoring-models", newcomers()).await;
    let model = created.expect(201);
    assert_eq!((&model["status"], &model["definition"]), (&json!("draft"), &Value::Null));
    assert_eq!(model["draft"]["rules"], newcomers()["rules"]);
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(admin.get(&path).await.expect(200), model);
    assert_eq!(scores(&admin, &lead).await, Value::Null);

    published(&admin, &bodies::id(&model)).await;
    let shown = admin.get(&path).await;
    assert_eq!(shown.header("etag"), Some("\"v2\""));
    let live = shown.expect(200);
    assert_eq!((&live["status"], &live["live_version"], &live["draft"]), (&json!("live"), &json!(1), &Value::Null));
    assert_eq!(live["definition"], model["draft"]);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 50);
    let rows = ledger(&admin, &lead).await;
    assert!(rows.iter().all(|row| row["cause"] == "publish" && row["model_version"] == 1), "{rows:?}");
    admin.get(&format!("{path}/draft")).await.expect_problem(404, "not-found");
    admin.post(&format!("{path}/publish"), json!({})).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_live_model_goes_on_while_the_next_version_is_drafted() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let path = format!("/v1/scoring-models/{model}");
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    let next = bodies::with(newcomers(), json!({"name": "Newcomers 2", "sales_ready_score": 50}));
    let saved = admin.put_version(&format!("{path}/draft"), 2, next.clone()).await;
    assert_eq!(saved.header("etag"), Some("\"v3\""));
    let draft = admin.get(&format!("{path}/draft")).await;
    assert_eq!(draft.expect(200), saved.expect(200));
    let shown = admin.get(&path).await.expect(200);
    assert_eq!((&shown["name"], &shown["definition"]["sales_ready_score"]), (&json!("Newcomers"), &json!(100)));
    assert_eq!(scores(&admin, &lead).await["score"], 50);

    published(&admin, &model).await;
    let now = scores(&admin, &lead).await;
    // 30 % of 50 are 15 points; with the 20 of the field that is 35.
    assert_eq!((&now["score"], &now["model_version"], &now["model"]), (&json!(35), &json!(2), &json!("Newcomers 2")));
    assert_eq!(sum(&ledger(&admin, &lead).await), 35);
}

#[tokio::test]
async fn a_lower_threshold_makes_leads_sales_ready_when_it_goes_live() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let mut points = newcomers();
    points["rules"][0] = json!({"key": "white_paper", "points": 30, "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 1}}]});
    let model = live_model(&admin, points.clone()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    points["sales_ready_score"] = json!(50);
    admin.put_version(&format!("/v1/scoring-models/{model}/draft"), 2, points).await.expect(200);
    app.clock.set(day(2));
    published(&admin, &model).await;
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["flags"]["sales_ready"]["at"], &shown["stage"]), (&json!(day(2)), &json!("sales_acceptance")));
}

#[tokio::test]
async fn a_draft_is_saved_over_the_version_that_was_read_and_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let model = bodies::id(&admin.post("/v1/scoring-models", newcomers()).await.expect(201));
    let path = format!("/v1/scoring-models/{model}/draft");
    admin.put(&path, newcomers()).await.expect_problem(428, "precondition-required");
    let renamed = bodies::with(newcomers(), json!({"name": "Renamed"}));
    admin.put_version(&path, 1, renamed.clone()).await.expect(200);
    let stale = admin.put_version(&path, 1, newcomers()).await;
    assert_eq!(stale.header("etag"), Some("\"v2\""));
    stale.expect_problem(412, "precondition-failed");
    assert_eq!(admin.get(&format!("/v1/scoring-models/{model}")).await.expect(200)["name"], "Renamed");
}

#[tokio::test]
async fn a_definition_that_makes_no_sense_is_refused_with_all_that_is_wrong() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = json!([{"interaction": "call", "frequency": "each"}]);
    let odd = json!({
        "name": "Odd", "target": "contact",
        "rules": [
            {"key": "a", "points": 1, "readiness_percent": 1, "when": call},
            {"key": "a", "group": "none", "points": 1, "when": [{"field": "contact.shoe_size", "op": "eq", "value": 43}]},
        ],
        "grades": [{"name": "low", "to": 5}, {"name": "high", "from": 7}],
    });
    let pointers =
        ["/rules/0/readiness_percent", "/rules/1/key", "/rules/1/group", "/rules/1/when/0/field", "/grades/1/from"];
    admin.post("/v1/scoring-models", odd.clone()).await.expect_invalid(&pointers);
    let model = bodies::id(&admin.post("/v1/scoring-models", newcomers()).await.expect(201));
    admin.put_version(&format!("/v1/scoring-models/{model}/draft"), 1, odd).await.expect_invalid(&pointers);
    let shape = json!({"name": "Odd", "target": "people", "rules": [], "color": "red"});
    admin.post("/v1/scoring-models", shape).await.expect_invalid(&["/target", "/rules", "/color"]);
}

#[tokio::test]
async fn a_stopped_model_leaves_no_score_and_can_be_revived() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let path = format!("/v1/scoring-models/{model}");
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    stopped(&admin, &model, false).await;
    let shown = admin.get(&path).await.expect(200);
    assert_eq!((&shown["status"], &shown["live_version"]), (&json!("stopped"), &Value::Null));
    assert_eq!(scores(&admin, &lead).await, Value::Null);
    assert_eq!(sum(&ledger(&admin, &lead).await), 0);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(0), &Value::Null));
    assert_eq!(shown["stage"], "marketing_qualification");
    admin.post(&format!("{path}/stop"), json!({})).await.expect_problem(409, "conflict");

    admin.put_version(&format!("{path}/draft"), 3, newcomers()).await.expect(200);
    published(&admin, &model).await;
    let revived = admin.get(&path).await.expect(200);
    assert_eq!((&revived["status"], &revived["live_version"]), (&json!("live"), &json!(2)));
    assert_eq!(scores(&admin, &lead).await["score"], 50);
    assert_eq!(sum(&ledger(&admin, &lead).await), 50);
}

#[tokio::test]
async fn models_are_listed_by_status_and_only_in_their_workspace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let live = live_model(&admin, newcomers()).await;
    let draft = bodies::id(&admin.post("/v1/scoring-models", newcomers()).await.expect(201));
    let listed = admin.get("/v1/scoring-models?status=live&count=true").await.expect(200);
    assert_eq!((&listed["data"][0]["id"], &listed["total"]), (&json!(live), &json!(1)));
    assert_eq!(admin.get("/v1/scoring-models?count=true").await.expect(200)["total"], 2);
    admin.get("/v1/scoring-models?status=dead").await.expect_bad_parameter("status");
    let stranger = app.other_workspace().admin().await;
    let path = format!("/v1/scoring-models/{draft}");
    stranger.get(&path).await.expect_problem(404, "not-found");
    stranger.get(&format!("{path}/draft")).await.expect_problem(404, "not-found");
    stranger.put_version(&format!("{path}/draft"), 1, newcomers()).await.expect_problem(404, "not-found");
    for action in ["publish", "stop"] {
        stranger.post(&format!("{path}/{action}"), json!({})).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn drafting_publishing_and_reading_need_scopes_of_their_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let model = bodies::id(&admin.post("/v1/scoring-models", newcomers()).await.expect(201));
    let path = format!("/v1/scoring-models/{model}");
    let rep = app.person(Role::Salesperson).await;
    rep.get(&path).await.expect(200);
    rep.post("/v1/scoring-models", newcomers()).await.expect_problem(403, "forbidden");
    rep.post(&format!("{path}/publish"), json!({})).await.expect_problem(403, "forbidden");
    let writer = app.integration(&["scoring:write"]).await;
    writer.put_version(&format!("{path}/draft"), 1, newcomers()).await.expect(200);
    writer.post(&format!("{path}/publish"), json!({})).await.expect_problem(403, "forbidden");
    app.visitor().get(&path).await.expect_problem(401, "unauthorized");
}

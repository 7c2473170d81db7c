//! What publishing, stopping, shadowing and changing what many share do to leads, and the proof that it is right.

use futures_util::future::join_all;
use ripen::db::{Scope, Tx};
use serde_json::{Value, json};

use crate::scoring::{
    day, decider, events, ledger, live_model, monitor, newcomers, points, published, record, scores, stopped, sum,
};
use crate::submissions::execute;
use crate::support::{Person, TestApp, bodies};

/// So many leads of so many contacts; the leads' ids.
async fn crowd(admin: &Person, number: usize) -> Vec<(String, String)> {
    let mut made = Vec::new();
    for some in (0..number).collect::<Vec<_>>().chunks(20) {
        made.extend(
            join_all(some.iter().map(|number| async move {
                let person = bodies::contact(&format!("p{number}@example.com"));
                let contact = bodies::id(&admin.post("/v1/contacts", person).await.expect(201));
                let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
                (contact, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)))
            }))
            .await,
        );
    }
    made
}

fn calls(points: i64) -> Value {
    json!({"name": "Calls", "target": "contact", "rules": [
        {"key": "calls", "points": points, "when": [{"interaction": "call", "frequency": "each"}]}]})
}

async fn save_draft(admin: &Person, model: &str, definition: Value) {
    let path = format!("/v1/scoring-models/{model}/draft");
    admin.request(reqwest::Method::PUT, &path).header("if-match", "*").json(&definition).send().await.expect(200);
}

#[track_caller]
fn proved(job: &Value) {
    assert_eq!((&job["state"], &job["result"]["differences"]), (&json!("done"), &json!(0)), "{job}");
}

async fn verify(admin: &Person, model: &str) -> Value {
    admin.finished(admin.post(&format!("/v1/scoring-models/{model}/verify"), Value::Null).await).await
}

#[tokio::test]
async fn while_a_version_goes_live_recording_goes_on_and_no_lead_mixes_versions() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, calls(3)).await;
    let crowd = crowd(&admin, 230).await;
    save_draft(&admin, &model, calls(10)).await;
    let path = format!("/v1/scoring-models/{model}/publish");
    let publish = admin.post(&path, json!({}));
    let records = join_all(crowd.iter().take(40).map(|(contact, _)| record(&admin, contact, "call", 1)));
    let (publish, answers) = tokio::join!(publish, records);
    for answer in answers {
        let score = &answer["leads"][0]["scores"][0];
        assert!([3, 10].contains(&score["score"].as_i64().unwrap()), "{answer}");
    }
    let job = admin.finished(publish).await;
    assert_eq!((&job["items_done"], &job["result"]["leads"]), (&json!(230), &json!(230)), "{job}");
    for (place, (_, lead)) in crowd.iter().enumerate().step_by(13) {
        let now = scores(&admin, lead).await;
        let expected = if place < 40 { 10 } else { 0 };
        assert_eq!((&now["score"], &now["model_version"]), (&json!(expected), &json!(2)));
        assert_eq!(sum(&ledger(&admin, lead).await), expected);
    }
    proved(&verify(&admin, &model).await);
}

#[tokio::test]
async fn a_version_that_is_overtaken_leaves_no_trace_in_scores() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, calls(1)).await;
    let crowd = crowd(&admin, 120).await;
    record(&admin, &crowd[0].0, "call", 1).await;
    let mut jobs = Vec::new();
    for points in [2, 3, 4] {
        save_draft(&admin, &model, calls(points)).await;
        jobs.push(admin.post(&format!("/v1/scoring-models/{model}/publish"), json!({})).await);
    }
    for job in jobs {
        assert_eq!(admin.finished(job).await["state"], "done");
    }
    let now = scores(&admin, &crowd[0].1).await;
    assert_eq!((&now["score"], &now["model_version"]), (&json!(4), &json!(4)));
    proved(&verify(&admin, &model).await);
}

#[tokio::test]
async fn scores_that_are_kept_stay_as_they_were_and_count_no_more() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "event_attended", 1).await;
    stopped(&admin, &model, true).await;
    let kept = scores(&admin, &lead).await;
    assert_eq!((&kept["score"], &kept["is_kept"]), (&json!(60), &json!(true)));
    assert_eq!(sum(&ledger(&admin, &lead).await), 60);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(0), &Value::Null));
    app.clock.set(day(40));
    record(&admin, &contact, "asset_downloaded", 40).await;
    assert_eq!(scores(&admin, &lead).await["score"], 60);

    save_draft(&admin, &model, newcomers()).await;
    published(&admin, &model).await;
    let now = scores(&admin, &lead).await;
    assert_eq!((&now["score"], &now["is_kept"]), (&json!(70), &json!(false)));
    assert_eq!(sum(&ledger(&admin, &lead).await), 70);
    proved(&verify(&admin, &model).await);
}

#[tokio::test]
async fn a_shadow_scores_live_traffic_and_nothing_follows_from_it() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, calls(10)).await;
    let path = format!("/v1/scoring-models/{model}/shadow");
    admin.get(&path).await.expect_problem(404, "not-found");
    admin.post(&path, Value::Null).await.expect_problem(409, "conflict");
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "call", 1).await;
    save_draft(&admin, &model, calls(60)).await;
    assert_eq!(admin.finished(admin.post(&path, Value::Null).await).await["state"], "done");
    let answer = record(&admin, &contact, "call", 1).await;
    assert_eq!(answer["leads"][0]["scores"].as_array().unwrap().len(), 1);
    assert_eq!(answer["leads"][0]["scores"][0]["score"], 20);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["flags"]["sales_ready"]), (&json!(20), &Value::Null));
    assert!(events(&admin, &lead, "lead.sales_ready").await.is_empty());
    assert_eq!(scores(&admin, &lead).await["model_id"], model);
    assert_eq!(sum(&ledger(&admin, &lead).await), 20);

    let shadow = admin.get(&path).await.expect(200);
    let own =
        admin.get(&format!("/v1/leads/{lead}/score-entries?model_id={}", shadow["model_id"].as_str().unwrap())).await;
    assert_eq!(sum(own.expect(200)["data"].as_array().unwrap()), 120);
    let expected = json!({"both": 1, "only_live": 0, "only_shadow": 0, "higher": 1, "lower": 0, "points_more": 100,
        "ready_by_both": 0, "ready_only_by_live": 0, "ready_only_by_shadow": 1,
        "grades": [{"live": "cold", "shadow": "hot", "leads": 1}]});
    assert_eq!(shadow["comparison"], expected);
    assert_eq!(admin.get("/v1/scoring-models?count=true").await.expect(200)["total"], 1);
    let stranger = app.other_workspace().admin().await;
    stranger.get(&path).await.expect_problem(404, "not-found");
    stranger.post(&path, Value::Null).await.expect_problem(404, "not-found");

    assert_eq!(admin.finished(admin.delete(&path).await).await["state"], "done");
    admin.get(&path).await.expect_problem(404, "not-found");
    assert_eq!(scores(&admin, &lead).await["score"], 20);
    proved(&verify(&admin, &model).await);
}

#[tokio::test]
async fn an_account_that_many_leads_hang_on_is_followed_by_a_job() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let big = json!({"name": "Big", "target": "contact", "rules": [
        {"key": "big", "points": 7, "when": [{"field": "account.employees", "op": "gte", "value": 100}]}]});
    let model = live_model(&admin, big).await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let crowd = crowd(&admin, 101).await;
    let join = |contact: String| {
        let (admin, change) = (&admin, json!({"account_id": account}));
        async move { admin.patch(&format!("/v1/contacts/{contact}"), change).await.expect(200) }
    };
    for some in crowd.chunks(20) {
        join_all(some.iter().map(|(contact, _)| join(contact.clone()))).await;
    }
    let changed = admin.patch(&format!("/v1/accounts/{account}"), json!({"employees": 500})).await;
    let job = admin.ended(&monitor(&changed)).await;
    assert_eq!((&job["kind"], &job["result"]), (&json!("rescore_leads"), &json!({"leads": 101, "changed": 101})));
    for (_, lead) in crowd.iter().step_by(25) {
        assert_eq!(points(&scores(&admin, lead).await, "big"), 7);
        assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 7);
    }
    proved(&verify(&admin, &model).await);
}

#[tokio::test]
async fn a_rule_takes_its_points_from_the_assets_and_follows_their_register() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    for (key, percent) in [("white-paper", json!(30)), ("webinar", json!(12.5)), ("leaflet", Value::Null)] {
        admin.post("/v1/assets", json!({"key": key, "readiness_percent": percent})).await.expect(201);
    }
    let mut downloads = json!({"name": "Downloads", "target": "contact", "sales_ready_score": 60, "rules": [
        {"key": "downloads", "points": "from_asset",
         "when": [{"interaction": "asset_downloaded", "frequency": "each", "within_days": 30}]}]});
    let model = live_model(&admin, downloads.clone()).await;
    assert_eq!(
        admin.get(&format!("/v1/scoring-models/{model}")).await.expect(200)["definition"]["rules"][0]["points"],
        "from_asset"
    );
    let (contact, lead) = decider(&admin).await;
    let mut got = Vec::new();
    for asset in ["white-paper", "webinar", "leaflet", "unknown", "white-paper"] {
        let body = json!({"kind": "asset_downloaded", "occurred_at": day(1), "contact_id": contact, "asset": asset});
        let answer = admin.post("/v1/interactions", body).await.expect(201);
        got.push(answer["leads"][0]["scores"][0]["score"].as_i64().unwrap());
    }
    // 30 % of 60 are 18; 12.5 % are 7.5, rounded away from zero.
    assert_eq!(got, [18, 26, 26, 26, 44]);

    let paper = admin.get("/v1/assets?q=white-paper").await.expect(200)["data"][0].clone();
    admin.patch(&format!("/v1/assets/{}", bodies::id(&paper)), json!({"readiness_percent": 50})).await.expect(200);
    let verified = verify(&admin, &model).await;
    proved(&verified);
    let now = scores(&admin, &lead).await;
    assert_eq!(points(&now, "downloads"), 68);
    let rows = ledger(&admin, &lead).await;
    assert_eq!((&rows.last().unwrap()["cause"], &rows.last().unwrap()["points"]), (&json!("assets"), &json!(24)));
    let latest = now["rules"][0]["why"][0]["done"]["latest"].as_array().unwrap().clone();
    assert_eq!(latest.iter().map(|it| it["points"].as_i64().unwrap()).collect::<Vec<_>>(), [30, 8, 30]);

    downloads["sales_ready_score"] = json!(100);
    save_draft(&admin, &model, downloads).await;
    published(&admin, &model).await;
    // 50 % of 100, twice, and 12.5 % of 100, rounded away from zero.
    assert_eq!(scores(&admin, &lead).await["score"], 113);
    app.clock.set(day(31));
    record(&admin, &contact, "asset_downloaded", 31).await;
    assert_eq!(sum(&ledger(&admin, &lead).await), 1);
    proved(&verify(&admin, &model).await);
    let none_each = json!({"name": "M", "target": "contact", "rules": [
        {"key": "a", "points": "from_asset", "when": [{"interaction": "call", "frequency": "none"}]}]});
    admin.post("/v1/scoring-models", none_each).await.expect_invalid(&["/rules/0/points"]);
}

#[tokio::test]
async fn a_proof_finds_what_was_tampered_with() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "event_attended", 1).await;
    proved(&verify(&admin, &model).await);
    let tamper = |tx: &mut Tx<'_>| execute(tx, "UPDATE score_entries SET points = points + 1 WHERE rule = 'webinar'");
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    app.state.db.write(scope, tamper).await.unwrap();
    let found = verify(&admin, &model).await["result"].clone();
    let webinar =
        json!({"lead_id": lead, "model_id": model, "rule": "webinar", "what": "ledger", "stored": 41, "expected": 40});
    assert_eq!((&found["differences"], &found["first"][0]), (&json!(2), &webinar), "{found}");
    let stranger = app.other_workspace().admin().await;
    let path = format!("/v1/scoring-models/{model}/verify");
    stranger.post(&path, Value::Null).await.expect_problem(404, "not-found");
}

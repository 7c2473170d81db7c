//! Scores that change though nobody does anything, with and without the sweeper (SCO-10).

use std::time::Duration;

use serde_json::{Value, json};

use crate::scoring::{
    TABLE, day, decider, events, ledger, live_model, newcomers, of_rule, record, scores, sum, told_until_day_10,
};
use crate::support::{Options, Person, TestApp};

/// A service whose sweeper looks every few milliseconds.
async fn swept() -> TestApp {
    let often = Some(Duration::from_millis(20));
    TestApp::start_with(Options { start: day(1), sweep_every: often, ..Options::default() }).await
}

/// Waits until the stored score of the lead is `expected`.
async fn stored(admin: &Person, lead: &str, expected: i64) -> Value {
    for _ in 0..400 {
        let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
        if shown["score"] == expected {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the score never became {expected}: {}", admin.get(&format!("/v1/leads/{lead}")).await.text());
}

#[tokio::test]
async fn the_sweeper_brings_stored_scores_down_the_days_of_the_example() {
    let app = swept().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    let rules = ["white_paper", "opens", "webinar", "decider", "silent"];
    for (on, parts, score, grade) in TABLE {
        app.clock.set(day(on));
        let shown = stored(&admin, &lead, score).await;
        assert_eq!(shown["temperature"], grade, "day {on}");
        let rows = ledger(&admin, &lead).await;
        assert_eq!(rules.map(|rule| sum(of_rule(&rows, rule))), parts, "day {on}");
    }
    let rows = ledger(&admin, &lead).await;
    let told: Vec<_> = of_rule(&rows, "webinar").iter().map(|row| (row["at"].clone(), row["points"].clone())).collect();
    assert_eq!(told, [(10, 40), (40, -20), (70, -20)].map(|(on, points)| (json!(day(on)), json!(points))));
    assert_eq!(events(&admin, &lead, "lead.fell_below").await.len(), 1);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["flags"]["sales_ready"]["at"], json!(day(10)));
}

#[tokio::test]
async fn after_a_standstill_the_sweeper_tells_everything_when_it_happened() {
    let app = swept().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    app.clock.set(day(80));
    stored(&admin, &lead, 35).await;
    let rows = ledger(&admin, &lead).await;
    let later: Vec<_> = rows.iter().skip_while(|row| row["at"] != json!(day(33))).collect();
    let told: Vec<_> = later.iter().map(|row| (row["at"].clone(), row["points"].as_i64().unwrap())).collect();
    let expected = [(33, -5), (34, -5), (35, -5), (40, -20), (61, -15), (70, -20)];
    assert_eq!(told, expected.map(|(on, points)| (json!(day(on)), points)));
    assert!(later.iter().all(|row| row["recorded_at"] == json!(day(80))));
}

#[tokio::test]
async fn without_a_sweeper_every_read_is_exact_all_the_same() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    for (on, _, score, grade) in TABLE {
        app.clock.set(day(on));
        let now = scores(&admin, &lead).await;
        assert_eq!((&now["score"], &now["grade"]), (&json!(score), &json!(grade)), "day {on}");
    }
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 105);
}

#[tokio::test]
async fn the_sweeper_serves_every_workspace() {
    let app = swept().await;
    let mut leads = Vec::new();
    for admin in [app.admin().await, app.other_workspace().admin().await] {
        live_model(&admin, newcomers()).await;
        let (contact, lead) = decider(&admin).await;
        record(&admin, &contact, "event_attended", 1).await;
        leads.push((admin, lead));
    }
    app.clock.set(day(31));
    for (admin, lead) in &leads {
        stored(admin, lead, 40).await;
    }
}

#[tokio::test]
async fn recording_and_sweeping_at_once_lose_nothing() {
    let app = swept().await;
    let admin = app.admin().await;
    let model = json!({"name": "Calls", "target": "contact", "rules": [
        {"key": "calls", "points": 3, "when": [{"interaction": "call", "frequency": "each", "within_days": 2}]},
        {"key": "fading", "points": 8, "when": [
            {"interaction": "call", "frequency": "each", "decay": {"percent": 25, "every_days": 1}}]}]});
    let model = live_model(&admin, model).await;
    let (contact, lead) = decider(&admin).await;
    for on in 1..12 {
        app.clock.set(day(on));
        let calls = (0..8).map(|_| record(&admin, &contact, "call", on));
        futures_util::future::join_all(calls).await;
    }
    app.clock.set(day(13));
    // Of day 12 there are none; of those before, days 10 and 11 keep a half and three quarters, day 9 a quarter … .
    let exact = scores(&admin, &lead).await["score"].as_i64().unwrap();
    stored(&admin, &lead, exact).await;
    let verified = admin.finished(admin.post(&format!("/v1/scoring-models/{model}/verify"), Value::Null).await).await;
    assert_eq!(
        (&verified["result"]["differences"], &verified["result"]["scores"]),
        (&json!(0), &json!(1)),
        "{verified}"
    );
}

//! Models, scores and the ledger: the worked numbers of the design, and what follows from a score.

use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

fn day(day: i64) -> Timestamp {
    Timestamp::from_day(day)
}

/// The model of the design's worked example.
fn newcomers() -> Value {
    json!({
        "name": "Newcomers", "target": "contact", "sales_ready_score": 100,
        "rules": [
            {"key": "white_paper", "readiness_percent": 30,
             "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 1}}]},
            {"key": "opens", "points": 5,
             "when": [{"interaction": "email_opened", "frequency": "each", "max_times": 3, "within_days": 30}]},
            {"key": "webinar", "points": 40,
             "when": [{"interaction": "event_attended", "frequency": "each", "decay": {"percent": 50, "every_days": 30}}]},
            {"key": "decider", "points": 20,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "silent", "points": -15,
             "when": [{"interaction": "page_visited", "frequency": "none", "within_days": 60}]}
        ],
        "groups": [], "floor": 0, "residual": 1,
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}]
    })
}

/// A live model of this definition; its id.
async fn live_model(admin: &Person, definition: Value) -> String {
    let model = admin.post("/v1/scoring-models", definition).await.expect(201);
    let id = bodies::id(&model);
    admin.post(&format!("/v1/scoring-models/{id}/publish"), json!({})).await.expect(200);
    id
}

/// A decision maker with a lead; their ids.
async fn decider(admin: &Person) -> (String, String) {
    let changes = json!({"decision_role": "decision_maker"});
    let contact =
        admin.post("/v1/contacts", bodies::with(bodies::contact("ann@example.com"), changes)).await.expect(201);
    let contact = bodies::id(&contact);
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    (contact, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)))
}

/// What happens in the example: each kind with its day.
const STORY: [(&str, i64); 6] = [
    ("asset_downloaded", 1),
    ("email_opened", 2),
    ("email_opened", 3),
    ("email_opened", 4),
    ("email_opened", 5),
    ("event_attended", 10),
];

async fn record(admin: &Person, contact: &str, kind: &str, on: i64) -> Value {
    let body = json!({"kind": kind, "occurred_at": day(on), "contact_id": contact});
    admin.post("/v1/interactions", body).await.expect(201)
}

async fn scores(admin: &Person, lead: &str) -> Value {
    admin.get(&format!("/v1/leads/{lead}/scores?forecast=true")).await.expect(200)["data"][0].clone()
}

fn points(score: &Value, rule: &str) -> i64 {
    let shares = score["shares"].as_array().unwrap();
    shares.iter().find(|share| share["rule"] == rule).map_or(0, |share| share["points"].as_i64().unwrap())
}

/// All rows of a lead's ledger, oldest first.
async fn ledger(admin: &Person, lead: &str) -> Vec<Value> {
    let path = format!("/v1/leads/{lead}/score-entries?sort=at&limit=200");
    admin.get(&path).await.expect(200)["data"].as_array().unwrap().clone()
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Value>) -> i64 {
    rows.into_iter().map(|row| row["points"].as_i64().unwrap()).sum()
}

fn of_rule<'a>(rows: &'a [Value], rule: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["rule"] == rule).collect()
}

#[tokio::test]
async fn the_worked_numbers_of_the_design_come_out() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    let mut answers = Vec::new();
    for (kind, on) in STORY {
        app.clock.set(day(on));
        answers.push(record(&admin, &contact, kind, on).await);
    }
    let told: Vec<(i64, i64, String)> = answers
        .iter()
        .map(|answer| {
            let score = &answer["leads"][0]["scores"][0];
            assert_eq!((&score["model_id"], &answer["leads"][0]["lead_id"]), (&json!(model), &json!(lead)));
            let number = |name: &str| score[name].as_i64().unwrap();
            (number("before"), number("score"), score["grade"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected =
        [(20, 50, "warm"), (50, 55, "warm"), (55, 60, "warm"), (60, 65, "hot"), (65, 65, "hot"), (65, 105, "hot")];
    assert_eq!(told, expected.map(|(before, score, grade)| (before, score, grade.to_owned())));
    assert_eq!(answers[5]["leads"][0]["scores"][0]["sales_ready"], true);
    assert_eq!(answers[5]["leads"][0]["stage"], json!({"from": "marketing_qualification", "to": "sales_acceptance"}));

    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(105), &json!("hot")));
    assert_eq!(shown["stage"], "sales_acceptance");
    assert_eq!(shown["sales_ready_at"], json!(day(10)));
    assert_eq!(shown["flags"]["sales_ready"], json!({"at": day(10), "by": null, "model_id": model}));

    let changes = admin.get(&format!("/v1/leads/{lead}/transitions?sort=at")).await.expect(200);
    let stages: Vec<&str> =
        changes["data"].as_array().unwrap().iter().map(|it| it["to_stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["inquiry", "marketing_qualification", "sales_acceptance"]);

    let now = scores(&admin, &lead).await;
    let ahead: Vec<_> =
        now["forecast"].as_array().unwrap().iter().map(|it| (it["at"].clone(), it["score"].clone())).collect();
    let expected = [(33, 100), (34, 95), (35, 90), (40, 70), (61, 55), (70, 35)];
    assert_eq!(ahead, expected.map(|(on, score)| (json!(day(on)), json!(score))));
    let rows = ledger(&admin, &lead).await;
    let opens: Vec<i64> = of_rule(&rows, "opens").iter().map(|row| row["points"].as_i64().unwrap()).collect();
    assert_eq!(opens, [5, 5, 5]);
    assert_eq!(sum(&rows), 105);

    let rules = ["white_paper", "opens", "webinar", "decider", "silent"];
    for (on, shares, score, grade) in [
        (10, [30, 15, 40, 20, 0], 105, "hot"),
        (33, [30, 10, 40, 20, 0], 100, "hot"),
        (34, [30, 5, 40, 20, 0], 95, "hot"),
        (35, [30, 0, 40, 20, 0], 90, "hot"),
        (40, [30, 0, 20, 20, 0], 70, "hot"),
        (61, [30, 0, 20, 20, -15], 55, "warm"),
        (70, [30, 0, 0, 20, -15], 35, "warm"),
    ] {
        app.clock.set(day(on));
        let now = scores(&admin, &lead).await;
        assert_eq!(rules.map(|rule| points(&now, rule)), shares, "day {on}");
        assert_eq!((&now["score"], &now["grade"]), (&json!(score), &json!(grade)), "day {on}");
        assert_eq!(now["sales_ready"], score >= 100, "day {on}");
    }
}

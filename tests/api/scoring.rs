//! Models, scores and the ledger: the worked numbers of the design, and what follows from a score.

use futures_util::future::join_all;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, bodies};

pub fn day(day: i64) -> Timestamp {
    Timestamp::from_day(day)
}

/// The model of the design's worked example.
pub fn newcomers() -> Value {
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
pub async fn live_model(admin: &Person, definition: Value) -> String {
    let model = admin.post("/v1/scoring-models", definition).await.expect(201);
    let id = bodies::id(&model);
    published(admin, &id).await;
    id
}

/// Publishes the draft of a model and waits until every lead follows; the job's result.
pub async fn published(admin: &Person, model: &str) -> Value {
    let job = admin.post(&format!("/v1/scoring-models/{model}/publish"), json!({})).await;
    let job = admin.finished(job).await;
    assert_eq!(job["state"], "done", "{job}");
    job["result"].clone()
}

/// Where the job is to be followed that finishes what an answer tells of.
#[track_caller]
pub fn monitor(answer: &Answer) -> String {
    let link = answer.header("link").unwrap_or_else(|| panic!("no link in {answer:?}"));
    let path = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"monitor\""));
    path.unwrap_or_else(|| panic!("not a monitor: {link}")).to_owned()
}

/// Stops a model and waits until its scores are gone, or stay when they are kept; the job's result.
pub async fn stopped(admin: &Person, model: &str, keep_scores: bool) -> Value {
    let job = admin.post(&format!("/v1/scoring-models/{model}/stop"), json!({"keep_scores": keep_scores})).await;
    admin.finished(job).await["result"].clone()
}

/// A decision maker with a lead; their ids.
pub async fn decider(admin: &Person) -> (String, String) {
    let changes = json!({"decision_role": "decision_maker"});
    let contact =
        admin.post("/v1/contacts", bodies::with(bodies::contact("ann@example.com"), changes)).await.expect(201);
    let contact = bodies::id(&contact);
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    (contact, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)))
}

/// What happens in the example: each kind with its day.
pub const STORY: [(&str, i64); 6] = [
    ("asset_downloaded", 1),
    ("email_opened", 2),
    ("email_opened", 3),
    ("email_opened", 4),
    ("email_opened", 5),
    ("event_attended", 10),
];

/// What the example's table says of every later day: points by rule, score and grade.
pub const TABLE: [(i64, [i64; 5], i64, &str); 7] = [
    (10, [30, 15, 40, 20, 0], 105, "hot"),
    (33, [30, 10, 40, 20, 0], 100, "hot"),
    (34, [30, 5, 40, 20, 0], 95, "hot"),
    (35, [30, 0, 40, 20, 0], 90, "hot"),
    (40, [30, 0, 20, 20, 0], 70, "hot"),
    (61, [30, 0, 20, 20, -15], 55, "warm"),
    (70, [30, 0, 0, 20, -15], 35, "warm"),
];

pub async fn record(admin: &Person, contact: &str, kind: &str, on: i64) -> Value {
    let body = json!({"kind": kind, "occurred_at": day(on), "contact_id": contact});
    admin.post("/v1/interactions", body).await.expect(201)
}

/// The example until day 10, each thing told of on the day it happens: its contact and lead.
pub async fn told_until_day_10(app: &TestApp, admin: &Person) -> (String, String) {
    let (contact, lead) = decider(admin).await;
    for (kind, on) in STORY {
        app.clock.set(day(on));
        record(admin, &contact, kind, on).await;
    }
    (contact, lead)
}

pub async fn scores(admin: &Person, lead: &str) -> Value {
    admin.get(&format!("/v1/leads/{lead}/scores?forecast=true")).await.expect(200)["data"][0].clone()
}

pub fn points(score: &Value, rule: &str) -> i64 {
    let shares = score["shares"].as_array().unwrap();
    shares.iter().find(|share| share["rule"] == rule).map_or(0, |share| share["points"].as_i64().unwrap())
}

/// All rows of a lead's ledger, oldest first.
pub async fn ledger(admin: &Person, lead: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/leads/{lead}/score-entries?sort=at&limit=200{cursor}");
        let page = admin.get(&path).await.expect(200);
        rows.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

pub fn sum<'a>(rows: impl IntoIterator<Item = &'a Value>) -> i64 {
    rows.into_iter().map(|row| row["points"].as_i64().unwrap()).sum()
}

pub fn of_rule<'a>(rows: &'a [Value], rule: &str) -> Vec<&'a Value> {
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
    assert_eq!(shown["flags"]["sales_ready"]["at"], json!(day(10)));
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
    for (on, shares, score, grade) in TABLE {
        app.clock.set(day(on));
        let now = scores(&admin, &lead).await;
        assert_eq!(rules.map(|rule| points(&now, rule)), shares, "day {on}");
        assert_eq!((&now["score"], &now["grade"]), (&json!(score), &json!(grade)), "day {on}");
        assert_eq!(now["sales_ready"], score >= 100, "day {on}");
    }
}

/// The events of a type about a lead, oldest first.
pub async fn events(admin: &Person, lead: &str, kind: &str) -> Vec<Value> {
    let path = format!("/v1/events?type={kind}&lead_id={lead}&sort=at");
    admin.get(&path).await.expect(200)["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_ledger_tells_the_time_that_passed_before_what_is_new() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = told_until_day_10(&app, &admin).await;
    app.clock.set(day(40));
    let answer = record(&admin, &contact, "asset_downloaded", 36).await;
    assert_eq!(answer["leads"][0]["scores"][0]["score"], 70);
    let rows = ledger(&admin, &lead).await;
    let told = |rule: &str| -> Vec<(i64, Value, String)> {
        let told = |row: &&Value| {
            (row["points"].as_i64().unwrap(), row["at"].clone(), row["cause"].as_str().unwrap().to_owned())
        };
        of_rule(&rows, rule).iter().map(told).collect()
    };
    let row = |points: i64, on: i64, cause: &str| (points, json!(day(on)), cause.to_owned());
    let opens = [
        row(5, 2, "interaction"),
        row(5, 3, "interaction"),
        row(5, 4, "interaction"),
        row(-5, 33, "window_expiry"),
        row(-5, 34, "window_expiry"),
        row(-5, 35, "window_expiry"),
    ];
    assert_eq!(told("opens"), opens);
    assert_eq!(told("webinar"), [row(40, 10, "interaction"), row(-20, 40, "decay")]);
    assert_eq!(told("decider"), [row(20, 1, "field_change")]);
    assert_eq!(sum(&rows), 70);
    let fallen = events(&admin, &lead, "lead.fell_below").await;
    assert_eq!((fallen.len(), &fallen[0]["data"]["score"]), (1, &json!(70)));
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!(
        (&shown["score"], &shown["flags"]["sales_ready"]["at"], &shown["stage"]),
        (&json!(70), &json!(day(10)), &json!("sales_acceptance"))
    );
}

#[tokio::test]
async fn the_order_in_which_things_become_known_does_not_matter() {
    let orders = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2], [1, 5, 0, 4, 2, 3]];
    for order in orders {
        let app = TestApp::start_at(day(1)).await;
        let admin = app.admin().await;
        live_model(&admin, newcomers()).await;
        let (contact, lead) = decider(&admin).await;
        for (late, index) in order.into_iter().enumerate() {
            let (kind, on) = STORY[index];
            app.clock.set(day(11 + 4 * late as i64));
            record(&admin, &contact, kind, on).await;
        }
        for (on, score) in [(32, 105), (33, 100), (34, 95), (35, 90), (40, 70), (61, 55), (70, 35)] {
            app.clock.set(day(on));
            assert_eq!(scores(&admin, &lead).await["score"], score, "{order:?}, day {on}");
        }
        // Another recording, which gives nothing, brings what is stored up to date.
        record(&admin, &contact, "call", 70).await;
        let rows = ledger(&admin, &lead).await;
        for (rule, points) in [("white_paper", 30), ("opens", 0), ("webinar", 0), ("decider", 20), ("silent", -15)] {
            assert_eq!(sum(of_rule(&rows, rule)), points, "{order:?}, {rule}");
        }
    }
}

#[tokio::test]
async fn what_is_told_twice_scores_once() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    let open = json!({"kind": "email_opened", "occurred_at": day(9), "contact_id": contact, "source": "mailer", "external_id": "m-1"});
    let first = admin.post("/v1/interactions", open.clone()).await.expect(201);
    assert_eq!(first["leads"][0]["scores"][0]["score"], 25);
    app.clock.set(day(11));
    let again = admin.post("/v1/interactions", open).await.expect(200);
    assert_eq!(again["id"], first["id"]);
    let score = &again["leads"][0]["scores"][0];
    assert_eq!((&score["before"], &score["score"]), (&json!(25), &json!(25)));
    assert_eq!(sum(of_rule(&ledger(&admin, &lead).await, "opens")), 5);
}

#[tokio::test]
async fn a_changed_field_scores_the_leads_anew_at_once() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    admin.patch(&format!("/v1/contacts/{contact}"), json!({"decision_role": "user"})).await.expect(200);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(0), &json!("cold")));
    let rows = ledger(&admin, &lead).await;
    assert_eq!(
        of_rule(&rows, "decider").iter().map(|row| row["points"].as_i64().unwrap()).collect::<Vec<_>>(),
        [20, -20]
    );
    admin.patch(&format!("/v1/contacts/{contact}"), json!({"decision_role": "decision_maker"})).await.expect(200);
    assert_eq!(scores(&admin, &lead).await["score"], 20);
}

#[tokio::test]
async fn caps_and_the_residual_appear_in_the_ledger() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let mut capped = newcomers();
    capped["rules"][1]["group"] = json!("mail");
    capped["groups"] = json!([{"name": "mail", "max": 10}]);
    capped["rules"].as_array_mut().unwrap().retain(|rule| rule["key"] == "opens" || rule["key"] == "webinar");
    live_model(&admin, capped).await;
    let (contact, lead) = decider(&admin).await;
    for on in [2, 3, 4] {
        app.clock.set(day(on));
        record(&admin, &contact, "email_opened", on).await;
    }
    let now = scores(&admin, &lead).await;
    assert_eq!((points(&now, "opens"), points(&now, "@cap:mail"), &now["score"]), (15, -5, &json!(10)));
    app.clock.set(day(40));
    record(&admin, &contact, "call", 40).await;
    let rows = ledger(&admin, &lead).await;
    assert_eq!((sum(of_rule(&rows, "@cap:mail")), sum(of_rule(&rows, "@residual")), sum(&rows)), (0, 1, 1));
}

#[tokio::test]
async fn either_of_two_models_makes_a_lead_sales_ready() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let callers = json!({
        "name": "Callers", "target": "contact", "sales_ready_score": 40,
        "rules": [{"key": "calls", "points": 20, "when": [{"interaction": "call", "frequency": "each"}]}],
        "grades": [{"name": "low", "to": 39}, {"name": "high", "from": 40}]
    });
    let callers = live_model(&admin, callers).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "call", 1).await;
    let answer = record(&admin, &contact, "call", 1).await;
    let told: Vec<_> = answer["leads"][0]["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["model"], &it["score"], &it["sales_ready"]))
        .collect();
    assert_eq!(told, [(&json!("Newcomers"), &json!(20), &json!(false)), (&json!("Callers"), &json!(40), &json!(true))]);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["score"], &shown["temperature"]), (&json!(40), &json!("high")));
    assert_eq!(shown["flags"]["sales_ready"]["model_id"], callers);
    assert_eq!(events(&admin, &lead, "lead.sales_ready").await.len(), 1);
    record(&admin, &contact, "call", 1).await;
    assert_eq!(events(&admin, &lead, "lead.sales_ready").await.len(), 1);
}

#[tokio::test]
async fn a_first_score_and_every_change_of_one_are_told() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("bob@example.com")).await.expect(201));
    let lead = bodies::id(
        &admin.post("/v1/leads", json!({"contact_id": contact, "topic": "CRM", "source": "web"})).await.expect(201),
    );
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["stage"], "inquiry");
    let answer = record(&admin, &contact, "asset_downloaded", 1).await;
    assert_eq!(answer["leads"][0]["stage"], json!({"from": "inquiry", "to": "marketing_qualification"}));
    assert_eq!(events(&admin, &lead, "lead.first_scored").await.len(), 1);
    let told = events(&admin, &lead, "lead.scored").await;
    let expected = json!({
        "model_id": model, "model": "Newcomers", "model_version": 1,
        "score": 30, "before": 0, "grade": "warm", "grade_before": "cold",
    });
    assert_eq!(told.iter().map(|event| &event["data"]).collect::<Vec<_>>(), [&expected]);
    record(&admin, &contact, "asset_downloaded", 1).await;
    assert_eq!(events(&admin, &lead, "lead.scored").await.len(), 1);
}

#[tokio::test]
async fn what_waited_for_its_person_scores_when_they_appear() {
    let app = TestApp::start_at(day(5)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    for on in [2, 3] {
        let visit = json!({"kind": "email_opened", "occurred_at": day(on), "person": {"anonymous_id": "browser-1"}});
        let answer = admin.post("/v1/interactions", visit).await.expect(201);
        assert_eq!((&answer["attributed_to"], &answer["leads"]), (&Value::Null, &json!([])));
    }
    assert_eq!(scores(&admin, &lead).await["score"], 20);
    admin.patch(&format!("/v1/contacts/{contact}"), json!({"anonymous_ids": ["browser-1"]})).await.expect(200);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 30);
}

#[tokio::test]
async fn a_lead_of_an_account_is_scored_by_what_all_its_people_do() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let mut accounts = newcomers();
    accounts["target"] = json!("account");
    live_model(&admin, accounts).await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let mut people = Vec::new();
    for email in ["ann@example.com", "bob@example.com"] {
        let body = bodies::with(bodies::contact(email), json!({"account_id": account}));
        people.push(bodies::id(&admin.post("/v1/contacts", body).await.expect(201)));
    }
    let lead = json!({"account_id": account, "topic": "Fleet", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    record(&admin, &people[0], "asset_downloaded", 1).await;
    let answer = record(&admin, &people[1], "email_opened", 1).await;
    assert_eq!((&answer["leads"][0]["lead_id"], &answer["leads"][0]["scores"][0]["score"]), (&json!(lead), &json!(35)));
    let about = json!({"kind": "event_attended", "occurred_at": day(1), "lead_id": lead});
    let answer = admin.post("/v1/interactions", about).await.expect(201);
    assert_eq!((&answer["attributed_to"], &answer["leads"][0]["scores"][0]["score"]), (&Value::Null, &json!(75)));

    admin.patch(&format!("/v1/contacts/{}", people[0]), json!({"account_id": null})).await.expect(200);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 45);
}

#[tokio::test]
async fn only_the_audience_is_scored() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let audience = json!({"audience": [{"field": "lead.product_line", "op": "eq", "value": "crm"}]});
    live_model(&admin, bodies::with(newcomers(), audience)).await;
    let (_, lead) = decider(&admin).await;
    assert_eq!(scores(&admin, &lead).await, Value::Null);
    let path = format!("/v1/leads/{lead}");
    assert_eq!(admin.patch(&path, json!({"product_line": "crm"})).await.expect(200)["score"], 20);
    assert_eq!(scores(&admin, &lead).await["score"], 20);
    let outside = admin.patch(&path, json!({"product_line": "erp"})).await.expect(200);
    assert_eq!((&outside["score"], &outside["temperature"]), (&json!(0), &Value::Null));
    assert_eq!(scores(&admin, &lead).await, Value::Null);
    assert_eq!(sum(&ledger(&admin, &lead).await), 0);
}

#[tokio::test]
async fn without_consent_to_profiling_nobody_is_scored_where_it_is_needed() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    assert_eq!(scores(&admin, &lead).await["score"], 20);
    let changed = admin.patch_version("/v1/settings", 1, json!({"require_profiling_consent": true})).await;
    admin.ended(&monitor(&changed)).await;
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 0);
    let answer = record(&admin, &contact, "asset_downloaded", 1).await;
    assert_eq!(answer["leads"], json!([{"lead_id": lead, "scores": [], "stage": null}]));
    assert_eq!(scores(&admin, &lead).await, Value::Null);
    let consent =
        |granted: bool| json!({"consents": {"profiling": {"granted": granted, "at": day(1), "how": "phone"}}});
    admin.patch(&format!("/v1/contacts/{contact}"), consent(true)).await.expect(200);
    assert_eq!(scores(&admin, &lead).await["score"], 50);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 50);
    admin.patch(&format!("/v1/contacts/{contact}"), consent(false)).await.expect(200);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 0);
    assert_eq!(sum(&ledger(&admin, &lead).await), 0);
}

#[tokio::test]
async fn what_machines_do_scores_nothing_and_what_is_still_to_come_counts_in_its_time() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    for evidence in ["machine", "suspect"] {
        let open = json!({"kind": "email_opened", "occurred_at": day(1), "contact_id": contact, "evidence": evidence});
        let answer = admin.post("/v1/interactions", open).await.expect(201);
        assert_eq!(answer["leads"][0]["scores"][0]["score"], 20, "{evidence}");
    }
    let soon = app.now().plus_seconds(300);
    let open = json!({"kind": "email_opened", "occurred_at": soon, "contact_id": contact});
    let answer = admin.post("/v1/interactions", open).await.expect(201);
    assert_eq!(answer["leads"][0]["scores"][0]["score"], 20);
    let now = scores(&admin, &lead).await;
    assert_eq!((&now["score"], &now["due_at"]), (&json!(20), &json!(soon)));
    app.clock.set(soon);
    assert_eq!(scores(&admin, &lead).await["score"], 25);
}

#[tokio::test]
async fn a_ledger_is_read_in_pages_and_by_model_and_rule() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    for (kind, on) in STORY {
        app.clock.set(day(on));
        record(&admin, &contact, kind, on).await;
    }
    let path = format!("/v1/leads/{lead}/score-entries");
    let all = ledger(&admin, &lead).await;
    let (mut read, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{path}?sort=at&limit=2{cursor}")).await.expect(200);
        read.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(read, all);
    let opens = admin.get(&format!("{path}?rule=opens&model_id={model}&count=true")).await.expect(200);
    assert_eq!(opens["total"], 3);
    assert!(opens["data"].as_array().unwrap().iter().all(|row| row["rule"] == "opens"));
    let other = admin.get(&format!("{path}?model_id={lead}")).await.expect(200);
    assert_eq!(other["data"], json!([]));
    admin.get(&format!("{path}?rules=opens")).await.expect_bad_parameter("rules");
    admin.get(&format!("/v1/leads/{lead}/scores?forecast=maybe")).await.expect_bad_parameter("forecast");
}

#[tokio::test]
async fn another_workspace_sees_no_scores() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = decider(&admin).await;
    let stranger = app.other_workspace().admin().await;
    for path in ["scores", "score-entries"] {
        stranger.get(&format!("/v1/leads/{lead}/{path}")).await.expect_problem(404, "not-found");
    }
    assert_eq!(stranger.get("/v1/scoring-models").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn however_many_record_at_once_the_ledger_adds_up_to_the_score() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let each = json!({
        "name": "Each", "target": "contact",
        "rules": [{"key": "calls", "points": 3, "when": [{"interaction": "call", "frequency": "each"}]}],
    });
    live_model(&admin, each).await;
    let (contact, lead) = decider(&admin).await;
    let answers = join_all((0..64).map(|_| record(&admin, &contact, "call", 1))).await;
    let mut told: Vec<i64> =
        answers.iter().map(|answer| answer["leads"][0]["scores"][0]["score"].as_i64().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, (1..=64).map(|times| 3 * times).collect::<Vec<_>>());
    let rows = ledger(&admin, &lead).await;
    assert_eq!((rows.len(), sum(&rows)), (64, 192));
    assert_eq!(scores(&admin, &lead).await["score"], 192);
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 192);
    let done = admin.get(&format!("/v1/interactions?contact_id={contact}&limit=200")).await.expect(200);
    assert_eq!(done["data"].as_array().unwrap().len(), 64);
}

#[tokio::test]
async fn leads_opened_and_models_published_amid_recordings_miss_nothing() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let (contact, first) = decider(&admin).await;
    let model = bodies::id(&admin.post("/v1/scoring-models", newcomers()).await.expect(201));
    let publish = format!("/v1/scoring-models/{model}/publish");
    let opens = join_all((0..3).map(|_| async {
        let lead = json!({"contact_id": contact, "topic": "Another", "source": "web"});
        bodies::id(&admin.post("/v1/leads", lead).await.expect(201))
    }));
    let records = join_all((0..20).map(|_| record(&admin, &contact, "email_opened", 1)));
    let changes = join_all((0..5).map(|number| {
        let change = json!({"job_title": format!("Title {number}")});
        let (admin, path) = (&admin, format!("/v1/contacts/{contact}"));
        async move { admin.patch(&path, change).await.expect(200) }
    }));
    let (published, mut leads, ..) = tokio::join!(admin.post(&publish, json!({})), opens, records, changes);
    admin.finished(published).await;
    leads.push(first);
    for lead in leads {
        assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 35);
        assert_eq!(sum(&ledger(&admin, &lead).await), 35);
    }
}

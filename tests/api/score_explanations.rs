//! What a lead's scores rest on, what brings them further, and what they were (SCO-9); and what is odd about a model
//! before it is saved (SCO-1).

use ripen::auth::scope::Role;
use ripen::clock::Timestamp;
use ripen::db::{Scope, Tx};
use serde_json::{Value, json};

use crate::scoring::{day, decider, live_model, newcomers, points, record, scores, stopped, sum, told_until_day_10};
use crate::scoring_laws::Story;
use crate::submissions::execute;
use crate::support::{Person, TestApp, bodies};

fn rule<'a>(score: &'a Value, key: &str) -> &'a Value {
    score["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == key).unwrap()
}

fn sentence<'a>(score: &'a Value, key: &str) -> &'a str {
    rule(score, key)["why"][0]["sentence"].as_str().unwrap()
}

#[tokio::test]
async fn every_rule_tells_what_it_gives_and_why() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    let now = scores(&admin, &lead).await;
    let told: Vec<_> = now["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["rule"].as_str().unwrap(), it["points"].as_i64().unwrap(), it["worth"].as_i64().unwrap()))
        .collect();
    let expected =
        [("white_paper", 30, 30), ("opens", 15, 5), ("webinar", 40, 40), ("decider", 20, 20), ("silent", 0, -15)];
    assert_eq!(told, expected);
    assert_eq!((&now["points_missing"], &now["sales_ready"]), (&json!(0), &json!(true)));
    assert_eq!((&now["grade_from"], &now["grade_to"], &now["next_grade"]), (&json!(61), &Value::Null, &Value::Null));

    assert_eq!(sentence(&now, "white_paper"), "at least 1 asset_downloaded: 1 so far");
    assert_eq!(
        sentence(&now, "opens"),
        "4 × email_opened in the last 30 days; the latest 3 count; the next of them leaves on 1970-02-03T00:00:00Z"
    );
    assert_eq!(sentence(&now, "webinar"), "1 × event_attended; it fades on 1970-02-10T00:00:00Z");
    assert_eq!(sentence(&now, "decider"), "contact.decision_role is \"decision_maker\"");
    assert_eq!(
        sentence(&now, "silent"),
        "no page_visited in the last 60 days; the lead is younger than that until 1970-03-03T00:00:00Z"
    );

    let opens = &rule(&now, "opens")["why"][0];
    assert_eq!(opens["condition"], newcomers()["rules"][1]["when"][0]);
    let done = &opens["done"];
    assert_eq!((&done["from"], &done["until"]), (&json!(day(-20)), &json!(day(10))));
    assert_eq!((&done["happened"], &done["counted"], &done["last_at"]), (&json!(4), &json!(3), &json!(day(5))));
    let latest: Vec<_> = done["latest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["occurred_at"].clone(), it["points"].clone(), it["leaves_at"].clone()))
        .collect();
    assert_eq!(latest, [5, 4, 3].map(|on| (json!(day(on)), json!(5), json!(day(on + 30)))));
    let webinar = &rule(&now, "webinar")["why"][0]["done"]["latest"][0];
    assert_eq!((&webinar["leaves_at"], &webinar["fades_at"]), (&Value::Null, &json!(day(40))));
    let decider = &rule(&now, "decider")["why"][0];
    assert_eq!((&decider["holds"], &decider["actual"]), (&json!(true), &json!("decision_maker")));

    app.clock.set(day(61));
    let now = scores(&admin, &lead).await;
    assert_eq!((&now["score"], &now["points_missing"]), (&json!(55), &json!(45)));
    assert_eq!(now["next_grade"], json!({"name": "hot", "from": 61, "points_missing": 6}));
    assert_eq!(sentence(&now, "opens"), "no email_opened in the last 30 days; the last was on 1970-01-06T00:00:00Z");
    assert_eq!(sentence(&now, "silent"), "no page_visited in the last 60 days");
    assert_eq!(rule(&now, "silent")["points"], -15);
}

#[tokio::test]
async fn a_forecast_tells_which_rules_change_and_why() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    let now = scores(&admin, &lead).await;
    let change = |rule: &str, points: i64, cause: &str| json!([{"rule": rule, "points": points, "cause": cause}]);
    let told: Vec<&Value> = now["forecast"].as_array().unwrap().iter().map(|it| &it["rules"]).collect();
    assert_eq!(
        told,
        [
            &change("opens", -5, "window_expiry"),
            &change("opens", -5, "window_expiry"),
            &change("opens", -5, "window_expiry"),
            &change("webinar", -20, "decay"),
            &change("silent", -15, "window_expiry"),
            &change("webinar", -20, "decay"),
        ]
    );
}

#[tokio::test]
async fn bounds_tell_what_they_take_and_all_of_it_adds_up_to_the_score() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let mut capped = newcomers();
    capped["rules"][1]["group"] = json!("mail");
    capped["groups"] = json!([{"name": "mail", "max": 10}]);
    capped["ceiling"] = json!(90);
    live_model(&admin, capped).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    let now = scores(&admin, &lead).await;
    let bound = |rule: &str, points: i64, sentence: &str| json!({"rule": rule, "points": points, "sentence": sentence});
    assert_eq!(
        now["bounds"],
        json!([
            bound("@cap:mail", -5, "The rules of group mail give 15 points; the group gives at most 10."),
            bound("@ceiling", -10, "Rules and groups give 100 points; a score is never more than 90."),
        ])
    );
    let all = now["rules"].as_array().unwrap().iter().chain(now["bounds"].as_array().unwrap());
    assert_eq!((sum(all), &now["score"]), (90, &json!(90)));
    let nearest = &now["nearest"];
    assert_eq!((&nearest["reached"], &nearest["score"], &nearest["steps"]), (&json!(false), &json!(90), &json!([])));
    assert_eq!(nearest["sentence"], "Nothing that could be done now brings the score nearer to sales ready.");
}

#[tokio::test]
async fn the_nearest_way_leads_to_sales_ready_step_by_step() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    app.clock.set(day(61));
    let now = scores(&admin, &lead).await;
    assert_eq!((&now["score"], points(&now, "silent"), points(&now, "@floor")), (&json!(0), -15, 15));
    let way = &now["nearest"];
    assert_eq!((&way["reached"], &way["fewest"], &way["score"]), (&json!(true), &json!(true), &json!(105)));
    assert_eq!(way["sentence"], "3 steps make the lead sales ready.");
    let steps: Vec<_> = way["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let number = |name: &str| it[name].as_i64().unwrap();
            (it["rule"].as_str().unwrap(), it["sentence"].as_str().unwrap(), number("gain"), number("score"))
        })
        .collect();
    let webinar = |gain: i64, score: i64| ("webinar", "1 × event_attended", gain, score);
    // The first makes up for the silence as well, of which nothing is seen at the floor.
    assert_eq!(steps, [webinar(25, 25), webinar(40, 65), webinar(40, 105)]);

    for step in way["steps"].as_array().unwrap() {
        let deed = &step["deeds"][0];
        record(&admin, &contact, deed["interaction"].as_str().unwrap(), 61).await;
        assert_eq!(scores(&admin, &lead).await["score"], step["score"]);
    }
    let ready = scores(&admin, &lead).await;
    assert_eq!(ready["nearest"]["sentence"], "The lead is sales ready.");
}

#[tokio::test]
async fn a_step_has_all_that_its_rule_needs() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = json!({"name": "Both", "target": "contact", "sales_ready_score": 50, "rules": [
        {"key": "read_by_decider", "points": 50, "when": [
            {"field": "contact.decision_role", "op": "in", "value": ["decision_maker", "influencer"]},
            {"interaction": "asset_viewed", "frequency": {"at_least": 2}, "asset": "price-list",
             "properties": [{"key": "pages", "op": "gt", "value": 4}]},
            {"interaction": "unsubscribed", "frequency": "none"}]},
        {"key": "calls", "points": 10, "when": [{"interaction": "call", "frequency": "each"}]}]});
    live_model(&admin, model).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    let view = json!({"kind": "asset_viewed", "occurred_at": day(1), "contact_id": contact, "asset": "price-list",
        "properties": {"pages": 9}});
    admin.post("/v1/interactions", view).await.expect(201);
    let now = scores(&admin, &lead).await;
    let why: Vec<_> = rule(&now, "read_by_decider")["why"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["holds"].as_bool().unwrap(), it["sentence"].as_str().unwrap()))
        .collect();
    let views = "asset_viewed with asset \"price-list\" whose pages is more than 4";
    assert_eq!(
        why,
        [
            (false, "contact.decision_role is none of \"decision_maker\", \"influencer\": it is not set"),
            (false, format!("at least 2 {views}: 1 so far").as_str()),
            (true, "no unsubscribed"),
        ]
    );
    let steps = now["nearest"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert_eq!(
        steps[0]["deeds"],
        json!([
            {"field": "contact.decision_role", "op": "in", "value": ["decision_maker", "influencer"]},
            {"interaction": "asset_viewed", "times": 1, "asset": "price-list", "campaign": null, "form": null,
             "properties": {"pages": 5}, "same_lead": false},
        ])
    );
    let sentence = format!("contact.decision_role is one of \"decision_maker\", \"influencer\", and 1 × {views}");
    assert_eq!((&steps[0]["sentence"], &steps[0]["gain"]), (&json!(sentence), &json!(50)));

    let gone = json!({"kind": "unsubscribed", "occurred_at": day(1), "contact_id": contact});
    admin.post("/v1/interactions", gone).await.expect(201);
    let now = scores(&admin, &lead).await;
    let steps: Vec<_> = now["nearest"]["steps"].as_array().unwrap().iter().map(|step| step["rule"].clone()).collect();
    assert_eq!(steps, ["calls"; 5]);
}

#[tokio::test]
async fn values_of_records_that_a_token_may_not_read_are_not_told() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let mut named = newcomers();
    named["rules"][3]["when"][0] = json!({"field": "contact.email", "op": "contains", "value": "example"});
    live_model(&admin, named).await;
    let (_, lead) = decider(&admin).await;
    let told = scores(&admin, &lead).await;
    assert_eq!(rule(&told, "decider")["why"][0]["actual"], "ann@example.com");
    let reader = app.integration(&["scoring:read"]).await;
    let told = reader.get(&format!("/v1/leads/{lead}/scores")).await.expect(200);
    let why = &rule(&told["data"][0], "decider")["why"][0];
    assert_eq!((&why["holds"], &why["actual"]), (&json!(true), &Value::Null));
    assert_eq!(why["sentence"], "contact.email contains \"example\"");
    assert!(!told.to_string().contains("ann@"), "{told}");
}

#[tokio::test]
async fn a_list_of_leads_tells_scores_without_the_reasons() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    decider(&admin).await;
    let listed = admin.get("/v1/leads?expand=scores").await.expect(200);
    let score = &listed["data"][0]["scores"][0];
    assert_eq!((points(score, "decider"), &score["points_missing"]), (20, &json!(80)));
    for heavy in ["rules", "bounds", "nearest", "forecast"] {
        assert!(score.get(heavy).is_none(), "{heavy}");
    }
}

/// Closes every lead of the service.
async fn close_leads(app: &TestApp) {
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let closing = |tx: &mut Tx<'_>| execute(tx, "UPDATE leads SET status = 'disqualified'");
    app.state.db.write(scope, closing).await.unwrap();
}

#[tokio::test]
async fn a_closed_lead_shows_what_every_rule_gave_when_it_was_closed() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (_, lead) = told_until_day_10(&app, &admin).await;
    close_leads(&app).await;
    app.clock.set(day(70));
    let shown = scores(&admin, &lead).await;
    assert_eq!((&shown["score"], &rule(&shown, "opens")["points"]), (&json!(105), &json!(15)));
    assert_eq!((&rule(&shown, "opens")["why"], shown.get("nearest")), (&json!([]), None));
}

/// What was shown of each score that something gave or took points in, without what only the present knows.
fn known(scores: &Value) -> Vec<Value> {
    let share = |share: &Value| json!([share["rule"], share["points"]]);
    let score = |score: &Value| {
        let shares: Vec<Value> = score["shares"].as_array().unwrap().iter().map(share).collect();
        json!([score["model_id"], score["model_version"], score["score"], score["grade"], shares])
    };
    scores["data"].as_array().unwrap().iter().map(score).filter(|score| score[4] != json!([])).collect()
}

async fn as_of(person: &Person, lead: &str, at: Timestamp) -> Value {
    person.get(&format!("/v1/leads/{lead}/scores?as_of={at}")).await.expect(200)
}

#[tokio::test]
async fn every_day_of_the_example_is_known_afterwards() {
    let app = TestApp::start_at(day(0)).await;
    let admin = app.admin().await;
    let model = live_model(&admin, newcomers()).await;
    app.clock.set(day(1));
    let (contact, lead) = told_until_day_10(&app, &admin).await;
    app.clock.set(day(75));
    record(&admin, &contact, "call", 75).await;
    let expected = [
        (1, 50, "warm"),
        (5, 65, "hot"),
        (10, 105, "hot"),
        (33, 100, "hot"),
        (34, 95, "hot"),
        (35, 90, "hot"),
        (40, 70, "hot"),
        (61, 55, "warm"),
        (70, 35, "warm"),
    ];
    for (on, score, grade) in expected {
        let then = as_of(&admin, &lead, day(on)).await["data"][0].clone();
        assert_eq!((&then["score"], &then["grade"]), (&json!(score), &json!(grade)), "day {on}");
        assert_eq!((&then["evaluated_at"], &then["model_id"]), (&json!(day(on)), &json!(model)));
        assert_eq!(then["sales_ready"], score >= 100, "day {on}");
        assert_eq!(sum(then["rules"].as_array().unwrap()), score, "day {on}");
    }
    assert_eq!(as_of(&admin, &lead, day(0)).await["data"], json!([]));

    stopped(&admin, &model, false).await;
    app.clock.set(day(76));
    assert_eq!(as_of(&admin, &lead, day(40)).await["data"][0]["score"], 70);
    assert_eq!(as_of(&admin, &lead, day(76)).await["data"], json!([]));
}

#[tokio::test]
async fn a_moment_to_come_has_no_scores_yet() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let (_, lead) = decider(&admin).await;
    let path = format!("/v1/leads/{lead}/scores");
    admin.get(&format!("{path}?as_of={}", day(2))).await.expect_bad_parameter("as_of");
    admin.get(&format!("{path}?as_of=yesterday")).await.expect_bad_parameter("as_of");
    admin.get(&format!("{path}?as_of={}&forecast=true", day(0))).await.expect_bad_parameter("forecast");
    admin.get(&format!("{path}?as_of={}&forecast=false", day(1))).await.expect(200);
    let stranger = app.other_workspace().admin().await;
    stranger.get(&format!("{path}?as_of={}", day(0))).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn whatever_happened_the_past_is_told_as_it_was_shown() {
    for seed in 10..13 {
        let mut story = Story::begin(seed).await;
        let mut shown = Vec::new();
        for step in 0..25 {
            story.app.wait_seconds(1);
            let what = if step == 20 { story.stop().await } else { story.go_on().await };
            if what == "time passed" {
                story.bring_up_to_date().await;
            }
            for lead in &story.leads {
                let now = story.admin.get(&format!("/v1/leads/{lead}/scores")).await.expect(200);
                shown.push((lead.clone(), story.app.now(), format!("seed {seed}, step {step}, {what}"), now));
            }
        }
        story.app.wait_days(1);
        for (lead, at, when, now) in shown {
            assert_eq!(known(&as_of(&story.admin, &lead, at).await), known(&now), "{when}, lead {lead}");
        }
    }
}

fn found(list: &Value) -> Vec<(&str, &str)> {
    list.as_array().unwrap().iter().map(|it| (it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_check_lists_faults_of_shape_and_of_sense_together() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = json!([{"interaction": "call", "frequency": "each"}]);
    let odd = json!({
        "name": "Odd", "target": "people", "color": "red",
        "rules": [
            {"key": "a", "points": 1, "readiness_percent": 1, "when": call},
            {"key": "a", "points": "many", "when": [{"field": "contact.shoe_size", "op": "eq", "value": 43}]},
        ],
        "grades": [{"name": "low", "to": 5}, {"name": "high", "from": 7}],
    });
    let answer = admin.post("/v1/scoring-models/check", odd).await.expect(200);
    let mut errors = found(&answer["errors"]);
    errors.sort_unstable();
    let expected = [
        ("/color", "unknown_field"),
        ("/grades/1/from", "gap"),
        ("/rules/0/readiness_percent", "not_allowed"),
        ("/rules/1/key", "duplicate"),
        ("/rules/1/points", "not_allowed"),
        ("/rules/1/when/0/field", "unknown_field"),
        ("/target", "not_allowed"),
    ];
    assert_eq!((errors.as_slice(), &answer["warnings"]), (expected.as_slice(), &json!([])));
    let empty = admin.post("/v1/scoring-models/check", json!({})).await.expect(200);
    let mut errors = found(&empty["errors"]);
    errors.sort_unstable();
    assert_eq!(errors, [("/name", "required"), ("/rules", "required"), ("/target", "required")]);
    admin.post("/v1/scoring-models/check", json!([1])).await.expect_problem(400, "malformed-json");
}

#[tokio::test]
async fn a_check_warns_of_what_is_odd_and_writes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fine = admin.post("/v1/scoring-models/check", newcomers()).await.expect(200);
    assert_eq!(fine, json!({"errors": [], "warnings": []}));
    let odd = json!({
        "name": "Odd", "target": "contact",
        "rules": [
            {"key": "never", "points": 90, "when": [
                {"field": "contact.country", "op": "eq", "value": "EE"},
                {"field": "contact.country", "op": "not_in", "value": ["EE", "LV"]}]},
            {"key": "shake", "points": 50, "when": [{"interaction": "handshake", "frequency": {"at_least": 1}}]},
        ],
        "groups": [{"name": "mail", "max": 10}],
    });
    let answer = admin.post("/v1/scoring-models/check", odd.clone()).await.expect(200);
    assert_eq!(answer["errors"], json!([]));
    let expected = [
        ("/rules/0/when", "never_holds"),
        ("/rules/1/when/0/interaction", "unknown_kind"),
        ("/groups/0", "unused"),
        ("/sales_ready_score", "out_of_reach"),
        ("/grades/2", "out_of_reach"),
    ];
    assert_eq!(found(&answer["warnings"]), expected);
    admin.post("/v1/interaction-kinds", json!({"key": "handshake", "name": "Shook hands"})).await.expect(201);
    let answer = admin.post("/v1/scoring-models/check", odd).await.expect(200);
    assert!(!found(&answer["warnings"]).contains(&("/rules/1/when/0/interaction", "unknown_kind")));
    assert_eq!(admin.get("/v1/scoring-models").await.expect(200)["data"], json!([]));
    app.person(Role::Viewer).await.post("/v1/scoring-models/check", newcomers()).await.expect(200);
}

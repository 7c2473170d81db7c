//! Scores after merges: what the models make of one person who had done everything from the start, and ledgers that add
//! up (SCO-7, SCO-8, SCO-9, SCO-11).

use std::collections::BTreeMap;

use ripen::clock::Timestamp;
use serde_json::{Value, json};

use super::{contact, lead, merge, undo};
use crate::scoring::{day, ledger, live_model, newcomers, sum};
use crate::support::{Chance, Person, TestApp, bodies};

/// A model with windows, decay, caps and a bound.
fn capped() -> Value {
    bodies::with(
        newcomers(),
        json!({
            "name": "Capped", "ceiling": 70,
            "groups": [{"name": "mail", "max": 20}],
            "rules": [
                {"key": "opens", "points": 7, "group": "mail",
                 "when": [{"interaction": "email_opened", "frequency": "each", "within_days": 20}]},
                {"key": "clicks", "points": 9, "group": "mail",
                 "when": [{"interaction": "email_clicked", "frequency": {"at_least": 2}, "within_days": 40}]},
                {"key": "events", "points": 30,
                 "when": [{"interaction": "event_attended", "frequency": "each", "max_times": 2,
                     "decay": {"percent": 25, "every_days": 10}}]},
                {"key": "about_it", "points": 5,
                 "when": [{"interaction": "page_visited", "frequency": "each", "same_lead": true}]}
            ]
        }),
    )
}

/// What the models make of a lead, without ids; the stored score with it.
async fn made_of(person: &Person, lead: &str) -> Value {
    let scores = person.get(&format!("/v1/leads/{lead}/scores?forecast=true")).await.expect(200);
    let scores = scores["data"].as_array().unwrap().iter().map(|score| {
        let shares = score["shares"].as_array().unwrap().iter();
        let shares: BTreeMap<&str, i64> =
            shares.map(|share| (share["rule"].as_str().unwrap(), share["points"].as_i64().unwrap())).collect();
        json!({"score": score["score"], "grade": score["grade"], "shares": shares, "due_at": score["due_at"]})
    });
    let scores: Vec<Value> = scores.collect();
    let shown = person.get(&format!("/v1/leads/{lead}")).await.expect(200);
    json!({"scores": scores, "stored": shown["score"], "temperature": shown["temperature"]})
}

/// Checks that the rows of every rule add up to its share.
async fn expect_ledger_adds_up(person: &Person, lead: &str) {
    let mut booked: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in ledger(person, lead).await {
        *booked.entry((row["model_id"].to_string(), row["rule"].to_string())).or_default() +=
            row["points"].as_i64().unwrap();
    }
    booked.retain(|_, points| *points != 0);
    let mut given = BTreeMap::new();
    for score in person.get(&format!("/v1/leads/{lead}/scores")).await.expect(200)["data"].as_array().unwrap() {
        for share in score["shares"].as_array().unwrap() {
            given.insert((score["model_id"].to_string(), share["rule"].to_string()), share["points"].as_i64().unwrap());
        }
    }
    assert_eq!(booked, given, "{lead}");
}

/// One person twice, and in another workspace once, with the same leads.
struct Twice {
    app: TestApp,
    admin: Person,
    control: Person,
    people: [String; 2],
    leads: [String; 2],
    one: String,
    leads_of_one: [String; 2],
}

impl Twice {
    async fn begin() -> Self {
        let app = TestApp::start_at(day(100)).await;
        let (admin, control) = (app.admin().await, app.other_workspace().admin().await);
        for person in [&admin, &control] {
            live_model(person, newcomers()).await;
            live_model(person, capped()).await;
        }
        let people = [
            contact(&admin, json!({"first_name": "Ann", "email": "ann@x.ee"})).await,
            contact(&admin, json!({"email": "anna@x.ee", "decision_role": "decision_maker"})).await,
        ];
        let body = json!({"first_name": "Ann", "email": "ann@x.ee", "decision_role": "decision_maker"});
        let one = contact(&control, body).await;
        let leads = [lead(&admin, &people[0], "Fleet").await, lead(&admin, &people[1], "Cars").await];
        let leads_of_one = [lead(&control, &one, "Fleet").await, lead(&control, &one, "Cars").await];
        Self { app, admin, control, people, leads, one, leads_of_one }
    }

    /// Something that one of the two did, and the one in the other workspace as well.
    async fn go_on(&self, chance: &mut Chance) {
        self.app.wait_days(chance.below(12) as i64);
        let who = chance.below(2);
        let kind = chance.of(&["email_opened", "email_clicked", "event_attended", "asset_downloaded", "page_visited"]);
        let ago = chance.below(60 * 4) as i64;
        let at = Timestamp::from_micros(self.app.now().micros() - ago * 21_600_000_000);
        let names_lead = chance.below(2) == 0;
        let deed = |contact: &str, lead: &str| {
            let named = if names_lead { json!(lead) } else { Value::Null };
            bodies::with(json!({"kind": kind, "occurred_at": at, "contact_id": contact}), json!({"lead_id": named}))
        };
        self.admin.post("/v1/interactions", deed(&self.people[who], &self.leads[who])).await.expect(201);
        self.control.post("/v1/interactions", deed(&self.one, &self.leads_of_one[who])).await.expect(201);
    }

    async fn expect_same(&self, when: &str) {
        for (own, of_one) in self.leads.iter().zip(&self.leads_of_one) {
            assert_eq!(made_of(&self.admin, own).await, made_of(&self.control, of_one).await, "{when}");
            expect_ledger_adds_up(&self.admin, own).await;
        }
    }
}

#[tokio::test]
async fn a_merged_contact_scores_as_if_one_had_done_everything_from_the_start() {
    for seed in 0..5 {
        let twice = Twice::begin().await;
        let mut chance = Chance::new(seed);
        for _ in 0..10 {
            twice.go_on(&mut chance).await;
        }
        // The stored scores of both workspaces are brought to the present instant.
        let now = json!({"kind": "survey_answered", "occurred_at": twice.app.now(), "contact_id": twice.one});
        twice.control.post("/v1/interactions", now).await.expect(201);
        let done = merge(&twice.admin, &twice.people[0], &twice.people[1]).await;
        twice.expect_same(&format!("seed {seed}, merged")).await;
        for _ in 0..5 {
            twice.go_on(&mut chance).await;
        }
        twice.expect_same(&format!("seed {seed}, after more was done")).await;
        undo(&twice.admin, &done).await;
        for lead in &twice.leads {
            expect_ledger_adds_up(&twice.admin, lead).await;
            let stored = twice.admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"].clone();
            let scores = made_of(&twice.admin, lead).await;
            let best = scores["scores"].as_array().unwrap().iter().map(|score| score["score"].as_i64().unwrap()).max();
            assert_eq!(stored.as_i64(), best, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_merge_tells_the_ledger_what_it_changed_and_what_time_had_changed_before() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna =
        contact(&admin, bodies::with(bodies::contact("anna@x.ee"), json!({"decision_role": "decision_maker"}))).await;
    let anns = lead(&admin, &ann, "Fleet").await;
    super::did(&admin, json!({"kind": "email_opened", "occurred_at": app.now(), "contact_id": ann})).await;
    super::did(&admin, json!({"kind": "asset_downloaded", "occurred_at": app.now(), "contact_id": anna})).await;
    app.wait_days(40);
    merge(&admin, &ann, &anna).await;
    let rows = ledger(&admin, &anns).await;
    let told: Vec<(&str, &str, i64, &Value)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (text("rule"), text("cause"), row["points"].as_i64().unwrap(), &row["at"])
        })
        .collect();
    let (then, now) = (json!(day(31)), json!(day(41)));
    assert!(told.contains(&("opens", "window_expiry", -5, &then)), "{told:?}");
    assert!(told.contains(&("white_paper", "merge", 30, &now)), "{told:?}");
    assert!(told.contains(&("decider", "merge", 20, &now)), "{told:?}");
    assert_eq!(sum(&rows), admin.get(&format!("/v1/leads/{anns}")).await.expect(200)["score"].as_i64().unwrap());
}

#[tokio::test]
async fn a_merge_of_colleagues_scores_the_leads_of_both_accounts() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, bodies::with(newcomers(), json!({"target": "account"}))).await;
    let (mut people, mut leads) = (Vec::new(), Vec::new());
    for (email, name) in [("ann@x.ee", "Contoso"), ("anna@x.ee", "Fabrikam")] {
        let account = bodies::id(&admin.post("/v1/accounts", bodies::account(name)).await.expect(201));
        people.push(contact(&admin, bodies::with(bodies::contact(email), json!({"account_id": account}))).await);
        let body = json!({"account_id": account, "topic": "Fleet", "source": "web"});
        leads.push(bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
        super::did(&admin, json!({"kind": "email_opened", "contact_id": people.last()})).await;
    }
    let scores = async || {
        let mut scores = Vec::new();
        for lead in &leads {
            expect_ledger_adds_up(&admin, lead).await;
            scores.push(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"].as_i64().unwrap());
        }
        scores
    };
    assert_eq!(scores().await, [5, 5]);
    let done = merge(&admin, &people[0], &people[1]).await;
    assert_eq!(scores().await, [10, 0]);
    undo(&admin, &done).await;
    assert_eq!(scores().await, [5, 5]);
}

#[tokio::test]
async fn ten_thousand_interactions_move_and_move_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    let anns = lead(&admin, &ann, "Fleet").await;
    for _ in 0..10 {
        let deed = json!({"kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z", "contact_id": anna});
        admin.post("/v1/interactions", Value::Array(vec![deed; 1000])).await.expect(200);
    }
    let done = merge(&admin, &ann, &anna).await;
    assert_eq!(done["moved"]["interactions.contact_id"], 10_000);
    assert_eq!(admin.get(&format!("/v1/leads/{anns}")).await.expect(200)["score"], 15);
    undo(&admin, &done).await;
    assert_eq!(admin.get(&format!("/v1/leads/{anns}")).await.expect(200)["score"], 0);
    let left = super::records(&admin, &format!("/v1/interactions?contact_id={ann}&limit=1")).await;
    assert!(left.is_empty());
}

//! Previews, backtests and advice: against numbers worked out by hand, and against what the lists of leads say.

use std::collections::BTreeMap;

use diesel::prelude::*;
use ripen::auth::scope::Role;
use ripen::backtests::backtest::Replay;
use ripen::backtests::{Choice, Question};
use ripen::db::types::JsonOf;
use ripen::db::{Scope, Tx};
use ripen::error::Result;
use ripen::id::Id;
use ripen::jobs::snapshot::Progress;
use ripen::jobs::worker;
use ripen::leads::{Flags, Mark};
use ripen::schema::leads;
use serde_json::{Value, json};

use crate::scoring::day;
use crate::submissions::execute;
use crate::support::{Answer, Options, Person, TestApp, bodies};

/// A model whose rules the story below is made for, with this sales-ready score.
fn model(sales_ready_score: i64) -> Value {
    json!({
        "name": "Sales", "target": "contact", "sales_ready_score": sales_ready_score,
        "rules": [
            {"key": "download", "points": 30, "when": [{"interaction": "asset_downloaded", "frequency": "each"}]},
            {"key": "webinar", "points": 50, "when": [{"interaction": "event_attended", "frequency": {"at_least": 1}}]},
            {"key": "decider", "points": 40,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "chief", "points": 70, "when": [{"field": "contact.job_title", "op": "eq", "value": "CEO"}]},
        ],
    })
}

/// What becomes of a lead, and on which day.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Accepted(i64),
    Qualified(i64),
    Disqualified(i64),
    Open,
}

/// A person with a lead of day 1.
struct Hero {
    name: &'static str,
    contact: Value,
    /// What they did: kind, day and asset.
    did: &'static [(&'static str, i64, &'static str)],
    fate: Fate,
}

const DOWNLOAD: &str = "asset_downloaded";
const WEBINAR: &str = "event_attended";

fn heroes() -> Vec<Hero> {
    let decider = || json!({"decision_role": "decision_maker"});
    let chief = || json!({"decision_role": "decision_maker", "job_title": "CEO"});
    let hero = |name, contact, did, fate| Hero { name, contact, did, fate };
    vec![
        hero("a", decider(), &[(DOWNLOAD, 5, "white-paper"), (WEBINAR, 8, "")], Fate::Accepted(20)),
        hero("b", decider(), &[(DOWNLOAD, 3, "white-paper"), (DOWNLOAD, 4, "white-paper")], Fate::Disqualified(10)),
        hero("c", json!({}), &[(WEBINAR, 6, "")], Fate::Qualified(30)),
        hero("d", json!({}), &[(DOWNLOAD, 7, "guide")], Fate::Disqualified(9)),
        hero("e", json!({}), &[], Fate::Disqualified(15)),
        hero("f", decider(), &[(WEBINAR, 12, ""), (DOWNLOAD, 13, "")], Fate::Open),
        // What came after the outcome would have made it ready.
        hero("g", decider(), &[(DOWNLOAD, 2, "guide"), (WEBINAR, 7, ""), (DOWNLOAD, 8, "guide")], Fate::Accepted(6)),
        hero(
            "h",
            json!({}),
            &[
                (DOWNLOAD, 3, "white-paper"),
                (DOWNLOAD, 4, "white-paper"),
                (DOWNLOAD, 5, "white-paper"),
                (WEBINAR, 9, ""),
            ],
            Fate::Qualified(10),
        ),
        hero("i", chief(), &[], Fate::Open),
        hero("j", chief(), &[("page_visited", 2, "")], Fate::Open),
        // Decided before anything could be foretold.
        hero("k", decider(), &[(WEBINAR, 3, "")], Fate::Accepted(1)),
    ]
}

/// The story told to a service whose clock then stands on day 31: its leads by name, and the model, whose live version
/// calls leads ready at 60 points and whose draft at 100.
struct Story {
    app: TestApp,
    admin: Person,
    leads: BTreeMap<&'static str, String>,
    contacts: BTreeMap<&'static str, String>,
    path: String,
}

impl Story {
    async fn tell() -> Self {
        Self::tell_with(Options { start: day(1), ..Options::default() }).await
    }

    async fn tell_with(options: Options) -> Self {
        let nobody_works = options.jobs.workers == 0;
        let app = TestApp::start_with(options).await;
        let admin = app.admin().await;
        let (mut leads, mut contacts) = (BTreeMap::new(), BTreeMap::new());
        for hero in heroes() {
            let person = bodies::contact(&format!("{}@example.com", hero.name));
            let contact = bodies::id(&admin.post("/v1/contacts", bodies::with(person, hero.contact)).await.expect(201));
            let lead = json!({"contact_id": contact, "topic": "Fleet", "source": "web"});
            leads.insert(hero.name, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)));
            contacts.insert(hero.name, contact);
        }
        app.clock.set(day(31));
        for hero in heroes() {
            for (kind, on, asset) in hero.did {
                record(&admin, &contacts[hero.name], kind, *on, asset).await;
            }
        }
        let model_id = bodies::id(&admin.post("/v1/scoring-models", model(60)).await.expect(201));
        let path = format!("/v1/scoring-models/{model_id}");
        let published = admin.post(&format!("{path}/publish"), json!({})).await;
        if nobody_works {
            // The scores of leads play no part in what follows.
            app.state.db.write(scope(&app), |tx| execute(tx, "DELETE FROM jobs")).await.unwrap();
        } else {
            admin.finished(published).await;
        }
        let put = admin.request(reqwest::Method::PUT, &format!("{path}/draft")).header("if-match", "*");
        put.json(&model(100)).send().await.expect(200);
        for hero in heroes() {
            decide(&app, &leads[hero.name], hero.fate).await;
        }
        Self { app, admin, leads, contacts, path }
    }

    async fn ask(&self, what: &str, body: Value) -> Answer {
        self.admin.post(&format!("{}/{what}", self.path), body).await
    }

    /// The study that `answer` promises, once its job is done.
    async fn studied(&self, kind: &str, answer: Answer) -> Value {
        let id = bodies::id(&answer.expect(202));
        let job = self.admin.finished(answer).await;
        assert_eq!(job["state"], "done", "{job}");
        assert_eq!(job["result"]["study_id"], id);
        assert_eq!(job["items_done"], job["items_total"], "{job}");
        self.admin.get(&format!("{}/{kind}/{id}", self.path)).await.expect(200)
    }

    async fn backtest(&self) -> Value {
        self.studied("backtests", self.ask("backtests", json!({"from": day(1), "to": day(31)})).await).await
    }
}

async fn record(admin: &Person, contact: &str, kind: &str, on: i64, asset: &str) {
    let mut body = json!({"kind": kind, "occurred_at": day(on), "contact_id": contact});
    if !asset.is_empty() {
        body["asset"] = json!(asset);
    }
    admin.post("/v1/interactions", body).await.expect(201);
}

fn scope(app: &TestApp) -> Scope {
    Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None }
}

/// Gives a lead its outcome, as the ends of leads will.
async fn decide(app: &TestApp, lead: &str, fate: Fate) {
    let id = Id::parse(lead).unwrap();
    let change = move |tx: &mut Tx<'_>| -> Result<()> {
        let lead = leads::table.find((tx.scope.workspace, id));
        match fate {
            Fate::Accepted(on) => {
                let mark = Some(Mark { at: day(on), by: None, model_id: None });
                let flags = Flags { sales_accepted: mark, ..tx.leads().get(id)?.flags.0 };
                diesel::update(lead).set(leads::flags.eq(JsonOf(flags))).execute(tx.conn)?;
            }
            Fate::Qualified(on) | Fate::Disqualified(on) => {
                let status = if matches!(fate, Fate::Qualified(_)) { "qualified" } else { "disqualified" };
                let set = (leads::status.eq(status), leads::updated_at.eq(day(on)));
                diesel::update(lead).set(set).execute(tx.conn)?;
            }
            Fate::Open => {}
        }
        Ok(())
    };
    app.state.db.write(scope(app), change).await.unwrap();
}

fn ratio(numerator: i64, denominator: i64) -> Value {
    json!({"numerator": numerator, "denominator": denominator, "value": numerator as f64 / denominator as f64})
}

#[tokio::test]
async fn a_backtest_gives_the_numbers_that_are_worked_out_by_hand() {
    let story = Story::tell().await;
    let backtest = story.backtest().await;
    assert_eq!((&backtest["version"], &backtest["compared_version"]), (&Value::Null, &json!(1)));
    let report = &backtest["report"];
    let counts =
        ["leads", "won", "lost", "open", "decided_before", "without_consent"].map(|count| report[count].clone());
    assert_eq!(json!(counts), json!([10, 4, 3, 3, 1, 0]));
    let numbers = json!({
        // Won and ready: a on day 8, h on day 9. Lost and ready: b on day 4. Open and ready: f, i, j.
        "ready_won": 2, "ready_lost": 1, "unready_won": 2, "unready_lost": 2, "ready_open": 3, "unready_open": 0,
        "precision": ratio(2, 3), "recall": ratio(2, 4), "f1": ratio(4, 7),
        // Won at 120, 50, 70 and 140, lost at 100, 30 and 0: of twelve pairs ten are in order.
        "auc": ratio(20, 24),
        "grades": [
            {"grade": "cold", "won": 0, "lost": 1, "open": 0, "lift": ratio(0, 4)},
            {"grade": "warm", "won": 1, "lost": 1, "open": 0, "lift": ratio(7, 8)},
            {"grade": "hot", "won": 3, "lost": 1, "open": 3, "lift": ratio(21, 16)},
        ],
        "hand_offs": {
            "total": 6, "days": 30, "mean_per_day": ratio(6, 30), "max_per_day": 2,
            "daily": [
                {"day": day(1), "hand_offs": 2}, {"day": day(4), "hand_offs": 1}, {"day": day(8), "hand_offs": 1},
                {"day": day(9), "hand_offs": 1}, {"day": day(13), "hand_offs": 1},
            ],
        },
        "lead_time_days": {"count": 2, "lower_quartile": 1, "median": 1, "upper_quartile": 12},
    });
    assert_eq!(report["numbers"], numbers);
    // At 60 points g is ready on day 2, four days before it was won, and h on day 4.
    let live = &report["compared"];
    assert_eq!((&live["precision"], &live["recall"]), (&ratio(3, 4), &ratio(3, 4)));
    assert_eq!(live["lead_time_days"], json!({"count": 3, "lower_quartile": 4, "median": 6, "upper_quartile": 15}));
    assert_eq!(live["auc"], numbers["auc"]);
}

/// All leads of a backtest that a query finds, page by page.
async fn tested(story: &Story, backtest: &Value, query: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{}/backtests/{}/leads?limit=3{query}{cursor}", story.path, bodies::id(backtest));
        let page = story.admin.get(&path).await.expect(200);
        rows.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn the_numbers_are_those_of_the_listed_leads() {
    let story = Story::tell().await;
    let backtest = story.backtest().await;
    let rows = tested(&story, &backtest, "").await;
    let scores: Vec<i64> = rows.iter().map(|row| row["score"].as_i64().unwrap()).collect();
    assert_eq!(scores, [140, 120, 120, 110, 110, 100, 70, 50, 30, 0]);
    let numbers = &backtest["report"]["numbers"];
    for (ready, word) in [(true, "ready"), (false, "unready")] {
        for outcome in ["won", "lost", "open"] {
            let counted =
                rows.iter().filter(|row| row["ready_at"].is_string() == ready && row["outcome"] == outcome).count();
            let listed = tested(&story, &backtest, &format!("&predicted={ready}&outcome={outcome}")).await.len();
            assert_eq!((numbers[format!("{word}_{outcome}")].as_u64(), listed), (Some(counted as u64), counted));
        }
    }
    for (numbers, score) in [(numbers, "score"), (&backtest["report"]["compared"], "compared_score")] {
        let of = |outcome: &str| -> Vec<i64> {
            rows.iter().filter(|row| row["outcome"] == outcome).map(|row| row[score].as_i64().unwrap()).collect()
        };
        let (won, lost) = (of("won"), of("lost"));
        let twice = |won: &i64, lost: &i64| 1 + won.cmp(lost) as i64;
        let sum: i64 = won.iter().flat_map(|won| lost.iter().map(move |lost| twice(won, lost))).sum();
        let value = sum as f64 / (2 * won.len() * lost.len()) as f64;
        assert_eq!(numbers["auc"]["value"].as_f64(), Some(value), "{score}");
    }
    let a = rows.iter().find(|row| row["lead_id"] == story.leads["a"]).unwrap();
    let expected = json!({
        "lead_id": story.leads["a"], "outcome": "won", "decided_at": day(20), "ready_at": day(8), "score": 120,
        "grade": "hot", "compared_ready_at": day(5), "compared_score": 120, "compared_grade": "hot", "opportunity": null,
    });
    assert_eq!(*a, expected);
    story
        .admin
        .request(reqwest::Method::DELETE, &format!("/v1/leads/{}", story.leads["f"]))
        .header("if-match", "*")
        .send()
        .await
        .expect(204);
    assert_eq!(tested(&story, &backtest, "").await.len(), 9);
}

#[tokio::test]
async fn a_backtest_looks_at_no_other_time_than_it_is_asked_about() {
    let story = Story::tell().await;
    let ask = json!({"from": day(6), "to": day(9), "compare": null});
    let backtest = story.studied("backtests", story.ask("backtests", ask).await).await;
    let report = &backtest["report"];
    // g was won on day 6, k on day 1. b was ready before and still is; h would only be on day 9.
    let counts = ["leads", "decided_before"].map(|count| report[count].clone());
    assert_eq!((json!(counts), &report["compared"]), (json!([9, 2]), &Value::Null));
    let daily = &report["numbers"]["hand_offs"]["daily"];
    assert_eq!(*daily, json!([{"day": day(6), "hand_offs": 3}, {"day": day(8), "hand_offs": 1}]));
}

#[tokio::test]
async fn a_preview_tells_what_publishing_then_does() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let owner = app.person(Role::Salesperson).await.id().to_string();
    let model_id = bodies::id(&admin.post("/v1/scoring-models", model(100)).await.expect(201));
    let path = format!("/v1/scoring-models/{model_id}");
    admin.finished(admin.post(&format!("{path}/publish"), json!({})).await).await;
    let mut made = Vec::new();
    for (name, owner, did) in
        [("p", json!(owner), &[DOWNLOAD][..]), ("q", Value::Null, &[WEBINAR]), ("r", json!(owner), &[DOWNLOAD; 3])]
    {
        let contact = bodies::contact(&format!("{name}@example.com"));
        let contact = bodies::id(&admin.post("/v1/contacts", contact).await.expect(201));
        let lead = json!({"contact_id": contact, "topic": "Fleet", "source": "web", "owner_id": owner});
        made.push(bodies::id(&admin.post("/v1/leads", lead).await.expect(201)));
        for kind in did {
            record(&admin, &contact, kind, 1, "").await;
        }
    }
    let mut next = model(100);
    (next["rules"][0]["points"], next["rules"][1]["points"]) = (json!(40), json!(20));
    let put = admin.request(reqwest::Method::PUT, &format!("{path}/draft")).header("if-match", "*");
    put.json(&next).send().await.expect(200);
    let asked = admin.request(reqwest::Method::POST, &format!("{path}/preview")).send().await;
    let preview = bodies::id(&asked.expect(202));
    admin.finished(asked).await;
    let preview = admin.get(&format!("{path}/previews/{preview}")).await.expect(200);
    let report = &preview["report"];

    // p goes from 30 to 40, q from 50 to 20, r from 90 to 120.
    let total = json!({
        "scored_before": 3, "scored_after": 3, "gain": 2, "lose": 1, "unchanged": 0, "enter": 0, "leave": 0,
        "become_sales_ready": 1, "fall_below": 0, "grade_moves": [{"from": "warm", "to": "cold", "leads": 1}],
        "histogram_before": [0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0],
        "histogram_after": [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1],
    });
    assert_eq!(report["total"], total);
    let owners: Vec<_> = report["owners"].as_array().unwrap().iter().collect();
    assert_eq!(owners.len(), 2);
    assert_eq!((&owners[0]["owner_id"], &owners[0]["changes"]["gain"]), (&json!(owner), &json!(2)));
    assert_eq!((&owners[1]["owner_id"], &owners[1]["changes"]["lose"]), (&Value::Null, &json!(1)));
    assert_eq!((&report["other_owners"], &report["others"]), (&json!(0), &Value::Null));
    assert_eq!(report["as_of"], json!(day(1)));

    admin.finished(admin.post(&format!("{path}/publish"), json!({})).await).await;
    let ready = admin.get("/v1/leads?sales_ready=true").await.expect(200);
    assert_eq!((ready["data"].as_array().unwrap().len(), &ready["data"][0]["id"]), (1, &json!(made[2])));
}

#[tokio::test]
async fn a_preview_takes_a_definition_too_and_tells_who_enters_and_leaves() {
    let story = Story::tell().await;
    let only_chiefs = json!([{"field": "contact.job_title", "op": "eq", "value": "CEO"}]);
    let definition = bodies::with(model(200), json!({"audience": only_chiefs}));
    let preview = story.studied("previews", story.ask("preview", json!({"definition": definition})).await).await;
    // Open are a, f, g, k and the two chiefs, who had 110 points of 60.
    let total = &preview["report"]["total"];
    let counts = ["scored_before", "scored_after", "leave", "enter", "unchanged", "fall_below", "become_sales_ready"];
    assert_eq!(json!(counts.map(|count| total[count].clone())), json!([6, 2, 4, 0, 2, 6, 0]));
    assert_eq!(total["grade_moves"], json!([{"from": "hot", "to": null, "leads": 4}]));

    let broken = bodies::with(definition, json!({"ceiling": -5}));
    let pointers = ["/definition/ceiling", "/definition/ceiling"];
    story.ask("preview", json!({"definition": broken})).await.expect_invalid(&pointers);
    let listed = story.admin.get(&format!("{}/previews?count=true", story.path)).await.expect(200);
    assert_eq!((&listed["total"], &listed["data"][0]["id"]), (&json!(1), &preview["id"]));
}

#[tokio::test]
async fn advice_weighs_each_rule_and_asset_by_what_became_of_its_leads() {
    let story = Story::tell().await;
    let advice = story.studied("advice", story.ask("advice", json!({"version": "draft"})).await).await;
    let report = &advice["report"];
    assert_eq!(json!(["won", "lost", "open"].map(|count| report[count].clone())), json!([4, 3, 3]));
    let worth = |won: i64, lost: i64, open: i64, given: [i64; 2], suggested: Value| {
        let conversion = if won + lost > 0 { ratio(won, won + lost) } else { Value::Null };
        json!({
            "won": won, "lost": lost, "open": open, "points_to_won": given[0], "points_to_lost": given[1],
            "conversion": conversion, "suggested_points": suggested, "rests_on_few": true,
            "opportunities_won": 0, "opportunities_lost": 0,
        })
    };
    let named = |member: &str, name: &str, points: Option<i64>, worth: Value| {
        let mut named = bodies::with(worth.clone(), json!({member: name}));
        named["conversion"] = worth["conversion"].clone();
        named["suggested_points"] = worth["suggested_points"].clone();
        if let Some(points) = points {
            named["points"] = json!(points);
        }
        named
    };
    // Each at its highest: a 120, b 100, c 50, d 30, e 0, f 120, g 70, h 140, i and j 110.
    let rules = json!([
        named("rule", "download", Some(30), worth(3, 2, 1, [30 + 30 + 90, 60 + 30], json!(60))),
        named("rule", "webinar", Some(50), worth(3, 0, 1, [150, 0], json!(100))),
        named("rule", "decider", Some(40), worth(2, 1, 3, [80, 40], json!(67))),
        named("rule", "chief", Some(70), worth(0, 0, 2, [0, 0], Value::Null)),
    ]);
    assert_eq!(report["rules"], rules);
    let assets = json!([
        named("asset", "white-paper", None, worth(2, 1, 0, [120, 60], json!(67))),
        named("asset", "guide", None, worth(1, 1, 0, [30, 30], json!(50))),
    ]);
    assert_eq!((&report["assets"], &report["assets_total"]), (&assets, &json!(2)));
    // j visited a page, which no rule gives anything for.
    let idle = json!([{"lead_id": story.leads["i"], "owner_id": null, "score": 110}]);
    assert_eq!((&report["never_acted"], &report["never_acted_total"]), (&idle, &json!(1)));
}

#[tokio::test]
async fn leads_of_accounts_are_replayed_by_what_all_their_people_did() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let lead = json!({"account_id": account, "topic": "Fleet", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    app.clock.set(day(10));
    for (name, on) in [("ann", 2), ("bob", 4)] {
        let person = bodies::with(bodies::contact(&format!("{name}@example.com")), json!({"account_id": account}));
        let contact = bodies::id(&admin.post("/v1/contacts", person).await.expect(201));
        record(&admin, &contact, DOWNLOAD, on, "").await;
    }
    let nobody = json!({"kind": WEBINAR, "occurred_at": day(5), "lead_id": lead, "person": {"anonymous_id": "x"}});
    admin.post("/v1/interactions", nobody).await.expect(201);
    let companies = bodies::with(model(100), json!({"target": "account"}));
    let path =
        format!("/v1/scoring-models/{}", bodies::id(&admin.post("/v1/scoring-models", companies).await.expect(201)));
    let asked = admin.post(&format!("{path}/backtests"), json!({"from": day(1), "to": day(10)})).await;
    let id = bodies::id(&asked.expect(202));
    admin.finished(asked).await;
    let leads = admin.get(&format!("{path}/backtests/{id}/leads")).await.expect(200);
    let row = &leads["data"][0];
    assert_eq!((&row["lead_id"], &row["score"], &row["ready_at"]), (&json!(lead), &json!(110), &json!(day(5))));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_refused() {
    let story = Story::tell().await;
    for (body, pointer) in [
        (json!({"from": day(5), "to": day(5)}), "/to"),
        (json!({"from": day(5), "to": day(4)}), "/to"),
        (json!({"from": day(-4000), "to": day(5)}), "/to"),
        (json!({"from": day(40), "to": day(50)}), "/from"),
        (json!({"from": day(1), "to": day(5), "version": 9}), "/version"),
        (json!({"from": day(1), "to": day(5), "compare": 9}), "/compare"),
        (json!({"from": day(1), "to": day(5), "version": "best"}), "/version"),
        (json!({"from": day(1), "to": day(5), "version": 0}), "/version"),
        (json!({"to": day(5)}), "/from"),
    ] {
        story.ask("backtests", body).await.expect_invalid(&[pointer]);
    }
    story.ask("advice", json!({"version": 9})).await.expect_invalid(&["/version"]);
    story.ask("backtests", json!({"from": day(1), "to": day(5), "version": 1})).await.expect(202);

    story.admin.finished(story.admin.post(&format!("{}/publish", story.path), json!({})).await).await;
    story.ask("backtests", json!({"from": day(1), "to": day(5)})).await.expect_problem(409, "conflict");
    story.ask("preview", json!({})).await.expect_problem(409, "conflict");
    story.admin.finished(story.admin.post(&format!("{}/stop", story.path), json!({})).await).await;
    story.ask("advice", json!({})).await.expect_problem(409, "conflict");
    let live = json!({"from": day(1), "to": day(5), "version": "live"});
    story.ask("backtests", live).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn studies_are_seen_only_in_their_workspace_and_asked_for_only_by_those_who_write_models() {
    let story = Story::tell().await;
    let backtest = bodies::id(&story.backtest().await);
    let stranger = story.app.other_workspace().admin().await;
    let period = json!({"from": day(1), "to": day(5)});
    for (what, body) in [("preview", json!({})), ("backtests", period.clone()), ("advice", json!({}))] {
        stranger.post(&format!("{}/{what}", story.path), body).await.expect_problem(404, "not-found");
    }
    let rep = story.app.person(Role::Salesperson).await;
    rep.post(&format!("{}/backtests", story.path), period).await.expect_problem(403, "forbidden");
    for list in ["previews", "backtests", "advice"] {
        rep.get(&format!("{}/{list}", story.path)).await.expect(200);
        stranger.get(&format!("{}/{list}", story.path)).await.expect_problem(404, "not-found");
    }
    for path in [format!("{}/backtests/{backtest}", story.path), format!("{}/backtests/{backtest}/leads", story.path)] {
        stranger.get(&path).await.expect_problem(404, "not-found");
    }
    story.admin.get(&format!("{}/previews/{backtest}", story.path)).await.expect_problem(404, "not-found");
    story.admin.get(&format!("{}/backtests/x", story.path)).await.expect_problem(404, "not-found");
}

/// What a replay finds in one view of the data.
fn replayed(tx: &mut Tx<'_>, model: Id) -> Result<ripen::backtests::backtest::Report> {
    let found = tx.scoring_models().get(model)?;
    let plan = Choice::DRAFT.plan(tx, &found, "")?;
    let question = Question { plan, compared: None, from: Some(day(1)), to: Some(day(31)) };
    let mut replay = Replay::new(tx, &question)?;
    while let Some(cases) = replay.history.next(tx)? {
        for case in cases {
            replay.lead(case);
        }
    }
    Ok(replay.report(tx.at()))
}

#[tokio::test]
async fn what_is_recorded_while_a_backtest_runs_plays_no_part_in_it() {
    let story = Story::tell().await;
    let model = Id::parse(story.path.rsplit('/').next().unwrap()).unwrap();
    let (halfway, at_halfway) = std::sync::mpsc::channel();
    let (recorded, is_recorded) = std::sync::mpsc::channel::<()>();
    let (db, now) = (story.app.state.db.clone(), scope(&story.app));
    let (halfway, is_recorded) = (std::sync::Mutex::new(halfway), std::sync::Mutex::new(is_recorded));
    let running = tokio::spawn(async move {
        let look = move |tx: &mut Tx<'_>| {
            let first = replayed(tx, model)?;
            halfway.lock().unwrap().send(()).unwrap();
            is_recorded.lock().unwrap().recv().unwrap();
            Ok((first, replayed(tx, model)?))
        };
        db.read(now, look).await.unwrap()
    });
    tokio::task::spawn_blocking(move || at_halfway.recv().unwrap()).await.unwrap();
    // The reader holds up no writer.
    record(&story.admin, &story.contacts["d"], WEBINAR, 8, "").await;
    record(&story.admin, &story.contacts["d"], DOWNLOAD, 8, "").await;
    recorded.send(()).unwrap();
    let (first, second) = running.await.unwrap();
    assert_eq!(first, second);
    let later = story.app.state.db.read(now, move |tx| replayed(tx, model)).await.unwrap();
    // d is now at 110 before it was lost.
    assert_eq!((first.numbers.ready_lost, later.numbers.ready_lost), (1, 2));
}

/// Takes the job that is due, as a worker does, for a minute.
async fn taken(app: &TestApp) -> (Id, Id) {
    let lease = Id::new(app.now());
    let (nowhere, until) = (Scope { workspace: Id::NIL, ..scope(app) }, app.now().plus_seconds(60));
    let job = app.state.db.write(nowhere, move |tx| tx.jobs().claim(lease, until)).await.unwrap().unwrap();
    (job.id, lease)
}

#[tokio::test]
async fn a_backtest_whose_worker_died_is_made_by_another_from_the_start() {
    let jobs = worker::Terms { workers: 0, lease_s: 60 };
    let story = Story::tell_with(Options { start: day(1), jobs, ..Options::default() }).await;
    let asked = story.ask("backtests", json!({"from": day(1), "to": day(31)})).await;
    let id = bodies::id(&asked.expect(202));
    let path = format!("{}/backtests/{id}", story.path);
    let (job, lease) = taken(&story.app).await;
    let (db, clock, scope) = (story.app.state.db.clone(), story.app.state.clock.clone(), scope(&story.app));
    // The first worker writes down a lead, and how far it is, and is heard of no more.
    let (backtest, lead) = (Id::parse(&id).unwrap(), Id::parse(&story.leads["a"]).unwrap());
    let begin = move || {
        let (mut progress, _stop) = Progress::new(db, clock, scope, job, (lease, 60));
        progress.tell(7, 11).unwrap();
        let row = move |tx: &mut Tx<'_>| ripen::backtests::backtest::BacktestLead {
            workspace_id: tx.scope.workspace,
            id: Id::new(tx.at()),
            backtest_id: backtest,
            lead_id: lead,
            outcome: ripen::db::types::Code(ripen::leads::Outcome::Lost),
            decided_at: None,
            ready_at: None,
            score: -1,
            grade: "none".into(),
            compared_ready_at: None,
            compared_score: None,
            compared_grade: None,
            opportunity: None,
        };
        progress
            .write(move |tx, _| {
                let row = row(tx);
                tx.studies().insert_leads(&[row])
            })
            .unwrap();
    };
    tokio::task::spawn_blocking(begin).await.unwrap();
    let half = story.admin.get(asked.header("location").unwrap()).await.expect(200);
    assert_eq!(json!([half["state"], half["items_done"], half["items_total"]]), json!(["running", 7, 11]));
    assert_eq!(story.admin.get(&path).await.expect(200)["report"], Value::Null);
    assert_eq!(story.admin.get(&format!("{path}/leads?count=true")).await.expect(200)["total"], 0);

    story.app.wait_seconds(61);
    let state = story.app.state.clone();
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let second = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            worker::start(&state, worker::Terms { workers: 1, lease_s: 60 });
            let _ = end.await;
        });
    });
    let done = story.admin.finished(asked).await;
    ended.send(()).unwrap();
    tokio::task::spawn_blocking(move || second.join().unwrap()).await.unwrap();
    assert_eq!(json!([done["state"], done["items_done"], done["items_total"]]), json!(["done", 11, 11]));
    let leads = story.admin.get(&format!("{path}/leads?count=true")).await.expect(200);
    assert_eq!((&leads["total"], leads["data"][9]["score"].as_i64()), (&json!(10), Some(0)));
}

#[tokio::test]
async fn work_on_a_snapshot_stops_when_its_lease_is_lost_or_the_service_ends() {
    let jobs = worker::Terms { workers: 0, lease_s: 60 };
    let story = Story::tell_with(Options { start: day(1), jobs, ..Options::default() }).await;
    story.ask("backtests", json!({"from": day(1), "to": day(31)})).await.expect(202);
    let (job, lease) = taken(&story.app).await;
    let progress =
        |app: &TestApp| Progress::new(app.state.db.clone(), app.state.clock.clone(), scope(app), job, (lease, 60));
    let tell = |mut progress: Progress| {
        tokio::task::spawn_blocking(move || progress.tell(1, 2).map_err(|error| error.to_string()))
    };
    // Telling prolongs the lease.
    story.app.wait_seconds(50);
    let (alive, _stop) = progress(&story.app);
    tell(alive).await.unwrap().unwrap();
    story.app.wait_seconds(50);
    let nowhere = Scope { workspace: Id::NIL, ..scope(&story.app) };
    assert!(!story.app.state.db.read(nowhere, |tx| tx.jobs().is_any_due()).await.unwrap());

    let (ended, stop) = progress(&story.app);
    drop(stop);
    assert!(tell(ended).await.unwrap().unwrap_err().contains("stopping"));

    story.app.wait_seconds(11);
    taken(&story.app).await;
    let (late, _stop) = progress(&story.app);
    assert!(tell(late).await.unwrap().unwrap_err().contains("lease"));
}

#[tokio::test]
async fn a_study_that_is_not_finished_has_no_report() {
    let jobs = worker::Terms { workers: 0, lease_s: 60 };
    let story = Story::tell_with(Options { start: day(1), jobs, ..Options::default() }).await;
    let asked = story.ask("advice", json!({})).await;
    let id = bodies::id(&asked.expect(202));
    let advice = story.admin.get(&format!("{}/advice/{id}", story.path)).await.expect(200);
    assert_eq!((&advice["report"], &advice["finished_at"]), (&Value::Null, &Value::Null));
    let job = story.admin.get(asked.header("location").unwrap()).await.expect(200);
    assert_eq!((&job["kind"], &job["id"]), (&json!("score_advice"), &advice["job_id"]));
    let listed = story.admin.get(&format!("{}/advice", story.path)).await.expect(200);
    assert_eq!(listed["data"][0]["version"], 1);
}

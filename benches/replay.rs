//! How fast recorded history is replayed by a backtest, on one core and SQLite: interactions a second, beside a bare
//! sequential read of the same rows with the same columns, in the same order and through the same driver. Medians of
//! five, taken in turn. Then the most memory that a replay takes, of a tenth of the history and of all of it.
//!
//!     cargo bench --bench replay
//!     REPLAY_INTERACTIONS=100000 cargo bench --bench replay

#[path = "../tests/api/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;

use std::time::{Duration, Instant};

use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use diesel::{Connection, SqliteConnection};
use ripen::backtests::backtest::{Replay, Report};
use ripen::backtests::{Plan, Question};
use ripen::clock::Timestamp;
use ripen::db::{Db, Scope, Tx};
use ripen::error::Result;
use ripen::id::Id;
use ripen::schema::interactions;
use serde_json::json;

use support::TestApp;

/// Interactions of the history, unless `REPLAY_INTERACTIONS` says otherwise.
const INTERACTIONS: u64 = 1_000_000;
/// Interactions that each contact has; every contact has a lead.
const EACH: u64 = 50;
const ROUNDS: usize = 5;
/// What the model looks at, and what it does not.
const KINDS: [&str; 5] = ["email_opened", "page_visited", "asset_downloaded", "event_attended", "email_clicked"];

/// A service with a history.
struct Site {
    app: TestApp,
    interactions: u64,
}

impl Site {
    async fn new(interactions: u64) -> Self {
        let app = TestApp::start().await;
        let path = app.database().url().strip_prefix("sqlite://").expect("the bench is about SQLite").to_owned();
        let mut conn = SqliteConnection::establish(&path).unwrap();
        conn.batch_execute(&seed(&app.workspace().id.to_string(), interactions)).unwrap();
        Self { app, interactions }
    }

    fn scope(&self) -> Scope {
        Scope { workspace: self.app.workspace().id, at: self.app.now(), actor: None, cause: None }
    }

    /// The replay of a backtest; how long it takes and what it finds.
    async fn replay(&self) -> (Duration, Report) {
        // Of its own, so that neither what is read nor its memory is there before.
        let db = Db::new(&self.app.database().address(), 1);
        let begun = Instant::now();
        let (read, report) = db.read(self.scope(), replay).await.unwrap();
        let taken = begun.elapsed();
        assert_eq!(read, self.interactions);
        (taken, report)
    }

    /// The bare read; how long it takes.
    fn read(&self) -> Duration {
        let path = self.app.database().url().strip_prefix("sqlite://").unwrap();
        let mut conn = SqliteConnection::establish(path).unwrap();
        let rows = interactions::table
            .filter(interactions::workspace_id.eq(self.app.workspace().id))
            .filter(interactions::contact_id.is_not_null())
            .order((interactions::contact_id, interactions::kind, interactions::occurred_at, interactions::id))
            .select((interactions::id, interactions::contact_id, interactions::occurred_at, interactions::kind));
        type Row = (Id, Option<Id>, Timestamp, String);
        let begun = Instant::now();
        let rows = rows.load_iter::<Row, DefaultLoadingMode>(&mut conn).unwrap();
        let read = rows.map(|row| u64::from(row.unwrap().1.is_some())).sum::<u64>();
        let taken = begun.elapsed();
        assert_eq!(read, self.interactions);
        taken
    }
}

fn replay(tx: &mut Tx<'_>) -> Result<(u64, Report)> {
    let definition = json!({
        "name": "Newcomers", "target": "contact", "sales_ready_score": 100,
        "rules": [
            {"key": "white_paper", "points": 30,
             "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 3}}]},
            {"key": "opens", "points": 5,
             "when": [{"interaction": "email_opened", "frequency": "each", "max_times": 3, "within_days": 30}]},
            {"key": "clicks", "points": 3,
             "when": [{"interaction": "email_clicked", "frequency": "each", "within_days": 60}]},
            {"key": "webinar", "points": 40,
             "when": [{"interaction": "event_attended", "frequency": "each", "decay": {"percent": 50, "every_days": 30}}]},
            {"key": "decider", "points": 20,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "silent", "points": -15,
             "when": [{"interaction": "page_visited", "frequency": "none", "within_days": 60}]},
        ],
    });
    let plan = Plan { version: None, definition: serde_json::from_value(definition).unwrap() };
    let question = Question { plan, compared: None, from: Timestamp::parse("2025-01-01T00:00:00Z"), to: Some(tx.at()) };
    let mut replay = Replay::new(tx, &question)?;
    while let Some(cases) = replay.history.next(tx)? {
        for case in cases {
            replay.lead(case);
        }
    }
    Ok((replay.history.interactions, replay.report(tx.at())))
}

/// Contacts, each with a lead, and what they did over a year, written down in the order of time as it would be.
fn seed(workspace: &str, interactions: u64) -> String {
    let workspace = format!("unhex('{}')", workspace.replace('-', ""));
    let contacts = interactions / EACH;
    let step_s = 31_536_000 / interactions.max(1);
    let id = |kind: &str, number: &str| format!("unhex('{kind}' || printf('%012x', {number}))");
    let at =
        |seconds: &str| format!("strftime('%Y-%m-%dT%H:%M:%S', 1735689600 + {seconds}, 'unixepoch') || '.000000Z'");
    let numbers =
        |most: u64| format!("WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {most})");
    let (contact, lead) = (id("00000000000070008001", "k"), id("00000000000070008002", "k"));
    // A step that shares no factor with the number of contacts lets everybody act in turn.
    let actor = id("00000000000070008001", &format!("((k * 7919) % {contacts}) + 1"));
    let kinds =
        KINDS.iter().enumerate().map(|(number, kind)| format!("WHEN {number} THEN '{kind}' ")).collect::<String>();
    let begin = at("k % 86400");
    let end = at("20000000 + k * 60");
    format!(
        "BEGIN; INSERT INTO contacts (workspace_id, id, first_name, search_key, email, email_key, address, marketing_only, \
         consents, attributes, decision_role, created_at, updated_at) {many} SELECT {workspace}, {contact}, 'Person', \
         'person ' || k, 'person-' || k || '@example.com', 'person-' || k || '@example.com', '{{}}', 0, '{{}}', '{{}}', \
         CASE k % 3 WHEN 0 THEN 'decision_maker' END, {begin}, {begin} FROM n; \
         INSERT INTO leads (workspace_id, id, topic, contact_id, captured, source, channel_class, utm, status, process, \
         stage, stage_since, flags, score, attributes, search_key, created_at, updated_at) {many} SELECT {workspace}, \
         {lead}, 'Software', {contact}, '{{}}', 'web', 'net', '{{}}', \
         CASE k % 4 WHEN 0 THEN 'qualified' WHEN 1 THEN 'disqualified' ELSE 'open' END, \
         'lead_to_opportunity_marketing', 'inquiry', {begin}, '{{}}', 0, '{{}}', 'person ' || k, {begin}, {end} FROM n; \
         INSERT INTO interactions (workspace_id, id, kind, occurred_at, recorded_at, contact_id, properties, source, \
         external_id, evidence) {more} SELECT {workspace}, {interaction}, CASE (k * 31 / 7) % 5 {kinds} END, {done}, \
         {done}, {actor}, '{{\"subject\": \"News of the month\", \"client\": \"web\"}}', 'mailer', 'm-' || k, 'human' \
         FROM n; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
        many = numbers(contacts),
        more = numbers(interactions),
        interaction = id("00000000000070008003", "k"),
        done = at(&format!("(k * {step_s})")),
    )
}

/// Seconds that one core worked for this process so far; less than the time that passed when others want it too.
fn worked() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = status.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Forgets the most memory that this process ever had.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The most memory that this process has had since, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "a bench has no config.rs")]
fn interactions() -> u64 {
    std::env::var("REPLAY_INTERACTIONS").map_or(INTERACTIONS, |number| number.parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    let (some, all) = (Site::new(interactions() / 10).await, Site::new(interactions()).await);
    let mut peaks = Vec::new();
    for site in [&some, &all] {
        forget_peak();
        site.replay().await;
        peaks.push((site.interactions, peak()));
    }
    let (mut replays, mut reads, mut work) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        reads.push(all.read());
        let before = worked();
        replays.push(all.replay().await.0);
        work += worked() - before;
    }
    let (read, replay) = (median(reads), median(replays));
    let a_second = |taken: f64| all.interactions as f64 / taken;
    println!("SQLite, {} interactions of {} leads, medians of {ROUNDS}", all.interactions, all.interactions / EACH);
    println!("bare read {:>12.0} interactions/s {read:>8.2} s", a_second(read));
    println!("replay    {:>12.0} interactions/s {replay:>8.2} s", a_second(replay));
    println!("of a core {:>12.0} interactions/s", a_second(work / ROUNDS as f64));
    println!("ratio     {:>12.2}", replay / read);
    for (interactions, peak) in peaks {
        println!("most memory, {interactions:>9} interactions: {peak} MiB");
    }
}

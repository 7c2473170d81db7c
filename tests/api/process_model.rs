//! The process against a plain model of it: whatever people do with a lead, in whatever order, the service does what the
//! model says, refuses what it refuses, and keeps the same history.
//!
//! `PROCESS_RUNS=10000` tries more. A run that differs prints its seed and the commands so far.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::live_model;
use crate::support::{Answer, Chance, Person, TestApp, bodies};

/// Runs unless told otherwise.
const RUNS: u64 = 60;
/// Runs at once.
const AT_ONCE: usize = 8;
/// Commands of the longest run.
const LONGEST: usize = 14;

const STAGES: [&str; 5] =
    ["inquiry", "marketing_qualification", "teleprospect_acceptance", "teleprospect_qualification", "sales_acceptance"];
/// Where completing demands a budget.
const DEMANDING: usize = 1;
const SALES: usize = 4;
const FLAGS: [&str; 4] = ["sales_ready", "teleprospect_ready", "teleprospect_accepted", "sales_accepted"];
/// The marks that each stage offers.
const OFFERED: [&[&str]; 5] = [
    &["sales_ready", "teleprospect_ready"],
    &["sales_ready", "teleprospect_ready"],
    &["sales_ready", "teleprospect_accepted"],
    &["sales_ready"],
    &["sales_accepted"],
];
/// Points of a call, and those that make a lead ready for sales.
const CALL: i64 = 60;
const READY: i64 = 100;

/// What somebody does with a lead.
#[derive(Clone, Copy, Debug)]
enum Command {
    Move { to: usize, may_override: bool },
    Next { may_override: bool },
    Complete { with_budget: bool },
    Flag(&'static str),
    Unflag(&'static str),
    Reject,
    Budget(bool),
    Owner(bool),
    Call,
    Qualify,
    Disqualify,
    Recycle,
    Reopen,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    NotFound,
    Conflict,
    Invalid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Open,
    Qualified,
    Disqualified,
}

/// A lead as plainly as it can be told.
#[derive(Clone, Debug)]
struct Plain {
    status: Status,
    stage: usize,
    marks: BTreeSet<&'static str>,
    owned: bool,
    budget: bool,
    /// Calls that count, and those that were made while the lead was closed.
    calls: i64,
    missed: i64,
    /// Every change of stage: to where, and why.
    history: Vec<(usize, &'static str)>,
}

impl Plain {
    fn new() -> Self {
        Self {
            status: Status::Open,
            stage: 0,
            marks: BTreeSet::new(),
            owned: false,
            budget: false,
            calls: 0,
            missed: 0,
            history: vec![(0, "created")],
        }
    }

    fn is_open(&self) -> bool {
        self.status == Status::Open
    }

    fn enter(&mut self, to: usize, why: &'static str) {
        if self.stage != to {
            self.stage = to;
            self.history.push((to, why));
        }
    }

    fn forward(&mut self, to: usize, why: &'static str) {
        if self.stage < to {
            self.enter(to, why);
        }
    }

    fn called(&mut self, times: i64) {
        let before = self.calls;
        self.calls += times;
        if before == 0 && self.calls > 0 && self.stage == 0 {
            self.enter(1, "first_score");
        }
        if times > 0 && self.calls * CALL >= READY && self.marks.insert("sales_ready") {
            self.forward(SALES, "sales_ready");
        }
    }

    fn lacks_budget(&self, to: usize) -> bool {
        !self.budget && self.stage <= DEMANDING && DEMANDING < to
    }

    fn obey(&mut self, command: Command) -> Verdict {
        use Verdict::{Conflict, Done, Invalid, NotFound};
        match command {
            Command::Call => {
                match self.is_open() {
                    true => self.called(1),
                    false => self.missed += 1,
                }
                Done
            }
            Command::Reopen | Command::Recycle if self.is_open() => Conflict,
            Command::Reopen => {
                self.open();
                Done
            }
            Command::Recycle => {
                self.marks.clear();
                self.enter(1, "recycled");
                self.open();
                Done
            }
            _ if !self.is_open() => Conflict,
            Command::Qualify => {
                self.status = Status::Qualified;
                Done
            }
            Command::Disqualify => {
                self.status = Status::Disqualified;
                Done
            }
            Command::Budget(is_known) => {
                self.budget = is_known;
                Done
            }
            Command::Owner(is_owned) => {
                self.owned = is_owned;
                Done
            }
            Command::Move { to, .. } if to == self.stage => Conflict,
            Command::Move { to, may_override } => self.pass(to, may_override, "by_hand"),
            Command::Next { .. } if self.stage == SALES => Conflict,
            Command::Next { may_override } => self.pass(self.stage + 1, may_override, "next"),
            Command::Complete { .. } if self.stage == SALES => Conflict,
            Command::Complete { with_budget } if with_budget && self.stage != DEMANDING => Invalid,
            Command::Complete { with_budget } => {
                self.budget |= with_budget;
                match self.lacks_budget(self.stage + 1) {
                    true => Invalid,
                    false => self.pass(self.stage + 1, false, "completed"),
                }
            }
            Command::Flag(flag) if self.marks.contains(flag) => Done,
            Command::Flag(flag) if !OFFERED[self.stage].contains(&flag) => Conflict,
            Command::Flag("sales_accepted") if !self.owned => Conflict,
            Command::Flag(flag) => {
                self.marks.insert(flag);
                match flag {
                    "sales_ready" => self.forward(SALES, "sales_ready"),
                    "teleprospect_ready" => self.forward(2, "teleprospect_ready"),
                    "teleprospect_accepted" => self.forward(3, "teleprospect_accepted"),
                    _ => {}
                }
                Done
            }
            Command::Unflag(flag) => {
                if self.marks.remove(flag) {
                    Done
                } else {
                    NotFound
                }
            }
            Command::Reject if self.marks.contains("sales_accepted") || self.stage < 2 => Conflict,
            Command::Reject => {
                self.marks.clear();
                self.enter(1, "rejected");
                Done
            }
        }
    }

    fn pass(&mut self, to: usize, may_override: bool, why: &'static str) -> Verdict {
        match (self.lacks_budget(to), may_override) {
            (true, false) => Verdict::Invalid,
            (true, true) => {
                self.enter(to, "overridden");
                Verdict::Done
            }
            (false, _) => {
                self.enter(to, why);
                Verdict::Done
            }
        }
    }

    fn open(&mut self) {
        self.status = Status::Open;
        let missed = std::mem::take(&mut self.missed);
        self.called(missed);
    }

    /// The lead as the service shows it.
    fn shown(&self) -> Value {
        let status = match self.status {
            Status::Open => "open",
            Status::Qualified => "qualified",
            Status::Disqualified => "disqualified",
        };
        json!({
            "status": status, "stage": STAGES[self.stage], "marks": self.marks, "owned": self.owned,
            "budget": self.budget, "score": self.calls * CALL,
        })
    }
}

fn any(chance: &mut Chance) -> Command {
    let to = chance.below(STAGES.len());
    let flag = chance.of(&FLAGS);
    let is_so = chance.once_in(2);
    match chance.below(20) {
        0..3 => Command::Move { to, may_override: is_so },
        3 => Command::Next { may_override: is_so },
        4..6 => Command::Complete { with_budget: is_so },
        6..10 => Command::Flag(flag),
        10 => Command::Unflag(flag),
        11..13 => Command::Reject,
        13 => Command::Budget(is_so),
        14 => Command::Owner(!is_so || chance.once_in(2)),
        15..17 => Command::Call,
        17 if is_so => Command::Qualify,
        17 => Command::Disqualify,
        18 => Command::Reopen,
        _ => Command::Recycle,
    }
}

/// One lead of one contact, and who works it.
struct Desk {
    admin: Person,
    lead: String,
    contact: String,
}

impl Desk {
    async fn new(admin: &Person, seed: u64) -> Self {
        let contact = bodies::contact(&format!("person-{seed}@example.com"));
        let contact = bodies::id(&admin.post("/v1/contacts", contact).await.expect(201));
        let lead = json!({"contact_id": contact, "topic": "Software", "source": "web"});
        let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
        Self { admin: admin.clone(), lead: format!("/v1/leads/{lead}"), contact }
    }

    async fn obey(&self, command: Command) -> Answer {
        let Self { admin, lead, contact } = self;
        let post = async |what: &str, body: Value| admin.post(&format!("{lead}/{what}"), body).await;
        match command {
            Command::Move { to, may_override } => {
                post("transitions", json!({"to": STAGES[to], "override": may_override})).await
            }
            Command::Next { may_override } => {
                post("transitions", json!({"next": true, "override": may_override})).await
            }
            Command::Complete { with_budget: true } => {
                post("transitions", json!({"complete": true, "fields": {"budget": 5}})).await
            }
            Command::Complete { with_budget: false } => post("transitions", json!({"complete": true})).await,
            Command::Flag(flag) => post("flags", json!({"flag": flag})).await,
            Command::Unflag(flag) => admin.delete(&format!("{lead}/flags/{flag}")).await,
            Command::Reject => post("rejection", json!({"reason": "no_need"})).await,
            Command::Budget(is_known) => {
                let budget = if is_known { json!(5) } else { Value::Null };
                admin.patch(lead, json!({"attributes": {"budget": budget}})).await
            }
            Command::Owner(is_owned) => {
                let owner = if is_owned { json!(admin.id()) } else { Value::Null };
                post("assignment", json!({"owner_id": owner})).await
            }
            Command::Call => {
                let at = "2026-03-02T09:00:00Z";
                admin.post("/v1/interactions", json!({"kind": "call", "occurred_at": at, "contact_id": contact})).await
            }
            Command::Qualify => post("qualification", json!({"opportunity": {"action": "none"}})).await,
            Command::Disqualify => post("disqualification", json!({"reason": "no_need"})).await,
            Command::Recycle => post("recycling", json!({})).await,
            Command::Reopen => post("reopening", json!({})).await,
        }
    }

    async fn shown(&self) -> Value {
        let lead = self.admin.get(&self.lead).await.expect(200);
        let marks: Vec<&String> = lead["flags"].as_object().unwrap().keys().collect();
        json!({
            "status": lead["status"], "stage": lead["stage"], "marks": marks, "owned": lead["owner_id"].is_string(),
            "budget": lead["attributes"]["budget"].is_number(), "score": lead["score"],
        })
    }

    async fn history(&self) -> Value {
        let list = self.admin.get(&format!("{}/transitions?sort=at&limit=200", self.lead)).await.expect(200);
        let mut rows = list["data"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
        rows.iter().map(|row| json!([row["to_stage"], row["cause"]])).collect()
    }
}

fn verdict(answer: &Answer) -> Verdict {
    match answer.status() {
        200..=204 => Verdict::Done,
        404 => Verdict::NotFound,
        409 => Verdict::Conflict,
        422 => Verdict::Invalid,
        other => panic!("{other}: {answer:?}"),
    }
}

/// Does one run; what differed, if anything did.
async fn run(admin: &Person, seed: u64) -> Result<(), String> {
    let mut chance = Chance::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (desk, mut plain) = (Desk::new(admin, seed).await, Plain::new());
    let mut done = Vec::new();
    for _ in 0..1 + chance.below(LONGEST) {
        let command = any(&mut chance);
        done.push(command);
        let before = plain.clone();
        let expected = plain.obey(command);
        if expected != Verdict::Done {
            plain = before;
        }
        let answer = desk.obey(command).await;
        let (verdict, shown) = (verdict(&answer), desk.shown().await);
        if verdict != expected || shown != plain.shown() {
            let expected = format!("expected {expected:?} and {}", plain.shown());
            return Err(format!("seed {seed}, after {done:?}:\n{expected}\ngot {verdict:?} and {shown}\n{answer:?}"));
        }
    }
    let expected: Value = plain.history.iter().map(|(to, why)| json!([STAGES[*to], why])).collect();
    match desk.history().await {
        history if history == expected => Ok(()),
        history => Err(format!("seed {seed}, {done:?}:\nexpected the history {expected}\ngot {history}")),
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no config.rs")]
fn runs() -> u64 {
    std::env::var("PROCESS_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS)
}

#[tokio::test]
async fn whatever_people_do_with_a_lead_its_process_is_as_the_plain_model_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demand_a_budget(&admin).await;
    let model = json!({
        "name": "Calls", "target": "contact", "sales_ready_score": READY,
        "rules": [{"key": "calls", "points": CALL, "when": [{"interaction": "call", "frequency": "each"}]}],
    });
    live_model(&admin, model).await;
    let outcomes = stream::iter(0..runs()).map(|seed| run(&admin, seed)).buffer_unordered(AT_ONCE);
    let differences: Vec<String> = outcomes.filter_map(async |outcome| outcome.err()).collect().await;
    assert!(differences.is_empty(), "{} of {} runs differ; one:\n{}", differences.len(), runs(), differences[0]);
    assert_eq!(app.person(Role::Viewer).await.get("/v1/leads?limit=1").await.status(), 200);
}

/// Marketing qualification is complete only with a budget.
async fn demand_a_budget(admin: &Person) {
    let path = "/v1/processes/lead_to_opportunity_marketing";
    let process = admin.get(path).await;
    let mut body = process.expect(200);
    body["stages"][DEMANDING]["fields"] =
        json!([{"key": "budget", "name": "Budget", "type": "integer", "required": true}]);
    admin.patch_version(path, 1, json!({"stages": body["stages"]})).await.expect(200);
}

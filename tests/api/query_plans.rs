//! Every list, search and look-up goes by an index, however many records there are.
//!
//! The requests are real ones, for each list that the OpenAPI document has: in each of its orders, both ways, the first
//! page and a later one, and with each of its filters. What the service then asked of its database is explained by the
//! database. Of every statement it is judged:
//!
//! - No table that grows with use is read from end to end ([`SMALL`] ones may be).
//! - No more rows are sorted than one record has: a list is read in the order it is shown in, and reading ends with the
//!   page. A later page begins where the page before ended.
//! - A filter is judged by how many records it leaves ([`Leaves`]). One that leaves few of many must be what the index is
//!   entered by. One of few values may be looked at on the way, because a page is soon full; but then the order must come
//!   from the index.
//!
//! What no index can serve is judged like a filter of few values: text anywhere in a name (`q`) and the conditions of
//! searches. Counting (`count=true`) reads all that it counts, so it is nothing that a list does unless asked.
//!
//! SQLite is told how the data is spread (`db::statistics`), so what it plans here is what it does anywhere. PostgreSQL
//! counts by itself; here it is asked whether an index would serve (see [`plan::Planner::new`]).

mod heard;
mod lists;
mod plan;

use std::time::Duration;

use futures_util::future::join_all;
use plan::{Plan, Planner, Read};
use serde_json::json;

use crate::scoring::{day, live_model, newcomers};
use crate::support::{Options, Person, TestApp, bodies, on_postgres};

/// Tables that hold what a workspace decides for itself, some dozens of rows, and so may be read as a whole.
const SMALL: &[&str] = &[
    "workspaces",
    "users",
    "clients",
    "forms",
    "processes",
    "scoring_models",
    "scoring_model_versions",
    "matching_strategies",
    "matching_strategy_versions",
    "interaction_kinds",
    "assignment_rules",
    "alert_rules",
    "message_templates",
    "leases",
    // The register of assets is read as a whole with every revision of it.
    "assets",
];

/// How many of many records a filter leaves, and so how it must be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// A part of all, because it has few values: it is looked at on the way.
    Many,
    /// Few of many, but possibly more than pages: an index is entered by it, and in the list's usual order gives the order,
    /// too.
    Some,
    /// A fifth or so of all, or next to nothing: in the list's usual order an index is entered by it, in the others it is
    /// looked at on the way.
    Part,
    /// What belongs to one record: an index is entered by it, and what it leaves may be sorted.
    Few,
    /// What is late: looked up by its deadline and sorted, or met on the way.
    Late,
    /// What lies in a range of the usual order, where the index is entered.
    Range,
}

/// What is wrong with a plan, whatever is asked: that it reads or sorts all rows of a table that grows.
fn offence(what: &str, sql: &str, plan: &Plan) -> Option<String> {
    // A list of no ids: nothing is read at all.
    if sql.contains("1=0") {
        return None;
    }
    let grown = || plan.reads.iter().filter(|read| !SMALL.contains(&read.table.as_str()));
    if let Some(read) = grown().find(|read| read.by.is_none()) {
        return Some(format!("{what} reads all of {}:\n{plan}{sql}", read.table));
    }
    let sorts_all = plan.sorts && grown().any(Read::is_of_everything);
    sorts_all.then(|| format!("{what} sorts all of a table:\n{plan}{sql}"))
}

/// A service whose statements are listened to, and its database, which explains them.
struct Listening {
    app: TestApp,
    planner: Planner,
    offences: Vec<String>,
}

impl Listening {
    async fn start_with(options: Options) -> Self {
        heard::prick_up_ears();
        let app = TestApp::start_with(options).await;
        let planner = Planner::new(app.database());
        heard::listen(app.database());
        Self { app, planner, offences: Vec::new() }
    }

    async fn start() -> Self {
        Self::start_with(Options { start: day(10), ..Options::default() }).await
    }

    /// The statements since this was asked last, with their plans. What is wrong with one, whatever it is for, is noted.
    fn judged(&mut self, what: &str) -> Vec<(String, Plan)> {
        let statements = heard::heard(self.app.database());
        let planned: Vec<_> = statements.into_iter().map(|sql| (self.planner.plan(&sql), sql)).collect();
        self.offences.extend(planned.iter().filter_map(|(plan, sql)| offence(what, sql, plan)));
        planned.into_iter().map(|(plan, sql)| (sql, plan)).collect()
    }

    /// Forgets what was heard.
    fn forget(&self) {
        heard::heard(self.app.database());
    }

    #[track_caller]
    fn expect_no_offence(self) {
        assert!(self.offences.is_empty(), "{}\n{} in all", self.offences.join("\n\n"), self.offences.len());
    }
}

/// A contact with a lead, both new.
async fn person_with_lead(admin: &Person) -> (String, String) {
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let lead = json!({"source": "web", "topic": "Software", "contact_id": contact});
    (contact, bodies::id(&admin.post("/v1/leads", lead).await.expect(201)))
}

#[tokio::test]
async fn an_overview_and_the_scores_of_a_lead_are_looked_up() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = person_with_lead(&admin).await;
    listening.forget();
    for path in [
        format!("/v1/contacts/{contact}/overview"),
        format!("/v1/leads/{lead}/scores?forecast=true"),
        format!("/v1/leads/{lead}/scores?as_of={}", day(9)),
        format!("/v1/leads/{lead}?expand=contact,account,scores"),
        format!("/v1/leads/{lead}/process"),
        format!("/v1/leads/{lead}/provenance"),
        format!("/v1/contacts/{contact}/provenance"),
    ] {
        admin.get(&path).await.expect(200);
        assert!(!listening.judged(&path).is_empty());
    }
    listening.expect_no_offence();
}

#[tokio::test]
async fn a_search_reads_in_the_order_that_it_shows() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    listening.forget();
    let message = json!([{"field": "interaction.kind", "op": "eq", "value": "message"}]);
    for (record, filter) in [
        ("leads", json!([{"field": "lead.score", "op": "gte", "value": 50}])),
        ("leads", json!([{"field": "contact.job_title", "op": "contains", "value": "chief"}])),
        ("leads", json!([{"field": "account.country", "op": "eq", "value": "DE"}])),
        ("leads", json!([{"related": "interaction", "count": {"gte": 2}, "where": []}])),
        ("leads", json!([{"related": "interaction", "where": message}])),
        ("contacts", json!([{"related": "interaction", "where": message}])),
        ("contacts", json!([{"field": "contact.job_title", "op": "starts_with", "value": "chief"}])),
        ("contacts", json!([{"related": "lead", "where": [{"field": "lead.status", "op": "eq", "value": "open"}]}])),
    ] {
        for sort in ["created_at", "-updated_at"] {
            let what = format!("/v1/{record}/search?sort={sort}");
            let answer = admin.post(&what, json!({"filter": filter})).await;
            answer.expect(200);
            let seen = listening.judged(&format!("{what} {filter}"));
            assert!(!seen.is_empty());
            // What was done is looked up for one lead after the other, not what anybody did. For contacts PostgreSQL may
            // weigh which is less.
            let is_own = |read: &Read| read.is_by("contact_id") || read.is_by("lead_id");
            let of_others = |plan: &Plan| {
                plan.reads
                    .iter()
                    .any(|read| ["interactions", "related", "own"].contains(&&*read.table) && !is_own(read))
            };
            let judged = seen.iter().filter(|_| record == "leads" || !on_postgres());
            let offences = judged.filter(|(_, plan)| of_others(plan)).map(|(sql, plan)| format!("{plan}{sql}"));
            listening.offences.extend(offences);
        }
    }
    listening.expect_no_offence();
}

/// Where to send what visitors fill into a form.
async fn where_to_submit(admin: &Person) -> String {
    let fields = json!([
        {"name": "email", "required": true, "maps_to": "contact.email"},
        {"name": "question", "multi_line": true},
    ]);
    let form = json!({"name": "Paper", "kind": "landing_page", "source": "web", "fields": fields});
    let form = bodies::id(&admin.post("/v1/forms", form).await.expect(201));
    let form = admin.post(&format!("/v1/forms/{form}/publish"), json!(null)).await.expect(200);
    format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap())
}

#[tokio::test]
async fn recording_what_people_did_looks_nothing_up_without_an_index() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    live_model(&admin, newcomers()).await;
    let submissions = where_to_submit(&admin).await;
    listening.forget();
    let record = |what| bodies::with(json!({"kind": "page_visited", "occurred_at": day(9)}), what);
    let requests = [
        ("/v1/contacts", bodies::with(bodies::contact("ann@example.com"), json!({"phone": "+49 30 901820"}))),
        ("/v1/leads", json!({"source": "web", "topic": "Software", "contact": {"email": "ann@example.com"}})),
        ("/v1/interactions", record(json!({"person": {"email": "bob@example.com", "phone": "+49 30 901821"}}))),
        ("/v1/interactions", record(json!({"person": {"anonymous_id": "visitor-1", "external_id": "crm-1"}}))),
        (
            "/v1/interactions",
            record(json!({"person": {"email": "ann@example.com"}, "source": "x", "external_id": "1"})),
        ),
        ("/v1/contacts", bodies::contact("bob@example.com")),
        (&*submissions, json!({"fields": {"email": "eve@example.com"}})),
        (&*submissions, json!({"fields": {"email": "ann@example.com"}})),
    ];
    let mut looked_up_origins = 0;
    for (path, body) in requests {
        let status = admin.post(path, body).await.status();
        assert!([201, 202].contains(&status), "{path}: {status}");
        let statements = listening.judged(path).into_iter().map(|(sql, _)| sql);
        let by_origin = |sql: &String| sql.split("WHERE").skip(1).any(|condition| condition.contains("origin_key"));
        // Under a plan that is made once for all values, PostgreSQL takes an index of open leads only so.
        for sql in statements.filter(by_origin) {
            assert!(sql.contains("'open'"), "{sql}");
            looked_up_origins += 1;
        }
    }
    assert!(looked_up_origins > 0);
    listening.expect_no_offence();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whom_many_submissions_at_once_are_of_is_looked_up_by_index() {
    let mut listening = Listening::start().await;
    let admin = listening.app.admin().await;
    let submissions = where_to_submit(&admin).await;
    listening.forget();
    let mut looked_around = 0;
    for question in ["Who?", "What?", "When?"] {
        let answers = (0..32).map(|number| {
            let fields = json!({"email": format!("person-{number}@example.com"), "question": question});
            admin.post(&submissions, json!({"fields": fields}))
        });
        for answer in join_all(answers).await {
            answer.expect(202);
        }
        let statements = listening.judged(question);
        let bare = statements.iter().map(|(sql, _)| sql.replace(['"', '`'], ""));
        let around = |sql: &String| ["IN (", "= ANY"].iter().any(|of| sql.contains(&format!("leads.contact_id {of}")));
        looked_around += bare.filter(around).count();
    }
    assert!(looked_around > 0, "of those who are known, the leads of several are looked up at once");
    listening.expect_no_offence();
}

#[tokio::test]
async fn what_is_due_is_looked_up() {
    let sweep_every = Some(Duration::from_millis(50));
    let mut listening = Listening::start_with(Options { sweep_every, ..Options::default() }).await;
    let mut missing = vec!["lead_scores", "stage_deadlines", "lead_closings", "unassigned_leads", "tasks", "jobs"];
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let statements = listening.judged("looking for what is due");
        missing.retain(|table| !statements.iter().any(|(sql, _)| sql.contains(table)));
        if missing.is_empty() {
            break;
        }
    }
    assert_eq!(missing, Vec::<&str>::new());
    listening.expect_no_offence();
}

//! What was acknowledged is there after the process was killed, and what was not can be sent again.
//!
//! `CRASH_ROUNDS` sets how often the service is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Service, Site};
use crate::support::{Answer, Person};

/// Callers that write at once.
const WRITERS: usize = 8;
/// The service is killed at some moment of this long a time, in milliseconds.
const ROUND_MS: u64 = 600;

/// A request that writes something nobody else writes, once.
#[derive(Clone, Debug)]
struct Write {
    path: &'static str,
    key: String,
    body: Value,
}

impl Write {
    fn new(number: u32) -> Self {
        let name = format!("write-{number}");
        let (path, body) = match number % 2 {
            0 => ("/v1/accounts", json!({"name": name})),
            _ => (
                "/v1/interactions",
                json!({
                    "kind": "call", "occurred_at": "2024-03-01T10:00:00Z", "person": {"email": format!("{name}@example.com")},
                    "source": "crash", "external_id": name,
                }),
            ),
        };
        Self { path, key: name, body }
    }

    async fn attempt(&self, caller: &Person) -> reqwest::Result<Answer> {
        caller.request(Method::POST, self.path).key(&self.key).json(&self.body).attempt().await
    }

    /// Sends it again until it is not under way any more; its key's lease is over after a second.
    async fn repeat(&self, caller: &Person) -> Answer {
        for _ in 0..100 {
            let answer = self.attempt(caller).await.unwrap();
            if answer.status() != 409 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{} stays under way", self.key);
    }
}

/// What was acknowledged: where it is and what was answered.
type Acknowledged = (String, Value);

/// Writes of all writers together.
#[derive(Default)]
struct Tallies {
    begun: AtomicU32,
    acknowledged: AtomicU32,
}

impl Tallies {
    /// Waits until something is acknowledged that was not before.
    async fn wait_for_more(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        while self.acknowledged.load(Ordering::Relaxed) == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Writes until the service does not answer any more; gives what was acknowledged and what was not.
async fn write_until_it_breaks(caller: Person, tallies: Arc<Tallies>) -> (Vec<Acknowledged>, Write) {
    let mut acknowledged = Vec::new();
    loop {
        let write = Write::new(tallies.begun.fetch_add(1, Ordering::Relaxed));
        match write.attempt(&caller).await {
            Ok(answer) => {
                let body = answer.expect(201);
                tallies.acknowledged.fetch_add(1, Ordering::Relaxed);
                acknowledged.push((answer.header("location").unwrap().to_owned(), body));
            }
            Err(_) => return (acknowledged, write),
        }
    }
}

fn some_moment() -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u64;
    Duration::from_millis(random % ROUND_MS)
}

fn serve(site: &Site) -> Service {
    let mut command = site.ripen(&["serve"]);
    command.env("RIPEN_IDEMPOTENCY_LEASE_S", "1").env("RIPEN_JOB_LEASE_S", "1");
    Service::start(command, site.folder.path())
}

#[expect(clippy::disallowed_methods, reason = "the tests have no config.rs")]
fn rounds() -> u32 {
    std::env::var("CRASH_ROUNDS").map_or(3, |rounds| rounds.parse().expect("CRASH_ROUNDS must be a number"))
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill_and_the_rest_can_be_sent_again() {
    let site = Site::new();
    let token = site.token();
    let tallies = Arc::new(Tallies::default());
    let mut kept = Vec::new();
    for _ in 0..rounds() {
        let service = serve(&site);
        let writers =
            (0..WRITERS).map(|_| tokio::spawn(write_until_it_breaks(service.caller(&token), tallies.clone())));
        let writers = join_all(writers);
        let killing = async {
            tallies.wait_for_more().await;
            tokio::time::sleep(some_moment()).await;
            service.kill();
        };
        let (outcomes, ()) = tokio::join!(writers, killing);

        let service = serve(&site);
        let caller = service.caller(&token);
        for outcome in outcomes {
            let (acknowledged, in_flight) = outcome.unwrap();
            kept.extend(acknowledged);
            let answer = in_flight.repeat(&caller).await;
            kept.push((answer.header("location").unwrap().to_owned(), answer.expect(201)));
            let once_more = in_flight.attempt(&caller).await.unwrap();
            assert_eq!(once_more.bytes(), answer.bytes());
        }
        for (location, answered) in &kept {
            assert_eq!(caller.get(location).await.expect(200)["id"], answered["id"], "{location}");
        }
    }

    // Nothing was written twice, and nothing half.
    let service = serve(&site);
    let caller = service.caller(&token);
    let accounts = caller.get("/v1/accounts?limit=1&count=true").await.expect(200);
    let expected = kept.iter().filter(|(location, _)| location.starts_with("/v1/accounts/")).count();
    assert_eq!(accounts["total"], expected);
}

/// How long the lease of a job's worker lasts.
const LEASE: Duration = Duration::from_secs(1);
/// Leads that a job links; every two are one person's.
const LEADS: usize = 1_000;

/// Opens leads that are nobody's yet.
async fn open_leads(caller: &Person) {
    for batch in (0..LEADS).collect::<Vec<_>>().chunks(20) {
        let opened = batch.iter().map(|number| {
            let captured = json!({"email": format!("person-{}@example.com", number / 2)});
            caller.post("/v1/leads", json!({"captured": captured, "topic": "Software", "source": "web"}))
        });
        for answer in join_all(opened).await {
            answer.expect(201);
        }
    }
}

#[tokio::test]
async fn a_job_whose_worker_is_killed_goes_on_within_its_lease_and_does_nothing_twice() {
    let site = Site::new();
    let token = site.token();
    let service = serve(&site);
    let caller = service.caller(&token);
    open_leads(&caller).await;
    let asked = caller.post("/v1/leads/link-contacts", json!({})).await;
    let path = asked.header("location").unwrap().to_owned();
    asked.expect(202);

    let mut service = service;
    for _ in 0..rounds() {
        tokio::time::sleep(LEASE + some_moment()).await;
        service.kill();
        service = serve(&site);
    }
    let caller = service.caller(&token);
    let job = caller.ended(&path).await;
    assert_eq!((&job["state"], &job["items_done"]), (&json!("done"), &json!(LEADS)));
    assert_eq!(job["result"], json!({"linked": LEADS / 2, "created": LEADS / 2, "left": 0, "reasons": []}));

    let contacts = caller.get("/v1/contacts?limit=1&count=true").await.expect(200);
    assert_eq!(contacts["total"], LEADS / 2);
}

#[tokio::test]
async fn a_backtest_whose_worker_is_killed_is_made_from_the_start_and_whole() {
    let site = Site::new();
    let token = site.token();
    let mut service = serve(&site);
    let caller = service.caller(&token);
    open_leads(&caller).await;
    caller.finished(caller.post("/v1/leads/link-contacts", json!({})).await).await;
    let rules = json!([{"key": "calls", "points": 5, "when": [{"interaction": "call", "frequency": "each"}]}]);
    let model = caller.post("/v1/scoring-models", json!({"name": "M", "target": "contact", "rules": rules})).await;
    let path = format!("{}/backtests", model.header("location").unwrap());
    let period = json!({"from": "2024-01-01T00:00:00Z", "to": "2033-12-31T00:00:00Z"});
    let asked = caller.post(&path, period).await;
    let backtest = format!("{path}/{}", asked.expect(202)["id"].as_str().unwrap());
    let job = asked.header("location").unwrap().to_owned();
    for _ in 0..rounds() {
        tokio::time::sleep(some_moment()).await;
        service.kill();
        service = serve(&site);
    }
    let caller = service.caller(&token);
    let job = caller.ended(&job).await;
    assert_eq!((&job["state"], &job["items_done"]), (&json!("done"), &json!(LEADS)), "{job}");
    assert_eq!(caller.get(&backtest).await.expect(200)["report"]["leads"], LEADS);
    let leads = caller.get(&format!("{backtest}/leads?limit=1&count=true")).await.expect(200);
    assert_eq!(leads["total"], LEADS);
}

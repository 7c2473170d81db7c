//! What recording one interaction costs, whatever lies behind it: for a contact with 10 past interactions beside one with
//! 100,000, and with 1, 10 and 50 live models of which one looks at what is recorded. Each pair is asked in turn; prints
//! medians and ratios.
//!
//!     cargo bench --bench recording                                   # SQLite
//!     TEST_DATABASE_URL=postgres://… cargo bench --bench recording    # PostgreSQL
//!
//! `HISTORY=` and `ROUNDS=` make it smaller.

#[path = "../tests/api/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;

use std::time::{Duration, Instant};

use ripen::clock::Timestamp;
use serde_json::{Value, json};

use support::{Options, Person, TestApp, bodies};

/// Live models; one of them looks at what is recorded.
const MODELS: [usize; 3] = [1, 10, 50];
/// Recordings that are not counted.
const WARM_UP: usize = 30;

#[expect(clippy::disallowed_methods, reason = "a bench has no config.rs")]
fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A service with some live models, and people with a lead each.
struct Site {
    app: TestApp,
    admin: Person,
}

impl Site {
    async fn new(models: usize) -> Self {
        let start = Timestamp::from_day(20_000);
        let app = TestApp::start_with(Options { start, ..Options::default() }).await;
        let admin = app.admin().await;
        for model in 0..models {
            let model = bodies::id(&admin.post("/v1/scoring-models", definition(model)).await.expect(201));
            let publish = admin.post(&format!("/v1/scoring-models/{model}/publish"), json!({})).await;
            admin.finished(publish).await;
        }
        Self { app, admin }
    }

    /// A contact with a lead and so many interactions behind it.
    async fn person(&self, name: &str, past: usize) -> String {
        let contact = bodies::contact(&format!("{name}@example.com"));
        let contact = bodies::id(&self.admin.post("/v1/contacts", contact).await.expect(201));
        let lead = json!({"contact_id": contact, "topic": "Software", "source": "web"});
        self.admin.post("/v1/leads", lead).await.expect(201);
        let first = self.app.now().plus_days(-80).micros();
        let step = 80 * 86_400_000_000 / past.max(1) as i64;
        for some in (0..past as i64).collect::<Vec<_>>().chunks(1_000) {
            let done = |number: &i64| {
                let at = Timestamp::from_micros(first + number * step);
                json!({"kind": "email_opened", "occurred_at": at, "contact_id": contact})
            };
            self.admin.post("/v1/interactions", some.iter().map(done).collect::<Value>()).await.expect(200);
        }
        contact
    }

    async fn record(&self, contact: &str) -> Duration {
        let body = json!({"kind": "email_opened", "occurred_at": self.app.now(), "contact_id": contact});
        let begun = Instant::now();
        self.admin.post("/v1/interactions", body).await.expect(201);
        begun.elapsed()
    }
}

/// Twenty rules, the first model's about mails and everything else's about things that nobody does here.
fn definition(model: usize) -> Value {
    let kind = if model == 0 { "email_opened" } else { "call" };
    let rules = (0..20).map(|rule| {
        let frequency = match rule % 4 {
            0 => json!({"frequency": "each", "max_times": 3, "within_days": 30 + rule}),
            1 => json!({"frequency": {"at_least": 2 + rule}, "within_days": 60}),
            2 => json!({"frequency": "each", "within_days": 45, "decay": {"percent": 25, "every_days": 10}}),
            _ => json!({"frequency": "each"}),
        };
        json!({"key": format!("rule_{rule}"), "points": 1 + rule,
            "when": [bodies::with(json!({"interaction": kind}), frequency)]})
    });
    json!({"name": format!("Model {model}"), "target": "contact", "rules": rules.collect::<Vec<_>>()})
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

#[tokio::main]
async fn main() {
    let (history, rounds) = (number("HISTORY", 100_000), number("ROUNDS", 300));
    let database = if support::on_postgres() { "PostgreSQL" } else { "SQLite" };

    let site = Site::new(1).await;
    let people = [site.person("few", 10).await, site.person("many", history).await];
    let mut times = [vec![], vec![]];
    for round in 0..WARM_UP + rounds {
        for (place, contact) in people.iter().enumerate() {
            let took = site.record(contact).await;
            if round >= WARM_UP {
                times[place].push(took);
            }
        }
    }
    let [few, many] = times.map(median);
    println!("{database}: one recording after another, medians of {rounds}");
    println!("past interactions  10: {few:.2} ms   {history}: {many:.2} ms   ratio {:.2}", many / few);

    let mut sites = Vec::new();
    for models in MODELS {
        let site = Site::new(models).await;
        let contact = site.person("somebody", 10).await;
        sites.push((site, contact, Vec::new()));
    }
    for round in 0..WARM_UP + rounds {
        for (site, contact, times) in &mut sites {
            let took = site.record(contact).await;
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    let medians: Vec<f64> = sites.into_iter().map(|(_, _, times)| median(times)).collect();
    for (models, took) in MODELS.iter().zip(&medians) {
        println!("live models {models:>3}: {took:.2} ms   ratio {:.2}", took / medians[0]);
    }
}

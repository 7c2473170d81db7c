//! What the bench is told by its environment; `scripts/bench` says what each is for.

use std::path::PathBuf;
use std::time::Duration;

use crate::database::Kind;
use crate::service;

pub struct Settings {
    /// The service that is measured.
    pub program: PathBuf,
    server: Option<String>,
    /// Where pgbench is, if it is.
    pub pgbench: Option<String>,
    pub databases: Vec<Kind>,
    pub contacts: u64,
    /// Leads of the larger site that is read from; the smaller one has a hundredth.
    pub leads: u64,
    pub each: Duration,
    pub rounds: usize,
    pub minutes: u64,
}

impl Settings {
    pub fn read() -> Self {
        let databases = variable("DATABASES").unwrap_or_else(|| "postgresql sqlite".to_owned());
        let kind = |name: &str| match name {
            "postgresql" => Kind::Postgres,
            "sqlite" => Kind::Sqlite,
            other => panic!("DATABASES: {other} is neither postgresql nor sqlite"),
        };
        Self {
            program: service::program(variable("RIPEN")),
            server: variable("BENCH_DATABASE_URL"),
            pgbench: variable("PGBENCH"),
            databases: databases.split_whitespace().map(kind).collect(),
            contacts: number("CONTACTS", 100_000),
            leads: number("LEADS", 1_000_000),
            each: Duration::from_secs(number("SECONDS_EACH", 4)),
            rounds: number("ROUNDS", 5) as usize,
            minutes: number("MINUTES", 30),
        }
    }

    /// The PostgreSQL server.
    pub fn server(&self) -> &str {
        self.server.as_deref().expect("BENCH_DATABASE_URL names a PostgreSQL server")
    }
}

fn number(name: &str, usual: u64) -> u64 {
    variable(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[expect(clippy::disallowed_methods, reason = "a bench has no config.rs")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

//! Load: a closed loop on some connections, each of which sends when it was answered, or a fixed rate, at which requests
//! are sent when their time has come, whether or not earlier ones were answered.
//!
//! At a fixed rate a request's latency counts from when it was to be sent. A service that stalls is not spared the
//! requests that could not be sent meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::Connection;

/// Writes the request of a number, which no other request has.
pub type Write = Arc<dyn Fn(u64, &mut Vec<u8>) + Send + Sync>;

/// Requests of one kind, and the service they go to.
#[derive(Clone)]
pub struct Load {
    pub port: u16,
    /// The number of the next request.
    pub next: Arc<AtomicU64>,
    pub write: Write,
    /// The status of an answer as it should be.
    pub expected: u16,
}

/// What came of some load.
#[derive(Default)]
pub struct Outcome {
    /// Microseconds until each answer, sorted.
    pub latencies: Vec<u32>,
    /// Answers with another status.
    pub failed: u64,
    /// What the first of them said.
    pub complaint: Option<String>,
    pub seconds: f64,
}

impl Outcome {
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// The latency in milliseconds that so many of a thousand requests did not exceed.
    pub fn quantile(&self, of_thousand: usize) -> f64 {
        let place = (self.latencies.len() * of_thousand / 1_000).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(place).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }

    /// Takes nothing but answers as they should be.
    pub fn faultless(self) -> Self {
        assert_eq!(self.failed, 0, "{}", self.complaint.unwrap_or_default());
        self
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        self.complaint = self.complaint.take().or(other.complaint);
    }
}

impl Load {
    /// So many connections that send for so long, each its next request when it has the answer.
    pub async fn closed(&self, connections: usize, time: Duration) -> Outcome {
        let open = self.connect(connections).await;
        let begun = Instant::now();
        let senders = open.into_iter().map(|connection| {
            let load = self.clone();
            async move {
                let (mut sender, mut due) = (Sender::new(connection), Instant::now());
                while begun.elapsed() < time {
                    due = sender.send(&load, due).await;
                }
                sender.outcome
            }
        });
        gathered(senders.collect(), begun).await
    }

    /// So many requests one after another.
    pub async fn few(&self, requests: usize) -> Outcome {
        let mut sender = Sender::new(self.connect(1).await.remove(0));
        let begun = Instant::now();
        let mut due = begun;
        for _ in 0..requests {
            due = sender.send(self, due).await;
        }
        sender.outcome.latencies.sort_unstable();
        sender.outcome.seconds = begun.elapsed().as_secs_f64();
        sender.outcome
    }

    /// `rate` requests a second for so long, over so many connections.
    pub async fn steady(&self, rate: f64, connections: usize, time: Duration) -> Outcome {
        let open = self.connect(connections).await;
        let begun = Instant::now();
        let turn = Arc::new(AtomicU64::new(0));
        let senders = open.into_iter().map(|connection| {
            let (load, turn) = (self.clone(), turn.clone());
            async move {
                let mut sender = Sender::new(connection);
                loop {
                    let after = Duration::from_secs_f64(turn.fetch_add(1, Ordering::Relaxed) as f64 / rate);
                    if after >= time {
                        return sender.outcome;
                    }
                    tokio::time::sleep_until((begun + after).into()).await;
                    sender.send(&load, begun + after).await;
                }
            }
        });
        gathered(senders.collect(), begun).await
    }

    async fn connect(&self, connections: usize) -> Vec<Connection> {
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(self.port).await.expect("the service listens"));
        }
        open
    }
}

struct Sender {
    connection: Connection,
    request: Vec<u8>,
    outcome: Outcome,
}

impl Sender {
    fn new(connection: Connection) -> Self {
        Self { connection, request: Vec::new(), outcome: Outcome::default() }
    }

    /// Sends the next request, which was due at `due`; gives when it was answered.
    async fn send(&mut self, load: &Load, due: Instant) -> Instant {
        (load.write)(load.next.fetch_add(1, Ordering::Relaxed), &mut self.request);
        let status = self.connection.send(&self.request).await;
        let now = Instant::now();
        match status {
            Ok(status) if status == load.expected => {
                self.outcome.latencies.push(now.duration_since(due).as_micros().try_into().unwrap_or(u32::MAX));
            }
            fault => {
                self.outcome.failed += 1;
                let said = String::from_utf8_lossy(self.connection.body()).into_owned();
                self.outcome.complaint.get_or_insert_with(|| format!("{fault:?}: {said}"));
                if fault.is_err() {
                    self.connection = Connection::open(load.port).await.expect("the service listens");
                }
            }
        }
        now
    }
}

async fn gathered<F>(senders: Vec<F>, begun: Instant) -> Outcome
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let mut set = JoinSet::new();
    for sender in senders {
        set.spawn(sender);
    }
    let mut all = Outcome::default();
    for one in set.join_all().await {
        all.add(one);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    all
}

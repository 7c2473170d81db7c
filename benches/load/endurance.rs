//! Interactions at a fixed rate for a long time: whether anything fails, whether memory and latency stay as they are, and
//! whether all scores are right in the end.
//!
//! The rate is a part of the knee: of what 32 connections come to when each sends as soon as it was answered. Latency
//! counts from when a request was to be sent; the timer wakes up to a millisecond late, which is in it.

use std::time::{Duration, Instant};

use crate::database::Kind;
use crate::definitions::MODELS;
use crate::pressure::Outcome;
use crate::service::verify;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, count, median, ms};

/// Of the knee.
const PART: f64 = 0.6;
/// More than are ever under way at such a rate, unless the service stalls.
const CONNECTIONS: usize = 64;

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts, past: 5, models: MODELS };
    let site = Site::new(settings, kind, "endurance", size, false).await;
    let load = site.interactions();
    load.closed(32, settings.each).await.faultless();
    let mut knees = Vec::new();
    for _ in 0..settings.rounds.min(3) {
        knees.push(load.closed(32, settings.each).await.faultless().rate());
    }
    let (knee, rate) = (median(&knees), median(&knees) * PART);
    println!(
        "\nEndurance, {}: {} a second of {}, for {} minutes",
        kind.name(),
        count(rate),
        count(knee),
        settings.minutes
    );
    let mut table = Table::new(&["minute", "requests", "failed", "p50", "p99", "p99.9", "most", "resident"]);
    let mut failed = 0;
    for minute in 1..=settings.minutes {
        let outcome: Outcome = load.steady(rate, CONNECTIONS, Duration::from_secs(60)).await;
        failed += outcome.failed;
        if let Some(complaint) = &outcome.complaint {
            println!("  minute {minute}: {complaint}");
        }
        let cells = [minute.to_string(), count(outcome.latencies.len() as f64), outcome.failed.to_string()];
        let latencies = [500, 990, 999, 1_000].map(|of_thousand| ms(outcome.quantile(of_thousand)));
        let resident = format!("{:.1} MiB", site.service.memory("VmRSS"));
        table.row(cells.into_iter().chain(latencies).chain([resident]));
    }
    table.print("Minute by minute");
    println!("\n  failed: {failed}");
    let Site { service, program, database, folder, .. } = site;
    service.stop();
    let begun = Instant::now();
    let (is_right, said) = verify(&program, &database, folder.path());
    let verdict = if is_right { "every score is right" } else { "SCORES ARE WRONG" };
    println!("  ripen verify, {:.0} s: {verdict}\n{said}", begun.elapsed().as_secs_f64());
    database.drop();
    assert!(is_right && failed == 0, "the service did not endure");
}

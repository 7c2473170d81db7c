//! What a job makes of recorded history, in interactions a second: a model that is published anew, by which every open
//! lead is scored from all that was done, and a backtest, beside a bare read of the same rows in the same order.

use std::time::{Duration, Instant};

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use ripen::clock::{Clock, Timestamp};
use ripen::id::Id;
use ripen::schema::interactions;
use serde_json::{Value, json};

use crate::database::{Kind, Session};
use crate::definitions;
use crate::settings::Settings;
use crate::site::{SAMPLES, Site, Size, publish, text};
use crate::table::{Table, count, median};

/// What each person did.
const PAST: usize = 50;

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts / 5, past: PAST, models: 1 };
    let site = Site::new(settings, kind, "rescoring", size, false).await;
    // With the submission by which each of them came in.
    let interactions = (size.contacts + SAMPLES) * (PAST as u64 + 1);
    let (mut reads, mut published, mut backtests) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..settings.rounds {
        reads.push(read(&site, interactions).as_secs_f64());
        published.push(republish(&site, round).await.as_secs_f64());
        backtests.push(backtest(&site).await.as_secs_f64());
    }
    let read = median(&reads);
    let mut table = Table::new(&["", "interactions/s", "leads/s", "seconds", "of the read"]);
    for (name, times) in [("bare read", &reads), ("publishing", &published), ("backtest", &backtests)] {
        let (taken, leads) = (median(times), (size.contacts + SAMPLES) * 2);
        table.row([
            name.to_owned(),
            count(interactions as f64 / taken),
            count(leads as f64 / taken),
            format!("{taken:.2}"),
            format!("{:.2}", read / taken),
        ]);
    }
    table.print(&format!(
        "Re-scoring, {}: {interactions} interactions of {} contacts with two open leads each, one model of 20 rules",
        kind.name(),
        size.contacts + SAMPLES
    ));
    site.close();
}

/// Publishes the model with other points.
async fn republish(site: &Site, round: usize) -> Duration {
    let mut model = definitions::model(0);
    for rule in model["rules"].as_array_mut().unwrap() {
        rule["points"] = json!(rule["points"].as_i64().unwrap() + 1 + round as i64 % 2);
    }
    let id = &site.models[0];
    site.service.ask("PUT", &format!("/v1/scoring-models/{id}/draft"), model, 200).await;
    publish(&site.service, id).await
}

async fn backtest(site: &Site) -> Duration {
    let now = Clock::system().now();
    let terms = json!({"from": now.plus_seconds(-86_400 * 30), "to": now.plus_seconds(-60), "version": 1});
    let path = format!("/v1/scoring-models/{}/backtests", site.models[0]);
    let begun = Instant::now();
    let asked: Value = site.service.ask("POST", &path, terms, 202).await;
    site.service.job(&text(&asked["job_id"])).await;
    begun.elapsed()
}

/// How long it takes to read what scoring reads, through the same driver.
fn read(site: &Site, interactions: u64) -> Duration {
    let rows = || {
        interactions::table
            .filter(interactions::contact_id.is_not_null())
            .order((interactions::contact_id, interactions::kind, interactions::occurred_at, interactions::id))
            .select((interactions::id, interactions::contact_id, interactions::occurred_at, interactions::kind))
    };
    type Row = (Id, Option<Id>, Timestamp, String);
    let mut session = site.database.open();
    let begun = Instant::now();
    let read = match &mut session {
        Session::Postgres(conn) => rows().load_iter::<Row, DefaultLoadingMode>(conn).unwrap().count(),
        Session::Sqlite(conn) => rows().load_iter::<Row, DefaultLoadingMode>(conn).unwrap().count(),
    };
    assert_eq!(read as u64, interactions);
    begun.elapsed()
}

//! How soon the service answers, how much memory it takes, and how large the program is.

use std::time::Duration;

use crate::database::Kind;
use crate::definitions::MODELS;
use crate::service::Service;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, at_most, median};

/// A service that nobody asks for anything for so long is idle.
const IDLE: Duration = Duration::from_secs(5);

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts, past: 5, models: MODELS };
    let mut site = Site::new(settings, kind, "memory", size, false).await;
    let (mut starts, mut idle, mut loaded, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds.max(5) {
        let again = Service::start(&site.program, &site.database, site.folder.path()).await;
        std::mem::replace(&mut site.service, again).stop();
        site.service.get("/v1/leads?limit=5").await;
        site.interactions().few(5).await.faultless();
        tokio::time::sleep(IDLE).await;
        starts.push(site.service.start.as_secs_f64() * 1_000.0);
        idle.push(site.service.memory("VmRSS"));
        site.service.forget_peak();
        site.interactions().closed(128, settings.each).await.faultless();
        loaded.push(site.service.memory("VmHWM"));
        tokio::time::sleep(IDLE).await;
        after.push(site.service.memory("VmRSS"));
    }
    let mut table = Table::new(&["", "median", "aim"]);
    let mut row = |name: &str, figure: f64, unit: &str, aim: Option<f64>| {
        let judged = aim.map(|aim| at_most(figure, aim)).unwrap_or_default();
        table.row([name.to_owned(), format!("{figure:.1} {unit}"), judged]);
    };
    row("start to first answer", median(&starts), "ms", Some(150.0));
    row("resident, idle", median(&idle), "MiB", Some(40.0));
    row("resident, at most with 128 connections", median(&loaded), "MiB", Some(150.0));
    row("resident, 5 s after", median(&after), "MiB", None);
    let bytes = std::fs::metadata(&site.program).unwrap().len();
    row("the program", bytes as f64 / (1024.0 * 1024.0), "MiB", None);
    table.print(&format!("Start and memory, {}: {} contacts", kind.name(), size.contacts));
    site.close();
}

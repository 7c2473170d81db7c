//! What the service does under load, as it is shipped: the program, started on a database of its own and asked over
//! HTTP. `scripts/bench` runs this; its head says how, and what sizes there are.
//!
//! Every figure and what it is compared with are measured in turn within one run, and the medians of the rounds are
//! told, so that what the machine does meanwhile falls on both. Client, service, database and pgbench share the
//! machine's cores, as they are said to by the first lines.

mod client;
mod database;
mod definitions;
mod endurance;
mod growth;
mod machine;
mod memory;
mod pgbench;
mod pressure;
mod reads;
mod recording;
mod rescoring;
mod service;
mod settings;
mod site;
mod stream;
mod submissions;
mod table;

use settings::Settings;

/// What is measured unless something is named. Endurance takes half an hour, and is asked for by name.
const USUAL: [&str; 6] = ["recording", "submissions", "reads", "stream", "rescoring", "memory"];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let settings = Settings::read();
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let parts = if named.is_empty() { USUAL.map(str::to_owned).to_vec() } else { named };
    machine::print(&settings);
    for part in parts {
        for kind in settings.databases.iter().copied() {
            match part.as_str() {
                "recording" => recording::measure(&settings, kind).await,
                "submissions" => submissions::measure(&settings, kind).await,
                "reads" => reads::measure(&settings, kind).await,
                "stream" => stream::measure(&settings, kind).await,
                "rescoring" => rescoring::measure(&settings, kind).await,
                "memory" => memory::measure(&settings, kind).await,
                "endurance" => endurance::measure(&settings, kind).await,
                other => panic!("there is no part {other}; there are {} and endurance", USUAL.join(", ")),
            }
        }
    }
}

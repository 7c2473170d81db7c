//! On what the figures came about.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use crate::database::{Database, Kind};
use crate::settings::Settings;
use crate::table::median;

/// Small writes whose way to the disk is timed.
const WRITES: usize = 200;

pub fn print(settings: &Settings) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine     {} x {}, {}", cores, line("/proc/cpuinfo", "model name"), line("/proc/meminfo", "MemTotal"));
    println!("system      {}, load {}", said("uname", &["-sr"]), read("/proc/loadavg"));
    println!("disk        {}, 4 KiB written and synced in {:.2} ms", disk(), synced());
    println!("ripen       {}", said(settings.program.to_str().unwrap(), &["--version"]));
    println!("            {}", said("git", &["log", "-1", "--format=%h %s"]));
    if settings.databases.contains(&Kind::Postgres) {
        let server = Database::Postgres { server: settings.server().to_owned(), name: "postgres".to_owned() };
        let shown = ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size"];
        let facts = server.lines(&format!(
            "SELECT name || '=' || current_setting(name) AS line FROM pg_settings WHERE name IN ('{}')",
            shown.join("', '")
        ));
        println!(
            "PostgreSQL  {}, {}",
            server.lines("SELECT current_setting('server_version') AS line")[0],
            facts.join(", ")
        );
    }
    println!("SQLite      {}, synchronous=FULL", diesel_sqlite_version());
    println!(
        "rounds      {} of {} s each; medians. Client and pgbench share the cores with what they measure.",
        settings.rounds,
        settings.each.as_secs()
    );
}

fn diesel_sqlite_version() -> String {
    let memory = Database::Sqlite { path: ":memory:".into() };
    memory.lines("SELECT sqlite_version() AS line").remove(0)
}

/// How long a small write takes to be on the disk, in milliseconds: what bounds a transaction alone.
fn synced() -> f64 {
    let mut file = tempfile::tempfile().unwrap();
    let once = |_| {
        let begun = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        begun.elapsed().as_secs_f64() * 1_000.0
    };
    median(&(0..WRITES).map(once).collect::<Vec<_>>())
}

fn disk() -> String {
    let folder = std::env::temp_dir();
    let facts = said("df", &["--output=fstype,source", folder.to_str().unwrap()]);
    facts.lines().last().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" on ")
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// What a file says behind a name and a colon.
fn line(path: &str, name: &str) -> String {
    let text = read(path);
    let found = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
    found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

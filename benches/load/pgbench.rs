//! PostgreSQL's own load generator, doing by hand what recording an interaction comes down to.
//!
//! Both scripts run on a copy of the very tables that the service has, with all their indexes, so that neither is in
//! the other's way. `transaction.sql` is what one would write by hand without being clever: eleven prepared statements,
//! a round trip each, in a transaction for each interaction. It looks for a repeat, reads the contact, holds its open
//! leads, reads the scores that move, and writes what the service writes. Scores go to the client and come back as they
//! must where rules are computed outside the database; how the new ones come about is left out. `statement.sql` writes
//! the same in one statement, which nothing could be that computes rules outside the database: a bound, not a rival.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::database::Database;
use crate::definitions::{KINDS, lookers};
use crate::service::WORKSPACE;
use crate::site::Site;

/// The forms that an interaction is written in.
pub const FORMS: [(&str, &str); 2] =
    [("transaction", include_str!("transaction.sql")), ("statement", include_str!("statement.sql"))];

/// pgbench with one script on one database.
pub struct Pgbench {
    program: String,
    url: String,
    script: PathBuf,
}

/// What it measured.
pub struct Figures {
    /// Transactions a second.
    pub rate: f64,
    /// The average, in milliseconds.
    pub latency: f64,
}

impl Pgbench {
    /// Ready to run a form on the copy of the site's database.
    pub fn new(program: &str, site: &Site, (name, script): (&str, &str)) -> Self {
        let copy = site.copy.as_ref().expect("the site was copied");
        let text = filled(script, copy, &site.models, site.size.contacts);
        let script = site.folder.path().join(format!("{name}.sql"));
        std::fs::write(&script, text).unwrap();

        Self { program: program.to_owned(), url: copy.url(), script }
    }

    /// So many clients for so long.
    pub fn run(&self, clients: usize, time: Duration) -> Figures {
        self.figures(&[
            "-c",
            &clients.to_string(),
            "-j",
            &clients.min(2).to_string(),
            "-T",
            &time.as_secs().to_string(),
        ])
    }

    /// So many transactions one after another.
    pub fn few(&self, transactions: usize) -> Figures {
        self.figures(&["-c", "1", "-t", &transactions.to_string()])
    }

    fn figures(&self, arguments: &[&str]) -> Figures {
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-f"]).arg(&self.script).args(arguments).arg(&self.url);
        let done = command.output().expect("pgbench can be run");
        let (said, complained) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{said}{complained}");
        let figure = |name: &str| -> f64 {
            let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{said}"));
            line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect("a figure")
        };
        assert_eq!(figure("number of failed transactions: "), 0.0, "{said}");
        Figures { rate: figure("tps = "), latency: figure("latency average = ") }
    }
}

/// The script with the names of this site.
fn filled(script: &str, database: &Database, models: &[String], contacts: u64) -> String {
    let key = format!("SELECT id::text AS line FROM workspaces WHERE key = '{WORKSPACE}'");
    let array = |of: &dyn Fn(usize) -> String, kind: &str| {
        let members: Vec<String> = (0..KINDS.len()).map(|kind| format!("'{}'", of(kind))).collect();
        format!("ARRAY[{}]::{kind}[]", members.join(", "))
    };
    script
        .replace("{contacts}", &contacts.to_string())
        .replace("{workspace}", &database.lines(&key)[0])
        .replace("{kinds}", &array(&|kind| KINDS[kind].to_owned(), "text"))
        .replace("{first}", &array(&|kind| models[lookers(kind)[0]].clone(), "uuid"))
        .replace("{second}", &array(&|kind| models[lookers(kind)[1]].clone(), "uuid"))
}

/// Rows that were written since, by table: inserted and updated.
pub struct Written(Vec<(String, f64, f64)>);

impl Written {
    /// What the database counts so far. It hears of it up to ten seconds late.
    pub async fn so_far(database: &Database) -> Self {
        tokio::time::sleep(Duration::from_secs(11)).await;
        let counts =
            "SELECT relname || ' ' || n_tup_ins || ' ' || n_tup_upd AS line FROM pg_stat_user_tables ORDER BY 1";
        let read = |line: String| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse().unwrap())
        };
        Self(database.lines(counts).into_iter().map(read).collect())
    }

    /// The rows of each of `times` times, in words.
    pub fn each(&self, since: &Self, times: usize) -> String {
        let mut said = Vec::new();
        for ((table, inserted, updated), (_, inserted_before, updated_before)) in self.0.iter().zip(&since.0) {
            for (sign, rows) in [("+", inserted - inserted_before), ("~", updated - updated_before)] {
                let rows = rows / times as f64;
                if rows >= 0.005 {
                    said.push(format!(
                        "{sign}{} {table}",
                        format!("{rows:.2}").trim_end_matches('0').trim_end_matches('.')
                    ));
                }
            }
        }
        said.join(", ")
    }
}

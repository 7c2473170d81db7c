//! Scored interactions a second through HTTP, one in each request, beside pgbench and beside the least that the service
//! can be asked for.

use crate::database::Kind;
use crate::definitions::MODELS;
use crate::pgbench::{FORMS, Figures, Pgbench, Written};
use crate::pressure::Outcome;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, at_least, at_most, count, median, ms};

const CONNECTIONS: [usize; 4] = [1, 8, 32, 128];
/// Interactions by which the rows of one are counted.
const COUNTED: usize = 200;
/// What each person did before.
const PAST: usize = 5;

/// What was measured at a number of connections, round by round.
#[derive(Default)]
struct Rounds {
    ripen: Vec<Outcome>,
    nothing: Vec<Outcome>,
    forms: Vec<Vec<Figures>>,
}

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts, past: PAST, models: MODELS };
    let with_pgbench = kind == Kind::Postgres && settings.pgbench.is_some();
    let site = Site::new(settings, kind, "recording", size, with_pgbench).await;
    let forms: Vec<Pgbench> = match &settings.pgbench {
        Some(program) if with_pgbench => FORMS.map(|form| Pgbench::new(program, &site, form)).into(),
        _ => Vec::new(),
    };
    if !forms.is_empty() {
        show_rows(&site, &forms).await;
    }
    let (recording, nothing) = (site.interactions(), site.nothing());
    // Caches are filled before anything counts.
    recording.closed(8, settings.each).await.faultless();
    let mut all: Vec<Rounds> = CONNECTIONS.iter().map(|_| Rounds::default()).collect();
    for round in 1..=settings.rounds {
        eprintln!("{}: round {round} of {}", kind.name(), settings.rounds);
        for (connections, rounds) in CONNECTIONS.into_iter().zip(&mut all) {
            rounds.ripen.push(recording.closed(connections, settings.each).await.faultless());
            rounds.forms.push(forms.iter().map(|form| form.run(connections, settings.each)).collect());
            rounds.nothing.push(nothing.closed(connections, settings.each).await.faultless());
        }
    }
    print(kind, size, &all);
    site.close();
}

/// That both write the same, and how much it is.
async fn show_rows(site: &Site, forms: &[Pgbench]) {
    println!("\nRows written for one interaction (+ inserted, ~ updated), counted by PostgreSQL over {COUNTED}\n");
    let before = Written::so_far(&site.database).await;
    site.interactions().few(COUNTED).await.faultless();
    println!("  ripen                {}", Written::so_far(&site.database).await.each(&before, COUNTED));
    let copy = site.copy.as_ref().unwrap();
    for (form, (name, _)) in forms.iter().zip(FORMS) {
        let before = Written::so_far(copy).await;
        form.few(COUNTED);
        println!("  pgbench {name:<12} {}", Written::so_far(copy).await.each(&before, COUNTED));
    }
    // Of a source that it has never seen PostgreSQL takes there to be next to nothing, and reads all of it where a key
    // would find one row. Now it has seen those of both.
    for database in [&site.database, copy] {
        database.run("ANALYZE;");
    }
}

fn rate(outcomes: &[Outcome]) -> f64 {
    median(&outcomes.iter().map(Outcome::rate).collect::<Vec<_>>())
}

fn quantile(outcomes: &[Outcome], of_thousand: usize) -> f64 {
    median(&outcomes.iter().map(|outcome| outcome.quantile(of_thousand)).collect::<Vec<_>>())
}

fn print(kind: Kind, size: Size, all: &[Rounds]) {
    let form = |rounds: &Rounds, number: usize, figure: fn(&Figures) -> f64| {
        median(&rounds.forms.iter().filter_map(|forms| forms.get(number)).map(figure).collect::<Vec<_>>())
    };
    let mut rates = Table::new(&["connections", "ripen/s", "p50", "p99", "nothing/s", "of nothing"]);
    let mut beside = Table::new(&["connections", "ripen/s", "transaction/s", "ratio", "statement/s", "ratio"]);
    for (connections, rounds) in CONNECTIONS.into_iter().zip(all) {
        let (ripen, nothing) = (rate(&rounds.ripen), rate(&rounds.nothing));
        rates.row([
            connections.to_string(),
            count(ripen),
            ms(quantile(&rounds.ripen, 500)),
            ms(quantile(&rounds.ripen, 990)),
            count(nothing),
            if kind == Kind::Sqlite { at_least(ripen / nothing, 0.25) } else { format!("{:.2}", ripen / nothing) },
        ]);
        let (transaction, statement) = (form(rounds, 0, |it| it.rate), form(rounds, 1, |it| it.rate));
        let (first, second) = (ripen / transaction, ripen / statement);
        let judged = |ratio: f64, aim: f64| {
            if connections == 32 { at_least(ratio, aim) } else { format!("{ratio:.2}") }
        };
        let cells = [connections.to_string(), count(ripen), count(transaction), judged(first, 4.0), count(statement)];
        beside.row(cells.into_iter().chain([judged(second, 1.5)]));
    }
    let Size { contacts, past, models } = size;
    let leads = 2 * contacts;
    rates.print(&format!(
        "Recording, {}: {contacts} contacts with {leads} open leads and {past} interactions each, {models} live models of \
         20 rules; \"nothing\" is GET /health/live",
        kind.name()
    ));
    println!();
    if all.iter().all(|rounds| rounds.forms.iter().all(|forms| !forms.is_empty())) {
        beside.print("Beside pgbench: the same rows in a transaction of eleven statements, and in one statement");
        let (ripen, alone) = (all[0].ripen.as_slice(), form(&all[0], 0, |it| it.latency));
        let average = median(&ripen.iter().map(|outcome| 1_000.0 / outcome.rate()).collect::<Vec<_>>());
        let ratio = at_most(average / alone, 1.3);
        println!("\n  one connection: {} beside pgbench's {}, ratio {ratio}", ms(average), ms(alone));
    }
    let (many, most) = (rate(&all[2].ripen), rate(&all[3].ripen));
    println!("  128 connections beside 32: {}", at_least(most / many, 1.0));
}

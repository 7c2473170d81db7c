//! Submissions of a form a second, of people nobody knows and of people who are known, beside recorded interactions.

use crate::database::Kind;
use crate::definitions::{self, MODELS};
use crate::pressure::Outcome;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, at_least, count, median, ms};

const CONNECTIONS: [usize; 2] = [1, 32];

pub async fn measure(settings: &Settings, kind: Kind) {
    let size = Size { contacts: settings.contacts, past: 5, models: MODELS };
    let site = Site::new(settings, kind, "submissions", size, false).await;
    let loads = [
        ("interaction", site.interactions()),
        ("known person", site.load(definitions::acquaintances(&site.form, size.contacts), 202)),
        ("new person", site.load(definitions::strangers(&site.form), 202)),
    ];
    let mut table = Table::new(&["", "connections", "a second", "p50", "p99", "of interactions"]);
    for connections in CONNECTIONS {
        let mut outcomes: Vec<Vec<Outcome>> = loads.iter().map(|_| Vec::new()).collect();
        for (_, load) in &loads {
            load.closed(connections, settings.each / 2).await.faultless();
        }
        for _ in 0..settings.rounds {
            for ((_, load), outcomes) in loads.iter().zip(&mut outcomes) {
                outcomes.push(load.closed(connections, settings.each).await.faultless());
            }
        }
        let figure =
            |outcomes: &[Outcome], of: &dyn Fn(&Outcome) -> f64| median(&outcomes.iter().map(of).collect::<Vec<_>>());
        let interactions = figure(&outcomes[0], &Outcome::rate);
        for ((name, _), outcomes) in loads.iter().zip(&outcomes) {
            let rate = figure(outcomes, &Outcome::rate);
            let share = rate / interactions;
            table.row([
                (*name).to_owned(),
                connections.to_string(),
                count(rate),
                ms(figure(outcomes, &|outcome| outcome.quantile(500))),
                ms(figure(outcomes, &|outcome| outcome.quantile(990))),
                if *name == "known person" { at_least(share, 0.6) } else { format!("{share:.2}") },
            ]);
        }
    }
    table.print(&format!("Submissions, {}: {} contacts", kind.name(), size.contacts));
    site.close();
}

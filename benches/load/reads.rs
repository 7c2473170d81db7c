//! What reads take with many leads beside the same with a hundredth of them: two services, asked in turn over one
//! connection each.

use std::sync::Arc;
use std::time::Duration;

use crate::client::get;
use crate::database::Kind;
use crate::definitions::{chance, contact_id, lead_id};
use crate::pressure::Outcome;
use crate::settings::Settings;
use crate::site::{Site, Size};
use crate::table::{Table, at_most, median, ms};

/// What each person did, who has two leads: ten interactions for each lead.
const PAST: usize = 20;
/// One model, or most of what is stored would be the ledger, which these reads have nothing to do with.
const MODELS: usize = 1;

/// A path by contact and number.
type Path = fn(u64, u64) -> String;

/// What is read, and whether it is a point read, which is to take the same however many leads there are.
const READS: [(&str, bool, Path); 8] = [
    ("lead", true, |contact, number| format!("/v1/leads/{}?expand=contact", lead_id(contact, number % 2))),
    ("lead with scores", true, |contact, number| format!("/v1/leads/{}/scores", lead_id(contact, number % 2))),
    ("overview of a contact", true, |contact, _| format!("/v1/contacts/{}/overview", contact_id(contact))),
    ("timeline of a contact", true, |contact, _| format!("/v1/contacts/{}/timeline?limit=50", contact_id(contact))),
    ("leads of an address", false, |contact, _| format!("/v1/leads?q=person-{contact}@example.com")),
    ("page of leads, newest", false, |_, _| "/v1/leads?limit=50".to_owned()),
    ("page of leads, best", false, |_, _| "/v1/leads?limit=50&sort=-score".to_owned()),
    ("page of one stage", false, |_, _| "/v1/leads?limit=50&stage=marketing_qualification".to_owned()),
];

pub async fn measure(settings: &Settings, kind: Kind) {
    let mut sites = Vec::new();
    for (name, leads) in [("few", settings.leads / 100), ("many", settings.leads)] {
        let size = Size { contacts: leads / 2, past: PAST, models: MODELS };
        sites.push(Site::new(settings, kind, name, size, false).await);
    }
    // The time of a round is shared by the reads and the sites.
    let time = (settings.each / 4).max(Duration::from_millis(200));
    let mut outcomes: Vec<[Vec<Outcome>; 2]> = READS.iter().map(|_| Default::default()).collect();
    for round in 0..=settings.rounds {
        for ((_, _, path), outcomes) in READS.iter().zip(&mut outcomes) {
            for (site, outcomes) in sites.iter().zip(outcomes) {
                let outcome = asked(site, *path, time).await;
                // The first round fills the caches.
                if round > 0 {
                    outcomes.push(outcome);
                }
            }
        }
    }
    let heads = sites.iter().map(|site| format!("{} leads", site.size.contacts * 2)).collect::<Vec<_>>();
    let mut table = Table::new(&["median latency (p99)", &heads[0], "", &heads[1], "", "ratio"]);
    for ((name, is_point, _), outcomes) in READS.iter().zip(&outcomes) {
        let figure = |site: usize, of_thousand| {
            median(&outcomes[site].iter().map(|outcome| outcome.quantile(of_thousand)).collect::<Vec<_>>())
        };
        let ratio = figure(1, 500) / figure(0, 500);
        table.row([
            (*name).to_owned(),
            ms(figure(0, 500)),
            format!("({})", ms(figure(0, 990))),
            ms(figure(1, 500)),
            format!("({})", ms(figure(1, 990))),
            if *is_point { at_most(ratio, 1.2) } else { format!("{ratio:.2}") },
        ]);
    }
    table.print(&format!("Reads, {}: one connection, {} interactions for each lead", kind.name(), PAST / 2));
    for site in sites {
        site.close();
    }
}

async fn asked(site: &Site, path: Path, time: Duration) -> Outcome {
    let (token, contacts) = (site.service.token.clone(), site.size.contacts);
    let write = move |number: u64, into: &mut Vec<u8>| {
        *into = get(&path(chance(number) % contacts + 1, number), Some(&token));
    };
    site.load(Arc::new(write), 200).closed(1, time).await.faultless()
}

//! What the service of a bench is asked to do: its scoring models, its form and the requests that are sent.
//!
//! Ten kinds of interaction are sent. A site has up to five live models of twenty rules each; model `m` looks at four
//! kinds, with five rules for each, so that with five models two look at every kind. For each kind one rule gives points
//! each time, in one of four ways (within a window, fading, the latest few, for ever); two ask for more interactions
//! of the kind than most people have; one asks for an asset that few touch, and one for a role besides. So one
//! interaction of somebody with two open leads moves four scores of ten, and writes four rows of the ledger and four
//! events; now and then a rule that asks for several holds, and adds to that.

use std::sync::Arc;

use ripen::clock::Clock;
use serde_json::{Value, json};

use crate::client::Requests;
use crate::pressure::Write;

pub const KINDS: [&str; 10] = [
    "email_opened",
    "email_clicked",
    "page_visited",
    "asset_downloaded",
    "asset_viewed",
    "event_registered",
    "event_attended",
    "ad_clicked",
    "survey_answered",
    "form_submitted",
];
pub const MODELS: usize = 5;

/// The models that look at a kind, by their numbers.
pub fn lookers(kind: usize) -> [usize; 2] {
    [kind % MODELS, (kind + 1) % MODELS]
}

pub fn model(number: usize) -> Value {
    let kinds = (0..KINDS.len()).filter(|kind| lookers(*kind).contains(&number));
    let rules = kinds.enumerate().flat_map(|(place, kind)| {
        let key = |what: &str| format!("{}_{what}", KINDS[kind]);
        let about = |how: Value| {
            let mut condition = json!({"interaction": KINDS[kind]});
            condition.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
            condition
        };
        let each = match place {
            0 => json!({"frequency": "each", "within_days": 30}),
            1 => json!({"frequency": "each", "within_days": 60, "decay": {"percent": 25, "every_days": 15}}),
            2 => json!({"frequency": "each", "max_times": 50}),
            _ => json!({"frequency": "each"}),
        };
        let decides = json!({"field": "contact.decision_role", "op": "eq", "value": "decision_maker"});
        [
            json!({"key": key("each"), "points": 2 + place, "when": [about(each)]}),
            json!({"key": key("often"), "points": 5, "when": [about(json!({"frequency": {"at_least": 6}, "within_days": 60}))]}),
            json!({"key": key("always"), "points": 9, "when": [about(json!({"frequency": {"at_least": 12}, "within_days": 365}))]}),
            json!({"key": key("prices"), "points": 4, "when": [about(json!({"frequency": "each", "asset": "price-list"}))]}),
            json!({"key": key("decides"), "points": 6, "when": [decides, about(json!({"frequency": {"at_least": 1}}))]}),
        ]
    });
    json!({"name": format!("Model {number}"), "target": "contact", "sales_ready_score": 1_000,
        "rules": rules.collect::<Vec<_>>()})
}

pub fn form() -> Value {
    json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page",
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "name", "maps_to": "contact.first_name"},
            {"name": "question", "multi_line": true},
        ],
    })
}

/// A number that looks like chance and is the same each time.
pub fn chance(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The id of a contact; see `growth`.
pub fn contact_id(number: u64) -> String {
    format!("01900001-0000-7000-8000-{number:012x}")
}

/// The id of one of the two leads of a contact.
pub fn lead_id(contact: u64, place: u64) -> String {
    format!("01900002-{place:04x}-7000-8000-{contact:012x}")
}

/// What an integration tells of one of so many contacts: something else each time.
pub fn interaction(number: u64, contacts: u64) -> String {
    let dice = chance(number);
    let (contact, kind) = (contact_id(dice % contacts + 1), KINDS[(dice >> 40) as usize % KINDS.len()]);
    let now = Clock::system().now();
    format!(
        r#"{{"kind":"{kind}","occurred_at":"{now}","contact_id":"{contact}","source":"mailer","external_id":"m-{number}"}}"#
    )
}

/// Interactions of so many contacts, one at a time.
pub fn interactions(token: &str, contacts: u64) -> Write {
    let requests = Requests::new("POST", "/v1/interactions", Some(token));
    Arc::new(move |number, into| requests.write(into, &interaction(number, contacts)))
}

/// Submissions of somebody nobody knows.
pub fn strangers(form: &str) -> Write {
    submissions(form, |number| format!("stranger-{number}@example.com"))
}

/// Submissions of one of so many contacts, about the lead that is of this form already.
pub fn acquaintances(form: &str, contacts: u64) -> Write {
    submissions(form, move |number| format!("person-{}@example.com", chance(number) % contacts + 1))
}

fn submissions(form: &str, who: impl Fn(u64) -> String + Send + Sync + 'static) -> Write {
    let requests = Requests::new("POST", &format!("/v1/public/forms/{form}/submissions"), None);
    Arc::new(move |number, into| {
        let email = who(number);
        let fields = format!(r#"{{"fields":{{"email":"{email}","name":"Ann","question":"Is it {number}?"}}}}"#);
        requests.write(into, &fields);
    })
}

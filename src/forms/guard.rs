//! What makes a submission suspected to be spam (CAP-5, F07), and what a form says of it.
//!
//! A field that no person sees was filled, the answers came sooner than anybody types, or they are full of links.
//! Whoever sends hears nothing of it. The limits on how much is taken at all are not here: what exceeds them is never
//! read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::{Definition, is_reserved};
use super::payload::Payload;
use crate::clock::Timestamp;
use crate::error::Violation;

/// How many submissions a form takes within ten seconds, at once or spread; 0 sets no limit. More are answered 429 and
/// not kept. Counted by each instance on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = FormRateLimit)]
pub struct RateLimit {
    /// From one address: a /24 network of IPv4, a /64 network of IPv6. Default 10.
    #[schema(minimum = 0, maximum = 100_000, default = 10)]
    pub per_address: u32,
    /// From all addresses together. Default 50.
    #[schema(minimum = 0, maximum = 100_000, default = 50)]
    pub per_form: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_address: 10, per_form: 50 }
    }
}

/// Everything that is wrong with what `definition` says of spam.
pub fn check(definition: &Definition) -> Option<Violation> {
    let honeypot = definition.honeypot.as_deref()?;
    if is_reserved(honeypot) {
        let detail = "means something else in a submission; choose another name";
        return Some(Violation::new("/honeypot", "not_allowed", detail));
    }
    let detail = "a field has this name; the honeypot must be none of the form's fields";
    definition.field(honeypot).map(|_| Violation::new("/honeypot", "duplicate", detail))
}

/// Why a submission that arrived at `at` is suspected, if it is. `opened_at` is when the form's token was issued.
pub fn suspicion(
    definition: &Definition,
    payload: &Payload,
    opened_at: Option<Timestamp>,
    at: Timestamp,
) -> Option<String> {
    let bait = definition.honeypot.as_ref().and_then(|name| payload.fields.get(name));
    if bait.is_some_and(|value| !value.trim().is_empty()) {
        return Some("a field was filled that people do not see".to_owned());
    }
    let micros = opened_at.map(|opened_at| at.micros() - opened_at.micros());
    if micros.is_some_and(|micros| micros < definition.min_fill_seconds * 1_000_000) {
        return Some(format!("filled in within {} s", micros.unwrap_or(0).max(0).div_euclid(1_000_000) + 1));
    }
    let links = payload.fields.values().map(|value| links(value)).sum::<u32>();
    definition.max_links.filter(|most| links > *most).map(|_| format!("has {links} links"))
}

/// How often a text begins a web address.
fn links(text: &str) -> u32 {
    let text = text.to_ascii_lowercase();
    let addresses = text.matches("://").count();
    let bare = text.match_indices("www.").filter(|(at, _)| !text.get(..*at).unwrap_or_default().ends_with("://"));
    u32::try_from(addresses + bare.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OPENED: Timestamp = Timestamp::from_day(20_000);

    fn definition(changes: serde_json::Value) -> Definition {
        let document = json!({"name": "x", "kind": "event", "source": "web", "fields": [{"name": "email"}]});
        let mut definition = document.as_object().unwrap().clone();
        definition.extend(changes.as_object().unwrap().clone());
        serde_json::from_value(definition.into()).unwrap()
    }

    fn why(definition: &Definition, fields: serde_json::Value, micros: Option<i64>) -> Option<String> {
        let payload = serde_json::from_value(json!({"fields": fields})).unwrap();
        let at = Timestamp::from_micros(OPENED.micros() + micros.unwrap_or(0));
        suspicion(definition, &payload, micros.map(|_| OPENED), at)
    }

    #[test]
    fn whoever_fills_what_nobody_sees_is_suspected() {
        let form = definition(json!({"honeypot": "website"}));
        assert!(why(&form, json!({"website": "x"}), None).is_some());
        for innocent in [json!({"email": "a@x.ee"}), json!({"website": ""}), json!({"website": " \n"})] {
            assert_eq!(why(&form, innocent, None), None);
        }
        assert_eq!(why(&definition(json!({})), json!({"website": "x"}), None), None);
    }

    #[test]
    fn answers_that_come_sooner_than_anybody_types_are_suspected() {
        let form = definition(json!({"min_fill_seconds": 2}));
        assert_eq!(why(&form, json!({}), Some(100_000)), Some("filled in within 1 s".into()));
        assert!(why(&form, json!({}), Some(1_999_999)).is_some());
        assert!(why(&form, json!({}), Some(-5)).is_some());
        assert_eq!(why(&form, json!({}), Some(2_000_000)), None);
        assert_eq!(why(&definition(json!({})), json!({}), Some(0)), None);
    }

    #[test]
    fn more_links_than_the_form_allows_are_suspected() {
        let form = definition(json!({"max_links": 1}));
        assert_eq!(why(&form, json!({"a": "see https://www.x.ee"}), None), None);
        assert!(why(&form, json!({"a": "see https://x.ee", "b": "or WWW.y.ee"}), None).is_some());
        assert_eq!(why(&definition(json!({})), json!({"a": "://".repeat(99)}), None), None);
    }

    #[test]
    fn the_honeypot_is_no_field_and_no_other_name() {
        assert_eq!(check(&definition(json!({"honeypot": "website"}))), None);
        assert!(check(&definition(json!({"honeypot": "email"}))).is_some());
        assert!(check(&definition(json!({"honeypot": "utm_source"}))).is_some());
    }
}

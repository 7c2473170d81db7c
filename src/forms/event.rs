//! What an event form says of its event (CAP-7). An event has one lead for each contact, however often they register.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::{Definition, Kind};
use crate::clock::Timestamp;
use crate::error::Violation;

/// The event that people register for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = FormEvent)]
pub struct EventData {
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Where it takes place.
    #[schema(max_length = 200, example = "Tallinn Creative Hub")]
    pub place: Option<String>,
}

/// Everything that is wrong with what `definition` says of an event.
pub fn check(definition: &Definition) -> Vec<Violation> {
    let mut broken = Vec::new();
    if definition.kind != Kind::Event {
        let detail = "only a form of kind event has one";
        broken.extend(definition.event.as_ref().map(|_| Violation::new("/event", "not_allowed", detail)));
        return broken;
    }
    if definition.always_create_lead {
        let detail = "an event has one lead for each contact";
        broken.push(Violation::new("/always_create_lead", "not_allowed", detail));
    }
    let ends = |event: &EventData| event.starts_at.zip(event.ends_at);
    if definition.event.as_ref().and_then(ends).is_some_and(|(starts_at, ends_at)| ends_at < starts_at) {
        broken.push(Violation::new("/event/ends_at", "out_of_range", "must not be before starts_at"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(kind: &str, always: bool, event: serde_json::Value) -> Vec<String> {
        let document =
            json!({"name": "x", "kind": kind, "source": "event", "always_create_lead": always, "event": event});
        let definition = serde_json::from_value(document).unwrap();
        check(&definition).into_iter().map(|broken| broken.pointer).collect()
    }

    #[test]
    fn an_event_ends_after_it_begins_and_belongs_to_an_event_form() {
        let event = json!({"starts_at": "2026-05-01T10:00:00Z", "ends_at": "2026-05-01T12:00:00Z", "place": "Tartu"});
        assert!(pointers("event", false, event.clone()).is_empty());
        assert!(pointers("event", false, json!(null)).is_empty());
        assert_eq!(pointers("landing_page", true, event), ["/event"]);
        let backwards = json!({"starts_at": "2026-05-01T10:00:00Z", "ends_at": "2026-05-01T09:00:00Z"});
        assert_eq!(pointers("event", true, backwards), ["/always_create_lead", "/event/ends_at"]);
    }
}

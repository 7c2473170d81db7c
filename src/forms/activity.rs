//! A submission as something a person did (MAT-7, INT-2).

use serde_json::{Map, Value};

use super::capture::Arrival;
use super::definition::Kind;
use super::slot::Slot;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::interactions::{NewInteraction, Person};
use crate::leads::Lead;

/// What the interactions of submissions name as their source.
pub const SOURCE: &str = "form";
/// Bytes of properties that an interaction takes over from its submission.
const PROPERTIES_LIMIT: usize = 8 * 1024;

/// What a person did with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sent it, at this instant. One interaction, however often the submission is processed.
    Sent(Timestamp),
    /// Sent it again at this instant, as somebody says who corrected this version of the submission: another
    /// interaction than any before.
    SentAnew(Timestamp, i64),
    /// Came to its event, at this instant. One interaction for each person.
    Attended(Timestamp),
}

impl Deed {
    /// When it was done.
    pub fn at(self) -> Timestamp {
        match self {
            Self::Sent(at) | Self::SentAnew(at, _) | Self::Attended(at) => at,
        }
    }

    fn kind(self, form: Kind) -> &'static str {
        match (self, form) {
            (Self::Attended(_), _) => "event_attended",
            (_, Kind::Event) => "event_registered",
            _ => "form_submitted",
        }
    }

    fn external_id(self, submission: Id, arrival: &Arrival, contact: Option<Id>) -> String {
        match self {
            Self::Sent(_) => submission.to_string(),
            Self::SentAnew(_, version) => format!("{submission} {version}"),
            Self::Attended(_) => {
                attended_by(arrival, contact).into_iter().next().unwrap_or_else(|| submission.to_string())
            }
        }
    }
}

/// The external ids that the attendance of one person may have: by the contact, or by a key while there was none.
pub fn attended_by(arrival: &Arrival, contact: Option<Id>) -> Vec<String> {
    let reading = &arrival.reading;
    let who = [
        contact.map(|contact| contact.to_string()),
        reading.email.as_ref().map(|email| email.key.clone()),
        reading.phone.as_ref().map(|phone| phone.e164.clone()),
    ];
    who.into_iter().flatten().map(|who| format!("{} attended {who}", arrival.form.id)).collect()
}

/// The interaction that the submission `id` is: of the contact, else of whoever has its keys, else of whoever the lead
/// belongs to. None when nothing tells who it was.
pub fn of(id: Id, arrival: &Arrival, contact: Option<Id>, lead: Option<&Lead>, deed: Deed) -> Option<NewInteraction> {
    let (definition, reading) = (&arrival.form.definition.0, &arrival.reading);
    let (person, known_by) = match contact {
        None => (person(arrival), None),
        Some(_) => (None, person(arrival)),
    };
    // A lead that was given to another contact since is not this one's to be scored by.
    let lead_id = lead.filter(|lead| lead.contact_id.is_none() || lead.contact_id == contact).map(|lead| lead.id);
    if contact.is_none() && person.is_none() && lead_id.is_none() {
        return None;
    }
    Some(NewInteraction {
        contact_id: contact,
        person,
        known_by,
        lead_id,
        asset: definition.asset.clone(),
        campaign: reading.value(&Slot::Campaign).or_else(|| definition.campaign.clone()),
        form_id: Some(arrival.form.id),
        properties: properties(arrival),
        source: Some(SOURCE.to_owned()),
        external_id: Some(deed.external_id(id, arrival, contact)),
        remote_address: arrival.remote_address.clone(),
        ..NewInteraction::new(deed.kind(definition.kind), deed.at())
    })
}

fn person(arrival: &Arrival) -> Option<Person> {
    let reading = &arrival.reading;
    let person = Person {
        email: reading.email.as_ref().map(|email| email.typed.clone()),
        phone: reading.phone.as_ref().or(reading.mobile.as_ref()).map(|phone| phone.e164.clone()),
        anonymous_id: reading.anonymous_id.clone(),
        external_id: None,
    };
    let is_told = person.email.is_some() || person.phone.is_some() || person.anonymous_id.is_some();
    is_told.then_some(person)
}

/// The answers that stay unmapped, as far as they are short, so that scoring may ask for them; and the page.
fn properties(arrival: &Arrival) -> Map<String, Value> {
    let short = arrival.form.definition.0.fields.iter().filter(|field| !field.multi_line);
    let answers =
        short.filter_map(|field| Some((field.name.clone(), arrival.reading.unmapped.get(&field.name)?.clone())));
    let page = arrival.payload.page_url.clone().map(|page| ("page_url".to_owned(), page));
    let (mut properties, mut size) = (Map::new(), 0);
    for (name, value) in answers.chain(page) {
        let value = Value::String(value);
        // Quotation marks, colon and comma come to six bytes at most.
        size += name.len() + value.to_string().len() + 6;
        if size > PROPERTIES_LIMIT {
            break;
        }
        properties.insert(name, value);
    }
    properties
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::db::types::{Code, JsonOf};
    use crate::forms::payload::Payload;
    use crate::forms::reading::Reading;
    use crate::forms::{Form, FormStatus};

    const AT: Timestamp = Timestamp::from_day(20_000);

    fn arrival(fields: Value, sent: Value) -> Arrival {
        let document =
            json!({"name": "x", "kind": "landing_page", "source": "web", "campaign": "spring", "fields": fields});
        let definition = serde_json::from_value(document).unwrap();
        let payload: Payload = serde_json::from_value(sent).unwrap();
        let reading = Reading::of(&definition, &payload, None).unwrap();
        let form = Form {
            workspace_id: Id::NIL,
            id: Id::new(AT),
            key: "f_x".into(),
            name: "x".into(),
            status: Code(FormStatus::Live),
            definition: JsonOf(definition),
            version: 1,
            created_at: AT,
            updated_at: AT,
        };
        Arrival::new(form, payload, reading)
    }

    #[test]
    fn short_answers_and_the_page_go_with_it_and_long_ones_stay_behind() {
        let fields =
            json!([{"name": "size"}, {"name": "note", "multi_line": true}, {"name": "e", "maps_to": "contact.email"}]);
        let sent = json!({"fields": {"size": "5", "note": "n", "e": "a@x.ee"}, "page_url": "https://x.ee/"});
        let new = of(Id::NIL, &arrival(fields, sent), None, None, Deed::Sent(AT)).unwrap();
        assert_eq!(Value::Object(new.properties), json!({"size": "5", "page_url": "https://x.ee/"}));
        assert_eq!((new.kind.as_str(), new.campaign.as_deref()), ("form_submitted", Some("spring")));
        assert_eq!((new.person.unwrap().email.as_deref(), new.contact_id), (Some("a@x.ee"), None));
    }

    #[test]
    fn however_much_was_sent_the_properties_stay_small() {
        let fields: Vec<Value> = (0..64).map(|number| json!({"name": format!("f{number}")})).collect();
        let sent: serde_json::Map<_, _> =
            (0..64).map(|number| (format!("f{number}"), json!("\"".repeat(400)))).collect();
        let arrival = arrival(json!(fields), json!({"fields": sent, "anonymous_id": "b"}));
        let properties = of(Id::NIL, &arrival, None, None, Deed::Sent(AT)).unwrap().properties;
        let size = Value::Object(properties).to_string().len();
        assert!((1_000..=PROPERTIES_LIMIT).contains(&size), "{size}");
    }

    #[test]
    fn what_nobody_is_known_for_is_no_interaction() {
        let arrival = arrival(json!([{"name": "size"}]), json!({"fields": {"size": "5"}}));
        assert!(of(Id::NIL, &arrival, None, None, Deed::Sent(AT)).is_none());
        assert!(of(Id::NIL, &arrival, Some(Id::NIL), None, Deed::Sent(AT)).is_some());
    }
}

//! A submission as something a person did (MAT-7, INT-2).

use serde_json::{Map, Value};

use super::capture::Arrival;
use super::slot::Slot;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::interactions::{NewInteraction, Person};
use crate::leads::Lead;

/// What the interactions of submissions name as their source.
const SOURCE: &str = "form";
/// Bytes of properties that an interaction takes over from its submission.
const PROPERTIES_LIMIT: usize = 8 * 1024;

/// The interaction that the submission `id` is: of the contact, else of whoever has its keys, else of whoever the lead
/// belongs to. None when nothing tells who it was.
pub fn of(
    id: Id,
    arrival: &Arrival,
    contact: Option<Id>,
    lead: Option<&Lead>,
    at: Timestamp,
) -> Option<NewInteraction> {
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
        external_id: Some(id.to_string()),
        remote_address: arrival.remote_address.clone(),
        ..NewInteraction::new("form_submitted", at)
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
    use crate::forms::capture::Admission;
    use crate::forms::payload::Payload;
    use crate::forms::reading::Reading;
    use crate::forms::{Form, FormStatus};

    const AT: Timestamp = Timestamp::from_day(20_000);

    fn arrival(fields: Value, sent: Value) -> Arrival {
        let document = json!({"name": "x", "kind": "event", "source": "web", "campaign": "spring", "fields": fields});
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
        Arrival { form, payload, reading, remote_address: None, user_agent: None, admission: Admission::Admitted }
    }

    #[test]
    fn short_answers_and_the_page_go_with_it_and_long_ones_stay_behind() {
        let fields =
            json!([{"name": "size"}, {"name": "note", "multi_line": true}, {"name": "e", "maps_to": "contact.email"}]);
        let sent = json!({"fields": {"size": "5", "note": "n", "e": "a@x.ee"}, "page_url": "https://x.ee/"});
        let new = of(Id::NIL, &arrival(fields, sent), None, None, AT).unwrap();
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
        let properties = of(Id::NIL, &arrival, None, None, AT).unwrap().properties;
        let size = Value::Object(properties).to_string().len();
        assert!((1_000..=PROPERTIES_LIMIT).contains(&size), "{size}");
    }

    #[test]
    fn what_nobody_is_known_for_is_no_interaction() {
        let arrival = arrival(json!([{"name": "size"}]), json!({"fields": {"size": "5"}}));
        assert!(of(Id::NIL, &arrival, None, None, AT).is_none());
        assert!(of(Id::NIL, &arrival, Some(Id::NIL), None, AT).is_some());
    }
}

//! What a submission says of an interest: a new lead, or changes to a known one by the form's update policy (MAT-8).

use std::collections::BTreeMap;

use super::definition::Definition;
use super::payload::Payload;
use super::person::as_text;
use super::policy::Verdict;
use super::reading::Reading;
use super::slot::{Record, Slot};
use super::submission::Conflict;
use crate::id::Id;
use crate::leads::{Captured, Lead, LeadPatch, Opening};

/// Whose interest it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose {
    pub contact: Option<Id>,
    pub account: Option<Id>,
}

/// The lead that `reading` describes.
pub fn opening(form: Id, definition: &Definition, payload: &Payload, reading: &Reading, whose: Whose) -> Opening {
    let or_usual = |slot, usual: &Option<String>| reading.value(&slot).or_else(|| usual.clone());
    let mut opening = Opening {
        topic: or_usual(Slot::Topic, &definition.topic),
        contact_id: whose.contact,
        account_id: whose.account,
        captured: captured(reading),
        email_key: reading.email.as_ref().map(|email| email.key.clone()),
        form_id: Some(form),
        campaign: or_usual(Slot::Campaign, &definition.campaign),
        product_line: or_usual(Slot::ProductLine, &definition.product_line),
        source: definition.source.clone(),
        source_detail: definition.source_detail.clone(),
        utm: filled(&payload.utm),
        owner_id: definition.owner_id,
        ..Opening::default()
    };
    for (slot, value) in &reading.mapped {
        if let Slot::LeadAttribute(name) = slot {
            opening.attributes.0.insert(name.clone(), value.clone().into());
        }
    }
    opening
}

/// What no two open leads that the default strategy could match have in common: the person and the form (MAT-5).
pub fn origin_key(form: Id, reading: &Reading, whose: Whose) -> Option<String> {
    let email = || reading.email.as_ref().map(|email| email.key.clone());
    let person = whose.contact.map(|id| id.to_string()).or_else(email)?;
    Some(format!("{person} {form}"))
}

fn captured(reading: &Reading) -> Captured {
    Captured {
        first_name: reading.value(&Slot::FirstName),
        last_name: reading.value(&Slot::LastName),
        email: reading.value(&Slot::Email),
        phone: reading.value(&Slot::Phone).or_else(|| reading.value(&Slot::Mobile)),
        company: reading.value(&Slot::Company),
    }
}

fn filled(utm: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    utm.iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What a submission changes of a known lead.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The changes; none when the lead stays as it is.
    pub patch: Option<LeadPatch>,
    /// The values that contradict what is known.
    pub conflicts: Vec<Conflict>,
}

/// What `reading` changes of `known`. A lead that was nobody's becomes the contact's, whatever the policy.
pub fn change(definition: &Definition, known: &Lead, reading: &Reading, whose: Whose) -> Change {
    let (mut patch, mut changed, mut conflicts) = (LeadPatch::default(), false, Vec::new());
    for (slot, sent) in reading.mapped.iter().filter(|(slot, _)| slot.record() == Record::Lead) {
        match definition.update_policy.weigh(present(slot, known).as_deref(), sent) {
            Verdict::Leave => {}
            Verdict::Conflict => conflicts.push(Conflict { field: slot.to_string(), sent: sent.clone() }),
            Verdict::Take => {
                take(&mut patch, slot, sent);
                changed = true;
            }
        }
    }
    for (held, new, place) in [
        (known.contact_id, whose.contact, &mut patch.contact_id),
        (known.account_id, whose.account, &mut patch.account_id),
    ] {
        if held.is_none() && new.is_some() {
            *place = Some(new);
            changed = true;
        }
    }
    Change { patch: changed.then_some(patch), conflicts }
}

fn present(slot: &Slot, known: &Lead) -> Option<String> {
    match slot {
        Slot::Topic => known.topic.clone(),
        Slot::Campaign => known.campaign.clone(),
        Slot::ProductLine => known.product_line.clone(),
        Slot::LeadAttribute(name) => known.attributes.0.0.get(name).map(as_text),
        _ => None,
    }
}

fn take(patch: &mut LeadPatch, slot: &Slot, sent: &str) {
    let value = Some(Some(sent.to_owned()));
    match slot {
        Slot::Topic => patch.topic = value,
        Slot::Campaign => patch.campaign = value,
        Slot::ProductLine => patch.product_line = value,
        Slot::LeadAttribute(name) => {
            patch.attributes.get_or_insert_default().0.insert(name.clone(), sent.into());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contacts::identity;

    const FORM: Id = Id::from_bytes([7; 16]);

    fn definition() -> Definition {
        let document = json!({
            "name": "x", "kind": "event", "source": "web", "topic": "CRM", "campaign": "spring", "product_line": "crm",
        });
        serde_json::from_value(document).unwrap()
    }

    fn reading(values: &[(&str, &str)]) -> Reading {
        let mapped = values.iter().map(|(name, value)| (Slot::parse(name).unwrap(), (*value).to_owned()));
        let mut reading = Reading { mapped: mapped.collect(), ..Reading::default() };
        reading.email = reading.value(&Slot::Email).map(|email| identity::email(&email).unwrap());
        reading
    }

    #[test]
    fn what_a_visitor_says_of_the_interest_goes_before_what_the_form_says() {
        let payload = Payload {
            utm: [("utm_term", " "), ("utm_source", "x")].map(|(n, v)| (n.into(), v.into())).into(),
            ..Payload::default()
        };
        let values = [
            ("lead.topic", "ERP"),
            ("lead.attributes.budget", "10k"),
            ("contact.mobile", "+3725551"),
            ("account.name", "Contoso"),
        ];
        let opening = opening(FORM, &definition(), &payload, &reading(&values), Whose::default());
        assert_eq!((opening.topic.as_deref(), opening.campaign.as_deref()), (Some("ERP"), Some("spring")));
        assert_eq!(opening.attributes.0, [("budget".to_owned(), json!("10k"))].into());
        assert_eq!(opening.utm, [("utm_source".to_owned(), "x".to_owned())].into());
        assert_eq!(
            (opening.captured.phone.as_deref(), opening.captured.company.as_deref()),
            (Some("+3725551"), Some("Contoso"))
        );
    }

    #[test]
    fn a_lead_begins_with_a_contact_else_an_address_and_a_form() {
        let anonymous = reading(&[("contact.first_name", "Ann")]);
        let addressed = reading(&[("contact.email", "Ann@X.ee")]);
        let contact = Whose { contact: Some(Id::NIL), account: None };
        assert_eq!(origin_key(FORM, &addressed, contact), Some(format!("{} {FORM}", Id::NIL)));
        assert_eq!(origin_key(FORM, &addressed, Whose::default()), Some(format!("ann@x.ee {FORM}")));
        assert_eq!(origin_key(FORM, &anonymous, Whose::default()), None);
    }
}

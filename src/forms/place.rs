//! Where a value stands in a record: what is known there, what is compared of it, and how another is put there.
//!
//! An e-mail address and a phone are compared in their normal form, a company by its id, all else without case and
//! spacing.

use serde_json::Value;

use super::slot::Slot;
use crate::attributes::{Attributes, as_text, read_like};
use crate::contacts::{Address, Contact, ContactPatch};
use crate::leads::{Lead, LeadPatch};
use crate::text::compare_key;

/// What a contact has in `slot`, as a form could have sent it.
pub fn of_contact(slot: &Slot, contact: &Contact) -> Option<String> {
    let address = &contact.address.0;
    match slot {
        Slot::FirstName => contact.first_name.clone(),
        Slot::LastName => contact.last_name.clone(),
        Slot::Email => contact.email.clone(),
        Slot::Phone => contact.phone.clone(),
        Slot::Mobile => contact.mobile.clone(),
        Slot::JobTitle => contact.job_title.clone(),
        Slot::DecisionRole => contact.decision_role.clone(),
        Slot::Language => contact.language.clone(),
        Slot::Line1 => address.line1.clone(),
        Slot::Line2 => address.line2.clone(),
        Slot::City => address.city.clone(),
        Slot::Region => address.region.clone(),
        Slot::PostalCode => address.postal_code.clone(),
        Slot::Country => address.country.clone(),
        Slot::ContactAttribute(name) => contact.attributes.0.0.get(name).map(as_text),
        Slot::Company => contact.account_id.map(|id| id.to_string()),
        _ => None,
    }
}

/// What a lead has in `slot`, as a form could have sent it.
pub fn of_lead(slot: &Slot, lead: &Lead) -> Option<String> {
    match slot {
        Slot::Topic => lead.topic.clone(),
        Slot::Campaign => lead.campaign.clone(),
        Slot::ProductLine => lead.product_line.clone(),
        Slot::LeadAttribute(name) => lead.attributes.0.0.get(name).map(as_text),
        Slot::Company => lead.account_id.map(|id| id.to_string()),
        _ => None,
    }
}

/// What is compared of what a contact has in `slot`.
pub fn compared_of_contact(slot: &Slot, contact: &Contact) -> Option<String> {
    match slot {
        Slot::Email => contact.email_key.clone(),
        Slot::Phone => contact.phone_key.clone(),
        Slot::Mobile => contact.mobile_key.clone(),
        slot => of_contact(slot, contact).map(|value| compare_key(&value)),
    }
}

/// What is compared of what a lead has in `slot`.
pub fn compared_of_lead(slot: &Slot, lead: &Lead) -> Option<String> {
    of_lead(slot, lead).map(|value| compare_key(&value))
}

/// Puts `value` into `slot` of a contact; a company is put there by whoever knows its id.
pub fn put_in_contact(patch: &mut ContactPatch, known: &Contact, slot: &Slot, value: &str) {
    let new = Some(Some(value.to_owned()));
    match slot {
        Slot::FirstName => patch.first_name = new,
        Slot::LastName => patch.last_name = new,
        Slot::Email => patch.email = new,
        Slot::Phone => patch.phone = new,
        Slot::Mobile => patch.mobile = new,
        Slot::JobTitle => patch.job_title = new,
        Slot::DecisionRole => patch.decision_role = new,
        Slot::Language => patch.language = new,
        Slot::ContactAttribute(name) => {
            patch
                .attributes
                .get_or_insert_default()
                .0
                .insert(name.clone(), attribute(&known.attributes.0, name, value));
        }
        slot => put_in_address(patch.address.get_or_insert_with(|| known.address.0.clone()), slot, new.flatten()),
    }
}

/// Puts `value` into `slot` of an address.
pub fn put_in_address(address: &mut Address, slot: &Slot, value: Option<String>) {
    match slot {
        Slot::Line1 => address.line1 = value,
        Slot::Line2 => address.line2 = value,
        Slot::City => address.city = value,
        Slot::Region => address.region = value,
        Slot::PostalCode => address.postal_code = value,
        Slot::Country => address.country = value,
        _ => {}
    }
}

/// Puts `value` into `slot` of a lead; a company is put there by whoever knows its id.
pub fn put_in_lead(patch: &mut LeadPatch, known: &Lead, slot: &Slot, value: &str) {
    let new = Some(Some(value.to_owned()));
    match slot {
        Slot::Topic => patch.topic = new,
        Slot::Campaign => patch.campaign = new,
        Slot::ProductLine => patch.product_line = new,
        Slot::LeadAttribute(name) => {
            patch
                .attributes
                .get_or_insert_default()
                .0
                .insert(name.clone(), attribute(&known.attributes.0, name, value));
        }
        _ => {}
    }
}

/// `text` as the attribute `name`: of the type that it has now.
fn attribute(known: &Attributes, name: &str, text: &str) -> Value {
    known.0.get(name).map_or_else(|| text.into(), |known| read_like(known, text))
}

//! Whose interaction it is (INT-4).
//!
//! A contact named by id did it. Otherwise the strongest key given decides: id in another system, then e-mail address,
//! then phone, then anonymous id. Weaker keys are not asked when a stronger one is unknown: a browser that Ann used
//! says nothing of the Bob who now writes from it. A phone that several contacts share says nobody. What names only a
//! lead was done by the lead's contact. What nobody is known for waits, and becomes a contact's when one gains the key.

use super::input::{Checked, NewInteraction};
use crate::contacts;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::scoring::{self, Cause};

/// The contact who did it, if known.
pub(super) fn resolve(tx: &mut Tx<'_>, new: &NewInteraction, checked: &Checked) -> Result<Option<Id>> {
    if new.contact_id.is_some() {
        return Ok(new.contact_id);
    }
    let Some(person) = &new.person else {
        return Ok(checked.lead.as_ref().and_then(|lead| lead.contact_id));
    };
    if let Some(external_id) = &person.external_id {
        return tx.contacts().with_external_id(external_id);
    }
    if let Some(key) = &checked.email_key {
        return tx.contacts().with_email(key);
    }
    if let Some(key) = &checked.phone_key {
        return tx.interactions().only_contact_with_phone(key);
    }
    match &person.anonymous_id {
        Some(anonymous_id) => tx.contacts().with_anonymous_id(anonymous_id),
        None => Ok(None),
    }
}

/// Remembers that an anonymous id is a known person's; what waited under it becomes theirs. Scoring follows with the
/// interaction at hand.
pub(super) fn recognise(tx: &mut Tx<'_>, contact: Id, anonymous_id: &str) -> Result<()> {
    if tx.contacts().with_anonymous_id(anonymous_id)?.is_none() {
        tx.contacts().link_anonymous(contact, anonymous_id)?;
        tx.interactions().attribute_anonymous(contact, anonymous_id)?;
    }
    Ok(())
}

/// Gives a contact the interactions that waited for it, and scores its leads. To be called whenever a contact appears
/// or gains a key; returns how many there were.
pub fn attribute_waiting(tx: &mut Tx<'_>, contact: Id) -> Result<usize> {
    let Some(person) = tx.contacts().find(contact)? else { return Ok(0) };
    let anonymous_ids = tx.contacts().anonymous_ids(contact)?;
    let mut turns = contacts::turns(person.email_key.as_deref(), None, person.external_id.as_deref());
    turns
        .extend([&person.phone_key, &person.mobile_key].into_iter().flatten().map(|key| format!("person phone {key}")));
    turns.extend(anonymous_ids.iter().map(|id| format!("anonymous {id}")));
    turns.push(format!("contact {contact}"));
    tx.take_turns(&turns)?;

    let mut gained = 0;
    if let Some(external_id) = &person.external_id {
        gained += tx.interactions().attribute_external(contact, external_id)?;
    }
    if let Some(key) = &person.email_key {
        gained += tx.interactions().attribute_email(contact, key)?;
    }
    for key in [&person.phone_key, &person.mobile_key].into_iter().flatten() {
        if tx.interactions().only_contact_with_phone(key)? == Some(contact) {
            gained += tx.interactions().attribute_phone(contact, key)?;
        }
    }
    for anonymous_id in &anonymous_ids {
        gained += tx.interactions().attribute_anonymous(contact, anonymous_id)?;
    }
    if gained > 0 {
        let leads = scoring::leads_of_contact(tx, contact)?;
        scoring::rescore(tx, &leads, Cause::Interaction)?;
    }
    Ok(gained)
}

//! Whose interaction it is (INT-4).
//!
//! A contact named by id did it. Otherwise the strongest key given decides: id in another system, then e-mail address,
//! then phone, then anonymous id. Weaker keys are not asked when a stronger one is unknown: a browser that Ann used
//! says nothing of the Bob who now writes from it. A phone that several contacts share says nobody. What names only a
//! lead was done by the lead's contact, and what names only a message that it answers by whoever that was sent to. What
//! nobody is known for waits, and becomes a contact's when one gains the key, or the lead.

use std::collections::BTreeSet;

use super::directory::Directory;
use super::input::{Checked, NewInteraction};
use crate::contacts::ContactPatch;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::scoring::{self, Cause};
use crate::workspaces;

/// Interactions recorded earlier that became somebody's, or changed, with others that are being recorded.
#[derive(Debug, Default)]
pub(super) struct Gained {
    pub interactions: Vec<Id>,
    /// Whose they are now.
    pub contacts: BTreeSet<Id>,
    /// The leads that those of nobody are about.
    pub leads: BTreeSet<Id>,
    /// Whether some of them may have counted before, as they were.
    pub are_rewritten: bool,
}

/// The contact who did it, if known.
pub(super) fn resolve(
    tx: &mut Tx<'_>,
    known: &Directory,
    new: &NewInteraction,
    checked: &Checked,
) -> Result<Option<Id>> {
    if checked.contact.is_some() {
        return Ok(checked.contact);
    }
    let Some(person) = &new.person else {
        return Ok(checked.lead.as_ref().and_then(|lead| lead.contact_id));
    };
    if let Some(external_id) = &person.external_id {
        return Ok(known.with_external_id(external_id));
    }
    if let Some(key) = &checked.email_key {
        return Ok(known.with_email(key));
    }
    if let Some(key) = &checked.phone_key {
        return tx.interactions().only_contact_with_phone(key);
    }
    Ok(person.anonymous_id.as_ref().and_then(|anonymous_id| known.with_anonymous_id(anonymous_id)))
}

/// Remembers that an anonymous id is a known person's; what waited under it becomes theirs. Scoring follows with the
/// interaction at hand. Tells what waited.
pub(super) fn recognise(tx: &mut Tx<'_>, contact: Id, anonymous_id: &str, gained: &mut Gained) -> Result<Vec<Id>> {
    tx.contacts().link_anonymous(contact, anonymous_id)?;
    let waited = tx.waiting().take_anonymous(contact, anonymous_id)?;
    gained.interactions.extend(&waited);
    gained.contacts.insert(contact);
    Ok(waited)
}

/// Holds off whoever brings a person by what they are known by, or will be once `patch` is applied. To be called before
/// the contact is changed: who brings the person takes these turns first, too.
pub fn take_turns_to_change(tx: &mut Tx<'_>, contact: Id, patch: &ContactPatch) -> Result<()> {
    let person = tx.contacts().get(contact)?;
    let anonymous_ids = tx.contacts().anonymous_ids(contact)?;
    let country = workspaces::settings(tx)?.default_country.clone();
    let mut turns = person.turns(&anonymous_ids);
    turns.extend(patch.turns(country.as_deref()));
    tx.take_turns(&turns)?;
    scoring::hold_contact(tx, contact)
}

/// Says who did it after all, and about which lead; scores the leads of everyone concerned.
pub fn credit(tx: &mut Tx<'_>, interaction: Id, contact: Id, lead: Option<Id>) -> Result<()> {
    let before = tx.interactions().get(interaction)?.contact_id;
    tx.interactions().credit(interaction, contact, lead)?;
    let concerned: Vec<Id> = before.into_iter().chain([contact]).collect();
    let leads = scoring::leads_of_contacts(tx, &concerned)?.into_values().flatten().collect::<Vec<_>>();
    scoring::rescore_history(tx, &leads, Cause::Interaction, &[interaction])?;
    Ok(())
}

/// Gives a contact the interactions that waited for it, and scores its leads. To be called whenever a contact appears
/// or gains a key; returns how many there were.
pub fn attribute_waiting(tx: &mut Tx<'_>, contact: Id) -> Result<usize> {
    let Some(person) = tx.contacts().find(contact)? else { return Ok(0) };
    let anonymous_ids = tx.contacts().anonymous_ids(contact)?;
    tx.take_turns(&person.turns(&anonymous_ids))?;
    scoring::hold_contact(tx, contact)?;

    let mut gained = Vec::new();
    if let Some(external_id) = &person.external_id {
        gained.extend(tx.waiting().take_external(contact, external_id)?);
    }
    if let Some(key) = &person.email_key {
        gained.extend(tx.waiting().take_email(contact, key)?);
    }
    for key in [&person.phone_key, &person.mobile_key].into_iter().flatten() {
        if tx.interactions().only_contact_with_phone(key)? == Some(contact) {
            gained.extend(tx.waiting().take_phone(contact, key)?);
        }
    }
    for anonymous_id in &anonymous_ids {
        gained.extend(tx.waiting().take_anonymous(contact, anonymous_id)?);
    }
    score(tx, contact, &gained)?;
    Ok(gained.len())
}

/// Gives the contact that a lead is linked with what was done about the lead by nobody who was named, and scores its
/// leads. To be called whenever a lead is linked; returns how many there were.
pub fn attribute_lead(tx: &mut Tx<'_>, lead: Id) -> Result<usize> {
    let Some(contact) = tx.leads().get(lead)?.contact_id else { return Ok(0) };
    scoring::hold_contact(tx, contact)?;
    let gained = tx.waiting().take_lead(contact, lead)?;
    score(tx, contact, &gained)?;
    Ok(gained.len())
}

fn score(tx: &mut Tx<'_>, contact: Id, gained: &[Id]) -> Result<()> {
    if !gained.is_empty() {
        let leads = scoring::leads_of_contact(tx, contact)?;
        scoring::rescore_news(tx, &leads, Cause::Interaction, gained)?;
    }
    Ok(())
}

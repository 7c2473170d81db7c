//! A lead entered by hand, which may name or describe its contact and account (CAP-9).
//!
//! A described contact is found by the default strategy (MAT-2) or created; one that is found stays as it is. A described
//! account is found by its name or created. All of it happens or nothing does. A contact entered so is nobody's
//! automation: it is `marketing_only` only if the caller says so.
//!
//! A lead that a salesperson or sales manager enters counts as accepted by sales: it begins in sales acceptance, marked
//! as accepted by them, and is theirs unless they name another owner. It is not marked sales ready: no score said so.
//!
//! Where a workspace wants one open lead per contact (ASG-7), a second is refused with the id of the first.

use serde::Serialize;
use utoipa::ToSchema;

use super::origin::{self, Inherited};
use super::{Captured, Lead, NewLead, NewOrigin, Opening, open};
use crate::accounts::{self, NewAccount};
use crate::auth::scope::Role;
use crate::contacts::{self, NewContact};
use crate::db::Tx;
use crate::error::{Error, Result, Violation, all_hold};
use crate::id::Id;
use crate::matching::decide::Keys;
use crate::matching::strategy::Target;
use crate::matching::{self, Channel, Effect};
use crate::workspaces;
use crate::workspaces::settings::LeadsPerContact;

/// A lead as it was entered, and whom it was taken to be about.
#[derive(Clone, Debug)]
pub struct Entered {
    pub lead: Lead,
    pub matched: Matched,
}

/// Whom a described contact and account were taken to be.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = LeadMatched)]
pub struct Matched {
    /// The contact that was found or created; absent when none was described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Found>,
    /// The account that was found or created; absent when none was described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Found>,
}

/// A record that was found or created for a lead.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = LeadFound)]
pub struct Found {
    /// `created` or `linked`.
    pub effect: Effect,
    /// The record.
    pub id: Id,
    /// The match decision behind it; null for accounts, which are found by their name.
    pub decision_id: Option<Id>,
}

/// Opens a lead that a user or integration describes, with its contact and account.
pub fn create(tx: &mut Tx<'_>, new: &NewLead) -> Result<Entered> {
    let mut broken = Vec::new();
    let inherited = origin::inherit(tx, new, &mut broken)?;
    let new = &with_origin(new, inherited);
    let checked = check(tx, new, broken)?;
    tx.take_turns(&turns(new, &checked.keys))?;
    let mut matched = Matched::default();
    if let Some(account) = &new.account {
        matched.account = Some(find_account(tx, account)?);
    }
    let account_id = new.account_id.or(matched.account.map(|account| account.id));
    if let Some(contact) = &new.contact {
        matched.contact = Some(find_contact(tx, contact, &checked.keys, account_id, &new.source)?);
    }
    let contact_id = new.contact_id.or(matched.contact.map(|contact| contact.id));
    refuse_second(tx, contact_id)?;
    let accepted_by = seller(tx)?;
    let owner_id = new.owner_id.or(accepted_by).or(inherited.owner_id);
    let opening = Opening { contact_id, account_id, accepted_by, owner_id, ..checked.opening };
    Ok(Entered { lead: open(tx, &opening)?, matched })
}

/// The lead with the contact and account of its origin, unless it was told whose it is.
fn with_origin(new: &NewLead, inherited: Inherited) -> NewLead {
    let mut new = new.clone();
    let is_told = new.contact_id.is_some() || new.contact.is_some();
    new.contact_id = new.contact_id.or(inherited.contact_id.filter(|_| !is_told));
    let is_told = is_told || new.account_id.is_some() || new.account.is_some();
    new.account_id = new.account_id.or(inherited.account_id.filter(|_| !is_told));
    new.origin = new.origin.map(|origin| NewOrigin { lead_id: inherited.lead_id, ..origin });
    new
}

/// What is known before anything is looked for.
struct Checked {
    opening: Opening,
    /// What the described contact is matched by.
    keys: Keys,
}

/// Everything that is wrong with the lead and those it describes, all at once.
fn check(tx: &mut Tx<'_>, new: &NewLead, mut broken: Vec<Violation>) -> Result<Checked> {
    for (described, named, pointer) in [
        (new.contact.is_some(), new.contact_id.is_some(), "/contact"),
        (new.account.is_some(), new.account_id.is_some(), "/account"),
    ] {
        if described && named {
            broken.push(Violation::new(pointer, "not_allowed", "name the record or describe it, not both"));
        }
    }
    gather(new.opening(tx), "", &mut broken)?;
    let contact = new.contact.as_ref().map(|contact| contacts::described(tx, contact));
    let contact = contact.map(|read| gather(read, "/contact", &mut broken)).transpose()?.flatten();
    if let Some(account) = &new.account {
        let stranger = accounts::unknown_owner(tx, account.owner_id)?;
        gather(all_hold(stranger.into_iter().collect()), "/account", &mut broken)?;
    }
    all_hold(broken)?;
    let keys = contact.map(|contact| contact.keys()).unwrap_or_default();
    Ok(Checked { opening: filled(new).opening(tx)?, keys })
}

/// The value, or what is wrong with it put with the rest, under `prefix`.
pub fn gather<T>(read: Result<T>, prefix: &str, broken: &mut Vec<Violation>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Error::Invalid(violations)) => {
            let within = |it: Violation| Violation { pointer: format!("{prefix}{}", it.pointer), ..it };
            broken.extend(violations.into_iter().map(within));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The lead with what was typed taken from the described contact and account, unless it was told.
fn filled(new: &NewLead) -> NewLead {
    let mut new = new.clone();
    if new.captured != Captured::default() {
        return new;
    }
    if let Some(contact) = &new.contact {
        new.captured.first_name = contact.first_name.clone();
        new.captured.last_name = contact.last_name.clone();
        new.captured.email = contact.email.clone();
        new.captured.phone = contact.phone.clone().or_else(|| contact.mobile.clone());
    }
    new.captured.company = new.account.as_ref().map(|account| account.name.clone());
    new
}

/// Everyone who brings the same person or company takes turns.
fn turns(new: &NewLead, person: &Keys) -> Vec<String> {
    let mut turns = matching::turns(person);
    turns.extend(new.account.as_ref().map(|account| accounts::turn(&account.name)));
    turns
}

fn find_account(tx: &mut Tx<'_>, new: &NewAccount) -> Result<Found> {
    let (id, is_new) = accounts::find_or_create(tx, new)?;
    let effect = if is_new { Effect::Created } else { Effect::Linked };
    Ok(Found { effect, id, decision_id: None })
}

/// The contact that the default strategy finds by `keys`, or a new one as `new` describes it, of `account_id` and first
/// heard of through `source` unless it says otherwise. The caller has taken the turns of the keys.
pub fn find_contact(
    tx: &mut Tx<'_>,
    new: &NewContact,
    keys: &Keys,
    account_id: Option<Id>,
    source: &str,
) -> Result<Found> {
    let target = Target::Contact;
    let strategy = matching::default_strategy(tx, target)?;
    let decision = matching::find_contact(tx, &strategy, keys)?;
    let (id, effect) = match decision.known() {
        Some(known) => (known, Effect::Linked),
        None => {
            let new = NewContact {
                account_id: new.account_id.or(account_id),
                first_source: new.first_source.clone().or_else(|| Some(source.to_owned())),
                ..new.clone()
            };
            (contacts::create(tx, &new)?.id, Effect::Created)
        }
    };
    let done = matching::Done { target, channel: Channel::Api, submission_id: None, effect, record_id: Some(id) };
    let decision_id = Some(matching::keep(tx, &decision, done)?);
    Ok(Found { effect, id, decision_id })
}

/// `Err(Conflict)` where the workspace wants one open lead per contact, and the contact has one.
fn refuse_second(tx: &mut Tx<'_>, contact: Option<Id>) -> Result<()> {
    let Some(contact) = contact else { return Ok(()) };
    if workspaces::settings(tx)?.leads_per_contact == LeadsPerContact::PerContext {
        return Ok(());
    }
    tx.take_turns(&[contacts::turn(contact)])?;
    match tx.leads().open_of_contact(contact)?.first() {
        None => Ok(()),
        Some(first) => Err(Error::Conflict(format!(
            "the contact has the open lead {first}, and the workspace wants one per contact: change that lead, or close it \
             first"
        ))),
    }
}

/// The user of sales who is asking, if one is.
fn seller(tx: &mut Tx<'_>) -> Result<Option<Id>> {
    let user = workspaces::calling_user(tx)?;
    Ok(user.filter(|user| matches!(user.role.0, Role::Salesperson | Role::SalesManager)).map(|user| user.id))
}

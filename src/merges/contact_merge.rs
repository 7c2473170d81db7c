//! Two contacts become one (MAT-9).
//!
//! Both rows are held before the turns of those who score, which is the order of everyone who refers to a contact and
//! then has its leads scored; so nothing is lost and nobody waits for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Kept, gather, spread};
use super::{Asked, Kind, Merge, Plan, Rules, announce, moves, refuse_merged, refuse_same, sources, unknown_other};
use crate::contacts::merge::{self, Identities, Values};
use crate::contacts::{self, Contact};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::events::Subject;
use crate::http::condition::Condition;
use crate::id::Id;
use crate::proposals::{self, Record};
use crate::scoring::{self, Cause};

const RULES: Rules = Rules { fields: &merge::FIELDS, rule: merge::rule };

/// What merging the contact `id` would do. Writes nothing.
pub fn preview_contacts(tx: &mut Tx<'_>, id: Id, asked: &Asked) -> Result<Plan> {
    let found = tx.merged_contacts().look([id, asked.other])?;
    let (one, other) = pair(id, asked.other, found)?;
    plan(asked, &one, &other)
}

/// Merges the contact `id` with another. 409 when they are one already, or the other was merged elsewhere.
pub fn merge_contacts(tx: &mut Tx<'_>, id: Id, asked: &Asked, condition: &Condition) -> Result<Merge> {
    hold_shared_phones(tx, [id, asked.other])?;
    let found = tx.merged_contacts().lock([id, asked.other])?;
    let (one, other) = pair(id, asked.other, found)?;
    condition.check(one.version)?;
    let mut plan = plan(asked, &one, &other)?;
    plan.snapshot.anonymous_ids = tx.contacts().anonymous_ids(plan.loser_id)?;

    let mut leads = leads_around(tx, &[id, asked.other])?;
    // What time alone has changed until now is told before what the merge changes.
    scoring::rescore(tx, &Vec::from_iter(leads.clone()), Cause::FieldChange)?;
    let merge = Id::new(tx.at());
    sources::join(tx, &mut plan)?;
    let moved = join(tx, merge, &plan)?;
    leads.extend(leads_around(tx, &[plan.survivor_id])?);
    scoring::rescore(tx, &Vec::from_iter(leads), Cause::Merge)?;

    let merge = super::keep(tx, merge, Kind::Contact, plan, moved)?;
    let survivor = tx.contacts().get(merge.survivor_id)?;
    announce(tx, "contact.merged", Subject::contact(survivor.id), &merge, &survivor)?;
    Ok(merge)
}

/// A phone that the two share tells of one person once they are one: whoever brings it takes turns. In this order also
/// where people come in.
fn hold_shared_phones(tx: &mut Tx<'_>, ids: [Id; 2]) -> Result<()> {
    if let [one, other] = tx.merged_contacts().look(ids)?.as_slice() {
        let shared = Values::from(one).shared_phones(&Values::from(other));
        let turns: Vec<String> =
            shared.iter().flat_map(|key| contacts::turns(None, Some(key.as_str()), None)).collect();
        tx.take_turns(&turns)?;
    }
    Ok(())
}

/// The two contacts among those found, in the order they were named.
fn pair(id: Id, other: Id, found: Vec<Contact>) -> Result<(Contact, Contact)> {
    refuse_same(id, other)?;
    let mut found: BTreeMap<Id, Contact> = found.into_iter().map(|contact| (contact.id, contact)).collect();
    let one = found.remove(&id).ok_or(Error::NotFound)?;
    let other = found.remove(&other).ok_or_else(|| unknown_other("contact"))?;
    let stands = |contact: &Contact| (contact.id, contact.merged_into_id.unwrap_or(contact.id));
    refuse_merged(stands(&one), stands(&other))?;
    Ok((one, other))
}

fn plan(asked: &Asked, one: &Contact, other: &Contact) -> Result<Plan> {
    let fields = |contact| spread(&Values::from(contact)).map_err(Error::internal);
    Plan::new(asked, [(one.id, fields(one)?), (other.id, fields(other)?)], merge::survivor(one, other), &RULES)
}

/// Every open lead that the contacts' doings count for; held off from others.
pub(super) fn leads_around(tx: &mut Tx<'_>, contacts: &[Id]) -> Result<BTreeSet<Id>> {
    Ok(scoring::leads_of_contacts(tx, contacts)?.into_values().flatten().collect())
}

/// Writes both contacts and moves what hangs on the loser; tells how much that was.
fn join(tx: &mut Tx<'_>, merge: Id, plan: &Plan) -> Result<BTreeMap<String, i64>> {
    let read = |fields| gather::<Values>(fields).map_err(Error::internal);
    let (survivor, loser) = (read(&plan.snapshot.survivor)?, read(&plan.snapshot.loser)?);
    let merged = read(&plan.snapshot.merged)?;
    let left = Identities::left_over(&survivor, &loser, &merged);
    let shared = survivor.shared_phones(&loser);
    let (survivor, loser) = (plan.survivor_id, plan.loser_id);
    tx.merged_contacts().bury(loser, survivor)?;
    tx.merged_contacts().write(survivor, merged)?;
    tx.merged_contacts().leave(loser, without_chosen_blanks(left, &plan.fields))?;
    tx.moves().move_anonymous(loser, survivor)?;
    proposals::make_way(tx, Record::Contact(loser), Record::Contact(survivor))?;
    let mut moved = tx.moves().carry(&moves::OF_CONTACT, merge, loser, survivor)?;
    let present = tx.contacts().get(survivor)?;
    proposals::contact_changed(tx, &present)?;
    let waited = attribute_waiting(tx, merge, survivor, &shared)?;
    moves::count(&mut moved, &waited);
    Ok(moved)
}

/// What waited because it named a phone that both had is the survivor's, if nobody else has the phone.
fn attribute_waiting(tx: &mut Tx<'_>, merge: Id, survivor: Id, phones: &[String]) -> Result<Vec<Id>> {
    let mut waited = Vec::new();
    for key in phones {
        if tx.interactions().only_contact_with_phone(key)? == Some(survivor) {
            waited.extend(tx.waiting().take_phone(survivor, key)?);
        }
    }
    tx.moves().note(moves::WAITED, merge, &waited)?;
    Ok(waited)
}

/// An identity that was blanked by hand leads nowhere.
fn without_chosen_blanks(mut left: Identities, kept: &[Kept]) -> Identities {
    let is_blanked = |field: &str| kept.iter().any(|kept| kept.field == field && kept.value.is_null());
    left.email = left.email.filter(|_| !is_blanked("email"));
    left.phone = left.phone.filter(|_| !is_blanked("phone"));
    left.mobile = left.mobile.filter(|_| !is_blanked("mobile"));
    left.external_id = left.external_id.filter(|_| !is_blanked("external_id"));
    left
}

//! One contact becomes two again (MAT-9).

use super::contact_merge::leads_around;
use super::contact_repository::KnownBy;
use super::fields::{gather, parted, spread};
use super::{Merge, announce, close, forget_what_is_gone, moves, refuse_covered, sources};
use crate::contacts::merge::{Identity, Values};
use crate::contacts::{self, Contact};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::events::Subject;
use crate::id::Id;
use crate::scoring::{self, Cause};

/// Parts the two contacts of `merge`, and scores the leads of both.
pub(super) fn undo(tx: &mut Tx<'_>, merge: &Merge) -> Result<Merge> {
    // Whoever is being taken for the survivor by one of these is done before the two part, or comes after.
    let turns = known_by(tx, merge)?.turns();
    tx.take_turns(&turns)?;
    let found = tx.merged_contacts().lock([merge.survivor_id, merge.loser_id])?;
    let survivor = found.into_iter().find(|contact| contact.id == merge.survivor_id).ok_or(Error::NotFound)?;
    refuse_covered(tx, merge)?;
    let mut leads = leads_around(tx, &[merge.survivor_id])?;
    // What time alone has changed until now is told before what the undoing changes.
    scoring::rescore(tx, &Vec::from_iter(leads.clone()), Cause::FieldChange)?;
    part(tx, merge, &survivor)?;
    sources::part(tx, merge)?;
    leads.extend(leads_around(tx, &[merge.survivor_id, merge.loser_id])?);
    scoring::rescore(tx, &Vec::from_iter(leads), Cause::Merge)?;

    let undone = close(tx, merge)?;
    let survivor = tx.contacts().get(merge.survivor_id)?;
    announce(tx, "contact.unmerged", Subject::contact(survivor.id), &undone, &survivor)?;
    Ok(undone)
}

fn part(tx: &mut Tx<'_>, merge: &Merge, survivor: &Contact) -> Result<()> {
    let snapshot = &merge.snapshot.0;
    let present = spread(&Values::from(survivor)).map_err(Error::internal)?;
    let left = parted(&snapshot.survivor, &snapshot.merged, &present);
    let left: Values = gather(&left).map_err(Error::internal)?;
    let loser: Values = gather(&snapshot.loser).map_err(Error::internal)?;
    note_arrivals(tx, merge, &left)?;

    // The loser lets go of its identities first: the survivor may have had one of them before.
    tx.merged_contacts().bury(merge.loser_id, merge.survivor_id)?;
    let left = still_true(tx, merge.survivor_id, left)?;
    tx.merged_contacts().write(merge.survivor_id, left)?;
    let loser = still_true(tx, merge.loser_id, loser)?;
    tx.merged_contacts().write(merge.loser_id, loser)?;
    tx.moves().move_these_anonymous(&snapshot.anonymous_ids, merge.survivor_id, merge.loser_id)?;
    tx.merged_contacts().let_wait(merge.id, merge.survivor_id)?;
    tx.moves().give_back(&moves::OF_CONTACT, merge.id, merge.loser_id, merge.survivor_id)?;
    tx.moves().follow_leads([merge.survivor_id, merge.loser_id])
}

/// What the loser was known by, those merged into it before included.
fn known_by(tx: &mut Tx<'_>, merge: &Merge) -> Result<KnownBy> {
    let snapshot = &merge.snapshot.0;
    let mut by = KnownBy { anonymous_ids: snapshot.anonymous_ids.clone(), ..KnownBy::default() };
    by.add(&gather(&snapshot.loser).map_err(Error::internal)?);
    for before in tx.merged_contacts().merged_before(merge.id)? {
        by.add(&Values::from(&before));
    }
    Ok(by)
}

/// Writes down what came since the merge for the loser, by its identities.
fn note_arrivals(tx: &mut Tx<'_>, merge: &Merge, survivor: &Values) -> Result<()> {
    let mut by = known_by(tx, merge)?;
    by.remove(survivor);
    let (id, survivor) = (merge.id, merge.survivor_id);
    let interactions = tx.merged_contacts().interactions_since(id, survivor, &by)?;
    tx.moves().note("interactions.contact_id", id, &interactions)?;
    tx.moves().note_submissions("contact_id", id, survivor)?;
    let leads = tx.merged_contacts().leads_since(id, survivor, &by)?;
    tx.moves().note("leads.contact_id", id, &leads)?;
    tx.moves().note_what_leads_led_to(id, survivor)
}

impl KnownBy {
    fn add(&mut self, values: &Values) {
        let key = |identity: &Option<Identity>| identity.clone().map(|identity| identity.key);
        self.emails.extend(key(&values.email));
        self.phones.extend([key(&values.phone), key(&values.mobile)].into_iter().flatten());
        self.external_ids.extend(values.external_id.clone());
    }

    /// The turns of everyone who brings one of these.
    fn turns(&self) -> Vec<String> {
        let emails = self.emails.iter().flat_map(|key| contacts::turns(Some(key.as_str()), None, None));
        let phones = self.phones.iter().flat_map(|key| contacts::turns(None, Some(key.as_str()), None));
        let external = self.external_ids.iter().flat_map(|id| contacts::turns(None, None, Some(id.as_str())));
        let anonymous = self.anonymous_ids.iter().map(|id| format!("anonymous {id}"));
        emails.chain(phones).chain(external).chain(anonymous).collect()
    }

    /// What both are known by tells of neither.
    fn remove(&mut self, values: &Values) {
        let mut shared = Self::default();
        shared.add(values);
        self.emails.retain(|key| !shared.emails.contains(key));
        self.phones.retain(|key| !shared.phones.contains(key));
        self.external_ids.retain(|key| !shared.external_ids.contains(key));
    }
}

/// The values without identities that somebody else has by now, and without references to what is gone.
fn still_true(tx: &mut Tx<'_>, of: Id, mut values: Values) -> Result<Values> {
    let is_taken = |holder: Option<Id>| holder.is_some_and(|holder| holder != of);
    if let Some(email) = &values.email
        && is_taken(tx.contacts().with_email(&email.key)?)
    {
        values.email = None;
    }
    if let Some(external_id) = &values.external_id
        && is_taken(tx.contacts().with_external_id(external_id)?)
    {
        values.external_id = None;
    }
    forget_what_is_gone(tx, &mut values.account_id, &mut values.owner_id)?;
    Ok(values)
}

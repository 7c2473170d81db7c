//! One lead becomes two again (MAT-9).

use super::fields::{gather, parted, spread};
use super::{Merge, announce, close, forget_what_is_gone, moves, owner_follows, refuse_covered, sources};
use crate::assignment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::events::Subject;
use crate::leads::merge::Values;
use crate::leads::{self, HandoverCause, Lead};
use crate::scoring::{self, Cause};
use crate::{process, workspaces};

/// Parts the two leads of `merge`, and scores both.
pub(super) fn undo(tx: &mut Tx<'_>, merge: &Merge) -> Result<Merge> {
    let both = [merge.survivor_id, merge.loser_id];
    refuse_covered(tx, merge)?;
    scoring::hold_lead(tx, merge.survivor_id)?;
    tx.merged_leads().lock(both)?;
    refuse_covered(tx, merge)?;
    // What time alone has changed until now is told before what the undoing changes.
    scoring::rescore(tx, &both, Cause::FieldChange)?;
    let survivor = tx.leads().get(merge.survivor_id)?;
    leads::open_only(&survivor)?;
    part(tx, merge, &survivor)?;
    sources::part(tx, merge)?;
    both.into_iter().try_for_each(|lead| scoring::hold_lead(tx, lead))?;
    scoring::rescore(tx, &both, Cause::Merge)?;

    let undone = close(tx, merge)?;
    let loser = tx.leads().get(merge.loser_id)?;
    assignment::reconsider(tx, &loser);
    let owner_before = survivor.owner_id;
    let survivor = tx.leads().get(merge.survivor_id)?;
    owner_follows(tx, owner_before, &survivor, HandoverCause::Parted)?;
    announce(tx, "lead.unmerged", Subject::lead(survivor.id, survivor.contact_id), &undone, &survivor)?;
    Ok(undone)
}

fn part(tx: &mut Tx<'_>, merge: &Merge, survivor: &Lead) -> Result<()> {
    let snapshot = &merge.snapshot.0;
    let present = spread(&Values::from(survivor)).map_err(Error::internal)?;
    let left: Values = gather(&parted(&snapshot.survivor, &snapshot.merged, &present)).map_err(Error::internal)?;
    let loser: Values = gather(&snapshot.loser).map_err(Error::internal)?;
    note_arrivals(tx, merge, &loser, &left)?;
    if let Some(contact) = survivor.contact_id {
        tx.merged_contacts().let_wait(merge.id, contact)?;
    }
    let left = still_true(tx, left)?;
    // The survivor lets go first of the origin that it may have had from the loser.
    let country = workspaces::settings(tx)?.default_country.clone();
    tx.merged_leads().write(merge.survivor_id, left, country.as_deref())?;
    let mut loser = still_true(tx, loser)?;
    if let Some(origin) = &loser.origin_key
        && tx.merged_leads().is_origin_taken(origin)?
    {
        loser.origin_key = None;
    }
    tx.merged_leads().write(merge.loser_id, loser, country.as_deref())?;
    tx.merged_leads().raise(merge.loser_id)?;
    process::restart_clock(tx, merge.loser_id)?;
    tx.moves().give_back(&moves::OF_LEAD, merge.id, merge.loser_id, merge.survivor_id)?;
    tx.moves().follow_leads([merge.survivor_id, merge.loser_id])
}

/// Writes down what came since the merge for the loser: through its form, where the survivor's is another.
fn note_arrivals(tx: &mut Tx<'_>, merge: &Merge, loser: &Values, survivor: &Values) -> Result<()> {
    if let Some(form) = loser.form_id.filter(|form| survivor.form_id != Some(*form)) {
        let interactions = tx.merged_leads().interactions_since(merge.id, merge.survivor_id, form)?;
        tx.moves().note("interactions.lead_id", merge.id, &interactions)?;
    }
    tx.moves().note_submissions("lead_id", merge.id, merge.survivor_id)
}

/// The values with the survivors of contacts that were merged since, and without references to what is gone.
fn still_true(tx: &mut Tx<'_>, mut values: Values) -> Result<Values> {
    for contact in [&mut values.contact_id, &mut values.referrer_contact_id] {
        if let Some(named) = *contact {
            *contact = tx.merged().contact(named)?;
        }
    }
    forget_what_is_gone(tx, &mut values.account_id, &mut values.owner_id)?;
    Ok(values)
}

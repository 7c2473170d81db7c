//! Two leads become one (MAT-9).

use std::collections::BTreeMap;

use super::fields::{gather, spread};
use super::{Asked, Kind, Merge, Plan, Rules, announce, moves, refuse_merged, refuse_same, sources, unknown_other};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::events::Subject;
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::merge::{self, Values};
use crate::leads::{HandoverCause, Lead};
use crate::proposals::{self, Record};
use crate::scoring::{self, Cause};
use crate::{process, workspaces};

const RULES: Rules = Rules { fields: &merge::FIELDS, rule: |_, _, _| None };

/// What merging the lead `id` would do. Writes nothing.
pub fn preview_leads(tx: &mut Tx<'_>, id: Id, asked: &Asked) -> Result<Plan> {
    let found = tx.merged_leads().look([id, asked.other])?;
    let (one, other) = pair(id, asked.other, found)?;
    plan(asked, &one, &other)
}

/// Merges the lead `id` with another. 409 when they are one already, when one is closed, or when they are interests of
/// two people.
pub fn merge_leads(tx: &mut Tx<'_>, id: Id, asked: &Asked, condition: &Condition) -> Result<Merge> {
    let both = [id, asked.other];
    let found = tx.merged_leads().look(both)?;
    let before = pair(id, asked.other, found)?;
    scoring::hold_lead(tx, id)?;
    scoring::hold_lead(tx, asked.other)?;
    let found = tx.merged_leads().lock(both)?;
    let (one, other) = pair(id, asked.other, found)?;
    if (one.contact_id, other.contact_id) != (before.0.contact_id, before.1.contact_id) {
        return Err(Error::Contention("a lead was given to another contact".into()));
    }
    condition.check(one.version)?;
    plan(asked, &one, &other)?;

    // What time alone has changed until now is told before what the merge changes; it may change the leads themselves.
    scoring::rescore(tx, &both, Cause::FieldChange)?;
    let found = tx.merged_leads().look(both)?;
    let (one, other) = pair(id, asked.other, found)?;
    let mut plan = plan(asked, &one, &other)?;
    let merge = Id::new(tx.at());
    let owner_before = if plan.survivor_id == one.id { one.owner_id } else { other.owner_id };
    sources::join(tx, &mut plan)?;
    let moved = join(tx, merge, &plan)?;
    scoring::hold_lead(tx, plan.survivor_id)?;
    scoring::rescore(tx, &[plan.survivor_id], Cause::Merge)?;

    let merge = super::keep(tx, merge, Kind::Lead, plan, moved)?;
    let survivor = tx.leads().get(merge.survivor_id)?;
    super::owner_follows(tx, owner_before, &survivor, HandoverCause::Merged)?;
    announce(tx, "lead.merged", Subject::lead(survivor.id, survivor.contact_id), &merge, &survivor)?;
    Ok(merge)
}

/// The two leads among those found, in the order they were named.
fn pair(id: Id, other: Id, found: Vec<Lead>) -> Result<(Lead, Lead)> {
    refuse_same(id, other)?;
    let mut found: BTreeMap<Id, Lead> = found.into_iter().map(|lead| (lead.id, lead)).collect();
    let one = found.remove(&id).ok_or(Error::NotFound)?;
    let other = found.remove(&other).ok_or_else(|| unknown_other("lead"))?;
    let stands = |lead: &Lead| (lead.id, lead.merged_into_id.unwrap_or(lead.id));
    refuse_merged(stands(&one), stands(&other))?;
    match merge::obstacle(&one, &other) {
        Some(obstacle) => Err(Error::Conflict(obstacle.to_owned())),
        None => Ok((one, other)),
    }
}

fn plan(asked: &Asked, one: &Lead, other: &Lead) -> Result<Plan> {
    let fields = |lead| spread(&Values::from(lead)).map_err(Error::internal);
    Plan::new(asked, [(one.id, fields(one)?), (other.id, fields(other)?)], merge::survivor(one, other), &RULES)
}

/// Writes both leads and moves what hangs on the loser, its ledger with it; tells how much that was.
fn join(tx: &mut Tx<'_>, merge: Id, plan: &Plan) -> Result<BTreeMap<String, i64>> {
    let (survivor, loser) = (plan.survivor_id, plan.loser_id);
    let values: Values = gather(&plan.snapshot.merged).map_err(Error::internal)?;
    scoring::withdraw(tx, loser, Cause::Merge)?;
    tx.merged_leads().bury(loser, survivor)?;
    process::stop_clock(tx, loser)?;
    let (contact, country) = (values.contact_id, workspaces::settings(tx)?.default_country.clone());
    tx.merged_leads().write(survivor, values, country.as_deref())?;
    proposals::make_way(tx, Record::Lead(loser), Record::Lead(survivor))?;
    let mut moved = tx.moves().carry(&moves::OF_LEAD, merge, loser, survivor)?;
    tx.moves().follow_leads([survivor, loser])?;
    let present = tx.leads().get(survivor)?;
    proposals::lead_changed(tx, &present)?;
    if let Some(contact) = contact {
        // What nobody who was named did about the one lead, the contact of the other did.
        let waited = tx.waiting().take_lead(contact, survivor)?;
        tx.moves().note(moves::WAITED, merge, &waited)?;
        moves::count(&mut moved, &waited);
    }
    Ok(moved)
}

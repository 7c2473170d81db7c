//! Two records that turn out to be one, and how to part them again (MAT-9, SCO-11).
//!
//! A merge leaves a survivor and a loser. Which is which, and whose value is kept, say the rules of [`contacts::merge`]
//! and [`leads::merge`], or the caller by hand; `fields` is how they are applied. Everything that names the loser moves
//! to the survivor ([`moves`] lists what that is), and what moved is written down. The loser stays as a tombstone: gone
//! for everyone who asks for it, with the id of the last survivor; what names it is the survivor's.
//!
//! Who set a value goes with it, and proposals move; of one that both records had, the survivor's stays, and one whose
//! value the survivor has now is superseded.
//!
//! An interaction that waited because it named a phone which both contacts had, and nobody else, waits no longer.
//!
//! All open leads concerned are scored in the same transaction, as if one contact had done everything from the start.
//! The ledger of a merged lead moves as well: rows take its scores back first, so that what moves adds up to nothing and
//! the survivor's rows still add up to its score. Leads of two contacts stay as many as they were, also when both came
//! from one form.
//!
//! Undoing gives back exactly what moved, and what came since for the loser: what named it, and what came with one of
//! its identities (for a lead: through its form, where the survivor's is another). Both records have their values from
//! before; a value that was changed after the merge stays with the survivor, and so does an identity that somebody else
//! has by then. Merges on top of one have to be undone before it.
//!
//! [`contacts::merge`]: crate::contacts::merge
//! [`leads::merge`]: crate::leads::merge

mod contact_merge;
mod contact_repository;
mod contact_undo;
pub mod fields;
pub mod handlers;
mod lead_merge;
mod lead_repository;
mod lead_undo;
pub mod moves;
mod moves_repository;
mod repository;
mod sources;

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::assignment;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, Violation, all_hold};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::leads::{self, Handing, HandoverCause, Lead};
use crate::provenance::Sources;
use crate::schema::merges;
use fields::{Because, Fields, Kept, Rule, Side};

pub use contact_merge::{merge_contacts, preview_contacts};
pub use lead_merge::{merge_leads, preview_leads};

/// What was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MergeKind)]
pub enum Kind {
    /// Two contacts.
    Contact,
    /// Two leads.
    Lead,
}

/// A merge of two records, undone or not.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = merges, treat_none_as_default_value = false)]
pub struct Merge {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What was merged.
    #[schema(value_type = Kind)]
    pub kind: Code<Kind>,
    /// The record that stayed.
    pub survivor_id: Id,
    /// The record that was merged into it.
    pub loser_id: Id,
    /// Why that one stayed.
    #[schema(value_type = Because)]
    pub because: Code<Because>,
    /// Every value the survivor had after the merge, whose it was, and why it was kept.
    #[schema(value_type = Vec<Kept>)]
    pub fields: JsonOf<Vec<Kept>>,
    /// How many records moved to the survivor, by what they name the loser in.
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"interactions.contact_id": 12, "leads.contact_id": 1}))]
    pub moved: JsonOf<BTreeMap<String, i64>>,
    #[serde(skip)]
    pub snapshot: JsonOf<Snapshot>,
    /// When.
    pub merged_at: Timestamp,
    /// The user or client who merged them.
    pub merged_by: Option<Id>,
    /// When it was undone; null while it stands.
    pub undone_at: Option<Timestamp>,
    /// The user or client who undid it.
    pub undone_by: Option<Id>,
}

/// Both records before a merge, and the survivor right after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub survivor: Fields,
    pub loser: Fields,
    pub merged: Fields,
    /// The loser's anonymous ids.
    #[serde(default)]
    pub anonymous_ids: Vec<String>,
    /// Who had set the survivor's values.
    #[serde(default)]
    pub sources: Sources,
}

impl Sorted for Merge {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.merged_at.to_string()
    }
}

/// Two records to merge, and what somebody decided by hand.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The record to merge with.
    pub other: Id,
    /// The record that is to survive; the rule decides when none is named.
    pub survivor: Option<Id>,
    /// For some fields, the record whose value to keep.
    pub fields: BTreeMap<String, Id>,
}

/// What a merge does, or would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MergePreview)]
pub struct Plan {
    /// The record that stays.
    pub survivor_id: Id,
    /// The record that is merged into it.
    pub loser_id: Id,
    /// Why that one stays.
    pub because: Because,
    /// Every value the survivor has afterwards, whose it is, and why it is kept.
    pub fields: Vec<Kept>,
    #[serde(skip)]
    snapshot: Snapshot,
}

/// What the plans of one kind of record are made by.
struct Rules {
    /// The fields that can be chosen by hand, beside custom attributes.
    fields: &'static [&'static str],
    rule: Rule,
}

/// A field that decides nothing for people, and is told to nobody.
const HIDDEN: &str = "origin_key";

impl Plan {
    /// The plan for two records, each with its fields. `by_rule` is which of them survives when nobody chose.
    fn new(asked: &Asked, records: [(Id, Fields); 2], by_rule: (Id, Because), rules: &Rules) -> Result<Self> {
        let ids = [records[0].0, records[1].0];
        all_hold(asked.broken(ids, &records, rules))?;
        let (survivor_id, because) = asked.survivor.map_or(by_rule, |chosen| (chosen, Because::ChosenByHand));
        let [one, other] = records;
        let ((_, survivor), (loser_id, loser)) = if one.0 == survivor_id { (one, other) } else { (other, one) };
        let sides = (Side { id: survivor_id, fields: &survivor }, Side { id: loser_id, fields: &loser });
        let mut kept = fields::keep(sides.0, sides.1, &asked.fields, rules.rule);
        let merged = fields::merged(sides.0, sides.1, &kept);
        kept.retain(|kept| kept.field != HIDDEN);
        let snapshot = Snapshot { survivor, loser, merged, ..Snapshot::default() };
        Ok(Self { survivor_id, loser_id, because, fields: kept, snapshot })
    }
}

impl Asked {
    /// All that is wrong with what was decided by hand.
    fn broken(&self, ids: [Id; 2], records: &[(Id, Fields); 2], rules: &Rules) -> Vec<Violation> {
        let one_of = |pointer: String| Violation::new(pointer, "not_allowed", "must be one of the two records");
        let mut broken = Vec::new();
        if self.survivor.is_some_and(|chosen| !ids.contains(&chosen)) {
            broken.push(one_of("/survivor".to_owned()));
        }
        for (field, chosen) in &self.fields {
            let held = || field.starts_with("attributes.") && records.iter().any(|(_, own)| own.contains_key(field));
            if !rules.fields.contains(&field.as_str()) && !held() {
                let detail = "is no field that a merge decides on";
                broken.push(Violation::new(format!("/fields/{field}"), "unknown_field", detail));
            } else if !ids.contains(chosen) {
                broken.push(one_of(format!("/fields/{field}")));
            }
        }
        broken
    }
}

/// Undoes a merge. 409 when it is undone already, when merges stand on top of it, or when its survivor was deleted.
pub fn undo(tx: &mut Tx<'_>, id: Id) -> Result<Merge> {
    let merge = tx.merges().lock(id)?;
    if let Some(at) = merge.undone_at {
        return Err(Error::Conflict(format!("the merge was undone at {at}")));
    }
    let gone = |error| match error {
        Error::NotFound => Error::Conflict("the survivor was deleted; there is nothing to part".into()),
        error => error,
    };
    match merge.kind.0 {
        Kind::Contact => contact_undo::undo(tx, &merge).map_err(gone),
        Kind::Lead => lead_undo::undo(tx, &merge).map_err(gone),
    }
}

/// `Err(Conflict)` naming the merges that stand on top of `merge`: later ones of its survivor, and those of leads that
/// it moved.
fn refuse_covered(tx: &mut Tx<'_>, merge: &Merge) -> Result<()> {
    let on_top = tx.merges().on_top(merge)?;
    if on_top.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = on_top.iter().map(Id::to_string).collect();
    Err(Error::Conflict(format!("later merges stand on this one; undo them first: {}", ids.join(", "))))
}

/// What two records that are already one, or only one, are answered with.
fn refuse_same(one: Id, other: Id) -> Result<()> {
    match one == other {
        true => Err(Error::invalid("/other_id", "not_allowed", "a record cannot be merged with itself")),
        false => Ok(()),
    }
}

/// Checks where `one` and `other` were merged into: each the record itself while it is none.
fn refuse_merged(one: (Id, Id), other: (Id, Id)) -> Result<()> {
    if one.1 == other.1 {
        return Err(Error::Conflict(format!("the two were merged already; the survivor is {}", one.1)));
    }
    if one.0 != one.1 {
        return Err(Error::Gone { merged_into: Some(one.1) });
    }
    match other.0 == other.1 {
        true => Ok(()),
        false => Err(Error::Conflict(format!("{} was merged into {}; merge with that", other.0, other.1))),
    }
}

fn unknown_other(what: &str) -> Error {
    Error::invalid("/other_id", "unknown", format!("there is no such {what} in this workspace"))
}

/// Keeps a merge that was carried out, and tells of it.
fn keep(tx: &mut Tx<'_>, id: Id, kind: Kind, plan: Plan, moved: BTreeMap<String, i64>) -> Result<Merge> {
    let merge = Merge {
        workspace_id: tx.scope.workspace,
        id,
        kind: Code(kind),
        survivor_id: plan.survivor_id,
        loser_id: plan.loser_id,
        because: Code(plan.because),
        fields: JsonOf(plan.fields),
        moved: JsonOf(moved),
        snapshot: JsonOf(plan.snapshot),
        merged_at: tx.at(),
        merged_by: tx.scope.actor,
        undone_at: None,
        undone_by: None,
    };
    tx.merges().insert(&merge)?;
    Ok(merge)
}

/// Clears references to an account and an owner that are no more.
fn forget_what_is_gone(tx: &mut Tx<'_>, account: &mut Option<Id>, owner: &mut Option<Id>) -> Result<()> {
    if let Some(id) = *account {
        *account = tx.accounts().find(id)?.map(|account| account.id);
    }
    if let Some(id) = *owner {
        *owner = tx.users().find(id)?.map(|user| user.id);
    }
    Ok(())
}

/// What follows for who works the survivor: a change of owner is told, one that is nobody's is given out, and whoever
/// lost a lead has room.
fn owner_follows(tx: &mut Tx<'_>, before: Option<Id>, survivor: &Lead, cause: HandoverCause) -> Result<()> {
    if survivor.owner_id != before {
        leads::handed_over(tx, before, survivor, Handing::by(cause))?;
    }
    assignment::reconsider(tx, survivor);
    assignment::room_changed(tx);
    Ok(())
}

/// Marks a merge as undone; gives it as it is then.
fn close(tx: &mut Tx<'_>, merge: &Merge) -> Result<Merge> {
    tx.merges().set_undone(merge.id)?;
    tx.merges().get(merge.id)
}

/// Tells that two records became one, or two again.
fn announce<T: Serialize>(tx: &mut Tx<'_>, kind: &str, subject: Subject, merge: &Merge, survivor: &T) -> Result<()> {
    let Snapshot { survivor: before, loser, .. } = &merge.snapshot.0;
    let data = json!({"merge": merge, "survivor": survivor, "before": {"survivor": before, "loser": loser}});
    events::emit(tx, kind, subject, &data)
}

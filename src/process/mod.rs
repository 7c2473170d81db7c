//! The stages a lead goes through (PRO-1 to PRO-4), and the one door through which it changes stage.
//!
//! Every change of stage in the program is made by `pass`: it checks, writes the lead's stage, an append-only
//! history row with the time spent in the stage left, and the event with both stages. `transition` decides; nothing
//! else does. Until workspaces define processes of their own there is the shipped one.

pub mod handlers;
mod repository;
pub mod stage;
pub mod transition;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::Code;
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::schema::stage_changes;
use crate::workspaces;
use stage::Process;
use transition::{Refusal, Trigger};

/// Why a lead changed its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageCause {
    /// The lead was created.
    Created,
    /// A model gave it a score above zero for the first time.
    FirstScore,
    /// It became sales ready.
    SalesReady,
    /// It was marked ready for teleprospecting.
    TeleprospectReady,
    /// Teleprospecting took it.
    TeleprospectAccepted,
    /// A salesperson entered it.
    EnteredBySales,
    /// A person moved it.
    ByHand,
    /// It was opened again and begins anew.
    Recycled,
    /// It was opened again.
    Reopened,
}

impl From<Trigger> for StageCause {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Created => Self::Created,
            Trigger::FirstScore => Self::FirstScore,
            Trigger::SalesReady => Self::SalesReady,
            Trigger::TeleprospectReady => Self::TeleprospectReady,
            Trigger::TeleprospectAccepted => Self::TeleprospectAccepted,
            Trigger::EnteredBySales => Self::EnteredBySales,
        }
    }
}

/// A change of stage.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = stage_changes, treat_none_as_default_value = false)]
pub struct StageChange {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// The process.
    #[schema(example = "lead_to_opportunity_marketing")]
    pub process: String,
    /// The stage left; null when the lead entered the process.
    #[schema(example = "inquiry")]
    pub from_stage: Option<String>,
    /// The stage entered.
    #[schema(example = "marketing_qualification")]
    pub to_stage: String,
    /// Why.
    #[schema(value_type = StageCause)]
    pub cause: Code<StageCause>,
    /// The user or client behind it; null for automatic moves caused by visitors.
    pub actor_id: Option<Id>,
    /// What the person who moved it noted.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Seconds spent in the stage left.
    #[schema(example = 3600)]
    pub seconds_in_stage: Option<i64>,
}

impl Sorted for StageChange {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// Both ends of a change of stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageMove {
    /// The stage left; null when the lead entered the process.
    #[schema(example = "inquiry")]
    pub from: Option<String>,
    /// The stage entered.
    #[schema(example = "sales_acceptance")]
    pub to: String,
}

/// Where a lead stands in its process.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = crate::schema::leads)]
pub struct Standing {
    pub id: Id,
    pub contact_id: Option<Id>,
    pub status: String,
    pub process: String,
    pub stage: Option<String>,
    pub stage_since: Timestamp,
}

impl Standing {
    fn is_open(&self) -> bool {
        self.status == "open"
    }
}

/// The process `key` of the workspace.
pub fn process(key: &str) -> Result<Process> {
    Some(Process::shipped()).filter(|process| process.key == key).ok_or(Error::NotFound)
}

/// Lets `trigger` move the lead, if the rules and the workspace's switches say so (PRO-3). Only open leads move.
pub fn react(tx: &mut Tx<'_>, lead: Id, trigger: Trigger) -> Result<Option<StageMove>> {
    let switches = workspaces::settings(tx)?.automatic_moves;
    let standing = tx.stages().lock(lead)?;
    if !standing.is_open() {
        return Ok(None);
    }
    let process = process(&standing.process)?;
    match transition::automatic(&process, &switches, standing.stage.as_deref(), trigger) {
        Some(to) => pass(tx, standing, to, trigger.into(), None).map(Some),
        None => Ok(None),
    }
}

/// Moves the lead to stage `to` for a person (PRO-4), forward or back. 409 for a closed lead or when it is there
/// already, 422 for a stage its process does not have.
pub fn move_by_hand(tx: &mut Tx<'_>, lead: Id, to: &str, note: Option<String>) -> Result<StageMove> {
    let standing = tx.stages().lock(lead)?;
    let process = process(&standing.process)?;
    match transition::permitted(&process, standing.is_open(), standing.stage.as_deref(), to) {
        Ok(()) => pass(tx, standing, to, StageCause::ByHand, note),
        Err(refusal @ Refusal::UnknownStage { .. }) => Err(Error::invalid("/to", "unknown_stage", refusal.to_string())),
        Err(refusal) => Err(Error::Conflict(refusal.to_string())),
    }
}

/// Lets a lead go on that has just been opened again, by `cause`: in marketing qualification, or in the first stage of a
/// process that has no such stage. None when it stands there already.
pub fn reenter(tx: &mut Tx<'_>, lead: Id, cause: StageCause) -> Result<Option<StageMove>> {
    let standing = tx.stages().lock(lead)?;
    let process = process(&standing.process)?;
    let to = process.stages.iter().find(|stage| stage.key == "marketing_qualification").or(process.stages.first());
    match to.filter(|to| standing.stage.as_ref() != Some(&to.key)) {
        Some(to) => pass(tx, standing, &to.key, cause, None).map(Some),
        None => Ok(None),
    }
}

/// Two moves in a row as one: from where the first began to where the second ended.
pub fn joined(first: Option<StageMove>, second: Option<StageMove>) -> Option<StageMove> {
    match (first, second) {
        (Some(first), Some(second)) => Some(StageMove { from: first.from, to: second.to }),
        (first, second) => second.or(first),
    }
}

/// The one door (PRO-2).
fn pass(tx: &mut Tx<'_>, standing: Standing, to: &str, cause: StageCause, note: Option<String>) -> Result<StageMove> {
    let at = tx.at();
    tx.stages().enter(standing.id, to)?;
    let spent = standing.stage.as_ref().map(|_| at.seconds().saturating_sub(standing.stage_since.seconds()).max(0));
    let change = StageChange {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        lead_id: standing.id,
        process: standing.process,
        from_stage: standing.stage.clone(),
        to_stage: to.to_owned(),
        cause: Code(cause),
        actor_id: tx.scope.actor,
        note,
        at,
        seconds_in_stage: spent,
    };
    tx.stages().insert(&change)?;
    let moved = StageMove { from: standing.stage, to: to.to_owned() };
    let data = json!({"from": moved.from, "to": moved.to, "cause": cause, "seconds_in_stage": spent});
    events::emit(tx, "lead.stage_changed", Subject::lead(standing.id, standing.contact_id), &data)?;
    Ok(moved)
}

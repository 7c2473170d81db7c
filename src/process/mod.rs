//! The stages a lead goes through (PRO-1 to PRO-6, PRO-8), and the one door through which it changes stage.
//!
//! Every change of stage in the program is made by `pass`: it checks, writes the lead's stage, an append-only history
//! row with the time spent in the stage left and the event with both stages, starts the clock of the stage entered, and
//! creates its tasks. `transition` decides what moves a lead by itself and `step` what a person may do with it; nothing
//! else does.
//!
//! Processes are the workspace's own beside the shipped one, which a workspace may change but not lose
//! ([`definitions`]). A lead that is recycled goes on in marketing qualification, or in the first stage of a process
//! without it; one that stands there already stays, and its clock starts anew. One that is reopened stays where it was.

mod asked;
mod breach_handlers;
pub mod calendar;
mod check;
mod deadline_repository;
pub mod deadlines;
mod definition_handlers;
mod definition_repository;
pub mod definitions;
pub mod field;
mod flag_handlers;
pub mod handlers;
mod mark;
mod repository;
pub mod requirements;
pub mod service_level;
pub mod stage;
pub mod step;
pub mod transition;
mod transition_handlers;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::filter::Records;
use crate::id::Id;
use crate::schema::stage_changes;
use crate::{tasks, workspaces};
use requirements::Unfilled;
use stage::{Flag, MARKETING_QUALIFICATION, Process};
use step::{Refusal, State, Step, Wish};
use transition::Trigger;

pub use deadlines::{calendar_changed, restart_clock, stop_clock, temperature_changed};

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
    /// A person completed the stage left.
    Completed,
    /// A person passed it on to the next stage.
    Next,
    /// A person moved it past requirements that were not filled.
    Overridden,
    /// It was refused.
    Rejected,
    /// A person let it go on in another process.
    SwitchedProcess,
    /// It was recycled.
    Recycled,
    /// It was reopened.
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
    /// The process of the stage entered.
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
    /// The process of the stage left; null unless it is another.
    #[schema(example = "re_sale")]
    pub from_process: Option<String>,
    /// Why it was refused: one of the workspace's refusal reasons. Null unless it was.
    #[schema(example = "no_budget")]
    pub reason: Option<String>,
    /// The requirements that were passed over; null when there were none.
    #[schema(value_type = Option<Vec<Unfilled>>)]
    pub overridden: Option<JsonOf<Vec<Unfilled>>>,
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

/// Two moves in a row as one: from where the first began to where the second ended.
pub fn joined(first: Option<StageMove>, second: Option<StageMove>) -> Option<StageMove> {
    match (first, second) {
        (Some(first), Some(second)) => Some(StageMove { from: first.from, to: second.to }),
        (first, second) => second.or(first),
    }
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
    pub owner_id: Option<Id>,
    pub temperature: Option<String>,
}

impl Standing {
    fn is_open(&self) -> bool {
        self.status == "open"
    }
}

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub wish: Wish,
    /// Why, for people.
    pub note: Option<String>,
    /// Whether they may, and want to, pass over requirements.
    pub may_override: bool,
}

/// How a lead went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advanced {
    pub moved: StageMove,
    /// The requirements that were passed over.
    pub overridden: Vec<Unfilled>,
}

/// One way through the door.
struct Passage<'a> {
    standing: Standing,
    /// The process of the stage entered.
    process: &'a Process,
    to: &'a str,
    cause: StageCause,
    note: Option<String>,
    reason: Option<String>,
    overridden: Vec<Unfilled>,
}

impl<'a> Passage<'a> {
    fn new(standing: Standing, process: &'a Process, to: &'a str, cause: StageCause) -> Self {
        Self { standing, process, to, cause, note: None, reason: None, overridden: Vec::new() }
    }
}

/// The process `key` of the workspace, which nobody changes until the transaction ends.
pub fn process(tx: &mut Tx<'_>, key: &str) -> Result<Process> {
    Ok(definitions::held(tx, key)?.process)
}

/// The key of the process that new leads enter, which nobody deletes until the transaction ends.
pub fn of_new_leads(tx: &mut Tx<'_>) -> Result<String> {
    definitions::hold_shared(tx)?;
    Ok(workspaces::settings(tx)?.default_process.clone())
}

/// Where a lead stands, and its process; neither changes until the transaction ends.
fn standing(tx: &mut Tx<'_>, lead: Id) -> Result<(Standing, Process)> {
    let standing = tx.stages().lock(lead)?;
    let process = process(tx, &standing.process)?;
    Ok((standing, process))
}

/// Lets `trigger` move the lead, if the rules and the workspace's switches say so (PRO-3). Only open leads move.
pub fn react(tx: &mut Tx<'_>, lead: Id, trigger: Trigger) -> Result<Option<StageMove>> {
    react_noted(tx, lead, trigger, None)
}

/// The same with what the person who set it off noted.
pub fn react_noted(tx: &mut Tx<'_>, lead: Id, trigger: Trigger, note: Option<String>) -> Result<Option<StageMove>> {
    let switches = workspaces::settings(tx)?.automatic_moves;
    let (standing, process) = standing(tx, lead)?;
    if !standing.is_open() {
        return Ok(None);
    }
    let Some(to) = transition::automatic(&process, &switches, standing.stage.as_deref(), trigger) else {
        return Ok(None);
    };
    pass(tx, Passage { note, ..Passage::new(standing, &process, to, trigger.into()) }).map(Some)
}

/// Does what a person asks for (PRO-4). `records` are the lead, its contact and its account as they are now. 409 for a
/// closed lead, when it is there already, or when no stage follows; 422 for a stage or process that there is none of,
/// and for each requirement that is not filled.
pub fn advance(tx: &mut Tx<'_>, lead: Id, asked: &Asked, records: &Records) -> Result<Advanced> {
    let (standing, present) = standing(tx, lead)?;
    let target = match &asked.wish {
        Wish::Switch { process: key, .. } => definitions::named(tx, key, "/process")?,
        _ => present.clone(),
    };
    let state = State { process: &present, stage: standing.stage.as_deref(), is_open: standing.is_open() };
    let step = step::decide(&state, &target, &asked.wish, records, asked.may_override).map_err(refused)?;
    let Step { to, cause, overridden } = step;
    let passage = Passage::new(standing, &target, &to, cause);
    let moved = pass(tx, Passage { note: asked.note.clone(), overridden: overridden.clone(), ..passage })?;
    Ok(Advanced { moved, overridden })
}

/// Sends a lead back that is refused in its stage (PRO-6). 409 for a closed lead and in a stage that refuses none.
pub fn refuse(tx: &mut Tx<'_>, lead: Id, reason: &str, note: Option<String>) -> Result<StageMove> {
    let (standing, process) = standing(tx, lead)?;
    if !standing.is_open() {
        return Err(Error::Conflict("a closed lead is refused by nobody; reopen it first".into()));
    }
    let stage = standing.stage.as_deref().and_then(|stage| process.stage(stage));
    let Some(to) = stage.and_then(|stage| stage.refusal_to.clone()) else {
        let refusing = process.keys(|stage| stage.refusal_to.is_some()).join(", ");
        let refusing = if refusing.is_empty() { "none of its stages".to_owned() } else { refusing };
        return Err(Error::Conflict(format!("leads of this process can be refused in {refusing}")));
    };
    let passage = Passage::new(standing, &process, &to, StageCause::Rejected);
    pass(tx, Passage { reason: Some(reason.to_owned()), note, ..passage })
}

/// Lets a lead go on that has just been opened again, by `cause`: in marketing qualification, or in the first stage of a
/// process that has no such stage. None when it stands there already; its clock starts anew all the same.
pub fn reenter(tx: &mut Tx<'_>, lead: Id, cause: StageCause) -> Result<Option<StageMove>> {
    let (standing, process) = standing(tx, lead)?;
    let first = process.stage(MARKETING_QUALIFICATION).or(process.stages.first());
    let Some(to) = first.map(|stage| stage.key.as_str()).filter(|_| standing.is_open()) else { return Ok(None) };
    if standing.stage.as_deref() == Some(to) {
        deadlines::restart_clock(tx, lead)?;
        return Ok(None);
    }
    pass(tx, Passage::new(standing, &process, to, cause)).map(Some)
}

/// Refuses (409) a mark that the present stage of an open lead does not offer.
pub fn must_offer(tx: &mut Tx<'_>, lead: Id, flag: Flag) -> Result<()> {
    let (standing, process) = standing(tx, lead)?;
    mark::offered(&process, standing.stage.as_deref(), flag).map_err(|refusal| Error::Conflict(refusal.to_string()))
}

/// Whether the lead was ever refused.
pub fn was_refused(tx: &mut Tx<'_>, lead: Id) -> Result<bool> {
    tx.stages().has_cause(lead, StageCause::Rejected)
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::UnknownStage { .. } => Error::invalid("/to", "unknown_stage", refusal.to_string()),
        Refusal::Unfilled(lacking) => Error::Invalid(lacking.iter().map(Unfilled::violation).collect()),
        refusal => Error::Conflict(refusal.to_string()),
    }
}

/// The one door (PRO-2).
fn pass(tx: &mut Tx<'_>, passage: Passage<'_>) -> Result<StageMove> {
    let Passage { standing, process, to, cause, note, reason, overridden } = passage;
    let at = tx.at();
    tx.stages().enter(standing.id, &process.key, to)?;
    let spent = standing.stage.as_ref().map(|_| at.seconds().saturating_sub(standing.stage_since.seconds()).max(0));
    let change = StageChange {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        lead_id: standing.id,
        process: process.key.clone(),
        from_stage: standing.stage.clone(),
        to_stage: to.to_owned(),
        cause: Code(cause),
        actor_id: tx.scope.actor,
        note,
        at,
        seconds_in_stage: spent,
        from_process: Some(standing.process.clone()).filter(|left| *left != process.key),
        reason,
        overridden: Some(JsonOf(overridden)).filter(|passed| !passed.0.is_empty()),
    };
    tx.stages().insert(&change)?;
    deadlines::start(tx, &standing, process.stage(to))?;
    let data = json!({
        "from": standing.stage, "to": to, "cause": cause, "seconds_in_stage": spent, "process": process.key,
        "from_process": change.from_process, "note": change.note, "reason": change.reason,
        "overridden": change.overridden,
    });
    events::emit(tx, "lead.stage_changed", Subject::lead(standing.id, standing.contact_id), &data)?;
    if let Some(stage) = process.stage(to) {
        tasks::enter_stage(tx, standing.id, stage)?;
    }
    Ok(StageMove { from: standing.stage, to: to.to_owned() })
}

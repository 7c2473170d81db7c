//! What is to be done next for a lead or a contact (WRK-1).
//!
//! A task is a user's, or waits in the queue of a role until somebody takes it; one that is given back waits there again.
//! Only the service leaves a task to nobody at all: for a stage without a role and a lead without an owner, or where
//! such a lead loses its owner. Anyone may take it. A task of a lead carries the lead's contact and follows it. Whom it is
//! about never changes; it goes with its lead or contact when that is deleted.
//!
//! A finished task refuses changes until it is reopened. Tasks of closed leads may be created by hand: someone may want
//! to call again in half a year. `follow` is what the life of a lead does to its tasks, `overdue` tells once for each due
//! date that it has passed; `due` and `assign` are the rules.

pub mod assign;
pub mod due;
mod finish_handlers;
mod follow;
pub mod handlers;
mod input;
pub mod overdue;
mod repository;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::scope::Role;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::Code;
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::process::stage::TaskKind;
use crate::schema::tasks;

pub use follow::{enter_stage, forget_contact, lead_closed, lead_linked, owner_changed};
pub use input::{NewTask, TaskPatch};
pub use repository::TaskFilter;

/// Whether a task is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskStatus)]
pub enum Status {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// Not to be done any more.
    Cancelled,
}

/// What came of a task, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskOutcome)]
pub enum Outcome {
    /// What was hoped for.
    Positive,
    /// A refusal, or nothing.
    Negative,
    /// The person was not reached.
    NotReached,
}

/// Why a task came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskCause)]
pub enum Cause {
    /// Somebody created it.
    ByHand,
    /// Its lead entered a stage.
    StageEntry,
}

/// Why a task was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TaskCancelReason)]
pub enum CancelReason {
    /// Somebody cancelled it.
    ByHand,
    /// Its lead left the stage that it belongs to.
    StageLeft,
    /// Its lead was closed.
    LeadClosed,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = tasks, treat_none_as_default_value = false)]
pub struct Task {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What is to be done.
    #[schema(value_type = TaskKind)]
    pub kind: Code<TaskKind>,
    /// The same in words.
    #[schema(example = "First call")]
    pub title: String,
    /// More about it.
    pub note: Option<String>,
    /// The lead it is for.
    pub lead_id: Option<Id>,
    /// The contact it is for: of a task of a lead, the lead's.
    pub contact_id: Option<Id>,
    /// The user who is to do it; null while nobody took it.
    pub assignee_id: Option<Id>,
    /// Who may take it, and where it waits while nobody did.
    #[schema(value_type = Option<Role>)]
    pub role: Option<Code<Role>>,
    /// When it is due.
    pub due_at: Timestamp,
    /// Whether it is to be done.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// What came of it, or why it was cancelled, in words.
    #[schema(example = "Wants an offer for 40 users")]
    pub result: Option<String>,
    /// What came of it, in a word.
    #[schema(value_type = Option<Outcome>)]
    pub outcome: Option<Code<Outcome>>,
    /// When it was done or cancelled.
    pub done_at: Option<Timestamp>,
    /// The user or client who did or cancelled it; null when the service cancelled it.
    pub done_by: Option<Id>,
    /// Why it was cancelled.
    #[schema(value_type = Option<CancelReason>)]
    pub cancelled_because: Option<Code<CancelReason>>,
    /// The interaction that was recorded when it was done.
    pub interaction_id: Option<Id>,
    /// Why it came to be.
    #[schema(value_type = Cause)]
    pub cause: Code<Cause>,
    /// The stage that its lead entered, when that is why it came to be.
    #[schema(example = "sales_acceptance")]
    pub stage: Option<String>,
    #[serde(skip)]
    pub overdue_told_at: Option<Timestamp>,
    #[serde(skip)]
    pub warn_at: Option<Timestamp>,
    /// The user or client who created it; null when the service did.
    pub created_by: Option<Id>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Task {
    fn is_open(&self) -> bool {
        self.status.0 == Status::Open
    }

    fn subject(&self) -> Subject {
        Subject { contact_id: self.contact_id, lead_id: self.lead_id }
    }

    /// The task as it is shown at `at`.
    pub fn shown(self, at: Timestamp) -> TaskView {
        TaskView { overdue: due::is_overdue(self.status.0, self.due_at, at), task: self }
    }
}

/// A task as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TaskView {
    #[serde(flatten)]
    pub task: Task,
    /// Whether it is open and its due date has passed.
    pub overdue: bool,
}

/// The fields that tasks can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("due_at", "tasks.due_at", SortKind::Instant),
    SortField::new("created_at", "tasks.created_at", SortKind::Instant),
];

impl Sorted for Task {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "created_at" => self.created_at.to_string(),
            _ => self.due_at.to_string(),
        }
    }
}

/// Adds a task. One for which neither a user nor a role was named is the caller's own.
pub fn create(tx: &mut Tx<'_>, new: &NewTask) -> Result<Task> {
    let task = new.task(tx)?;
    add(tx, task)
}

/// Changes what `patch` names; one that changes nothing makes no version. 409 for a finished task.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &TaskPatch, condition: &Condition) -> Result<Task> {
    let before = open(tx, id, condition)?;
    let task = patch.applied(tx, &before)?;
    write(tx, "task.changed", before, task)
}

/// Makes a task of a queue the user's. 409 when another has it; who has it already keeps it.
pub fn take(tx: &mut Tx<'_>, id: Id, user: Id, condition: &Condition) -> Result<Task> {
    let before = open(tx, id, condition)?;
    if before.assignee_id.is_some_and(|assignee| assignee != user) {
        return Err(Error::Conflict("another user has this task; ask them, or assign it by a change".into()));
    }
    let task = Task { assignee_id: Some(user), ..before.clone() };
    write(tx, "task.changed", before, task)
}

/// What came of a task.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// In words.
    pub result: Option<String>,
    /// In a word.
    pub outcome: Option<Outcome>,
}

/// Finishes an open task. 409 for one that is finished already.
pub fn complete(tx: &mut Tx<'_>, id: Id, done: Done, condition: &Condition) -> Result<Task> {
    let before = open(tx, id, condition)?;
    let Done { result, outcome } = done;
    let task = Task { result, outcome: outcome.map(Code), ..finished(tx, &before, Status::Done) };
    write(tx, "task.completed", before, task)
}

/// Writes down the interaction that was recorded for a task in the transaction that finished it.
pub fn note_interaction(tx: &mut Tx<'_>, id: Id, interaction: Id) -> Result<Task> {
    tx.tasks().set_interaction(id, interaction)
}

/// Cancels an open task. 409 for one that is finished already.
pub fn cancel(tx: &mut Tx<'_>, id: Id, result: Option<String>, condition: &Condition) -> Result<Task> {
    let before = open(tx, id, condition)?;
    call_off(tx, before, CancelReason::ByHand, result)
}

/// Opens a finished task again, as if it had not been finished, due at `due_at` or when it was before. An interaction
/// that was recorded with it stays.
pub fn reopen(tx: &mut Tx<'_>, id: Id, due_at: Option<Timestamp>, condition: &Condition) -> Result<Task> {
    let before = tx.tasks().lock(id)?;
    condition.check(before.version)?;
    if before.is_open() {
        return Err(Error::Conflict("the task is open".into()));
    }
    let task = Task {
        status: Code(Status::Open),
        result: None,
        outcome: None,
        done_at: None,
        done_by: None,
        cancelled_because: None,
        interaction_id: None,
        ..due::postponed(&before, due_at.unwrap_or(before.due_at))
    };
    write(tx, "task.reopened", before, task)
}

/// Removes a task, finished or not.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    let task = tx.tasks().lock(id)?;
    condition.check(task.version)?;
    tx.tasks().delete(id)?;
    events::emit(tx, "task.deleted", task.subject(), &json!({"id": id}))
}

/// The task, which is to be open and no other transaction changes until this one ends.
fn open(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Task> {
    let task = tx.tasks().lock(id)?;
    condition.check(task.version)?;
    match task.status.0 {
        Status::Open => Ok(task),
        Status::Done => Err(Error::Conflict("the task is done; reopen it first".into())),
        Status::Cancelled => Err(Error::Conflict("the task was cancelled; reopen it first".into())),
    }
}

fn finished(tx: &Tx<'_>, task: &Task, status: Status) -> Task {
    Task { status: Code(status), done_at: Some(tx.at()), done_by: tx.scope.actor, ..task.clone() }
}

fn call_off(tx: &mut Tx<'_>, before: Task, why: CancelReason, result: Option<String>) -> Result<Task> {
    let called_off = finished(tx, &before, Status::Cancelled);
    let done_by = called_off.done_by.filter(|_| why == CancelReason::ByHand);
    let task = Task { cancelled_because: Some(Code(why)), result, done_by, ..called_off };
    write(tx, "task.cancelled", before, task)
}

fn add(tx: &mut Tx<'_>, task: Task) -> Result<Task> {
    let task = Task { warn_at: due::warn_at(&task), ..task };
    tx.tasks().insert(&task)?;
    let at = tx.at();
    events::emit(tx, "task.created", task.subject(), &json!({"task": task.clone().shown(at)}))?;
    Ok(task)
}

/// Writes what became of a task and tells of it, unless it is as it was.
fn write(tx: &mut Tx<'_>, event: &str, before: Task, task: Task) -> Result<Task> {
    if task == before {
        return Ok(before);
    }
    let (at, warn_at) = (tx.at(), due::warn_at(&task));
    let task = Task { warn_at, version: before.version + 1, updated_at: at, ..task };
    tx.tasks().update(&task)?;
    let data = json!({"before": before.shown(at), "task": task.clone().shown(at)});
    events::emit(tx, event, task.subject(), &data)?;
    Ok(task)
}

//! What the life of a lead does to its tasks (WRK-1).
//!
//! Entering a stage creates the stage's tasks. Leaving one cancels those of its tasks that are still open, with the reason
//! `stage_left`: the next stage has others to do. Tasks created by hand stay. Closing a lead cancels all that are open.
//! When a lead changes hands, open tasks go with it. To be called with the lead locked.

use super::assign::{self, Worker};
use super::{CancelReason, Cause, Status, Task, add, call_off, write};
use crate::db::Tx;
use crate::db::types::Code;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::process::stage::{Stage, StageTask};

/// A lead that tasks are for.
#[derive(Clone, Copy, Debug)]
pub struct LeadOf {
    pub id: Id,
    pub contact_id: Option<Id>,
    pub owner_id: Option<Id>,
    pub merged_into_id: Option<Id>,
}

/// Cancels what the stages that a lead left asked for, and creates what the one it entered asks for.
pub fn enter_stage(tx: &mut Tx<'_>, lead: Id, stage: &Stage) -> Result<()> {
    let left = tx.tasks().lock_open_of(lead)?.into_iter().filter(|task| task.cause.0 == Cause::StageEntry);
    for task in left {
        call_off(tx, task, CancelReason::StageLeft, None)?;
    }
    if stage.tasks.is_empty() {
        return Ok(());
    }
    let lead = tx.tasks().lead(lead)?.ok_or(Error::NotFound)?;
    let owner = worker(tx, lead.owner_id)?;
    for asked in &stage.tasks {
        let task = of_stage(tx, lead, owner, (stage, asked));
        add(tx, task)?;
    }
    Ok(())
}

/// Cancels the open tasks of a lead that was closed.
pub fn lead_closed(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    for task in tx.tasks().lock_open_of(lead)? {
        call_off(tx, task, CancelReason::LeadClosed, None)?;
    }
    Ok(())
}

/// Hands the open tasks of a lead over with it.
pub fn owner_changed(tx: &mut Tx<'_>, lead: Id, from: Option<Id>, to: Option<Id>) -> Result<()> {
    let to = worker(tx, to)?;
    for task in tx.tasks().lock_open_of(lead)? {
        if let Some(assignee_id) = assign::after_handover(&task, from, to) {
            let next = Task { assignee_id, ..task.clone() };
            write(tx, "task.changed", task, next)?;
        }
    }
    Ok(())
}

/// Lets the tasks of a lead be about the contact that it is linked with.
pub fn lead_linked(tx: &mut Tx<'_>, lead: Id, contact: Option<Id>) -> Result<()> {
    tx.tasks().relink(lead, contact)
}

/// Removes the tasks for a contact that goes, those for its leads included.
pub fn forget_contact(tx: &mut Tx<'_>, contact: Id) -> Result<()> {
    tx.tasks().delete_of_contact(contact)
}

fn worker(tx: &mut Tx<'_>, user: Option<Id>) -> Result<Option<Worker>> {
    let Some(user) = user else { return Ok(None) };
    Ok(tx.users().find(user)?.map(|user| Worker { user_id: user.id, role: user.role.0 }))
}

fn of_stage(tx: &Tx<'_>, lead: LeadOf, owner: Option<Worker>, (stage, asked): (&Stage, &StageTask)) -> Task {
    let at = tx.at();
    Task {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        kind: Code(asked.kind),
        title: asked.title.clone(),
        note: None,
        lead_id: Some(lead.id),
        contact_id: lead.contact_id,
        assignee_id: assign::of_stage(owner, stage.role),
        role: stage.role.map(Code),
        due_at: at.plus_seconds(asked.due_in_minutes.saturating_mul(60)),
        status: Code(Status::Open),
        result: None,
        outcome: None,
        done_at: None,
        done_by: None,
        cancelled_because: None,
        interaction_id: None,
        cause: Code(Cause::StageEntry),
        stage: Some(stage.key.clone()),
        overdue_told_at: None,
        warn_at: None,
        created_by: None,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

//! What callers say of a task, checked.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Cause, Status, Task, due};
use crate::auth::scope::Role;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::Code;
use crate::error::{Result, Violation, all_hold};
use crate::http::patch;
use crate::id::Id;
use crate::process::stage::TaskKind;
use crate::workspaces;

/// A new task, for a lead or a contact.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "call", "title": "First call", "contact_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10",
    "due_at": "2026-03-03T09:00:00Z", "role": "teleprospector"
}))]
pub struct NewTask {
    /// What is to be done.
    pub kind: TaskKind,
    /// The same in words.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub title: String,
    /// More about it.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
    /// The lead it is for; its contact is then the lead's.
    pub lead_id: Option<Id>,
    /// The contact it is for; may be left out with a lead.
    pub contact_id: Option<Id>,
    /// The user who is to do it. The calling user when neither this nor a role is given; a client must give one.
    pub assignee_id: Option<Id>,
    /// Who may take it; without an assignee it waits in the queue of this role.
    pub role: Option<Role>,
    /// When it is due; may be in the past.
    pub due_at: Timestamp,
}

/// Changes to a task: absent fields stay, null clears.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"due_at": "2026-03-05T09:00:00Z", "note": null}))]
pub struct TaskPatch {
    /// What is to be done.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = TaskKind)]
    pub kind: Option<TaskKind>,
    /// The same in words.
    #[serde(deserialize_with = "patch::present")]
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub title: Option<String>,
    /// More about it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 2_000)]
    pub note: Option<Option<String>>,
    /// The user who is to do it; null gives it back to the queue of its role.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub assignee_id: Option<Option<Id>>,
    /// Who may take it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Role>)]
    pub role: Option<Option<Role>>,
    /// When it is due. A later date than before can pass, and be told of, again.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Timestamp)]
    pub due_at: Option<Timestamp>,
}

impl NewTask {
    /// The task this describes; all broken rules are reported.
    pub(super) fn task(&self, tx: &mut Tx<'_>) -> Result<Task> {
        let mut broken = Vec::from_iter(Violation::blank("/title", &self.title));
        let contact_id = self.check_subject(tx, &mut broken)?;
        broken.extend(unfit_assignee(tx, self.assignee_id)?);
        let assignee_id = match (self.assignee_id, self.role) {
            (None, None) => workspaces::calling_user(tx)?.map(|user| user.id),
            (assignee, _) => assignee,
        };
        if assignee_id.is_none() && self.role.is_none() {
            broken.push(nobody());
        }
        all_hold(broken)?;
        let at = tx.at();
        Ok(Task {
            workspace_id: tx.scope.workspace,
            id: Id::new(at),
            kind: Code(self.kind),
            title: self.title.clone(),
            note: self.note.clone(),
            lead_id: self.lead_id,
            contact_id,
            assignee_id,
            role: self.role.map(Code),
            due_at: self.due_at,
            status: Code(Status::Open),
            result: None,
            outcome: None,
            done_at: None,
            done_by: None,
            cancelled_because: None,
            interaction_id: None,
            cause: Code(Cause::ByHand),
            stage: None,
            overdue_told_at: None,
            warn_at: None,
            created_by: tx.scope.actor,
            version: 1,
            created_at: at,
            updated_at: at,
        })
    }

    /// The contact it is for, after lead and contact were checked.
    fn check_subject(&self, tx: &mut Tx<'_>, broken: &mut Vec<Violation>) -> Result<Option<Id>> {
        if self.lead_id.is_none() && self.contact_id.is_none() {
            broken.push(Violation::new("/lead_id", "required", "a task is for a lead or a contact"));
        }
        let Some(id) = self.lead_id else {
            let Some(id) = self.contact_id else { return Ok(None) };
            broken.extend(Violation::of_reference("/contact_id", "contact", id, tx.tasks().hold_contact(id)?));
            return Ok(self.contact_id);
        };
        let lead = tx.tasks().lead(id)?;
        let present = lead.map(|lead| lead.merged_into_id.unwrap_or(id));
        broken.extend(Violation::of_reference("/lead_id", "lead", id, present));
        if let Some(id) = self.contact_id {
            broken.extend(Violation::of_reference("/contact_id", "contact", id, tx.tasks().contact(id)?));
        }
        let contact = lead.and_then(|lead| lead.contact_id);
        if lead.is_some() && broken.is_empty() && self.contact_id.is_some() && self.contact_id != contact {
            broken.push(Violation::new("/contact_id", "not_allowed", "a task of a lead is for the lead's contact"));
        }
        Ok(contact)
    }
}

impl TaskPatch {
    /// The task after the change; all broken rules are reported.
    pub(super) fn applied(&self, tx: &mut Tx<'_>, before: &Task) -> Result<Task> {
        let mut broken = Vec::from_iter(self.title.as_deref().and_then(|title| Violation::blank("/title", title)));
        broken.extend(unfit_assignee(tx, self.assignee_id.flatten())?);
        let mut task = due::postponed(before, self.due_at.unwrap_or(before.due_at));
        task.kind = self.kind.map_or(before.kind, Code);
        task.title = self.title.clone().unwrap_or(task.title);
        task.note = self.note.clone().unwrap_or(task.note);
        task.assignee_id = self.assignee_id.unwrap_or(before.assignee_id);
        task.role = self.role.map_or(before.role, |role| role.map(Code));
        let is_moved = self.assignee_id.is_some() || self.role.is_some();
        if is_moved && task.assignee_id.is_none() && task.role.is_none() {
            broken.push(nobody());
        }
        all_hold(broken)?;
        Ok(task)
    }
}

fn nobody() -> Violation {
    Violation::new("/assignee_id", "required", "name the user who is to do it, or the role that may take it")
}

fn unfit_assignee(tx: &mut Tx<'_>, id: Option<Id>) -> Result<Option<Violation>> {
    let Some(id) = id else { return Ok(None) };
    Ok(match tx.users().find(id)? {
        None => Some(Violation::unknown("/assignee_id", "user")),
        Some(user) if user.disabled => Some(Violation::new("/assignee_id", "not_allowed", "the user is disabled")),
        Some(_) => None,
    })
}

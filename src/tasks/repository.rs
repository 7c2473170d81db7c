//! Tasks in the database.

use diesel::prelude::*;

use super::follow::LeadOf;
use super::{Status, Task};
use crate::auth::scope::Role;
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::process::stage::TaskKind;
use crate::schema::tasks::{self, BoxedQuery, table};
use crate::schema::{contacts, leads};

/// Which tasks.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    pub assignee_id: Option<Id>,
    pub role: Option<Role>,
    /// Only those that somebody has, or only the others.
    pub assigned: Option<bool>,
    pub status: Option<Status>,
    /// Only those that are open and whose due date has passed, or only the others.
    pub overdue: Option<bool>,
    pub lead_id: Option<Id>,
    pub contact_id: Option<Id>,
    pub kind: Option<TaskKind>,
    pub due_from: Option<Timestamp>,
    /// An instant after the last.
    pub due_until: Option<Timestamp>,
}

/// The tasks of the workspace.
pub struct Tasks<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The tasks of the workspace.
    pub fn tasks<'t>(&'t mut self) -> Tasks<'c, 't> {
        Tasks(self)
    }
}

impl Tasks<'_, '_> {
    pub(super) fn insert(&mut self, task: &Task) -> Result<()> {
        diesel::insert_into(table).values(task).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Task> {
        Ok(table.find((self.0.scope.workspace, id)).select(Task::as_select()).first(self.0.conn)?)
    }

    /// The task, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Task> {
        let found = table.find((self.0.scope.workspace, id));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Task::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(Task::as_select()).first(conn)?,
        })
    }

    /// The open tasks of a lead in the order of their ids, which no other transaction changes until this one ends.
    pub(super) fn lock_open_of(&mut self, lead: Id) -> Result<Vec<Task>> {
        let found = table
            .filter(tasks::workspace_id.eq(self.0.scope.workspace))
            .filter(tasks::lead_id.eq(lead))
            .filter(tasks::status.eq(Code(Status::Open)));
        let mut open: Vec<Task> = match &mut *self.0.conn {
            Conn::Postgres(conn) => found.order(tasks::id).select(Task::as_select()).for_no_key_update().load(conn)?,
            // Asked for in this order, SQLite would walk through all tasks of the workspace.
            Conn::Sqlite(conn) => found.select(Task::as_select()).load(conn)?,
        };
        open.sort_unstable_by_key(|task| task.id);
        Ok(open)
    }

    /// Those of the tasks that there are, in the order of their ids; no other transaction changes them until this one
    /// ends.
    pub(super) fn lock_these(&mut self, ids: &[Id]) -> Result<Vec<Task>> {
        let found = table
            .filter(tasks::workspace_id.eq(self.0.scope.workspace))
            .filter(tasks::id.eq_any(ids.to_vec()))
            .order(tasks::id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Task::as_select()).for_no_key_update().load(conn)?,
            Conn::Sqlite(conn) => found.select(Task::as_select()).load(conn)?,
        })
    }

    /// Some of the tasks of all workspaces that are to be told of as overdue, with their workspaces.
    pub(super) fn next_to_warn_of(&mut self, limit: i64) -> Result<Vec<(Id, Id)>> {
        let found = table.filter(tasks::warn_at.lt(self.0.at())).order(tasks::warn_at).limit(limit);
        Ok(found.select((tasks::workspace_id, tasks::id)).load(self.0.conn)?)
    }

    /// Writes when a task was told to be overdue, and when it next will be. Nobody sees that, so there is no version.
    pub(super) fn set_warning(&mut self, id: Id, told: Option<Timestamp>, next: Option<Timestamp>) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set((tasks::overdue_told_at.eq(told), tasks::warn_at.eq(next)))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn set_interaction(&mut self, id: Id, interaction: Id) -> Result<Task> {
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set(tasks::interaction_id.eq(interaction))
            .execute(self.0.conn)?;
        self.get(id)
    }

    pub fn list(&mut self, filter: &TaskFilter, paging: &Paging) -> Result<Vec<Task>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("tasks") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("tasks")).limit(paging.fetch()).select(Task::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &TaskFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// Writes all of a task that can change.
    pub(super) fn update(&mut self, task: &Task) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, task.id)))
            .set((
                (tasks::kind.eq(task.kind), tasks::title.eq(&task.title), tasks::note.eq(&task.note)),
                (tasks::assignee_id.eq(task.assignee_id), tasks::role.eq(task.role), tasks::due_at.eq(task.due_at)),
                (tasks::status.eq(task.status), tasks::result.eq(&task.result), tasks::outcome.eq(task.outcome)),
                (tasks::done_at.eq(task.done_at), tasks::done_by.eq(task.done_by)),
                (
                    tasks::cancelled_because.eq(task.cancelled_because),
                    tasks::interaction_id.eq(task.interaction_id),
                    tasks::overdue_told_at.eq(task.overdue_told_at),
                    tasks::warn_at.eq(task.warn_at),
                ),
                (tasks::version.eq(task.version), tasks::updated_at.eq(task.updated_at)),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn delete(&mut self, id: Id) -> Result<()> {
        diesel::delete(table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }

    /// Makes the tasks of a lead tasks for a contact, too.
    pub(super) fn relink(&mut self, lead: Id, contact: Option<Id>) -> Result<()> {
        let own = table.filter(tasks::workspace_id.eq(self.0.scope.workspace)).filter(tasks::lead_id.eq(lead));
        diesel::update(own)
            .set((
                tasks::contact_id.eq(contact),
                tasks::version.eq(tasks::version + 1),
                tasks::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Whose a lead is, be it merged or not; it stays so until this transaction ends.
    pub(super) fn lead(&mut self, id: Id) -> Result<Option<LeadOf>> {
        let columns = (leads::contact_id, leads::owner_id, leads::merged_into_id);
        let found = leads::table.find((self.0.scope.workspace, id)).select(columns);
        let row: Option<(Option<Id>, Option<Id>, Option<Id>)> = match &mut *self.0.conn {
            Conn::Postgres(conn) => found.for_share().first(conn).optional()?,
            Conn::Sqlite(conn) => found.first(conn).optional()?,
        };
        Ok(row.map(|(contact_id, owner_id, merged_into_id)| LeadOf { id, contact_id, owner_id, merged_into_id }))
    }

    /// The contact, or the one that it was merged into.
    pub(super) fn contact(&mut self, id: Id) -> Result<Option<Id>> {
        let found = contacts::table.find((self.0.scope.workspace, id)).select(contacts::merged_into_id);
        let merged_into: Option<Option<Id>> = found.first(self.0.conn).optional()?;
        Ok(merged_into.map(|merged_into| merged_into.unwrap_or(id)))
    }

    /// The same; until this transaction ends nobody merges or deletes it.
    pub(super) fn hold_contact(&mut self, id: Id) -> Result<Option<Id>> {
        let found = contacts::table.find((self.0.scope.workspace, id)).select(contacts::merged_into_id);
        let merged_into: Option<Option<Id>> = match &mut *self.0.conn {
            Conn::Postgres(conn) => found.for_key_share().first(conn).optional()?,
            Conn::Sqlite(conn) => found.first(conn).optional()?,
        };
        Ok(merged_into.map(|merged_into| merged_into.unwrap_or(id)))
    }

    /// Removes the tasks for a contact.
    pub(super) fn delete_of_contact(&mut self, contact: Id) -> Result<()> {
        let own = table.filter(tasks::workspace_id.eq(self.0.scope.workspace)).filter(tasks::contact_id.eq(contact));
        diesel::delete(own).execute(self.0.conn)?;
        Ok(())
    }

    fn filtered(&self, filter: &TaskFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query = table.filter(tasks::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(assignee) = filter.assignee_id {
            query = query.filter(tasks::assignee_id.eq(assignee));
        }
        if let Some(role) = filter.role {
            query = query.filter(tasks::role.eq(Code(role)));
        }
        match filter.assigned {
            Some(true) => query = query.filter(tasks::assignee_id.is_not_null()),
            Some(false) => query = query.filter(tasks::assignee_id.is_null()),
            None => {}
        }
        if let Some(status) = filter.status {
            query = query.filter(tasks::status.eq(Code(status)));
        }
        let now = self.0.at();
        match filter.overdue {
            Some(true) => query = query.filter(tasks::status.eq(Code(Status::Open)).and(tasks::due_at.lt(now))),
            Some(false) => query = query.filter(tasks::status.ne(Code(Status::Open)).or(tasks::due_at.ge(now))),
            None => {}
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(tasks::lead_id.eq(lead));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(tasks::contact_id.eq(contact));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(tasks::kind.eq(Code(kind)));
        }
        if let Some(from) = filter.due_from {
            query = query.filter(tasks::due_at.ge(from));
        }
        if let Some(until) = filter.due_until {
            query = query.filter(tasks::due_at.lt(until));
        }
        query
    }
}

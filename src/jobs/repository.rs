//! Jobs in the database.

use diesel::prelude::*;

use super::{Job, Kind, State};
use crate::clock::Timestamp;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::jobs::{self, table};

/// Which jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobFilter {
    pub kind: Option<Kind>,
    pub state: Option<State>,
}

/// The jobs of the workspace; [`Jobs::is_any_due`] and [`Jobs::claim`] look at those of all.
pub struct Jobs<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The jobs of the workspace.
    pub fn jobs<'t>(&'t mut self) -> Jobs<'c, 't> {
        Jobs(self)
    }
}

impl Jobs<'_, '_> {
    pub fn insert(&mut self, job: &Job) -> Result<()> {
        diesel::insert_into(table).values(job).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Job> {
        Ok(table.find((self.0.scope.workspace, id)).select(Job::as_select()).first(self.0.conn)?)
    }

    /// The job, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Job> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => table.find(key).select(Job::as_select()).for_update().first(conn)?,
            Conn::Sqlite(conn) => table.find(key).select(Job::as_select()).first(conn)?,
        })
    }

    /// The job, if `lease` still holds. `Err(Conflict)` when somebody else has it by now.
    pub fn hold(&mut self, id: Id, lease: Id) -> Result<Job> {
        let job = self.lock(id)?;
        let lost = || Error::Conflict("the lease has run out, and another worker has the job".into());
        if job.lease == Some(lease) { Ok(job) } else { Err(lost()) }
    }

    pub fn list(&mut self, filter: JobFilter, paging: &Paging) -> Result<Vec<Job>> {
        let mut query = table.filter(jobs::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(kind) = filter.kind {
            query = query.filter(jobs::kind.eq(Code(kind)));
        }
        if let Some(state) = filter.state {
            query = query.filter(jobs::state.eq(Code(state)));
        }
        if let Some(after) = paging.after("jobs") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("jobs")).limit(paging.fetch()).select(Job::as_select()).load(self.0.conn)?)
    }

    /// Whether a job of any workspace waits for a worker.
    pub fn is_any_due(&mut self) -> Result<bool> {
        let due = table.filter(jobs::due_at.le(self.0.at())).select(jobs::id);
        Ok(due.first::<Id>(self.0.conn).optional()?.is_some())
    }

    /// Whether a job of this kind has not ended.
    pub fn is_any_unfinished(&mut self, kind: Kind) -> Result<bool> {
        let unfinished = table
            .filter(jobs::workspace_id.eq(self.0.scope.workspace))
            .filter(jobs::due_at.is_not_null())
            .filter(jobs::kind.eq(Code(kind)))
            .select(jobs::id);
        Ok(unfinished.first::<Id>(self.0.conn).optional()?.is_some())
    }

    /// Takes the job, of any workspace, that has waited longest, until `until` under `lease`. None when nothing is due.
    pub fn claim(&mut self, lease: Id, until: Timestamp) -> Result<Option<Job>> {
        let due = || table.filter(jobs::due_at.le(self.0.scope.at)).order((jobs::due_at, jobs::id));
        let found: Option<(Id, Id)> = match &mut *self.0.conn {
            Conn::Postgres(conn) => {
                due().select((jobs::workspace_id, jobs::id)).for_update().skip_locked().first(conn).optional()?
            }
            Conn::Sqlite(conn) => due().select((jobs::workspace_id, jobs::id)).first(conn).optional()?,
        };
        let Some(key) = found else { return Ok(None) };
        diesel::update(table.find(key))
            .set((jobs::state.eq(Code(State::Running)), jobs::lease.eq(lease), jobs::due_at.eq(until)))
            .execute(self.0.conn)?;
        Ok(Some(table.find(key).select(Job::as_select()).first(self.0.conn)?))
    }

    /// Writes down how far a job is.
    pub fn save(&mut self, job: &Job) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, job.id)))
            .set((
                jobs::state.eq(job.state),
                jobs::position.eq(&job.position),
                jobs::items_done.eq(job.items_done),
                jobs::items_total.eq(job.items_total),
                jobs::result.eq(&job.result),
                jobs::error.eq(&job.error),
                jobs::attempts.eq(job.attempts),
                jobs::lease.eq(job.lease),
                jobs::due_at.eq(job.due_at),
                jobs::updated_at.eq(job.updated_at),
                jobs::finished_at.eq(job.finished_at),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

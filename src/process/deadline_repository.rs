//! The clocks of leads' stages, and the times they ran out, in the database.

use diesel::prelude::*;

use super::deadlines::{Breach, BreachFilter, StageClock};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::error::Result;
use crate::id::Id;
use crate::schema::service_level_breaches::{self as breaches, BoxedQuery};
use crate::schema::{leads, stage_deadlines};

/// The clocks of the stages of the workspace's leads.
pub struct Deadlines<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The clocks of the stages of the workspace's leads.
    pub fn deadlines<'t>(&'t mut self) -> Deadlines<'c, 't> {
        Deadlines(self)
    }
}

impl Deadlines<'_, '_> {
    /// The clock of a lead; none before it entered its process.
    pub fn find(&mut self, lead: Id) -> Result<Option<StageClock>> {
        let found = stage_deadlines::table.find((self.0.scope.workspace, lead));
        Ok(found.select(StageClock::as_select()).first(self.0.conn).optional()?)
    }

    /// Writes the clock of a lead over the one it has, if it has one.
    pub(super) fn put(&mut self, clock: &StageClock) -> Result<()> {
        let target = stage_deadlines::table.find((self.0.scope.workspace, clock.lead_id));
        let changed = diesel::update(target)
            .set((
                stage_deadlines::since.eq(clock.since),
                stage_deadlines::due_at.eq(clock.due_at),
                stage_deadlines::check_at.eq(clock.check_at),
                stage_deadlines::breached_at.eq(clock.breached_at),
            ))
            .execute(self.0.conn)?;
        if changed == 0 {
            diesel::insert_into(stage_deadlines::table).values(clock).execute(self.0.conn)?;
        }
        Ok(())
    }

    /// Has the sweeper look at the clocks of the open leads of a process as soon as it can; but for those that ran out
    /// already.
    pub(super) fn recheck(&mut self, process: &str) -> Result<()> {
        let workspace = self.0.scope.workspace;
        let open = leads::table
            .filter(leads::workspace_id.eq(workspace))
            .filter(leads::process.eq(process))
            .filter(leads::status.eq("open"))
            .select(leads::id);
        let running = stage_deadlines::table
            .filter(stage_deadlines::workspace_id.eq(workspace))
            .filter(stage_deadlines::breached_at.is_null())
            .filter(stage_deadlines::lead_id.eq_any(open));
        diesel::update(running).set(stage_deadlines::check_at.eq(Some(self.0.at()))).execute(self.0.conn)?;
        Ok(())
    }

    /// The same for all leads with a deadline that has not passed.
    pub(super) fn recheck_all(&mut self) -> Result<()> {
        let running = stage_deadlines::table
            .filter(stage_deadlines::workspace_id.eq(self.0.scope.workspace))
            .filter(stage_deadlines::breached_at.is_null())
            .filter(stage_deadlines::due_at.is_not_null());
        diesel::update(running).set(stage_deadlines::check_at.eq(Some(self.0.at()))).execute(self.0.conn)?;
        Ok(())
    }

    /// Leads of all workspaces whose clocks are to be looked at, those first that have waited longest.
    pub(super) fn due(&mut self, limit: i64) -> Result<Vec<(Id, Id)>> {
        let found = stage_deadlines::table
            .filter(stage_deadlines::check_at.le(self.0.at()))
            .order(stage_deadlines::check_at)
            .limit(limit)
            .select((stage_deadlines::workspace_id, stage_deadlines::lead_id));
        Ok(found.load(self.0.conn)?)
    }

    /// When the sweeper is to look at the clock of a lead.
    pub(super) fn check_at(&mut self, lead: Id, at: Option<Timestamp>) -> Result<()> {
        let target = stage_deadlines::table.find((self.0.scope.workspace, lead));
        diesel::update(target).set(stage_deadlines::check_at.eq(at)).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn insert_breach(&mut self, breach: &Breach) -> Result<()> {
        diesel::insert_into(breaches::table).values(breach).execute(self.0.conn)?;
        Ok(())
    }

    /// A page of the times that leads stayed too long.
    pub fn breaches(&mut self, filter: &BreachFilter, paging: &Paging) -> Result<Vec<Breach>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("service_level_breaches") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("service_level_breaches")).limit(paging.fetch());
        Ok(page.select(Breach::as_select()).load(self.0.conn)?)
    }

    /// How many times leads stayed too long.
    pub fn count_breaches(&mut self, filter: &BreachFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, filter: &BreachFilter) -> BoxedQuery<'static, MultiBackend> {
        let filter = filter.clone();
        let mut query = breaches::table.filter(breaches::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(owner) = filter.owner_id {
            query = query.filter(breaches::owner_id.eq(owner));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(breaches::lead_id.eq(lead));
        }
        if let Some(process) = filter.process {
            query = query.filter(breaches::process.eq(process));
        }
        if let Some(stage) = filter.stage {
            query = query.filter(breaches::stage.eq(stage));
        }
        if let Some(from) = filter.from {
            query = query.filter(breaches::due_at.ge(from));
        }
        if let Some(until) = filter.until {
            query = query.filter(breaches::due_at.lt(until));
        }
        query
    }
}

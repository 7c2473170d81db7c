//! Leads that wait for somebody, in the database. What waits no longer because it was closed or merged stays until the
//! sweeper comes to it, and is not shown.

use diesel::dsl::{IntoBoxed, auto_type};
use diesel::prelude::*;

use super::queue::{QueueFilter, UnassignedLead};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Status;
use crate::schema::{leads, unassigned_leads};

/// The leads of the workspace that wait for somebody.
pub struct Unassigned<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The leads of the workspace that wait for somebody.
    pub fn unassigned<'t>(&'t mut self) -> Unassigned<'c, 't> {
        Unassigned(self)
    }
}

impl Unassigned<'_, '_> {
    pub fn list(&mut self, filter: &QueueFilter, paging: &Paging) -> Result<Vec<UnassignedLead>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("unassigned_leads") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("unassigned_leads")).limit(paging.fetch());
        Ok(page.select(UnassignedLead::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &QueueFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    pub(super) fn of_lead(&mut self, lead: Id) -> Result<Option<UnassignedLead>> {
        let found = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::lead_id.eq(lead));
        Ok(found.select(UnassignedLead::as_select()).first(self.0.conn).optional()?)
    }

    pub(super) fn insert(&mut self, row: &UnassignedLead) -> Result<()> {
        diesel::insert_into(unassigned_leads::table).values(row).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn update(&mut self, row: &UnassignedLead) -> Result<()> {
        diesel::update(unassigned_leads::table.find((self.0.scope.workspace, row.id)))
            .set((
                unassigned_leads::moment.eq(row.moment),
                unassigned_leads::reason.eq(row.reason),
                unassigned_leads::rule_id.eq(row.rule_id),
                unassigned_leads::tried_at.eq(row.tried_at),
                unassigned_leads::try_at.eq(row.try_at),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Leaves a lead alone until `until`.
    pub(super) fn put_off(&mut self, lead: Id, until: Timestamp) -> Result<()> {
        let target = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::lead_id.eq(lead));
        diesel::update(target).set(unassigned_leads::try_at.eq(until)).execute(self.0.conn)?;
        Ok(())
    }

    /// Makes due what waits for room.
    pub(super) fn wake(&mut self) -> Result<()> {
        let at = self.0.at();
        let target = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::try_at.gt(at));
        diesel::update(target).set(unassigned_leads::try_at.eq(at)).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, lead: Id) -> Result<()> {
        let target = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::lead_id.eq(lead));
        diesel::delete(target).execute(self.0.conn)?;
        Ok(())
    }

    /// Of all workspaces, some of the leads that the rules are to be asked about again, those first that have waited
    /// longest.
    pub(super) fn due(&mut self, some: i64) -> Result<Vec<(Id, Id)>> {
        let found = unassigned_leads::table
            .filter(unassigned_leads::try_at.le(self.0.at()))
            .order((unassigned_leads::since, unassigned_leads::id))
            .limit(some)
            .select((unassigned_leads::workspace_id, unassigned_leads::lead_id));
        Ok(found.load(self.0.conn)?)
    }

    /// Those of the leads that wait, those first that have waited longest.
    pub(super) fn of_leads(&mut self, ids: &[Id]) -> Result<Vec<UnassignedLead>> {
        let found = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::lead_id.eq_any(ids.to_vec()));
        let found = found.order((unassigned_leads::since, unassigned_leads::id));
        Ok(found.select(UnassignedLead::as_select()).load(self.0.conn)?)
    }

    fn filtered(&self, filter: &QueueFilter) -> IntoBoxed<'static, with_leads, MultiBackend> {
        let query = with_leads().filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace));
        let query = query.filter(leads::status.eq(Code(Status::Open))).filter(leads::owner_id.is_null());
        let mut query = query.into_boxed();
        if let Some(reason) = filter.reason {
            query = query.filter(unassigned_leads::reason.eq(Code(reason)));
        }
        if let Some(rule) = filter.rule_id {
            query = query.filter(unassigned_leads::rule_id.eq(rule));
        }
        query
    }
}

#[auto_type]
fn with_leads() -> _ {
    let own = leads::workspace_id.eq(unassigned_leads::workspace_id).and(leads::id.eq(unassigned_leads::lead_id));
    unassigned_leads::table.inner_join(leads::table.on(own))
}

//! Who had a lead when, in the database. No other code but that of merges writes a lead's owner once it is open.

use diesel::prelude::*;

use super::Handover;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::Result;
use crate::id::Id;
use crate::schema::{lead_assignments, leads, unassigned_leads};

/// The histories of owners of the workspace's leads.
pub struct Handovers<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The histories of owners of the workspace's leads.
    pub fn handovers<'t>(&'t mut self) -> Handovers<'c, 't> {
        Handovers(self)
    }
}

impl Handovers<'_, '_> {
    pub(super) fn insert(&mut self, handover: &Handover) -> Result<()> {
        diesel::insert_into(lead_assignments::table).values(handover).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn set_owner(&mut self, lead: Id, owner: Option<Id>) -> Result<()> {
        let at = self.0.at();
        diesel::update(leads::table.find((self.0.scope.workspace, lead)))
            .set((leads::owner_id.eq(owner), leads::version.eq(leads::version + 1), leads::updated_at.eq(at)))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// A lead that somebody works waits for nobody.
    pub(super) fn leave_queue(&mut self, lead: Id) -> Result<()> {
        let waiting = unassigned_leads::table
            .filter(unassigned_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(unassigned_leads::lead_id.eq(lead));
        diesel::delete(waiting).execute(self.0.conn)?;
        Ok(())
    }

    /// A page of a lead's history.
    pub fn of_lead(&mut self, lead: Id, paging: &Paging) -> Result<Vec<Handover>> {
        let mut query = lead_assignments::table
            .filter(lead_assignments::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_assignments::lead_id.eq(lead))
            .into_boxed();
        if let Some(after) = paging.after("lead_assignments") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("lead_assignments")).limit(paging.fetch());
        Ok(page.select(Handover::as_select()).load(self.0.conn)?)
    }

    /// How long a lead's history is.
    pub fn count_of_lead(&mut self, lead: Id) -> Result<i64> {
        let found = lead_assignments::table
            .filter(lead_assignments::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_assignments::lead_id.eq(lead));
        Ok(found.count().get_result(self.0.conn)?)
    }
}

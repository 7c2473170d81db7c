//! What became of the opportunities of leads, in the database.

use diesel::prelude::*;

use super::{Opportunities, Status};
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::schema::{lead_closings, opportunities};

impl Opportunities<'_, '_> {
    /// The status of every opportunity that these leads led to, with the lead, in whatever order.
    pub fn of_leads(&mut self, leads: &[Id]) -> Result<Vec<(Id, Status)>> {
        let led_to = opportunities::table
            .filter(opportunities::workspace_id.eq(self.0.scope.workspace))
            .filter(opportunities::lead_id.eq_any(leads.to_vec()))
            .select((opportunities::lead_id.assume_not_null(), opportunities::status));
        let found: Vec<(Id, Code<Status>)> = led_to.load(self.0.conn)?;
        Ok(found.into_iter().map(|(lead, status)| (lead, status.0)).collect())
    }

    /// The status of every opportunity that these leads, qualified, were linked to, with the lead, in whatever order.
    pub fn linked_to_leads(&mut self, leads: &[Id]) -> Result<Vec<(Id, Status)>> {
        let linked = lead_closings::table
            .inner_join(
                opportunities::table.on(opportunities::workspace_id
                    .eq(lead_closings::workspace_id)
                    .and(opportunities::id.nullable().eq(lead_closings::opportunity_id))),
            )
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq_any(leads.to_vec()))
            .select((lead_closings::lead_id, opportunities::status));
        let found: Vec<(Id, Code<Status>)> = linked.load(self.0.conn)?;
        Ok(found.into_iter().map(|(lead, status)| (lead, status.0)).collect())
    }
}

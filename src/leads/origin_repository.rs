//! What leads come from, in the database.

use diesel::prelude::*;

use super::Origin;
use super::origin::Inherited;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::schema::{lead_origins, opportunities};

/// What the leads of the workspace come from.
pub struct LeadOrigins<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// What the leads of the workspace come from.
    pub fn lead_origins<'t>(&'t mut self) -> LeadOrigins<'c, 't> {
        LeadOrigins(self)
    }
}

impl LeadOrigins<'_, '_> {
    pub fn insert(&mut self, origin: &Origin) -> Result<()> {
        diesel::insert_into(lead_origins::table).values(origin).execute(self.0.conn)?;
        Ok(())
    }

    /// What these leads come from, the older of a lead's origins first.
    pub fn of(&mut self, leads: &[Id]) -> Result<Vec<Origin>> {
        let found = lead_origins::table
            .filter(lead_origins::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_origins::lead_id.eq_any(leads.to_vec()));
        Ok(found.order(lead_origins::id).select(Origin::as_select()).load(self.0.conn)?)
    }

    /// What a lead takes over from an opportunity; none when there is no such opportunity.
    pub(super) fn opportunity(&mut self, id: Id) -> Result<Option<Inherited>> {
        let found = opportunities::table.find((self.0.scope.workspace, id)).select((
            opportunities::contact_id,
            opportunities::account_id,
            opportunities::owner_id,
            opportunities::lead_id,
        ));
        Ok(found.first(self.0.conn).optional()?)
    }
}

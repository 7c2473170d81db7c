//! What reports read of leads in the database.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Lead;
use crate::schema::leads::{self, table};

/// Whether sales took a lead or it qualified. Both databases read JSON this way.
const WON: &str = "(leads.status = 'qualified' OR leads.flags -> 'sales_accepted' IS NOT NULL)";

/// The leads of the workspace that sales took or that qualified.
pub struct WonLeads<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The leads of the workspace that sales took or that qualified.
    pub(super) fn won_leads<'t>(&'t mut self) -> WonLeads<'c, 't> {
        WonLeads(self)
    }
}

impl WonLeads<'_, '_> {
    /// The next of them after `after`, in the order of their ids, that were changed at `since` or later.
    pub fn next(&mut self, since: Option<Timestamp>, after: Option<Id>, limit: i64) -> Result<Vec<Lead>> {
        let mut query = table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::merged_into_id.is_null())
            .filter(sql::<Bool>(WON))
            .into_boxed();
        if let Some(since) = since {
            query = query.filter(leads::updated_at.ge(since));
        }
        if let Some(after) = after {
            query = query.filter(leads::id.gt(after));
        }
        Ok(query.order(leads::id).limit(limit).select(Lead::as_select()).load(self.0.conn)?)
    }
}

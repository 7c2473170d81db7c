//! The audit log in the database. There is no statement that changes or deletes an entry.

use diesel::prelude::*;

use super::audit::Entry;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::Result;
use crate::id::Id;
use crate::schema::audit_entries::{self, table};

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    pub record: Option<String>,
    pub record_id: Option<Id>,
    pub actor_id: Option<Id>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// The audit log of the workspace.
pub struct Audit<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The audit log of the workspace.
    pub fn audit<'t>(&'t mut self) -> Audit<'c, 't> {
        Audit(self)
    }
}

impl Audit<'_, '_> {
    pub fn insert(&mut self, entry: &Entry) -> Result<()> {
        diesel::insert_into(table).values(entry).execute(self.0.conn)?;
        Ok(())
    }

    pub fn list(&mut self, filter: &EntryFilter, paging: &Paging) -> Result<Vec<Entry>> {
        let mut query = table.filter(audit_entries::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(record) = &filter.record {
            query = query.filter(audit_entries::record.eq(record.clone()));
        }
        if let Some(record_id) = filter.record_id {
            query = query.filter(audit_entries::record_id.eq(record_id));
        }
        if let Some(actor) = filter.actor_id {
            query = query.filter(audit_entries::actor_id.eq(actor));
        }
        if let Some(from) = filter.from {
            query = query.filter(audit_entries::at.ge(from));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_entries::at.lt(until));
        }
        if let Some(after) = paging.after("audit_entries") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("audit_entries")).limit(paging.fetch());
        Ok(page.select(Entry::as_select()).load(self.0.conn)?)
    }
}

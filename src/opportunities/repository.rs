//! Opportunities in the database.

use diesel::prelude::*;

use super::input::Changes;
use super::{Opportunity, Status};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::{Paging, contains_pattern};
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::opportunities::{self, BoxedQuery, table};
use crate::text;

/// Which opportunities.
#[derive(Clone, Debug, Default)]
pub struct OpportunityFilter {
    /// Text that the name must hold.
    pub q: Option<String>,
    pub status: Option<Status>,
    pub owner_id: Option<Id>,
    pub contact_id: Option<Id>,
    pub account_id: Option<Id>,
    pub lead_id: Option<Id>,
}

/// The opportunities of the workspace.
pub struct Opportunities<'c, 't>(pub(super) &'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The opportunities of the workspace.
    pub fn opportunities<'t>(&'t mut self) -> Opportunities<'c, 't> {
        Opportunities(self)
    }
}

impl Opportunities<'_, '_> {
    pub fn insert(&mut self, opportunity: &Opportunity) -> Result<()> {
        diesel::insert_into(table).values(opportunity).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Opportunity> {
        let found = table.find((self.0.scope.workspace, id)).select(Opportunity::as_select());
        Ok(found.first(self.0.conn)?)
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Opportunity>> {
        let found = table.find((self.0.scope.workspace, id)).select(Opportunity::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The opportunity, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Opportunity> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => table.find(key).select(Opportunity::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => table.find(key).select(Opportunity::as_select()).first(conn)?,
        })
    }

    pub fn list(&mut self, filter: &OpportunityFilter, paging: &Paging) -> Result<Vec<Opportunity>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("opportunities") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("opportunities")).limit(paging.fetch());
        Ok(page.select(Opportunity::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &OpportunityFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// Sets the fields in `changes` and raises the version.
    pub(super) fn update(&mut self, id: Id, changes: Changes) -> Result<Opportunity> {
        let target = table.find((self.0.scope.workspace, id));
        let rise = (opportunities::version.eq(opportunities::version + 1), opportunities::updated_at.eq(self.0.at()));
        diesel::update(target).set((changes, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    /// Sets how it ended, or that it is open, and raises the version.
    pub(super) fn set_ended(
        &mut self,
        id: Id,
        status: Status,
        (reason, note): (Option<String>, Option<String>),
        closed_at: Option<Timestamp>,
    ) -> Result<Opportunity> {
        let target = table.find((self.0.scope.workspace, id));
        let ended = (
            opportunities::status.eq(Code(status)),
            opportunities::reason.eq(reason),
            opportunities::note.eq(note),
            opportunities::closed_at.eq(closed_at),
        );
        let rise = (opportunities::version.eq(opportunities::version + 1), opportunities::updated_at.eq(self.0.at()));
        diesel::update(target).set((ended, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    fn filtered(&self, filter: &OpportunityFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query = table.filter(opportunities::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(q) = &filter.q {
            let pattern = contains_pattern(&text::compare_key(q));
            query = query.filter(opportunities::search_key.like(pattern).escape('!'));
        }
        if let Some(status) = filter.status {
            query = query.filter(opportunities::status.eq(Code(status)));
        }
        if let Some(owner) = filter.owner_id {
            query = query.filter(opportunities::owner_id.eq(owner));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(opportunities::contact_id.eq(contact));
        }
        if let Some(account) = filter.account_id {
            query = query.filter(opportunities::account_id.eq(account));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(opportunities::lead_id.eq(lead));
        }
        query
    }
}

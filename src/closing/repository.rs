//! How leads were closed, in the database.

use diesel::dsl::{IntoBoxed, auto_type};
use diesel::prelude::*;

use super::{Closing, ReopenedAs};
use crate::clock::Timestamp;
use crate::day::Day;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Lead;
use crate::schema::lead_closings::{self, table};
use crate::schema::leads;

/// Which deferred leads.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeferredFilter {
    pub owner_id: Option<Id>,
    /// Only those that begin anew on this day or later.
    pub from: Option<Day>,
    /// Only those that begin anew before this day.
    pub until: Option<Day>,
}

/// How leads of the workspace were closed.
pub struct Closings<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// How leads of the workspace were closed.
    pub fn closings<'t>(&'t mut self) -> Closings<'c, 't> {
        Closings(self)
    }
}

/// Closings, each with its lead.
#[auto_type]
fn with_leads() -> _ {
    let own = leads::workspace_id.eq(lead_closings::workspace_id).and(leads::id.eq(lead_closings::lead_id));
    table.inner_join(leads::table.on(own))
}

impl Closings<'_, '_> {
    pub fn insert(&mut self, closing: &Closing) -> Result<()> {
        diesel::insert_into(table).values(closing).execute(self.0.conn)?;
        Ok(())
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Closing>> {
        let found = table.find((self.0.scope.workspace, id)).select(Closing::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The closing that a closed lead is closed by; none for an open one.
    pub fn standing(&mut self, lead: Id) -> Result<Option<Closing>> {
        let found = table
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq(lead))
            .filter(lead_closings::reopened_at.is_null());
        Ok(found.select(Closing::as_select()).first(self.0.conn).optional()?)
    }

    /// How often a lead was closed, and how.
    pub fn of_lead(&mut self, lead: Id, paging: &Paging) -> Result<Vec<Closing>> {
        let mut query = table
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq(lead))
            .into_boxed();
        if let Some(after) = paging.after("lead_closings") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("lead_closings")).limit(paging.fetch());
        Ok(page.select(Closing::as_select()).load(self.0.conn)?)
    }

    pub fn count_of_lead(&mut self, lead: Id) -> Result<i64> {
        let own = table
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq(lead));
        Ok(own.count().get_result(self.0.conn)?)
    }

    /// Ends a closing: its lead is open again.
    pub(super) fn set_reopened(&mut self, id: Id, way: ReopenedAs, note: Option<&str>) -> Result<Closing> {
        let target = table.find((self.0.scope.workspace, id));
        diesel::update(target)
            .set((
                lead_closings::reopened_at.eq(self.0.at()),
                lead_closings::reopened_by.eq(self.0.scope.actor),
                lead_closings::reopened_as.eq(Code(way)),
                lead_closings::reopening_note.eq(note),
                lead_closings::recycle_due_at.eq(None::<Timestamp>),
                lead_closings::version.eq(lead_closings::version + 1),
            ))
            .execute(self.0.conn)?;
        Ok(target.select(Closing::as_select()).first(self.0.conn)?)
    }

    /// Sets the day on which the lead begins anew, or none.
    pub(super) fn set_recycle_on(&mut self, id: Id, day: Option<Day>) -> Result<Closing> {
        let target = table.find((self.0.scope.workspace, id));
        diesel::update(target)
            .set((
                lead_closings::recycle_on.eq(day.map(Code)),
                lead_closings::recycle_due_at.eq(day.map(Day::start)),
                lead_closings::version.eq(lead_closings::version + 1),
            ))
            .execute(self.0.conn)?;
        Ok(target.select(Closing::as_select()).first(self.0.conn)?)
    }

    /// Some of the closed leads of all workspaces whose day has come, those first that have waited longest.
    pub(super) fn due(&mut self, limit: i64) -> Result<Vec<(Id, Id)>> {
        let found = table
            .filter(lead_closings::recycle_due_at.le(self.0.at()))
            .filter(lead_closings::reopened_at.is_null())
            .order(lead_closings::recycle_due_at)
            .limit(limit)
            .select((lead_closings::workspace_id, lead_closings::lead_id));
        Ok(found.load(self.0.conn)?)
    }

    /// Lets a closed lead wait until `until`, although its day has come.
    pub(super) fn put_off(&mut self, lead: Id, until: Timestamp) -> Result<()> {
        let target = table
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq(lead))
            .filter(lead_closings::reopened_at.is_null());
        diesel::update(target).set(lead_closings::recycle_due_at.eq(until)).execute(self.0.conn)?;
        Ok(())
    }

    /// The closed leads that begin anew on a day.
    pub fn deferred(&mut self, filter: DeferredFilter, paging: &Paging) -> Result<Vec<(Closing, Lead)>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("lead_closings") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("lead_closings")).limit(paging.fetch());
        Ok(page.select((Closing::as_select(), Lead::as_select())).load(self.0.conn)?)
    }

    pub fn count_deferred(&mut self, filter: DeferredFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, filter: DeferredFilter) -> IntoBoxed<'static, with_leads, MultiBackend> {
        let mut query = with_leads()
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::reopened_at.is_null())
            .filter(lead_closings::recycle_on.is_not_null())
            .into_boxed();
        if let Some(owner) = filter.owner_id {
            query = query.filter(leads::owner_id.eq(owner));
        }
        if let Some(from) = filter.from {
            query = query.filter(lead_closings::recycle_on.ge(Code(from)));
        }
        if let Some(until) = filter.until {
            query = query.filter(lead_closings::recycle_on.lt(Code(until)));
        }
        query
    }
}

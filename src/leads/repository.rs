//! Leads in the database.

use diesel::backend::Backend;
use diesel::dsl::{IntoBoxed, auto_type, not, sql};
use diesel::expression::{AppearsOnTable, SqlLiteral, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};

use super::input::Changes;
use super::{Flags, Lead, Status};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::{Paging, contains_pattern};
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::filter::sql::Predicate;
use crate::id::Id;
use crate::schema::leads::{self, BoxedQuery, table};
use crate::schema::{accounts, contacts, interactions, lead_origins, opportunities, stage_deadlines, submissions};
use crate::text;

/// Whether a lead is marked as ready for sales. Both databases read JSON this way.
const SALES_READY: &str = "leads.flags -> 'sales_ready' IS NOT NULL";

/// The status of open leads, written out: under a plan that is made once for all values, PostgreSQL takes an index that
/// holds nothing but open leads only for a statement that says so itself.
#[derive(Clone, Copy, Debug, QueryId)]
pub struct Open;

impl Expression for Open {
    type SqlType = Text;
}

impl<DB: Backend> QueryFragment<DB> for Open {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("'open'");
        Ok(())
    }
}

impl<Table> AppearsOnTable<Table> for Open {}
impl<Table> SelectableExpression<Table> for Open {}
impl<Clause> ValidGrouping<Clause> for Open {
    type IsAggregate = is_aggregate::Never;
}

/// Which leads.
#[derive(Clone, Debug, Default)]
pub struct LeadFilter {
    /// Text that topic, captured name, e-mail address or company must hold.
    pub q: Option<String>,
    pub status: Option<Status>,
    pub stage: Option<String>,
    pub owner_id: Option<Id>,
    pub contact_id: Option<Id>,
    pub account_id: Option<Id>,
    pub form_id: Option<Id>,
    pub campaign: Option<String>,
    pub product_line: Option<String>,
    pub source: Option<String>,
    pub temperature: Option<String>,
    pub score_gte: Option<i64>,
    pub score_lte: Option<i64>,
    pub sales_ready: Option<bool>,
    /// Whether an open lead has been in its stage for longer than it may.
    pub overdue: Option<bool>,
    pub created_from: Option<Timestamp>,
    pub created_until: Option<Timestamp>,
    /// The lead that they come from.
    pub origin_lead_id: Option<Id>,
}

/// The leads of the workspace.
pub struct Leads<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The leads of the workspace.
    pub fn leads<'t>(&'t mut self) -> Leads<'c, 't> {
        Leads(self)
    }
}

impl Leads<'_, '_> {
    pub fn insert(&mut self, lead: &Lead) -> Result<()> {
        diesel::insert_into(table).values(lead).execute(self.0.conn)?;
        Ok(())
    }

    /// The lead. `Err(Gone)` for one that was merged into another.
    pub fn get(&mut self, id: Id) -> Result<Lead> {
        present(table.find((self.0.scope.workspace, id)).select(Lead::as_select()).first(self.0.conn)?)
    }

    /// The lead, unless there is none or it was merged into another.
    pub fn find(&mut self, id: Id) -> Result<Option<Lead>> {
        let found = table.find((self.0.scope.workspace, id)).filter(leads::merged_into_id.is_null());
        Ok(found.select(Lead::as_select()).first(self.0.conn).optional()?)
    }

    /// The lead, which no other transaction changes until this one ends. `Err(Gone)` for one that was merged into
    /// another.
    pub fn lock(&mut self, id: Id) -> Result<Lead> {
        let key = (self.0.scope.workspace, id);
        present(match &mut *self.0.conn {
            Conn::Postgres(conn) => table.find(key).select(Lead::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => table.find(key).select(Lead::as_select()).first(conn)?,
        })
    }

    /// The leads, which no other transaction changes until this one ends. Fails when one was merged or deleted since it
    /// was found, so that the transaction is tried again.
    pub fn lock_found(&mut self, ids: &[Id]) -> Result<Vec<Lead>> {
        let these = table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::id.eq_any(ids))
            .filter(leads::merged_into_id.is_null())
            // In one order for everyone, so that two who hold the same leads never wait for each other.
            .order(leads::id);
        let locked: Vec<Lead> = match &mut *self.0.conn {
            Conn::Postgres(conn) => these.select(Lead::as_select()).for_no_key_update().load(conn)?,
            Conn::Sqlite(conn) => these.select(Lead::as_select()).load(conn)?,
        };
        match locked.len() == ids.len() {
            true => Ok(locked),
            false => Err(Error::Contention("a matched lead was merged or deleted".into())),
        }
    }

    /// The open leads of a contact, oldest first.
    pub fn open_of_contact(&mut self, contact: Id) -> Result<Vec<Id>> {
        let found = table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::contact_id.eq(contact))
            .filter(leads::status.eq(Code(Status::Open)));
        let mut ids: Vec<Id> = found.select(leads::id).load(self.0.conn)?;
        // Asked for in this order, SQLite would walk through all leads of the workspace.
        ids.sort_unstable();
        Ok(ids)
    }

    /// The leads with these ids, as many as there are.
    pub fn with_ids(&mut self, ids: &[Id]) -> Result<Vec<Lead>> {
        let found = table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(leads::id.eq_any(ids.to_vec()));
        Ok(found.order(leads::id).select(Lead::as_select()).load(self.0.conn)?)
    }

    /// The next open leads, after `after`, that have no contact.
    pub fn unlinked(&mut self, after: Option<Id>, limit: i64) -> Result<Vec<Id>> {
        let mut query = self.without_contact();
        if let Some(after) = after {
            query = query.filter(leads::id.gt(after));
        }
        Ok(query.order(leads::id).limit(limit).select(leads::id).load(self.0.conn)?)
    }

    /// How many open leads have no contact.
    pub fn count_unlinked(&mut self) -> Result<i64> {
        Ok(self.without_contact().count().get_result(self.0.conn)?)
    }

    fn without_contact(&self) -> BoxedQuery<'static, MultiBackend> {
        table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::contact_id.is_null())
            .filter(leads::status.eq(Open))
            .into_boxed()
    }

    pub fn list(&mut self, filter: &LeadFilter, paging: &Paging) -> Result<Vec<Lead>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("leads") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("leads")).limit(paging.fetch()).select(Lead::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &LeadFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// A page of the leads that `filter` holds for.
    pub fn search(&mut self, filter: &Filter, paging: &Paging) -> Result<Vec<Lead>> {
        let mut query = self.matching(filter);
        if let Some(after) = paging.after("leads") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("leads")).limit(paging.fetch()).select(Lead::as_select()).load(self.0.conn)?)
    }

    /// How many leads `filter` holds for.
    pub fn count_matching(&mut self, filter: &Filter) -> Result<i64> {
        Ok(self.matching(filter).count().get_result(self.0.conn)?)
    }

    /// Sets the fields in `changes` and raises the version.
    pub(super) fn update(&mut self, id: Id, changes: Changes) -> Result<Lead> {
        let target = table.find((self.0.scope.workspace, id));
        let rise = (leads::version.eq(leads::version + 1), leads::updated_at.eq(self.0.at()));
        diesel::update(target).set((changes, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    /// Sets the marks and raises the version.
    pub(super) fn set_flags(&mut self, id: Id, flags: Flags) -> Result<Lead> {
        let target = table.find((self.0.scope.workspace, id));
        let rise = (leads::version.eq(leads::version + 1), leads::updated_at.eq(self.0.at()));
        diesel::update(target).set((leads::flags.eq(JsonOf(flags)), rise)).execute(self.0.conn)?;
        self.get(id)
    }

    /// Sets whether and why a lead is closed, with its marks and its origin key, and raises the version.
    pub(super) fn set_ended(
        &mut self,
        id: Id,
        (status, reason): (Status, Option<String>),
        flags: Flags,
        origin_key: Option<String>,
    ) -> Result<Lead> {
        let target = table.find((self.0.scope.workspace, id));
        let ended = (leads::status.eq(Code(status)), leads::status_reason.eq(reason));
        let kept = (leads::flags.eq(JsonOf(flags)), leads::origin_key.eq(origin_key));
        let rise = (leads::version.eq(leads::version + 1), leads::updated_at.eq(self.0.at()));
        diesel::update(target).set((ended, kept, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    /// Removes a lead and those that were merged into it; what names it elsewhere no longer does.
    pub(super) fn delete(&mut self, id: Id) -> Result<()> {
        let workspace = self.0.scope.workspace;
        diesel::update(
            interactions::table.filter(interactions::workspace_id.eq(workspace)).filter(interactions::lead_id.eq(id)),
        )
        .set(interactions::lead_id.eq(None::<Id>))
        .execute(self.0.conn)?;
        diesel::update(
            submissions::table.filter(submissions::workspace_id.eq(workspace)).filter(submissions::lead_id.eq(id)),
        )
        .set(submissions::lead_id.eq(None::<Id>))
        .execute(self.0.conn)?;
        diesel::update(
            opportunities::table
                .filter(opportunities::workspace_id.eq(workspace))
                .filter(opportunities::lead_id.eq(id)),
        )
        .set(opportunities::lead_id.eq(None::<Id>))
        .execute(self.0.conn)?;
        diesel::update(
            lead_origins::table
                .filter(lead_origins::workspace_id.eq(workspace))
                .filter(lead_origins::origin_lead_id.eq(id)),
        )
        .set(lead_origins::origin_lead_id.eq(None::<Id>))
        .execute(self.0.conn)?;
        let merged = table.filter(leads::workspace_id.eq(workspace)).filter(leads::merged_into_id.eq(id));
        diesel::delete(merged).execute(self.0.conn)?;
        diesel::delete(table.find((workspace, id))).execute(self.0.conn)?;
        Ok(())
    }

    fn matching(&self, filter: &Filter) -> IntoBoxed<'static, with_people, MultiBackend> {
        with_people()
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::merged_into_id.is_null())
            .filter(Predicate::on_leads(filter, self.0.at(), self.0.conn.dialect()))
            .into_boxed()
    }

    fn filtered(&self, filter: &LeadFilter) -> BoxedQuery<'static, MultiBackend> {
        let filter = filter.clone();
        let query = table.filter(leads::workspace_id.eq(self.0.scope.workspace));
        let mut query = query.filter(leads::merged_into_id.is_null()).into_boxed();
        if let Some(q) = filter.q {
            query = query.filter(leads::search_key.like(contains_pattern(&text::compare_key(&q))).escape('!'));
        }
        if let Some(status) = filter.status {
            query = query.filter(leads::status.eq(Code(status)));
        }
        if let Some(stage) = filter.stage {
            query = query.filter(leads::stage.eq(stage));
        }
        if let Some(owner) = filter.owner_id {
            query = query.filter(leads::owner_id.eq(owner));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(leads::contact_id.eq(contact));
        }
        if let Some(account) = filter.account_id {
            query = query.filter(leads::account_id.eq(account));
        }
        if let Some(form) = filter.form_id {
            query = query.filter(leads::form_id.eq(form));
        }
        if let Some(campaign) = filter.campaign {
            query = query.filter(leads::campaign.eq(campaign));
        }
        if let Some(product_line) = filter.product_line {
            query = query.filter(leads::product_line.eq(product_line));
        }
        if let Some(source) = filter.source {
            query = query.filter(leads::source.eq(source));
        }
        if let Some(temperature) = filter.temperature {
            query = query.filter(leads::temperature.eq(temperature));
        }
        if let Some(least) = filter.score_gte {
            query = query.filter(leads::score.ge(least));
        }
        if let Some(most) = filter.score_lte {
            query = query.filter(leads::score.le(most));
        }
        match filter.sales_ready {
            Some(true) => query = query.filter(sql::<Bool>(SALES_READY)),
            Some(false) => query = query.filter(not(sql::<Bool>(SALES_READY))),
            None => {}
        }
        if let Some(overdue) = filter.overdue {
            let late = stage_deadlines::table
                .filter(stage_deadlines::workspace_id.eq(self.0.scope.workspace))
                .filter(stage_deadlines::due_at.le(self.0.at()))
                .select(stage_deadlines::lead_id);
            let is_late = leads::id.eq_any(late).and(leads::status.eq(Code(Status::Open)));
            query = if overdue { query.filter(is_late) } else { query.filter(not(is_late)) };
        }
        if let Some(from) = filter.created_from {
            query = query.filter(leads::created_at.ge(from));
        }
        if let Some(until) = filter.created_until {
            query = query.filter(leads::created_at.lt(until));
        }
        if let Some(origin) = filter.origin_lead_id {
            let from_it = lead_origins::table
                .filter(lead_origins::workspace_id.eq(self.0.scope.workspace))
                .filter(lead_origins::origin_lead_id.eq(origin));
            query = query.filter(leads::id.eq_any(from_it.select(lead_origins::lead_id)));
        }
        query
    }
}

/// Leads, each with its contact, and with its own account or else its contact's.
#[auto_type]
fn with_people() -> _ {
    let contact: SqlLiteral<Bool> =
        sql("contacts.workspace_id = leads.workspace_id AND contacts.id = leads.contact_id");
    let account: SqlLiteral<Bool> = sql(
        "accounts.workspace_id = leads.workspace_id AND accounts.id = coalesce(leads.account_id, contacts.account_id)",
    );
    table.left_join(contacts::table.on(contact)).left_join(accounts::table.on(account))
}

/// The lead, unless it was merged into another.
fn present(lead: Lead) -> Result<Lead> {
    match lead.merged_into_id {
        None => Ok(lead),
        merged_into => Err(Error::Gone { merged_into }),
    }
}

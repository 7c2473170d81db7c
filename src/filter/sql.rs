//! A filter as a condition in SQL, with the same answer as in memory.
//!
//! What callers wrote is bound, never part of the statement; of a list all values are bound as one. Columns are compared
//! as they are, so that indexes serve. An expression is true, false or unknown, and unknown counts as false: `not` is
//! written `IS NOT TRUE`.

use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Text};

use super::field::Record;
use super::sql_writer::Writer;
use super::{Filter, RelatedRecord};
use crate::clock::Timestamp;
use crate::db::connection::{Dialect, MultiBackend};
use crate::db::types::{Instant, Uuid};
use crate::id::Id;

/// A condition on the rows of a query that names the tables of what is asked about.
#[derive(Clone, Debug)]
pub struct Predicate {
    parts: Vec<Part>,
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// Written as it is.
    Sql(&'static str),
    Text(String),
    Number(i64),
    Truth(bool),
    Instant(Timestamp),
    Id(Id),
}

/// What a filter asks about, and what is joined to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Rows of `leads`, with `contacts` and `accounts` joined to them.
    Leads,
    /// Rows of `contacts`, with `accounts` joined to them.
    Contacts,
}

impl Predicate {
    /// `filter` as a condition on rows of `leads`, to which their contact is joined as `contacts` and their account as
    /// `accounts`. `within_days` ends with the instant `at`.
    pub fn on_leads(filter: &Filter, at: Timestamp, dialect: Dialect) -> Self {
        Self::on(Subject::Leads, filter, at, dialect)
    }

    /// `filter` as a condition on rows of `contacts`, to which their account is joined as `accounts`. `within_days` ends
    /// with the instant `at`.
    pub fn on_contacts(filter: &Filter, at: Timestamp, dialect: Dialect) -> Self {
        Self::on(Subject::Contacts, filter, at, dialect)
    }

    fn on(subject: Subject, filter: &Filter, at: Timestamp, dialect: Dialect) -> Self {
        let mut writer = Writer::new(dialect, subject, at);
        writer.filter(filter);
        Self { parts: writer.finish() }
    }
}

impl Subject {
    /// The table that has the fields of `record`; `None` when there is no such record to ask about.
    pub(super) const fn table(self, record: Record) -> Option<&'static str> {
        match (self, record) {
            (Self::Leads, Record::Lead) => Some("leads"),
            (_, Record::Contact) => Some("contacts"),
            (_, Record::Account) => Some("accounts"),
            _ => None,
        }
    }

    /// The rows of `related` that belong to one row, as what follows `SELECT … FROM`. Each is reached by an index that
    /// begins with the row's own id, whatever else is asked of it.
    pub(super) const fn relation(self, related: RelatedRecord) -> &'static str {
        match (self, related) {
            (Self::Contacts, RelatedRecord::Interaction) => {
                "interactions related WHERE related.workspace_id = contacts.workspace_id \
                 AND related.contact_id = contacts.id AND related.voided_at IS NULL"
            }
            (Self::Contacts, RelatedRecord::Lead) => {
                "leads related WHERE related.workspace_id = contacts.workspace_id \
                 AND related.contact_id = contacts.id AND related.merged_into_id IS NULL"
            }
            (Self::Leads, RelatedRecord::Interaction) => {
                "(SELECT own.* FROM interactions own \
                 WHERE own.workspace_id = leads.workspace_id AND own.contact_id = leads.contact_id \
                 UNION ALL SELECT own.* FROM interactions own \
                 WHERE own.workspace_id = leads.workspace_id AND own.lead_id = leads.id \
                 AND (own.contact_id = leads.contact_id) IS NOT TRUE) related WHERE related.voided_at IS NULL"
            }
            (Self::Leads, RelatedRecord::Lead) => {
                "leads related WHERE related.workspace_id = leads.workspace_id \
                 AND related.contact_id = leads.contact_id AND related.id <> leads.id \
                 AND related.merged_into_id IS NULL"
            }
        }
    }
}

impl QueryFragment<MultiBackend> for Predicate {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // There are as many statements as filters: keeping them prepared would only fill the memory.
        out.unsafe_to_cache_prepared();
        for part in &self.parts {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Part::Number(number) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Truth(truth) => out.push_bind_param::<Bool, _>(truth)?,
                Part::Instant(instant) => out.push_bind_param::<Instant, _>(instant)?,
                Part::Id(id) => out.push_bind_param::<Uuid, _>(id)?,
            }
        }
        Ok(())
    }
}

impl QueryId for Predicate {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for Predicate {
    type SqlType = Bool;
}

impl<GroupBy> ValidGrouping<GroupBy> for Predicate {
    type IsAggregate = is_aggregate::Never;
}

impl<Rows> AppearsOnTable<Rows> for Predicate {}
impl<Rows> SelectableExpression<Rows> for Predicate {}

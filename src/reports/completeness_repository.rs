//! How complete the records of each owner are, counted in the database in one pass over them.

use diesel::dsl::sql;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;

use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::types::Code;
use crate::error::Result;
use crate::filter::sql::Predicate;
use crate::filter::{Condition, Filter};
use crate::id::Id;
use crate::leads::Status;
use crate::schema::{contacts, leads};

/// An owner (none for what nobody owns), how many records they have, and how many fields of these are filled.
pub type Filled = (Option<Id>, i64, i64);

/// The workspace's records as reports on completeness count them.
pub struct CompleteRecords<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The workspace's records as reports on completeness count them.
    pub(super) fn complete_records<'t>(&'t mut self) -> CompleteRecords<'c, 't> {
        CompleteRecords(self)
    }
}

impl CompleteRecords<'_, '_> {
    /// Of the open leads, by owner.
    pub fn leads(&mut self, fields: &[String]) -> Result<Vec<Filled>> {
        let (at, dialect) = (self.0.at(), self.0.conn.dialect());
        let predicates = fields.iter().map(|field| Predicate::on_leads(&filled(field), at, dialect)).collect();
        let counted = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::status.eq(Code(Status::Open)))
            .filter(leads::merged_into_id.is_null())
            .group_by(leads::owner_id)
            .select((leads::owner_id, sql::<BigInt>("count(*)"), HowMany(predicates)));
        Ok(counted.load(self.0.conn)?)
    }

    /// Of the contacts, by owner.
    pub fn contacts(&mut self, fields: &[String]) -> Result<Vec<Filled>> {
        let (at, dialect) = (self.0.at(), self.0.conn.dialect());
        let predicates = fields.iter().map(|field| Predicate::on_contacts(&filled(field), at, dialect)).collect();
        let counted = contacts::table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::merged_into_id.is_null())
            .group_by(contacts::owner_id)
            .select((contacts::owner_id, sql::<BigInt>("count(*)"), HowMany(predicates)));
        Ok(counted.load(self.0.conn)?)
    }
}

fn filled(field: &str) -> Filter {
    Filter::Condition(Condition::is_set(field))
}

/// How many of the predicates hold for each row, summed up over all rows.
struct HowMany(Vec<Predicate>);

impl QueryFragment<MultiBackend> for HowMany {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // Each workspace has a statement of its own: kept prepared, they would fill the memory.
        out.unsafe_to_cache_prepared();
        // Without the cast, PostgreSQL would make a decimal of it.
        out.push_sql("CAST(sum(0");
        for predicate in &self.0 {
            out.push_sql(" + CASE WHEN ");
            predicate.walk_ast(out.reborrow())?;
            out.push_sql(" THEN 1 ELSE 0 END");
        }
        out.push_sql(") AS BIGINT)");
        Ok(())
    }
}

impl QueryId for HowMany {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for HowMany {
    type SqlType = BigInt;
}

impl<GroupBy> ValidGrouping<GroupBy> for HowMany {
    type IsAggregate = is_aggregate::Never;
}

impl<Rows> AppearsOnTable<Rows> for HowMany {}
impl<Rows> SelectableExpression<Rows> for HowMany {}

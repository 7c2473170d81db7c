//! Studies in the database, and the leads of backtests.

use diesel::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::backtest::BacktestLead;
use super::{Kind, Study};
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::leads::Outcome;
use crate::schema::backtest_leads::{self as tested, table as tested_leads};
use crate::schema::leads;
use crate::schema::score_studies::{self as studies, table};

/// Rows that one transaction takes away.
const AT_ONCE: i64 = 2_000;

/// Which leads of a backtest.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeadFilter {
    /// Whether they would have become sales ready.
    pub predicted: Option<bool>,
    pub outcome: Option<Outcome>,
}

/// The studies of the workspace.
pub struct Studies<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The studies of the workspace.
    pub fn studies<'t>(&'t mut self) -> Studies<'c, 't> {
        Studies(self)
    }
}

impl Studies<'_, '_> {
    pub fn insert(&mut self, study: &Study) -> Result<()> {
        diesel::insert_into(table).values(study).execute(self.0.conn)?;
        Ok(())
    }

    pub fn find(&mut self, id: Id) -> Result<Study> {
        Ok(table.find((self.0.scope.workspace, id)).select(Study::as_select()).first(self.0.conn)?)
    }

    /// A study of this kind and model.
    pub fn get(&mut self, model: Id, kind: Kind, id: Id) -> Result<Study> {
        let found = self.of(model, kind).filter(studies::id.eq(id));
        Ok(found.select(Study::as_select()).first(self.0.conn)?)
    }

    /// What a study found; none until it is finished.
    pub fn report<T: DeserializeOwned>(&mut self, id: Id) -> Result<Option<T>> {
        let found: Option<JsonOf<Value>> =
            table.find((self.0.scope.workspace, id)).select(studies::report).first(self.0.conn)?;
        found.map(|report| serde_json::from_value(report.0).map_err(Error::internal)).transpose()
    }

    pub fn list(&mut self, model: Id, kind: Kind, paging: &Paging) -> Result<Vec<Study>> {
        let mut query = self.of(model, kind);
        if let Some(after) = paging.after("score_studies") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("score_studies")).limit(paging.fetch());
        Ok(page.select(Study::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, model: Id, kind: Kind) -> Result<i64> {
        Ok(self.of(model, kind).count().get_result(self.0.conn)?)
    }

    pub fn finish(&mut self, id: Id, report: &Value) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set((studies::report.eq(JsonOf(report.clone())), studies::finished_at.eq(self.0.at())))
            .execute(self.0.conn)?;
        Ok(())
    }

    fn of(&self, model: Id, kind: Kind) -> studies::BoxedQuery<'static, MultiBackend> {
        table
            .filter(studies::workspace_id.eq(self.0.scope.workspace))
            .filter(studies::model_id.eq(model))
            .filter(studies::kind.eq(Code(kind)))
            .into_boxed()
    }

    /// Adds leads to a backtest; those that were deleted meanwhile are left out.
    pub fn insert_leads(&mut self, rows: &[BacktestLead]) -> Result<()> {
        let ids: Vec<Id> = rows.iter().map(|row| row.lead_id).collect();
        let known = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::id.eq_any(&ids))
            .order(leads::id)
            .select(leads::id);
        let mut known: Vec<Id> = match &mut *self.0.conn {
            Conn::Postgres(conn) => known.for_key_share().load(conn)?,
            Conn::Sqlite(conn) => known.load(conn)?,
        };
        known.sort_unstable();
        let rows: Vec<&BacktestLead> = rows.iter().filter(|row| known.binary_search(&row.lead_id).is_ok()).collect();
        match &mut *self.0.conn {
            Conn::Postgres(conn) => diesel::insert_into(tested_leads).values(rows).execute(conn)?,
            Conn::Sqlite(conn) => diesel::insert_into(tested_leads).values(rows).execute(conn)?,
        };
        Ok(())
    }

    /// Takes away some of the leads of a backtest; false when there are none left.
    pub fn forget_some_leads(&mut self, backtest: Id) -> Result<bool> {
        let own = tested_leads
            .filter(tested::workspace_id.eq(self.0.scope.workspace))
            .filter(tested::backtest_id.eq(backtest));
        let some: Vec<Id> = own.select(tested::lead_id).limit(AT_ONCE).load(self.0.conn)?;
        diesel::delete(own.filter(tested::lead_id.eq_any(&some))).execute(self.0.conn)?;
        Ok(!some.is_empty())
    }

    /// The leads of a backtest.
    pub fn leads(&mut self, backtest: Id, filter: LeadFilter, paging: &Paging) -> Result<Vec<BacktestLead>> {
        let mut query = self.leads_of(backtest, filter);
        if let Some(after) = paging.after("backtest_leads") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("backtest_leads")).limit(paging.fetch());
        Ok(page.select(BacktestLead::as_select()).load(self.0.conn)?)
    }

    pub fn count_leads(&mut self, backtest: Id, filter: LeadFilter) -> Result<i64> {
        Ok(self.leads_of(backtest, filter).count().get_result(self.0.conn)?)
    }

    fn leads_of(&self, backtest: Id, filter: LeadFilter) -> tested::BoxedQuery<'static, MultiBackend> {
        let mut query = tested_leads
            .filter(tested::workspace_id.eq(self.0.scope.workspace))
            .filter(tested::backtest_id.eq(backtest))
            .into_boxed();
        match filter.predicted {
            Some(true) => query = query.filter(tested::ready_at.is_not_null()),
            Some(false) => query = query.filter(tested::ready_at.is_null()),
            None => {}
        }
        if let Some(outcome) = filter.outcome {
            query = query.filter(tested::outcome.eq(Code(outcome)));
        }
        query
    }
}

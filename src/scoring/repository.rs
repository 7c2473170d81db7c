//! Models, scores and the ledger in the database.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{Definition, LeadScore, ScoreEntry, ScoringModel, Status};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::leads::Flags;
use crate::schema::scoring_model_versions as versions;
use crate::schema::{lead_scores, leads, score_entries, scoring_models};

/// Rows of one insert: far below what either database takes.
const AT_ONCE: usize = 500;

/// The scoring models of the workspace.
pub struct ScoringModels<'c, 't>(&'t mut Tx<'c>);
/// The scores of the workspace's leads, with their ledger.
pub struct Scores<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The scoring models of the workspace.
    pub fn scoring_models<'t>(&'t mut self) -> ScoringModels<'c, 't> {
        ScoringModels(self)
    }

    /// The scores of the workspace's leads, with their ledger.
    pub fn scores<'t>(&'t mut self) -> Scores<'c, 't> {
        Scores(self)
    }
}

impl ScoringModels<'_, '_> {
    pub fn insert(&mut self, model: &ScoringModel) -> Result<()> {
        diesel::insert_into(scoring_models::table).values(model).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table.find((self.0.scope.workspace, id)).select(ScoringModel::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The model, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table.find((self.0.scope.workspace, id));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(ScoringModel::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(ScoringModel::as_select()).first(conn)?,
        })
    }

    pub fn list(&mut self, status: Option<Status>, paging: &Paging) -> Result<Vec<ScoringModel>> {
        let mut query = self.filtered(status);
        if let Some(after) = paging.after("scoring_models") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("scoring_models")).limit(paging.fetch());
        Ok(page.select(ScoringModel::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, status: Option<Status>) -> Result<i64> {
        Ok(self.filtered(status).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, status: Option<Status>) -> scoring_models::BoxedQuery<'static, MultiBackend> {
        let own = scoring_models::table.filter(scoring_models::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        match status {
            Some(status) => own.filter(scoring_models::status.eq(Code(status))),
            None => own,
        }
    }

    /// Writes all changeable fields and raises the version.
    pub fn update(&mut self, model: &ScoringModel) -> Result<ScoringModel> {
        diesel::update(scoring_models::table.find((self.0.scope.workspace, model.id)))
            .set((
                scoring_models::name.eq(&model.name),
                scoring_models::status.eq(model.status),
                scoring_models::live_version.eq(model.live_version),
                scoring_models::draft.eq(model.draft.clone()),
                scoring_models::version.eq(scoring_models::version + 1),
                scoring_models::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get(model.id)
    }

    pub fn insert_version(&mut self, model: Id, version: i64, definition: &Definition) -> Result<()> {
        diesel::insert_into(versions::table)
            .values((
                versions::workspace_id.eq(self.0.scope.workspace),
                versions::model_id.eq(model),
                versions::model_version.eq(version),
                versions::definition.eq(JsonOf(definition.clone())),
                versions::published_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// The highest version that was ever published.
    pub fn last_version(&mut self, model: Id) -> Result<Option<i64>> {
        let found = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::model_id.eq(model))
            .order(versions::model_version.desc())
            .select(versions::model_version);
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn definition(&mut self, model: Id, version: i64) -> Result<Definition> {
        let found = versions::table.find((self.0.scope.workspace, model, version)).select(versions::definition);
        Ok(found.first::<JsonOf<Definition>>(self.0.conn)?.0)
    }

    /// All drafts.
    pub fn drafts(&mut self) -> Result<Vec<Definition>> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::draft.is_not_null())
            .select(scoring_models::draft.assume_not_null());
        let drafts: Vec<JsonOf<Definition>> = found.load(self.0.conn)?;
        Ok(drafts.into_iter().map(|draft| draft.0).collect())
    }

    /// The versions of the models that were the newest at `at`, in the order the models were created.
    pub fn in_force(&mut self, models: &[Id], at: Timestamp) -> Result<Vec<(Id, i64)>> {
        let found = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::model_id.eq_any(models))
            .filter(versions::published_at.le(at))
            .order((versions::model_id, versions::model_version))
            .select((versions::model_id, versions::model_version));
        let all: Vec<(Id, i64)> = found.load(self.0.conn)?;
        let newest: BTreeMap<Id, i64> = all.into_iter().collect();
        Ok(newest.into_iter().collect())
    }

    /// The live models with their versions, in the order they were created.
    pub fn live(&mut self) -> Result<Vec<(Id, i64)>> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::live_version.is_not_null())
            .order(scoring_models::id)
            .select((scoring_models::id, scoring_models::live_version.assume_not_null()));
        Ok(found.load(self.0.conn)?)
    }
}

impl Scores<'_, '_> {
    /// All scores of the leads.
    pub fn of_leads(&mut self, ids: &[Id]) -> Result<Vec<LeadScore>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::lead_id.eq_any(ids))
            .select(LeadScore::as_select());
        Ok(found.load(self.0.conn)?)
    }

    /// The leads that have a score under a model.
    pub fn scored_by(&mut self, model: Id) -> Result<Vec<Id>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model))
            .select(lead_scores::lead_id);
        Ok(found.load(self.0.conn)?)
    }

    /// Those of them whose score may have changed by now though nothing else happened.
    pub fn due(&mut self, model: Id) -> Result<Vec<Id>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model))
            .filter(lead_scores::due_at.le(self.0.at()))
            .select(lead_scores::lead_id);
        Ok(found.load(self.0.conn)?)
    }

    pub fn insert(&mut self, score: &LeadScore) -> Result<()> {
        diesel::insert_into(lead_scores::table).values(score).execute(self.0.conn)?;
        Ok(())
    }

    pub fn update(&mut self, score: &LeadScore) -> Result<()> {
        let target = lead_scores::table.find((self.0.scope.workspace, score.lead_id, score.model_id));
        diesel::update(target).set(score).execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete(&mut self, lead: Id, model: Id) -> Result<()> {
        diesel::delete(lead_scores::table.find((self.0.scope.workspace, lead, model))).execute(self.0.conn)?;
        Ok(())
    }

    /// Adds rows to the ledger.
    pub fn insert_entries(&mut self, entries: &[ScoreEntry]) -> Result<()> {
        for some in entries.chunks(AT_ONCE) {
            match &mut *self.0.conn {
                Conn::Postgres(conn) => diesel::insert_into(score_entries::table).values(some).execute(conn)?,
                Conn::Sqlite(conn) => diesel::insert_into(score_entries::table).values(some).execute(conn)?,
            };
        }
        Ok(())
    }

    /// The ledger of a lead.
    pub fn entries(
        &mut self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
        paging: &Paging,
    ) -> Result<Vec<ScoreEntry>> {
        let mut query = self.filtered_entries(lead, model, rule);
        if let Some(after) = paging.after("score_entries") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("score_entries")).limit(paging.fetch());
        Ok(page.select(ScoreEntry::as_select()).load(self.0.conn)?)
    }

    pub fn count_entries(&mut self, lead: Id, model: Option<Id>, rule: Option<&str>) -> Result<i64> {
        Ok(self.filtered_entries(lead, model, rule).count().get_result(self.0.conn)?)
    }

    /// What the rows of a lead's ledger added up to at `at`: model, rule and points, without what adds up to nothing.
    pub fn sums_at(&mut self, lead: Id, at: Timestamp) -> Result<Vec<(Id, String, i64)>> {
        let sum = || sql::<BigInt>("CAST(SUM(score_entries.points) AS BIGINT)");
        let found = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq(lead))
            .filter(score_entries::at.le(at))
            .group_by((score_entries::model_id, score_entries::rule))
            .having(sql::<Bool>("SUM(score_entries.points) <> 0"))
            .select((score_entries::model_id, score_entries::rule, sum()));
        Ok(found.load(self.0.conn)?)
    }

    fn filtered_entries(
        &self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
    ) -> score_entries::BoxedQuery<'static, MultiBackend> {
        let mut query = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq(lead))
            .into_boxed();
        if let Some(model) = model {
            query = query.filter(score_entries::model_id.eq(model));
        }
        if let Some(rule) = rule {
            query = query.filter(score_entries::rule.eq(rule.to_owned()));
        }
        query
    }

    /// Writes what follows from a lead's scores into the lead.
    pub fn set_standing(&mut self, lead: Id, score: i64, temperature: Option<String>, flags: Flags) -> Result<()> {
        diesel::update(leads::table.find((self.0.scope.workspace, lead)))
            .set((
                leads::score.eq(score),
                leads::temperature.eq(temperature),
                leads::flags.eq(JsonOf(flags)),
                leads::version.eq(leads::version + 1),
                leads::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

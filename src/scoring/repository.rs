//! Models and their versions in the database.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{Definition, ScoringModel, Status};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::scoring_model_versions as versions;
use crate::schema::{scoring_models, workspaces};
use crate::workspaces::Stand;

/// A live model, its version, and whose shadow it is.
pub type LiveVersion = (Id, i64, Option<Id>);

/// The scoring models of the workspace.
pub struct ScoringModels<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The scoring models of the workspace.
    pub fn scoring_models<'t>(&'t mut self) -> ScoringModels<'c, 't> {
        ScoringModels(self)
    }
}

impl ScoringModels<'_, '_> {
    pub fn insert(&mut self, model: &ScoringModel) -> Result<()> {
        diesel::insert_into(scoring_models::table).values(model).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<ScoringModel> {
        let model = self.get_any(id)?;
        if model.shadow_of.is_none() { Ok(model) } else { Err(Error::NotFound) }
    }

    /// The model, or the shadow of one.
    pub fn get_any(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table.find((self.0.scope.workspace, id)).select(ScoringModel::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The model, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::id.eq(id))
            .filter(scoring_models::shadow_of.is_null());
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
        let own = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::shadow_of.is_null())
            .into_boxed();
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
                scoring_models::keeps_scores.eq(model.keeps_scores),
                scoring_models::version.eq(scoring_models::version + 1),
                scoring_models::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get_any(model.id)
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
        let models = self.keeping(models, false)?;
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

    /// The live models with their versions, and whose shadow each is, in the order they were created.
    pub fn live(&mut self) -> Result<Vec<LiveVersion>> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::live_version.is_not_null())
            .order(scoring_models::id)
            .select((scoring_models::id, scoring_models::live_version.assume_not_null(), scoring_models::shadow_of));
        Ok(found.load(self.0.conn)?)
    }

    /// The same with the state that the workspace is in.
    pub fn live_and_stand(&mut self) -> Result<(Vec<LiveVersion>, Stand)> {
        let is_live = scoring_models::workspace_id.eq(workspaces::id).and(scoring_models::live_version.is_not_null());
        let model =
            (scoring_models::id, scoring_models::live_version.assume_not_null(), scoring_models::shadow_of).nullable();
        let found = workspaces::table
            .left_join(scoring_models::table.on(is_live))
            .filter(workspaces::id.eq(self.0.scope.workspace))
            .order(scoring_models::id)
            .select(((workspaces::id, workspaces::version, workspaces::updated_at), model));
        let rows: Vec<(Stand, Option<LiveVersion>)> = found.load(self.0.conn)?;
        let stand = rows.first().map(|(stand, _)| *stand).ok_or(Error::NotFound)?;
        Ok((rows.into_iter().filter_map(|(_, model)| model).collect(), stand))
    }

    /// Those of the models whose scores are shown as they were: of all but shadows, or of those only that were stopped
    /// and keep their scores.
    pub fn keeping(&mut self, models: &[Id], only_stopped: bool) -> Result<Vec<Id>> {
        let mut found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::id.eq_any(models.to_vec()))
            .filter(scoring_models::shadow_of.is_null())
            .select(scoring_models::id)
            .into_boxed();
        if only_stopped {
            found = found.filter(scoring_models::keeps_scores.eq(true)).filter(scoring_models::live_version.is_null());
        }
        Ok(found.load(self.0.conn)?)
    }

    /// The shadow that a model casts now.
    pub fn shadow_of(&mut self, model: Id) -> Result<Option<ScoringModel>> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::shadow_of.eq(model))
            .filter(scoring_models::live_version.is_not_null())
            .select(ScoringModel::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }
}

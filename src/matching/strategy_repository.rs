//! A workspace's own strategies, and the rules of their versions, in the database.

use diesel::prelude::*;

use super::strategies::{OwnStrategy, Version};
use super::strategy::{Strategy, Target};
use crate::db::Tx;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::matching_strategies as own;
use crate::schema::matching_strategy_versions as versions;

/// The strategies of the workspace's own.
pub struct OwnStrategies<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The strategies of the workspace's own.
    pub fn own_strategies<'t>(&'t mut self) -> OwnStrategies<'c, 't> {
        OwnStrategies(self)
    }
}

impl OwnStrategies<'_, '_> {
    pub(super) fn insert(&mut self, strategy: &OwnStrategy) -> Result<()> {
        diesel::insert_into(own::table).values(strategy).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn get(&mut self, id: Id) -> Result<OwnStrategy> {
        Ok(own::table.find((self.0.scope.workspace, id)).select(OwnStrategy::as_select()).first(self.0.conn)?)
    }

    /// All of them, by key.
    pub(super) fn all(&mut self) -> Result<Vec<OwnStrategy>> {
        let found = own::table.filter(own::workspace_id.eq(self.0.scope.workspace)).order(own::key);
        Ok(found.select(OwnStrategy::as_select()).load(self.0.conn)?)
    }

    pub(super) fn count(&mut self) -> Result<i64> {
        Ok(own::table.filter(own::workspace_id.eq(self.0.scope.workspace)).count().get_result(self.0.conn)?)
    }

    pub(super) fn with_key(&mut self, key: &str) -> Result<Option<Strategy>> {
        let found = own::table.filter(own::workspace_id.eq(self.0.scope.workspace)).filter(own::key.eq(key));
        let found: Option<JsonOf<Strategy>> = found.select(own::definition).first(self.0.conn).optional()?;
        Ok(found.map(|strategy| strategy.0))
    }

    /// Those of its own that are the default of their target.
    pub(super) fn defaults(&mut self) -> Result<Vec<Strategy>> {
        let found = own::table.filter(own::workspace_id.eq(self.0.scope.workspace)).filter(own::is_default.eq(true));
        let found: Vec<JsonOf<Strategy>> = found.select(own::definition).load(self.0.conn)?;
        Ok(found.into_iter().map(|strategy| strategy.0).collect())
    }

    pub(super) fn update(&mut self, id: Id, strategy: &Strategy) -> Result<()> {
        diesel::update(own::table.find((self.0.scope.workspace, id)))
            .set((
                own::definition.eq(JsonOf(strategy.clone())),
                own::version.eq(own::version + 1),
                own::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Makes `id`, or none of them, the default of `target`.
    pub(super) fn set_default(&mut self, target: Target, id: Option<Id>) -> Result<()> {
        let (workspace, at) = (self.0.scope.workspace, self.0.at());
        let present = own::table
            .filter(own::workspace_id.eq(workspace))
            .filter(own::target.eq(Code(target)))
            .filter(own::is_default.eq(true));
        let rise = (own::version.eq(own::version + 1), own::updated_at.eq(at));
        diesel::update(present).set((own::is_default.eq(false), rise)).execute(self.0.conn)?;
        if let Some(id) = id {
            let new = own::table.find((workspace, id));
            diesel::update(new).set((own::is_default.eq(true), rise)).execute(self.0.conn)?;
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, id: Id) -> Result<()> {
        diesel::delete(own::table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn insert_version(&mut self, version: &Version) -> Result<()> {
        diesel::insert_into(versions::table).values(version).execute(self.0.conn)?;
        Ok(())
    }

    /// The number of the last version that a strategy with this key had; 0 when there was none.
    pub(super) fn last_version(&mut self, key: &str) -> Result<i32> {
        let found = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::key.eq(key))
            .order(versions::strategy_version.desc())
            .select(versions::strategy_version);
        let last: Option<i64> = found.first(self.0.conn).optional()?;
        i32::try_from(last.unwrap_or(0)).map_err(Error::internal)
    }

    /// The rules of version `number` of `key`.
    pub(super) fn rules(&mut self, key: &str, number: i64) -> Result<Option<Strategy>> {
        let found = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::key.eq(key))
            .filter(versions::strategy_version.eq(number));
        let found: Option<JsonOf<Strategy>> = found.select(versions::definition).first(self.0.conn).optional()?;
        Ok(found.map(|strategy| strategy.0))
    }

    /// The versions of `key`.
    pub fn versions(&mut self, key: &str, paging: &Paging) -> Result<Vec<Version>> {
        let mut query = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::key.eq(key.to_owned()))
            .into_boxed();
        if let Some(after) = paging.after("matching_strategy_versions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("matching_strategy_versions")).limit(paging.fetch());
        Ok(page.select(Version::as_select()).load(self.0.conn)?)
    }
}

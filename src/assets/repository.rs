//! Assets in the database.

use diesel::prelude::*;

use super::{Asset, Entry, search_key};
use crate::db::connection::MultiBackend;
use crate::db::page::{Paging, contains_pattern};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::assets::{self, BoxedQuery};
use crate::text;

/// Rows of one insert, and values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// Which assets.
#[derive(Clone, Debug, Default)]
pub struct AssetFilter {
    /// Text that name or key must hold.
    pub q: Option<String>,
    pub kind: Option<String>,
    pub stage: Option<String>,
}

/// The assets of the workspace.
pub struct Assets<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The assets of the workspace.
    pub fn assets<'t>(&'t mut self) -> Assets<'c, 't> {
        Assets(self)
    }
}

impl Assets<'_, '_> {
    pub fn get(&mut self, id: Id) -> Result<Asset> {
        Ok(assets::table.find((self.0.scope.workspace, id)).select(Asset::as_select()).first(self.0.conn)?)
    }

    pub fn with_key(&mut self, key: &str) -> Result<Option<Asset>> {
        let found = assets::table
            .filter(assets::workspace_id.eq(self.0.scope.workspace))
            .filter(assets::key.eq(key))
            .select(Asset::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// All of them, in the order of their keys.
    pub fn all(&mut self) -> Result<Vec<Asset>> {
        let found = assets::table.filter(assets::workspace_id.eq(self.0.scope.workspace)).order(assets::key);
        Ok(found.select(Asset::as_select()).load(self.0.conn)?)
    }

    pub fn list(&mut self, filter: &AssetFilter, paging: &Paging) -> Result<Vec<Asset>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("assets") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("assets")).limit(paging.fetch());
        Ok(page.select(Asset::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &AssetFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    pub fn insert(&mut self, new: &[Asset]) -> Result<()> {
        for some in new.chunks(AT_ONCE) {
            match &mut *self.0.conn {
                Conn::Postgres(conn) => diesel::insert_into(assets::table).values(some).execute(conn)?,
                Conn::Sqlite(conn) => diesel::insert_into(assets::table).values(some).execute(conn)?,
            };
        }
        Ok(())
    }

    /// Writes what `revision` says of an asset, and raises its version.
    pub fn change(&mut self, asset: &Asset, entry: &Entry, revision: i64) -> Result<()> {
        diesel::update(assets::table.find((self.0.scope.workspace, asset.id)))
            .set((
                assets::name.eq(&entry.name),
                assets::search_key.eq(search_key(&entry.name, &asset.key)),
                assets::kind.eq(&entry.kind),
                assets::stage.eq(entry.stage.clone()),
                assets::readiness_percent.eq(entry.readiness_percent.clone()),
                assets::revision.eq(revision),
                assets::version.eq(assets::version + 1),
                assets::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete(&mut self, ids: &[Id]) -> Result<()> {
        for some in ids.chunks(AT_ONCE) {
            let gone = assets::table
                .filter(assets::workspace_id.eq(self.0.scope.workspace))
                .filter(assets::id.eq_any(some.to_vec()));
            diesel::delete(gone).execute(self.0.conn)?;
        }
        Ok(())
    }

    fn filtered(&self, filter: &AssetFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query = assets::table.filter(assets::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(q) = &filter.q {
            let pattern = contains_pattern(&text::compare_key(q));
            query = query.filter(assets::search_key.like(pattern).escape('!'));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(assets::kind.eq(kind.clone()));
        }
        if let Some(stage) = &filter.stage {
            query = query.filter(assets::stage.eq(stage.clone()));
        }
        query
    }
}

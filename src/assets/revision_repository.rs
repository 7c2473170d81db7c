//! The revisions of the register in the database.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{AssetRevision, Entry};
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::JsonOf;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::asset_revisions::{self as rows, BoxedQuery};

/// Rows of one insert: far below what either database takes.
const AT_ONCE: usize = 500;

/// Which changes of the register.
#[derive(Clone, Debug, Default)]
pub struct RevisionFilter {
    pub revision: Option<i64>,
    pub asset_id: Option<Id>,
    pub asset_key: Option<String>,
}

/// The revisions of the workspace's register.
pub struct AssetRevisions<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The revisions of the workspace's register.
    pub fn asset_revisions<'t>(&'t mut self) -> AssetRevisions<'c, 't> {
        AssetRevisions(self)
    }
}

impl AssetRevisions<'_, '_> {
    /// The last revision up to `revision`, with the id of its last row.
    pub fn newest(&mut self, revision: i64) -> Result<Option<(i64, Id)>> {
        let found = rows::table
            .filter(rows::workspace_id.eq(self.0.scope.workspace))
            .filter(rows::revision.le(revision))
            .order((rows::revision.desc(), rows::id.desc()))
            .select((rows::revision, rows::id));
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn insert(&mut self, new: &[AssetRevision]) -> Result<()> {
        for some in new.chunks(AT_ONCE) {
            match &mut *self.0.conn {
                Conn::Postgres(conn) => diesel::insert_into(rows::table).values(some).execute(conn)?,
                Conn::Sqlite(conn) => diesel::insert_into(rows::table).values(some).execute(conn)?,
            };
        }
        Ok(())
    }

    pub fn list(&mut self, filter: &RevisionFilter, paging: &Paging) -> Result<Vec<AssetRevision>> {
        paged(self.filtered(filter), paging, self.0)
    }

    pub fn count(&mut self, filter: &RevisionFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// The register as it stood at `revision`: of each asset what was last said of it.
    pub fn list_at(&mut self, revision: i64, paging: &Paging) -> Result<Vec<AssetRevision>> {
        paged(self.standing_at(revision), paging, self.0)
    }

    pub fn count_at(&mut self, revision: i64) -> Result<i64> {
        Ok(self.standing_at(revision).count().get_result(self.0.conn)?)
    }

    /// All that the register said at `revision`, by key.
    pub fn entries_at(&mut self, revision: i64) -> Result<Vec<(String, Entry)>> {
        let found = self.standing_at(revision).select((rows::asset_key, rows::after.assume_not_null()));
        let found: Vec<(String, JsonOf<Entry>)> = found.load(self.0.conn)?;
        Ok(found.into_iter().map(|(key, entry)| (key, entry.0)).collect())
    }

    fn standing_at(&self, revision: i64) -> BoxedQuery<'static, MultiBackend> {
        let last = sql::<Bool>(
            "NOT EXISTS (SELECT 1 FROM asset_revisions later WHERE later.workspace_id = asset_revisions.workspace_id \
             AND later.asset_id = asset_revisions.asset_id AND later.revision > asset_revisions.revision \
             AND later.revision <= ",
        );
        rows::table
            .filter(rows::workspace_id.eq(self.0.scope.workspace))
            .filter(rows::revision.le(revision))
            .filter(rows::after.is_not_null())
            .filter(last.bind::<BigInt, _>(revision).sql(")"))
            .into_boxed()
    }

    fn filtered(&self, filter: &RevisionFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query = rows::table.filter(rows::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(revision) = filter.revision {
            query = query.filter(rows::revision.eq(revision));
        }
        if let Some(id) = filter.asset_id {
            query = query.filter(rows::asset_id.eq(id));
        }
        if let Some(key) = &filter.asset_key {
            query = query.filter(rows::asset_key.eq(key.clone()));
        }
        query
    }
}

fn paged(query: BoxedQuery<'static, MultiBackend>, paging: &Paging, tx: &mut Tx<'_>) -> Result<Vec<AssetRevision>> {
    let query = match paging.after("asset_revisions") {
        Some(after) => query.filter(after),
        None => query,
    };
    let page = query.order(paging.order("asset_revisions")).limit(paging.fetch());
    Ok(page.select(AssetRevision::as_select()).load(tx.conn)?)
}

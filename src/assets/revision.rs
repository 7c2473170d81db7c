//! The revisions of the register: what each changed, by whom and when (SCO-13).

use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Asset, Entry, search_key};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::JsonOf;
use crate::error::Result;
use crate::id::Id;
use crate::schema::asset_revisions;

/// What a revision of the register changed about one asset.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = asset_revisions, treat_none_as_default_value = false)]
pub struct AssetRevision {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The revision, counted from 1; an import is one revision of many assets.
    #[schema(example = 7)]
    pub revision: i64,
    /// The asset.
    pub asset_id: Id,
    /// The asset's key.
    #[schema(example = "white-paper")]
    pub asset_key: String,
    /// What the register said before; null for an asset that was created.
    #[schema(value_type = Option<Entry>)]
    pub before: Option<JsonOf<Entry>>,
    /// What the register said afterwards; null for an asset that was removed.
    #[schema(value_type = Option<Entry>)]
    pub after: Option<JsonOf<Entry>>,
    /// When it was made.
    pub at: Timestamp,
    /// The user or client who made it.
    pub by: Option<Id>,
}

/// The fields that changes can be ordered by.
pub const REVISION_SORT: &[SortField] = &[SortField::new("revision", "asset_revisions.revision", SortKind::Number)];

/// The fields that the register as it once stood can be ordered by.
pub const KEY_SORT: &[SortField] = &[SortField::new("key", "asset_revisions.asset_key", SortKind::Text)];

impl Sorted for AssetRevision {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "key" => self.asset_key.clone(),
            _ => self.revision.to_string(),
        }
    }
}

/// What a revision does to one asset.
#[derive(Clone, Debug)]
pub enum Step {
    /// The register knows the asset from now on.
    Create { key: String, entry: Entry },
    /// The register says something else of the asset.
    Change { asset: Asset, entry: Entry },
    /// The asset is not in the register any more.
    Remove { asset: Asset },
}

/// The number of the present revision; 0 before the first.
pub fn present(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(tx.asset_revisions().newest(i64::MAX)?.map_or(0, |(revision, _)| revision))
}

/// Makes a revision of these steps, and tells its number; none when there are none. The caller holds the register.
pub fn make(tx: &mut Tx<'_>, steps: Vec<Step>) -> Result<Option<i64>> {
    if steps.is_empty() {
        return Ok(None);
    }
    let revision = present(tx)? + 1;
    let (mut rows, mut new, mut gone) = (Vec::with_capacity(steps.len()), Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Create { key, entry } => {
                let asset = created(tx, key, entry, revision);
                rows.push(row(tx, revision, &asset, None, Some(asset.entry())));
                new.push(asset);
            }
            Step::Change { asset, entry } => {
                tx.assets().change(&asset, &entry, revision)?;
                rows.push(row(tx, revision, &asset, Some(asset.entry()), Some(entry)));
            }
            Step::Remove { asset } => {
                rows.push(row(tx, revision, &asset, Some(asset.entry()), None));
                gone.push(asset.id);
            }
        }
    }
    tx.assets().delete(&gone)?;
    tx.assets().insert(&new)?;
    tx.asset_revisions().insert(&rows)?;
    Ok(Some(revision))
}

fn created(tx: &Tx<'_>, key: String, entry: Entry, revision: i64) -> Asset {
    let (at, Entry { name, kind, stage, readiness_percent }) = (tx.at(), entry);
    Asset {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        search_key: search_key(&name, &key),
        key,
        name,
        kind,
        stage,
        readiness_percent,
        revision,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

fn row(tx: &Tx<'_>, revision: i64, asset: &Asset, before: Option<Entry>, after: Option<Entry>) -> AssetRevision {
    AssetRevision {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        revision,
        asset_id: asset.id,
        asset_key: asset.key.clone(),
        before: before.map(JsonOf),
        after: after.map(JsonOf),
        at: tx.at(),
        by: tx.scope.actor,
    }
}

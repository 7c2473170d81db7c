//! The register of assets (SCO-13): what people download, watch or attend, the stage of the buyer's journey each is made
//! for, and how ready for sales each shows a person to be.
//!
//! Interactions name an asset by its key, whether or not the register knows it. Every change of the register makes a
//! revision, numbered 1, 2, 3 … without gaps in each workspace and kept for good, so that it can be told what the
//! register said when a score was made. An asset that is removed leaves the register and not its revisions.
//!
//! `sheet` and `cell` are the three-column sheet and `plan` what importing one changes: all pure. [`register()`] is what
//! scoring reads.

mod cell;
pub mod handlers;
mod input;
mod plan;
mod register;
mod repository;
mod revision;
mod revision_repository;
mod sheet;
mod sheet_handlers;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::percent::Percent;
use crate::schema::assets;
use crate::text;

pub use input::{AssetPatch, NewAsset};
pub use plan::Mode;
pub use register::{Register, register, register_at};
pub use repository::AssetFilter;
pub use revision::{AssetRevision, Step};
pub use revision_repository::RevisionFilter;
pub use sheet::Sheet;

/// An asset, as the register has it now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = assets, treat_none_as_default_value = false)]
pub struct Asset {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What interactions carry in `asset`; compared exactly.
    #[schema(example = "white-paper")]
    pub key: String,
    /// Its name for people.
    #[schema(example = "White paper on picking routes")]
    pub name: String,
    #[serde(skip)]
    pub search_key: String,
    /// What it is.
    #[schema(example = "white_paper")]
    pub kind: String,
    /// The stage of the buyer's journey that it is made for.
    #[schema(example = "awareness")]
    pub stage: Option<String>,
    /// How ready for sales it shows a person to be, in percent of a model's sales-ready score.
    #[schema(value_type = Option<f64>, example = 30)]
    pub readiness_percent: Option<Percent>,
    /// The revision of the register that made it what it is.
    #[schema(example = 7)]
    pub revision: i64,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What the register says of an asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AssetEntry)]
pub struct Entry {
    /// Its name for people.
    #[schema(example = "White paper on picking routes")]
    pub name: String,
    /// What it is.
    #[schema(example = "white_paper")]
    pub kind: String,
    /// The stage of the buyer's journey that it is made for.
    #[schema(example = "awareness")]
    pub stage: Option<String>,
    /// How ready for sales it shows a person to be, in percent of a model's sales-ready score.
    #[schema(value_type = Option<f64>, example = 30)]
    pub readiness_percent: Option<Percent>,
}

impl Entry {
    /// What is said of an asset of which only the key is known.
    fn named(key: &str) -> Self {
        Self { name: key.to_owned(), kind: input::USUAL_KIND.to_owned(), stage: None, readiness_percent: None }
    }
}

impl Asset {
    /// What the register says of it.
    pub fn entry(&self) -> Entry {
        let Self { name, kind, stage, readiness_percent, .. } = self.clone();
        Entry { name, kind, stage, readiness_percent }
    }
}

/// The fields that assets can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "assets.created_at", SortKind::Instant),
    SortField::new("updated_at", "assets.updated_at", SortKind::Instant),
    SortField::new("name", "assets.search_key", SortKind::Text),
    SortField::new("key", "assets.key", SortKind::Text),
];

impl Sorted for Asset {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "updated_at" => self.updated_at.to_string(),
            "name" => self.search_key.clone(),
            "key" => self.key.clone(),
            _ => self.created_at.to_string(),
        }
    }
}

/// What an asset is searched and ordered by: its name, then its key.
fn search_key(name: &str, key: &str) -> String {
    text::search_key(&format!("{name} {key}"))
}

/// What came of a change of the register.
#[derive(Clone, Debug)]
pub struct Changed<T> {
    pub outcome: T,
    /// The revision that it made; none when it changed nothing.
    pub revision: Option<i64>,
}

/// Adds an asset. 409 when there is one with its key.
pub fn create(tx: &mut Tx<'_>, new: &NewAsset) -> Result<Changed<Asset>> {
    let (key, entry) = (new.key.clone(), new.entry());
    all_hold(input::broken(&key, &entry))?;
    hold(tx)?;
    if tx.assets().with_key(&key)?.is_some() {
        return Err(Error::Conflict("there is an asset with this key".into()));
    }
    let revision = revision::make(tx, vec![Step::Create { key: key.clone(), entry }])?;
    let asset = tx.assets().with_key(&key)?.ok_or(Error::NotFound)?;
    events::emit(tx, "asset.created", Subject::default(), &json!({"asset": asset}))?;
    Ok(Changed { outcome: asset, revision })
}

/// Changes what `patch` names. What is so already makes no revision and no version.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &AssetPatch, condition: &Condition) -> Result<Changed<Asset>> {
    hold(tx)?;
    let asset = tx.assets().get(id)?;
    condition.check(asset.version)?;
    let entry = patch.entry(&asset);
    all_hold(input::broken(&asset.key, &entry))?;
    if entry == asset.entry() {
        return Ok(Changed { outcome: asset, revision: None });
    }
    let revision = revision::make(tx, vec![Step::Change { asset: asset.clone(), entry }])?;
    let (before, asset) = (asset, tx.assets().get(id)?);
    events::emit(tx, "asset.changed", Subject::default(), &json!({"before": before, "asset": asset}))?;
    Ok(Changed { outcome: asset, revision })
}

/// Removes an asset from the register; its revisions stay.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Changed<()>> {
    hold(tx)?;
    let asset = tx.assets().get(id)?;
    condition.check(asset.version)?;
    let data = json!({"id": id, "key": asset.key});
    let revision = revision::make(tx, vec![Step::Remove { asset }])?;
    events::emit(tx, "asset.removed", Subject::default(), &data)?;
    Ok(Changed { outcome: (), revision })
}

/// What an import came to, or would come to.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Imported {
    /// Assets that the register did not have.
    pub created: u64,
    pub changed: u64,
    pub removed: u64,
    /// Assets of which the sheet says what the register says.
    pub unchanged: u64,
    /// The revision of the register afterwards.
    pub revision: i64,
}

/// Makes the register say what `sheet` says, as one revision.
pub fn import(tx: &mut Tx<'_>, sheet: &Sheet, mode: Mode) -> Result<Changed<Imported>> {
    let (steps, told) = planned(tx, sheet, mode)?;
    let revision = revision::make(tx, steps)?;
    let imported = Imported { revision: revision.unwrap_or(told.revision), ..told };
    if revision.is_some() {
        events::emit(tx, "assets.changed", Subject::default(), &imported)?;
    }
    Ok(Changed { outcome: imported, revision })
}

/// What [`import`] would do. Writes nothing.
pub fn rehearse(tx: &mut Tx<'_>, sheet: &Sheet, mode: Mode) -> Result<Imported> {
    Ok(planned(tx, sheet, mode)?.1)
}

/// The steps of an import, and what they come to; the revision is the present one.
fn planned(tx: &mut Tx<'_>, sheet: &Sheet, mode: Mode) -> Result<(Vec<Step>, Imported)> {
    hold(tx)?;
    let plan::Plan { steps, created, changed, removed, unchanged } = plan::plan(tx.assets().all()?, &sheet.rows, mode);
    let revision = revision::present(tx)?;
    Ok((steps, Imported { created, changed, removed, unchanged, revision }))
}

/// The register as a sheet, in the order of the keys.
pub fn export(tx: &mut Tx<'_>, bom: bool) -> Result<String> {
    let row =
        |asset: Asset| sheet::Row { asset: asset.key, stage: asset.stage, readiness_percent: asset.readiness_percent };
    let rows: Vec<sheet::Row> = tx.assets().all()?.into_iter().map(row).collect();
    sheet::write(&rows, bom)
}

/// Holds off whoever else changes the register.
fn hold(tx: &mut Tx<'_>) -> Result<()> {
    tx.take_turns(&["assets".to_owned()])
}

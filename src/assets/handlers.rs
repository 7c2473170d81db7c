//! The register of assets over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::revision::{self, KEY_SORT, REVISION_SORT};
use super::{
    Asset, AssetFilter, AssetPatch, AssetRevision, Changed, Entry, NewAsset, RevisionFilter, SORT_FIELDS,
    sheet_handlers,
};
use crate::assets;
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::{PathId, PathNumber};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::scoring;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(list_revisions).service(list_at_revision);
    sheet_handlers::routes(routes);
    routes.service(show).service(change).service(remove);
}

/// Does `work`, which changes the register, and what follows from the revision that it makes.
pub(super) fn change_register<T>(tx: &mut Tx<'_>, work: impl FnOnce(&mut Tx<'_>) -> Result<Changed<T>>) -> Result<T> {
    let changed = work(tx)?;
    if changed.revision.is_some() {
        scoring::assets_changed(tx)?;
    }
    Ok(changed.outcome)
}

/// Which assets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AssetQuery {
    /// Text that the name or the key must hold; case is ignored.
    #[param(max_length = 200, example = "paper")]
    q: Option<String>,
    /// Only assets of this kind.
    #[param(pattern = "^[a-z0-9_]{1,64}$", example = "white_paper")]
    kind: Option<String>,
    /// Only assets for this stage of the buyer's journey.
    #[param(max_length = 64, example = "awareness")]
    stage: Option<String>,
}

/// List assets
///
/// The register as it stands, newest first unless asked otherwise. Can be ordered by `created_at`, `updated_at`, `name`,
/// `key`.
#[utoipa::path(
    tag = "assets",
    operation_id = "list_assets",
    params(AssetQuery, PageQuery),
    responses((status = 200, description = "A page of assets", body = Page<Asset>)),
    security(("bearer" = ["assets:read"])),
)]
#[get("/v1/assets")]
async fn list(actor: Actor, query: web::Query<AssetQuery>, page: web::Query<PageQuery>) -> Reply {
    let (AssetQuery { q, kind, stage }, count) = (query.into_inner(), page.count == Some(true));
    let (filter, paging) = (AssetFilter { q, kind, stage }, page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let total = if count { Some(tx.assets().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.assets().list(&filter, &paging)?, &paging, total, |asset| asset)?)
        })
        .await
}

/// Create an asset
///
/// Adds an asset to the register, as a new revision. A key that the register has already gives 409.
#[utoipa::path(
    tag = "assets",
    operation_id = "create_asset",
    request_body = NewAsset,
    responses((status = 201, description = "The asset", body = Asset)),
    security(("bearer" = ["assets:write"])),
)]
#[post("/v1/assets")]
async fn create(command: Command<NewAsset>) -> Reply {
    command
        .run(|tx, new, _| {
            let asset = change_register(tx, |tx| assets::create(tx, new))?;
            Ok(Answer::created(format!("/v1/assets/{}", asset.id), &asset)?.version(asset.version))
        })
        .await
}

/// Get an asset
///
/// One asset, as the register has it now.
#[utoipa::path(
    tag = "assets",
    operation_id = "get_asset",
    params(("id" = Id, Path, description = "The asset")),
    responses((status = 200, description = "The asset", body = Asset)),
    security(("bearer" = ["assets:read"])),
)]
#[get("/v1/assets/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| shown(&tx.assets().get(id)?)).await
}

/// Change an asset
///
/// A merge patch: absent fields stay, null clears. What it changes is a new revision of the register; a patch that
/// changes nothing makes none. The key stays as it is: past interactions carry it.
#[utoipa::path(
    tag = "assets",
    operation_id = "change_asset",
    params(
        ("id" = Id, Path, description = "The asset"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = AssetPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The asset after the change", body = Asset),
        (status = 412, description = "The asset has changed since it was read"),
    ),
    security(("bearer" = ["assets:write"])),
)]
#[patch("/v1/assets/{id}")]
async fn change(PathId(id): PathId, command: Command<AssetPatch>) -> Reply {
    command
        .run(move |tx, patch, condition| shown(&change_register(tx, |tx| assets::change(tx, id, patch, condition))?))
        .await
}

/// Remove an asset
///
/// Takes an asset out of the register, as a new revision. What the register said of it before is kept in its revisions,
/// and interactions keep its key.
#[utoipa::path(
    tag = "assets",
    operation_id = "remove_asset",
    params(
        ("id" = Id, Path, description = "The asset"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to remove; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 412, description = "The asset has changed since it was read"),
    ),
    security(("bearer" = ["assets:write"])),
)]
#[delete("/v1/assets/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            change_register(tx, |tx| assets::remove(tx, id, condition))?;
            Ok(Answer::deleted())
        })
        .await
}

/// Which changes of the register to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RevisionQuery {
    /// Only what this revision changed.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 7)]
    revision: Option<i64>,
    /// Only what was changed about this asset; it may be gone.
    asset_id: Option<Id>,
    /// Only what was changed about assets with exactly this key.
    #[param(max_length = 200, example = "white-paper")]
    asset_key: Option<String>,
}

/// List the revisions of the register
///
/// What every change of the register changed, by whom and when, newest first unless asked otherwise; one entry for each
/// asset that a revision changed. Revisions are numbered 1, 2, 3 … without gaps and are kept for good. Can be ordered by
/// `revision`.
#[utoipa::path(
    tag = "assets",
    operation_id = "list_asset_revisions",
    params(RevisionQuery, PageQuery),
    responses((status = 200, description = "A page of changes", body = Page<AssetRevision>)),
    security(("bearer" = ["assets:read"])),
)]
#[get("/v1/assets/revisions")]
async fn list_revisions(actor: Actor, query: web::Query<RevisionQuery>, page: web::Query<PageQuery>) -> Reply {
    let (RevisionQuery { revision, asset_id, asset_key }, count) = (query.into_inner(), page.count == Some(true));
    let (filter, paging) = (RevisionFilter { revision, asset_id, asset_key }, page.paging(REVISION_SORT)?);
    actor
        .read(move |tx| {
            let total = if count { Some(tx.asset_revisions().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.asset_revisions().list(&filter, &paging)?, &paging, total, |row| row)?)
        })
        .await
}

/// An asset as the register had it at some revision.
#[derive(Serialize, ToSchema)]
#[schema(as = AssetAtRevision)]
struct Standing {
    /// The asset; it may be gone since.
    id: Id,
    /// What interactions carry in `asset`.
    #[schema(example = "white-paper")]
    key: String,
    #[serde(flatten)]
    entry: Option<Entry>,
    /// The revision that made it what it was.
    #[schema(example = 7)]
    revision: i64,
}

impl From<AssetRevision> for Standing {
    fn from(said: AssetRevision) -> Self {
        let entry = said.after.map(|after| after.0);
        Self { id: said.asset_id, key: said.asset_key, entry, revision: said.revision }
    }
}

/// List the register as of a revision
///
/// What the register said when `number` was its revision, which shows why a score was what it was; revision 0 is the
/// empty register. By key unless asked otherwise. Can be ordered by `key`.
#[utoipa::path(
    tag = "assets",
    operation_id = "list_assets_at_revision",
    params(("number" = i64, Path, description = "The revision", minimum = 0), PageQuery),
    responses(
        (status = 200, description = "A page of the register as it stood", body = Page<Standing>),
        (status = 404, description = "There is no such revision yet"),
    ),
    security(("bearer" = ["assets:read"])),
)]
#[get("/v1/assets/revisions/{number}")]
async fn list_at_revision(actor: Actor, PathNumber(number): PathNumber, page: web::Query<PageQuery>) -> Reply {
    let page = page.into_inner();
    let count = page.count == Some(true);
    let page = PageQuery { sort: page.sort.or_else(|| Some("key".to_owned())), ..page };
    let paging = page.paging(KEY_SORT)?;
    actor
        .read(move |tx| {
            if number > revision::present(tx)? {
                return Err(Error::NotFound);
            }
            let total = if count { Some(tx.asset_revisions().count_at(number)?) } else { None };
            let rows = tx.asset_revisions().list_at(number, &paging)?;
            Answer::ok(&Page::new(rows, &paging, total, Standing::from)?)
        })
        .await
}

fn shown(asset: &Asset) -> Result<Answer> {
    Ok(Answer::ok(asset)?.version(asset.version))
}

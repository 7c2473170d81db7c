//! The three-column sheet over HTTP (SCO-13, C01, C09).

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::handlers::change_register;
use super::sheet::{self, Encoding, Faults, Sheet};
use super::{Imported, Mode};
use crate::assets;
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Upload;
use crate::http::problem::Problem;
use crate::http::routes::Routes;

/// The paths of the sheet.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(export).service(import);
}

/// How to write the sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// Whether to begin with a byte order mark, by which spreadsheets know UTF-8.
    bom: Option<bool>,
}

/// Export the register as a sheet
///
/// The whole register as CSV (RFC 4180, UTF-8) with the columns `asset`, `stage` and `readiness_percent`, in the order of
/// the keys. A text that a spreadsheet would take for a formula has a `'` before it; importing takes it off again, so that
/// what was exported, imported and exported once more is the same to the byte.
#[utoipa::path(
    tag = "assets",
    operation_id = "export_assets",
    params(ExportQuery),
    responses((
        status = 200,
        description = "The sheet, as the file `assets.csv`",
        body = String,
        content_type = "text/csv",
        example = "asset,stage,readiness_percent\r\nwhite-paper,awareness,30\r\n",
    )),
    security(("bearer" = ["assets:read"])),
)]
#[get("/v1/assets/export")]
async fn export(actor: Actor, query: web::Query<ExportQuery>) -> Reply {
    let bom = query.bom == Some(true);
    let file = |sheet| Answer::attachment("text/csv; charset=utf-8", "assets.csv", sheet);
    actor.read(move |tx| Ok(file(assets::export(tx, bom)?))).await
}

/// How to take the sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// What becomes of assets that the sheet does not name: with `merge`, the usual, they stay, with `replace` they are
    /// removed.
    #[param(inline)]
    mode: Option<Mode>,
    /// Whether to tell only what would come of it.
    dry_run: Option<bool>,
}

/// What came of an import, or would have come of it.
#[derive(Serialize, ToSchema)]
#[schema(as = AssetImport)]
struct Import {
    /// Assets that were added.
    #[schema(example = 12)]
    created: u64,
    /// Assets of which the register says something else now.
    #[schema(example = 3)]
    changed: u64,
    /// Assets that were removed.
    #[schema(example = 0)]
    removed: u64,
    /// Assets of the sheet of which the register said the same.
    #[schema(example = 40)]
    unchanged: u64,
    /// The revision of the register now. It is that of this import, unless nothing changed.
    #[schema(example = 8)]
    revision: i64,
    /// Whether nothing was written because nothing was to be.
    dry_run: bool,
    /// How the sheet was taken to be encoded.
    encoding: Encoding,
    /// What was taken to part the cells of a row.
    #[schema(example = ";")]
    delimiter: String,
}

/// Import a sheet
///
/// Makes the register say what the sheet says, as one revision. The sheet is CSV with the columns `asset` (the key),
/// `stage` and `readiness_percent`, in any order and no others; the names and kinds of known assets stay, new ones are
/// named by their key. Cells are parted by comma, semicolon, TAB or bar; the text is UTF-8, UTF-16 or Windows-1252. A
/// percentage is written `30`, `12.5` or `30%`, or `12,5` where no comma parts cells; an empty cell clears. Rows with
/// nothing in them are passed over. When anything is wrong nothing is imported, and 422 lists every fault, up to 1,000,
/// with a pointer such as `/rows/17/readiness_percent`: rows are numbered as spreadsheets number them, the header being
/// row 1. A sheet has at most 20,000 rows and 1 MiB.
#[utoipa::path(
    tag = "assets",
    operation_id = "import_assets",
    params(ImportQuery),
    request_body(
        content = String,
        content_type = "text/csv",
        description = "The sheet",
        example = "asset,stage,readiness_percent\r\nwhite-paper,awareness,30\r\nwebinar,consideration,12.5\r\n",
    ),
    responses((status = 200, description = "What came of it", body = Import)),
    security(("bearer" = ["assets:write"])),
)]
#[post("/v1/assets/import")]
async fn import(upload: Upload, query: web::Query<ImportQuery>) -> Reply {
    let (mode, dry_run) = (query.mode.unwrap_or_default(), query.dry_run == Some(true));
    let command = upload.read(read).await?;
    command
        .run(move |tx, sheet, _| {
            let imported = match dry_run {
                true => assets::rehearse(tx, sheet, mode)?,
                false => change_register(tx, |tx| assets::import(tx, sheet, mode))?,
            };
            Answer::ok(&Import::new(imported, sheet, dry_run))
        })
        .await
}

impl Import {
    fn new(imported: Imported, sheet: &Sheet, dry_run: bool) -> Self {
        let Imported { created, changed, removed, unchanged, revision } = imported;
        let (encoding, delimiter) = (sheet.encoding, sheet.delimiter.to_string());
        Self { created, changed, removed, unchanged, revision, dry_run, encoding, delimiter }
    }
}

fn read(bytes: &[u8]) -> Result<Sheet, Problem> {
    sheet::read(bytes).map_err(|Faults { listed, count }| match count > listed.len() {
        true => Problem::invalid_beyond(listed, count),
        false => Problem::invalid(listed),
    })
}

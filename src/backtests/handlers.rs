//! Studies of scoring models over HTTP: previews and advice here, backtests beside.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Choice, Kind, SORT_FIELDS, Study, advice, backtest_handlers, preview};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::{PathId, PathIds};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::scoring::Definition;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(ask_preview).service(list_previews).service(show_preview);
    routes.service(ask_advice).service(list_advice).service(show_advice);
    routes.configure(backtest_handlers::routes);
}

/// What was asked of a scoring model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoreStudy)]
pub struct Asked {
    /// Its id.
    id: Id,
    /// The model.
    model_id: Id,
    /// The job that makes it; how far it is, and whether it failed, is told there.
    job_id: Id,
    /// The version asked about; null for a draft, as it was then, or for a definition that was sent.
    #[schema(example = 2)]
    version: Option<i64>,
    /// The version compared with; null without one.
    #[schema(example = 1)]
    compared_version: Option<i64>,
    /// Since when history is looked at; null where all of it is, or none.
    from: Option<Timestamp>,
    /// Until when history is looked at; null where all of it is, or none.
    to: Option<Timestamp>,
    /// The user or client who asked.
    created_by: Option<Id>,
    /// When it was asked for.
    created_at: Timestamp,
    /// When its report was written; null until then.
    finished_at: Option<Timestamp>,
}

impl From<Study> for Asked {
    fn from(study: Study) -> Self {
        let question = study.question.0;
        Self {
            id: study.id,
            model_id: study.model_id,
            job_id: study.job_id,
            version: question.plan.version,
            compared_version: question.compared.and_then(|compared| compared.version),
            from: question.from,
            to: question.to,
            created_by: study.created_by,
            created_at: study.created_at,
            finished_at: study.finished_at,
        }
    }
}

/// A preview.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScorePreview)]
struct Preview {
    #[serde(flatten)]
    asked: Asked,
    /// What it found; null until it is finished.
    report: Option<preview::Report>,
}

/// Advice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoreAdvice)]
struct Advice {
    #[serde(flatten)]
    asked: Asked,
    /// What it found; null until it is finished.
    report: Option<advice::Report>,
}

/// What to preview.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScorePreviewWish)]
struct PreviewWish {
    /// What would be published; the model's draft when left out.
    definition: Option<Definition>,
}

/// What advice is wanted about.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoreAdviceWish)]
struct AdviceWish {
    /// The version; by default the live one.
    version: Option<Choice>,
}

/// 202 with the study, and where its job can be followed.
pub fn accepted(study: Study) -> Result<Answer> {
    let job = format!("/v1/jobs/{}", study.job_id);
    Ok(Answer::accepted(&Asked::from(study))?.header("location", job))
}

/// A page of the studies of one kind; an unknown model is not found.
pub fn page_of(tx: &mut Tx<'_>, model: Id, kind: Kind, paging: &Paging, count: bool) -> Result<Answer> {
    tx.scoring_models().get(model)?;
    let total = if count { Some(tx.studies().count(model, kind)?) } else { None };
    Answer::ok(&Page::new(tx.studies().list(model, kind, paging)?, paging, total, Asked::from)?)
}

/// Preview what publishing would change
///
/// For every open lead of the moment: its score by what is live, and by what would be. Counts the leads that gain, lose,
/// are scored at all or no more, become sales ready or fall below, and move between grades, in all and for each owner.
/// A job does it; the answer is what to look for under `previews`. 409 when no definition is sent and there is no draft.
#[utoipa::path(
    tag = "scoring",
    operation_id = "preview_scoring_model",
    params(("id" = Id, Path, description = "The model")),
    request_body(content = Option<PreviewWish>, example = json!({})),
    responses((status = 202, description = "The preview to come; `Location` is its job", body = Asked)),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/scoring-models/{id}/preview")]
async fn ask_preview(PathId(id): PathId, command: Command<Option<PreviewWish>>) -> Reply {
    command
        .run(move |tx, wish, _| {
            let definition = wish.as_ref().and_then(|wish| wish.definition.as_ref());
            accepted(preview::ask(tx, id, definition)?)
        })
        .await
}

/// List a model's previews
///
/// Previews without their reports, newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_score_previews",
    params(("id" = Id, Path, description = "The model"), PageQuery),
    responses((status = 200, description = "A page of previews", body = Page<Asked>)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/previews")]
async fn list_previews(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor.read(move |tx| page_of(tx, id, Kind::Preview, &paging, count)).await
}

/// Get a preview
///
/// With what it found, once it is finished.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_score_preview",
    params(
        ("id" = Id, Path, description = "The model"),
        ("preview_id" = Id, Path, description = "The preview"),
    ),
    responses((status = 200, description = "The preview", body = Preview)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/previews/{preview_id}")]
async fn show_preview(actor: Actor, PathIds(id, preview_id): PathIds) -> Reply {
    actor
        .read(move |tx| {
            let asked = tx.studies().get(id, Kind::Preview, preview_id)?.into();
            Answer::ok(&Preview { asked, report: tx.studies().report(preview_id)? })
        })
        .await
}

/// Ask for advice on a model
///
/// Looks at all leads of the model's audience whose outcome is known, each when its score was highest: which rules and
/// which assets gave it points. Tells for each how many of those leads were won, and which points the seed formula
/// suggests: the share that was won, of the sales-ready score. Lists open leads at the sales-ready score of whose people
/// nobody ever acted. A job does it. 409 when the version asked for is not there.
#[utoipa::path(
    tag = "scoring",
    operation_id = "ask_score_advice",
    params(("id" = Id, Path, description = "The model")),
    request_body(content = Option<AdviceWish>, example = json!({"version": "live"})),
    responses((status = 202, description = "The advice to come; `Location` is its job", body = Asked)),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/scoring-models/{id}/advice")]
async fn ask_advice(PathId(id): PathId, command: Command<Option<AdviceWish>>) -> Reply {
    command
        .run(move |tx, wish, _| {
            let version = wish.as_ref().and_then(|wish| wish.version).unwrap_or(Choice::LIVE);
            accepted(advice::ask(tx, id, version)?)
        })
        .await
}

/// List a model's advice
///
/// Advice without its reports, newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_score_advice",
    params(("id" = Id, Path, description = "The model"), PageQuery),
    responses((status = 200, description = "A page of advice", body = Page<Asked>)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/advice")]
async fn list_advice(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor.read(move |tx| page_of(tx, id, Kind::Advice, &paging, count)).await
}

/// Get advice
///
/// With what it found, once it is finished.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_score_advice",
    params(
        ("id" = Id, Path, description = "The model"),
        ("advice_id" = Id, Path, description = "The advice"),
    ),
    responses((status = 200, description = "The advice", body = Advice)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/advice/{advice_id}")]
async fn show_advice(actor: Actor, PathIds(id, advice_id): PathIds) -> Reply {
    actor
        .read(move |tx| {
            let asked = tx.studies().get(id, Kind::Advice, advice_id)?.into();
            Answer::ok(&Advice { asked, report: tx.studies().report(advice_id)? })
        })
        .await
}

//! Scoring models over HTTP, and the paths of scoring.

use actix_web::{get, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Definition, ScoringModel, Status, check_handlers, lead_handlers};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind};
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::jobs::Job;
use crate::scoring;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(show_draft).service(save_draft);
    routes.service(publish).service(stop);
    check_handlers::routes(routes);
    lead_handlers::routes(routes);
}

/// The fields that models can be ordered by.
const MODEL_SORT: &[SortField] = &[SortField::new("created_at", "scoring_models.created_at", SortKind::Instant)];

/// A scoring model, without its rules.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoringModelSummary)]
struct Summary {
    /// Its id.
    id: Id,
    /// Its name.
    #[schema(example = "Newcomers")]
    name: String,
    /// Whether it scores leads.
    status: Status,
    /// The version that scores leads; null when none does.
    #[schema(example = 1)]
    live_version: Option<i64>,
    /// Whether there is a draft that can be published.
    has_draft: bool,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    version: i64,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// A scoring model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoringModel)]
struct View {
    #[serde(flatten)]
    summary: Summary,
    /// What scores leads; null when nothing does. A published version never changes.
    definition: Option<Definition>,
    /// What can be published as the next version; null when there is no draft.
    draft: Option<Definition>,
}

impl From<ScoringModel> for Summary {
    fn from(model: ScoringModel) -> Self {
        Self {
            id: model.id,
            name: model.name,
            status: model.status.0,
            live_version: model.live_version,
            has_draft: model.draft.is_some(),
            version: model.version,
            created_at: model.created_at,
            updated_at: model.updated_at,
        }
    }
}

impl View {
    fn new(tx: &mut Tx<'_>, model: ScoringModel) -> Result<Self> {
        let definition = match model.live_version {
            Some(version) => Some(tx.scoring_models().definition(model.id, version)?),
            None => None,
        };
        let draft = model.draft.clone().map(|draft| draft.0);
        Ok(Self { definition, draft, summary: model.into() })
    }
}

/// Which models to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ModelQuery {
    /// Only models with this status.
    #[param(inline)]
    status: Option<Status>,
}

/// List scoring models
///
/// Models without their rules, newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_scoring_models",
    params(ModelQuery, PageQuery),
    responses((status = 200, description = "A page of models", body = Page<Summary>)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models")]
async fn list(actor: Actor, query: web::Query<ModelQuery>, page: web::Query<PageQuery>) -> Reply {
    let (status, count, paging) = (query.status, page.count == Some(true), page.paging(MODEL_SORT)?);
    actor
        .read(move |tx| {
            let total = if count { Some(tx.scoring_models().count(status)?) } else { None };
            let rows = tx.scoring_models().list(status, &paging)?;
            Answer::ok(&Page::new(rows, &paging, total, Summary::from)?)
        })
        .await
}

/// Create a scoring model
///
/// The model has only a draft and scores nothing until it is published. A draft that makes no sense is refused with
/// everything that is wrong with it.
#[utoipa::path(
    tag = "scoring",
    operation_id = "create_scoring_model",
    request_body(content = Definition, example = json!(example())),
    responses((status = 201, description = "The model", body = View)),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/scoring-models")]
async fn create(command: Command<Definition>) -> Reply {
    command
        .run(|tx, definition, _| {
            let model = scoring::create(tx, definition)?;
            let (id, version) = (model.id, model.version);
            Ok(Answer::created(format!("/v1/scoring-models/{id}"), &View::new(tx, model)?)?.version(version))
        })
        .await
}

/// Get a scoring model
///
/// The model with what scores leads now, and with the draft of what shall.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_scoring_model",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 200, description = "The model", body = View)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let model = tx.scoring_models().get(id)?;
            answer(tx, model)
        })
        .await
}

/// Get a model's draft
///
/// 404 when the model has no draft.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_scoring_model_draft",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 200, description = "The draft", body = Definition)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/draft")]
async fn show_draft(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let model = tx.scoring_models().get(id)?;
            let draft = model.draft.ok_or(Error::NotFound)?;
            Ok(Answer::ok(&draft)?.version(model.version))
        })
        .await
}

/// Save a model's draft
///
/// Replaces the draft. A live model goes on as it is, with the draft of its next version beside it. A draft that makes
/// no sense is refused with everything that is wrong with it.
#[utoipa::path(
    tag = "scoring",
    operation_id = "save_scoring_model_draft",
    params(
        ("id" = Id, Path, description = "The model"),
        ("If-Match" = String, Header, description = "The ETag of the model's version to change; another version gives 412"),
    ),
    request_body(content = Definition, example = json!(example())),
    responses(
        (status = 200, description = "The draft", body = Definition),
        (status = 412, description = "The model has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["scoring:write"])),
)]
#[put("/v1/scoring-models/{id}/draft")]
async fn save_draft(PathId(id): PathId, command: Command<Definition>) -> Reply {
    command
        .run(move |tx, definition, condition| {
            let model = scoring::save_draft(tx, id, definition, condition)?;
            Ok(Answer::ok(definition)?.version(model.version))
        })
        .await
}

/// Publish a model's draft
///
/// The draft becomes the live version at once, and a job scores every open lead by it, some at a time, while everything
/// goes on. Until its turn comes a lead is scored by the version before; no lead ever has a mix of both. 409 when there
/// is no draft.
#[utoipa::path(
    tag = "scoring",
    operation_id = "publish_scoring_model",
    params(
        ("id" = Id, Path, description = "The model"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to publish; another version gives 412"),
    ),
    responses(
        (status = 202, description = "The job that scores the leads; `Location` is where to follow it", body = Job),
        (status = 412, description = "The model has changed since it was read"),
        (status = 422, description = "The draft breaks rules that came after it was saved; all of them are listed"),
    ),
    security(("bearer" = ["scoring:publish"])),
)]
#[post("/v1/scoring-models/{id}/publish")]
async fn publish(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            let job = scoring::publish(tx, id, condition)?;
            Answer::job(job.id, &job)
        })
        .await
}

/// What becomes of the scores of a model that is stopped.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringModelStop)]
struct Stop {
    /// Whether leads keep the scores they have, as they are; by default they are taken back.
    #[serde(default)]
    #[schema(default = false, example = true)]
    keep_scores: bool,
}

/// Stop a model
///
/// The model scores no more. A job takes its scores off the open leads, which the ledger shows, or, with `keep_scores`,
/// leaves them as they are; either way they count no more for a lead's score and temperature. Stages and sales-ready
/// marks stay, and closed leads keep what they were closed with. 409 when the model is not live. A stopped model can be
/// given a draft and published again.
#[utoipa::path(
    tag = "scoring",
    operation_id = "stop_scoring_model",
    params(
        ("id" = Id, Path, description = "The model"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to stop; another version gives 412"),
    ),
    request_body(content = Option<Stop>, example = json!({"keep_scores": true})),
    responses(
        (status = 202, description = "The job; `Location` is where to follow it", body = Job),
        (status = 412, description = "The model has changed since it was read"),
    ),
    security(("bearer" = ["scoring:publish"])),
)]
#[post("/v1/scoring-models/{id}/stop")]
async fn stop(PathId(id): PathId, command: Command<Option<Stop>>) -> Reply {
    command
        .run(move |tx, stop, condition| {
            let keep_scores = stop.as_ref().is_some_and(|stop| stop.keep_scores);
            let job = scoring::stop(tx, id, keep_scores, condition)?;
            Answer::job(job.id, &job)
        })
        .await
}

fn answer(tx: &mut Tx<'_>, model: ScoringModel) -> Result<Answer> {
    let version = model.version;
    Ok(Answer::ok(&View::new(tx, model)?)?.version(version))
}

/// A model to begin with.
pub(super) fn example() -> serde_json::Value {
    serde_json::json!({
        "name": "Newcomers",
        "target": "contact",
        "sales_ready_score": 100,
        "rules": [
            {"key": "white_paper", "readiness_percent": 30,
             "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 1}}]},
            {"key": "opens", "points": 5,
             "when": [{"interaction": "email_opened", "frequency": "each", "max_times": 3, "within_days": 30}]},
            {"key": "webinar", "points": 40,
             "when": [{"interaction": "event_attended", "frequency": "each", "decay": {"percent": 50, "every_days": 30}}]},
            {"key": "decider", "points": 20,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "silent", "points": -15,
             "when": [{"interaction": "page_visited", "frequency": "none", "within_days": 60}]},
        ],
    })
}

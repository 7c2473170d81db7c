//! Jobs over HTTP.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Job, JobFilter, Kind, State};
use crate::auth::Actor;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::jobs;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(show).service(retry);
}

/// The fields that jobs can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("created_at", "jobs.created_at", SortKind::Instant)];

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JobQuery {
    /// Only jobs of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only jobs in this state.
    #[param(inline)]
    state: Option<State>,
}

/// List jobs
///
/// What was asked for and takes longer than a request, newest first unless asked otherwise. Can be ordered by
/// `created_at`.
#[utoipa::path(
    tag = "jobs",
    operation_id = "list_jobs",
    params(JobQuery, PageQuery),
    responses((status = 200, description = "A page of jobs", body = Page<Job>)),
    security(("bearer" = ["jobs:read"])),
)]
#[get("/v1/jobs")]
async fn list(actor: Actor, query: web::Query<JobQuery>, page: web::Query<PageQuery>) -> Reply {
    let (filter, paging) = (JobFilter { kind: query.kind, state: query.state }, page.paging(SORT_FIELDS)?);
    actor.read(move |tx| Answer::ok(&Page::new(tx.jobs().list(filter, &paging)?, &paging, None, |job| job)?)).await
}

/// Get a job
///
/// How far it is and what came of it.
#[utoipa::path(
    tag = "jobs",
    operation_id = "get_job",
    params(("id" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job)),
    security(("bearer" = ["jobs:read"])),
)]
#[get("/v1/jobs/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&tx.jobs().get(id)?)).await
}

/// Start a job again
///
/// Lets a job that failed go on from its last step. Any other gives 409.
#[utoipa::path(
    tag = "jobs",
    operation_id = "retry_job",
    params(("id" = Id, Path, description = "The job")),
    responses((status = 202, description = "The job, waiting for a worker", body = Job)),
    security(("bearer" = ["jobs:write"])),
)]
#[post("/v1/jobs/{id}/retry")]
async fn retry(PathId(id): PathId, command: Command<()>) -> Reply {
    command.run(move |tx, (), _| Answer::accepted(&jobs::retry(tx, id)?)).await
}

//! Processes and transitions over HTTP.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::stage::Process;
use super::{StageChange, StageMove};
use crate::auth::Actor;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::id::Id;
use crate::process;

/// The paths of this feature.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(processes).service(history).service(transition);
}

/// The fields that a history can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "stage_changes.at", SortKind::Instant)];

/// The processes of a workspace.
#[derive(Serialize, ToSchema)]
struct Processes {
    /// All of them.
    data: Vec<Process>,
}

/// List processes
///
/// The sequences of stages that leads of the workspace go through.
#[utoipa::path(
    tag = "process",
    operation_id = "list_processes",
    responses((status = 200, description = "The processes", body = Processes)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/processes")]
async fn processes(_: Actor) -> Reply {
    Ok(Answer::ok(&Processes { data: vec![Process::shipped()] })?)
}

/// List a lead's transitions
///
/// How the lead came where it stands: both stages, cause, who, when, and the time spent. Newest first unless asked
/// otherwise; can be ordered by `at`.
#[utoipa::path(
    tag = "process",
    operation_id = "list_transitions",
    params(("id" = Id, Path, description = "The lead"), PageQuery),
    responses(
        (status = 200, description = "A page of changes", body = Page<StageChange>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/transitions")]
async fn history(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(SORT_FIELDS)?;
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            Answer::ok(&Page::new(tx.stages().history(id, &paging)?, &paging, None, |change| change)?)
        })
        .await
}

/// Where to move a lead.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"to": "teleprospect_acceptance", "note": "asked to be called"}))]
struct NewTransition {
    /// The stage to enter, forward or back.
    #[schema(min_length = 1, max_length = 64)]
    to: String,
    /// Why, for people.
    #[schema(max_length = 2_000)]
    note: Option<String>,
}

/// Move a lead
///
/// Moves an open lead to another stage of its process. A closed lead, or one that is there already, gives 409.
#[utoipa::path(
    tag = "process",
    operation_id = "create_transition",
    params(("id" = Id, Path, description = "The lead")),
    request_body = NewTransition,
    responses(
        (status = 201, description = "Both stages", body = StageMove),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/transitions")]
async fn transition(PathId(id): PathId, command: Command<NewTransition>) -> Reply {
    command
        .run(move |tx, new, _| {
            tx.leads().get(id)?;
            let moved = process::move_by_hand(tx, id, &new.to, new.note.clone())?;
            Answer::created(format!("/v1/leads/{id}/transitions"), &moved)
        })
        .await
}

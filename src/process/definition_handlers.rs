//! Processes over HTTP.

use actix_web::{delete, get, patch, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::definitions::{self, Definition, ProcessPatch, Shown};
use super::stage::Process;
use crate::auth::Actor;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::path::PathKey;
use crate::http::routes::Routes;

/// The paths of processes.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
}

/// The processes of a workspace.
#[derive(Serialize, ToSchema)]
struct Processes {
    /// All of them: the shipped one, then the workspace's own by key.
    #[schema(value_type = Vec<Shown>)]
    data: Vec<Definition>,
}

fn shown(definition: &Definition) -> Result<Answer> {
    Ok(Answer::ok(definition)?.version(definition.version))
}

/// List processes
///
/// The sequences of stages that leads of the workspace go through: the shipped one, and up to 100 of its own.
#[utoipa::path(
    tag = "process",
    operation_id = "list_processes",
    responses((status = 200, description = "The processes", body = Processes)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/processes")]
async fn list(actor: Actor) -> Reply {
    actor.read(|tx| Answer::ok(&Processes { data: definitions::all(tx)? })).await
}

/// Create a process
///
/// Adds a sequence of stages. Leads go through it when they are told to (`POST /v1/leads/{id}/transitions`), or from the
/// start when the settings name it as `default_process`. A key that exists gives 409.
#[utoipa::path(
    tag = "process",
    operation_id = "create_process",
    request_body = Process,
    responses((status = 201, description = "The process", body = Shown)),
    security(("bearer" = ["process:write"])),
)]
#[post("/v1/processes")]
async fn create(command: Command<Process>) -> Reply {
    command
        .run(|tx, process, _| {
            let definition = definitions::create(tx, process)?;
            let path = format!("/v1/processes/{}", definition.process.key);
            Ok(Answer::created(path, &definition)?.version(definition.version))
        })
        .await
}

/// Get a process
///
/// Its stages, first to last, with what each asks for.
#[utoipa::path(
    tag = "process",
    operation_id = "get_process",
    params(("key" = String, Path, description = "The process", example = "lead_to_opportunity_marketing")),
    responses((status = 200, description = "The process", body = Shown)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/processes/{key}")]
async fn show(actor: Actor, PathKey(key): PathKey) -> Reply {
    actor.read(move |tx| shown(&definitions::get(tx, &key)?)).await
}

/// Change a process
///
/// A merge patch: absent members stay, the list of stages is replaced as a whole. It counts for all leads of the process
/// at once; deadlines follow within a minute, but for those that were missed already. Leaving out a stage, or giving it
/// another key, while leads stand in it gives 422. The shipped process is changed for this workspace alone.
#[utoipa::path(
    tag = "process",
    operation_id = "change_process",
    params(
        ("key" = String, Path, description = "The process", example = "lead_to_opportunity_marketing"),
        ("If-Match" = String, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = ProcessPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The process after the change", body = Shown),
        (status = 412, description = "The process has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["process:write"])),
)]
#[patch("/v1/processes/{key}")]
async fn change(PathKey(key): PathKey, command: Command<ProcessPatch>) -> Reply {
    command.run(move |tx, patch, condition| shown(&definitions::change(tx, &key, patch, condition)?)).await
}

/// Delete a process
///
/// Refused (409) for the shipped process, for the one that new leads enter, and while leads are in it, closed ones with
/// them.
#[utoipa::path(
    tag = "process",
    operation_id = "delete_process",
    params(
        ("key" = String, Path, description = "The process", example = "re_sale"),
        ("If-Match" = String, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The process is shipped, is that of new leads, or has leads in it"),
        (status = 412, description = "The process has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["process:write"])),
)]
#[delete("/v1/processes/{key}")]
async fn remove(PathKey(key): PathKey, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            definitions::remove(tx, &key, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

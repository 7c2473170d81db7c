//! The register of kinds over HTTP (INT-1).

use actix_web::{delete, get, patch, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::kind::{self, OwnKind};
use crate::auth::Actor;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::path::PathKey;
use crate::http::routes::Routes;

/// The paths of kinds.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_kinds).service(create_kind).service(show_kind).service(rename_kind).service(remove_kind);
}

/// A kind of interaction.
#[derive(Serialize, ToSchema)]
#[schema(as = InteractionKind)]
struct Kind {
    /// Its name for programs.
    #[schema(example = "demo_requested")]
    key: String,
    /// Its name for people.
    #[schema(example = "Requested a demonstration")]
    name: String,
    /// Whether every workspace has it; such a one stays as it is.
    built_in: bool,
}

impl Kind {
    fn built_in(key: &str, name: &str) -> Self {
        Self { key: key.to_owned(), name: name.to_owned(), built_in: true }
    }
}

impl From<OwnKind> for Kind {
    fn from(own: OwnKind) -> Self {
        Self { key: own.key, name: own.name, built_in: false }
    }
}

/// The kinds of interaction of a workspace.
#[derive(Serialize, ToSchema)]
struct Kinds {
    /// All of them, those built in first.
    data: Vec<Kind>,
}

/// A kind of interaction that the workspace adds.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInteractionKind, example = json!({"key": "demo_requested", "name": "Requested a demonstration"}))]
struct NewKind {
    /// Its name for programs.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    key: String,
    /// Its name for people.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
}

/// List interaction kinds
///
/// Those built in and the workspace's own.
#[utoipa::path(
    tag = "interactions",
    operation_id = "list_interaction_kinds",
    responses((status = 200, description = "The kinds", body = Kinds)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interaction-kinds")]
async fn list_kinds(actor: Actor) -> Reply {
    actor
        .read(|tx| {
            let built_in = kind::BUILT_IN.iter().map(|(key, name)| Kind::built_in(key, name));
            let own = tx.interactions().kinds()?.into_iter().map(Kind::from);
            Answer::ok(&Kinds { data: built_in.chain(own).collect() })
        })
        .await
}

/// Create an interaction kind
///
/// Adds a kind of the workspace's own. A key that exists gives 409.
#[utoipa::path(
    tag = "interactions",
    operation_id = "create_interaction_kind",
    request_body = NewKind,
    responses((status = 201, description = "The kind", body = Kind)),
    security(("bearer" = ["interactions:write"])),
)]
#[post("/v1/interaction-kinds")]
async fn create_kind(command: Command<NewKind>) -> Reply {
    command
        .run(|tx, new, _| {
            let own = kind::create(tx, &new.key, &new.name)?;
            let (version, path) = (own.version, format!("/v1/interaction-kinds/{}", own.key));
            Ok(Answer::created(path, &Kind::from(own))?.version(version))
        })
        .await
}

/// Get an interaction kind
///
/// One kind, built in or the workspace's own.
#[utoipa::path(
    tag = "interactions",
    operation_id = "get_interaction_kind",
    params(("key" = String, Path, description = "The kind's name for programs", example = "demo_requested")),
    responses((status = 200, description = "The kind", body = Kind)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interaction-kinds/{key}")]
async fn show_kind(actor: Actor, PathKey(key): PathKey) -> Reply {
    actor
        .read(move |tx| match kind::built_in_name(&key) {
            Some(name) => Answer::ok(&Kind::built_in(&key, name)),
            None => shown(tx.interactions().kind(&key)?),
        })
        .await
}

/// Another name for a kind.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InteractionKindPatch, example = json!({"name": "Asked for a demonstration"}))]
struct KindPatch {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
}

/// Rename an interaction kind
///
/// Gives a kind of the workspace's own another name for people; its key stays. A built-in one gives 409.
#[utoipa::path(
    tag = "interactions",
    operation_id = "rename_interaction_kind",
    params(
        ("key" = String, Path, description = "The kind's name for programs", example = "demo_requested"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = KindPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The kind after the change", body = Kind),
        (status = 412, description = "The kind has changed since it was read"),
    ),
    security(("bearer" = ["interactions:write"])),
)]
#[patch("/v1/interaction-kinds/{key}")]
async fn rename_kind(PathKey(key): PathKey, command: Command<KindPatch>) -> Reply {
    command.run(move |tx, patch, condition| shown(kind::rename(tx, &key, patch.name.as_deref(), condition)?)).await
}

/// Delete an interaction kind
///
/// Only a kind of the workspace's own of which nothing was recorded and about which no draft or live scoring model asks;
/// otherwise 409.
#[utoipa::path(
    tag = "interactions",
    operation_id = "delete_interaction_kind",
    params(
        ("key" = String, Path, description = "The kind's name for programs", example = "demo_requested"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "The kind has changed since it was read"),
    ),
    security(("bearer" = ["interactions:write"])),
)]
#[delete("/v1/interaction-kinds/{key}")]
async fn remove_kind(PathKey(key): PathKey, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            kind::remove(tx, &key, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

fn shown(own: OwnKind) -> Result<Answer> {
    let version = own.version;
    Ok(Answer::ok(&Kind::from(own))?.version(version))
}

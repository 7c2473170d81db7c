//! Matching strategies over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::strategies::{self, Entry, NewStrategy, StrategyPatch, VERSION_SORT, Version};
use super::strategy::Strategy;
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::forms::strategies as of_forms;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of strategies.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
    routes.service(make_default).service(list_versions);
}

/// The matching strategies of a workspace.
#[derive(Serialize, ToSchema)]
struct MatchingStrategies {
    /// All of them: the shipped ones, then the workspace's own by key.
    data: Vec<Entry>,
}

/// The rules of one version of a strategy.
#[derive(Serialize, ToSchema)]
#[schema(as = MatchingStrategyVersion)]
struct VersionView {
    /// The rules.
    strategy: Strategy,
    /// The user or client who made the version; null for a shipped strategy.
    changed_by: Option<Id>,
    /// Since when it counts; null for a shipped strategy.
    at: Option<Timestamp>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self { strategy: version.definition.0, changed_by: version.changed_by, at: Some(version.at) }
    }
}

fn shown(entry: &Entry) -> Result<Answer> {
    Ok(Answer::ok(entry)?.version(entry.version))
}

/// List matching strategies
///
/// How incoming contacts and leads are compared with known ones. The shipped ones find a contact by its e-mail address,
/// and a lead by contact and form, else by e-mail address and form; a workspace may have up to 100 of its own.
#[utoipa::path(
    tag = "matching",
    operation_id = "list_matching_strategies",
    responses((status = 200, description = "The strategies", body = MatchingStrategies)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/matching-strategies")]
async fn list(actor: Actor) -> Reply {
    actor.read(|tx| Answer::ok(&MatchingStrategies { data: strategies::all(tx)? })).await
}

/// Create a matching strategy
///
/// Forms may name it from then on. Made the default, it must suit every live form that names none: one whose fields can
/// never satisfy an alternative is named (422).
#[utoipa::path(
    tag = "matching",
    operation_id = "create_matching_strategy",
    request_body = NewStrategy,
    responses((status = 201, description = "The strategy", body = Entry)),
    security(("bearer" = ["matching:write"])),
)]
#[post("/v1/matching-strategies")]
async fn create(command: Command<NewStrategy>) -> Reply {
    command
        .run(|tx, new, _| {
            let entry = strategies::create(tx, new)?;
            of_forms::refuse_unsuited(tx, &entry)?;
            let location = format!("/v1/matching-strategies/{}", entry.id);
            Ok(Answer::created(location, &entry)?.version(entry.version))
        })
        .await
}

/// Get a matching strategy
///
/// Its rules, and whether it is the default.
#[utoipa::path(
    tag = "matching",
    operation_id = "get_matching_strategy",
    params(("id" = Id, Path, description = "The strategy")),
    responses((status = 200, description = "The strategy", body = Entry)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/matching-strategies/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| shown(&strategies::get(tx, id)?)).await
}

/// Change a matching strategy
///
/// A merge patch: absent members stay, lists are replaced as a whole. What comes in from then on is compared by the new
/// version; decisions keep the one they were made by. Every live form that uses the strategy must still suit it: one
/// whose fields can never satisfy an alternative is named (422).
#[utoipa::path(
    tag = "matching",
    operation_id = "change_matching_strategy",
    params(
        ("id" = Id, Path, description = "The strategy"),
        ("If-Match" = String, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = StrategyPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The strategy after the change", body = Entry),
        (status = 409, description = "The strategy is a shipped one"),
        (status = 412, description = "The strategy has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["matching:write"])),
)]
#[patch("/v1/matching-strategies/{id}")]
async fn change(PathId(id): PathId, command: Command<StrategyPatch>) -> Reply {
    command
        .run(move |tx, patch, condition| {
            let entry = strategies::change(tx, id, patch, condition)?;
            of_forms::refuse_unsuited(tx, &entry)?;
            shown(&entry)
        })
        .await
}

/// Delete a matching strategy
///
/// Refused (409) for a shipped strategy, for the default, and while a form names it. The rules that decisions were made
/// by stay readable.
#[utoipa::path(
    tag = "matching",
    operation_id = "delete_matching_strategy",
    params(
        ("id" = Id, Path, description = "The strategy"),
        ("If-Match" = String, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The strategy is shipped, is the default, or is named by a form"),
        (status = 412, description = "The strategy has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["matching:write"])),
)]
#[delete("/v1/matching-strategies/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            let removed = strategies::remove(tx, id, condition)?;
            of_forms::refuse_named(tx, &removed)?;
            Ok(Answer::deleted())
        })
        .await
}

/// Make a matching strategy the default
///
/// Every form that names no strategy for the target uses it from then on. The one that was the default no longer is;
/// a shipped strategy can be made the default again in the same way.
#[utoipa::path(
    tag = "matching",
    operation_id = "make_matching_strategy_default",
    params(
        ("id" = Id, Path, description = "The strategy"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to make the default; another version gives 412"),
    ),
    responses(
        (status = 200, description = "The strategy, the default", body = Entry),
        (status = 412, description = "The strategy has changed since it was read"),
        (status = 422, description = "A live form that names no strategy has fields that it can never satisfy"),
    ),
    security(("bearer" = ["matching:write"])),
)]
#[post("/v1/matching-strategies/{id}/default")]
async fn make_default(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            let entry = strategies::make_default(tx, id, condition)?;
            of_forms::refuse_unsuited(tx, &entry)?;
            shown(&entry)
        })
        .await
}

/// List the versions of a matching strategy
///
/// The rules of each, newest first unless asked otherwise. Can be ordered by `version`.
#[utoipa::path(
    tag = "matching",
    operation_id = "list_matching_strategy_versions",
    params(("id" = Id, Path, description = "The strategy"), PageQuery),
    responses((status = 200, description = "A page of versions", body = Page<VersionView>)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/matching-strategies/{id}/versions")]
async fn list_versions(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(VERSION_SORT)?;
    actor
        .read(move |tx| {
            let entry = strategies::get(tx, id)?;
            if entry.is_shipped {
                let only = VersionView { strategy: entry.strategy, changed_by: None, at: None };
                return Answer::ok(&Page { data: vec![only], next_cursor: None, total: None });
            }
            let versions = tx.own_strategies().versions(&entry.strategy.key, &paging)?;
            Answer::ok(&Page::new(versions, &paging, None, VersionView::from)?)
        })
        .await
}

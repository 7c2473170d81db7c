//! Assignment rules over HTTP, and the paths of the whole feature.

use actix_web::{delete, get, patch, post, web};

use super::{NewRule, RULE_SORT, Rule, RulePatch, dry_run_handlers, lead_handlers};
use crate::assignment;
use crate::auth::Actor;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create);
    dry_run_handlers::routes(routes);
    routes.service(show).service(change).service(remove);
    lead_handlers::routes(routes);
}

/// List assignment rules
///
/// The rules that give out leads, in the order in which they are asked unless asked otherwise. Can be ordered by
/// `position`, `created_at`.
#[utoipa::path(
    tag = "assignment",
    operation_id = "list_assignment_rules",
    params(PageQuery),
    responses((status = 200, description = "A page of rules", body = Page<Rule>)),
    security(("bearer" = ["assignment:read"])),
)]
#[get("/v1/assignment-rules")]
async fn list(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let page = page.into_inner();
    let count = page.count == Some(true);
    let page = PageQuery { sort: page.sort.or_else(|| Some("position".to_owned())), ..page };
    let paging = page.paging(RULE_SORT)?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.assignment_rules().count()?) } else { None };
            Answer::ok(&Page::new(tx.assignment_rules().list(&paging)?, &paging, total, |rule| rule)?)
        })
        .await
}

/// Create an assignment rule
///
/// Adds a rule, at the end unless a place is named. It is asked about leads from then on, and about those that wait. 409
/// when the workspace has as many rules as it may.
#[utoipa::path(
    tag = "assignment",
    operation_id = "create_assignment_rule",
    request_body = NewRule,
    responses((status = 201, description = "The rule", body = Rule)),
    security(("bearer" = ["assignment:write"])),
)]
#[post("/v1/assignment-rules")]
async fn create(command: Command<NewRule>) -> Reply {
    command
        .run(|tx, new, _| {
            let rule = assignment::create(tx, new)?;
            Ok(Answer::created(format!("/v1/assignment-rules/{}", rule.id), &rule)?.version(rule.version))
        })
        .await
}

/// Get an assignment rule
///
/// One rule.
#[utoipa::path(
    tag = "assignment",
    operation_id = "get_assignment_rule",
    params(("id" = Id, Path, description = "The rule")),
    responses((status = 200, description = "The rule", body = Rule)),
    security(("bearer" = ["assignment:read"])),
)]
#[get("/v1/assignment-rules/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| shown(&tx.assignment_rules().get(id)?)).await
}

/// Change an assignment rule
///
/// A merge patch: absent fields stay, null clears. A new `position` moves the rule, and others make room. Another mode,
/// target or other weights begin its round anew. Leads that wait are asked about again.
#[utoipa::path(
    tag = "assignment",
    operation_id = "change_assignment_rule",
    params(
        ("id" = Id, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = RulePatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The rule after the change", body = Rule),
        (status = 412, description = "The rule has changed since it was read"),
    ),
    security(("bearer" = ["assignment:write"])),
)]
#[patch("/v1/assignment-rules/{id}")]
async fn change(PathId(id): PathId, command: Command<RulePatch>) -> Reply {
    command.run(move |tx, patch, condition| shown(&assignment::change(tx, id, patch, condition)?)).await
}

/// Remove an assignment rule
///
/// The rules behind it move up. Leads that it gave out stay whose they are.
#[utoipa::path(
    tag = "assignment",
    operation_id = "remove_assignment_rule",
    params(
        ("id" = Id, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to remove; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 412, description = "The rule has changed since it was read"),
    ),
    security(("bearer" = ["assignment:write"])),
)]
#[delete("/v1/assignment-rules/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            assignment::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

fn shown(rule: &Rule) -> Result<Answer> {
    Ok(Answer::ok(rule)?.version(rule.version))
}

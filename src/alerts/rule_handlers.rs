//! The rules of alerts over HTTP.

use actix_web::{delete, get, patch, post, web};

use super::handlers::user;
use super::rules::{self, AlertRule, AlertRulePatch, NewAlertRule, SORT_FIELDS};
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Result, Violation, all_hold};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::interactions::kind;

/// The paths of rules.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
}

fn shown(rule: &AlertRule) -> Result<Answer> {
    Ok(Answer::ok(rule)?.version(rule.version))
}

/// Refuses kinds of interaction that the register does not have.
fn refuse_unknown(tx: &mut Tx<'_>, kinds: Option<&Vec<String>>) -> Result<()> {
    let mut broken = Vec::new();
    for (place, key) in kinds.into_iter().flatten().enumerate() {
        if !kind::is_built_in(key) && !tx.interactions().has_kind(key)? {
            let detail = "is no kind of this workspace; GET /v1/interaction-kinds lists them";
            broken.push(Violation::new(format!("/kinds/{place}"), "unknown", detail));
        }
    }
    all_hold(broken)
}

/// List alert rules
///
/// What the calling user wants to be told of, newest first unless asked otherwise: the two rules that everyone has, and
/// the user's own. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "alerts",
    operation_id = "list_alert_rules",
    params(PageQuery),
    responses((status = 200, description = "A page of rules", body = Page<AlertRule>)),
    security(("bearer" = ["alerts:read"])),
)]
#[get("/v1/alert-rules")]
async fn list(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let (user, count, paging) = (user(&actor)?, page.count == Some(true), page.paging(SORT_FIELDS)?);
    let work = move |tx: &mut Tx<'_>| {
        rules::ship(tx, user)?;
        let total = if count { Some(tx.alert_rules().count(user)?) } else { None };
        Answer::ok(&Page::new(tx.alert_rules().list(user, &paging)?, &paging, total, |rule| rule)?)
    };
    Ok(actor.state.db.write(actor.scope(), work).await?)
}

/// Create an alert rule
///
/// Lets the calling user be told of scores or interactions of their leads, up to 50 rules. The rules on `assigned` and
/// `sales_ready` everyone has already: 409. So does a second rule for a score.
#[utoipa::path(
    tag = "alerts",
    operation_id = "create_alert_rule",
    request_body = NewAlertRule,
    responses((status = 201, description = "The rule", body = AlertRule)),
    security(("bearer" = ["alerts:write"])),
)]
#[post("/v1/alert-rules")]
async fn create(command: Command<NewAlertRule>) -> Reply {
    let user = user(&command.actor)?;
    command
        .run(move |tx, new, _| {
            refuse_unknown(tx, new.kinds.as_ref())?;
            let rule = rules::create(tx, user, new)?;
            Ok(Answer::created(format!("/v1/alert-rules/{}", rule.id), &rule)?.version(rule.version))
        })
        .await
}

/// Get an alert rule
///
/// One rule of the calling user.
#[utoipa::path(
    tag = "alerts",
    operation_id = "get_alert_rule",
    params(("id" = Id, Path, description = "The rule")),
    responses((status = 200, description = "The rule", body = AlertRule)),
    security(("bearer" = ["alerts:read"])),
)]
#[get("/v1/alert-rules/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    let user = user(&actor)?;
    actor.read(move |tx| shown(&tx.alert_rules().get(user, id)?)).await
}

/// Change an alert rule
///
/// A merge patch: absent fields stay, null clears. `enabled` switches any rule off and on; what it is about stays.
#[utoipa::path(
    tag = "alerts",
    operation_id = "change_alert_rule",
    params(
        ("id" = Id, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = AlertRulePatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The rule after the change", body = AlertRule),
        (status = 412, description = "The rule has changed since it was read"),
    ),
    security(("bearer" = ["alerts:write"])),
)]
#[patch("/v1/alert-rules/{id}")]
async fn change(PathId(id): PathId, command: Command<AlertRulePatch>) -> Reply {
    let user = user(&command.actor)?;
    command
        .run(move |tx, patch, condition| {
            refuse_unknown(tx, patch.kinds.as_ref().and_then(Option::as_ref))?;
            shown(&rules::change(tx, (user, id), patch, condition)?)
        })
        .await
}

/// Delete an alert rule
///
/// Removes a rule of the calling user. The two that everyone has cannot be deleted, only switched off: 409.
#[utoipa::path(
    tag = "alerts",
    operation_id = "delete_alert_rule",
    params(
        ("id" = Id, Path, description = "The rule"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "The rule has changed since it was read"),
    ),
    security(("bearer" = ["alerts:write"])),
)]
#[delete("/v1/alert-rules/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    let user = user(&command.actor)?;
    command
        .run(move |tx, (), condition| {
            rules::remove(tx, user, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

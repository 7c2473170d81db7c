//! Alerts over HTTP.

use actix_web::{get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Alert, AlertFilter, Kind, SORT_FIELDS, rule_handlers};
use crate::alerts;
use crate::auth::Actor;
use crate::auth::token::PrincipalKind;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind as ProblemKind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(read_all).service(show).service(change);
    rule_handlers::routes(routes);
}

/// The user who asks; programs have no alerts.
pub(super) fn user(actor: &Actor) -> std::result::Result<Id, Problem> {
    match actor.kind {
        PrincipalKind::User => Ok(actor.principal_id),
        PrincipalKind::Client => Err(Problem::new(ProblemKind::Forbidden, "alerts are for users; a client has none")),
    }
}

fn shown(alert: &Alert) -> Result<Answer> {
    Ok(Answer::ok(alert)?.version(alert.version))
}

/// Which alerts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AlertQuery {
    /// Only alerts that were marked as read, or only the others.
    #[param(example = false)]
    read: Option<bool>,
    /// Only alerts of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Only alerts about this lead.
    lead_id: Option<Id>,
    /// Only alerts about this contact.
    contact_id: Option<Id>,
}

/// List alerts
///
/// What the calling user was told, newest first unless asked otherwise. Nobody sees another's. Can be ordered by `at`.
#[utoipa::path(
    tag = "alerts",
    operation_id = "list_alerts",
    params(AlertQuery, PageQuery),
    responses((status = 200, description = "A page of alerts", body = Page<Alert>)),
    security(("bearer" = ["alerts:read"])),
)]
#[get("/v1/alerts")]
async fn list(actor: Actor, query: web::Query<AlertQuery>, page: web::Query<PageQuery>) -> Reply {
    let (user, count, paging) = (user(&actor)?, page.count == Some(true), page.paging(SORT_FIELDS)?);
    let AlertQuery { read, kind, lead_id, contact_id } = query.into_inner();
    let filter = AlertFilter { read, kind, lead_id, contact_id };
    actor
        .read(move |tx| {
            let total = if count { Some(tx.alerts().count(user, &filter)?) } else { None };
            Answer::ok(&Page::new(tx.alerts().list(user, &filter, &paging)?, &paging, total, |alert| alert)?)
        })
        .await
}

/// Get an alert
///
/// One alert of the calling user.
#[utoipa::path(
    tag = "alerts",
    operation_id = "get_alert",
    params(("id" = Id, Path, description = "The alert")),
    responses((status = 200, description = "The alert", body = Alert)),
    security(("bearer" = ["alerts:read"])),
)]
#[get("/v1/alerts/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    let user = user(&actor)?;
    actor.read(move |tx| shown(&tx.alerts().get(user, id)?)).await
}

/// Whether an alert was read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"read": true}))]
struct AlertPatch {
    /// True marks the alert as read now, false as not read.
    read: bool,
}

/// Mark an alert
///
/// Marks an alert of the calling user as read, or as not read. One that is so already stays as it is.
#[utoipa::path(
    tag = "alerts",
    operation_id = "change_alert",
    params(
        ("id" = Id, Path, description = "The alert"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = AlertPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The alert after the change", body = Alert),
        (status = 412, description = "The alert has changed since it was read"),
    ),
    security(("bearer" = ["alerts:write"])),
)]
#[patch("/v1/alerts/{id}")]
async fn change(PathId(id): PathId, command: Command<AlertPatch>) -> Reply {
    let user = user(&command.actor)?;
    command.run(move |tx, patch, condition| shown(&alerts::mark(tx, user, id, patch.read, condition)?)).await
}

/// Up to when alerts were read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"until": "2026-03-02T09:00:00Z"}))]
struct ReadAll {
    /// Alerts raised at this instant or before; give the `at` of the newest that was shown.
    until: Timestamp,
}

/// How many alerts were marked.
#[derive(Serialize, ToSchema)]
struct AlertsRead {
    /// Alerts that were not read before.
    #[schema(example = 12)]
    read: usize,
}

/// Mark all alerts as read
///
/// Marks every alert of the calling user as read that was raised until an instant; what came later stays.
#[utoipa::path(
    tag = "alerts",
    operation_id = "read_all_alerts",
    request_body = ReadAll,
    responses((status = 200, description = "How many were marked", body = AlertsRead)),
    security(("bearer" = ["alerts:write"])),
)]
#[post("/v1/alerts/read-all")]
async fn read_all(command: Command<ReadAll>) -> Reply {
    let user = user(&command.actor)?;
    command.run(move |tx, body, _| Answer::ok(&AlertsRead { read: alerts::mark_all(tx, user, body.until)? })).await
}

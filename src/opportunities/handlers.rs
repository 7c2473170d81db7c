//! Opportunities over HTTP.

use actix_web::{get, patch, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Ending, NewOpportunity, Opportunity, OpportunityFilter, OpportunityPatch, SORT_FIELDS, Status};
use crate::auth::Actor;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::opportunities;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(end).service(reopen);
}

/// Which opportunities to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OpportunityQuery {
    /// Text that the name must hold; case is ignored.
    #[param(max_length = 200, example = "contoso")]
    q: Option<String>,
    /// Only opportunities with this status.
    #[param(inline)]
    status: Option<Status>,
    /// Only opportunities of this user.
    owner_id: Option<Id>,
    /// Only opportunities of this contact.
    contact_id: Option<Id>,
    /// Only opportunities of this account.
    account_id: Option<Id>,
    /// Only opportunities that this lead led to.
    lead_id: Option<Id>,
}

/// List opportunities
///
/// Deals, newest first unless asked otherwise. Can be ordered by `created_at`, `updated_at`, `name`.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "list_opportunities",
    params(OpportunityQuery, PageQuery),
    responses((status = 200, description = "A page of opportunities", body = Page<Opportunity>)),
    security(("bearer" = ["opportunities:read"])),
)]
#[get("/v1/opportunities")]
async fn list(actor: Actor, query: web::Query<OpportunityQuery>, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let OpportunityQuery { q, status, owner_id, contact_id, account_id, lead_id } = query.into_inner();
    let filter = OpportunityFilter { q, status, owner_id, contact_id, account_id, lead_id };
    actor
        .read(move |tx| {
            let total = if count { Some(tx.opportunities().count(&filter)?) } else { None };
            let rows = tx.opportunities().list(&filter, &paging)?;
            Answer::ok(&Page::new(rows, &paging, total, |opportunity| opportunity)?)
        })
        .await
}

/// Create an opportunity
///
/// A deal that is entered by hand. Qualifying a lead makes one, too.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "create_opportunity",
    request_body = NewOpportunity,
    responses((status = 201, description = "The opportunity", body = Opportunity)),
    security(("bearer" = ["opportunities:write"])),
)]
#[post("/v1/opportunities")]
async fn create(command: Command<NewOpportunity>) -> Reply {
    command
        .run(|tx, new, _| {
            let opportunity = opportunities::create(tx, new)?;
            let place = format!("/v1/opportunities/{}", opportunity.id);
            Ok(Answer::created(place, &opportunity)?.version(opportunity.version))
        })
        .await
}

/// Get an opportunity
///
/// One deal.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "get_opportunity",
    params(("id" = Id, Path, description = "The opportunity")),
    responses((status = 200, description = "The opportunity", body = Opportunity)),
    security(("bearer" = ["opportunities:read"])),
)]
#[get("/v1/opportunities/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| shown(&tx.opportunities().get(id)?)).await
}

/// Change an opportunity
///
/// A merge patch: absent fields stay, null clears. One that is won or lost may be corrected, but for its outcome.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "change_opportunity",
    params(
        ("id" = Id, Path, description = "The opportunity"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = OpportunityPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The opportunity after the change", body = Opportunity),
        (status = 412, description = "The opportunity has changed since it was read"),
    ),
    security(("bearer" = ["opportunities:write"])),
)]
#[patch("/v1/opportunities/{id}")]
async fn change(PathId(id): PathId, command: Command<OpportunityPatch>) -> Reply {
    command.run(move |tx, patch, condition| shown(&opportunities::change(tx, id, patch, condition)?)).await
}

/// Win or lose an opportunity
///
/// Says how the deal ended, and when. A backtest tells it of the lead that led to the opportunity.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "end_opportunity",
    params(
        ("id" = Id, Path, description = "The opportunity"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to close; another version gives 412"),
    ),
    request_body = Ending,
    responses(
        (status = 200, description = "The opportunity with its outcome", body = Opportunity),
        (status = 409, description = "It was won or lost already; reopen it first"),
        (status = 412, description = "The opportunity has changed since it was read"),
    ),
    security(("bearer" = ["opportunities:write"])),
)]
#[post("/v1/opportunities/{id}/outcome")]
async fn end(PathId(id): PathId, command: Command<Ending>) -> Reply {
    command.run(move |tx, ending, condition| shown(&opportunities::end(tx, id, ending, condition)?)).await
}

/// Nothing more needs to be said.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpportunityReopening, example = json!({}))]
struct Reopening {}

/// Reopen an opportunity
///
/// Takes the outcome back: the deal is worked on again.
#[utoipa::path(
    tag = "opportunities",
    operation_id = "reopen_opportunity",
    params(
        ("id" = Id, Path, description = "The opportunity"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to reopen; another version gives 412"),
    ),
    request_body = Reopening,
    responses(
        (status = 200, description = "The opportunity, open again", body = Opportunity),
        (status = 409, description = "It is open"),
        (status = 412, description = "The opportunity has changed since it was read"),
    ),
    security(("bearer" = ["opportunities:write"])),
)]
#[post("/v1/opportunities/{id}/reopening")]
async fn reopen(PathId(id): PathId, command: Command<Reopening>) -> Reply {
    command.run(move |tx, _, condition| shown(&opportunities::reopen(tx, id, condition)?)).await
}

fn shown(opportunity: &Opportunity) -> Result<Answer> {
    Ok(Answer::ok(opportunity)?.version(opportunity.version))
}

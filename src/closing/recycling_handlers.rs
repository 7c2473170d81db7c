//! Leads that are put off until a day, over HTTP.

use actix_web::{delete, get, post, put, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Closing;
use super::handlers::{OpenedLead, Reopening, opened};
use super::repository::DeferredFilter;
use crate::auth::Actor;
use crate::closing;
use crate::day::Day;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::Lead;

/// The paths of recycling.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(deferred).service(show).service(defer).service(clear).service(recycle);
}

/// The fields that deferred leads can be ordered by.
const DEFERRED_SORT: &[SortField] = &[SortField::new("recycle_on", "lead_closings.recycle_on", SortKind::Text)];

/// Which deferred leads to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeferredQuery {
    /// Only leads of this user.
    owner_id: Option<Id>,
    /// Only leads that begin anew on this day or later.
    #[param(value_type = Option<Day>)]
    from: Option<Day>,
    /// Only leads that begin anew before this day.
    #[param(value_type = Option<Day>)]
    until: Option<Day>,
}

/// A closed lead that begins anew on a day.
#[derive(Serialize, ToSchema)]
struct DeferredLead {
    /// The day on which it begins anew.
    #[schema(value_type = Day)]
    recycle_on: Option<Day>,
    /// The lead.
    lead: Lead,
    /// How it was closed.
    closing: Closing,
}

impl From<(Closing, Lead)> for DeferredLead {
    fn from((closing, lead): (Closing, Lead)) -> Self {
        Self { recycle_on: closing.recycle_on.map(|day| day.0), lead, closing }
    }
}

impl Sorted for (Closing, Lead) {
    fn id(&self) -> Id {
        self.0.id
    }

    fn sort_value(&self, name: &str) -> String {
        self.0.sort_value(name)
    }
}

/// List deferred leads
///
/// Deferred demand: closed leads with the day on which they begin anew, the nearest first unless asked otherwise. Can be
/// ordered by `recycle_on`.
#[utoipa::path(
    tag = "closing",
    operation_id = "list_deferred_leads",
    params(DeferredQuery, PageQuery),
    responses((status = 200, description = "A page of deferred leads", body = Page<DeferredLead>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/deferred-leads")]
async fn deferred(actor: Actor, query: web::Query<DeferredQuery>, page: web::Query<PageQuery>) -> Reply {
    let page = page.into_inner();
    let count = page.count == Some(true);
    let page = PageQuery { sort: page.sort.or_else(|| Some("recycle_on".to_owned())), ..page };
    let (paging, DeferredQuery { owner_id, from, until }) = (page.paging(DEFERRED_SORT)?, query.into_inner());
    check_range(("from", from), ("until", until))?;
    let filter = DeferredFilter { owner_id, from, until };
    actor
        .read(move |tx| {
            let total = if count { Some(tx.closings().count_deferred(filter)?) } else { None };
            Answer::ok(&Page::new(tx.closings().deferred(filter, &paging)?, &paging, total, DeferredLead::from)?)
        })
        .await
}

/// Get a lead's recycling
///
/// How a closed lead was closed, with the day on which it begins anew, if one is set. An open lead gives 409.
#[utoipa::path(
    tag = "closing",
    operation_id = "get_lead_recycling",
    params(("id" = Id, Path, description = "The lead")),
    responses(
        (status = 200, description = "The closing that stands", body = Closing),
        (status = 409, description = "The lead is open"),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/recycling")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            let closing = tx.closings().standing(id)?;
            shown(&closing.ok_or_else(|| Error::Conflict("the lead is open".into()))?)
        })
        .await
}

/// The day on which a closed lead begins anew.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeadRecyclingDay, example = json!({"recycle_on": "2027-02-01"}))]
struct RecyclingDay {
    /// The day, later than today (UTC).
    recycle_on: Day,
}

/// Put a lead off until a day
///
/// Sets or moves the day on which a closed lead begins anew, at midnight UTC. An open lead gives 409.
#[utoipa::path(
    tag = "closing",
    operation_id = "defer_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the recycling; another version gives 412"),
    ),
    request_body = RecyclingDay,
    responses(
        (status = 200, description = "The closing with its day", body = Closing),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The recycling has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[put("/v1/leads/{id}/recycling")]
async fn defer(PathId(id): PathId, command: Command<RecyclingDay>) -> Reply {
    command.run(move |tx, wish, condition| shown(&closing::defer(tx, id, Some(wish.recycle_on), condition)?)).await
}

/// Clear a lead's recycling day
///
/// The lead stays closed until somebody opens it. An open lead gives 409.
#[utoipa::path(
    tag = "closing",
    operation_id = "clear_lead_recycling",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the recycling; another version gives 412"),
    ),
    responses(
        (status = 204, description = "No day is set"),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The recycling has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[delete("/v1/leads/{id}/recycling")]
async fn clear(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            closing::defer(tx, id, None, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

/// Recycle a lead
///
/// A closed lead begins anew at once: in `marketing_qualification`, without marks, its history kept. Its scores are
/// brought up to date; points that it won since it was closed may make it sales ready.
#[utoipa::path(
    tag = "closing",
    operation_id = "recycle_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the lead's version; another version gives 412"),
    ),
    request_body = Reopening,
    responses(
        (status = 201, description = "The lead, open again", body = OpenedLead),
        (status = 409, description = "The lead is open"),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/recycling")]
async fn recycle(PathId(id): PathId, command: Command<Reopening>) -> Reply {
    command.run(move |tx, wish, condition| opened(closing::recycle(tx, id, wish.note.as_deref(), condition)?)).await
}

fn shown(closing: &Closing) -> Result<Answer> {
    Ok(Answer::ok(closing)?.version(closing.version))
}

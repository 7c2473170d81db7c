//! Events over HTTP.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Event, EventFilter};
use crate::auth::Actor;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery};
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list);
}

/// The fields that events can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "events.at", SortKind::Made)];

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only events of this type.
    #[serde(rename = "type")]
    #[param(max_length = 100, example = "lead.sales_ready")]
    kind: Option<String>,
    /// Only events about this contact.
    contact_id: Option<Id>,
    /// Only events about this lead.
    lead_id: Option<Id>,
}

/// List events
///
/// What happened, newest first unless asked otherwise. Can be ordered by `at`.
#[utoipa::path(
    tag = "events",
    operation_id = "list_events",
    params(EventQuery, PageQuery),
    responses((status = 200, description = "A page of events", body = Page<Event>)),
    security(("bearer" = ["events:read"])),
)]
#[get("/v1/events")]
async fn list(actor: Actor, query: web::Query<EventQuery>, page: web::Query<PageQuery>) -> Reply {
    let EventQuery { kind, contact_id, lead_id } = query.into_inner();
    let (filter, paging) = (EventFilter { kind, contact_id, lead_id }, page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| Answer::ok(&Page::new(tx.events().list(&filter, &paging)?, &paging, None, |event| event)?))
        .await
}

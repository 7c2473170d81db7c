//! The touches of a lead over HTTP.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::touch::Touched;
use super::{Interaction, SORT_FIELDS};
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of touches.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list);
}

/// Which touches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TouchQuery {
    /// Only touches by this user.
    sender_id: Option<Id>,
}

/// List a lead's touches
///
/// What users did for the lead: interactions with a user behind them that name the lead, and those with its contact since
/// it was created that name no other. Answers to mail are none. Latest first unless asked otherwise. Can be ordered by
/// `occurred_at`, `recorded_at`.
#[utoipa::path(
    tag = "interactions",
    operation_id = "list_touches",
    params(("id" = Id, Path, description = "The lead"), TouchQuery, PageQuery),
    responses(
        (status = 200, description = "A page of interactions", body = Page<Interaction>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/leads/{id}/touches")]
async fn list(actor: Actor, PathId(id): PathId, query: web::Query<TouchQuery>, page: web::Query<PageQuery>) -> Reply {
    let (sender, count, paging) = (query.sender_id, page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let lead = Touched::of(&tx.leads().get(id)?);
            let total = if count { Some(tx.touches().count(lead, sender)?) } else { None };
            Answer::ok(&Page::new(tx.touches().list(lead, sender, &paging)?, &paging, total, |touch| touch)?)
        })
        .await
}

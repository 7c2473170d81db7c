//! The times that leads stayed too long in a stage, over HTTP.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::deadlines::{Breach, BreachFilter, SORT_FIELDS};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of breaches.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list);
}

/// Which breaches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BreachQuery {
    /// Only leads that this user owned when it happened.
    owner_id: Option<Id>,
    /// Only this lead.
    lead_id: Option<Id>,
    /// Only in this process.
    #[param(max_length = 64, example = "lead_to_opportunity_marketing")]
    process: Option<String>,
    /// Only in this stage.
    #[param(max_length = 64, example = "sales_acceptance")]
    stage: Option<String>,
    /// Only deadlines at this instant or later.
    from: Option<Timestamp>,
    /// Only deadlines before this instant.
    until: Option<Timestamp>,
}

impl BreachQuery {
    fn filter(self) -> Result<BreachFilter, Problem> {
        let Self { owner_id, lead_id, process, stage, from, until } = self;
        check_range(("from", from), ("until", until))?;
        Ok(BreachFilter { owner_id, lead_id, process, stage, from, until })
    }
}

/// List service-level breaches
///
/// The times that leads stayed in a stage for longer than its service level allows, with who owned them then; newest
/// first unless asked otherwise. A lead that is late now is found by `GET /v1/leads?overdue=true`. Can be ordered by
/// `due_at`.
#[utoipa::path(
    tag = "process",
    operation_id = "list_service_level_breaches",
    params(BreachQuery, PageQuery),
    responses((status = 200, description = "A page of breaches", body = Page<Breach>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/service-level-breaches")]
async fn list(actor: Actor, query: web::Query<BreachQuery>, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let filter = query.into_inner().filter()?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.deadlines().count_breaches(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.deadlines().breaches(&filter, &paging)?, &paging, total, |breach| breach)?)
        })
        .await
}

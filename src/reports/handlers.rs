//! Reports over HTTP.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::completeness_handlers;
use super::touches::{self, Period, TouchReport};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::http::answer::{Answer, Reply};
use crate::http::lists::check_range;
use crate::http::problem::Problem;
use crate::http::routes::Routes;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(report_touches).configure(completeness_handlers::routes);
}

/// The period of a report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PeriodQuery {
    /// Only leads won at this instant or later.
    from: Option<Timestamp>,
    /// Only leads won before this instant.
    until: Option<Timestamp>,
}

impl PeriodQuery {
    fn period(&self) -> Result<Period, Problem> {
        check_range(("from", self.from), ("until", self.until))?;
        Ok(Period { from: self.from, until: self.until })
    }
}

/// Report touches before the first sale
///
/// How often users turned to a person before sales accepted the lead or it qualified: of all leads won within the
/// period, and by owner.
#[utoipa::path(
    tag = "reports",
    operation_id = "report_touches",
    params(PeriodQuery),
    responses((status = 200, description = "The report", body = TouchReport)),
    security(("bearer" = ["reports:read"])),
)]
#[get("/v1/reports/touches")]
async fn report_touches(actor: Actor, query: web::Query<PeriodQuery>) -> Reply {
    let period = query.period()?;
    actor.read(move |tx| Answer::ok(&touches::report(tx, period)?)).await
}

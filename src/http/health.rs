//! Whether the service lives, and whether it is ready to be sent requests.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use super::answer::{Answer, Reply};
use super::problem::{Kind, Problem};

/// The state of health.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; anything else is a problem document.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Live
///
/// Answers as long as the process does. Restart it when this fails.
#[utoipa::path(
    tag = "operation",
    operation_id = "health_live",
    responses((status = 200, description = "The process answers", body = Health)),
)]
#[get("/health/live")]
pub async fn live() -> Reply {
    Ok(Answer::ok(&Health { status: "ok" })?)
}

/// Ready
///
/// Answers 200 when the database can be reached and its tables are up to date. Send no requests while this is 503.
#[utoipa::path(
    tag = "operation",
    operation_id = "health_ready",
    responses(
        (status = 200, description = "Requests are welcome", body = Health),
        (status = 503, description = "The database cannot be reached or is not up to date", body = super::problem::ProblemDocument, content_type = "application/problem+json"),
    ),
)]
#[get("/health/ready")]
pub async fn ready(state: web::Data<State>) -> Reply {
    if !state.db.pending_migrations().await?.is_empty() {
        return Err(Problem::new(Kind::StorageUnavailable, "the tables are not up to date").header("Retry-After", "2"));
    }
    Ok(Answer::ok(&Health { status: "ok" })?)
}

/// OpenAPI document
///
/// This contract, as the service enforces it.
#[utoipa::path(
    tag = "operation",
    operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json")),
)]
#[get("/openapi.json")]
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(super::document::COMMITTED)
}

//! The filter language over HTTP: what may be asked for.

use actix_web::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::field::{Registered, register};
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::routes::Routes;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_fields);
}

/// The fields that conditions may name.
#[derive(Serialize, ToSchema)]
struct FilterFields {
    /// All of them, record by record.
    data: Vec<Registered>,
}

/// List filter fields
///
/// Every field that the conditions of a filter may name, with its type and the operators it takes. `<key>` stands for a
/// name of the workspace's own: an attribute, a UTM value, a property of an interaction.
#[utoipa::path(
    tag = "filters",
    operation_id = "list_filter_fields",
    responses((status = 200, description = "The fields", body = FilterFields)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/filter-fields")]
async fn list_fields(_actor: Actor) -> Reply {
    Ok(Answer::ok(&FilterFields { data: register() })?)
}

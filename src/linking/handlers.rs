//! Linking leads with contacts over HTTP.

use actix_web::post;

use super::Wish;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::routes::Routes;
use crate::jobs::Job;
use crate::linking;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(link_contacts);
}

/// Link leads with contacts
///
/// Finds the contacts of open leads that have none, and creates those that nobody knows, marked `marketing_only`. Done
/// by a job; its result counts the leads that were `linked` with a known contact, whose contact was `created`, and that
/// were `left` alone, with the reasons for the first 100.
#[utoipa::path(
    tag = "leads",
    operation_id = "link_contacts",
    request_body = Wish,
    responses((status = 202, description = "The job; `Location` is where to follow it", body = Job)),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/link-contacts")]
async fn link_contacts(command: Command<Wish>) -> Reply {
    command
        .run(|tx, wish, _| {
            let job = linking::request(tx, wish)?;
            Answer::job(job.id, &job)
        })
        .await
}

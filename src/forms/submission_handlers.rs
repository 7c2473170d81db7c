//! Submissions over HTTP: what visitors sent, what became of it, and taking it up again.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::again::{self, Retry};
use super::submission::{self, Status, Submission};
use super::{SubmissionFilter, confirmation};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub(super) fn routes(routes: &mut Routes<'_>) {
    routes.service(list_submissions).service(show_submission).service(release).service(retry);
}

fn shown(submission: &Submission) -> Result<Answer> {
    Ok(Answer::ok(submission)?.version(submission.version))
}

/// Which submissions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SubmissionQuery {
    /// Only submissions of this form.
    form_id: Option<Id>,
    /// Only submissions of which this became.
    #[param(inline)]
    status: Option<Status>,
    /// Only submissions credited to this contact.
    contact_id: Option<Id>,
    /// Only submissions that belong to this lead.
    lead_id: Option<Id>,
    /// Only submissions that arrived at this instant or later.
    received_from: Option<Timestamp>,
    /// Only submissions that arrived before this instant.
    received_until: Option<Timestamp>,
}

impl SubmissionQuery {
    fn filter(self) -> std::result::Result<SubmissionFilter, Problem> {
        let Self { form_id, status, contact_id, lead_id, received_from, received_until } = self;
        check_range(("received_from", received_from), ("received_until", received_until))?;
        Ok(SubmissionFilter { form_id, status, contact_id, lead_id, received_from, received_until })
    }
}

/// List submissions
///
/// What visitors sent, and what became of it; newest first unless asked otherwise. Can be ordered by `received_at`.
#[utoipa::path(
    tag = "forms",
    operation_id = "list_submissions",
    params(SubmissionQuery, PageQuery),
    responses((status = 200, description = "A page of submissions", body = Page<Submission>)),
    security(("bearer" = ["submissions:read"])),
)]
#[get("/v1/submissions")]
async fn list_submissions(actor: Actor, query: web::Query<SubmissionQuery>, page: web::Query<PageQuery>) -> Reply {
    let (filter, count) = (query.into_inner().filter()?, page.count == Some(true));
    let paging = page.paging(submission::SORT_FIELDS)?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.submissions().count(filter)?) } else { None };
            let page = Page::new(tx.submissions().list(filter, &paging)?, &paging, total, |submission| submission)?;
            Answer::ok(&page.try_map(|submission| confirmation::shown(tx, submission))?)
        })
        .await
}

/// Get a submission
///
/// What was sent, and what was created, changed, linked or left alone because of it.
#[utoipa::path(
    tag = "forms",
    operation_id = "get_submission",
    params(("id" = Id, Path, description = "The submission")),
    responses((status = 200, description = "The submission", body = Submission)),
    security(("bearer" = ["submissions:read"])),
)]
#[get("/v1/submissions/{id}")]
async fn show_submission(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let submission = tx.submissions().get(id)?;
            shown(&confirmation::shown(tx, submission)?)
        })
        .await
}

/// Release a submission
///
/// Processes a quarantined submission as what it was when it arrived: contact, lead and interaction come of it, and the
/// interaction happened then. One that the form no longer accepts has failed, says why, and can be retried. 409 for a
/// submission that is not quarantined.
#[utoipa::path(
    tag = "forms",
    operation_id = "release_submission",
    params(
        ("id" = Id, Path, description = "The submission"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to release; another version gives 412"),
    ),
    responses(
        (status = 200, description = "The submission, and what came of it", body = Submission),
        (status = 410, description = "The form was deleted"),
        (status = 412, description = "The submission has changed since it was read"),
    ),
    security(("bearer" = ["submissions:write"])),
)]
#[post("/v1/submissions/{id}/release")]
async fn release(PathId(id): PathId, command: Command<()>) -> Reply {
    command.run(move |tx, (), condition| shown(&again::release(tx, id, condition)?)).await
}

/// Retry a submission
///
/// Corrects a failed submission and processes it again by its form's present definition, as the original one or as a
/// new one. What was sent first stays readable. One that fails again says the new reason. 409 for a submission that has
/// not failed; 422 when the form does not accept the corrected answers.
#[utoipa::path(
    tag = "forms",
    operation_id = "retry_submission",
    params(
        ("id" = Id, Path, description = "The submission"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to retry; another version gives 412"),
    ),
    request_body = Retry,
    responses(
        (status = 200, description = "The submission, and what came of it", body = Submission),
        (status = 410, description = "The form was deleted"),
        (status = 412, description = "The submission has changed since it was read"),
    ),
    security(("bearer" = ["submissions:write"])),
)]
#[post("/v1/submissions/{id}/retry")]
async fn retry(PathId(id): PathId, command: Command<Retry>) -> Reply {
    command.run(move |tx, body, condition| shown(&again::retry(tx, id, body, condition)?)).await
}

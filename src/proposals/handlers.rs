//! Proposals over HTTP. They are about contacts and leads, so whoever reads or decides them needs the scopes of both.

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Proposal, ProposalFilter, SORT_FIELDS, Status};
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::proposals;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(show).service(accept).service(reject);
}

/// Which proposals to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProposalQuery {
    /// Only proposals with this status.
    #[param(inline)]
    status: Option<Status>,
    /// Only proposals about this contact.
    contact_id: Option<Id>,
    /// Only proposals about this lead.
    lead_id: Option<Id>,
    /// Only proposals that this submission made.
    submission_id: Option<Id>,
    /// Only proposals for this field.
    #[param(max_length = 100, example = "contact.first_name")]
    field: Option<String>,
}

/// A decision.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProposalDecision, example = json!({"note": "She married."}))]
struct Decision {
    /// Why, for people.
    #[schema(max_length = 2_000)]
    note: Option<String>,
}

/// The note of a decision, if there is any.
fn note(decision: &Option<Decision>) -> Option<&str> {
    decision.as_ref()?.note.as_deref()
}

/// 403 without the scope for leads; the contract asks for the one for contacts.
fn need(actor: &Actor, scope: &str) -> Result<(), Problem> {
    match actor.may(scope) {
        true => Ok(()),
        false => Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed as well"))),
    }
}

/// List proposals
///
/// Values that contradict what is known, newest first unless asked otherwise. Can be ordered by `created_at`. Needs both
/// `contacts:read` and `leads:read`.
#[utoipa::path(
    tag = "proposals",
    operation_id = "list_proposals",
    params(ProposalQuery, PageQuery),
    responses((status = 200, description = "A page of proposals", body = Page<Proposal>)),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/proposals")]
async fn list(actor: Actor, query: web::Query<ProposalQuery>, page: web::Query<PageQuery>) -> Reply {
    need(&actor, "leads:read")?;
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let ProposalQuery { status, contact_id, lead_id, submission_id, field } = query.into_inner();
    let filter = ProposalFilter { status, contact_id, lead_id, submission_id, field };
    actor
        .read(move |tx| {
            let total = if count { Some(tx.proposals().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.proposals().list(&filter, &paging)?, &paging, total, |proposal| proposal)?)
        })
        .await
}

/// Get a proposal
///
/// One value that contradicts what is known. Needs both `contacts:read` and `leads:read`.
#[utoipa::path(
    tag = "proposals",
    operation_id = "get_proposal",
    params(("id" = Id, Path, description = "The proposal")),
    responses((status = 200, description = "The proposal", body = Proposal)),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/proposals/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    need(&actor, "leads:read")?;
    actor
        .read(move |tx| {
            let proposal = tx.proposals().get(id)?;
            Ok(Answer::ok(&proposal)?.version(proposal.version))
        })
        .await
}

/// Accept a proposal
///
/// The contact or lead takes the value, as if a user had changed it: what would keep a user from it (an address that
/// another contact has, a closed lead) gives the same answer here and leaves the proposal open. Accepting again changes
/// nothing; a proposal that was rejected or superseded gives 409. Needs both `contacts:write` and `leads:write`.
#[utoipa::path(
    tag = "proposals",
    operation_id = "accept_proposal",
    params(("id" = Id, Path, description = "The proposal")),
    request_body(content = Option<Decision>, example = json!({"note": "She married."})),
    responses((status = 200, description = "The proposal, accepted", body = Proposal)),
    security(("bearer" = ["contacts:write"])),
)]
#[post("/v1/proposals/{id}/accept")]
async fn accept(PathId(id): PathId, command: Command<Option<Decision>>) -> Reply {
    need(&command.actor, "leads:write")?;
    command
        .run(move |tx, decision, _| {
            let proposal = proposals::accept(tx, id, note(decision))?;
            Ok(Answer::ok(&proposal)?.version(proposal.version))
        })
        .await
}

/// Reject a proposal
///
/// The contact or lead keeps what it has. Rejecting again changes nothing; a proposal that was accepted or superseded
/// gives 409. The same value sent once more is proposed anew. Needs both `contacts:write` and `leads:write`.
#[utoipa::path(
    tag = "proposals",
    operation_id = "reject_proposal",
    params(("id" = Id, Path, description = "The proposal")),
    request_body(content = Option<Decision>, example = json!({"note": "A typing error."})),
    responses((status = 200, description = "The proposal, rejected", body = Proposal)),
    security(("bearer" = ["contacts:write"])),
)]
#[post("/v1/proposals/{id}/reject")]
async fn reject(PathId(id): PathId, command: Command<Option<Decision>>) -> Reply {
    need(&command.actor, "leads:write")?;
    command
        .run(move |tx, decision, _| {
            let proposal = proposals::reject(tx, id, note(decision))?;
            Ok(Answer::ok(&proposal)?.version(proposal.version))
        })
        .await
}

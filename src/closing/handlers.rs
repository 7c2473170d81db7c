//! How leads end and begin again, over HTTP.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Closing, Disqualification, Opened, Qualification, Qualified, SORT_FIELDS};
use super::{recycling_handlers, template_handlers};
use crate::auth::Actor;
use crate::closing;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{Found, Lead};
use crate::process::StageMove;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(qualify).service(disqualify).service(reopen).service(closings);
    routes.configure(recycling_handlers::routes).configure(template_handlers::routes);
}

/// A lead that qualified, and what it became.
#[derive(Serialize, ToSchema)]
struct QualifiedLead {
    /// The lead as it is now.
    lead: Lead,
    /// How it was closed, with the custom attributes that were carried.
    closing: Closing,
    /// The contact that was created or linked; null with `none`.
    contact: Option<Found>,
    /// The account that was created or linked; null with `none`, and where nothing tells of one.
    account: Option<Found>,
    /// The opportunity that was created or linked; null with `none`.
    opportunity: Option<Found>,
}

/// Qualify a lead
///
/// The lead becomes business: contact, account and opportunity are created or linked, with each other and with the lead;
/// custom attributes of the lead fill blanks of the same name; the contact is no longer `marketing_only`. All of it
/// happens or nothing. The lead keeps its stage. Needs the scopes `contacts:write`, `accounts:write` and
/// `opportunities:write` as well, each unless the choice about the record is `none`. Missing fields that the workspace
/// demands of a customer (`customer_fields`) are listed with 422.
#[utoipa::path(
    tag = "closing",
    operation_id = "qualify_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the lead's version; another version gives 412"),
    ),
    request_body = Qualification,
    responses(
        (status = 201, description = "What the lead became", body = QualifiedLead),
        (status = 409, description = "The lead is closed; the problem names what came of it"),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/qualification")]
async fn qualify(PathId(id): PathId, command: Command<Qualification>) -> Reply {
    let Qualification { contact, account, opportunity, .. } = &command.body;
    for (is_none, scope) in [
        (contact.as_ref().is_some_and(|choice| choice.is_none()), "contacts:write"),
        (account.as_ref().is_some_and(|choice| choice.is_none()), "accounts:write"),
        (opportunity.as_ref().is_some_and(|choice| choice.is_none()), "opportunities:write"),
    ] {
        if !is_none && !command.actor.may(scope) {
            return Err(Problem::new(
                Kind::Forbidden,
                format!("the scope {scope} is needed unless the choice is none"),
            ));
        }
    }
    command
        .run(move |tx, wish, condition| {
            let Qualified { lead, closing, contact, account, opportunity, job } =
                closing::qualify(tx, id, wish, condition)?;
            let version = lead.version;
            let view = QualifiedLead { lead, closing, contact, account, opportunity };
            Ok(Answer::created(place(id), &view)?.version(version).monitored_by(job))
        })
        .await
}

/// A lead that was disqualified.
#[derive(Serialize, ToSchema)]
struct DisqualifiedLead {
    /// The lead as it is now.
    lead: Lead,
    /// How it was closed, and what became of the letter.
    closing: Closing,
}

/// Disqualify a lead
///
/// The lead comes to nothing, and is kept. A goodbye is written from a message template and sent once this is stored,
/// with replies to the lead's owner; it is not sent to somebody without address, who refused consent to marketing, or who
/// unsubscribed: `goodbye.withheld` says so. Without a mail server a goodbye is refused with 409. With `recycle_on` the
/// lead begins anew on that day.
#[utoipa::path(
    tag = "closing",
    operation_id = "disqualify_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the lead's version; another version gives 412"),
    ),
    request_body = Disqualification,
    responses(
        (status = 201, description = "The lead and its closing", body = DisqualifiedLead),
        (status = 409, description = "The lead is closed, or a goodbye was asked for and there is no mail server"),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/disqualification")]
async fn disqualify(PathId(id): PathId, command: Command<Disqualification>) -> Reply {
    if command.body.goodbye.is_some() && command.actor.state.mail.is_none() {
        let detail = "no mail server is configured, so that nothing can be sent; leave goodbye out";
        return Err(Error::Conflict(detail.into()).into());
    }
    command
        .run(move |tx, wish, condition| {
            let (lead, closing) = closing::disqualify(tx, id, wish, condition)?;
            let version = lead.version;
            Ok(Answer::created(place(id), &DisqualifiedLead { lead, closing })?.version(version))
        })
        .await
}

/// What to note about a lead that is opened again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = LeadReopening, example = json!({"note": "they called back"}))]
pub(super) struct Reopening {
    /// Why, for people.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
}

/// A lead that is open again.
#[derive(Serialize, ToSchema)]
pub(super) struct OpenedLead {
    /// The lead as it is now.
    lead: Lead,
    /// The closing that ended with it; null where none was recorded.
    closing: Option<Closing>,
    /// The stages it left and entered; null where it stayed.
    stage: Option<StageMove>,
}

/// Reopen a lead
///
/// A closed lead goes on where it was: in its stage, with its marks and owner, scored by what was done until now. The old
/// closing stays in its history; what it qualified into, such as the opportunity, stays and stays linked.
#[utoipa::path(
    tag = "closing",
    operation_id = "reopen_lead",
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
#[post("/v1/leads/{id}/reopening")]
async fn reopen(PathId(id): PathId, command: Command<Reopening>) -> Reply {
    command
        .run(move |tx, reopening, condition| opened(closing::reopen(tx, id, reopening.note.as_deref(), condition)?))
        .await
}

/// List a lead's closings
///
/// Every time the lead was closed: how, why, by whom, what it became, and how it was opened again. Newest first unless
/// asked otherwise; can be ordered by `closed_at`.
#[utoipa::path(
    tag = "closing",
    operation_id = "list_lead_closings",
    params(("id" = Id, Path, description = "The lead"), PageQuery),
    responses(
        (status = 200, description = "A page of closings", body = Page<Closing>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/closings")]
async fn closings(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            let total = if count { Some(tx.closings().count_of_lead(id)?) } else { None };
            Answer::ok(&Page::new(tx.closings().of_lead(id, &paging)?, &paging, total, |closing| closing)?)
        })
        .await
}

/// The answer that shows a lead which is open again.
pub(super) fn opened(opened: Opened) -> Result<Answer> {
    let Opened { lead, closing, stage } = opened;
    let (place, version) = (place(lead.id), lead.version);
    Ok(Answer::created(place, &OpenedLead { lead, closing, stage })?.version(version))
}

fn place(lead: Id) -> String {
    format!("/v1/leads/{lead}/closings")
}

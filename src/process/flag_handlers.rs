//! Marks on a lead, and its refusal, over HTTP.

use actix_web::{delete, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stage::Flag;
use super::transition_handlers::scored;
use super::{StageMove, joined};
use crate::assignment::{self, When};
use crate::error::Error;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{self, Flags};
use crate::scoring;

/// The paths of marks and refusals.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(set).service(remove).service(reject);
}

/// A mark to set.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"flag": "sales_ready", "note": "asked for an offer on the phone"}))]
struct NewFlag {
    /// The mark.
    flag: Flag,
    /// Why, for people.
    #[schema(max_length = 2_000)]
    note: Option<String>,
}

/// The marks of a lead after one was set or all were taken back.
#[derive(Serialize, ToSchema)]
struct LeadMarks {
    /// The marks that are set.
    flags: Flags,
    /// Both ends of the move that followed; null when the lead stayed in its stage.
    stage: Option<StageMove>,
}

/// Set a mark on a lead
///
/// Says what an open lead is ready for, or who took it; the lead moves as its process says. Its stage must offer the
/// mark: 409 names those that do. A mark that is set already stays as it is. `sales_accepted` needs an owner (409).
#[utoipa::path(
    tag = "process",
    operation_id = "set_lead_flag",
    params(("id" = Id, Path, description = "The lead")),
    request_body = NewFlag,
    responses(
        (status = 200, description = "The marks, and the move that followed", body = LeadMarks),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/flags")]
async fn set(PathId(id): PathId, command: Command<NewFlag>) -> Reply {
    command
        .run(move |tx, new, _| {
            scoring::hold_lead(tx, id)?;
            let marked = leads::set_flag(tx, id, new.flag, new.note.as_deref())?;
            if marked.is_new && new.flag == Flag::SalesReady {
                assignment::assign(tx, id, When::SalesReady);
            }
            let stage = joined(marked.stage, scored(tx, id)?);
            tx.end()?;
            let lead = tx.leads().get(id)?;
            Ok(Answer::ok(&LeadMarks { flags: lead.flags.0, stage })?.version(lead.version))
        })
        .await
}

/// Take a mark back
///
/// The lead stays in its stage. A mark that is not set gives 404, a closed lead 409.
#[utoipa::path(
    tag = "process",
    operation_id = "remove_lead_flag",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("flag" = String, Path, description = "The mark", example = "sales_ready"),
    ),
    responses(
        (status = 204, description = "Taken back"),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[delete("/v1/leads/{id}/flags/{flag}")]
async fn remove(PathId(id): PathId, path: web::Path<(String, String)>, command: Command<()>) -> Reply {
    let flag = Flag::named(&path.1);
    command
        .run(move |tx, (), _| {
            scoring::hold_lead(tx, id)?;
            leads::remove_flag(tx, id, flag.ok_or(Error::NotFound)?)?;
            scored(tx, id)?;
            Ok(Answer::deleted())
        })
        .await
}

/// Why a lead is refused.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "no_budget", "note": "next year at the earliest"}))]
struct NewRejection {
    /// One of the workspace's refusal reasons.
    #[schema(min_length = 1, max_length = 64)]
    reason: String,
    /// More about it, for people.
    #[schema(max_length = 2_000)]
    note: Option<String>,
}

/// A lead that was refused.
#[derive(Serialize, ToSchema)]
struct Rejection {
    /// The reason.
    #[schema(example = "no_budget")]
    reason: String,
    /// Both ends of the move back.
    stage: StageMove,
    /// The marks that are set; none as a rule.
    flags: Flags,
}

/// Refuse a lead
///
/// Sends an open lead back to the stage that its present stage names, without any mark. It is not sales ready until
/// somebody marks it so, or new positive points leave it at or above the sales-ready score. 409 in a stage that refuses
/// no leads, and for a lead that sales has accepted: disqualify that instead.
#[utoipa::path(
    tag = "process",
    operation_id = "reject_lead",
    params(("id" = Id, Path, description = "The lead")),
    request_body = NewRejection,
    responses(
        (status = 201, description = "Where the lead went", body = Rejection),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/rejection")]
async fn reject(PathId(id): PathId, command: Command<NewRejection>) -> Reply {
    command
        .run(move |tx, new, _| {
            scoring::hold_lead(tx, id)?;
            let rejected = leads::reject(tx, id, &new.reason, new.note.as_deref())?;
            scored(tx, id)?;
            let flags = tx.leads().get(id)?.flags.0;
            let rejection = Rejection { reason: new.reason.clone(), stage: rejected.stage, flags };
            Answer::created(format!("/v1/leads/{id}/transitions"), &rejection)
        })
        .await
}

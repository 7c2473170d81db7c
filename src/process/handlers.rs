//! Where a lead stands in its process, over HTTP.

use actix_web::get;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::field::{FieldType, StageField};
use super::stage::{Flag, Process, Stage};
use super::{
    breach_handlers, deadlines, definition_handlers, definitions, flag_handlers, requirements, transition_handlers,
};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::filter::Records;
use crate::http::answer::{Answer, Reply};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{Flags, Lead};
use crate::scoring;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    definition_handlers::routes(routes);
    transition_handlers::routes(routes);
    flag_handlers::routes(routes);
    breach_handlers::routes(routes);
    routes.service(show);
}

/// Where a lead stands in its process.
#[derive(Serialize, ToSchema)]
struct LeadProcess {
    /// The process, with all its stages.
    process: Process,
    /// The active stage; null before the lead entered the process.
    #[schema(example = "marketing_qualification")]
    stage: Option<String>,
    /// Since when it is in that stage.
    stage_since: Timestamp,
    /// The stage that follows; null in the last.
    #[schema(example = "teleprospect_acceptance")]
    next_stage: Option<String>,
    /// The fields of the active stage, and which are filled.
    fields: Vec<FieldState>,
    /// Whether all that the active stage requires is filled.
    is_complete: bool,
    /// The marks that the active stage offers.
    offered_flags: Vec<Flag>,
    /// The marks that are set.
    flags: Flags,
    /// The stage it would go back to when it was refused; null where it cannot be.
    #[schema(example = "marketing_qualification")]
    refusal_to: Option<String>,
    /// Until when it may stay in the active stage; null without a limit.
    deadline: Option<Timestamp>,
    /// Whether the deadline has passed.
    is_overdue: bool,
}

/// A field of the active stage.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessFieldState)]
struct FieldState {
    /// Its key.
    #[schema(example = "budget")]
    key: String,
    /// Its name for people.
    #[schema(example = "Budget")]
    name: String,
    /// What it holds.
    #[serde(rename = "type")]
    kind: FieldType,
    /// Whether the stage is complete only with it.
    required: bool,
    /// Where it is kept.
    #[schema(example = "lead.attributes.budget")]
    fills: String,
    /// Whether it has a value of its type.
    is_filled: bool,
    /// Its value, where it is kept in the lead itself; null otherwise, and when it has none.
    value: Value,
}

impl FieldState {
    fn of(field: &StageField, records: &Records) -> Self {
        let fills = field.place();
        let value = Some(()).filter(|()| fills.starts_with("lead.")).and_then(|()| field.value(records));
        Self {
            key: field.key.clone(),
            name: field.name.clone(),
            kind: field.kind,
            required: field.required,
            is_filled: field.fault(records).is_none(),
            value: value.unwrap_or_default(),
            fills,
        }
    }
}

impl LeadProcess {
    fn of(tx: &mut Tx<'_>, lead: Lead) -> Result<Self> {
        let process = definitions::get(tx, &lead.process)?.process;
        let records = scoring::records(tx, &lead)?;
        let standing = tx.stages().of(lead.id)?;
        let deadline = deadlines::of(tx, &standing)?.and_then(|clock| clock.due_at);
        let place = lead.stage.as_deref().and_then(|stage| process.position(stage));
        let active: &[Stage] = place.and_then(|place| process.stages.get(place..=place)).unwrap_or_default();
        let next = process.stages.get(place.map_or(0, |place| place.saturating_add(1)));
        Ok(Self {
            next_stage: next.map(|stage| stage.key.clone()),
            fields: active
                .iter()
                .flat_map(|stage| &stage.fields)
                .map(|field| FieldState::of(field, &records))
                .collect(),
            is_complete: !active.is_empty() && requirements::unfilled(active, &records).is_empty(),
            offered_flags: active.iter().flat_map(|stage| stage.flags.clone()).collect(),
            refusal_to: active.iter().find_map(|stage| stage.refusal_to.clone()),
            is_overdue: deadline.is_some_and(|deadline| deadline <= tx.at()),
            deadline,
            stage: lead.stage,
            stage_since: lead.stage_since,
            flags: lead.flags.0,
            process,
        })
    }
}

/// Get a lead's process
///
/// The process the lead goes through, its active stage, what that stage asks for and what of it is filled, the marks it
/// offers, and until when the lead may stay. Values that belong to the contact or account are not shown, only whether
/// they are there.
#[utoipa::path(
    tag = "process",
    operation_id = "get_lead_process",
    params(("id" = Id, Path, description = "The lead")),
    responses(
        (status = 200, description = "Where the lead stands", body = LeadProcess),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/process")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let lead = tx.leads().get(id)?;
            Answer::ok(&LeadProcess::of(tx, lead)?)
        })
        .await
}

//! Transitions over HTTP: how a lead came where it is, and moving it by hand.

use actix_web::{get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::NewTransition;
use super::requirements::Unfilled;
use super::{Asked, StageChange, StageMove};
use crate::auth::Actor;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind};
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::condition::Condition;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{self, Lead, filling};
use crate::{process, proposals, scoring};

/// The paths of transitions.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(history).service(transition);
}

/// The fields that a history can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "stage_changes.at", SortKind::Made)];

/// List a lead's transitions
///
/// How the lead came where it stands: both stages, cause, who, when, the time spent, why it was refused and which
/// requirements were passed over. Newest first unless asked otherwise; can be ordered by `at`.
#[utoipa::path(
    tag = "process",
    operation_id = "list_transitions",
    params(("id" = Id, Path, description = "The lead"), PageQuery),
    responses(
        (status = 200, description = "A page of changes", body = Page<StageChange>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/transitions")]
async fn history(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            let total = if count { Some(tx.stages().count_history(id)?) } else { None };
            Answer::ok(&Page::new(tx.stages().history(id, &paging)?, &paging, total, |change| change)?)
        })
        .await
}

/// How a lead went on.
#[derive(Serialize, ToSchema)]
struct Transition {
    #[serde(flatten)]
    moved: StageMove,
    /// The requirements that were passed over; absent when there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overridden: Vec<Unfilled>,
}

/// Move a lead
///
/// Completes the active stage of an open lead (`complete`), passes it on to the next (`next`), moves it to any stage,
/// back as well (`to`), or lets it go on in another process (`process` and `to`). Forward, every stage from the present
/// one up to the one before the target must have its required fields filled: 422 lists each that is not. Whoever has the
/// scope `leads:override` may pass over them with `override`; the history tells. With `complete`, values may be sent that
/// are filled in first; the lead is scored anew, which may move it on further. A closed lead, one that is there already,
/// and the last stage completed give 409.
#[utoipa::path(
    tag = "process",
    operation_id = "create_transition",
    params(("id" = Id, Path, description = "The lead")),
    request_body = NewTransition,
    responses(
        (status = 201, description = "Both stages", body = Transition),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/transitions")]
async fn transition(PathId(id): PathId, command: Command<NewTransition>) -> Reply {
    let may_override = command.body.overrides == Some(true);
    if may_override && !command.actor.may("leads:override") {
        return Err(Problem::new(Kind::Forbidden, "the scope leads:override is needed to pass over requirements"));
    }
    command
        .run(move |tx, new, _| {
            let wish = new.wish().map_err(Error::Invalid)?;
            scoring::hold_lead(tx, id)?;
            let lead = fill(tx, id, new)?;
            let records = scoring::records(tx, &lead)?;
            let asked = Asked { wish, note: new.note.clone(), may_override };
            let done = process::advance(tx, id, &asked, &records)?;
            let moved = process::joined(Some(done.moved), scored(tx, id)?);
            let moved = moved.ok_or_else(|| Error::internal("a lead moved nowhere"))?;
            Answer::created(format!("/v1/leads/{id}/transitions"), &Transition { moved, overridden: done.overridden })
        })
        .await
}

/// Fills in what was sent for the active stage; gives the lead, which nobody else changes until the transaction ends.
fn fill(tx: &mut Tx<'_>, id: Id, new: &NewTransition) -> Result<Lead> {
    let lead = tx.leads().lock(id)?;
    let values = new.values();
    if values.is_empty() {
        return Ok(lead);
    }
    let process = process::process(tx, &lead.process)?;
    let place = lead.stage.as_deref().and_then(|stage| process.position(stage));
    let following = place.and_then(|place| process.stages.get(place.saturating_add(1)));
    let (Some(stage), Some(_), true) =
        (place.and_then(|it| process.stages.get(it)), following, lead.status.0.is_open())
    else {
        // There is nothing to complete; going on says why.
        return Ok(lead);
    };
    let patch = filling::filled(&stage.fields, &values).map_err(Error::Invalid)?;
    let lead = leads::change(tx, id, &patch, &Condition::None)?;
    proposals::lead_changed(tx, &lead)?;
    Ok(lead)
}

/// Scores a lead anew after it went on; tells where that moved it.
pub(super) fn scored(tx: &mut Tx<'_>, id: Id) -> Result<Option<StageMove>> {
    let outcomes = scoring::lead_changed(tx, id)?;
    Ok(outcomes.into_iter().find_map(|outcome| outcome.stage))
}

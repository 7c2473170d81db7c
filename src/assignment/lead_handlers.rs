//! Who works a lead, and the leads that wait for somebody, over HTTP.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Asking, Decision, Done, QUEUE_SORT, QueueFilter, Reason, UnassignedLead, Wish};
use crate::assignment;
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::patch;
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{HANDOVER_SORT, Handover, Lead};

/// The paths of a lead's owner and of the queue.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(history).service(assign).service(queue);
}

/// List a lead's assignments
///
/// Who worked the lead since when, and how it came to them. Newest first unless asked otherwise; can be ordered by `at`.
#[utoipa::path(
    tag = "assignment",
    operation_id = "list_lead_assignments",
    params(("id" = Id, Path, description = "The lead"), PageQuery),
    responses(
        (status = 200, description = "A page of changes", body = Page<Handover>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/assignment")]
async fn history(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(HANDOVER_SORT)?);
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            let total = if count { Some(tx.handovers().count_of_lead(id)?) } else { None };
            Answer::ok(&Page::new(tx.handovers().of_lead(id, &paging)?, &paging, total, |row| row)?)
        })
        .await
}

/// Who is to work a lead.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"owner_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10", "note": "knows the customer"}))]
struct NewAssignment {
    /// The user who is to work it; null for nobody.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    owner_id: Option<Option<Id>>,
    /// Whether the assignment rules are to say who: those for sales-ready leads if it is one, or else those for new ones.
    auto: bool,
    /// Why, for people.
    #[schema(max_length = 2_000)]
    note: Option<String>,
    /// Whether the user gets it although they hold as many open leads as they may; needs the scope `leads:override`.
    #[serde(rename = "override")]
    overrides: bool,
}

impl NewAssignment {
    fn wish(&self) -> Result<Wish> {
        match (self.owner_id, self.auto) {
            (Some(Some(owner)), false) => Ok(Wish::Owner(owner)),
            (Some(None), false) => Ok(Wish::Nobody),
            (None, true) => Ok(Wish::Rules),
            _ => Err(Error::invalid("", "invalid", "give owner_id, or `auto: true`, and not both")),
        }
    }
}

/// What came of it.
#[derive(Serialize, ToSchema)]
#[schema(as = AssignedLead)]
struct Assigned {
    /// The lead afterwards.
    lead: Lead,
    /// The change of owner; null when the lead stays whose it was.
    assignment: Option<Handover>,
    /// What the rules said; null unless they were asked.
    decision: Option<Decision>,
}

/// Assign a lead
///
/// Gives an open lead to a user or to nobody, or lets the rules say who. Whoever has the scope `leads:assign` does so
/// with any lead; others may take one for themselves that nobody works. A user who holds as many open leads as they may
/// gets no more without `override`, nor is a closed lead given to anybody: both give 409, and so does a lead that somebody
/// else took first. One that is given back waits in the queue until somebody takes it. Asking for what is so already gives
/// 200 and changes nothing.
#[utoipa::path(
    tag = "assignment",
    operation_id = "assign_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the lead's version to change; another version gives 412"),
    ),
    request_body = NewAssignment,
    responses(
        (status = 200, description = "The lead stays whose it was", body = Assigned),
        (status = 201, description = "The lead with its new owner", body = Assigned),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/assignment")]
async fn assign(PathId(id): PathId, command: Command<NewAssignment>) -> Reply {
    let (actor, asked) = (&command.actor, &command.body);
    let wish = asked.wish()?;
    let asking = Asking { may_assign: actor.may("leads:assign"), overrides: asked.overrides, note: asked.note.clone() };
    require(actor, "leads:override", asking.overrides)?;
    require(actor, "leads:assign", matches!(wish, Wish::Rules))?;
    command
        .run(move |tx, _, condition| {
            let Done { lead, handover, decision } = assignment::by_hand(tx, id, &wish, &asking, condition)?;
            let version = lead.version;
            let is_new = handover.is_some();
            let view = Assigned { lead, assignment: handover, decision };
            let place = format!("/v1/leads/{id}/assignment");
            let answer = if is_new { Answer::created(place, &view)? } else { Answer::ok(&view)? };
            Ok(answer.version(version))
        })
        .await
}

/// Refuses an actor who needs a scope and lacks it.
fn require(actor: &Actor, scope: &str, is_needed: bool) -> std::result::Result<(), Problem> {
    match !is_needed || actor.may(scope) {
        true => Ok(()),
        false => Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed for this"))),
    }
}

/// Which of the leads that wait to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QueueQuery {
    /// Only leads that wait for this reason.
    #[param(inline)]
    reason: Option<Reason>,
    /// Only leads for which this rule found nobody.
    rule_id: Option<Id>,
}

/// A lead that waits, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = QueuedLead)]
struct Queued {
    #[serde(flatten)]
    waiting: UnassignedLead,
    /// The lead itself.
    lead: Option<Lead>,
}

/// List unassigned leads
///
/// Open leads that nobody works because the rules found nobody, or because somebody gave them back: why, and since when.
/// The rules are asked again when there may be room, in the order in which the leads wait. Longest waiting first unless
/// asked otherwise; can be ordered by `since`.
#[utoipa::path(
    tag = "assignment",
    operation_id = "list_unassigned_leads",
    params(QueueQuery, PageQuery),
    responses((status = 200, description = "A page of leads that wait", body = Page<Queued>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/assignment-queue")]
async fn queue(actor: Actor, query: web::Query<QueueQuery>, page: web::Query<PageQuery>) -> Reply {
    let QueueQuery { reason, rule_id } = query.into_inner();
    let (filter, page) = (QueueFilter { reason, rule_id }, page.into_inner());
    let count = page.count == Some(true);
    let page = PageQuery { sort: page.sort.or_else(|| Some("since".to_owned())), ..page };
    let paging = page.paging(QUEUE_SORT)?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.unassigned().count(&filter)?) } else { None };
            let page = Page::new(tx.unassigned().list(&filter, &paging)?, &paging, total, |row| row)?;
            let mut leads = leads(tx, &page.data)?;
            Answer::ok(&page.try_map(|waiting| Ok(Queued { lead: leads.remove(&waiting.lead_id), waiting }))?)
        })
        .await
}

fn leads(tx: &mut Tx<'_>, waiting: &[UnassignedLead]) -> Result<BTreeMap<Id, Lead>> {
    let ids: Vec<Id> = waiting.iter().map(|waiting| waiting.lead_id).collect();
    Ok(tx.leads().with_ids(&ids)?.into_iter().map(|lead| (lead.id, lead)).collect())
}

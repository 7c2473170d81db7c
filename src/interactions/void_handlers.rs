//! Voids over HTTP (INT-5).

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::voids::{self, LEAD_SORT_FIELDS, SORT_FIELDS, Selection, Status, Void, VoidedLead};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::scoring::Evidence;

/// The paths of voids.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_voids).service(create_void).service(show_void).service(undo_void).service(leads_of_void);
}

/// Leads that are shown with a void.
const SHOWN: i64 = 200;

/// Which interactions to void, and why: one by its id, or a class by source or network, from and to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "source": "mailer", "network": "203.0.113.0/24", "kind": "email_opened",
    "from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z", "reason": "a mail scanner opened them"
}))]
struct NewVoid {
    /// This one; without any other member but `reason`.
    interaction_id: Option<Id>,
    /// Those that this system told of.
    #[schema(min_length = 1, max_length = 100)]
    source: Option<String>,
    /// Those that came from this address or network: IPv4 or IPv6, such as `203.0.113.0/24`.
    #[schema(min_length = 2, max_length = 50)]
    network: Option<String>,
    /// Those of this kind.
    #[schema(min_length = 1, max_length = 64)]
    kind: Option<String>,
    /// Those that occurred at this instant or later.
    from: Option<Timestamp>,
    /// Those that occurred before this instant.
    to: Option<Timestamp>,
    /// Those with this evidence.
    evidence: Option<Evidence>,
    /// Why they shall not count.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl NewVoid {
    fn selection(&self) -> Selection {
        let Self { interaction_id, source, network, kind, from, to, evidence, .. } = self.clone();
        Selection { interaction_id, source, network, kind, from, to, evidence }
    }
}

/// A void with the leads that rested on what it voided.
#[derive(Serialize, ToSchema)]
#[schema(as = InteractionVoidReport)]
struct Report {
    #[serde(flatten)]
    void: Void,
    /// Open leads that had come to their stage, or to their sales-ready mark, by what was voided: up to 200 of them,
    /// those that had the highest scores first. Stage and mark are as they were.
    leads: Vec<VoidedLead>,
    /// How many such leads there are; `/v1/interactions/voids/{id}/leads` lists them all.
    #[schema(example = 1)]
    leads_total: i64,
}

impl Report {
    fn of(tx: &mut Tx<'_>, void: Void) -> Result<Self> {
        let paging = PageQuery { limit: Some(SHOWN), ..PageQuery::default() }.paging(LEAD_SORT_FIELDS);
        let mut leads = match paging {
            Ok(paging) => tx.voids().leads(void.id, &paging)?,
            Err(_) => Vec::new(),
        };
        leads.truncate(SHOWN as usize);
        Ok(Self { leads, leads_total: tx.voids().count_leads(void.id)?, void })
    }

    fn is_done(&self) -> bool {
        matches!(self.void.status.0, Status::Done | Status::Undone)
    }
}

/// Void interactions
///
/// Takes back one interaction, or a class of them that a mail scanner or a faulty system sent. They stay readable, count
/// for no score any more, and the ledger gets reversals with the cause `void`. The answer tells how many were voided,
/// and which leads had come to their stage or to their sales-ready mark by them. A class covers what was recorded by
/// now. What is voided already is not counted. Beyond a thousand of them a job goes on with the rest: 202, and
/// `Location` is the void, which tells how far it is.
#[utoipa::path(
    tag = "interactions",
    operation_id = "void_interactions",
    request_body = NewVoid,
    responses(
        (status = 201, description = "All of them are voided", body = Report),
        (status = 202, description = "More of them are left to void than one step takes", body = Report),
    ),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/interactions/voids")]
async fn create_void(command: Command<NewVoid>) -> Reply {
    command
        .run(|tx, new, _| {
            let void = voids::create(tx, &new.selection(), &new.reason)?;
            let (path, report) = (format!("/v1/interactions/voids/{}", void.id), Report::of(tx, void)?);
            match report.is_done() {
                true => Answer::created(path, &report),
                false => Ok(Answer::accepted(&report)?.header("location", path)),
            }
        })
        .await
}

/// List voids
///
/// What was taken back and why, newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "interactions",
    operation_id = "list_interaction_voids",
    params(PageQuery),
    responses((status = 200, description = "A page of voids", body = Page<Void>)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interactions/voids")]
async fn list_voids(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let total = if count { Some(tx.voids().count()?) } else { None };
            Answer::ok(&Page::new(tx.voids().list(&paging)?, &paging, total, |void| void)?)
        })
        .await
}

/// Get a void
///
/// What was taken back, why, how far it is, and which leads rested on it.
#[utoipa::path(
    tag = "interactions",
    operation_id = "get_interaction_void",
    params(("id" = Id, Path, description = "The void")),
    responses((status = 200, description = "The void", body = Report)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interactions/voids/{id}")]
async fn show_void(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let void = tx.voids().get(id)?;
            Answer::ok(&Report::of(tx, void)?)
        })
        .await
}

/// List the leads of a void
///
/// Open leads that had come to their stage, or to their sales-ready mark, by what was voided. Can be ordered by
/// `score_before`, `score_after`.
#[utoipa::path(
    tag = "interactions",
    operation_id = "list_leads_of_interaction_void",
    params(("id" = Id, Path, description = "The void"), PageQuery),
    responses((status = 200, description = "A page of leads", body = Page<VoidedLead>)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interactions/voids/{id}/leads")]
async fn leads_of_void(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(LEAD_SORT_FIELDS)?);
    actor
        .read(move |tx| {
            tx.voids().get(id)?;
            let total = if count { Some(tx.voids().count_leads(id)?) } else { None };
            Answer::ok(&Page::new(tx.voids().leads(id, &paging)?, &paging, total, |lead| lead)?)
        })
        .await
}

/// Undo a void
///
/// Lets what it voided count again; the ledger gets the points back with the cause `void`. The void stays readable as
/// `undone`. 409 while it is under way; undoing it again changes nothing.
#[utoipa::path(
    tag = "interactions",
    operation_id = "undo_interaction_void",
    params(("id" = Id, Path, description = "The void")),
    responses(
        (status = 200, description = "All of them count again", body = Report),
        (status = 202, description = "More of them are left to give back than one step takes", body = Report),
    ),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/interactions/voids/{id}/undo")]
async fn undo_void(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), _| {
            let void = voids::undo(tx, id)?;
            let report = Report::of(tx, void)?;
            if report.is_done() { Answer::ok(&report) } else { Answer::accepted(&report) }
        })
        .await
}

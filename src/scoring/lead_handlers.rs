//! A lead's scores and its ledger over HTTP (SCO-9, SCO-10).

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ScoreEntry;
use super::explain::{LeadScores, as_of, explain_fully};
use super::reasons::Readable;
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of what is asked of a lead.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(scores).service(ledger);
}

/// The fields that a ledger can be ordered by.
const ENTRY_SORT: &[SortField] = &[SortField::new("at", "score_entries.at", SortKind::Instant)];

/// How much to tell of a lead's scores, and of which moment.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ScoresQuery {
    /// Whether to list the changes to come if nothing else happens; not together with `as_of`.
    forecast: Option<bool>,
    /// A past moment to tell the scores of, as they were known then; now when left out.
    #[param(example = "2026-03-01T09:30:00Z")]
    as_of: Option<Timestamp>,
}

impl ScoresQuery {
    /// The past moment that is asked for; refused when it is still to come, or asked of together with the future.
    fn past(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        match self.as_of {
            Some(at) if at > now => Err(Problem::parameter("as_of", "must not be in the future")),
            Some(_) if self.forecast == Some(true) => {
                Err(Problem::parameter("forecast", "goes only without as_of: what came of a past moment is known"))
            }
            past => Ok(past),
        }
    }
}

/// Get a lead's scores
///
/// The lead's score under every live model that scores it, exact at the moment of reading: every rule with its points
/// and its reasons, every bound, and the nearest way to sales ready. A closed lead shows the scores it was closed with.
///
/// `as_of` tells a past moment instead, as the ledger knows it: score, grade and every rule's points under the version
/// that was in force then. Models that were stopped since are told as well; a model under which nothing gave or took
/// points then is left out.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_lead_scores",
    params(("id" = Id, Path, description = "The lead"), ScoresQuery),
    responses(
        (status = 200, description = "The scores", body = LeadScores),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/leads/{id}/scores")]
async fn scores(actor: Actor, PathId(id): PathId, query: web::Query<ScoresQuery>) -> Reply {
    let (forecast, past) = (query.forecast == Some(true), query.past(actor.at)?);
    let readable = Readable {
        lead: actor.may("leads:read"),
        contact: actor.may("contacts:read"),
        account: actor.may("accounts:read"),
    };
    actor
        .read(move |tx| match past {
            Some(at) => Answer::ok(&as_of(tx, id, at)?),
            None => Answer::ok(&explain_fully(tx, id, forecast, readable)?),
        })
        .await
}

/// Which rows of a ledger to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EntryQuery {
    /// Only rows of this model.
    model_id: Option<Id>,
    /// Only rows of this rule: its key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    #[param(max_length = 100, example = "opens")]
    rule: Option<String>,
}

/// List a lead's score entries
///
/// The ledger: every change of every rule's share, newest first unless asked otherwise. The rows of a rule add up to
/// its share, all rows of a model to the score. Can be ordered by `at`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_score_entries",
    params(("id" = Id, Path, description = "The lead"), EntryQuery, PageQuery),
    responses(
        (status = 200, description = "A page of rows", body = Page<ScoreEntry>),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/leads/{id}/score-entries")]
async fn ledger(actor: Actor, PathId(id): PathId, query: web::Query<EntryQuery>, page: web::Query<PageQuery>) -> Reply {
    let (EntryQuery { model_id, rule }, count) = (query.into_inner(), page.count == Some(true));
    let paging = page.paging(ENTRY_SORT)?;
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            let total = if count { Some(tx.scores().count_entries(id, model_id, rule.as_deref())?) } else { None };
            let rows = tx.scores().entries(id, model_id, rule.as_deref(), &paging)?;
            Answer::ok(&Page::new(rows, &paging, total, |entry| entry)?)
        })
        .await
}

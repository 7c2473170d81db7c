//! Backtests over HTTP (SCO-15).

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::backtest::{self, BacktestLead, LEAD_SORT_FIELDS, Report, Terms};
use super::handlers::{Asked, accepted, page_of};
use super::{Choice, Kind, LeadFilter, SORT_FIELDS};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::{PathId, PathIds};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::Outcome;

/// The paths of backtests.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(ask).service(list).service(show).service(leads);
}

/// A backtest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Backtest)]
struct View {
    #[serde(flatten)]
    asked: Asked,
    /// What it found; null until it is finished.
    report: Option<Report>,
}

/// What to replay, and under which version.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BacktestWish, example = json!({
    "from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "version": "draft", "compare": "live"
}))]
struct Wish {
    /// Leads are followed from this instant on, or from their creation if that is later; it is in the past.
    from: Timestamp,
    /// Leads are followed before this instant, and up to the present at most; at most 3,660 days after `from`.
    to: Timestamp,
    /// The version; by default the draft.
    #[serde(default = "draft")]
    version: Choice,
    /// The version to compare with; by default the live one, if there is one and it is another. Null for none.
    #[serde(default = "live")]
    compare: Option<Choice>,
}

fn draft() -> Choice {
    Choice::DRAFT
}

fn live() -> Option<Choice> {
    Some(Choice::LIVE)
}

/// Which leads of a backtest to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LeadQuery {
    /// Only leads that would have become sales ready, or only those that would not.
    predicted: Option<bool>,
    /// Only leads of which this became.
    #[param(inline)]
    outcome: Option<Outcome>,
}

/// Backtest a model
///
/// Replays what was recorded under a version of the model: each lead from its creation to its outcome, and nothing that
/// happened from then on. Tells how well the version would have foretold which leads are won: precision, recall, area
/// under the curve, lift of each grade, hand-offs a day and lead time, and the same of the live version beside it. Won
/// are leads that sales accepted or that qualified, lost those that were disqualified. Fields have no history and are
/// read as they are now. A job does it. 409 when the version asked for is not there.
#[utoipa::path(
    tag = "scoring",
    operation_id = "backtest_scoring_model",
    params(("id" = Id, Path, description = "The model")),
    request_body = Wish,
    responses((status = 202, description = "The backtest to come; `Location` is its job", body = Asked)),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/scoring-models/{id}/backtests")]
async fn ask(PathId(id): PathId, command: Command<Wish>) -> Reply {
    command
        .run(move |tx, wish, _| {
            let Wish { from, to, version, compare } = *wish;
            accepted(backtest::ask(tx, id, Terms { from, to, version, compare })?)
        })
        .await
}

/// List a model's backtests
///
/// Backtests without their reports, newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_backtests",
    params(("id" = Id, Path, description = "The model"), PageQuery),
    responses((status = 200, description = "A page of backtests", body = Page<Asked>)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/backtests")]
async fn list(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor.read(move |tx| page_of(tx, id, Kind::Backtest, &paging, count)).await
}

/// Get a backtest
///
/// With what it found, once it is finished.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_backtest",
    params(
        ("id" = Id, Path, description = "The model"),
        ("backtest_id" = Id, Path, description = "The backtest"),
    ),
    responses((status = 200, description = "The backtest", body = View)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/backtests/{backtest_id}")]
async fn show(actor: Actor, PathIds(id, backtest_id): PathIds) -> Reply {
    actor
        .read(move |tx| {
            let asked = tx.studies().get(id, Kind::Backtest, backtest_id)?.into();
            Answer::ok(&View { asked, report: tx.studies().report(backtest_id)? })
        })
        .await
}

/// List the leads of a backtest
///
/// What the versions made of each lead, those with the highest scores first unless asked otherwise; none until the
/// backtest is finished. Leads that were deleted since are not listed. Can be ordered by `score`.
#[utoipa::path(
    tag = "scoring",
    operation_id = "list_backtest_leads",
    params(
        ("id" = Id, Path, description = "The model"),
        ("backtest_id" = Id, Path, description = "The backtest"),
        LeadQuery,
        PageQuery,
    ),
    responses((status = 200, description = "A page of leads", body = Page<BacktestLead>)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/backtests/{backtest_id}/leads")]
async fn leads(
    actor: Actor,
    PathIds(id, backtest_id): PathIds,
    query: web::Query<LeadQuery>,
    page: web::Query<PageQuery>,
) -> Reply {
    let filter = LeadFilter { predicted: query.predicted, outcome: query.outcome };
    let (count, paging) = (page.count == Some(true), page.paging(LEAD_SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let is_finished = tx.studies().get(id, Kind::Backtest, backtest_id)?.finished_at.is_some();
            let rows = if is_finished { tx.studies().leads(backtest_id, filter, &paging)? } else { Vec::new() };
            let counted = is_finished && count;
            let total = if counted { Some(tx.studies().count_leads(backtest_id, filter)?) } else { count.then_some(0) };
            Answer::ok(&Page::new(rows, &paging, total, |lead| lead)?)
        })
        .await
}

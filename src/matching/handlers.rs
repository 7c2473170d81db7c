//! Match decisions over HTTP, and the paths of matching.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::strategy::{Strategy, Target};
use super::{Channel, DecisionFilter, Effect, Kept, preview_handlers, strategies, strategy_handlers};
use crate::auth::Actor;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    preview_handlers::routes(routes);
    strategy_handlers::routes(routes);
    routes.service(list_decisions).service(show_decision).service(show_rules);
}

/// The fields that decisions can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "match_decisions.at", SortKind::Instant)];

/// Which decisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DecisionQuery {
    /// Only those made about this submission.
    submission_id: Option<Id>,
    /// Only those by which something ended up with this contact or lead.
    record_id: Option<Id>,
    /// Only those that looked for this.
    #[param(inline)]
    target: Option<Target>,
    /// Only those about what came in this way.
    #[param(inline)]
    channel: Option<Channel>,
    /// Only those of which this came.
    #[param(inline)]
    effect: Option<Effect>,
}

/// List match decisions
///
/// Whether what came in was known, and why; newest first unless asked otherwise. Can be ordered by `at`.
#[utoipa::path(
    tag = "matching",
    operation_id = "list_match_decisions",
    params(DecisionQuery, PageQuery),
    responses((status = 200, description = "A page of decisions", body = Page<Kept>)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/match-decisions")]
async fn list_decisions(actor: Actor, query: web::Query<DecisionQuery>, page: web::Query<PageQuery>) -> Reply {
    let DecisionQuery { submission_id, record_id, target, channel, effect } = query.into_inner();
    let filter = DecisionFilter { submission_id, record_id, target, channel, effect };
    let (paging, count) = (page.paging(SORT_FIELDS)?, page.count == Some(true));
    actor
        .read(move |tx| {
            let total = if count { Some(tx.match_decisions().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.match_decisions().list(&filter, &paging)?, &paging, total, |kept| kept)?)
        })
        .await
}

/// Get a match decision
///
/// Strategy and version, the records compared with a verdict for each field, the winner and why it was preferred, and
/// what was done about it.
#[utoipa::path(
    tag = "matching",
    operation_id = "get_match_decision",
    params(("id" = Id, Path, description = "The decision")),
    responses((status = 200, description = "The decision", body = Kept)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/match-decisions/{id}")]
async fn show_decision(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&tx.match_decisions().get(id)?)).await
}

/// Get the rules of a decision
///
/// The strategy as it was in the version that the decision was made by, also when it was changed or deleted since.
#[utoipa::path(
    tag = "matching",
    operation_id = "get_match_decision_strategy",
    params(("id" = Id, Path, description = "The decision")),
    responses((status = 200, description = "The strategy", body = Strategy)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/match-decisions/{id}/strategy")]
async fn show_rules(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let kept = tx.match_decisions().get(id)?;
            let decision = &kept.decision.0;
            Answer::ok(&strategies::rules(tx, kept.target.0, &decision.strategy, decision.version)?)
        })
        .await
}

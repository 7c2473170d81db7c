//! Interactions over HTTP.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    Interaction, InteractionFilter, NewInteraction, Recorded, SORT_FIELDS, kind_handlers, stream_handlers,
    void_handlers,
};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::{Command, typed};
use crate::http::contract::Operation;
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::interactions;
use crate::scoring::Evidence;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(record);
    stream_handlers::routes(routes);
    void_handlers::routes(routes);
    routes.service(show);
    kind_handlers::routes(routes);
}

/// One interaction, or up to 1,000 of them.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Interactions)]
#[expect(clippy::large_enum_variant, reason = "describes the body and is never made")]
#[expect(dead_code, reason = "describes the body; each item is read on its own, so that one spoils no other")]
enum Body {
    /// One.
    #[schema(title = "One")]
    One(NewInteraction),
    /// Several, each with a result of its own.
    #[schema(title = "Several")]
    Several(Several),
}

/// Interactions, each with a result of its own.
#[derive(Deserialize, ToSchema)]
#[schema(max_items = 1_000)]
#[expect(dead_code, reason = "describes the body")]
struct Several(Vec<NewInteraction>);

/// What became of each interaction of a list, in its order.
#[derive(Serialize, ToSchema)]
struct Results {
    /// One result an item.
    results: Vec<ItemResult>,
}

/// What became of one interaction of a list.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = InteractionResult)]
pub(super) struct ItemResult {
    /// 201 recorded, 200 recorded before, 400, 413 or 422 refused, 409 or 503 to be sent again.
    #[schema(example = 201)]
    status: u16,
    /// The interaction and what it set off.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Recorded>,
    /// Why it was refused, as a problem document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::ProblemDocument>)]
    problem: Option<Value>,
}

impl ItemResult {
    pub(super) fn new(outcome: std::result::Result<Recorded, Problem>) -> Self {
        match outcome {
            Ok(recorded) => {
                Self { status: if recorded.first { 201 } else { 200 }, recorded: Some(recorded), problem: None }
            }
            Err(problem) => Self {
                status: problem.status(),
                recorded: None,
                problem: serde_json::from_str(&problem.document()).ok(),
            },
        }
    }
}

/// Record interactions
///
/// What people did: one, or a list of up to 1,000 of which each item has a result of its own. Leads are scored in the
/// same transaction; the answer has the scores before and after. A repeat of `source` and `external_id` is not recorded
/// again and answers with the first. Someone who is not known yet is attributed when they appear.
#[utoipa::path(
    tag = "interactions",
    operation_id = "record_interactions",
    request_body(content = Body, example = json!({
        "kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z", "person": {"email": "ann@example.com"},
        "source": "mailer", "external_id": "m-1842"
    })),
    responses(
        (status = 201, description = "The interaction was recorded", body = Recorded),
        (status = 200, description = "It was recorded before; or, for a list, what became of each item", body = inline(Answered)),
    ),
    security(("bearer" = ["interactions:write"])),
)]
#[post("/v1/interactions")]
async fn record(command: Command<Value>) -> Reply {
    if command.body.is_object() && !command.is_keyed() {
        return record_together(command).await;
    }
    let operation = command.operation.clone();
    command
        .run(move |tx, body, _| match body {
            Value::Array(items) => record_list(tx, &operation, items),
            one => record_one(tx, typed(one.clone()).map_err(invalid)?),
        })
        .await
}

/// What a 200 holds.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer")]
enum Answered {
    /// The interaction, recorded before.
    Before(Recorded),
    /// One result an item of the list.
    Results(Results),
}

/// Records one interaction in one transaction with those that others send at the same moment.
async fn record_together(command: Command<Value>) -> Reply {
    let new: NewInteraction = typed(command.body)?;
    let (db, scope) = (&command.actor.state.db, command.actor.scope());
    let recorded = db.write_together(scope, new.whose(), new, interactions::record).await?;
    Ok(answer(&recorded)?)
}

fn record_one(tx: &mut Tx<'_>, new: NewInteraction) -> Result<Answer> {
    answer(&interactions::record(tx, &[new])?.pop().ok_or(Error::NotFound)??)
}

fn answer(recorded: &Recorded) -> Result<Answer> {
    if recorded.first {
        Answer::created(format!("/v1/interactions/{}", recorded.id), recorded)
    } else {
        Answer::ok(recorded)
    }
}

/// Records the items that are well formed; the others are refused in their places.
fn record_list(tx: &mut Tx<'_>, operation: &Operation, items: &[Value]) -> Result<Answer> {
    let read: Vec<std::result::Result<NewInteraction, Problem>> =
        items.iter().map(|item| operation.check_item(item).and_then(|()| typed(item.clone()))).collect();
    let batch: Vec<NewInteraction> = read.iter().filter_map(|item| item.as_ref().ok().cloned()).collect();
    let mut recorded = interactions::record(tx, &batch)?.into_iter();
    let outcomes = read.into_iter().map(|item| match item {
        Ok(_) => recorded.next().unwrap_or(Err(Error::NotFound)).map_err(Problem::from),
        Err(problem) => Err(problem),
    });
    Answer::ok(&Results { results: outcomes.map(ItemResult::new).collect() })
}

/// A body that the contract took and the type did not.
fn invalid(problem: Problem) -> Error {
    Error::invalid("", "invalid", problem.to_string())
}

/// Which interactions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct InteractionQuery {
    /// Only interactions of this contact.
    contact_id: Option<Id>,
    /// Only interactions about this lead.
    lead_id: Option<Id>,
    /// Only interactions of this kind.
    #[param(max_length = 64, example = "email_opened")]
    kind: Option<String>,
    /// Only interactions of people who are known, or only the others.
    attributed: Option<bool>,
    /// Only interactions that this system told of.
    #[param(max_length = 100, example = "mailer")]
    source: Option<String>,
    /// Only interactions with this evidence.
    #[param(inline)]
    evidence: Option<Evidence>,
    /// Only interactions that were voided, or only the others.
    voided: Option<bool>,
    /// Only interactions that this void voided.
    void_id: Option<Id>,
    /// Only interactions that occurred at this instant or later.
    occurred_from: Option<Timestamp>,
    /// Only interactions that occurred before this instant.
    occurred_until: Option<Timestamp>,
    /// Only interactions with this form.
    form_id: Option<Id>,
    /// Only interactions of this campaign.
    #[param(max_length = 100)]
    campaign: Option<String>,
    /// Only interactions with this asset.
    #[param(max_length = 100)]
    asset: Option<String>,
    /// Only interactions with what this user sent.
    sender_id: Option<Id>,
    /// Only interactions with this cause.
    #[param(max_length = 200)]
    cause: Option<String>,
    /// Only interactions that answer this message.
    in_reply_to_id: Option<Id>,
}

impl InteractionQuery {
    fn filter(self) -> std::result::Result<InteractionFilter, Problem> {
        check_range(("occurred_from", self.occurred_from), ("occurred_until", self.occurred_until))?;
        Ok(InteractionFilter {
            contact_id: self.contact_id,
            lead_id: self.lead_id,
            kind: self.kind,
            attributed: self.attributed,
            source: self.source,
            evidence: self.evidence,
            voided: self.voided,
            void_id: self.void_id,
            occurred_from: self.occurred_from,
            occurred_until: self.occurred_until,
            form_id: self.form_id,
            campaign: self.campaign,
            asset: self.asset,
            sender_id: self.sender_id,
            cause: self.cause,
            in_reply_to_id: self.in_reply_to_id,
        })
    }
}

/// List interactions
///
/// What people did, latest first unless asked otherwise. Can be ordered by `occurred_at`, `recorded_at`.
#[utoipa::path(
    tag = "interactions",
    operation_id = "list_interactions",
    params(InteractionQuery, PageQuery),
    responses((status = 200, description = "A page of interactions", body = Page<Interaction>)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interactions")]
async fn list(actor: Actor, query: web::Query<InteractionQuery>, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let filter = query.into_inner().filter()?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.interactions().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.interactions().list(&filter, &paging)?, &paging, total, |item| item)?)
        })
        .await
}

/// Get an interaction
///
/// One thing a person did. Voided ones say so, and why.
#[utoipa::path(
    tag = "interactions",
    operation_id = "get_interaction",
    params(("id" = Id, Path, description = "The interaction")),
    responses((status = 200, description = "The interaction", body = Interaction)),
    security(("bearer" = ["interactions:read"])),
)]
#[get("/v1/interactions/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&tx.interactions().get(id)?)).await
}

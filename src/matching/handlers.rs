//! Matching over HTTP.

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::decide::Decision;
use super::strategy::{Field, Strategy, Target};
use super::{Kept, keys};
use crate::auth::Actor;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind};
use crate::error::{Error, Result, Violation};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::id::Id;
use crate::{matching, workspaces};

/// The paths of this feature.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(strategies).service(preview).service(list_decisions).service(show_decision);
}

/// The fields that decisions can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "match_decisions.at", SortKind::Instant)];

/// The matching strategies of a workspace.
#[derive(Serialize, ToSchema)]
struct MatchingStrategies {
    /// All of them.
    data: Vec<StrategyView>,
}

/// A strategy, and whether it is used where none is named.
#[derive(Serialize, ToSchema)]
#[schema(as = MatchingStrategyEntry)]
struct StrategyView {
    /// The strategy.
    strategy: Strategy,
    /// Whether it is used by every form that names none. Each target has exactly one default.
    is_default: bool,
}

/// List matching strategies
///
/// How incoming contacts and leads are compared with known ones. The shipped ones find a contact by its e-mail address,
/// and a lead by contact and form, else by e-mail address and form.
#[utoipa::path(
    tag = "matching",
    operation_id = "list_matching_strategies",
    responses((status = 200, description = "The strategies", body = MatchingStrategies)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/matching-strategies")]
async fn strategies(_: Actor) -> Reply {
    let view =
        |strategy: Strategy| StrategyView { is_default: strategy == strategy.target.default_strategy(), strategy };
    Ok(Answer::ok(&MatchingStrategies { data: matching::strategies().into_iter().map(view).collect() })?)
}

/// What might come in.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"target": "contact", "keys": {"email": "ann@example.com"}}))]
struct MatchPreview {
    /// What to look for.
    target: Target,
    /// Key of the strategy to use; the target's default when left out.
    #[schema(min_length = 1, max_length = 64, example = "contact_by_email")]
    strategy: Option<String>,
    /// The values that came in; the strategy uses those it compares.
    keys: PreviewKeys,
}

/// Values to match by, as typed; they are normalised as those of a submission are.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PreviewKeys {
    /// E-mail address.
    #[schema(max_length = 254, example = "ann@example.com")]
    email: Option<String>,
    /// Phone number.
    #[schema(max_length = 40, example = "+372 5551 2345")]
    phone: Option<String>,
    /// Mobile number.
    #[schema(max_length = 40)]
    mobile: Option<String>,
    /// The contact's id in another system.
    #[schema(max_length = 200)]
    external_id: Option<String>,
    /// The id of a visitor not yet known by name.
    #[schema(max_length = 200)]
    anonymous_id: Option<String>,
    /// First name.
    #[schema(max_length = 200)]
    first_name: Option<String>,
    /// Last name.
    #[schema(max_length = 200)]
    last_name: Option<String>,
    /// For a lead: the contact it would belong to.
    contact: Option<Id>,
    /// For a lead: the form it would come through.
    form: Option<Id>,
    /// For a lead: the campaign.
    #[schema(max_length = 200)]
    campaign: Option<String>,
    /// For a lead: the product line.
    #[schema(max_length = 200)]
    product_line: Option<String>,
    /// For a lead: the account.
    account: Option<Id>,
    /// For a lead: the topic.
    #[schema(max_length = 300)]
    topic: Option<String>,
}

impl PreviewKeys {
    fn values(&self) -> Vec<(Field, String)> {
        let text = |id: Option<Id>| id.map(|id| id.to_string());
        let values = [
            (Field::Email, self.email.clone()),
            (Field::Phone, self.phone.clone()),
            (Field::Mobile, self.mobile.clone()),
            (Field::ExternalId, self.external_id.clone()),
            (Field::AnonymousId, self.anonymous_id.clone()),
            (Field::FirstName, self.first_name.clone()),
            (Field::LastName, self.last_name.clone()),
            (Field::Contact, text(self.contact)),
            (Field::Form, text(self.form)),
            (Field::Campaign, self.campaign.clone()),
            (Field::ProductLine, self.product_line.clone()),
            (Field::Account, text(self.account)),
            (Field::Topic, self.topic.clone()),
        ];
        values.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
    }
}

/// Preview a match
///
/// Tells which contact or lead the values would be taken for, and why: the same decision that a submission with these
/// values would get. Nothing is written.
#[utoipa::path(
    tag = "matching",
    operation_id = "preview_match",
    request_body = MatchPreview,
    responses((status = 200, description = "The decision", body = Decision)),
    security(("bearer" = ["matching:read"])),
)]
#[post("/v1/matching-strategies/preview")]
async fn preview(command: Command<MatchPreview>) -> Reply {
    let Command { actor, body, .. } = command;
    actor.read(move |tx| Answer::ok(&look(tx, &body)?)).await
}

fn look(tx: &mut Tx<'_>, asked: &MatchPreview) -> Result<Decision> {
    let strategy = matching::strategy(asked.target, asked.strategy.as_deref())
        .ok_or_else(|| Error::invalid("/strategy", "unknown", "there is no such strategy for this target"))?;
    let values = asked.keys.values();
    let foreign = values.iter().filter(|(field, _)| !asked.target.fields().contains(field));
    let mut broken: Vec<Violation> = foreign
        .map(|(field, _)| {
            Violation::new(format!("/keys/{}", field.name()), "not_allowed", "is no field of this target")
        })
        .collect();
    let country = workspaces::settings(tx)?.default_country;
    let keys = keys::read(&values, country.as_deref(), "/keys").unwrap_or_else(|unread| {
        broken.extend(unread);
        Default::default()
    });
    crate::error::all_hold(broken)?;
    match asked.target {
        Target::Contact => matching::find_contact(tx, &strategy, &keys),
        Target::Lead => matching::find_lead(tx, &strategy, &keys),
    }
}

/// Which decisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DecisionQuery {
    /// The submission they were made about.
    submission_id: Id,
}

/// List match decisions
///
/// The decisions made about one submission, newest first unless asked otherwise. Can be ordered by `at`.
#[utoipa::path(
    tag = "matching",
    operation_id = "list_match_decisions",
    params(DecisionQuery, PageQuery),
    responses((status = 200, description = "A page of decisions", body = Page<Kept>)),
    security(("bearer" = ["matching:read"])),
)]
#[get("/v1/match-decisions")]
async fn list_decisions(actor: Actor, query: web::Query<DecisionQuery>, page: web::Query<PageQuery>) -> Reply {
    let (submission, paging) = (query.submission_id, page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let kept = tx.match_decisions().of_submission(submission, &paging)?;
            Answer::ok(&Page::new(kept, &paging, None, |kept| kept)?)
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

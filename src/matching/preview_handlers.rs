//! Previews: what something would be taken for if it came in now.

use actix_web::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::decide::Decision;
use super::keys;
use super::strategy::{Field, Target};
use crate::db::Tx;
use crate::error::{Error, Result, Violation, all_hold};
use crate::forms::payload::Payload;
use crate::forms::rehearsal::Rehearsal;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::{forms, matching, workspaces};

/// The paths of previews.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(preview);
}

/// What might come in: a submission of a form, or values to look for one record by.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"target": "contact", "keys": {"email": "ann@example.com"}}))]
struct MatchPreview {
    /// With `keys`: what to look for.
    #[schema(value_type = Target, required = false)]
    target: Option<Target>,
    /// With `keys`: key of the strategy to use; the target's default when left out.
    #[schema(min_length = 1, max_length = 64, example = "contact_by_email")]
    strategy: Option<String>,
    /// The values that came in; the strategy uses those it compares.
    #[schema(value_type = PreviewKeys, required = false)]
    keys: Option<PreviewKeys>,
    /// With `submission`: the form, which need not be live.
    form_id: Option<Id>,
    /// What might be sent to the form.
    #[schema(value_type = Payload, required = false)]
    submission: Option<Payload>,
}

/// What a preview foretells.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum MatchForetold {
    /// For `keys`: the decision.
    Decision(Box<Decision>),
    /// For a submission: what would come of it.
    Submission(Box<Rehearsal>),
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
/// With `keys`: which contact or lead the values would be taken for, and why. With `form_id` and `submission`: the
/// decisions that submitting it now would store, and what would be created, changed, linked or left alone. A preview
/// does all that a submission does and takes it back, so the two never differ. Nothing is written.
#[utoipa::path(
    tag = "matching",
    operation_id = "preview_match",
    request_body = MatchPreview,
    responses((status = 200, description = "The decision, or what would come of the submission", body = MatchForetold)),
    security(("bearer" = ["matching:read"])),
)]
#[post("/v1/matching-strategies/preview")]
async fn preview(command: Command<MatchPreview>) -> Reply {
    let Command { actor, body, .. } = command;
    match body.form_id.filter(|_| body.submission.is_some()) {
        Some(form) => {
            let (scope, state) = (actor.scope(), actor.state.clone());
            Ok(state.db.write(scope, move |tx| Answer::ok(&rehearsed(tx, form, &body)?)).await?)
        }
        None => actor.read(move |tx| Answer::ok(&MatchForetold::Decision(Box::new(look(tx, &body)?)))).await,
    }
}

fn rehearsed(tx: &mut Tx<'_>, form: Id, asked: &MatchPreview) -> Result<MatchForetold> {
    let payload = asked.submission.clone().unwrap_or_default();
    let given = [asked.target.is_some(), asked.strategy.is_some(), asked.keys.is_some()];
    let foreign: Vec<_> = ["/target", "/strategy", "/keys"].into_iter().zip(given).collect();
    all_hold(refused(&foreign, "the form says what is looked for, and how"))?;
    Ok(MatchForetold::Submission(Box::new(forms::rehearsal::rehearse(tx, form, &payload, "/submission")?)))
}

fn refused(given: &[(&str, bool)], why: &str) -> Vec<Violation> {
    let given = given.iter().filter(|(_, given)| *given);
    given.map(|(pointer, _)| Violation::new(*pointer, "not_allowed", why)).collect()
}

fn look(tx: &mut Tx<'_>, asked: &MatchPreview) -> Result<Decision> {
    let (Some(target), Some(keys)) = (asked.target, &asked.keys) else {
        return Err(Error::Invalid(incomplete(asked)));
    };
    let foreign = [("/form_id", asked.form_id.is_some()), ("/submission", asked.submission.is_some())];
    all_hold(refused(&foreign, "give keys, or a form and a submission"))?;
    let strategy = matching::strategy(tx, target, asked.strategy.as_deref())?
        .ok_or_else(|| Error::invalid("/strategy", "unknown", "there is no such strategy for this target"))?;
    let values = keys.values();
    let foreign = values.iter().filter(|(field, _)| !target.fields().contains(field));
    let mut broken: Vec<Violation> = foreign
        .map(|(field, _)| {
            Violation::new(format!("/keys/{}", field.name()), "not_allowed", "is no field of this target")
        })
        .collect();
    let country = workspaces::settings(tx)?.default_country.clone();
    let keys = keys::read(&values, country.as_deref(), "/keys").unwrap_or_else(|unread| {
        broken.extend(unread);
        Default::default()
    });
    all_hold(broken)?;
    match target {
        Target::Contact => matching::find_contact(tx, &strategy, &keys),
        Target::Lead => matching::find_lead(tx, &strategy, &keys),
    }
}

/// What is missing: of a submission when one of its parts is there, of keys otherwise.
fn incomplete(asked: &MatchPreview) -> Vec<Violation> {
    let missing = match asked.form_id.is_some() || asked.submission.is_some() {
        true => [("/form_id", asked.form_id.is_none()), ("/submission", asked.submission.is_none())],
        false => [("/target", asked.target.is_none()), ("/keys", asked.keys.is_none())],
    };
    let missing = missing.into_iter().filter(|(_, missing)| *missing);
    let told = |(pointer, _)| Violation::new(pointer, "required", "give target and keys, or a form and a submission");
    missing.map(told).collect()
}

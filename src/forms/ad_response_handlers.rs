//! Responses to lead ads over HTTP, in the network's own JSON (CAP-8).

use actix_web::{get, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::ad_response::{self, Taken};
use super::ad_response_repository::AdResponse;
use super::capture;
use super::submission::Status;
use super::{Form, enter_ad};
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::Violation;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;

/// Responses that one request may bring.
const MOST: usize = 100;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(take).service(show_response);
}

/// What LinkedIn sends. It is open: members that are not known yet are kept and refused nowhere.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Responses(Value);

impl PartialSchema for Responses {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "id": "aaaabbbb-5", "submittedAt": 1_686_182_358_881_i64, "testLead": false, "leadType": "SPONSORED",
            "versionedLeadGenFormUrn": "urn:li:versionedLeadGenForm:(urn:li:leadGenForm:3162,1)",
            "leadMetadata": {"sponsoredLeadMetadata": {"campaign": "urn:li:sponsoredCampaign:7"}},
            "formResponse": {
                "answers": [{"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": "ann@example.com"}}}],
                "consentResponses": [{"consentId": 1, "accepted": true}],
            },
        });
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "One response as LinkedIn gives it, or up to 100 of them as `elements`. Any members are taken.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([example])
            .into()
    }
}

impl ToSchema for Responses {
    fn name() -> std::borrow::Cow<'static, str> {
        "LinkedInResponses".into()
    }
}

/// What became of a response.
#[derive(Serialize, ToSchema)]
struct TakenResponse {
    /// LinkedIn's id of it.
    #[schema(example = "aaaabbbb-5")]
    response_id: String,
    /// The submission it became; null when it was a test lead and was dropped.
    submission_id: Option<Id>,
    /// What became of the submission; null when there is none.
    submission_status: Option<Status>,
}

impl From<Taken> for TakenResponse {
    fn from(taken: Taken) -> Self {
        let (submission_id, submission_status) = taken.kept.map(|kept| (kept.submission_id, kept.status)).unzip();
        Self { response_id: taken.response_id, submission_id, submission_status }
    }
}

/// What became of each response of a list, in its order.
#[derive(Serialize, ToSchema)]
struct TakenResponses {
    /// One result a response.
    results: Vec<ResponseResult>,
}

/// What became of one response of a list.
#[derive(Serialize, ToSchema)]
struct ResponseResult {
    /// 201 taken, 200 taken before or dropped, 422 refused, 503 to be sent again.
    #[schema(example = 201)]
    status: u16,
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<TakenResponse>,
    /// Why it was refused, as a problem document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::ProblemDocument>)]
    problem: Option<Value>,
}

impl ResponseResult {
    fn new(outcome: Result<Taken, Problem>) -> Self {
        match outcome {
            Ok(taken) => {
                let status = if taken.kept.is_some_and(|kept| kept.first) { 201 } else { 200 };
                Self { status, taken: Some(taken.into()), problem: None }
            }
            Err(problem) => {
                let document = serde_json::from_str(&problem.document()).ok();
                Self { status: problem.status(), taken: None, problem: document }
            }
        }
    }
}

/// What a 200 holds.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer")]
enum AnsweredResponses {
    /// The response, taken before or dropped.
    Before(TakenResponse),
    /// One result a response of the list.
    Results(TakenResponses),
}

/// Take LinkedIn responses
///
/// A response to a lead ad in LinkedIn's own JSON, or `{"elements": […]}` with up to 100 of which each has a result of its
/// own. The form says with `question_id` and `consent_id` what goes where. A response is taken once: a repeat of its
/// `id`, whatever else it holds, has no second effect and gets the first one's submission. One that the form does not
/// accept is kept as a failed submission. All of it is kept as it came.
#[utoipa::path(
    tag = "forms",
    operation_id = "take_linkedin_responses",
    params(
        ("form_key" = String, Path, description = "The public key of a live form of the kind `lead_ad`", example = "f_0aZ4kQ8mBv2nXc7Lp1Rt9s"),
    ),
    request_body(content = Responses, description = "One response, or several as `elements`"),
    responses(
        (status = 201, description = "The response was taken", body = TakenResponse),
        (status = 200, description = "It was taken before or dropped; or, for a list, what became of each", body = inline(AnsweredResponses)),
        (status = 410, description = "The form was deleted"),
    ),
    security(("bearer" = ["submissions:write"])),
)]
#[post("/v1/lead-ads/linkedin/{form_key}")]
async fn take(form_key: web::Path<String>, command: Command<Responses>) -> Reply {
    let Command { actor, body: Responses(body), .. } = command;
    let form = actor.state.db.read(actor.scope(), move |tx| enter_ad(tx, &form_key)).await?;
    let Some(elements) = body.get("elements") else {
        return Ok(answer_one(take_one(&actor, &form, body).await?)?);
    };
    let elements = elements.as_array().filter(|elements| elements.len() <= MOST).ok_or_else(|| {
        Problem::invalid(vec![Violation::new("/elements", "too_long", format!("must be a list of at most {MOST}"))])
    })?;
    let mut results = Vec::with_capacity(elements.len());
    for element in elements {
        results.push(ResponseResult::new(take_one(&actor, &form, element.clone()).await));
    }
    Ok(Answer::ok(&TakenResponses { results })?)
}

fn answer_one(taken: Taken) -> crate::error::Result<Answer> {
    match taken.kept.filter(|kept| kept.first) {
        Some(kept) => Answer::created(format!("/v1/submissions/{}", kept.submission_id), &TakenResponse::from(taken)),
        None => Answer::ok(&TakenResponse::from(taken)),
    }
}

/// Takes one response in a transaction of its own, so that it spoils no other. After a fault it is kept alone.
async fn take_one(actor: &Actor, form: &Form, raw: Value) -> Result<Taken, Problem> {
    let (first_form, first_raw) = (form.clone(), raw.clone());
    let work = move |tx: &mut Tx<'_>| ad_response::take(tx, &first_form, &first_raw, None);
    let fault = match actor.state.db.write(actor.scope(), work).await {
        Ok(taken) => return Ok(taken),
        Err(error) if !capture::is_to_be_kept(&error) => return Err(error.into()),
        Err(error) => capture::reason(&error),
    };
    let form = form.clone();
    let keep = move |tx: &mut Tx<'_>| ad_response::take(tx, &form, &raw, Some(&fault));
    Ok(actor.state.db.write(actor.scope(), keep).await?)
}

/// Get what a network told
///
/// The response that a submission was made of, as it came. 404 for a submission that was made of none.
#[utoipa::path(
    tag = "forms",
    operation_id = "get_ad_response",
    params(("id" = Id, Path, description = "The submission")),
    responses((status = 200, description = "The response", body = AdResponse)),
    security(("bearer" = ["submissions:read"])),
)]
#[get("/v1/submissions/{id}/ad-response")]
async fn show_response(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&tx.ad_responses().behind(id)?)).await
}

//! The public entry over HTTP: submissions, the question browsers ask before them, and a page that says thank you.
//!
//! The order is: the form, where the request comes from, what it says, and only then the database. The answer is the
//! same whether the person is known, new or suppressed.

use actix_web::http::Method;
use actix_web::http::header::{self, CONTENT_TYPE, HeaderMap, LOCATION, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError, get, options, post, web};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::capture::{self, Admission, Arrival};
use super::payload::{FormPost, Payload};
use super::reading::Reading;
use super::{Entrance, cors, wire};
use crate::db::{Scope, Tx};
use crate::error::{Error, Result as Outcome};
use crate::forms;
use crate::http::State;
use crate::http::answer::{Answer, Reply};
use crate::http::command::{operation, read_body, state, typed};
use crate::http::idempotency::{self, Key, Turn};
use crate::http::problem::Problem;
use crate::id::Id;

/// Bytes that a submission may have.
const BODY_LIMIT: usize = 64 * 1024;
/// The status of every accepted submission.
const ACCEPTED: u16 = 202;
/// Characters of a user agent that are kept.
const USER_AGENT_MAX: usize = 500;

/// The paths open to the public.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(submit).service(ask).service(thanks);
}

/// What every accepted submission is answered.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedSubmission)]
struct Accepted {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
    /// The submission's id.
    submission_id: Id,
}

/// Submit a form
///
/// Takes what a visitor filled in: as JSON, or with the same names as a browser's form post sends them. In a form post a
/// name is a field of the form; `utm_…`, `anonymous_id`, `page_url`, `submission_id` and `consent.<purpose>` mean what
/// they mean in JSON. Up to 64 KiB, 64 fields, 4,000 characters a field.
///
/// A page may send it if its origin is among the form's; requests without `Origin` come from programs and are taken.
/// The `Origin` header is no authentication. What can be read is stored before anything else happens. A repeat has no
/// second effect and gets the first submission's id: with the same `Idempotency-Key`, with the same `submission_id`, or
/// with the same answers within the form's window.
///
/// A browser's form post is answered with 303 to the form's thank-you page when HTML is asked for; everything else
/// with 202, always alike.
#[utoipa::path(
    tag = "forms",
    operation_id = "submit_form",
    params(
        ("key" = String, Path, description = "The form's public key", example = "f_0aZ4kQ8mBv2nXc7Lp1Rt9s"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key and body gets the first answer"),
        ("Origin" = Option<String>, Header, description = "The page's origin, set by browsers"),
    ),
    request_body(
        description = "What the visitor filled in",
        content(
            (Payload = "application/json"),
            (FormPost = "application/x-www-form-urlencoded"),
            (FormPost = "multipart/form-data"),
        ),
    ),
    responses(
        (status = 202, description = "Accepted", body = Accepted),
        (status = 303, description = "A browser's form post was accepted; `Location` is the thank-you page"),
        (status = 403, description = "Pages of this origin may not send the form"),
        (status = 409, description = "A request with the same Idempotency-Key is under way"),
        (status = 410, description = "The form was deleted"),
    ),
)]
#[post("/v1/public/forms/{key}/submissions")]
async fn submit(request: HttpRequest, body: web::Payload) -> HttpResponse {
    let (entrance, origin) = match enter(&request).await {
        Ok(entered) => entered,
        Err(problem) => return shown(problem.error_response(), None),
    };
    let response = match take(&request, &entrance, body).await {
        Ok(answer) => answered(&request, &entrance, answer),
        Err(problem) => problem.error_response(),
    };
    shown(response, origin.as_ref())
}

fn shown(mut response: HttpResponse, origin: Option<&header::HeaderValue>) -> HttpResponse {
    cors::show(response.headers_mut(), origin);
    response
}

/// The form that is asked for, and the origin of the page that asks.
async fn enter(request: &HttpRequest) -> Result<(Entrance, Option<header::HeaderValue>), Problem> {
    let entrance = find(request).await?;
    let origin = cors::admit(&entrance.form.definition.0, request.headers())?;
    Ok((entrance, origin))
}

async fn find(request: &HttpRequest) -> Result<Entrance, Problem> {
    let state = state(request)?;
    let key = request.match_info().get("key").unwrap_or_default().to_owned();
    let scope = Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None };
    Ok(state.db.read(scope, move |tx| forms::enter(tx, &key)).await?)
}

/// Reads the submission and stores it.
async fn take(request: &HttpRequest, entrance: &Entrance, body: web::Payload) -> Reply {
    let raw = read_body(request, body.into_inner(), BODY_LIMIT).await?;
    let key = key(request, entrance, &raw)?;
    let document = wire::document(request.headers(), raw).await?;
    operation(request)?.check_body(&document)?;
    let payload: Payload = typed(document)?;
    let read = Reading::of(&entrance.form.definition.0, &payload, entrance.default_country.as_deref());
    let arrival = Arrival {
        form: entrance.form.clone(),
        reading: read.map_err(Error::Invalid)?,
        payload,
        remote_address: request.peer_addr().map(|peer| peer.ip().to_string()),
        user_agent: user_agent(request.headers()),
        admission: Admission::Admitted,
    };
    store(&*state(request)?, key, arrival).await
}

/// Stores the submission, once. After a fault it is stored alone, so that nothing a visitor sent is lost.
async fn store(state: &State, key: Option<Key>, arrival: Arrival) -> Reply {
    let scope = Scope { workspace: arrival.form.workspace_id, at: state.clock.now(), actor: None, cause: None };
    let lease = match key {
        None => None,
        Some(key) => match idempotency::take(state, scope, key).await? {
            Turn::Ours(lease) => Some(lease),
            Turn::Before(answer) => return Ok(answer),
        },
    };
    let receiving = arrival.clone();
    let mut done = write(state, scope, lease.as_ref(), move |tx| capture::receive(tx, &receiving)).await;
    if let Err(fault) = done.as_ref()
        && capture::is_to_be_kept(fault)
    {
        let reason = capture::reason(fault);
        done = write(state, scope, lease.as_ref(), move |tx| capture::keep(tx, &arrival, &reason)).await;
    }
    match (done, lease) {
        (Ok(answer), _) => Ok(answer),
        (Err(error), Some(lease)) => Err(lease.settle(state, scope, error).await),
        (Err(error), None) => Err(error.into()),
    }
}

async fn write<F>(state: &State, scope: Scope, lease: Option<&idempotency::Lease>, work: F) -> Outcome<Answer>
where
    F: Fn(&mut Tx<'_>) -> Outcome<Id> + Send + 'static,
{
    let work = move |tx: &mut Tx<'_>| Answer::accepted(&Accepted { status: "accepted", submission_id: work(tx)? });
    match lease {
        Some(lease) => lease.carry_out(state, scope, work).await,
        None => state.db.write(scope, work).await,
    }
}

/// The request's idempotency key, which counts for this form alone.
fn key(request: &HttpRequest, entrance: &Entrance, body: &[u8]) -> Result<Option<Key>, Problem> {
    let Some(key) = idempotency::header(request.headers())? else { return Ok(None) };
    let (method, path) = (Method::POST.to_string(), request.path().to_owned());
    let kind = request.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let fingerprint = idempotency::fingerprint(&[method.as_bytes(), path.as_bytes(), kind, body]);
    Ok(Some(Key { principal: format!("form {}", entrance.form.id), method, path, key, fingerprint }))
}

/// The program that asks, as it calls itself.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes()).into_owned();
    Some(text.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX).collect())
}

/// JSON for scripts, a way on to the thank-you page for browsers.
fn answered(request: &HttpRequest, entrance: &Entrance, answer: Answer) -> HttpResponse {
    let headers = request.headers();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if answer.status() != ACCEPTED || !wire::is_form_post(headers) || !prefers_html(accept) {
        return answer.respond_to(request);
    }
    let form = &entrance.form;
    let own = || format!("/v1/public/forms/{}/thanks", form.key);
    let location = form.definition.0.thank_you_url.clone().unwrap_or_else(own);
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// Whether an `Accept` header would rather have HTML than JSON.
pub(super) fn prefers_html(accept: &str) -> bool {
    quality(accept, "text", "html") > quality(accept, "application", "json")
}

/// The weight of a media type in thousandths, by the most specific range that names it.
fn quality(accept: &str, kind: &str, subtype: &str) -> u32 {
    let weighed = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
        let specific = match (range_kind.eq_ignore_ascii_case(kind), range_subtype.eq_ignore_ascii_case(subtype)) {
            (true, true) => 2,
            (true, false) if range_subtype == "*" => 1,
            _ if (range_kind, range_subtype) == ("*", "*") => 0,
            _ => return None,
        };
        let weight =
            parts.find_map(|parameter| parameter.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
        Some((specific, (weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u32))
    });
    weighed.max_by_key(|(specific, _)| *specific).map_or(0, |(_, weight)| weight)
}

/// Ask before submitting
///
/// What browsers ask before a script sends the form (CORS preflight). A page whose origin the form accepts is told so;
/// any other is told nothing.
#[utoipa::path(
    tag = "forms",
    operation_id = "ask_before_submitting",
    params(
        ("key" = String, Path, description = "The form's public key"),
        ("Origin" = Option<String>, Header, description = "The page's origin, set by browsers"),
    ),
    responses(
        (status = 204, description = "`Access-Control-Allow-Origin` is the origin, if the form accepts it"),
        (status = 410, description = "The form was deleted"),
    ),
)]
#[options("/v1/public/forms/{key}/submissions")]
async fn ask(request: HttpRequest) -> HttpResponse {
    let entrance = match find(&request).await {
        Ok(entrance) => entrance,
        Err(problem) => return shown(problem.error_response(), None),
    };
    let origin = cors::admit(&entrance.form.definition.0, request.headers()).ok().flatten();
    let mut response = HttpResponse::NoContent().finish();
    cors::preflight(response.headers_mut(), origin.as_ref());
    response
}

/// Say thank you
///
/// The page that a browser's form post ends on when the form has no thank-you page of its own.
#[utoipa::path(
    tag = "forms",
    operation_id = "show_thanks",
    params(("key" = String, Path, description = "The form's public key")),
    responses(
        (status = 200, description = "A page for people", body = String, content_type = "text/html"),
        (status = 410, description = "The form was deleted"),
    ),
)]
#[get("/v1/public/forms/{key}/thanks")]
async fn thanks(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width\">\n<title>Thank you</title>\n\
        <h1>Thank you</h1>\n<p>We have received what you sent.</p>\n</html>\n";
    find(&request).await?;
    let policy = ("content-security-policy", "default-src 'none'");
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").insert_header(policy).body(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_prefer_html_and_scripts_do_not() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "text/html, application/json;q=0.9",
            "text/html",
        ] {
            assert!(prefers_html(accept), "{accept}");
        }
        for accept in
            ["", "*/*", "application/json", "application/json, text/html", "text/html;q=0, */*", "text/html;q=x"]
        {
            assert!(!prefers_html(accept), "{accept}");
        }
    }
}

//! The public entry over HTTP: submissions, the question browsers ask before them, and a page that says thank you.
//!
//! The order is: the form, where the request comes from, how much comes from there, what it says, and only then the
//! database. The answer is the same whether the person is known, new, suppressed or taken for spam.

use actix_web::http::Method;
use actix_web::http::header::{self, CONTENT_TYPE, HeaderMap, LOCATION, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError, get, options, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::capture::{self, Arrival};
use super::definition::Definition;
use super::form_token::Pass;
use super::payload::{FormPost, Payload};
use super::reading::Reading;
use super::{Entrance, Form, cors, form_token, guard, together, token_handlers, wire};
use crate::clock::Timestamp;
use crate::db::{Scope, Tx};
use crate::error::{Error, Result as Outcome, Violation};
use crate::forms;
use crate::http::State;
use crate::http::answer::{Answer, Reply};
use crate::http::command::{operation, read_body, state, typed};
use crate::http::idempotency::{self, Key, Turn};
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::http::throttle::Limits;
use crate::id::Id;

/// Bytes that a submission may have.
const BODY_LIMIT: usize = 64 * 1024;
/// The status of every accepted submission.
const ACCEPTED: u16 = 202;
/// Characters of a user agent that are kept.
const USER_AGENT_MAX: usize = 500;

/// The paths open to the public.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(submit).service(ask).service(thanks).service(token_handlers::show_token);
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
/// name is a field of the form; `utm_…`, `anonymous_id`, `page_url`, `submission_id`, `thank_you` and
/// `consent.<purpose>` mean what they mean in JSON, and `form_token` is the token. Up to 64 KiB, 64 fields, 4,000
/// characters a field.
///
/// A page may send it if its origin is among the form's; requests without `Origin` come from programs and are taken.
/// The `Origin` header is no authentication. What can be read is stored before anything else happens. A repeat has no
/// second effect and gets the first submission's id: with the same `Idempotency-Key`, `submission_id` or token, or with the same answers within the form's window.
///
/// What looks like spam is answered alike and kept, and nothing comes of it until it is released. What exceeds the
/// form's rate is answered 429 and not kept.
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
        (status = 429, description = "Too many submissions from one address, or of all to this form; Retry-After says how long to wait"),
    ),
)]
#[post("/v1/public/forms/{key}/submissions")]
async fn submit(request: HttpRequest, body: web::Payload) -> HttpResponse {
    let (entrance, origin) = match enter(&request).await {
        Ok(entered) => entered,
        Err(problem) => return shown(problem.error_response(), None),
    };
    let response = match take(&request, &entrance, body).await {
        Ok((answer, thank_you)) => answered(&request, &entrance, answer, thank_you),
        Err(problem) => problem.error_response(),
    };
    shown(response, origin.as_ref())
}

/// Lets a page that may send the form read a refusal that came before its handler was reached (F13).
pub async fn show_refusal(state: &State, asking: &Asking, answer: &mut HeaderMap) {
    let (scope, key) =
        (Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None }, asking.key.clone());
    let found = state.db.read(scope, move |tx| forms::enter(tx, &key)).await;
    let origin =
        found.ok().and_then(|entrance| cors::admit(&entrance.form.definition.0, &asking.origin).ok().flatten());
    cors::show(answer, origin.as_ref());
}

/// A page that asks for something at the public paths of a form.
pub struct Asking {
    key: String,
    /// Its origin, as headers.
    origin: HeaderMap,
}

impl Asking {
    /// The page behind a request to `path`; none when no page asks, or for anything else than a form.
    pub fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        let (key, _) = path.strip_prefix("/v1/public/forms/")?.split_once('/')?;
        let mut origin = HeaderMap::new();
        for value in headers.get_all(header::ORIGIN) {
            origin.append(header::ORIGIN, value.clone());
        }
        (!origin.is_empty()).then(|| Self { key: key.to_owned(), origin })
    }
}

pub(super) fn shown(mut response: HttpResponse, origin: Option<&header::HeaderValue>) -> HttpResponse {
    cors::show(response.headers_mut(), origin);
    response
}

/// The form that is asked for, and the origin of the page that asks.
pub(super) async fn enter(request: &HttpRequest) -> Result<(Entrance, Option<header::HeaderValue>), Problem> {
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

/// Reads the submission and stores it; also tells the thank-you page that it asks for.
async fn take(
    request: &HttpRequest,
    entrance: &Entrance,
    body: web::Payload,
) -> Result<(Answer, Option<String>), Problem> {
    let (state, definition) = (state(request)?, &entrance.form.definition.0);
    let (address, at) = (state.proxies.address(request), state.clock.now());
    let guard::RateLimit { per_address, per_form } = definition.rate_limit;
    state.throttle.take(entrance.form.id, address, Limits { per_place: per_address, in_all: per_form }, at)?;
    let raw = read_body(request, body.into_inner(), BODY_LIMIT).await?;
    let key = key(request, entrance, &raw)?;
    let document = wire::document(request.headers(), raw).await?;
    operation(request)?.check_body(&document)?;
    let mut payload: Payload = typed(document)?;
    let (token, wish) = (payload.token.take(), payload.thank_you.take());
    let read = Reading::of(definition, &payload, entrance.default_country.as_deref());
    let pass = pass(&state, &entrance.form, token.as_deref(), at);
    let thank_you = thank_you(definition, wish.as_deref());
    let (reading, pass, thank_you) = all_good(read, pass, thank_you)?;
    let arrival = Arrival {
        remote_address: address.map(|address| address.to_string()),
        user_agent: user_agent(request.headers()),
        suspicion: guard::suspicion(definition, &payload, pass.map(|pass| pass.opened_at), at),
        form_token: pass.map(|pass| pass.id),
        ..Arrival::new(entrance.form.clone(), payload, reading)
    };
    Ok((store(&state, key, arrival).await?, thank_you))
}

/// What the token says, if there is one; a form that measures the time needs one.
fn pass(state: &State, form: &Form, token: Option<&str>, at: Timestamp) -> Result<Option<Pass>, Violation> {
    match token {
        Some(token) => form_token::read(&state.tokens, token, form.id, at).map(Some).map_err(|why| why.at("/token")),
        None if form.definition.0.min_fill_seconds > 0 => {
            Err(Violation::new("/token", "required", "get a token of the form when it is opened, and send it back"))
        }
        None => Ok(None),
    }
}

/// The page to which a visitor is sent: the one asked for by name, else the form's usual one.
fn thank_you(definition: &Definition, wish: Option<&str>) -> Result<Option<String>, Violation> {
    let Some(name) = wish else { return Ok(definition.thank_you_url.clone()) };
    let unknown = || Violation::new("/thank_you", "unknown", "the form has no thank-you page of this name");
    definition.thank_you_urls.get(name).cloned().map(Some).ok_or_else(unknown)
}

/// All three, or everything that is wrong with any.
fn all_good<A, B, C>(
    read: Result<A, Vec<Violation>>,
    pass: Result<B, Violation>,
    thank_you: Result<C, Violation>,
) -> Outcome<(A, B, C)> {
    match (read, pass, thank_you) {
        (Ok(read), Ok(pass), Ok(thank_you)) => Ok((read, pass, thank_you)),
        (read, pass, thank_you) => {
            let mut broken = read.err().unwrap_or_default();
            broken.extend(pass.err().into_iter().chain(thank_you.err()));
            Err(Error::Invalid(broken))
        }
    }
}

/// Stores the submission, once. After a fault it is stored alone, so that nothing a visitor sent is lost.
async fn store(state: &web::Data<State>, key: Option<Key>, arrival: Arrival) -> Reply {
    let scope = Scope { workspace: arrival.form.workspace_id, at: state.clock.now(), actor: None, cause: None };
    let lease = match key {
        None => None,
        Some(key) => match idempotency::take(state, scope, key).await? {
            Turn::Ours(lease) => Some(lease),
            Turn::Before(answer) => return Ok(answer),
        },
    };
    let receiving = arrival.clone();
    let mut done = match &lease {
        None => {
            state.db.write_together(scope, arrival.whose(), receiving, together::receive_all).await.and_then(accepted)
        }
        lease => write(state, scope, lease.as_ref(), move |tx| capture::receive(tx, &receiving)).await,
    };
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
    let work = move |tx: &mut Tx<'_>| accepted(work(tx)?);
    match lease {
        Some(lease) => lease.carry_out(state, scope, work).await,
        None => state.db.write(scope, work).await,
    }
}

fn accepted(submission_id: Id) -> Outcome<Answer> {
    Answer::accepted(&Accepted { status: "accepted", submission_id })
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
fn answered(request: &HttpRequest, entrance: &Entrance, answer: Answer, thank_you: Option<String>) -> HttpResponse {
    let headers = request.headers();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if answer.status() != ACCEPTED || !wire::is_form_post(headers) || !prefers_html(accept) {
        return answer.respond_to(request);
    }
    let location = thank_you.unwrap_or_else(|| format!("/v1/public/forms/{}/thanks", entrance.form.key));
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

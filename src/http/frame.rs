//! What happens around every request, whatever it asks for.
//!
//! In order: request id, address, path and method (404, 405, 414), who asks and whether they may (401, 403, 429),
//! parameters (400), type of the body (415), then the handler, and one log line without personal data. A handler that
//! panics costs its caller a 500 and nobody else anything.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, TRANSFER_ENCODING, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;

use super::contract::Operation;
use super::problem::{Kind, Problem};
use super::rate::Allowance;
use super::{HeadOnly, State, request_id};
use crate::auth;
use crate::error::Error;
use crate::forms::public_handlers::{self, Asking};

/// Bytes that path and query may have together.
const LONGEST_ADDRESS: usize = 8 * 1024;

/// The middleware around the whole service.
pub async fn frame(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<BoxBody, impl MessageBody>>, actix_web::Error> {
    let id = request_id::choose(request.headers(), state.clock.now());
    request_id::scope(id.clone(), async move {
        let (begun, method) = (Instant::now(), request.method().clone());
        let asking = Asking::of(request.path(), request.headers());
        let (outcome, route) = answer(&state, request, next).await;
        let (status, outcome) = match outcome {
            Ok(mut response) => {
                let status = response.status();
                finish(response.headers_mut(), &id);
                show(&state, asking, status, response.headers_mut()).await;
                (status, Ok(response))
            }
            Err(problem) => {
                let mut response = problem.error_response();
                finish(response.headers_mut(), &id);
                let status = response.status();
                show(&state, asking, status, response.headers_mut()).await;
                (response.status(), Err(InternalError::from_response(problem, response).into()))
            }
        };
        log::info!(
            target: "ripen::request",
            "{method} {route} {} {:.1} ms request={id}",
            status.as_u16(),
            begun.elapsed().as_secs_f64() * 1000.0,
        );
        outcome
    })
    .await
}

/// Answers the request; also tells its route as the log may show it, which is never what a caller made up.
async fn answer<B: MessageBody + 'static>(
    state: &web::Data<State>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> (Result<ServiceResponse<EitherBody<BoxBody, B>>, Problem>, String) {
    if is_documentation(&request) {
        return (call(request, next).await, "/docs".to_owned());
    }
    let (operation, route) = match find(state, &request) {
        Found::Operation(operation, route) => (operation, route),
        Found::Answer(response, route) => return (Ok(request.into_response(response).map_into_left_body()), route),
    };
    let allowance = match admit(state, &request, &operation).await {
        Ok(allowance) => allowance,
        Err(problem) => return (Err(problem), route),
    };
    request.extensions_mut().insert(operation);
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(HeadOnly);
    }
    let asked = request.headers().get(IF_NONE_MATCH).cloned().filter(|_| request.method() == Method::GET);
    let outcome = call(request, next).await.map(|mut response| {
        if let Some(allowance) = allowance {
            allowance.show(response.headers_mut());
        }
        not_modified(response, asked)
    });
    (outcome, route)
}

enum Found {
    Operation(Arc<Operation>, String),
    Answer(HttpResponse, String),
}

/// Finds the operation for path and method, or the answer for a request that has none.
fn find(state: &State, request: &ServiceRequest) -> Found {
    let refused = |problem: Problem| Found::Answer(problem.error_response(), "-".to_owned());
    let address = request.uri().path_and_query().map_or(0, |whole| whole.as_str().len());
    if address > LONGEST_ADDRESS {
        return refused(Problem::new(Kind::UriTooLong, format!("path and query may have {LONGEST_ADDRESS} bytes")));
    }
    // No path of this service needs an escape, so an escaped one names nothing.
    let path = request.uri().path();
    let route = if path.contains(['%', ';', '\\']) { None } else { state.contract.route(path) };
    let Some(route) = route else {
        return refused(Problem::new(Kind::NotFound, "no such path; /docs lists all"));
    };
    if let Some(operation) = route.operation(request.method()) {
        return Found::Operation(operation, route.template.clone());
    }
    let response = if request.method() == Method::OPTIONS {
        HttpResponse::NoContent().insert_header(("allow", route.allow())).finish()
    } else {
        let detail = format!("allowed here: {}", route.allow());
        Problem::new(Kind::MethodNotAllowed, detail).header("Allow", route.allow()).error_response()
    };
    Found::Answer(response, route.template.clone())
}

/// Checks who asks, whether they may, and what the address and headers say.
async fn admit(
    state: &web::Data<State>,
    request: &ServiceRequest,
    operation: &Operation,
) -> Result<Option<Allowance>, Problem> {
    let mut allowance = None;
    if let Some(scope) = &operation.scope {
        let actor = auth::authenticate(state, request.headers()).await?;
        if !scope.is_empty() && !actor.may(scope) {
            return Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed")));
        }
        allowance = Some(state.rate.take(actor.workspace, actor.principal_id)?);
        request.extensions_mut().insert(actor);
    }
    operation.check_query(request.query_string())?;
    if operation.needs_if_match && !request.headers().contains_key("if-match") {
        return Err(Problem::new(Kind::PreconditionRequired, "send If-Match with the ETag that the last read gave"));
    }
    let types: Vec<&str> = request.headers().get_all(CONTENT_TYPE).map(|v| v.to_str().unwrap_or("?")).collect();
    let headers = request.headers();
    let empty =
        !headers.contains_key(TRANSFER_ENCODING) && headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
    operation.check_media_type(&types, empty)?;
    Ok(allowance)
}

fn is_documentation(request: &ServiceRequest) -> bool {
    let path = request.path();
    (path == "/docs" || path.starts_with("/docs/")) && matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Runs the handler. Errors and panics become problems here, so that nothing outside has to know them. The request goes
/// with the handler: the router needs it for itself, so there is nothing left to answer a panic with but the problem.
async fn call<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<BoxBody, B>>, Problem> {
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => Ok(tidy(response)),
        Ok(Err(error)) => Err(Error::internal(error).into()),
        Err(_) => Err(Error::internal("a handler panicked").into()),
    }
}

/// Errors of the web framework itself carry no problem document, and no page for people either; give them one.
fn tidy<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<EitherBody<BoxBody, B>> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let is_ours = kind == b"application/problem+json" || kind.starts_with(b"text/html");
    if is_ours || !status.is_client_error() && !status.is_server_error() {
        return response.map_into_right_body();
    }
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new(Kind::NotFound, "no such record"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::PayloadTooLarge, "the body is too large"),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::from(Error::internal("the framework failed")),
        _ => Problem::new(Kind::MalformedRequest, "the request cannot be read"),
    };
    let (http_request, _) = response.into_parts();
    ServiceResponse::new(http_request, problem.error_response()).map_into_left_body()
}

/// 304 when the caller has this version already.
fn not_modified<B: MessageBody>(
    response: ServiceResponse<EitherBody<BoxBody, B>>,
    asked: Option<HeaderValue>,
) -> ServiceResponse<EitherBody<BoxBody, B>> {
    let known = asked.as_ref().and_then(|asked| asked.to_str().ok()).unwrap_or_default();
    let current = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let Some(current) = current.filter(|_| response.status() == StatusCode::OK) else { return response };
    let matches = known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == current);
    if !matches {
        return response;
    }
    let (http_request, _) = response.into_parts();
    let unchanged = HttpResponse::NotModified().insert_header((ETAG, current)).finish();
    ServiceResponse::new(http_request, unchanged).map_into_left_body()
}

/// Tells a page that may send a form why it was refused. The form's own handlers do so themselves, and say what their
/// answer varies by.
async fn show(state: &State, asking: Option<Asking>, status: StatusCode, headers: &mut HeaderMap) {
    if let Some(asking) = asking
        && (status.is_client_error() || status.is_server_error())
        && !headers.contains_key(VARY)
    {
        public_handlers::show_refusal(state, &asking, headers).await;
    }
}

/// Headers that every answer carries.
fn finish(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static(request_id::HEADER), id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    if !headers.contains_key("cache-control") {
        headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;
    use crate::auth::token::Tokens;
    use crate::clock::{Clock, Timestamp};
    use crate::db::{Address, Db};
    use crate::http::idempotency::Terms;
    use crate::http::rate::Rate;

    async fn broken() -> HttpResponse {
        panic!("a test's handler")
    }

    async fn whole() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[actix_web::test]
    async fn a_handler_that_panics_costs_its_caller_a_500_and_nobody_else_anything() {
        let db = Db::new(&Address::parse("sqlite:///nowhere/ripen.db").unwrap(), 1);
        let clock = Clock::manual(Timestamp::from_day(20_000));
        let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef").unwrap();
        let state = State::new(db, clock, tokens, Rate::new(0), Terms { keep_s: 1, lease_s: 1 }).unwrap();
        let app = App::new().app_data(web::Data::new(state)).wrap(from_fn(frame));
        // Two paths of the contract, each with a handler of the test's own.
        let app = app.route("/health/live", web::get().to(broken)).route("/health/ready", web::get().to(whole));
        let app = init_service(app).await;

        let request = TestRequest::get().uri("/health/live").insert_header(("x-request-id", "request-42")).to_request();
        let Err(error) = actix_web::dev::Service::call(&app, request).await else { panic!("no error") };
        let response = error.error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("x-request-id").unwrap(), "request-42");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["status"], &problem["instance"]), (&500.into(), &"request-42".into()));
        assert!(!problem.to_string().contains("a test's handler"));

        let next = call_service(&app, TestRequest::get().uri("/health/ready").to_request()).await;
        assert_eq!(next.status(), 200);
    }
}

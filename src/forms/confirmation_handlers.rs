//! Confirmations over HTTP: the link that was mailed, and what users see and do about it.
//!
//! Opening the link confirms, as people expect of a link in a mail. Programs that look through mail open links as well, so
//! a confirmation can be a machine's; a form that must be sure of a person has `confirmation.button`, and then only the
//! button on the page confirms. HEAD, and what a browser fetches in advance, never confirm.

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Responder, ResponseError, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::confirmation::{self, Confirmation, Opener, RESEND_AFTER_S, Standing};
use super::confirmation_page as page;
use super::public_handlers::{prefers_html, user_agent};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Scope;
use crate::error::Error;
use crate::http::answer::{Answer, Reply};
use crate::http::command::{Command, state};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::http::{HeadOnly, State};
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(open).service(press).service(show).service(resend);
}

/// What came of opening a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The address is confirmed.
    Confirmed,
    /// It was confirmed before.
    AlreadyConfirmed,
    /// It is not confirmed yet: that takes a POST to the same address.
    Waiting,
}

/// What came of opening a confirmation link.
#[derive(Serialize, ToSchema)]
struct OpenedConfirmation {
    /// What came of it.
    status: Outcome,
}

/// Open a confirmation link
///
/// The link that was mailed to whoever sent a form: opening it confirms their address, and the submission is processed.
/// Once; later it only says that it was. Where the form asks for a button it shows that instead. HEAD never confirms. A
/// page for browsers, JSON for everything else.
#[utoipa::path(
    tag = "forms",
    operation_id = "open_confirmation",
    params(("token" = String, Path, description = "What was mailed", example = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k")),
    responses(
        (status = 200, description = "Confirmed, now or before; or a button to do so", content(
            (OpenedConfirmation = "application/json"),
            (String = "text/html"),
        )),
        (status = 410, description = "The link has expired"),
    ),
)]
#[get("/v1/public/confirmations/{token}")]
async fn open(request: HttpRequest) -> HttpResponse {
    let outcome = open_link(&request).await;
    shown(&request, outcome)
}

/// Confirm an address
///
/// What the button on the page of a confirmation link does.
#[utoipa::path(
    tag = "forms",
    operation_id = "confirm_address",
    params(("token" = String, Path, description = "What was mailed", example = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k")),
    responses(
        (status = 200, description = "Confirmed, now or before", content(
            (OpenedConfirmation = "application/json"),
            (String = "text/html"),
        )),
        (status = 410, description = "The link has expired"),
    ),
)]
#[post("/v1/public/confirmations/{token}")]
async fn press(request: HttpRequest) -> HttpResponse {
    let outcome = confirm(&request).await;
    shown(&request, outcome)
}

async fn open_link(request: &HttpRequest) -> Result<Outcome, Problem> {
    let (state, token) = (state(request)?, token(request));
    let look = state.db.read(nowhere(&state), move |tx| confirmation::look(tx, &token)).await?;
    match look.standing {
        Standing::Waiting if !look.button && !only_looks(request) => confirm(request).await,
        standing => told(standing, false),
    }
}

async fn confirm(request: &HttpRequest) -> Result<Outcome, Problem> {
    let (state, token) = (state(request)?, token(request));
    let opener = Opener {
        remote_address: request.peer_addr().map(|peer| peer.ip().to_string()),
        user_agent: user_agent(request.headers()),
    };
    let confirm = move |tx: &mut crate::db::Tx<'_>| confirmation::confirm(tx, &token, &opener);
    let (standing, first) = state.db.write(nowhere(&state), confirm).await?;
    told(standing, first)
}

fn told(standing: Standing, first: bool) -> Result<Outcome, Problem> {
    match standing {
        Standing::Given if first => Ok(Outcome::Confirmed),
        Standing::Given => Ok(Outcome::AlreadyConfirmed),
        Standing::Waiting => Ok(Outcome::Waiting),
        Standing::Expired => Err(Problem::new(Kind::Gone, "the link has expired; send the form again")),
    }
}

fn token(request: &HttpRequest) -> String {
    request.match_info().get("token").unwrap_or_default().to_owned()
}

fn nowhere(state: &State) -> Scope {
    Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None }
}

/// Whether nobody has opened the link: only the head of the answer is wanted, or the browser fetches in advance.
fn only_looks(request: &HttpRequest) -> bool {
    let fetched_before = ["sec-purpose", "purpose", "x-moz"].into_iter().any(|name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("prefetch"))
    });
    fetched_before || request.extensions().contains::<HeadOnly>()
}

/// A page for browsers, JSON for everything else. The address holds the token, so it is told to nobody.
fn shown(request: &HttpRequest, outcome: Result<Outcome, Problem>) -> HttpResponse {
    let accept = request.headers().get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = match prefers_html(accept) {
        true => html(&outcome),
        false => match outcome {
            Ok(status) => match Answer::ok(&OpenedConfirmation { status }) {
                Ok(answer) => answer.respond_to(request),
                Err(error) => Problem::from(error).error_response(),
            },
            Err(problem) => problem.error_response(),
        },
    };
    let secrecy = [("referrer-policy", "no-referrer"), ("vary", "Accept")];
    for (name, value) in secrecy {
        response.headers_mut().insert(
            actix_web::http::header::HeaderName::from_static(name),
            actix_web::http::header::HeaderValue::from_static(value),
        );
    }
    response
}

fn html(outcome: &Result<Outcome, Problem>) -> HttpResponse {
    let (status, page) = match outcome {
        Ok(Outcome::Confirmed) => (200, page::page("Thank you", "Your e-mail address is confirmed.")),
        Ok(Outcome::AlreadyConfirmed) => (200, page::page("Thank you", "Your e-mail address was confirmed before.")),
        Ok(Outcome::Waiting) => (200, page::asking()),
        Err(problem) => match problem.status() {
            404 => (404, page::page("Not found", "This link leads nowhere. A later mail may hold a newer one.")),
            410 => (410, page::page("Too late", "This link has expired. Please send the form again.")),
            status => (status, page::page("Not now", "Something went wrong. Please try again in a moment.")),
        },
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", "default-src 'none'; form-action 'self'"))
        .body(page)
}

/// How far a confirmation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConfirmationState {
    /// The link was not opened yet.
    Waiting,
    /// It was opened.
    Confirmed,
    /// It was not opened in time.
    Expired,
}

/// What a submission waits for, or waited for.
#[derive(Serialize, ToSchema)]
#[schema(as = Confirmation)]
struct ConfirmationView {
    /// How far it is.
    state: ConfirmationState,
    /// The address that was asked about.
    #[schema(example = "ann@example.com")]
    email: String,
    /// How many letters were asked for.
    #[schema(example = 1)]
    letters: i64,
    /// When the latest was.
    asked_at: Timestamp,
    /// When the mail server took it; null while it has not.
    sent_at: Option<Timestamp>,
    /// Until when its link is good.
    expires_at: Timestamp,
    /// When the link was opened.
    confirmed_at: Option<Timestamp>,
    /// The network address it was opened from.
    #[schema(example = "203.0.113.7")]
    remote_address: Option<String>,
    /// The program it was opened with, as it calls itself.
    user_agent: Option<String>,
}

impl ConfirmationView {
    fn new(known: Confirmation, at: Timestamp) -> Self {
        let state = match known.standing(at) {
            Standing::Waiting => ConfirmationState::Waiting,
            Standing::Given => ConfirmationState::Confirmed,
            Standing::Expired => ConfirmationState::Expired,
        };
        Self {
            state,
            email: known.email,
            letters: known.letters,
            asked_at: known.asked_at,
            sent_at: known.sent_at,
            expires_at: known.expires_at,
            confirmed_at: known.confirmed_at,
            remote_address: known.remote_address,
            user_agent: known.user_agent,
        }
    }
}

/// Get a submission's confirmation
///
/// Whether and how the sender confirmed their address. 404 for a submission whose sender was not asked.
#[utoipa::path(
    tag = "forms",
    operation_id = "get_confirmation",
    params(("id" = Id, Path, description = "The submission")),
    responses((status = 200, description = "The confirmation", body = ConfirmationView)),
    security(("bearer" = ["submissions:read"])),
)]
#[get("/v1/submissions/{id}/confirmation")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&ConfirmationView::new(tx.confirmations().get(id)?, tx.at()))).await
}

/// Ask for a confirmation again
///
/// Mails the sender of a pending submission a new link, good for 28 days; those mailed before lead nowhere any more. At
/// most once a minute.
#[utoipa::path(
    tag = "forms",
    operation_id = "resend_confirmation",
    params(("id" = Id, Path, description = "The submission")),
    responses((status = 202, description = "The mail is on its way", body = ConfirmationView)),
    security(("bearer" = ["submissions:write"])),
)]
#[post("/v1/submissions/{id}/confirmation")]
async fn resend(PathId(id): PathId, command: Command<()>) -> Reply {
    let actor = command.actor.clone();
    if actor.state.mail.is_none() {
        return Err(Error::Conflict("this service is not set up to send mail".into()).into());
    }
    let asked = actor.state.db.read(actor.scope(), move |tx| tx.confirmations().find(id)).await?;
    if let Some(due) = asked.map(|known| known.asked_at.plus_seconds(RESEND_AFTER_S)).filter(|due| *due > actor.at) {
        let wait = (due.micros() - actor.at.micros()).div_euclid(1_000_000) + 1;
        return Err(Problem::new(Kind::QuotaExceeded, format!("one mail a minute is allowed; wait {wait} s"))
            .header("Retry-After", wait.to_string()));
    }
    command.run(move |tx, (), _| Answer::accepted(&ConfirmationView::new(confirmation::resend(tx, id)?, tx.at()))).await
}

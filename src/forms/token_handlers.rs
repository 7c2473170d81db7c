//! The token that a page gets when it opens a form, over HTTP.

use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::form_token;
use super::public_handlers::{enter, shown};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::answer::{Answer, Reply};
use crate::http::command::state;

/// A token of a form.
#[derive(Serialize, ToSchema)]
#[schema(as = FormToken)]
struct FormToken {
    /// The token: `token` in JSON, `form_token` in a form post.
    token: String,
    /// When it ends.
    expires_at: Timestamp,
    /// Seconds that a person needs at least to fill in the form; what is sent sooner is suspected.
    #[schema(example = 3)]
    min_fill_seconds: i64,
}

/// Get a token of a form
///
/// For pages: fetched when the form is opened and sent back with the answers, it tells how long they took. Good for 24
/// hours, this form, and one submission with its repeats. Only a form with `min_fill_seconds` needs one. It gives no
/// access to anything.
#[utoipa::path(
    tag = "forms",
    operation_id = "get_form_token",
    params(
        ("key" = String, Path, description = "The form's public key", example = "f_0aZ4kQ8mBv2nXc7Lp1Rt9s"),
        ("Origin" = Option<String>, Header, description = "The page's origin, set by browsers"),
    ),
    responses(
        (status = 200, description = "A token", body = FormToken),
        (status = 403, description = "Pages of this origin may not send the form"),
        (status = 410, description = "The form was deleted"),
    ),
)]
#[get("/v1/public/forms/{key}/token")]
pub(super) async fn show_token(request: HttpRequest) -> HttpResponse {
    let (entrance, origin) = match enter(&request).await {
        Ok(entered) => entered,
        Err(problem) => return shown(problem.error_response(), None),
    };
    let definition = &entrance.form.definition.0;
    let response = match issued(&request, entrance.form.id, definition.min_fill_seconds) {
        Ok(answer) => answer.respond_to(&request),
        Err(problem) => problem.error_response(),
    };
    shown(response, origin.as_ref())
}

fn issued(request: &HttpRequest, form: crate::id::Id, min_fill_seconds: i64) -> Reply {
    let state = state(request)?;
    let (token, pass) = form_token::issue(&state.tokens, form, state.clock.now()).map_err(Error::internal)?;
    Ok(Answer::ok(&FormToken { token, expires_at: pass.expires_at, min_fill_seconds })?)
}

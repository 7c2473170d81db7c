//! Which pages may send a form, and what browsers are told about it (CAP-2, F02, F13).
//!
//! A request without `Origin` comes from a program and is let in: the list keeps other sites' pages out, and proves
//! nothing about who sends. Credentials are never allowed.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::definition::Definition;
use crate::http::problem::{Kind, Problem};

/// Headers that a script may set.
const HEADERS: &str = "content-type, idempotency-key";
/// Headers that a script may read.
const EXPOSED: &str = "idempotency-replayed, retry-after, x-request-id";
/// Seconds that a browser may remember what it was told.
const REMEMBERED_S: &str = "600";

/// The origin of the page that asks; none when no page does. `Err` when the form does not accept it.
pub fn admit(definition: &Definition, headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let mut origins = headers.get_all(header::ORIGIN);
    let Some(origin) = origins.next() else { return Ok(None) };
    let is_allowed = origins.next().is_none() && origin.to_str().is_ok_and(|text| definition.allows(text));
    let refused = || Problem::new(Kind::OriginNotAllowed, "pages of this origin may not send this form");
    if is_allowed { Ok(Some(origin.clone())) } else { Err(refused()) }
}

/// Lets the page at `origin` read the answer, and tells caches that it depends on who asked.
pub fn show(answer: &mut HeaderMap, origin: Option<&HeaderValue>) {
    answer.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The answer to a browser that asks before it sends.
pub fn preflight(answer: &mut HeaderMap, origin: Option<&HeaderValue>) {
    answer.insert(header::VARY, HeaderValue::from_static("Origin"));
    answer.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    let Some(origin) = origin else { return };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    let told: [(HeaderName, &'static str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_S),
    ];
    for (name, value) in told {
        answer.insert(name, HeaderValue::from_static(value));
    }
}

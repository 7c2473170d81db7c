//! Errors as callers see them: `application/problem+json` (RFC 9457), one table of kinds, no internals.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::{Error, Violation};
use crate::http::request_id;

/// Where the IANA registers the problem type of an exhausted quota (draft-ietf-httpapi-ratelimit-headers).
const QUOTA_TYPE: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The kinds of problem a caller can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MalformedRequest,
    MalformedJson,
    InvalidParameter,
    Unauthorized,
    InvalidToken,
    Forbidden,
    OriginNotAllowed,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    DuplicateContact,
    IdempotencyInProgress,
    Gone,
    PreconditionFailed,
    PayloadTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    ValidationFailed,
    IdempotencyKeyReused,
    PreconditionRequired,
    QuotaExceeded,
    StorageUnavailable,
    Internal,
}

impl Kind {
    /// Status, slug and title.
    const fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::MalformedRequest => (400, "malformed-request", "The request is malformed"),
            Self::MalformedJson => (400, "malformed-json", "The body is not the JSON expected here"),
            Self::InvalidParameter => (400, "invalid-parameter", "A parameter is invalid"),
            Self::Unauthorized => (401, "unauthorized", "A token is needed"),
            Self::InvalidToken => (401, "invalid-token", "The token is not valid"),
            Self::Forbidden => (403, "forbidden", "The token does not allow this"),
            Self::OriginNotAllowed => (403, "origin-not-allowed", "The form does not accept this origin"),
            Self::NotFound => (404, "not-found", "There is nothing here"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "The method is not allowed here"),
            Self::RequestTimeout => (408, "request-timeout", "The request took too long to arrive"),
            Self::Conflict => (409, "conflict", "The present state does not allow this"),
            Self::DuplicateContact => (409, "duplicate-contact", "Another contact has this identity"),
            Self::IdempotencyInProgress => (409, "idempotency-in-progress", "The first request is still under way"),
            Self::Gone => (410, "gone", "The record is no more"),
            Self::PreconditionFailed => (412, "precondition-failed", "The record has changed"),
            Self::PayloadTooLarge => (413, "payload-too-large", "The body is too large"),
            Self::UriTooLong => (414, "uri-too-long", "The address is too long"),
            Self::UnsupportedMediaType => (415, "unsupported-media-type", "The body has an unsupported type"),
            Self::ValidationFailed => (422, "validation-failed", "The input breaks rules"),
            Self::IdempotencyKeyReused => (422, "idempotency-key-reused", "The key belongs to another request"),
            Self::PreconditionRequired => (428, "precondition-required", "If-Match is needed"),
            Self::QuotaExceeded => (429, "quota-exceeded", "Too many requests"),
            Self::StorageUnavailable => (503, "storage-unavailable", "The database cannot be reached"),
            Self::Internal => (500, "internal", "Something went wrong here"),
        }
    }
}

/// A problem on its way to a caller.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of `kind`; `detail` tells the caller what was wrong and what is allowed.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), members: Map::new(), headers: Vec::new() }
    }

    /// Input that breaks rules, all of them listed.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let detail = match violations.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            more => format!("{} rules are broken; errors lists them", more.len()),
        };
        Self::new(Kind::ValidationFailed, detail).with("errors", json!(violations))
    }

    /// Input that breaks `total` rules, of which only the first are `listed`.
    pub fn invalid_beyond(listed: Vec<Violation>, total: usize) -> Self {
        let detail = format!("{total} rules are broken; errors lists the first {}", listed.len());
        Self { detail, ..Self::invalid(listed) }.with("error_count", json!(total))
    }

    /// Parameters that break rules: `(name, what is wrong)` each.
    pub fn parameters(wrong: &[(String, String)]) -> Self {
        let detail = wrong.iter().map(|(name, what)| format!("{name}: {what}")).collect::<Vec<_>>().join("; ");
        let errors: Vec<Value> = wrong
            .iter()
            .map(|(name, what)| json!({"parameter": name, "code": "invalid_parameter", "detail": what}))
            .collect();
        Self::new(Kind::InvalidParameter, detail).with("errors", Value::Array(errors))
    }

    /// One invalid parameter.
    pub fn parameter(name: &str, what: impl Into<String>) -> Self {
        Self::parameters(&[(name.to_owned(), what.into())])
    }

    /// Adds a member to the document.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.kind.facts().0
    }

    /// The document as text. `instance` is the id of the request under way.
    pub fn document(&self) -> String {
        let (status, slug, title) = self.kind.facts();
        let r#type = if self.kind == Kind::QuotaExceeded { QUOTA_TYPE.to_owned() } else { format!("/problems/{slug}") };
        let mut document = Map::new();
        document.insert("type".into(), r#type.into());
        document.insert("title".into(), title.into());
        document.insert("status".into(), status.into());
        document.insert("detail".into(), self.detail.clone().into());
        document.insert("instance".into(), request_id::current().into());
        document.extend(self.members.clone());
        Value::Object(document).to_string()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind.facts().1, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        for (name, value) in &self.headers {
            response.insert_header((*name, value.as_str()));
        }
        response.body(self.document())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(Kind::NotFound, "no such record"),
            Error::Gone { merged_into: Some(id) } => {
                Self::new(Kind::Gone, "the record was merged into another").with("merged_into", json!(id))
            }
            Error::Gone { merged_into: None } => Self::new(Kind::Gone, "the record was deleted"),
            Error::Invalid(violations) => Self::invalid(violations),
            Error::Conflict(what) => Self::new(Kind::Conflict, what),
            Error::Forbidden(what) => Self::new(Kind::Forbidden, what),
            Error::DuplicateContact { existing } => Self::new(
                Kind::DuplicateContact,
                "a contact with this e-mail address or external id exists; change that one",
            )
            .with("contact_id", json!(existing)),
            Error::Stale { current } => {
                Self::new(Kind::PreconditionFailed, "the record has changed since it was read; read it again")
                    .header("ETag", format!("\"v{current}\""))
            }
            Error::Unavailable(what) => {
                log::error!("storage unavailable: {what}");
                Self::new(Kind::StorageUnavailable, "try again in a moment; nothing was written")
                    .header("Retry-After", "2")
            }
            Error::Contention(what) | Error::Internal(what) => {
                log::error!("internal: {what} (request {})", request_id::current());
                Self::new(Kind::Internal, "the fault is ours; the log has the details under this instance")
            }
        }
    }
}

/// The document every error carries (RFC 9457).
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// What kind of problem: `/problems/<slug>`, or a registered URI.
    #[serde(rename = "type")]
    #[schema(example = "/problems/validation-failed")]
    pub kind: String,
    /// The kind in words, always the same for one kind.
    #[schema(example = "The input breaks rules")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What was wrong this time, and what is allowed.
    #[schema(example = "/email: must be an e-mail address")]
    pub detail: String,
    /// The id of the request, the same as in `X-Request-Id`.
    pub instance: String,
    /// With 422 and `invalid-parameter`: every broken rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<BrokenRule>>,
    /// With 422 for a sheet in which more rules are broken than `errors` lists: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1204)]
    pub error_count: Option<u64>,
    /// With 409 `duplicate-contact`: the contact that has the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// With 410: the record that this one was merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
}

/// One broken rule.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct BrokenRule {
    /// JSON pointer to the value in the body; absent for parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/email")]
    pub pointer: Option<String>,
    /// Name of the parameter; absent for body values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "limit")]
    pub parameter: Option<String>,
    /// The rule, for programs.
    #[schema(example = "malformed")]
    pub code: String,
    /// What was wrong and what is allowed, for people.
    #[schema(example = "must be an e-mail address")]
    pub detail: String,
}

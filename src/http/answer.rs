//! A successful answer as a value, so that it can be kept with its idempotency key and given again to the letter.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::error::{Error, Result};
use crate::id::Id;

/// What a handler returns.
pub type Reply = std::result::Result<Answer, Problem>;

/// An answer: status, the headers that belong to it, and the body's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// What a repeat hears instead, when this is not to be kept.
    #[serde(skip)]
    instead: Option<Box<Answer>>,
}

impl Answer {
    /// 200 with `view` as the body.
    pub fn ok<T: Serialize>(view: &T) -> Result<Self> {
        Self::with_status(200, view)
    }

    /// 201 with `view` as the body and where to find it.
    pub fn created<T: Serialize>(location: String, view: &T) -> Result<Self> {
        Ok(Self::with_status(201, view)?.header("location", location))
    }

    /// 202 with `view` as the body.
    pub fn accepted<T: Serialize>(view: &T) -> Result<Self> {
        Self::with_status(202, view)
    }

    /// 202 with the job `id` as the body and where to follow it.
    pub fn job<T: Serialize>(id: Id, job: &T) -> Result<Self> {
        Ok(Self::accepted(job)?.header("location", format!("/v1/jobs/{id}")))
    }

    /// Names the job that finishes what this began, if there is one (RFC 5989).
    pub fn monitored_by(self, job: Option<Id>) -> Self {
        match job {
            Some(id) => self.header("link", format!("</v1/jobs/{id}>; rel=\"monitor\"")),
            None => self,
        }
    }

    /// 204.
    pub fn deleted() -> Self {
        Self { status: 204, headers: Vec::new(), body: String::new(), instead: None }
    }

    /// A problem, kept so that a repeat hears the same.
    pub fn problem(problem: &Problem) -> Self {
        Self { status: problem.status(), headers: Vec::new(), body: problem.document(), instead: None }
            .header("content-type", "application/problem+json".to_owned())
    }

    /// 200 with a file to keep under `name`.
    pub fn attachment(media_type: &str, name: &str, body: String) -> Self {
        Self { status: 200, headers: Vec::new(), body, instead: None }
            .header("content-type", media_type.to_owned())
            .header("content-disposition", format!("attachment; filename=\"{name}\""))
    }

    /// Adds the entity tag of `version`.
    pub fn version(self, version: i64) -> Self {
        self.header("etag", format!("\"v{version}\""))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// Marks the answer as given before.
    pub fn replayed(self) -> Self {
        self.header("idempotency-replayed", "true".to_owned())
    }

    /// Keeps a secret out of the database: a repeat of the request hears `instead`.
    pub fn shown_once(mut self, instead: Problem) -> Self {
        self.instead = Some(Box::new(Self::problem(&instead)));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What is kept for repeats.
    pub fn kept(&self) -> &Self {
        self.instead.as_deref().unwrap_or(self)
    }

    fn with_status<T: Serialize>(status: u16, view: &T) -> Result<Self> {
        let body = serde_json::to_string(view).map_err(Error::internal)?;
        Ok(Self { status, headers: Vec::new(), body, instead: None }
            .header("content-type", "application/json".to_owned()))
    }
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers {
            response.insert_header((name.as_str(), value.as_str()));
        }
        response.body(self.body)
    }
}

//! Ids, numbers and keys in paths: the canonical spelling or 404, the same on every path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::problem::{Kind, Problem};
use crate::id::Id;

/// The `{id}` of a path.
#[derive(Clone, Copy, Debug)]
pub struct PathId(pub Id);

impl FromRequest for PathId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(Id::parse);
        ready(id.map(PathId).ok_or_else(|| Problem::new(Kind::NotFound, "no such record")))
    }
}

/// The `{number}` of a path: a whole number from 0, without leading zeros.
#[derive(Clone, Copy, Debug)]
pub struct PathNumber(pub i64);

impl FromRequest for PathNumber {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("number").unwrap_or_default();
        let number = text.parse::<i64>().ok().filter(|number| *number >= 0 && number.to_string() == text);
        ready(number.map(PathNumber).ok_or_else(|| Problem::new(Kind::NotFound, "no such record")))
    }
}

/// The `{id}` of a path, and the id of what belongs to it: the path's other parameter.
#[derive(Clone, Copy, Debug)]
pub struct PathIds(pub Id, pub Id);

impl FromRequest for PathIds {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(Id::parse);
        let other = request.match_info().iter().find(|(name, _)| *name != "id").and_then(|(_, text)| Id::parse(text));
        let ids = id.zip(other).map(|(id, other)| Self(id, other));
        ready(ids.ok_or_else(|| Problem::new(Kind::NotFound, "no such record")))
    }
}

/// The `{key}` of a path.
#[derive(Clone, Debug)]
pub struct PathKey(pub String);

impl FromRequest for PathKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.match_info().get("key").unwrap_or_default().to_owned())))
    }
}

//! Optimistic concurrency (C2, REC-8): `If-Match` against a record's version. A weak tag never matches.

use actix_web::http::header::{HeaderMap, IF_MATCH};

use super::problem::{Kind, Problem};
use crate::error::{Error, Result};

/// What a write demands of the version it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing was said.
    None,
    /// `*`: any version will do.
    Any,
    /// One of these versions; an empty list matches none.
    OneOf(Vec<i64>),
}

impl Condition {
    /// Reads `If-Match`; 400 when it is malformed.
    pub fn read(headers: &HeaderMap) -> std::result::Result<Self, Problem> {
        let mut values = headers.get_all(IF_MATCH);
        let Some(first) = values.next() else { return Ok(Self::None) };
        let text = first.to_str().ok().filter(|_| values.next().is_none()).map(str::trim);
        let condition = match text {
            Some("*") => Some(Self::Any),
            Some(text) => tags(text).map(Self::OneOf),
            None => None,
        };
        condition.ok_or_else(|| {
            Problem::new(
                Kind::MalformedRequest,
                "If-Match must be * or entity tags in double quotes, as ETag gave them",
            )
        })
    }

    /// `Err(Stale)` unless `current` is a version that the write demands.
    pub fn check(&self, current: i64) -> Result<()> {
        match self {
            Self::None | Self::Any => Ok(()),
            Self::OneOf(versions) if versions.contains(&current) => Ok(()),
            Self::OneOf(_) => Err(Error::Stale { current }),
        }
    }
}

/// The versions that a list of entity tags names; `None` when it is no such list.
fn tags(text: &str) -> Option<Vec<i64>> {
    let mut versions = Vec::new();
    for tag in text.split(',') {
        let tag = tag.trim();
        let (weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |strong| (true, strong));
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        if opaque.contains('"') {
            return None;
        }
        let version: Option<i64> = opaque.strip_prefix('v').and_then(|digits| digits.parse().ok());
        versions.extend(version.filter(|_| !weak));
    }
    Some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_strong_tag_of_the_list_is_enough_and_a_weak_one_never_is() {
        assert_eq!(tags(r#""v1", "v2""#), Some(vec![1, 2]));
        assert_eq!(tags(r#"W/"v1""#), Some(vec![]));
        assert_eq!(tags(r#""other""#), Some(vec![]));
        assert_eq!(tags("v1"), None);
    }
}

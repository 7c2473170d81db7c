//! What can go wrong, in the words of the domain. `http::problem` turns each into a status and a problem document.

use std::fmt;

use serde::Serialize;

use crate::id::Id;

/// The result of everything that can fail for a reason a caller should hear.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not carried out. Nothing was written when one of these is returned from a transaction.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such record in this workspace.
    #[error("not found")]
    NotFound,
    /// The record existed and is no more; a merged one says where it went.
    #[error("gone")]
    Gone { merged_into: Option<Id> },
    /// The actor may not do this to the record as it stands.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The input breaks rules; all broken ones are listed.
    #[error("invalid input: {0:?}")]
    Invalid(Vec<Violation>),
    /// The record's present state does not allow this.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Another contact has this e-mail address or external id.
    #[error("duplicate of contact {existing}")]
    DuplicateContact { existing: Id },
    /// `If-Match` named a version that is not the current one.
    #[error("stale: current version is {current}")]
    Stale { current: i64 },
    /// Another transaction was in the way. `Db::write` tries again; callers never see this.
    #[error("contention: {0}")]
    Contention(String),
    /// The database cannot be reached or is too busy.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// A fault of ours. The text goes to the log, never to the caller.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// One broken rule at `pointer` (a JSON pointer such as `/email`).
    pub fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(pointer, code, detail)])
    }

    /// Why something failed, for the people of the workspace; nothing of the inside of the service.
    pub fn reason(&self) -> String {
        match self {
            Self::NotFound | Self::Gone { .. } => "a record that it needs is gone".to_owned(),
            Self::Invalid(violations) => {
                let told = violations.iter().map(|broken| format!("{} {}", broken.pointer, broken.detail));
                told.collect::<Vec<_>>().join("; ")
            }
            Self::Conflict(what) | Self::Forbidden(what) => what.clone(),
            Self::DuplicateContact { existing } => format!("contact {existing} has this e-mail address or external id"),
            Self::Stale { .. } => "a record was changed at the same moment".to_owned(),
            Self::Contention(_) | Self::Unavailable(_) => "the database was too busy".to_owned(),
            Self::Internal(_) => "a fault of the service; its log has the details".to_owned(),
        }
    }

    /// A fault of ours, described for the log.
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::Internal(what.to_string())
    }
}

/// One broken rule of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer to the offending value; empty for the whole body.
    pub pointer: String,
    /// Machine-readable name of the rule, such as `required` or `too_long`.
    pub code: &'static str,
    /// What was wrong and what is allowed, for a person.
    pub detail: String,
}

impl Violation {
    /// A broken rule `code` at `pointer`, explained by `detail`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }

    /// What is wrong with `text` at `pointer` when nothing of it can be seen.
    pub fn blank(pointer: &str, text: &str) -> Option<Self> {
        text.trim().is_empty().then(|| Self::new(pointer, "required", "holds nothing that can be seen"))
    }

    /// A reference at `pointer` to a `what` that the workspace does not have.
    pub fn unknown(pointer: impl Into<String>, what: &str) -> Self {
        Self::new(pointer, "unknown", format!("there is no such {what} in this workspace"))
    }

    /// What is wrong with a reference at `pointer` to the `what` `id`, for which `present` stands now: nothing when that is
    /// the record itself, otherwise that there is none or that it was merged.
    pub fn of_reference(pointer: impl Into<String>, what: &str, id: Id, present: Option<Id>) -> Option<Self> {
        match present {
            None => Some(Self::unknown(pointer, what)),
            Some(survivor) if survivor != id => {
                Some(Self::new(pointer, "merged", format!("the {what} was merged into {survivor}")))
            }
            Some(_) => None,
        }
    }
}

/// `Ok` when nothing is broken, otherwise all of it.
pub fn all_hold(broken: Vec<Violation>) -> Result<()> {
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}

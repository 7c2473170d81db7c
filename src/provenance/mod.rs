//! Who or what set each field of a record, and when.
//!
//! Each record has a map from field to [`Source`], noted where records are created and changed, so that every channel
//! has it. Only fields whose value really changed are noted; one that was cleared names who cleared it. The map goes
//! with its record. Records from before the map was kept have none until they change.

mod compare;
pub mod handlers;
mod repository;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::{Cause, Scope, Tx};
use crate::error::{Error, Result};
use crate::id::Id;

/// How a field came to its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FieldOrigin)]
pub enum How {
    /// A submission set it.
    Submission,
    /// A submission proposed it, and a user or client accepted that.
    Proposal,
    /// A user or client set it.
    Request,
    /// The service set it by itself.
    Service,
}

/// Who or what set a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub at: Timestamp,
    pub how: How,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal_id: Option<Id>,
    /// The user or client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<Id>,
}

/// The sources of a record's fields, by field.
pub type Sources = BTreeMap<String, Source>;

impl Source {
    /// Whoever works in `scope`.
    fn of(scope: &Scope) -> Self {
        let (how, submission_id, proposal_id) = match (scope.cause, scope.actor) {
            (Some(Cause::Submission(id)), _) => (How::Submission, Some(id), None),
            (Some(Cause::Proposal { id, submission }), _) => (How::Proposal, Some(submission), Some(id)),
            (None, Some(_)) => (How::Request, None, None),
            (None, None) => (How::Service, None, None),
        };
        Self { at: scope.at, how, submission_id, proposal_id, actor_id: scope.actor }
    }
}

/// Notes the fields of a new record.
pub fn note_new<T: Serialize>(tx: &mut Tx<'_>, id: Id, record: &T) -> Result<()> {
    let source = Source::of(&tx.scope);
    let fields = compare::changed(&serde_json::Value::Null, &view(record)?);
    let sources = fields.into_iter().map(|field| (field, source.clone())).collect();
    tx.field_sources().insert(id, sources)
}

/// Notes the fields in which a record differs from what it was. The caller has locked the record.
pub fn note_change<T: Serialize>(tx: &mut Tx<'_>, id: Id, before: &T, after: &T) -> Result<()> {
    let fields = compare::changed(&view(before)?, &view(after)?);
    if fields.is_empty() {
        return Ok(());
    }
    let (source, kept) = (Source::of(&tx.scope), tx.field_sources().find(id)?);
    let is_new = kept.is_none();
    let mut sources = kept.unwrap_or_default();
    sources.extend(fields.into_iter().map(|field| (field, source.clone())));
    if is_new { tx.field_sources().insert(id, sources) } else { tx.field_sources().update(id, sources) }
}

/// The sources of a record's fields; empty when none are known.
pub fn of(tx: &mut Tx<'_>, id: Id) -> Result<Sources> {
    Ok(tx.field_sources().find(id)?.unwrap_or_default())
}

/// Replaces the sources of a record's fields.
pub fn replace(tx: &mut Tx<'_>, id: Id, sources: Sources) -> Result<()> {
    match tx.field_sources().find(id)? {
        Some(_) => tx.field_sources().update(id, sources),
        None => tx.field_sources().insert(id, sources),
    }
}

/// Forgets the sources of a record that is deleted.
pub fn forget(tx: &mut Tx<'_>, id: Id) -> Result<()> {
    tx.field_sources().delete(id)
}

fn view<T: Serialize>(record: &T) -> Result<serde_json::Value> {
    serde_json::to_value(record).map_err(Error::internal)
}

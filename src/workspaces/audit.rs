//! The audit log (ADM-4): who changed what a workspace decides for itself, when, and what it was before and after.
//!
//! Entries are only ever added, in the transaction of the change, so that there is no change without its entry. Leads,
//! contacts and accounts have the same in their events. What is secret, such as the hash of a client's secret, is in
//! no entry. A request that changes nothing leaves none.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::audit_entries;

/// What was done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuditAction)]
pub enum Action {
    /// It was made.
    Created,
    /// It was changed.
    Changed,
    /// It was deleted.
    Deleted,
}

/// A change of what a workspace decides for itself.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_entries, treat_none_as_default_value = false)]
#[schema(as = AuditEntry)]
pub struct Entry {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The kind of record.
    #[schema(example = "settings")]
    pub record: String,
    /// The record; null for the settings, of which there is one.
    pub record_id: Option<Id>,
    /// What was done.
    #[schema(value_type = Action)]
    pub action: Code<Action>,
    /// The user or client who did it.
    pub actor_id: Option<Id>,
    /// The request it was done by: the `X-Request-Id` of its answer.
    #[schema(example = "0195d3a0-7c4e-7b6e-9c55-2f6d3a0b1c4d")]
    pub request_id: String,
    /// The record before; null for a new one.
    #[schema(value_type = Option<Object>)]
    pub before: Option<JsonOf<Value>>,
    /// The record after; null for a deleted one.
    #[schema(value_type = Option<Object>)]
    pub after: Option<JsonOf<Value>>,
    /// When.
    pub at: Timestamp,
}

impl Sorted for Entry {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// Which record was changed, by which request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The kind of record.
    pub record: &'a str,
    /// The record, where there is more than one.
    pub id: Option<Id>,
    /// The id of the request.
    pub request: &'a str,
}

/// Writes down that the record was created (nothing before), changed or deleted (nothing after).
pub fn note<T: Serialize>(tx: &mut Tx<'_>, subject: Subject<'_>, before: Option<&T>, after: Option<&T>) -> Result<()> {
    let action = match (before, after) {
        (None, _) => Action::Created,
        (Some(_), Some(_)) => Action::Changed,
        (Some(_), None) => Action::Deleted,
    };
    let at = tx.at();
    let entry = Entry {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        record: subject.record.to_owned(),
        record_id: subject.id,
        action: Code(action),
        actor_id: tx.scope.actor,
        request_id: subject.request.to_owned(),
        before: before.map(shown).transpose()?,
        after: after.map(shown).transpose()?,
        at,
    };
    tx.audit().insert(&entry)
}

fn shown<T: Serialize>(record: &T) -> Result<JsonOf<Value>> {
    serde_json::to_value(record).map(JsonOf).map_err(Error::internal)
}

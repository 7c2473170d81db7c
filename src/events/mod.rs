//! The outbox: every fact that others may hear of, written in the transaction that caused it (OUT-1, OUT-3).
//!
//! An event's data is the record after the fact, and for a change also the values before. Events of one lead sort by
//! id in the order they happened.

pub mod handlers;
mod repository;

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::JsonOf;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::events;

pub use repository::EventFilter;

/// A fact.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub struct Event {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id; events of one lead sort by it in the order they happened.
    pub id: Id,
    /// What happened: the record's kind and a verb.
    #[serde(rename = "type")]
    #[schema(example = "lead.sales_ready")]
    pub kind: String,
    /// The contact it happened to, if any.
    pub contact_id: Option<Id>,
    /// The lead it happened to, if any.
    pub lead_id: Option<Id>,
    /// The record after the fact, and for changes the values before.
    #[schema(value_type = Object)]
    pub data: JsonOf<Value>,
    /// When it happened.
    pub at: Timestamp,
}

/// Whom a fact is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject {
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
}

impl Subject {
    /// About a contact.
    pub fn contact(id: Id) -> Self {
        Self { contact_id: Some(id), lead_id: None }
    }

    /// About a lead, and its contact when it has one.
    pub fn lead(id: Id, contact_id: Option<Id>) -> Self {
        Self { contact_id, lead_id: Some(id) }
    }
}

/// Writes down the fact `kind` (such as `lead.created`) about `subject`.
pub fn emit<T: Serialize>(tx: &mut Tx<'_>, kind: &str, subject: Subject, data: &T) -> Result<()> {
    let event = fact(tx, kind, subject, data)?;
    tx.events().insert(&[event])
}

/// The same fact, to be written together with others.
pub fn fact<T: Serialize>(tx: &Tx<'_>, kind: &str, subject: Subject, data: &T) -> Result<Event> {
    let (workspace_id, at) = (tx.scope.workspace, tx.at());
    let data = JsonOf(serde_json::to_value(data).map_err(Error::internal)?);
    let Subject { contact_id, lead_id } = subject;
    Ok(Event { workspace_id, id: Id::new(at), kind: kind.to_owned(), contact_id, lead_id, data, at })
}

impl Sorted for Event {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

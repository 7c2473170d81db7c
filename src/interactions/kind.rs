//! The kinds of interaction (INT-1): those built in, and those that a workspace adds.
//!
//! A kind of the workspace's own can be renamed; its key stays. It goes only when nothing was recorded of it and no model
//! asks about it, so that no interaction and no point is ever of a kind nobody knows.

use diesel::prelude::*;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::schema::interaction_kinds;
use crate::scoring;

/// A kind of the workspace's own.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = interaction_kinds)]
pub struct OwnKind {
    pub workspace_id: Id,
    pub key: String,
    pub name: String,
    pub version: i64,
}

/// Kinds that every workspace has, each with its name for people.
pub const BUILT_IN: [(&str, &str); 17] = [
    ("form_submitted", "Submitted a form"),
    ("page_visited", "Visited a page"),
    ("email_opened", "Opened a mail"),
    ("email_clicked", "Clicked in a mail"),
    ("email_replied", "Answered a mail"),
    ("event_registered", "Registered for an event"),
    ("event_attended", "Attended an event"),
    ("asset_viewed", "Viewed an asset"),
    ("asset_downloaded", "Downloaded an asset"),
    ("call", "Call"),
    ("meeting", "Meeting"),
    ("message", "Message"),
    ("ad_clicked", "Clicked an advertisement"),
    ("social_engaged", "Engaged on a social network"),
    ("survey_answered", "Answered a survey"),
    ("purchased", "Bought"),
    ("unsubscribed", "Unsubscribed"),
];

/// Whether every workspace has the kind.
pub fn is_built_in(key: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == key)
}

/// The name for people of a kind that every workspace has.
pub fn built_in_name(key: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(built_in, _)| *built_in == key).map(|(_, name)| *name)
}

/// Adds a kind. 409 when there is one with this key.
pub fn create(tx: &mut Tx<'_>, key: &str, name: &str) -> Result<OwnKind> {
    hold(tx, key)?;
    if is_built_in(key) || tx.interactions().has_kind(key)? {
        return Err(Error::Conflict("there is a kind with this key".into()));
    }
    tx.interactions().add_kind(key, name)?;
    tx.interactions().kind(key)
}

/// Gives a kind another name for people; none changes nothing. 409 for one that is built in.
pub fn rename(tx: &mut Tx<'_>, key: &str, name: Option<&str>, condition: &Condition) -> Result<OwnKind> {
    let kind = own(tx, key, condition)?;
    match name {
        Some(name) if name != kind.name => {
            tx.interactions().rename_kind(key, name)?;
            tx.interactions().kind(key)
        }
        _ => Ok(kind),
    }
}

/// Deletes a kind. 409 for one that is built in, or that interactions or models use.
pub fn remove(tx: &mut Tx<'_>, key: &str, condition: &Condition) -> Result<()> {
    own(tx, key, condition)?;
    if tx.interactions().any_of_kind(key)? {
        return Err(Error::Conflict("interactions of this kind were recorded".into()));
    }
    if scoring::is_kind_used(tx, key)? {
        return Err(Error::Conflict("a scoring model asks about this kind".into()));
    }
    tx.interactions().delete_kind(key)
}

fn own(tx: &mut Tx<'_>, key: &str, condition: &Condition) -> Result<OwnKind> {
    hold(tx, key)?;
    if is_built_in(key) {
        return Err(Error::Conflict("a built-in kind stays as it is".into()));
    }
    let kind = tx.interactions().kind(key)?;
    condition.check(kind.version)?;
    Ok(kind)
}

/// Holds off whoever changes the kind or records something of it.
fn hold(tx: &mut Tx<'_>, key: &str) -> Result<()> {
    tx.take_turns(&[turn(key)])
}

/// The turn of those who change a kind, which those share who record something of it.
pub(super) fn turn(key: &str) -> String {
    format!("kind {key}")
}

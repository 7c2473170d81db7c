//! Letters that say goodbye, in the database.

use diesel::prelude::*;

use super::Goodbye;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::Result;
use crate::id::Id;
use crate::schema::{interactions, lead_closings};

/// The letters of the workspace.
pub struct Goodbyes<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The letters of the workspace.
    pub(super) fn goodbyes<'t>(&'t mut self) -> Goodbyes<'c, 't> {
        Goodbyes(self)
    }
}

impl Goodbyes<'_, '_> {
    /// Keeps what became of the letter of a closing.
    pub fn set(&mut self, closing: Id, letter: &Goodbye) -> Result<()> {
        diesel::update(lead_closings::table.find((self.0.scope.workspace, closing)))
            .set((
                lead_closings::goodbye.eq(JsonOf(letter.clone())),
                lead_closings::version.eq(lead_closings::version + 1),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// When somebody last unsubscribed: a contact, or whoever is known by an address alone.
    pub fn unsubscribed_at(&mut self, contact: Option<Id>, email_key: Option<&str>) -> Result<Option<Timestamp>> {
        let all = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::kind.eq("unsubscribed"))
            .filter(interactions::voided_at.is_null());
        let all = all.order(interactions::occurred_at.desc()).select(interactions::occurred_at);
        Ok(match (contact, email_key) {
            (Some(contact), _) => all.filter(interactions::contact_id.eq(contact)).first(self.0.conn).optional()?,
            (None, Some(key)) => all.filter(interactions::email_key.eq(key)).first(self.0.conn).optional()?,
            (None, None) => None,
        })
    }
}

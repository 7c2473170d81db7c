//! Contacts by what identifies them, in the database: many at a time.

use diesel::prelude::*;

use super::repository::{Contacts, last_survivor};
use crate::error::Result;
use crate::id::Id;
use crate::schema::contact_anonymous_ids as anonymous;
use crate::schema::contacts::{self, table};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

impl Contacts<'_, '_> {
    /// The contacts with these e-mail addresses, be it ones of contacts that were merged into them, by address.
    pub fn with_emails(&mut self, keys: &[&str]) -> Result<Vec<(String, Id)>> {
        let mut found = Vec::new();
        for some in keys.chunks(AT_ONCE) {
            let rows = table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::email_key.eq_any(some))
                .select((contacts::email_key.assume_not_null(), contacts::id, contacts::merged_into_id));
            let rows = rows.load::<(String, Id, Option<Id>)>(self.0.conn)?;
            found.extend(rows.into_iter().map(|(key, id, merged)| (key, last_survivor((id, merged)))));
        }
        Ok(found)
    }

    /// The same by their ids in another system.
    pub fn with_external_ids(&mut self, ids: &[&str]) -> Result<Vec<(String, Id)>> {
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let rows = table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::external_id.eq_any(some))
                .select((contacts::external_id.assume_not_null(), contacts::id, contacts::merged_into_id));
            let rows = rows.load::<(String, Id, Option<Id>)>(self.0.conn)?;
            found.extend(rows.into_iter().map(|(key, id, merged)| (key, last_survivor((id, merged)))));
        }
        Ok(found)
    }

    /// The same by anonymous ids.
    pub fn with_anonymous_ids(&mut self, ids: &[&str]) -> Result<Vec<(String, Id)>> {
        let mut found = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let rows = anonymous::table
                .filter(anonymous::workspace_id.eq(self.0.scope.workspace))
                .filter(anonymous::anonymous_id.eq_any(some))
                .select((anonymous::anonymous_id, anonymous::contact_id));
            found.extend(rows.load::<(String, Id)>(self.0.conn)?);
        }
        Ok(found)
    }
}

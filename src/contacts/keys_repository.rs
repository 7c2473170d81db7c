//! Contacts by what identifies them, in the database: many at a time.

use diesel::prelude::*;

use super::Contact;
use super::repository::{Contacts, last_survivor};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::contact_anonymous_ids as anonymous;
use crate::schema::contacts::{self, table};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

impl Contacts<'_, '_> {
    /// The contacts that have these e-mail addresses themselves, merged ones among them.
    pub fn holders_of_emails(&mut self, keys: &[&str]) -> Result<Vec<Contact>> {
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(AT_ONCE) {
            let these = table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::email_key.eq_any(some));
            found.extend(these.select(Contact::as_select()).load::<Contact>(self.0.conn)?);
        }
        Ok(found)
    }

    /// The contacts, which no other transaction changes until this one ends. Fails when one was merged or deleted since
    /// it was found, so that the transaction is tried again.
    pub fn lock_found(&mut self, ids: &[Id]) -> Result<Vec<Contact>> {
        let these = table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::id.eq_any(ids))
            .filter(contacts::merged_into_id.is_null())
            // In one order for everyone, so that two who hold the same contacts never wait for each other.
            .order(contacts::id);
        let locked: Vec<Contact> = match &mut *self.0.conn {
            Conn::Postgres(conn) => these.select(Contact::as_select()).for_no_key_update().load(conn)?,
            Conn::Sqlite(conn) => these.select(Contact::as_select()).load(conn)?,
        };
        match locked.len() == ids.len() {
            true => Ok(locked),
            false => Err(Error::Contention("a matched contact was merged or deleted".into())),
        }
    }

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

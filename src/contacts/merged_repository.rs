//! Contacts and leads that were merged into others, in the database (MAT-9).
//!
//! A merged record names its last survivor, however many merges led there, so that one look finds it. It keeps the
//! identities that its survivor does not show, so that they still lead there and nobody else can take them.

use diesel::prelude::*;

use super::Contact;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::{contacts, leads, merge_moves, merges};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The records of the workspace that were merged into others.
pub struct Merged<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The records of the workspace that were merged into others.
    pub fn merged<'t>(&'t mut self) -> Merged<'c, 't> {
        Merged(self)
    }
}

impl Merged<'_, '_> {
    /// The contact itself, or the one it was merged into. It cannot be merged until the transaction ends.
    pub fn contact(&mut self, id: Id) -> Result<Option<Id>> {
        let found = contacts::table.find((self.0.scope.workspace, id)).select(contacts::merged_into_id);
        let merged: Option<Option<Id>> = match &mut *self.0.conn {
            Conn::Postgres(conn) => found.for_key_share().first(conn).optional()?,
            Conn::Sqlite(conn) => found.first(conn).optional()?,
        };
        Ok(merged.map(|merged| merged.unwrap_or(id)))
    }

    /// The contacts with these ids, as many as there are, merged ones among them. None of them can be merged until the
    /// transaction ends.
    pub fn contacts(&mut self, ids: &[Id]) -> Result<Vec<Contact>> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let these = contacts::table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::id.eq_any(some))
                // In one order for everyone, so that two who hold the same contacts never wait for each other.
                .order(contacts::id);
            found.append(&mut match &mut *self.0.conn {
                Conn::Postgres(conn) => these.select(Contact::as_select()).for_key_share().load(conn)?,
                Conn::Sqlite(conn) => these.select(Contact::as_select()).load(conn)?,
            });
        }
        Ok(found)
    }

    /// Fails unless there is such a contact, merged or not.
    pub fn contact_exists(&mut self, id: Id) -> Result<()> {
        contacts::table.find((self.0.scope.workspace, id)).select(contacts::id).first::<Id>(self.0.conn)?;
        Ok(())
    }

    /// The lead itself, or the one it was merged into.
    pub fn lead(&mut self, id: Id) -> Result<Option<Id>> {
        let found = leads::table.find((self.0.scope.workspace, id)).select(leads::merged_into_id);
        let merged: Option<Option<Id>> = found.first(self.0.conn).optional()?;
        Ok(merged.map(|merged| merged.unwrap_or(id)))
    }

    /// Fails when a contact was merged or deleted since it was found, so that the transaction is tried again. It stays
    /// what it is until the transaction ends.
    pub fn refuse_contact(&mut self, id: Id) -> Result<()> {
        match self.contact(id)? == Some(id) {
            true => Ok(()),
            false => Err(Error::Contention("a matched contact was merged or deleted".into())),
        }
    }

    /// Fails when one of the leads was merged since it was looked at, so that the transaction is tried again.
    pub fn refuse_leads(&mut self, ids: &[Id]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let found = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::id.eq_any(ids))
            .filter(leads::merged_into_id.is_not_null())
            .select(leads::id);
        match found.first::<Id>(self.0.conn).optional()? {
            Some(_) => Err(Error::Contention("a lead was merged".into())),
            None => Ok(()),
        }
    }

    /// Remembers that `record` named the merged `loser` in the column `link`, to be given back should its merges be
    /// undone.
    pub fn came_for(&mut self, loser: Id, link: &str, record: Id) -> Result<()> {
        let mut present = Some(loser);
        while let Some(loser) = present.take() {
            let standing = merges::table
                .filter(merges::workspace_id.eq(self.0.scope.workspace))
                .filter(merges::loser_id.eq(loser))
                .filter(merges::undone_at.is_null())
                .select((merges::id, merges::survivor_id));
            let Some((merge, survivor)) = standing.first::<(Id, Id)>(self.0.conn).optional()? else { break };
            diesel::insert_into(merge_moves::table)
                .values((
                    merge_moves::workspace_id.eq(self.0.scope.workspace),
                    merge_moves::merge_id.eq(merge),
                    merge_moves::link.eq(link),
                    merge_moves::record_id.eq(record),
                ))
                .execute(self.0.conn)?;
            present = Some(survivor);
        }
        Ok(())
    }
}

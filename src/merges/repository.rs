//! Merges in the database.

use diesel::prelude::*;

use super::{Kind, Merge};
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{merge_moves, merges};

/// The merges of the workspace.
pub struct Merges<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The merges of the workspace.
    pub fn merges<'t>(&'t mut self) -> Merges<'c, 't> {
        Merges(self)
    }
}

impl Merges<'_, '_> {
    pub fn insert(&mut self, merge: &Merge) -> Result<()> {
        diesel::insert_into(merges::table).values(merge).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Merge> {
        Ok(merges::table.find((self.0.scope.workspace, id)).select(Merge::as_select()).first(self.0.conn)?)
    }

    /// The merge, which no other transaction undoes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Merge> {
        let found = merges::table.find((self.0.scope.workspace, id));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Merge::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(Merge::as_select()).first(conn)?,
        })
    }

    /// The merges that a record survived or was lost in.
    pub fn list(&mut self, kind: Kind, record: Id, paging: &Paging) -> Result<Vec<Merge>> {
        let mut query = merges::table
            .filter(merges::workspace_id.eq(self.0.scope.workspace))
            .filter(merges::kind.eq(Code(kind)))
            .filter(merges::survivor_id.eq(record).or(merges::loser_id.eq(record)))
            .into_boxed();
        if let Some(after) = paging.after("merges") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("merges")).limit(paging.fetch());
        Ok(page.select(Merge::as_select()).load(self.0.conn)?)
    }

    /// The standing merges that have to be undone before `merge`.
    pub fn on_top(&mut self, merge: &Merge) -> Result<Vec<Id>> {
        let workspace = self.0.scope.workspace;
        let standing = || {
            merges::table
                .filter(merges::workspace_id.eq(workspace))
                .filter(merges::undone_at.is_null())
                .filter(merges::id.gt(merge.id))
                .order(merges::id)
        };
        let survivor = merge.survivor_id;
        let own = standing().filter(merges::survivor_id.eq(survivor).or(merges::loser_id.eq(survivor)));
        let mut found: Vec<Id> = own.select(merges::id).load(self.0.conn)?;
        let moved = || {
            merge_moves::table
                .filter(merge_moves::workspace_id.eq(workspace))
                .filter(merge_moves::merge_id.eq(merge.id))
                .filter(merge_moves::link.eq("leads.contact_id"))
                .select(merge_moves::record_id)
        };
        let of_leads = standing().filter(merges::survivor_id.eq_any(moved()).or(merges::loser_id.eq_any(moved())));
        found.extend(of_leads.select(merges::id).load::<Id>(self.0.conn)?);
        Ok(found)
    }

    pub(super) fn set_undone(&mut self, id: Id) -> Result<()> {
        diesel::update(merges::table.find((self.0.scope.workspace, id)))
            .set((merges::undone_at.eq(self.0.at()), merges::undone_by.eq(self.0.scope.actor)))
            .execute(self.0.conn)?;
        Ok(())
    }
}

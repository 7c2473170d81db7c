//! What moved because of merges, in the database. Each column moves by one statement, however much hangs on it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_query;

use super::moves::{ABOUT_LEADS, Link};
use crate::db::types::Uuid;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{contact_anonymous_ids as anonymous, merge_moves};

/// Rows of one insert, and values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// What moved from losers to survivors in the workspace.
pub struct Moves<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// What moved from losers to survivors in the workspace.
    pub(super) fn moves<'t>(&'t mut self) -> Moves<'c, 't> {
        Moves(self)
    }
}

impl Moves<'_, '_> {
    /// Moves all that names `loser` to `survivor` and writes it down; tells how much it was, by link.
    pub fn carry(&mut self, links: &[Link], merge: Id, loser: Id, survivor: Id) -> Result<BTreeMap<String, i64>> {
        let mut moved = BTreeMap::new();
        for link in links {
            let count = self.note_all(*link, merge, loser)?;
            if count > 0 {
                self.rename(*link, loser, survivor)?;
                moved.insert(link.name(), i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        Ok(moved)
    }

    fn note_all(&mut self, link: Link, merge: Id, loser: Id) -> Result<usize> {
        let Link { table, column, .. } = link;
        let statement = format!(
            "INSERT INTO merge_moves (workspace_id, merge_id, link, record_id) \
             SELECT workspace_id, $1, '{table}.{column}', id FROM {table} WHERE workspace_id = $2 AND {column} = $3"
        );
        let query = sql_query(statement).bind::<Uuid, _>(merge).bind::<Uuid, _>(self.0.scope.workspace);
        Ok(query.bind::<Uuid, _>(loser).execute(self.0.conn)?)
    }

    fn rename(&mut self, link: Link, loser: Id, survivor: Id) -> Result<()> {
        let Link { table, column, .. } = link;
        let rise = rise(link);
        let statement = format!("UPDATE {table} SET {column} = $1{rise} WHERE workspace_id = $2 AND {column} = $3");
        let query = sql_query(statement).bind::<Uuid, _>(survivor).bind::<Uuid, _>(self.0.scope.workspace);
        query.bind::<Uuid, _>(loser).execute(self.0.conn)?;
        Ok(())
    }

    /// Gives back to `loser` what moved or came for it and is still the survivor's.
    pub fn give_back(&mut self, links: &[Link], merge: Id, loser: Id, survivor: Id) -> Result<()> {
        for link in links {
            let Link { table, column, .. } = link;
            let rise = rise(*link);
            let statement = format!(
                "UPDATE {table} SET {column} = $1{rise} WHERE workspace_id = $2 AND {column} = $3 AND id IN \
                 (SELECT record_id FROM merge_moves WHERE workspace_id = $2 AND merge_id = $4 \
                 AND link = '{table}.{column}')"
            );
            let query = sql_query(statement).bind::<Uuid, _>(loser).bind::<Uuid, _>(self.0.scope.workspace);
            query.bind::<Uuid, _>(survivor).bind::<Uuid, _>(merge).execute(self.0.conn)?;
        }
        Ok(())
    }

    /// Lets what is about leads be about the contacts that those have now, of two leads or of the leads of two contacts.
    pub fn follow_leads(&mut self, both: [Id; 2]) -> Result<()> {
        for table in ABOUT_LEADS {
            let statement = format!(
                "UPDATE {table} SET contact_id = leads.contact_id, version = {table}.version + 1 FROM leads \
                 WHERE (leads.workspace_id = $1 AND leads.id IN ($2, $3) \
                 OR leads.workspace_id = $1 AND leads.contact_id IN ($2, $3)) \
                 AND {table}.workspace_id = leads.workspace_id AND {table}.lead_id = leads.id \
                 AND {table}.contact_id IS DISTINCT FROM leads.contact_id"
            );
            let query = sql_query(statement).bind::<Uuid, _>(self.0.scope.workspace);
            query.bind::<Uuid, _>(both[0]).bind::<Uuid, _>(both[1]).execute(self.0.conn)?;
        }
        Ok(())
    }

    /// Writes down that the submissions of interactions that go back to the loser do so, too.
    pub fn note_submissions(&mut self, column: &str, merge: Id, survivor: Id) -> Result<()> {
        let noted = |link: &str| {
            format!(
                "(SELECT record_id FROM merge_moves WHERE workspace_id = $2 AND merge_id = $1 AND link = '{link}.{column}')"
            )
        };
        let statement = format!(
            "INSERT INTO merge_moves (workspace_id, merge_id, link, record_id) \
             SELECT workspace_id, $1, 'submissions.{column}', id FROM submissions \
             WHERE workspace_id = $2 AND {column} = $3 AND interaction_id IN {} AND id NOT IN {}",
            noted("interactions"),
            noted("submissions"),
        );
        let query = sql_query(statement).bind::<Uuid, _>(merge).bind::<Uuid, _>(self.0.scope.workspace);
        query.bind::<Uuid, _>(survivor).execute(self.0.conn)?;
        Ok(())
    }

    /// Writes down that what leads which go back to the loser led to does so, too.
    pub fn note_what_leads_led_to(&mut self, merge: Id, survivor: Id) -> Result<()> {
        for table in ["opportunities", "lead_closings"] {
            let noted = |link: &str| {
                format!(
                    "(SELECT record_id FROM merge_moves WHERE workspace_id = $2 AND merge_id = $1 AND link = '{link}')"
                )
            };
            let link = format!("{table}.contact_id");
            let statement = format!(
                "INSERT INTO merge_moves (workspace_id, merge_id, link, record_id) \
                 SELECT workspace_id, $1, '{link}', id FROM {table} \
                 WHERE workspace_id = $2 AND contact_id = $3 AND lead_id IN {} AND id NOT IN {}",
                noted("leads.contact_id"),
                noted(&link),
            );
            let query = sql_query(statement).bind::<Uuid, _>(merge).bind::<Uuid, _>(self.0.scope.workspace);
            query.bind::<Uuid, _>(survivor).execute(self.0.conn)?;
        }
        Ok(())
    }

    /// Writes down that these records go back to the loser.
    pub fn note(&mut self, link: &str, merge: Id, records: &[Id]) -> Result<()> {
        let known: Vec<Id> = merge_moves::table
            .filter(merge_moves::workspace_id.eq(self.0.scope.workspace))
            .filter(merge_moves::merge_id.eq(merge))
            .filter(merge_moves::link.eq(link))
            .select(merge_moves::record_id)
            .load(self.0.conn)?;
        let known: BTreeSet<Id> = known.into_iter().collect();
        let workspace = self.0.scope.workspace;
        let rows: Vec<_> = records.iter().filter(|id| !known.contains(id)).collect();
        for some in rows.chunks(AT_ONCE) {
            let rows: Vec<_> = some
                .iter()
                .map(|id| {
                    (
                        merge_moves::workspace_id.eq(workspace),
                        merge_moves::merge_id.eq(merge),
                        merge_moves::link.eq(link),
                        merge_moves::record_id.eq(**id),
                    )
                })
                .collect();
            match &mut *self.0.conn {
                Conn::Postgres(conn) => diesel::insert_into(merge_moves::table).values(rows).execute(conn)?,
                Conn::Sqlite(conn) => diesel::insert_into(merge_moves::table).values(rows).execute(conn)?,
            };
        }
        Ok(())
    }

    /// Makes all anonymous ids of one contact another's.
    pub fn move_anonymous(&mut self, from: Id, to: Id) -> Result<()> {
        let own = anonymous::table
            .filter(anonymous::workspace_id.eq(self.0.scope.workspace))
            .filter(anonymous::contact_id.eq(from));
        diesel::update(own).set(anonymous::contact_id.eq(to)).execute(self.0.conn)?;
        Ok(())
    }

    /// Makes those of the anonymous ids `ids` that are one contact's another's.
    pub fn move_these_anonymous(&mut self, ids: &[String], from: Id, to: Id) -> Result<()> {
        for some in ids.chunks(AT_ONCE) {
            let own = anonymous::table
                .filter(anonymous::workspace_id.eq(self.0.scope.workspace))
                .filter(anonymous::contact_id.eq(from))
                .filter(anonymous::anonymous_id.eq_any(some));
            diesel::update(own).set(anonymous::contact_id.eq(to)).execute(self.0.conn)?;
        }
        Ok(())
    }
}

/// What raises the version of a record that people see change.
fn rise(link: Link) -> &'static str {
    if link.versioned { ", version = version + 1" } else { "" }
}

//! Leases in the database: who does what only one may do at a time, in all instances together.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::leases::{self, table};

/// The leases of the installation.
pub struct Leases<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The leases of the installation.
    pub fn leases<'t>(&'t mut self) -> Leases<'c, 't> {
        Leases(self)
    }
}

impl Leases<'_, '_> {
    /// Gives the lease `name` to `holder` until `until`, unless another has it; whether it did.
    pub fn take(&mut self, name: &str, holder: Id, until: Timestamp) -> Result<bool> {
        let at = self.0.at();
        let new = (leases::name.eq(name), leases::holder.eq(holder), leases::until.eq(until));
        let free = || leases::holder.eq(holder).or(leases::until.le(at));
        let known = table.find(name).filter(free());
        let taken =
            diesel::update(known).set((leases::holder.eq(holder), leases::until.eq(until))).execute(self.0.conn)?;
        if taken > 0 {
            return Ok(true);
        }
        let made = match &mut *self.0.conn {
            Conn::Postgres(conn) => diesel::insert_into(table).values(new).on_conflict_do_nothing().execute(conn)?,
            Conn::Sqlite(conn) => diesel::insert_into(table).values(new).on_conflict_do_nothing().execute(conn)?,
        };
        Ok(made > 0)
    }
}

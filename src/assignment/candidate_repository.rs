//! Users whom leads may be given to, and how many they hold, in the database.

use std::collections::BTreeMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::auth::scope::Role;
use crate::db::Tx;
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Open;
use crate::schema::{leads, users};
use crate::workspaces::User;

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The users of the workspace as those who may take leads.
pub struct Candidates<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The users of the workspace as those who may take leads.
    pub(super) fn candidates<'t>(&'t mut self) -> Candidates<'c, 't> {
        Candidates(self)
    }
}

impl Candidates<'_, '_> {
    /// All users, or those of one role.
    pub fn users(&mut self, role: Option<Role>) -> Result<Vec<User>> {
        let mut query = users::table.filter(users::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(role) = role {
            query = query.filter(users::role.eq(Code(role)));
        }
        Ok(query.order(users::id).select(User::as_select()).load(self.0.conn)?)
    }

    /// How many open leads each of the users holds, `except` aside; those who hold none are left out.
    pub fn open_leads(&mut self, ids: &[Id], except: Id) -> Result<BTreeMap<Id, i64>> {
        let mut held = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let found = leads::table
                .filter(leads::workspace_id.eq(self.0.scope.workspace))
                .filter(leads::owner_id.eq_any(some.to_vec()))
                .filter(leads::status.eq(Open))
                .filter(leads::id.ne(except))
                .group_by(leads::owner_id)
                .select((leads::owner_id, count_star()));
            let counted: Vec<(Option<Id>, i64)> = found.load(self.0.conn)?;
            held.extend(counted.into_iter().filter_map(|(owner, count)| Some((owner?, count))));
        }
        Ok(held)
    }
}

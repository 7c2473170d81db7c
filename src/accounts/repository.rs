//! Accounts in the database.

use diesel::prelude::*;

use super::{Account, Changes};
use crate::db::page::{Paging, contains_pattern};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::accounts::{self, BoxedQuery};
use crate::text;

/// Which accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Text that the name must hold.
    pub q: Option<String>,
    pub owner_id: Option<Id>,
    pub country: Option<String>,
    pub domain: Option<String>,
}

/// The accounts of the workspace.
pub struct Accounts<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The accounts of the workspace.
    pub fn accounts<'t>(&'t mut self) -> Accounts<'c, 't> {
        Accounts(self)
    }
}

impl Accounts<'_, '_> {
    pub fn insert(&mut self, account: &Account) -> Result<()> {
        diesel::insert_into(accounts::table).values(account).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Account> {
        let found = accounts::table.find((self.0.scope.workspace, id)).select(Account::as_select());
        Ok(found.first(self.0.conn)?)
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Account>> {
        let found = accounts::table.find((self.0.scope.workspace, id)).select(Account::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The account, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Account> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => {
                accounts::table.find(key).select(Account::as_select()).for_no_key_update().first(conn)?
            }
            Conn::Sqlite(conn) => accounts::table.find(key).select(Account::as_select()).first(conn)?,
        })
    }

    /// The oldest account whose name has this search key.
    pub fn with_name(&mut self, search_key: &str) -> Result<Option<Id>> {
        let found = accounts::table
            .filter(accounts::workspace_id.eq(self.0.scope.workspace))
            .filter(accounts::search_key.eq(search_key))
            .order(accounts::id)
            .select(accounts::id);
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, filter: &AccountFilter, paging: &Paging) -> Result<Vec<Account>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("accounts") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("accounts")).limit(paging.fetch());
        Ok(page.select(Account::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &AccountFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// Sets the fields in `changes` and raises the version.
    pub(super) fn update(&mut self, id: Id, changes: Changes) -> Result<Account> {
        let target = accounts::table.find((self.0.scope.workspace, id));
        let rise = (accounts::version.eq(accounts::version + 1), accounts::updated_at.eq(self.0.at()));
        diesel::update(target).set((changes, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    pub fn delete(&mut self, id: Id) -> Result<()> {
        diesel::delete(accounts::table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }

    fn filtered(&self, filter: &AccountFilter) -> BoxedQuery<'static, crate::db::connection::MultiBackend> {
        let mut query = accounts::table.filter(accounts::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(q) = &filter.q {
            let pattern = contains_pattern(&text::compare_key(q));
            query = query.filter(accounts::search_key.like(pattern).escape('!'));
        }
        if let Some(owner) = filter.owner_id {
            query = query.filter(accounts::owner_id.eq(owner));
        }
        if let Some(country) = &filter.country {
            query = query.filter(accounts::country.eq(country.clone()));
        }
        if let Some(domain) = &filter.domain {
            query = query.filter(accounts::domain.eq(domain.to_lowercase()));
        }
        query
    }
}

//! Contacts in the database.

use diesel::dsl::{IntoBoxed, auto_type, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Contact;
use super::input::Changes;
use crate::db::connection::MultiBackend;
use crate::db::page::{Condition, Paging, contains_pattern};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::filter::sql::Predicate;
use crate::id::Id;
use crate::matching::decide::Keys;
use crate::matching::strategy::Field;
use crate::schema::contacts::{self, BoxedQuery};
use crate::schema::{accounts, contact_anonymous_ids as anonymous, contacts::table};
use crate::text;

/// Of more contacts than these with one key, the latest changed are candidates for being the same person.
const MOST_CANDIDATES: i64 = 200;

/// Which contacts.
#[derive(Clone, Debug, Default)]
pub struct ContactFilter {
    /// Text that name or e-mail address must hold.
    pub q: Option<String>,
    /// The normalised e-mail address.
    pub email_key: Option<String>,
    pub external_id: Option<String>,
    pub account_id: Option<Id>,
    pub owner_id: Option<Id>,
    pub marketing_only: Option<bool>,
}

/// The contacts of the workspace.
pub struct Contacts<'c, 't>(pub(super) &'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The contacts of the workspace.
    pub fn contacts<'t>(&'t mut self) -> Contacts<'c, 't> {
        Contacts(self)
    }
}

impl Contacts<'_, '_> {
    pub fn insert(&mut self, contact: &Contact) -> Result<()> {
        diesel::insert_into(table).values(contact).execute(self.0.conn)?;
        Ok(())
    }

    /// The contact. `Err(Gone)` for one that was merged into another.
    pub fn get(&mut self, id: Id) -> Result<Contact> {
        present(table.find((self.0.scope.workspace, id)).select(Contact::as_select()).first(self.0.conn)?)
    }

    /// The contact, unless there is none or it was merged into another.
    pub fn find(&mut self, id: Id) -> Result<Option<Contact>> {
        let found = table.find((self.0.scope.workspace, id)).filter(contacts::merged_into_id.is_null());
        Ok(found.select(Contact::as_select()).first(self.0.conn).optional()?)
    }

    /// The contact, which no other transaction changes until this one ends. `Err(Gone)` for one that was merged into
    /// another.
    pub fn lock(&mut self, id: Id) -> Result<Contact> {
        let key = (self.0.scope.workspace, id);
        present(match &mut *self.0.conn {
            Conn::Postgres(conn) => table.find(key).select(Contact::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => table.find(key).select(Contact::as_select()).first(conn)?,
        })
    }

    /// The contact with a normalised e-mail address, be it one of a contact that was merged into it.
    pub fn with_email(&mut self, key: &str) -> Result<Option<Id>> {
        let found = table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::email_key.eq(key))
            .select((contacts::id, contacts::merged_into_id));
        Ok(found.first(self.0.conn).optional()?.map(last_survivor))
    }

    /// The contact with an id in another system, be it one of a contact that was merged into it.
    pub fn with_external_id(&mut self, external_id: &str) -> Result<Option<Id>> {
        let found = table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::external_id.eq(external_id))
            .select((contacts::id, contacts::merged_into_id));
        Ok(found.first(self.0.conn).optional()?.map(last_survivor))
    }

    /// Lets a contact have identities that were left to those merged into it.
    pub(super) fn take_back(&mut self, id: Id, email_key: Option<&str>, external_id: Option<&str>) -> Result<()> {
        let merged =
            || table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::merged_into_id.eq(id));
        if let Some(key) = email_key {
            let none = (contacts::email.eq(None::<String>), contacts::email_key.eq(None::<String>));
            diesel::update(merged().filter(contacts::email_key.eq(key))).set(none).execute(self.0.conn)?;
        }
        if let Some(key) = external_id {
            let none = contacts::external_id.eq(None::<String>);
            diesel::update(merged().filter(contacts::external_id.eq(key))).set(none).execute(self.0.conn)?;
        }
        Ok(())
    }

    /// The contact that an anonymous id is known to be.
    pub fn with_anonymous_id(&mut self, anonymous_id: &str) -> Result<Option<Id>> {
        let found = anonymous::table.find((self.0.scope.workspace, anonymous_id)).select(anonymous::contact_id);
        Ok(found.first(self.0.conn).optional()?)
    }

    /// Contacts that share at least one indexed key with `keys`; of each key at most two hundred, the latest changed. One
    /// that has a key only through a contact that was merged into it shows that key as its own.
    pub fn with_keys(&mut self, keys: &Keys) -> Result<Vec<Contact>> {
        let mut found: Vec<Contact> = Vec::new();
        for (field, key) in keys {
            let condition: Condition<table> = match field {
                Field::Email => Box::new(contacts::email_key.eq(key.clone()).assume_not_null()),
                Field::Phone => Box::new(contacts::phone_key.eq(key.clone()).assume_not_null()),
                Field::Mobile => Box::new(contacts::mobile_key.eq(key.clone()).assume_not_null()),
                Field::ExternalId => Box::new(contacts::external_id.eq(key.clone()).assume_not_null()),
                Field::AnonymousId => match self.with_anonymous_id(key)? {
                    Some(id) => Box::new(contacts::id.eq(id)),
                    None => continue,
                },
                _ => continue,
            };
            let query = table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(condition);
            let page = query
                .order((contacts::updated_at.desc(), contacts::id))
                .limit(MOST_CANDIDATES)
                .select(Contact::as_select());
            for contact in page.load::<Contact>(self.0.conn)? {
                self.add_survivor(&mut found, contact, *field, key)?;
            }
        }
        Ok(found)
    }

    fn add_survivor(&mut self, found: &mut Vec<Contact>, contact: Contact, field: Field, key: &str) -> Result<()> {
        let (id, is_merged) = (last_survivor((contact.id, contact.merged_into_id)), contact.merged_into_id.is_some());
        if found.iter().all(|known| known.id != id) {
            found.push(if is_merged { self.get(id)? } else { contact });
        }
        let survivor = found.iter_mut().find(|known| known.id == id);
        if let Some(survivor) = survivor.filter(|_| is_merged) {
            let place = match field {
                Field::Email => &mut survivor.email_key,
                Field::Phone => &mut survivor.phone_key,
                Field::Mobile => &mut survivor.mobile_key,
                Field::ExternalId => &mut survivor.external_id,
                _ => return Ok(()),
            };
            *place = Some(key.to_owned());
        }
        Ok(())
    }

    /// Remembers that an anonymous id is this contact's, unless it is known to be somebody's.
    pub fn link_anonymous(&mut self, contact: Id, anonymous_id: &str) -> Result<()> {
        self.0.take_turns(&[format!("anonymous {anonymous_id}")])?;
        if self.with_anonymous_id(anonymous_id)?.is_some() {
            return Ok(());
        }
        diesel::insert_into(anonymous::table)
            .values((
                anonymous::workspace_id.eq(self.0.scope.workspace),
                anonymous::anonymous_id.eq(anonymous_id),
                anonymous::contact_id.eq(contact),
                anonymous::created_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// The anonymous ids known to be a contact's.
    pub fn anonymous_ids(&mut self, contact: Id) -> Result<Vec<String>> {
        let found = anonymous::table
            .filter(anonymous::workspace_id.eq(self.0.scope.workspace))
            .filter(anonymous::contact_id.eq(contact))
            .select(anonymous::anonymous_id);
        Ok(found.load(self.0.conn)?)
    }

    /// Anonymous ids known to be those of `contacts`, with whose each is; not all of somebody who has very many.
    pub fn anonymous_ids_among(&mut self, contacts: &[Id]) -> Result<Vec<(Id, String)>> {
        let found = anonymous::table
            .filter(anonymous::workspace_id.eq(self.0.scope.workspace))
            .filter(anonymous::contact_id.eq_any(contacts))
            .select((anonymous::contact_id, anonymous::anonymous_id))
            .limit(5 * MOST_CANDIDATES);
        Ok(found.load(self.0.conn)?)
    }

    pub fn list(&mut self, filter: &ContactFilter, paging: &Paging) -> Result<Vec<Contact>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("contacts") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("contacts")).limit(paging.fetch());
        Ok(page.select(Contact::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &ContactFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// A page of the contacts that `filter` holds for.
    pub fn search(&mut self, filter: &Filter, paging: &Paging) -> Result<Vec<Contact>> {
        let mut query = self.matching(filter);
        if let Some(after) = paging.after("contacts") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("contacts")).limit(paging.fetch());
        Ok(page.select(Contact::as_select()).load(self.0.conn)?)
    }

    /// How many contacts `filter` holds for.
    pub fn count_matching(&mut self, filter: &Filter) -> Result<i64> {
        Ok(self.matching(filter).count().get_result(self.0.conn)?)
    }

    /// Sets the fields in `changes` and raises the version.
    pub(super) fn update(&mut self, id: Id, changes: Changes) -> Result<Contact> {
        let target = table.find((self.0.scope.workspace, id));
        let rise = (contacts::version.eq(contacts::version + 1), contacts::updated_at.eq(self.0.at()));
        diesel::update(target).set((changes, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    /// Removes a contact and those that were merged into it.
    pub fn delete(&mut self, id: Id) -> Result<()> {
        let merged =
            table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::merged_into_id.eq(id));
        diesel::delete(merged).execute(self.0.conn)?;
        diesel::delete(table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }

    fn matching(&self, filter: &Filter) -> IntoBoxed<'static, with_account, MultiBackend> {
        with_account()
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::merged_into_id.is_null())
            .filter(Predicate::on_contacts(filter, self.0.at(), self.0.conn.dialect()))
            .into_boxed()
    }

    fn filtered(&self, filter: &ContactFilter) -> BoxedQuery<'static, MultiBackend> {
        let query = table.filter(contacts::workspace_id.eq(self.0.scope.workspace));
        let mut query = query.filter(contacts::merged_into_id.is_null()).into_boxed();
        if let Some(q) = &filter.q {
            query = query.filter(contacts::search_key.like(contains_pattern(&text::compare_key(q))).escape('!'));
        }
        if let Some(key) = &filter.email_key {
            query = query.filter(contacts::email_key.eq(key.clone()));
        }
        if let Some(external_id) = &filter.external_id {
            query = query.filter(contacts::external_id.eq(external_id.clone()));
        }
        if let Some(account) = filter.account_id {
            query = query.filter(contacts::account_id.eq(account));
        }
        if let Some(owner) = filter.owner_id {
            query = query.filter(contacts::owner_id.eq(owner));
        }
        if let Some(marketing_only) = filter.marketing_only {
            query = query.filter(contacts::marketing_only.eq(marketing_only));
        }
        query
    }
}

/// Contacts, each with its account.
#[auto_type]
fn with_account() -> _ {
    let own: SqlLiteral<Bool> =
        sql("accounts.workspace_id = contacts.workspace_id AND accounts.id = contacts.account_id");
    table.left_join(accounts::table.on(own))
}

/// The contact, unless it was merged into another.
fn present(contact: Contact) -> Result<Contact> {
    match contact.merged_into_id {
        None => Ok(contact),
        merged_into => Err(Error::Gone { merged_into }),
    }
}

/// A contact, or the one it was merged into.
pub(super) fn last_survivor((id, merged_into): (Id, Option<Id>)) -> Id {
    merged_into.unwrap_or(id)
}

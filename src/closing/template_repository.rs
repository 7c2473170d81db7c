//! Templates for letters, in the database.

use diesel::prelude::*;

use super::templates::MessageTemplate;
use crate::db::page::Paging;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::message_templates::{self, table};

/// The templates of the workspace.
pub struct MessageTemplates<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The templates of the workspace.
    pub fn message_templates<'t>(&'t mut self) -> MessageTemplates<'c, 't> {
        MessageTemplates(self)
    }
}

impl MessageTemplates<'_, '_> {
    pub fn insert(&mut self, template: &MessageTemplate) -> Result<()> {
        diesel::insert_into(table).values(template).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<MessageTemplate> {
        let found = table.find((self.0.scope.workspace, id)).select(MessageTemplate::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The template, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<MessageTemplate> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => table.find(key).select(MessageTemplate::as_select()).for_update().first(conn)?,
            Conn::Sqlite(conn) => table.find(key).select(MessageTemplate::as_select()).first(conn)?,
        })
    }

    pub fn with_key(&mut self, key: &str) -> Result<Option<MessageTemplate>> {
        let found = table
            .filter(message_templates::workspace_id.eq(self.0.scope.workspace))
            .filter(message_templates::key.eq(key))
            .select(MessageTemplate::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, paging: &Paging) -> Result<Vec<MessageTemplate>> {
        let mut query = table.filter(message_templates::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(after) = paging.after("message_templates") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("message_templates")).limit(paging.fetch());
        Ok(page.select(MessageTemplate::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self) -> Result<i64> {
        let own = table.filter(message_templates::workspace_id.eq(self.0.scope.workspace));
        Ok(own.count().get_result(self.0.conn)?)
    }

    /// Sets subject and text, and raises the version.
    pub(super) fn update(&mut self, id: Id, subject: &str, text: &str) -> Result<MessageTemplate> {
        let said = (message_templates::subject.eq(subject), message_templates::text.eq(text));
        let rise = (
            message_templates::version.eq(message_templates::version + 1),
            message_templates::updated_at.eq(self.0.at()),
        );
        diesel::update(table.find((self.0.scope.workspace, id))).set((said, rise)).execute(self.0.conn)?;
        self.get(id)
    }

    pub(super) fn delete(&mut self, id: Id) -> Result<()> {
        diesel::delete(table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }
}

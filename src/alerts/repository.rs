//! Alerts in the database.

use diesel::prelude::*;

use super::{Alert, Kind};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::alerts::{self, BoxedQuery, table};

/// Which alerts of a user.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Only those that were marked as read, or only the others.
    pub read: Option<bool>,
    pub kind: Option<Kind>,
    pub lead_id: Option<Id>,
    pub contact_id: Option<Id>,
}

/// The alerts of the workspace.
pub struct Alerts<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The alerts of the workspace.
    pub fn alerts<'t>(&'t mut self) -> Alerts<'c, 't> {
        Alerts(self)
    }
}

impl Alerts<'_, '_> {
    pub(super) fn insert(&mut self, alert: &Alert) -> Result<()> {
        diesel::insert_into(table).values(alert).execute(self.0.conn)?;
        Ok(())
    }

    /// An alert of a user.
    pub fn get(&mut self, user: Id, id: Id) -> Result<Alert> {
        let found = table.find((self.0.scope.workspace, id)).filter(alerts::user_id.eq(user));
        Ok(found.select(Alert::as_select()).first(self.0.conn)?)
    }

    /// An alert of a user, which no other transaction changes until this one ends.
    pub(super) fn lock(&mut self, user: Id, id: Id) -> Result<Alert> {
        let found = table.find((self.0.scope.workspace, id)).filter(alerts::user_id.eq(user));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Alert::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(Alert::as_select()).first(conn)?,
        })
    }

    pub fn list(&mut self, user: Id, filter: &AlertFilter, paging: &Paging) -> Result<Vec<Alert>> {
        let mut query = self.filtered(user, filter);
        if let Some(after) = paging.after("alerts") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("alerts")).limit(paging.fetch()).select(Alert::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, user: Id, filter: &AlertFilter) -> Result<i64> {
        Ok(self.filtered(user, filter).count().get_result(self.0.conn)?)
    }

    pub(super) fn mark(&mut self, alert: &Alert, read_at: Option<Timestamp>) -> Result<Alert> {
        diesel::update(table.find((self.0.scope.workspace, alert.id)))
            .set((alerts::read_at.eq(read_at), alerts::version.eq(alerts::version + 1)))
            .execute(self.0.conn)?;
        self.get(alert.user_id, alert.id)
    }

    /// Marks those of a user that are not read and were raised until an instant as read; tells how many that were.
    pub(super) fn mark_until(&mut self, user: Id, until: Timestamp) -> Result<usize> {
        let unread = table
            .filter(alerts::workspace_id.eq(self.0.scope.workspace))
            .filter(alerts::user_id.eq(user))
            .filter(alerts::read_at.is_null())
            .filter(alerts::at.le(until));
        let read = (alerts::read_at.eq(Some(self.0.at())), alerts::version.eq(alerts::version + 1));
        Ok(diesel::update(unread).set(read).execute(self.0.conn)?)
    }

    /// Makes the alerts about a lead alerts about a contact, too.
    pub(super) fn relink(&mut self, lead: Id, contact: Option<Id>) -> Result<()> {
        let own = table.filter(alerts::workspace_id.eq(self.0.scope.workspace)).filter(alerts::lead_id.eq(lead));
        diesel::update(own)
            .set((alerts::contact_id.eq(contact), alerts::version.eq(alerts::version + 1)))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn delete_of_contact(&mut self, contact: Id) -> Result<()> {
        let own = table.filter(alerts::workspace_id.eq(self.0.scope.workspace)).filter(alerts::contact_id.eq(contact));
        diesel::delete(own).execute(self.0.conn)?;
        Ok(())
    }

    fn filtered(&self, user: Id, filter: &AlertFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query =
            table.filter(alerts::workspace_id.eq(self.0.scope.workspace)).filter(alerts::user_id.eq(user)).into_boxed();
        match filter.read {
            Some(true) => query = query.filter(alerts::read_at.is_not_null()),
            Some(false) => query = query.filter(alerts::read_at.is_null()),
            None => {}
        }
        if let Some(kind) = filter.kind {
            query = query.filter(alerts::kind.eq(Code(kind)));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(alerts::lead_id.eq(lead));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(alerts::contact_id.eq(contact));
        }
        query
    }
}

//! Events in the database.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::Event;
use crate::db::page::Paging;
use crate::db::prepared::Prepared;
use crate::db::types::{Instant, Json, Uuid};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::events;

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub kind: Option<String>,
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
}

/// The events of the workspace.
pub struct Events<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The events of the workspace.
    pub fn events<'t>(&'t mut self) -> Events<'c, 't> {
        Events(self)
    }
}

impl Events<'_, '_> {
    pub fn insert(&mut self, events: &[Event]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if events.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "INSERT INTO events (workspace_id, id, type, contact_id, lead_id, data, at) \
                    SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)";
                Prepared::<Pg>::new(sql)
                    .column::<Uuid, _>(events.iter().map(|it| &it.workspace_id))
                    .column::<Uuid, _>(events.iter().map(|it| &it.id))
                    .column::<Text, _>(events.iter().map(|it| &it.kind))
                    .column::<Nullable<Uuid>, _>(events.iter().map(|it| &it.contact_id))
                    .column::<Nullable<Uuid>, _>(events.iter().map(|it| &it.lead_id))
                    .column::<Json, _>(events.iter().map(|it| &it.data))
                    .column::<Instant, _>(events.iter().map(|it| &it.at))
                    .execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for event in events {
                    diesel::insert_into(events::table).values(event).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    pub fn list(&mut self, filter: &EventFilter, paging: &Paging) -> Result<Vec<Event>> {
        let mut query = events::table.filter(events::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(kind) = &filter.kind {
            query = query.filter(events::kind.eq(kind.clone()));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(events::contact_id.eq(contact));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(events::lead_id.eq(lead));
        }
        if let Some(after) = paging.after("events") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("events")).limit(paging.fetch()).select(Event::as_select()).load(self.0.conn)?)
    }
}

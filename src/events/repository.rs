//! Events in the database.

use diesel::prelude::*;

use super::Event;
use crate::db::Tx;
use crate::db::page::Paging;
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
    pub fn insert(&mut self, event: &Event) -> Result<()> {
        diesel::insert_into(events::table).values(event).execute(self.0.conn)?;
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

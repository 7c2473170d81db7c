//! What happened around a contact, in the database.

use diesel::prelude::*;

use super::{Category, SCORE_EVENTS, STAGE_EVENTS, UNTOLD};
use crate::db::Tx;
use crate::db::page::{Condition, Paging};
use crate::error::Result;
use crate::events::Event;
use crate::id::Id;
use crate::interactions::Interaction;
use crate::schema::{events, interactions, leads};

/// What happened around the contacts of the workspace.
pub struct Timelines<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// What happened around the contacts of the workspace.
    pub(super) fn timelines<'t>(&'t mut self) -> Timelines<'c, 't> {
        Timelines(self)
    }
}

impl Timelines<'_, '_> {
    /// The leads of a contact, closed ones as well.
    pub fn leads(&mut self, contact: Id) -> Result<Vec<Id>> {
        let own = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::contact_id.eq(contact))
            .filter(leads::merged_into_id.is_null());
        Ok(own.select(leads::id).load(self.0.conn)?)
    }

    /// What a contact did, of these categories.
    pub fn interactions(&mut self, contact: Id, categories: &[Category], paging: &Paging) -> Result<Vec<Interaction>> {
        let Some(wanted) = doings(categories) else { return Ok(Vec::new()) };
        let mut query = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.eq(contact))
            .filter(wanted)
            .into_boxed();
        if let Some(after) = paging.after("interactions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interactions")).limit(paging.fetch());
        Ok(page.select(Interaction::as_select()).load(self.0.conn)?)
    }

    /// What became of a contact, of these categories.
    pub fn events_of_contact(&mut self, contact: Id, categories: &[Category], paging: &Paging) -> Result<Vec<Event>> {
        self.events(
            Box::new(events::contact_id.eq(contact).and(events::lead_id.is_null()).assume_not_null()),
            categories,
            paging,
        )
    }

    /// What became of a lead, of these categories.
    pub fn events_of_lead(&mut self, lead: Id, categories: &[Category], paging: &Paging) -> Result<Vec<Event>> {
        self.events(Box::new(events::lead_id.eq(lead).assume_not_null()), categories, paging)
    }

    fn events(
        &mut self,
        about: Condition<events::table>,
        categories: &[Category],
        paging: &Paging,
    ) -> Result<Vec<Event>> {
        let Some(wanted) = facts(categories) else { return Ok(Vec::new()) };
        let mut query = events::table
            .filter(events::workspace_id.eq(self.0.scope.workspace))
            .filter(about)
            .filter(wanted)
            .into_boxed();
        if let Some(after) = paging.after("events") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("events")).limit(paging.fetch());
        Ok(page.select(Event::as_select()).load(self.0.conn)?)
    }
}

/// The interactions of these categories; none when no category is about interactions.
fn doings(categories: &[Category]) -> Option<Condition<interactions::table>> {
    let mut wanted: Option<Condition<interactions::table>> = None;
    for category in categories {
        let is_message = interactions::kind.eq("message");
        let is_other = interactions::kind.ne("message");
        let one: Condition<interactions::table> = match category {
            Category::Message => Box::new(is_message),
            Category::Activity => Box::new(is_other.and(interactions::sender_id.is_not_null())),
            Category::Interaction => Box::new(is_other.and(interactions::sender_id.is_null())),
            Category::StageChange | Category::ScoreChange | Category::Fact => continue,
        };
        wanted = Some(either(wanted, one));
    }
    wanted
}

/// The events of these categories; none when no category is about events.
fn facts(categories: &[Category]) -> Option<Condition<events::table>> {
    let mut wanted: Option<Condition<events::table>> = None;
    for category in categories {
        let one: Condition<events::table> = match category {
            Category::StageChange => Box::new(events::kind.eq_any(STAGE_EVENTS)),
            Category::ScoreChange => Box::new(events::kind.eq_any(SCORE_EVENTS)),
            Category::Fact => Box::new(events::kind.ne_all([STAGE_EVENTS, SCORE_EVENTS, UNTOLD].concat())),
            Category::Message | Category::Activity | Category::Interaction => continue,
        };
        wanted = Some(either(wanted, one));
    }
    wanted
}

fn either<T: 'static>(first: Option<Condition<T>>, second: Condition<T>) -> Condition<T>
where
    Condition<T>: diesel::expression::Expression<SqlType = diesel::sql_types::Bool>,
{
    match first {
        Some(first) => Box::new(first.or(second)),
        None => second,
    }
}

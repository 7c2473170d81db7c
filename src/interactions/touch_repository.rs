//! Touches in the database: what users did for people.

use diesel::dsl::not;
use diesel::prelude::*;

use super::Interaction;
use super::touch::{ANSWERS, Touch, Touched};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::schema::interactions::{self, BoxedQuery, table};
use crate::scoring::Evidence;

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The touches of the workspace.
pub struct Touches<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The touches of the workspace.
    pub fn touches<'t>(&'t mut self) -> Touches<'c, 't> {
        Touches(self)
    }
}

impl Touches<'_, '_> {
    /// The touches that belong to a lead, of one user when one is named.
    pub fn list(&mut self, lead: Touched, sender: Option<Id>, paging: &Paging) -> Result<Vec<Interaction>> {
        let mut query = self.of_lead(lead, sender);
        if let Some(after) = paging.after("interactions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interactions")).limit(paging.fetch());
        Ok(page.select(Interaction::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, lead: Touched, sender: Option<Id>) -> Result<i64> {
        Ok(self.of_lead(lead, sender).count().get_result(self.0.conn)?)
    }

    /// The touches of the contacts and those that name one of the leads; the same one may come twice.
    pub fn around(&mut self, leads: &[Touched]) -> Result<Vec<(Id, Touch)>> {
        let mut found = Vec::new();
        for some in leads.chunks(AT_ONCE) {
            let contacts: Vec<Id> = some.iter().filter_map(|lead| lead.contact_id).collect();
            let leads: Vec<Id> = some.iter().map(|lead| lead.lead_id).collect();
            let columns =
                (interactions::id, interactions::contact_id, interactions::lead_id, interactions::occurred_at);
            // One look by each column, in its index: of both together SQLite would make a look at everything.
            let of_contacts = self.all().filter(interactions::lead_id.is_null());
            let of_contacts = of_contacts.filter(interactions::contact_id.eq_any(contacts)).select(columns);
            let mut rows: Vec<(Id, Option<Id>, Option<Id>, Timestamp)> = of_contacts.load(self.0.conn)?;
            let naming = self.all().filter(interactions::lead_id.eq_any(leads)).select(columns);
            rows.extend(naming.load::<(Id, Option<Id>, Option<Id>, Timestamp)>(self.0.conn)?);
            found.extend(
                rows.into_iter()
                    .map(|(id, contact_id, lead_id, occurred_at)| (id, Touch { contact_id, lead_id, occurred_at })),
            );
        }
        Ok(found)
    }

    fn of_lead(&self, lead: Touched, sender: Option<Id>) -> BoxedQuery<'static, MultiBackend> {
        let own = || interactions::workspace_id.eq(self.0.scope.workspace);
        let naming = own().and(interactions::lead_id.eq(lead.lead_id).assume_not_null());
        let mut query = match lead.contact_id {
            Some(contact) => {
                let of_contact = own()
                    .and(interactions::lead_id.is_null())
                    .and(interactions::contact_id.eq(contact).assume_not_null())
                    .and(interactions::occurred_at.ge(lead.created_at));
                // The workspace in each half and not before both: else SQLite would walk through all that it did.
                touches().filter(naming.or(of_contact))
            }
            None => touches().filter(naming),
        };
        if let Some(sender) = sender {
            query = query.filter(interactions::sender_id.eq(sender));
        }
        query
    }

    fn all(&self) -> BoxedQuery<'static, MultiBackend> {
        touches().filter(interactions::workspace_id.eq(self.0.scope.workspace))
    }
}

/// Every touch, of all workspaces; `touch` says what is one.
fn touches() -> BoxedQuery<'static, MultiBackend> {
    table
        .filter(interactions::sender_id.is_not_null())
        .filter(not(interactions::kind.eq_any(ANSWERS)))
        .filter(interactions::reply_to_id.is_null())
        .filter(interactions::reply_to_external_id.is_null())
        .filter(interactions::voided_at.is_null())
        .filter(interactions::evidence.ne(Code(Evidence::Machine)))
        .into_boxed()
}

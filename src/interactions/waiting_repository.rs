//! Interactions that wait for somebody or something, in the database.

use diesel::prelude::*;

use super::Interaction;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::schema::interactions::{self, table};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The interactions of the workspace whose person is not known yet, and those that answer a message not known yet.
pub struct Waiting<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The interactions of the workspace that wait.
    pub fn waiting<'t>(&'t mut self) -> Waiting<'c, 't> {
        Waiting(self)
    }
}

/// The interactions of nobody that meet further conditions.
macro_rules! of_nobody {
    ($tx:expr $(, $condition:expr)*) => {
        table
            .filter(interactions::workspace_id.eq($tx.scope.workspace))
            .filter(interactions::contact_id.is_null())
            $(.filter($condition))*
            .select(interactions::id)
            .load::<Id>($tx.conn)?
    };
}

impl Waiting<'_, '_> {
    /// Gives a contact what waited under an id in another system; tells what that was.
    pub fn take_external(&mut self, contact: Id, external_id: &str) -> Result<Vec<Id>> {
        let found = of_nobody!(self.0, interactions::external_person_id.eq(external_id));
        self.give(contact, found)
    }

    /// Gives a contact what waited under an e-mail address and nothing stronger.
    pub fn take_email(&mut self, contact: Id, key: &str) -> Result<Vec<Id>> {
        let found = of_nobody!(self.0, interactions::external_person_id.is_null(), interactions::email_key.eq(key));
        self.give(contact, found)
    }

    /// Gives a contact what waited under a phone and nothing stronger.
    pub fn take_phone(&mut self, contact: Id, key: &str) -> Result<Vec<Id>> {
        let found = of_nobody!(
            self.0,
            interactions::external_person_id.is_null(),
            interactions::email_key.is_null(),
            interactions::phone_key.eq(key)
        );
        self.give(contact, found)
    }

    /// Gives a contact what waited under an anonymous id and nothing stronger.
    pub fn take_anonymous(&mut self, contact: Id, anonymous_id: &str) -> Result<Vec<Id>> {
        let found = of_nobody!(
            self.0,
            interactions::external_person_id.is_null(),
            interactions::email_key.is_null(),
            interactions::phone_key.is_null(),
            interactions::anonymous_id.eq(anonymous_id)
        );
        self.give(contact, found)
    }

    /// Gives a contact what names a lead and nobody.
    pub fn take_lead(&mut self, contact: Id, lead: Id) -> Result<Vec<Id>> {
        let found = of_nobody!(
            self.0,
            interactions::external_person_id.is_null(),
            interactions::email_key.is_null(),
            interactions::phone_key.is_null(),
            interactions::anonymous_id.is_null(),
            interactions::lead_id.eq(lead)
        );
        self.give(contact, found)
    }

    fn give(&mut self, contact: Id, found: Vec<Id>) -> Result<Vec<Id>> {
        for some in found.chunks(AT_ONCE) {
            let these = table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::id.eq_any(some));
            diesel::update(these).set(interactions::contact_id.eq(contact)).execute(self.0.conn)?;
        }
        Ok(found)
    }

    /// Writes what a reply takes over from its message.
    pub fn complete(&mut self, reply: &Interaction) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, reply.id)))
            .set((
                interactions::contact_id.eq(reply.contact_id),
                interactions::lead_id.eq(reply.lead_id),
                interactions::email_key.eq(&reply.email_key),
                interactions::phone_key.eq(&reply.phone_key),
                interactions::external_person_id.eq(&reply.external_person_id),
                interactions::anonymous_id.eq(&reply.anonymous_id),
                interactions::campaign.eq(&reply.campaign),
                interactions::sender_id.eq(reply.sender_id),
                interactions::cause.eq(&reply.cause),
                interactions::reply_to_id.eq(reply.reply_to_id),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

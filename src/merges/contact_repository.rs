//! Contacts that become one or two, in the database.

use diesel::prelude::*;

use super::moves;
use crate::contacts::merge::{Identities, Identity, Values};
use crate::contacts::{Contact, search_key};
use crate::db::types::JsonOf;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{contacts, interactions, leads, merge_moves, submissions};

/// The contacts of the workspace as merges write them.
pub struct MergedContacts<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The contacts of the workspace as merges write them.
    pub(super) fn merged_contacts<'t>(&'t mut self) -> MergedContacts<'c, 't> {
        MergedContacts(self)
    }
}

/// The normalised identities by which something came for a contact.
#[derive(Clone, Debug, Default)]
pub struct KnownBy {
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    pub external_ids: Vec<String>,
    pub anonymous_ids: Vec<String>,
}

impl MergedContacts<'_, '_> {
    /// Those of the contacts that there are, merged or not, by id.
    pub fn look(&mut self, ids: [Id; 2]) -> Result<Vec<Contact>> {
        let found =
            contacts::table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::id.eq_any(ids));
        Ok(found.order(contacts::id).select(Contact::as_select()).load(self.0.conn)?)
    }

    /// The same; nobody changes them or newly refers to them until the transaction ends.
    pub fn lock(&mut self, ids: [Id; 2]) -> Result<Vec<Contact>> {
        let found =
            contacts::table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::id.eq_any(ids));
        let found = found.order(contacts::id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Contact::as_select()).for_update().load(conn)?,
            Conn::Sqlite(conn) => found.select(Contact::as_select()).load(conn)?,
        })
    }

    /// Makes the loser a tombstone that names the survivor, and nothing else: no identity, account or owner.
    pub fn bury(&mut self, loser: Id, survivor: Id) -> Result<()> {
        diesel::update(contacts::table.find((self.0.scope.workspace, loser)))
            .set((
                contacts::merged_into_id.eq(survivor),
                contacts::account_id.eq(None::<Id>),
                contacts::owner_id.eq(None::<Id>),
                contacts::version.eq(contacts::version + 1),
                contacts::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.leave(loser, Identities::default())
    }

    /// Leaves identities with a tombstone, by which its survivor is found.
    pub fn leave(&mut self, loser: Id, left: Identities) -> Result<()> {
        let (email, email_key) = parts(left.email);
        let (phone, phone_key) = parts(left.phone);
        let (mobile, mobile_key) = parts(left.mobile);
        diesel::update(contacts::table.find((self.0.scope.workspace, loser)))
            .set((
                contacts::email.eq(email),
                contacts::email_key.eq(email_key),
                contacts::phone.eq(phone),
                contacts::phone_key.eq(phone_key),
                contacts::mobile.eq(mobile),
                contacts::mobile_key.eq(mobile_key),
                contacts::external_id.eq(left.external_id),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Gives a contact, a tombstone no longer, these values.
    pub fn write(&mut self, id: Id, values: Values) -> Result<Contact> {
        let (email, email_key) = parts(values.email);
        let (phone, phone_key) = parts(values.phone);
        let (mobile, mobile_key) = parts(values.mobile);
        let place = contacts::table.find((self.0.scope.workspace, id));
        diesel::update(place)
            .set((
                contacts::search_key.eq(search_key(&values.first_name, &values.last_name, &email_key)),
                contacts::first_name.eq(values.first_name),
                contacts::last_name.eq(values.last_name),
                contacts::email.eq(email),
                contacts::email_key.eq(email_key),
                contacts::phone.eq(phone),
                contacts::phone_key.eq(phone_key),
                contacts::mobile.eq(mobile),
                contacts::mobile_key.eq(mobile_key),
                contacts::external_id.eq(values.external_id),
                contacts::job_title.eq(values.job_title),
                contacts::decision_role.eq(values.decision_role),
                contacts::language.eq(values.language),
                contacts::address.eq(JsonOf(values.address)),
                contacts::account_id.eq(values.account_id),
                contacts::owner_id.eq(values.owner_id),
                contacts::marketing_only.eq(values.marketing_only),
                contacts::consents.eq(JsonOf(values.consents)),
                contacts::first_source.eq(values.first_source),
                contacts::attributes.eq(JsonOf(values.attributes)),
                contacts::merged_into_id.eq(None::<Id>),
                contacts::version.eq(contacts::version + 1),
                contacts::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.0.contacts().get(id)
    }

    /// The contacts that were merged into the loser before `merge`.
    pub fn merged_before(&mut self, merge: Id) -> Result<Vec<Contact>> {
        let moved = merge_moves::table
            .filter(merge_moves::workspace_id.eq(self.0.scope.workspace))
            .filter(merge_moves::merge_id.eq(merge))
            .filter(merge_moves::link.eq("contacts.merged_into_id"))
            .select(merge_moves::record_id);
        let found = contacts::table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::id.eq_any(moved));
        Ok(found.select(Contact::as_select()).load(self.0.conn)?)
    }

    /// The survivor's interactions since `merge` that came by one of these identities: the strongest given counts, as
    /// when an interaction is attributed.
    pub fn interactions_since(&mut self, merge: Id, survivor: Id, by: &KnownBy) -> Result<Vec<Id>> {
        use interactions::{anonymous_id, email_key, external_person_id, phone_key};
        let by_external = external_person_id.eq_any(&by.external_ids);
        let by_email = external_person_id.is_null().and(email_key.eq_any(&by.emails));
        let by_phone = external_person_id.is_null().and(email_key.is_null()).and(phone_key.eq_any(&by.phones));
        let by_nothing_else = external_person_id.is_null().and(email_key.is_null()).and(phone_key.is_null());
        let by_anonymous = by_nothing_else.and(anonymous_id.eq_any(&by.anonymous_ids));
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.eq(survivor))
            .filter(interactions::id.gt(merge))
            .filter(by_external.or(by_email).or(by_phone).or(by_anonymous));
        Ok(found.select(interactions::id).load(self.0.conn)?)
    }

    /// Lets the interactions of a contact that had waited until `merge` wait again.
    pub fn let_wait(&mut self, merge: Id, contact: Id) -> Result<()> {
        let waited = merge_moves::table
            .filter(merge_moves::workspace_id.eq(self.0.scope.workspace))
            .filter(merge_moves::merge_id.eq(merge))
            .filter(merge_moves::link.eq(moves::WAITED))
            .select(merge_moves::record_id);
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.eq(contact))
            .filter(interactions::id.eq_any(waited));
        diesel::update(found).set(interactions::contact_id.eq(None::<Id>)).execute(self.0.conn)?;
        Ok(())
    }

    /// The survivor's leads since `merge` that came by one of these addresses, or through a submission that goes back
    /// to the loser.
    pub fn leads_since(&mut self, merge: Id, survivor: Id, by: &KnownBy) -> Result<Vec<Id>> {
        let noted = merge_moves::table
            .filter(merge_moves::workspace_id.eq(self.0.scope.workspace))
            .filter(merge_moves::merge_id.eq(merge))
            .filter(merge_moves::link.eq("submissions.contact_id"))
            .select(merge_moves::record_id);
        let through = submissions::table
            .filter(submissions::workspace_id.eq(self.0.scope.workspace))
            .filter(submissions::id.eq_any(noted))
            .filter(submissions::lead_id.is_not_null())
            .select(submissions::lead_id.assume_not_null());
        let through: Vec<Id> = through.distinct().load(self.0.conn)?;
        let since = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::contact_id.eq(survivor))
            .filter(leads::id.gt(merge));
        let found: Vec<(Id, Option<String>)> = since.select((leads::id, leads::email_key)).load(self.0.conn)?;
        let is_theirs = |(id, email): &(Id, Option<String>)| {
            through.contains(id) || email.as_ref().is_some_and(|key| by.emails.contains(key))
        };
        Ok(found.into_iter().filter(is_theirs).map(|(id, _)| id).collect())
    }
}

/// An identity as its two columns.
fn parts(identity: Option<Identity>) -> (Option<String>, Option<String>) {
    identity.map(|identity| (identity.typed, identity.key)).unzip()
}

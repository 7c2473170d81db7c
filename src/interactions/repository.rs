//! Interactions in the database.

use diesel::prelude::*;

use super::Interaction;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::Result;
use crate::id::Id;
use crate::schema::interactions::{self, table};
use crate::schema::{contacts, forms, interaction_kinds};

/// Which interactions.
#[derive(Clone, Debug, Default)]
pub struct InteractionFilter {
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub kind: Option<String>,
    /// Only those whose person is known, or only the others.
    pub attributed: Option<bool>,
}

/// The interactions of the workspace.
pub struct Interactions<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The interactions of the workspace.
    pub fn interactions<'t>(&'t mut self) -> Interactions<'c, 't> {
        Interactions(self)
    }
}

impl Interactions<'_, '_> {
    pub fn insert(&mut self, interaction: &Interaction) -> Result<()> {
        diesel::insert_into(table).values(interaction).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Interaction> {
        Ok(table.find((self.0.scope.workspace, id)).select(Interaction::as_select()).first(self.0.conn)?)
    }

    /// The interaction that was told of under this source and id before.
    pub fn repeated(&mut self, source: Option<&str>, external_id: Option<&str>) -> Result<Option<Interaction>> {
        let Some((source, external_id)) = source.zip(external_id) else { return Ok(None) };
        let found = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::source.eq(source))
            .filter(interactions::external_id.eq(external_id))
            .select(Interaction::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, filter: &InteractionFilter, paging: &Paging) -> Result<Vec<Interaction>> {
        let mut query = table.filter(interactions::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(contact) = filter.contact_id {
            query = query.filter(interactions::contact_id.eq(contact));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(interactions::lead_id.eq(lead));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(interactions::kind.eq(kind.clone()));
        }
        match filter.attributed {
            Some(true) => query = query.filter(interactions::contact_id.is_not_null()),
            Some(false) => query = query.filter(interactions::contact_id.is_null()),
            None => {}
        }
        if let Some(after) = paging.after("interactions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interactions")).limit(paging.fetch());
        Ok(page.select(Interaction::as_select()).load(self.0.conn)?)
    }

    /// The contact with a phone, as phone or mobile, if no other has it.
    pub fn only_contact_with_phone(&mut self, key: &str) -> Result<Option<Id>> {
        let all =
            contacts::table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).select(contacts::id).limit(2);
        // One look for each column: of an "or" SQLite would make a look at every contact of the workspace.
        let mut found: Vec<Id> = all.filter(contacts::phone_key.eq(key)).load(self.0.conn)?;
        found.extend(all.filter(contacts::mobile_key.eq(key)).load::<Id>(self.0.conn)?);
        found.sort_unstable();
        found.dedup();
        Ok(match found.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
    }

    /// Gives a contact what waited under an e-mail address and nothing stronger.
    pub fn attribute_email(&mut self, contact: Id, key: &str) -> Result<usize> {
        let waiting = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.is_null())
            .filter(interactions::external_person_id.is_null())
            .filter(interactions::email_key.eq(key));
        Ok(diesel::update(waiting).set(interactions::contact_id.eq(contact)).execute(self.0.conn)?)
    }

    /// Gives a contact what waited under a phone and nothing stronger.
    pub fn attribute_phone(&mut self, contact: Id, key: &str) -> Result<usize> {
        let waiting = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.is_null())
            .filter(interactions::external_person_id.is_null())
            .filter(interactions::email_key.is_null())
            .filter(interactions::phone_key.eq(key));
        Ok(diesel::update(waiting).set(interactions::contact_id.eq(contact)).execute(self.0.conn)?)
    }

    /// Gives a contact what waited under an id in another system.
    pub fn attribute_external(&mut self, contact: Id, external_id: &str) -> Result<usize> {
        let waiting = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.is_null())
            .filter(interactions::external_person_id.eq(external_id));
        Ok(diesel::update(waiting).set(interactions::contact_id.eq(contact)).execute(self.0.conn)?)
    }

    /// Gives a contact what waited under an anonymous id and nothing stronger.
    pub fn attribute_anonymous(&mut self, contact: Id, anonymous_id: &str) -> Result<usize> {
        let waiting = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.is_null())
            .filter(interactions::external_person_id.is_null())
            .filter(interactions::email_key.is_null())
            .filter(interactions::phone_key.is_null())
            .filter(interactions::anonymous_id.eq(anonymous_id));
        Ok(diesel::update(waiting).set(interactions::contact_id.eq(contact)).execute(self.0.conn)?)
    }

    /// Whether the workspace has a form, deleted or not.
    pub fn has_form(&mut self, id: Id) -> Result<bool> {
        let found = forms::table.find((self.0.scope.workspace, id)).select(forms::id);
        Ok(found.first::<Id>(self.0.conn).optional()?.is_some())
    }

    /// Whether the workspace has a kind of its own.
    pub fn has_kind(&mut self, key: &str) -> Result<bool> {
        let found = interaction_kinds::table.find((self.0.scope.workspace, key)).select(interaction_kinds::key);
        Ok(found.first::<String>(self.0.conn).optional()?.is_some())
    }

    /// The workspace's own kinds: key, name, and when each was added.
    pub fn kinds(&mut self) -> Result<Vec<(String, String, Timestamp)>> {
        let own = interaction_kinds::table.filter(interaction_kinds::workspace_id.eq(self.0.scope.workspace));
        let columns = (interaction_kinds::key, interaction_kinds::name, interaction_kinds::created_at);
        Ok(own.order(interaction_kinds::key).select(columns).load(self.0.conn)?)
    }

    pub fn add_kind(&mut self, key: &str, name: &str) -> Result<()> {
        diesel::insert_into(interaction_kinds::table)
            .values((
                interaction_kinds::workspace_id.eq(self.0.scope.workspace),
                interaction_kinds::key.eq(key),
                interaction_kinds::name.eq(name),
                interaction_kinds::created_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

//! Interactions in the database.

use diesel::prelude::*;

use super::Interaction;
use super::kind::OwnKind;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::schema::interactions::{self, BoxedQuery, table};
use crate::schema::{contacts, interaction_kinds};
use crate::scoring::Evidence;

/// Contacts with one phone that are looked at: two that are not one tell nobody.
const HOLDERS_MAX: i64 = 50;

/// Which interactions.
#[derive(Clone, Debug, Default)]
pub struct InteractionFilter {
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub kind: Option<String>,
    /// Only those whose person is known, or only the others.
    pub attributed: Option<bool>,
    pub source: Option<String>,
    pub evidence: Option<Evidence>,
    /// Only those that were voided, or only the others.
    pub voided: Option<bool>,
    pub void_id: Option<Id>,
    pub occurred_from: Option<Timestamp>,
    /// An instant after the last.
    pub occurred_until: Option<Timestamp>,
    pub form_id: Option<Id>,
    pub campaign: Option<String>,
    pub asset: Option<String>,
    pub sender_id: Option<Id>,
    pub cause: Option<String>,
    /// Only those that answer this message.
    pub in_reply_to_id: Option<Id>,
}

/// The interactions of the workspace.
pub struct Interactions<'c, 't>(pub(super) &'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The interactions of the workspace.
    pub fn interactions<'t>(&'t mut self) -> Interactions<'c, 't> {
        Interactions(self)
    }
}

impl Interactions<'_, '_> {
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

    pub fn find(&mut self, id: Id) -> Result<Option<Interaction>> {
        let found = table.find((self.0.scope.workspace, id)).select(Interaction::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, filter: &InteractionFilter, paging: &Paging) -> Result<Vec<Interaction>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("interactions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interactions")).limit(paging.fetch());
        Ok(page.select(Interaction::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &InteractionFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, filter: &InteractionFilter) -> BoxedQuery<'static, MultiBackend> {
        let filter = filter.clone();
        let mut query = table.filter(interactions::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        macro_rules! equal {
            ($($field:ident: $column:ident),*) => {
                $(if let Some(value) = filter.$field {
                    query = query.filter(interactions::$column.eq(value));
                })*
            };
        }
        equal!(contact_id: contact_id, lead_id: lead_id, kind: kind, source: source, form_id: form_id);
        equal!(campaign: campaign, asset: asset, sender_id: sender_id, cause: cause);
        equal!(void_id: void_id, in_reply_to_id: reply_to_id);
        if let Some(evidence) = filter.evidence {
            query = query.filter(interactions::evidence.eq(Code(evidence)));
        }
        if let Some(from) = filter.occurred_from {
            query = query.filter(interactions::occurred_at.ge(from));
        }
        if let Some(until) = filter.occurred_until {
            query = query.filter(interactions::occurred_at.lt(until));
        }
        match filter.attributed {
            Some(true) => query = query.filter(interactions::contact_id.is_not_null()),
            Some(false) => query = query.filter(interactions::contact_id.is_null()),
            None => {}
        }
        match filter.voided {
            Some(true) => query = query.filter(interactions::voided_at.is_not_null()),
            Some(false) => query = query.filter(interactions::voided_at.is_null()),
            None => {}
        }
        query
    }

    /// The contact with a phone, as phone or mobile, be it one of a contact that was merged into it, if no other has
    /// it.
    pub fn only_contact_with_phone(&mut self, key: &str) -> Result<Option<Id>> {
        // One look for each column, in the order of its index: of anything else SQLite would make a look at every contact
        // of the workspace.
        let latest = contacts::table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .order((contacts::updated_at.desc(), contacts::id))
            .select((contacts::id, contacts::merged_into_id))
            .limit(HOLDERS_MAX);
        let mut holders: Vec<(Id, Option<Id>)> = latest.filter(contacts::phone_key.eq(key)).load(self.0.conn)?;
        holders.extend(latest.filter(contacts::mobile_key.eq(key)).load::<(Id, Option<Id>)>(self.0.conn)?);
        let mut found: Vec<Id> = holders.into_iter().map(|(id, merged_into)| merged_into.unwrap_or(id)).collect();
        found.sort_unstable();
        found.dedup();
        Ok(match found.as_slice() {
            [only] => Some(*only),
            _ => None,
        })
    }

    /// The first thing of this kind that a contact did with a form.
    pub fn first_with_form(&mut self, contact: Id, kind: &str, form: Id) -> Result<Option<Interaction>> {
        let found = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.eq(contact))
            .filter(interactions::kind.eq(kind))
            .filter(interactions::form_id.eq(form))
            .order((interactions::occurred_at, interactions::id));
        Ok(found.select(Interaction::as_select()).first(self.0.conn).optional()?)
    }

    /// Sets who did it, and about which lead.
    pub fn credit(&mut self, id: Id, contact: Id, lead: Option<Id>) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set((interactions::contact_id.eq(contact), interactions::lead_id.eq(lead)))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Whether the workspace has a kind of its own.
    pub fn has_kind(&mut self, key: &str) -> Result<bool> {
        let found = interaction_kinds::table.find((self.0.scope.workspace, key)).select(interaction_kinds::key);
        Ok(found.first::<String>(self.0.conn).optional()?.is_some())
    }

    /// The workspace's own kinds.
    pub fn kinds(&mut self) -> Result<Vec<OwnKind>> {
        let own = interaction_kinds::table.filter(interaction_kinds::workspace_id.eq(self.0.scope.workspace));
        Ok(own.order(interaction_kinds::key).select(OwnKind::as_select()).load(self.0.conn)?)
    }

    /// A kind of the workspace's own.
    pub fn kind(&mut self, key: &str) -> Result<OwnKind> {
        let found = interaction_kinds::table.find((self.0.scope.workspace, key));
        Ok(found.select(OwnKind::as_select()).first(self.0.conn)?)
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

    /// Renames a kind and raises its version.
    pub fn rename_kind(&mut self, key: &str, name: &str) -> Result<()> {
        diesel::update(interaction_kinds::table.find((self.0.scope.workspace, key)))
            .set((interaction_kinds::name.eq(name), interaction_kinds::version.eq(interaction_kinds::version + 1)))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete_kind(&mut self, key: &str) -> Result<()> {
        diesel::delete(interaction_kinds::table.find((self.0.scope.workspace, key))).execute(self.0.conn)?;
        Ok(())
    }

    /// Whether anything of a kind was recorded.
    pub fn any_of_kind(&mut self, key: &str) -> Result<bool> {
        let found = table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::kind.eq(key))
            .select(interactions::id);
        Ok(found.first::<Id>(self.0.conn).optional()?.is_some())
    }
}

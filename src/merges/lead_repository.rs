//! Leads that become one or two, in the database.

use diesel::prelude::*;

use crate::contacts::identity;
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::leads::merge::Values;
use crate::leads::{Lead, Open, Status, search_key};
use crate::schema::{interactions, leads};

/// Why a tombstone is closed, for whoever looks into the table.
const MERGED: &str = "merged";

/// The leads of the workspace as merges write them.
pub struct MergedLeads<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The leads of the workspace as merges write them.
    pub(super) fn merged_leads<'t>(&'t mut self) -> MergedLeads<'c, 't> {
        MergedLeads(self)
    }
}

impl MergedLeads<'_, '_> {
    /// Those of the leads that there are, merged or not, by id.
    pub fn look(&mut self, ids: [Id; 2]) -> Result<Vec<Lead>> {
        let found = leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(leads::id.eq_any(ids));
        Ok(found.order(leads::id).select(Lead::as_select()).load(self.0.conn)?)
    }

    /// The same; no other transaction changes them until this one ends.
    pub fn lock(&mut self, ids: [Id; 2]) -> Result<Vec<Lead>> {
        let found = leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(leads::id.eq_any(ids));
        let found = found.order(leads::id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Lead::as_select()).for_no_key_update().load(conn)?,
            Conn::Sqlite(conn) => found.select(Lead::as_select()).load(conn)?,
        })
    }

    /// Makes the loser a closed tombstone that names the survivor. It keeps what it is matched by, and lets go of what
    /// would keep others from being deleted.
    pub fn bury(&mut self, loser: Id, survivor: Id) -> Result<()> {
        diesel::update(leads::table.find((self.0.scope.workspace, loser)))
            .set((
                leads::merged_into_id.eq(survivor),
                leads::status.eq(Code(Status::Disqualified)),
                leads::status_reason.eq(MERGED),
                leads::origin_key.eq(None::<String>),
                leads::account_id.eq(None::<Id>),
                leads::owner_id.eq(None::<Id>),
                leads::referrer_contact_id.eq(None::<Id>),
                leads::version.eq(leads::version + 1),
                leads::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Gives a lead these values. A phone without its country is one of `country`.
    pub fn write(&mut self, id: Id, values: Values, country: Option<&str>) -> Result<()> {
        let email = values.captured.email.as_deref().and_then(|typed| identity::email(typed).ok());
        let phone = values.captured.phone.as_deref().and_then(|typed| identity::phone(typed, country).ok());
        diesel::update(leads::table.find((self.0.scope.workspace, id)))
            .set((
                leads::search_key.eq(search_key(&values.captured, values.topic.as_deref())),
                leads::topic.eq(values.topic),
                leads::contact_id.eq(values.contact_id),
                leads::account_id.eq(values.account_id),
                leads::captured.eq(JsonOf(values.captured)),
                leads::email_key.eq(email.map(|email| email.key)),
                leads::phone_key.eq(phone.map(|phone| phone.e164)),
                leads::form_id.eq(values.form_id),
                leads::campaign.eq(values.campaign),
                leads::product_line.eq(values.product_line),
                leads::source.eq(values.source),
                leads::source_detail.eq(values.source_detail),
                leads::channel_class.eq(Code(values.channel_class)),
                leads::utm.eq(JsonOf(values.utm)),
                leads::referrer_contact_id.eq(values.referrer_contact_id),
                leads::owner_id.eq(values.owner_id),
                leads::flags.eq(JsonOf(values.flags)),
                leads::origin_key.eq(values.origin_key),
                leads::attributes.eq(JsonOf(values.attributes)),
                leads::version.eq(leads::version + 1),
                leads::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Whether an open lead has this origin.
    pub fn is_origin_taken(&mut self, origin_key: &str) -> Result<bool> {
        let found = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::origin_key.eq(origin_key))
            .filter(leads::status.eq(Open))
            .select(leads::id);
        Ok(found.first::<Id>(self.0.conn).optional()?.is_some())
    }

    /// Makes a tombstone an open lead again.
    pub fn raise(&mut self, loser: Id) -> Result<()> {
        diesel::update(leads::table.find((self.0.scope.workspace, loser)))
            .set((
                leads::merged_into_id.eq(None::<Id>),
                leads::status.eq(Code(Status::Open)),
                leads::status_reason.eq(None::<String>),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// The survivor's interactions since `merge` that came through `form`.
    pub fn interactions_since(&mut self, merge: Id, survivor: Id, form: Id) -> Result<Vec<Id>> {
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::lead_id.eq(survivor))
            .filter(interactions::id.gt(merge))
            .filter(interactions::form_id.eq(form));
        Ok(found.select(interactions::id).load(self.0.conn)?)
    }
}

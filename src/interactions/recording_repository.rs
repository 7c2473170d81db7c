//! Interactions as they are recorded, in the database: all of a batch in one statement on PostgreSQL, row by row with one
//! prepared statement on SQLite, and what a batch names looked up together.

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::Interaction;
use super::repository::Interactions;
use crate::db::Conn;
use crate::db::prepared::Prepared;
use crate::db::types::{Instant, Json, Uuid};
use crate::error::Result;
use crate::id::Id;
use crate::schema::interactions::{self, table};
use crate::schema::{forms, interaction_kinds};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

impl Interactions<'_, '_> {
    /// Adds interactions.
    pub fn insert(&mut self, batch: &[Interaction]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if batch.is_empty() => {}
            Conn::Postgres(conn) => {
                inserted(batch).execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for interaction in batch {
                    diesel::insert_into(table).values(interaction).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    /// The interactions that were told of before under any of these sources and ids, and those that answer one of them
    /// which was not known when they were recorded.
    pub fn around(&mut self, messages: &[(&str, &str)]) -> Result<Vec<Interaction>> {
        let mut found = Vec::new();
        for (source, ids) in by_source(messages) {
            for some in ids.chunks(AT_ONCE) {
                let told = interactions::source.eq(source).and(interactions::external_id.eq_any(some));
                let waits = interactions::reply_to_source
                    .eq(source)
                    .and(interactions::reply_to_external_id.eq_any(some))
                    .and(interactions::reply_to_id.is_null());
                let around = table
                    .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                    .filter(told.or(waits))
                    .select(Interaction::as_select());
                found.extend(around.load(self.0.conn)?);
            }
        }
        Ok(found)
    }

    /// Which of these forms the workspace has, deleted or not.
    pub fn forms_among(&mut self, ids: &[Id]) -> Result<Vec<Id>> {
        let found = forms::table
            .filter(forms::workspace_id.eq(self.0.scope.workspace))
            .filter(forms::id.eq_any(ids))
            .select(forms::id);
        Ok(found.load(self.0.conn)?)
    }

    /// Which of these kinds are the workspace's own.
    pub fn kinds_among(&mut self, keys: &[&str]) -> Result<Vec<String>> {
        let found = interaction_kinds::table
            .filter(interaction_kinds::workspace_id.eq(self.0.scope.workspace))
            .filter(interaction_kinds::key.eq_any(keys))
            .select(interaction_kinds::key);
        Ok(found.load(self.0.conn)?)
    }
}

/// The ids of messages by the source that tells of them, so that an index finds them.
fn by_source<'m>(messages: &[(&'m str, &'m str)]) -> BTreeMap<&'m str, Vec<&'m str>> {
    let mut by_source: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (source, external_id) in messages {
        by_source.entry(source).or_default().push(external_id);
    }
    by_source
}

fn inserted(batch: &[Interaction]) -> Prepared<'_, Pg> {
    let sql = "INSERT INTO interactions (workspace_id, id, kind, occurred_at, recorded_at, contact_id, lead_id, email_key, \
        phone_key, external_person_id, anonymous_id, asset, campaign, form_id, properties, source, external_id, sender_id, \
        cause, evidence, remote_address, network_key, reply_to_id, reply_to_source, reply_to_external_id) \
        SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    Prepared::new(sql)
        .column::<Uuid, _>(batch.iter().map(|it| &it.workspace_id))
        .column::<Uuid, _>(batch.iter().map(|it| &it.id))
        .column::<Text, _>(batch.iter().map(|it| &it.kind))
        .column::<Instant, _>(batch.iter().map(|it| &it.occurred_at))
        .column::<Instant, _>(batch.iter().map(|it| &it.recorded_at))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.contact_id))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.lead_id))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.email_key))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.phone_key))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.external_person_id))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.anonymous_id))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.asset))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.campaign))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.form_id))
        .column::<Json, _>(batch.iter().map(|it| &it.properties))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.source))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.external_id))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.sender_id))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.cause))
        .column::<Text, _>(batch.iter().map(|it| &it.evidence))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.remote_address))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.network_key))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.reply_to_id))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.reply_to_source))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.reply_to_external_id))
}

//! Forms and submissions in the database.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::fulfil::Done;
use super::payload::Payload;
use super::submission::{Status, Submission};
use super::{Form, FormStatus};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::prepared::Prepared;
use crate::db::types::{Code, Instant, Json, JsonOf, Uuid};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::forms::definition::Definition;
use crate::id::Id;
use crate::leads::Open;
use crate::schema::{forms, leads, submissions};

/// Which forms.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormFilter {
    /// Only forms in this state; all but deleted ones when left out.
    pub status: Option<FormStatus>,
}

/// Which submissions.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubmissionFilter {
    pub form_id: Option<Id>,
    pub status: Option<Status>,
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    /// Only those that arrived then or later.
    pub received_from: Option<Timestamp>,
    /// Only those that arrived before.
    pub received_until: Option<Timestamp>,
}

/// The forms of the workspace.
pub struct Forms<'c, 't>(&'t mut Tx<'c>);
/// The submissions of the workspace.
pub struct Submissions<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The forms of the workspace.
    pub fn forms<'t>(&'t mut self) -> Forms<'c, 't> {
        Forms(self)
    }

    /// The submissions of the workspace.
    pub fn submissions<'t>(&'t mut self) -> Submissions<'c, 't> {
        Submissions(self)
    }
}

impl Forms<'_, '_> {
    pub fn insert(&mut self, form: &Form) -> Result<()> {
        diesel::insert_into(forms::table).values(form).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Form> {
        Ok(forms::table.find((self.0.scope.workspace, id)).select(Form::as_select()).first(self.0.conn)?)
    }

    /// The form, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Form> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => forms::table.find(key).select(Form::as_select()).for_update().first(conn)?,
            Conn::Sqlite(conn) => forms::table.find(key).select(Form::as_select()).first(conn)?,
        })
    }

    /// What tells one state of the form with a public key from every other: its id, its version, and since when.
    pub fn stand_of(&mut self, key: &str) -> Result<Option<(Id, i64, Timestamp)>> {
        let found = forms::table.filter(forms::key.eq(key)).select((forms::id, forms::version, forms::updated_at));
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The form with a public key, of whatever workspace.
    pub fn with_public_key(&mut self, key: &str) -> Result<Option<Form>> {
        Ok(forms::table.filter(forms::key.eq(key)).select(Form::as_select()).first(self.0.conn).optional()?)
    }

    /// Every form but deleted ones, the latest first.
    pub fn present(&mut self) -> Result<Vec<Form>> {
        let query = self.filtered(FormFilter::default()).order(forms::id.desc());
        Ok(query.select(Form::as_select()).load(self.0.conn)?)
    }

    pub fn list(&mut self, filter: FormFilter, paging: &Paging) -> Result<Vec<Form>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("forms") {
            query = query.filter(after);
        }
        Ok(query.order(paging.order("forms")).limit(paging.fetch()).select(Form::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: FormFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    /// Sets definition and state, and raises the version.
    pub fn update(&mut self, id: Id, definition: &Definition, status: FormStatus) -> Result<Form> {
        diesel::update(forms::table.find((self.0.scope.workspace, id)))
            .set((
                forms::name.eq(&definition.name),
                forms::definition.eq(JsonOf(definition.clone())),
                forms::status.eq(Code(status)),
                forms::version.eq(forms::version + 1),
                forms::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get(id)
    }

    fn filtered(&self, filter: FormFilter) -> forms::BoxedQuery<'static, MultiBackend> {
        let query = forms::table.filter(forms::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        match filter.status {
            Some(status) => query.filter(forms::status.eq(Code(status))),
            None => query.filter(forms::status.ne(Code(FormStatus::Deleted))),
        }
    }
}

impl Submissions<'_, '_> {
    pub fn insert(&mut self, batch: &[&Submission]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if batch.is_empty() => {}
            Conn::Postgres(conn) => {
                inserted(batch).execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for submission in batch {
                    diesel::insert_into(submissions::table).values(*submission).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Submission> {
        let found = submissions::table.find((self.0.scope.workspace, id)).select(Submission::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The submission, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Submission> {
        let found = submissions::table.find((self.0.scope.workspace, id));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Submission::as_select()).for_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(Submission::as_select()).first(conn)?,
        })
    }

    /// Sets what came of a submission, and what it says now; raises its version.
    pub fn settle(&mut self, id: Id, form_version: i64, payload: &Payload, done: &Done) -> Result<Submission> {
        diesel::update(submissions::table.find((self.0.scope.workspace, id)))
            .set((
                submissions::form_version.eq(form_version),
                submissions::payload.eq(JsonOf(payload.clone())),
                submissions::status.eq(Code(done.status)),
                submissions::reason.eq(&done.reason),
                submissions::outcome.eq(JsonOf(done.outcome.clone())),
                submissions::contact_id.eq(done.contact_id),
                submissions::lead_id.eq(done.lead_id),
                submissions::interaction_id.eq(done.interaction_id),
                submissions::version.eq(submissions::version + 1),
                submissions::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get(id)
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Submission>> {
        let found = submissions::table.find((self.0.scope.workspace, id)).select(Submission::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The submission to which the page gave this id, with its fingerprint.
    pub fn with_client_key(&mut self, form: Id, client_key: &str) -> Result<Option<(Id, String)>> {
        let found = submissions::table
            .filter(submissions::workspace_id.eq(self.0.scope.workspace))
            .filter(submissions::form_id.eq(form))
            .filter(submissions::client_key.eq(client_key))
            .select((submissions::id, submissions::fingerprint));
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The submission that came with this token of the form, with its fingerprint.
    pub fn with_form_token(&mut self, form: Id, token: Id) -> Result<Option<(Id, String)>> {
        let found = submissions::table
            .filter(submissions::workspace_id.eq(self.0.scope.workspace))
            .filter(submissions::form_id.eq(form))
            .filter(submissions::form_token.eq(token))
            .select((submissions::id, submissions::fingerprint));
        Ok(found.first(self.0.conn).optional()?)
    }

    /// Keeps what was sent first, before it is corrected for the first time.
    pub fn keep_original(&mut self, id: Id, sent: &Payload) -> Result<()> {
        diesel::update(submissions::table.find((self.0.scope.workspace, id)))
            .filter(submissions::original_payload.is_null())
            .set(submissions::original_payload.eq(Some(JsonOf(sent.clone()))))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// The first submission that said the same to the form since some instant, for each of those asked for, by its place
    /// among them; nothing for one that is new.
    pub fn saying_the_same(&mut self, asked: &[(Id, String, Timestamp)]) -> Result<Vec<(usize, Id)>> {
        let workspace = self.0.scope.workspace;
        let mut found = Vec::new();
        match &mut *self.0.conn {
            Conn::Postgres(_) if asked.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "SELECT asked.place - 1, first.id FROM unnest(?, ?, ?) \
                    WITH ORDINALITY AS asked (form_id, fingerprint, since, place) JOIN LATERAL (\
                        SELECT s.id FROM submissions s WHERE s.workspace_id = ? AND s.form_id = asked.form_id \
                        AND s.fingerprint = asked.fingerprint AND s.received_at > asked.since \
                        ORDER BY s.received_at LIMIT 1) first ON true";
                let first = Prepared::<Pg>::new(sql)
                    .column::<Uuid, _>(asked.iter().map(|(form, ..)| form))
                    .column::<Text, _>(asked.iter().map(|(_, fingerprint, _)| fingerprint))
                    .column::<Instant, _>(asked.iter().map(|(.., since)| since))
                    .bind::<Uuid, _>(workspace);
                let first = first.rows::<(BigInt, Uuid)>().load::<(i64, Id)>(conn)?;
                found.extend(first.into_iter().filter_map(|(place, id)| Some((usize::try_from(place).ok()?, id))));
            }
            Conn::Sqlite(conn) => {
                for (place, (form, fingerprint, since)) in asked.iter().enumerate() {
                    let same = submissions::table
                        .filter(submissions::workspace_id.eq(workspace))
                        .filter(submissions::form_id.eq(form))
                        .filter(submissions::fingerprint.eq(fingerprint))
                        .filter(submissions::received_at.gt(since))
                        .order(submissions::received_at)
                        .select(submissions::id);
                    found.extend(same.first(conn).optional()?.map(|id| (place, id)));
                }
            }
        }
        Ok(found)
    }

    /// Takes this origin from the open lead that has it, if one does.
    pub fn release_origin(&mut self, origin_key: &str) -> Result<()> {
        let held = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::origin_key.eq(origin_key))
            .filter(leads::status.eq(Open));
        diesel::update(held).set(leads::origin_key.eq(None::<String>)).execute(self.0.conn)?;
        Ok(())
    }

    pub fn list(&mut self, filter: SubmissionFilter, paging: &Paging) -> Result<Vec<Submission>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("submissions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("submissions")).limit(paging.fetch());
        Ok(page.select(Submission::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: SubmissionFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, filter: SubmissionFilter) -> submissions::BoxedQuery<'static, MultiBackend> {
        let mut query = submissions::table.filter(submissions::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(form) = filter.form_id {
            query = query.filter(submissions::form_id.eq(form));
        }
        if let Some(status) = filter.status {
            query = query.filter(submissions::status.eq(Code(status)));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(submissions::contact_id.eq(contact));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(submissions::lead_id.eq(lead));
        }
        if let Some(from) = filter.received_from {
            query = query.filter(submissions::received_at.ge(from));
        }
        if let Some(until) = filter.received_until {
            query = query.filter(submissions::received_at.lt(until));
        }
        query
    }
}

fn inserted<'a>(batch: &'a [&Submission]) -> Prepared<'a, Pg> {
    let sql = "INSERT INTO submissions (workspace_id, id, form_id, form_version, received_at, payload, original_payload, \
        fingerprint, client_key, form_token, remote_address, user_agent, status, reason, outcome, contact_id, lead_id, \
        interaction_id, version, updated_at) \
        SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    Prepared::new(sql)
        .column::<Uuid, _>(batch.iter().map(|it| &it.workspace_id))
        .column::<Uuid, _>(batch.iter().map(|it| &it.id))
        .column::<Uuid, _>(batch.iter().map(|it| &it.form_id))
        .column::<BigInt, _>(batch.iter().map(|it| &it.form_version))
        .column::<Instant, _>(batch.iter().map(|it| &it.received_at))
        .column::<Json, _>(batch.iter().map(|it| &it.payload))
        .column::<Nullable<Json>, _>(batch.iter().map(|it| &it.original_payload))
        .column::<Text, _>(batch.iter().map(|it| &it.fingerprint))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.client_key))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.form_token))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.remote_address))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.user_agent))
        .column::<Text, _>(batch.iter().map(|it| &it.status))
        .column::<Nullable<Text>, _>(batch.iter().map(|it| &it.reason))
        .column::<Json, _>(batch.iter().map(|it| &it.outcome))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.contact_id))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.lead_id))
        .column::<Nullable<Uuid>, _>(batch.iter().map(|it| &it.interaction_id))
        .column::<BigInt, _>(batch.iter().map(|it| &it.version))
        .column::<Instant, _>(batch.iter().map(|it| &it.updated_at))
}

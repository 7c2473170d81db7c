//! What scores depend on, in the database: leads with what belongs to them and what was done, many at a time.

use diesel::prelude::*;
use serde_json::Value;

use super::{Evidence, Occurrence, Target};
use crate::accounts::Account;
use crate::clock::Timestamp;
use crate::contacts::{Consents, Contact};
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::leads::{Lead, Status};
use crate::schema::{accounts, contacts, interactions, leads};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// What the scores of the workspace's leads depend on.
pub struct Scorables<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// What the scores of the workspace's leads depend on.
    pub fn scorables<'t>(&'t mut self) -> Scorables<'c, 't> {
        Scorables(self)
    }
}

/// Which interactions are asked for: those of some kinds that were not voided, or were just now.
pub struct Asked<'k> {
    pub kinds: Vec<&'k str>,
    pub just_voided: Vec<Id>,
}

/// An interaction as scoring reads it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = interactions)]
struct Done {
    id: Id,
    kind: String,
    occurred_at: Timestamp,
    contact_id: Option<Id>,
    lead_id: Option<Id>,
    asset: Option<String>,
    campaign: Option<String>,
    form_id: Option<Id>,
    properties: JsonOf<Value>,
    evidence: Code<Evidence>,
    voided_at: Option<Timestamp>,
}

impl From<Done> for Occurrence {
    fn from(done: Done) -> Self {
        Self {
            id: done.id,
            kind: done.kind,
            occurred_at: done.occurred_at,
            lead_id: done.lead_id,
            asset: done.asset,
            campaign: done.campaign,
            form_id: done.form_id,
            properties: done.properties.0,
            evidence: done.evidence.0,
            voided: done.voided_at.is_some(),
        }
    }
}

impl Scorables<'_, '_> {
    /// The leads, which no other transaction scores or changes until this one ends.
    pub fn lock_leads(&mut self, ids: &[Id]) -> Result<Vec<Lead>> {
        let workspace = self.0.scope.workspace;
        let found =
            leads::table.filter(leads::workspace_id.eq(workspace)).filter(leads::id.eq_any(ids)).order(leads::id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(Lead::as_select()).for_no_key_update().load(conn)?,
            Conn::Sqlite(conn) => found.select(Lead::as_select()).load(conn)?,
        })
    }

    pub fn contacts(&mut self, ids: &[Id]) -> Result<Vec<Contact>> {
        let found =
            contacts::table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::id.eq_any(ids));
        Ok(found.select(Contact::as_select()).load(self.0.conn)?)
    }

    pub fn accounts(&mut self, ids: &[Id]) -> Result<Vec<Account>> {
        let found =
            accounts::table.filter(accounts::workspace_id.eq(self.0.scope.workspace)).filter(accounts::id.eq_any(ids));
        Ok(found.select(Account::as_select()).load(self.0.conn)?)
    }

    /// The account of each contact. Fails when one was merged since it was looked at, so that the transaction is tried
    /// again.
    pub fn accounts_of(&mut self, people: &[Id]) -> Result<Vec<(Id, Option<Id>)>> {
        let mut found = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let rows = contacts::table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::id.eq_any(some))
                .select((contacts::id, contacts::account_id, contacts::merged_into_id));
            for (id, account, merged_into) in rows.load::<(Id, Option<Id>, Option<Id>)>(self.0.conn)? {
                if merged_into.is_some() {
                    return Err(Error::Contention("a contact was merged".into()));
                }
                found.push((id, account));
            }
        }
        Ok(found)
    }

    /// The contacts of an account, and what they consented to.
    pub fn people_of(&mut self, account: Id) -> Result<Vec<(Id, JsonOf<Consents>)>> {
        let found = contacts::table
            .filter(contacts::workspace_id.eq(self.0.scope.workspace))
            .filter(contacts::account_id.eq(account))
            .select((contacts::id, contacts::consents));
        Ok(found.load(self.0.conn)?)
    }

    /// What the contacts did of these kinds, each with the contact.
    pub fn done_by(&mut self, people: &[Id], asked: &Asked<'_>) -> Result<Vec<(Id, Occurrence)>> {
        let mut done = Vec::new();
        for (people, kinds) in
            people.chunks(AT_ONCE).flat_map(|people| asked.kinds.chunks(AT_ONCE).map(move |kinds| (people, kinds)))
        {
            let found = interactions::table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::contact_id.eq_any(people))
                .filter(interactions::kind.eq_any(kinds))
                .filter(interactions::voided_at.is_null().or(interactions::id.eq_any(&asked.just_voided)))
                .select(Done::as_select());
            let rows = found.load::<Done>(self.0.conn)?;
            done.extend(rows.into_iter().filter_map(|row| Some((row.contact_id?, row.into()))));
        }
        Ok(done)
    }

    /// What was done of these kinds about a lead, by people nobody named.
    pub fn done_by_nobody(&mut self, lead: Id, asked: &Asked<'_>) -> Result<Vec<Occurrence>> {
        let mut done = Vec::new();
        for kinds in asked.kinds.chunks(AT_ONCE) {
            let found = interactions::table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::lead_id.eq(lead))
                .filter(interactions::contact_id.is_null())
                .filter(interactions::kind.eq_any(kinds))
                .filter(interactions::voided_at.is_null().or(interactions::id.eq_any(&asked.just_voided)))
                .select(Done::as_select());
            done.extend(found.load::<Done>(self.0.conn)?.into_iter().map(Occurrence::from));
        }
        Ok(done)
    }

    /// The open leads that an account has itself: those without a contact.
    pub fn open_of_account(&mut self, account: Id) -> Result<Vec<Id>> {
        let found = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::account_id.eq(account))
            .filter(leads::contact_id.is_null())
            .filter(leads::status.eq(Code(Status::Open)));
        Ok(found.select(leads::id).load(self.0.conn)?)
    }

    /// Open leads that name an account, or whose contact belongs to it.
    pub fn open_around_account(&mut self, account: Id) -> Result<Vec<Id>> {
        let workspace = self.0.scope.workspace;
        let people = contacts::table
            .filter(contacts::workspace_id.eq(workspace))
            .filter(contacts::account_id.eq(account))
            .select(contacts::id.nullable());
        let around =
            leads::account_id.eq(account).assume_not_null().or(leads::contact_id.eq_any(people).assume_not_null());
        let found = leads::table
            .filter(leads::workspace_id.eq(workspace))
            .filter(leads::status.eq(Code(Status::Open)))
            .filter(around)
            .select(leads::id);
        Ok(found.load(self.0.conn)?)
    }

    /// All open leads that a model with this target may score.
    pub fn open_leads(&mut self, target: Target) -> Result<Vec<Id>> {
        let open = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::status.eq(Code(Status::Open)));
        Ok(match target {
            Target::Contact => open.filter(leads::contact_id.is_not_null()).select(leads::id).load(self.0.conn)?,
            Target::Account => {
                let found = open.filter(leads::contact_id.is_null()).filter(leads::account_id.is_not_null());
                found.select(leads::id).load(self.0.conn)?
            }
        })
    }
}

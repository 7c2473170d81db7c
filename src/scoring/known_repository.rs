//! What scores depend on, in the database: leads with what belongs to them and what was done, many at a time.

use diesel::prelude::*;
use serde_json::Value;

use super::{Evidence, Occurrence};
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

/// A contact, the account they belong to, and what they consented to.
pub type Belonging = (Id, Option<Id>, JsonOf<Consents>);

/// A contact, the account they belong to, and one of their open leads.
pub type Holding = (Id, Option<Id>, Option<Id>);

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
pub struct Done {
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

impl Done {
    /// Who did it.
    pub fn contact_id(&self) -> Option<Id> {
        self.contact_id
    }
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
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found =
            contacts::table.filter(contacts::workspace_id.eq(self.0.scope.workspace)).filter(contacts::id.eq_any(ids));
        Ok(found.select(Contact::as_select()).load(self.0.conn)?)
    }

    pub fn accounts(&mut self, ids: &[Id]) -> Result<Vec<Account>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
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

    /// The interactions with these ids, of the kinds that are looked at.
    pub fn done(&mut self, ids: &[Id]) -> Result<Vec<Done>> {
        let mut done = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let found = interactions::table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::id.eq_any(some))
                .select(Done::as_select());
            done.extend(found.load::<Done>(self.0.conn)?);
        }
        Ok(done)
    }

    /// The open leads that accounts have themselves, of those that the interactions name although somebody did them.
    pub fn account_leads_named(&mut self, ids: &[Id]) -> Result<Vec<Id>> {
        let workspace = self.0.scope.workspace;
        let mut named = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let found = interactions::table
                .inner_join(
                    leads::table.on(leads::workspace_id
                        .eq(interactions::workspace_id)
                        .and(leads::id.nullable().eq(interactions::lead_id))),
                )
                .filter(interactions::workspace_id.eq(workspace))
                .filter(interactions::id.eq_any(some))
                .filter(interactions::contact_id.is_not_null())
                .filter(leads::contact_id.is_null())
                .filter(leads::status.eq(Code(Status::Open)))
                .select(leads::id);
            named.extend(found.load::<Id>(self.0.conn)?);
        }
        named.sort_unstable();
        named.dedup();
        Ok(named)
    }

    /// Which of the contacts belong to which account, and what they consented to.
    pub fn belonging(&mut self, people: &[Id]) -> Result<Vec<Belonging>> {
        let mut found = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let rows = contacts::table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::id.eq_any(some))
                .select((contacts::id, contacts::account_id, contacts::consents));
            found.extend(rows.load::<Belonging>(self.0.conn)?);
        }
        Ok(found)
    }

    /// The contacts, each with its account and its open leads, a row for each; one row for a contact that has none.
    /// Fails when a contact was merged since it was looked at, so that the transaction is tried again.
    pub fn open_of_contacts(&mut self, people: &[Id]) -> Result<Vec<Holding>> {
        type Row = (Id, Option<Id>, Option<Id>, Option<Id>);
        let mut found = Vec::with_capacity(people.len());
        for some in people.chunks(AT_ONCE) {
            let open = leads::workspace_id
                .eq(contacts::workspace_id)
                .and(leads::contact_id.eq(contacts::id.nullable()))
                .and(leads::status.eq(Code(Status::Open)));
            let rows = contacts::table
                .left_join(leads::table.on(open))
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::id.eq_any(some))
                .select((contacts::id, contacts::account_id, contacts::merged_into_id, leads::id.nullable()));
            for (id, account, merged_into, lead) in rows.load::<Row>(self.0.conn)? {
                if merged_into.is_some() {
                    return Err(Error::Contention("a contact was merged".into()));
                }
                found.push((id, account, lead));
            }
        }
        Ok(found)
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

    /// Open leads that name an account, or whose contact belongs to it, by id, from after `after` on.
    pub fn open_around_account(&mut self, account: Id, after: Id, limit: i64) -> Result<Vec<Id>> {
        let (workspace, open) = (self.0.scope.workspace, Code(Status::Open));
        let own = leads::table
            .filter(leads::workspace_id.eq(workspace))
            .filter(leads::account_id.eq(account))
            .filter(leads::status.eq(open))
            .filter(leads::id.gt(after))
            .order(leads::id)
            .limit(limit)
            .select(leads::id);
        let of_people =
            leads::table
                .inner_join(contacts::table.on(
                    contacts::workspace_id.eq(leads::workspace_id).and(contacts::id.nullable().eq(leads::contact_id)),
                ))
                .filter(contacts::workspace_id.eq(workspace))
                .filter(contacts::account_id.eq(account))
                .filter(leads::status.eq(open))
                .filter(leads::id.gt(after))
                .order(leads::id)
                .limit(limit)
                .select(leads::id);
        let mut found: Vec<Id> = own.load(self.0.conn)?;
        found.extend(of_people.load::<Id>(self.0.conn)?);
        found.sort_unstable();
        found.dedup();
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }

    /// Open leads, by id, from after `after` on.
    pub fn open_after(&mut self, after: Id, limit: i64) -> Result<Vec<Id>> {
        let open = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::status.eq(Code(Status::Open)))
            .filter(leads::id.gt(after))
            .order(leads::id)
            .limit(limit);
        Ok(open.select(leads::id).load(self.0.conn)?)
    }

    /// Leads, by id, from after `after` on; merged ones have no scores and are left out.
    pub fn all_after(&mut self, after: Id, limit: i64) -> Result<Vec<Id>> {
        let all = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::merged_into_id.is_null())
            .filter(leads::id.gt(after))
            .order(leads::id)
            .limit(limit);
        Ok(all.select(leads::id).load(self.0.conn)?)
    }

    /// How many leads there are, without merged ones.
    pub fn count_all(&mut self) -> Result<i64> {
        let all =
            leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(leads::merged_into_id.is_null());
        Ok(all.count().get_result(self.0.conn)?)
    }

    /// How many leads are open.
    pub fn count_open(&mut self) -> Result<i64> {
        let open = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::status.eq(Code(Status::Open)));
        Ok(open.count().get_result(self.0.conn)?)
    }

    /// The contacts and accounts of leads.
    pub fn belongings(&mut self, ids: &[Id]) -> Result<Vec<(Option<Id>, Option<Id>)>> {
        let found = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::id.eq_any(ids))
            .select((leads::contact_id, leads::account_id));
        Ok(found.load(self.0.conn)?)
    }
}

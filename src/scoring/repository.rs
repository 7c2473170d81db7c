//! Models, scores and the ledger in the database, and what scores depend on, many leads at a time.

use diesel::prelude::*;
use serde_json::Value;

use super::{Definition, Evidence, LeadScore, Occurrence, ScoreEntry, ScoringModel, Status, Target};
use crate::accounts::Account;
use crate::clock::Timestamp;
use crate::contacts::{Consents, Contact};
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::leads::{Flags, Lead, Status as LeadStatus};
use crate::schema::scoring_model_versions as versions;
use crate::schema::{accounts, contacts, interactions, lead_scores, leads, score_entries, scoring_models};

/// Values of one `IN` list, and rows of one insert: far below what either database takes.
const AT_ONCE: usize = 500;

/// The scoring models of the workspace.
pub struct ScoringModels<'c, 't>(&'t mut Tx<'c>);
/// The scores of the workspace's leads, with their ledger and what they depend on.
pub struct Scores<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The scoring models of the workspace.
    pub fn scoring_models<'t>(&'t mut self) -> ScoringModels<'c, 't> {
        ScoringModels(self)
    }

    /// The scores of the workspace's leads, with their ledger and what they depend on.
    pub fn scores<'t>(&'t mut self) -> Scores<'c, 't> {
        Scores(self)
    }
}

impl ScoringModels<'_, '_> {
    pub fn insert(&mut self, model: &ScoringModel) -> Result<()> {
        diesel::insert_into(scoring_models::table).values(model).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table.find((self.0.scope.workspace, id)).select(ScoringModel::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The model, which no other transaction changes until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<ScoringModel> {
        let found = scoring_models::table.find((self.0.scope.workspace, id));
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => found.select(ScoringModel::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => found.select(ScoringModel::as_select()).first(conn)?,
        })
    }

    pub fn list(&mut self, status: Option<Status>, paging: &Paging) -> Result<Vec<ScoringModel>> {
        let mut query = self.filtered(status);
        if let Some(after) = paging.after("scoring_models") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("scoring_models")).limit(paging.fetch());
        Ok(page.select(ScoringModel::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, status: Option<Status>) -> Result<i64> {
        Ok(self.filtered(status).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, status: Option<Status>) -> scoring_models::BoxedQuery<'static, MultiBackend> {
        let own = scoring_models::table.filter(scoring_models::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        match status {
            Some(status) => own.filter(scoring_models::status.eq(Code(status))),
            None => own,
        }
    }

    /// Writes all changeable fields and raises the version.
    pub fn update(&mut self, model: &ScoringModel) -> Result<ScoringModel> {
        diesel::update(scoring_models::table.find((self.0.scope.workspace, model.id)))
            .set((
                scoring_models::name.eq(&model.name),
                scoring_models::status.eq(model.status),
                scoring_models::live_version.eq(model.live_version),
                scoring_models::draft.eq(model.draft.clone()),
                scoring_models::version.eq(scoring_models::version + 1),
                scoring_models::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get(model.id)
    }

    pub fn insert_version(&mut self, model: Id, version: i64, definition: &Definition) -> Result<()> {
        diesel::insert_into(versions::table)
            .values((
                versions::workspace_id.eq(self.0.scope.workspace),
                versions::model_id.eq(model),
                versions::model_version.eq(version),
                versions::definition.eq(JsonOf(definition.clone())),
                versions::published_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// The highest version that was ever published.
    pub fn last_version(&mut self, model: Id) -> Result<Option<i64>> {
        let found = versions::table
            .filter(versions::workspace_id.eq(self.0.scope.workspace))
            .filter(versions::model_id.eq(model))
            .order(versions::model_version.desc())
            .select(versions::model_version);
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn definition(&mut self, model: Id, version: i64) -> Result<Definition> {
        let found = versions::table.find((self.0.scope.workspace, model, version)).select(versions::definition);
        Ok(found.first::<JsonOf<Definition>>(self.0.conn)?.0)
    }

    /// The live models with their versions, in the order they were created.
    pub fn live(&mut self) -> Result<Vec<(Id, i64)>> {
        let found = scoring_models::table
            .filter(scoring_models::workspace_id.eq(self.0.scope.workspace))
            .filter(scoring_models::live_version.is_not_null())
            .order(scoring_models::id)
            .select((scoring_models::id, scoring_models::live_version.assume_not_null()));
        Ok(found.load(self.0.conn)?)
    }
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
            voided: false,
        }
    }
}

impl Scores<'_, '_> {
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

    /// The account of each contact.
    pub fn accounts_of(&mut self, people: &[Id]) -> Result<Vec<(Id, Option<Id>)>> {
        let mut found = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let rows = contacts::table
                .filter(contacts::workspace_id.eq(self.0.scope.workspace))
                .filter(contacts::id.eq_any(some))
                .select((contacts::id, contacts::account_id));
            found.extend(rows.load::<(Id, Option<Id>)>(self.0.conn)?);
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
    pub fn done_by(&mut self, people: &[Id], kinds: &[&str]) -> Result<Vec<(Id, Occurrence)>> {
        let mut done = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let found = interactions::table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::contact_id.eq_any(some))
                .filter(interactions::kind.eq_any(kinds))
                .filter(interactions::voided_at.is_null())
                .select(Done::as_select());
            let rows = found.load::<Done>(self.0.conn)?;
            done.extend(rows.into_iter().filter_map(|row| Some((row.contact_id?, row.into()))));
        }
        Ok(done)
    }

    /// What was done of these kinds about a lead, by people nobody named.
    pub fn done_by_nobody(&mut self, lead: Id, kinds: &[&str]) -> Result<Vec<Occurrence>> {
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::lead_id.eq(lead))
            .filter(interactions::contact_id.is_null())
            .filter(interactions::kind.eq_any(kinds))
            .filter(interactions::voided_at.is_null())
            .select(Done::as_select());
        Ok(found.load::<Done>(self.0.conn)?.into_iter().map(Occurrence::from).collect())
    }

    /// All scores of the leads.
    pub fn of_leads(&mut self, ids: &[Id]) -> Result<Vec<LeadScore>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::lead_id.eq_any(ids))
            .select(LeadScore::as_select());
        Ok(found.load(self.0.conn)?)
    }

    /// The open leads that an account has itself: those without a contact.
    pub fn open_of_account(&mut self, account: Id) -> Result<Vec<Id>> {
        let found = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::account_id.eq(account))
            .filter(leads::contact_id.is_null())
            .filter(leads::status.eq(Code(LeadStatus::Open)));
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
            .filter(leads::status.eq(Code(LeadStatus::Open)))
            .filter(around)
            .select(leads::id);
        Ok(found.load(self.0.conn)?)
    }

    /// All open leads that a model with this target may score.
    pub fn open_leads(&mut self, target: Target) -> Result<Vec<Id>> {
        let open = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::status.eq(Code(LeadStatus::Open)));
        Ok(match target {
            Target::Contact => open.filter(leads::contact_id.is_not_null()).select(leads::id).load(self.0.conn)?,
            Target::Account => {
                let found = open.filter(leads::contact_id.is_null()).filter(leads::account_id.is_not_null());
                found.select(leads::id).load(self.0.conn)?
            }
        })
    }

    /// The leads that have a score under a model.
    pub fn scored_by(&mut self, model: Id) -> Result<Vec<Id>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model))
            .select(lead_scores::lead_id);
        Ok(found.load(self.0.conn)?)
    }

    /// Those of them whose score may have changed by now though nothing else happened.
    pub fn due(&mut self, model: Id) -> Result<Vec<Id>> {
        let found = lead_scores::table
            .filter(lead_scores::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_scores::model_id.eq(model))
            .filter(lead_scores::due_at.le(self.0.at()))
            .select(lead_scores::lead_id);
        Ok(found.load(self.0.conn)?)
    }

    pub fn insert(&mut self, score: &LeadScore) -> Result<()> {
        diesel::insert_into(lead_scores::table).values(score).execute(self.0.conn)?;
        Ok(())
    }

    pub fn update(&mut self, score: &LeadScore) -> Result<()> {
        let target = lead_scores::table.find((self.0.scope.workspace, score.lead_id, score.model_id));
        diesel::update(target).set(score).execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete(&mut self, lead: Id, model: Id) -> Result<()> {
        diesel::delete(lead_scores::table.find((self.0.scope.workspace, lead, model))).execute(self.0.conn)?;
        Ok(())
    }

    /// Adds rows to the ledger.
    pub fn insert_entries(&mut self, entries: &[ScoreEntry]) -> Result<()> {
        for some in entries.chunks(AT_ONCE) {
            match &mut *self.0.conn {
                Conn::Postgres(conn) => diesel::insert_into(score_entries::table).values(some).execute(conn)?,
                Conn::Sqlite(conn) => diesel::insert_into(score_entries::table).values(some).execute(conn)?,
            };
        }
        Ok(())
    }

    /// The ledger of a lead.
    pub fn entries(
        &mut self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
        paging: &Paging,
    ) -> Result<Vec<ScoreEntry>> {
        let mut query = self.filtered_entries(lead, model, rule);
        if let Some(after) = paging.after("score_entries") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("score_entries")).limit(paging.fetch());
        Ok(page.select(ScoreEntry::as_select()).load(self.0.conn)?)
    }

    pub fn count_entries(&mut self, lead: Id, model: Option<Id>, rule: Option<&str>) -> Result<i64> {
        Ok(self.filtered_entries(lead, model, rule).count().get_result(self.0.conn)?)
    }

    fn filtered_entries(
        &self,
        lead: Id,
        model: Option<Id>,
        rule: Option<&str>,
    ) -> score_entries::BoxedQuery<'static, MultiBackend> {
        let mut query = score_entries::table
            .filter(score_entries::workspace_id.eq(self.0.scope.workspace))
            .filter(score_entries::lead_id.eq(lead))
            .into_boxed();
        if let Some(model) = model {
            query = query.filter(score_entries::model_id.eq(model));
        }
        if let Some(rule) = rule {
            query = query.filter(score_entries::rule.eq(rule.to_owned()));
        }
        query
    }

    /// Writes what follows from a lead's scores into the lead.
    pub fn set_standing(
        &mut self,
        lead: Id,
        score: i64,
        temperature: Option<String>,
        flags: Flags,
        sales_ready_at: Option<Timestamp>,
    ) -> Result<()> {
        diesel::update(leads::table.find((self.0.scope.workspace, lead)))
            .set((
                leads::score.eq(score),
                leads::temperature.eq(temperature),
                leads::flags.eq(JsonOf(flags)),
                leads::sales_ready_at.eq(sales_ready_at),
                leads::version.eq(leads::version + 1),
                leads::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

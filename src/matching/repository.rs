//! Decisions in the database, and the leads that something coming in may belong to.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::decide::{Candidate, Keys, value};
use super::keys;
use super::strategy::{Alternative, Field, Strategy, Target};
use super::{Channel, Effect, Kept};
use crate::clock::Timestamp;
use crate::db::connection::MultiBackend;
use crate::db::page::{Condition, Paging};
use crate::db::prepared::Prepared;
use crate::db::types::{Code, Instant, Json, Uuid};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{leads, match_decisions};

/// Leads that are compared at most.
pub(super) const MOST: usize = 200;
/// Leads that are looked up at most for several who are to be compared with some of them.
const MOST_AROUND: usize = 2_000;

/// Which decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionFilter {
    pub submission_id: Option<Id>,
    pub record_id: Option<Id>,
    pub target: Option<Target>,
    pub channel: Option<Channel>,
    pub effect: Option<Effect>,
}

/// The kept decisions of the workspace.
pub struct MatchDecisions<'c, 't>(&'t mut Tx<'c>);
/// The leads of the workspace as matching sees them.
pub struct KnownLeads<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The kept decisions of the workspace.
    pub fn match_decisions<'t>(&'t mut self) -> MatchDecisions<'c, 't> {
        MatchDecisions(self)
    }

    /// The leads of the workspace as matching sees them.
    pub(super) fn known_leads<'t>(&'t mut self) -> KnownLeads<'c, 't> {
        KnownLeads(self)
    }
}

impl MatchDecisions<'_, '_> {
    pub fn insert(&mut self, decisions: &[Kept]) -> Result<()> {
        match &mut *self.0.conn {
            Conn::Postgres(_) if decisions.is_empty() => {}
            Conn::Postgres(conn) => {
                let sql = "INSERT INTO match_decisions (workspace_id, id, target, channel, submission_id, decision, \
                    effect, record_id, at) SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?)";
                Prepared::<Pg>::new(sql)
                    .column::<Uuid, _>(decisions.iter().map(|it| &it.workspace_id))
                    .column::<Uuid, _>(decisions.iter().map(|it| &it.id))
                    .column::<Text, _>(decisions.iter().map(|it| &it.target))
                    .column::<Text, _>(decisions.iter().map(|it| &it.channel))
                    .column::<Nullable<Uuid>, _>(decisions.iter().map(|it| &it.submission_id))
                    .column::<Json, _>(decisions.iter().map(|it| &it.decision))
                    .column::<Text, _>(decisions.iter().map(|it| &it.effect))
                    .column::<Nullable<Uuid>, _>(decisions.iter().map(|it| &it.record_id))
                    .column::<Instant, _>(decisions.iter().map(|it| &it.at))
                    .execute(conn)?;
            }
            Conn::Sqlite(conn) => {
                for kept in decisions {
                    diesel::insert_into(match_decisions::table).values(kept).execute(conn)?;
                }
            }
        }
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Kept> {
        let found = match_decisions::table.find((self.0.scope.workspace, id)).select(Kept::as_select());
        Ok(found.first(self.0.conn)?)
    }

    pub fn list(&mut self, filter: &DecisionFilter, paging: &Paging) -> Result<Vec<Kept>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("match_decisions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("match_decisions")).limit(paging.fetch());
        Ok(page.select(Kept::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &DecisionFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn filtered(&self, filter: &DecisionFilter) -> match_decisions::BoxedQuery<'static, MultiBackend> {
        let workspace = self.0.scope.workspace;
        let mut query = match_decisions::table.filter(match_decisions::workspace_id.eq(workspace)).into_boxed();
        if let Some(submission) = filter.submission_id {
            query = query.filter(match_decisions::submission_id.eq(submission));
        }
        if let Some(record) = filter.record_id {
            query = query.filter(match_decisions::record_id.eq(record));
        }
        if let Some(target) = filter.target {
            query = query.filter(match_decisions::target.eq(Code(target)));
        }
        if let Some(channel) = filter.channel {
            query = query.filter(match_decisions::channel.eq(Code(channel)));
        }
        if let Some(effect) = filter.effect {
            query = query.filter(match_decisions::effect.eq(Code(effect)));
        }
        query
    }
}

/// What matching looks at in a lead.
#[derive(Queryable, Selectable)]
#[diesel(table_name = leads)]
pub struct KnownLead {
    id: Id,
    contact_id: Option<Id>,
    account_id: Option<Id>,
    email_key: Option<String>,
    phone_key: Option<String>,
    form_id: Option<Id>,
    campaign: Option<String>,
    product_line: Option<String>,
    topic: Option<String>,
    status: String,
    merged_into_id: Option<Id>,
    updated_at: Timestamp,
}

impl KnownLeads<'_, '_> {
    /// Leads that share what identifies them in an applicable alternative of `strategy`. Should there be too many to
    /// compare all, open ones, those that agree further and the latest changed come first. A lead that was
    /// merged stands for its survivor.
    pub fn candidates(&mut self, strategy: &Strategy, incoming: &Keys) -> Result<Vec<Candidate>> {
        let contact = value(incoming, Field::Contact).and_then(Id::parse);
        let mut found: Vec<Candidate> = Vec::new();
        let mut merged = Vec::new();
        // One look for each: of an "or" between alternatives SQLite would make a look at every lead of the workspace.
        for alternative in strategy.applicable(|field| value(incoming, field).is_some()) {
            let alike = self.alike(alternative, incoming)?.into_iter();
            let (tombstones, known): (Vec<_>, Vec<_>) = alike.partition(|lead| lead.merged_into_id.is_some());
            let known = known.into_iter().map(|lead| lead.candidate(contact));
            let new: Vec<_> = known.filter(|lead| found.iter().all(|other| other.id != lead.id)).collect();
            found.extend(new);
            merged.extend(tombstones);
        }
        for lead in merged {
            self.add_survivor(&mut found, lead, contact, incoming)?;
        }
        Ok(found)
    }

    /// The leads of these contacts and those that came with these e-mail addresses, each once or twice. None when they are
    /// too many.
    pub fn around(&mut self, contacts: &[Id], emails: &[&str]) -> Result<Option<Vec<KnownLead>>> {
        let of_workspace =
            leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).select(KnownLead::as_select());
        let limit = limit(MOST_AROUND + 1);
        let of_contacts = of_workspace.filter(leads::contact_id.eq_any(contacts)).limit(limit);
        let mut found: Vec<KnownLead> = of_contacts.load(self.0.conn)?;
        let with_emails = of_workspace.filter(leads::email_key.eq_any(emails)).limit(limit);
        let others: Vec<KnownLead> = with_emails.load(self.0.conn)?;
        let are_all = found.len().max(others.len()) <= MOST_AROUND;
        found.extend(others);
        Ok(are_all.then_some(found))
    }

    /// What `incoming` has in common with a lead that was merged, it has with the survivor.
    fn add_survivor(
        &mut self,
        candidates: &mut Vec<Candidate>,
        merged: KnownLead,
        contact: Option<Id>,
        incoming: &Keys,
    ) -> Result<()> {
        let Some(id) = merged.merged_into_id else { return Ok(()) };
        if candidates.iter().all(|known| known.id != id) {
            let survivor = leads::table.find((self.0.scope.workspace, id)).select(KnownLead::as_select());
            candidates.push(survivor.first::<KnownLead>(self.0.conn)?.candidate(contact));
        }
        let common = merged.candidate(contact).keys.into_iter().filter(|(field, key)| incoming.get(field) == Some(key));
        if let Some(survivor) = candidates.iter_mut().find(|known| known.id == id) {
            survivor.keys.extend(common);
        }
        Ok(())
    }

    fn alike(&mut self, alternative: &Alternative, incoming: &Keys) -> Result<Vec<KnownLead>> {
        let near = all_equal(alternative.identifying(Target::Lead), incoming);
        let full = all_equal(alternative.exact(), incoming);
        let (Some(near), Some(full)) = (near, full) else { return Ok(Vec::new()) };
        let query = leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(near);
        let nearest = query.order((leads::status.eq("open").desc(), full.desc(), leads::updated_at.desc(), leads::id));
        Ok(nearest.limit(limit(MOST)).select(KnownLead::as_select()).load(self.0.conn)?)
    }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// A condition on leads.
type OnLeads = Condition<leads::table>;

/// Whether all `fields` that are columns equal what came in.
fn all_equal(fields: impl Iterator<Item = Field>, incoming: &Keys) -> Option<OnLeads> {
    let equals = fields.filter_map(|field| equal(field, value(incoming, field)?));
    equals.reduce(|one, other| Box::new(one.and(other)))
}

/// Whether the column of `field` holds `key`. The topic has no column of its normalised form.
fn equal(field: Field, key: &str) -> Option<OnLeads> {
    let (id, text) = (Id::parse(key), key.to_owned());
    Some(match field {
        Field::Contact => Box::new(leads::contact_id.eq(id?).assume_not_null()),
        Field::Account => Box::new(leads::account_id.eq(id?).assume_not_null()),
        Field::Form => Box::new(leads::form_id.eq(id?).assume_not_null()),
        Field::Email => Box::new(leads::email_key.eq(text).assume_not_null()),
        Field::Phone => Box::new(leads::phone_key.eq(text).assume_not_null()),
        Field::Campaign => Box::new(leads::campaign.eq(text).assume_not_null()),
        Field::ProductLine => Box::new(leads::product_line.eq(text).assume_not_null()),
        _ => return None,
    })
}

impl KnownLead {
    /// Whether it was merged into another.
    pub(super) fn is_merged(&self) -> bool {
        self.merged_into_id.is_some()
    }

    /// Whether it is this contact's, or came with this e-mail address.
    pub(super) fn is_near(&self, contact: Option<Id>, email: Option<&str>) -> bool {
        let is_contacts = contact.is_some() && self.contact_id == contact;
        is_contacts || email.is_some() && self.email_key.as_deref() == email
    }

    /// The lead as it is compared.
    pub(super) fn candidate(&self, matched_contact: Option<Id>) -> Candidate {
        let belongs_to_matched_contact = self.contact_id.is_some() && self.contact_id == matched_contact;
        let topic = self.topic.as_deref().and_then(|topic| keys::key(Field::Topic, topic, None).ok());
        let keys = [
            (Field::Contact, self.contact_id.map(|id| id.to_string())),
            (Field::Account, self.account_id.map(|id| id.to_string())),
            (Field::Form, self.form_id.map(|id| id.to_string())),
            (Field::Email, self.email_key.clone()),
            (Field::Phone, self.phone_key.clone()),
            (Field::Campaign, self.campaign.clone()),
            (Field::ProductLine, self.product_line.clone()),
            (Field::Topic, topic),
        ];
        Candidate {
            id: self.id,
            keys: keys.into_iter().filter_map(|(field, key)| Some((field, key?))).collect(),
            is_open: self.status == "open",
            belongs_to_matched_contact,
            updated_at: self.updated_at,
        }
    }
}

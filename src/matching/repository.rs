//! Decisions in the database, and the leads that something coming in may belong to.

use diesel::prelude::*;

use super::Kept;
use super::decide::{Candidate, Keys};
use super::keys;
use super::strategy::Field;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::Result;
use crate::id::Id;
use crate::schema::{leads, match_decisions};

/// Leads that are compared at most.
const MOST: i64 = 200;

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
    pub fn insert(&mut self, kept: &Kept) -> Result<()> {
        diesel::insert_into(match_decisions::table).values(kept).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Kept> {
        let found = match_decisions::table.find((self.0.scope.workspace, id)).select(Kept::as_select());
        Ok(found.first(self.0.conn)?)
    }

    /// The decisions made about one submission.
    pub fn of_submission(&mut self, submission: Id, paging: &Paging) -> Result<Vec<Kept>> {
        let mut query = match_decisions::table
            .filter(match_decisions::workspace_id.eq(self.0.scope.workspace))
            .filter(match_decisions::submission_id.eq(submission))
            .into_boxed();
        if let Some(after) = paging.after("match_decisions") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("match_decisions")).limit(paging.fetch());
        Ok(page.select(Kept::as_select()).load(self.0.conn)?)
    }
}

/// What matching looks at in a lead.
#[derive(Queryable, Selectable)]
#[diesel(table_name = leads)]
struct KnownLead {
    id: Id,
    contact_id: Option<Id>,
    account_id: Option<Id>,
    email_key: Option<String>,
    form_id: Option<Id>,
    campaign: Option<String>,
    product_line: Option<String>,
    topic: Option<String>,
    status: String,
    updated_at: Timestamp,
}

impl KnownLeads<'_, '_> {
    /// Leads of the same contact or address, or else account, as `incoming`. Should there be too many to compare all,
    /// open ones, those of the same form and the latest changed come first.
    pub fn candidates(&mut self, incoming: &Keys) -> Result<Vec<Candidate>> {
        let id = |field| incoming.get(&field).and_then(|key| Id::parse(key));
        let (contact, account) = (id(Field::Contact), id(Field::Account));
        let email = incoming.get(&Field::Email).cloned();
        let mut query = leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        query = match (contact, email, account) {
            (Some(contact), Some(email), _) => {
                query.filter(leads::contact_id.eq(contact).or(leads::email_key.eq(email)))
            }
            (Some(contact), None, _) => query.filter(leads::contact_id.eq(contact)),
            (None, Some(email), _) => query.filter(leads::email_key.eq(email)),
            (None, None, Some(account)) => query.filter(leads::account_id.eq(account)),
            (None, None, None) => return Ok(Vec::new()),
        };
        let same_form = leads::form_id.eq(id(Field::Form).unwrap_or(Id::NIL)).and(leads::form_id.is_not_null());
        let nearest =
            query.order((leads::status.eq("open").desc(), same_form.desc(), leads::updated_at.desc(), leads::id));
        let known: Vec<KnownLead> = nearest.limit(MOST).select(KnownLead::as_select()).load(self.0.conn)?;
        Ok(known.into_iter().map(|lead| lead.candidate(contact)).collect())
    }
}

impl KnownLead {
    fn candidate(self, matched_contact: Option<Id>) -> Candidate {
        let belongs_to_matched_contact = self.contact_id.is_some() && self.contact_id == matched_contact;
        let topic = self.topic.as_deref().and_then(|topic| keys::key(Field::Topic, topic, None).ok());
        let keys = [
            (Field::Contact, self.contact_id.map(|id| id.to_string())),
            (Field::Account, self.account_id.map(|id| id.to_string())),
            (Field::Form, self.form_id.map(|id| id.to_string())),
            (Field::Email, self.email_key),
            (Field::Campaign, self.campaign),
            (Field::ProductLine, self.product_line),
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

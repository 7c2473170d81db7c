//! What is known of leads when they are scored: their records, what was done, and the scores they have.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::catalogue::Live;
use super::known_repository::Asked;
use super::{Facts, Occurrence};
use crate::accounts::Account;
use crate::contacts::{Consents, Contact};
use crate::db::Tx;
use crate::error::Result;
use crate::filter::Records;
use crate::id::Id;
use crate::leads::Lead;
use crate::{leads, workspaces};

/// One lead and everything its scores depend on.
pub struct Known {
    pub lead: Lead,
    pub facts: Facts,
    /// What the people did whose doings score the lead, of the kinds that some live model looks at.
    pub evidence: Arc<[Occurrence]>,
    /// Whether the person may be scored at all.
    pub permitted: bool,
}

/// Everything that the scores of `leads` depend on, in the same order.
pub fn load(tx: &mut Tx<'_>, leads: Vec<Lead>, models: &[Live]) -> Result<Vec<Known>> {
    load_after(tx, leads, models, &HashSet::new())
}

/// The same with the interactions that were voided just now, marked as such.
pub fn load_after(tx: &mut Tx<'_>, leads: Vec<Lead>, models: &[Live], just_voided: &HashSet<Id>) -> Result<Vec<Known>> {
    let consent_needed = workspaces::settings(tx)?.require_profiling_consent;
    let evidence = Evidence::load(tx, &leads, models, consent_needed, just_voided)?;
    let facts = facts_of(tx, &leads, &HashMap::new(), consent_needed)?;
    let known = leads.into_iter().zip(facts).map(|(lead, (facts, permitted))| Known {
        facts,
        evidence: evidence.of(&lead),
        permitted,
        lead,
    });
    Ok(known.collect())
}

/// What the records say of each lead, and whether its person may be scored at all, in the same order. Contacts among
/// `people` are not asked for.
pub fn facts_of(
    tx: &mut Tx<'_>,
    leads: &[Lead],
    people: &HashMap<Id, Contact>,
    consent_needed: bool,
) -> Result<Vec<(Facts, bool)>> {
    let others = ids(leads, |lead| lead.contact_id.filter(|id| !people.contains_key(id)));
    let others = by_id(tx.scorables().contacts(&others)?, |contact| contact.id);
    let contact_of = |lead: &Lead| lead.contact_id.and_then(|id| people.get(&id).or_else(|| others.get(&id)));
    let account_of = |lead: &Lead| lead.account_id.or_else(|| contact_of(lead)?.account_id);
    let accounts = by_id(tx.scorables().accounts(&ids(leads, account_of))?, |account| account.id);
    let mut found = Vec::with_capacity(leads.len());
    for lead in leads {
        let contact = contact_of(lead);
        let account = account_of(lead).and_then(|id| accounts.get(&id));
        let permitted = !consent_needed || contact.is_none_or(|contact| consents_to_profiling(&contact.consents.0));
        found.push((facts(lead, contact, account)?, permitted));
    }
    Ok(found)
}

/// A lead, its contact and its account as conditions and requirements ask about them.
pub fn records(tx: &mut Tx<'_>, lead: &Lead) -> Result<Records> {
    let facts = facts_of(tx, std::slice::from_ref(lead), &HashMap::new(), false)?;
    Ok(facts.into_iter().next().map(|(facts, _)| facts.records).unwrap_or_default())
}

/// The people of an account whose doings score its leads.
pub fn people_of(tx: &mut Tx<'_>, account: Id, consent_needed: bool) -> Result<Vec<Id>> {
    let people = tx.scorables().people_of(account)?;
    let counted = people.into_iter().filter(|(_, consents)| !consent_needed || consents_to_profiling(&consents.0));
    Ok(counted.map(|(id, _)| id).collect())
}

/// A lead and what belongs to it, as conditions ask about them.
pub fn facts(lead: &Lead, contact: Option<&Contact>, account: Option<&Account>) -> Result<Facts> {
    let records = leads::records(lead, contact, account)?;
    Ok(Facts { lead_id: lead.id, lead_created_at: lead.created_at, records })
}

/// Whether the person lets themselves be scored where the workspace demands that.
pub fn consents_to_profiling(consents: &Consents) -> bool {
    consents.profiling.as_ref().is_some_and(|consent| consent.granted)
}

/// What was done, by whose doing it is.
struct Evidence {
    by_contact: HashMap<Id, Arc<[Occurrence]>>,
    /// For leads of an account itself.
    by_lead: HashMap<Id, Arc<[Occurrence]>>,
}

impl Evidence {
    fn load(
        tx: &mut Tx<'_>,
        leads: &[Lead],
        models: &[Live],
        consent_needed: bool,
        just_voided: &HashSet<Id>,
    ) -> Result<Self> {
        let kinds: BTreeSet<&str> = models.iter().flat_map(|live| live.model.kinds()).collect();
        let asked = Asked { kinds: kinds.into_iter().collect(), just_voided: just_voided.iter().copied().collect() };
        let done = tx.scorables().done_by(&ids(leads, |lead| lead.contact_id), &asked)?;
        let by_contact = grouped(done, |(contact, _)| *contact);
        let mut by_lead = HashMap::new();
        for lead in leads.iter().filter(|lead| lead.contact_id.is_none()) {
            let Some(account) = lead.account_id else { continue };
            let people = people_of(tx, account, consent_needed)?;
            let mut done: Vec<Occurrence> =
                tx.scorables().done_by(&people, &asked)?.into_iter().map(|(_, it)| it).collect();
            done.extend(tx.scorables().done_by_nobody(lead.id, &asked)?);
            by_lead.insert(lead.id, done.into());
        }
        let occurrences = |(id, done): (Id, Vec<(Id, Occurrence)>)| (id, done.into_iter().map(|(_, it)| it).collect());
        Ok(Self { by_contact: by_contact.into_iter().map(occurrences).collect(), by_lead })
    }

    fn of(&self, lead: &Lead) -> Arc<[Occurrence]> {
        let found = match lead.contact_id {
            Some(contact) => self.by_contact.get(&contact),
            None => self.by_lead.get(&lead.id),
        };
        found.cloned().unwrap_or_else(|| [].into())
    }
}

fn ids(leads: &[Lead], id: impl Fn(&Lead) -> Option<Id>) -> Vec<Id> {
    let distinct: BTreeSet<Id> = leads.iter().filter_map(id).collect();
    distinct.into_iter().collect()
}

pub(super) fn by_id<T>(rows: Vec<T>, id: impl Fn(&T) -> Id) -> HashMap<Id, T> {
    rows.into_iter().map(|row| (id(&row), row)).collect()
}

pub(super) fn grouped<T>(rows: Vec<T>, id: impl Fn(&T) -> Id) -> HashMap<Id, Vec<T>> {
    let mut groups: HashMap<Id, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(id(&row)).or_default().push(row);
    }
    groups
}

//! One lead that is to be scored anew, with everything its scores depend on but the history.
//!
//! A recording looks only at the models that look at the kind of interaction, and at those whose time has come; what
//! the others made of the lead stands.

use std::collections::{HashMap, HashSet};

use super::catalogue::{self, Live};
use super::known::{self, by_id, consents_to_profiling, grouped};
use super::rescore::{Reach, Round};
use super::{Facts, LeadScore, Occurrence, Target};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::filter::Records;
use crate::id::Id;
use crate::leads::Lead;

/// One lead and what is known of it.
pub struct Case {
    pub lead: Lead,
    /// Empty for a lead that no model concerned looks at.
    pub facts: Facts,
    /// Whether the person may be scored at all.
    pub permitted: bool,
    /// What each model made of the lead so far, of those that score now, in the order of the models; each in the version
    /// that made it.
    pub stored: Vec<(Live, LeadScore)>,
    /// The models to score by, each in the version that scores this lead.
    pub concerned: Vec<Live>,
    /// The interactions of this lead that became known just now.
    pub arrivals: Vec<Occurrence>,
}

impl Case {
    /// What a model made of the lead so far, and the version that did.
    pub fn stored_by(&self, model: Id) -> Option<&(Live, LeadScore)> {
        self.stored.iter().find(|(live, _)| live.id == model)
    }
}

/// The leads with what is known of them, in the same order.
pub fn load(tx: &mut Tx<'_>, leads: Vec<Lead>, round: &Round) -> Result<Vec<Case>> {
    let ids: Vec<Id> = leads.iter().map(|lead| lead.id).collect();
    let mut scores = grouped(tx.scores().of_leads(&ids)?, |score| score.lead_id);
    let mut news = Arrivals::load(tx, &leads, round)?;
    let mut cases = Vec::with_capacity(leads.len());
    for lead in leads {
        let mut scores = scores.remove(&lead.id).unwrap_or_default();
        let arrivals = news.of(&lead);
        let (mut stored, mut concerned) = (Vec::new(), Vec::new());
        for live in &round.models {
            let place = scores.iter().position(|score| score.model_id == live.id);
            let score = place.map(|place| scores.swap_remove(place));
            let scored_by = match &score {
                Some(score) => catalogue::as_it_was(tx, live, score.model_version, score.assets_revision)?,
                None => live.clone(),
            };
            if concerns(round, &scored_by, &lead, score.as_ref(), &arrivals, tx.at()) {
                let by = if round.reach == Reach::All { live.clone() } else { scored_by.clone() };
                concerned.push(by);
            }
            stored.extend(score.map(|score| (scored_by, score)));
        }
        cases.push(Case {
            facts: Facts { lead_id: lead.id, lead_created_at: lead.created_at, records: Records::default() },
            permitted: true,
            stored,
            concerned,
            arrivals,
            lead,
        });
    }
    fill(tx, &mut cases, round)?;
    Ok(cases)
}

/// Whether the round is about what `live` makes of a lead.
fn concerns(
    round: &Round,
    live: &Live,
    lead: &Lead,
    score: Option<&LeadScore>,
    arrivals: &[Occurrence],
    now: Timestamp,
) -> bool {
    if round.only.is_some_and(|only| only != live.id) {
        return false;
    }
    let is_due = score.is_some_and(|score| score.due_at.is_some_and(|due| due <= now));
    match (round.reach, score) {
        (Reach::All, _) => true,
        (Reach::Due, _) => is_due,
        // A lead that was opened just now, or that a job has yet to come to.
        (Reach::Moved, None) => live.model.definition().target == target_of(lead),
        (Reach::Moved, Some(_)) => is_due || arrivals.iter().any(|it| live.model.looks_at(&it.kind)),
    }
}

/// The target of the models that may score a lead.
pub(super) fn target_of(lead: &Lead) -> Target {
    if lead.contact_id.is_some() { Target::Contact } else { Target::Account }
}

/// Loads records for the cases that some model is concerned with.
fn fill(tx: &mut Tx<'_>, cases: &mut [Case], round: &Round) -> Result<()> {
    let busy: Vec<Lead> =
        cases.iter().filter(|case| !case.concerned.is_empty()).map(|case| case.lead.clone()).collect();
    if busy.is_empty() {
        return Ok(());
    }
    let mut facts = by_id(known::facts_of(tx, &busy, &round.people, round.consent_needed)?, |(facts, _)| facts.lead_id);
    for case in cases.iter_mut().filter(|case| !case.concerned.is_empty()) {
        if let Some((facts, permitted)) = facts.remove(&case.lead.id) {
            (case.facts, case.permitted) = (facts, permitted);
        }
    }
    Ok(())
}

/// The interactions that became known just now, by whose they are.
#[derive(Default)]
struct Arrivals {
    by_contact: HashMap<Id, Vec<Occurrence>>,
    by_account: HashMap<Id, Vec<Occurrence>>,
    /// Of nobody who was named.
    by_lead: HashMap<Id, Vec<Occurrence>>,
}

impl Arrivals {
    fn load(tx: &mut Tx<'_>, leads: &[Lead], round: &Round) -> Result<Self> {
        let mut arrivals = Self::default();
        if round.news.interactions.is_empty() {
            return Ok(arrivals);
        }
        let kinds: HashSet<&str> = round.models.iter().flat_map(|live| live.model.kinds()).collect();
        let mut known = round.news.at_hand.clone();
        let at_hand: HashSet<Id> = known.iter().map(|(_, it)| it.id).collect();
        let others: Vec<Id> = round.news.interactions.difference(&at_hand).copied().collect();
        let others = tx.scorables().done(&others)?.into_iter();
        known.extend(others.map(|done| (done.contact_id(), Occurrence::from(done))));
        for (contact, it) in known {
            if !kinds.contains(it.kind.as_str()) {
                continue;
            }
            match (contact, it.lead_id) {
                (Some(contact), _) => arrivals.by_contact.entry(contact).or_default().push(it),
                (None, Some(lead)) => arrivals.by_lead.entry(lead).or_default().push(it),
                (None, None) => {}
            }
        }
        let is_account = |lead: &&Lead| lead.contact_id.is_none() && lead.account_id.is_some();
        if leads.iter().any(|lead| is_account(&lead))
            && round.models.iter().any(|live| live.model.definition().target == Target::Account)
        {
            let people: Vec<Id> = arrivals.by_contact.keys().copied().collect();
            for (contact, account, consents) in tx.scorables().belonging(&people)? {
                let counts = !round.consent_needed || consents_to_profiling(&consents.0);
                if let (Some(account), true) = (account, counts) {
                    let done = arrivals.by_contact.get(&contact).cloned().unwrap_or_default();
                    arrivals.by_account.entry(account).or_default().extend(done);
                }
            }
        }
        Ok(arrivals)
    }

    fn of(&mut self, lead: &Lead) -> Vec<Occurrence> {
        match (lead.contact_id, lead.account_id) {
            (Some(contact), _) => self.by_contact.get(&contact).cloned().unwrap_or_default(),
            (None, account) => {
                let mut found = self.by_lead.remove(&lead.id).unwrap_or_default();
                let of_people = account.and_then(|account| self.by_account.get(&account));
                found.extend(of_people.cloned().unwrap_or_default());
                found
            }
        }
    }
}

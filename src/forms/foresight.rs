//! Whom several submissions of one moment are of, and which interest each is, asked for all of them at once (MAT-1, MAT-4).
//!
//! An e-mail address is one contact's, and the leads to compare with are around the contact and the address; who is looked
//! for by anything else, or was merged, is asked for when it is their turn. So is everybody whom an earlier one of the
//! submissions may have made or changed: whoever shares a turn with it, and whoever could be its contact or have its lead.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::capture::Arrival;
use super::fulfil::Done;
use super::interest::Whose;
use super::landing;
use super::strategies::Strategies;
use crate::contacts::Contact;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Lead;
use crate::matching::Effect;
use crate::matching::decide::{Decision, Keys, value};
use crate::matching::strategy::{Field, Strategy, Target};
use crate::{matching, scoring};

/// What is known ahead of several submissions.
pub struct Foresight {
    /// The strategies that were looked up so far.
    pub strategies: Strategies,
    /// By the place of the submission.
    foreseen: Vec<Option<Foreseen>>,
    /// What came about since.
    since: Since,
}

/// Whom a submission is of.
pub struct Foreseen {
    pub found: Decision,
    /// The contact that was found. No other transaction changes it, or scores its leads, until this one ends.
    pub contact: Option<Contact>,
    /// The lead that it belongs to.
    pub interest: Option<ForeseenLead>,
}

/// The interest that a submission of a known person is.
pub struct ForeseenLead {
    /// What it was looked for by.
    pub keys: Keys,
    pub found: Decision,
    /// The lead that was found. No other transaction changes it until this one ends.
    pub lead: Option<Lead>,
}

/// What earlier submissions brought about.
#[derive(Default)]
struct Since {
    turns: HashSet<String>,
    /// The contacts and leads that they belong to.
    records: HashSet<Id>,
    /// Whether a lead was changed, which may be alike to others now.
    changed_leads: bool,
}

impl Foresight {
    /// Looks ahead for `arrivals`, with nothing in the place of one that repeats another; the caller has the turns of all.
    pub fn of(tx: &mut Tx<'_>, arrivals: &[Option<&Arrival>]) -> Result<Self> {
        let awaited = |arrival: &&Arrival| arrival.suspicion.is_none() && !arrival.form.definition.0.double_opt_in;
        let arrivals: Vec<_> = arrivals.iter().map(|arrival| arrival.filter(awaited)).collect();
        let keys: Vec<Keys> = arrivals.iter().map(|it| it.map(|it| it.reading.keys()).unwrap_or_default()).collect();
        let emails = BTreeSet::from_iter(keys.iter().filter_map(|keys| value(keys, Field::Email)));
        let known = tx.contacts().holders_of_emails(&Vec::from_iter(emails))?;
        let holders: HashMap<&str, &Contact> =
            known.iter().filter_map(|contact| Some((contact.email_key.as_deref()?, contact))).collect();
        let (mut strategies, mut found) = (Strategies::default(), Vec::with_capacity(arrivals.len()));
        for (arrival, keys) in arrivals.iter().zip(&keys) {
            let named = |it: &Arrival| strategies.named(tx, &it.form.definition.0, Target::Contact);
            let strategy = arrival.map(named).transpose()?;
            let holder = value(keys, Field::Email).and_then(|email| holders.get(email).copied());
            found.push(strategy.and_then(|strategy| matching::find_contact_by_email(&strategy, keys, holder)));
        }
        let ids = BTreeSet::from_iter(found.iter().flatten().filter_map(Decision::known));
        let contacts = hold(tx, &Vec::from_iter(ids))?;
        let foreseen = |found: Decision| {
            let contact = found.known().and_then(|id| contacts.get(&id)).cloned();
            Foreseen { found, contact, interest: None }
        };
        let foreseen = found.into_iter().map(|found| found.map(foreseen)).collect();
        let mut ahead = Self { strategies, foreseen, since: Since::default() };
        ahead.look_for_leads(tx, &arrivals)?;
        Ok(ahead)
    }

    /// Looks for the leads of those whose contact is known.
    fn look_for_leads(&mut self, tx: &mut Tx<'_>, arrivals: &[Option<&Arrival>]) -> Result<()> {
        let (mut sought, mut contacts, mut emails) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for (place, (arrival, foreseen)) in arrivals.iter().zip(&self.foreseen).enumerate() {
            let contact = foreseen.as_ref().and_then(|foreseen| foreseen.contact.as_ref());
            let Some((arrival, contact)) = arrival.filter(|it| landing::looks_for_lead(it)).zip(contact) else {
                continue;
            };
            let keys = landing::lead_keys(arrival, Whose { contact: Some(contact.id), account: None });
            contacts.insert(contact.id);
            emails.extend(value(&keys, Field::Email).map(str::to_owned));
            sought.push((place, landing::lead_strategy(tx, &mut self.strategies, arrival)?, keys));
        }
        if sought.is_empty() {
            return Ok(());
        }
        let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
        let Some(around) = matching::leads_around(tx, &Vec::from_iter(contacts), &emails)? else { return Ok(()) };
        let decide = |(place, strategy, keys): (usize, Strategy, Keys)| {
            Some((place, matching::find_lead_around(&strategy, &keys, &around)?, keys))
        };
        let found: Vec<_> = sought.into_iter().filter_map(decide).collect();
        let winners = BTreeSet::from_iter(found.iter().filter_map(|(_, found, _)| found.winner));
        let leads = tx.leads().lock_found(&Vec::from_iter(winners))?;
        for (place, found, keys) in found {
            if let Some(Some(foreseen)) = self.foreseen.get_mut(place) {
                let lead = leads.iter().find(|lead| Some(lead.id) == found.winner).cloned();
                foreseen.interest = Some(ForeseenLead { keys, found, lead });
            }
        }
        Ok(())
    }

    /// Whom the submission at `place` is of, as far as that is still so. It comes about next.
    pub fn about(&mut self, place: usize, arrival: &Arrival) -> Option<Foreseen> {
        let turns = matching::turns(&arrival.reading.keys());
        let shares_turn = turns.iter().any(|turn| self.since.turns.contains(turn));
        self.since.turns.extend(turns);
        let mut foreseen = self.foreseen.get_mut(place)?.take()?;
        let since = &self.since;
        let is_other = |found: &Decision| {
            let mut compared = found.candidates.iter().map(|it| it.id).chain(found.held_by);
            compared.any(|id| since.records.contains(&id))
        };
        foreseen.interest = foreseen.interest.filter(|it| !since.changed_leads && !is_other(&it.found));
        (!shares_turn && !is_other(&foreseen.found)).then_some(foreseen)
    }

    /// Takes note of what a submission brought about.
    pub fn came_about(&mut self, done: &Done) {
        self.since.records.extend(done.contact_id.into_iter().chain(done.lead_id));
        let effect = done.outcome.lead.as_ref().map(|lead| lead.effect);
        self.since.changed_leads |= effect == Some(Effect::Updated);
    }
}

/// Holds off whoever changes the contacts or scores their leads; the contacts, by id.
fn hold(tx: &mut Tx<'_>, ids: &[Id]) -> Result<HashMap<Id, Contact>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    scoring::take_turns_before(tx, Vec::new(), ids)?;
    Ok(tx.contacts().lock_found(ids)?.into_iter().map(|contact| (contact.id, contact)).collect())
}

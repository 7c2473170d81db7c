//! Leads with everything that scored them, read from one end to the other in bounded memory (SCO-15).
//!
//! Contacts come in the order of their ids, some at a time: a part ends with so many interactions or so many contacts,
//! but never within a contact, whose history must fit. Accounts come one by one, each with what all of its contacts did.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::history_repository::AT_ONCE;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::{Lead, Outcome, Status, outcome};
use crate::opportunities::{self, Status as Deal};
use crate::scoring::{self, Facts, Model, Occurrence, Target};
use crate::workspaces;

/// Interactions that a part has at most, unless one contact has more.
const PART: i64 = 20_000;

/// What of the history is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub target: Target,
    /// Only leads that are open.
    pub only_open: bool,
    /// Only leads created before this instant.
    pub created_before: Option<Timestamp>,
    /// Only interactions of these kinds.
    pub kinds: Vec<String>,
    /// Only interactions that occurred before this instant.
    pub before: Option<Timestamp>,
    /// Whether the lead that an interaction names matters.
    pub lead: bool,
    pub asset: bool,
    pub campaign: bool,
    pub form: bool,
    pub properties: bool,
}

impl Wanted {
    /// What is needed to score leads of this target under these models.
    pub fn by(target: Target, models: &[&Model]) -> Self {
        let rules = || models.iter().flat_map(|model| model.rules()).flat_map(|(rule, _)| rule.behaviours());
        let mut kinds: Vec<String> = rules().map(|behaviour| behaviour.interaction.clone()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self {
            target,
            only_open: false,
            created_before: None,
            kinds,
            before: None,
            lead: rules().any(|behaviour| behaviour.same_lead),
            asset: models.iter().any(|model| model.asks_assets()) || rules().any(|behaviour| behaviour.asset.is_some()),
            campaign: rules().any(|behaviour| behaviour.campaign.is_some()),
            form: rules().any(|behaviour| behaviour.form.is_some()),
            properties: rules().any(|behaviour| !behaviour.properties.is_empty()),
        }
    }

    /// Whether this is one of the leads that are wanted.
    pub fn takes(&self, lead: &Lead) -> bool {
        lead.merged_into_id.is_none()
            && (self.target == Target::Contact || lead.contact_id.is_none())
            && (!self.only_open || lead.status.0 == Status::Open)
            && self.created_before.is_none_or(|before| lead.created_at < before)
    }

    /// Whether nothing is wanted of an interaction but whose it is, what kind it is of and when it occurred.
    pub fn needs_no_more_than_an_index(&self) -> bool {
        !(self.lead || self.asset || self.campaign || self.form || self.properties)
    }
}

/// A lead, and everything its scores depend on.
pub struct Case {
    pub lead: Lead,
    pub facts: Facts,
    /// What the people did whose doings score the lead, by time, then id.
    pub evidence: Rc<[Occurrence]>,
    /// The people whose doings score the lead.
    pub people: Rc<[Id]>,
    /// Whether the person may be scored at all.
    pub permitted: bool,
    /// When the lead was closed, if it is and that was recorded.
    pub closed_at: Option<Timestamp>,
    /// What became of the opportunities that the lead led to; none where it led to none.
    pub deal: Option<Deal>,
}

impl Case {
    /// What became of the lead, and when that was; none while it is open.
    pub fn outcome(&self) -> Option<(Outcome, Timestamp)> {
        outcome(&self.lead, self.closed_at)
    }
}

/// What became of some leads beside what they say themselves.
#[derive(Default)]
struct Ends {
    closed_at: HashMap<Id, Timestamp>,
    deals: HashMap<Id, Vec<Deal>>,
}

impl Ends {
    fn of(tx: &mut Tx<'_>, leads: &[Lead]) -> Result<Self> {
        let ids: Vec<Id> = leads.iter().map(|lead| lead.id).collect();
        let mut ends = Self::default();
        for some in ids.chunks(AT_ONCE) {
            ends.closed_at.extend(tx.history().closed_at(some)?);
            let led_to = tx.opportunities().of_leads(some)?;
            for (lead, deal) in led_to.into_iter().chain(tx.opportunities().linked_to_leads(some)?) {
                ends.deals.entry(lead).or_default().push(deal);
            }
        }
        Ok(ends)
    }

    fn closed_at(&self, lead: Id) -> Option<Timestamp> {
        self.closed_at.get(&lead).copied()
    }

    fn deal(&self, lead: Id) -> Option<Deal> {
        opportunities::together(self.deals.get(&lead).into_iter().flatten().copied())
    }
}

/// A way through the history, from its beginning to its end.
pub struct History {
    wanted: Wanted,
    consent_needed: bool,
    /// Contacts or accounts that are to be read next, in parts.
    planned: VecDeque<Vec<Id>>,
    /// The last contact or account that was planned.
    after: Option<Id>,
    at_end: bool,
    /// Interactions that were read so far.
    pub interactions: u64,
}

impl History {
    /// The way through all that is `wanted`.
    pub fn new(tx: &mut Tx<'_>, wanted: Wanted) -> Result<Self> {
        let consent_needed = workspaces::settings(tx)?.require_profiling_consent;
        Ok(Self { wanted, consent_needed, planned: VecDeque::new(), after: None, at_end: false, interactions: 0 })
    }

    /// How many leads there are in all of it.
    pub fn count(&self, tx: &mut Tx<'_>) -> Result<i64> {
        tx.history().count_leads(&self.wanted)
    }

    /// The next part; none at the end.
    pub fn next(&mut self, tx: &mut Tx<'_>) -> Result<Option<Vec<Case>>> {
        if self.planned.is_empty() {
            self.plan(tx)?;
        }
        let Some(parties) = self.planned.pop_front() else { return Ok(None) };
        Ok(Some(match self.wanted.target {
            Target::Contact => self.of_contacts(tx, &parties)?,
            Target::Account => self.of_accounts(tx, &parties)?,
        }))
    }

    fn plan(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        if self.at_end {
            return Ok(());
        }
        let parties = tx.history().next_parties(&self.wanted, self.after, AT_ONCE as i64)?;
        self.at_end = parties.len() < AT_ONCE;
        self.after = parties.last().copied().or(self.after);
        self.planned = match self.wanted.target {
            Target::Account => parties.into_iter().map(|account| vec![account]).collect(),
            Target::Contact => {
                let volumes: HashMap<Id, i64> = tx.history().volumes(&parties)?.into_iter().collect();
                parts(parties, &volumes)
            }
        };
        Ok(())
    }

    fn of_contacts(&mut self, tx: &mut Tx<'_>, people: &[Id]) -> Result<Vec<Case>> {
        let leads = tx.history().leads_of(&self.wanted, people)?;
        let contacts = tx.scorables().contacts(people)?;
        let contacts: HashMap<Id, _> = contacts.into_iter().map(|contact| (contact.id, contact)).collect();
        let account_of = |lead: &Lead| {
            lead.account_id.or_else(|| contacts.get(&lead.contact_id?).and_then(|contact| contact.account_id))
        };
        let mut accounts: Vec<Id> = leads.iter().filter_map(account_of).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let mut known = HashMap::new();
        for some in accounts.chunks(AT_ONCE) {
            known.extend(tx.scorables().accounts(some)?.into_iter().map(|account| (account.id, account)));
        }
        let mut done: HashMap<Id, Vec<Occurrence>> = HashMap::with_capacity(people.len());
        for (contact, occurrence) in self.done_by(tx, people)? {
            if let Some(contact) = contact {
                done.entry(contact).or_default().push(occurrence);
            }
        }
        let done: HashMap<Id, Rc<[Occurrence]>> =
            done.into_iter().map(|(contact, done)| (contact, in_order(done))).collect();
        let ends = Ends::of(tx, &leads)?;
        let mut cases = Vec::with_capacity(leads.len());
        for lead in leads {
            let contact = lead.contact_id.and_then(|id| contacts.get(&id));
            let account = account_of(&lead).and_then(|id| known.get(&id));
            let consents = contact.is_some_and(|contact| scoring::consents_to_profiling(&contact.consents.0));
            cases.push(Case {
                facts: scoring::facts(&lead, contact, account)?,
                evidence: lead.contact_id.and_then(|id| done.get(&id)).cloned().unwrap_or_else(|| [].into()),
                people: lead.contact_id.into_iter().collect(),
                permitted: !self.consent_needed || consents,
                closed_at: ends.closed_at(lead.id),
                deal: ends.deal(lead.id),
                lead,
            });
        }
        Ok(cases)
    }

    fn of_accounts(&mut self, tx: &mut Tx<'_>, accounts: &[Id]) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        for account in tx.scorables().accounts(accounts)? {
            let people = tx.scorables().people_of(account.id)?.into_iter();
            let counted =
                people.filter(|(_, consents)| !self.consent_needed || scoring::consents_to_profiling(&consents.0));
            let people: Rc<[Id]> = counted.map(|(id, _)| id).collect();
            let mut done = Vec::new();
            for some in people.chunks(AT_ONCE) {
                done.extend(self.done_by(tx, some)?.into_iter().map(|(_, occurrence)| occurrence));
            }
            let done = in_order(done);
            let leads = tx.history().leads_of(&self.wanted, &[account.id])?;
            let ends = Ends::of(tx, &leads)?;
            for lead in leads {
                let own = tx.history().done_by_nobody(&self.wanted, lead.id)?;
                self.interactions += own.len() as u64;
                let evidence = match own.is_empty() {
                    true => done.clone(),
                    false => in_order(done.iter().cloned().chain(own).collect()),
                };
                let facts = scoring::facts(&lead, None, Some(&account))?;
                let (closed_at, deal) = (ends.closed_at(lead.id), ends.deal(lead.id));
                cases.push(Case { lead, facts, evidence, people: people.clone(), permitted: true, closed_at, deal });
            }
        }
        Ok(cases)
    }

    fn done_by(&mut self, tx: &mut Tx<'_>, people: &[Id]) -> Result<Vec<(Option<Id>, Occurrence)>> {
        let done = tx.history().done_by(&self.wanted, people)?;
        self.interactions += done.len() as u64;
        Ok(done)
    }
}

fn in_order(mut done: Vec<Occurrence>) -> Rc<[Occurrence]> {
    done.sort_by_key(|it| (it.occurred_at, it.id));
    done.into()
}

/// Contacts in parts of no more than [`PART`] interactions, unless one alone has more.
fn parts(people: Vec<Id>, volumes: &HashMap<Id, i64>) -> VecDeque<Vec<Id>> {
    let mut parts: VecDeque<Vec<Id>> = VecDeque::new();
    let mut size = 0;
    for person in people {
        let volume = volumes.get(&person).copied().unwrap_or(0);
        match parts.back_mut() {
            Some(part) if size + volume <= PART => part.push(person),
            _ => {
                parts.push_back(vec![person]);
                size = 0;
            }
        }
        size += volume;
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_keep_the_order_and_are_no_larger_than_one_contact_makes_them(
            volumes in proptest::collection::vec(prop_oneof![0_i64..PART, Just(PART * 3)], 0..60),
        ) {
            let people: Vec<Id> = (0_u8..).take(volumes.len()).map(|n| Id::from_bytes([n; 16])).collect();
            let volumes: HashMap<Id, i64> = people.iter().copied().zip(volumes).collect();
            let parts = parts(people.clone(), &volumes);
            prop_assert!(parts.iter().all(|part| part.len() == 1 || part.iter().map(|id| volumes[id]).sum::<i64>() <= PART));
            prop_assert_eq!(parts.into_iter().flatten().collect::<Vec<_>>(), people);
        }
    }
}

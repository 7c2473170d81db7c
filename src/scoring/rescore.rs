//! The one path by which a score changes (SCO-8 to SCO-12): which leads are concerned, and who waits for whom.
//!
//! Everything that follows for a lead is written by `settle`, in the caller's transaction or not at all.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::catalogue::{self, Live};
use super::footing::{self, Rested};
use super::known::{self, Known};
use super::ledger::Cause;
use super::settle::settle;
use super::step::News;
use super::{LeadOutcome, Target};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Status;

/// Leads that are brought up to date together.
const TOGETHER: usize = 500;
/// Held together by all who score, alone by whoever changes what the models are.
pub(super) const MODELS: &str = "scoring models";

/// Brings the open leads among `leads` up to date under every live model, after something changed that `cause` names.
/// One outcome for each open lead, by id.
pub fn rescore(tx: &mut Tx<'_>, leads: &[Id], cause: Cause) -> Result<Vec<LeadOutcome>> {
    rescore_news(tx, leads, cause, &[])
}

/// The same after the interactions `new` became known, so that the ledger tells the time that passed until then by what
/// was known before.
pub fn rescore_news(tx: &mut Tx<'_>, leads: &[Id], cause: Cause, new: &[Id]) -> Result<Vec<LeadOutcome>> {
    let news = News { cause, interactions: new.iter().copied().collect(), voided: HashSet::new() };
    let round = Round::of_all(tx, news)?;
    run(tx, leads, &round)
}

/// The same after the interactions `voided` were taken back; tells which leads had come where they stand by them.
pub fn rescore_voided(tx: &mut Tx<'_>, leads: &[Id], voided: &[Id]) -> Result<Vec<Undermined>> {
    let news = News { cause: Cause::Void, interactions: HashSet::new(), voided: voided.iter().copied().collect() };
    let round = Round::of_all(tx, news)?;
    let mut undermined = Vec::new();
    each(tx, leads, &round, |tx, known| {
        let rested = footing::of(tx, known, &round)?;
        let outcome = settle(tx, known, &round)?;
        let score = outcome.scores.iter().map(|score| score.score).max().unwrap_or(0);
        undermined.extend(rested.map(|rested| Undermined {
            lead_id: known.lead.id,
            rested,
            before: known.lead.score,
            score,
        }));
        Ok(())
    })?;
    Ok(undermined)
}

/// A lead that came where it stands by points that were taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undermined {
    pub lead_id: Id,
    /// What rested on them.
    pub rested: Rested,
    /// The lead's score before, as it was stored.
    pub before: i64,
    /// The lead's score after.
    pub score: i64,
}

/// Scores a lead anew after it was opened, it changed, or what belongs to it changed.
pub fn lead_changed(tx: &mut Tx<'_>, lead: Id) -> Result<Vec<LeadOutcome>> {
    hold_lead(tx, lead)?;
    rescore(tx, &[lead], Cause::FieldChange)
}

/// Holds off whoever changes what a lead is scored by.
pub fn hold_lead(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let lead = tx.leads().get(lead)?;
    match (lead.contact_id, lead.account_id) {
        (Some(contact), account) => hold_contacts(tx, &[contact], account),
        (None, Some(account)) => hold_account(tx, account),
        (None, None) => Ok(()),
    }
}

/// Scores the open leads anew that a contact's fields or doings count for.
pub fn contact_changed(tx: &mut Tx<'_>, contact: Id) -> Result<Vec<LeadOutcome>> {
    let leads = leads_of_contact(tx, contact)?;
    rescore(tx, &leads, Cause::FieldChange)
}

/// Scores the open leads anew that an account's fields or people count for: its own and those of its contacts.
pub fn account_changed(tx: &mut Tx<'_>, account: Id) -> Result<Vec<LeadOutcome>> {
    hold_account(tx, account)?;
    let leads = tx.scorables().open_around_account(account)?;
    rescore(tx, &leads, Cause::FieldChange)
}

/// Scores all open leads of the workspace anew after it changed its mind about consent to profiling (ADM-5).
pub fn consent_rule_changed(tx: &mut Tx<'_>) -> Result<()> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let leads = [tx.scorables().open_leads(Target::Contact)?, tx.scorables().open_leads(Target::Account)?].concat();
    rescore(tx, &leads, Cause::FieldChange).map(drop)
}

/// The open leads that a contact's doings count for: its own, and those that its account has itself. None is added
/// beside it until the transaction ends.
pub fn leads_of_contact(tx: &mut Tx<'_>, contact: Id) -> Result<Vec<Id>> {
    Ok(leads_of_contacts(tx, &[contact])?.remove(&contact).unwrap_or_default())
}

/// The same for several contacts, by contact.
pub fn leads_of_contacts(tx: &mut Tx<'_>, contacts: &[Id]) -> Result<BTreeMap<Id, Vec<Id>>> {
    hold_contacts(tx, contacts, None)?;
    let mut leads = BTreeMap::new();
    for (contact, account) in tx.scorables().accounts_of(contacts)? {
        let mut found = tx.leads().open_of_contact(contact)?;
        if let Some(account) = account {
            found.extend(tx.scorables().open_of_account(account)?);
        }
        leads.insert(contact, found);
    }
    Ok(leads)
}

/// Holds off whoever scores the leads of a contact. Comes after the turns of those who bring the person, and before any
/// of the leads is locked.
pub fn hold_contact(tx: &mut Tx<'_>, contact: Id) -> Result<()> {
    tx.take_turns(&[turn_of_contact(contact)])
}

/// Holds off whoever opens a lead of the contacts, or changes what their leads are scored by. The turns here and in
/// [`hold_account`] are always taken in one order: contacts, models, accounts; the leads themselves come last.
fn hold_contacts(tx: &mut Tx<'_>, contacts: &[Id], account_of_lead: Option<Id>) -> Result<()> {
    let turns: Vec<String> = contacts.iter().copied().map(turn_of_contact).collect();
    tx.take_turns(&turns)?;
    tx.share_turn(MODELS)?;
    let accounts = tx.scorables().accounts_of(contacts)?.into_iter().filter_map(|(_, account)| account);
    let turns: Vec<String> = accounts.chain(account_of_lead).map(turn_of_account).collect();
    // Only where leads of accounts are scored need the people of one account wait for each other.
    match catalogue::live(tx)?.iter().any(|live| live.model.definition().target == Target::Account) {
        true => tx.take_turns(&turns),
        false => tx.share_turns(&turns),
    }
}

fn hold_account(tx: &mut Tx<'_>, account: Id) -> Result<()> {
    tx.share_turn(MODELS)?;
    tx.take_turns(&[turn_of_account(account)])
}

fn turn_of_contact(id: Id) -> String {
    format!("contact {id}")
}

fn turn_of_account(id: Id) -> String {
    format!("account {id}")
}

/// What one pass over some leads is about.
pub(super) struct Round {
    /// The live models.
    pub models: Vec<Live>,
    /// The only model whose scores move; all when none is named.
    pub only: Option<Id>,
    pub news: News,
    /// Whether closed leads are in it as well.
    pub closed_too: bool,
}

impl Round {
    /// A pass over all live models, which nobody changes until the transaction ends.
    fn of_all(tx: &mut Tx<'_>, news: News) -> Result<Self> {
        tx.share_turn(MODELS)?;
        Ok(Self { models: catalogue::live(tx)?, only: None, news, closed_too: false })
    }

    /// A pass that moves the scores of one model only.
    pub fn of_model(models: Vec<Live>, only: Id, cause: Cause, closed_too: bool) -> Self {
        let news = News { cause, interactions: HashSet::new(), voided: HashSet::new() };
        Self { models, only: Some(only), news, closed_too }
    }
}

pub(super) fn run(tx: &mut Tx<'_>, leads: &[Id], round: &Round) -> Result<Vec<LeadOutcome>> {
    let mut outcomes = Vec::new();
    each(tx, leads, round, |tx, known| {
        outcomes.push(settle(tx, known, round)?);
        Ok(())
    })?;
    Ok(outcomes)
}

/// Does `work` for every lead that the pass is about, with all that its scores depend on.
fn each(
    tx: &mut Tx<'_>,
    leads: &[Id],
    round: &Round,
    mut work: impl FnMut(&mut Tx<'_>, &Known) -> Result<()>,
) -> Result<()> {
    // One order for everyone, so that two who score the same leads never wait for each other.
    let leads: Vec<Id> = leads.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    for some in leads.chunks(TOGETHER) {
        let mut locked = tx.scorables().lock_leads(some)?;
        locked.retain(|lead| round.closed_too || lead.status.0 == Status::Open);
        for known in known::load_after(tx, locked, &round.models, &round.news.voided)? {
            work(tx, &known)?;
        }
    }
    Ok(())
}

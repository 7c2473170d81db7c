//! The one path by which a score changes (SCO-8 to SCO-12): which leads are concerned, and who waits for whom.
//!
//! Everything that follows for a lead is written by `settle`, in the caller's transaction or not at all. What concerns
//! more leads than one contact's is done by a job (SCO-11), see `rescoring`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::case::{self, Case};
use super::catalogue::{self, Live};
use super::footing::{self, Rested};
use super::known;
use super::ledger::Cause;
use super::rescoring::{self, Concern};
use super::settle::{settle, take_back};
use super::step::News;
use super::{LeadOutcome, Occurrence, Target};
use crate::alerts;
use crate::alerts::interest::Rise;
use crate::contacts::{self, Contact};
use crate::db::{Cause as Because, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::jobs::Job;
use crate::leads::{Lead, Status};

/// Leads that are brought up to date together.
const TOGETHER: usize = 500;
/// Leads that are scored anew at once when what many share has changed; more are left to a job.
const AT_ONCE: i64 = 100;
/// Held together by all who score, alone by whoever changes what the models are.
pub(super) const MODELS: &str = "scoring models";

/// Brings the open leads among `leads` up to date under every live model, after something changed that `cause` names.
/// One outcome for each open lead, by id.
pub fn rescore(tx: &mut Tx<'_>, leads: &[Id], cause: Cause) -> Result<Vec<LeadOutcome>> {
    let news = News { is_other_history: cause == Cause::Merge, ..News::of(cause) };
    let round = Round::of_all(tx, news, Reach::All)?;
    run(tx, leads, &round)
}

/// The same after other interactions count for the leads than before, or the same ones otherwise; `news` are those that
/// changed, as far as that is known.
pub fn rescore_history(tx: &mut Tx<'_>, leads: &[Id], cause: Cause, news: &[Id]) -> Result<Vec<LeadOutcome>> {
    rescore_told(tx, leads, cause, Told { new: news.to_vec(), are_rewritten: true, ..Told::default() })
}

/// The same after the interactions `new` became known. Only models that look at their kinds, and those whose time has
/// come, move; the ledger tells the time that passed by what was known before.
pub fn rescore_news(tx: &mut Tx<'_>, leads: &[Id], cause: Cause, new: &[Id]) -> Result<Vec<LeadOutcome>> {
    rescore_told(tx, leads, cause, Told { new: new.to_vec(), ..Told::default() })
}

/// The same for whoever has more to tell of them.
pub fn rescore_told(tx: &mut Tx<'_>, leads: &[Id], cause: Cause, told: Told) -> Result<Vec<LeadOutcome>> {
    let Told { new, at_hand, people, because, are_rewritten } = told;
    let news = News { interactions: new.iter().copied().collect(), at_hand, because, ..News::of(cause) };
    if are_rewritten {
        let round = Round::of_all(tx, News { is_other_history: true, ..news }, Reach::All)?;
        return run(tx, leads, &Round { people, ..round });
    }
    let round = Round { people, ..Round::of_all(tx, news, Reach::Moved)? };
    // What named an account's lead and nobody counted for it before it became somebody's.
    let scores_accounts = round.models.iter().any(|live| live.model.definition().target == Target::Account);
    let named = if scores_accounts { tx.scorables().account_leads_named(&new)? } else { Vec::new() };
    if named.is_empty() {
        return run(tx, leads, &round);
    }
    let others: Vec<Id> = leads.iter().copied().filter(|lead| !named.contains(lead)).collect();
    let mut outcomes = run(tx, &others, &round)?;
    let told = Told { new, because: round.news.because, are_rewritten: true, ..Told::default() };
    outcomes.extend(rescore_told(tx, &named, cause, told)?);
    outcomes.sort_by_key(|outcome| outcome.lead_id);
    Ok(outcomes)
}

/// The same for what time alone has moved.
pub(super) fn rescore_due(tx: &mut Tx<'_>, leads: &[Id]) -> Result<Vec<LeadOutcome>> {
    let round = Round::of_all(tx, News::of(Cause::WindowExpiry), Reach::Due)?;
    run(tx, leads, &round)
}

/// The same after the interactions `voided` were taken back; tells which leads had come where they stand by them.
pub fn rescore_voided(tx: &mut Tx<'_>, leads: &[Id], voided: &[Id]) -> Result<Vec<Undermined>> {
    let news = News { voided: voided.iter().copied().collect(), ..News::of(Cause::Void) };
    let round = Round::of_all(tx, news, Reach::All)?;
    let (mut undermined, mut rises) = (Vec::new(), Vec::new());
    each(tx, leads, &round, |tx, cases| {
        let mut rested = Vec::with_capacity(cases.len());
        for case in cases {
            let known = known::load_after(tx, vec![case.lead.clone()], &round.models, &round.news.voided)?;
            rested.push(match known.first() {
                Some(known) => footing::of(tx, known, &round)?,
                None => None,
            });
        }
        for ((case, rested), outcome) in cases.iter().zip(rested).zip(settle(tx, cases, &round)?) {
            rises.extend(rise(&case.lead, &outcome));
            let score = outcome.scores.iter().map(|score| score.score).max().unwrap_or(0);
            let (lead_id, before) = (case.lead.id, case.lead.score);
            undermined.extend(rested.map(|rested| Undermined { lead_id, rested, before, score }));
        }
        Ok(())
    })?;
    alerts::scores_rose(tx, &rises)?;
    Ok(undermined)
}

/// Interactions that became known.
#[derive(Default)]
pub struct Told {
    pub new: Vec<Id>,
    /// Those of them that the caller has at hand, each with who did it.
    pub at_hand: Vec<(Option<Id>, Occurrence)>,
    /// Contacts that the caller has at hand.
    pub people: HashMap<Id, Contact>,
    /// What those that bear on a lead follow from, by lead.
    pub because: HashMap<Id, Because>,
    /// Whether others count otherwise than before, too.
    pub are_rewritten: bool,
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

/// Brings the scores of a lead up to date that was closed for a while: those of models that were stopped meanwhile are
/// taken back, unless these let theirs be, and everything that was done since counts.
pub fn lead_reopened(tx: &mut Tx<'_>, lead: Id) -> Result<Vec<LeadOutcome>> {
    hold_lead(tx, lead)?;
    let live: BTreeSet<Id> = tx.scoring_models().live()?.into_iter().map(|(id, ..)| id).collect();
    for score in tx.scores().of_leads(&[lead])? {
        if !live.contains(&score.model_id) && !tx.scoring_models().get_any(score.model_id)?.keeps_scores {
            take_back(tx, &score, Cause::Publish)?;
        }
    }
    rescore_history(tx, &[lead], Cause::FieldChange, &[])
}

/// Holds off whoever changes what a lead is scored by.
pub fn hold_lead(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let lead = tx.leads().get(lead)?;
    match (lead.contact_id, lead.account_id) {
        (Some(contact), account) => hold_contacts(tx, &[contact], account.as_slice()).map(|_| ()),
        (None, Some(account)) => hold_account(tx, account),
        (None, None) => Ok(()),
    }
}

/// Holds off whoever changes what the leads are scored by, unless they come to belong to others meanwhile.
pub fn hold_leads(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    let mut contacts = BTreeSet::new();
    let mut accounts = BTreeSet::new();
    for (contact, account) in tx.scorables().belongings(leads)? {
        contacts.extend(contact);
        accounts.extend(account);
    }
    hold_contacts(tx, &Vec::from_iter(contacts), &Vec::from_iter(accounts))?;
    Ok(())
}

/// Scores the open leads anew that a contact's fields count for, and, where the account's people or those who may be
/// scored are others than `before`, the account's own.
pub fn contact_changed(tx: &mut Tx<'_>, before: &Contact, after: &Contact) -> Result<()> {
    hold_contacts(tx, &[after.id], before.account_id.as_slice())?;
    let own = tx.leads().open_of_contact(after.id)?;
    rescore(tx, &own, Cause::FieldChange)?;
    let profiling = |contact: &Contact| known::consents_to_profiling(&contact.consents.0);
    if before.account_id != after.account_id || profiling(before) != profiling(after) {
        let mut leads = Vec::new();
        for account in [before.account_id, after.account_id].into_iter().flatten() {
            leads.extend(tx.scorables().open_of_account(account)?);
        }
        rescore_history(tx, &leads, Cause::FieldChange, &[])?;
    }
    Ok(())
}

/// Scores the open leads anew that an account's fields count for: its own and those of its contacts. Gives the job that
/// does so when they are many.
pub fn account_changed(tx: &mut Tx<'_>, account: Id) -> Result<Option<Job>> {
    hold_account(tx, account)?;
    let leads = tx.scorables().open_around_account(account, Id::NIL, AT_ONCE + 1)?;
    if i64::try_from(leads.len()).is_ok_and(|count| count <= AT_ONCE) {
        rescore(tx, &leads, Cause::FieldChange)?;
        return Ok(None);
    }
    rescoring::request(tx, &Concern::Account { account_id: account }, None).map(Some)
}

/// Has all open leads of the workspace scored anew after it changed its mind about consent to profiling (ADM-5).
pub fn consent_rule_changed(tx: &mut Tx<'_>) -> Result<Job> {
    let total = tx.scorables().count_open()?;
    rescoring::request(tx, &Concern::Consent, Some(total))
}

/// Has all open leads of the workspace scored anew after the register of assets changed, if any live model takes points
/// from it (SCO-13).
pub fn assets_changed(tx: &mut Tx<'_>) -> Result<Option<Job>> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let mut asks = false;
    for (id, version, _) in tx.scoring_models().live()? {
        asks |= tx.scoring_models().definition(id, version)?.rules.iter().any(|rule| rule.from_asset);
    }
    if !asks {
        return Ok(None);
    }
    let total = tx.scorables().count_open()?;
    rescoring::request(tx, &Concern::Assets, Some(total)).map(Some)
}

/// The open leads that a contact's doings count for: its own, and those that its account has itself. None is added
/// beside it until the transaction ends.
pub fn leads_of_contact(tx: &mut Tx<'_>, contact: Id) -> Result<Vec<Id>> {
    Ok(leads_of_contacts(tx, &[contact])?.remove(&contact).unwrap_or_default())
}

/// The same for several contacts, by contact.
pub fn leads_of_contacts(tx: &mut Tx<'_>, contacts: &[Id]) -> Result<BTreeMap<Id, Vec<Id>>> {
    take_turns_before(tx, Vec::new(), contacts)?;
    let mut leads: BTreeMap<Id, Vec<Id>> = contacts.iter().map(|contact| (*contact, Vec::new())).collect();
    let mut people: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    for (contact, account, lead) in tx.scorables().open_of_contacts(contacts)? {
        leads.entry(contact).or_default().extend(lead);
        if let Some(account) = account {
            people.entry(account).or_default().insert(contact);
        }
    }
    hold_accounts(tx, &Vec::from_iter(people.keys().copied()))?;
    for (account, people) in people {
        let own = tx.scorables().open_of_account(account)?;
        for contact in people {
            leads.entry(contact).or_default().extend(&own);
        }
    }
    leads.values_mut().for_each(|leads| leads.sort_unstable());
    Ok(leads)
}

/// Holds off whoever scores the leads of a contact. Comes after the turns of those who bring the person, and before any
/// of the leads is locked.
pub fn hold_contact(tx: &mut Tx<'_>, contact: Id) -> Result<()> {
    tx.take_turns(&[turn_of_contact(contact)])
}

/// Holds off whoever opens a lead of the contacts, or changes what their leads are scored by; tells the account of each.
/// The turns here and in `hold_account` are always taken in one order: contacts, models, accounts; the leads themselves
/// come last.
pub fn hold_contacts(tx: &mut Tx<'_>, contacts: &[Id], further_accounts: &[Id]) -> Result<Vec<(Id, Option<Id>)>> {
    take_turns_before(tx, Vec::new(), contacts)?;
    let found = tx.scorables().accounts_of(contacts)?;
    let accounts = found.iter().filter_map(|(_, account)| *account);
    hold_accounts(tx, &Vec::from_iter(accounts.chain(further_accounts.iter().copied())))?;
    Ok(found)
}

/// Takes the turns `first`, then those of the contacts, and shares that of the models: all in one step for whoever knows
/// all contacts that it will hold, and otherwise for none of them.
pub fn take_turns_before(tx: &mut Tx<'_>, first: Vec<String>, contacts: &[Id]) -> Result<()> {
    let contacts: Vec<String> = contacts.iter().copied().map(turn_of_contact).collect();
    tx.take_turns_after(&[first, contacts], Some(MODELS))
}

/// Holds off whoever changes the accounts, or, where leads of accounts are scored, what their people do.
fn hold_accounts(tx: &mut Tx<'_>, accounts: &[Id]) -> Result<()> {
    if accounts.is_empty() {
        return Ok(());
    }
    let turns: Vec<String> = accounts.iter().copied().map(turn_of_account).collect();
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
    contacts::turn(id)
}

fn turn_of_account(id: Id) -> String {
    format!("account {id}")
}

/// Whose scores a round moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those under every model, each in the version that is live.
    All,
    /// Those that the news may move, or time has, each in the version that scores the lead.
    Moved,
    /// Those that time has moved, each in the version that scores the lead.
    Due,
}

/// What one pass over some leads is about.
pub struct Round {
    /// The live models.
    pub models: Vec<Live>,
    pub reach: Reach,
    /// The only model whose scores move; all when none is named.
    pub only: Option<Id>,
    pub news: News,
    /// Whether only those count who consented to profiling.
    pub consent_needed: bool,
    /// Contacts that need not be asked for.
    pub people: HashMap<Id, Contact>,
}

impl Round {
    /// A pass over all live models, which nobody changes until the transaction ends.
    pub(super) fn of_all(tx: &mut Tx<'_>, news: News, reach: Reach) -> Result<Self> {
        tx.share_turn(MODELS)?;
        let (models, settings) = catalogue::live_and_settings(tx)?;
        let consent_needed = settings.require_profiling_consent;
        Ok(Self { models, reach, only: None, news, consent_needed, people: HashMap::new() })
    }
}

pub(super) fn run(tx: &mut Tx<'_>, leads: &[Id], round: &Round) -> Result<Vec<LeadOutcome>> {
    let (mut outcomes, mut rises) = (Vec::new(), Vec::new());
    each(tx, leads, round, |tx, cases| {
        let settled = settle(tx, cases, round)?;
        rises.extend(cases.iter().zip(&settled).filter_map(|(case, outcome)| rise(&case.lead, outcome)));
        outcomes.extend(settled);
        Ok(())
    })?;
    alerts::scores_rose(tx, &rises)?;
    Ok(outcomes)
}

/// How far the score of a lead that has an owner rose.
fn rise(lead: &Lead, outcome: &LeadOutcome) -> Option<Rise> {
    let highest = outcome.scores.iter().max_by_key(|score| score.score)?;
    let rose = lead.owner_id.is_some() && highest.score > lead.score;
    rose.then(|| Rise {
        lead: lead.owned(),
        before: lead.score,
        after: highest.score,
        model_id: Some(highest.model_id),
        model: Some(highest.model.clone()),
    })
}

/// Does `work` for the open leads that the pass is about, some at a time, with all that their scores depend on.
fn each(
    tx: &mut Tx<'_>,
    leads: &[Id],
    round: &Round,
    mut work: impl FnMut(&mut Tx<'_>, &[Case]) -> Result<()>,
) -> Result<()> {
    // One order for everyone, so that two who score the same leads never wait for each other.
    let leads: Vec<Id> = leads.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    for some in leads.chunks(TOGETHER) {
        let locked: Vec<Lead> =
            tx.scorables().lock_leads(some)?.into_iter().filter(|lead| lead.status.0 == Status::Open).collect();
        let cases = case::load(tx, locked, round)?;
        work(tx, &cases)?;
    }
    Ok(())
}

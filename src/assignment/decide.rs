//! Which rule gives a lead to whom, and why not the others (ASG-1, ASG-3, ASG-5). The same for a lead that is given out
//! and for one that somebody only asks about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::choose::{Candidate, Choice, Mode, Occasion, Refusal, Round, choose};
use super::{Otherwise, Rule, Target, When};
use crate::accounts::Account;
use crate::clock::Timestamp;
use crate::contacts::Contact;
use crate::db::Tx;
use crate::error::Result;
use crate::filter::{Filter, Records, Relations};
use crate::id::Id;
use crate::leads::{self, Lead};
use crate::workspaces::User;

/// What the rules make of a lead.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentDecision)]
pub struct Decision {
    /// The user who gets the lead; null when nobody does.
    pub owner_id: Option<Id>,
    /// The rule that gives it out, or that found nobody left; null when none matched.
    pub rule_id: Option<Id>,
    /// Why nobody gets it; null when somebody does.
    pub reason: Option<Reason>,
    /// The rules in their order, as far as they were asked, the last being the one that decided.
    pub rules: Vec<Verdict>,
    /// How the rule chose, and where it stands afterwards.
    #[serde(skip)]
    pub(super) chosen: Option<(Mode, Round)>,
    /// When the first of those comes back who are only away.
    #[serde(skip)]
    pub(super) back_at: Option<Timestamp>,
}

/// Why nobody gets a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UnassignedReason)]
pub enum Reason {
    /// A rule matched, and everybody it could choose is away, full, locked out or sells something else.
    NobodyLeft,
    /// No rule matched.
    NoRuleMatched,
    /// Somebody gave it back by hand.
    Released,
}

/// What came of asking one rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentVerdict)]
pub struct Verdict {
    /// The rule.
    pub rule_id: Id,
    /// Its name.
    #[schema(example = "Hot leads to the best")]
    pub name: String,
    /// How it chooses.
    pub mode: Mode,
    /// What came of it.
    pub outcome: Asked,
    /// The same for people.
    #[schema(example = "its condition does not hold: contact.country at /condition/all/1")]
    pub detail: String,
    /// Everybody it could choose among, in its order; empty when it did not come to that.
    pub candidates: Vec<Look>,
}

/// What came of asking a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentOutcome)]
pub enum Asked {
    /// It is switched off.
    SwitchedOff,
    /// It is asked at another moment.
    OtherMoment,
    /// Its condition does not hold.
    NotMatched,
    /// It matches leads whose contact or account has an owner, and there is none.
    NoOwner,
    /// It matched and found nobody.
    NobodyLeft,
    /// It gives the lead out.
    Chosen,
}

/// Somebody whom a rule could choose.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentCandidate)]
pub struct Look {
    /// The user.
    pub user_id: Id,
    /// Their name.
    #[schema(example = "Mari Maasikas")]
    pub name: String,
    /// Whether they get the lead.
    pub chosen: bool,
    /// Why not; null for whoever gets it.
    pub refusal: Option<Refusal>,
    /// The same for people.
    #[schema(example = "holds 5 open leads and may hold 5")]
    pub detail: String,
}

/// What somebody supposes of a lead whose future they ask for; what they leave out is as it is.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    pub score: Option<i64>,
    pub temperature: Option<String>,
}

/// A lead and those whom rules ask about.
struct Facts {
    lead: Lead,
    contact: Option<Contact>,
    account: Option<Account>,
    records: Records,
}

/// What all rules would make of a lead at this moment, switched off ones included. Writes nothing.
pub fn foretell(tx: &mut Tx<'_>, lead: &Lead, when: When, guess: &Guess) -> Result<Decision> {
    let rules = tx.assignment_rules().all()?;
    let lead = Lead {
        score: guess.score.unwrap_or(lead.score),
        temperature: guess.temperature.clone().or_else(|| lead.temperature.clone()),
        ..lead.clone()
    };
    decide(tx, &lead, when, &rules)
}

/// Asks the rules in their order whom the lead goes to.
pub(super) fn decide(tx: &mut Tx<'_>, lead: &Lead, when: When, rules: &[Rule]) -> Result<Decision> {
    let facts = Facts::of(tx, lead)?;
    let mut decision =
        Decision { owner_id: None, rule_id: None, reason: None, rules: Vec::new(), chosen: None, back_at: None };
    for rule in rules {
        let (verdict, choice) = ask(tx, rule, &facts, when)?;
        let outcome = verdict.outcome;
        decision.rules.push(verdict);
        let Some(choice) = choice else { continue };
        if choice.chosen.is_some() {
            let chosen = Some((rule.mode.0, choice.round));
            return Ok(Decision { owner_id: choice.chosen, rule_id: Some(rule.id), reason: None, chosen, ..decision });
        }
        decision.back_at = [decision.back_at, choice.back_at].into_iter().flatten().min();
        if outcome == Asked::NobodyLeft {
            decision.reason = Some(Reason::NobodyLeft);
            decision.rule_id = decision.rule_id.or(Some(rule.id));
            if rule.otherwise.0 == Otherwise::Unassigned {
                return Ok(decision);
            }
        }
    }
    decision.reason = decision.reason.or(Some(Reason::NoRuleMatched));
    Ok(decision)
}

/// Asks one rule; the choice is there when it came to one.
fn ask(tx: &mut Tx<'_>, rule: &Rule, facts: &Facts, when: When) -> Result<(Verdict, Option<Choice>)> {
    let verdict = |outcome, detail: &str, candidates| Verdict {
        rule_id: rule.id,
        name: rule.name.clone(),
        mode: rule.mode.0,
        outcome,
        detail: detail.to_owned(),
        candidates,
    };
    if !rule.enabled {
        return Ok((verdict(Asked::SwitchedOff, "it is switched off", Vec::new()), None));
    }
    if rule.moment.0 != when {
        return Ok((verdict(Asked::OtherMoment, "it is asked at another moment", Vec::new()), None));
    }
    if let Some(unmet) = rule.condition.as_ref().and_then(|condition| unmet(&condition.0, &facts.records)) {
        let detail = format!("its condition does not hold: {unmet}");
        return Ok((verdict(Asked::NotMatched, &detail, Vec::new()), None));
    }
    let users = users(tx, rule, facts)?;
    if rule.mode.0 == Mode::KeepOwner && users.is_empty() {
        return Ok((verdict(Asked::NoOwner, "neither the contact nor the account has an owner", Vec::new()), None));
    }
    let candidates = candidates(tx, rule, &users, facts.lead.id)?;
    let occasion = Occasion { product_line: facts.lead.product_line.as_deref(), at: tx.at() };
    let choice = choose(rule.mode.0, occasion, &candidates, &rule.round.0);
    let looks = looks(&users, &choice);
    let (outcome, detail) = match choice.chosen {
        Some(_) => (Asked::Chosen, "it gives the lead out"),
        None => (Asked::NobodyLeft, "it matches, and nobody is left who could take the lead"),
    };
    Ok((verdict(outcome, detail, looks), Some(choice)))
}

impl Facts {
    fn of(tx: &mut Tx<'_>, lead: &Lead) -> Result<Self> {
        let contact = match lead.contact_id {
            Some(contact) => tx.contacts().find(contact)?,
            None => None,
        };
        // The lead's own account, or else its contact's, as in every filter.
        let account = match lead.account_id.or(contact.as_ref().and_then(|contact| contact.account_id)) {
            Some(account) => tx.accounts().find(account)?,
            None => None,
        };
        let records = leads::records(lead, contact.as_ref(), account.as_ref())?;
        Ok(Self { lead: lead.clone(), contact, account, records })
    }

    /// The users whom `keep_owner` tells, the contact's owner first.
    fn owners(&self) -> Vec<Id> {
        let of_contact = self.contact.as_ref().and_then(|contact| contact.owner_id);
        let of_account = self.account.as_ref().and_then(|account| account.owner_id);
        let others = of_account.filter(|owner| of_contact != Some(*owner));
        of_contact.into_iter().chain(others).collect()
    }
}

/// The users whom a rule chooses among.
fn users(tx: &mut Tx<'_>, rule: &Rule, facts: &Facts) -> Result<Vec<User>> {
    let named = match (&rule.target, rule.mode.0) {
        (_, Mode::KeepOwner) => facts.owners(),
        (Some(target), _) => match &target.0 {
            Target { users: Some(users), .. } => users.clone(),
            Target { team: Some(team), .. } => {
                let all = tx.candidates().users(None)?;
                return Ok(all.into_iter().filter(|user| user.teams.0.contains(team)).collect());
            }
            Target { role, .. } => return tx.candidates().users(*role),
        },
        (None, _) => return tx.candidates().users(None),
    };
    let mut users = Vec::with_capacity(named.len());
    for id in named {
        users.extend(tx.users().find(id)?);
    }
    Ok(users)
}

/// The users as those who may take a lead; what they hold is counted without it.
fn candidates(tx: &mut Tx<'_>, rule: &Rule, users: &[User], lead: Id) -> Result<Vec<Candidate>> {
    let ids: Vec<Id> = users.iter().map(|user| user.id).collect();
    let held = tx.candidates().open_leads(&ids, lead)?;
    let weights: BTreeMap<Id, i64> = rule.weights.0.iter().map(|weight| (weight.user_id, weight.weight)).collect();
    let candidate = |user: &User| Candidate {
        id: user.id,
        disabled: user.disabled,
        away_until: user.away_until,
        open: held.get(&user.id).copied().unwrap_or(0),
        capacity: user.capacity,
        rank: user.rank,
        product_lines: user.product_lines.0.clone(),
        weight: weights.get(&user.id).copied().unwrap_or(1),
    };
    Ok(users.iter().map(candidate).collect())
}

fn looks(users: &[User], choice: &Choice) -> Vec<Look> {
    let look = |user: &User| {
        let passed = choice.others.iter().find(|passed| passed.id == user.id);
        Look {
            user_id: user.id,
            name: user.name.clone(),
            chosen: passed.is_none(),
            refusal: passed.map(|passed| passed.refusal),
            detail: passed.map_or_else(|| "gets the lead".to_owned(), |passed| passed.detail.clone()),
        }
    };
    users.iter().map(look).collect()
}

/// The first part of a condition that keeps it from holding, for people; `None` when it holds.
fn unmet(condition: &Filter, records: &Records) -> Option<String> {
    if condition.holds(records, &Relations::NONE) {
        return None;
    }
    let (mut part, mut pointer) = (condition, "/condition".to_owned());
    loop {
        let (step, parts) = match part {
            Filter::All(parts) => ("/all", parts),
            Filter::List(parts) => ("", parts),
            Filter::Condition(condition) => return Some(format!("{} at {pointer}", condition.field)),
            Filter::Any(_) | Filter::Not(_) | Filter::Related(_) => return Some(format!("what is at {pointer}")),
        };
        let fails = |part: &&Filter| !part.holds(records, &Relations::NONE);
        let (index, failing) = parts.iter().enumerate().find(|(_, part)| fails(part))?;
        pointer = format!("{pointer}{step}/{index}");
        part = failing;
    }
}

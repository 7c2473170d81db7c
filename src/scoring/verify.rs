//! The proof (SCO-9): everything computed anew from scratch, and held against what is stored.
//!
//! For every score of a lead, the rows of the ledger must add up to its parts, rule by rule, and, while the lead is
//! open, the parts must be what the model makes of records and history; no row may be left over without a score, no
//! score may be missing, and the lead must show the highest of them. Some leads are held at a time, so that it can be
//! done while everything goes on. Scores that a job has yet to bring up to date are not held against their records
//! before it has.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::catalogue::{self, Live};
use super::known::{self, Known};
use super::rescore::hold_leads;
use super::{LeadScore, Part, evaluate};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::jobs::{self, Job, Kind, Step};

/// Leads that are looked at together.
const CHUNK: i64 = 100;
/// Differences that a job's result lists; all are counted.
const LISTED: usize = 100;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreDifference)]
pub struct Difference {
    /// The lead.
    pub lead_id: Id,
    /// The model; null for the lead's own score.
    pub model_id: Option<Id>,
    /// The rule, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`; null for a whole score.
    #[schema(max_length = 100, example = "webinar")]
    pub rule: Option<String>,
    /// What does not agree.
    pub what: What,
    /// What is stored, in points.
    #[schema(example = 40)]
    pub stored: i64,
    /// What it should be, in points.
    #[schema(example = 20)]
    pub expected: i64,
}

/// What two things do not agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScoreDisagreement)]
pub enum What {
    /// The rows of the ledger and the stored part.
    Ledger,
    /// The stored part and the one that is computed from scratch.
    Score,
    /// The lead's score and the highest that a live model gives it.
    Lead,
}

impl What {
    /// What is stored that does not agree, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "the sum of its ledger",
            Self::Score => "what is stored",
            Self::Lead => "the lead's own score",
        }
    }
}

/// What was verified, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Leads that were looked at.
    pub leads: i64,
    /// Their scores.
    pub scores: i64,
    /// How many things are not as they should be.
    pub differences: i64,
    /// The first hundred of them.
    pub first: Vec<Difference>,
}

impl Findings {
    fn add(&mut self, leads: usize, scores: usize, found: Vec<Difference>) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.leads += count(leads);
        self.scores += count(scores);
        self.differences += count(found.len());
        let room = LISTED.saturating_sub(self.first.len());
        self.first.extend(found.into_iter().take(room));
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Wish {
    model_id: Id,
}

/// Has all scores of a model verified.
pub fn request(tx: &mut Tx<'_>, model: Id) -> Result<Job> {
    let model = tx.scoring_models().get(model)?;
    let total = tx.scorables().count_all()?;
    jobs::enqueue(tx, Kind::VerifyScores, &Wish { model_id: model.id }, Some(total))
}

/// Verifies the next leads of a job. Waits for others that are still bringing scores up to date.
pub fn step(tx: &mut Tx<'_>, job: &Job) -> Result<Step> {
    let wish: Wish = job.input()?;
    let after: Id = job.position::<Option<Id>>()?.unwrap_or(Id::NIL);
    let mut findings: Findings = serde_json::from_value(job.result.0.clone()).unwrap_or_default();
    let json = |value: &Findings| serde_json::to_value(value).map_err(Error::internal);
    let place = |id: Id| serde_json::to_value(id).map_err(Error::internal);
    if tx.jobs().is_any_unfinished(Kind::RescoreLeads)? {
        return Ok(Step { items: 0, position: Some(place(after)?), result: json(&findings)? });
    }
    let before = findings.leads;
    let last = verify_some(tx, Some(wish.model_id), after, &mut findings)?;
    let position = last.map(place).transpose()?;
    Ok(Step { items: findings.leads - before, position, result: json(&findings)? })
}

/// Verifies some leads, by id from after `after` on, under one model or all, and adds what was found. Gives where to go
/// on; none at the end.
pub fn verify_some(tx: &mut Tx<'_>, only: Option<Id>, after: Id, findings: &mut Findings) -> Result<Option<Id>> {
    let leads = tx.scorables().all_after(after, CHUNK)?;
    hold_leads(tx, &leads)?;
    let locked = tx.scorables().lock_leads(&leads)?;
    let models = catalogue::live(tx)?;
    let ledgers = ledgers(tx, &leads)?;
    let stored = tx.scores().of_leads(&leads)?;
    let scores = stored.iter().filter(|score| only.is_none_or(|only| only == score.model_id)).count();
    let mut found = Vec::new();
    for known in known::load(tx, locked, &models)? {
        let own: Vec<&LeadScore> = stored.iter().filter(|score| score.lead_id == known.lead.id).collect();
        found.extend(against_ledger(&known, &own, &ledgers));
        if known.lead.status.0.is_open() {
            found.extend(against_history(tx, &known, &own, &models)?);
            found.extend(against_lead(&known, &own, &models));
        }
    }
    found.retain(|it| only.is_none_or(|only| it.model_id.is_none_or(|model| model == only)));
    findings.add(leads.len(), scores, found);
    Ok(leads.last().copied().filter(|_| i64::try_from(leads.len()).is_ok_and(|count| count == CHUNK)))
}

type Ledgers = HashMap<(Id, Id), BTreeMap<String, i64>>;

/// What the rows of each lead's ledger add up to, by model and rule; rules that add up to nothing are left out.
fn ledgers(tx: &mut Tx<'_>, leads: &[Id]) -> Result<Ledgers> {
    let mut ledgers = Ledgers::new();
    for (lead, model, rule, points) in tx.scores().sums(leads)? {
        if points != 0 {
            ledgers.entry((lead, model)).or_default().insert(rule, points);
        }
    }
    Ok(ledgers)
}

fn against_ledger(known: &Known, stored: &[&LeadScore], ledgers: &Ledgers) -> Vec<Difference> {
    let mut found = Vec::new();
    let none = BTreeMap::new();
    for score in stored {
        let sums = ledgers.get(&(known.lead.id, score.model_id)).unwrap_or(&none);
        found.extend(compare(score.lead_id, score.model_id, What::Ledger, sums, &by_rule(&score.shares.0)));
        let total = sums.values().sum::<i64>();
        if total != score.score {
            found.push(whole(score, What::Ledger, total, score.score));
        }
    }
    let scored: HashSet<Id> = stored.iter().map(|score| score.model_id).collect();
    for ((lead, model), sums) in ledgers.iter().filter(|((lead, _), _)| *lead == known.lead.id) {
        if !scored.contains(model) {
            found.extend(compare(*lead, *model, What::Ledger, sums, &none));
        }
    }
    found
}

fn against_history(tx: &mut Tx<'_>, known: &Known, stored: &[&LeadScore], models: &[Live]) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    for live in models {
        let score = stored.iter().find(|score| score.model_id == live.id);
        let live = match score {
            Some(score) => catalogue::as_it_was(tx, live, score.model_version, score.assets_revision)?,
            None => live.clone(),
        };
        let is_scored = known.permitted && live.model.covers(&known.facts.records);
        let at = score.map_or(tx.at(), |score| score.evaluated_at);
        let parts =
            if is_scored { evaluate(&live.model, &known.facts, &known.evidence, at).parts() } else { Vec::new() };
        let kept = score.map(|score| by_rule(&score.shares.0)).unwrap_or_default();
        found.extend(compare(known.lead.id, live.id, What::Score, &kept, &by_rule(&parts)));
    }
    Ok(found)
}

fn against_lead(known: &Known, stored: &[&LeadScore], models: &[Live]) -> Option<Difference> {
    let counts = |score: &&&LeadScore| models.iter().any(|live| live.id == score.model_id && !live.is_shadow);
    let expected = stored.iter().filter(counts).map(|score| score.score).max().unwrap_or(0);
    (known.lead.score != expected).then_some(Difference {
        lead_id: known.lead.id,
        model_id: None,
        rule: None,
        what: What::Lead,
        stored: known.lead.score,
        expected,
    })
}

fn by_rule(parts: &[Part]) -> BTreeMap<String, i64> {
    parts.iter().map(|part| (part.rule.clone(), part.points)).collect()
}

fn whole(score: &LeadScore, what: What, stored: i64, expected: i64) -> Difference {
    Difference { lead_id: score.lead_id, model_id: Some(score.model_id), rule: None, what, stored, expected }
}

fn compare(
    lead_id: Id,
    model: Id,
    what: What,
    stored: &BTreeMap<String, i64>,
    expected: &BTreeMap<String, i64>,
) -> Vec<Difference> {
    let rules: HashSet<&String> = stored.keys().chain(expected.keys()).collect();
    let mut rules: Vec<&String> = rules.into_iter().collect();
    rules.sort_unstable();
    let difference = |rule: &String| {
        let points = |of: &BTreeMap<String, i64>| of.get(rule).copied().unwrap_or(0);
        let (stored, expected) = (points(stored), points(expected));
        (stored != expected).then(|| Difference {
            lead_id,
            model_id: Some(model),
            rule: Some(rule.clone()),
            what,
            stored,
            expected,
        })
    };
    rules.into_iter().filter_map(difference).collect()
}

//! What the models make of a lead at the present moment, whenever it was last scored, and what the ledger knows of any
//! moment before (SCO-9, SCO-10).
//!
//! An open lead is evaluated from scratch, so every point comes with its reason. A closed lead, and a past moment, have
//! the points that were kept: what they rested on then is not.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::catalogue::{self, Live};
use super::forecast::{Change, forecast, next_change};
use super::known::{self, Known};
use super::model::Grade;
use super::nearest::{Way, nearest};
use super::reasons::{self, BoundReason, Readable, RuleReason};
use super::{LeadScore, Part, Scorecard, Share, evaluate};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;

/// Interactions that are named for one share.
const MOST_NAMED: usize = 100;

/// A lead's scores.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeadScores {
    /// The lead.
    pub lead_id: Id,
    /// Its score under every live model that scores it, in the order the models were created.
    pub data: Vec<ExplainedScore>,
}

/// A lead's score under one model, and what it is made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedScore {
    /// The model.
    pub model_id: Id,
    /// The model's name.
    #[schema(example = "Newcomers")]
    pub model: String,
    /// The model's version.
    #[schema(example = 1)]
    pub model_version: i64,
    /// The score, in points.
    #[schema(example = 105)]
    pub score: i64,
    /// The grade of the score.
    #[schema(example = "hot")]
    pub grade: String,
    /// The lowest score of that grade, in points; null in the lowest grade.
    #[schema(example = 61)]
    pub grade_from: Option<i64>,
    /// The highest score of that grade, in points; null in the highest grade.
    pub grade_to: Option<i64>,
    /// The grade above; null in the highest grade.
    pub next_grade: Option<NextGrade>,
    /// Whether the score is at the model's sales-ready score or above. A lead once marked sales ready keeps the mark
    /// when the score falls again.
    pub sales_ready: bool,
    /// The score from which the model calls a lead ready for sales, in points.
    #[schema(example = 100)]
    pub sales_ready_score: i64,
    /// The points that are missing to the sales-ready score; 0 when it is reached.
    #[schema(minimum = 0, example = 0)]
    pub points_missing: i64,
    /// What gives and takes points: the points add up to the score. Of many interactions that a rule rests on, the latest
    /// hundred are named; for a closed lead and for a past moment none are.
    pub shares: Vec<Share>,
    /// Every rule of the model, also those that give nothing, and why; only with the scores of one lead. What they give
    /// and what the bounds add and take adds up to the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 200)]
    pub rules: Option<Vec<RuleReason>>,
    /// What the bounds add and take, and why; only with the scores of one lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 53)]
    pub bounds: Option<Vec<BoundReason>>,
    /// The nearest way to sales ready; only with the scores of one lead that is open, as they are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Way>,
    /// Whether the model was stopped and left its score as it was; it counts for nothing any more.
    pub is_kept: bool,
    /// The moment that this is true for: now, the past moment asked for, or for a closed lead when it was last scored.
    pub evaluated_at: Timestamp,
    /// When the score may next change though nothing else happens; null when it stays as it is.
    pub due_at: Option<Timestamp>,
    /// The changes to come if nothing else happens, soonest first; only with `forecast=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Vec<Change>>,
}

/// The grade above the present one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextScoreGrade)]
pub struct NextGrade {
    /// Its name.
    #[schema(example = "hot")]
    pub name: String,
    /// Its lowest score, in points.
    #[schema(example = 61)]
    pub from: i64,
    /// The points that are missing to it; at least 1.
    #[schema(minimum = 1, example = 6)]
    pub points_missing: i64,
}

/// What the live models make of a lead now, with what is to come if that is asked for; what they made of it when it was
/// closed.
pub fn explain(tx: &mut Tx<'_>, lead: Id, with_forecast: bool) -> Result<LeadScores> {
    explained(tx, lead, with_forecast, None)
}

/// The same with every rule, its reasons as far as they are `readable`, and the nearest way to sales ready.
pub fn explain_fully(tx: &mut Tx<'_>, lead: Id, with_forecast: bool, readable: Readable) -> Result<LeadScores> {
    explained(tx, lead, with_forecast, Some(readable))
}

/// What the ledger knows of a lead's scores at a past moment, under the versions that were in force then. A model under
/// which nothing gave or took points then is left out.
pub fn as_of(tx: &mut Tx<'_>, lead: Id, at: Timestamp) -> Result<LeadScores> {
    let lead_id = tx.leads().get(lead)?.id;
    let mut known: BTreeMap<Id, Vec<Share>> = BTreeMap::new();
    for (model, rule, points) in tx.scores().sums_at(lead_id, at)? {
        known.entry(model).or_default().push(Share { rule, points, because: Vec::new() });
    }
    let models: Vec<Id> = known.keys().copied().collect();
    let mut data = Vec::new();
    for (id, version) in tx.scoring_models().in_force(&models, at)? {
        let live = catalogue::version_of(tx, id, version)?;
        let mut shares = known.remove(&id).unwrap_or_default();
        in_order(&live, &mut shares);
        let score = shares.iter().map(|share| share.points).fold(0, i64::saturating_add);
        let card = Scorecard { score, grade: live.model.grade(score).to_owned(), shares };
        data.push(ExplainedScore::new(&live, card, at).outlined(&live));
    }
    Ok(LeadScores { lead_id, data })
}

fn explained(tx: &mut Tx<'_>, lead: Id, with_forecast: bool, readable: Option<Readable>) -> Result<LeadScores> {
    let lead = tx.leads().get(lead)?;
    let (lead_id, is_open, now) = (lead.id, lead.status.0.is_open(), tx.at());
    let stored = tx.scores().of_leads(&[lead_id])?;
    let mut models = catalogue::live(tx)?;
    models.retain(|live| !live.is_shadow);
    let mut data = Vec::new();
    if is_open {
        for known in known::load(tx, vec![lead], &models)? {
            for live in &models {
                let score = stored.iter().find(|score| score.model_id == live.id);
                let live = match score {
                    // A job may have yet to bring the lead under the version that is live.
                    Some(score) => catalogue::as_it_was(tx, live, score.model_version, score.assets_revision)?,
                    None => live.clone(),
                };
                data.extend(present(&live, &known, now, with_forecast, readable));
            }
        }
    }
    let kept = tx.scoring_models().keeping(&stored.iter().map(|score| score.model_id).collect::<Vec<_>>(), is_open)?;
    for score in stored.iter().filter(|score| kept.contains(&score.model_id)) {
        data.push(last(tx, score, with_forecast, readable.is_some(), is_open)?);
    }
    data.sort_by_key(|score| score.model_id);
    Ok(LeadScores { lead_id, data })
}

fn present(
    live: &Live,
    known: &Known,
    now: Timestamp,
    with_forecast: bool,
    readable: Option<Readable>,
) -> Option<ExplainedScore> {
    let Known { facts, evidence, .. } = known;
    let model = &live.model;
    if !known.permitted || !model.covers(&facts.records) {
        return None;
    }
    let mut score = ExplainedScore::new(live, evaluate(model, facts, evidence, now), now);
    score.due_at = next_change(model, facts, evidence, now);
    score.forecast = with_forecast.then(|| forecast(model, facts, evidence, now));
    if let Some(readable) = readable {
        score = score.outlined(live);
        score.rules = Some(reasons::rules(model, facts, evidence, now, &score.shares, readable));
        score.nearest = Some(nearest(model, facts, evidence, now));
    }
    Some(score)
}

/// What is only kept: what a closed lead was closed with, or a model left when it was stopped, under the version that
/// scored the lead then.
fn last(
    tx: &mut Tx<'_>,
    stored: &LeadScore,
    with_forecast: bool,
    fully: bool,
    is_kept: bool,
) -> Result<ExplainedScore> {
    let live = catalogue::version_of(tx, stored.model_id, stored.model_version)?;
    let share = |part: &Part| Share { rule: part.rule.clone(), points: part.points, because: Vec::new() };
    let shares = stored.shares.0.iter().map(share).collect();
    let card = Scorecard { score: stored.score, grade: stored.grade.clone(), shares };
    let mut score = ExplainedScore { is_kept, ..ExplainedScore::new(&live, card, stored.evaluated_at) };
    score.forecast = with_forecast.then(Vec::new);
    Ok(if fully { score.outlined(&live) } else { score })
}

/// Puts shares into the order of a scorecard: rules as in the model, then the bounds.
fn in_order(live: &Live, shares: &mut [Share]) {
    let definition = live.model.definition();
    let rules = definition.rules.iter().map(|rule| rule.key.clone());
    let caps = definition.groups.iter().map(|group| format!("@cap:{}", group.name));
    let bounds = ["@floor", "@ceiling", "@residual"].map(str::to_owned);
    let places: Vec<String> = rules.chain(caps).chain(bounds).collect();
    shares.sort_by_cached_key(|share| places.iter().position(|place| *place == share.rule));
}

impl ExplainedScore {
    /// The score with all that follows from it alone.
    fn new(live: &Live, card: Scorecard, at: Timestamp) -> Self {
        let mut shares = card.shares;
        for share in &mut shares {
            let earlier = share.because.len().saturating_sub(MOST_NAMED);
            share.because.drain(..earlier);
        }
        let grades = &live.model.definition().grades;
        let place = grades.iter().position(|grade| grade.name == card.grade);
        let grade = place.and_then(|place| grades.get(place));
        let above = place.and_then(|place| grades.get(place + 1));
        Self {
            model_id: live.id,
            model: live.name().to_owned(),
            model_version: live.version,
            score: card.score,
            grade_from: grade.and_then(|grade| grade.from),
            grade_to: grade.and_then(|grade| grade.to),
            next_grade: above.and_then(|grade| NextGrade::above(card.score, grade)),
            grade: card.grade,
            sales_ready: card.score >= live.threshold(),
            sales_ready_score: live.threshold(),
            points_missing: live.threshold().saturating_sub(card.score).max(0),
            shares,
            rules: None,
            bounds: None,
            nearest: None,
            is_kept: false,
            evaluated_at: at,
            due_at: None,
            forecast: None,
        }
    }

    /// The same with every rule and bound, by the points that are known of them.
    fn outlined(self, live: &Live) -> Self {
        let rules = reasons::outline(&live.model, &self.shares);
        let bounds = reasons::bounds(live.model.definition(), &self.shares);
        Self { rules: Some(rules), bounds: Some(bounds), ..self }
    }
}

impl NextGrade {
    fn above(score: i64, grade: &Grade) -> Option<Self> {
        let from = grade.from?;
        Some(Self { name: grade.name.clone(), from, points_missing: from.saturating_sub(score) })
    }
}

//! What the models make of a lead at the present moment, whenever it was last scored (SCO-9, SCO-10).

use serde::Serialize;
use utoipa::ToSchema;

use super::catalogue::{self, Live};
use super::forecast::{Change, forecast, next_change};
use super::known::{self, Known};
use super::{LeadScore, Share, evaluate};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Status;

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
    /// Whether the score is at the model's sales-ready score or above. A lead once marked sales ready keeps the mark
    /// when the score falls again.
    pub sales_ready: bool,
    /// The score from which the model calls a lead ready for sales, in points.
    #[schema(example = 100)]
    pub sales_ready_score: i64,
    /// What gives and takes points: the points add up to the score.
    pub shares: Vec<Share>,
    /// The moment that this is true for: now, or for a closed lead when it was last scored.
    pub evaluated_at: Timestamp,
    /// When the score may next change though nothing else happens; null when it stays as it is.
    pub due_at: Option<Timestamp>,
    /// The changes to come if nothing else happens, soonest first; only with `forecast=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Vec<Change>>,
}

/// What the live models make of a lead now; what they made of it when it was closed.
pub fn explain(tx: &mut Tx<'_>, lead: Id, with_forecast: bool) -> Result<LeadScores> {
    let lead = tx.leads().get(lead)?;
    let (lead_id, open) = (lead.id, lead.status.0 == Status::Open);
    let (models, now) = (catalogue::live(tx)?, tx.at());
    let mut data = Vec::new();
    for known in known::load(tx, vec![lead], &models)? {
        let explained = models.iter().filter_map(|live| match open {
            true => present(live, &known, now, with_forecast),
            false => last(live, &known, with_forecast),
        });
        data.extend(explained);
    }
    Ok(LeadScores { lead_id, data })
}

fn present(live: &Live, known: &Known, now: Timestamp, with_forecast: bool) -> Option<ExplainedScore> {
    let Known { facts, evidence, .. } = known;
    if !known.permitted || !live.model.covers(&facts.records) {
        return None;
    }
    let card = evaluate(&live.model, facts, evidence, now);
    Some(ExplainedScore {
        model_id: live.id,
        model: live.name().to_owned(),
        model_version: live.version,
        sales_ready: card.score >= live.threshold(),
        sales_ready_score: live.threshold(),
        score: card.score,
        grade: card.grade,
        shares: card.shares,
        evaluated_at: now,
        due_at: next_change(&live.model, facts, evidence, now),
        forecast: with_forecast.then(|| forecast(&live.model, facts, evidence, now)),
    })
}

fn last(live: &Live, known: &Known, with_forecast: bool) -> Option<ExplainedScore> {
    let stored: &LeadScore = known.stored.iter().find(|score| score.model_id == live.id)?;
    Some(ExplainedScore {
        model_id: live.id,
        model: live.name().to_owned(),
        model_version: stored.model_version,
        sales_ready: stored.reached,
        sales_ready_score: live.threshold(),
        score: stored.score,
        grade: stored.grade.clone(),
        shares: {
            let bare = |part: &super::Part| Share { rule: part.rule.clone(), points: part.points, because: Vec::new() };
            stored.shares.0.iter().map(bare).collect()
        },
        evaluated_at: stored.evaluated_at,
        due_at: None,
        forecast: with_forecast.then(Vec::new),
    })
}

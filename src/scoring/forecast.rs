//! How a score changes though nothing else happens: windows close, points decay, silence grows long (SCO-10).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compile::Model;
use super::evaluate::Facts;
use super::ledger::{Cause, entries};
use super::occurrence::Occurrence;
use super::reading::Reading;
use crate::clock::Timestamp;

/// A forecast looks at no more instants than these; what comes later is left to a later forecast.
const MOST_MOMENTS: usize = 1000;

/// A change of a score that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreChange)]
pub struct Change {
    /// When it comes.
    pub at: Timestamp,
    /// The score from then on, in points.
    pub score: i64,
    /// The name of the grade from then on.
    pub grade: String,
    /// The rules, and the bounds, whose share changes; what they change by adds up to the change of the score.
    #[serde(default)]
    #[schema(max_items = 254)]
    pub rules: Vec<ChangeOfRule>,
}

/// What a coming change does to the share of one rule, or of a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreChangeOfRule)]
pub struct ChangeOfRule {
    /// The rule's key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    #[schema(example = "webinar")]
    pub rule: String,
    /// By how many points its share changes; never 0.
    #[schema(example = -20)]
    pub points: i64,
    /// Why.
    pub cause: Cause,
}

/// The first instant after `after` at which the scorecard may differ though nothing else happens; until then it is the
/// same at every instant. `None` when it stays as it is until the end of the year 2199.
pub fn next_change(model: &Model, facts: &Facts, evidence: &[Occurrence], after: Timestamp) -> Option<Timestamp> {
    Reading::new(model, facts, evidence).next_moment(after).map(|moment| moment.at)
}

/// The changes of score, or of any rule's share in it, that come after `from` if nothing else happens, soonest first.
/// Only the first thousand instants at which something might change are looked at.
pub fn forecast(model: &Model, facts: &Facts, evidence: &[Occurrence], from: Timestamp) -> Vec<Change> {
    let reading = Reading::new(model, facts, evidence);
    let mut before = reading.at(from);
    let mut changes = Vec::new();
    let coming = std::iter::successors(reading.next_moment(from), |moment| reading.next_moment(moment.at));
    for moment in coming.take(MOST_MOMENTS) {
        let card = reading.at(moment.at);
        let change = |(rule, points): (String, i64)| ChangeOfRule { cause: moment.cause_of(&rule), rule, points };
        let rules: Vec<_> = entries(&before.parts(), &card.parts()).into_iter().map(change).collect();
        if !rules.is_empty() {
            changes.push(Change { at: moment.at, score: card.score, grade: card.grade.clone(), rules });
        }
        before = card;
    }
    changes
}

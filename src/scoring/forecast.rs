//! How a score changes though nothing else happens: windows close, points decay, silence grows long (SCO-10).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compile::Model;
use super::evaluate::Facts;
use super::ledger::entries;
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
}

/// The first instant after `after` at which the scorecard may differ though nothing else happens; until then it is the
/// same at every instant. `None` when it stays as it is until the end of the year 2199.
pub fn next_change(model: &Model, facts: &Facts, evidence: &[Occurrence], after: Timestamp) -> Option<Timestamp> {
    Reading::new(model, facts, evidence).next_moment(after)
}

/// The changes of score, or of any rule's share in it, that come after `from` if nothing else happens, soonest first.
/// Only the first thousand instants at which something might change are looked at.
pub fn forecast(model: &Model, facts: &Facts, evidence: &[Occurrence], from: Timestamp) -> Vec<Change> {
    let reading = Reading::new(model, facts, evidence);
    let next = |at: &Timestamp| reading.next_moment(*at);
    let mut before = reading.at(from);
    let mut changes = Vec::new();
    for at in std::iter::successors(next(&from), next).take(MOST_MOMENTS) {
        let card = reading.at(at);
        if !entries(&before.parts(), &card.parts()).is_empty() {
            changes.push(Change { at, score: card.score, grade: card.grade.clone() });
        }
        before = card;
    }
    changes
}

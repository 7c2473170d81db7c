//! What a model makes of a lead at an instant (SCO-5, SCO-6, SCO-8): pure, and the same in whatever order things
//! became known.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compile::Model;
use super::occurrence::Occurrence;
use super::reading::Reading;
use crate::clock::Timestamp;
use crate::filter::Records;
use crate::id::Id;

/// What is known of a lead beside what was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The lead.
    pub lead_id: Id,
    /// When it was made.
    pub lead_created_at: Timestamp,
    /// The lead and what belongs to it, as they are now.
    pub records: Records,
}

/// What a model makes of a lead: the shares add up to the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scorecard {
    /// The score, in points.
    pub score: i64,
    /// The name of the grade the score is in.
    pub grade: String,
    /// What gives and takes points: rules in the model's order, then `@cap:<group>`, `@floor`, `@ceiling` and
    /// `@residual`. What gives nothing is left out.
    pub shares: Vec<Share>,
}

/// The part of a score that one rule gives, or that a bound adds or takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreShare)]
pub struct Share {
    /// The rule's key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    #[schema(example = "webinar")]
    pub rule: String,
    /// What it gives, in points; never 0.
    #[schema(example = 40)]
    pub points: i64,
    /// The interactions it rests on, oldest first; none for conditions on records, for `none`, and for bounds. Of
    /// `at_least` n they are the latest n.
    pub because: Vec<Id>,
}

/// What `model` makes of a lead at `at`: total, grade, and every rule's share.
///
/// Pure; `facts` and `evidence` are all it sees. The shares add up to the total (SCO-9). Whether the model covers the
/// lead at all is for the caller to ask ([`Model::covers`]).
///
/// A lead keeps the residual from the first instant at which all conditions of some positive rule held together, each
/// window and decay left aside: `each` from its first occurrence, `at_least` n from its n-th, `none` whenever it held
/// as written, conditions on records if they hold now.
pub fn evaluate(model: &Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> Scorecard {
    Reading::new(model, facts, evidence).at(at)
}

impl Reading<'_> {
    /// The scorecard at `at`.
    pub(super) fn at(&self, at: Timestamp) -> Scorecard {
        let definition = self.model.definition();
        let mut shares = self.rule_shares(at);
        for group in &definition.groups {
            let sum = self.group_sum(group, at);
            adjust(&mut shares, format!("@cap:{}", group.name), sum, bounded(sum, group.min, group.max));
        }
        let sum = total(&shares);
        let raised = sum.max(definition.floor);
        adjust(&mut shares, "@floor".to_owned(), sum, raised);
        let lowered = bounded(raised, None, definition.ceiling);
        adjust(&mut shares, "@ceiling".to_owned(), raised, lowered);
        if self.once_met(at) {
            adjust(&mut shares, "@residual".to_owned(), lowered, lowered.max(definition.residual));
        }
        let score = total(&shares);
        Scorecard { score, grade: self.model.grade(score).to_owned(), shares }
    }
}

pub(super) fn bounded(points: i64, min: Option<i64>, max: Option<i64>) -> i64 {
    let raised = min.map_or(points, |min| points.max(min));
    max.map_or(raised, |max| raised.min(max))
}

fn adjust(shares: &mut Vec<Share>, rule: String, from: i64, to: i64) {
    if from != to {
        shares.push(Share { rule, points: to.saturating_sub(from), because: Vec::new() });
    }
}

fn total(shares: &[Share]) -> i64 {
    shares.iter().map(|share| share.points).fold(0, i64::saturating_add)
}

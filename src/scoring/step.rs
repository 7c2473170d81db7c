//! One model's step from the stored score of a lead to the present one, with the rows of the ledger between.

use std::collections::HashSet;

use super::catalogue::Live;
use super::ledger::{Cause, Row, Stored, Walk, walk};
use super::{Facts, LeadScore, Occurrence};
use crate::clock::Timestamp;
use crate::id::Id;

/// What became known since the last evaluation, and how the ledger calls it.
pub struct News {
    pub cause: Cause,
    /// Interactions that were not known before.
    pub interactions: HashSet<Id>,
    /// Interactions that counted before and were voided.
    pub voided: HashSet<Id>,
}

impl News {
    /// What was known before these news.
    pub fn before(&self, evidence: &[Occurrence]) -> Vec<Occurrence> {
        let known = evidence.iter().filter(|it| !self.interactions.contains(&it.id));
        known.map(|it| Occurrence { voided: it.voided && !self.voided.contains(&it.id), ..it.clone() }).collect()
    }
}

/// Brings the stored score up to `now`.
///
/// The time that passed is told first, by what was known then, so that a window that closed last week is a row of last
/// week; then what is new takes effect, all at once. Under another version of the model everything is new.
pub fn measure(
    live: &Live,
    facts: &Facts,
    evidence: &[Occurrence],
    stored: Option<&LeadScore>,
    now: Timestamp,
    news: &News,
) -> Walk {
    let go = |evidence: &[Occurrence], from| walk(&live.model, facts, evidence, from, now, news.cause);
    let Some(stored) = stored else { return go(evidence, Stored { shares: &[], at: now }) };
    let shares = &stored.shares.0;
    let now = now.max(stored.evaluated_at);
    if stored.model_version != live.version {
        return go(evidence, Stored { shares, at: now });
    }
    if news.interactions.is_empty() && news.voided.is_empty() {
        return go(evidence, Stored { shares, at: stored.evaluated_at });
    }
    if stored.due_at.is_none_or(|due| due > now) {
        return go(evidence, Stored { shares, at: now });
    }
    let passed = go(&news.before(evidence), Stored { shares, at: stored.evaluated_at });
    let newest = go(evidence, Stored { shares: &passed.card.shares, at: passed.at });
    Walk { rows: [passed.rows, newest.rows].concat(), ..newest }
}

/// The rows that take a score back to nothing.
pub fn reversal(stored: &LeadScore, now: Timestamp, cause: Cause) -> Vec<Row> {
    let undone = |share: &super::Share| Row {
        at: now.max(stored.evaluated_at),
        rule: share.rule.clone(),
        cause,
        points: share.points.saturating_neg(),
        occurrences: Vec::new(),
    };
    stored.shares.0.iter().map(undone).collect()
}

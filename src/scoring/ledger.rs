//! The ledger (SCO-9): every change of a share is a row, and the rows of a rule add up to its share.
//!
//! A row carries the instant at which its change took effect. Time is retold as it passed: a window that closed an
//! hour ago is a row of an hour ago. What only became known since the last evaluation, such as a late interaction or a
//! changed field, takes effect when it is known; it does not rewrite what the ledger said before.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compile::Model;
use super::evaluate::{Facts, Scorecard, Share};
use super::occurrence::Occurrence;
use super::reading::Reading;
use crate::clock::Timestamp;
use crate::id::Id;

/// No more instants than these are retold one by one; what is left of a longer time is one step at its end.
const MOST_MOMENTS: usize = 1000;

/// Why a share changed; of several causes at one instant the first listed is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScoreCause)]
pub enum Cause {
    /// Something was done.
    Interaction,
    /// A field of the lead, its contact or its account changed, or which of them belong together.
    FieldChange,
    /// An interaction was voided.
    Void,
    /// Two records were merged, or a merge was undone.
    Merge,
    /// A version of the model went live, or was stopped.
    Publish,
    /// Points faded with age.
    Decay,
    /// A time ran out: an interaction left its window, or nothing was done for long enough.
    WindowExpiry,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When the change took effect.
    pub at: Timestamp,
    /// The rule's key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    pub rule: String,
    /// Why it changed.
    pub cause: Cause,
    /// By how many points its share changed; never 0.
    pub points: i64,
    /// The interactions that began or ceased to count for it.
    pub occurrences: Vec<Id>,
}

/// A score as it was stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its shares; none for a lead that was not scored before.
    pub shares: &'a [Share],
    /// When it was evaluated.
    pub at: Timestamp,
}

/// What brings a stored score up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The rows to add to the ledger, oldest first.
    pub rows: Vec<Row>,
    /// The score now.
    pub card: Scorecard,
    /// When it was evaluated: the `now` asked for, or the stored score's instant if that is later. It is to be stored
    /// even if there are no rows: the next walk begins there.
    pub at: Timestamp,
    /// When it may next change though nothing else happens.
    pub due: Option<Timestamp>,
}

/// By how much each share differs between `before` and `after`: those of `after` in their order, then those that are
/// gone. Shares that did not change are left out.
pub fn entries(before: &[Share], after: &[Share]) -> Vec<(String, i64)> {
    changed(before, after).into_iter().map(|change| (change.rule.to_owned(), change.points)).collect()
}

/// Brings a stored score up to `now`, with everything known by then in `facts` and `evidence`.
///
/// When the stored shares are still right for their own instant, the time since is retold moment by moment, including
/// interactions that happened since. Otherwise something became known late (`news` says what), and there is one step
/// at `now`. A caller who wants both, the time that passed and then the news, walks twice: first with what was known
/// before. After a thousand moments the rest is one step at `now`.
pub fn walk(
    model: &Model,
    facts: &Facts,
    evidence: &[Occurrence],
    stored: Stored<'_>,
    now: Timestamp,
    news: Cause,
) -> Walk {
    let reading = Reading::new(model, facts, evidence);
    let now = now.max(stored.at);
    let mut rows = Vec::new();
    let mut known = reading.at(stored.at);
    if changed(stored.shares, &known.shares).is_empty() {
        retell(&reading, &mut known, stored.at, now, &mut rows);
    } else {
        known = reading.at(now);
        add_rows(&mut rows, stored.shares, &known.shares, now, |_| news);
    }
    let due = reading.next_moment(now).map(|moment| moment.at);
    Walk { rows, card: known, at: now, due }
}

fn retell(reading: &Reading<'_>, known: &mut Scorecard, from: Timestamp, now: Timestamp, rows: &mut Vec<Row>) {
    let mut step = |at, cause: &dyn Fn(&str) -> Cause| {
        let card = reading.at(at);
        add_rows(rows, &known.shares, &card.shares, at, cause);
        *known = card;
    };
    let passed = |after| reading.next_moment(after).filter(|moment| moment.at <= now);
    let mut next = passed(from);
    for _ in 0..MOST_MOMENTS {
        let Some(moment) = &next else { break };
        step(moment.at, &|rule| moment.cause_of(rule));
        next = passed(moment.at);
    }
    step(now, &|rule| next.as_ref().map_or(Cause::WindowExpiry, |moment| moment.cause_of(rule)));
}

fn add_rows(rows: &mut Vec<Row>, before: &[Share], after: &[Share], at: Timestamp, cause: impl Fn(&str) -> Cause) {
    rows.extend(changed(before, after).into_iter().map(|change| Row {
        at,
        rule: change.rule.to_owned(),
        cause: cause(change.rule),
        points: change.points,
        occurrences: apart(change.because, change.because_before),
    }));
}

struct Changed<'a> {
    rule: &'a str,
    points: i64,
    because: &'a [Id],
    because_before: &'a [Id],
}

fn changed<'a>(before: &'a [Share], after: &'a [Share]) -> Vec<Changed<'a>> {
    let mut old: HashMap<&str, &Share> = before.iter().map(|share| (share.rule.as_str(), share)).collect();
    let mut changes = Vec::new();
    for share in after {
        let (points, because_before) = match old.remove(share.rule.as_str()) {
            Some(old) => (share.points.saturating_sub(old.points), old.because.as_slice()),
            None => (share.points, &[][..]),
        };
        changes.push(Changed { rule: &share.rule, points, because: &share.because, because_before });
    }
    let gone = before.iter().filter(|share| old.contains_key(share.rule.as_str()));
    changes.extend(gone.map(|share| Changed {
        rule: &share.rule,
        points: share.points.saturating_neg(),
        because: &[],
        because_before: &share.because,
    }));
    changes.retain(|change| change.points != 0);
    changes
}

/// The ids that are in one list but not in the other.
fn apart(now: &[Id], before: &[Id]) -> Vec<Id> {
    let only_in = |these: &[Id], those: &[Id]| {
        let those: HashSet<_> = those.iter().copied().collect();
        these.iter().copied().filter(move |id| !those.contains(id)).collect::<Vec<_>>()
    };
    [only_in(now, before), only_in(before, now)].concat()
}

//! The ledger (SCO-9): every change of a share is a row, and the rows of a rule add up to its share.
//!
//! A row carries the instant at which its change took effect. Time is retold as it passed: a window that closed an
//! hour ago is a row of an hour ago. What only became known since the last evaluation, such as a late interaction or a
//! changed field, takes effect when it is known; it does not rewrite what the ledger said before.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::card::{Card, Part};
use super::compile::Model;
use super::evaluate::Facts;
use super::history::History;
use super::seen::Lost;
use super::tally::{Moved, Tally};
use crate::clock::Timestamp;
use crate::error::Result;
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
    /// The register of assets changed.
    Assets,
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
    /// The interaction that began, faded or ceased to count; of several the first. None where none did.
    pub interaction: Option<Id>,
}

/// By how much each part differs between `before` and `after`: those of `after` in their order, then those that are
/// gone. Parts that did not change are left out.
pub fn entries(before: &[Part], after: &[Part]) -> Vec<(String, i64)> {
    let mut old: HashMap<&str, i64> = before.iter().map(|part| (part.rule.as_str(), part.points)).collect();
    let mut changes = Vec::new();
    for part in after {
        let known = old.remove(part.rule.as_str()).unwrap_or(0);
        changes.push((part.rule.clone(), part.points.saturating_sub(known)));
    }
    let gone = before.iter().filter(|part| old.contains_key(part.rule.as_str()));
    changes.extend(gone.map(|part| (part.rule.clone(), part.points.saturating_neg())));
    changes.retain(|(_, points)| *points != 0);
    changes
}

/// The rows of one instant: how `before` became `after`. A rule that `moved` is told by its own cause and interaction,
/// anything else by `cause`.
pub(super) fn rows(
    model: &Model,
    (before, after): (&[Part], &[Part]),
    at: Timestamp,
    cause: Cause,
    moved: &[Moved],
) -> Vec<Row> {
    let told = |key: &str| {
        let place = model.definition().rules.iter().position(|rule| rule.key == key)?;
        moved.iter().find(|(moved, _)| *moved == place).map(|(_, told)| *told)
    };
    let row = |(rule, points): (String, i64)| {
        let (cause, interaction) = told(&rule).unwrap_or((cause, None));
        Row { at, rule, cause, points, interaction }
    };
    entries(before, after).into_iter().map(row).collect()
}

/// Lets time pass for a tally that is right at `from`, where it makes `card`, until `to`: every moment at which something moves by itself is
/// taken in. Gives the rows of the ledger between, and the card at the end; after a thousand moments the rest is one
/// step at `to`. `Err(Lost)` in the inner result when the history no longer has what was counted before.
pub(super) fn pass(
    model: &Model,
    facts: &Facts,
    (tally, mut card): (&mut Tally, Card),
    (from, to): (Timestamp, Timestamp),
    history: &mut dyn History,
) -> Result<Result<(Vec<Row>, Card), Lost>> {
    let (mut at, mut told) = (from, Vec::new());
    for moment in 0_usize.. {
        let Some(next) = tally.next(model, facts, at).filter(|next| *next <= to) else { break };
        let moved = match tally.cross(model, facts, (at, next), history)? {
            Ok(moved) => moved,
            Err(lost) => return Ok(Err(lost)),
        };
        at = next;
        if moment < MOST_MOMENTS {
            let cause = moved.iter().map(|(_, (cause, _))| *cause).min().unwrap_or(Cause::WindowExpiry);
            let then = tally.card(model, facts, at);
            told.extend(rows(model, (&card.parts, &then.parts), at, cause, &moved));
            card = then;
        }
    }
    let last = tally.card(model, facts, to);
    told.extend(rows(model, (&card.parts, &last.parts), to, Cause::WindowExpiry, &[]));
    Ok(Ok((told, last)))
}

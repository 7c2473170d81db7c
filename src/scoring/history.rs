//! Where interactions of the past are found again when one of them fades or leaves its window (SCO-8).

use super::compile::{Model, Watch};
use super::occurrence::Occurrence;
use super::seen::Front;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::Id;

/// What the people did whose doings score a lead.
pub trait History {
    /// Some of what was done of this kind, by time, then id: among it the first that come after the instant and id
    /// given; empty when none do. Earlier ones may be in it.
    fn some_after(&mut self, kind: &str, after: (Timestamp, Id)) -> Result<&[Occurrence]>;
}

/// A history that is at hand: by time, then id.
pub struct AtHand<'a>(Vec<&'a Occurrence>, Vec<Occurrence>);

impl<'a> AtHand<'a> {
    /// In whatever order it is given.
    pub fn of(evidence: &'a [Occurrence]) -> Self {
        let mut sorted: Vec<_> = evidence.iter().collect();
        sorted.sort_by_key(|it| (it.occurred_at, it.id));
        Self(sorted, Vec::new())
    }
}

impl History for AtHand<'_> {
    fn some_after(&mut self, kind: &str, after: (Timestamp, Id)) -> Result<&[Occurrence]> {
        let start = self.0.partition_point(|it| (it.occurred_at, it.id) <= after);
        let later = self.0.iter().skip(start).filter(|it| it.kind == kind);
        self.1 = later.take(16).map(|it| (*it).clone()).collect();
        Ok(&self.1)
    }
}

/// The earliest occurrences after `after` that the condition is about and that are worth `worth` to its rule.
pub(super) fn front(
    history: &mut dyn History,
    model: &Model,
    watch: Watch,
    lead_id: Id,
    worth: i64,
    after: Timestamp,
) -> Result<Option<Front>> {
    let Some(behaviour) = model.behaviour(watch) else { return Ok(None) };
    let mut found: Option<Front> = None;
    let mut reached = (after, LAST);
    loop {
        let mut is_more = false;
        let some = history.some_after(&behaviour.interaction, reached)?;
        for it in some.iter().filter(|it| (it.occurred_at, it.id) > reached) {
            if found.is_some_and(|front| front.at() < it.occurred_at) {
                return Ok(found);
            }
            if model.worth(watch, it, lead_id) == Some(worth) {
                match &mut found {
                    Some(front) => front.add(it.id),
                    None => found = Some(Front::new(it.occurred_at, it.id)),
                }
            }
            is_more = true;
        }
        match some.last().filter(|_| is_more) {
            Some(last) => reached = (last.occurred_at, last.id),
            None => return Ok(found),
        }
    }
}

/// After every id.
const LAST: Id = Id::from_bytes([0xff; 16]);

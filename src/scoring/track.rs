//! One behaviour condition and the occurrences it is about, in order of time (SCO-3, SCO-4).
//!
//! An occurrence counts from the instant it happens until its window closes: at t while `t − within_days <
//! occurred_at ≤ t`. Of occurrences at one instant the one with the greater id is the later.

use std::collections::HashMap;

use super::condition::{Behaviour, Frequency};
use super::evaluate::Facts;
use super::ledger::Cause;
use super::occurrence::Occurrence;
use super::terms::{ALWAYS, Terms};
use crate::clock::Timestamp;

pub(super) struct Track<'a> {
    pub(super) terms: Terms,
    /// Before this instant the lead is too young for `none` to hold.
    pub(super) old_enough: Timestamp,
    /// What assets are worth, where the rule takes its points from them.
    pub(super) assets: Option<&'a HashMap<String, i64>>,
    /// Everything the condition is about, by time, then id.
    pub(super) occurrences: Vec<&'a Occurrence>,
}

impl<'a> Track<'a> {
    pub(super) fn new(
        behaviour: &Behaviour,
        facts: &Facts,
        evidence: &'a [Occurrence],
        suspects_count: bool,
        assets: Option<&'a HashMap<String, i64>>,
    ) -> Self {
        let terms = Terms::of(behaviour);
        let is_worth = |it: &&Occurrence| {
            assets.is_none_or(|assets| it.asset.as_ref().is_some_and(|asset| assets.contains_key(asset)))
        };
        let matching = evidence.iter().filter(|it| it.matches(behaviour, facts.lead_id, suspects_count));
        let matching = matching.filter(is_worth);
        let mut occurrences: Vec<_> = matching.collect();
        occurrences.sort_by_key(|it| (it.occurred_at, it.id));
        Self { terms, old_enough: terms.old_enough(facts.lead_created_at), assets, occurrences }
    }

    /// Whether the condition holds at `at`.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let counted = self.counted(at);
        match self.terms.frequency {
            Frequency::Each => !counted.is_empty(),
            Frequency::AtLeast(_) => counted.len() >= self.terms.limit,
            Frequency::None => counted.is_empty() && at >= self.old_enough,
        }
    }

    /// For `each`, what its occurrences give at `at`, each worth `points`.
    pub(super) fn sum(&self, points: i64, at: Timestamp) -> Option<i64> {
        let counts_each = self.terms.frequency == Frequency::Each;
        let kept = || self.counted(at).iter().map(|it| self.kept(points, it, at));
        counts_each.then(|| kept().fold(0, i64::saturating_add))
    }

    /// The occurrences that a rule worth `points` rests on at `at`, by time, then id.
    pub(super) fn because(&self, points: i64, at: Timestamp) -> impl Iterator<Item = &'a Occurrence> {
        self.counted(at).iter().copied().filter(move |it| self.kept(points, it, at) != 0)
    }

    /// The first instant after `after` at which the condition, or what it gives to a rule worth `points`, may change
    /// by itself, and why.
    pub(super) fn next(&self, points: i64, after: Timestamp) -> Option<(Timestamp, Cause)> {
        let counted = self.counted(after);
        let coming = self.occurrences.get(self.happened(after)).map(|it| (it.occurred_at, Cause::Interaction));
        let closing = match self.terms.frequency {
            Frequency::Each => self.first_kept(points, after).and_then(|it| self.closes(it)),
            Frequency::AtLeast(_) if !self.holds(after) => None,
            Frequency::AtLeast(_) => counted.first().and_then(|it| self.closes(it)),
            Frequency::None => self.quiet_from(after).filter(|_| !self.holds(after)),
        };
        let fading =
            counted.iter().filter_map(|it| self.terms.fades(self.worth(points, it), it.occurred_at, after)).min();
        let closing = closing.map(|at| (at, Cause::WindowExpiry));
        [coming, closing, fading.map(|at| (at, Cause::Decay))].into_iter().flatten().min()
    }

    /// The first instant at which the condition is met with its window left aside; always for `none`, whose window is
    /// what it is about.
    pub(super) fn first_met(&self) -> Option<Timestamp> {
        let Some(before) = self.terms.needed().checked_sub(1) else { return Some(ALWAYS) };
        self.occurrences.get(before).map(|it| it.occurred_at)
    }

    /// `from` itself if the silence that `none` asks for holds then, otherwise a later instant before which it does not
    /// begin, unless never. The other frequencies ask for no silence.
    pub(super) fn quiet_from(&self, from: Timestamp) -> Option<Timestamp> {
        if self.terms.frequency != Frequency::None {
            return Some(from);
        }
        let at = from.max(self.old_enough);
        self.counted(at).last().map_or(Some(at), |latest| self.closes(latest))
    }

    /// The occurrences that count at `at`.
    pub(super) fn counted(&self, at: Timestamp) -> &[&'a Occurrence] {
        let end = self.happened(at);
        let open = self.occurrences.partition_point(|it| self.terms.has_closed(it.occurred_at, at));
        let start = open.max(end.saturating_sub(self.terms.limit));
        self.occurrences.get(start..end).unwrap_or_default()
    }

    /// How many of the occurrences have happened by `at`.
    fn happened(&self, at: Timestamp) -> usize {
        self.occurrences.partition_point(|it| it.occurred_at <= at)
    }

    /// The oldest that counts of which something is left.
    fn first_kept(&self, points: i64, at: Timestamp) -> Option<&'a Occurrence> {
        let counted = self.counted(at);
        if self.assets.is_some() {
            return counted.iter().copied().find(|it| self.kept(points, it, at) != 0);
        }
        let faded = counted.partition_point(|it| self.kept(points, it, at) == 0);
        counted.get(faded).copied()
    }

    /// The instant from which an occurrence no longer counts.
    pub(super) fn closes(&self, occurrence: &Occurrence) -> Option<Timestamp> {
        self.terms.closes(occurrence.occurred_at)
    }

    /// What is left at `at` of an occurrence for a rule worth `points`.
    pub(super) fn kept(&self, points: i64, occurrence: &Occurrence, at: Timestamp) -> i64 {
        self.terms.kept(self.worth(points, occurrence), occurrence.occurred_at, at)
    }

    /// What an occurrence is worth to a rule worth `points`, before it fades.
    pub(super) fn worth(&self, points: i64, occurrence: &Occurrence) -> i64 {
        let of_asset =
            |assets: &HashMap<String, i64>| occurrence.asset.as_ref().and_then(|key| assets.get(key)).copied();
        self.assets.map_or(points, |assets| of_asset(assets).unwrap_or(0))
    }
}

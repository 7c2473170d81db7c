//! One behaviour condition and the occurrences it is about, in order of time (SCO-3, SCO-4).
//!
//! An occurrence counts from the instant it happens until its window closes: at t while `t − within_days <
//! occurred_at ≤ t`. Of occurrences at one instant the one with the greater id is the later.

use super::condition::{Behaviour, Frequency};
use super::decay::Fading;
use super::evaluate::Facts;
use super::ledger::Cause;
use super::occurrence::Occurrence;
use crate::clock::Timestamp;

/// Before every instant.
const ALWAYS: Timestamp = Timestamp::from_micros(i64::MIN);

pub(super) struct Track<'a> {
    pub(super) frequency: Frequency,
    /// How many of the latest occurrences matter.
    pub(super) limit: usize,
    within_days: Option<i64>,
    pub(super) fading: Option<Fading>,
    /// Before this instant the lead is too young for `none` to hold.
    pub(super) old_enough: Timestamp,
    /// Everything the condition is about, by time, then id.
    pub(super) occurrences: Vec<&'a Occurrence>,
}

impl<'a> Track<'a> {
    pub(super) fn new(behaviour: &Behaviour, facts: &Facts, evidence: &'a [Occurrence], suspects_count: bool) -> Self {
        let within_days = behaviour.within_days.map(i64::from);
        let limit = match behaviour.frequency {
            Frequency::Each => behaviour.max_times,
            Frequency::AtLeast(times) => Some(times),
            Frequency::None => None,
        };
        let matching = evidence.iter().filter(|it| it.matches(behaviour, facts.lead_id, suspects_count));
        let mut occurrences: Vec<_> = matching.collect();
        occurrences.sort_by_key(|it| (it.occurred_at, it.id));
        Self {
            frequency: behaviour.frequency,
            limit: limit.and_then(|times| usize::try_from(times).ok()).unwrap_or(usize::MAX),
            within_days,
            fading: behaviour.decay.as_ref().map(Fading::of),
            old_enough: within_days.map_or(ALWAYS, |days| facts.lead_created_at.plus_days(days)),
            occurrences,
        }
    }

    /// Whether the condition holds at `at`.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let counted = self.counted(at);
        match self.frequency {
            Frequency::Each => !counted.is_empty(),
            Frequency::AtLeast(_) => counted.len() >= self.limit,
            Frequency::None => counted.is_empty() && at >= self.old_enough,
        }
    }

    /// For `each`, what its occurrences give at `at`, each worth `points`.
    pub(super) fn sum(&self, points: i64, at: Timestamp) -> Option<i64> {
        let counts_each = self.frequency == Frequency::Each;
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
        let closing = match self.frequency {
            Frequency::Each => counted.first().and_then(|it| self.closes(it)),
            Frequency::AtLeast(_) if !self.holds(after) => None,
            Frequency::AtLeast(_) => counted.first().and_then(|it| self.closes(it)),
            Frequency::None => self.quiet_from(after).filter(|_| !self.holds(after)),
        };
        let fading = self
            .fading
            .as_ref()
            .and_then(|fading| counted.iter().filter_map(|it| fading.next_step(points, it.occurred_at, after)).min());
        let closing = closing.map(|at| (at, Cause::WindowExpiry));
        [coming, closing, fading.map(|at| (at, Cause::Decay))].into_iter().flatten().min()
    }

    /// The first instant at which the condition is met with its window left aside; always for `none`, whose window is
    /// what it is about.
    pub(super) fn first_met(&self) -> Option<Timestamp> {
        let needed = match self.frequency {
            Frequency::None => return Some(ALWAYS),
            Frequency::Each => 0,
            Frequency::AtLeast(_) => match self.limit.checked_sub(1) {
                None => return Some(ALWAYS),
                Some(before) => before,
            },
        };
        self.occurrences.get(needed).map(|it| it.occurred_at)
    }

    /// `from` itself if the silence that `none` asks for holds then, otherwise a later instant before which it does not
    /// begin, unless never. The other frequencies ask for no silence.
    pub(super) fn quiet_from(&self, from: Timestamp) -> Option<Timestamp> {
        if self.frequency != Frequency::None {
            return Some(from);
        }
        let at = from.max(self.old_enough);
        self.counted(at).last().map_or(Some(at), |latest| self.closes(latest))
    }

    /// The occurrences that count at `at`.
    fn counted(&self, at: Timestamp) -> &[&'a Occurrence] {
        let end = self.happened(at);
        let open = self.occurrences.partition_point(|it| self.closes(it).is_some_and(|closed| closed <= at));
        let start = open.max(end.saturating_sub(self.limit));
        self.occurrences.get(start..end).unwrap_or_default()
    }

    /// How many of the occurrences have happened by `at`.
    fn happened(&self, at: Timestamp) -> usize {
        self.occurrences.partition_point(|it| it.occurred_at <= at)
    }

    /// The instant from which an occurrence no longer counts.
    pub(super) fn closes(&self, occurrence: &Occurrence) -> Option<Timestamp> {
        self.within_days.map(|days| occurrence.occurred_at.plus_days(days))
    }

    /// What is left at `at` of the `points` of an occurrence.
    pub(super) fn kept(&self, points: i64, occurrence: &Occurrence, at: Timestamp) -> i64 {
        self.fading.map_or(points, |fading| fading.kept(points, occurrence.occurred_at, at))
    }
}

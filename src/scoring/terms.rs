//! What a condition on interactions says of number and time (SCO-3, SCO-4): how many of the latest count, for how long,
//! and what is left of their points.

use super::condition::{Behaviour, Frequency};
use super::decay::Fading;
use crate::clock::Timestamp;

/// Before every instant.
pub(super) const ALWAYS: Timestamp = Timestamp::from_micros(i64::MIN);

/// A condition's terms, ready to compute with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) frequency: Frequency,
    /// How many of the latest occurrences matter.
    pub(super) limit: usize,
    pub(super) within_days: Option<i64>,
    fading: Option<Fading>,
}

impl Terms {
    pub(super) fn of(behaviour: &Behaviour) -> Self {
        let limit = match behaviour.frequency {
            Frequency::Each => behaviour.max_times,
            Frequency::AtLeast(times) => Some(times),
            Frequency::None => None,
        };
        Self {
            frequency: behaviour.frequency,
            limit: limit.and_then(|times| usize::try_from(times).ok()).unwrap_or(usize::MAX),
            within_days: behaviour.within_days.map(i64::from),
            fading: behaviour.decay.as_ref().map(Fading::of),
        }
    }

    /// How many occurrences there must ever have been for the condition to be met with its window left aside.
    pub(super) fn needed(&self) -> usize {
        match self.frequency {
            Frequency::Each => 1,
            Frequency::AtLeast(_) => self.limit,
            Frequency::None => 0,
        }
    }

    /// Before this instant a lead made at `lead_created_at` is too young for `none` to hold.
    pub(super) fn old_enough(&self, lead_created_at: Timestamp) -> Timestamp {
        self.within_days.map_or(ALWAYS, |days| lead_created_at.plus_days(days))
    }

    /// The instant from which what happened at `occurred_at` no longer counts; none when it counts for ever.
    pub(super) fn closes(&self, occurred_at: Timestamp) -> Option<Timestamp> {
        self.within_days.map(|days| occurred_at.plus_days(days))
    }

    /// Whether the window of what happened at `occurred_at` has closed by `at`.
    pub(super) fn has_closed(&self, occurred_at: Timestamp, at: Timestamp) -> bool {
        self.closes(occurred_at).is_some_and(|closed| closed <= at)
    }

    /// What is left at `at` of the `worth` of something that happened at `occurred_at`; windows aside.
    pub(super) fn kept(&self, worth: i64, occurred_at: Timestamp, at: Timestamp) -> i64 {
        self.fading.map_or(worth, |fading| fading.kept(worth, occurred_at, at))
    }

    /// The first instant after `after` at which less is left of it.
    pub(super) fn fades(&self, worth: i64, occurred_at: Timestamp, after: Timestamp) -> Option<Timestamp> {
        self.fading.and_then(|fading| fading.next_step(worth, occurred_at, after))
    }

    /// Whether points fade at all.
    pub(super) fn can_fade(&self) -> bool {
        self.fading.is_some()
    }

    /// Whether what counts once counts unchanged for ever.
    pub(super) fn is_timeless(&self) -> bool {
        self.within_days.is_none() && self.fading.is_none()
    }
}

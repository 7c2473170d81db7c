//! A score followed forwards through time, moment by moment (SCO-15).
//!
//! [`Reading::at`] answers for any instant and looks at everything that counts then. A [`Journey`] goes through all
//! instants in their order, and each costs what changes at it, however much happened before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;

use super::compile::Model;
use super::condition::Frequency;
use super::evaluate::Facts;
use super::occurrence::Occurrence;
use super::reading::Reading;
use super::track::Track;
use crate::clock::Timestamp;

/// How a score moved in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// The highest score of the span, in points.
    pub highest: i64,
    /// When the score first was that high.
    pub highest_at: Timestamp,
    /// When the score first was at the model's sales-ready score or above.
    pub ready_at: Option<Timestamp>,
}

/// How the score moves from `from` on and before `until`, whatever happened before; `None` when no time lies between.
/// What happens at `until` or later plays no part. Quicker when `evidence` is ordered by time, then id.
pub fn course(
    model: &Model,
    facts: &Facts,
    evidence: &[Occurrence],
    from: Timestamp,
    until: Timestamp,
) -> Option<Course> {
    if from >= until {
        return None;
    }
    let reading = Reading::new(model, facts, evidence);
    let ready = model.definition().sales_ready_score;
    let mut journey = Journey::new(&reading, from);
    let mut course = Course { highest: journey.score(), highest_at: from, ready_at: None };
    loop {
        let score = journey.score();
        if score > course.highest {
            (course.highest, course.highest_at) = (score, journey.at);
        }
        if score >= ready && course.ready_at.is_none() {
            course.ready_at = Some(journey.at);
        }
        match journey.next().filter(|next| *next < until) {
            Some(next) => journey.move_to(next),
            None => return Some(course),
        }
    }
}

/// The score that `model` gives at `at`, in points: that of [`super::evaluate()`] without its shares.
pub fn score(model: &Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> i64 {
    let reading = Reading::new(model, facts, evidence);
    let worths: Vec<i64> = reading.rules.iter().map(|rule| rule.worth(at)).collect();
    reading.total(&worths, at)
}

/// A score at an instant that only moves forwards.
pub(super) struct Journey<'r, 'a> {
    reading: &'r Reading<'a>,
    pub(super) at: Timestamp,
    /// One for each condition on interactions, rule by rule.
    cursors: Vec<Cursor<'r, 'a>>,
    /// Which of the cursors each rule has.
    of_rule: Vec<Range<usize>>,
    /// What each rule gives.
    worths: Vec<i64>,
}

impl<'r, 'a> Journey<'r, 'a> {
    pub(super) fn new(reading: &'r Reading<'a>, at: Timestamp) -> Self {
        let (mut cursors, mut of_rule) = (Vec::new(), Vec::with_capacity(reading.rules.len()));
        for rule in &reading.rules {
            let first = cursors.len();
            cursors.extend(rule.tracks.iter().map(|track| Cursor::new(track, rule.points, at)));
            of_rule.push(first..cursors.len());
        }
        let mut journey = Self { reading, at, cursors, of_rule, worths: vec![0; reading.rules.len()] };
        (0..journey.worths.len()).for_each(|rule| journey.weigh(rule));
        journey
    }

    pub(super) fn score(&self) -> i64 {
        self.reading.total(&self.worths, self.at)
    }

    /// The next instant at which the score may change by itself.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.cursors.iter().filter_map(|cursor| cursor.next).min()
    }

    pub(super) fn move_to(&mut self, at: Timestamp) {
        self.at = at;
        for rule in 0..self.worths.len() {
            let mut changed = false;
            for cursor in self.of_rule.get(rule).and_then(|own| self.cursors.get_mut(own.clone())).into_iter().flatten()
            {
                if cursor.next.is_some_and(|next| next <= at) {
                    cursor.move_to(at);
                    changed = true;
                }
            }
            if changed {
                self.weigh(rule);
            }
        }
    }

    fn weigh(&mut self, rule: usize) {
        let own = self.of_rule.get(rule).and_then(|own| self.cursors.get(own.clone())).unwrap_or_default();
        let (Some(worth), Some(active)) = (self.worths.get_mut(rule), self.reading.rules.get(rule)) else { return };
        *worth = match own.iter().all(|cursor| cursor.holds) {
            true => own.iter().find_map(Cursor::sum).unwrap_or(active.points),
            false => 0,
        };
    }
}

/// A place in a track: which of its occurrences count, and what they give.
struct Cursor<'r, 'a> {
    track: &'r Track<'a>,
    points: i64,
    /// The occurrences from here on count, as far as they have happened.
    first: usize,
    /// So many have happened.
    happened: usize,
    /// What each of those that count gives now, and all of them together; only kept where they differ.
    given: VecDeque<i64>,
    total: i64,
    /// When which of them gives less.
    fading: BinaryHeap<Reverse<(Timestamp, usize)>>,
    holds: bool,
    next: Option<Timestamp>,
}

impl<'r, 'a> Cursor<'r, 'a> {
    fn new(track: &'r Track<'a>, points: i64, at: Timestamp) -> Self {
        let (given, fading) = (VecDeque::new(), BinaryHeap::new());
        let mut cursor =
            Self { track, points, first: 0, happened: 0, given, total: 0, fading, holds: false, next: None };
        cursor.move_to(at);
        cursor
    }

    /// For `each`, what its occurrences give.
    fn sum(&self) -> Option<i64> {
        let counted = i64::try_from(self.happened - self.first).unwrap_or(i64::MAX);
        match self.differ() {
            _ if self.track.terms.frequency != Frequency::Each => None,
            true => Some(self.total),
            false => Some(self.points.saturating_mul(counted)),
        }
    }

    /// Whether not all occurrences give the same.
    fn differ(&self) -> bool {
        self.track.assets.is_some() || self.track.terms.can_fade()
    }

    fn move_to(&mut self, at: Timestamp) {
        while self.coming().is_some_and(|it| it.occurred_at <= at) {
            self.take_in(at);
        }
        while self.first < self.happened && (self.happened - self.first > self.track.terms.limit || self.has_closed(at))
        {
            self.let_go();
        }
        self.fade(at);
        let counted = self.happened - self.first;
        self.holds = match self.track.terms.frequency {
            Frequency::Each => counted > 0,
            Frequency::AtLeast(_) => counted >= self.track.terms.limit,
            Frequency::None => counted == 0 && at >= self.track.old_enough,
        };
        let old_enough = (self.track.terms.frequency == Frequency::None && at < self.track.old_enough)
            .then_some(self.track.old_enough);
        let fades = self.fading.peek().map(|Reverse((step, _))| *step);
        self.next = [self.coming().map(|it| it.occurred_at), self.closing(), fades, old_enough]
            .into_iter()
            .flatten()
            .filter(|next| *next > at)
            .min();
    }

    fn coming(&self) -> Option<&'a Occurrence> {
        self.track.occurrences.get(self.happened).copied()
    }

    /// When the oldest that counts ceases to.
    fn closing(&self) -> Option<Timestamp> {
        let oldest = self.track.occurrences.get(self.first).filter(|_| self.first < self.happened)?;
        self.track.closes(oldest)
    }

    fn has_closed(&self, at: Timestamp) -> bool {
        self.closing().is_some_and(|closed| closed <= at)
    }

    fn take_in(&mut self, at: Timestamp) {
        if self.differ() {
            self.given.push_back(0);
            self.renew(self.happened, at);
        }
        self.happened += 1;
    }

    fn let_go(&mut self) {
        self.first += 1;
        self.total = self.total.saturating_sub(self.given.pop_front().unwrap_or(0));
    }

    fn fade(&mut self, at: Timestamp) {
        while let Some(Reverse((step, index))) = self.fading.peek().copied() {
            if index >= self.first && step > at {
                break;
            }
            self.fading.pop();
            if index >= self.first {
                self.renew(index, at);
            }
        }
    }

    /// Writes down what an occurrence gives at `at`, and when that changes.
    fn renew(&mut self, index: usize, at: Timestamp) {
        let Some(occurrence) = self.track.occurrences.get(index).copied() else { return };
        let Some(given) = self.given.get_mut(index - self.first) else { return };
        let kept = self.track.kept(self.points, occurrence, at);
        self.total = self.total.saturating_add(kept).saturating_sub(std::mem::replace(given, kept));
        let worth = self.track.worth(self.points, occurrence);
        if let Some(step) = self.track.terms.fades(worth, occurrence.occurred_at, at) {
            self.fading.push(Reverse((step, index)));
        }
    }
}

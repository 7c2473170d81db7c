//! Everything one model sees in one lead, sorted once so that any instant can be read off quickly (SCO-5).
//!
//! Records have no history here: conditions on them are answered from the facts given, for every instant alike. Rules
//! that fail by them, or give no points, can never count and are left out.

use super::card;
use super::compile::Model;
use super::condition::Frequency;
use super::evaluate::{Facts, Share};
use super::ledger::Cause;
use super::model::Rule;
use super::occurrence::Occurrence;
use super::track::Track;
use crate::clock::Timestamp;
use crate::filter;
use crate::id::Id;

/// Instants end with the year 2199; no moment is foreseen beyond.
pub(super) const END: Timestamp = Timestamp::from_day(84_006);

pub(super) struct Reading<'a> {
    pub(super) model: &'a Model,
    pub(super) rules: Vec<Active<'a>>,
    /// When some positive rule was first met, windows and decay left aside.
    first_met: Option<Timestamp>,
}

/// A rule that counts as soon as its conditions on interactions hold.
pub(super) struct Active<'a> {
    /// Its place in the model.
    place: usize,
    key: &'a str,
    pub(super) points: i64,
    pub(super) tracks: Vec<Track<'a>>,
}

/// What a rule gives at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<'a> {
    /// The rule's key.
    pub rule: &'a str,
    /// Its share, in points; never 0.
    pub points: i64,
    /// Interactions that it rests on, each with the points that are due to it; none for conditions on records and for
    /// `none`.
    pub by: Vec<(&'a Occurrence, i64)>,
}

/// What every rule gives at `at`, before any bounds, in the order of the model; rules that give nothing are left out.
pub fn given<'a>(model: &'a Model, facts: &Facts, evidence: &'a [Occurrence], at: Timestamp) -> Vec<Given<'a>> {
    Reading::new(model, facts, evidence).rules.iter().filter_map(|rule| rule.given(at)).collect()
}

/// An instant at which shares may change by themselves, and why.
pub(super) struct Moment<'a> {
    pub(super) at: Timestamp,
    /// The strongest of the causes.
    cause: Cause,
    /// The rules that may change, each with its own cause.
    rules: Vec<(&'a str, Cause)>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(model: &'a Model, facts: &Facts, evidence: &'a [Occurrence]) -> Self {
        let holding = |rule: &Rule| rule.attributes().all(|condition| filter::holds(condition, &facts.records));
        Self::of_rules(model, facts, evidence, holding)
    }

    /// The same whatever the records say: every rule counts as soon as its conditions on interactions hold.
    pub(super) fn of_interactions(model: &'a Model, facts: &Facts, evidence: &'a [Occurrence]) -> Self {
        Self::of_rules(model, facts, evidence, |_| true)
    }

    fn of_rules(
        model: &'a Model,
        facts: &Facts,
        evidence: &'a [Occurrence],
        is_active: impl Fn(&Rule) -> bool,
    ) -> Self {
        let suspects_count = model.definition().suspect_evidence;
        let counting = model.rules().enumerate().filter(|(_, (rule, points))| *points != 0 && is_active(rule));
        let rules: Vec<_> = counting
            .map(|(place, (rule, points))| Active {
                place,
                key: &rule.key,
                points,
                tracks: rule
                    .behaviours()
                    .map(|it| Track::new(it, facts, evidence, suspects_count, model.assets_for(rule, it)))
                    .collect(),
            })
            .collect();
        let first_met = rules.iter().filter(|rule| rule.points > 0).filter_map(Active::first_met).min();
        Self { model, rules, first_met }
    }

    /// What every rule gives at `at`, in the order of the model; rules that give nothing are left out.
    pub(super) fn rule_shares(&self, at: Timestamp) -> Vec<Share> {
        self.rules.iter().filter_map(|rule| rule.share(at)).collect()
    }

    /// What every rule gives at `at`, in the order of the model.
    pub(super) fn worths(&self, at: Timestamp) -> Vec<i64> {
        let mut worths = vec![0; self.model.definition().rules.len()];
        for rule in &self.rules {
            if let Some(worth) = worths.get_mut(rule.place) {
                *worth = rule.worth(at);
            }
        }
        worths
    }

    /// When each rule of the model was first met, windows and decay left aside; none for rules that are left out.
    pub(super) fn first_met_by_rule(&self) -> Vec<Option<Timestamp>> {
        let mut met = vec![None; self.model.definition().rules.len()];
        for rule in &self.rules {
            if let Some(first) = met.get_mut(rule.place) {
                *first = rule.first_met();
            }
        }
        met
    }

    /// The score at `at`, when every rule gives what `worths` say, in the order of `rules`.
    pub(super) fn total(&self, worths: &[i64], at: Timestamp) -> i64 {
        let by_rule = self.rules.iter().zip(worths).map(|(rule, worth)| (rule.place, *worth));
        card::total(self.model, by_rule, self.once_met(at))
    }

    /// Whether by `at` some positive rule was met, windows and decay left aside.
    pub(super) fn once_met(&self, at: Timestamp) -> bool {
        self.first_met.is_some_and(|met| met <= at)
    }

    /// The first instant after `after` at which a share may change by itself.
    pub(super) fn next_moment(&self, after: Timestamp) -> Option<Moment<'a>> {
        let coming: Vec<_> = self.rules.iter().filter_map(|rule| Some((rule.key, rule.next(after)?))).collect();
        let (at, cause) = coming.iter().map(|(_, next)| *next).min().filter(|(at, _)| *at < END)?;
        let rules = coming.into_iter().filter(|(_, next)| next.0 == at).map(|(key, next)| (key, next.1)).collect();
        Some(Moment { at, cause, rules })
    }
}

impl Moment<'_> {
    /// Why the share of `rule` changes at this moment. Bounds and the residual change for the strongest cause.
    pub(super) fn cause_of(&self, rule: &str) -> Cause {
        self.rules.iter().find(|(key, _)| *key == rule).map_or(self.cause, |(_, cause)| *cause)
    }
}

impl<'a> Active<'a> {
    pub(super) fn worth(&self, at: Timestamp) -> i64 {
        if !self.tracks.iter().all(|track| track.holds(at)) {
            return 0;
        }
        self.tracks.iter().find_map(|track| track.sum(self.points, at)).unwrap_or(self.points)
    }

    fn share(&self, at: Timestamp) -> Option<Share> {
        let points = self.worth(at);
        (points != 0).then(|| Share { rule: self.key.to_owned(), points, because: self.because(at) })
    }

    /// What the rule gives at `at`, and what of it each interaction gives that it rests on: with `each` what is left of
    /// its points, otherwise all of them to the latest.
    fn given(&self, at: Timestamp) -> Option<Given<'a>> {
        let points = self.worth(at);
        let each = self.tracks.iter().find(|track| track.terms.frequency == Frequency::Each);
        let by = match each {
            Some(track) => track.because(self.points, at).map(|it| (it, track.kept(self.points, it, at))).collect(),
            None => {
                let rested_on = self.tracks.iter().flat_map(|track| track.because(self.points, at));
                rested_on.max_by_key(|it| (it.occurred_at, it.id)).map(|it| (it, points)).into_iter().collect()
            }
        };
        (points != 0).then_some(Given { rule: self.key, points, by })
    }

    fn because(&self, at: Timestamp) -> Vec<Id> {
        let mut because: Vec<_> = self.tracks.iter().flat_map(|track| track.because(self.points, at)).collect();
        because.sort_by_key(|it| (it.occurred_at, it.id));
        because.dedup_by_key(|it| it.id);
        because.into_iter().map(|it| it.id).collect()
    }

    fn next(&self, after: Timestamp) -> Option<(Timestamp, Cause)> {
        self.tracks.iter().filter_map(|track| track.next(self.points, after)).min()
    }

    /// The first instant at which all conditions were met together, windows and decay left aside.
    fn first_met(&self) -> Option<Timestamp> {
        let mut met = Timestamp::from_micros(i64::MIN);
        for track in &self.tracks {
            met = met.max(track.first_met()?);
        }
        loop {
            let mut quiet = met;
            for track in &self.tracks {
                quiet = track.quiet_from(quiet)?;
            }
            if quiet == met {
                return Some(met);
            }
            met = quiet;
        }
    }
}

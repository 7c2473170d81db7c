//! What one model has seen of one lead (SCO-8): enough to tell the score at any later instant and to take in whatever
//! becomes known, without reading the history again.
//!
//! It knows nothing of what records say: a changed field is answered from the same tally. Only where an interaction
//! that is told late may have broken, or let begin, a silence that is over does the history have to be asked again.

use serde::{Deserialize, Serialize};

use super::card::{self, Card};
use super::compile::{Model, Watch};
use super::condition::Frequency;
use super::evaluate::Facts;
use super::history::{self, History};
use super::ledger::Cause;
use super::occurrence::Occurrence;
use super::reading::{END, Reading};
use super::seen::{Entry, Lost, Seen, Told};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::filter;

/// What was seen until some instant, rule by rule in the model's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally(Vec<OfRule>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OfRule {
    /// Whether all conditions on interactions once held together, windows and decay left aside.
    met: bool,
    /// Condition by condition.
    seen: Vec<Seen>,
}

/// Why the share of the rule at this place changed.
pub(super) type Moved = (usize, Told);

impl Tally {
    /// What `model` has seen of `evidence`, given in any order, by `at`.
    pub fn of(model: &Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> Self {
        let mut tally = Self(nothing(model));
        let mut sorted: Vec<_> = evidence.iter().collect();
        sorted.sort_by_key(|it| (it.occurred_at, it.id));
        for it in sorted {
            tally.insert(model, facts, it, at);
        }
        let reading = Reading::of_interactions(model, facts, evidence);
        for (rule, met) in tally.0.iter_mut().zip(reading.first_met_by_rule()) {
            rule.met = met.is_some_and(|met| met <= at);
        }
        tally
    }

    /// Whether this was made for a model with the same conditions.
    pub fn fits(&self, model: &Model) -> bool {
        let same = |(place, rule): (usize, &OfRule)| rule.seen.len() == model.terms(place).len();
        self.0.len() == model.definition().rules.len() && self.0.iter().enumerate().all(same)
    }

    /// What the model makes of it at `at`, up to which everything was taken in.
    pub fn card(&self, model: &Model, facts: &Facts, at: Timestamp) -> Card {
        let mut worths = vec![0; self.0.len()];
        let mut once_met = false;
        for (place, (rule, points)) in model.rules().enumerate() {
            let Some(of_rule) = self.0.get(place).filter(|_| points != 0) else { continue };
            if !rule.attributes().all(|condition| filter::holds(condition, &facts.records)) {
                continue;
            }
            once_met |= points > 0 && of_rule.met;
            if let Some(worth) = worths.get_mut(place) {
                *worth = of_rule.worth(model, place, facts, points, at);
            }
        }
        card::card(model, &worths, once_met)
    }

    /// The first instant after `at` at which the card may change though nothing else becomes known.
    pub fn due(&self, model: &Model, facts: &Facts, at: Timestamp) -> Option<Timestamp> {
        let active = model.rules().enumerate().filter(|(_, (rule, points))| {
            *points != 0 && rule.attributes().all(|condition| filter::holds(condition, &facts.records))
        });
        active.filter_map(|(place, _)| self.next_of(model, facts, place, at)).min().filter(|due| *due < END)
    }

    /// The first instant after `at` at which anything moves, whether the card shows it or not.
    pub(super) fn next(&self, model: &Model, facts: &Facts, at: Timestamp) -> Option<Timestamp> {
        (0..self.0.len()).filter_map(|place| self.next_of(model, facts, place, at)).min()
    }

    fn next_of(&self, model: &Model, facts: &Facts, place: usize, at: Timestamp) -> Option<Timestamp> {
        let seen = self.0.get(place)?.seen.iter().zip(model.terms(place));
        seen.filter_map(|(seen, terms)| next(seen, terms, facts, at)).filter(|next| *next > at).min()
    }

    /// Moves on from `from` to `at`, the next moment. Tells which rules may have changed, and why; `Err(Lost)` in the
    /// inner result when the history no longer has what was counted before.
    pub(super) fn cross(
        &mut self,
        model: &Model,
        facts: &Facts,
        (from, at): (Timestamp, Timestamp),
        history: &mut dyn History,
    ) -> Result<Result<Vec<Moved>, Lost>> {
        let mut moved = Vec::new();
        for (place, of_rule) in self.0.iter_mut().enumerate() {
            let mut told: Option<Told> = None;
            for (condition, (seen, terms)) in of_rule.seen.iter_mut().zip(model.terms(place)).enumerate() {
                let watch = Watch { rule: place, condition };
                let was_quiet = terms.frequency == Frequency::None && holds(seen, terms, facts, from);
                let mut look = |worth, after| history::front(history, model, watch, facts.lead_id, worth, after);
                let mut news = match seen.cross(terms, from, at, &mut look)? {
                    Ok(news) => news,
                    Err(lost) => return Ok(Err(lost)),
                };
                if terms.frequency == Frequency::None && !was_quiet && holds(seen, terms, facts, at) {
                    news = news.or(Some((Cause::WindowExpiry, None)));
                }
                told = [told, news].into_iter().flatten().reduce(|a, b| if b.0 < a.0 { b } else { a });
            }
            of_rule.met = of_rule.met || of_rule.is_met(model, place, facts, at);
            moved.extend(told.map(|told| (place, told)));
        }
        Ok(Ok(moved))
    }

    /// Which rules were met, for [`Tally::take`].
    pub(super) fn met(&self) -> Vec<bool> {
        self.0.iter().map(|rule| rule.met).collect()
    }

    /// Takes in what became known at `now`, up to which everything else was. `met` is what [`Tally::met`] said at
    /// `since`. Tells which rules it was for; none when the history has to be read again to tell what it changes.
    pub(super) fn take(
        &mut self,
        model: &Model,
        facts: &Facts,
        arrivals: &[Occurrence],
        met: &[bool],
        (since, now): (Timestamp, Timestamp),
    ) -> Option<Vec<Moved>> {
        let mut sorted: Vec<_> = arrivals.iter().collect();
        sorted.sort_by_key(|it| (it.occurred_at, it.id));
        let mut moved: Vec<Moved> = Vec::new();
        let others_met: Vec<bool> = (0..self.0.len()).map(|place| self.others_are_met(model, place)).collect();
        let mut is_late = vec![false; self.0.len()];
        for it in sorted {
            for place in self.insert(model, facts, it, now) {
                if let Some(late) = is_late.get_mut(place) {
                    *late |= it.occurred_at <= since;
                }
                if !moved.iter().any(|(known, _)| *known == place) {
                    moved.push((place, (Cause::Interaction, Some(it.id))));
                }
            }
        }
        for (place, _) in &moved {
            let place = *place;
            let of_rule = self.0.get_mut(place)?;
            let was_met = met.get(place).copied().unwrap_or(false);
            let late = is_late.get(place).copied().unwrap_or(true);
            let asks_silence = model.terms(place).iter().any(|terms| terms.frequency == Frequency::None);
            if !asks_silence || !matters(model, place) {
                of_rule.met |= of_rule.is_met(model, place, facts, now);
            } else if late || of_rule.met != was_met {
                return None;
            } else if !was_met {
                let others = others_met.get(place).copied().unwrap_or(false);
                of_rule.met = of_rule.is_met(model, place, facts, now);
                if !of_rule.met && !others && self.others_are_met(model, place) {
                    return None;
                }
            }
        }
        Some(moved)
    }

    /// Takes in one occurrence; tells the rules it is one for.
    fn insert(&mut self, model: &Model, facts: &Facts, it: &Occurrence, now: Timestamp) -> Vec<usize> {
        let mut rules = Vec::new();
        for (watch, worth) in model.watches(it, facts.lead_id) {
            let terms = model.terms(watch.rule).get(watch.condition);
            let seen = self.0.get_mut(watch.rule).and_then(|rule| rule.seen.get_mut(watch.condition));
            if let (Some(terms), Some(seen)) = (terms, seen) {
                seen.insert(terms, Entry::new(it.occurred_at, it.id, worth), now);
                rules.push(watch.rule);
            }
        }
        rules.dedup();
        rules
    }

    /// Whether the rule's conditions that ask for no silence are met.
    fn others_are_met(&self, model: &Model, place: usize) -> bool {
        let Some(of_rule) = self.0.get(place) else { return false };
        of_rule.seen.iter().zip(model.terms(place)).all(|(seen, terms)| seen.is_met(terms))
    }
}

impl OfRule {
    fn worth(&self, model: &Model, place: usize, facts: &Facts, points: i64, at: Timestamp) -> i64 {
        let conditions = || self.seen.iter().zip(model.terms(place));
        if !conditions().all(|(seen, terms)| holds(seen, terms, facts, at)) {
            return 0;
        }
        let each = conditions().find(|(_, terms)| terms.frequency == Frequency::Each);
        each.map_or(points, |(seen, terms)| seen.sum(terms, at))
    }

    /// Whether all conditions hold at `at`, windows left aside but that of a silence.
    fn is_met(&self, model: &Model, place: usize, facts: &Facts, at: Timestamp) -> bool {
        self.seen.iter().zip(model.terms(place)).all(|(seen, terms)| match terms.frequency {
            Frequency::None => holds(seen, terms, facts, at),
            _ => seen.is_met(terms),
        })
    }
}

fn nothing(model: &Model) -> Vec<OfRule> {
    let rules = 0..model.definition().rules.len();
    rules.map(|place| OfRule { met: false, seen: model.terms(place).iter().map(Seen::nothing).collect() }).collect()
}

fn holds(seen: &Seen, terms: &super::terms::Terms, facts: &Facts, at: Timestamp) -> bool {
    seen.holds(terms, terms.old_enough(facts.lead_created_at), at)
}

fn next(seen: &Seen, terms: &super::terms::Terms, facts: &Facts, at: Timestamp) -> Option<Timestamp> {
    seen.next(terms, terms.old_enough(facts.lead_created_at), at).map(|(at, _)| at)
}

/// Whether it matters for the residual that the rule was once met.
fn matters(model: &Model, place: usize) -> bool {
    model.rules().nth(place).is_some_and(|(_, points)| points > 0)
}

//! The nearest way to sales ready (SCO-9, SCO-12): which few things would bring a score to its threshold at once.
//!
//! What a step gives is not reckoned but tried: the model is asked what it makes of the lead after the deeds, so caps,
//! ceilings, windows and rules that meet in one interaction are all in the numbers. The way is found by always taking
//! the step that gives most; then every shorter way is tried, as far as there are not too many.

use std::cmp::Reverse;

use serde::Serialize;
use utoipa::ToSchema;

use super::compile::Model;
use super::deeds::{Deed, World};
use super::evaluate::{Facts, Scorecard};
use super::occurrence::Occurrence;
use super::sentences::points;
use crate::clock::Timestamp;

/// Steps of a way.
const MOST_STEPS: usize = 10;
/// Where no way was found, ways of so many steps are tried out.
const TRIED_STEPS: usize = 3;
/// Interactions times rules that are looked at for the first way, and again for all shorter ones.
const WORK: usize = 2_000_000;

/// A way to sales ready.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = WayToSalesReady)]
pub struct Way {
    /// Whether the steps lead to the sales-ready score; true without steps when the score is there already.
    pub reached: bool,
    /// Whether surely no shorter way leads there; false when there were too many to try, or none leads there.
    pub fewest: bool,
    /// The score after all steps, in points: where the sales-ready score is out of reach, the best that was found.
    #[schema(example = 105)]
    pub score: i64,
    /// What it comes to, in a sentence.
    #[schema(example = "One step makes the lead sales ready.")]
    pub sentence: String,
    /// What to do, in this order; at most ten steps.
    #[schema(max_items = 10)]
    pub steps: Vec<Step>,
}

/// A step of a way to sales ready: all that one rule needs.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = StepToSalesReady)]
pub struct Step {
    /// The key of the rule that is met, met once more, or ended.
    #[schema(example = "webinar")]
    pub rule: String,
    /// What to do: all of it.
    #[schema(max_items = 40)]
    pub deeds: Vec<Deed>,
    /// The same in words.
    #[schema(example = "1 × event_attended")]
    pub sentence: String,
    /// What the step gives to the score, in points; 0 where it only makes up for what lies below the floor.
    #[schema(example = 40)]
    pub gain: i64,
    /// The score after the step, in points.
    #[schema(example = 105)]
    pub score: i64,
}

/// The nearest way from the score at `at` to the model's sales-ready score, by what could be done at `at`: one more
/// interaction that a rule asks about, as many as `at_least` needs, a field that takes the value asked for, or what ends
/// a rule that takes points. A rule that needs several of these takes them in one step.
pub fn nearest(model: &Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> Way {
    let ready = model.definition().sales_ready_score;
    let mut world = World::new(model, facts, evidence, at);
    let start = world.card();
    let mut steps = greedily(&mut world.clone(), start.clone(), ready);
    let reached = start.score >= ready || steps.last().is_some_and(|step| step.score >= ready);
    let mut search = Search { ready, left: WORK, path: Vec::new() };
    let mut fewest = true;
    for length in 1..=if reached { steps.len().saturating_sub(1) } else { TRIED_STEPS } {
        match search.within(&mut world, length, &start) {
            Tried::Found => {
                steps = search.path;
                break;
            }
            Tried::AllInVain => {}
            Tried::TooMany => {
                fewest = false;
                break;
            }
        }
    }
    way(ready, start.score, steps, fewest)
}

fn way(ready: i64, start: i64, steps: Vec<Step>, fewest: bool) -> Way {
    let score = steps.last().map_or(start, |step| step.score);
    let reached = score >= ready;
    let sentence = match (reached, steps.len()) {
        (true, 0) => "The lead is sales ready.".to_owned(),
        (true, 1) => "One step makes the lead sales ready.".to_owned(),
        (true, count) => format!("{count} steps make the lead sales ready."),
        (false, 0) => "Nothing that could be done now brings the score nearer to sales ready.".to_owned(),
        (false, MOST_STEPS) => format!("Ten steps do not make the lead sales ready; they bring {}.", points(score)),
        (false, _) => format!("No way to sales ready was found; the best brings {}.", points(score)),
    };
    Way { reached, fewest: fewest && reached, score, sentence, steps }
}

/// Takes the step that gives most until the score is there, or nothing gives any more.
fn greedily(world: &mut World<'_>, start: Scorecard, ready: i64) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut before = start.clone();
    while before.score < ready && steps.len() < MOST_STEPS {
        let Some((step, after)) = best(world, &before, ready) else { break };
        step.deeds.iter().for_each(|deed| world.perform(deed));
        steps.push(step);
        before = after;
    }
    // What only made up for points below the floor, and led no further, is no step on a way.
    let highest = steps.iter().map(|step| step.score).max().filter(|highest| *highest > start.score);
    let kept = highest.and_then(|highest| steps.iter().position(|step| step.score == highest));
    steps.truncate(kept.map_or(0, |last| last + 1));
    steps
}

/// The best next step with what it makes of the score. Of steps that suffice, the one with the least to do is the best.
fn best(world: &mut World<'_>, before: &Scorecard, ready: i64) -> Option<(Step, Scorecard)> {
    let mut proposals = world.proposals(&before.shares);
    let worth = |place: usize| world.model.rules().nth(place).map_or(0, |(_, worth)| worth.saturating_abs());
    proposals.sort_by_cached_key(|(place, _)| Reverse(worth(*place)));
    let affordable = (WORK / MOST_STEPS / world.size()).max(1);
    let mut best: Option<(_, Step, Scorecard)> = None;
    for (tried, (place, deeds)) in proposals.into_iter().enumerate() {
        if tried >= affordable && best.is_some() {
            break;
        }
        let Some(after) = world.after(&deeds, |world| world.card()) else { continue };
        if (after.score, unbounded(&after)) <= (before.score, unbounded(before)) {
            continue;
        }
        let step = Step::new(world.model, place, deeds, before, &after);
        let (suffices, effort) = (after.score >= ready, Reverse(step.effort()));
        let least = suffices.then_some(effort);
        let rank = (least, after.score, unbounded(&after), effort, Reverse(step.rule.clone()));
        if best.as_ref().is_none_or(|(other, ..)| rank > *other) {
            best = Some((rank, step, after));
        }
    }
    best.map(|(_, step, after)| (step, after))
}

/// The points before floor, ceiling and residual.
fn unbounded(card: &Scorecard) -> i64 {
    let bounds = ["@floor", "@ceiling", "@residual"];
    let shares = card.shares.iter().filter(|share| !bounds.contains(&share.rule.as_str()));
    shares.map(|share| share.points).fold(0, i64::saturating_add)
}

impl Step {
    fn new(model: &Model, place: usize, deeds: Vec<Deed>, before: &Scorecard, after: &Scorecard) -> Self {
        let rule = model.definition().rules.get(place);
        let said: Vec<String> = rule.iter().flat_map(|rule| deeds.iter().map(|deed| deed.sentence(rule))).collect();
        Self {
            rule: rule.map(|rule| rule.key.clone()).unwrap_or_default(),
            deeds,
            sentence: said.join(", and "),
            gain: after.score.saturating_sub(before.score),
            score: after.score,
        }
    }

    /// How much there is to do.
    fn effort(&self) -> usize {
        let times = |deed: &Deed| match deed {
            Deed::Happens(wanted) => wanted.times,
            Deed::Becomes(_) => 1,
        };
        self.deeds.iter().map(times).sum()
    }
}

/// Tries all ways of some length, with no more work than it has left.
struct Search {
    ready: i64,
    left: usize,
    /// The steps under trial; the way, once one is found.
    path: Vec<Step>,
}

enum Tried {
    Found,
    AllInVain,
    TooMany,
}

impl Search {
    fn within(&mut self, world: &mut World<'_>, length: usize, before: &Scorecard) -> Tried {
        if length == 0 {
            return Tried::AllInVain;
        }
        for (place, deeds) in world.proposals(&before.shares) {
            // To propose what may be done takes as long as to try it.
            let Some(left) = self.left.checked_sub(2 * world.size()) else { return Tried::TooMany };
            self.left = left;
            let tried = world.after(&deeds, |world| {
                let after = world.card();
                self.path.push(Step::new(world.model, place, deeds.clone(), before, &after));
                if after.score >= self.ready { Tried::Found } else { self.within(world, length - 1, &after) }
            });
            match tried {
                Some(Tried::AllInVain) => drop(self.path.pop()),
                Some(found_or_too_many) => return found_or_too_many,
                None => {}
            }
        }
        Tried::AllInVain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::laws::{definition, facts, history, instant};
    use super::*;
    use crate::filter::Field;

    /// What the model makes of the lead after the deeds, done without the search's own means.
    fn after(model: &Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp, deeds: &[Deed]) -> Scorecard {
        let (mut facts, mut evidence) = (facts.clone(), evidence.to_vec());
        for deed in deeds {
            match deed {
                Deed::Becomes(wanted) => {
                    assert!(Field::named(&wanted.field).unwrap().put(&mut facts.records, wanted.becomes.clone()));
                }
                Deed::Happens(wanted) => (0..wanted.times).for_each(|_| {
                    let number = u8::try_from(evidence.len()).unwrap();
                    let mut id = [0xff; 16];
                    id[14] = number;
                    evidence.push(Occurrence {
                        id: crate::id::Id::from_bytes(id),
                        kind: wanted.interaction.clone(),
                        occurred_at: at,
                        lead_id: wanted.same_lead.then_some(facts.lead_id),
                        asset: wanted.asset.clone(),
                        campaign: wanted.campaign.clone(),
                        form_id: wanted.form,
                        properties: Value::Object(wanted.properties.clone()),
                        evidence: super::super::Evidence::Human,
                        voided: false,
                    });
                }),
            }
        }
        super::super::evaluate(model, &facts, &evidence, at)
    }

    /// Whether so few steps can reach the threshold, by trying them all without any order or budget.
    fn reaches(world: &mut World<'_>, steps: usize) -> bool {
        let card = world.card();
        if card.score >= world.model.definition().sales_ready_score || steps == 0 {
            return card.score >= world.model.definition().sales_ready_score;
        }
        let proposals = world.proposals(&card.shares);
        proposals.iter().any(|(_, deeds)| world.after(deeds, |world| reaches(world, steps - 1)) == Some(true))
    }

    proptest! {
        #[test]
        fn every_step_gives_what_it_says(
            mut definition in definition(), history in history(), at in instant(), ready in 1_i64..200, vip: bool,
        ) {
            definition.sales_ready_score = ready;
            let model = Model::compile(&definition).unwrap();
            let facts = facts(vip);
            let way = nearest(&model, &facts, &history, at);
            let mut score = super::super::evaluate(&model, &facts, &history, at).score;
            let mut deeds = Vec::new();
            for step in &way.steps {
                deeds.extend(step.deeds.clone());
                let told = after(&model, &facts, &history, at, &deeds).score;
                prop_assert_eq!((step.score, step.gain), (told, told - score), "{:?}", way);
                score = told;
            }
            prop_assert_eq!((way.score, way.reached), (score, score >= ready));
            prop_assert!(way.steps.len() <= MOST_STEPS);
            if let Some(fewer) = way.steps.len().checked_sub(1).filter(|fewer| way.fewest && *fewer < 4) {
                prop_assert!(!reaches(&mut World::new(&model, &facts, &history, at), fewer), "{:?}", way);
            }
        }
    }
}

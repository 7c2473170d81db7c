//! A slow second reading of the rules of scoring, to hold the real one against: it keeps nothing sorted, asks every
//! occurrence for every instant, and shares no code with it but the filter language.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Timestamp;
use crate::filter;

/// Points by rule, bounds included; what gives nothing is left out.
pub(super) fn shares(
    definition: &Definition,
    facts: &Facts,
    evidence: &[Occurrence],
    at: Timestamp,
) -> BTreeMap<String, i64> {
    let mut shares = BTreeMap::new();
    for rule in &definition.rules {
        shares.insert(rule.key.clone(), rule_points(definition, rule, facts, evidence, at));
    }
    for group in &definition.groups {
        let of_group = definition.rules.iter().filter(|rule| rule.group.as_ref() == Some(&group.name));
        let sum: i64 = of_group.map(|rule| shares[&rule.key]).sum();
        let capped = sum.max(group.min.unwrap_or(i64::MIN)).min(group.max.unwrap_or(i64::MAX));
        shares.insert(format!("@cap:{}", group.name), capped - sum);
    }
    let sum: i64 = shares.values().sum();
    let raised = sum.max(definition.floor);
    let lowered = raised.min(definition.ceiling.unwrap_or(i64::MAX));
    shares.insert("@floor".to_owned(), raised - sum);
    shares.insert("@ceiling".to_owned(), lowered - raised);
    if definition.rules.iter().any(|rule| once_met(definition, rule, facts, evidence, at)) {
        shares.insert("@residual".to_owned(), (definition.residual - lowered).max(0));
    }
    shares.retain(|_, points| *points != 0);
    shares
}

fn rule_points(definition: &Definition, rule: &Rule, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> i64 {
    let points = rule.points.unwrap_or(0);
    let mut given = points;
    for condition in &rule.when {
        match condition {
            Condition::Attribute(attribute) if filter::holds(attribute, &facts.records) => {}
            Condition::Attribute(_) => return 0,
            Condition::Behaviour(behaviour) => {
                let window = behaviour.within_days.map_or(i64::MAX, i64::from);
                let counted: Vec<_> = relevant(definition, behaviour, facts, evidence)
                    .filter(|it| it.occurred_at <= at && at < it.occurred_at.plus_days(window))
                    .collect();
                match behaviour.frequency {
                    Frequency::None if !quiet(behaviour, facts, &counted, at) => return 0,
                    Frequency::AtLeast(times) if counted.len() < times as usize => return 0,
                    Frequency::Each => {
                        given = latest(behaviour, counted).map(|it| kept(behaviour, points, it, at)).sum()
                    }
                    _ => {}
                }
            }
        }
    }
    given
}

fn relevant<'a>(
    definition: &Definition,
    behaviour: &Behaviour,
    facts: &Facts,
    evidence: &'a [Occurrence],
) -> impl Iterator<Item = &'a Occurrence> {
    evidence.iter().filter(move |it| {
        let trusted = it.evidence == Evidence::Human || it.evidence == Evidence::Suspect && definition.suspect_evidence;
        let here = !behaviour.same_lead || it.lead_id == Some(facts.lead_id);
        trusted && here && !it.voided && it.kind == behaviour.interaction
    })
}

fn quiet(behaviour: &Behaviour, facts: &Facts, counted: &[&Occurrence], at: Timestamp) -> bool {
    let old_enough = behaviour.within_days.is_none_or(|days| at >= facts.lead_created_at.plus_days(days.into()));
    counted.is_empty() && old_enough
}

fn latest<'a>(behaviour: &Behaviour, mut counted: Vec<&'a Occurrence>) -> impl Iterator<Item = &'a Occurrence> {
    counted.sort_by_key(|it| std::cmp::Reverse((it.occurred_at, it.id)));
    counted.into_iter().take(behaviour.max_times.map_or(usize::MAX, |times| times as usize))
}

fn kept(behaviour: &Behaviour, points: i64, occurrence: &Occurrence, at: Timestamp) -> i64 {
    let Some(decay) = &behaviour.decay else { return points };
    let periods = at.whole_days_since(occurrence.occurred_at) / i64::from(decay.every_days);
    let percent = decay.percent.millionths().unwrap() as f64 / 1e6;
    (points as f64 * (100.0 - periods as f64 * percent).max(0.0) / 100.0).round() as i64
}

/// Whether at some instant until `at` all conditions held together, windows of `each` and `at_least` left aside.
/// Conditions change only when something happens, leaves a window, or the lead grows old enough.
fn once_met(definition: &Definition, rule: &Rule, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> bool {
    let mut lasting = rule.clone();
    let mut instants = vec![Timestamp::from_micros(i64::MIN / 2)];
    for condition in &mut lasting.when {
        let Condition::Behaviour(behaviour) = condition else { continue };
        behaviour.decay = None;
        instants.extend(evidence.iter().map(|it| it.occurred_at));
        if behaviour.frequency != Frequency::None {
            behaviour.within_days = None;
        } else if let Some(days) = behaviour.within_days {
            instants.extend(evidence.iter().map(|it| it.occurred_at.plus_days(days.into())));
            instants.push(facts.lead_created_at.plus_days(days.into()));
        }
    }
    let met = |instant: &Timestamp| rule_points(definition, &lasting, facts, evidence, *instant) > 0;
    instants.iter().any(|instant| *instant <= at && met(instant))
}

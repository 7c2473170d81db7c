//! What the shares of the rules come to: group caps, floor, ceiling and residual, and the grade (SCO-5, SCO-6).

use serde::{Deserialize, Serialize};

use super::compile::Model;

/// The part of a score that one rule gives, or that a bound adds or takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The rule's key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    pub rule: String,
    /// What it gives, in points; never 0.
    pub points: i64,
}

/// A score, its grade and its parts, which add up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The score, in points.
    pub score: i64,
    /// The name of the grade the score is in.
    pub grade: String,
    /// Rules in the model's order, then `@cap:<group>`, `@floor`, `@ceiling` and `@residual`; what gives nothing is
    /// left out.
    pub parts: Vec<Part>,
}

/// The card of a lead to which the model's rules, in their order, give `worths`, and which was `once_met` by a positive
/// rule or not.
pub(super) fn card(model: &Model, worths: &[i64], once_met: bool) -> Card {
    let named = model.definition().rules.iter().zip(worths).filter(|(_, points)| **points != 0);
    let mut parts: Vec<Part> = named.map(|(rule, points)| Part { rule: rule.key.clone(), points: *points }).collect();
    parts.extend(bounds(model, worths, once_met));
    let score = parts.iter().map(|part| part.points).fold(0, i64::saturating_add);
    Card { score, grade: model.grade(score).to_owned(), parts }
}

/// What the bounds add to the shares of the rules, or take from them.
pub(super) fn bounds(model: &Model, worths: &[i64], once_met: bool) -> Vec<Part> {
    let definition = model.definition();
    let mut parts = Vec::new();
    let mut adjust = |rule: String, from: i64, to: i64| {
        if from != to {
            parts.push(Part { rule, points: to.saturating_sub(from) });
        }
        to.saturating_sub(from)
    };
    let mut sum = worths.iter().copied().fold(0, i64::saturating_add);
    for group in &definition.groups {
        let members = definition.rules.iter().zip(worths).filter(|(rule, _)| rule.group.as_ref() == Some(&group.name));
        let given = members.map(|(_, points)| *points).fold(0, i64::saturating_add);
        sum = sum.saturating_add(adjust(format!("@cap:{}", group.name), given, bounded(given, group.min, group.max)));
    }
    let raised = sum.max(definition.floor);
    adjust("@floor".to_owned(), sum, raised);
    let lowered = bounded(raised, None, definition.ceiling);
    adjust("@ceiling".to_owned(), raised, lowered);
    if once_met {
        adjust("@residual".to_owned(), lowered, lowered.max(definition.residual));
    }
    parts
}

/// The score of a lead to which the rules, each by its place in the model, give so much; rules that are left out give
/// nothing. That of [`card()`], without its parts.
pub(super) fn total(model: &Model, worths: impl Iterator<Item = (usize, i64)> + Clone, once_met: bool) -> i64 {
    let definition = model.definition();
    let mut sum = worths.clone().map(|(_, worth)| worth).fold(0, i64::saturating_add);
    for group in &definition.groups {
        let is_member =
            |place: usize| definition.rules.get(place).is_some_and(|rule| rule.group.as_ref() == Some(&group.name));
        let members = worths.clone().filter(|(place, _)| is_member(*place));
        let given = members.map(|(_, worth)| worth).fold(0, i64::saturating_add);
        sum = sum.saturating_add(bounded(given, group.min, group.max).saturating_sub(given));
    }
    let score = bounded(sum.max(definition.floor), None, definition.ceiling);
    if once_met { score.max(definition.residual) } else { score }
}

fn bounded(points: i64, min: Option<i64>, max: Option<i64>) -> i64 {
    let raised = min.map_or(points, |min| points.max(min));
    max.map_or(raised, |max| raised.min(max))
}

//! What is odd about a model although it can be scored with (SCO-1): rules that never give points, and points that lead
//! nowhere. Nothing here keeps a model from being published.

use std::collections::BTreeSet;

use super::Definition;
use super::condition::{Behaviour, Condition, Frequency};
use super::model::Rule;
use crate::error::Violation;
use crate::filter;
use crate::filter::{Asked, Field, Kind};

/// A window of more days than this is seldom meant.
const LONG_WINDOW: u32 = 730;

impl Definition {
    /// Everything odd about a sound definition, when `kinds` are the interactions there are.
    pub fn doubts(&self, kinds: &BTreeSet<String>) -> Vec<Violation> {
        let mut odd = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let pointer = format!("/rules/{index}");
            self.doubt_rule(rule, index, &pointer, &mut odd);
            for (index, behaviour) in behaviours(rule) {
                doubt_behaviour(behaviour, kinds, &format!("{pointer}/when/{index}"), &mut odd);
            }
        }
        for (index, group) in self.groups.iter().enumerate() {
            if !self.rules.iter().any(|rule| rule.group.as_ref() == Some(&group.name)) {
                let detail = format!("no rule belongs to the group `{}`", group.name);
                odd.push(Violation::new(format!("/groups/{index}"), "unused", detail));
            }
        }
        self.doubt_reach(&mut odd);
        odd
    }

    fn doubt_rule(&self, rule: &Rule, index: usize, pointer: &str, odd: &mut Vec<Violation>) {
        if rule.never_holds() {
            let detail = format!("the conditions of `{}` can never hold together", rule.key);
            odd.push(Violation::new(format!("{pointer}/when"), "never_holds", detail));
        }
        if rule.worth(self.sales_ready_score) == Some(0) {
            odd.push(Violation::new(pointer, "gives_nothing", format!("`{}` gives 0 points", rule.key)));
        }
        if let Some(twin) = self.rules.iter().take(index).find(|other| same_conditions(other, rule)) {
            let detail = format!("`{}` and `{}` have the same conditions", twin.key, rule.key);
            odd.push(Violation::new(format!("{pointer}/when"), "same_conditions", detail));
        }
    }

    /// The sales-ready score and the grades that no score can come to.
    fn doubt_reach(&self, odd: &mut Vec<Violation>) {
        let highest = self.highest();
        if let Some(highest) = highest.filter(|highest| *highest < self.sales_ready_score) {
            let detail = format!("no lead can become sales ready: the highest possible score is {highest}");
            odd.push(Violation::new("/sales_ready_score", "out_of_reach", detail));
        }
        for (index, grade) in self.grades.iter().enumerate() {
            let above = grade.from.zip(highest).is_some_and(|(from, highest)| from > highest);
            let below = grade.to.is_some_and(|to| to < self.floor);
            if above || below {
                let detail = format!("no score can come to the grade `{}`", grade.name);
                odd.push(Violation::new(format!("/grades/{index}"), "out_of_reach", detail));
            }
        }
    }

    /// The highest score there can be; `None` when there is no bound.
    fn highest(&self) -> Option<i64> {
        let in_group = |name: Option<&String>| {
            let rules = self.rules.iter().filter(move |rule| rule.group.as_ref() == name);
            rules.map(|rule| rule.highest(self.sales_ready_score)).try_fold(0_i64, |sum, most| sum.checked_add(most?))
        };
        let capped = self.groups.iter().map(|group| match (in_group(Some(&group.name)), group.max) {
            (Some(sum), max) => Some(sum.max(group.min.unwrap_or(sum)).min(max.unwrap_or(i64::MAX))),
            (None, max) => max,
        });
        let sum = capped.chain([in_group(None)]).try_fold(0_i64, |sum, most| sum.checked_add(most?));
        let bounded = match (sum, self.ceiling) {
            (Some(sum), ceiling) => sum.max(self.floor).min(ceiling.unwrap_or(i64::MAX)),
            (None, ceiling) => ceiling?,
        };
        Some(bounded.max(self.residual))
    }
}

impl Rule {
    /// The most the rule can give; `None` when there is no bound.
    fn highest(&self, sales_ready_score: i64) -> Option<i64> {
        let worth = self.worth(sales_ready_score)?.max(0);
        if worth == 0 || self.never_holds() {
            return Some(0);
        }
        match behaviours(self).find(|(_, behaviour)| behaviour.frequency == Frequency::Each) {
            Some((_, each)) => Some(worth.saturating_mul(i64::from(each.max_times?))),
            None => Some(worth),
        }
    }

    /// Whether the conditions surely never hold together.
    fn never_holds(&self) -> bool {
        let by_field = self.attributes().any(|condition| {
            let field = Field::named(&condition.field);
            let same = self.attributes().filter(|other| Field::named(&other.field) == field);
            let asked: Vec<Asked<'_>> = same.map(|other| (other.op, other.value.as_ref())).collect();
            field.is_some_and(|field| filter::contradict(field.kind, &asked))
        });
        let by_property =
            self.behaviours().any(|behaviour| behaviour.frequency != Frequency::None && behaviour.asks_too_much());
        let by_silence = self.behaviours().filter(|behaviour| behaviour.frequency == Frequency::None).any(|silent| {
            let mut others = self.behaviours().filter(|other| other.frequency != Frequency::None);
            others.any(|other| {
                let as_long = match (silent.within_days, other.within_days) {
                    (None, _) => true,
                    (Some(silent), Some(other)) => other <= silent,
                    (Some(_), None) => false,
                };
                as_long && silent.asks_for() == other.asks_for()
            })
        });
        by_field || by_property || by_silence
    }
}

impl Behaviour {
    /// Whether no interaction can have the properties that are asked for.
    fn asks_too_much(&self) -> bool {
        self.properties.iter().any(|property| {
            let same = self.properties.iter().filter(|other| other.key == property.key);
            let asked: Vec<Asked<'_>> = same.map(|other| (other.op, other.value.as_ref())).collect();
            filter::contradict(Kind::Any, &asked)
        })
    }

    /// Which interactions it asks for, however often and within whatever time.
    fn asks_for(&self) -> Self {
        Self { frequency: Frequency::None, max_times: None, within_days: None, decay: None, ..self.clone() }
    }
}

fn doubt_behaviour(behaviour: &Behaviour, kinds: &BTreeSet<String>, pointer: &str, odd: &mut Vec<Violation>) {
    if !kinds.contains(&behaviour.interaction) {
        let detail = format!("there is no kind of interaction `{}` yet", behaviour.interaction);
        odd.push(Violation::new(format!("{pointer}/interaction"), "unknown_kind", detail));
    }
    if let Some(days) = behaviour.within_days.filter(|days| *days > LONG_WINDOW) {
        let detail = format!("{days} days are a long time: is a window of more than two years meant?");
        odd.push(Violation::new(format!("{pointer}/within_days"), "long_window", detail));
    }
}

fn behaviours(rule: &Rule) -> impl Iterator<Item = (usize, &Behaviour)> {
    rule.when.iter().enumerate().filter_map(|(index, condition)| match condition {
        Condition::Behaviour(behaviour) => Some((index, behaviour)),
        Condition::Attribute(_) => None,
    })
}

/// Whether both have the same conditions, in whatever order.
fn same_conditions(one: &Rule, other: &Rule) -> bool {
    let all_in = |these: &Rule, those: &Rule| these.when.iter().all(|condition| those.when.contains(condition));
    one.when.len() == other.when.len() && all_in(one, other) && all_in(other, one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::laws::{definition, facts, history, instant};
    use super::super::{Model, evaluate};
    use super::*;

    fn doubts(changes: Value) -> Vec<(String, &'static str)> {
        let mut model = json!({"name": "M", "target": "contact", "sales_ready_score": 10, "grades": [{"name": "any"}],
            "rules": [{"key": "calls", "points": 1, "when": [{"interaction": "call", "frequency": "each"}]}]});
        for (member, value) in changes.as_object().unwrap() {
            model[member] = value.clone();
        }
        let definition: Definition = serde_json::from_value(model).unwrap();
        assert_eq!(definition.check(), []);
        let kinds = ["call", "meeting"].map(str::to_owned).into();
        definition.doubts(&kinds).into_iter().map(|doubt| (doubt.pointer, doubt.code)).collect()
    }

    fn rules(rules: Value) -> Vec<(String, &'static str)> {
        let mut all = rules.as_array().unwrap().clone();
        all.push(json!({"key": "plenty", "points": 1, "when": [
            {"interaction": "call", "frequency": "each", "asset": "plenty"}]}));
        doubts(json!({"rules": all}))
    }

    fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    #[test]
    fn a_sensible_model_raises_no_doubt() {
        assert_eq!(doubts(json!({})), []);
    }

    #[test]
    fn rules_that_can_never_hold_are_told() {
        let country = |value: &str| json!({"field": "contact.country", "op": "eq", "value": value});
        let address = json!({"field": "contact.address.country", "op": "eq", "value": "LV"});
        let call =
            |frequency: Value, days: Value| json!({"interaction": "call", "frequency": frequency, "within_days": days});
        let long = |op: &str, value: i64| json!({"key": "minutes", "op": op, "value": value});
        for when in [
            json!([country("EE"), address]),
            json!([call(json!("none"), json!(30)), call(json!("each"), json!(20))]),
            json!([call(json!("none"), json!(null)), call(json!({"at_least": 2}), json!(null))]),
            json!([{"interaction": "call", "frequency": "each", "properties": [long("gt", 5), long("lt", 5)]}]),
        ] {
            let found = rules(json!([{"key": "a", "points": 1, "when": when}]));
            assert_eq!(found, one("/rules/0/when", "never_holds"), "{when}");
        }
        let later = json!([call(json!("none"), json!(30)), call(json!("each"), json!(60))]);
        assert_eq!(rules(json!([{"key": "a", "points": 1, "when": later}])), []);
    }

    #[test]
    fn twins_and_rules_without_points_are_told() {
        let when = |first: &str, second: &str| {
            json!([{"interaction": first, "frequency": {"at_least": 1}},
            {"interaction": second, "frequency": {"at_least": 1}}])
        };
        let found = rules(json!([
            {"key": "a", "points": 1, "when": when("call", "meeting")},
            {"key": "b", "points": 0, "when": when("meeting", "call")},
        ]));
        assert_eq!(found, [one("/rules/1", "gives_nothing"), one("/rules/1/when", "same_conditions")].concat());
    }

    #[test]
    fn unknown_kinds_and_long_windows_are_told() {
        let found = rules(json!([{"key": "a", "points": 1, "when": [
            {"interaction": "handshake", "frequency": "each", "within_days": 731}]}]));
        let expected =
            [one("/rules/0/when/0/interaction", "unknown_kind"), one("/rules/0/when/0/within_days", "long_window")];
        assert_eq!(found, expected.concat());
    }

    #[test]
    fn what_no_score_can_come_to_is_told() {
        let limited = json!([{"key": "a", "points": 3, "when": [
            {"interaction": "call", "frequency": "each", "max_times": 3}]}]);
        assert_eq!(doubts(json!({"rules": limited})), one("/sales_ready_score", "out_of_reach"));
        assert_eq!(doubts(json!({"rules": limited, "sales_ready_score": 9})), []);
        assert_eq!(doubts(json!({"ceiling": 9})), one("/sales_ready_score", "out_of_reach"));
        let capped = json!({"groups": [{"name": "g", "max": 5}, {"name": "h"}], "rules": [
            {"key": "a", "points": 1, "group": "g", "when": [{"interaction": "call", "frequency": "each"}]}]});
        assert_eq!(doubts(capped), [one("/groups/1", "unused"), one("/sales_ready_score", "out_of_reach")].concat());
        let grades = json!({"floor": 0, "ceiling": 20, "grades": [
            {"name": "none", "to": -1}, {"name": "some", "from": 0, "to": 20}, {"name": "many", "from": 21}]});
        assert_eq!(doubts(grades), [one("/grades/0", "out_of_reach"), one("/grades/2", "out_of_reach")].concat());
    }

    proptest! {
        #[test]
        fn no_score_is_above_the_highest(definition in definition(), history in history(), at in instant(), vip: bool) {
            let model = Model::compile(&definition).unwrap();
            let card = evaluate(&model, &facts(vip), &history, at);
            if let Some(highest) = definition.highest() {
                prop_assert!(card.score <= highest);
            }
            for rule in definition.rules.iter().filter(|rule| rule.never_holds()) {
                prop_assert!(!card.shares.iter().any(|share| share.rule == rule.key));
            }
        }
    }
}

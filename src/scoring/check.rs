//! What can be wrong with a model although it has the right shape (SCO-2..SCO-6).

use std::collections::HashSet;

use super::condition::{Behaviour, Condition, Frequency};
use super::model::{Definition, Grade, Rule};
use crate::error::Violation;
use crate::filter;
use crate::filter::Kind;
use crate::percent::Percent;

/// No rule gives or takes more, in points.
const LARGEST_WORTH: u64 = 1_000_000;

impl Definition {
    /// Everything wrong with the definition that its JSON schema cannot say; empty when it can be scored with.
    pub fn check(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        for (pointer, condition) in self.audience.conditions("/audience") {
            check_independence(condition, &pointer, &mut broken);
        }
        broken.extend(self.audience.check("/audience", filter::Allowed::LEAD_ALONE));
        check_names("/rules", "key", self.rules.iter().map(|rule| rule.key.as_str()), &mut broken);
        for (index, rule) in self.rules.iter().enumerate() {
            self.check_rule(rule, &format!("/rules/{index}"), &mut broken);
        }
        check_names("/groups", "name", self.groups.iter().map(|group| group.name.as_str()), &mut broken);
        for (index, group) in self.groups.iter().enumerate() {
            let pointer = format!("/groups/{index}/min");
            check_order(&pointer, group.min, group.max, "must not be above the group's `max`", &mut broken);
        }
        let (floor, residual) = (Some(self.floor), Some(self.residual));
        check_order("/ceiling", floor, self.ceiling, "must not be below `floor`", &mut broken);
        check_order("/ceiling", residual, self.ceiling, "must not be below `residual`", &mut broken);
        check_grades(&self.grades, &mut broken);
        broken
    }

    fn check_rule(&self, rule: &Rule, pointer: &str, broken: &mut Vec<Violation>) {
        if let Some(group) = &rule.group
            && !self.groups.iter().any(|known| known.name == *group)
        {
            let detail = format!("there is no group `{group}` in `groups`");
            broken.push(Violation::new(format!("{pointer}/group"), "unknown", detail));
        }
        check_worth(rule, self.sales_ready_score, pointer, broken);
        let mut counted_each = false;
        for (index, condition) in rule.when.iter().enumerate() {
            let pointer = format!("{pointer}/when/{index}");
            match condition {
                Condition::Attribute(attribute) => check_attribute(attribute, &pointer, broken),
                Condition::Behaviour(behaviour) => {
                    check_behaviour(behaviour, &pointer, broken);
                    if behaviour.frequency == Frequency::Each && std::mem::replace(&mut counted_each, true) {
                        let detail = "a rule has at most one condition with `each`";
                        broken.push(Violation::new(format!("{pointer}/frequency"), "not_allowed", detail));
                    }
                }
            }
        }
    }
}

fn check_worth(rule: &Rule, sales_ready_score: i64, pointer: &str, broken: &mut Vec<Violation>) {
    if rule.from_asset {
        let each = rule.behaviours().filter(|behaviour| behaviour.frequency == Frequency::Each);
        if rule.readiness_percent.is_some() {
            let detail = "a rule has `points` or `readiness_percent`, not both";
            broken.push(Violation::new(format!("{pointer}/readiness_percent"), "not_allowed", detail));
        }
        if each.count() == 0 {
            let detail = "`from_asset` needs a condition with the frequency `each`";
            broken.push(Violation::new(format!("{pointer}/points"), "not_allowed", detail));
        }
        return;
    }
    match (&rule.points, &rule.readiness_percent) {
        (None, None) => {
            broken.push(Violation::new(pointer, "required", "one of `points` and `readiness_percent` is missing"));
        }
        (Some(_), Some(_)) => {
            let detail = "a rule has `points` or `readiness_percent`, not both";
            broken.push(Violation::new(format!("{pointer}/readiness_percent"), "not_allowed", detail));
        }
        (Some(_), None) => check_size(rule, sales_ready_score, &format!("{pointer}/points"), broken),
        (None, Some(percent)) => {
            let pointer = format!("{pointer}/readiness_percent");
            check_percent(percent, &pointer, broken);
            check_size(rule, sales_ready_score, &pointer, broken);
        }
    }
}

fn check_size(rule: &Rule, sales_ready_score: i64, pointer: &str, broken: &mut Vec<Violation>) {
    if rule.worth(sales_ready_score).is_some_and(|worth| worth.unsigned_abs() > LARGEST_WORTH) {
        broken.push(Violation::new(pointer, "out_of_range", "a rule gives or takes at most 1,000,000 points"));
    }
}

fn check_percent(percent: &Percent, pointer: &str, broken: &mut Vec<Violation>) {
    if percent.millionths().is_none() {
        broken.push(Violation::new(pointer, "too_precise", "a percentage has at most six decimals"));
    }
}

fn check_behaviour(behaviour: &Behaviour, pointer: &str, broken: &mut Vec<Violation>) {
    let only_with_each = [("max_times", behaviour.max_times.is_some()), ("decay", behaviour.decay.is_some())];
    for (member, given) in only_with_each {
        if given && behaviour.frequency != Frequency::Each {
            let detail = format!("`{member}` goes only with the frequency `each`");
            broken.push(Violation::new(format!("{pointer}/{member}"), "not_allowed", detail));
        }
    }
    if let Some(decay) = &behaviour.decay {
        check_percent(&decay.percent, &format!("{pointer}/decay/percent"), broken);
    }
    for (index, property) in behaviour.properties.iter().enumerate() {
        let pointer = format!("{pointer}/properties/{index}");
        broken.extend(filter::check_comparison(Kind::Any, property.op, property.value.as_ref(), &pointer));
    }
}

fn check_attribute(condition: &filter::Condition, pointer: &str, broken: &mut Vec<Violation>) {
    check_independence(condition, pointer, broken);
    broken.extend(filter::check(condition, pointer));
}

/// Refuses what scores themselves change.
fn check_independence(condition: &filter::Condition, pointer: &str, broken: &mut Vec<Violation>) {
    const FOLLOWING: [&str; 6] =
        ["lead.score", "lead.temperature", "lead.sales_ready", "lead.stage", "lead.stage_since", "lead.owner_id"];
    if FOLLOWING.contains(&condition.field.as_str()) {
        let detail = format!("`{}` follows from scores, so a score cannot depend on it", condition.field);
        broken.push(Violation::new(format!("{pointer}/field"), "not_allowed", detail));
    }
}

/// Names are used in the ledger beside ours, which begin with `@`.
fn check_names<'a>(list: &str, member: &str, names: impl Iterator<Item = &'a str>, broken: &mut Vec<Violation>) {
    let mut seen = HashSet::new();
    for (index, name) in names.enumerate() {
        let pointer = format!("{list}/{index}/{member}");
        if name.starts_with('@') {
            broken.push(Violation::new(&pointer, "reserved", "names that begin with `@` are reserved"));
        }
        if !seen.insert(name) {
            broken.push(Violation::new(pointer, "duplicate", format!("`{name}` is there already")));
        }
    }
}

fn check_order(pointer: &str, low: Option<i64>, high: Option<i64>, detail: &str, broken: &mut Vec<Violation>) {
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        broken.push(Violation::new(pointer, "out_of_range", detail));
    }
}

fn check_grades(grades: &[Grade], broken: &mut Vec<Violation>) {
    if grades.is_empty() {
        broken.push(Violation::new("/grades", "required", "at least one grade is needed to cover every score"));
    }
    let mut seen = HashSet::new();
    let mut before: Option<&Grade> = None;
    for (index, grade) in grades.iter().enumerate() {
        let pointer = |member: &str| format!("/grades/{index}/{member}");
        if !seen.insert(&grade.name) {
            broken.push(Violation::new(pointer("name"), "duplicate", format!("`{}` is there already", grade.name)));
        }
        if let Some(violation) = wrong_start(grade, before, pointer("from")) {
            broken.push(violation);
        }
        let last = index + 1 == grades.len();
        match grade.to {
            Some(_) if last => {
                broken.push(Violation::new(pointer("to"), "not_allowed", "the last grade has no upper end"));
            }
            None if !last => {
                broken.push(Violation::new(pointer("to"), "required", "only the last grade has no upper end"));
            }
            to => check_order(&pointer("to"), grade.from, to, "must not be below `from`", broken),
        }
        before = Some(grade);
    }
}

fn wrong_start(grade: &Grade, before: Option<&Grade>, pointer: String) -> Option<Violation> {
    let Some(before) = before else {
        return grade.from.map(|_| Violation::new(pointer, "not_allowed", "the first grade has no lower end"));
    };
    let Some(from) = grade.from else {
        return Some(Violation::new(pointer, "required", "only the first grade has no lower end"));
    };
    let due = before.to?.saturating_add(1);
    match from.cmp(&due) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => {
            Some(Violation::new(pointer, "overlap", format!("must be {due}: the grade before ends at {}", due - 1)))
        }
        std::cmp::Ordering::Greater => {
            Some(Violation::new(pointer, "gap", format!("must be {due}: the grade before ends at {}", due - 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn broken(changes: Value) -> Vec<(String, &'static str)> {
        let mut model = json!({"name": "M", "target": "contact", "rules": []});
        for (member, value) in changes.as_object().unwrap() {
            model[member] = value.clone();
        }
        let definition: Definition = serde_json::from_value(model).unwrap();
        definition.check().into_iter().map(|broken| (broken.pointer, broken.code)).collect()
    }

    fn broken_rule(rule: Value) -> Vec<(String, &'static str)> {
        broken(json!({"rules": [rule]}))
    }

    fn broken_when(when: Value) -> Vec<(String, &'static str)> {
        broken_rule(json!({"key": "a", "points": 1, "when": when}))
    }

    fn named<const N: usize>(faults: [(&str, &'static str); N]) -> Vec<(String, &'static str)> {
        faults.map(|(pointer, code)| (pointer.to_owned(), code)).into()
    }

    #[test]
    fn names_are_unique_and_ours_are_reserved() {
        let rule = |key: &str| json!({"key": key, "points": 1, "when": []});
        let faults = broken(json!({
            "rules": [rule("a"), rule("b"), rule("a"), rule("@floor")],
            "groups": [{"name": "g"}, {"name": "g"}, {"name": "@cap:g"}],
        }));
        assert_eq!(
            faults,
            named([
                ("/rules/2/key", "duplicate"),
                ("/rules/3/key", "reserved"),
                ("/groups/1/name", "duplicate"),
                ("/groups/2/name", "reserved"),
            ])
        );
    }

    #[test]
    fn a_rule_has_points_or_a_percentage() {
        assert_eq!(broken_rule(json!({"key": "a", "when": []})), named([("/rules/0", "required")]));
        let both = json!({"key": "a", "points": 1, "readiness_percent": 1, "when": []});
        assert_eq!(broken_rule(both), named([("/rules/0/readiness_percent", "not_allowed")]));
        let precise = json!({"key": "a", "readiness_percent": 0.0000001, "when": []});
        assert_eq!(broken_rule(precise), named([("/rules/0/readiness_percent", "too_precise")]));
        let percent = |percent: f64| {
            let rules = json!([{"key": "a", "readiness_percent": percent, "when": []}]);
            broken(json!({"sales_ready_score": 1_000_000, "rules": rules}))
        };
        assert_eq!(percent(-100.0001), named([("/rules/0/readiness_percent", "out_of_range")]));
        assert_eq!(percent(100.0), []);
    }

    #[test]
    fn a_rule_names_a_group_of_the_model() {
        let faults = broken_rule(json!({"key": "a", "group": "mail", "points": 1, "when": []}));
        assert_eq!(faults, named([("/rules/0/group", "unknown")]));
    }

    #[test]
    fn a_rule_counts_each_of_one_kind_only() {
        let faults = broken_when(json!([
            {"interaction": "call", "frequency": "each"},
            {"interaction": "meeting", "frequency": {"at_least": 2}},
            {"interaction": "message", "frequency": "each"},
        ]));
        assert_eq!(faults, named([("/rules/0/when/2/frequency", "not_allowed")]));
    }

    #[test]
    fn max_times_and_decay_go_only_with_each() {
        let faults = broken_when(json!([
            {"interaction": "call", "frequency": "none", "max_times": 2},
            {"interaction": "call", "frequency": {"at_least": 1}, "decay": {"percent": 0.12345678, "every_days": 1}},
        ]));
        assert_eq!(
            faults,
            named([
                ("/rules/0/when/0/max_times", "not_allowed"),
                ("/rules/0/when/1/decay", "not_allowed"),
                ("/rules/0/when/1/decay/percent", "too_precise"),
            ])
        );
    }

    #[test]
    fn conditions_on_records_and_properties_are_checked_where_they_stand() {
        let faults = broken_when(json!([
            {"field": "contact.shoe_size", "op": "eq", "value": 43},
            {"interaction": "call", "frequency": "each", "properties": [
                {"key": "minutes", "op": "gt", "value": 5}, {"key": "minutes", "op": "gt", "value": "5"}]},
        ]));
        assert_eq!(
            faults,
            named([("/rules/0/when/0/field", "unknown_field"), ("/rules/0/when/1/properties/1/value", "wrong_type"),])
        );
    }

    #[test]
    fn what_follows_from_a_score_cannot_be_scored() {
        let on = |field: &str| json!({"field": field, "op": "is_set"});
        let faults = broken(json!({
            "audience": [on("lead.product_line"), on("lead.stage"), {"not": {"any": [on("lead.sales_ready")]}}],
            "rules": [{"key": "a", "points": 1, "when": [on("lead.score"), on("lead.temperature")]}],
        }));
        assert_eq!(
            faults,
            named([
                ("/audience/1/field", "not_allowed"),
                ("/audience/2/not/any/0/field", "not_allowed"),
                ("/rules/0/when/0/field", "not_allowed"),
                ("/rules/0/when/1/field", "not_allowed"),
            ])
        );
    }

    #[test]
    fn an_audience_looks_at_the_lead_its_contact_and_its_account_alone() {
        let faults = broken(json!({"audience": {"all": [
            {"related": "interaction"}, {"field": "interaction.kind", "op": "eq", "value": "call"},
            {"field": "account.shoe_size", "op": "eq", "value": 43},
        ]}}));
        assert_eq!(
            faults,
            named([
                ("/audience/all/0/related", "not_allowed"),
                ("/audience/all/1/field", "not_allowed"),
                ("/audience/all/2/field", "unknown_field"),
            ])
        );
    }

    #[test]
    fn lower_bounds_stay_below_upper_ones() {
        let faults =
            broken(json!({"floor": 5, "ceiling": 4, "residual": 6, "groups": [{"name": "g", "min": 2, "max": 1}]}));
        assert_eq!(
            faults,
            named([("/groups/0/min", "out_of_range"), ("/ceiling", "out_of_range"), ("/ceiling", "out_of_range")])
        );
        assert_eq!(broken(json!({"floor": 4, "ceiling": 4, "groups": [{"name": "g", "min": 1, "max": 1}]})), []);
    }

    #[test]
    fn grades_cover_every_score_once() {
        let grades = |grades: Value| broken(json!({"grades": grades}));
        assert_eq!(grades(json!([{"name": "any"}])), []);
        assert_eq!(
            grades(json!([{"name": "a", "to": -1}, {"name": "b", "from": 0, "to": 0}, {"name": "c", "from": 1}])),
            []
        );
        assert_eq!(grades(json!([])), named([("/grades", "required")]));
        assert_eq!(
            grades(json!([{"name": "a", "to": 5}, {"name": "b", "from": 7}])),
            named([("/grades/1/from", "gap")])
        );
        assert_eq!(
            grades(json!([{"name": "a", "to": 5}, {"name": "a", "from": 5}])),
            named([("/grades/1/name", "duplicate"), ("/grades/1/from", "overlap")])
        );
        assert_eq!(
            grades(json!([{"name": "a", "from": 0}, {"name": "b", "from": 6, "to": 5}, {"name": "c", "to": 9}])),
            named([
                ("/grades/0/from", "not_allowed"),
                ("/grades/0/to", "required"),
                ("/grades/1/to", "out_of_range"),
                ("/grades/2/from", "required"),
                ("/grades/2/to", "not_allowed"),
            ])
        );
    }
}

//! What can be wrong with a filter: an unknown field or one out of place, an operator the field does not take, a value
//! of another kind, too much of it.

use super::field::{Field, Kind, Record};
use super::tree::{Filter, Related};
use super::{Condition, Literal, Op, Scalar};
use crate::clock::Timestamp;
use crate::error::Violation;
use crate::id::Id;

/// Levels that a filter may have, a condition alone being one.
pub const DEEPEST: usize = 16;
/// Conditions, `related` and empty groups that a filter may have altogether.
pub const MOST_TERMS: usize = 200;

/// What a filter may speak of, which depends on where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The records whose fields may be named.
    pub records: &'static [Record],
    /// The records that may be asked for by `related`.
    pub related: &'static [Record],
}

impl Allowed {
    /// In a search for leads.
    pub const LEADS: Self = Self { records: Self::LEAD_ALONE.records, related: &[Record::Interaction, Record::Lead] };
    /// In a search for contacts.
    pub const CONTACTS: Self =
        Self { records: &[Record::Contact, Record::Account], related: &[Record::Interaction, Record::Lead] };
    /// Where only what a lead, its contact and its account say may matter.
    pub const LEAD_ALONE: Self = Self { records: &[Record::Lead, Record::Contact, Record::Account], related: &[] };

    /// In the `where` of `related`.
    const fn within(record: Record) -> Self {
        let records: &[Record] = match record {
            Record::Lead => &[Record::Lead],
            Record::Contact => &[Record::Contact],
            Record::Account => &[Record::Account],
            Record::Interaction => &[Record::Interaction],
        };
        Self { records, related: &[] }
    }
}

impl Filter {
    /// Everything wrong with the filter, which stands at `pointer`. Empty when it can be answered.
    pub fn check(&self, pointer: &str, allowed: Allowed) -> Vec<Violation> {
        let mut broken = Vec::new();
        let terms = self.terms();
        if terms > MOST_TERMS {
            let detail = format!("has {terms} terms; a filter has at most {MOST_TERMS} altogether");
            return vec![Violation::new(pointer, "too_long", detail)];
        }
        self.check_level(1, pointer, allowed, &mut broken);
        broken
    }

    fn check_level(&self, level: usize, pointer: &str, allowed: Allowed, broken: &mut Vec<Violation>) {
        if level > DEEPEST {
            let detail = format!("a filter has at most {DEEPEST} levels");
            broken.push(Violation::new(pointer, "too_deep", detail));
            return;
        }
        match self {
            Self::Condition(condition) => broken.extend(check_within(condition, pointer, allowed)),
            Self::Related(related) => {
                check_related(related, pointer, allowed, broken);
                let allowed = Allowed::within(related.related.record());
                related.matching.check_level(level + 1, &format!("{pointer}/where"), allowed, broken);
            }
            Self::List(_) | Self::All(_) | Self::Any(_) | Self::Not(_) => {
                for (step, part) in self.parts() {
                    part.check_level(level + 1, &format!("{pointer}{step}"), allowed, broken);
                }
            }
        }
    }
}

fn check_related(related: &Related, pointer: &str, allowed: Allowed, broken: &mut Vec<Violation>) {
    let record = related.related.record();
    if !allowed.related.contains(&record) {
        let detail = match allowed.related {
            [] => "related records cannot be asked for here".to_owned(),
            related => format!("related here are {}", record_names(related)),
        };
        broken.push(Violation::new(format!("{pointer}/related"), "not_allowed", detail));
    }
    if related.count.as_ref().is_some_and(|count| count.is_empty()) {
        let detail = "one of `eq`, `gt`, `gte`, `lt` and `lte` is missing";
        broken.push(Violation::new(format!("{pointer}/count"), "required", detail));
    }
}

/// Everything wrong with `condition` alone on a lead, its contact and its account; it stands at `pointer`. Empty when it
/// can be answered.
pub fn check(condition: &Condition, pointer: &str) -> Vec<Violation> {
    check_within(condition, pointer, Allowed::LEAD_ALONE)
}

fn check_within(condition: &Condition, pointer: &str, allowed: Allowed) -> Vec<Violation> {
    match Field::named(&condition.field) {
        Some(field) if allowed.records.contains(&field.record) => {
            check_comparison(field.kind, condition.op, condition.value.as_ref(), pointer)
        }
        Some(_) => {
            let detail = format!("only fields of {} can be asked for here", record_names(allowed.records));
            vec![Violation::new(format!("{pointer}/field"), "not_allowed", detail)]
        }
        None => {
            let detail = format!("there is no field `{}`; GET /v1/filter-fields lists all", condition.field);
            vec![Violation::new(format!("{pointer}/field"), "unknown_field", detail)]
        }
    }
}

fn record_names(records: &[Record]) -> String {
    records.iter().map(|record| format!("`{}`", record.name())).collect::<Vec<_>>().join(", ")
}

/// Everything wrong with comparing a value of kind `kind` by `op` with `value`. The members `op` and `value` stand in
/// the object at `pointer`.
pub fn check_comparison(kind: Kind, op: Op, value: Option<&Literal>, pointer: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    if !operators(kind).contains(&op) {
        let detail = format!("{} cannot be compared this way; allowed are {}", described(kind), names(operators(kind)));
        broken.push(Violation::new(format!("{pointer}/op"), "operator_not_allowed", detail));
    }
    check_value(kind, op, value, &format!("{pointer}/value"), &mut broken);
    broken
}

const TEXT: &[Op] = &[Op::Eq, Op::Ne, Op::In, Op::NotIn, Op::Contains, Op::StartsWith, Op::IsSet, Op::NotSet];
const NUMBER: &[Op] = &[Op::Eq, Op::Ne, Op::In, Op::NotIn, Op::Lt, Op::Lte, Op::Gt, Op::Gte, Op::IsSet, Op::NotSet];
const BOOLEAN: &[Op] = &[Op::Eq, Op::Ne, Op::IsSet, Op::NotSet];
const ID: &[Op] = &[Op::Eq, Op::Ne, Op::In, Op::NotIn, Op::IsSet, Op::NotSet];

/// The operators that a field of this kind takes.
pub fn operators(kind: Kind) -> &'static [Op] {
    match kind {
        Kind::Text => TEXT,
        Kind::Number | Kind::Time => NUMBER,
        Kind::Boolean => BOOLEAN,
        Kind::Id => ID,
        Kind::Any => &Op::ALL,
    }
}

fn check_value(kind: Kind, op: Op, value: Option<&Literal>, pointer: &str, broken: &mut Vec<Violation>) {
    match (op, value) {
        (Op::IsSet | Op::NotSet, None) => {}
        (Op::IsSet | Op::NotSet, Some(_)) => {
            broken.push(Violation::new(pointer, "not_allowed", "`is_set` and `not_set` take no value"));
        }
        (_, None) => broken.push(Violation::new(pointer, "required", "a value to compare with is missing")),
        (Op::In | Op::NotIn, Some(Literal::List(list))) if !list.is_empty() => {
            for (index, one) in list.iter().enumerate() {
                check_scalar(kind, op, one, &format!("{pointer}/{index}"), broken);
            }
        }
        (Op::In | Op::NotIn, Some(_)) => {
            broken.push(Violation::new(pointer, "wrong_type", "`in` and `not_in` take a list of at least one value"));
        }
        (_, Some(Literal::One(one))) => check_scalar(kind, op, one, pointer, broken),
        (_, Some(Literal::List(_))) => {
            broken.push(Violation::new(pointer, "wrong_type", "only `in` and `not_in` take a list"));
        }
    }
}

fn check_scalar(kind: Kind, op: Op, value: &Scalar, pointer: &str, broken: &mut Vec<Violation>) {
    let kind = match (kind, op) {
        (Kind::Any, Op::Lt | Op::Lte | Op::Gt | Op::Gte) => Kind::Number,
        (Kind::Any, Op::Contains | Op::StartsWith) => Kind::Text,
        _ => kind,
    };
    if *value == Scalar::Text(String::new()) {
        let detail = "empty text counts as missing: ask with `is_set` or `not_set`";
        broken.push(Violation::new(pointer, "empty", detail));
    } else if !fits(kind, value) {
        broken.push(Violation::new(pointer, "wrong_type", format!("must be {}", described(kind))));
    }
}

fn fits(kind: Kind, value: &Scalar) -> bool {
    match (kind, value) {
        (Kind::Any, _) | (Kind::Text, Scalar::Text(_)) => true,
        (Kind::Number, Scalar::Number(_)) | (Kind::Boolean, Scalar::Boolean(_)) => true,
        (Kind::Time, Scalar::Text(text)) => Timestamp::parse(text).is_some(),
        (Kind::Id, Scalar::Text(text)) => Id::parse(text).is_some(),
        _ => false,
    }
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "a number",
        Kind::Boolean => "true or false",
        Kind::Time => "an RFC 3339 time with an offset",
        Kind::Id => "an id",
        Kind::Any => "an attribute",
    }
}

fn names(ops: &[Op]) -> String {
    let quoted = |op: &Op| serde_json::to_string(op).unwrap_or_default().replace('"', "`");
    ops.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn broken(json: Value) -> Vec<(String, &'static str)> {
        let condition = serde_json::from_value(json).unwrap();
        check(&condition, "/when/1").into_iter().map(|broken| (broken.pointer, broken.code)).collect()
    }

    fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(format!("/when/1{pointer}"), code)]
    }

    #[test]
    fn a_sound_condition_breaks_nothing() {
        for json in [
            json!({"field": "contact.country", "op": "in", "value": ["EE", "LV"]}),
            json!({"field": "account.employees", "op": "gte", "value": 50}),
            json!({"field": "contact.marketing_only", "op": "ne", "value": true}),
            json!({"field": "lead.owner_id", "op": "eq", "value": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"}),
            json!({"field": "lead.created_at", "op": "gt", "value": "2026-01-01T00:00:00Z"}),
            json!({"field": "account.attributes.seats", "op": "lt", "value": 2.5}),
            json!({"field": "account.attributes.tier", "op": "in", "value": ["gold", 1, true]}),
            json!({"field": "account.domain", "op": "is_set"}),
        ] {
            assert_eq!(broken(json.clone()), [], "{json}");
        }
    }

    #[test]
    fn each_fault_is_named_where_it_stands() {
        let unknown = json!({"field": "contact.shoe_size", "op": "eq", "value": 1});
        assert_eq!(broken(unknown), one("/field", "unknown_field"));
        let order = json!({"field": "contact.email", "op": "gt", "value": "a"});
        assert_eq!(broken(order), one("/op", "operator_not_allowed"));
        let kind = json!({"field": "account.employees", "op": "eq", "value": "50"});
        assert_eq!(broken(kind), one("/value", "wrong_type"));
        let list = json!({"field": "account.employees", "op": "in", "value": [1, "2", 3, false]});
        assert_eq!(broken(list), [one("/value/1", "wrong_type"), one("/value/3", "wrong_type")].concat());
        let no_list = json!({"field": "contact.country", "op": "in", "value": "EE"});
        assert_eq!(broken(no_list), one("/value", "wrong_type"));
        let no_value = json!({"field": "contact.country", "op": "eq"});
        assert_eq!(broken(no_value), one("/value", "required"));
        let needless = json!({"field": "contact.country", "op": "not_set", "value": "EE"});
        assert_eq!(broken(needless), one("/value", "not_allowed"));
        let empty = json!({"field": "contact.country", "op": "eq", "value": ""});
        assert_eq!(broken(empty), one("/value", "empty"));
        let time = json!({"field": "lead.created_at", "op": "eq", "value": "2026-02-30T00:00:00Z"});
        assert_eq!(broken(time), one("/value", "wrong_type"));
        let attribute = json!({"field": "lead.attributes.seats", "op": "gt", "value": "many"});
        assert_eq!(broken(attribute), one("/value", "wrong_type"));
    }

    #[test]
    fn all_faults_are_listed_not_the_first() {
        let twice = json!({"field": "contact.marketing_only", "op": "contains", "value": 1});
        assert_eq!(broken(twice), [one("/op", "operator_not_allowed"), one("/value", "wrong_type")].concat());
    }
}

//! Comparing one value of a record with what a condition asks for.
//!
//! `eq` and `in` are exact, `contains` and `starts_with` ignore case; numbers compare as numbers, times as instants.
//! A missing value satisfies only `not_set`, `ne` and `not_in`, and empty text counts as missing.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::field::Kind;
use super::{Literal, Op, Scalar};
use crate::clock::Timestamp;

/// Whether `actual`, a value of kind `kind`, stands to `wanted` as `op` says. Without the value that `op` needs, or
/// with one of another kind, nothing is equal, contained or ordered.
pub fn compare(kind: Kind, actual: Option<&Value>, op: Op, wanted: Option<&Literal>) -> bool {
    let actual = actual.filter(|value| is_set(value));
    let equals_any = || actual.is_some_and(|actual| wanted_values(wanted).iter().any(|one| equal(kind, actual, one)));
    let ordering = || order(kind, actual?, wanted_values(wanted).first()?);
    match op {
        Op::IsSet => actual.is_some(),
        Op::NotSet => actual.is_none(),
        Op::Eq | Op::In => equals_any(),
        Op::Ne | Op::NotIn => !equals_any(),
        Op::Lt => ordering().is_some_and(Ordering::is_lt),
        Op::Lte => ordering().is_some_and(Ordering::is_le),
        Op::Gt => ordering().is_some_and(Ordering::is_gt),
        Op::Gte => ordering().is_some_and(Ordering::is_ge),
        Op::Contains => folded(actual, wanted).is_some_and(|(text, part)| text.contains(&part)),
        Op::StartsWith => folded(actual, wanted).is_some_and(|(text, part)| text.starts_with(&part)),
    }
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// The values to compare with.
pub(super) fn wanted_values(wanted: Option<&Literal>) -> &[Scalar] {
    match wanted {
        Some(Literal::One(one)) => std::slice::from_ref(one),
        Some(Literal::List(list)) => list,
        None => &[],
    }
}

fn equal(kind: Kind, actual: &Value, wanted: &Scalar) -> bool {
    match (actual, wanted) {
        (Value::String(_), Scalar::Text(_)) if kind == Kind::Time => {
            order(kind, actual, wanted) == Some(Ordering::Equal)
        }
        (Value::String(actual), Scalar::Text(wanted)) => actual == wanted,
        (Value::Number(actual), Scalar::Number(wanted)) => number_order(actual, wanted) == Some(Ordering::Equal),
        (Value::Bool(actual), Scalar::Boolean(wanted)) => actual == wanted,
        _ => false,
    }
}

fn order(kind: Kind, actual: &Value, wanted: &Scalar) -> Option<Ordering> {
    match (actual, wanted) {
        (Value::String(actual), Scalar::Text(wanted)) if kind == Kind::Time => {
            Some(Timestamp::parse(actual)?.cmp(&Timestamp::parse(wanted)?))
        }
        (Value::Number(actual), Scalar::Number(wanted)) => number_order(actual, wanted),
        _ => None,
    }
}

/// Exact even where a whole number is too large for a float to hold.
fn number_order(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => whole_to_float(a, b.as_f64()?),
        (None, Some(b)) => whole_to_float(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn whole_to_float(whole: i128, float: f64) -> Option<Ordering> {
    let below = float.floor();
    Some(whole.cmp(&(below as i128)).then(below.partial_cmp(&float)?))
}

fn folded(actual: Option<&Value>, wanted: Option<&Literal>) -> Option<(String, String)> {
    match (actual?, wanted?) {
        (Value::String(text), Literal::One(Scalar::Text(part))) => {
            Some((caseless::default_case_fold_str(text), caseless::default_case_fold_str(part)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(kind: Kind, actual: Value, op: Op, wanted: Value) -> bool {
        compare(kind, Some(&actual), op, Some(&serde_json::from_value(wanted).unwrap()))
    }

    #[test]
    fn equality_is_exact_and_parts_ignore_case() {
        assert!(holds(Kind::Text, json!("Tallinn"), Op::Eq, json!("Tallinn")));
        assert!(!holds(Kind::Text, json!("Tallinn"), Op::Eq, json!("tallinn")));
        assert!(!holds(Kind::Text, json!("Tallinn"), Op::In, json!(["tallinn", "TALLINN"])));
        assert!(holds(Kind::Text, json!("Große Straße 1"), Op::Contains, json!("STRASSE")));
        assert!(holds(Kind::Text, json!("Ärisaal"), Op::StartsWith, json!("äRI")));
        assert!(!holds(Kind::Text, json!("Tallinn"), Op::StartsWith, json!("inn")));
    }

    #[test]
    fn a_missing_value_satisfies_only_not_set_ne_and_not_in() {
        let one = Literal::One(Scalar::Text("x".into()));
        for missing in [None, Some(&Value::Null), Some(&json!(""))] {
            let holding: Vec<Op> =
                Op::ALL.into_iter().filter(|op| compare(Kind::Text, missing, *op, Some(&one))).collect();
            assert_eq!(holding, [Op::Ne, Op::NotIn, Op::NotSet]);
        }
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(holds(Kind::Number, json!(5), Op::Eq, json!(5.0)));
        assert!(holds(Kind::Number, json!(10), Op::Gt, json!(9.5)));
        assert!(holds(Kind::Number, json!(-1.5), Op::Lt, json!(-1)));
        assert!(holds(Kind::Number, json!(9_007_199_254_740_993_i64), Op::Gt, json!(9_007_199_254_740_992.0)));
        assert!(!holds(Kind::Number, json!("5"), Op::Eq, json!(5)));
    }

    #[test]
    fn times_compare_as_instants() {
        let noon = json!("2026-03-01T12:00:00.000000Z");
        assert!(holds(Kind::Time, noon.clone(), Op::Eq, json!("2026-03-01T14:00:00+02:00")));
        assert!(holds(Kind::Time, noon.clone(), Op::Lt, json!("2026-03-01T13:00:00+00:30")));
        assert!(!holds(Kind::Time, noon, Op::Gt, json!("yesterday")));
    }

    #[test]
    fn an_attribute_is_compared_as_what_it_is() {
        assert!(holds(Kind::Any, json!(true), Op::Eq, json!(true)));
        assert!(holds(Kind::Any, json!(3), Op::Gte, json!(3)));
        assert!(holds(Kind::Any, json!("3"), Op::Ne, json!(3)));
        assert!(!holds(Kind::Any, json!(["a"]), Op::Eq, json!("a")));
        assert!(holds(Kind::Any, json!([]), Op::IsSet, json!("ignored")));
    }
}

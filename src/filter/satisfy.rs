//! Values that a comparison is satisfied by, and comparisons that no value satisfies together.

use serde_json::{Number, Value};

use super::field::Kind;
use super::{Literal, Op, Scalar, compare};

/// A comparison: how, and with what.
pub type Asked<'a> = (Op, Option<&'a Literal>);

/// Some value of kind `kind` that satisfies all that is asked; null where it must or may be missing. `None` when none
/// was found, which does not say that there is none.
pub fn satisfying(kind: Kind, asked: &[Asked<'_>]) -> Option<Value> {
    let suits = |value: &Value| asked.iter().all(|(op, wanted)| compare(kind, Some(value), *op, *wanted));
    let proposed = asked.iter().flat_map(|(op, wanted)| proposals(kind, *op, *wanted));
    std::iter::once(Value::Null).chain(proposed).find(suits)
}

/// Whether surely no value of kind `kind` satisfies all that is asked.
pub fn contradict(kind: Kind, asked: &[Asked<'_>]) -> bool {
    let needs_value = |op: Op| !matches!(op, Op::NotSet | Op::Ne | Op::NotIn);
    if asked.iter().any(|(op, _)| *op == Op::NotSet) && asked.iter().any(|(op, _)| needs_value(*op)) {
        return true;
    }
    if let Some((_, wanted)) = asked.iter().find(|(op, _)| matches!(op, Op::Eq | Op::In)) {
        let suits = |value: &Value| asked.iter().all(|(op, wanted)| compare(kind, Some(value), *op, *wanted));
        return !listed(*wanted).any(|value| suits(&value));
    }
    let bounds = |ops: [Op; 2]| asked.iter().filter(move |(op, _)| ops.contains(op));
    let crossed = |(lower, low): &Asked<'_>, (upper, high): &Asked<'_>| {
        let high = listed(*high).next();
        let touching = *lower == Op::Gte && *upper == Op::Lte;
        let below = compare(kind, high.as_ref(), Op::Lt, *low);
        below || (!touching && compare(kind, high.as_ref(), Op::Eq, *low))
    };
    bounds([Op::Gt, Op::Gte]).any(|lower| bounds([Op::Lt, Op::Lte]).any(|upper| crossed(lower, upper)))
}

/// Values that may satisfy a comparison.
fn proposals(kind: Kind, op: Op, wanted: Option<&Literal>) -> Vec<Value> {
    match op {
        Op::IsSet => vec![example(kind)],
        Op::NotSet | Op::Ne | Op::NotIn => Vec::new(),
        Op::Gt => listed(wanted).filter_map(|bound| beyond(&bound, 1)).collect(),
        Op::Lt => listed(wanted).filter_map(|bound| beyond(&bound, -1)).collect(),
        Op::Eq | Op::In | Op::Lte | Op::Gte | Op::Contains | Op::StartsWith => listed(wanted).collect(),
    }
}

fn example(kind: Kind) -> Value {
    match kind {
        Kind::Number => Value::from(1),
        Kind::Boolean => Value::Bool(true),
        Kind::Text | Kind::Any | Kind::Time | Kind::Id => Value::from("x"),
    }
}

/// The nearest whole number above a bound, or below it for a step of −1.
fn beyond(bound: &Value, step: i64) -> Option<Value> {
    if let Some(whole) = bound.as_i64() {
        return whole.checked_add(step).map(Value::from);
    }
    let bound = bound.as_f64()?;
    let number = if step > 0 { bound.floor() + 1.0 } else { bound.ceil() - 1.0 };
    Number::from_f64(number).map(Value::Number)
}

fn listed(wanted: Option<&Literal>) -> impl Iterator<Item = Value> + '_ {
    let scalars = match wanted {
        Some(Literal::One(one)) => std::slice::from_ref(one),
        Some(Literal::List(list)) => list,
        None => &[],
    };
    scalars.iter().map(|scalar| match scalar {
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Number(value) => Value::Number(value.clone()),
        Scalar::Text(value) => Value::from(value.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::Condition;
    use super::*;

    fn conditions(asked: &[Value]) -> Vec<Condition> {
        let named = |one: &Value| json!({"field": "lead.attributes.a", "op": one[0], "value": one.get(1)});
        asked.iter().map(|one| serde_json::from_value(named(one)).unwrap()).collect()
    }

    fn asked(conditions: &[Condition]) -> Vec<Asked<'_>> {
        conditions.iter().map(|one| (one.op, one.value.as_ref())).collect()
    }

    #[test]
    fn a_value_is_found_that_meets_all_that_is_asked() {
        for (expected, all) in [
            (json!("a"), vec![json!(["eq", "a"])]),
            (json!("b"), vec![json!(["in", ["a", "b"]]), json!(["ne", "a"])]),
            (json!(6), vec![json!(["gt", 5]), json!(["lt", 7])]),
            (json!(2.0), vec![json!(["gt", 1.5])]),
            (json!(4), vec![json!(["lt", 5])]),
            (json!("part"), vec![json!(["contains", "part"]), json!(["is_set"])]),
            (json!(null), vec![json!(["ne", "a"]), json!(["not_set"])]),
        ] {
            assert_eq!(satisfying(Kind::Any, &asked(&conditions(&all))), Some(expected), "{all:?}");
        }
        assert_eq!(satisfying(Kind::Any, &asked(&conditions(&[json!(["eq", "a"]), json!(["ne", "a"])]))), None);
    }

    #[test]
    fn what_nothing_can_satisfy_is_seen() {
        for all in [
            vec![json!(["eq", "a"]), json!(["eq", "b"])],
            vec![json!(["in", ["a", "b"]]), json!(["not_in", ["b", "a", "c"]])],
            vec![json!(["gt", 5]), json!(["lt", 5])],
            vec![json!(["gte", 5]), json!(["lt", 5])],
            vec![json!(["gte", 6]), json!(["lte", 5.5])],
            vec![json!(["is_set"]), json!(["not_set"])],
            vec![json!(["eq", 3]), json!(["gt", 3])],
        ] {
            assert!(contradict(Kind::Any, &asked(&conditions(&all))), "{all:?}");
        }
        let touching = [json!(["gte", 5]), json!(["lte", 5]), json!(["ne", 6])];
        assert!(!contradict(Kind::Any, &asked(&conditions(&touching))));
    }

    fn comparison() -> impl Strategy<Value = Value> {
        let scalar = || prop_oneof![(-3_i64..4).prop_map(|n| json!(n)), "[ab]{1,2}".prop_map(|text| json!(text))];
        prop_oneof![
            (prop::sample::select(vec!["eq", "ne"]), scalar()).prop_map(|(op, value)| json!([op, value])),
            (prop::sample::select(vec!["in", "not_in"]), vec(scalar(), 1..4)).prop_map(|(op, list)| json!([op, list])),
            (prop::sample::select(vec!["lt", "lte", "gt", "gte"]), -3_i64..4).prop_map(|(op, n)| json!([op, n])),
            prop::sample::select(vec!["is_set", "not_set"]).prop_map(|op| json!([op])),
        ]
    }

    proptest! {
        #[test]
        fn what_is_found_satisfies_and_what_contradicts_is_never_satisfied(
            all in vec(comparison(), 1..4), tried in vec(prop_oneof![(-5_i64..6).prop_map(|n| json!(n)),
                "[abx]{1,2}".prop_map(|text| json!(text)), Just(json!(null))], 20),
        ) {
            let conditions = conditions(&all);
            let asked = asked(&conditions);
            let suits = |value: &Value| asked.iter().all(|(op, wanted)| compare(Kind::Any, Some(value), *op, *wanted));
            let found = satisfying(Kind::Any, &asked);
            prop_assert!(found.iter().all(suits));
            if contradict(Kind::Any, &asked) {
                prop_assert!(found.is_none() && !tried.iter().any(suits));
            }
        }
    }
}

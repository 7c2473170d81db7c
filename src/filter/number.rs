//! Numbers as databases take them, so that they compare there as they do in memory.

use serde_json::Number;

use super::Op;

/// A bound for whole numbers; the bound itself is within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// So much or less.
    AtMost(i128),
    /// So much or more.
    AtLeast(i128),
}

/// What a whole number must be to stand to `wanted` as the ordering `op` says.
pub(super) fn bound(op: Op, wanted: &Number) -> Bound {
    let (below, is_whole) = floor(wanted);
    match op {
        Op::Lt if is_whole => Bound::AtMost(below.saturating_sub(1)),
        Op::Gte if is_whole => Bound::AtLeast(below),
        Op::Lt | Op::Lte => Bound::AtMost(below),
        _ => Bound::AtLeast(below.saturating_add(1)),
    }
}

/// The whole number that `wanted` is; `None` when it is none that a column can hold.
pub(super) fn whole(wanted: &Number) -> Option<i64> {
    let (below, is_whole) = floor(wanted);
    i64::try_from(below).ok().filter(|_| is_whole)
}

fn floor(number: &Number) -> (i128, bool) {
    match (number.as_i128(), number.as_f64()) {
        (Some(whole), _) => (whole, true),
        (None, Some(float)) => (float.floor() as i128, float.fract() == 0.0),
        (None, None) => (0, false),
    }
}

/// How the numbers of PostgreSQL's `jsonb` are spelled that equal `number`, the lowest and the highest. Only of -2^63
/// are there two: kept as a float, it became the shortest decimal that means that float, and is still read as one.
pub(super) fn spellings(number: &Number) -> [String; 2] {
    let whole = match number.as_f64() {
        // A whole float that an integer can hold is compared as that integer, whatever its shortest decimal is.
        Some(float) if number.is_f64() && float.fract() == 0.0 && fits_an_integer(float) => Some(float as i128),
        _ => number.as_i128(),
    };
    match whole {
        Some(whole) if whole == i128::from(i64::MIN) => ["-9223372036854776000".to_owned(), whole.to_string()],
        Some(whole) => [whole.to_string(), whole.to_string()],
        None => [number.to_string(), number.to_string()],
    }
}

/// Whether JSON would be read as an integer that says what `float` does.
fn fits_an_integer(float: f64) -> bool {
    (i64::MIN as f64..u64::MAX as f64).contains(&float)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::compare::compare;
    use super::super::{Kind, Literal, Scalar};
    use super::*;

    fn number(value: serde_json::Value) -> Number {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn numbers_are_spelled_as_they_compare() {
        let spelled = |value| spellings(&number(value)).to_vec();
        assert_eq!(spelled(json!(1.5)), ["1.5", "1.5"]);
        assert_eq!(spelled(json!(9_007_199_254_740_993_i64)), ["9007199254740993", "9007199254740993"]);
        assert_eq!(spelled(json!(1_152_921_504_606_846_976.0)), ["1152921504606846976", "1152921504606846976"]);
        assert_eq!(spelled(json!(1e23)), ["1e+23", "1e+23"].map(|text| text.replace('+', plus())));
        assert_eq!(spelled(json!(i64::MIN as f64)), spelled(json!(i64::MIN)));
    }

    /// What stands before a positive exponent.
    fn plus() -> &'static str {
        if json!(1e23).to_string().contains('+') { "+" } else { "" }
    }

    fn numbers() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i64>().prop_map(Number::from),
            (-3_i64..3).prop_map(Number::from),
            (-6_i32..6).prop_map(|halves| Number::from_f64(f64::from(halves) / 2.0).unwrap()),
            any::<f64>().prop_filter_map("finite", Number::from_f64),
        ]
    }

    proptest! {
        #[test]
        fn a_bound_says_what_the_comparison_does(actual in any::<i64>(), near in any::<bool>(), wanted in numbers()) {
            let actual = if near { whole(&wanted).unwrap_or(0).saturating_add(actual % 2) } else { actual };
            let literal = Literal::One(Scalar::Number(wanted.clone()));
            for op in [Op::Lt, Op::Lte, Op::Gt, Op::Gte] {
                let bounded = match bound(op, &wanted) {
                    Bound::AtMost(most) => i128::from(actual) <= most,
                    Bound::AtLeast(least) => i128::from(actual) >= least,
                };
                prop_assert_eq!(compare(Kind::Number, Some(&actual.into()), op, Some(&literal)), bounded);
            }
            let equal = compare(Kind::Number, Some(&actual.into()), Op::Eq, Some(&literal));
            prop_assert_eq!(whole(&wanted) == Some(actual), equal);
        }
    }
}

//! How numbers are spread: how many, how large on average and in the middle, and how often each occurs.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// How many touches leads took.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = TouchSpread)]
pub struct Spread {
    /// Leads that were won.
    #[schema(example = 4)]
    pub leads: i64,
    /// The touches before they were won, of all leads together.
    #[schema(example = 14)]
    pub touches: i64,
    /// Touches a lead on average, rounded to two decimals; null when no lead was won.
    #[schema(example = 3.5)]
    pub average: Option<f64>,
    /// Touches of the lead in the middle, or half way between the two in the middle; null when no lead was won.
    #[schema(example = 3.0)]
    pub median: Option<f64>,
    /// How many leads were won after how many touches, fewest touches first; numbers that no lead took are left out.
    pub distribution: Vec<Share>,
}

/// Leads that took the same number of touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TouchShare)]
pub struct Share {
    /// Touches before the lead was won.
    #[schema(example = 3)]
    pub touches: i64,
    /// Leads that took so many.
    #[schema(example = 2)]
    pub leads: i64,
}

impl Spread {
    /// The spread of these numbers of touches, one a lead.
    pub fn of(numbers: impl IntoIterator<Item = i64>) -> Self {
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for touches in numbers {
            *counts.entry(touches).or_default() += 1;
        }
        let leads: i64 = counts.values().sum();
        let touches: i64 = counts.iter().map(|(touches, leads)| touches * leads).sum();
        Self {
            leads,
            touches,
            average: (leads > 0).then(|| (touches as f64 * 100.0 / leads as f64).round() / 100.0),
            median: median(&counts, leads),
            distribution: counts.into_iter().map(|(touches, leads)| Share { touches, leads }).collect(),
        }
    }
}

fn median(counts: &BTreeMap<i64, i64>, leads: i64) -> Option<f64> {
    let at = |place: i64| {
        let mut passed = 0;
        counts.iter().find_map(|(touches, leads)| {
            passed += leads;
            (passed > place).then_some(*touches)
        })
    };
    let (lower, upper) = (at((leads - 1) / 2)?, at(leads / 2)?);
    Some((lower + upper) as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_nothing_there_is_neither_average_nor_median() {
        let spread = Spread::of([]);
        assert_eq!((spread.leads, spread.average, spread.median, spread.distribution), (0, None, None, vec![]));
    }

    #[test]
    fn the_median_is_in_the_middle_and_the_average_is_rounded() {
        let spread = Spread::of([7, 0, 3]);
        assert_eq!((spread.leads, spread.touches, spread.average, spread.median), (3, 10, Some(3.33), Some(3.0)));
        let spread = Spread::of([4, 1, 1, 2]);
        assert_eq!((spread.average, spread.median), (Some(2.0), Some(1.5)));
        let shares: Vec<(i64, i64)> = spread.distribution.iter().map(|share| (share.touches, share.leads)).collect();
        assert_eq!(shares, [(1, 2), (2, 1), (4, 1)]);
    }

    proptest! {
        #[test]
        fn half_of_the_numbers_are_at_the_median_or_below_and_half_at_it_or_above(
            numbers in prop::collection::vec(0_i64..20, 1..40),
        ) {
            let spread = Spread::of(numbers.iter().copied());
            let median = spread.median.unwrap();
            let below = numbers.iter().filter(|number| **number as f64 <= median).count();
            let above = numbers.iter().filter(|number| **number as f64 >= median).count();
            prop_assert!(below * 2 >= numbers.len() && above * 2 >= numbers.len());
            prop_assert_eq!(spread.distribution.iter().map(|share| share.leads).sum::<i64>(), spread.leads);
        }
    }
}

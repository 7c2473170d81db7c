//! How the points of an occurrence fade with its age (SCO-4), in whole numbers throughout.
//!
//! After k whole periods an occurrence keeps `max(0, 1 − k·percent/100)` of its points, halves away from zero.

use super::condition::Decay;
use crate::clock::Timestamp;
use crate::percent::{WHOLE, rounded};

/// A decay ready to compute with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fading {
    /// What goes with every period, in millionths of a percent.
    loss: i128,
    /// The length of a period, in days.
    every_days: i64,
}

impl Fading {
    pub(super) fn of(decay: &Decay) -> Self {
        let loss = decay.percent.millionths().unwrap_or(0).max(0);
        Self { loss: loss.into(), every_days: i64::from(decay.every_days).max(1) }
    }

    /// What is left at `at` of the `points` of something that happened at `occurred_at`.
    pub(super) fn kept(&self, points: i64, occurred_at: Timestamp, at: Timestamp) -> i64 {
        let periods = at.whole_days_since(occurred_at).max(0) / self.every_days;
        let left = (WHOLE - i128::from(periods) * self.loss).max(0);
        rounded(i128::from(points) * left, WHOLE)
    }

    /// The first instant after `after` at which less is left, in whole points; `None` when nothing more can go.
    pub(super) fn next_step(&self, points: i64, occurred_at: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let kept = i128::from(self.kept(points, occurred_at, after)).abs();
        if kept == 0 || self.loss == 0 {
            return None;
        }
        // One point less is kept as soon as size·(WHOLE − k·loss)/WHOLE < kept − ½; solved for the least whole k.
        let size = i128::from(points).abs();
        let periods = (2 * (size - kept) + 1) * WHOLE / (2 * size * self.loss) + 1;
        let days = i64::try_from(periods * i128::from(self.every_days)).ok()?;
        Some(occurred_at.plus_days(days)).filter(|step| *step > after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fading(percent: f64, every_days: u32) -> Fading {
        Fading::of(&serde_json::from_value(json!({"percent": percent, "every_days": every_days})).unwrap())
    }

    fn kept_after(days: i64, points: i64, fading: Fading) -> i64 {
        fading.kept(points, Timestamp::from_day(10), Timestamp::from_day(10 + days))
    }

    #[test]
    fn points_go_period_by_period_until_none_are_left() {
        let half = fading(50.0, 30);
        assert_eq!([0, 29, 30, 59, 60, 9000].map(|days| kept_after(days, 40, half)), [40, 40, 20, 20, 0, 0]);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let half = fading(50.0, 1);
        assert_eq!(kept_after(1, 5, half), 3);
        assert_eq!(kept_after(1, -5, half), -3);
        assert_eq!([1, 2, 3, 4].map(|days| kept_after(days, 1, fading(30.0, 1))), [1, 0, 0, 0]);
    }

    #[test]
    fn a_period_is_over_only_at_its_last_instant() {
        let start = Timestamp::from_micros(123_456_789);
        let end = start.plus_days(30);
        let half = fading(50.0, 30);
        assert_eq!(half.kept(40, start, Timestamp::from_micros(end.micros() - 1)), 40);
        assert_eq!(half.kept(40, start, end), 20);
        assert_eq!(half.next_step(40, start, start), Some(end));
    }

    proptest! {
        #[test]
        fn the_next_step_is_the_first_day_on_which_less_is_left(
            points in -500_i64..500, hundredths in 1_u32..=10_000, every_days in 1_u32..5, age in 0_i64..400,
        ) {
            let fading = fading(f64::from(hundredths) / 100.0, every_days);
            let now = kept_after(age, points, fading);
            let step = fading.next_step(points, Timestamp::from_day(10), Timestamp::from_day(10 + age));
            match step.map(|step| step.whole_days_since(Timestamp::from_day(10))) {
                None => prop_assert_eq!(now, 0),
                Some(day) => {
                    prop_assert!(kept_after(day, points, fading).abs() < now.abs());
                    prop_assert_eq!(kept_after(day - 1, points, fading), now);
                }
            }
        }
    }
}

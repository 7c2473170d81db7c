//! Percentages and the rounding of points (SCO-2, SCO-4, SCO-13): exact, halves away from zero.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// A percentage with at most six decimals, written back as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(Number);

/// Millionths of a percent in the whole.
pub(crate) const WHOLE: i128 = 100_000_000;

/// Beyond this, a float no longer tells millionths apart.
const LARGEST_MILLIONTHS: f64 = 1e15;
/// Millionths of a percent in one percent.
const ONE: i64 = 1_000_000;

impl Percent {
    /// The percentage of so many millionths of a percent; within ±10⁹ percent it has just as many.
    pub fn from_millionths(millionths: i64) -> Self {
        let fraction = || Number::from_f64(millionths as f64 / ONE as f64);
        match millionths % ONE {
            0 => Self((millionths / ONE).into()),
            _ => Self(fraction().unwrap_or_else(|| (millionths / ONE).into())),
        }
    }

    /// The percentage in millionths of a percent; `None` when it has more than six decimals or is beyond ±10⁹.
    pub fn millionths(&self) -> Option<i64> {
        let read = self.0.as_f64()?;
        let scaled = (read * 1e6).round();
        // Dividing rounds to the float nearest to the decimal, which is what reading the decimal gave.
        (scaled.abs() <= LARGEST_MILLIONTHS && scaled / 1e6 == read).then_some(scaled as i64)
    }

    /// So many percent of `whole`, rounded; `None` when [`Percent::millionths`] is.
    pub fn of(&self, whole: i64) -> Option<i64> {
        Some(rounded(i128::from(self.millionths()?) * i128::from(whole), WHOLE))
    }
}

impl fmt::Display for Percent {
    /// In plain decimals, without an exponent: `30`, `-12.5`, `0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(millionths) = self.millionths() else { return self.0.fmt(f) };
        let size = millionths.unsigned_abs();
        let (whole, fraction) = (size / ONE.unsigned_abs(), size % ONE.unsigned_abs());
        let sign = if millionths < 0 { "-" } else { "" };
        match fraction {
            0 => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{}", format!("{fraction:06}").trim_end_matches('0')),
        }
    }
}

/// `numerator / denominator`, rounded to the nearest whole number, halves away from zero, and kept within what fits.
/// The denominator is positive.
pub fn rounded(numerator: i128, denominator: i128) -> i64 {
    let twice = numerator.unsigned_abs().saturating_mul(2).saturating_add(denominator.unsigned_abs());
    let size = i64::try_from(twice / denominator.unsigned_abs().saturating_mul(2).max(1)).unwrap_or(i64::MAX);
    if numerator < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> Percent {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn points_from_percent_round_halves_away_from_zero() {
        for (text, whole, points) in [
            ("30", 100, 30),
            ("30", 150, 45),
            ("12.5", 60, 8),
            ("-12.5", 60, -8),
            ("0.1", 5000, 5),
            ("1.005", 1000, 10),
            ("-0.5", 100, -1),
            ("0.49", 100, 0),
            ("8.7", 500_000, 43_500),
        ] {
            assert_eq!(percent(text).of(whole), Some(points), "{text} of {whole}");
        }
    }

    #[test]
    fn every_decimal_is_read_exactly() {
        for millionths in (-1_000_000_000..=1_000_000_000_i64).step_by(99_991) {
            let sign = if millionths < 0 { "-" } else { "" };
            let size = millionths.abs();
            let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
            assert_eq!(percent(&text).millionths(), Some(millionths), "{text}");
        }
    }

    #[test]
    fn millionths_make_the_percentage_that_has_them() {
        for millionths in (-1_000_000_000..=1_000_000_000_i64).step_by(99_991) {
            let made = Percent::from_millionths(millionths);
            assert_eq!(made.millionths(), Some(millionths));
            assert_eq!(percent(&made.to_string()), made);
        }
    }

    #[test]
    fn a_percentage_reads_as_people_write_it() {
        for (text, shown) in [("30", "30"), ("-12.50", "-12.5"), ("1e-6", "0.000001"), ("-0.25", "-0.25"), ("0", "0")] {
            assert_eq!(percent(text).to_string(), shown);
        }
    }

    #[test]
    fn more_than_six_decimals_are_too_many() {
        assert_eq!(percent("0.0000001").millionths(), None);
        assert_eq!(percent("1e300").millionths(), None);
    }

    #[test]
    fn a_percentage_is_written_as_it_was_read() {
        for text in ["30", "12.5", "-7.25"] {
            assert_eq!(serde_json::to_string(&percent(text)).unwrap(), text);
        }
    }
}

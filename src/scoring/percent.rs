//! Percentages and the rounding of points (SCO-2, SCO-4): exact, halves away from zero.

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// A percentage with at most six decimals, written back as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(Number);

/// Millionths of a percent in the whole.
pub(super) const WHOLE: i128 = 100_000_000;

/// Beyond this, a float no longer tells millionths apart.
const LARGEST_MILLIONTHS: f64 = 1e15;

impl Percent {
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

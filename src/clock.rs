//! Time: the one place that asks the machine what time it is.
//!
//! Rules take a [`Timestamp`] as a parameter; only [`Clock`] reads the clock, so a test can move it.
//! Instants carry microseconds, the finest grain both databases keep, and stay within the years 1900 to 2200.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// 1900-01-01T00:00:00Z in microseconds since 1970.
const EARLIEST: i64 = -2_208_988_800 * MICROS_PER_SECOND;
/// 2200-01-01T00:00:00Z in microseconds since 1970.
const LATEST: i64 = 7_258_118_400 * MICROS_PER_SECOND;

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after 1970 began.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Midnight UTC at the start of day `day` after 1970-01-01.
    pub const fn from_day(day: i64) -> Self {
        Self(day * MICROS_PER_DAY)
    }

    /// Reads RFC 3339 text with an offset. `None` for anything else, for leap seconds, and outside the years 1900 to 2200.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_own_form(text).or_else(|| Self::parse_any_form(text))
    }

    /// Reads the form that instants are written in here, as whoever reads many of them back needs it: at once.
    fn parse_own_form(text: &str) -> Option<Self> {
        let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', rest @ ..] =
            bytes
        else {
            return None;
        };
        let [f1, f2, f3, f4, f5, f6, b'Z'] = rest else { return None };
        let year = number(&[*y1, *y2, *y3, *y4])?;
        let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
        let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*n1, *n2])?, number(&[*s1, *s2])?);
        let fraction = number(&[*f1, *f2, *f3, *f4, *f5, *f6])?;
        // Whatever is not plainly a time is for the slow reading to judge.
        let plain =
            (1900..2200).contains(&year) && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        if !plain || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds * MICROS_PER_SECOND + fraction))
    }

    fn parse_any_form(text: &str) -> Option<Self> {
        if text.get(17..19) == Some("60") {
            return None;
        }
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        let micros = instant.timestamp_micros();
        (EARLIEST..LATEST).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970 began.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// The instant `days` days later (earlier when negative), never beyond what an instant can hold.
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(MICROS_PER_DAY)))
    }

    /// The instant `seconds` seconds later (earlier when negative), never beyond what an instant can hold.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND)))
    }

    /// The instant right after this one.
    pub const fn successor(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Whole days from `earlier` to this instant, rounded down; negative when `earlier` is later.
    pub const fn whole_days_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(MICROS_PER_DAY)
    }
}

/// The number that these digits are; `None` when one of them is none.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days of the month `month`, 1 to 12.
fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin with March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("must be an RFC 3339 time with an offset, from 1900 to 2199"))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An instant, RFC 3339, from the year 1900 to 2199; answers are in UTC with microseconds"))
            .examples(["2026-11-22T09:30:00.000000Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

/// Tells the time. Clones share one clock.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::set`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(Utc::now().timestamp_micros()),
            Source::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock to `to`; the machine's clock is left alone.
    pub fn set(&self, to: Timestamp) {
        if let Source::Manual(micros) = &self.0 {
            micros.store(to.0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_read_back_as_it_was(micros in EARLIEST..LATEST) {
            let text = Timestamp(micros).to_string();
            prop_assert_eq!(Timestamp::parse_own_form(&text), Some(Timestamp(micros)));
            prop_assert_eq!(Timestamp::parse_any_form(&text), Some(Timestamp(micros)));
        }

        #[test]
        fn the_quick_reading_takes_nothing_that_the_slow_one_refuses(
            text in "(19|2[01])[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}[Zz+]",
        ) {
            if let Some(read) = Timestamp::parse_own_form(&text) {
                prop_assert_eq!(Timestamp::parse_any_form(&text), Some(read));
            }
        }
    }

    #[test]
    fn an_instant_is_written_in_utc_with_microseconds() {
        let read = Timestamp::parse("2026-03-01T12:00:00.1234567+02:00").unwrap();
        assert_eq!(read.to_string(), "2026-03-01T10:00:00.123456Z");
    }

    #[test]
    fn impossible_and_far_off_times_are_refused() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-01-01T23:59:60Z",
            "2026-01-01T00:00:00",
            "0000-01-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2200-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_whole_only_once_it_has_passed() {
        let start = Timestamp::from_day(10);
        assert_eq!(start.plus_days(30).whole_days_since(start), 30);
        assert_eq!(Timestamp::from_micros(start.plus_days(30).micros() - 1).whole_days_since(start), 29);
    }
}

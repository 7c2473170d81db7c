//! Days of the calendar, such as the day on which a deal is expected: no time of day and no zone.
//!
//! A day is written `YYYY-MM-DD` and stays within the years 1900 to 2199, as instants do. Where a day is a deadline, it
//! begins at midnight UTC.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::clock::Timestamp;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Midnight UTC at its start.
    start: Timestamp,
}

/// Characters of `YYYY-MM-DD`.
const LENGTH: usize = 10;

impl Day {
    /// Reads `YYYY-MM-DD`; `None` for anything else and for days that there are not.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let start = Timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| is_plain)?;
        Some(Self { start })
    }

    /// The day, in UTC, that `instant` falls on.
    pub fn of(instant: Timestamp) -> Self {
        Self { start: Timestamp::from_day(instant.whole_days_since(Timestamp::from_micros(0))) }
    }

    /// Midnight UTC at its start.
    pub fn start(self) -> Timestamp {
        self.start
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.start.to_string().get(..LENGTH).unwrap_or_default())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("must be a day such as 2026-11-24, from 1900 to 2199"))
    }
}

impl utoipa::PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
            .description(Some("A day, YYYY-MM-DD, from the year 1900 to 2199"))
            .examples(["2026-11-24"])
            .into()
    }
}

impl utoipa::ToSchema for Day {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_days_that_there_are_can_be_read() {
        for bad in ["", "2026-02-29", "2026-2-1", "2026-02-01T", "2026-13-01", "1899-12-31", "2200-01-01", "20260201"] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert_eq!(Day::parse("2024-02-29").map(|day| day.to_string()).as_deref(), Some("2024-02-29"));
    }

    proptest! {
        #[test]
        fn a_day_is_written_as_it_is_read_and_holds_its_start(number in -25_000_i64..80_000) {
            let day = Day::of(Timestamp::from_day(number).plus_seconds(86_399));
            prop_assert_eq!(day.start(), Timestamp::from_day(number));
            prop_assert_eq!(Day::parse(&day.to_string()), Some(day));
        }
    }
}

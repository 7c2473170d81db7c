//! Ids: UUID version 7, so that they sort by the time they were made (RFC 9562).
//!
//! Only the canonical text form is an id: 36 characters, lower case, with dashes. Any other spelling names nothing.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use uuid::Uuid;

use crate::clock::Timestamp;

/// The identity of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Uuid);

impl Id {
    /// The id that no record has.
    pub const NIL: Id = Id(Uuid::nil());

    /// A new id made at `at`. Ids made by one process at one instant sort in the order they were made.
    pub fn new(at: Timestamp) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let micros = at.micros().max(0) as u64;
        let (millis, fraction) = (micros / 1000, (micros % 1000) * 4096 / 1000);
        let order = u64::from(MADE.fetch_add(1, Ordering::Relaxed) & 0x3f_ffff);
        let random = Uuid::new_v4().as_u64_pair().1 & 0xff_ffff_ffff;
        let high = (millis << 16) | 0x7000 | fraction;
        let low = (0b10 << 62) | (order << 40) | random;
        Self(Uuid::from_u64_pair(high, low))
    }

    /// The id with exactly these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Reads the canonical text form; `None` for every other spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.hyphenated().to_string() == text).then_some(Self(id))
    }

    /// The 16 bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.as_bytes().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 16]>::deserialize(deserializer).map(Id::from_bytes);
        }
        let text = String::deserialize(deserializer)?;
        Id::parse(&text).ok_or_else(|| serde::de::Error::custom("must be an id: a UUID in lower case with dashes"))
    }
}

impl utoipa::PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uuid".into())))
            .description(Some("The id of a record: a UUID in lower case with dashes"))
            .examples(["019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"])
            .into()
    }
}

impl utoipa::ToSchema for Id {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let at = Timestamp::from_day(20_000);
        let ids: Vec<Id> = (0..100).map(|_| Id::new(at)).chain((1..100).map(|k| Id::new(at.plus_seconds(k)))).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let id = Id::new(Timestamp::from_day(20_000)).to_string();
        assert!(Id::parse(&id).is_some());
        for other in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")] {
            assert_eq!(Id::parse(&other), None, "{other}");
        }
    }
}

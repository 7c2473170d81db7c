//! How long leads may stay in a stage (PRO-8): minutes of working time by temperature, hot ones usually fewer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calendar::Calendar;
use crate::clock::Timestamp;
use crate::error::Violation;

/// The most minutes that a lead may be given: those of a year.
const LONGEST: i64 = 525_600;

/// How long leads may stay in a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServiceLevel, example = json!({"default_minutes": 2880, "by_temperature": {"hot": 240, "warm": 960}}))]
pub struct ServiceLevel {
    /// Minutes of working time for leads of any other temperature or none, 1 to 525600. No limit for them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 525_600, nullable = false)]
    pub default_minutes: Option<i64>,
    /// Minutes of working time by temperature (the name of a grade), 1 to 525600 each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(schema_with = by_temperature_schema, required = false)]
    pub by_temperature: BTreeMap<String, i64>,
}

impl ServiceLevel {
    /// The minutes that a lead of this temperature has; none when it has no limit.
    pub fn minutes(&self, temperature: Option<&str>) -> Option<i64> {
        temperature.and_then(|name| self.by_temperature.get(name)).copied().or(self.default_minutes)
    }

    /// What is wrong with it, although each part has the right shape; it stands at `pointer`.
    pub fn check(&self, pointer: &str) -> Vec<Violation> {
        match self.default_minutes.is_none() && self.by_temperature.is_empty() {
            true => vec![Violation::new(pointer, "required", "limits no lead: give minutes, or leave it out")],
            false => Vec::new(),
        }
    }
}

/// Until when a lead that came at `since` may stay; none when there is no limit for it. Minutes are those of the
/// calendar's working time, or of the clock where there is no calendar.
pub fn deadline(
    level: Option<&ServiceLevel>,
    temperature: Option<&str>,
    since: Timestamp,
    calendar: Option<&Calendar>,
) -> Option<Timestamp> {
    let minutes = level?.minutes(temperature)?.clamp(1, LONGEST);
    Some(match calendar {
        Some(calendar) => calendar.add(since, minutes),
        None => since.plus_seconds(minutes.saturating_mul(60)),
    })
}

fn by_temperature_schema() -> utoipa::openapi::Object {
    use utoipa::openapi::ObjectBuilder;
    use utoipa::openapi::schema::{AdditionalProperties, Schema, Type};
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(64))
        .pattern(Some(crate::http::document::PLAIN_TEXT))
        .build();
    let minutes = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(LONGEST));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Minutes of working time by temperature (the name of a grade), 1 to 525600 each"))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(minutes.into())))
        .max_properties(Some(20))
        .examples([serde_json::json!({"hot": 240, "warm": 960})])
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level() -> ServiceLevel {
        let by_temperature = [("hot".to_owned(), 240), ("warm".to_owned(), 960)].into();
        ServiceLevel { default_minutes: Some(2880), by_temperature }
    }

    #[test]
    fn hot_leads_have_less_time_and_the_others_the_default() {
        let level = level();
        let minutes = [Some("hot"), Some("warm"), Some("cold"), None].map(|name| level.minutes(name));
        assert_eq!(minutes, [Some(240), Some(960), Some(2880), Some(2880)]);
        let only_hot = ServiceLevel { default_minutes: None, ..level };
        assert_eq!((only_hot.minutes(Some("hot")), only_hot.minutes(Some("cold"))), (Some(240), None));
    }

    #[test]
    fn without_a_calendar_every_minute_counts() {
        let since = Timestamp::from_day(3);
        assert_eq!(deadline(Some(&level()), Some("hot"), since, None), Some(since.plus_seconds(240 * 60)));
        assert_eq!(deadline(None, Some("hot"), since, None), None);
    }

    #[test]
    fn a_service_level_that_limits_nothing_is_refused() {
        assert_eq!(ServiceLevel::default().check("/stages/0/service_level").len(), 1);
        assert!(level().check("").is_empty());
    }

    proptest! {
        #[test]
        fn a_deadline_lies_after_the_entry(since in 0..4_000_000_000_000_000_i64, minutes in 1..LONGEST) {
            let level = ServiceLevel { default_minutes: Some(minutes), ..ServiceLevel::default() };
            let since = Timestamp::from_micros(since);
            prop_assert!(deadline(Some(&level), None, since, None).unwrap() > since);
        }
    }
}

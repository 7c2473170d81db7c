//! The working calendar of a workspace (PRO-8): when people work, so that service levels count only those minutes.
//!
//! Hours are those of the wall clock in the calendar's time zone. Where a clock is put forward, the hour that is not
//! there does not count; where it is put back, the hour that comes twice counts twice, for people work both. An end of
//! 24:00 is the midnight after. No deadline lies more than ten years ahead.

use chrono::{DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::date;
use crate::clock::Timestamp;
use crate::error::Violation;

/// Days that are looked at for working time: ten years.
const HORIZON_DAYS: u32 = 3_653;
/// The fewest working minutes of a week.
const LEAST_MINUTES: i64 = 60;
/// The longest gap that a clock was ever put forward by, in minutes: a whole day.
const LONGEST_GAP: i64 = 24 * 60;
const MICROS_PER_MINUTE: i64 = 60_000_000;
/// Working hours and holidays of one calendar.
const MOST_HOURS: usize = 70;
const MOST_HOLIDAYS: usize = 500;

/// When people work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkingCalendar, example = json!({
    "time_zone": "Europe/Tallinn",
    "days": [{"day": "monday", "from": "09:00", "until": "17:00"}, {"day": "tuesday", "from": "09:00", "until": "17:00"}],
    "holidays": ["2026-12-25"]
}))]
pub struct Calendar {
    /// The time zone of the hours, by its IANA name.
    #[schema(max_length = 64, example = "Europe/Tallinn")]
    pub time_zone: String,
    /// The working hours of a week, 1 to 70; a day may have several that do not overlap. At least an hour a week.
    #[schema(min_items = 1, max_items = 70)]
    pub days: Vec<Hours>,
    /// Days on which nobody works, 0 to 500.
    #[serde(default)]
    #[schema(max_items = 500, example = json!(["2026-12-25"]))]
    pub holidays: Vec<String>,
}

/// Working hours of a day of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkingHours)]
pub struct Hours {
    /// The day.
    pub day: Weekday,
    /// When work begins, 00:00 to 23:59.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$", example = "09:00")]
    pub from: String,
    /// When it ends, later than it begins, up to 24:00.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$", example = "17:00")]
    pub until: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Weekday)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    fn of(day: NaiveDate) -> Self {
        match day.weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

impl Hours {
    /// Begin and end in minutes after midnight; none when they are no times of the day in that order.
    fn span(&self) -> Option<(i64, i64)> {
        let (from, until) = (minutes(&self.from)?, minutes(&self.until)?);
        (from < until).then_some((from, until))
    }
}

impl Calendar {
    /// Everything that is wrong with it; it stands at `pointer`.
    pub fn check(&self, pointer: &str) -> Vec<Violation> {
        let mut broken = Vec::new();
        if self.time_zone.parse::<Tz>().is_err() {
            let detail = "is not the IANA name of a time zone such as Europe/Tallinn";
            broken.push(Violation::new(format!("{pointer}/time_zone"), "unknown", detail));
        }
        for (index, hours) in self.days.iter().enumerate() {
            let Some(span) = hours.span() else {
                let detail = "must begin at 00:00 to 23:59 and end later, at 24:00 at the latest";
                broken.push(Violation::new(format!("{pointer}/days/{index}"), "malformed", detail));
                continue;
            };
            let earlier = self.days.iter().take(index).filter(|other| other.day == hours.day);
            if earlier.filter_map(Hours::span).any(|other| other.0 < span.1 && span.0 < other.1) {
                let detail = "overlaps with other hours of that day";
                broken.push(Violation::new(format!("{pointer}/days/{index}"), "duplicate", detail));
            }
        }
        let worked: i64 = self.days.iter().filter_map(Hours::span).map(|(from, until)| until - from).sum();
        if worked < LEAST_MINUTES || self.days.len() > MOST_HOURS {
            let detail = format!("1 to {MOST_HOURS} working hours, at least {LEAST_MINUTES} minutes a week together");
            broken.push(Violation::new(format!("{pointer}/days"), "out_of_range", detail));
        }
        for (index, day) in self.holidays.iter().enumerate().filter(|(_, day)| date(day).is_none()) {
            let detail = format!("`{}` is not a day such as 2026-12-25", day.chars().take(20).collect::<String>());
            broken.push(Violation::new(format!("{pointer}/holidays/{index}"), "malformed", detail));
        }
        if self.holidays.len() > MOST_HOLIDAYS {
            let detail = format!("at most {MOST_HOLIDAYS} holidays are allowed");
            broken.push(Violation::new(format!("{pointer}/holidays"), "too_long", detail));
        }
        broken
    }

    /// The instant at which `minutes` of working time have passed since `start`.
    pub fn add(&self, start: Timestamp, minutes: i64) -> Timestamp {
        let round_the_clock = start.plus_seconds(minutes.saturating_mul(60));
        let Ok(zone) = self.time_zone.parse::<Tz>() else { return round_the_clock };
        let Some(instant) = DateTime::from_timestamp_micros(start.micros()) else { return round_the_clock };
        let mut left = minutes.saturating_mul(MICROS_PER_MINUTE);
        let mut day = instant.with_timezone(&zone).date_naive();
        for _ in 0..HORIZON_DAYS {
            for (from, until) in self.worked_on(day, zone) {
                let from = from.max(start.micros());
                if left <= until.saturating_sub(from) {
                    return Timestamp::from_micros(from.saturating_add(left));
                }
                left -= until.saturating_sub(from).max(0);
            }
            let Some(next) = day.checked_add_days(Days::new(1)) else { break };
            day = next;
        }
        start.plus_days(i64::from(HORIZON_DAYS))
    }

    /// The working time of a day, in microseconds since 1970, first to last.
    fn worked_on(&self, day: NaiveDate, zone: Tz) -> Vec<(i64, i64)> {
        if self.holidays.iter().any(|holiday| date(holiday) == Some(day)) {
            return Vec::new();
        }
        let weekday = Weekday::of(day);
        let hours = self.days.iter().filter(|hours| hours.day == weekday).filter_map(Hours::span);
        let within = |(from, until)| Some((begin(moment(day, from)?, zone)?, end(moment(day, until)?, zone)?));
        let mut spans: Vec<(i64, i64)> = hours.filter_map(within).collect();
        spans.sort_unstable();
        spans
    }
}

/// Minutes after midnight that `text` tells as `09:30`, up to `24:00`.
fn minutes(text: &str) -> Option<i64> {
    if text.len() != 5 {
        return None;
    }
    if text == "24:00" {
        return Some(24 * 60);
    }
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
    Some(time.signed_duration_since(NaiveTime::MIN).num_minutes())
}

fn moment(day: NaiveDate, minutes: i64) -> Option<NaiveDateTime> {
    day.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::minutes(minutes))
}

/// When the wall clock first shows `local` or, where it never does, what comes next.
fn begin(local: NaiveDateTime, zone: Tz) -> Option<i64> {
    let at = (0..=LONGEST_GAP).find_map(|later| {
        let local = local.checked_add_signed(TimeDelta::minutes(later))?;
        zone.from_local_datetime(&local).earliest()
    })?;
    Some(at.timestamp_micros())
}

/// When the wall clock last shows `local` or, where it never does, what comes next.
fn end(local: NaiveDateTime, zone: Tz) -> Option<i64> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Ambiguous(_, latest) => Some(latest.timestamp_micros()),
        _ => begin(local, zone),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const WEEKDAYS: [&str; 5] = ["monday", "tuesday", "wednesday", "thursday", "friday"];

    fn office(time_zone: &str, holidays: &[&str]) -> Calendar {
        let days: Vec<_> = WEEKDAYS.iter().map(|day| json!({"day": day, "from": "09:00", "until": "17:00"})).collect();
        serde_json::from_value(json!({"time_zone": time_zone, "days": days, "holidays": holidays})).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn added(calendar: &Calendar, start: &str, minutes: i64) -> String {
        calendar.add(at(start), minutes).to_string().replace(".000000", "")
    }

    #[test]
    fn time_outside_working_hours_does_not_count() {
        let office = office("UTC", &[]);
        assert_eq!(added(&office, "2026-03-02T09:30:00Z", 60), "2026-03-02T10:30:00Z");
        assert_eq!(added(&office, "2026-03-02T03:00:00Z", 60), "2026-03-02T10:00:00Z");
        assert_eq!(added(&office, "2026-03-02T16:30:00Z", 60), "2026-03-03T09:30:00Z");
        // Friday evening to Monday.
        assert_eq!(added(&office, "2026-03-06T18:00:00Z", 480), "2026-03-09T17:00:00Z");
        assert_eq!(added(&office, "2026-03-06T16:59:00Z", 2), "2026-03-09T09:01:00Z");
    }

    #[test]
    fn holidays_do_not_count_and_a_day_may_have_a_break() {
        let holiday = office("UTC", &["2026-03-03"]);
        assert_eq!(added(&holiday, "2026-03-02T16:30:00Z", 60), "2026-03-04T09:30:00Z");
        let days = json!([{"day": "monday", "from": "13:00", "until": "24:00"}, {"day": "monday", "from": "08:00", "until": "12:00"}]);
        let split: Calendar = serde_json::from_value(json!({"time_zone": "UTC", "days": days})).unwrap();
        assert!(split.check("").is_empty());
        assert_eq!(added(&split, "2026-03-02T11:30:00Z", 60), "2026-03-02T13:30:00Z");
        assert_eq!(added(&split, "2026-03-02T23:59:00Z", 2), "2026-03-09T08:01:00Z");
    }

    #[test]
    fn hours_are_those_of_the_wall_clock_where_people_work() {
        let tallinn = office("Europe/Tallinn", &[]);
        // Winter is two hours ahead, summer three.
        assert_eq!(added(&tallinn, "2026-03-27T14:30:00Z", 60), "2026-03-30T06:30:00Z");
        let night = |from: &str, until: &str| -> Calendar {
            let days = json!([{"day": "sunday", "from": from, "until": until}]);
            serde_json::from_value(json!({"time_zone": "Europe/Berlin", "days": days})).unwrap()
        };
        // On 2026-03-29 02:00 is 03:00 at once; on 2026-10-25 03:00 is 02:00 again.
        assert_eq!(added(&night("01:00", "04:00"), "2026-03-28T12:00:00Z", 120), "2026-03-29T02:00:00Z");
        assert_eq!(added(&night("02:15", "02:45"), "2026-03-28T12:00:00Z", 30), "2026-04-05T00:45:00Z");
        assert_eq!(added(&night("01:00", "04:00"), "2026-10-24T12:00:00Z", 240), "2026-10-25T03:00:00Z");
    }

    #[test]
    fn a_calendar_without_work_or_sense_is_refused_with_every_reason() {
        let calendar = json!({
            "time_zone": "Europe/Atlantis", "holidays": ["2026-02-30"],
            "days": [{"day": "monday", "from": "09:00", "until": "09:00"}, {"day": "friday", "from": "23:30", "until": "24:00"},
                {"day": "friday", "from": "23:45", "until": "23:50"}],
        });
        let calendar: Calendar = serde_json::from_value(calendar).unwrap();
        let broken: Vec<String> = calendar.check("/c").into_iter().map(|it| it.pointer).collect();
        assert_eq!(broken, ["/c/time_zone", "/c/days/0", "/c/days/2", "/c/days", "/c/holidays/0"]);
        let empty = Calendar { time_zone: "UTC".into(), days: Vec::new(), holidays: Vec::new() };
        assert_eq!(empty.check("").len(), 1);
        for text in ["24:01", "9:00", "0900", "25:00", "09:60", "-1:00"] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }

    fn calendars() -> impl Strategy<Value = Calendar> {
        let zones = ["UTC", "Europe/Tallinn", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"];
        (prop::sample::select(zones.to_vec()), 0..20_i64, 1..4_i64, prop::sample::subsequence(WEEKDAYS.to_vec(), 1..5))
            .prop_map(|(zone, from, length, days)| {
                let hours = |day: &&str| {
                    json!({"day": day, "from": format!("{from:02}:30"), "until": format!("{:02}:15", from + length)})
                };
                let days: Vec<_> = days.iter().map(hours).collect();
                serde_json::from_value(json!({"time_zone": zone, "days": days, "holidays": ["2026-05-01"]})).unwrap()
            })
    }

    /// Whether people work at `at`, or just stopped.
    fn is_working_time(calendar: &Calendar, at: Timestamp) -> bool {
        let zone: Tz = calendar.time_zone.parse().unwrap();
        let local = DateTime::from_timestamp_micros(at.micros()).unwrap().with_timezone(&zone).date_naive();
        calendar.worked_on(local, zone).iter().any(|(from, until)| (*from..=*until).contains(&at.micros()))
    }

    proptest! {
        #[test]
        fn working_time_ends_later_the_more_of_it_there_is_and_the_later_it_begins(
            calendar in calendars(), start in 1_767_225_600..1_798_761_600_i64, minutes in 1..5_000_i64, more in 0..500_i64,
        ) {
            let start = Timestamp::from_micros(start * 1_000_000);
            let end = calendar.add(start, minutes);
            prop_assert!(end >= start.plus_seconds(minutes * 60));
            prop_assert!(is_working_time(&calendar, end));
            prop_assert!(calendar.add(start, minutes + more) >= end);
            prop_assert!(calendar.add(start.plus_seconds(more * 60), minutes) >= end);
            prop_assert_eq!(calendar.add(end, more.max(1)), calendar.add(start, minutes + more.max(1)));
        }
    }
}

//! The tree of conditions, and its answer in memory.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::compare::compare;
use super::field::{Field, Kind, Record};
use super::{Condition, Records};
use crate::clock::Timestamp;

/// A question about a record: conditions, joined by `all`, `any` and `not`, and what is related to the record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All must hold; with none, it holds.
    All(Vec<Filter>),
    /// At least one must hold; with none, it does not.
    Any(Vec<Filter>),
    /// It must not hold.
    Not(Box<Filter>),
    /// All must hold, written as a plain list.
    #[serde(untagged)]
    List(Vec<Filter>),
    /// There must be related records.
    #[serde(untagged)]
    Related(Box<Related>),
    /// One field must compare so.
    #[serde(untagged)]
    Condition(Condition),
}

/// Asks whether there are related records that `where` holds for: interactions of the contact, or its leads; of a lead,
/// the interactions of its contact or about the lead itself, and the other leads of its contact. What was voided does
/// not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FilterRelated)]
pub struct Related {
    /// The records that are looked at.
    pub related: RelatedRecord,
    /// What must hold for a record to count; it names fields of that record alone. By default every record counts.
    #[serde(rename = "where", default, skip_serializing_if = "Filter::is_empty_list")]
    #[schema(schema_with = super::tree_schema::reference)]
    pub matching: Filter,
    /// Only interactions that occurred, or leads that were created, in the last so many days, to the microsecond; 1 to
    /// 3650. Without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650, example = 28)]
    pub within_days: Option<u32>,
    /// How many there must be; by default at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

/// The records that may be related to the one a filter asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilterRelatedRecord)]
pub enum RelatedRecord {
    /// What was done.
    Interaction,
    /// Interests.
    Lead,
}

/// Bounds for a number of records; all that are given must hold, and at least one must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = FilterCount)]
pub struct Count {
    /// Exactly so many; 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub eq: Option<u32>,
    /// Fewer than so many; 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub lt: Option<u32>,
    /// So many or fewer; 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub lte: Option<u32>,
    /// More than so many; 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub gt: Option<u32>,
    /// So many or more; 0 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000, example = 5)]
    pub gte: Option<u32>,
}

/// What is related to a record, for answers in memory: JSON objects with the API's field names.
#[derive(Clone, Debug, PartialEq)]
pub struct Relations {
    /// The instant that `within_days` ends with.
    pub at: Timestamp,
    /// Its interactions.
    pub interactions: Vec<Value>,
    /// Its leads.
    pub leads: Vec<Value>,
}

impl Relations {
    /// Nothing related, for filters that do not ask for it.
    pub const NONE: Self = Self { at: Timestamp::from_micros(0), interactions: Vec::new(), leads: Vec::new() };

    fn of(&self, record: RelatedRecord) -> &[Value] {
        match record {
            RelatedRecord::Interaction => &self.interactions,
            RelatedRecord::Lead => &self.leads,
        }
    }
}

impl RelatedRecord {
    /// The register's name for it.
    pub const fn record(self) -> Record {
        match self {
            Self::Interaction => Record::Interaction,
            Self::Lead => Record::Lead,
        }
    }

    /// The field that `within_days` looks at.
    pub(super) const fn instant(self) -> &'static str {
        match self {
            Self::Interaction => "occurred_at",
            Self::Lead => "created_at",
        }
    }
}

impl Count {
    /// Whether no bound is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The least and the most that meet all bounds; the least is above the most when nothing does.
    pub(super) fn range(&self) -> (i64, i64) {
        let bound = |bound: Option<u32>| bound.map(i64::from);
        let least = [bound(self.eq), bound(self.gte), bound(self.gt).map(|more| more + 1)];
        let most = [bound(self.eq), bound(self.lte), bound(self.lt).map(|fewer| fewer - 1)];
        let least = least.into_iter().flatten().max().unwrap_or(0);
        (least, most.into_iter().flatten().min().unwrap_or(i64::MAX))
    }
}

impl Related {
    /// The least and the most records that there must be.
    pub(super) fn range(&self) -> (i64, i64) {
        self.count.as_ref().map_or((1, i64::MAX), Count::range)
    }

    /// The instant after which a record counts that is looked at the instant `at`; `None` without such a bound.
    pub(super) fn since(&self, at: Timestamp) -> Option<Timestamp> {
        self.within_days.map(|days| at.plus_days(-i64::from(days)))
    }

    fn counts(&self, record: &Value, at: Timestamp) -> bool {
        let voided = record.get("voided_at").is_some_and(|at| !at.is_null());
        let instant = || Timestamp::parse(record.get(self.related.instant())?.as_str()?);
        let timely = match self.since(at) {
            Some(since) => instant().is_some_and(|instant| since < instant && instant <= at),
            None => true,
        };
        let find = |asked: Record| (asked == self.related.record()).then_some(record);
        !voided && timely && self.matching.holds_among(&find, &Relations::NONE)
    }

    fn holds(&self, relations: &Relations) -> bool {
        let (least, most) = self.range();
        let found = relations.of(self.related).iter().filter(|record| self.counts(record, relations.at)).count();
        (least..=most).contains(&i64::try_from(found).unwrap_or(i64::MAX))
    }
}

impl Default for Filter {
    /// What always holds.
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Filter {
    /// Whether the filter holds for `records` and what is related to them. A field that does not exist has no value.
    pub fn holds(&self, records: &Records, relations: &Relations) -> bool {
        let find = |record: Record| match record {
            Record::Lead => Some(&records.lead),
            Record::Contact => records.contact.as_ref(),
            Record::Account => records.account.as_ref(),
            Record::Interaction => None,
        };
        self.holds_among(&find, relations)
    }

    fn holds_among<'r>(&self, find: &dyn Fn(Record) -> Option<&'r Value>, relations: &Relations) -> bool {
        match self {
            Self::List(parts) | Self::All(parts) => parts.iter().all(|part| part.holds_among(find, relations)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_among(find, relations)),
            Self::Not(part) => !part.holds_among(find, relations),
            Self::Related(related) => related.holds(relations),
            Self::Condition(condition) => {
                let field = Field::named(&condition.field);
                let actual = field.and_then(|field| field.value(find(field.record)?));
                let kind = field.map_or(Kind::Any, |field| field.kind);
                compare(kind, actual, condition.op, condition.value.as_ref())
            }
        }
    }

    /// The filters that this one is made of, each with the step of a JSON pointer that leads to it.
    pub(super) fn parts(&self) -> Vec<(String, &Filter)> {
        let listed = |prefix: &str, parts| {
            let parts: &[Filter] = parts;
            parts.iter().enumerate().map(|(index, part)| (format!("{prefix}/{index}"), part)).collect()
        };
        match self {
            Self::List(parts) => listed("", parts),
            Self::All(parts) => listed("/all", parts),
            Self::Any(parts) => listed("/any", parts),
            Self::Not(part) => vec![("/not".to_owned(), part)],
            Self::Related(related) => vec![("/where".to_owned(), &related.matching)],
            Self::Condition(_) => Vec::new(),
        }
    }

    /// Every condition on the record itself and those before it, not on what is related to it, with its JSON pointer;
    /// the filter stands at `pointer`.
    pub fn conditions(&self, pointer: &str) -> Vec<(String, &Condition)> {
        let (mut open, mut found) = (vec![(pointer.to_owned(), self)], Vec::new());
        while let Some((pointer, filter)) = open.pop() {
            match filter {
                Self::Condition(condition) => found.push((pointer, condition)),
                Self::Related(_) => {}
                group => {
                    let parts = group.parts().into_iter().rev();
                    open.extend(parts.map(|(step, part)| (format!("{pointer}{step}"), part)));
                }
            }
        }
        found
    }

    /// How many terms there are: conditions, `related`, and groups of nothing.
    pub(super) fn terms(&self) -> usize {
        match self {
            Self::List(parts) | Self::All(parts) | Self::Any(parts) => {
                if parts.is_empty() {
                    1
                } else {
                    parts.iter().map(Self::terms).sum()
                }
            }
            Self::Not(part) => part.terms(),
            Self::Related(related) if related.matching.is_empty_list() => 1,
            Self::Related(related) => 1 + related.matching.terms(),
            Self::Condition(_) => 1,
        }
    }

    fn is_empty_list(&self) -> bool {
        matches!(self, Self::List(parts) if parts.is_empty())
    }
}

impl<'de> Deserialize<'de> for Filter {
    /// Tells the forms apart by their members, so that a fault is named as a fault of the one that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

const GROUPS: [&str; 3] = ["all", "any", "not"];

fn read(value: Value) -> Result<Filter, String> {
    match value {
        Value::Array(parts) => Ok(Filter::List(read_all(parts, "")?)),
        Value::Object(members) => match GROUPS.into_iter().find(|word| members.contains_key(*word)) {
            Some(word) => read_group(word, members),
            None if members.contains_key("related") => from_value(Value::Object(members)).map(Filter::Related),
            None => from_value(Value::Object(members)).map(Filter::Condition),
        },
        _ => Err("a filter is an object or a list of filters".to_owned()),
    }
}

fn read_group(word: &str, mut members: Map<String, Value>) -> Result<Filter, String> {
    match (members.remove(word), members.keys().next()) {
        (_, Some(other)) => Err(format!("`{word}` stands alone, without `{other}`")),
        (Some(Value::Array(parts)), None) if word == "all" => Ok(Filter::All(read_all(parts, "/all")?)),
        (Some(Value::Array(parts)), None) if word == "any" => Ok(Filter::Any(read_all(parts, "/any")?)),
        (Some(part), None) if word == "not" => {
            read(part).map(|part| Filter::Not(Box::new(part))).map_err(|fault| format!("/not: {fault}"))
        }
        _ => Err(format!("`{word}` takes a list of filters")),
    }
}

fn read_all(parts: Vec<Value>, prefix: &str) -> Result<Vec<Filter>, String> {
    let numbered = parts.into_iter().enumerate();
    numbered.map(|(index, part)| read(part).map_err(|fault| format!("{prefix}/{index}: {fault}"))).collect()
}

fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(json: Value) -> Filter {
        serde_json::from_value(json).unwrap()
    }

    fn country(country: &str) -> Value {
        json!({"field": "contact.country", "op": "eq", "value": country})
    }

    fn from(country: &str) -> Records {
        Records { lead: json!({}), contact: Some(json!({"address": {"country": country}})), account: None }
    }

    #[test]
    fn groups_join_what_is_in_them() {
        for (expected, json) in [
            (true, json!([])),
            (true, json!({"all": []})),
            (false, json!({"any": []})),
            (true, country("EE")),
            (false, json!({"not": country("EE")})),
            (false, json!([country("EE"), country("LV")])),
            (false, json!({"all": [country("EE"), country("LV")]})),
            (true, json!({"any": [country("EE"), country("LV")]})),
            (true, json!({"not": {"all": [country("EE"), {"not": {"any": [country("EE")]}}]}})),
        ] {
            assert_eq!(filter(json.clone()).holds(&from("EE"), &Relations::NONE), expected, "{json}");
        }
    }

    #[test]
    fn related_records_are_counted_when_they_are_timely_and_not_voided() {
        let at = Timestamp::parse("2026-03-08T00:00:00Z").unwrap();
        let opened = |at: &str, voided: Value| json!({"kind": "email_opened", "occurred_at": at, "voided_at": voided});
        let interactions = vec![
            opened("2026-03-01T00:00:00Z", json!(null)),
            opened("2026-03-01T00:00:00.000001Z", json!(null)),
            opened("2026-03-08T00:00:00Z", json!(null)),
            opened("2026-03-08T00:00:00.000001Z", json!(null)),
            opened("2026-03-04T00:00:00Z", json!("2026-03-05T00:00:00Z")),
        ];
        let relations = Relations { at, interactions, leads: Vec::new() };
        let holds = |more: Value| {
            let mut json = json!({"related": "interaction",
                "where": {"field": "interaction.kind", "op": "eq", "value": "email_opened"}});
            json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            filter(json).holds(&from("EE"), &relations)
        };
        assert!(holds(json!({})));
        assert!(holds(json!({"count": {"eq": 4}})));
        assert!(holds(json!({"within_days": 7, "count": {"eq": 2}})));
        assert!(holds(json!({"within_days": 7, "count": {"gt": 1, "lt": 3}})));
        assert!(!holds(json!({"within_days": 7, "count": {"gte": 3}})));
        assert!(!holds(json!({"count": {"lte": 3}})));
        assert!(!holds(json!({"count": {"gt": 4, "lt": 4}})));
        assert!(filter(json!({"related": "lead", "count": {"lt": 1}})).holds(&from("EE"), &relations));
    }

    #[test]
    fn a_filter_is_written_as_it_was_read() {
        for json in [
            json!([]),
            json!([country("EE"), {"any": [country("LV"), []]}]),
            json!({"all": [{"not": country("EE")}]}),
            json!({"related": "interaction", "where": {"all": []}, "within_days": 3, "count": {"gte": 2}}),
            json!({"related": "lead"}),
        ] {
            assert_eq!(serde_json::to_value(filter(json.clone())).unwrap(), json);
        }
    }

    #[test]
    fn a_fault_is_told_as_one_of_the_form_that_was_meant() {
        for (told, json) in [
            ("/all/1: missing field `op`", json!({"all": [country("EE"), {"field": "lead.topic"}]})),
            ("/0: /not: /any/0: a filter is an object", json!([{"not": {"any": [3]}}])),
            ("`any` takes a list of filters", json!({"any": country("EE")})),
            ("`all` stands alone, without `field`", json!({"all": [], "field": "lead.topic"})),
            ("unknown variant `task`, expected `interaction` or `lead`", json!({"related": "task"})),
            ("unknown field `withindays`", json!({"related": "lead", "withindays": 3})),
            ("unknown variant `like`", json!({"field": "lead.topic", "op": "like", "value": "x"})),
        ] {
            let error = serde_json::from_value::<Filter>(json.clone()).unwrap_err().to_string();
            assert!(error.starts_with(told), "{json}: {error}");
        }
    }

    #[test]
    fn conditions_are_found_where_they_stand() {
        let filter = filter(json!({"all": [country("EE"), {"not": [country("LV")]}, {"related": "lead", "where":
            {"field": "lead.topic", "op": "is_set"}}]}));
        let pointers: Vec<String> = filter.conditions("/audience").into_iter().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/audience/all/0", "/audience/all/1/not/0"]);
        assert_eq!(filter.terms(), 4);
    }
}

//! How much of what matters is known of a record (REC-7).
//!
//! A workspace lists the fields that matter of a lead and of a contact, by the names that filters use. A field counts as
//! filled when the filter condition `is_set` holds for it: empty text is missing, false and 0 are not.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::Violation;
use crate::filter::{Condition, Field, Record, Records, holds};

/// Fields of one kind of record.
const MOST: usize = 50;

/// The fields that matter, by kind of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CompletenessFields)]
pub struct Fields {
    /// Of a lead, 1 to 50.
    #[schema(min_items = 1, max_items = 50)]
    pub lead: Vec<String>,
    /// Of a contact, 1 to 50.
    #[schema(min_items = 1, max_items = 50)]
    pub contact: Vec<String>,
}

impl Default for Fields {
    fn default() -> Self {
        let named = |record: &str, names: &[&str]| names.iter().map(|name| format!("{record}.{name}")).collect();
        Self {
            lead: named("lead", &["topic", "product_line", "campaign", "contact_id", "owner_id"]),
            contact: named(
                "contact",
                &[
                    "first_name",
                    "last_name",
                    "email",
                    "phone",
                    "mobile",
                    "job_title",
                    "decision_role",
                    "language",
                    "address.city",
                    "address.country",
                    "account_id",
                    "owner_id",
                ],
            ),
        }
    }
}

impl Fields {
    /// The fields that matter of `record`; none where completeness is not asked for.
    pub fn of(&self, record: Record) -> &[String] {
        match record {
            Record::Lead => &self.lead,
            Record::Contact => &self.contact,
            Record::Account | Record::Interaction => &[],
        }
    }

    /// Everything wrong with the lists, below `pointer`.
    pub fn check(&self, pointer: &str) -> Vec<Violation> {
        let mut broken = Vec::new();
        for record in [Record::Lead, Record::Contact] {
            let (list, at) = (self.of(record), format!("{pointer}/{}", record.name()));
            if list.is_empty() || list.len() > MOST {
                broken.push(Violation::new(&at, "out_of_range", format!("1 to {MOST} fields are allowed")));
            }
            for (i, name) in list.iter().enumerate() {
                let at = format!("{at}/{i}");
                if Field::named(name).is_none_or(|field| field.record != record) {
                    let detail = format!("must be a field of a {}; GET /v1/filter-fields lists them", record.name());
                    broken.push(Violation::new(at, "unknown_field", detail));
                } else if list.iter().take(i).any(|earlier| earlier == name) {
                    broken.push(Violation::new(at, "duplicate", "is in the list already"));
                }
            }
        }
        broken
    }
}

/// How much of what matters is known of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Completeness {
    /// The share of the fields that are filled, in whole percent, half rounded up.
    #[schema(minimum = 0, maximum = 100, example = 60)]
    pub percent: i64,
    /// The fields that are missing, by the names that filters use.
    #[schema(example = json!(["lead.campaign"]))]
    pub missing: Vec<String>,
}

impl Completeness {
    /// Of `row`, a lead or contact (as `record` says) as the API shows it.
    pub fn of(record: Record, row: Value, fields: &Fields) -> Self {
        let mut records = Records::default();
        match record {
            Record::Lead => records.lead = row,
            Record::Contact => records.contact = Some(row),
            Record::Account | Record::Interaction => {}
        }
        let is_filled = |field: &&String| holds(&Condition::is_set(field), &records);
        let listed = fields.of(record);
        let missing: Vec<String> = listed.iter().filter(|field| !is_filled(field)).cloned().collect();
        Self { percent: percent(listed.len() - missing.len(), listed.len()), missing }
    }
}

/// `part` of `whole` in whole percent, half rounded up; of nothing it is all.
pub fn percent(part: usize, whole: usize) -> i64 {
    let rounded = (part * 200 + whole).checked_div(2 * whole).unwrap_or(100);
    i64::try_from(rounded).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn five_fields_of_a_lead_and_twelve_of_a_contact_matter_unless_said_otherwise() {
        let fields = Fields::default();
        assert_eq!((fields.lead.len(), fields.contact.len(), fields.check("/completeness")), (5, 12, vec![]));
    }

    #[test]
    fn empty_text_is_missing_and_a_false_is_not() {
        let fields = Fields {
            lead: ["topic", "campaign", "attributes.budget", "attributes.vip"]
                .map(|name| format!("lead.{name}"))
                .into(),
            ..Fields::default()
        };
        let row = json!({"topic": "CRM", "campaign": "", "attributes": {"vip": false}});
        let complete = Completeness::of(Record::Lead, row, &fields);
        let missing = vec!["lead.campaign".to_owned(), "lead.attributes.budget".to_owned()];
        assert_eq!(complete, Completeness { percent: 50, missing });
    }

    #[test]
    fn a_share_is_rounded_to_whole_percent() {
        assert_eq!(
            [(0, 3), (1, 3), (1, 8), (2, 3), (3, 3), (0, 0)].map(|(part, whole)| percent(part, whole)),
            [0, 33, 13, 67, 100, 100]
        );
    }

    #[test]
    fn only_fields_of_the_record_itself_are_listed_and_each_once() {
        let fields = Fields {
            lead: ["lead.topic", "contact.email", "lead.shoe_size", "lead.topic"].map(str::to_owned).into(),
            contact: Vec::new(),
        };
        let broken: Vec<String> =
            fields.check("/c").into_iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
        let expected =
            ["/c/lead/1 unknown_field", "/c/lead/2 unknown_field", "/c/lead/3 duplicate", "/c/contact out_of_range"];
        assert_eq!(broken, expected);
    }
}

//! The fields of a stage (PRO-1, PRO-4): what is to be known of a lead there, of which type, and where it is kept.
//!
//! A field is kept in the custom attribute of the lead that has its key, unless it names another field of the lead, its
//! contact or its account. Text that holds nothing to be seen counts as missing, as everywhere.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::filter::{Field, Records};

/// The type of a field of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProcessFieldType)]
pub enum FieldType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day, such as 2026-11-24.
    Date,
    /// One of the field's choices.
    Choice,
}

/// Something to be known of a lead in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProcessField)]
pub struct StageField {
    /// Name for other records to refer to: 1 to 64 lower-case letters, digits and underscores, a letter first.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z][a-z0-9_]*$", example = "budget")]
    pub key: String,
    /// Name for people, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Budget")]
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What may be chosen, 1 to 100 texts of 1 to 200 characters; only for the type `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = choices_schema, required = false)]
    pub choices: Vec<String>,
    /// Whether the stage is complete only with it. Default false.
    #[serde(default)]
    #[schema(default = false)]
    pub required: bool,
    /// Where it is kept: a field of `GET /v1/filter-fields`; the lead's custom attribute of that key when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "contact.phone", nullable = false)]
    pub fills: Option<String>,
}

/// What is wrong with a field that a stage requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProcessFieldFault)]
pub enum Fault {
    /// It has no value.
    Missing,
    /// Its value is of another type, or not one of the choices.
    WrongType,
}

impl StageField {
    /// The field of a record in which it is kept.
    pub fn place(&self) -> String {
        self.fills.clone().unwrap_or_else(|| format!("lead.attributes.{}", self.key))
    }

    /// Its value in the records; none when it is missing.
    pub fn value(&self, records: &Records) -> Option<Value> {
        let place = self.place();
        let value = Field::named(&place)?.value_in(records)?;
        let is_nothing = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        (!is_nothing).then(|| value.clone())
    }

    /// What keeps it from being filled; none when it is.
    pub fn fault(&self, records: &Records) -> Option<Fault> {
        match self.value(records) {
            None => Some(Fault::Missing),
            Some(value) => (!self.fits(&value)).then_some(Fault::WrongType),
        }
    }

    /// Whether `value` is of its type.
    pub fn fits(&self, value: &Value) -> bool {
        match self.kind {
            FieldType::Text => value.is_string(),
            FieldType::Integer => value.is_i64() || value.is_u64(),
            FieldType::Number => value.is_number(),
            FieldType::Boolean => value.is_boolean(),
            FieldType::Date => value.as_str().is_some_and(|text| date(text).is_some()),
            FieldType::Choice => value.as_str().is_some_and(|text| self.choices.iter().any(|choice| choice == text)),
        }
    }

    /// Its type in words, as in "must be …".
    pub fn described(&self) -> String {
        match self.kind {
            FieldType::Text => "text".to_owned(),
            FieldType::Integer => "a whole number".to_owned(),
            FieldType::Number => "a number".to_owned(),
            FieldType::Boolean => "true or false".to_owned(),
            FieldType::Date => "a day such as 2026-11-24, from 1900 to 2199".to_owned(),
            FieldType::Choice => format!("one of {}", self.choices.join(", ")),
        }
    }
}

/// The day that `text` names as `2026-11-24`; none for anything else, and outside the years 1900 to 2199.
pub fn date(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    ((1900..2200).contains(&day.year()) && day.to_string() == text).then_some(day)
}

fn choices_schema() -> utoipa::openapi::schema::Array {
    use utoipa::openapi::ObjectBuilder;
    use utoipa::openapi::schema::{ArrayBuilder, Type};
    let choice = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(200))
        .pattern(Some(crate::http::document::PLAIN_TEXT));
    ArrayBuilder::new()
        .items(choice)
        .max_items(Some(100))
        .description(Some("What may be chosen, 1 to 100 texts of 1 to 200 characters; only for the type `choice`"))
        .examples([serde_json::json!(["this_quarter", "this_year"])])
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn field(kind: FieldType) -> StageField {
        let choices = if kind == FieldType::Choice { vec!["now".to_owned(), "later".to_owned()] } else { Vec::new() };
        StageField { key: "it".into(), name: "It".into(), kind, choices, required: true, fills: None }
    }

    fn records(value: Value) -> Records {
        Records { lead: json!({"attributes": {"it": value}}), ..Records::default() }
    }

    #[test]
    fn each_type_takes_its_own_values_and_no_others() {
        let values = [json!("x"), json!(5), json!(0.5), json!(true), json!("2026-02-28"), json!("later")];
        for (kind, taken) in [
            (FieldType::Text, [true, false, false, false, true, true]),
            (FieldType::Integer, [false, true, false, false, false, false]),
            (FieldType::Number, [false, true, true, false, false, false]),
            (FieldType::Boolean, [false, false, false, true, false, false]),
            (FieldType::Date, [false, false, false, false, true, false]),
            (FieldType::Choice, [false, false, false, false, false, true]),
        ] {
            let field = field(kind);
            assert_eq!(values.clone().map(|value| field.fits(&value)), taken, "{kind:?}");
        }
    }

    #[test]
    fn what_is_blank_is_missing_and_what_is_false_is_not() {
        let text = field(FieldType::Text);
        for value in [Value::Null, json!(""), json!(" \n")] {
            assert_eq!(text.fault(&records(value)), Some(Fault::Missing));
        }
        assert_eq!(text.fault(&Records::default()), Some(Fault::Missing));
        assert_eq!(text.fault(&records(json!(7))), Some(Fault::WrongType));
        assert_eq!(field(FieldType::Boolean).fault(&records(json!(false))), None);
    }

    #[test]
    fn a_field_is_kept_where_it_says() {
        let phone = StageField { fills: Some("contact.phone".into()), ..field(FieldType::Text) };
        let records = Records { contact: Some(json!({"phone": "+3725551234"})), ..Records::default() };
        assert_eq!(phone.value(&records), Some(json!("+3725551234")));
        assert_eq!(field(FieldType::Text).place(), "lead.attributes.it");
    }

    #[test]
    fn only_days_that_there_are_are_days() {
        for text in ["2026-02-29", "2026-1-2", "+2026-01-02", "1899-12-31", "2200-01-01", "2026-01-02T00:00", ""] {
            assert_eq!(date(text), None, "{text}");
        }
        assert!(date("2024-02-29").is_some());
    }

    proptest! {
        #[test]
        fn a_filled_field_has_a_value_that_fits(
            value in prop_oneof![
                Just(Value::Null), any::<i64>().prop_map(|number| json!(number)), any::<bool>().prop_map(|it| json!(it)),
                "[a-z ]{0,6}".prop_map(|text| json!(text)), Just(json!("2026-11-24")), Just(json!("now")),
            ],
            kind in prop::sample::select(vec![
                FieldType::Text, FieldType::Integer, FieldType::Number, FieldType::Boolean, FieldType::Date,
                FieldType::Choice,
            ]),
        ) {
            let field = field(kind);
            let records = records(value.clone());
            prop_assert_eq!(field.fault(&records).is_none(), field.value(&records).is_some() && field.fits(&value));
        }
    }
}

//! Custom attributes: a record's own fields, named by the workspace.
//!
//! Names are `[a-z][a-z0-9_]{0,63}` but for `constructor`, which JavaScript takes for its own, at most 100 a record; values are text of up to 4,000 characters, numbers or
//! booleans. In a merge patch null removes an attribute. Where only text arrives, such as from a form, an attribute that
//! is a number or a boolean stays one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::text::compare_key;

/// What a name of an attribute looks like.
const NAME: &str = "^(?!constructor$)[a-z][a-z0-9_]{0,63}$";
/// Integers beyond this are not exact in a float.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Attributes of one record.
const MOST: usize = 100;

/// The custom attributes of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub BTreeMap<String, Value>);

/// Changes to custom attributes; null removes one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributesPatch(pub BTreeMap<String, Value>);

impl Attributes {
    /// The attributes after `patch`.
    pub fn changed(mut self, patch: &AttributesPatch) -> Self {
        for (name, value) in &patch.0 {
            match value {
                Value::Null => self.0.remove(name),
                value => self.0.insert(name.clone(), value.clone()),
            };
        }
        self
    }
}

/// Whether `name` may name an attribute.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name != "constructor"
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// An attribute as a form could have sent it.
pub fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether `text` says what `value` is, however it is spelled: `50.0` says 50, and `TRUE` says true.
pub fn says_the_same(value: &Value, text: &str) -> bool {
    match (value, read_like(value, text)) {
        (Value::Number(number), Value::Number(read)) => match (number.as_i64(), read.as_i64()) {
            (Some(number), Some(read)) => number == read,
            _ => number.as_f64() == read.as_f64(),
        },
        (Value::String(known), _) => compare_key(known) == compare_key(text),
        (value, read) => *value == read,
    }
}

/// What `text` becomes where `known` stands: of the same type if it can be read so, otherwise text.
pub fn read_like(known: &Value, text: &str) -> Value {
    let read = match known {
        Value::Number(_) => serde_json::from_str::<Number>(text.trim()).ok().map(whole),
        Value::Bool(_) => text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        _ => None,
    };
    read.unwrap_or_else(|| text.into())
}

/// A whole float as the integer that the service keeps for it.
fn whole(number: Number) -> Value {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => (float as i64).into(),
        _ => number.into(),
    }
}

fn schema(kinds: &[Type], description: &str) -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(NAME)).build();
    let value = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(kinds.iter().cloned()))
        .max_length(Some(4_000))
        .pattern(Some(crate::http::document::PLAIN_TEXT));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .max_properties(Some(MOST))
        .examples([serde_json::json!({"vip": true})])
        .into()
}

impl utoipa::PartialSchema for Attributes {
    fn schema() -> RefOr<Schema> {
        schema(&[Type::String, Type::Number, Type::Boolean], "Custom attributes of the record")
    }
}

impl utoipa::ToSchema for Attributes {}

impl utoipa::PartialSchema for AttributesPatch {
    fn schema() -> RefOr<Schema> {
        let description = "Custom attributes to set; null removes one, those not named stay";
        schema(&[Type::String, Type::Number, Type::Boolean, Type::Null], description)
    }
}

impl utoipa::ToSchema for AttributesPatch {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn text_that_says_the_same_is_told_from_text_that_does_not() {
        for (value, text) in [
            (json!(50), "50"),
            (json!(50), "50.0"),
            (json!(50), " 5e1 "),
            (json!(0.5), "0.50"),
            (json!(true), "TRUE"),
            (json!(false), "false"),
            (json!("Buyer"), " buyer"),
        ] {
            assert!(says_the_same(&value, text), "{value} {text}");
        }
        for (value, text) in [
            (json!(50), "51"),
            (json!(50), "fifty"),
            (json!(9_007_199_254_740_993_i64), "9007199254740992"),
            (json!(true), "false"),
            (json!(true), "1"),
            (json!(1), "true"),
            (json!("50"), "50.0"),
        ] {
            assert!(!says_the_same(&value, text), "{value} {text}");
        }
    }

    #[test]
    fn a_number_or_boolean_stays_one_where_the_text_can_be_read_so() {
        assert_eq!(read_like(&json!(50), "51.0"), json!(51));
        assert_eq!(read_like(&json!(50), "0.25"), json!(0.25));
        assert_eq!(read_like(&json!(50), "many"), json!("many"));
        assert_eq!(read_like(&json!(true), "False"), json!(false));
        assert_eq!(read_like(&json!("x"), "51"), json!("51"));
    }

    #[test]
    fn names_are_short_lower_case_words() {
        assert!(is_name("a") && is_name("budget_2") && is_name(&"x".repeat(64)));
        for name in ["", "2a", "_a", "A", "a.b", "__proto__", "constructor", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_value_says_what_its_own_text_says(value in prop_oneof![
            any::<i64>().prop_map(|number| json!(number)), (-1e9..1e9).prop_map(|number| json!(number)),
            any::<bool>().prop_map(|flag| json!(flag)), "[a-zA-Z ]{0,5}".prop_map(|text| json!(text)),
        ]) {
            prop_assert!(says_the_same(&value, &as_text(&value)));
            let again = read_like(&value, &as_text(&value));
            prop_assert!(says_the_same(&again, &as_text(&value)));
            prop_assert_eq!(again.is_string(), value.is_string());
        }
    }
}

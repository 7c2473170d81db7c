//! Custom attributes: a record's own fields, named by the workspace.
//!
//! Names are `[a-z][a-z0-9_]{0,63}`, at most 100 a record; values are text of up to 4,000 characters, numbers or
//! booleans. In a merge patch null removes an attribute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

/// What a name of an attribute looks like.
const NAME: &str = "^[a-z][a-z0-9_]{0,63}$";
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

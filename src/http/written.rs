//! The parts of the OpenAPI document that the contract enforces, as they are written: everything borrows from the text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Named schemas.
pub type Named = BTreeMap<&'static str, &'static RawValue>;

/// The document.
#[derive(Deserialize)]
pub struct Document {
    /// The operations by path and method.
    #[serde(borrow)]
    pub paths: BTreeMap<&'static str, BTreeMap<&'static str, Operation>>,
    /// What operations refer to.
    pub components: Components,
}

/// What operations refer to.
#[derive(Deserialize)]
pub struct Components {
    /// The named schemas.
    #[serde(borrow)]
    pub schemas: BTreeMap<&'static str, &'static RawValue>,
}

/// An operation.
#[derive(Deserialize)]
pub struct Operation {
    /// What its address and headers may say.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Who may ask for it: schemes with their scopes.
    #[serde(default, borrow)]
    pub security: Vec<BTreeMap<&'static str, Vec<&'static str>>>,
    /// The body that it takes.
    #[serde(rename = "requestBody")]
    pub body: Option<Body>,
}

/// A parameter.
#[derive(Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands: `query`, `path` or `header`.
    #[serde(rename = "in")]
    pub place: &'static str,
    /// Whether it must be sent.
    #[serde(default)]
    pub required: bool,
    /// What its value must look like.
    #[serde(borrow)]
    pub schema: &'static RawValue,
}

/// A body.
#[derive(Deserialize)]
pub struct Body {
    /// Whether it must be sent.
    #[serde(default)]
    pub required: bool,
    /// Its forms by media type.
    #[serde(borrow)]
    pub content: BTreeMap<&'static str, Content>,
}

/// One form of a body.
#[derive(Deserialize)]
pub struct Content {
    /// What it must look like.
    #[serde(borrow)]
    pub schema: &'static RawValue,
}

/// A schema, as far as it tells a list of records from one.
#[derive(Deserialize)]
pub struct Schema {
    /// The named schema that it stands for.
    #[serde(rename = "$ref", borrow)]
    pub reference: Option<&'static str>,
    /// The type, or some.
    #[serde(rename = "type", default)]
    pub kind: Value,
    /// The forms of which a value has one.
    #[serde(rename = "oneOf", default, borrow)]
    pub forms: Vec<&'static RawValue>,
    /// What the entries of a list look like.
    #[serde(borrow)]
    pub items: Option<&'static RawValue>,
}

impl Schema {
    /// Reads a schema. Fails only when the document itself is broken.
    pub fn read(text: &'static RawValue) -> Result<Self, String> {
        serde_json::from_str(text.get()).map_err(|e| e.to_string())
    }
}

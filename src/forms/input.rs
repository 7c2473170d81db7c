//! What callers send to create or change a form: the definition itself, strictly.
//!
//! The schemas are made from the definition's own, so that neither can drift from it.

use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{Array, Object, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::definition::Definition;
use super::payload::FIELDS_MAX;
use super::redirect::WEB_ADDRESS_MAX;
use super::slot::VALUE_MAX;
use crate::http::document::PLAIN_TEXT;

/// A new form: its definition, and nothing else.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct NewForm(pub Definition);

/// Changes to a form's definition: absent members stay, null restores the default. Lists are replaced as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct FormPatch(pub serde_json::Value);

impl PartialSchema for NewForm {
    fn schema() -> RefOr<Schema> {
        strict(Definition::schema(), |_| {})
    }
}

impl ToSchema for NewForm {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Definition::schemas(schemas);
    }
}

impl PartialSchema for FormPatch {
    fn schema() -> RefOr<Schema> {
        strict(Definition::schema(), |object| {
            let needed = std::mem::take(&mut object.required);
            for (_, property) in object.properties.iter_mut().filter(|(name, _)| !needed.contains(name)) {
                let null = ObjectBuilder::new().schema_type(Type::Null).build();
                let either = AnyOfBuilder::new().description(description(property)).item(property.clone()).item(null);
                *property = either.into();
            }
            object.description = Some("Changes to a form: absent members stay, null restores the default".to_owned());
            object.example = Some(serde_json::json!({"name": "White paper, second edition", "asset": null}));
        })
    }
}

impl ToSchema for FormPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Definition::schemas(schemas);
    }
}

fn description(schema: &RefOr<Schema>) -> Option<String> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::Array(array)) => array.description.clone(),
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.description.clone().or_else(|| one_of.items.iter().find_map(description))
        }
        RefOr::Ref(reference) => Some(reference.description.clone()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// The schema of an object, changed, that takes no other members than those it names.
fn strict(schema: RefOr<Schema>, change: impl FnOnce(&mut Object)) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            change(&mut object);
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}

/// The schema of corrections to the fields of a submission.
pub(super) fn corrections_schema() -> Object {
    let value = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .max_length(Some(VALUE_MAX))
        .pattern(Some(PLAIN_TEXT));
    fields(
        value,
        "Corrections by the name of the field: a value of up to 4,000 characters replaces what was sent, null takes it \
         out, absent fields stay",
    )
}

/// The schema of what is known of somebody who came to an event.
pub(super) fn attendance_fields_schema() -> Object {
    let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(VALUE_MAX)).pattern(Some(PLAIN_TEXT));
    fields(
        value,
        "What is known of them, by the names of the form's fields, each of up to 4,000 characters. None is required. \
         Whoever is not known becomes known",
    )
}

fn fields(value: ObjectBuilder, description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .max_properties(Some(FIELDS_MAX))
        .description(Some(description))
        .examples([serde_json::json!({"email": "ann@example.com"})])
        .build()
}

/// The schema of thank-you pages by name.
pub(super) fn thank_you_urls_schema() -> Object {
    let url = ObjectBuilder::new().schema_type(Type::String).max_length(Some(WEB_ADDRESS_MAX));
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9_-]{0,31}$"));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property_names(Some(Schema::from(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(url.into())))
        .max_properties(Some(20))
        .description(Some(
            "Other pages that a browser's form post may ask to be sent to, by a name that it gives as `thank_you`: up \
             to 20 of up to 2,000 characters, `https`, or `http` on localhost. Names have 1 to 32 lower-case letters, \
             digits, dashes and underscores, a letter first",
        ))
        .examples([serde_json::json!({"estonian": "https://www.example.com/aitah"})])
        .build()
}

/// The schema of a list of web origins.
pub(super) fn origins_schema() -> Array {
    let origin = ObjectBuilder::new().schema_type(Type::String).max_length(Some(WEB_ADDRESS_MAX));
    ArrayBuilder::new()
        .items(origin)
        .max_items(Some(50))
        .description(Some(
            "Web origins whose pages may send it: scheme, host and port, nothing else. Programs that send no `Origin` \
             may always; the list keeps other sites' pages out, it proves nothing about who sends",
        ))
        .examples([serde_json::json!(["https://www.example.com"])])
        .build()
}

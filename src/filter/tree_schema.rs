//! How the API document describes a filter: a schema that refers to itself.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, OneOf};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::check::MOST_TERMS;
use super::{Condition, Filter, Related};

const NAME: &str = "Filter";

/// Where the document has the schema of a filter.
pub(super) fn reference() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(NAME))
}

fn list(description: &str) -> ArrayBuilder {
    ArrayBuilder::new().items(reference()).max_items(Some(MOST_TERMS)).description(Some(description))
}

fn group(word: &str, description: &str, inner: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    ObjectBuilder::new()
        .property(word, inner)
        .required(word)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some(description))
}

impl PartialSchema for Filter {
    fn schema() -> RefOr<Schema> {
        let negated = utoipa::openapi::schema::AllOf::builder()
            .item(reference())
            .description(Some("The filter that must not hold"));
        OneOf::builder()
            .item(group("all", "All must hold; with none, it holds", list("The filters that must all hold")))
            .item(group(
                "any",
                "At least one must hold; with none, it does not",
                list("The filters of which one must hold"),
            ))
            .item(group("not", "The filter must not hold", negated))
            .item(RefOr::Ref(Ref::from_schema_name(Related::name())))
            .item(RefOr::Ref(Ref::from_schema_name(Condition::name())))
            .item(list("All must hold, as with `all`"))
            .description(Some(
                "A question about a record: conditions, joined by `all`, `any` and `not`, and what is related to the \
                 record. At most 16 levels, and 200 terms altogether: conditions, `related` and empty groups",
            ))
            .examples([json!({"all": [
                {"field": "contact.country", "op": "in", "value": ["EE", "LV"]},
                {"not": {"field": "contact.marketing_only", "op": "eq", "value": true}},
                {"related": "interaction", "where": {"field": "interaction.kind", "op": "eq", "value": "email_opened"},
                 "within_days": 28, "count": {"gte": 5}},
            ]})])
            .into()
    }
}

impl ToSchema for Filter {
    fn name() -> Cow<'static, str> {
        NAME.into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Related::name().into(), Related::schema()));
        schemas.push((Condition::name().into(), Condition::schema()));
        Related::schemas(schemas);
        Condition::schemas(schemas);
    }
}

//! The one filter language: what may be asked of a lead, its contact and its account, and of what is related to them.
//!
//! A [`Filter`] is a tree of conditions; a [`Condition`] compares one field with a value. `check` lists everything wrong
//! with one. It is answered in memory by `holds` and in the database by [`sql`], and both give the same answer. An
//! attribute has no declared type, so the value it is compared with decides: ordering takes numbers only, and lists or
//! objects kept in an attribute are set but equal to nothing.

mod check;
mod compare;
mod field;
pub mod functions;
pub mod handlers;
mod number;
mod satisfy;
pub mod sql;
mod sql_member;
mod sql_writer;
mod tree;
mod tree_schema;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOf, ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

pub use check::{Allowed, check, check_comparison};
pub use compare::compare;
pub use field::{Field, Kind, Record};
pub use satisfy::{Asked, contradict, satisfying};
pub use tree::{Count, Filter, Related, RelatedRecord, Relations};

/// Compares one field of a lead, its contact or its account with a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FilterCondition)]
pub struct Condition {
    /// The field, such as `contact.decision_role`, or `contact.attributes.<key>` for a custom attribute; at most 200
    /// characters.
    #[schema(min_length = 1, max_length = 200, example = "contact.decision_role")]
    pub field: String,
    /// How the field is compared.
    pub op: Op,
    /// What the field is compared with: a list for `in` and `not_in`, nothing for `is_set` and `not_set`, one value
    /// for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Literal>,
}

/// How a field is compared. `eq` and `in` are exact, `contains` and `starts_with` ignore case; a missing value
/// satisfies only `not_set`, `ne` and `not_in`, and empty text counts as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilterOperator)]
pub enum Op {
    Eq,
    Ne,
    In,
    NotIn,
    Lt,
    Lte,
    Gt,
    Gte,
    Contains,
    StartsWith,
    IsSet,
    NotSet,
}

/// What a condition compares with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// One value.
    One(Scalar),
    /// Any of these values.
    List(Vec<Scalar>),
}

/// One value to compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// Text; also an id or a time.
    Text(String),
}

/// The records a condition is answered from: JSON objects with the API's field names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// The lead.
    pub lead: Value,
    /// Its contact, if it has one.
    pub contact: Option<Value>,
    /// Its account, if it has one.
    pub account: Option<Value>,
}

impl Condition {
    /// That the field has a value.
    pub fn is_set(field: &str) -> Self {
        Self { field: field.to_owned(), op: Op::IsSet, value: None }
    }
}

/// Whether `condition` holds for `records`. A field that does not exist has no value.
pub fn holds(condition: &Condition, records: &Records) -> bool {
    let field = Field::named(&condition.field);
    let kind = field.map_or(Kind::Any, |field| field.kind);
    compare(kind, field.and_then(|field| field.value_in(records)), condition.op, condition.value.as_ref())
}

impl Op {
    /// Every operator.
    pub const ALL: [Op; 12] = [
        Op::Eq,
        Op::Ne,
        Op::In,
        Op::NotIn,
        Op::Lt,
        Op::Lte,
        Op::Gt,
        Op::Gte,
        Op::Contains,
        Op::StartsWith,
        Op::IsSet,
        Op::NotSet,
    ];
}

impl utoipa::PartialSchema for Literal {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(1000)).build();
        let scalar = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::new(kind)).build();
        let any = || AnyOf::builder().item(text.clone()).item(scalar(Type::Number)).item(scalar(Type::Boolean));
        let list = ArrayBuilder::new().items(any()).min_items(Some(1)).max_items(Some(200)).build();
        any()
            .item(list)
            .description(Some(
                "Text of 1 to 1000 characters (also an id or an RFC 3339 time), a number, true or false, or a list of \
                 1 to 200 of these",
            ))
            .into()
    }
}

impl utoipa::ToSchema for Literal {
    fn name() -> std::borrow::Cow<'static, str> {
        "FilterValue".into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(json: Value) -> Condition {
        serde_json::from_value(json).unwrap()
    }

    fn records() -> Records {
        Records {
            lead: json!({"topic": "New warehouse", "created_at": "2026-03-01T12:00:00.000000Z"}),
            contact: Some(json!({"decision_role": "decision_maker", "attributes": {"vip": true, "seats": 12}})),
            account: None,
        }
    }

    #[test]
    fn a_condition_reads_the_record_its_field_names() {
        for (expected, json) in [
            (true, json!({"field": "contact.decision_role", "op": "eq", "value": "decision_maker"})),
            (true, json!({"field": "contact.attributes.vip", "op": "eq", "value": true})),
            (true, json!({"field": "contact.attributes.seats", "op": "gte", "value": 12})),
            (true, json!({"field": "lead.topic", "op": "contains", "value": "WARE"})),
            (true, json!({"field": "lead.created_at", "op": "lt", "value": "2026-03-02T00:00:00Z"})),
            (true, json!({"field": "account.industry", "op": "not_set"})),
            (false, json!({"field": "account.industry", "op": "eq", "value": "retail"})),
            (false, json!({"field": "contact.country", "op": "in", "value": ["EE", "LV"]})),
        ] {
            assert_eq!(holds(&condition(json.clone()), &records()), expected, "{json}");
        }
    }

    #[test]
    fn a_condition_is_written_as_it_was_read() {
        for json in [
            json!({"field": "lead.topic", "op": "not_in", "value": ["a", 1, 2.5, true]}),
            json!({"field": "lead.topic", "op": "starts_with", "value": "a"}),
            json!({"field": "lead.topic", "op": "is_set"}),
        ] {
            assert_eq!(serde_json::to_value(condition(json.clone())).unwrap(), json);
        }
    }
}

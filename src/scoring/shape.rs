//! The JSON schema that requests are checked against accepts what is read, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use super::Definition;

fn validator() -> jsonschema::Validator {
    let mut schemas = Vec::new();
    Definition::schemas(&mut schemas);
    let schemas: BTreeMap<_, _> = schemas.into_iter().collect();
    let mut document = serde_json::to_value(Definition::schema()).unwrap();
    document["components"] = json!({"schemas": schemas});
    jsonschema::validator_for(&document).unwrap()
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = json!({
        "name": "M", "target": "contact",
        "audience": [{"field": "lead.product_line", "op": "eq", "value": "crm"}],
        "rules": [{"key": "a", "points": 1, "when": [
            {"field": "contact.country", "op": "in", "value": ["EE"]},
            {"interaction": "call", "frequency": "each", "decay": {"percent": 50, "every_days": 30},
             "properties": [{"key": "minutes", "op": "gt", "value": 5}]}]}],
        "groups": [{"name": "g"}],
        "grades": [{"name": "any"}],
    });
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[member] = value;
    document
}

#[test]
fn the_schema_accepts_what_is_read() {
    let validator = validator();
    let attribute = "/rules/0/when/0/value";
    let frequency = "/rules/0/when/1/frequency";
    for (pointer, value) in [
        ("/name", json!("Newcomers")),
        ("/ceiling", json!(null)),
        ("/target", json!("account")),
        ("/rules/0/readiness_percent", json!(-12.5)),
        ("/rules/0/name", json!(null)),
        (frequency, json!("none")),
        (frequency, json!({"at_least": 10_000})),
        (attribute, json!(null)),
        (attribute, json!("text")),
        (attribute, json!(-2.5)),
        (attribute, json!(true)),
        (attribute, json!(["a", 1, false])),
        ("/rules/0/when/1/form", json!("019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10")),
        ("/rules/0/when/1/same_lead", json!(true)),
        ("/rules/0/when/1/decay/percent", json!(0.000001)),
    ] {
        let document = with(pointer, value.clone());
        let faults: Vec<_> = validator.iter_errors(&document).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, [] as [String; 0], "{pointer} {value}");
        assert!(serde_json::from_value::<Definition>(document).is_ok(), "{pointer} {value}");
    }
}

#[test]
fn what_is_not_read_the_schema_refuses_too() {
    let validator = validator();
    for (pointer, value) in [
        ("/surprise", json!(1)),
        ("/target", json!("lead")),
        ("/audience/0/surprise", json!(1)),
        ("/rules/0/surprise", json!(1)),
        ("/rules/0/points", json!(1.5)),
        ("/rules/0/readiness_percent", json!("30")),
        ("/rules/0/when/0/surprise", json!(1)),
        ("/rules/0/when/0/op", json!("like")),
        ("/rules/0/when/0/value", json!({"a": 1})),
        ("/rules/0/when/0/value", json!([["a"]])),
        ("/rules/0/when/0/interaction", json!("call")),
        ("/rules/0/when/1/surprise", json!(1)),
        ("/rules/0/when/1/within_days", json!(-1)),
        ("/rules/0/when/1/frequency", json!("often")),
        ("/rules/0/when/1/frequency", json!({"at_least": 1, "surprise": 1})),
        ("/rules/0/when/1/frequency", json!({})),
        ("/rules/0/when/1/decay/surprise", json!(1)),
        ("/rules/0/when/1/properties/0/surprise", json!(1)),
        ("/groups/0/surprise", json!(1)),
        ("/grades/0/surprise", json!(1)),
    ] {
        let document = with(pointer, value.clone());
        assert!(serde_json::from_value::<Definition>(document.clone()).is_err(), "{pointer} {value}");
        assert!(!validator.is_valid(&document), "{pointer} {value}");
    }
}

#[test]
fn the_schema_states_every_limit() {
    let validator = validator();
    let long = "x".repeat(201);
    for (pointer, value) in [
        ("/name", json!("")),
        ("/name", json!(long)),
        ("/sales_ready_score", json!(0)),
        ("/sales_ready_score", json!(1_000_001)),
        ("/rules", json!([])),
        ("/residual", json!(-1)),
        ("/ceiling", json!(1_000_000_001)),
        ("/rules/0/key", json!("@cap")),
        ("/rules/0/key", json!("")),
        ("/rules/0/points", json!(1_000_001)),
        ("/rules/0/readiness_percent", json!(1000.5)),
        ("/rules/0/when", json!([])),
        ("/rules/0/when/0/value", json!("")),
        ("/rules/0/when/0/value", json!([])),
        ("/rules/0/when/0/field", json!(long)),
        ("/rules/0/when/1/interaction", json!("E-Mail")),
        ("/rules/0/when/1/max_times", json!(0)),
        ("/rules/0/when/1/max_times", json!(1001)),
        ("/rules/0/when/1/within_days", json!(0)),
        ("/rules/0/when/1/within_days", json!(3651)),
        ("/rules/0/when/1/frequency", json!({"at_least": 0})),
        ("/rules/0/when/1/frequency", json!({"at_least": 10_001})),
        ("/rules/0/when/1/decay/percent", json!(0)),
        ("/rules/0/when/1/decay/percent", json!(100.1)),
        ("/rules/0/when/1/decay/every_days", json!(0)),
        ("/rules/0/when/1/asset", json!("")),
        ("/groups/0/name", json!("a b")),
        ("/groups/0/max", json!(-1_000_000_001)),
        ("/grades", json!([])),
    ] {
        assert!(!validator.is_valid(&with(pointer, value.clone())), "{pointer} {value}");
    }
}

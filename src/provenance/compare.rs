//! Which fields of a record a change really changed.
//!
//! Members that hold many facts count one by one: `address.city`, `attributes.vip`, `consents.marketing`. What the
//! service works out by itself (versions, normal forms, scores, stages) is nobody's to set and not counted. Absent and
//! null are the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Members whose own members are fields.
const IN_PARTS: [&str; 5] = ["address", "attributes", "captured", "consents", "utm"];
/// Members that the service works out, or that have a history of their own.
const WORKED_OUT: [&str; 14] = [
    "id",
    "phone_e164",
    "mobile_e164",
    "status",
    "status_reason",
    "process",
    "stage",
    "stage_since",
    "flags",
    "temperature",
    "score",
    "version",
    "created_at",
    "updated_at",
];

/// The names of the fields that differ between two views of a record; a record that was not there yet is null.
pub fn changed(before: &Value, after: &Value) -> BTreeSet<String> {
    let (before, after) = (fields(before), fields(after));
    let differ = |name: &&String| before.get(*name) != after.get(*name);
    before.keys().chain(after.keys()).filter(differ).cloned().collect()
}

/// The fields that have a value, each with its name.
fn fields(record: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(parts) if IN_PARTS.contains(&name.as_str()) => {
                let known = parts.iter().filter(|(_, value)| !value.is_null());
                found.extend(known.map(|(part, value)| (format!("{name}.{part}"), value)));
            }
            _ if WORKED_OUT.contains(&name.as_str()) => {}
            value => drop(found.insert(name.clone(), value)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn names(before: Value, after: Value) -> Vec<String> {
        changed(&before, &after).into_iter().collect()
    }

    #[test]
    fn a_new_record_has_every_field_that_has_a_value() {
        let after = json!({
            "id": "x", "version": 1, "score": 3, "first_name": "Ann", "last_name": null, "marketing_only": false,
            "address": {"city": "Tartu", "region": null}, "attributes": {"vip": false}, "consents": {},
        });
        assert_eq!(names(Value::Null, after), ["address.city", "attributes.vip", "first_name", "marketing_only"]);
    }

    #[test]
    fn what_was_cleared_was_changed_and_what_stayed_was_not() {
        let before =
            json!({"first_name": "Ann", "last_name": "Lee", "attributes": {"vip": true, "size": 5}, "version": 1});
        let after = json!({"first_name": null, "last_name": "Lee", "attributes": {"size": 6}, "version": 2});
        assert_eq!(names(before, after), ["attributes.size", "attributes.vip", "first_name"]);
    }

    fn record() -> impl Strategy<Value = Value> {
        let value = prop_oneof![Just(Value::Null), "[ab]{0,2}".prop_map(Value::from), (0..3).prop_map(Value::from)];
        let parts = prop::collection::btree_map("[ab]", value.clone(), 0..3);
        (prop::collection::btree_map("[a-c]", value, 0..3), parts, 0..3).prop_map(|(members, parts, version)| {
            let mut record = json!(members);
            record["address"] = json!(parts);
            record["version"] = json!(version);
            record
        })
    }

    proptest! {
        #[test]
        fn a_field_is_named_exactly_when_its_value_differs(before in record(), after in record()) {
            let named = changed(&before, &after);
            for name in ["a", "b", "c"] {
                prop_assert_eq!(named.contains(name), before[name] != after[name]);
            }
            for name in ["a", "b"] {
                let differs = before["address"][name] != after["address"][name];
                prop_assert_eq!(named.contains(&format!("address.{name}")), differs);
            }
            prop_assert!(!named.contains("version"));
            prop_assert_eq!(changed(&after, &before), named);
        }
    }
}

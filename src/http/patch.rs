//! Merge patches (RFC 7396): an absent member leaves a field alone, null clears it.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Deserialises a member that is present, so that `Some(None)` is null and `None` is absence. Use it with
/// `#[serde(default, deserialize_with = "patch::present")]`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Changes `document` by `patch`: null removes, objects merge, anything else replaces.
pub fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(members) = document else { return };
    for (name, change) in changes {
        match change {
            Value::Null => drop(members.remove(name)),
            change => merge(members.entry(name.clone()).or_insert(Value::Null), change),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_null_removes() {
        let mut document = json!({"a": 1, "b": {"c": 2, "d": 3}});
        merge(&mut document, &json!({"a": null, "b": {"c": 4}, "e": {"f": null}}));
        assert_eq!(document, json!({"b": {"c": 4, "d": 3}, "e": {}}));
    }
}

//! Custom attributes of a lead that go with it when it qualifies (CLO-1).
//!
//! An attribute goes to the contact, account and opportunity by the same name, and only where that record has none of
//! the name: what is known of a customer is never overwritten by what was known of an interest. A record takes no more
//! than its hundred attributes; of those that find no room, the last by name stay behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::attributes::{Attributes, AttributesPatch};

/// Attributes that a record may have.
const MOST: usize = 100;

/// The names of the attributes that went from the lead to each record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CarriedAttributes)]
pub struct Carried {
    /// To the contact.
    #[schema(example = json!(["budget"]))]
    pub contact: Vec<String>,
    /// To the account.
    pub account: Vec<String>,
    /// To the opportunity.
    pub opportunity: Vec<String>,
}

/// The attributes of a lead that fill blanks of a record which has `present`.
pub fn blanks(lead: &Attributes, present: &Attributes) -> AttributesPatch {
    let room = MOST.saturating_sub(present.0.len());
    let missing = lead.0.iter().filter(|(name, value)| !present.0.contains_key(*name) && is_something(value));
    AttributesPatch(missing.take(room).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// The names of what is carried.
pub fn names(carried: &AttributesPatch) -> Vec<String> {
    let names: BTreeMap<&String, &Value> = carried.0.iter().collect();
    names.into_keys().cloned().collect()
}

fn is_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn attributes(of: Value) -> Attributes {
        serde_json::from_value(of).unwrap()
    }

    #[test]
    fn only_blanks_are_filled() {
        let lead = attributes(json!({"budget": 500, "vip": true, "blank": ""}));
        let present = attributes(json!({"vip": false, "size": 3}));
        let carried = blanks(&lead, &present);
        assert_eq!(names(&carried), ["budget"]);
        assert_eq!(present.changed(&carried), attributes(json!({"vip": false, "size": 3, "budget": 500})));
    }

    proptest! {
        #[test]
        fn nothing_known_changes_and_no_record_has_too_many(
            lead in prop::collection::btree_map("[a-z]{1,2}", 0_i64..3, 0..150),
            present in prop::collection::btree_map("[a-z]{1,2}", 0_i64..3, 0..100),
        ) {
            let known = |of: BTreeMap<String, i64>| {
                Attributes(of.into_iter().map(|(name, value)| (name, json!(value))).collect())
            };
            let (lead, present) = (known(lead), known(present));
            let after = present.clone().changed(&blanks(&lead, &present));
            prop_assert!(after.0.len() <= MOST.max(present.0.len()));
            prop_assert!(present.0.iter().all(|(name, value)| after.0.get(name) == Some(value)));
            prop_assert!(after.0.iter().all(|(name, value)| present.0.contains_key(name) || lead.0.get(name) == Some(value)));
        }
    }
}

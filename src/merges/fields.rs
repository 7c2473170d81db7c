//! Which values are kept when two records become one, field by field and with the reason, and which are left when they
//! are parted again (MAT-9).
//!
//! A record is seen as a map from fields to values that are not blank. Consents, marks and custom attributes are fields
//! of their own, such as `consents.marketing`; an address or what was typed is one field, because parts of two would
//! make a third that nobody gave.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::id::Id;

/// The fields of a record that have a value.
pub type Fields = BTreeMap<String, Value>;

/// Members whose own members are fields.
const PARTED: [&str; 3] = ["attributes", "consents", "flags"];

/// A value that the survivor has after a merge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = KeptValue)]
pub struct Kept {
    /// The field.
    #[schema(example = "first_name")]
    pub field: String,
    /// The value kept; null where a blank was chosen by hand.
    pub value: Value,
    /// The record it comes from.
    pub from: Id,
    /// Why it was kept.
    pub reason: Reason,
}

/// Why a value was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KeptReason)]
pub enum Reason {
    /// Both records had it.
    Same,
    /// The other record had none.
    OnlyValue,
    /// The records differed, and the survivor's value goes first.
    Survivor,
    /// Whoever merged them chose it.
    ChosenByHand,
    /// The later decision of the person.
    Latest,
    /// Sales knows one of the two, so it knows both.
    Earned,
}

/// Why one of two records survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SurvivorReason)]
pub enum Because {
    /// Whoever merged them chose it.
    ChosenByHand,
    /// Sales knows it, and not the other.
    KnownToSales,
    /// It has a contact, and the other has none.
    HasContact,
    /// It was created earlier.
    Older,
    /// They were created at one instant, and its id is the smaller.
    SmallerId,
}

/// One of the two records.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    pub id: Id,
    pub fields: &'a Fields,
}

/// What a field's own rule says of two values that differ: whether the survivor's is kept, and why. `None` where the
/// field has no rule of its own.
pub type Rule = fn(field: &str, survivor: &Value, loser: &Value) -> Option<(bool, Reason)>;

/// Every value that is kept when `loser` is merged into `survivor`. `by_hand` names for some fields the record whose
/// value to keep, blank or not.
pub fn keep(survivor: Side<'_>, loser: Side<'_>, by_hand: &BTreeMap<String, Id>, rule: Rule) -> Vec<Kept> {
    let names: BTreeSet<&String> = survivor.fields.keys().chain(loser.fields.keys()).collect();
    let keep_one = |name: &&String| {
        let name = name.as_str();
        let (mine, other) = (survivor.fields.get(name), loser.fields.get(name));
        let (survives, reason) = match (by_hand.get(name), mine, other) {
            (Some(chosen), _, _) => (*chosen == survivor.id, Reason::ChosenByHand),
            (None, Some(mine), Some(other)) if mine == other => (true, Reason::Same),
            (None, Some(mine), Some(other)) => rule(name, mine, other).unwrap_or((true, Reason::Survivor)),
            (None, mine, _) => (mine.is_some(), Reason::OnlyValue),
        };
        let (from, value) = if survives { (survivor.id, mine) } else { (loser.id, other) };
        Kept { field: name.to_owned(), value: shown(value), from, reason }
    };
    names.iter().map(keep_one).collect()
}

/// The fields of the survivor with the values that are kept.
pub fn merged(survivor: Side<'_>, loser: Side<'_>, kept: &[Kept]) -> Fields {
    let value = |kept: &Kept| {
        let side = if kept.from == survivor.id { survivor } else { loser };
        Some((kept.field.clone(), side.fields.get(&kept.field)?.clone()))
    };
    kept.iter().filter_map(value).collect()
}

/// The fields of the survivor once the merge is undone: as `before` it, but for those that were changed since, which
/// stay as they are at `present`.
pub fn parted(before: &Fields, merged: &Fields, present: &Fields) -> Fields {
    let names: BTreeSet<&String> = before.keys().chain(merged.keys()).chain(present.keys()).collect();
    let part = |name: &String| {
        let (present, merged) = (present.get(name), merged.get(name));
        let left = if present == merged { before.get(name) } else { present };
        Some((name.clone(), left?.clone()))
    };
    names.into_iter().filter_map(part).collect()
}

/// The fields of a record's values.
pub fn spread<T: Serialize>(values: &T) -> serde_json::Result<Fields> {
    let mut fields = Fields::new();
    let Value::Object(members) = serde_json::to_value(values)? else { return Ok(fields) };
    for (name, value) in members {
        match value {
            Value::Object(parts) if PARTED.contains(&name.as_str()) => {
                fields.extend(parts.into_iter().map(|(part, value)| (format!("{name}.{part}"), value)));
            }
            value => drop(fields.insert(name, value)),
        }
    }
    fields.retain(|_, value| !is_blank(value));
    Ok(fields)
}

/// The values that have these fields.
pub fn gather<T: DeserializeOwned>(fields: &Fields) -> serde_json::Result<T> {
    let mut members = Map::new();
    for (name, value) in fields {
        match name.split_once('.') {
            Some((group, part)) => {
                let group = members.entry(group).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(parts) = group {
                    parts.insert(part.to_owned(), value.clone());
                }
            }
            None => drop(members.insert(name.clone(), value.clone())),
        }
    }
    serde_json::from_value(Value::Object(members))
}

/// Whether a value says nothing: a record of which every part is blank does neither.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(parts) => parts.values().all(is_blank),
        _ => false,
    }
}

/// A value as people know it: an identity as it was typed.
fn shown(value: Option<&Value>) -> Value {
    let value = value.cloned().unwrap_or_default();
    match value.get("typed") {
        Some(typed) => typed.clone(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MINE: Id = Id::from_bytes([1; 16]);
    const OTHER: Id = Id::from_bytes([2; 16]);

    fn fields(value: Value) -> Fields {
        spread(&value).unwrap()
    }

    fn plain(_: &str, _: &Value, _: &Value) -> Option<(bool, Reason)> {
        None
    }

    fn kept(mine: &Fields, other: &Fields, by_hand: &BTreeMap<String, Id>) -> (Vec<Kept>, Fields) {
        let (mine, other) = (Side { id: MINE, fields: mine }, Side { id: OTHER, fields: other });
        let kept = keep(mine, other, by_hand, plain);
        let merged = merged(mine, other, &kept);
        (kept, merged)
    }

    #[test]
    fn each_value_is_kept_for_a_reason() {
        let mine = fields(json!({"a": 1, "b": 2, "c": 3, "d": null, "e": 5}));
        let other = fields(json!({"a": 1, "b": 7, "c": " ", "d": 4, "e": 6}));
        let (kept, merged) = kept(&mine, &other, &[("e".to_owned(), OTHER)].into());
        let told: Vec<(&str, Id, Reason)> = kept.iter().map(|it| (it.field.as_str(), it.from, it.reason)).collect();
        let expected = [
            ("a", MINE, Reason::Same),
            ("b", MINE, Reason::Survivor),
            ("c", MINE, Reason::OnlyValue),
            ("d", OTHER, Reason::OnlyValue),
            ("e", OTHER, Reason::ChosenByHand),
        ];
        assert_eq!(told, expected);
        assert_eq!(merged, fields(json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 6})));
    }

    #[test]
    fn a_blank_chosen_by_hand_blanks_the_value() {
        let (kept, merged) =
            kept(&fields(json!({"a": 1})), &fields(json!({"a": null})), &[("a".to_owned(), OTHER)].into());
        assert_eq!((&kept[0].value, kept[0].from), (&Value::Null, OTHER));
        assert!(merged.is_empty());
    }

    #[test]
    fn an_address_is_one_field_and_each_attribute_another() {
        let value = json!({"address": {"city": "Tartu", "line1": null}, "attributes": {"size": 5, "vip": true}});
        let names: Vec<String> = fields(value.clone()).into_keys().collect();
        assert_eq!(names, ["address", "attributes.size", "attributes.vip"]);
        assert_eq!(gather::<Value>(&fields(value.clone())).unwrap(), value);
        assert!(fields(json!({"address": {"city": null, "line1": " "}})).is_empty());
    }

    #[test]
    fn an_identity_is_shown_as_it_was_typed() {
        let (kept, _) =
            kept(&fields(json!({"email": {"typed": "Ann@X.ee", "key": "ann@x.ee"}})), &Fields::new(), &[].into());
        assert_eq!(kept[0].value, "Ann@X.ee");
    }

    fn some_fields() -> impl Strategy<Value = Fields> {
        prop::collection::btree_map("[a-d]", (0..3_i64).prop_map(Value::from), 0..4)
    }

    proptest! {
        #[test]
        fn no_field_that_either_record_filled_is_lost(mine in some_fields(), other in some_fields()) {
            let (kept, merged) = kept(&mine, &other, &[].into());
            for name in mine.keys().chain(other.keys()) {
                prop_assert_eq!(merged.get(name), mine.get(name).or(other.get(name)));
            }
            prop_assert_eq!(kept.len(), merged.len());
        }

        #[test]
        fn a_merge_undone_at_once_leaves_the_survivor_as_it_was(mine in some_fields(), other in some_fields()) {
            let (_, merged) = kept(&mine, &other, &[].into());
            prop_assert_eq!(parted(&mine, &merged, &merged), mine);
        }

        #[test]
        fn what_was_changed_after_a_merge_outlives_its_undoing(
            mine in some_fields(), other in some_fields(), name in "[a-d]", changed in 5..9_i64,
        ) {
            let (_, merged) = kept(&mine, &other, &[].into());
            let mut present = merged.clone();
            present.insert(name.clone(), changed.into());
            let left = parted(&mine, &merged, &present);
            prop_assert_eq!(left.get(&name), Some(&Value::from(changed)));
            for other in left.keys().chain(mine.keys()).filter(|other| **other != name) {
                prop_assert_eq!(left.get(other), mine.get(other));
            }
        }
    }
}

//! Reads what can be read of a definition that is not wholly of the right shape, so that one check tells the faults of
//! shape and those of sense together (SCO-1).

use serde_json::{Map, Value, json};

use super::Definition;
use crate::error::Violation;

/// Everything that makes no sense in a document that ought to be a definition and is `misshapen` in these places. What
/// is said of those places already, or may come of what cannot be read there, is left out.
pub fn senseless(document: &Map<String, Value>, misshapen: &[Violation]) -> Vec<Violation> {
    let shell = json!({"name": "unread", "target": "contact", "rules": []});
    let mut unread = Vec::new();
    let reads = |document: &Value| serde_json::from_value::<Definition>(document.clone()).is_ok();
    let readable = readable(document, shell, "", &reads, &mut unread);
    let Ok(definition) = serde_json::from_value::<Definition>(readable) else { return Vec::new() };
    let mut broken = definition.check();
    broken.retain(|fault| {
        let said = misshapen.iter().any(|known| known.pointer == fault.pointer);
        !said && !unread.iter().any(|place| may_come_of(place, &fault.pointer))
    });
    broken
}

/// Whether a fault at `pointer` may be there only because `unread` could not be read.
fn may_come_of(unread: &str, pointer: &str) -> bool {
    let within = |inner: &str, outer: &str| inner == outer || inner.starts_with(&format!("{outer}/"));
    let bounds = ["/floor", "/ceiling", "/residual"];
    within(pointer, unread)
        || within(unread, pointer)
        || (within(unread, "/grades") && within(pointer, "/grades"))
        || (bounds.contains(&unread) && bounds.contains(&pointer))
}

/// `shell` with those members of `document` that can be read in it. Of a list the entries that cannot be read are
/// salvaged in the same way, so that the others keep their place.
fn readable(
    document: &Map<String, Value>,
    shell: Value,
    at: &str,
    reads: &dyn Fn(&Value) -> bool,
    unread: &mut Vec<String>,
) -> Value {
    let mut kept = shell.clone();
    for (name, value) in document {
        let with = |value: Value| {
            let mut tried = shell.clone();
            tried[name.as_str()] = value;
            tried
        };
        let pointer = format!("{at}/{name}");
        if reads(&with(value.clone())) {
            kept[name.as_str()] = value.clone();
            continue;
        }
        let Some(entries) = value.as_array().filter(|_| stand_in(name, 0).is_some()) else {
            unread.push(pointer);
            continue;
        };
        let reads_entry = |entry: &Value| reads(&with(json!([entry])));
        let salvaged = entries.iter().enumerate().map(|(place, entry)| {
            let (pointer, shell) = (format!("{pointer}/{place}"), stand_in(name, place).unwrap_or_default());
            match entry.as_object() {
                _ if reads_entry(entry) => entry.clone(),
                Some(members) => readable(members, shell, &pointer, &reads_entry, unread),
                None => {
                    unread.push(pointer);
                    shell
                }
            }
        });
        kept[name.as_str()] = salvaged.collect();
    }
    kept
}

/// What takes the place of an entry that cannot be read, in the lists whose entries can be read one by one.
fn stand_in(list: &str, place: usize) -> Option<Value> {
    let name = format!("unread {place}");
    match list {
        "audience" | "when" => Some(json!({"field": "lead.topic", "op": "is_set"})),
        "rules" => Some(json!({"key": name, "when": []})),
        "groups" | "grades" => Some(json!({"name": name})),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: Value, misshapen: &[&str]) -> Vec<String> {
        let misshapen: Vec<_> = misshapen.iter().map(|at| Violation::new(*at, "x", "x")).collect();
        senseless(document.as_object().unwrap(), &misshapen).into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn what_can_be_read_is_checked_in_its_place() {
        let shoes = json!({"field": "contact.shoe_size", "op": "is_set"});
        let document = json!({
            "name": 5, "target": "people", "surprise": true, "floor": "low", "ceiling": -3,
            "audience": [1, shoes],
            "rules": [
                {"key": "a", "points": "many", "when": [shoes, {"interaction": "call", "often": true}, shoes]},
                "no rule",
                {"key": "a", "when": [{"interaction": "call", "frequency": "none", "max_times": 2}]},
                {"key": "b", "points": 1, "readiness_percent": 2, "group": "none", "when": []},
            ],
            "grades": [{"name": "low", "to": "5"}, {"name": "high", "from": 9}],
        });
        assert_eq!(
            found(document, &["/name"]),
            [
                "/audience/1/field",
                "/rules/2/key",
                "/rules/0/when/0/field",
                "/rules/0/when/2/field",
                "/rules/2",
                "/rules/2/when/0/max_times",
                "/rules/3/group",
                "/rules/3/readiness_percent",
            ]
        );
    }

    #[test]
    fn what_is_said_already_is_not_said_twice() {
        let rule = json!({"key": "a", "points": 2_000_000, "when": []});
        let document = json!({"name": "M", "target": "contact", "rules": [rule], "grades": []});
        assert_eq!(found(document.clone(), &["/rules/0/points", "/grades"]), [] as [&str; 0]);
        assert_eq!(found(document, &[]), ["/rules/0/points", "/grades"]);
    }
}

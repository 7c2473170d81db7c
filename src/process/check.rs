//! What is wrong with a process although each part of it has the right shape (PRO-1).

use std::collections::BTreeSet;

use super::field::{FieldType, StageField};
use super::stage::{Process, Stage};
use crate::attributes;
use crate::error::Violation;
use crate::filter::{Field, Kind, Record};

/// Fields of a lead that the service works out or that have a way of their own to be changed: nobody can fill them.
const WORKED_OUT: [&str; 13] = [
    "lead.status",
    "lead.status_reason",
    "lead.process",
    "lead.stage",
    "lead.stage_since",
    "lead.temperature",
    "lead.score",
    "lead.created_at",
    "lead.updated_at",
    "lead.sales_ready",
    "lead.teleprospect_ready",
    "lead.teleprospect_accepted",
    "lead.sales_accepted",
];

/// Everything that is wrong with `process`.
pub fn broken(process: &Process) -> Vec<Violation> {
    let mut broken = Vec::new();
    broken.extend(Violation::blank("/name", &process.name));
    refuse_twice(process.stages.iter().map(|stage| stage.key.as_str()), "/stages", "key", &mut broken);
    for (index, stage) in process.stages.iter().enumerate() {
        check_stage(process, index, stage, &format!("/stages/{index}"), &mut broken);
    }
    broken
}

fn check_stage(process: &Process, index: usize, stage: &Stage, pointer: &str, broken: &mut Vec<Violation>) {
    broken.extend(Violation::blank(&format!("{pointer}/name"), &stage.name));
    let fields = format!("{pointer}/fields");
    refuse_twice(stage.fields.iter().map(|field| field.key.as_str()), &fields, "key", broken);
    for (place, field) in stage.fields.iter().enumerate() {
        check_field(field, &format!("{fields}/{place}"), broken);
    }
    refuse_twice(stage.flags.iter().map(|flag| flag.name()), &format!("{pointer}/flags"), "", broken);
    for (place, task) in stage.tasks.iter().enumerate() {
        broken.extend(Violation::blank(&format!("{pointer}/tasks/{place}/title"), &task.title));
    }
    if let Some(level) = &stage.service_level {
        broken.extend(level.check(&format!("{pointer}/service_level")));
    }
    if let Some(to) = &stage.refusal_to
        && process.position(to).is_none_or(|place| place >= index)
    {
        let earlier: Vec<&str> = process.stages.iter().take(index).map(|stage| stage.key.as_str()).collect();
        let detail = match earlier.is_empty() {
            true => "nobody refuses in the first stage: leave it out".to_owned(),
            false => format!("must be an earlier stage: {}", earlier.join(", ")),
        };
        broken.push(Violation::new(format!("{pointer}/refusal_to"), "not_allowed", detail));
    }
}

fn check_field(field: &StageField, pointer: &str, broken: &mut Vec<Violation>) {
    broken.extend(Violation::blank(&format!("{pointer}/name"), &field.name));
    let choices = format!("{pointer}/choices");
    match (field.kind, field.choices.is_empty()) {
        (FieldType::Choice, true) => {
            broken.push(Violation::new(choices, "required", "the type `choice` needs at least one choice"));
        }
        (FieldType::Choice, false) => {
            for (place, choice) in field.choices.iter().enumerate() {
                broken.extend(Violation::blank(&format!("{choices}/{place}"), choice));
            }
            refuse_twice(field.choices.iter().map(String::as_str), &choices, "", broken);
        }
        (_, true) => {}
        (_, false) => broken.push(Violation::new(choices, "not_allowed", "only the type `choice` has choices")),
    }
    match &field.fills {
        None if !attributes::is_name(&field.key) => {
            let detail = "cannot name a custom attribute; give another key, or say what it fills";
            broken.push(Violation::new(format!("{pointer}/key"), "malformed", detail));
        }
        None => {}
        Some(place) => check_place(field.kind, place, &format!("{pointer}/fills"), broken),
    }
}

/// Refuses a place that is none, that nobody can fill, or that holds values of another type.
fn check_place(kind: FieldType, place: &str, pointer: &str, broken: &mut Vec<Violation>) {
    let Some(field) = Field::named(place).filter(|field| field.record != Record::Interaction) else {
        let detail = "is no field of a lead, contact or account; GET /v1/filter-fields lists all";
        broken.push(Violation::new(pointer, "unknown_field", detail));
        return;
    };
    if WORKED_OUT.contains(&place) || field.kind == Kind::Time {
        broken.push(Violation::new(pointer, "not_allowed", "the service fills this field itself"));
        return;
    }
    let attribute = place.split_once(".attributes.").map(|(_, name)| name);
    if attribute.is_some_and(|name| !attributes::is_name(name)) {
        broken.push(Violation::new(pointer, "malformed", "names no custom attribute that there can be"));
    }
    let suits = match field.kind {
        Kind::Any => true,
        Kind::Text | Kind::Id => matches!(kind, FieldType::Text | FieldType::Choice),
        Kind::Number => matches!(kind, FieldType::Integer | FieldType::Number),
        Kind::Boolean => kind == FieldType::Boolean,
        Kind::Time => false,
    };
    if !suits {
        let detail = format!("`{place}` holds values of another type than the field");
        broken.push(Violation::new(pointer, "wrong_type", detail));
    }
}

/// Refuses what is in the list at `pointer` for the second time; `member` is what holds it in each entry.
fn refuse_twice<'a>(names: impl Iterator<Item = &'a str>, pointer: &str, member: &str, broken: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let place = format!("{pointer}/{index}/{member}");
            broken.push(Violation::new(place.trim_end_matches('/'), "duplicate", format!("`{name}` is there twice")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pointers(stages: Value) -> Vec<(String, &'static str)> {
        let process = serde_json::from_value(json!({"key": "p", "name": "P", "stages": stages})).unwrap();
        broken(&process).into_iter().map(|it| (it.pointer, it.code)).collect()
    }

    #[test]
    fn the_shipped_process_is_sound() {
        assert_eq!(broken(&Process::shipped()), []);
    }

    #[test]
    fn a_sound_stage_may_use_everything() {
        let field = |key: &str, kind: &str, fills: &str| json!({"key": key, "name": key, "type": kind, "fills": fills});
        let fields = json!([
            field("a", "text", "lead.topic"), field("b", "text", "contact.phone"), field("c", "integer", "account.employees"),
            field("d", "boolean", "contact.consents.marketing"), field("e", "date", "account.attributes.renewal"),
            field("f", "text", "lead.owner_id"), {"key": "g", "name": "G", "type": "choice", "choices": ["x", "y"]},
        ]);
        let level = json!({"by_temperature": {"hot": 60}});
        let stages = json!([{"key": "one", "name": "One", "fields": fields, "service_level": level},
            {"key": "two", "name": "Two", "refusal_to": "one", "flags": ["sales_ready", "sales_accepted"]}]);
        assert_eq!(pointers(stages), []);
    }

    #[test]
    fn everything_that_is_wrong_is_named_where_it_stands() {
        let fields = json!([
            {"key": "constructor", "name": "A", "type": "text"},
            {"key": "b", "name": " ", "type": "choice"},
            {"key": "b", "name": "B", "type": "text", "choices": ["x"]},
            {"key": "c", "name": "C", "type": "choice", "choices": ["x", "x"]},
            {"key": "d", "name": "D", "type": "text", "fills": "contact.shoe_size"},
            {"key": "e", "name": "E", "type": "integer", "fills": "lead.score"},
            {"key": "f", "name": "F", "type": "text", "fills": "account.employees"},
            {"key": "g", "name": "G", "type": "text", "fills": "interaction.kind"},
            {"key": "h", "name": "H", "type": "date", "fills": "contact.created_at"},
            {"key": "i", "name": "I", "type": "text", "fills": "lead.attributes.A b"},
        ]);
        let stages = json!([
            {"key": "one", "name": "One", "refusal_to": "one", "flags": ["sales_ready", "sales_ready"], "fields": fields},
            {"key": "one", "name": "\t", "refusal_to": "three", "service_level": {}},
            {"key": "three", "name": "Three", "refusal_to": "won", "tasks": [{"kind": "call", "title": " ", "due_in_minutes": 5}]},
        ]);
        let expected = [
            ("/stages/1/key", "duplicate"),
            ("/stages/0/fields/2/key", "duplicate"),
            ("/stages/0/fields/0/key", "malformed"),
            ("/stages/0/fields/1/name", "required"),
            ("/stages/0/fields/1/choices", "required"),
            ("/stages/0/fields/2/choices", "not_allowed"),
            ("/stages/0/fields/3/choices/1", "duplicate"),
            ("/stages/0/fields/4/fills", "unknown_field"),
            ("/stages/0/fields/5/fills", "not_allowed"),
            ("/stages/0/fields/6/fills", "wrong_type"),
            ("/stages/0/fields/7/fills", "unknown_field"),
            ("/stages/0/fields/8/fills", "not_allowed"),
            ("/stages/0/fields/9/fills", "malformed"),
            ("/stages/0/flags/1", "duplicate"),
            ("/stages/0/refusal_to", "not_allowed"),
            ("/stages/1/name", "required"),
            ("/stages/1/service_level", "required"),
            ("/stages/1/refusal_to", "not_allowed"),
            ("/stages/2/tasks/0/title", "required"),
            ("/stages/2/refusal_to", "not_allowed"),
        ];
        let found = pointers(stages);
        let found: Vec<(&str, &str)> = found.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
        assert_eq!(found, expected);
    }
}

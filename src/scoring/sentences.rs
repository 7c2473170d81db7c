//! What a score is made of, in plain English sentences.

use serde_json::Value;

use super::condition::Behaviour;
use crate::clock::Timestamp;
use crate::filter::{Literal, Op};

/// Characters of a value that a sentence quotes.
const QUOTED: usize = 80;

/// An instant without the fractions of a second it does not have.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_string().replace(".000000Z", "Z")
}

/// A value as a sentence quotes it.
pub(super) fn quoted(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn wanted(literal: Option<&Literal>) -> String {
    let one = |value: &Value| quoted(value);
    match serde_json::to_value(literal).unwrap_or_default() {
        Value::Array(list) => list.iter().map(one).collect::<Vec<_>>().join(", "),
        value => quoted(&value),
    }
}

/// What `op` says of something when it holds, or when it does not.
pub(super) fn comparison(op: Op, literal: Option<&Literal>, holds: bool) -> String {
    let value = wanted(literal);
    match (op, holds) {
        (Op::Eq, true) | (Op::Ne, false) => format!("is {value}"),
        (Op::Eq, false) | (Op::Ne, true) => format!("is not {value}"),
        (Op::In, true) | (Op::NotIn, false) => format!("is one of {value}"),
        (Op::In, false) | (Op::NotIn, true) => format!("is none of {value}"),
        (Op::Lt, true) => format!("is less than {value}"),
        (Op::Lt, false) => format!("is not less than {value}"),
        (Op::Lte, true) => format!("is at most {value}"),
        (Op::Lte, false) => format!("is not at most {value}"),
        (Op::Gt, true) => format!("is more than {value}"),
        (Op::Gt, false) => format!("is not more than {value}"),
        (Op::Gte, true) => format!("is at least {value}"),
        (Op::Gte, false) => format!("is not at least {value}"),
        (Op::Contains, true) => format!("contains {value}"),
        (Op::Contains, false) => format!("does not contain {value}"),
        (Op::StartsWith, true) => format!("begins with {value}"),
        (Op::StartsWith, false) => format!("does not begin with {value}"),
        (Op::IsSet, true) | (Op::NotSet, false) => "is set".to_owned(),
        (Op::IsSet, false) | (Op::NotSet, true) => "is not set".to_owned(),
    }
}

/// The interactions that a condition is about: their kind and what is asked of them.
pub(super) fn interactions(behaviour: &Behaviour) -> String {
    let mut text = behaviour.interaction.clone();
    if behaviour.same_lead {
        text += " of this lead";
    }
    if let Some(asset) = &behaviour.asset {
        text += &format!(" with asset {}", quoted(&Value::from(asset.as_str())));
    }
    if let Some(campaign) = &behaviour.campaign {
        text += &format!(" of campaign {}", quoted(&Value::from(campaign.as_str())));
    }
    if let Some(form) = behaviour.form {
        text += &format!(" through form {form}");
    }
    for property in &behaviour.properties {
        text += &format!(" whose {} {}", property.key, comparison(property.op, property.value.as_ref(), true));
    }
    text
}

/// The time in which they count.
pub(super) fn window(behaviour: &Behaviour) -> String {
    match behaviour.within_days {
        Some(1) => " in the last day".to_owned(),
        Some(days) => format!(" in the last {days} days"),
        None => String::new(),
    }
}

/// So many points.
pub(super) fn points(points: i64) -> String {
    if points.abs() == 1 { format!("{points} point") } else { format!("{points} points") }
}

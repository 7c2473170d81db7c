//! What JSON Schema found wrong, told to a person: pointer, rule and what is allowed.

use jsonschema::error::{TypeKind, ValidationErrorKind as Found};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::json::escape;
use super::problem::{Kind, Problem};
use crate::error::Violation;

/// More than this would not be read.
const MOST: usize = 100;

/// Everything that is wrong with `value`: 400 when it is not even the right kind of value, else 422.
pub fn explain(validator: &Validator, value: &Value) -> Result<(), Problem> {
    if validator.is_valid(value) {
        return Ok(());
    }
    let of_root = |error: &ValidationError<'_>| {
        error.instance_path().as_str().is_empty() && matches!(error.kind(), Found::Type { .. })
    };
    if let Some(error) = validator.iter_errors(value).find(of_root) {
        return Err(Problem::new(Kind::MalformedJson, format!("the body {}", sentence(&error))));
    }
    let broken = all(validator, value);
    if broken.is_empty() { Ok(()) } else { Err(Problem::invalid(broken)) }
}

/// Everything that is wrong with `value`, up to what anybody would read.
pub fn all(validator: &Validator, value: &Value) -> Vec<Violation> {
    let mut broken = Vec::new();
    for error in validator.iter_errors(value) {
        collect(&error, &mut broken);
        if broken.len() >= MOST {
            broken.truncate(MOST);
            break;
        }
    }
    broken
}

/// The first thing wrong with `value`, if anything.
pub fn first(validator: &Validator, value: &Value) -> Option<String> {
    let mut broken = Vec::new();
    collect(&validator.iter_errors(value).next()?, &mut broken);
    broken.into_iter().next().map(|violation| violation.detail)
}

fn collect(error: &ValidationError<'_>, broken: &mut Vec<Violation>) {
    let at = error.instance_path().as_str();
    match error.kind() {
        Found::AdditionalProperties { unexpected } | Found::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(MOST) {
                let name: String = escape(name).chars().take(100).collect();
                broken.push(Violation::new(format!("{at}/{name}"), "unknown_field", "there is no such field here"));
            }
        }
        Found::Required { property } => {
            let name = property.as_str().map(escape).unwrap_or_default();
            broken.push(Violation::new(format!("{at}/{name}"), "required", "is required"));
        }
        Found::AnyOf { context } | Found::OneOfNotValid { context } => collect_nearest(error, context, broken),
        kind => broken.push(Violation::new(at, code(kind), sentence(error))),
    }
}

/// Of several allowed forms, reports against the one that the value was most likely meant to have: the one whose
/// faults lie deepest, which excludes forms of another type altogether.
fn collect_nearest(error: &ValidationError<'_>, forms: &[Vec<ValidationError<'static>>], broken: &mut Vec<Violation>) {
    let at = error.instance_path().as_str();
    let other_type = |fault: &ValidationError<'_>| {
        fault.instance_path().as_str() == at && matches!(fault.kind(), Found::Type { .. } | Found::Constant { .. })
    };
    let nearest = forms
        .iter()
        .filter(|faults| !faults.is_empty() && !faults.iter().any(other_type))
        .min_by_key(|faults| faults.iter().map(|fault| weight(fault, at)).sum::<usize>());
    match nearest {
        Some(faults) => faults.iter().for_each(|fault| collect(fault, broken)),
        None => {
            let allowed: Vec<String> = forms.iter().flatten().filter(|fault| other_type(fault)).map(sentence).collect();
            let detail =
                if allowed.is_empty() { "has none of the allowed forms".to_owned() } else { allowed.join(", or ") };
            broken.push(Violation::new(at, "wrong_type", detail));
        }
    }
}

/// How far a fault speaks against the form: missing and unknown fields of the value itself count for much.
fn weight(fault: &ValidationError<'_>, at: &str) -> usize {
    match fault.kind() {
        _ if fault.instance_path().as_str() != at => 1,
        Found::AdditionalProperties { unexpected } => 4 * unexpected.len(),
        Found::Required { .. } => 4,
        _ => 2,
    }
}

fn code(kind: &Found) -> &'static str {
    match kind {
        Found::Type { .. } => "wrong_type",
        Found::Enum { .. } | Found::Constant { .. } => "not_allowed",
        Found::MaxLength { .. } | Found::MaxItems { .. } | Found::MaxProperties { .. } => "too_long",
        Found::MinLength { .. } | Found::MinItems { .. } | Found::MinProperties { .. } => "too_short",
        Found::Maximum { .. }
        | Found::Minimum { .. }
        | Found::ExclusiveMaximum { .. }
        | Found::ExclusiveMinimum { .. } => "out_of_range",
        Found::Pattern { .. } | Found::Format { .. } => "malformed",
        Found::UniqueItems => "duplicate",
        _ => "invalid",
    }
}

fn sentence(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Found::Type { kind: TypeKind::Single(kind) } => format!("must be of type {kind}"),
        Found::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("must be of type {}", kinds.join(" or "))
        }
        Found::Enum { options } => format!("must be one of {options}"),
        Found::Constant { expected_value } => format!("must be {expected_value}"),
        Found::MaxLength { limit } => format!("must have at most {limit} characters"),
        Found::MinLength { limit } => format!("must have at least {limit} characters"),
        Found::MaxItems { limit } => format!("must have at most {limit} entries"),
        Found::MinItems { limit } => format!("must have at least {limit} entries"),
        Found::MaxProperties { limit } => format!("must have at most {limit} fields"),
        Found::MinProperties { limit } => format!("must have at least {limit} fields"),
        Found::Maximum { limit } => format!("must be at most {limit}"),
        Found::Minimum { limit } => format!("must be at least {limit}"),
        Found::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Found::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Found::Pattern { pattern } => format!("must match {pattern}"),
        Found::Format { format } if format == "uuid" => "must be an id: a UUID in lower case with dashes".to_owned(),
        Found::Format { format } if format == "date-time" => {
            "must be an RFC 3339 time with an offset, from 1900 to 2199".to_owned()
        }
        Found::PropertyNames { .. } => "has a field name that is not allowed".to_owned(),
        _ => "is not allowed here".to_owned(),
    }
}

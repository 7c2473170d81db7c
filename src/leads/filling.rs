//! What a person fills in to complete a stage, as a change of the lead (PRO-4).
//!
//! Only what is kept in the lead itself can be filled in so, and of its own fields those that change nothing but the
//! lead: whom it belongs to and who works it have their own ways, and contact and account are changed where they are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::LeadPatch;
use crate::attributes::AttributesPatch;
use crate::error::Violation;
use crate::process::field::StageField;
use crate::text;

/// The change that `values`, by the keys of the fields, come to; null clears. Everything wrong with them is told.
pub fn filled(fields: &[StageField], values: &BTreeMap<String, Value>) -> Result<LeadPatch, Vec<Violation>> {
    let (mut patch, mut attributes, mut broken) = (LeadPatch::default(), AttributesPatch::default(), Vec::new());
    for (key, value) in values {
        let told = match fields.iter().find(|field| field.key == *key) {
            None => Err(("unknown_field", unknown(fields))),
            Some(field) if !value.is_null() && !field.fits(value) => {
                Err(("wrong_type", format!("must be {}", field.described())))
            }
            Some(field) => put(&mut patch, &mut attributes, &field.place(), value),
        };
        if let Err((code, detail)) = told {
            broken.push(Violation::new(format!("/fields/{key}"), code, detail));
        }
    }
    if !attributes.0.is_empty() {
        patch.attributes = Some(attributes);
    }
    if broken.is_empty() { Ok(patch) } else { Err(broken) }
}

type Told = Result<(), (&'static str, String)>;

fn put(patch: &mut LeadPatch, attributes: &mut AttributesPatch, place: &str, value: &Value) -> Told {
    if let Some(name) = place.strip_prefix("lead.attributes.") {
        attributes.0.insert(name.to_owned(), value.clone());
        return Ok(());
    }
    let (field, longest) = match place {
        "lead.topic" => (&mut patch.topic, 200),
        "lead.campaign" => (&mut patch.campaign, 100),
        "lead.product_line" => (&mut patch.product_line, 100),
        "lead.source_detail" => (&mut patch.source_detail, 500),
        place => return Err(("not_allowed", elsewhere(place))),
    };
    let line = value.as_str().map(text::line).transpose().map_err(|_| ("malformed", "must be one line".to_owned()))?;
    if line.as_deref().is_some_and(|line| text::at_most(line, longest).is_err()) {
        return Err(("too_long", format!("must have at most {longest} characters")));
    }
    *field = Some(line);
    Ok(())
}

fn unknown(fields: &[StageField]) -> String {
    let keys: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
    match keys.is_empty() {
        true => "the active stage has no fields".to_owned(),
        false => format!("the active stage has the fields {}", keys.join(", ")),
    }
}

/// Where a value is changed that cannot be filled in here.
fn elsewhere(place: &str) -> String {
    let path = match place.split('.').next() {
        Some("contact") => "PATCH /v1/contacts/{id}",
        Some("account") => "PATCH /v1/accounts/{id}",
        _ => "PATCH /v1/leads/{id}",
    };
    format!("`{place}` is not changed here; use {path}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Vec<StageField> {
        serde_json::from_value(json!([
            {"key": "budget", "name": "Budget", "type": "integer"},
            {"key": "need", "name": "Need", "type": "text", "fills": "lead.topic"},
            {"key": "phone", "name": "Phone", "type": "text", "fills": "contact.phone"},
            {"key": "owner", "name": "Owner", "type": "text", "fills": "lead.owner_id"},
            {"key": "branch", "name": "Branch", "type": "text", "fills": "account.industry"},
        ]))
        .unwrap()
    }

    fn told(values: Value) -> Result<LeadPatch, Vec<(String, &'static str)>> {
        let values = serde_json::from_value(values).unwrap();
        filled(&fields(), &values).map_err(|broken| broken.into_iter().map(|it| (it.pointer, it.code)).collect())
    }

    #[test]
    fn values_go_where_their_fields_are_kept() {
        let patch = told(json!({"budget": 5, "need": " Fleet "})).unwrap();
        assert_eq!(patch.attributes, Some(AttributesPatch([("budget".to_owned(), json!(5))].into())));
        assert!(patch.topic.flatten().is_some_and(|topic| topic.trim() == "Fleet"));
        let cleared = told(json!({"budget": null, "need": null})).unwrap();
        assert_eq!((cleared.topic, cleared.attributes.unwrap().0["budget"].clone()), (Some(None), Value::Null));
        assert_eq!(told(json!({})), Ok(LeadPatch::default()));
    }

    #[test]
    fn everything_that_cannot_be_filled_in_is_told() {
        let long = "x".repeat(201);
        let values = json!({"budget": "5", "need": long, "phone": "+372 1", "owner": "x", "branch": "x", "shoe": 1});
        let expected = [
            ("/fields/branch", "not_allowed"),
            ("/fields/budget", "wrong_type"),
            ("/fields/need", "too_long"),
            ("/fields/owner", "not_allowed"),
            ("/fields/phone", "not_allowed"),
            ("/fields/shoe", "unknown_field"),
        ];
        let expected = expected.map(|(pointer, code)| (pointer.to_owned(), code)).to_vec();
        assert_eq!(told(values), Err(expected));
        let detail = &filled(&fields(), &[("phone".to_owned(), json!("1"))].into()).unwrap_err()[0].detail;
        assert!(detail.contains("PATCH /v1/contacts/{id}"), "{detail}");
    }
}

//! What must be known of a customer before a lead qualifies (CLO-1): fields of its contact and account, as the workspace
//! demands. A record that the lead does not have lacks all of its fields.

use std::collections::BTreeSet;

use crate::error::Violation;
use crate::filter::{Condition, Records, holds};

/// Those of the demanded `fields` that `records` do not have, each with the place where it could be sent.
pub fn missing(fields: &BTreeSet<String>, records: &Records) -> Vec<Violation> {
    let is_missing = |name: &&String| !holds(&Condition::is_set(name), records);
    let told = |name: &String| {
        let pointer = format!("/{}", name.replace('.', "/"));
        Violation::new(pointer, "required", format!("{name} is needed of a customer (setting customer_fields)"))
    };
    fields.iter().filter(is_missing).map(told).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pointers(fields: &[&str], contact: Option<Value>, account: Option<Value>) -> Vec<String> {
        let fields = fields.iter().map(|name| (*name).to_owned()).collect();
        let missing = missing(&fields, &Records { lead: json!({}), contact, account });
        missing.into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn what_is_blank_or_absent_is_missing_and_what_is_there_is_not() {
        let contact = json!({"email": "ann@example.com", "job_title": " ", "first_name": "", "attributes": {"vat": 7}});
        let fields = ["account.tax_id", "contact.attributes.vat", "contact.email", "contact.first_name"];
        assert_eq!(
            pointers(&fields, Some(contact.clone()), Some(json!({"tax_id": null}))),
            ["/account/tax_id", "/contact/first_name"],
        );
        assert_eq!(pointers(&fields, Some(contact), Some(json!({"tax_id": "EE1"}))), ["/contact/first_name"]);
    }

    #[test]
    fn a_record_that_is_not_there_lacks_everything() {
        assert_eq!(pointers(&["account.name", "contact.email"], None, None), ["/account/name", "/contact/email"]);
    }
}

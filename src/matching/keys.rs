//! The normalised form of each field that records are matched by: equal keys mean equal values (REC-4).

use super::decide::Keys;
use super::strategy::Field;
use crate::contacts::identity;
use crate::error::Violation;
use crate::id::Id;
use crate::text::{Rejected, compare_key};

/// The keys of `values`, or everything that is wrong with them, at `/<prefix>/<field>`. An empty value has no key.
pub fn read(values: &[(Field, String)], default_country: Option<&str>, prefix: &str) -> Result<Keys, Vec<Violation>> {
    let (mut keys, mut broken) = (Keys::new(), Vec::new());
    for (field, value) in values.iter().filter(|(_, value)| !value.trim().is_empty()) {
        match key(*field, value, default_country) {
            Ok(key) => drop(keys.insert(*field, key)),
            Err(why) => broken.push(why.at(format!("{prefix}/{}", field.name()))),
        }
    }
    if broken.is_empty() { Ok(keys) } else { Err(broken) }
}

/// The key of one value.
pub fn key(field: Field, value: &str, default_country: Option<&str>) -> Result<String, Rejected> {
    match field {
        Field::Email => identity::email(value).map(|email| email.key),
        Field::Phone | Field::Mobile => identity::phone(value, default_country).map(|phone| phone.e164),
        Field::FirstName | Field::LastName | Field::Topic => Ok(compare_key(value)),
        Field::ExternalId | Field::AnonymousId | Field::Campaign | Field::ProductLine => Ok(value.trim().to_owned()),
        Field::Contact | Field::Form | Field::Account => Id::parse(value)
            .map(|id| id.to_string())
            .ok_or_else(|| Rejected::new("malformed", "must be an id: a UUID in lower case with dashes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_value_have_one_key() {
        let one = |field, value| key(field, value, Some("EE")).unwrap();
        assert_eq!(one(Field::Email, " Ann@X.com "), one(Field::Email, "ann@x.com"));
        assert_eq!(one(Field::Phone, "5551 2345"), one(Field::Mobile, "+372 5551 2345"));
        assert_eq!(one(Field::Topic, "CRM  pilot"), one(Field::Topic, "crm pilot"));
        assert_ne!(one(Field::ExternalId, "A1"), one(Field::ExternalId, "a1"));
    }

    #[test]
    fn every_value_that_cannot_be_read_is_reported_and_an_empty_one_is_no_value() {
        let values = [(Field::Email, "ann"), (Field::Contact, "7"), (Field::Phone, " ")];
        let broken = read(&values.map(|(field, value)| (field, value.to_owned())), None, "/keys").unwrap_err();
        let pointers: Vec<&str> = broken.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/keys/email", "/keys/contact"]);
        assert_eq!(read(&[(Field::Phone, " ".to_owned())], None, "").unwrap(), Keys::new());
    }
}

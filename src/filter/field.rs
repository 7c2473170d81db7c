//! The register of fields that conditions may name, and where each is found in a record's JSON.
//!
//! A name is `<record>.<field>`, or `<record>.attributes.<key>` for what a workspace keeps beside the known fields.

use serde_json::Value;

use super::Records;

/// How the values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared letter by letter.
    Text,
    /// A number; 5 and 5.0 are the same.
    Number,
    /// True or false.
    Boolean,
    /// An instant; two spellings of one instant are the same.
    Time,
    /// The id of a record.
    Id,
    /// Whatever the workspace put there: each value is compared as what it is.
    Any,
}

/// A field that a condition names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// How its values are compared.
    pub kind: Kind,
    record: Record,
    place: Place<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Lead,
    Contact,
    Account,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// Member names from the record inwards, with dots between them.
    Path(&'static str),
    Attribute(&'a str),
}

impl<'a> Field<'a> {
    /// The field called `name`; `None` when there is no such field.
    pub fn named(name: &'a str) -> Option<Self> {
        let (record, rest) = name.split_once('.')?;
        let (record, known) = match record {
            "lead" => (Record::Lead, LEAD),
            "contact" => (Record::Contact, CONTACT),
            "account" => (Record::Account, ACCOUNT),
            _ => return None,
        };
        match rest.strip_prefix("attributes.") {
            Some(key) => (!key.is_empty()).then_some(Self { kind: Kind::Any, record, place: Place::Attribute(key) }),
            None => {
                let (_, path, kind) = known.iter().find(|(name, ..)| *name == rest)?;
                Some(Self { kind: *kind, record, place: Place::Path(path) })
            }
        }
    }

    /// The value the field has in `records`; `None` when the record or the member is not there.
    pub fn value<'r>(&self, records: &'r Records) -> Option<&'r Value> {
        let record = match self.record {
            Record::Lead => Some(&records.lead),
            Record::Contact => records.contact.as_ref(),
            Record::Account => records.account.as_ref(),
        }?;
        match self.place {
            Place::Path(path) => path.split('.').try_fold(record, |value, member| value.get(member)),
            Place::Attribute(key) => record.get("attributes")?.get(key),
        }
    }

    /// Gives the field a value in `records`; false, with nothing changed, when the record is not there.
    pub fn put(&self, records: &mut Records, value: Value) -> bool {
        let record = match self.record {
            Record::Lead => Some(&mut records.lead),
            Record::Contact => records.contact.as_mut(),
            Record::Account => records.account.as_mut(),
        };
        let names: Vec<&str> = match self.place {
            Place::Path(path) => path.split('.').collect(),
            Place::Attribute(key) => vec!["attributes", key],
        };
        record.is_some_and(|record| put(record, &names, value))
    }
}

fn put(place: &mut Value, names: &[&str], value: Value) -> bool {
    let Some((first, rest)) = names.split_first() else {
        *place = value;
        return true;
    };
    if place.is_null() {
        *place = Value::Object(serde_json::Map::new());
    }
    let Some(members) = place.as_object_mut() else { return false };
    put(members.entry(*first).or_insert(Value::Null), rest, value)
}

type Known = &'static [(&'static str, &'static str, Kind)];

const LEAD: Known = &[
    ("topic", "topic", Kind::Text),
    ("campaign", "campaign", Kind::Text),
    ("product_line", "product_line", Kind::Text),
    ("source", "source", Kind::Text),
    ("source_detail", "source_detail", Kind::Text),
    ("channel_class", "channel_class", Kind::Text),
    ("status", "status", Kind::Text),
    ("process", "process", Kind::Text),
    ("stage", "stage", Kind::Text),
    ("temperature", "temperature", Kind::Text),
    ("owner_id", "owner_id", Kind::Id),
    ("form_id", "form_id", Kind::Id),
    ("contact_id", "contact_id", Kind::Id),
    ("account_id", "account_id", Kind::Id),
    ("referrer_contact_id", "referrer_contact_id", Kind::Id),
    ("score", "score", Kind::Number),
    ("created_at", "created_at", Kind::Time),
    ("updated_at", "updated_at", Kind::Time),
];

const CONTACT: Known = &[
    ("first_name", "first_name", Kind::Text),
    ("last_name", "last_name", Kind::Text),
    ("email", "email", Kind::Text),
    ("phone", "phone", Kind::Text),
    ("mobile", "mobile", Kind::Text),
    ("job_title", "job_title", Kind::Text),
    ("decision_role", "decision_role", Kind::Text),
    ("language", "language", Kind::Text),
    ("external_id", "external_id", Kind::Text),
    ("first_source", "first_source", Kind::Text),
    ("account_id", "account_id", Kind::Id),
    ("owner_id", "owner_id", Kind::Id),
    ("marketing_only", "marketing_only", Kind::Boolean),
    ("country", "address.country", Kind::Text),
    ("address.country", "address.country", Kind::Text),
    ("address.city", "address.city", Kind::Text),
    ("address.region", "address.region", Kind::Text),
    ("address.postal_code", "address.postal_code", Kind::Text),
    ("created_at", "created_at", Kind::Time),
    ("updated_at", "updated_at", Kind::Time),
];

const ACCOUNT: Known = &[
    ("name", "name", Kind::Text),
    ("domain", "domain", Kind::Text),
    ("industry", "industry", Kind::Text),
    ("employees", "employees", Kind::Number),
    ("annual_revenue_minor", "annual_revenue_minor", Kind::Number),
    ("annual_revenue_currency", "annual_revenue_currency", Kind::Text),
    ("country", "country", Kind::Text),
    ("tax_id", "tax_id", Kind::Text),
    ("registration_number", "registration_number", Kind::Text),
    ("owner_id", "owner_id", Kind::Id),
    ("created_at", "created_at", Kind::Time),
    ("updated_at", "updated_at", Kind::Time),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn records() -> Records {
        Records {
            lead: json!({"topic": "CRM", "attributes": {"a.b": 1}}),
            contact: Some(json!({"address": {"country": "EE"}, "attributes": {}})),
            account: None,
        }
    }

    fn read(name: &str) -> Option<Value> {
        Field::named(name)?.value(&records()).cloned()
    }

    #[test]
    fn a_name_finds_its_value_in_the_record() {
        assert_eq!(read("lead.topic"), Some(json!("CRM")));
        assert_eq!(read("contact.address.country"), Some(json!("EE")));
        assert_eq!(read("contact.country"), Some(json!("EE")));
        assert_eq!(read("account.name"), None);
    }

    #[test]
    fn what_is_put_into_a_field_is_read_from_it() {
        let mut records = records();
        for name in ["lead.topic", "lead.attributes.new", "contact.country", "contact.attributes.a.b"] {
            assert!(Field::named(name).unwrap().put(&mut records, json!("put")), "{name}");
            assert_eq!(Field::named(name).unwrap().value(&records), Some(&json!("put")), "{name}");
        }
        assert_eq!(records.lead["attributes"], json!({"a.b": 1, "new": "put"}));
        assert!(!Field::named("account.name").unwrap().put(&mut records, json!("put")));
    }

    #[test]
    fn everything_after_attributes_is_one_key() {
        assert_eq!(read("lead.attributes.a.b"), Some(json!(1)));
        assert_eq!(read("contact.attributes.vip"), None);
    }

    #[test]
    fn only_registered_names_are_fields() {
        for name in
            ["", "lead", "lead.", "lead.attributes", "lead.attributes.", "lead.shoe_size", "user.name", "LEAD.topic"]
        {
            assert_eq!(Field::named(name), None, "{name}");
        }
    }
}

//! The register of fields that conditions may name, and where each is found in a record's JSON.
//!
//! A name is `<record>.<field>`, or `<record>.<map>.<key>` for what a record keeps under names that are not ours:
//! custom attributes, properties of an interaction, UTM values.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::check::operators;
use super::{Op, Records};

/// How the values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilterFieldType)]
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

/// A kind of record whose fields conditions may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilterRecord)]
pub enum Record {
    /// A lead.
    Lead,
    /// A contact.
    Contact,
    /// An account.
    Account,
    /// An interaction.
    Interaction,
}

impl Record {
    /// Every kind of record.
    pub const ALL: [Self; 4] = [Self::Lead, Self::Contact, Self::Account, Self::Interaction];

    /// What fields of such a record begin with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contact => "contact",
            Self::Account => "account",
            Self::Interaction => "interaction",
        }
    }

    const fn known(self) -> Known {
        match self {
            Self::Lead => LEAD,
            Self::Contact => CONTACT,
            Self::Account => ACCOUNT,
            Self::Interaction => INTERACTION,
        }
    }

    /// The members that hold values under names that are not ours, and how those are compared.
    const fn maps(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Lead => &[("attributes", Kind::Any), ("utm", Kind::Text)],
            Self::Contact | Self::Account => &[("attributes", Kind::Any)],
            Self::Interaction => &[("properties", Kind::Any)],
        }
    }
}

/// A field that a condition names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// How its values are compared.
    pub kind: Kind,
    /// The record it is a field of.
    pub record: Record,
    pub(super) place: Place<'a>,
}

/// Where a field is in its record. JSON and tables call it the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Member names from the record inwards, with dots between them.
    Path(&'static str),
    /// True when there is something at this path, false when not.
    Presence(&'static str),
    /// A key of a map.
    Key(&'static str, &'a str),
}

/// A field as the register shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FilterField)]
pub struct Registered {
    /// What conditions call it. `<key>` stands for a name of the workspace's own.
    #[schema(example = "contact.decision_role")]
    pub field: String,
    /// The record it is a field of.
    pub record: Record,
    /// How its values are compared: `any` as what each value is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The operators it takes.
    pub operators: &'static [Op],
}

/// Every field there is, record by record.
pub fn register() -> Vec<Registered> {
    let shown = |record: Record, name: &str, kind: Kind| {
        let field = format!("{}.{name}", record.name());
        Registered { field, record, kind, operators: operators(kind) }
    };
    let mut all = Vec::new();
    for record in Record::ALL {
        all.extend(record.known().iter().map(|(name, _, kind)| shown(record, name, *kind)));
        all.extend(record.maps().iter().map(|(map, kind)| shown(record, &format!("{map}.<key>"), *kind)));
    }
    all
}

static YES: Value = Value::Bool(true);
static NO: Value = Value::Bool(false);

impl<'a> Field<'a> {
    /// The field called `name`; `None` when there is no such field.
    pub fn named(name: &'a str) -> Option<Self> {
        let (record, rest) = name.split_once('.')?;
        let record = Record::ALL.into_iter().find(|known| known.name() == record)?;
        if let Some((_, place, kind)) = record.known().iter().find(|(name, ..)| *name == rest) {
            return Some(Self { kind: *kind, record, place: *place });
        }
        let (map, key) = rest.split_once('.')?;
        let (map, kind) = record.maps().iter().find(|(known, _)| *known == map)?;
        (!key.is_empty()).then_some(Self { kind: *kind, record, place: Place::Key(map, key) })
    }

    /// The value the field has in its record; `None` when the member is not there.
    pub(super) fn value<'r>(&self, record: &'r Value) -> Option<&'r Value> {
        match self.place {
            Place::Path(path) => found(record, path),
            Place::Presence(path) => Some(if found(record, path).is_some() { &YES } else { &NO }),
            Place::Key(map, key) => record.get(map)?.get(key),
        }
    }

    /// The value the field has in `records`; `None` when the record or the member is not there.
    pub fn value_in<'r>(&self, records: &'r Records) -> Option<&'r Value> {
        self.value(match self.record {
            Record::Lead => &records.lead,
            Record::Contact => records.contact.as_ref()?,
            Record::Account => records.account.as_ref()?,
            Record::Interaction => return None,
        })
    }

    /// Gives the field a value in `records`; false, with nothing changed, when the record is not there or the field only
    /// tells whether something else is.
    pub fn put(&self, records: &mut Records, value: Value) -> bool {
        let record = match self.record {
            Record::Lead => Some(&mut records.lead),
            Record::Contact => records.contact.as_mut(),
            Record::Account => records.account.as_mut(),
            Record::Interaction => None,
        };
        let names: Vec<&str> = match self.place {
            Place::Path(path) => path.split('.').collect(),
            Place::Presence(_) => return false,
            Place::Key(map, key) => vec![map, key],
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

fn found<'r>(record: &'r Value, path: &str) -> Option<&'r Value> {
    path.split('.').try_fold(record, |value, member| value.get(member))
}

type Known = &'static [(&'static str, Place<'static>, Kind)];

const LEAD: Known = &[
    ("topic", Place::Path("topic"), Kind::Text),
    ("campaign", Place::Path("campaign"), Kind::Text),
    ("product_line", Place::Path("product_line"), Kind::Text),
    ("source", Place::Path("source"), Kind::Text),
    ("source_detail", Place::Path("source_detail"), Kind::Text),
    ("channel_class", Place::Path("channel_class"), Kind::Text),
    ("status", Place::Path("status"), Kind::Text),
    ("status_reason", Place::Path("status_reason"), Kind::Text),
    ("process", Place::Path("process"), Kind::Text),
    ("stage", Place::Path("stage"), Kind::Text),
    ("stage_since", Place::Path("stage_since"), Kind::Time),
    ("temperature", Place::Path("temperature"), Kind::Text),
    ("owner_id", Place::Path("owner_id"), Kind::Id),
    ("form_id", Place::Path("form_id"), Kind::Id),
    ("contact_id", Place::Path("contact_id"), Kind::Id),
    ("account_id", Place::Path("account_id"), Kind::Id),
    ("referrer_contact_id", Place::Path("referrer_contact_id"), Kind::Id),
    ("score", Place::Path("score"), Kind::Number),
    ("created_at", Place::Path("created_at"), Kind::Time),
    ("updated_at", Place::Path("updated_at"), Kind::Time),
    ("captured.first_name", Place::Path("captured.first_name"), Kind::Text),
    ("captured.last_name", Place::Path("captured.last_name"), Kind::Text),
    ("captured.email", Place::Path("captured.email"), Kind::Text),
    ("captured.phone", Place::Path("captured.phone"), Kind::Text),
    ("captured.company", Place::Path("captured.company"), Kind::Text),
    ("sales_ready", Place::Presence("flags.sales_ready"), Kind::Boolean),
    ("teleprospect_ready", Place::Presence("flags.teleprospect_ready"), Kind::Boolean),
    ("teleprospect_accepted", Place::Presence("flags.teleprospect_accepted"), Kind::Boolean),
    ("sales_accepted", Place::Presence("flags.sales_accepted"), Kind::Boolean),
];

const CONTACT: Known = &[
    ("first_name", Place::Path("first_name"), Kind::Text),
    ("last_name", Place::Path("last_name"), Kind::Text),
    ("email", Place::Path("email"), Kind::Text),
    ("phone", Place::Path("phone"), Kind::Text),
    ("mobile", Place::Path("mobile"), Kind::Text),
    ("job_title", Place::Path("job_title"), Kind::Text),
    ("decision_role", Place::Path("decision_role"), Kind::Text),
    ("language", Place::Path("language"), Kind::Text),
    ("external_id", Place::Path("external_id"), Kind::Text),
    ("first_source", Place::Path("first_source"), Kind::Text),
    ("account_id", Place::Path("account_id"), Kind::Id),
    ("owner_id", Place::Path("owner_id"), Kind::Id),
    ("marketing_only", Place::Path("marketing_only"), Kind::Boolean),
    ("country", Place::Path("address.country"), Kind::Text),
    ("address.country", Place::Path("address.country"), Kind::Text),
    ("address.city", Place::Path("address.city"), Kind::Text),
    ("address.region", Place::Path("address.region"), Kind::Text),
    ("address.postal_code", Place::Path("address.postal_code"), Kind::Text),
    ("created_at", Place::Path("created_at"), Kind::Time),
    ("updated_at", Place::Path("updated_at"), Kind::Time),
    ("consents.marketing", Place::Path("consents.marketing.granted"), Kind::Boolean),
    ("consents.profiling", Place::Path("consents.profiling.granted"), Kind::Boolean),
];

const ACCOUNT: Known = &[
    ("name", Place::Path("name"), Kind::Text),
    ("domain", Place::Path("domain"), Kind::Text),
    ("industry", Place::Path("industry"), Kind::Text),
    ("employees", Place::Path("employees"), Kind::Number),
    ("annual_revenue_minor", Place::Path("annual_revenue_minor"), Kind::Number),
    ("annual_revenue_currency", Place::Path("annual_revenue_currency"), Kind::Text),
    ("country", Place::Path("country"), Kind::Text),
    ("tax_id", Place::Path("tax_id"), Kind::Text),
    ("registration_number", Place::Path("registration_number"), Kind::Text),
    ("owner_id", Place::Path("owner_id"), Kind::Id),
    ("created_at", Place::Path("created_at"), Kind::Time),
    ("updated_at", Place::Path("updated_at"), Kind::Time),
];

const INTERACTION: Known = &[
    ("kind", Place::Path("kind"), Kind::Text),
    ("occurred_at", Place::Path("occurred_at"), Kind::Time),
    ("recorded_at", Place::Path("recorded_at"), Kind::Time),
    ("contact_id", Place::Path("contact_id"), Kind::Id),
    ("lead_id", Place::Path("lead_id"), Kind::Id),
    ("asset", Place::Path("asset"), Kind::Text),
    ("campaign", Place::Path("campaign"), Kind::Text),
    ("form_id", Place::Path("form_id"), Kind::Id),
    ("source", Place::Path("source"), Kind::Text),
    ("external_id", Place::Path("external_id"), Kind::Text),
    ("sender_id", Place::Path("sender_id"), Kind::Id),
    ("cause", Place::Path("cause"), Kind::Text),
    ("evidence", Place::Path("evidence"), Kind::Text),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn records() -> Records {
        Records {
            lead: json!({"topic": "CRM", "attributes": {"a.b": 1}, "utm": {"utm_source": "x"}, "flags": {"sales_ready": {}}}),
            contact: Some(json!({"address": {"country": "EE"}, "attributes": {}})),
            account: None,
        }
    }

    fn read(name: &str) -> Option<Value> {
        Field::named(name)?.value_in(&records()).cloned()
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
            assert_eq!(Field::named(name).unwrap().value_in(&records), Some(&json!("put")), "{name}");
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
    fn a_mark_is_true_where_it_was_set_and_false_where_not() {
        assert_eq!(read("lead.sales_ready"), Some(json!(true)));
        assert_eq!(read("lead.sales_accepted"), Some(json!(false)));
        assert_eq!(read("lead.utm.utm_source"), Some(json!("x")));
    }

    #[test]
    fn every_registered_field_is_one_with_its_operators() {
        for known in register() {
            let field = Field::named(&known.field).unwrap();
            assert_eq!((field.record, field.kind), (known.record, known.kind), "{}", known.field);
            assert!(known.operators.contains(&Op::Eq), "{}", known.field);
        }
    }

    #[test]
    fn only_registered_names_are_fields() {
        for name in [
            "",
            "lead",
            "lead.",
            "lead.attributes",
            "lead.attributes.",
            "lead.shoe_size",
            "user.name",
            "LEAD.topic",
            "account.utm.x",
        ] {
            assert_eq!(Field::named(name), None, "{name}");
        }
    }
}

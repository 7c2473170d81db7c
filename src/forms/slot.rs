//! Where the value of a form's field goes: a field of the contact, the lead or the account (CAP-1).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::attributes::is_name;

/// Characters of the value of any field.
pub const VALUE_MAX: usize = 4_000;

/// A field of a record that a form may fill. A contact's id in another system is none: a visitor could claim to be
/// anybody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Slot {
    FirstName,
    LastName,
    Email,
    Phone,
    Mobile,
    JobTitle,
    DecisionRole,
    Language,
    Line1,
    Line2,
    City,
    Region,
    PostalCode,
    Country,
    ContactAttribute(String),
    Company,
    Topic,
    Campaign,
    ProductLine,
    LeadAttribute(String),
}

/// The slots with fixed names, and how many characters each takes.
const NAMED: [(Slot, &str, usize); 18] = [
    (Slot::FirstName, "contact.first_name", 100),
    (Slot::LastName, "contact.last_name", 100),
    (Slot::Email, "contact.email", 254),
    (Slot::Phone, "contact.phone", 40),
    (Slot::Mobile, "contact.mobile", 40),
    (Slot::JobTitle, "contact.job_title", 200),
    (Slot::DecisionRole, "contact.decision_role", 64),
    (Slot::Language, "contact.language", 35),
    (Slot::Line1, "contact.address.line1", 200),
    (Slot::Line2, "contact.address.line2", 200),
    (Slot::City, "contact.address.city", 100),
    (Slot::Region, "contact.address.region", 100),
    (Slot::PostalCode, "contact.address.postal_code", 20),
    (Slot::Country, "contact.address.country", 2),
    (Slot::Company, "account.name", 200),
    (Slot::Topic, "lead.topic", 200),
    (Slot::Campaign, "lead.campaign", 100),
    (Slot::ProductLine, "lead.product_line", 100),
];

const CONTACT_ATTRIBUTE: &str = "contact.attributes.";
const LEAD_ATTRIBUTE: &str = "lead.attributes.";

/// Which record a slot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Contact,
    Account,
    Lead,
}

impl Slot {
    /// Reads a name such as `contact.email` or `lead.attributes.budget`.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(attribute) = name.strip_prefix(CONTACT_ATTRIBUTE) {
            return is_name(attribute).then(|| Self::ContactAttribute(attribute.to_owned()));
        }
        if let Some(attribute) = name.strip_prefix(LEAD_ATTRIBUTE) {
            return is_name(attribute).then(|| Self::LeadAttribute(attribute.to_owned()));
        }
        NAMED.into_iter().find(|(_, known, _)| *known == name).map(|(slot, ..)| slot)
    }

    /// Characters that a value for the slot may have.
    pub fn length(&self) -> usize {
        NAMED.iter().find(|(slot, ..)| slot == self).map_or(VALUE_MAX, |(.., length)| *length)
    }

    /// The record the slot belongs to.
    pub fn record(&self) -> Record {
        match self {
            Self::Company => Record::Account,
            Self::Topic | Self::Campaign | Self::ProductLine | Self::LeadAttribute(_) => Record::Lead,
            _ => Record::Contact,
        }
    }

    /// Whether a value in the slot makes the visitor somebody: a name, an address or a number (REC-6).
    pub fn names_somebody(&self) -> bool {
        matches!(self, Self::FirstName | Self::LastName | Self::Email | Self::Phone | Self::Mobile)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContactAttribute(name) => write!(f, "{CONTACT_ATTRIBUTE}{name}"),
            Self::LeadAttribute(name) => write!(f, "{LEAD_ATTRIBUTE}{name}"),
            named => f.write_str(NAMED.iter().find(|(slot, ..)| slot == named).map_or("", |(_, name, _)| name)),
        }
    }
}

impl TryFrom<String> for Slot {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name).ok_or_else(|| "is no field that a form can fill".to_owned())
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}

impl utoipa::PartialSchema for Slot {
    fn schema() -> RefOr<Schema> {
        let names: Vec<String> = NAMED.iter().map(|(_, name, _)| name.replace('.', r"\.")).collect();
        let pattern =
            format!(r"^({}|(contact|lead)\.attributes\.(?!constructor$)[a-z][a-z0-9_]{{0,63}})$", names.join("|"));
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "A field of a record: of the contact, its company (`account.name`) or the lead; `contact.attributes.<name>` \
                 and `lead.attributes.<name>` are custom attributes",
            ))
            .pattern(Some(pattern))
            .examples(["contact.email"])
            .into()
    }
}

impl utoipa::ToSchema for Slot {
    fn name() -> std::borrow::Cow<'static, str> {
        "FormFieldTarget".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_reads_its_own_name() {
        let attributes = ["contact.attributes.vip", "lead.attributes.budget_2"].map(|name| Slot::parse(name).unwrap());
        for slot in NAMED.into_iter().map(|(slot, ..)| slot).chain(attributes) {
            assert_eq!(Slot::parse(&slot.to_string()), Some(slot));
        }
    }

    #[test]
    fn what_a_visitor_must_not_set_is_no_slot() {
        for name in [
            "",
            "email",
            "contact.external_id",
            "contact.owner_id",
            "contact.consents",
            "contact.marketing_only",
            "contact.attributes.",
            "contact.attributes.__proto__",
            "lead.attributes.constructor",
            "contact.attributes.a.b",
            "lead.score",
            "lead.stage",
            "lead.source",
            "account.tax_id",
        ] {
            assert_eq!(Slot::parse(name), None, "{name}");
        }
    }
}

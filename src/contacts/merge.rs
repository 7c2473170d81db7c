//! Two contacts that are one person: which of them survives, and what it knows then (MAT-9).
//!
//! The contact that sales knows survives; of two the older, then the one with the smaller id. Its values go first and
//! its blanks are filled. Of two consents the later decision counts, whoever survives, and a refusal when both were
//! given at one instant. Sales has yet to earn the survivor only if it had yet to earn both.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Address, Consent, Consents, Contact};
use crate::attributes::Attributes;
use crate::id::Id;
use crate::merges::fields::{Because, Reason};

/// The fields that a merge decides on, beside each `attributes.<name>`.
pub const FIELDS: [&str; 16] = [
    "account_id",
    "address",
    "consents.marketing",
    "consents.profiling",
    "decision_role",
    "email",
    "external_id",
    "first_name",
    "first_source",
    "job_title",
    "language",
    "last_name",
    "marketing_only",
    "mobile",
    "owner_id",
    "phone",
];

/// What a contact knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<Identity>,
    pub phone: Option<Identity>,
    pub mobile: Option<Identity>,
    pub external_id: Option<String>,
    pub job_title: Option<String>,
    pub decision_role: Option<String>,
    pub language: Option<String>,
    pub address: Address,
    pub account_id: Option<Id>,
    pub owner_id: Option<Id>,
    pub marketing_only: bool,
    pub consents: Consents,
    pub first_source: Option<String>,
    pub attributes: Attributes,
}

/// An e-mail address or phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// As it was typed.
    pub typed: String,
    /// What is compared.
    pub key: String,
}

impl Identity {
    fn of(typed: &Option<String>, key: &Option<String>) -> Option<Self> {
        let (typed, key) = typed.clone().zip(key.clone())?;
        Some(Self { typed, key })
    }
}

impl From<&Contact> for Values {
    fn from(contact: &Contact) -> Self {
        Self {
            first_name: contact.first_name.clone(),
            last_name: contact.last_name.clone(),
            email: Identity::of(&contact.email, &contact.email_key),
            phone: Identity::of(&contact.phone, &contact.phone_key),
            mobile: Identity::of(&contact.mobile, &contact.mobile_key),
            external_id: contact.external_id.clone(),
            job_title: contact.job_title.clone(),
            decision_role: contact.decision_role.clone(),
            language: contact.language.clone(),
            address: contact.address.0.clone(),
            account_id: contact.account_id,
            owner_id: contact.owner_id,
            marketing_only: contact.marketing_only,
            consents: contact.consents.0.clone(),
            first_source: contact.first_source.clone(),
            attributes: contact.attributes.0.clone(),
        }
    }
}

/// The identities by which a survivor is still found though it does not show them: those of the two contacts that
/// were not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    pub email: Option<Identity>,
    pub phone: Option<Identity>,
    pub mobile: Option<Identity>,
    pub external_id: Option<String>,
}

impl Identities {
    /// What `kept` leaves of the identities of `one` and `other`.
    pub fn left_over(one: &Values, other: &Values, kept: &Values) -> Self {
        Self {
            email: left(&one.email, &other.email, &kept.email),
            phone: left(&one.phone, &other.phone, &kept.phone),
            mobile: left(&one.mobile, &other.mobile, &kept.mobile),
            external_id: left(&one.external_id, &other.external_id, &kept.external_id),
        }
    }
}

fn left<T: Clone + PartialEq>(one: &Option<T>, other: &Option<T>, kept: &Option<T>) -> Option<T> {
    [one, other].into_iter().find(|identity| identity.is_some() && *identity != kept).cloned().flatten()
}

impl Values {
    /// The phone numbers that it has in common with `other`, whichever is called mobile.
    pub fn shared_phones(&self, other: &Self) -> Vec<String> {
        let keys = |values: &Self| [&values.phone, &values.mobile].map(|phone| phone.as_ref().map(|it| it.key.clone()));
        let others = keys(other);
        let mut shared: Vec<String> = keys(self).into_iter().filter(|key| others.contains(key)).flatten().collect();
        shared.dedup();
        shared
    }
}

/// Which of two contacts survives a merge, and why.
pub fn survivor(one: &Contact, other: &Contact) -> (Id, Because) {
    let (first, second) =
        match (one.marketing_only, one.created_at, one.id) < (other.marketing_only, other.created_at, other.id) {
            true => (one, other),
            false => (other, one),
        };
    let because = if first.marketing_only != second.marketing_only {
        Because::KnownToSales
    } else if first.created_at != second.created_at {
        Because::Older
    } else {
        Because::SmallerId
    };
    (first.id, because)
}

/// The rules of fields that have one of their own.
pub fn rule(field: &str, survivor: &Value, loser: &Value) -> Option<(bool, Reason)> {
    if field == "marketing_only" {
        return Some((*survivor == Value::Bool(false), Reason::Earned));
    }
    if field.starts_with("consents.") {
        let rank = |value| Consent::deserialize(value).ok().map(|consent| (consent.at, !consent.granted));
        return Some((rank(survivor)? >= rank(loser)?, Reason::Latest));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::merges::fields::{gather, spread};

    fn consent(granted: bool, day: i64) -> Value {
        json!({"granted": granted, "at": Timestamp::from_day(day)})
    }

    #[test]
    fn the_later_decision_of_a_person_counts_whoever_survives() {
        let decided = |survivor, loser| rule("consents.marketing", &survivor, &loser);
        assert_eq!(decided(consent(true, 1), consent(false, 2)), Some((false, Reason::Latest)));
        assert_eq!(decided(consent(false, 2), consent(true, 1)), Some((true, Reason::Latest)));
    }

    #[test]
    fn of_two_decisions_at_one_instant_the_refusal_counts() {
        let decided = |survivor, loser| rule("consents.profiling", &survivor, &loser);
        assert_eq!(decided(consent(true, 1), consent(false, 1)), Some((false, Reason::Latest)));
        assert_eq!(decided(consent(false, 1), consent(true, 1)), Some((true, Reason::Latest)));
    }

    #[test]
    fn a_contact_that_sales_knows_stays_known() {
        let (yes, no) = (json!(true), json!(false));
        assert_eq!(rule("marketing_only", &yes, &no), Some((false, Reason::Earned)));
        assert_eq!(rule("marketing_only", &no, &yes), Some((true, Reason::Earned)));
        assert_eq!(rule("first_name", &yes, &no), None);
    }

    #[test]
    fn values_come_back_whole_from_their_fields() {
        let values = Values {
            first_name: Some("Ann".into()),
            email: Some(Identity { typed: "Ann@x.ee".into(), key: "ann@x.ee".into() }),
            address: Address { city: Some("Tartu".into()), ..Address::default() },
            marketing_only: true,
            consents: Consents {
                marketing: Some(Consent { granted: true, at: Timestamp::from_day(1), how: None, evidence: None }),
                profiling: None,
            },
            attributes: Attributes([("size".to_owned(), json!(50))].into()),
            ..Values::default()
        };
        let fields = spread(&values).unwrap();
        assert_eq!(gather::<Values>(&fields).unwrap(), values);
        assert!(fields.keys().all(|name| FIELDS.contains(&name.as_str()) || name.starts_with("attributes.")));
        let empty = spread(&Values::default()).unwrap();
        assert_eq!(gather::<Values>(&empty).unwrap(), Values::default());
    }

    #[test]
    fn a_phone_is_shared_whichever_of_the_two_calls_it_mobile() {
        let phone = |key: &str| Some(Identity { typed: key.into(), key: key.into() });
        let one = Values { phone: phone("+1"), mobile: phone("+1"), ..Values::default() };
        let other = Values { phone: phone("+2"), mobile: phone("+1"), ..Values::default() };
        assert_eq!(one.shared_phones(&other), ["+1"]);
        assert_eq!(one.shared_phones(&Values::default()), Vec::<String>::new());
    }

    #[test]
    fn an_identity_that_was_not_kept_is_left_over() {
        let with = |email: &str, external_id: Option<&str>| Values {
            email: Some(Identity { typed: email.into(), key: email.into() }),
            external_id: external_id.map(str::to_owned),
            ..Values::default()
        };
        let (ann, anna) = (with("ann@x.ee", None), with("anna@x.ee", Some("crm-1")));
        let kept = Values { external_id: Some("crm-1".into()), ..ann.clone() };
        let left = Identities::left_over(&ann, &anna, &kept);
        assert_eq!((left.email, left.external_id), (anna.email.clone(), None));
        let chosen = Identities::left_over(&ann, &anna, &anna);
        assert_eq!(chosen.email, ann.email);
    }
}

//! People (REC-1, REC-4): who they are, how to reach them, what they consented to.
//!
//! No two contacts of a workspace share an e-mail address or external id, whatever arrives at once; the attempt is
//! answered with the contact that has it. Phones may be shared, as colleagues share a switchboard. What was typed is
//! kept beside the normalised form that is compared. A contact that leads or interactions refer to is not deleted.
//!
//! A contact that was merged into another is gone for everyone who asks for it, and says where it went (MAT-9). Its
//! identities lead to the survivor.

pub mod handlers;
pub mod identity;
mod input;
mod keys_repository;
pub mod merge;
mod merged_repository;
mod phone;
mod repository;

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::attributes::Attributes;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::JsonOf;
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::matching::decide::Keys;
use crate::matching::strategy::Field;
use crate::schema::contacts;
use crate::{alerts, provenance, tasks};

pub use input::{ContactPatch, NewContact, search_key};
pub use repository::ContactFilter;

/// A person.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = contacts, treat_none_as_default_value = false)]
pub struct Contact {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// First name.
    #[schema(example = "Ann")]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(example = "Tamm")]
    pub last_name: Option<String>,
    #[serde(skip)]
    pub search_key: String,
    /// E-mail address as typed.
    #[schema(example = "Ann.Tamm@example.com")]
    pub email: Option<String>,
    #[serde(skip)]
    pub email_key: Option<String>,
    /// Phone as typed.
    #[schema(example = "+372 5555 1234")]
    pub phone: Option<String>,
    /// Phone in E.164, the form that is compared.
    #[serde(rename = "phone_e164")]
    #[schema(example = "+37255551234")]
    pub phone_key: Option<String>,
    /// Mobile phone as typed.
    pub mobile: Option<String>,
    /// Mobile phone in E.164.
    #[serde(rename = "mobile_e164")]
    pub mobile_key: Option<String>,
    /// The person's id in another system; unique in the workspace.
    #[schema(example = "crm-1042")]
    pub external_id: Option<String>,
    /// Job title.
    #[schema(example = "Head of logistics")]
    pub job_title: Option<String>,
    /// Part the person has in a buying decision.
    #[schema(example = "decision_maker")]
    pub decision_role: Option<String>,
    /// Language: BCP 47.
    #[schema(example = "et")]
    pub language: Option<String>,
    /// Postal address.
    #[schema(value_type = Address)]
    pub address: JsonOf<Address>,
    /// The company the person belongs to.
    pub account_id: Option<Id>,
    /// The user who looks after the person.
    pub owner_id: Option<Id>,
    /// Whether an automation created the contact and sales has not yet earned it.
    pub marketing_only: bool,
    /// What the person consented to, by purpose.
    #[schema(value_type = Consents)]
    pub consents: JsonOf<Consents>,
    /// Where the person was first heard of.
    #[schema(example = "landing_page")]
    pub first_source: Option<String>,
    /// Custom attributes.
    #[schema(value_type = Attributes)]
    pub attributes: JsonOf<Attributes>,
    #[serde(skip)]
    pub merged_into_id: Option<Id>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// Street and number.
    #[schema(max_length = 200, example = "Pärnu mnt 10")]
    pub line1: Option<String>,
    /// More of the same.
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    /// Town.
    #[schema(max_length = 100, example = "Tallinn")]
    pub city: Option<String>,
    /// State, county or province.
    #[schema(max_length = 100)]
    pub region: Option<String>,
    /// Postal code.
    #[schema(max_length = 20, example = "10148")]
    pub postal_code: Option<String>,
    /// Country: ISO 3166 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$", example = "EE")]
    pub country: Option<String>,
}

/// What a person consented to or refused, by purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Consents {
    /// Being sent marketing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marketing: Option<Consent>,
    /// Being scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiling: Option<Consent>,
}

/// A consent or refusal, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Whether it was given.
    pub granted: bool,
    /// When.
    pub at: Timestamp,
    /// How, such as `form` or `phone`.
    #[serde(default)]
    #[schema(max_length = 100, example = "form")]
    pub how: Option<String>,
    /// What proves it, such as the id of a submission and the version of the text.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub evidence: Option<String>,
}

/// The fields that contacts can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "contacts.created_at", SortKind::Instant),
    SortField::new("updated_at", "contacts.updated_at", SortKind::Instant),
    SortField::new("name", "contacts.search_key", SortKind::Text),
];

impl Sorted for Contact {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "updated_at" => self.updated_at.to_string(),
            "name" => self.search_key.clone(),
            _ => self.created_at.to_string(),
        }
    }
}

impl Contact {
    /// What matching compares a contact by, but for anonymous ids, of which there may be many.
    pub fn keys(&self) -> Keys {
        let compared = |text: &Option<String>| text.as_deref().map(crate::text::compare_key);
        let keys = [
            (Field::Email, self.email_key.clone()),
            (Field::Phone, self.phone_key.clone()),
            (Field::Mobile, self.mobile_key.clone()),
            (Field::ExternalId, self.external_id.clone()),
            (Field::FirstName, compared(&self.first_name)),
            (Field::LastName, compared(&self.last_name)),
        ];
        BTreeMap::from_iter(keys.into_iter().filter_map(|(field, key)| key.map(|key| (field, key))))
    }

    /// The turns of whoever concerns this person, who is also known by `anonymous_ids`; see [`Tx::take_turns`].
    pub fn turns(&self, anonymous_ids: &[String]) -> Vec<String> {
        let mut turns = turns(self.email_key.as_deref(), self.phone_key.as_deref(), self.external_id.as_deref());
        turns.extend(self.mobile_key.as_ref().map(|key| format!("person phone {key}")));
        turns.extend(anonymous_ids.iter().map(|id| format!("anonymous {id}")));
        turns
    }
}

/// The contact that `new` describes, which is not written; all broken rules are reported.
pub fn described(tx: &mut Tx<'_>, new: &NewContact) -> Result<Contact> {
    new.contact(tx)
}

/// Creates a contact. `Err(DuplicateContact)` when another has its e-mail address or external id.
pub fn create(tx: &mut Tx<'_>, new: &NewContact) -> Result<Contact> {
    let contact = new.contact(tx)?;
    tx.take_turns(&contact.turns(&new.anonymous_ids))?;
    refuse_duplicate(tx, contact.id, contact.email_key.as_deref(), contact.external_id.as_deref())?;
    tx.contacts().insert(&contact)?;
    provenance::note_new(tx, contact.id, &contact)?;
    for anonymous_id in &new.anonymous_ids {
        tx.contacts().link_anonymous(contact.id, anonymous_id)?;
    }
    events::emit(tx, "contact.created", Subject::contact(contact.id), &json!({"contact": contact}))?;
    Ok(contact)
}

/// Changes the fields that `patch` names; one that names none changes nothing.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &ContactPatch, condition: &Condition) -> Result<Contact> {
    let before = tx.contacts().lock(id)?;
    condition.check(before.version)?;
    if *patch == ContactPatch::default() {
        return Ok(before);
    }
    let changes = patch.changes(tx, &before)?;
    refuse_duplicate(tx, id, changes.new_email_key(), changes.new_external_id())?;
    tx.contacts().take_back(id, changes.new_email_key(), changes.new_external_id())?;
    let contact = tx.contacts().update(id, changes)?;
    provenance::note_change(tx, id, &before, &contact)?;
    for anonymous_id in patch.anonymous_ids.iter().flatten() {
        tx.contacts().link_anonymous(id, anonymous_id)?;
    }
    events::emit(tx, "contact.changed", Subject::contact(id), &json!({"before": before, "contact": contact}))?;
    Ok(contact)
}

/// Deletes a contact that no lead and no interaction refers to; 409 otherwise.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    condition.check(tx.contacts().lock(id)?.version)?;
    tx.contacts().delete(id)?;
    tasks::forget_contact(tx, id)?;
    alerts::forget_contact(tx, id)?;
    provenance::forget(tx, id)?;
    events::emit(tx, "contact.deleted", Subject::contact(id), &json!({"id": id}))
}

/// Takes turns with everyone else who brings one of these identities, then refuses them if another contact has one.
fn refuse_duplicate(tx: &mut Tx<'_>, id: Id, email_key: Option<&str>, external_id: Option<&str>) -> Result<()> {
    tx.take_turns(&turns(email_key, None, external_id))?;
    let mut holders = Vec::new();
    if let Some(key) = email_key {
        holders.extend(tx.contacts().with_email(key)?);
    }
    if let Some(external_id) = external_id {
        holders.extend(tx.contacts().with_external_id(external_id)?);
    }
    match holders.into_iter().find(|holder| *holder != id) {
        Some(existing) => Err(Error::DuplicateContact { existing }),
        None => Ok(()),
    }
}

/// The name by which everyone who opens or scores leads of a contact takes turns; see [`Tx::take_turns`].
pub fn turn(id: Id) -> String {
    format!("contact {id}")
}

/// The turns to take before asking whether a person is known; see [`Tx::take_turns`].
pub fn turns(email_key: Option<&str>, phone_key: Option<&str>, external_id: Option<&str>) -> Vec<String> {
    let named = [("email", email_key), ("phone", phone_key), ("external id", external_id)];
    named.into_iter().filter_map(|(name, key)| key.map(|key| format!("person {name} {key}"))).collect()
}

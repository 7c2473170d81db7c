//! What callers send to create or change a contact, checked and normalised.

use diesel::prelude::*;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Address, Consents, Contact, identity};
use crate::accounts;
use crate::attributes::{Attributes, AttributesPatch};
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::{Result, Violation, all_hold};
use crate::http::patch;
use crate::id::Id;
use crate::schema::contacts;
use crate::{text, workspaces};

/// A new person: a name, an e-mail address or a phone at least.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"first_name": "Ann", "last_name": "Tamm", "email": "ann@example.com", "decision_role": "decision_maker"}))]
pub struct NewContact {
    /// First name.
    #[schema(max_length = 100)]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(max_length = 100)]
    pub last_name: Option<String>,
    /// E-mail address; no other contact may have it.
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// Phone, with its country unless the workspace has a default one.
    #[schema(max_length = 40)]
    pub phone: Option<String>,
    /// Mobile phone.
    #[schema(max_length = 40)]
    pub mobile: Option<String>,
    /// The person's id in another system; no other contact may have it.
    #[schema(min_length = 1, max_length = 200)]
    pub external_id: Option<String>,
    /// Anonymous ids (of browsers) known to be this person's.
    #[schema(value_type = Vec<AnonymousId>, max_items = 20)]
    pub anonymous_ids: Vec<String>,
    /// Job title.
    #[schema(max_length = 200)]
    pub job_title: Option<String>,
    /// Part the person has in a buying decision.
    #[schema(max_length = 64)]
    pub decision_role: Option<String>,
    /// Language: BCP 47.
    #[schema(max_length = 35)]
    pub language: Option<String>,
    /// Postal address.
    pub address: Address,
    /// The company the person belongs to.
    pub account_id: Option<Id>,
    /// The user who looks after the person.
    pub owner_id: Option<Id>,
    /// Whether sales has yet to earn the contact.
    pub marketing_only: bool,
    /// What the person consented to.
    pub consents: Consents,
    /// Where the person was first heard of.
    #[schema(max_length = 64)]
    pub first_source: Option<String>,
    /// Custom attributes.
    pub attributes: Attributes,
}

/// The id that a browser is known by before it is known whose it is.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200, example = "b-7f3a9c")]
#[expect(dead_code, reason = "describes an entry of `anonymous_ids`")]
pub struct AnonymousId(String);

/// Changes to a person: absent fields stay, null clears.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"job_title": "Head of logistics", "phone": null}))]
pub struct ContactPatch {
    /// First name.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub first_name: Option<Option<String>>,
    /// Last name.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub last_name: Option<Option<String>>,
    /// E-mail address; no other contact may have it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 254)]
    pub email: Option<Option<String>>,
    /// Phone.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 40)]
    pub phone: Option<Option<String>>,
    /// Mobile phone.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 40)]
    pub mobile: Option<Option<String>>,
    /// The person's id in another system; no other contact may have it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub external_id: Option<Option<String>>,
    /// Anonymous ids to add to those known to be this person's.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<AnonymousId>, max_items = 20)]
    pub anonymous_ids: Option<Vec<String>>,
    /// Job title.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub job_title: Option<Option<String>>,
    /// Part the person has in a buying decision.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    pub decision_role: Option<Option<String>>,
    /// Language: BCP 47.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 35)]
    pub language: Option<Option<String>>,
    /// Postal address, as a whole.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Address)]
    pub address: Option<Address>,
    /// The company the person belongs to.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub account_id: Option<Option<Id>>,
    /// The user who looks after the person.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub owner_id: Option<Option<Id>>,
    /// Whether sales has yet to earn the contact.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = bool)]
    pub marketing_only: Option<bool>,
    /// Consents to set; a purpose not named stays as it is.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Consents)]
    pub consents: Option<Consents>,
    /// Custom attributes to set or, with null, remove.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = AttributesPatch)]
    pub attributes: Option<AttributesPatch>,
}

/// The columns that a change sets; `None` leaves one alone.
#[derive(Default, AsChangeset)]
#[diesel(table_name = contacts)]
pub(super) struct Changes {
    first_name: Option<Option<String>>,
    last_name: Option<Option<String>>,
    search_key: Option<String>,
    email: Option<Option<String>>,
    email_key: Option<Option<String>>,
    phone: Option<Option<String>>,
    phone_key: Option<Option<String>>,
    mobile: Option<Option<String>>,
    mobile_key: Option<Option<String>>,
    external_id: Option<Option<String>>,
    job_title: Option<Option<String>>,
    decision_role: Option<Option<String>>,
    language: Option<Option<String>>,
    address: Option<JsonOf<Address>>,
    account_id: Option<Option<Id>>,
    owner_id: Option<Option<Id>>,
    marketing_only: Option<bool>,
    consents: Option<JsonOf<Consents>>,
    attributes: Option<JsonOf<Attributes>>,
}

impl Changes {
    pub(super) fn new_email_key(&self) -> Option<&str> {
        self.email_key.as_ref()?.as_deref()
    }

    pub(super) fn new_external_id(&self) -> Option<&str> {
        self.external_id.as_ref()?.as_deref()
    }
}

impl NewContact {
    /// The contact this describes; all broken rules are reported.
    pub(super) fn contact(&self, tx: &mut Tx<'_>) -> Result<Contact> {
        let mut reader = Reader::new(tx)?;
        let email = reader.email(self.email.as_deref());
        let phone = reader.phone(self.phone.as_deref(), "/phone");
        let mobile = reader.phone(self.mobile.as_deref(), "/mobile");
        reader.references(tx, self.account_id, self.owner_id)?;
        let named = [&self.first_name, &self.last_name, &self.email, &self.phone, &self.mobile, &self.external_id];
        if !named.into_iter().flatten().any(|text| !text.trim().is_empty()) {
            reader.broken.push(Violation::new(
                "",
                "required",
                "a contact needs a name, an e-mail address, a phone or an external id",
            ));
        }
        all_hold(reader.broken)?;
        let (at, workspace_id) = (tx.at(), tx.scope.workspace);
        let (email, email_key) = email.unzip();
        let (phone, phone_key) = phone.unzip();
        let (mobile, mobile_key) = mobile.unzip();
        Ok(Contact {
            workspace_id,
            id: Id::new(at),
            search_key: search_key(&self.first_name, &self.last_name, &email_key),
            first_name: filled(&self.first_name),
            last_name: filled(&self.last_name),
            email,
            email_key,
            phone,
            phone_key,
            mobile,
            mobile_key,
            external_id: filled(&self.external_id),
            job_title: filled(&self.job_title),
            decision_role: filled(&self.decision_role),
            language: filled(&self.language),
            address: JsonOf(self.address.clone()),
            account_id: self.account_id,
            owner_id: self.owner_id,
            marketing_only: self.marketing_only,
            consents: JsonOf(self.consents.clone()),
            first_source: self.first_source.clone(),
            attributes: JsonOf(self.attributes.clone()),
            merged_into_id: None,
            version: 1,
            created_at: at,
            updated_at: at,
        })
    }
}

impl ContactPatch {
    /// The turns of the identities that it gives; one that cannot be read is refused later. `country` is that of phone
    /// numbers that name none.
    pub fn turns(&self, country: Option<&str>) -> Vec<String> {
        let email = self.email.as_ref().and_then(|new| identity::email(new.as_deref()?).ok());
        let external_id = self.external_id.as_ref().and_then(Option::as_deref);
        let mut turns = super::turns(email.as_ref().map(|email| email.key.as_str()), None, external_id);
        for typed in [&self.phone, &self.mobile].into_iter().flatten().flatten() {
            let phone = identity::phone(typed, country).ok();
            turns.extend(super::turns(None, phone.as_ref().map(|phone| phone.e164.as_str()), None));
        }
        let anonymous_ids = self.anonymous_ids.iter().flatten();
        turns.extend(anonymous_ids.map(|id| format!("anonymous {id}")));
        turns
    }

    /// The columns this changes on `present`; all broken rules are reported.
    pub(super) fn changes(&self, tx: &mut Tx<'_>, present: &Contact) -> Result<Changes> {
        let mut reader = Reader::new(tx)?;
        let email = self.email.as_ref().map(|new| reader.email(new.as_deref()).unzip());
        let phone = self.phone.as_ref().map(|new| reader.phone(new.as_deref(), "/phone").unzip());
        let mobile = self.mobile.as_ref().map(|new| reader.phone(new.as_deref(), "/mobile").unzip());
        reader.references(tx, self.account_id.flatten(), self.owner_id.flatten())?;
        all_hold(reader.broken)?;
        let (email, email_key) = email.unzip();
        let (phone, phone_key) = phone.unzip();
        let (mobile, mobile_key) = mobile.unzip();
        let first = self.first_name.as_ref().unwrap_or(&present.first_name);
        let last = self.last_name.as_ref().unwrap_or(&present.last_name);
        Ok(Changes {
            search_key: Some(search_key(first, last, email_key.as_ref().unwrap_or(&present.email_key))),
            first_name: self.first_name.as_ref().map(filled),
            last_name: self.last_name.as_ref().map(filled),
            email,
            email_key,
            phone,
            phone_key,
            mobile,
            mobile_key,
            external_id: self.external_id.as_ref().map(filled),
            job_title: self.job_title.as_ref().map(filled),
            decision_role: self.decision_role.as_ref().map(filled),
            language: self.language.as_ref().map(filled),
            address: self.address.clone().map(JsonOf),
            account_id: self.account_id,
            owner_id: self.owner_id,
            marketing_only: self.marketing_only,
            consents: self.consents.clone().map(|new| JsonOf(present.consents.0.clone().changed(new))),
            attributes: self.attributes.as_ref().map(|change| JsonOf(present.attributes.0.clone().changed(change))),
        })
    }
}

impl Consents {
    /// The consents after `new`; a purpose that `new` does not name stays.
    fn changed(self, new: Consents) -> Self {
        Self { marketing: new.marketing.or(self.marketing), profiling: new.profiling.or(self.profiling) }
    }
}

/// Reads identities and references, and collects all that is wrong with them.
struct Reader {
    default_country: Option<String>,
    broken: Vec<Violation>,
}

impl Reader {
    fn new(tx: &mut Tx<'_>) -> Result<Self> {
        Ok(Self { default_country: workspaces::settings(tx)?.default_country.clone(), broken: Vec::new() })
    }

    /// The address as typed and as compared. Blank text counts as none.
    fn email(&mut self, typed: Option<&str>) -> Option<(String, String)> {
        match identity::email(typed.filter(|text| !text.trim().is_empty())?) {
            Ok(email) => Some((email.typed, email.key)),
            Err(rejected) => {
                self.broken.push(rejected.at("/email"));
                None
            }
        }
    }

    /// The number as typed and in E.164. Blank text counts as none.
    fn phone(&mut self, typed: Option<&str>, pointer: &str) -> Option<(String, String)> {
        match identity::phone(typed.filter(|text| !text.trim().is_empty())?, self.default_country.as_deref()) {
            Ok(phone) => Some((phone.typed, phone.e164)),
            Err(rejected) => {
                self.broken.push(rejected.at(pointer));
                None
            }
        }
    }

    fn references(&mut self, tx: &mut Tx<'_>, account: Option<Id>, owner: Option<Id>) -> Result<()> {
        if let Some(id) = account
            && tx.accounts().find(id)?.is_none()
        {
            self.broken.push(Violation::unknown("/account_id", "account"));
        }
        self.broken.extend(accounts::unknown_owner(tx, owner)?);
        Ok(())
    }
}

fn filled(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.trim().is_empty())
}

/// What `q` searches.
pub fn search_key(first: &Option<String>, last: &Option<String>, email_key: &Option<String>) -> String {
    let parts: Vec<&str> = [first, last, email_key].into_iter().flatten().map(String::as_str).collect();
    text::search_key(&parts.join(" "))
}

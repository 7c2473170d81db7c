//! What callers send to open or change a lead, checked and normalised.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Captured, Lead, NewOrigin, Opening, search_key};
use crate::accounts::NewAccount;
use crate::attributes::{Attributes, AttributesPatch};
use crate::contacts::{NewContact, identity};
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Result, Violation, all_hold};
use crate::http::patch;
use crate::id::Id;
use crate::schema::leads;
use crate::workspaces;
use crate::workspaces::settings::ChannelClass;

/// A new lead: somebody, an interest and a source.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"topic": "Warehouse software", "captured": {"first_name": "Ann", "email": "ann@example.com"}, "source": "web"}))]
pub struct NewLead {
    /// What the interest is in, in words.
    #[schema(max_length = 200)]
    pub topic: Option<String>,
    /// The contact whose interest it is.
    pub contact_id: Option<Id>,
    /// The contact whose interest it is, found by matching or else created; instead of `contact_id`. Needs the scope
    /// `contacts:write`, too.
    pub contact: Option<NewContact>,
    /// The account whose interest it is.
    pub account_id: Option<Id>,
    /// The account whose interest it is, found by its name or else created; instead of `account_id`. Needs the scope
    /// `accounts:write`, too.
    pub account: Option<NewAccount>,
    /// What was typed; what `contact` and `account` say when left out.
    #[serde(default)]
    pub captured: Captured,
    /// The campaign.
    #[schema(max_length = 100)]
    pub campaign: Option<String>,
    /// The product line.
    #[schema(max_length = 100)]
    pub product_line: Option<String>,
    /// Where it came from: one of the workspace's sources.
    #[schema(max_length = 64)]
    pub source: String,
    /// More about where it came from.
    #[schema(max_length = 500)]
    pub source_detail: Option<String>,
    /// The class of channel; the source's own when left out.
    pub channel_class: Option<ChannelClass>,
    /// UTM values of the visit, by name.
    #[serde(default)]
    #[schema(schema_with = utm_schema)]
    pub utm: BTreeMap<String, String>,
    /// The contact who referred the person.
    pub referrer_contact_id: Option<Id>,
    /// The user who is to work it.
    pub owner_id: Option<Id>,
    /// The lead or opportunity that it comes from, where somebody who bought is sold something again. Contact, account and
    /// owner are the same as there unless told.
    pub origin: Option<NewOrigin>,
    /// Custom attributes.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Changes to a lead: absent fields stay, null clears.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"topic": "Warehouse software, 40 users", "campaign": null}))]
pub struct LeadPatch {
    /// What the interest is in, in words.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 200)]
    pub topic: Option<Option<String>>,
    /// The contact whose interest it is; linking one scores the lead at once.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub contact_id: Option<Option<Id>>,
    /// The account whose interest it is.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub account_id: Option<Option<Id>>,
    /// What was typed, as a whole.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Captured)]
    pub captured: Option<Captured>,
    /// The campaign.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub campaign: Option<Option<String>>,
    /// The product line.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub product_line: Option<Option<String>>,
    /// Where it came from: one of the workspace's sources.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, max_length = 64)]
    pub source: Option<String>,
    /// More about where it came from.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 500)]
    pub source_detail: Option<Option<String>>,
    /// The class of channel.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = ChannelClass)]
    pub channel_class: Option<ChannelClass>,
    /// The contact who referred the person.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub referrer_contact_id: Option<Option<Id>>,
    /// The user who works it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub owner_id: Option<Option<Id>>,
    /// Custom attributes to set or, with null, remove.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = AttributesPatch)]
    pub attributes: Option<AttributesPatch>,
}

/// The columns that a change sets; `None` leaves one alone.
#[derive(Default, AsChangeset)]
#[diesel(table_name = leads)]
pub(super) struct Changes {
    topic: Option<Option<String>>,
    contact_id: Option<Option<Id>>,
    account_id: Option<Option<Id>>,
    captured: Option<JsonOf<Captured>>,
    email_key: Option<Option<String>>,
    phone_key: Option<Option<String>>,
    campaign: Option<Option<String>>,
    product_line: Option<Option<String>>,
    source: Option<String>,
    source_detail: Option<Option<String>>,
    channel_class: Option<Code<ChannelClass>>,
    referrer_contact_id: Option<Option<Id>>,
    owner_id: Option<Option<Id>>,
    attributes: Option<JsonOf<Attributes>>,
    search_key: Option<String>,
}

impl NewLead {
    /// The lead this describes, but for the contact and account that are yet to be found; all broken rules are reported.
    pub(super) fn opening(&self, tx: &mut Tx<'_>) -> Result<Opening> {
        let mut broken = Vec::new();
        let email_key = email_key(&self.captured, &mut broken);
        let phone_key = phone_key(tx, &self.captured, &mut broken)?;
        check_source(tx, Some(&self.source), &mut broken)?;
        check_references(tx, [self.contact_id, self.referrer_contact_id], self.account_id, self.owner_id, &mut broken)?;
        let is_described = self.contact.is_some() || self.account.is_some();
        let is_named = self.contact_id.is_some() || self.account_id.is_some() || is_described;
        if !is_named && !self.captured.names_somebody() {
            let detail = "a lead needs a contact, an account, or a captured name, e-mail address or phone";
            broken.push(Violation::new("/captured", "required", detail));
        }
        let interests = [&self.topic, &self.campaign, &self.product_line];
        if !interests.into_iter().flatten().any(|text| !text.trim().is_empty()) {
            broken.push(Violation::new(
                "/topic",
                "required",
                "a lead needs an interest: a topic, a campaign or a product line",
            ));
        }
        all_hold(broken)?;
        Ok(Opening {
            topic: self.topic.clone(),
            contact_id: self.contact_id,
            account_id: self.account_id,
            captured: self.captured.clone(),
            email_key,
            phone_key,
            form_id: None,
            campaign: self.campaign.clone(),
            product_line: self.product_line.clone(),
            source: self.source.clone(),
            source_detail: self.source_detail.clone(),
            channel_class: self.channel_class,
            utm: self.utm.clone(),
            referrer_contact_id: self.referrer_contact_id,
            owner_id: self.owner_id,
            accepted_by: None,
            origin_key: None,
            origin: self.origin,
            attributes: self.attributes.clone(),
        })
    }
}

impl LeadPatch {
    /// The columns this changes on `present`; all broken rules are reported.
    pub(super) fn changes(&self, tx: &mut Tx<'_>, present: &Lead) -> Result<Changes> {
        let mut broken = Vec::new();
        let email_key = self.captured.as_ref().map(|captured| email_key(captured, &mut broken));
        let phone_key = match &self.captured {
            Some(captured) => Some(phone_key(tx, captured, &mut broken)?),
            None => None,
        };
        check_source(tx, self.source.as_deref(), &mut broken)?;
        let contacts = [self.contact_id.flatten(), self.referrer_contact_id.flatten()];
        // Whoever has the lead already may keep it.
        let owner = self.owner_id.flatten().filter(|owner| present.owner_id != Some(*owner));
        check_references(tx, contacts, self.account_id.flatten(), owner, &mut broken)?;
        all_hold(broken)?;
        let captured = self.captured.as_ref().unwrap_or(&present.captured.0);
        let topic = self.topic.as_ref().unwrap_or(&present.topic);
        Ok(Changes {
            search_key: Some(search_key(captured, topic.as_deref())),
            topic: self.topic.clone(),
            contact_id: self.contact_id,
            account_id: self.account_id,
            captured: self.captured.clone().map(JsonOf),
            email_key,
            phone_key,
            campaign: self.campaign.clone(),
            product_line: self.product_line.clone(),
            source: self.source.clone(),
            source_detail: self.source_detail.clone(),
            channel_class: self.channel_class.map(Code),
            referrer_contact_id: self.referrer_contact_id,
            owner_id: self.owner_id,
            attributes: self.attributes.as_ref().map(|change| JsonOf(present.attributes.0.clone().changed(change))),
        })
    }
}

/// The schema of UTM values: up to 20 short names, each with a text.
pub fn utm_schema() -> utoipa::openapi::Object {
    use utoipa::openapi::ObjectBuilder;
    use utoipa::openapi::schema::{AdditionalProperties, Schema, Type};
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9_]{0,39}$")).build();
    let value = ObjectBuilder::new().schema_type(Type::String).max_length(Some(500));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("UTM values of the visit, by name"))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .max_properties(Some(20))
        .examples([serde_json::json!({"utm_source": "newsletter", "utm_campaign": "spring-2026"})])
        .build()
}

fn email_key(captured: &Captured, broken: &mut Vec<Violation>) -> Option<String> {
    let typed = captured.email.as_deref().filter(|text| !text.trim().is_empty())?;
    match identity::email(typed) {
        Ok(email) => Some(email.key),
        Err(rejected) => {
            broken.push(rejected.at("/captured/email"));
            None
        }
    }
}

fn phone_key(tx: &mut Tx<'_>, captured: &Captured, broken: &mut Vec<Violation>) -> Result<Option<String>> {
    let Some(typed) = captured.phone.as_deref().filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let country = workspaces::settings(tx)?.default_country.clone();
    let read = identity::phone(typed, country.as_deref());
    Ok(read.map_err(|rejected| broken.push(rejected.at("/captured/phone"))).ok().map(|phone| phone.e164))
}

fn check_source(tx: &mut Tx<'_>, source: Option<&str>, broken: &mut Vec<Violation>) -> Result<()> {
    let settings = workspaces::settings(tx)?;
    if source.is_some_and(|source| !settings.sources.contains_key(source)) {
        broken.push(unknown_source(&settings.sources));
    }
    Ok(())
}

/// The refusal of a source that the workspace does not have.
pub(super) fn unknown_source(sources: &BTreeMap<String, ChannelClass>) -> Violation {
    let known: Vec<&str> = sources.keys().map(String::as_str).collect();
    Violation::new("/source", "not_allowed", format!("must be one of {}", known.join(", ")))
}

fn check_references(
    tx: &mut Tx<'_>,
    [contact, referrer]: [Option<Id>; 2],
    account: Option<Id>,
    owner: Option<Id>,
    broken: &mut Vec<Violation>,
) -> Result<()> {
    for (id, pointer) in [(contact, "/contact_id"), (referrer, "/referrer_contact_id")] {
        let Some(id) = id else { continue };
        broken.extend(Violation::of_reference(pointer, "contact", id, tx.merged().contact(id)?));
    }
    if let Some(id) = account
        && tx.accounts().find(id)?.is_none()
    {
        broken.push(Violation::unknown("/account_id", "account"));
    }
    broken.extend(unfit_owner(tx, owner)?);
    Ok(())
}

/// What is wrong with an owner that a lead is given: only users of the workspace who are not locked out work leads.
pub fn unfit_owner(tx: &mut Tx<'_>, owner: Option<Id>) -> Result<Option<Violation>> {
    owner.map_or(Ok(None), |id| unfit_user(tx, id, "/owner_id"))
}

/// The same of a user whom leads may be given to, named at `pointer`.
pub fn unfit_user(tx: &mut Tx<'_>, id: Id, pointer: &str) -> Result<Option<Violation>> {
    Ok(match tx.users().find(id)? {
        None => Some(Violation::unknown(pointer, "user")),
        Some(user) if user.disabled => {
            Some(Violation::new(pointer, "disabled", "the user is locked out and takes no leads"))
        }
        Some(_) => None,
    })
}

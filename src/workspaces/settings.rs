//! What a workspace decides for itself: sources with their channel class, the country of phone numbers without one,
//! which automatic moves happen, why leads and deals end, and what must be known of a customer.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{Error, Result, Violation, all_hold};
use crate::filter::{Field, Record};
use crate::http::patch;

use crate::process::transition::Switches;

/// How a lead's source reaches people (REC-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelClass {
    /// Word of mouth and referral.
    Seed,
    /// Inbound marketing.
    Net,
    /// Outbound by a named employee.
    Spear,
}

/// The settings of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The sources a lead may have, each with the channel class it stands for.
    pub sources: BTreeMap<String, ChannelClass>,
    /// The country of phone numbers written without one: ISO 3166 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$", example = "EE")]
    pub default_country: Option<String>,
    /// Whether people who did not consent to profiling are left unscored.
    pub require_profiling_consent: bool,
    /// Which automatic moves of the process happen.
    pub automatic_moves: Switches,
    /// Why a lead may be disqualified: 1 to 100 codes, each 1 to 64 of a-z, 0-9 and _.
    #[schema(value_type = Vec<ReasonCode>)]
    pub disqualification_reasons: BTreeSet<String>,
    /// Why an opportunity may be lost: 1 to 100 codes, each 1 to 64 of a-z, 0-9 and _.
    #[schema(value_type = Vec<ReasonCode>)]
    pub loss_reasons: BTreeSet<String>,
    /// Fields of contact and account that a lead must have when it is qualified, as filters name them; none unless set.
    #[schema(value_type = Vec<CustomerField>, example = json!(["contact.email", "account.tax_id"]))]
    pub customer_fields: BTreeSet<String>,
}

/// A reason to choose from.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9_]{1,64}$", example = "no_budget")]
#[expect(dead_code, reason = "describes an entry of a list of reasons")]
pub struct ReasonCode(String);

/// A field of a customer.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200, example = "contact.email")]
#[expect(dead_code, reason = "describes an entry of `customer_fields`")]
pub struct CustomerField(String);

/// Sources of one workspace.
const MOST_SOURCES: usize = 200;
/// Reasons of one list.
const MOST_REASONS: usize = 100;
/// Fields that a customer must have.
const MOST_CUSTOMER_FIELDS: usize = 50;

/// Whether `text` can name something that people choose from a list.
fn is_code(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

impl Settings {
    /// The settings after a merge patch; null restores a default, or removes a source.
    pub fn changed(&self, change: &Value) -> Result<Self> {
        let mut document = serde_json::to_value(self).map_err(Error::internal)?;
        patch::merge(&mut document, change);
        let settings: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let pointer = format!("/{}", error.path().to_string().replace('.', "/"));
            Error::invalid(pointer.trim_end_matches("/?"), "invalid", error.inner().to_string())
        })?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let mut broken = Vec::new();
        for key in self.sources.keys().filter(|key| !is_code(key)) {
            let pointer = format!("/sources/{}", crate::http::json::escape(key));
            broken.push(Violation::new(pointer, "malformed", "a source is named by 1 to 64 of a-z, 0-9 and _"));
        }
        if self.sources.is_empty() || self.sources.len() > MOST_SOURCES {
            broken.push(Violation::new("/sources", "out_of_range", format!("1 to {MOST_SOURCES} sources are allowed")));
        }
        let is_country = |country: &String| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        if !self.default_country.as_ref().is_none_or(is_country) {
            broken.push(Violation::new("/default_country", "malformed", "must be an ISO 3166 alpha-2 code such as EE"));
        }
        broken.extend(self.broken_reasons());
        broken.extend(self.broken_customer_fields());
        all_hold(broken)
    }

    fn broken_reasons(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        for (reasons, pointer) in
            [(&self.disqualification_reasons, "/disqualification_reasons"), (&self.loss_reasons, "/loss_reasons")]
        {
            if reasons.is_empty() || reasons.len() > MOST_REASONS {
                let detail = format!("1 to {MOST_REASONS} reasons are allowed");
                broken.push(Violation::new(pointer, "out_of_range", detail));
            }
            if !reasons.iter().all(|reason| is_code(reason)) {
                broken.push(Violation::new(pointer, "malformed", "a reason is named by 1 to 64 of a-z, 0-9 and _"));
            }
        }
        broken
    }

    fn broken_customer_fields(&self) -> Option<Violation> {
        let is_known = |name: &String| {
            let field = Field::named(name).map(|field| field.record);
            name.len() <= 200 && field.is_some_and(|record| matches!(record, Record::Contact | Record::Account))
        };
        let unknown = self.customer_fields.iter().find(|name| !is_known(name));
        let detail = match unknown {
            Some(name) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                format!("{name} is no field of a contact or account; GET /v1/filter-fields lists them")
            }
            None if self.customer_fields.len() > MOST_CUSTOMER_FIELDS => {
                format!("at most {MOST_CUSTOMER_FIELDS} fields are allowed")
            }
            None => return None,
        };
        Some(Violation::new("/customer_fields", "unknown_field", detail))
    }
}

impl Default for Settings {
    fn default() -> Self {
        use ChannelClass::{Net, Seed, Spear};
        let sources = [
            ("web", Net),
            ("landing_page", Net),
            ("email", Net),
            ("advertisement", Net),
            ("social", Net),
            ("event", Net),
            ("lead_ad", Net),
            ("referral", Seed),
            ("word_of_mouth", Seed),
            ("partner", Seed),
            ("cold_call", Spear),
            ("outreach", Spear),
            ("import", Net),
            ("other", Net),
        ];
        Self {
            sources: sources.into_iter().map(|(key, class)| (key.to_owned(), class)).collect(),
            default_country: None,
            require_profiling_consent: false,
            automatic_moves: Switches::default(),
            disqualification_reasons: codes(&[
                "bad_timing",
                "chose_competitor",
                "duplicate",
                "no_authority",
                "no_budget",
                "no_need",
                "not_interested",
                "other",
                "spam",
                "unreachable",
                "wrong_data",
            ]),
            loss_reasons: codes(&["competitor", "no_budget", "no_decision", "other", "price", "product", "timing"]),
            customer_fields: BTreeSet::new(),
        }
    }
}

fn codes(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|code| (*code).to_owned()).collect()
}

//! What a workspace decides for itself: sources with their channel class, the country of phone numbers without one,
//! which automatic moves happen, which process new leads enter, why leads may be refused or end, what must be known of a
//! customer, when people work.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::completeness::Fields;
use super::reasons::{self, Reasons, is_code};
use crate::error::{Error, Result, Violation, all_hold};
use crate::filter::{Field, Record};
use crate::http::patch;
use crate::process::calendar::Calendar;
use crate::process::stage::SHIPPED;
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

/// How many open leads a contact may have (ASG-7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadsPerContact {
    /// One for each marketing context, each with an owner of its own.
    #[default]
    PerContext,
    /// One: whatever the person submits next lands in it, and a second is not entered beside it.
    One,
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
    /// The fields that matter of a lead and of a contact: how many of them are filled is its completeness.
    pub completeness: Fields,
    /// The process that new leads enter.
    #[schema(max_length = 64, example = "lead_to_opportunity_marketing")]
    pub default_process: String,
    /// Why leads may be refused, by code, each in words for people; 1 to 100.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"no_budget": "No budget"}))]
    pub refusal_reasons: Reasons,
    /// Why leads may be disqualified, by code, each in words for people; 1 to 100.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"no_need": "No need"}))]
    pub disqualification_reasons: Reasons,
    /// Why opportunities may be lost, by code, each in words for people; 1 to 100.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"price": "Too dear"}))]
    pub loss_reasons: Reasons,
    /// Fields of contact and account that a lead must have when it is qualified, as filters name them; none unless set.
    #[schema(value_type = Vec<CustomerField>, example = json!(["contact.email", "account.tax_id"]))]
    pub customer_fields: BTreeSet<String>,
    /// When people work; service levels count working time. Round the clock when null.
    pub working_calendar: Option<Calendar>,
    /// How many open leads a contact may have. Leads that are there already stay.
    pub leads_per_contact: LeadsPerContact,
}

/// A field of a customer.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200, example = "contact.email")]
#[expect(dead_code, reason = "describes an entry of `customer_fields`")]
pub struct CustomerField(String);

/// Sources of one workspace.
const MOST_SOURCES: usize = 200;
/// Fields that a customer must have.
const MOST_CUSTOMER_FIELDS: usize = 50;

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
        broken.extend(self.completeness.check("/completeness"));
        for (reasons, pointer) in [
            (&self.refusal_reasons, "/refusal_reasons"),
            (&self.disqualification_reasons, "/disqualification_reasons"),
            (&self.loss_reasons, "/loss_reasons"),
        ] {
            broken.extend(reasons::check(reasons, pointer));
        }
        broken.extend(self.broken_customer_fields());
        broken.extend(self.working_calendar.iter().flat_map(|calendar| calendar.check("/working_calendar")));
        all_hold(broken)
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
            completeness: Fields::default(),
            default_process: SHIPPED.to_owned(),
            refusal_reasons: reasons::of_refusal(),
            disqualification_reasons: reasons::of_disqualification(),
            loss_reasons: reasons::of_loss(),
            customer_fields: BTreeSet::new(),
            working_calendar: None,
            leads_per_contact: LeadsPerContact::default(),
        }
    }
}

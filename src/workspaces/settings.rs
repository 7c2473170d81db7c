//! What a workspace decides for itself: sources with their channel class, the country of phone numbers without one,
//! which automatic moves happen, which process new leads enter, why leads may be refused, when people work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::completeness::Fields;
use crate::error::{Error, Result, Violation, all_hold};
use crate::http::patch;
use crate::process::calendar::Calendar;
use crate::process::stage::SHIPPED;
use crate::process::transition::Switches;
use crate::text;

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
    #[schema(example = json!({"no_budget": "No budget"}))]
    pub refusal_reasons: BTreeMap<String, String>,
    /// When people work; service levels count working time. Round the clock when null.
    pub working_calendar: Option<Calendar>,
    /// How many open leads a contact may have. Leads that are there already stay.
    pub leads_per_contact: LeadsPerContact,
}

/// Sources of one workspace.
const MOST_SOURCES: usize = 200;
/// Refusal reasons of one workspace, and characters of the words for each.
const MOST_REASONS: usize = 100;
const LONGEST_REASON: usize = 200;

/// The refusal reasons every workspace begins with.
const REASONS: [(&str, &str); 9] = [
    ("no_budget", "No budget"),
    ("no_need", "No need"),
    ("no_authority", "Not the one who decides"),
    ("not_now", "Not the right time"),
    ("not_a_fit", "Does not fit what we sell"),
    ("competitor", "Has chosen a competitor"),
    ("unreachable", "Cannot be reached"),
    ("wrong_details", "Wrong contact details"),
    ("other", "Other"),
];

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
        for key in self.sources.keys().filter(|key| !is_key(key)) {
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
        self.check_reasons(&mut broken);
        broken.extend(self.working_calendar.iter().flat_map(|calendar| calendar.check("/working_calendar")));
        all_hold(broken)
    }

    fn check_reasons(&self, broken: &mut Vec<Violation>) {
        for (key, words) in &self.refusal_reasons {
            let pointer = format!("/refusal_reasons/{}", crate::http::json::escape(key));
            if !is_key(key) {
                let detail = "a refusal reason is named by 1 to 64 of a-z, 0-9 and _";
                broken.push(Violation::new(pointer, "malformed", detail));
            } else if words.trim().is_empty() || text::at_most(words, LONGEST_REASON).is_err() {
                let detail = format!("its words for people have 1 to {LONGEST_REASON} characters");
                broken.push(Violation::new(pointer, "out_of_range", detail));
            }
        }
        if self.refusal_reasons.is_empty() || self.refusal_reasons.len() > MOST_REASONS {
            let detail = format!("1 to {MOST_REASONS} refusal reasons are allowed");
            broken.push(Violation::new("/refusal_reasons", "out_of_range", detail));
        }
    }
}

/// Whether `key` may name a source or a refusal reason.
fn is_key(key: &str) -> bool {
    (1..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
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
            refusal_reasons: REASONS.map(|(key, words)| (key.to_owned(), words.to_owned())).into(),
            working_calendar: None,
            leads_per_contact: LeadsPerContact::default(),
        }
    }
}

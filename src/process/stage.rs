//! Processes and their stages as data (PRO-1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::field::StageField;
use super::service_level::ServiceLevel;
use crate::auth::scope::Role;

/// Key of the process every workspace begins with.
pub const SHIPPED: &str = "lead_to_opportunity_marketing";

/// A named sequence of stages that a lead goes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "re_sale", "name": "Re-sale", "stages": [
    {"key": "contact", "name": "First contact", "role": "salesperson", "flags": ["sales_ready"],
     "fields": [{"key": "budget", "name": "Budget", "type": "integer", "required": true}],
     "service_level": {"default_minutes": 2880, "by_temperature": {"hot": 240}}},
    {"key": "offer", "name": "Offer", "refusal_to": "contact"},
]}))]
pub struct Process {
    /// Name for other records to refer to: 1 to 64 lower-case letters, digits and underscores, a letter first.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[a-z][a-z0-9_]*$",
        example = "lead_to_opportunity_marketing"
    )]
    pub key: String,
    /// Name for people, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Lead to opportunity, marketing")]
    pub name: String,
    /// The stages, first to last, 1 to 30, their keys all different.
    #[schema(min_items = 1, max_items = 30)]
    pub stages: Vec<Stage>,
}

/// One step of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProcessStage)]
pub struct Stage {
    /// Name for other records to refer to: 1 to 64 lower-case letters, digits and underscores, a letter first.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z][a-z0-9_]*$", example = "sales_acceptance")]
    pub key: String,
    /// Name for people, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Sales acceptance")]
    pub name: String,
    /// What is to be known of a lead in this stage, 0 to 40 fields, their keys all different.
    #[serde(default)]
    #[schema(max_items = 40)]
    pub fields: Vec<StageField>,
    /// Marks that people set on a lead in this stage, 0 to 4, each once.
    #[serde(default)]
    #[schema(max_items = 4)]
    pub flags: Vec<Flag>,
    /// Who works leads in this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Tasks that are created when a lead enters the stage, 0 to 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10)]
    pub tasks: Vec<StageTask>,
    /// How long leads may stay. No limit when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service_level: Option<ServiceLevel>,
    /// The earlier stage that a lead which is refused here goes back to. None can be refused here when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[a-z][a-z0-9_]*$",
        example = "marketing_qualification",
        nullable = false
    )]
    pub refusal_to: Option<String>,
}

/// A task that is created when a lead enters a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageTask {
    /// What is to be done.
    pub kind: TaskKind,
    /// In words, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "First call")]
    pub title: String,
    /// When it is due: minutes of the clock after the lead entered the stage, 1 to 525600.
    #[schema(minimum = 1, maximum = 525_600, example = 1_440)]
    pub due_in_minutes: i64,
}

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A call.
    Call,
    /// A mail.
    Mail,
    /// An offer.
    Offer,
    /// A meeting.
    Meeting,
    /// Anything else.
    Other,
}

/// A mark on a lead that says what it is ready for or who took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeadFlag)]
pub enum Flag {
    /// Ready for sales, by score or by hand.
    SalesReady,
    /// Ready for teleprospecting.
    TeleprospectReady,
    /// Taken by teleprospecting.
    TeleprospectAccepted,
    /// Taken by sales.
    SalesAccepted,
}

impl Flag {
    /// Every mark there is.
    pub const ALL: [Self; 4] =
        [Self::SalesReady, Self::TeleprospectReady, Self::TeleprospectAccepted, Self::SalesAccepted];

    /// The mark called `name` in the API.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    /// What the API calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SalesReady => "sales_ready",
            Self::TeleprospectReady => "teleprospect_ready",
            Self::TeleprospectAccepted => "teleprospect_accepted",
            Self::SalesAccepted => "sales_accepted",
        }
    }
}

/// The stage in which leads are qualified by marketing: where refused and reopened ones go on.
pub const MARKETING_QUALIFICATION: &str = "marketing_qualification";

impl Process {
    /// The process every workspace begins with: from inquiry to sales acceptance.
    pub fn shipped() -> Self {
        let (marketing, calls, sales) = (Role::Marketer, Role::Teleprospector, Role::Salesperson);
        let readiness = [Flag::SalesReady, Flag::TeleprospectReady];
        Self {
            key: SHIPPED.to_owned(),
            name: "Lead to opportunity, marketing".to_owned(),
            stages: vec![
                Stage::shipped("inquiry", "Inquiry", marketing, &readiness),
                Stage::shipped(MARKETING_QUALIFICATION, "Marketing qualification", marketing, &readiness),
                Stage::shipped(
                    "teleprospect_acceptance",
                    "Teleprospect acceptance",
                    calls,
                    &[Flag::SalesReady, Flag::TeleprospectAccepted],
                )
                .may_refuse(),
                Stage::shipped("teleprospect_qualification", "Teleprospect qualification", calls, &[Flag::SalesReady])
                    .may_refuse(),
                Stage::shipped("sales_acceptance", "Sales acceptance", sales, &[Flag::SalesAccepted]).may_refuse(),
            ],
        }
    }

    /// The stage called `key`; none when the process has no such stage.
    pub fn stage(&self, key: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.key == key)
    }

    /// The keys of the stages that `holds` is true of, in order.
    pub fn keys(&self, holds: impl Fn(&Stage) -> bool) -> Vec<String> {
        self.stages.iter().filter(|stage| holds(stage)).map(|stage| stage.key.clone()).collect()
    }

    /// Where `stage` stands, counted from 0; `None` when the process has no such stage.
    pub fn position(&self, stage: &str) -> Option<usize> {
        self.stages.iter().position(|known| known.key == stage)
    }
}

impl Stage {
    fn shipped(key: &str, name: &str, role: Role, flags: &[Flag]) -> Self {
        Self {
            key: key.to_owned(),
            name: name.to_owned(),
            fields: Vec::new(),
            flags: flags.to_vec(),
            role: Some(role),
            tasks: Vec::new(),
            service_level: None,
            refusal_to: None,
        }
    }

    fn may_refuse(self) -> Self {
        Self { refusal_to: Some(MARKETING_QUALIFICATION.to_owned()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_process_leads_from_inquiry_to_sales_acceptance() {
        let process = Process::shipped();
        let keys: Vec<&str> = process.stages.iter().map(|stage| stage.key.as_str()).collect();
        let expected = [
            "inquiry",
            "marketing_qualification",
            "teleprospect_acceptance",
            "teleprospect_qualification",
            "sales_acceptance",
        ];
        assert_eq!((process.key.as_str(), keys.as_slice()), (SHIPPED, expected.as_slice()));
        assert_eq!((process.position("sales_acceptance"), process.position("won")), (Some(4), None));
    }

    #[test]
    fn only_those_who_take_leads_from_others_may_refuse_them() {
        let process = Process::shipped();
        let refusing = process.keys(|stage| stage.refusal_to.as_deref() == Some(MARKETING_QUALIFICATION));
        assert_eq!(refusing, ["teleprospect_acceptance", "teleprospect_qualification", "sales_acceptance"]);
    }

    #[test]
    fn a_mark_is_named_as_json_shows_it() {
        for flag in Flag::ALL {
            assert_eq!(serde_json::to_value(flag).unwrap(), flag.name());
            assert_eq!(Flag::named(flag.name()), Some(flag));
        }
        assert_eq!(Flag::named("ready"), None);
    }

    #[test]
    fn a_process_survives_json() {
        let json = serde_json::to_string(&Process::shipped()).unwrap();
        assert_eq!(serde_json::from_str::<Process>(&json).unwrap(), Process::shipped());
    }
}

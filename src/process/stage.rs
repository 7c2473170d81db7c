//! Processes and their stages as data (PRO-1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::scope::Role;

/// Key of the process every workspace begins with.
pub const SHIPPED: &str = "lead_to_opportunity_marketing";

/// A named sequence of stages that a lead goes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// Marks that people set on a lead in this stage, 0 to 4.
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

impl Process {
    /// The process every workspace begins with: from inquiry to sales acceptance.
    pub fn shipped() -> Self {
        let stages = [
            ("inquiry", "Inquiry", Role::Marketer, &[Flag::SalesReady, Flag::TeleprospectReady][..]),
            (
                "marketing_qualification",
                "Marketing qualification",
                Role::Marketer,
                &[Flag::SalesReady, Flag::TeleprospectReady],
            ),
            (
                "teleprospect_acceptance",
                "Teleprospect acceptance",
                Role::Teleprospector,
                &[Flag::SalesReady, Flag::TeleprospectAccepted],
            ),
            ("teleprospect_qualification", "Teleprospect qualification", Role::Teleprospector, &[Flag::SalesReady]),
            ("sales_acceptance", "Sales acceptance", Role::Salesperson, &[Flag::SalesAccepted]),
        ];
        Self {
            key: SHIPPED.to_owned(),
            name: "Lead to opportunity, marketing".to_owned(),
            stages: stages
                .map(|(key, name, role, flags)| Stage {
                    key: key.to_owned(),
                    name: name.to_owned(),
                    flags: flags.to_vec(),
                    role: Some(role),
                    tasks: Vec::new(),
                })
                .into(),
        }
    }

    /// The stage `key`; `None` when the process has no such stage.
    pub fn stage(&self, key: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.key == key)
    }

    /// Where `stage` stands, counted from 0; `None` when the process has no such stage.
    pub fn position(&self, stage: &str) -> Option<usize> {
        self.stages.iter().position(|known| known.key == stage)
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
    fn a_process_survives_json() {
        let json = serde_json::to_string(&Process::shipped()).unwrap();
        assert_eq!(serde_json::from_str::<Process>(&json).unwrap(), Process::shipped());
    }
}

//! Models that turn what a lead is and what was done into points, and the ledger that explains every point (SCO).
//!
//! `model` and `condition` are the document a model is written as, `check` says which documents make sense, `evaluate`
//! what one makes of a lead from scratch, `tally` the same from what was seen before, `step` how a stored score moves on
//! and what the ledger tells of it: all pure. `models` publishes and stops, `rescore` is the one path by which a score
//! changes, in the transaction that changed what it rests on or in a job (`rescoring`, `sweep`), `explain` answers for
//! the present moment and for past ones, `verify` proves that all of it agrees.
//!
//! A contact's lead is scored by what its contact did; a lead that has an account and no contact by what all contacts of
//! the account did, and by what names the lead itself without naming a person. The account that conditions ask about is
//! the lead's own, otherwise that of its contact. Where the workspace demands consent to profiling (ADM-5), people
//! without it are not scored, and what they did scores no account's lead.
//!
//! The rows of the ledger add up to the score, rule by rule, because both are written by one transaction that holds the
//! lead. What becomes known takes effect in the ledger when it is known, what time does when it does it. Closed leads
//! keep the scores they were closed with, also when a model is stopped.

mod card;
mod case;
mod catalogue;
mod check;
mod check_handlers;
mod compile;
mod condition;
mod course;
mod decay;
mod deeds;
mod doubts;
mod evaluate;
#[cfg(test)]
mod examples;
mod explain;
mod footing;
mod forecast;
pub mod handlers;
mod history;
mod known;
mod known_repository;
#[cfg(test)]
mod laws;
mod lead_handlers;
mod ledger;
mod ledger_repository;
mod model;
mod models;
mod nearest;
mod occurrence;
mod outcome;
mod past_repository;
pub mod proof;
mod reading;
mod reasons;
#[cfg(test)]
mod reference;
mod repository;
mod rescore;
pub mod rescoring;
mod salvage;
mod scores_repository;
mod seen;
mod sentences;
mod settle;
pub mod shadow;
pub mod shadow_handlers;
#[cfg(test)]
mod shape;
mod step;
pub mod sweep;
mod tally;
mod terms;
#[cfg(test)]
mod told;
mod track;
pub mod verify;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::packed::Packed;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::id::Id;
use crate::process::StageMove;
use crate::schema::{lead_scores, score_entries, scoring_models};

pub use card::{Card, Part};
pub use compile::Model;
pub use condition::{Behaviour, Condition, Decay, Frequency, Property};
pub use course::{Course, course, score};
pub use evaluate::{Facts, Scorecard, Share, evaluate};
pub use explain::{ExplainedScore, explain};
pub use footing::Rested;
pub use forecast::{Change, forecast, next_change};
pub use known::records;
pub use known::{consents_to_profiling, facts};
pub use ledger::{Cause, Row, entries};
pub use model::{Definition, Grade, Group, Rule, Target};
pub use models::{create, is_kind_used, publish, save_draft, start_shadow, stop, stop_shadow};
pub use occurrence::{Evidence, Occurrence};
pub use reading::{Given, given};
pub use rescore::{
    Told, Undermined, account_changed, assets_changed, consent_rule_changed, contact_changed, hold_contact,
    hold_contacts, hold_lead, hold_leads, lead_changed, lead_reopened, leads_of_contact, leads_of_contacts, rescore,
    rescore_history, rescore_news, rescore_told, rescore_voided, take_turns_before,
};
pub use settle::withdraw;
pub use tally::Tally;

/// Whether a model scores leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScoringModelStatus)]
pub enum Status {
    /// Never published.
    Draft,
    /// Scores leads.
    Live,
    /// Scored leads once; its scores are gone, its versions are kept.
    Stopped,
}

/// A scoring model: what scores leads now, and the draft of what shall.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = scoring_models, treat_none_as_default_value = false)]
pub struct ScoringModel {
    pub workspace_id: Id,
    pub id: Id,
    pub name: String,
    pub status: Code<Status>,
    pub live_version: Option<i64>,
    pub draft: Option<JsonOf<Definition>>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The model in whose shadow this one runs.
    pub shadow_of: Option<Id>,
    /// Whether its scores stayed when it was stopped.
    pub keeps_scores: bool,
}

impl Sorted for ScoringModel {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// What one model makes of one lead, as it is stored.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = lead_scores, primary_key(workspace_id, lead_id, model_id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct LeadScore {
    pub workspace_id: Id,
    pub lead_id: Id,
    pub model_id: Id,
    pub model_version: i64,
    pub score: i64,
    pub grade: String,
    pub shares: JsonOf<Vec<Part>>,
    /// Whether the score is at the model's sales-ready score or above.
    pub reached: bool,
    pub evaluated_at: Timestamp,
    /// When the score may next change though nothing else happens.
    pub due_at: Option<Timestamp>,
    /// The contact or account whose interactions the tally is of.
    pub whose_id: Option<Id>,
    /// What the model has seen until it was evaluated; none when that has to be read anew.
    pub tally: Option<Packed<Tally>>,
    /// The revision of the register of assets that it was scored by; 0 where no rule takes points from assets.
    pub assets_revision: i64,
}

/// A row of the ledger: one change of one rule's share in a score.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = score_entries, treat_none_as_default_value = false)]
pub struct ScoreEntry {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// The model.
    pub model_id: Id,
    /// The model's version.
    #[schema(example = 1)]
    pub model_version: i64,
    /// The rule's key, or `@cap:<group>`, `@floor`, `@ceiling` or `@residual` for what a bound adds or takes.
    #[schema(example = "webinar")]
    pub rule: String,
    /// By how many points the rule's share changed; never 0.
    #[schema(example = 40)]
    pub points: i64,
    /// Why.
    #[schema(value_type = Cause)]
    pub cause: Code<Cause>,
    /// The interaction that began or ceased to count; of several the first. Null where none did.
    pub interaction_id: Option<Id>,
    /// When the change took effect.
    pub at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
}

impl Sorted for ScoreEntry {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// What a rescoring made of one lead.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoredLead)]
pub struct LeadOutcome {
    /// The lead.
    pub lead_id: Id,
    /// Its score under every live model that scores it, in the order the models were created; empty when none does.
    pub scores: Vec<ModelScore>,
    /// The change of stage that followed: the first stage left and the last one entered. Null when there was none.
    pub stage: Option<StageMove>,
    /// Whether it had an owner.
    #[serde(skip)]
    pub is_owned: bool,
}

/// A lead's score under one model, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ModelScore {
    /// The model.
    pub model_id: Id,
    /// The model's name.
    #[schema(example = "Newcomers")]
    pub model: String,
    /// The score now, in points.
    #[schema(example = 65)]
    pub score: i64,
    /// The score before, in points; 0 for a lead that the model did not score.
    #[schema(example = 35)]
    pub before: i64,
    /// The grade of the score now.
    #[schema(example = "hot")]
    pub grade: String,
    /// Whether the score now is at the model's sales-ready score or above. A lead once marked sales ready keeps the mark
    /// when the score falls again.
    pub sales_ready: bool,
}

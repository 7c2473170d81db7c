//! What people did (INT-1 to INT-7, WRK-3). Recording an interaction calls scoring in the same transaction.
//!
//! [`record`] is the one path: a single interaction is a batch of one. An item that breaks a rule is told so and spoils
//! no other. All of a batch is written first and scored once, so the scores in an answer are those after the batch.
//! Single interactions that arrive while a transaction is under way are recorded together by the next one, at most one
//! of a person, so that each caller's answer shows what their own interaction did. A
//! repeat of `source` and `external_id` is answered with the first, and nothing is written. What was recorded never
//! changes, but for whose it is, what it takes over from the message that it answers, and being voided.
//!
//! Whose interaction it is, `attribution` decides. One whose person is not known waits for them. What an answer has from
//! its message, `reply` decides; one whose message is not known yet waits for it. `voids` takes back what scored
//! wrongly.
//!
//! What a user did for a person is a touch (WRK-2), see [`touch`]. A call, a meeting or a message that a user records
//! without saying who was there is the user's own. The owners of a person's open leads hear of what the person did, if
//! they want to (ASG-6); not of what is only attributed later.

mod attribution;
mod directory;
pub mod handlers;
mod input;
pub mod kind;
mod kind_handlers;
mod network;
mod recording;
mod recording_repository;
mod reply;
mod repository;
mod stream_handlers;
pub mod touch;
pub mod touch_handlers;
mod touch_repository;
mod void_handlers;
mod void_repository;
pub mod voids;
mod waiting_repository;

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::alerts::interest::Did;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::id::Id;
use crate::schema::interactions;
use crate::scoring::{Evidence, LeadOutcome, Occurrence};

pub use attribution::{attribute_lead, attribute_waiting, credit, take_turns_to_change};
pub use input::{FUTURE_S, InReplyTo, NewInteraction, Person};
pub use recording::record;
pub use repository::InteractionFilter;

/// One thing a person did.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = interactions, treat_none_as_default_value = false)]
pub struct Interaction {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What was done: a kind of the register.
    #[schema(example = "email_opened")]
    pub kind: String,
    /// When it was done.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who did it; null while the person is not known.
    pub contact_id: Option<Id>,
    /// The lead it was done about, if that was said.
    pub lead_id: Option<Id>,
    /// The e-mail address that was given of the person, normalised.
    #[serde(rename = "person_email")]
    #[schema(example = "ann@example.com")]
    pub email_key: Option<String>,
    /// The phone that was given of the person, in E.164.
    #[serde(rename = "person_phone")]
    pub phone_key: Option<String>,
    /// The id in another system that was given of the person.
    pub external_person_id: Option<String>,
    /// The anonymous id (of a browser) that was given of the person.
    pub anonymous_id: Option<String>,
    /// The asset it was done with.
    #[schema(example = "white-paper")]
    pub asset: Option<String>,
    /// The campaign it belongs to.
    pub campaign: Option<String>,
    /// The form it was done with.
    pub form_id: Option<Id>,
    /// More about it.
    #[schema(value_type = Object)]
    pub properties: JsonOf<Value>,
    /// The system that told of it.
    #[schema(example = "mailer")]
    pub source: Option<String>,
    /// Its id in that system.
    #[schema(example = "m-1842")]
    pub external_id: Option<String>,
    /// The user who sent what it answers, or who was there.
    pub sender_id: Option<Id>,
    /// The campaign or mail that it answers.
    pub cause: Option<String>,
    /// Whether a person did it: machines open and click too.
    #[schema(value_type = Evidence)]
    pub evidence: Code<Evidence>,
    /// The network address it came from.
    #[schema(example = "203.0.113.7")]
    pub remote_address: Option<String>,
    #[serde(skip)]
    pub network_key: Option<String>,
    /// The message that it answers, once that is known.
    #[serde(rename = "in_reply_to_id")]
    pub reply_to_id: Option<Id>,
    /// The system that tells of the message, as it was given.
    #[serde(rename = "in_reply_to_source")]
    #[schema(example = "mailer")]
    pub reply_to_source: Option<String>,
    /// The message's id in that system, as it was given.
    #[serde(rename = "in_reply_to_external_id")]
    #[schema(example = "sent-512")]
    pub reply_to_external_id: Option<String>,
    /// When it was voided, if it was: it counts for no score since.
    pub voided_at: Option<Timestamp>,
    /// The void that it was voided by.
    pub void_id: Option<Id>,
    /// Why it was voided.
    #[schema(example = "a mail scanner opened them")]
    pub void_reason: Option<String>,
}

impl Interaction {
    /// What scoring sees of it.
    fn occurrence(&self) -> Occurrence {
        Occurrence {
            id: self.id,
            kind: self.kind.clone(),
            occurred_at: self.occurred_at,
            lead_id: self.lead_id,
            asset: self.asset.clone(),
            campaign: self.campaign.clone(),
            form_id: self.form_id,
            properties: self.properties.0.clone(),
            evidence: self.evidence.0,
            voided: self.voided_at.is_some(),
        }
    }

    /// What owners of leads are told of it.
    fn did(&self) -> Did {
        let answers = self.reply_to_id.is_some() || self.reply_to_external_id.is_some();
        Did {
            interaction_id: self.id,
            kind: self.kind.clone(),
            occurred_at: self.occurred_at,
            contact_id: self.contact_id,
            lead_id: self.lead_id,
            done_by: self.sender_id.filter(|_| touch::is_touch(&self.kind, answers)),
        }
    }
}

/// The fields that interactions can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("occurred_at", "interactions.occurred_at", SortKind::Instant),
    SortField::new("recorded_at", "interactions.recorded_at", SortKind::Made),
];

impl Sorted for Interaction {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "recorded_at" => self.recorded_at.to_string(),
            _ => self.occurred_at.to_string(),
        }
    }
}

/// An interaction as recorded, and what it set off.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RecordedInteraction)]
pub struct Recorded {
    /// The interaction.
    pub id: Id,
    /// The contact who did it; null while the person is not known.
    pub attributed_to: Option<Id>,
    /// The open leads it bears on, with their scores before and after, and the stage they moved to.
    pub leads: Vec<LeadOutcome>,
    /// Whether this is the first time; false for a repeat of `source` and `external_id`.
    #[serde(skip)]
    pub first: bool,
}

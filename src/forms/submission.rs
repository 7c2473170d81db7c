//! A submission as it is kept: what was sent, from where, and what became of it (CAP-3).

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payload::Payload;
use super::proof::ConsentProof;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::id::Id;
use crate::matching::Effect;
use crate::schema::submissions;

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SubmissionStatus)]
pub enum Status {
    /// Done; `reason` tells why less was made of it than the form usually does.
    Processed,
    /// Kept, and nothing else was done; `reason` tells why.
    Failed,
    /// Suspected to be spam, for the `reason` given: kept, and nothing is made of it unless it is released.
    Quarantined,
    /// Whoever sent it has yet to confirm their address; nothing is made of it until they do.
    Pending,
}

/// A submission.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = submissions, treat_none_as_default_value = false)]
pub struct Submission {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id, as the visitor was told.
    pub id: Id,
    /// The form.
    pub form_id: Id,
    /// The version of the form by which it was read.
    #[schema(example = 2)]
    pub form_version: i64,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What was sent.
    #[schema(value_type = Payload)]
    pub payload: JsonOf<Payload>,
    /// What was sent first, when what was sent has been corrected since.
    #[schema(value_type = Option<Payload>)]
    pub original_payload: Option<JsonOf<Payload>>,
    #[serde(skip)]
    pub fingerprint: String,
    #[serde(skip)]
    pub client_key: Option<String>,
    #[serde(skip)]
    pub form_token: Option<Id>,
    /// The network address it came from, as far as trusted proxies tell.
    #[schema(example = "203.0.113.7")]
    pub remote_address: Option<String>,
    /// The program that sent it, as it calls itself; up to 500 characters.
    pub user_agent: Option<String>,
    /// What became of it.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// Why it failed, or why no contact or lead was made of it.
    pub reason: Option<String>,
    /// What was created, changed, linked or left alone.
    #[schema(value_type = Outcome)]
    pub outcome: JsonOf<Outcome>,
    /// The contact it was credited to.
    pub contact_id: Option<Id>,
    /// The lead it belongs to.
    pub lead_id: Option<Id>,
    /// The interaction that was recorded.
    pub interaction_id: Option<Id>,
    /// Grows by one with every change.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a submission did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SubmissionOutcome)]
pub struct Outcome {
    /// What was done about the person.
    pub contact: Option<Touched>,
    /// What was done about the company.
    pub account: Option<Touched>,
    /// What was done about the interest.
    pub lead: Option<Touched>,
    /// Values that contradict what is known. The records keep what they had, and each value is a proposal.
    pub conflicts: Vec<Conflict>,
    /// What proves the consents that were given.
    pub consents: Vec<ConsentProof>,
}

/// What was done about one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SubmissionTouched)]
pub struct Touched {
    /// What was done.
    pub effect: Effect,
    /// The record; null when there is none.
    pub id: Option<Id>,
    /// The match decision behind it; null when nothing was looked for.
    pub decision_id: Option<Id>,
}

/// A value that contradicts a known one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SubmissionConflict)]
pub struct Conflict {
    /// The field of the record.
    #[schema(example = "contact.first_name")]
    pub field: String,
    /// What was sent.
    #[schema(example = "Anna")]
    pub sent: String,
    /// The proposal that it became.
    #[serde(default)]
    pub proposal_id: Option<Id>,
}

/// The fields that submissions can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("received_at", "submissions.received_at", SortKind::Instant)];

impl Sorted for Submission {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.received_at.to_string()
    }
}

/// What was made of a submission.
#[derive(Clone, Debug)]
pub struct Done {
    pub status: Status,
    pub reason: Option<String>,
    pub outcome: Outcome,
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub interaction_id: Option<Id>,
    /// Whether the interaction had been recorded before.
    pub is_repeat: bool,
}

impl Done {
    pub(super) fn nothing() -> Self {
        let outcome = Outcome::default();
        Self {
            status: Status::Processed,
            reason: None,
            outcome,
            contact_id: None,
            lead_id: None,
            interaction_id: None,
            is_repeat: false,
        }
    }

    /// Nothing but keeping it, because of `reason`.
    pub fn held(status: Status, reason: Option<String>) -> Self {
        Self { status, reason, ..Self::nothing() }
    }
}

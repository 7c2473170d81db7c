//! What became of a lead (SCO-15): whether sales took it or it qualified, or it came to nothing.
//!
//! Whether the opportunity that a qualified lead led to was won is told beside it: a lead that sales accepted or
//! qualified was well chosen, whatever became of the deal. A lead that was reopened has no outcome yet again, unless
//! sales had accepted it and it kept the mark.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Lead, Status};
use crate::clock::Timestamp;

/// What became of a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeadOutcome)]
pub enum Outcome {
    /// Sales accepted it, or it qualified.
    Won,
    /// It was disqualified without having been accepted.
    Lost,
    /// Nothing yet.
    Open,
}

/// What became of `lead`, and when that was: the acceptance, otherwise `closed_at`, when it was closed; its last change
/// where that was not recorded. `None` while it is open.
pub fn outcome(lead: &Lead, closed_at: Option<Timestamp>) -> Option<(Outcome, Timestamp)> {
    let closed_at = closed_at.unwrap_or(lead.updated_at);
    match (&lead.flags.0.sales_accepted, lead.status.0) {
        (Some(accepted), _) => Some((Outcome::Won, accepted.at)),
        (None, Status::Qualified) => Some((Outcome::Won, closed_at)),
        (None, Status::Disqualified) => Some((Outcome::Lost, closed_at)),
        (None, Status::Open) => None,
    }
}

//! What became of a lead (SCO-15): whether sales took it or it qualified, or it came to nothing.

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

/// What became of `lead`, and when that was: the acceptance, otherwise the last change of the lead that was closed.
/// `None` while it is open.
pub fn outcome(lead: &Lead) -> Option<(Outcome, Timestamp)> {
    match (&lead.flags.0.sales_accepted, lead.status.0) {
        (Some(accepted), _) => Some((Outcome::Won, accepted.at)),
        (None, Status::Qualified) => Some((Outcome::Won, lead.updated_at)),
        (None, Status::Disqualified) => Some((Outcome::Lost, lead.updated_at)),
        (None, Status::Open) => None,
    }
}

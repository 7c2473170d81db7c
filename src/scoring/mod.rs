mod check;
mod compile;
mod condition;
mod decay;
mod evaluate;
mod forecast;
pub mod handlers;
mod ledger;
mod model;
mod occurrence;
mod percent;
mod reading;
mod track;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
pub use compile::Model;
pub use condition::{Behaviour, Condition, Decay, Frequency, Property};
pub use evaluate::{Facts, Scorecard, Share, evaluate};
pub use forecast::{Change, forecast, next_change};
pub use ledger::{Cause, Row, Stored, Walk, entries, walk};
pub use model::{Definition, Grade, Group, Rule, Target};
pub use occurrence::{Evidence, Occurrence};
pub use percent::Percent;
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct LeadOutcome {
    pub lead_id: Id,
}
pub fn rescore(_: &mut Tx<'_>, _: &[Id], _: Cause) -> Result<Vec<LeadOutcome>> {
    Ok(vec![])
}
pub fn leads_of_contact(_: &mut Tx<'_>, _: Id) -> Result<Vec<Id>> {
    Ok(vec![])
}
pub fn contact_changed(_: &mut Tx<'_>, _: Id) -> Result<()> {
    Ok(())
}
pub fn lead_changed(_: &mut Tx<'_>, _: Id) -> Result<()> {
    Ok(())
}

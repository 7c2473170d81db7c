//! A lead comes to nothing (CLO-2): with a reason, perhaps a letter, perhaps a day on which it begins anew.

use serde::Deserialize;
use utoipa::ToSchema;

use super::goodbye::{self, GoodbyeWish};
use super::{Carried, Closing, Ended, close, lock_open, recycle, refuse_closed};
use crate::day::Day;
use crate::db::Tx;
use crate::error::{Result, all_hold};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{Lead, Status};
use crate::workspaces::reasons;
use crate::{scoring, workspaces};

/// Why a lead comes to nothing, and what follows.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeadDisqualification, example = json!({
    "reason": "no_budget", "note": "asks again next year", "recycle_on": "2027-02-01",
    "goodbye": {"template": "goodbye", "questionnaire_url": "https://survey.example/q/7"}
}))]
pub struct Disqualification {
    /// Why: one of the workspace's `disqualification_reasons`.
    #[schema(min_length = 1, max_length = 64)]
    pub reason: String,
    /// More about it, for people.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
    /// A letter to say goodbye with.
    #[schema(nullable = false)]
    pub goodbye: Option<GoodbyeWish>,
    /// The day on which it begins anew, later than today (UTC).
    pub recycle_on: Option<Day>,
}

/// Disqualifies an open lead. 409 for a closed one; 422 lists every rule that is broken.
pub fn disqualify(tx: &mut Tx<'_>, id: Id, wish: &Disqualification, condition: &Condition) -> Result<(Lead, Closing)> {
    let seen = tx.leads().get(id)?;
    refuse_closed(tx, &seen)?;
    scoring::hold_lead(tx, id)?;
    let lead = lock_open(tx, id, condition)?;
    // What time has changed until now is told before the scores stand still.
    scoring::lead_changed(tx, id)?;
    let mut broken = Vec::new();
    broken.extend(reasons::unknown(&workspaces::settings(tx)?.disqualification_reasons, &wish.reason));
    broken.extend(wish.recycle_on.and_then(|day| recycle::too_early(day, tx.at())));
    let goodbye = match &wish.goodbye {
        Some(wish) => goodbye::write(tx, &lead, wish, &mut broken)?,
        None => None,
    };
    all_hold(broken)?;
    let is_to_be_sent = goodbye.as_ref().is_some_and(|letter| letter.is_queued());
    let ended = Ended {
        status: Status::Disqualified,
        reason: Some(wish.reason.clone()),
        note: wish.note.clone(),
        contact_id: lead.contact_id,
        account_id: lead.account_id,
        opportunity_id: None,
        carried: Carried::default(),
        goodbye,
        recycle_on: wish.recycle_on,
    };
    let lead = tx.leads().get(lead.id)?;
    let (lead, closing) = close(tx, &lead, ended)?;
    if is_to_be_sent {
        goodbye::request(tx, closing.id)?;
    }
    Ok((lead, closing))
}

//! What callers say of an opportunity, checked.

use diesel::prelude::*;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Amount, Opportunity, Status};
use crate::accounts::{self, Money};
use crate::attributes::{Attributes, AttributesPatch};
use crate::clock::Timestamp;
use crate::day::Day;
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Result, Violation, all_hold};
use crate::http::patch;
use crate::id::Id;
use crate::schema::opportunities;
use crate::text;
use crate::workspaces::reasons::{self, Reasons};

/// A new deal.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Warehouse software for Contoso", "amount": {"amount_minor": 1_250_000, "currency": "EUR"},
    "expected_close_on": "2026-11-24"
}))]
pub struct NewOpportunity {
    /// What it is about.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The person it is talked over with.
    pub contact_id: Option<Id>,
    /// The company that would buy.
    pub account_id: Option<Id>,
    /// The lead that led to it.
    pub lead_id: Option<Id>,
    /// The user who works on it.
    pub owner_id: Option<Id>,
    /// What it is expected to bring.
    pub amount: Option<Money>,
    /// The day on which it is expected to be decided.
    pub expected_close_on: Option<Day>,
    /// Custom attributes.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Changes to a deal: absent fields stay, null clears. How it ended has paths of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"amount": {"amount_minor": 1_400_000, "currency": "EUR"}, "expected_close_on": null}))]
pub struct OpportunityPatch {
    /// What it is about.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// The person it is talked over with.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub contact_id: Option<Option<Id>>,
    /// The company that would buy.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub account_id: Option<Option<Id>>,
    /// The lead that led to it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub lead_id: Option<Option<Id>>,
    /// The user who works on it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub owner_id: Option<Option<Id>>,
    /// What it is expected to bring, or brought.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Money>)]
    pub amount: Option<Option<Money>>,
    /// The day on which it is expected to be decided.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Day>)]
    pub expected_close_on: Option<Option<Day>>,
    /// Custom attributes to set or, with null, remove.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = AttributesPatch)]
    pub attributes: Option<AttributesPatch>,
}

/// How a deal can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OpportunityEnd)]
pub enum EndedAs {
    /// The customer bought.
    Won,
    /// The customer did not.
    Lost,
}

impl From<EndedAs> for Status {
    fn from(ended: EndedAs) -> Self {
        match ended {
            EndedAs::Won => Self::Won,
            EndedAs::Lost => Self::Lost,
        }
    }
}

/// How a deal ended.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpportunityOutcome, example = json!({"status": "lost", "reason": "price", "note": "half as much elsewhere"}))]
pub struct Ending {
    /// Whether the customer bought.
    pub status: EndedAs,
    /// Why it was lost: one of the workspace's `loss_reasons`. Needed for `lost`, and not allowed for `won`.
    #[schema(max_length = 64)]
    pub reason: Option<String>,
    /// More about it, for people.
    #[schema(max_length = 2_000)]
    pub note: Option<String>,
    /// When that was; now when left out. Not in the future.
    pub at: Option<Timestamp>,
}

/// The columns that a change sets; `None` leaves one alone.
#[derive(Default, AsChangeset)]
#[diesel(table_name = opportunities)]
pub(super) struct Changes {
    name: Option<String>,
    search_key: Option<String>,
    contact_id: Option<Option<Id>>,
    account_id: Option<Option<Id>>,
    lead_id: Option<Option<Id>>,
    owner_id: Option<Option<Id>>,
    #[diesel(embed)]
    amount: Option<Amount>,
    expected_close_on: Option<Option<Code<Day>>>,
    attributes: Option<JsonOf<Attributes>>,
}

/// Everything that is wrong with a new opportunity although each part of it has the right shape.
pub fn broken(tx: &mut Tx<'_>, new: &NewOpportunity) -> Result<Vec<Violation>> {
    let mut broken = Vec::from_iter(Violation::blank("/name", &new.name));
    check_references(tx, [new.contact_id, new.account_id, new.lead_id, new.owner_id], &mut broken)?;
    Ok(broken)
}

impl OpportunityPatch {
    /// The columns this changes on `present`; all broken rules are reported.
    pub(super) fn changes(&self, tx: &mut Tx<'_>, present: &Opportunity) -> Result<Changes> {
        let mut broken = Vec::from_iter(self.name.as_deref().and_then(|name| Violation::blank("/name", name)));
        let named = [self.contact_id, self.account_id, self.lead_id, self.owner_id];
        check_references(tx, named.map(Option::flatten), &mut broken)?;
        all_hold(broken)?;
        Ok(Changes {
            name: self.name.clone(),
            search_key: self.name.as_deref().map(text::search_key),
            contact_id: self.contact_id,
            account_id: self.account_id,
            lead_id: self.lead_id,
            owner_id: self.owner_id,
            amount: self.amount.clone().map(Amount::from),
            expected_close_on: self.expected_close_on.map(|day| day.map(Code)),
            attributes: self.attributes.as_ref().map(|change| JsonOf(present.attributes.0.clone().changed(change))),
        })
    }
}

impl Ending {
    /// Everything that is wrong with ending `opportunity` so at `now`, where these are the reasons for a loss.
    pub(super) fn broken(&self, opportunity: &Opportunity, now: Timestamp, reasons: &Reasons) -> Vec<Violation> {
        let mut broken = Vec::new();
        let allowed = || Vec::from_iter(reasons.keys().map(String::as_str)).join(", ");
        match (self.status, self.reason.as_deref()) {
            (EndedAs::Won, Some(_)) => {
                broken.push(Violation::new("/reason", "not_allowed", "only a loss has a reason"));
            }
            (EndedAs::Lost, None) => {
                broken.push(Violation::new("/reason", "required", format!("a loss needs one of {}", allowed())));
            }
            (EndedAs::Lost, Some(reason)) => broken.extend(reasons::unknown(reasons, reason)),
            (EndedAs::Won, None) => {}
        }
        if self.at.is_some_and(|at| at > now || at < opportunity.created_at) {
            let detail = "must not be in the future, nor before the opportunity was created";
            broken.push(Violation::new("/at", "out_of_range", detail));
        }
        broken
    }
}

fn check_references(
    tx: &mut Tx<'_>,
    [contact, account, lead, owner]: [Option<Id>; 4],
    broken: &mut Vec<Violation>,
) -> Result<()> {
    if let Some(id) = contact {
        broken.extend(Violation::of_reference("/contact_id", "contact", id, tx.merged().contact(id)?));
    }
    if let Some(id) = lead {
        broken.extend(Violation::of_reference("/lead_id", "lead", id, tx.merged().lead(id)?));
    }
    if let Some(id) = account
        && tx.accounts().find(id)?.is_none()
    {
        broken.push(Violation::unknown("/account_id", "account"));
    }
    broken.extend(accounts::unknown_owner(tx, owner)?);
    Ok(())
}

//! Deals that leads have led to, or that somebody entered by hand (CLO-1, CLO-4).
//!
//! An opportunity is open until it is won or lost; a lost one says why, in a word of the workspace's list. One that is
//! closed keeps its outcome and refuses another until it is reopened, and may otherwise be corrected. Its lead is the one
//! that led to it: when that is deleted, the opportunity stays. There is no deleting: a deal that never was is lost.

pub mod handlers;
mod input;
mod outcome;
mod outcome_repository;
mod repository;

use diesel::prelude::*;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::accounts::Money;
use crate::attributes::Attributes;
use crate::clock::Timestamp;
use crate::day::Day;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::schema::opportunities;
use crate::text;
use crate::workspaces;

pub use input::{EndedAs, Ending, NewOpportunity, OpportunityPatch, broken};
pub use outcome::together;
pub use repository::{Opportunities, OpportunityFilter};

/// Whether a deal is being worked on, and if not, how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OpportunityStatus)]
pub enum Status {
    /// Being worked on.
    Open,
    /// The customer bought.
    Won,
    /// The customer did not.
    Lost,
}

/// A deal.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = opportunities, treat_none_as_default_value = false)]
pub struct Opportunity {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What it is about.
    #[schema(example = "Warehouse software for Contoso")]
    pub name: String,
    #[serde(skip)]
    pub search_key: String,
    /// The person it is talked over with.
    pub contact_id: Option<Id>,
    /// The company that would buy.
    pub account_id: Option<Id>,
    /// The lead that led to it; null where none did.
    pub lead_id: Option<Id>,
    /// The user who works on it.
    pub owner_id: Option<Id>,
    /// What it is expected to bring, or brought.
    #[diesel(embed)]
    #[schema(value_type = Option<Money>)]
    pub amount: Amount,
    /// The day on which it is expected to be decided.
    #[schema(value_type = Option<Day>)]
    pub expected_close_on: Option<Code<Day>>,
    /// Whether it is being worked on.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// Why it was lost: one of the workspace's `loss_reasons`.
    #[schema(example = "price")]
    pub reason: Option<String>,
    /// What whoever closed it noted.
    pub note: Option<String>,
    /// When it was won or lost; null while it is open.
    pub closed_at: Option<Timestamp>,
    /// Custom attributes.
    #[schema(value_type = Attributes)]
    pub attributes: JsonOf<Attributes>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An amount as two columns; together they are [`Money`] or nothing.
#[derive(Clone, Debug, Default, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = opportunities, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct Amount {
    pub amount_minor: Option<i64>,
    pub amount_currency: Option<String>,
}

impl From<Option<Money>> for Amount {
    fn from(money: Option<Money>) -> Self {
        let (amount_minor, amount_currency) = money.map(|money| (money.amount_minor, money.currency)).unzip();
        Self { amount_minor, amount_currency }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let money = self.amount_minor.zip(self.amount_currency.clone());
        money.map(|(amount_minor, currency)| Money { amount_minor, currency }).serialize(serializer)
    }
}

/// The fields that opportunities can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "opportunities.created_at", SortKind::Instant),
    SortField::new("updated_at", "opportunities.updated_at", SortKind::Instant),
    SortField::new("name", "opportunities.search_key", SortKind::Text),
];

impl Sorted for Opportunity {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "updated_at" => self.updated_at.to_string(),
            "name" => self.search_key.clone(),
            _ => self.created_at.to_string(),
        }
    }
}

impl Opportunity {
    fn subject(&self) -> Subject {
        Subject { contact_id: self.contact_id, lead_id: self.lead_id }
    }
}

/// Creates an opportunity. All broken rules are reported.
pub fn create(tx: &mut Tx<'_>, new: &NewOpportunity) -> Result<Opportunity> {
    all_hold(broken(tx, new)?)?;
    let at = tx.at();
    let opportunity = Opportunity {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        search_key: text::search_key(&new.name),
        name: new.name.clone(),
        contact_id: new.contact_id,
        account_id: new.account_id,
        lead_id: new.lead_id,
        owner_id: new.owner_id,
        amount: new.amount.clone().into(),
        expected_close_on: new.expected_close_on.map(Code),
        status: Code(Status::Open),
        reason: None,
        note: None,
        closed_at: None,
        attributes: JsonOf(new.attributes.clone()),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.opportunities().insert(&opportunity)?;
    events::emit(tx, "opportunity.created", opportunity.subject(), &json!({"opportunity": opportunity}))?;
    Ok(opportunity)
}

/// Changes the fields that `patch` names; one that names none changes nothing.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &OpportunityPatch, condition: &Condition) -> Result<Opportunity> {
    let before = tx.opportunities().lock(id)?;
    condition.check(before.version)?;
    if *patch == OpportunityPatch::default() {
        return Ok(before);
    }
    let changes = patch.changes(tx, &before)?;
    let opportunity = tx.opportunities().update(id, changes)?;
    tell(tx, "opportunity.changed", &before, &opportunity)?;
    Ok(opportunity)
}

/// Wins or loses an open opportunity. 409 for one that is closed.
pub fn end(tx: &mut Tx<'_>, id: Id, ending: &Ending, condition: &Condition) -> Result<Opportunity> {
    let reasons = workspaces::settings(tx)?.loss_reasons.clone();
    let before = tx.opportunities().lock(id)?;
    condition.check(before.version)?;
    if let (Status::Won | Status::Lost, Some(at)) = (before.status.0, before.closed_at) {
        let how = if before.status.0 == Status::Won { "won" } else { "lost" };
        let detail = format!(
            "the opportunity was {how} at {at}; to change that, reopen it first: POST /v1/opportunities/{id}/reopening"
        );
        return Err(Error::Conflict(detail));
    }
    all_hold(ending.broken(&before, tx.at(), &reasons))?;
    let (status, reason, note) = (ending.status.into(), ending.reason.clone(), ending.note.clone());
    let closed_at = Some(ending.at.unwrap_or(tx.at()));
    let opportunity = tx.opportunities().set_ended(id, status, (reason, note), closed_at)?;
    let kind = if status == Status::Won { "opportunity.won" } else { "opportunity.lost" };
    tell(tx, kind, &before, &opportunity)?;
    Ok(opportunity)
}

/// Takes the outcome of an opportunity back. 409 for one that is open.
pub fn reopen(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Opportunity> {
    let before = tx.opportunities().lock(id)?;
    condition.check(before.version)?;
    if before.status.0 == Status::Open {
        return Err(Error::Conflict("the opportunity is open".into()));
    }
    let opportunity = tx.opportunities().set_ended(id, Status::Open, (None, None), None)?;
    tell(tx, "opportunity.reopened", &before, &opportunity)?;
    Ok(opportunity)
}

fn tell(tx: &mut Tx<'_>, kind: &str, before: &Opportunity, opportunity: &Opportunity) -> Result<()> {
    let data = json!({"before": before, "opportunity": opportunity});
    events::emit(tx, kind, opportunity.subject(), &data)
}

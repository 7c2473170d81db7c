//! How leads end and begin again (CLO-1 to CLO-4): qualified into business, disqualified, put off until a day, reopened.
//!
//! Any open lead can be closed, whoever has worked it. Every closing goes through `close` and every reopening through
//! `open_again`; each closing is a row that is kept when the lead opens again. A closed lead keeps stage, marks, scores
//! and owner, refuses changes ([`leads::open_only`]) and can be deleted. What its contact does is still recorded; it
//! counts for the lead when that is reopened.
//!
//! Reopening keeps the stage and the marks that the lead had; what qualifying made of it, such as the opportunity, stays
//! and stays linked. Recycling is reopening for a new beginning: no marks, and `marketing_qualification`. Either brings
//! the scores up to date; a recycled lead that won points since it was closed may be sales ready at once. A recycle day
//! begins at midnight UTC.
//!
//! `qualify` and `disqualify` are the two ends, `carry` and `customer` the rules of the first, `permission` and `template`
//! those of the letter that may go with the second, which `goodbye` keeps and `goodbye_mail` sends.

mod carry;
mod choice;
mod customer;
mod disqualify;
mod goodbye;
pub mod goodbye_mail;
mod goodbye_repository;
pub mod handlers;
mod permission;
mod qualify;
mod recycle;
mod recycling_handlers;
mod repository;
mod template;
mod template_handlers;
mod template_repository;
mod templates;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::day::Day;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{self, Flags, Lead, Status};
use crate::process::{self, StageCause, StageMove};
use crate::schema::lead_closings;
use crate::{assignment, scoring, tasks};

pub use carry::Carried;
pub use disqualify::{Disqualification, disqualify};
pub use goodbye::Goodbye;
pub use qualify::{Qualification, Qualified, qualify};
pub use recycle::{CHORE, defer, recycle};

/// How a closed lead was opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeadReopenedAs)]
pub enum ReopenedAs {
    /// It went on where it had been.
    Reopened,
    /// It began anew.
    Recycled,
}

/// One time that a lead was closed.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = lead_closings, treat_none_as_default_value = false)]
#[schema(as = LeadClosing)]
pub struct Closing {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// How it ended.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// Why: for a disqualified lead one of the workspace's `disqualification_reasons`.
    #[schema(example = "no_budget")]
    pub reason: Option<String>,
    /// What whoever closed it noted.
    pub note: Option<String>,
    /// The stage it was in.
    #[schema(example = "sales_acceptance")]
    pub stage: Option<String>,
    /// When.
    pub closed_at: Timestamp,
    /// The user or client who closed it.
    pub closed_by: Option<Id>,
    /// The contact that it qualified with.
    pub contact_id: Option<Id>,
    /// The account that it qualified with.
    pub account_id: Option<Id>,
    /// The opportunity that it qualified into.
    pub opportunity_id: Option<Id>,
    /// The custom attributes of the lead that filled blanks of the records it qualified into.
    #[schema(value_type = Carried)]
    pub carried: JsonOf<Carried>,
    /// The letter that said goodbye; null where none was asked for.
    #[schema(value_type = Option<Goodbye>)]
    pub goodbye: Option<JsonOf<Goodbye>>,
    /// The day on which it begins anew; null when none is set.
    #[schema(value_type = Option<Day>)]
    pub recycle_on: Option<Code<Day>>,
    #[serde(skip)]
    pub recycle_due_at: Option<Timestamp>,
    /// When the lead was opened again; null while it is closed.
    pub reopened_at: Option<Timestamp>,
    /// The user or client who opened it; null where its day had come.
    pub reopened_by: Option<Id>,
    /// How it was opened again.
    #[schema(value_type = Option<ReopenedAs>)]
    pub reopened_as: Option<Code<ReopenedAs>>,
    /// What whoever opened it noted.
    pub reopening_note: Option<String>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
}

/// The fields that the closings of a lead can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("closed_at", "lead_closings.closed_at", SortKind::Instant)];

impl Sorted for Closing {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match (name, self.recycle_on) {
            ("recycle_on", Some(day)) => day.0.to_string(),
            _ => self.closed_at.to_string(),
        }
    }
}

/// How a lead is to be closed.
#[derive(Clone, Debug)]
struct Ended {
    status: Status,
    reason: Option<String>,
    note: Option<String>,
    contact_id: Option<Id>,
    account_id: Option<Id>,
    opportunity_id: Option<Id>,
    carried: Carried,
    goodbye: Option<Goodbye>,
    recycle_on: Option<Day>,
}

/// Closes an open lead that the caller has locked: the one way there is.
fn close(tx: &mut Tx<'_>, before: &Lead, ended: Ended) -> Result<(Lead, Closing)> {
    let lead = leads::close(tx, before, ended.status, ended.reason.clone())?;
    let closing = Closing {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        lead_id: lead.id,
        status: Code(ended.status),
        reason: ended.reason,
        note: ended.note,
        stage: before.stage.clone(),
        closed_at: tx.at(),
        closed_by: tx.scope.actor,
        contact_id: ended.contact_id,
        account_id: ended.account_id,
        opportunity_id: ended.opportunity_id,
        carried: JsonOf(ended.carried),
        goodbye: ended.goodbye.map(JsonOf),
        recycle_on: ended.recycle_on.map(Code),
        recycle_due_at: ended.recycle_on.map(Day::start),
        reopened_at: None,
        reopened_by: None,
        reopened_as: None,
        reopening_note: None,
        version: 1,
    };
    tx.closings().insert(&closing)?;
    process::stop_clock(tx, lead.id)?;
    tasks::lead_closed(tx, lead.id)?;
    assignment::room_changed(tx);
    let kind = if ended.status == Status::Qualified { "lead.qualified" } else { "lead.disqualified" };
    let data = json!({"before": before, "lead": lead, "closing": closing});
    events::emit(tx, kind, Subject::lead(lead.id, lead.contact_id), &data)?;
    Ok((lead, closing))
}

/// A lead that is open again.
#[derive(Clone, Debug)]
pub struct Opened {
    pub lead: Lead,
    /// The closing that ended with it; none where it was closed before closings were kept.
    pub closing: Option<Closing>,
    /// Where it moved, if it did.
    pub stage: Option<StageMove>,
}

/// Opens a closed lead again and brings its scores up to date: the one way there is. The caller has locked the lead and
/// holds off those who score it.
fn open_again(tx: &mut Tx<'_>, before: &Lead, way: ReopenedAs, note: Option<&str>) -> Result<Opened> {
    let (flags, kind) = match way {
        ReopenedAs::Reopened => (before.flags.0.clone(), "lead.reopened"),
        ReopenedAs::Recycled => (Flags::default(), "lead.recycled"),
    };
    let lead = leads::open_again(tx, before, flags)?;
    let closing = match tx.closings().standing(lead.id)? {
        Some(closing) => {
            goodbye::call_back(tx, &closing)?;
            Some(tx.closings().set_reopened(closing.id, way, note)?)
        }
        None => None,
    };
    let data = json!({"before": before, "lead": lead, "closing": closing});
    events::emit(tx, kind, Subject::lead(lead.id, lead.contact_id), &data)?;
    let entered = match way {
        ReopenedAs::Reopened => {
            process::restart_clock(tx, lead.id)?;
            None
        }
        ReopenedAs::Recycled => process::reenter(tx, lead.id, StageCause::Recycled)?,
    };
    let scored = scoring::lead_reopened(tx, lead.id)?;
    let moved = scored.into_iter().find_map(|outcome| outcome.stage);
    let stage = process::joined(entered, moved);
    let lead = tx.leads().get(lead.id)?;
    assignment::reconsider(tx, &lead);
    Ok(Opened { lead, closing, stage })
}

/// Opens a closed lead where it was (CLO-4). 409 for one that is open.
pub fn reopen(tx: &mut Tx<'_>, id: Id, note: Option<&str>, condition: &Condition) -> Result<Opened> {
    let lead = lock_closed(tx, id, condition)?;
    open_again(tx, &lead, ReopenedAs::Reopened, note)
}

/// The closed lead, which nobody changes or scores until the transaction ends. 409 for one that is open.
fn lock_closed(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Lead> {
    scoring::hold_lead(tx, id)?;
    let lead = tx.leads().lock(id)?;
    condition.check(lead.version)?;
    if lead.status.0.is_open() {
        return Err(Error::Conflict("the lead is open".into()));
    }
    Ok(lead)
}

/// The open lead, which nobody changes or scores until the transaction ends. 409 for one that is closed, which says what
/// came of it.
fn lock_open(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Lead> {
    let lead = tx.leads().lock(id)?;
    refuse_closed(tx, &lead)?;
    condition.check(lead.version)?;
    Ok(lead)
}

/// `Err(Conflict)` for a closed lead, with what came of it and what to do.
fn refuse_closed(tx: &mut Tx<'_>, lead: &Lead) -> Result<()> {
    let refused = leads::open_only(lead);
    let Err(Error::Conflict(what)) = refused else { return refused };
    let Some(closing) = tx.closings().standing(lead.id)? else { return Err(Error::Conflict(what)) };
    let records =
        [("contact", closing.contact_id), ("account", closing.account_id), ("opportunity", closing.opportunity_id)];
    let named = records.into_iter().filter_map(|(name, id)| Some(format!("{name} {}", id?)));
    let result: Vec<String> =
        closing.reason.into_iter().map(|reason| format!("reason {reason}")).chain(named).collect();
    let result = if result.is_empty() { String::new() } else { format!(" ({})", result.join(", ")) };
    Err(Error::Conflict(format!("closed at {}{result}: {what}", closing.closed_at)))
}

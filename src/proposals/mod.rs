//! Values that contradict what is known, for a user to decide (MAT-8): an anonymous visitor never overwrites.
//!
//! A form that fills blanks makes a proposal of each value that contradicts a contact or lead. While a proposal is open,
//! the same value for the same field is counted and not proposed again; after a rejection it is. To accept one is to
//! make the change as a user does, with all that can keep a user from it; what cannot be done leaves the proposal
//! open. Several values may be proposed for one field, and accepting one leaves the others open. A proposal whose value
//! the record has come to have some other way is superseded. Decisions are final: the same one again changes nothing,
//! another is refused. A proposal goes with its record.

mod accept;
pub mod handlers;
mod repository;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::attributes::says_the_same;
use crate::clock::Timestamp;
use crate::contacts::Contact;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::Code;
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::forms::place;
use crate::forms::policy::Contradiction;
use crate::forms::slot::Slot;
use crate::id::Id;
use crate::leads::Lead;
use crate::schema::proposals;
use crate::text;

pub use accept::accept;
pub use repository::ProposalFilter;

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProposalStatus)]
pub enum Status {
    /// To be decided.
    Open,
    /// The record took the value.
    Accepted,
    /// The record kept what it had.
    Rejected,
    /// The record came to have the value some other way.
    Superseded,
}

/// A value that contradicts what is known.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = proposals, treat_none_as_default_value = false)]
pub struct Proposal {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The contact it is about, unless it is about a lead.
    pub contact_id: Option<Id>,
    /// The lead it is about, unless it is about a contact.
    pub lead_id: Option<Id>,
    /// The field: `contact.first_name`, `contact.attributes.<name>`, `lead.topic`; `account.name` means that the contact
    /// or lead would belong to another company.
    #[schema(example = "contact.first_name")]
    pub field: String,
    /// The value as it was sent.
    #[schema(example = "Anna")]
    pub value: String,
    #[serde(skip)]
    pub value_key: String,
    /// What was known when it was proposed.
    #[schema(example = "Ann")]
    pub known: Option<String>,
    /// The company that the value of `account.name` means.
    pub account_id: Option<Id>,
    /// The submission that it came from first.
    pub submission_id: Id,
    /// The form of that submission.
    pub form_id: Id,
    /// How often it was sent while it was open.
    #[schema(example = 1)]
    pub times: i64,
    /// When it was sent last while it was open.
    pub last_sent_at: Timestamp,
    /// What became of it.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// What the one who decided said about it.
    pub note: Option<String>,
    /// The user or client that decided.
    pub decided_by: Option<Id>,
    /// When it was accepted, rejected or superseded.
    pub decided_at: Option<Timestamp>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that proposals can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("created_at", "proposals.created_at", SortKind::Instant)];

impl Sorted for Proposal {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// What a proposal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Contact(Id),
    Lead(Id),
}

/// A contradiction that a submission brought.
#[derive(Clone, Debug)]
pub struct NewProposal {
    pub record: Record,
    pub contradiction: Contradiction,
    pub submission_id: Id,
    pub form_id: Id,
}

/// Proposes a value, or counts it if it is proposed already. The caller has locked the record.
pub fn open(tx: &mut Tx<'_>, new: &NewProposal) -> Result<Proposal> {
    let Contradiction { slot, sent, compared, known } = &new.contradiction;
    let (field, value_key, at) = (slot.to_string(), key(compared), tx.at());
    if let Some(open) = tx.proposals().open_with(new.record, &field, &value_key)? {
        return tx.proposals().count_again(open);
    }
    let (contact_id, lead_id) = match new.record {
        Record::Contact(id) => (Some(id), None),
        Record::Lead(id) => (None, Some(id)),
    };
    let is_company = *slot == Slot::Company;
    let proposal = Proposal {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        contact_id,
        lead_id,
        field,
        value: sent.clone(),
        value_key,
        known: if is_company { name_of(tx, known.as_deref())? } else { known.clone() },
        account_id: Id::parse(compared).filter(|_| is_company),
        submission_id: new.submission_id,
        form_id: new.form_id,
        times: 1,
        last_sent_at: at,
        status: Code(Status::Open),
        note: None,
        decided_by: None,
        decided_at: None,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.proposals().insert(&proposal)?;
    announce(tx, "proposal.opened", &proposal)?;
    Ok(proposal)
}

/// Lets the record keep what it has. 409 for a proposal that was decided otherwise.
pub fn reject(tx: &mut Tx<'_>, id: Id, note: Option<&str>) -> Result<Proposal> {
    tx.take_turns(&[turn(id)])?;
    let proposal = tx.proposals().get(id)?;
    if !is_to_be_decided(&proposal, Status::Rejected)? {
        return Ok(proposal);
    }
    decide(tx, id, Status::Rejected, note)
}

/// Supersedes the open proposals of values that a changed contact has come to have.
pub fn contact_changed(tx: &mut Tx<'_>, contact: &Contact) -> Result<()> {
    supersede(tx, Record::Contact(contact.id), |slot, proposal| match slot {
        Slot::ContactAttribute(name) => {
            contact.attributes.0.0.get(name).is_some_and(|known| says_the_same(known, &proposal.value))
        }
        slot => place::compared_of_contact(slot, contact).is_some_and(|known| key(&known) == proposal.value_key),
    })
}

/// Supersedes the open proposals of values that a changed lead has come to have.
pub fn lead_changed(tx: &mut Tx<'_>, lead: &Lead) -> Result<()> {
    supersede(tx, Record::Lead(lead.id), |slot, proposal| match slot {
        Slot::LeadAttribute(name) => {
            lead.attributes.0.0.get(name).is_some_and(|known| says_the_same(known, &proposal.value))
        }
        slot => place::compared_of_lead(slot, lead).is_some_and(|known| key(&known) == proposal.value_key),
    })
}

/// Supersedes what is proposed for `loser` that is proposed for `survivor` as well, before the two become one.
pub fn make_way(tx: &mut Tx<'_>, loser: Record, survivor: Record) -> Result<()> {
    let kept = tx.proposals().open_of(survivor)?;
    for proposal in tx.proposals().open_of(loser)? {
        if kept.iter().any(|other| (&other.field, &other.value_key) == (&proposal.field, &proposal.value_key)) {
            decide(tx, proposal.id, Status::Superseded, None)?;
        }
    }
    Ok(())
}

fn supersede(tx: &mut Tx<'_>, record: Record, is_known: impl Fn(&Slot, &Proposal) -> bool) -> Result<()> {
    for proposal in tx.proposals().open_of(record)? {
        if Slot::parse(&proposal.field).is_some_and(|slot| is_known(&slot, &proposal)) {
            decide(tx, proposal.id, Status::Superseded, None)?;
        }
    }
    Ok(())
}

/// Whether `proposal` is open and may be given `status`; `false` when it has it already.
fn is_to_be_decided(proposal: &Proposal, status: Status) -> Result<bool> {
    match proposal.status.0 {
        Status::Open => Ok(true),
        decided if decided == status => Ok(false),
        Status::Accepted => Err(Error::Conflict("the proposal was accepted".into())),
        Status::Rejected => Err(Error::Conflict("the proposal was rejected".into())),
        _ => Err(Error::Conflict("the record has come to have the proposed value some other way".into())),
    }
}

fn decide(tx: &mut Tx<'_>, id: Id, status: Status, note: Option<&str>) -> Result<Proposal> {
    let proposal = tx.proposals().decide(id, status, note)?;
    let kind = match status {
        Status::Accepted => "proposal.accepted",
        Status::Rejected => "proposal.rejected",
        _ => "proposal.superseded",
    };
    announce(tx, kind, &proposal)?;
    Ok(proposal)
}

fn announce(tx: &mut Tx<'_>, kind: &str, proposal: &Proposal) -> Result<()> {
    let subject = Subject { contact_id: proposal.contact_id, lead_id: proposal.lead_id };
    events::emit(tx, kind, subject, &json!({"proposal": proposal}))
}

/// Whoever decides about one proposal takes turns.
fn turn(id: Id) -> String {
    format!("proposal {id}")
}

/// What is compared of a value, in a form that an index can always hold.
fn key(compared: &str) -> String {
    text::sha256(compared)
}

/// The name of the company with this id.
fn name_of(tx: &mut Tx<'_>, id: Option<&str>) -> Result<Option<String>> {
    let Some(id) = id.and_then(Id::parse) else { return Ok(None) };
    Ok(tx.accounts().find(id)?.map(|account| account.name))
}

//! A contact's or account's interest in one marketing context (REC-3, REC-5, REC-6).
//!
//! A lead is not a person: one contact may have many. It needs a source from the workspace's list, somebody (a
//! contact, an account, or at least a name, address or phone as captured) and an interest (topic, form, campaign or
//! product line). With neither contact nor account it is kept but not scored. A closed lead refuses changes. Deleting
//! a lead takes its scores, ledger and history with it; interactions stay with the contact. A lead that was merged into
//! another is gone for everyone who asks for it, and says where it went (MAT-9).

mod by_hand;
pub mod filling;
mod flags;
pub mod handlers;
mod handover;
mod handover_repository;
mod input;
pub mod marks;
pub mod merge;
mod origin;
mod origin_repository;
mod outcome;
mod rejection;
mod records;
mod repository;

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::alerts::OwnedLead;
use crate::attributes::Attributes;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::process::transition::Trigger;
use crate::schema::leads;
use crate::workspaces::settings::ChannelClass;
use crate::{alerts, process, provenance, tasks, text, workspaces};

pub use by_hand::{Entered, Found, Matched, create, find_contact, gather};
pub use flags::{Marked, became_sales_ready, remove_flag, set_flag};
pub use handover::{HANDOVER_SORT, Handing, Handover, HandoverCause, hand_over, handed_over};
pub use input::{LeadPatch, NewLead, unfit_owner, unfit_user, utm_schema};
pub use origin::{NewOrigin, Origin, OriginKind, origins};
pub use outcome::{Outcome, outcome};
pub use records::records;
pub use rejection::{Rejected, reject};
pub use repository::{LeadFilter, Open};

/// Whether a lead is being worked, and if not, how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeadStatus)]
pub enum Status {
    /// Being worked.
    Open,
    /// Became business.
    Qualified,
    /// Came to nothing.
    Disqualified,
}

impl Status {
    /// Whether the lead is being worked.
    pub fn is_open(self) -> bool {
        self == Self::Open
    }
}

/// What a person typed, kept as it was whatever becomes of the contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Captured {
    /// First name.
    #[schema(max_length = 100, example = "Ann")]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(max_length = 100, example = "Tamm")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[schema(max_length = 254, example = "ann@example.com")]
    pub email: Option<String>,
    /// Phone.
    #[schema(max_length = 40, example = "+372 5555 1234")]
    pub phone: Option<String>,
    /// Company.
    #[schema(max_length = 200, example = "Contoso OÜ")]
    pub company: Option<String>,
}

impl Captured {
    /// Whether it tells of a person at all.
    pub fn names_somebody(&self) -> bool {
        let told = [&self.first_name, &self.last_name, &self.email, &self.phone];
        told.into_iter().flatten().any(|text| !text.trim().is_empty())
    }
}

/// Marks on a lead, each with when and by whom or what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = LeadFlags)]
pub struct Flags {
    /// Ready for sales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_ready: Option<Mark>,
    /// Ready for teleprospecting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teleprospect_ready: Option<Mark>,
    /// Taken by teleprospecting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teleprospect_accepted: Option<Mark>,
    /// Taken by sales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sales_accepted: Option<Mark>,
}

/// When a mark was set, and by whom or what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeadMark)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The user or client; null when a score set it.
    #[serde(default)]
    pub by: Option<Id>,
    /// The scoring model whose threshold was reached; null when a person set it.
    #[serde(default)]
    pub model_id: Option<Id>,
}

/// A lead.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = leads, treat_none_as_default_value = false)]
pub struct Lead {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What the interest is in, in words.
    #[schema(example = "Warehouse software")]
    pub topic: Option<String>,
    /// The contact whose interest it is.
    pub contact_id: Option<Id>,
    /// The account whose interest it is.
    pub account_id: Option<Id>,
    /// What was typed.
    #[schema(value_type = Captured)]
    pub captured: JsonOf<Captured>,
    #[serde(skip)]
    pub email_key: Option<String>,
    /// The form it came through.
    pub form_id: Option<Id>,
    /// The campaign.
    #[schema(example = "spring-2026")]
    pub campaign: Option<String>,
    /// The product line.
    #[schema(example = "crm")]
    pub product_line: Option<String>,
    /// Where it came from: one of the workspace's sources.
    #[schema(example = "landing_page")]
    pub source: String,
    /// More about where it came from.
    pub source_detail: Option<String>,
    /// The class of channel that the source belongs to.
    #[schema(value_type = ChannelClass)]
    pub channel_class: Code<ChannelClass>,
    /// UTM values of the visit, by name.
    #[schema(value_type = BTreeMap<String, String>)]
    pub utm: JsonOf<BTreeMap<String, String>>,
    /// The contact who referred the person.
    pub referrer_contact_id: Option<Id>,
    /// Whether it is being worked.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// Why it was closed.
    pub status_reason: Option<String>,
    /// Its process.
    #[schema(example = "lead_to_opportunity_marketing")]
    pub process: String,
    /// Its stage; null before it entered the process.
    #[schema(example = "inquiry")]
    pub stage: Option<String>,
    /// Since when it is in that stage.
    pub stage_since: Timestamp,
    /// The user who works it.
    pub owner_id: Option<Id>,
    /// Marks, each with when and by whom or what.
    #[schema(value_type = Flags)]
    pub flags: JsonOf<Flags>,
    /// The best grade over the live models.
    #[schema(example = "hot")]
    pub temperature: Option<String>,
    /// The highest score over the live models, in points, as of the last change.
    #[schema(example = 65)]
    pub score: i64,
    #[serde(skip)]
    pub origin_key: Option<String>,
    /// Custom attributes.
    #[schema(value_type = Attributes)]
    pub attributes: JsonOf<Attributes>,
    #[serde(skip)]
    pub search_key: String,
    #[serde(skip)]
    pub phone_key: Option<String>,
    #[serde(skip)]
    pub merged_into_id: Option<Id>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Lead {
    /// The lead and who works it.
    pub fn owned(&self) -> OwnedLead {
        OwnedLead { lead_id: self.id, contact_id: self.contact_id, owner_id: self.owner_id }
    }
}

/// The fields that leads can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "leads.created_at", SortKind::Instant),
    SortField::new("updated_at", "leads.updated_at", SortKind::Instant),
    SortField::new("score", "leads.score", SortKind::Number),
];

impl Sorted for Lead {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "updated_at" => self.updated_at.to_string(),
            "score" => self.score.to_string(),
            _ => self.created_at.to_string(),
        }
    }
}

/// What a new lead is made of, already checked and normalised.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    pub topic: Option<String>,
    pub contact_id: Option<Id>,
    pub account_id: Option<Id>,
    pub captured: Captured,
    /// The normalised form of the captured e-mail address.
    pub email_key: Option<String>,
    /// The captured phone in E.164.
    pub phone_key: Option<String>,
    pub form_id: Option<Id>,
    pub campaign: Option<String>,
    pub product_line: Option<String>,
    /// A source of the workspace.
    pub source: String,
    pub source_detail: Option<String>,
    /// The source's own class when left out.
    pub channel_class: Option<ChannelClass>,
    pub utm: BTreeMap<String, String>,
    pub referrer_contact_id: Option<Id>,
    pub owner_id: Option<Id>,
    /// The user of sales who entered it and so accepted it (CAP-9).
    pub accepted_by: Option<Id>,
    /// At most one open lead of the workspace has a given key; leads that may stand beside others have none.
    pub origin_key: Option<String>,
    /// The lead or opportunity that it comes from.
    pub origin: Option<NewOrigin>,
    pub attributes: Attributes,
}

/// Opens a lead and lets it enter the process. Does not score it: whoever opens it knows what else belongs to the
/// same moment.
pub fn open(tx: &mut Tx<'_>, opening: &Opening) -> Result<Lead> {
    let settings = workspaces::settings(tx)?;
    let sources = &settings.sources;
    let class = opening.channel_class.or_else(|| sources.get(&opening.source).copied());
    let Some(class) = class.filter(|_| sources.contains_key(&opening.source)) else {
        return Err(Error::Invalid(vec![input::unknown_source(sources)]));
    };
    let process = process::of_new_leads(tx)?;
    let (at, opening) = (tx.at(), opening.clone());
    let lead = Lead {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        search_key: search_key(&opening.captured, opening.topic.as_deref()),
        topic: opening.topic,
        contact_id: opening.contact_id,
        account_id: opening.account_id,
        captured: JsonOf(opening.captured),
        email_key: opening.email_key,
        phone_key: opening.phone_key,
        form_id: opening.form_id,
        campaign: opening.campaign,
        product_line: opening.product_line,
        source: opening.source,
        source_detail: opening.source_detail,
        channel_class: Code(class),
        utm: JsonOf(opening.utm),
        referrer_contact_id: opening.referrer_contact_id,
        status: Code(Status::Open),
        status_reason: None,
        process,
        stage: None,
        stage_since: at,
        owner_id: opening.owner_id,
        flags: JsonOf(Flags {
            sales_accepted: opening.accepted_by.map(|by| Mark { at, by: Some(by), model_id: None }),
            ..Flags::default()
        }),
        temperature: None,
        score: 0,
        origin_key: opening.origin_key,
        attributes: JsonOf(opening.attributes),
        merged_into_id: None,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.leads().insert(&lead)?;
    provenance::note_new(tx, lead.id, &lead)?;
    let origin = opening.origin.map(|origin| origin::keep(tx, lead.id, origin)).transpose()?;
    let data = json!({"lead": lead, "origin": origin});
    events::emit(tx, "lead.created", Subject::lead(lead.id, lead.contact_id), &data)?;
    if lead.owner_id.is_some() {
        let cause = match (opening.accepted_by, lead.form_id) {
            (Some(_), _) => HandoverCause::EnteredBySales,
            (None, Some(_)) => HandoverCause::Form,
            (None, None) => HandoverCause::ByHand,
        };
        handed_over(tx, None, &lead, Handing::by(cause))?;
    }
    let taken = match opening.accepted_by {
        Some(_) => process::react(tx, lead.id, Trigger::EnteredBySales)?,
        None => None,
    };
    if taken.is_none() {
        process::react(tx, lead.id, Trigger::Created)?;
    }
    tx.leads().get(lead.id)
}

/// Changes the fields that `patch` names; one that names none changes nothing. 409 for a closed lead.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &LeadPatch, condition: &Condition) -> Result<Lead> {
    let before = tx.leads().lock(id)?;
    condition.check(before.version)?;
    open_only(&before)?;
    if *patch == LeadPatch::default() {
        return Ok(before);
    }
    let changes = patch.changes(tx, &before)?;
    let lead = tx.leads().update(id, changes)?;
    provenance::note_change(tx, id, &before, &lead)?;
    let subject = Subject::lead(id, lead.contact_id);
    events::emit(tx, "lead.changed", subject, &json!({"before": before, "lead": lead}))?;
    if before.contact_id != lead.contact_id {
        tasks::lead_linked(tx, id, lead.contact_id)?;
        alerts::lead_linked(tx, id, lead.contact_id)?;
    }
    if before.owner_id != lead.owner_id {
        handed_over(tx, before.owner_id, &lead, Handing::by(HandoverCause::ByHand))?;
    }
    Ok(lead)
}

/// Refuses whatever would change a lead that is closed, and says what to do.
pub fn open_only(lead: &Lead) -> Result<()> {
    let ended = match lead.status.0 {
        Status::Open => return Ok(()),
        Status::Qualified => "qualified",
        Status::Disqualified => "disqualified",
    };
    let id = lead.id;
    Err(Error::Conflict(format!(
        "the lead is {ended} and refuses changes; reopen it first: POST /v1/leads/{id}/reopening"
    )))
}

/// Closes an open lead that the caller has locked. It keeps stage, marks, owner and scores, and waits for nobody.
pub fn close(tx: &mut Tx<'_>, lead: &Lead, status: Status, reason: Option<String>) -> Result<Lead> {
    open_only(lead)?;
    tx.handovers().leave_queue(lead.id)?;
    tx.leads().set_ended(lead.id, (status, reason), lead.flags.0.clone(), lead.origin_key.clone())
}

/// Opens a closed lead again that the caller has locked, with these marks. Where a form might have opened another since,
/// both stand: the guard against two at once is for those that are not there yet.
pub fn open_again(tx: &mut Tx<'_>, lead: &Lead, flags: Flags) -> Result<Lead> {
    tx.leads().set_ended(lead.id, (Status::Open, None), flags, None)
}

/// Deletes a lead with its scores, ledger and history.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    let lead = tx.leads().lock(id)?;
    condition.check(lead.version)?;
    tx.leads().delete(id)?;
    provenance::forget(tx, id)?;
    events::emit(tx, "lead.deleted", Subject::lead(id, lead.contact_id), &json!({"id": id}))
}

/// What `q` searches.
pub fn search_key(captured: &Captured, topic: Option<&str>) -> String {
    let Captured { first_name, last_name, email, company, .. } = captured;
    let parts: Vec<&str> = [first_name.as_deref(), last_name.as_deref(), email.as_deref(), company.as_deref(), topic]
        .into_iter()
        .flatten()
        .collect();
    text::search_key(&parts.join(" "))
}

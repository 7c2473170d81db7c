//! Who works a lead, and how it came to them (ASG-4): every change of owner leaves a row of its history and a fact.
//!
//! A lead that is opened with an owner has its first row then. Leads that become one give the survivor a row when it
//! comes to another owner by that; the tombstone gives nothing up. The open tasks of the former owner follow, and the new
//! one is alerted. The fact is `lead.assigned`, or `lead.unassigned`
//! when nobody works the lead any more.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Lead;
use crate::assignment::choose::Mode;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::Code;
use crate::error::Result;
use crate::events::{self, Subject};
use crate::id::Id;
use crate::schema::lead_assignments;
use crate::{alerts, provenance, tasks};

/// Why a lead came to another owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandoverCause {
    /// An assignment rule gave it out.
    Rule,
    /// Somebody gave it to another, or to nobody.
    ByHand,
    /// Somebody took it for themselves.
    Taken,
    /// A salesperson entered it.
    EnteredBySales,
    /// It came through a form that names its owner.
    Form,
    /// Another lead became one with it.
    Merged,
    /// A merge was undone.
    Parted,
}

/// How a lead comes to another owner.
#[derive(Clone, Debug)]
pub struct Handing {
    pub cause: HandoverCause,
    /// The rule that gave it out, and how it chose.
    pub rule: Option<(Id, Mode)>,
    /// Whether the new owner holds more than they may by it.
    pub overridden: bool,
    pub note: Option<String>,
}

impl Handing {
    /// By `cause` and nothing else.
    pub fn by(cause: HandoverCause) -> Self {
        Self { cause, rule: None, overridden: false, note: None }
    }
}

/// One change of a lead's owner.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = lead_assignments, treat_none_as_default_value = false)]
#[schema(as = LeadAssignment)]
pub struct Handover {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// The user who worked it before; null when nobody did.
    pub from_owner_id: Option<Id>,
    /// The user who works it since; null when nobody does.
    pub to_owner_id: Option<Id>,
    /// Why.
    #[schema(value_type = HandoverCause)]
    pub cause: Code<HandoverCause>,
    /// The assignment rule behind it; null when there was none. The rule may be gone.
    pub rule_id: Option<Id>,
    /// How the rule chose; null when there was none.
    #[schema(value_type = Option<Mode>)]
    pub mode: Option<Code<Mode>>,
    /// Whether the new owner held as many open leads as they may, and got it all the same.
    #[serde(rename = "override")]
    pub overridden: bool,
    /// What was noted.
    #[schema(example = "knows the customer")]
    pub note: Option<String>,
    /// The user or client behind it; null when it followed by itself.
    #[serde(rename = "by")]
    pub actor_id: Option<Id>,
    /// When.
    pub at: Timestamp,
}

/// The fields that the history of a lead's owners can be ordered by.
pub const HANDOVER_SORT: &[SortField] = &[SortField::new("at", "lead_assignments.at", SortKind::Instant)];

impl Sorted for Handover {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// Gives a lead, which the caller holds, to another owner or to nobody.
pub fn hand_over(tx: &mut Tx<'_>, before: &Lead, to: Option<Id>, handing: Handing) -> Result<(Lead, Handover)> {
    tx.handovers().set_owner(before.id, to)?;
    let lead = tx.leads().get(before.id)?;
    provenance::note_change(tx, lead.id, before, &lead)?;
    let handover = handed_over(tx, before.owner_id, &lead, handing)?;
    Ok((lead, handover))
}

/// Writes down that a lead came from the owner `from` to the one it has now, and tells of it.
pub fn handed_over(tx: &mut Tx<'_>, from: Option<Id>, lead: &Lead, handing: Handing) -> Result<Handover> {
    let Handing { cause, rule, overridden, note } = handing;
    let handover = Handover {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        lead_id: lead.id,
        from_owner_id: from,
        to_owner_id: lead.owner_id,
        cause: Code(cause),
        rule_id: rule.map(|(id, _)| id),
        mode: rule.map(|(_, mode)| Code(mode)),
        overridden,
        note,
        actor_id: tx.scope.actor,
        at: tx.at(),
    };
    tx.handovers().insert(&handover)?;
    if lead.owner_id.is_some() {
        tx.handovers().leave_queue(lead.id)?;
    }
    tasks::owner_changed(tx, lead.id, from, lead.owner_id)?;
    let kind = if lead.owner_id.is_some() { "lead.assigned" } else { "lead.unassigned" };
    let reason = lead.owner_id.is_none().then_some("released");
    let data = json!({"lead": lead, "before": {"owner_id": from}, "assignment": handover, "reason": reason});
    events::emit(tx, kind, Subject::lead(lead.id, lead.contact_id), &data)?;
    alerts::assigned(tx, lead.owned(), from)?;
    Ok(handover)
}

//! What users are told of at once (ASG-6): a lead was assigned to them, became ready for sales, crossed a score that they
//! set, or its contact did something.
//!
//! An alert is one user's: nobody else sees it, and programs have none. It is written in the transaction that caused it,
//! and so is the event `alert.raised`, so that whoever follows the events hears of it in real time. Who reads an alert
//! marks it; read alerts are kept for as long as their lead and contact are, and go with them.
//!
//! Which alerts a user gets their rules say ([`rules`]). Everyone has the rules `assigned` and `sales_ready` from the
//! start and may switch them off. Only the owner of a lead is told of it, and never of what they did themselves: a lead
//! they assigned to themselves, a touch of theirs (a call they made), an interaction that they recorded. Answers to what
//! they sent do tell them. Interactions of machines (INT-5) and repeats tell nothing. One interaction is one alert to an owner, however many leads the contact
//! has with them: about the lead it names, otherwise about the oldest. One rise of a score is one alert, about the
//! highest of the set scores that it crossed. A score counts as in `leads.score`: the highest over the models.

pub mod handlers;
pub mod interest;
mod repository;
mod rule_handlers;
mod rule_repository;
pub mod rules;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::schema::alerts;
use interest::{Did, Rise};

pub use repository::AlertFilter;

/// What a user is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertKind)]
pub enum Kind {
    /// A lead became theirs.
    Assigned,
    /// A lead of theirs became ready for sales.
    SalesReady,
    /// The score of a lead of theirs rose to a score that they set, or above it.
    ScoreAbove,
    /// The contact of a lead of theirs did something.
    Interaction,
}

/// What happened, as far as it applies to the kind of the alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = AlertDetail)]
pub struct Detail {
    /// The user who worked the lead before; absent when nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_owner_id: Option<Id>,
    /// The user or client who assigned the lead, or marked it as ready for sales; absent when nobody did so by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Id>,
    /// The score that was crossed: the user's own, or the model's sales-ready score, in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 100)]
    pub threshold: Option<i64>,
    /// The score now, in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 105)]
    pub score: Option<i64>,
    /// The score before, in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 65)]
    pub score_before: Option<i64>,
    /// The scoring model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_id: Option<Id>,
    /// The scoring model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Newcomers")]
    pub model: Option<String>,
    /// The interaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<Id>,
    /// The interaction's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "email_clicked")]
    pub interaction_kind: Option<String>,
    /// When the interaction occurred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
}

/// Something a user was told.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = alerts, treat_none_as_default_value = false)]
pub struct Alert {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The user who was told.
    pub user_id: Id,
    /// What it is about.
    #[schema(value_type = Kind)]
    pub kind: Code<Kind>,
    /// The lead.
    pub lead_id: Option<Id>,
    /// The contact.
    pub contact_id: Option<Id>,
    /// What happened.
    #[schema(value_type = Detail)]
    pub detail: JsonOf<Detail>,
    /// When it was marked as read; null while it is not.
    pub read_at: Option<Timestamp>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was raised.
    pub at: Timestamp,
}

/// The fields that alerts can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("at", "alerts.at", SortKind::Instant)];

impl Sorted for Alert {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// A lead, and who works it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedLead {
    pub lead_id: Id,
    pub contact_id: Option<Id>,
    pub owner_id: Option<Id>,
}

/// Tells a lead's owner that it is theirs now; `from` is who had it before.
pub fn assigned(tx: &mut Tx<'_>, lead: OwnedLead, from: Option<Id>) -> Result<()> {
    let by = tx.scope.actor;
    match lead.owner_id.filter(|owner| Some(*owner) != by && Some(*owner) != from) {
        Some(owner) => {
            let detail = Detail { from_owner_id: from, by, ..Detail::default() };
            tell(tx, owner, Kind::Assigned, lead, detail)
        }
        None => Ok(()),
    }
}

/// Tells a lead's owner that it became ready for sales; `why` has the model with its scores, or who said so.
pub fn sales_ready(tx: &mut Tx<'_>, lead: OwnedLead, why: Detail) -> Result<()> {
    match lead.owner_id.filter(|owner| Some(*owner) != why.by) {
        Some(owner) => tell(tx, owner, Kind::SalesReady, lead, why),
        None => Ok(()),
    }
}

/// Tells the owners of leads whose score rose that it crossed one that they set. One query for all of them.
pub fn scores_rose(tx: &mut Tx<'_>, rises: &[Rise]) -> Result<()> {
    let mut owners: Vec<Id> = rises.iter().filter_map(|rise| rise.lead.owner_id).collect();
    owners.sort_unstable();
    owners.dedup();
    if owners.is_empty() {
        return Ok(());
    }
    let marks = tx.alert_rules().scores_of(&owners)?;
    for rise in rises {
        let own = marks.iter().filter(|(user, _)| Some(*user) == rise.lead.owner_id).map(|(_, mark)| *mark);
        if let (Some(owner), Some(mark)) = (rise.lead.owner_id, interest::crossed(rise.before, rise.after, own)) {
            let detail = Detail {
                threshold: Some(mark),
                score: Some(rise.after),
                score_before: Some(rise.before),
                model_id: rise.model_id,
                model: rise.model.clone(),
                ..Detail::default()
            };
            raise(tx, owner, Kind::ScoreAbove, rise.lead, detail)?;
        }
    }
    Ok(())
}

/// Tells the owners of the open leads `leads` what was done, if they want to hear of it. One query for a whole batch.
pub fn interacted(tx: &mut Tx<'_>, done: &[Did], leads: &[Id]) -> Result<()> {
    if done.is_empty() || leads.is_empty() {
        return Ok(());
    }
    let interests = tx.alert_rules().interests(leads)?;
    for did in done {
        for interest in interest::concerned(did, &interests, tx.scope.actor) {
            let detail = Detail {
                interaction_id: Some(did.interaction_id),
                interaction_kind: Some(did.kind.clone()),
                occurred_at: Some(did.occurred_at),
                ..Detail::default()
            };
            let contact_id = did.contact_id.or(interest.contact_id);
            let lead = OwnedLead { lead_id: interest.lead_id, contact_id, owner_id: Some(interest.user_id) };
            raise(tx, interest.user_id, Kind::Interaction, lead, detail)?;
        }
    }
    Ok(())
}

/// Lets the alerts about a lead be about the contact that it is linked with.
pub fn lead_linked(tx: &mut Tx<'_>, lead: Id, contact: Option<Id>) -> Result<()> {
    tx.alerts().relink(lead, contact)
}

/// Removes the alerts about a contact that goes.
pub fn forget_contact(tx: &mut Tx<'_>, contact: Id) -> Result<()> {
    tx.alerts().delete_of_contact(contact)
}

/// Marks an alert of a user as read, or as not read; one that is so already stays as it is.
pub fn mark(tx: &mut Tx<'_>, user: Id, id: Id, read: bool, condition: &Condition) -> Result<Alert> {
    let alert = tx.alerts().lock(user, id)?;
    condition.check(alert.version)?;
    let read_at = read.then_some(tx.at());
    match alert.read_at.is_some() == read {
        true => Ok(alert),
        false => tx.alerts().mark(&alert, read_at),
    }
}

/// Marks the alerts of a user that were raised until an instant, that included, as read; tells how many that were.
pub fn mark_all(tx: &mut Tx<'_>, user: Id, until: Timestamp) -> Result<usize> {
    tx.take_turns(&[format!("alerts {user}")])?;
    tx.alerts().mark_until(user, until)
}

/// Raises an alert, unless the user has switched the shipped rule for it off.
fn tell(tx: &mut Tx<'_>, user: Id, kind: Kind, lead: OwnedLead, detail: Detail) -> Result<()> {
    match tx.alert_rules().shipped(user, kind)?.is_none_or(|rule| rule.enabled) {
        true => raise(tx, user, kind, lead, detail),
        false => Ok(()),
    }
}

fn raise(tx: &mut Tx<'_>, user: Id, kind: Kind, lead: OwnedLead, detail: Detail) -> Result<()> {
    let at = tx.at();
    let alert = Alert {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        user_id: user,
        kind: Code(kind),
        lead_id: Some(lead.lead_id),
        contact_id: lead.contact_id,
        detail: JsonOf(detail),
        read_at: None,
        version: 1,
        at,
    };
    tx.alerts().insert(&alert)?;
    events::emit(tx, "alert.raised", Subject::lead(lead.lead_id, lead.contact_id), &json!({"alert": alert}))
}

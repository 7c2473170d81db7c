//! Leads that nobody could take, and when the rules are asked again (ASG-3).

use diesel::prelude::*;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::When;
use super::decide::{Decision, Reason};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::Code;
use crate::error::Result;
use crate::events::{self, Subject};
use crate::id::Id;
use crate::leads::Lead;
use crate::schema::unassigned_leads;

/// Seconds after which the rules are asked again though nothing has happened.
const AGAIN_S: i64 = 3600;

/// A lead that waits for somebody to take it.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = unassigned_leads, treat_none_as_default_value = false)]
pub struct UnassignedLead {
    #[serde(skip)]
    pub workspace_id: Id,
    #[serde(skip)]
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// The moment at which the rules were asked.
    #[serde(rename = "when")]
    #[schema(value_type = When)]
    pub moment: Code<When>,
    /// Why nobody has it.
    #[schema(value_type = Reason)]
    pub reason: Code<Reason>,
    /// The rule that found nobody left; null when none matched. It may be gone.
    pub rule_id: Option<Id>,
    /// Since when it waits.
    pub since: Timestamp,
    /// When the rules were last asked.
    pub tried_at: Timestamp,
    /// When they are asked again at the latest; null for a lead that was given back by hand.
    pub try_at: Option<Timestamp>,
}

/// Which of the leads that wait.
#[derive(Clone, Debug, Default)]
pub struct QueueFilter {
    pub reason: Option<Reason>,
    pub rule_id: Option<Id>,
}

/// The fields that the queue can be ordered by.
pub const QUEUE_SORT: &[SortField] = &[SortField::new("since", "unassigned_leads.since", SortKind::Instant)];

impl Sorted for UnassignedLead {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.since.to_string()
    }
}

/// Lets a lead wait that the rules gave to nobody. It keeps its place when it waits already; that is told anew only when
/// the reason is another.
pub(super) fn wait(tx: &mut Tx<'_>, lead: &Lead, when: When, decision: &Decision) -> Result<()> {
    let (reason, at) = (decision.reason.unwrap_or(Reason::NoRuleMatched), tx.at());
    let known = tx.unassigned().of_lead(lead.id)?;
    let matched = reason != Reason::NoRuleMatched;
    if known.is_none() && when == When::Created && !matched {
        return Ok(());
    }
    let again = at.plus_seconds(AGAIN_S);
    let row = UnassignedLead {
        workspace_id: tx.scope.workspace,
        id: known.as_ref().map_or_else(|| Id::new(at), |known| known.id),
        lead_id: lead.id,
        moment: Code(when),
        reason: Code(reason),
        rule_id: decision.rule_id,
        since: known.as_ref().map_or(at, |known| known.since),
        tried_at: at,
        try_at: Some(decision.back_at.filter(|back| *back > at).map_or(again, |back| back.min(again))),
    };
    match known {
        None => {
            tx.unassigned().insert(&row)?;
            tell(tx, lead, &row)
        }
        // It waits for what a rule of another moment promised.
        Some(known) if known.moment.0 != when && !matched => tx.unassigned().put_off(lead.id, again),
        Some(known) => {
            tx.unassigned().update(&row)?;
            let is_news = (known.reason, known.rule_id) != (row.reason, row.rule_id);
            if is_news { tell(tx, lead, &row) } else { Ok(()) }
        }
    }
}

/// Lets a lead wait that somebody gave back: the rules are not asked about it any more.
pub(super) fn release(tx: &mut Tx<'_>, lead: &Lead) -> Result<()> {
    let at = tx.at();
    tx.unassigned().remove(lead.id)?;
    let row = UnassignedLead {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        lead_id: lead.id,
        moment: Code(if lead.flags.0.sales_ready.is_some() { When::SalesReady } else { When::Created }),
        reason: Code(Reason::Released),
        rule_id: None,
        since: at,
        tried_at: at,
        try_at: None,
    };
    tx.unassigned().insert(&row)
}

fn tell(tx: &mut Tx<'_>, lead: &Lead, row: &UnassignedLead) -> Result<()> {
    let data = json!({"lead": lead, "reason": row.reason, "rule_id": row.rule_id, "since": row.since});
    events::emit(tx, "lead.unassigned", Subject::lead(lead.id, lead.contact_id), &data)
}

//! Touches before the first sale (WRK-2, REP-9): how often users turned to a person before sales took the lead.
//!
//! A lead counts when it was won within the period, which is when sales accepted it or it qualified, whichever outcome
//! [`leads::outcome`] tells; its touches are those that belong to it and came before that instant. It is the lead's
//! present owner's.
//!
//! [`leads::outcome`]: crate::leads::outcome()

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::spread::Spread;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::interactions::touch::Touched;
use crate::leads::{self, Lead, Outcome};

/// Leads that are read at once.
const AT_ONCE: i64 = 500;

/// Touches before the first sale, of leads won within a period.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TouchReport {
    /// The period begins at this instant; null when it has no beginning.
    pub from: Option<Timestamp>,
    /// The period ends before this instant; null when it has no end.
    pub until: Option<Timestamp>,
    /// All leads that were won.
    pub total: Spread,
    /// The same by owner, in the order of their ids; first the leads that nobody owns, if there are any.
    pub owners: Vec<OwnerTouches>,
}

/// Touches before the first sale, of the leads of one owner.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwnerTouches {
    /// The owner; null for leads that nobody owns.
    pub owner_id: Option<Id>,
    #[serde(flatten)]
    pub spread: Spread,
}

/// The instants that a report is about: from the first, up to but without the second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Period {
    fn has(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// The report for a period. Reads every lead that sales took or that qualified and was changed since it began.
pub fn report(tx: &mut Tx<'_>, period: Period) -> Result<TouchReport> {
    let mut by_owner: BTreeMap<Option<Id>, Vec<i64>> = BTreeMap::new();
    let mut after = None;
    loop {
        let leads = tx.won_leads().next(period.from, after, AT_ONCE)?;
        let Some(last) = leads.last() else { break };
        after = Some(last.id);
        for (owner, touches) in counted(tx, &leads, period)? {
            by_owner.entry(owner).or_default().push(touches);
        }
    }
    let total = Spread::of(by_owner.values().flatten().copied());
    let owners = by_owner.into_iter().map(|(owner_id, touches)| OwnerTouches { owner_id, spread: Spread::of(touches) });
    Ok(TouchReport { from: period.from, until: period.until, total, owners: owners.collect() })
}

/// For each of the leads that was won within the period its owner, and the touches before.
fn counted(tx: &mut Tx<'_>, leads: &[Lead], period: Period) -> Result<Vec<(Option<Id>, i64)>> {
    let ids: Vec<Id> = leads.iter().map(|lead| lead.id).collect();
    let closed: BTreeMap<Id, Timestamp> = tx.history().closed_at(&ids)?.into_iter().collect();
    let won: Vec<(&Lead, Touched, Timestamp)> = leads
        .iter()
        .filter_map(|lead| match leads::outcome(lead, closed.get(&lead.id).copied()) {
            Some((Outcome::Won, at)) if period.has(at) => Some((lead, Touched::of(lead), at)),
            _ => None,
        })
        .collect();
    let touches = tx.touches().around(&won.iter().map(|(_, touched, _)| *touched).collect::<Vec<_>>())?;
    let mut of_lead: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    let mut of_contact: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    for (place, (_, touch)) in touches.iter().enumerate() {
        match (touch.lead_id, touch.contact_id) {
            (Some(lead), _) => of_lead.entry(lead).or_default().push(place),
            (None, Some(contact)) => of_contact.entry(contact).or_default().push(place),
            (None, None) => {}
        }
    }
    Ok(won
        .into_iter()
        .map(|(lead, touched, at)| {
            let near = of_lead.get(&lead.id).into_iter().chain(lead.contact_id.and_then(|id| of_contact.get(&id)));
            let before: BTreeSet<Id> = near
                .flatten()
                .filter_map(|place| touches.get(*place))
                .filter(|(_, touch)| touch.occurred_at < at && touched.has(touch))
                .map(|(id, _)| *id)
                .collect();
            (lead.owner_id, i64::try_from(before.len()).unwrap_or(i64::MAX))
        })
        .collect())
}

//! Scores whose time has come although nobody did anything (SCO-10): windows that close, points that fade, silence that
//! has lasted long enough.
//!
//! Every stored score knows when it is next due. The sweeper (`jobs::sweeper`) looks for those that are, in all
//! workspaces, those first that have waited longest, and so catches up after it stood still.

use std::collections::BTreeMap;

use super::rescore::{hold_leads, rescore_due};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::jobs::sweeper::Chore;

/// Scores that are due.
pub const CHORE: Chore = Chore { name: "scores", due, catch_up, put_off };

/// Leads that are looked for at once.
const SOME: i64 = 100;
/// Seconds that a lead which fails is left alone.
const PUT_OFF_S: i64 = 3600;

/// Some of the leads with scores that are due, by workspace.
fn due(tx: &mut Tx<'_>) -> Result<BTreeMap<Id, Vec<Id>>> {
    let mut due: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (workspace, lead) in tx.scores().due(SOME)? {
        due.entry(workspace).or_default().push(lead);
    }
    Ok(due)
}

/// Leaves what is due of a lead for an hour, after it could not be brought up to date.
fn put_off(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let until = tx.at().plus_seconds(PUT_OFF_S);
    tx.scores().set_due(&[lead], Some(until))
}

/// Brings what is due of the leads up to date. Scores that do not move any more, such as those of closed leads, are
/// never due again.
fn catch_up(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    hold_leads(tx, leads)?;
    rescore_due(tx, leads)?;
    tx.scores().set_due(leads, None)
}

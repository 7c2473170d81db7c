//! Scores whose time has come although nobody did anything (SCO-10): windows that close, points that fade, silence that
//! has lasted long enough.
//!
//! Every stored score knows when it is next due. The sweeper (`jobs::sweeper`) looks for those that are, in all
//! workspaces, those first that have waited longest, and so catches up after it stood still.

use super::rescore::{hold_leads, rescore_due};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::jobs::sweeper::Chore;

/// Scores that are due.
pub const CHORE: Chore = Chore {
    name: "scores",
    due: |tx| tx.scores().due(SOME),
    catch_up,
    put_off: |tx, lead, until| tx.scores().set_due(&[lead], Some(until)),
};

/// Leads that are looked for at once.
const SOME: i64 = 100;

/// Brings what is due of the leads up to date. Scores that do not move any more, such as those of closed leads, are
/// never due again.
fn catch_up(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    hold_leads(tx, leads)?;
    rescore_due(tx, leads)?;
    tx.scores().set_due(leads, None)
}

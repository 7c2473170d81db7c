//! Leads that wait for somebody, asked about again when room may have appeared (ASG-3).

use std::collections::{BTreeMap, BTreeSet};

use super::assign::{nobodys, try_rules};
use super::hold;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::jobs::sweeper::Chore;
use crate::leads::Lead;

/// Leads that wait and are to be asked about.
pub const CHORE: Chore = Chore {
    name: "unassigned leads",
    due: |tx| tx.unassigned().due(SOME),
    catch_up,
    put_off: |tx, lead, until| tx.unassigned().put_off(lead, until),
};

/// Leads that are looked for at once.
const SOME: i64 = 100;

/// Asks the rules about each of the leads, those first that have waited longest. What waits no longer leaves the queue.
fn catch_up(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    let mut held: BTreeMap<Id, Lead> = BTreeMap::new();
    for id in leads.iter().copied().collect::<BTreeSet<Id>>() {
        held.extend(nobodys(tx, id)?.map(|lead| (id, lead)));
    }
    hold(tx)?;
    for row in tx.unassigned().of_leads(leads)? {
        match held.get(&row.lead_id) {
            Some(lead) => drop(try_rules(tx, lead, row.moment.0)?),
            None => tx.unassigned().remove(row.lead_id)?,
        }
    }
    Ok(())
}

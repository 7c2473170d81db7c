//! Leads that are put off until a day, and begin anew when it has come or somebody wants them to (CLO-3).
//!
//! Any closed lead can have a day, a qualified one, too: customers come back. The sweeper opens those whose day has come.

use serde_json::json;

use super::{Closing, Opened, ReopenedAs, lock_closed, open_again};
use crate::clock::Timestamp;
use crate::day::Day;
use crate::db::Tx;
use crate::error::{Error, Result, Violation};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::jobs::sweeper::Chore;
use crate::scoring;

/// Closed leads whose day has come.
pub const CHORE: Chore = Chore {
    name: "deferred leads",
    due: |tx| tx.closings().due(SOME),
    catch_up,
    put_off: |tx, lead, until| tx.closings().put_off(lead, until),
};

/// Leads that are looked for at once.
const SOME: i64 = 50;

/// Lets a closed lead begin anew at once. 409 for one that is open.
pub fn recycle(tx: &mut Tx<'_>, id: Id, note: Option<&str>, condition: &Condition) -> Result<Opened> {
    let lead = lock_closed(tx, id, condition)?;
    open_again(tx, &lead, ReopenedAs::Recycled, note)
}

/// Sets or clears the day on which a closed lead begins anew; `condition` is about the closing. 409 for an open lead.
pub fn defer(tx: &mut Tx<'_>, id: Id, day: Option<Day>, condition: &Condition) -> Result<Closing> {
    let lead = tx.leads().lock(id)?;
    let Some(before) = tx.closings().standing(id)? else {
        return Err(Error::Conflict("the lead is open; only a closed lead is put off until a day".into()));
    };
    condition.check(before.version)?;
    if let Some(broken) = day.and_then(|day| too_early(day, tx.at())) {
        return Err(Error::Invalid(vec![broken]));
    }
    if before.recycle_on.map(|day| day.0) == day {
        return Ok(before);
    }
    let closing = tx.closings().set_recycle_on(before.id, day)?;
    let data = json!({"before": before, "closing": closing});
    events::emit(tx, "lead.recycling_changed", Subject::lead(id, lead.contact_id), &data)?;
    Ok(closing)
}

/// What is wrong with a day on which a lead is to begin anew.
pub(super) fn too_early(day: Day, now: Timestamp) -> Option<Violation> {
    let detail = "must be later than today (UTC); POST /v1/leads/{id}/recycling recycles at once";
    (day <= Day::of(now)).then(|| Violation::new("/recycle_on", "out_of_range", detail))
}

/// Opens the leads whose day has come and is still set.
fn catch_up(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    scoring::hold_leads(tx, leads)?;
    let mut leads = leads.to_vec();
    leads.sort_unstable();
    for id in leads {
        let lead = match tx.leads().lock(id) {
            Ok(lead) => lead,
            Err(Error::NotFound) => continue,
            Err(error) => return Err(error),
        };
        let standing = tx.closings().standing(id)?;
        if standing.is_some_and(|closing| closing.recycle_due_at.is_some_and(|due| due <= tx.at())) {
            open_again(tx, &lead, ReopenedAs::Recycled, None)?;
        }
    }
    Ok(())
}

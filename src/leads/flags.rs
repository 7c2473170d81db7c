//! Marks that people set on a lead and take back (PRO-3, PRO-5), and the one place where a lead becomes sales ready.
//!
//! A stage offers some marks; setting one moves the lead as the process says. Setting what is set changes nothing. Taking
//! a mark back moves nothing: whoever wants the lead elsewhere moves it.

use serde_json::json;

use super::{Lead, Mark, open_only};
use crate::alerts::{self, Detail};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::process::stage::Flag;
use crate::process::transition::Trigger;
use crate::process::{self, StageMove};

/// A lead that was marked.
#[derive(Clone, Debug)]
pub struct Marked {
    pub lead: Lead,
    /// Where the mark moved it; none when it stayed.
    pub stage: Option<StageMove>,
    /// Whether the mark was not set before.
    pub is_new: bool,
}

/// Sets a mark on an open lead for a person. 409 when its stage does not offer the mark, and for the acceptance of a lead
/// that is nobody's.
pub fn set_flag(tx: &mut Tx<'_>, id: Id, flag: Flag, note: Option<&str>) -> Result<Marked> {
    let lead = tx.leads().lock(id)?;
    open_only(&lead)?;
    if lead.flags.0.get(flag).is_some() {
        return Ok(Marked { lead, stage: None, is_new: false });
    }
    process::must_offer(tx, id, flag)?;
    if flag == Flag::SalesAccepted && lead.owner_id.is_none() {
        return Err(Error::Conflict("a lead without an owner is accepted by nobody; give it an owner first".into()));
    }
    let mark = Mark { at: tx.at(), by: tx.scope.actor, model_id: None };
    let stage = match flag {
        Flag::SalesReady => {
            let why = Detail { by: tx.scope.actor, ..Detail::default() };
            became_sales_ready(tx, id, mark, why, note)?
        }
        flag => marked(tx, lead, flag, mark, note)?,
    };
    Ok(Marked { lead: tx.leads().get(id)?, stage, is_new: true })
}

/// Marks a lead as ready for sales, by score or by hand, with all that follows: the event and the owner's alert, which
/// tell `why`, and the move of its process. Nothing for a lead that is closed or marked already. Who is to work it is
/// asked by the caller (`assignment::assign`).
pub fn became_sales_ready(
    tx: &mut Tx<'_>,
    id: Id,
    mark: Mark,
    why: Detail,
    note: Option<&str>,
) -> Result<Option<StageMove>> {
    let lead = tx.leads().lock(id)?;
    if !lead.status.0.is_open() || lead.flags.0.sales_ready.is_some() {
        return Ok(None);
    }
    let lead = tx.leads().set_flags(id, lead.flags.0.with(Flag::SalesReady, Some(mark)))?;
    let data = json!({
        "lead": lead, "model_id": why.model_id, "model": why.model, "score": why.score,
        "sales_ready_score": why.threshold, "note": note,
    });
    events::emit(tx, "lead.sales_ready", Subject::lead(id, lead.contact_id), &data)?;
    alerts::sales_ready(tx, lead.owned(), why)?;
    process::react_noted(tx, id, Trigger::SalesReady, note.map(str::to_owned))
}

/// Takes a mark back from an open lead; it stays in its stage. 404 when it is not set.
pub fn remove_flag(tx: &mut Tx<'_>, id: Id, flag: Flag) -> Result<()> {
    let lead = tx.leads().lock(id)?;
    open_only(&lead)?;
    let Some(mark) = lead.flags.0.get(flag).cloned() else { return Err(Error::NotFound) };
    let lead = tx.leads().set_flags(id, lead.flags.0.with(flag, None))?;
    let data = json!({"lead": lead, "flag": flag, "before": mark});
    events::emit(tx, "lead.flag_removed", Subject::lead(id, lead.contact_id), &data)
}

/// Sets any mark but that of readiness for sales.
fn marked(tx: &mut Tx<'_>, lead: Lead, flag: Flag, mark: Mark, note: Option<&str>) -> Result<Option<StageMove>> {
    let lead = tx.leads().set_flags(lead.id, lead.flags.0.with(flag, Some(mark)))?;
    let subject = Subject::lead(lead.id, lead.contact_id);
    events::emit(tx, &format!("lead.{}", flag.name()), subject, &json!({"lead": lead, "note": note}))?;
    match flag {
        Flag::TeleprospectReady => {
            process::react_noted(tx, lead.id, Trigger::TeleprospectReady, note.map(str::to_owned))
        }
        Flag::TeleprospectAccepted => {
            process::react_noted(tx, lead.id, Trigger::TeleprospectAccepted, note.map(str::to_owned))
        }
        Flag::SalesReady | Flag::SalesAccepted => Ok(None),
    }
}

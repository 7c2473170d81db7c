//! A lead that teleprospecting or sales refuses (PRO-6): it goes back to where its stage says, without any mark.
//!
//! It becomes ready for sales again by hand, or when what a person does next, or what becomes known of them, gives new
//! points that leave it at or above a threshold: time alone never brings it back (`scoring::settle`). A lead that sales
//! has accepted is not refused any more; it is disqualified.

use serde_json::json;

use super::{Flags, Lead, open_only};
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::process::{self, StageMove};
use crate::workspaces::{self, reasons};

/// A lead that was refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    pub lead: Lead,
    pub stage: StageMove,
}

/// Refuses an open lead for one of the workspace's reasons. 422 for another reason; 409 where its stage refuses none and
/// for a lead that sales has accepted.
pub fn reject(tx: &mut Tx<'_>, id: Id, reason: &str, note: Option<&str>) -> Result<Rejected> {
    all_hold(reasons::unknown(&workspaces::settings(tx)?.refusal_reasons, reason).into_iter().collect())?;
    let before = tx.leads().lock(id)?;
    open_only(&before)?;
    if before.flags.0.sales_accepted.is_some() {
        return Err(Error::Conflict("sales has accepted this lead; disqualify it instead".into()));
    }
    let stage = process::refuse(tx, id, reason, note.map(str::to_owned))?;
    let lead = tx.leads().set_flags(id, Flags::default())?;
    let data = json!({
        "lead": lead, "reason": reason, "note": note, "from": stage.from, "to": stage.to, "flags_before": before.flags,
    });
    events::emit(tx, "lead.rejected", Subject::lead(id, lead.contact_id), &data)?;
    Ok(Rejected { lead, stage })
}

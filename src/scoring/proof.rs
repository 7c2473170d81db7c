//! The proof of all scores from the command line: one line for each workspace, one for each difference.

use std::fmt::Write as _;

use super::verify::{Difference, Findings, verify_some};
use crate::clock::Clock;
use crate::db::{Db, Scope};
use crate::error::{Error, Result};
use crate::id::Id;

/// What the proof found, for a person to read.
pub struct Proof {
    /// A line for each workspace, and one for each of its first differences.
    pub text: String,
    /// Differences of all workspaces together.
    pub differences: i64,
}

/// Verifies all scores of the workspace with this key, or of all workspaces. `Err(Invalid)` when there is no such one.
pub async fn prove(db: &Db, clock: &Clock, workspace: Option<String>) -> Result<Proof> {
    let scope = |workspace| Scope { workspace, at: clock.now(), actor: None, cause: None };
    let all = db.read(scope(Id::NIL), |tx| tx.workspaces().all()).await?;
    let mut chosen = all.clone();
    chosen.retain(|found| workspace.as_ref().is_none_or(|key| found.key == *key));
    if chosen.is_empty() && workspace.is_some() {
        return Err(Error::invalid("/workspace", "unknown", "there is no workspace with this key"));
    }
    let mut proof = Proof { text: String::new(), differences: 0 };
    for workspace in chosen {
        let mut findings = Findings::default();
        let mut after = Some(Id::NIL);
        while let Some(from) = after {
            let before = findings.clone();
            let work = move |tx: &mut crate::db::Tx<'_>| {
                let mut findings = before.clone();
                let next = verify_some(tx, None, from, &mut findings)?;
                Ok((findings, next))
            };
            (findings, after) = db.write(scope(workspace.id), work).await?;
        }
        proof.differences += findings.differences;
        let Findings { leads, scores, differences, .. } = findings;
        let _ = writeln!(proof.text, "{}: {leads} leads, {scores} scores, {differences} differences", workspace.key);
        for difference in &findings.first {
            let _ = writeln!(proof.text, "  {}", line(difference));
        }
    }
    Ok(proof)
}

fn line(difference: &Difference) -> String {
    let Difference { lead_id, model_id, rule, what, stored, expected } = difference;
    let model = model_id.map_or_else(String::new, |id| format!(" model {id}"));
    let rule = rule.as_ref().map_or_else(String::new, |rule| format!(" rule {rule}"));
    format!("lead {lead_id}{model}{rule}: {} is {stored} and should be {expected}", what.name())
}

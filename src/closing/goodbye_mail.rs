//! Sending the letters that say goodbye: a job, tried again while the mail server is away.

use serde_json::{Value, json};

use super::goodbye::{self, Draft, Errand, GoodbyeStatus};
use crate::db::Scope;
use crate::error::{Error, Result};
use crate::http::State;
use crate::jobs::Job;
use crate::mail::{Letter, MailFailure};

/// Sends the letter of a job. One that the server refuses for good ends the job, and the closing says why; after any
/// other failure it says so as well, and the job is tried again, and parked in the end.
pub async fn send(state: &State, job: &Job) -> Result<Value> {
    let errand: Errand = job.input()?;
    let scope = || Scope { workspace: job.workspace_id, at: state.clock.now(), actor: job.created_by, cause: None };
    let Some(draft) = state.db.read(scope(), move |tx| goodbye::draft(tx, errand)).await? else {
        return Ok(json!({"sent": false}));
    };
    let sent = match &state.mail {
        Some(mail) => mail.send(&letter(draft)).await,
        None => Err(MailFailure::Failed("no mail server is configured".to_owned())),
    };
    let fault = sent.as_ref().err().map(ToString::to_string);
    let status = match &sent {
        Ok(()) => GoodbyeStatus::Sent,
        Err(MailFailure::Refused(_)) => GoodbyeStatus::Refused,
        Err(MailFailure::Failed(_)) => GoodbyeStatus::Queued,
    };
    state.db.write(scope(), move |tx| goodbye::settle(tx, errand, status, fault.as_deref())).await?;
    match sent {
        Ok(()) => Ok(json!({"sent": true})),
        Err(MailFailure::Refused(words)) => Ok(json!({"sent": false, "refused": words})),
        Err(MailFailure::Failed(words)) => Err(Error::Conflict(words)),
    }
}

fn letter(draft: Draft) -> Letter {
    let Draft { to, reply_to, subject, text, name } = draft;
    Letter { to, reply_to, subject, text, message_id: Some(name) }
}

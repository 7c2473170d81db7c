//! Sending the letters that ask for confirmations: a job, tried again while the mail server is away.

use serde_json::{Value, json};

use super::confirmation::{self, Draft, Wish};
use crate::db::Scope;
use crate::error::{Error, Result};
use crate::http::State;
use crate::jobs::Job;
use crate::mail::{Letter, Mail, MailFailure};

/// Sends the letter of a job. One that the server refuses for good ends the job, and the submission says why; after any
/// other failure it says so as well, and the job is tried again.
pub async fn send(state: &State, job: &Job) -> Result<Value> {
    let wish: Wish = job.input()?;
    let scope = || Scope { workspace: job.workspace_id, at: state.clock.now(), actor: job.created_by, cause: None };
    let Some(mail) = &state.mail else {
        let fault = MailFailure::Failed("no mail server is configured".to_owned());
        return settled(state, scope(), wish, Err(fault)).await;
    };
    match state.db.write(scope(), move |tx| confirmation::draft(tx, wish)).await? {
        Some(draft) => settled(state, scope(), wish, mail.send(&letter(mail, &draft)).await).await,
        None => Ok(json!({"sent": false})),
    }
}

fn letter(mail: &Mail, draft: &Draft) -> Letter {
    let link = mail.link(&format!("/v1/public/confirmations/{}", draft.token));
    let definition = &draft.form.definition.0;
    let (subject, text) = definition.confirmation.written(&definition.name, &link);
    Letter { to: draft.to.clone(), subject, text, ..Letter::default() }
}

async fn settled(
    state: &State,
    scope: Scope,
    wish: Wish,
    outcome: std::result::Result<(), MailFailure>,
) -> Result<Value> {
    let fault = outcome.as_ref().err().map(ToString::to_string);
    state.db.write(scope, move |tx| confirmation::settle(tx, wish, fault.as_deref())).await?;
    match outcome {
        Ok(()) => Ok(json!({"sent": true})),
        Err(MailFailure::Refused(words)) => Ok(json!({"sent": false, "refused": words})),
        Err(MailFailure::Failed(words)) => Err(Error::Conflict(words)),
    }
}

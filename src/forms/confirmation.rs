//! Double opt-in (CAP-6): a submission waits until whoever sent it opens the link that was mailed to them.
//!
//! Until then nothing but the submission is written. The link's token is 32 random bytes, made when the mail is sent and
//! kept only as its hash; it works once, for 28 days. Then the submission is processed as its form is by then, as done
//! when it was sent; the consents it gives count from the confirmation, and tell how it was given.
//!
//! Mail that nobody asked for is a nuisance that strangers could cause: a repeat of a submission that waits is reminded of
//! at most every five minutes, and an address is asked about at most five submissions an hour. What goes beyond waits
//! without a mail and says so; a user may have it mailed, which also makes earlier links worthless.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::Form;
use super::activity::Deed;
use super::capture::{self, Arrival};
use super::submission::{Status, Submission};
use crate::clock::Timestamp;
use crate::contacts::identity::Email;
use crate::db::{Scope, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::jobs::{self, Kind};
use crate::schema::confirmations;
use crate::text::sha256;

/// Days that a link is good for.
const GOOD_FOR_DAYS: i64 = 28;
/// Seconds after which a repeat of a submission is reminded of.
const REMIND_AFTER_S: i64 = 300;
/// Letters about one submission that repeats of it can cause.
const LETTERS_MAX: i64 = 5;
/// Submissions of one address in an hour that it is asked about.
const ASKED_AN_HOUR: i64 = 5;
/// Seconds after which a user may have another letter sent.
pub const RESEND_AFTER_S: i64 = 60;
/// Characters of a user agent that a consent's evidence repeats.
const AGENT_SHOWN: usize = 200;

/// What a submission waits for, or waited for.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = confirmations, treat_none_as_default_value = false)]
pub struct Confirmation {
    pub workspace_id: Id,
    pub submission_id: Id,
    /// The address as typed.
    pub email: String,
    pub email_key: String,
    /// Letters that were asked for; only the latest is still sent.
    pub letters: i64,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    /// When the latest letter was handed over.
    pub sent_at: Option<Timestamp>,
    pub confirmed_at: Option<Timestamp>,
    pub remote_address: Option<String>,
    pub user_agent: Option<String>,
}

/// How far a confirmation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The link was not opened yet.
    Waiting,
    /// It was opened.
    Given,
    /// It was not opened in time.
    Expired,
}

impl Confirmation {
    /// How far it is at `at`.
    pub fn standing(&self, at: Timestamp) -> Standing {
        match self.confirmed_at {
            Some(_) => Standing::Given,
            None if self.expires_at <= at => Standing::Expired,
            None => Standing::Waiting,
        }
    }
}

/// Who opened a link.
#[derive(Clone, Debug, Default)]
pub struct Opener {
    pub remote_address: Option<String>,
    pub user_agent: Option<String>,
}

/// A letter to be sent: the input of its job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wish {
    pub submission_id: Id,
    /// Which letter about the submission it is, counted from 1. Once there is a later one it is not sent.
    pub letter: i64,
}

/// What a letter is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    pub to: String,
    pub form: Form,
    pub token: String,
}

/// Asks the sender of a new submission to confirm their address.
pub fn ask(tx: &mut Tx<'_>, submission_id: Id, email: &Email) -> Result<()> {
    tx.take_turns(&[format!("confirmation {}", email.key)])?;
    if tx.confirmations().find(submission_id)?.is_some() {
        return remind(tx, submission_id);
    }
    let hour_ago = tx.at().plus_seconds(-3_600);
    if tx.confirmations().asked_since(&email.key, hour_ago)? >= ASKED_AN_HOUR {
        let reason = "no mail was sent: its address was asked about too many submissions within the hour";
        return tx.confirmations().explain(submission_id, Some(reason));
    }
    begin(tx, submission_id, email)?;
    Ok(())
}

/// Asks once more, if the submission still waits and was not asked about a moment ago.
pub fn remind(tx: &mut Tx<'_>, submission_id: Id) -> Result<()> {
    if tx.confirmations().find(submission_id)?.is_none() {
        return Ok(());
    }
    let waits = tx.submissions().lock(submission_id)?.status.0 == Status::Pending;
    let known = tx.confirmations().get(submission_id)?;
    let is_due = known.asked_at <= tx.at().plus_seconds(-REMIND_AFTER_S);
    if waits && is_due && known.letters < LETTERS_MAX && known.confirmed_at.is_none() {
        again(tx, submission_id)?;
    }
    Ok(())
}

/// Has another letter sent for a user; the links sent before are worth nothing any more. 409 for a submission that
/// does not wait, or was asked about within the minute.
pub fn resend(tx: &mut Tx<'_>, submission_id: Id) -> Result<Confirmation> {
    let submission = tx.submissions().lock(submission_id)?;
    if submission.status.0 != Status::Pending {
        return Err(Error::Conflict("the submission does not wait to be confirmed".into()));
    }
    tx.confirmations().explain(submission_id, None)?;
    match tx.confirmations().find(submission_id)? {
        None => {
            let email = address(tx, &submission)?;
            begin(tx, submission_id, &email)
        }
        Some(known) if known.asked_at > tx.at().plus_seconds(-RESEND_AFTER_S) => {
            Err(Error::Conflict("a mail was asked for less than a minute ago".into()))
        }
        Some(_) => {
            tx.confirmations().forget_links(submission_id)?;
            again(tx, submission_id)
        }
    }
}

fn address(tx: &mut Tx<'_>, submission: &Submission) -> Result<Email> {
    let form = tx.forms().get(submission.form_id)?;
    let read = capture::read(tx, &form.definition.0, &submission.payload.0)?;
    read.email.ok_or_else(|| Error::Conflict("the submission has no e-mail address".into()))
}

fn begin(tx: &mut Tx<'_>, submission_id: Id, email: &Email) -> Result<Confirmation> {
    let at = tx.at();
    let confirmation = Confirmation {
        workspace_id: tx.scope.workspace,
        submission_id,
        email: email.typed.clone(),
        email_key: email.key.clone(),
        letters: 1,
        asked_at: at,
        expires_at: at.plus_days(GOOD_FOR_DAYS),
        sent_at: None,
        confirmed_at: None,
        remote_address: None,
        user_agent: None,
    };
    tx.confirmations().insert(&confirmation)?;
    post(tx, &confirmation)?;
    Ok(confirmation)
}

fn again(tx: &mut Tx<'_>, submission_id: Id) -> Result<Confirmation> {
    let until = tx.at().plus_days(GOOD_FOR_DAYS);
    let confirmation = tx.confirmations().ask_again(submission_id, until)?;
    post(tx, &confirmation)?;
    Ok(confirmation)
}

fn post(tx: &mut Tx<'_>, confirmation: &Confirmation) -> Result<()> {
    let wish = Wish { submission_id: confirmation.submission_id, letter: confirmation.letters };
    jobs::enqueue(tx, Kind::ConfirmationMail, &wish, Some(1))?;
    Ok(())
}

/// Prepares a letter with a link of its own; none when it is not needed any more. A try that fails may have reached the
/// address nevertheless, so its link stays good.
pub fn draft(tx: &mut Tx<'_>, wish: Wish) -> Result<Option<Draft>> {
    let submission = tx.submissions().lock(wish.submission_id)?;
    let known = tx.confirmations().get(wish.submission_id)?;
    let is_needed = submission.status.0 == Status::Pending && known.standing(tx.at()) == Standing::Waiting;
    if !is_needed || known.letters != wish.letter {
        return Ok(None);
    }
    let token = new_token()?;
    tx.confirmations().add_link(wish.submission_id, &sha256(&token))?;
    Ok(Some(Draft { to: known.email, form: tx.forms().get(submission.form_id)?, token }))
}

/// Writes down that a letter was handed over, or why not.
pub fn settle(tx: &mut Tx<'_>, wish: Wish, fault: Option<&str>) -> Result<()> {
    tx.submissions().lock(wish.submission_id)?;
    if tx.confirmations().get(wish.submission_id)?.letters != wish.letter {
        return Ok(());
    }
    if fault.is_none() {
        tx.confirmations().sent(wish.submission_id)?;
    }
    let reason = fault.map(|words| format!("the confirmation mail was not sent: {words}"));
    tx.confirmations().explain(wish.submission_id, reason.as_deref())
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub standing: Standing,
    /// Whether it takes a button to confirm.
    pub button: bool,
}

/// Looks where a link leads and changes nothing. 404 for one that leads nowhere.
pub fn look(tx: &mut Tx<'_>, token: &str) -> Result<Look> {
    within(tx, token, |tx, submission_id| {
        let standing = tx.confirmations().get(submission_id)?.standing(tx.at());
        let submission = tx.submissions().get(submission_id)?;
        let form = tx.forms().get(submission.form_id)?;
        Ok(Look { standing, button: form.definition.0.confirmation.button })
    })
}

/// Confirms the address that a link was mailed to, and has its submission processed. True when this was the time that
/// did it; of many at once one does. Nothing happens when the link was opened before or has expired.
pub fn confirm(tx: &mut Tx<'_>, token: &str, opener: &Opener) -> Result<(Standing, bool)> {
    within(tx, token, |tx, submission_id| {
        let submission = tx.submissions().lock(submission_id)?;
        let standing = tx.confirmations().get(submission_id)?.standing(tx.at());
        if standing != Standing::Waiting || submission.status.0 != Status::Pending {
            return Ok((standing, false));
        }
        tx.confirmations().give(submission_id, opener)?;
        process(tx, &submission)?;
        Ok((Standing::Given, true))
    })
}

/// A form that has changed since may refuse what was sent: the confirmation counts all the same.
fn process(tx: &mut Tx<'_>, submission: &Submission) -> Result<()> {
    match capture::process(tx, submission, submission.payload.0.clone(), Deed::Sent(submission.received_at)) {
        Err(error @ (Error::Invalid(_) | Error::Gone { .. } | Error::Conflict(_))) => {
            let form = tx.forms().get(submission.form_id)?;
            capture::fail(tx, submission, form.version, &error).map(drop)
        }
        done => done.map(drop),
    }
}

/// Does `work` in the workspace of whatever submission a link belongs to.
fn within<T>(tx: &mut Tx<'_>, token: &str, work: impl FnOnce(&mut Tx<'_>, Id) -> Result<T>) -> Result<T> {
    let (workspace, submission) = tx.confirmations().behind_link(&sha256(token))?.ok_or(Error::NotFound)?;
    work(&mut tx.within(Scope { workspace, ..tx.scope }), submission)
}

/// Whether the sender of a submission has confirmed their address.
pub fn is_given(tx: &mut Tx<'_>, submission_id: Id) -> Result<bool> {
    Ok(tx.confirmations().find(submission_id)?.is_some_and(|known| known.confirmed_at.is_some()))
}

/// How the sender confirmed their address, as the proof of a consent tells it; none when the form does not ask for it.
pub fn evidence(tx: &mut Tx<'_>, submission_id: Id, arrival: &Arrival) -> Result<Option<String>> {
    if !arrival.form.definition.0.double_opt_in {
        return Ok(None);
    }
    let Some(known) = tx.confirmations().find(submission_id)? else { return Ok(None) };
    let agent: String = known.user_agent.as_deref().unwrap_or("an unknown program").chars().take(AGENT_SHOWN).collect();
    let address = known.remote_address.as_deref().unwrap_or("an unknown address");
    Ok(known.confirmed_at.map(|at| format!("confirmed {at} from {address} with {agent}")))
}

/// A submission as it is shown: one whose link has expired says so.
pub fn shown(tx: &mut Tx<'_>, submission: Submission) -> Result<Submission> {
    if submission.status.0 != Status::Pending {
        return Ok(submission);
    }
    let known = tx.confirmations().find(submission.id)?;
    let expired = known.filter(|known| known.standing(tx.at()) == Standing::Expired);
    let reason = expired.map(|known| format!("the confirmation link expired on {}", known.expires_at));
    Ok(Submission { reason: reason.or(submission.reason.clone()), ..submission })
}

fn new_token() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_32_random_bytes_and_fits_an_address() {
        let tokens: std::collections::BTreeSet<String> = (0..200).map(|_| new_token().unwrap()).collect();
        assert_eq!(tokens.len(), 200);
        for token in tokens {
            assert_eq!(URL_SAFE_NO_PAD.decode(&token).unwrap().len(), 32, "{token}");
            assert_ne!(sha256(&token), token);
        }
    }
}

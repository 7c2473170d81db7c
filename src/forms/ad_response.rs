//! Taking responses to lead ads (CAP-8): each becomes a submission of its form, once, whatever its bytes.
//!
//! Nobody is there to put an answer right, so one that the form does not accept is kept as failed. When it happened is
//! when the person sent it, but never later than now. A test lead is dropped unless the form takes them.

use serde_json::Value;

use super::Form;
use super::ad_response_repository::AdResponse;
use super::capture::{self, Arrival};
use super::fulfil::Done;
use super::lead_ad::{self, LINKEDIN, Response};
use super::reading::Reading;
use super::submission::Status;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::{Error, Result};
use crate::id::Id;

/// What became of a response.
#[derive(Clone, Debug)]
pub struct Taken {
    /// LinkedIn's id of it.
    pub response_id: String,
    /// What became of it; none when it was dropped.
    pub kept: Option<Kept>,
}

/// The submission that a response became.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub submission_id: Id,
    pub status: Status,
    /// Whether it is the first time that the response came.
    pub first: bool,
}

/// Takes a response. With a `fault` it is only kept, as failed for that reason.
pub fn take(tx: &mut Tx<'_>, form: &Form, raw: &Value, fault: Option<&str>) -> Result<Taken> {
    let response = lead_ad::read(raw, &form.definition.0).map_err(|broken| Error::Invalid(vec![broken]))?;
    let response_id = response.id.clone();
    if response.is_test && !form.definition.0.take_test_leads {
        return Ok(Taken { response_id, kept: None });
    }
    tx.take_turns(&[format!("ad response {LINKEDIN} {response_id}")])?;
    let (submission_id, first) = match tx.ad_responses().submission_of(LINKEDIN, &response_id)? {
        Some(known) => (known, false),
        None => (submit(tx, form, response, raw, fault)?, true),
    };
    let status = tx.submissions().get(submission_id)?.status.0;
    Ok(Taken { response_id, kept: Some(Kept { submission_id, status, first }) })
}

fn submit(tx: &mut Tx<'_>, form: &Form, response: Response, raw: &Value, fault: Option<&str>) -> Result<Id> {
    let occurred_at = response.submitted_at.unwrap_or(tx.at()).min(tx.at());
    let (reading, broken) = match capture::read(tx, &form.definition.0, &response.payload) {
        Ok(reading) => (reading, None),
        Err(error @ Error::Invalid(_)) => (Reading::default(), Some(capture::reason(&error))),
        Err(error) => return Err(error),
    };
    let arrival = Arrival::new(form.clone(), response.payload, reading);
    let submission_id = match broken.or_else(|| fault.map(str::to_owned)) {
        None => capture::accept(tx, &arrival, occurred_at)?,
        Some(reason) => {
            let failed = Done::held(Status::Failed, Some(reason));
            capture::store(tx, Id::new(tx.at()), &arrival, failed)?
        }
    };
    let kept = AdResponse {
        workspace_id: tx.scope.workspace,
        source: LINKEDIN.to_owned(),
        external_id: response.id,
        submission_id,
        raw: JsonOf(raw.clone()),
        received_at: tx.at(),
    };
    tx.ad_responses().insert(&kept)?;
    Ok(submission_id)
}

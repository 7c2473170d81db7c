//! Taking up a kept submission again (CAP-3, CAP-5): releasing one that was held back, correcting one that failed.
//!
//! Both are for whoever comes first: the submission is locked, and once it is processed a second one hears 409. What
//! was sent first stays readable beside what it was corrected to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::activity::Deed;
use super::capture;
use super::payload::Payload;
use super::submission::{Status, Submission};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::condition::Condition;
use crate::id::Id;

/// What a corrected submission counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SubmissionRetryAs)]
pub enum RetryAs {
    /// The submission as it arrived: what was done was done then, and an interaction recorded then is it.
    Original,
    /// A submission of now: it is an interaction of its own, whatever was recorded before.
    New,
}

/// How a failed submission is processed again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubmissionRetry)]
#[schema(example = json!({"as": "original", "fields": {"email": "ann@example.com", "phone": null}}))]
pub struct Retry {
    /// What it counts as.
    #[serde(rename = "as")]
    pub counts_as: RetryAs,
    /// Corrections: a value replaces what was sent, null takes it out, absent fields stay.
    #[serde(default)]
    #[schema(schema_with = super::input::corrections_schema, required = false)]
    pub fields: BTreeMap<String, Option<String>>,
}

/// Processes a quarantined submission as what it was when it arrived. One that the form no longer accepts has failed,
/// and says why.
pub fn release(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Submission> {
    let held = locked(tx, id, condition, Status::Quarantined, "only a quarantined submission can be released")?;
    match capture::process(tx, &held, held.payload.0.clone(), Deed::Sent(held.received_at)) {
        Err(error @ Error::Invalid(_)) => capture::fail(tx, &held, held.form_version, &error),
        done => done,
    }
}

/// Corrects a failed submission and processes it again. `Err(Invalid)` when the form does not accept what it says then.
pub fn retry(tx: &mut Tx<'_>, id: Id, retry: &Retry, condition: &Condition) -> Result<Submission> {
    let failed = locked(tx, id, condition, Status::Failed, "only a failed submission can be retried")?;
    let payload = corrected(&failed.payload.0, &retry.fields);
    if payload != failed.payload.0 {
        tx.submissions().keep_original(id, &failed.payload.0)?;
    }
    let deed = match retry.counts_as {
        RetryAs::Original => Deed::Sent(failed.received_at),
        RetryAs::New => Deed::SentAnew(tx.at(), failed.version),
    };
    capture::process(tx, &failed, payload, deed)
}

fn locked(tx: &mut Tx<'_>, id: Id, condition: &Condition, status: Status, otherwise: &str) -> Result<Submission> {
    let submission = tx.submissions().lock(id)?;
    condition.check(submission.version)?;
    if submission.status.0 == status { Ok(submission) } else { Err(Error::Conflict(otherwise.to_owned())) }
}

fn corrected(sent: &Payload, corrections: &BTreeMap<String, Option<String>>) -> Payload {
    let mut payload = sent.clone();
    for (name, value) in corrections {
        match value {
            Some(value) => drop(payload.fields.insert(name.clone(), value.clone())),
            None => drop(payload.fields.remove(name)),
        }
    }
    payload
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn corrections_replace_remove_and_leave() {
        let sent: Payload = serde_json::from_value(json!({"fields": {"a": "1", "b": "2", "c": "3"}})).unwrap();
        let corrections = [("a", Some("x")), ("b", None), ("d", Some("4")), ("e", None)];
        let corrections = corrections.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        let payload = corrected(&sent, &corrections.into());
        assert_eq!(serde_json::to_value(payload).unwrap(), json!({"fields": {"a": "x", "c": "3", "d": "4"}}));
    }
}

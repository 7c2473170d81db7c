//! What a submission would bring about if it were sent now (MAT-6): all of it is done, told and undone. It is taken for
//! one that is neither suspected nor waits to be confirmed.

use serde::Serialize;
use utoipa::ToSchema;

use super::capture::{self, Arrival};
use super::payload::Payload;
use super::submission::{Status, Touched};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::forms;
use crate::id::Id;
use crate::matching::Effect;
use crate::matching::decide::Decision;

/// What would come of a submission.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SubmissionRehearsal)]
pub struct Rehearsal {
    /// The submission that this one repeats, so that nothing more would come of it than came of that one; null otherwise.
    pub repeats: Option<Id>,
    /// What would become of it.
    pub status: Status,
    /// Why it would fail, or why no contact or lead would be made of it.
    pub reason: Option<String>,
    /// What would be done about the person; null when nothing would.
    pub contact: Option<Foretold>,
    /// What would be done about the interest; null when nothing would.
    pub lead: Option<Foretold>,
}

/// What would be done about one record.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MatchForetoldRecord)]
pub struct Foretold {
    /// The decision that would be stored; null when nothing would be looked for.
    pub decision: Option<Decision>,
    /// What would be done.
    pub effect: Effect,
    /// The known record that it would be done to; null when there is none or one would be created.
    pub record_id: Option<Id>,
}

/// Lets `payload` arrive at the form, tells what came of it, and undoes that. What is wrong with it is told below
/// `prefix`, a JSON pointer.
pub fn rehearse(tx: &mut Tx<'_>, form: Id, payload: &Payload, prefix: &str) -> Result<Rehearsal> {
    let arrival = arrival(tx, form, payload, prefix)?;
    let rehearsed = tx.rehearsal(|tx| {
        let id = capture::receive(tx, &arrival)?;
        Ok((id, told(tx, id)?))
    });
    let (id, rehearsal) = rehearsed.map_err(|error| below(prefix, error))?;
    let repeats = tx.submissions().find(id)?.map(|first| first.id);
    Ok(Rehearsal { repeats, ..rehearsal })
}

fn arrival(tx: &mut Tx<'_>, form: Id, payload: &Payload, prefix: &str) -> Result<Arrival> {
    let form = forms::get(tx, form).map_err(|error| match error {
        Error::NotFound | Error::Gone { .. } => Error::invalid("/form_id", "unknown", "there is no such form"),
        error => error,
    })?;
    let reading = capture::read(tx, &form.definition.0, payload).map_err(|error| below(prefix, error))?;
    Ok(Arrival::new(form, payload.clone(), reading))
}

/// The error, with what is wrong with the submission told below `prefix`.
fn below(prefix: &str, error: Error) -> Error {
    match error {
        Error::Invalid(mut broken) => {
            broken.iter_mut().for_each(|broken| broken.pointer.insert_str(0, prefix));
            Error::Invalid(broken)
        }
        error => error,
    }
}

fn told(tx: &mut Tx<'_>, id: Id) -> Result<Rehearsal> {
    let submission = tx.submissions().get(id)?;
    let outcome = submission.outcome.0;
    Ok(Rehearsal {
        repeats: None,
        status: submission.status.0,
        reason: submission.reason,
        contact: foretold(tx, outcome.contact)?,
        lead: foretold(tx, outcome.lead)?,
    })
}

fn foretold(tx: &mut Tx<'_>, touched: Option<Touched>) -> Result<Option<Foretold>> {
    let Some(Touched { effect, id, decision_id }) = touched else { return Ok(None) };
    let decision = match decision_id {
        Some(decision) => Some(tx.match_decisions().get(decision)?.decision.0),
        None => None,
    };
    Ok(Some(Foretold { decision, effect, record_id: id.filter(|_| effect != Effect::Created) }))
}

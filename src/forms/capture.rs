//! Store first (CAP-3) and exactly once (CAP-4): a submission is kept with what became of it, also when nothing did.
//! One that is suspected, or whose sender has yet to confirm their address (CAP-6), is only kept; `process` makes of a
//! kept one what would have been made of it.
//!
//! What follows from a submission happens behind a savepoint: when it fails, it is undone and the submission is kept as
//! failed, with the reason. A transaction that fails as a whole is followed by another that keeps the submission alone.

use std::sync::Arc;

use super::activity::Deed;
use super::definition::Definition;
use super::fulfil::{self, Done};
use super::payload::Payload;
use super::reading::Reading;
use super::submission::{Status, Submission};
use super::{Form, confirmation, present};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::events::{self, Event, Subject};
use crate::id::Id;
use crate::matching::strategy::Field;
use crate::workspaces;
use serde_json::json;

/// A submission that its form accepts, and where it came from.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The form, as it was when the submission arrived.
    pub form: Arc<Form>,
    /// What was sent.
    pub payload: Payload,
    /// What it says in the form's terms.
    pub reading: Reading,
    /// The address of whoever is connected.
    pub remote_address: Option<String>,
    /// The program that sent it, as it calls itself.
    pub user_agent: Option<String>,
    /// Why it is suspected to be spam, if it is (CAP-5).
    pub suspicion: Option<String>,
    /// The id of the form's token that came with it.
    pub form_token: Option<Id>,
    /// Who it is, where that was said by somebody who knows.
    pub contact_id: Option<Id>,
}

impl Arrival {
    /// A submission from nowhere in particular.
    pub fn new(form: impl Into<Arc<Form>>, payload: Payload, reading: Reading) -> Self {
        Self {
            form: form.into(),
            payload,
            reading,
            remote_address: None,
            user_agent: None,
            suspicion: None,
            form_token: None,
            contact_id: None,
        }
    }
}

impl Arrival {
    /// Whom it is of, as far as it says so itself: what says the same of two submissions is about one person.
    pub fn whose(&self) -> String {
        let keys = self.reading.keys();
        let told = [Field::Email, Field::Phone, Field::Mobile, Field::ExternalId, Field::AnonymousId];
        told.iter().find_map(|field| keys.get(field).cloned()).unwrap_or_else(|| self.payload.fingerprint())
    }
}

/// Stores a submission and does what it asks for; gives its id. One that was stored before has no second effect, but
/// that a confirmation it waits for is asked for again.
pub fn receive(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<Id> {
    take_turns(tx, std::slice::from_ref(arrival))?;
    if let Some(first) = repeated(tx, arrival)? {
        confirmation::remind(tx, first)?;
        return Ok(first);
    }
    accept(tx, arrival, tx.at())
}

/// Stores a submission that is known to be new and does what it asks for, as of `occurred_at`; gives its id.
pub fn accept(tx: &mut Tx<'_>, arrival: &Arrival, occurred_at: Timestamp) -> Result<Id> {
    let id = Id::new(tx.at());
    let done = make(tx, id, arrival, Deed::Sent(occurred_at))?;
    let status = done.status;
    store(tx, id, arrival, done)?;
    ask_if_pending(tx, id, status, arrival)?;
    Ok(id)
}

/// What `payload` says in the terms of a form with this definition. `Err(Invalid)` with all that is wrong with it.
pub(super) fn read(tx: &mut Tx<'_>, definition: &Definition, payload: &Payload) -> Result<Reading> {
    let country = workspaces::settings(tx)?.default_country.clone();
    Reading::of(definition, payload, country.as_deref()).map_err(Error::Invalid)
}

/// Makes of a kept submission what its form, as it is now, makes of `payload`, which the person did as `deed` says. What
/// comes of it replaces what had come of it before. The caller has locked the submission.
///
/// `Err(Gone)` when the form was deleted, `Err(Invalid)` when it does not accept the payload.
pub(super) fn process(tx: &mut Tx<'_>, submission: &Submission, payload: Payload, deed: Deed) -> Result<Submission> {
    let form = present(tx.forms().get(submission.form_id)?)?;
    let reading = read(tx, &form.definition.0, &payload)?;
    let arrival = Arrival {
        remote_address: submission.remote_address.clone(),
        user_agent: submission.user_agent.clone(),
        ..Arrival::new(form, payload, reading)
    };
    let done = make(tx, submission.id, &arrival, deed)?;
    let settled = settle(tx, submission.id, arrival.form.version, &arrival.payload, done)?;
    ask_if_pending(tx, settled.id, settled.status.0, &arrival)?;
    Ok(settled)
}

/// Keeps what came of a submission, read by this version of its form, in place of what had come of it before.
fn settle(tx: &mut Tx<'_>, id: Id, form_version: i64, payload: &Payload, done: Done) -> Result<Submission> {
    let settled = tx.submissions().settle(id, form_version, payload, &done)?;
    let news = fact(tx, &settled)?;
    tx.events().insert(&[news])?;
    Ok(settled)
}

/// What comes of a submission.
fn make(tx: &mut Tx<'_>, id: Id, arrival: &Arrival, deed: Deed) -> Result<Done> {
    match on_hold(tx, id, arrival)? {
        Some(held) => Ok(held),
        None => attempt(tx, id, arrival, deed),
    }
}

/// What becomes of a submission of which nothing is made for now, because it is suspected or has yet to be confirmed.
pub(super) fn on_hold(tx: &mut Tx<'_>, id: Id, arrival: &Arrival) -> Result<Option<Done>> {
    if let Some(why) = &arrival.suspicion {
        return Ok(Some(Done::held(Status::Quarantined, Some(why.clone()))));
    }
    let waits = arrival.form.definition.0.double_opt_in && !confirmation::is_given(tx, id)?;
    Ok(waits.then(|| Done::held(Status::Pending, None)))
}

pub(super) fn ask_if_pending(tx: &mut Tx<'_>, id: Id, status: Status, arrival: &Arrival) -> Result<()> {
    match &arrival.reading.email {
        Some(email) if status == Status::Pending => confirmation::ask(tx, id, email),
        _ => Ok(()),
    }
}

/// A kept submission has failed when this version of its form was to make something of it, because of `error`.
pub(super) fn fail(tx: &mut Tx<'_>, submission: &Submission, form_version: i64, error: &Error) -> Result<Submission> {
    let done = Done::held(Status::Failed, Some(reason(error)));
    settle(tx, submission.id, form_version, &submission.payload.0, done)
}

/// What comes of a submission; what cannot be done is undone, and it has failed.
fn attempt(tx: &mut Tx<'_>, id: Id, arrival: &Arrival, deed: Deed) -> Result<Done> {
    match tx.savepoint(|tx| fulfil::fulfil(tx, id, arrival, deed)) {
        Err(error @ (Error::Contention(_) | Error::Unavailable(_))) => Err(error),
        Err(error) => Ok(Done::held(Status::Failed, Some(reason(&error)))),
        done => done,
    }
}

/// Stores a submission after `fault` kept everything else from happening; gives its id.
pub fn keep(tx: &mut Tx<'_>, arrival: &Arrival, fault: &str) -> Result<Id> {
    tx.take_turns(&turns_of_repeats(arrival))?;
    if let Some(first) = repeated(tx, arrival)? {
        return Ok(first);
    }
    let id = Id::new(tx.at());
    store(tx, id, arrival, Done::held(Status::Failed, Some(fault.to_owned())))
}

/// Whether a submission that met `error` is to be kept nevertheless. What the visitor did wrong is answered, and
/// nothing can be kept while the database is away.
pub fn is_to_be_kept(error: &Error) -> bool {
    !matches!(error, Error::Invalid(_) | Error::Unavailable(_))
}

/// The submission that this one repeats.
fn repeated(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<Option<Id>> {
    Ok(stored_before(tx, std::slice::from_ref(arrival))?.pop().transpose()?.flatten())
}

/// The submission that each of these repeats: by the id that the page gave it, by its token, or by saying the same
/// within the form's window; `Err(Invalid)` for one whose id or token is another's. The caller has the turns of those who
/// send the same.
pub(super) fn stored_before(tx: &mut Tx<'_>, arrivals: &[Arrival]) -> Result<Vec<Result<Option<Id>>>> {
    let (mut first, mut places, mut asked) = (Vec::with_capacity(arrivals.len()), Vec::new(), Vec::new());
    for (place, arrival) in arrivals.iter().enumerate() {
        first.push(match named_before(tx, arrival) {
            Err(error @ Error::Invalid(_)) => Err(error),
            named => Ok(named?),
        });
        let window = arrival.form.definition.0.duplicate_window_s;
        if window != 0 && matches!(first.last(), Some(Ok(None))) {
            places.push(place);
            asked.push((arrival.form.id, arrival.payload.fingerprint(), tx.at().plus_seconds(-window)));
        }
    }
    for (number, same) in tx.submissions().saying_the_same(&asked)? {
        if let Some(first) = places.get(number).and_then(|place| first.get_mut(*place)) {
            *first = Ok(Some(same));
        }
    }
    Ok(first)
}

/// The submission that has the id which the page gave this one, or its token.
fn named_before(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<Option<Id>> {
    let (form, client_key) = (arrival.form.id, arrival.payload.submission_id.as_deref());
    let only_to_repeat = |(first, said): (Id, String), pointer: &str, detail: &str| {
        let is_same = said == arrival.payload.fingerprint();
        if is_same { Ok(Some(first)) } else { Err(Error::invalid(pointer, "reused", detail)) }
    };
    if let Some(key) = client_key
        && let Some(known) = tx.submissions().with_client_key(form, key)?
    {
        return only_to_repeat(known, "/submission_id", "another submission has this id; send a new one");
    }
    if let Some(token) = arrival.form_token
        && let Some(known) = tx.submissions().with_form_token(form, token)?
    {
        return only_to_repeat(known, "/token", "another submission came with this token; get a new one");
    }
    Ok(None)
}

/// Takes the turns of submissions and of all whom they bring: in one order for everyone, so that two who bring the same
/// people never wait for each other.
pub(super) fn take_turns(tx: &mut Tx<'_>, arrivals: &[Arrival]) -> Result<()> {
    let repeats = arrivals.iter().flat_map(turns_of_repeats).collect();
    tx.take_turns_after(&[repeats, arrivals.iter().flat_map(fulfil::turns).collect()], None)
}

/// The turns of those who send the same.
fn turns_of_repeats(arrival: &Arrival) -> Vec<String> {
    let (form, fingerprint) = (arrival.form.id, arrival.payload.fingerprint());
    let client_key = arrival.payload.submission_id.as_ref();
    let mut turns = vec![format!("submission {form} {fingerprint}")];
    turns.extend(client_key.map(|key| format!("submission {form} id {key}")));
    turns.extend(arrival.form_token.map(|token| format!("submission {form} token {token}")));
    turns
}

/// Keeps a submission with what came of it.
pub(super) fn store(tx: &mut Tx<'_>, id: Id, arrival: &Arrival, done: Done) -> Result<Id> {
    keep_all(tx, &[(submission(tx, id, arrival, done), arrival)])?;
    Ok(id)
}

/// The same; what has this fingerprint within the form's window repeats it.
pub(super) fn store_as(tx: &mut Tx<'_>, id: Id, arrival: &Arrival, fingerprint: String, done: Done) -> Result<Id> {
    let submission = Submission { fingerprint, ..submission(tx, id, arrival, done) };
    keep_all(tx, &[(submission, arrival)])?;
    Ok(id)
}

/// A submission with what came of it.
pub(super) fn submission(tx: &Tx<'_>, id: Id, arrival: &Arrival, done: Done) -> Submission {
    Submission {
        workspace_id: tx.scope.workspace,
        id,
        form_id: arrival.form.id,
        form_version: arrival.form.version,
        received_at: tx.at(),
        fingerprint: arrival.payload.fingerprint(),
        client_key: arrival.payload.submission_id.clone(),
        form_token: arrival.form_token,
        payload: JsonOf(arrival.payload.clone()),
        original_payload: None,
        remote_address: arrival.remote_address.clone(),
        user_agent: arrival.user_agent.clone(),
        status: Code(done.status),
        reason: done.reason,
        outcome: JsonOf(done.outcome),
        contact_id: done.contact_id,
        lead_id: done.lead_id,
        interaction_id: done.interaction_id,
        version: 1,
        updated_at: tx.at(),
    }
}

/// Keeps submissions, each with where it came from.
pub(super) fn keep_all(tx: &mut Tx<'_>, kept: &[(Submission, &Arrival)]) -> Result<()> {
    let submissions: Vec<&Submission> = kept.iter().map(|(submission, _)| submission).collect();
    tx.submissions().insert(&submissions)?;
    let news = submissions.into_iter().map(|submission| fact(tx, submission)).collect::<Result<Vec<_>>>()?;
    tx.events().insert(&news)
}

/// What others may hear of a submission.
fn fact(tx: &Tx<'_>, submission: &Submission) -> Result<Event> {
    let kind = match submission.status.0 {
        Status::Processed => "submission.processed",
        Status::Failed => "submission.failed",
        Status::Quarantined => "submission.quarantined",
        Status::Pending => "submission.pending",
    };
    let subject = Subject { contact_id: submission.contact_id, lead_id: submission.lead_id };
    let data = json!({
        "submission_id": submission.id, "form_id": submission.form_id, "interaction_id": submission.interaction_id,
        "reason": submission.reason, "outcome": submission.outcome,
    });
    events::fact(tx, kind, subject, &data)
}

/// Why a submission failed, for the people of the workspace; a fault of the service goes to the log as well.
pub fn reason(error: &Error) -> String {
    if let Error::Internal(what) = error {
        let request = crate::http::request_id::current();
        log::error!("a submission failed: {what} (request {request})");
    }
    error.reason()
}

//! Who came to the event of a form (CAP-7): an interaction beside the registration, one for each person.
//!
//! Somebody may be told of by contact, by registration, or by what a badge or list says of them in the form's fields.
//! The last way is that of a submission: the person is matched or created, and has the one lead that the event has for
//! them, also when they never registered. At the door nobody is asked for what the form requires, nor for consents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::activity::{self, Deed, attended_by};
use super::capture::{self, Arrival};
use super::definition::{Definition, Kind};
use super::fulfil::{self, Done};
use super::payload::Payload;
use super::reading::Reading;
use super::strategies;
use super::submission::Status;
use super::{Form, FormStatus};
use crate::clock::Timestamp;
use crate::contacts::identity;
use crate::db::Tx;
use crate::error::{Error, Result, Violation};
use crate::id::Id;
use crate::interactions::FUTURE_S;
use crate::matching;
use crate::matching::strategy::Target;

/// Somebody who came to an event: one of `contact_id`, `submission_id` and `fields` says who.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAttendance)]
#[schema(example = json!({"fields": {"email": "ann@example.com"}, "attended_at": "2026-03-01T10:00:00Z"}))]
pub struct NewAttendance {
    /// The contact.
    pub contact_id: Option<Id>,
    /// Their registration: a submission of the form.
    pub submission_id: Option<Id>,
    /// What is known of them, in the form's fields. None is required. Whoever is not known becomes known.
    #[schema(schema_with = super::input::attendance_fields_schema, required = false)]
    pub fields: Option<BTreeMap<String, String>>,
    /// When they came; now when left out, at most five minutes in the future.
    pub attended_at: Option<Timestamp>,
}

/// An attendance as recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Attendance {
    /// The interaction, of kind `event_attended`.
    pub interaction_id: Id,
    /// The contact who came; null while they are not known.
    pub contact_id: Option<Id>,
    /// Their lead; null when the form makes none.
    pub lead_id: Option<Id>,
    /// Whether this is the first time; false for a repeat.
    #[serde(skip)]
    pub first: bool,
}

/// Records that somebody came to the event of `form`. A repeat is answered with the first, and nothing is written.
pub fn record(tx: &mut Tx<'_>, form: &Form, new: &NewAttendance) -> Result<Attendance> {
    let at = new.attended_at.unwrap_or(tx.at());
    if at > tx.at().plus_seconds(FUTURE_S) {
        return Err(Error::invalid("/attended_at", "in_future", "must be at most five minutes in the future"));
    }
    let arrival = match (new.contact_id, new.submission_id, &new.fields) {
        (Some(contact), None, None) => known(tx, form, contact)?,
        (None, Some(submission), None) => registered(tx, form, submission)?,
        (None, None, Some(fields)) => told(tx, form, fields)?,
        _ => {
            let detail = "give one of contact_id, submission_id and fields, and no more";
            return Err(Error::invalid("", "invalid", detail));
        }
    };
    if let Some(before) = before(tx, &arrival)? {
        return Ok(before);
    }
    let id = Id::new(tx.at());
    let done = match arrival.contact_id {
        Some(contact) => fulfil::credit(tx, &arrival, contact, Deed::Attended(at))?,
        None => fulfil::fulfil(tx, id, &arrival, Deed::Attended(at))?,
    };
    let attendance = accepted(&done)?;
    if arrival.contact_id.is_none() {
        // No registration with the same answers repeats it.
        let fingerprint = format!("attended {}", arrival.payload.fingerprint());
        capture::store_as(tx, id, &arrival, fingerprint, done)?;
    }
    Ok(attendance)
}

/// The form, if people can come to its event.
pub fn event(tx: &mut Tx<'_>, id: Id) -> Result<Form> {
    let form = super::get(tx, id)?;
    match (form.definition.0.kind, form.status.0) {
        (Kind::Event, FormStatus::Draft) => Err(Error::Conflict("the event is a draft; publish it first".into())),
        (Kind::Event, _) => Ok(form),
        _ => Err(Error::Conflict("only a form of kind event has attendances".into())),
    }
}

fn known(tx: &mut Tx<'_>, form: &Form, contact: Id) -> Result<Arrival> {
    let unknown = || Error::invalid("/contact_id", "unknown", "there is no such contact in this workspace");
    let contact = tx.merged().contact(contact)?.ok_or_else(unknown)?;
    let email = tx.contacts().get(contact)?.email;
    let email = email.and_then(|email| identity::email(&email).ok());
    let reading = Reading { email, ..Reading::default() };
    Ok(Arrival { contact_id: Some(contact), ..Arrival::new(form.clone(), Payload::default(), reading) })
}

fn registered(tx: &mut Tx<'_>, form: &Form, submission: Id) -> Result<Arrival> {
    let unknown = || Error::invalid("/submission_id", "unknown", "the form has no such submission");
    let submission = match tx.submissions().get(submission) {
        Err(Error::NotFound) => return Err(unknown()),
        found => found?,
    };
    let contact = submission.contact_id.filter(|_| submission.form_id == form.id);
    if submission.form_id == form.id && contact.is_none() {
        return Err(Error::invalid("/submission_id", "unknown", "no contact is known for it; give fields instead"));
    }
    known(tx, form, contact.ok_or_else(unknown)?)
}

fn told(tx: &mut Tx<'_>, form: &Form, fields: &BTreeMap<String, String>) -> Result<Arrival> {
    let payload = Payload { fields: fields.clone(), ..Payload::default() };
    let reading = capture::read(tx, &at_the_door(&form.definition.0), &payload)?;
    if !reading.names_somebody() {
        let detail = "must have a name, an e-mail address or a phone";
        return Err(Error::invalid("/fields", "required", detail));
    }
    Ok(Arrival::new(form.clone(), payload, reading))
}

/// The form as it is asked at the door: nothing is required.
fn at_the_door(definition: &Definition) -> Definition {
    let mut definition = definition.clone();
    definition.fields.iter_mut().for_each(|field| field.required = false);
    definition.consents.clear();
    definition
}

/// The attendance of the same person, if it was recorded before.
fn before(tx: &mut Tx<'_>, arrival: &Arrival) -> Result<Option<Attendance>> {
    let contact = match arrival.contact_id {
        Some(contact) => Some(contact),
        None => {
            let strategy = strategies::named(tx, &arrival.form.definition.0, Target::Contact)?;
            matching::find_contact(tx, &strategy, &arrival.reading.keys())?.known()
        }
    };
    let mut known = match contact {
        // Also what was told of somebody who was merged into them since.
        Some(contact) => tx.interactions().first_with_form(contact, "event_attended", arrival.form.id)?,
        None => None,
    };
    for key in attended_by(arrival, contact) {
        if known.is_none() {
            known = tx.interactions().repeated(Some(activity::SOURCE), Some(&key))?;
        }
    }
    Ok(known.map(|it| {
        let contact_id = it.contact_id.or(contact);
        Attendance { interaction_id: it.id, contact_id, lead_id: it.lead_id, first: false }
    }))
}

/// What came of an attendance. Whoever reports one is there to hear why nothing did.
fn accepted(done: &Done) -> Result<Attendance> {
    if done.is_repeat {
        return Err(Error::Contention("the same attendance was recorded meanwhile".into()));
    }
    let reason = || done.reason.clone().unwrap_or_else(|| "nobody is known by that".to_owned());
    let interaction = done.interaction_id.filter(|_| done.status == Status::Processed);
    let interaction_id =
        interaction.ok_or_else(|| Error::Invalid(vec![Violation::new("/fields", "invalid", reason())]))?;
    Ok(Attendance { interaction_id, contact_id: done.contact_id, lead_id: done.lead_id, first: true })
}

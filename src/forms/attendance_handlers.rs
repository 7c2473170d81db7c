//! Attendances over HTTP: one, or a list of which each item has a result of its own.

use actix_web::post;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Form;
use super::attendance::{self, Attendance, NewAttendance};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::{Command, typed};
use crate::http::contract::Operation;
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::id::Id;

/// One attendance, or up to 1,000 of them.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Attendances)]
#[expect(dead_code, reason = "describes the body; each item is read on its own, so that one spoils no other")]
enum Body {
    /// One.
    #[schema(title = "One")]
    One(NewAttendance),
    /// Several, each with a result of its own.
    #[schema(title = "Several")]
    Several(SeveralAttendances),
}

/// Attendances, each with a result of its own.
#[derive(Deserialize, ToSchema)]
#[schema(max_items = 1_000)]
#[expect(dead_code, reason = "describes the body")]
struct SeveralAttendances(Vec<NewAttendance>);

/// What became of each attendance of a list, in its order.
#[derive(Serialize, ToSchema)]
struct AttendanceResults {
    /// One result an item.
    results: Vec<AttendanceResult>,
}

/// What became of one attendance of a list.
#[derive(Serialize, ToSchema)]
struct AttendanceResult {
    /// 201 recorded, 200 recorded before, 422 refused.
    #[schema(example = 201)]
    status: u16,
    /// The attendance.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<Attendance>,
    /// Why it was refused, as a problem document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::http::problem::ProblemDocument>)]
    problem: Option<Value>,
}

impl AttendanceResult {
    fn new(outcome: std::result::Result<Attendance, Problem>) -> Self {
        match outcome {
            Ok(attendance) => {
                Self { status: if attendance.first { 201 } else { 200 }, recorded: Some(attendance), problem: None }
            }
            Err(problem) => Self {
                status: problem.status(),
                recorded: None,
                problem: serde_json::from_str(&problem.document()).ok(),
            },
        }
    }
}

/// What a 200 holds.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer")]
enum Answered {
    /// The attendance, recorded before.
    Before(Attendance),
    /// One result an item of the list.
    Results(AttendanceResults),
}

/// Record attendances
///
/// Who came to the event of a form: one, or a list of up to 1,000 of which each item has a result of its own. An
/// attendance is an interaction of kind `event_attended`, one for each person however often it is told. Whoever is told
/// of by `fields` is matched or created as a registration would be, and has one lead for the event, also without having
/// registered.
#[utoipa::path(
    tag = "forms",
    operation_id = "record_attendances",
    params(("id" = Id, Path, description = "The form, of kind `event` and published")),
    request_body(content = Body, example = json!({
        "fields": {"email": "ann@example.com"}, "attended_at": "2026-03-01T10:00:00Z"
    })),
    responses(
        (status = 201, description = "The attendance was recorded", body = Attendance),
        (status = 200, description = "It was recorded before; or, for a list, what became of each item", body = inline(Answered)),
        (status = 409, description = "The form is no event, or a draft"),
        (status = 410, description = "The form was deleted"),
    ),
    security(("bearer" = ["interactions:write"])),
)]
#[post("/v1/forms/{id}/attendances")]
pub(super) async fn record_attendances(PathId(id): PathId, command: Command<Value>) -> Reply {
    let operation = command.operation.clone();
    command
        .run(move |tx, body, _| {
            let form = attendance::event(tx, id)?;
            match body {
                Value::Array(items) => record_list(tx, &form, &operation, items),
                one => record_one(tx, &form, &typed(one.clone()).map_err(invalid)?),
            }
        })
        .await
}

fn record_one(tx: &mut Tx<'_>, form: &Form, new: &NewAttendance) -> Result<Answer> {
    let attendance = attendance::record(tx, form, new)?;
    if attendance.first {
        Answer::created(format!("/v1/interactions/{}", attendance.interaction_id), &attendance)
    } else {
        Answer::ok(&attendance)
    }
}

/// Records the items that are well formed; what an item that is refused has written is undone.
fn record_list(tx: &mut Tx<'_>, form: &Form, operation: &Operation, items: &[Value]) -> Result<Answer> {
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let read = operation.check_item(item).and_then(|()| typed::<NewAttendance>(item.clone()));
        let outcome = match read {
            Err(problem) => Err(problem),
            Ok(new) => match tx.savepoint(|tx| attendance::record(tx, form, &new)) {
                Err(error @ (Error::Contention(_) | Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
                recorded => recorded.map_err(Problem::from),
            },
        };
        results.push(AttendanceResult::new(outcome));
    }
    Answer::ok(&AttendanceResults { results })
}

/// A body that the contract took and the type did not.
fn invalid(problem: Problem) -> Error {
    Error::invalid("", "invalid", problem.to_string())
}

//! Taking, finishing and reopening tasks over HTTP.

use actix_web::post;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::handlers::shown;
use super::{Done, Outcome, Task, TaskView};
use crate::auth::token::PrincipalKind;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::condition::Condition;
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::interactions::{self, NewInteraction, Recorded};
use crate::process::stage::TaskKind;
use crate::{scoring, tasks, workspaces};

/// The paths of what is done with a task.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(take).service(complete).service(cancel).service(reopen);
}

/// Take a task
///
/// Makes a task that nobody has the calling user's. Of many who take it at once one gets it, the others 409. Whoever
/// has it already keeps it. A client cannot take a task.
#[utoipa::path(
    tag = "tasks",
    operation_id = "take_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to take; another version gives 412"),
    ),
    responses(
        (status = 200, description = "The task, now the caller's", body = TaskView),
        (status = 409, description = "Another user has the task, or it is finished"),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[post("/v1/tasks/{id}/take")]
async fn take(PathId(id): PathId, command: Command<()>) -> Reply {
    if command.actor.kind != PrincipalKind::User {
        return Err(Problem::new(Kind::Forbidden, "only a user takes a task; a client may assign it by a change"));
    }
    let user = command.actor.principal_id;
    command
        .run(move |tx, (), condition| {
            let task = tasks::take(tx, id, user, condition)?;
            shown(tx, task)
        })
        .await
}

/// What came of a task.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"result": "Wants an offer for 40 users", "outcome": "positive", "record_interaction": true}))]
struct Completion {
    /// In words.
    #[schema(max_length = 2_000)]
    result: Option<String>,
    /// In a word.
    outcome: Option<Outcome>,
    /// Whether to record what was done as an interaction, now, by the user who did it: a call, a meeting, or for a mail a
    /// message. Needs the scope `interactions:write`, too. False when left out.
    #[schema(default = false)]
    record_interaction: bool,
}

/// A task that was done.
#[derive(Serialize, ToSchema)]
struct CompletedTask {
    #[serde(flatten)]
    task: TaskView,
    /// The interaction that was recorded, and what it set off; null when none was asked for.
    recorded: Option<Recorded>,
}

/// Complete a task
///
/// Says that an open task is done, and what came of it. A call, mail or meeting may be recorded as an interaction in one
/// go; the answer then has the scores that it set off. A finished task gives 409.
#[utoipa::path(
    tag = "tasks",
    operation_id = "complete_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to complete; another version gives 412"),
    ),
    request_body = Completion,
    responses(
        (status = 200, description = "The task, done", body = CompletedTask),
        (status = 409, description = "The task is finished already"),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[post("/v1/tasks/{id}/completion")]
async fn complete(PathId(id): PathId, command: Command<Completion>) -> Reply {
    if command.body.record_interaction && !command.actor.may("interactions:write") {
        return Err(Problem::new(Kind::Forbidden, "the scope interactions:write is needed to record the interaction"));
    }
    command
        .run(move |tx, body, condition| {
            let (task, recorded) = match body.record_interaction {
                true => complete_and_record(tx, id, body, condition)?,
                false => (tasks::complete(tx, id, body.done(), condition)?, None),
            };
            let (version, task) = (task.version, task.shown(tx.at()));
            Ok(Answer::ok(&CompletedTask { task, recorded })?.version(version))
        })
        .await
}

impl Completion {
    fn done(&self) -> Done {
        Done { result: self.result.clone(), outcome: self.outcome }
    }
}

/// Finishes a task and records what was done. The task first: what is recorded may move its lead to another stage, which
/// cancels the tasks of the stage that are still open. Everyone holds the contact first, then its turn, its leads, and their
/// tasks.
fn complete_and_record(
    tx: &mut Tx<'_>,
    id: Id,
    body: &Completion,
    condition: &Condition,
) -> Result<(Task, Option<Recorded>)> {
    let seen = tx.tasks().get(id)?;
    let moved = || Error::Contention("a task was moved to another lead or contact".into());
    let leads = match (seen.contact_id, seen.lead_id) {
        (Some(contact), _) if tx.merged().contact(contact)? != Some(contact) => return Err(moved()),
        (Some(contact), _) => scoring::leads_of_contact(tx, contact)?,
        (None, Some(lead)) => {
            scoring::hold_lead(tx, lead)?;
            vec![lead]
        }
        (None, None) => Vec::new(),
    };
    tx.scorables().lock_leads(&leads)?;
    let task = tasks::complete(tx, id, body.done(), condition)?;
    if (task.contact_id, task.lead_id) != (seen.contact_id, seen.lead_id) {
        return Err(moved());
    }
    let interaction = interaction(tx, &task)?;
    let recorded = interactions::record(tx, &[interaction])?.pop().ok_or(Error::NotFound)??;
    let task = tasks::note_interaction(tx, id, recorded.id)?;
    Ok((task, Some(recorded)))
}

/// What was done, as an interaction. A user who completes a task did it; for a client the assignee did.
fn interaction(tx: &mut Tx<'_>, task: &Task) -> Result<NewInteraction> {
    let kind = match task.kind.0 {
        TaskKind::Call => "call",
        TaskKind::Meeting => "meeting",
        TaskKind::Mail => "message",
        TaskKind::Offer | TaskKind::Other => {
            let detail = "only a call, a mail or a meeting is an interaction";
            return Err(Error::invalid("/record_interaction", "not_allowed", detail));
        }
    };
    let doer = workspaces::calling_user(tx)?.map(|user| user.id);
    let properties = json!({"task_id": task.id, "outcome": task.outcome});
    Ok(NewInteraction {
        contact_id: task.contact_id,
        lead_id: task.lead_id,
        sender_id: doer.or(task.assignee_id),
        properties: properties.as_object().cloned().unwrap_or_default(),
        ..NewInteraction::new(kind, tx.at())
    })
}

/// Why a task is not to be done any more.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"result": "The project was stopped"}))]
struct Cancellation {
    /// In words.
    #[schema(max_length = 2_000)]
    result: Option<String>,
}

/// Cancel a task
///
/// Says that an open task is not to be done any more. A finished task gives 409.
#[utoipa::path(
    tag = "tasks",
    operation_id = "cancel_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to cancel; another version gives 412"),
    ),
    request_body = Cancellation,
    responses(
        (status = 200, description = "The task, cancelled", body = TaskView),
        (status = 409, description = "The task is finished already"),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[post("/v1/tasks/{id}/cancellation")]
async fn cancel(PathId(id): PathId, command: Command<Cancellation>) -> Reply {
    command
        .run(move |tx, body, condition| {
            let task = tasks::cancel(tx, id, body.result.clone(), condition)?;
            shown(tx, task)
        })
        .await
}

/// When a task that is opened again is due.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"due_at": "2026-03-05T09:00:00Z"}))]
struct Reopening {
    /// When it is due; as before when left out.
    due_at: Option<Timestamp>,
}

/// Reopen a task
///
/// Opens a task again that was done or cancelled, with the assignee it had. What came of it is in its events; an
/// interaction that was recorded with it stays. An open task gives 409.
#[utoipa::path(
    tag = "tasks",
    operation_id = "reopen_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to reopen; another version gives 412"),
    ),
    request_body = Reopening,
    responses(
        (status = 200, description = "The task, open", body = TaskView),
        (status = 409, description = "The task is open"),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[post("/v1/tasks/{id}/reopening")]
async fn reopen(PathId(id): PathId, command: Command<Reopening>) -> Reply {
    command
        .run(move |tx, body, condition| {
            let task = tasks::reopen(tx, id, body.due_at, condition)?;
            shown(tx, task)
        })
        .await
}

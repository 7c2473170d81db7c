//! Tasks over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{NewTask, SORT_FIELDS, Status, Task, TaskFilter, TaskPatch, TaskView, finish_handlers};
use crate::auth::Actor;
use crate::auth::scope::Role;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::process::stage::TaskKind;
use crate::tasks;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
    finish_handlers::routes(routes);
}

pub(super) fn shown(tx: &Tx<'_>, task: Task) -> Result<Answer> {
    let version = task.version;
    Ok(Answer::ok(&task.shown(tx.at()))?.version(version))
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TaskQuery {
    /// Only tasks of this user.
    assignee_id: Option<Id>,
    /// Only tasks that this role may take, taken or not.
    #[param(inline)]
    role: Option<Role>,
    /// Only tasks that somebody has, or only those that nobody took.
    assigned: Option<bool>,
    /// Only tasks with this status.
    #[param(inline)]
    status: Option<Status>,
    /// Only tasks that are open and whose due date has passed, or only the others.
    overdue: Option<bool>,
    /// Only tasks for this lead.
    lead_id: Option<Id>,
    /// Only tasks for this contact, those for its leads included.
    contact_id: Option<Id>,
    /// Only tasks of this kind.
    #[param(inline)]
    kind: Option<TaskKind>,
    /// Only tasks due at this instant or later.
    due_from: Option<Timestamp>,
    /// Only tasks due before this instant.
    due_until: Option<Timestamp>,
}

impl TaskQuery {
    fn filter(self) -> std::result::Result<TaskFilter, Problem> {
        check_range(("due_from", self.due_from), ("due_until", self.due_until))?;
        Ok(TaskFilter {
            assignee_id: self.assignee_id,
            role: self.role,
            assigned: self.assigned,
            status: self.status,
            overdue: self.overdue,
            lead_id: self.lead_id,
            contact_id: self.contact_id,
            kind: self.kind,
            due_from: self.due_from,
            due_until: self.due_until,
        })
    }
}

/// List tasks
///
/// What is to be done and what was, due first unless asked otherwise. The queue of a role is
/// `role=…&assigned=false&status=open`. Can be ordered by `due_at`, `created_at`.
#[utoipa::path(
    tag = "tasks",
    operation_id = "list_tasks",
    params(TaskQuery, PageQuery),
    responses((status = 200, description = "A page of tasks", body = Page<TaskView>)),
    security(("bearer" = ["tasks:read"])),
)]
#[get("/v1/tasks")]
async fn list(actor: Actor, query: web::Query<TaskQuery>, page: web::Query<PageQuery>) -> Reply {
    let page = page.into_inner();
    let page = PageQuery { sort: page.sort.or_else(|| Some("due_at".to_owned())), ..page };
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let filter = query.into_inner().filter()?;
    actor
        .read(move |tx| {
            let at = tx.at();
            let total = if count { Some(tx.tasks().count(&filter)?) } else { None };
            Answer::ok(&Page::new(tx.tasks().list(&filter, &paging)?, &paging, total, |task| task.shown(at))?)
        })
        .await
}

/// Create a task
///
/// Something to be done for a lead or a contact, by a user or by whoever of a role takes it; by the calling user when
/// neither is named. A task of a lead is for the lead's contact, too.
#[utoipa::path(
    tag = "tasks",
    operation_id = "create_task",
    request_body = NewTask,
    responses((status = 201, description = "The task", body = TaskView)),
    security(("bearer" = ["tasks:write"])),
)]
#[post("/v1/tasks")]
async fn create(command: Command<NewTask>) -> Reply {
    command
        .run(|tx, new, _| {
            let task = tasks::create(tx, new)?;
            let (id, version) = (task.id, task.version);
            Ok(Answer::created(format!("/v1/tasks/{id}"), &task.shown(tx.at()))?.version(version))
        })
        .await
}

/// Get a task
///
/// One task.
#[utoipa::path(
    tag = "tasks",
    operation_id = "get_task",
    params(("id" = Id, Path, description = "The task")),
    responses((status = 200, description = "The task", body = TaskView)),
    security(("bearer" = ["tasks:read"])),
)]
#[get("/v1/tasks/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let task = tx.tasks().get(id)?;
            shown(tx, task)
        })
        .await
}

/// Change a task
///
/// A merge patch: absent fields stay, null clears. Whom the task is about stays. A finished task gives 409.
#[utoipa::path(
    tag = "tasks",
    operation_id = "change_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = TaskPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The task after the change", body = TaskView),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[patch("/v1/tasks/{id}")]
async fn change(PathId(id): PathId, command: Command<TaskPatch>) -> Reply {
    command
        .run(move |tx, patch, condition| {
            let task = tasks::change(tx, id, patch, condition)?;
            shown(tx, task)
        })
        .await
}

/// Delete a task
///
/// Removes a task, finished or not. One that is not to be done any more is better cancelled: that is remembered.
#[utoipa::path(
    tag = "tasks",
    operation_id = "delete_task",
    params(
        ("id" = Id, Path, description = "The task"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "The task has changed since it was read"),
    ),
    security(("bearer" = ["tasks:write"])),
)]
#[delete("/v1/tasks/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            tasks::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

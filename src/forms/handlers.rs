//! Forms over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::definition::Definition;
use super::input::{FormPatch, NewForm};
use super::{
    Form, FormFilter, FormStatus, Post, SORT_FIELDS, ad_response_handlers, attendance_handlers, confirmation_handlers,
    public_handlers, submission_handlers,
};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::forms;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove).service(publish).service(stop);
    routes.service(attendance_handlers::record_attendances);
    submission_handlers::routes(routes);
    public_handlers::routes(routes);
    ad_response_handlers::routes(routes);
    confirmation_handlers::routes(routes);
}

/// A form.
#[derive(Serialize, ToSchema)]
#[schema(as = Form)]
struct FormView {
    /// Its id.
    id: Id,
    /// What stands in its public address, `/v1/public/forms/{key}/submissions`.
    #[schema(example = "f_0aZ4kQ8mBv2nXc7Lp1Rt9s")]
    key: String,
    /// What may be done with it.
    status: FormStatus,
    #[serde(flatten)]
    definition: Definition,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    version: i64,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

impl From<Form> for FormView {
    fn from(form: Form) -> Self {
        Self {
            id: form.id,
            key: form.key,
            status: form.status.0,
            definition: form.definition.0,
            version: form.version,
            created_at: form.created_at,
            updated_at: form.updated_at,
        }
    }
}

fn post(actor: &Actor) -> Post {
    if actor.state.mail.is_some() { Post::Ready } else { Post::Missing }
}

fn shown(form: Form) -> Result<Answer> {
    let version = form.version;
    Ok(Answer::ok(&FormView::from(form))?.version(version))
}

/// Which forms to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FormQuery {
    /// Only forms in this state; all but deleted ones when left out.
    #[param(inline)]
    status: Option<FormStatus>,
}

/// List forms
///
/// Newest first unless asked otherwise. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "forms",
    operation_id = "list_forms",
    params(FormQuery, PageQuery),
    responses((status = 200, description = "A page of forms", body = Page<FormView>)),
    security(("bearer" = ["forms:read"])),
)]
#[get("/v1/forms")]
async fn list(actor: Actor, query: web::Query<FormQuery>, page: web::Query<PageQuery>) -> Reply {
    let (filter, count) = (FormFilter { status: query.status }, page.count == Some(true));
    let paging = page.paging(SORT_FIELDS)?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.forms().count(filter)?) } else { None };
            Answer::ok(&Page::new(tx.forms().list(filter, &paging)?, &paging, total, FormView::from)?)
        })
        .await
}

/// Create a form
///
/// A draft: it takes no submissions before it is published.
#[utoipa::path(
    tag = "forms",
    operation_id = "create_form",
    request_body = NewForm,
    responses((status = 201, description = "The form", body = FormView)),
    security(("bearer" = ["forms:write"])),
)]
#[post("/v1/forms")]
async fn create(command: Command<NewForm>) -> Reply {
    command
        .run(|tx, NewForm(definition), _| {
            let form = forms::create(tx, definition)?;
            let (location, version) = (format!("/v1/forms/{}", form.id), form.version);
            Ok(Answer::created(location, &FormView::from(form))?.version(version))
        })
        .await
}

/// Get a form
///
/// One form with its definition. A deleted one is gone (410).
#[utoipa::path(
    tag = "forms",
    operation_id = "get_form",
    params(("id" = Id, Path, description = "The form")),
    responses(
        (status = 200, description = "The form", body = FormView),
        (status = 410, description = "The form was deleted"),
    ),
    security(("bearer" = ["forms:read"])),
)]
#[get("/v1/forms/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| shown(forms::get(tx, id)?)).await
}

/// Change a form
///
/// A merge patch: absent members stay, null restores the default, lists are replaced as a whole. A live form must stay
/// fit to be live; what it takes from then on is read by the new definition.
#[utoipa::path(
    tag = "forms",
    operation_id = "change_form",
    params(
        ("id" = Id, Path, description = "The form"),
        ("If-Match" = String, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = FormPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The form after the change", body = FormView),
        (status = 410, description = "The form was deleted"),
        (status = 412, description = "The form has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["forms:write"])),
)]
#[patch("/v1/forms/{id}")]
async fn change(PathId(id): PathId, command: Command<FormPatch>) -> Reply {
    let post = post(&command.actor);
    command.run(move |tx, FormPatch(patch), condition| shown(forms::change(tx, id, patch, post, condition)?)).await
}

/// Delete a form
///
/// Its public address is gone from then on (410). Its submissions stay, and so do the leads that came through it.
#[utoipa::path(
    tag = "forms",
    operation_id = "delete_form",
    params(
        ("id" = Id, Path, description = "The form"),
        ("If-Match" = String, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 410, description = "The form was deleted before"),
        (status = 412, description = "The form has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["forms:write"])),
)]
#[delete("/v1/forms/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            forms::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

/// Publish a form
///
/// Lets it take submissions. 422 lists everything that it still lacks.
#[utoipa::path(
    tag = "forms",
    operation_id = "publish_form",
    params(
        ("id" = Id, Path, description = "The form"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to publish; another version gives 412"),
    ),
    responses(
        (status = 200, description = "The live form", body = FormView),
        (status = 410, description = "The form was deleted"),
        (status = 412, description = "The form has changed since it was read"),
        (status = 422, description = "The form is not complete; all that is missing is listed"),
    ),
    security(("bearer" = ["forms:write"])),
)]
#[post("/v1/forms/{id}/publish")]
async fn publish(PathId(id): PathId, command: Command<()>) -> Reply {
    let post = post(&command.actor);
    command.run(move |tx, (), condition| shown(forms::publish(tx, id, post, condition)?)).await
}

/// Stop a form
///
/// It takes no more submissions: its public address is not found. It can be published again.
#[utoipa::path(
    tag = "forms",
    operation_id = "stop_form",
    params(
        ("id" = Id, Path, description = "The form"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to stop; another version gives 412"),
    ),
    responses(
        (status = 200, description = "The stopped form", body = FormView),
        (status = 410, description = "The form was deleted"),
        (status = 412, description = "The form has changed since it was read"),
    ),
    security(("bearer" = ["forms:write"])),
)]
#[post("/v1/forms/{id}/stop")]
async fn stop(PathId(id): PathId, command: Command<()>) -> Reply {
    command.run(move |tx, (), condition| shown(forms::stop(tx, id, condition)?)).await
}

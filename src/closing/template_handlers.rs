//! Templates for letters over HTTP.

use actix_web::{delete, get, patch, post, web};

use super::templates::{self, MessageTemplate, NewTemplate, SORT_FIELDS, TemplatePatch};
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of templates.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
}

/// List message templates
///
/// What letters are made of, newest first unless asked otherwise. Can be ordered by `created_at`, `key`.
#[utoipa::path(
    tag = "closing",
    operation_id = "list_message_templates",
    params(PageQuery),
    responses((status = 200, description = "A page of templates", body = Page<MessageTemplate>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/message-templates")]
async fn list(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| {
            let total = if count { Some(tx.message_templates().count()?) } else { None };
            Answer::ok(&Page::new(tx.message_templates().list(&paging)?, &paging, total, |template| template)?)
        })
        .await
}

/// Create a message template
///
/// It is checked at once: an unknown placeholder, a loop or a calculation is refused with what is wrong.
#[utoipa::path(
    tag = "closing",
    operation_id = "create_message_template",
    request_body = NewTemplate,
    responses(
        (status = 201, description = "The template", body = MessageTemplate),
        (status = 409, description = "There is a template with this key"),
    ),
    security(("bearer" = ["process:write"])),
)]
#[post("/v1/message-templates")]
async fn create(command: Command<NewTemplate>) -> Reply {
    command
        .run(|tx, new, _| {
            let made = templates::create(tx, new)?;
            Ok(Answer::created(format!("/v1/message-templates/{}", made.id), &made)?.version(made.version))
        })
        .await
}

/// Get a message template
///
/// One template.
#[utoipa::path(
    tag = "closing",
    operation_id = "get_message_template",
    params(("id" = Id, Path, description = "The template")),
    responses((status = 200, description = "The template", body = MessageTemplate)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/message-templates/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let template = tx.message_templates().get(id)?;
            Ok(Answer::ok(&template)?.version(template.version))
        })
        .await
}

/// Change a message template
///
/// A merge patch: absent fields stay. Letters that were written before stay as they are.
#[utoipa::path(
    tag = "closing",
    operation_id = "change_message_template",
    params(
        ("id" = Id, Path, description = "The template"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = TemplatePatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The template after the change", body = MessageTemplate),
        (status = 412, description = "The template has changed since it was read"),
    ),
    security(("bearer" = ["process:write"])),
)]
#[patch("/v1/message-templates/{id}")]
async fn change(PathId(id): PathId, command: Command<TemplatePatch>) -> Reply {
    command
        .run(move |tx, patch, condition| {
            let template = templates::change(tx, id, patch, condition)?;
            Ok(Answer::ok(&template)?.version(template.version))
        })
        .await
}

/// Delete a message template
///
/// Letters that were written before stay.
#[utoipa::path(
    tag = "closing",
    operation_id = "delete_message_template",
    params(
        ("id" = Id, Path, description = "The template"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "The template has changed since it was read"),
    ),
    security(("bearer" = ["process:write"])),
)]
#[delete("/v1/message-templates/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            templates::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

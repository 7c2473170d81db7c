//! Merges over HTTP.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asked, Kind, Merge, Plan};
use crate::auth::Actor;
use crate::db::page::{SortField, SortKind};
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind as ProblemKind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::merges;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_of_contact).service(merge_contact).service(preview_contact);
    routes.service(list_of_lead).service(merge_lead).service(preview_lead).service(show).service(undo);
}

/// The fields that merges can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("merged_at", "merges.merged_at", SortKind::Instant)];

/// Another record to merge with, and what is decided by hand.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"other_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10", "survivor": "rule"}))]
struct NewMerge {
    /// The record to merge with.
    other_id: Id,
    /// The id of the record that is to survive; `rule` lets the rule decide.
    #[serde(default = "by_rule")]
    #[schema(max_length = 36, default = "rule", example = "rule")]
    survivor: String,
    /// For some fields, the id of the record whose value to keep, blank or not.
    #[serde(default)]
    #[schema(schema_with = fields_schema)]
    fields: BTreeMap<String, Id>,
}

fn by_rule() -> String {
    "rule".to_owned()
}

/// The schema of values chosen by hand: up to 200 fields, each with a record's id.
fn fields_schema() -> utoipa::openapi::Object {
    use utoipa::PartialSchema;
    use utoipa::openapi::ObjectBuilder;
    use utoipa::openapi::schema::{AdditionalProperties, Schema, Type};
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z][a-z0-9_.]{0,99}$")).build();
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "For some fields (such as `first_name`, `consents.marketing` or `attributes.size`), the id of the record \
             whose value to keep, blank or not",
        ))
        .property_names(Some(Schema::Object(name)))
        .additional_properties(Some(AdditionalProperties::RefOr(Id::schema())))
        .max_properties(Some(200))
        .examples([serde_json::json!({"first_name": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"})])
        .build()
}

impl NewMerge {
    fn asked(&self) -> Result<Asked> {
        let survivor = match self.survivor.as_str() {
            "rule" => None,
            text => {
                let unreadable =
                    || Error::invalid("/survivor", "invalid", "must be `rule` or the id of one of the two");
                Some(Id::parse(text).ok_or_else(unreadable)?)
            }
        };
        Ok(Asked { other: self.other_id, survivor, fields: self.fields.clone() })
    }
}

fn created(merge: &Merge) -> Result<Answer> {
    Answer::created(format!("/v1/merges/{}", merge.id), merge)
}

/// List a contact's merges
///
/// The merges it survived or was lost in, undone or not, newest first unless asked otherwise. Can be ordered by
/// `merged_at`.
#[utoipa::path(
    tag = "merges",
    operation_id = "list_contact_merges",
    params(("id" = Id, Path, description = "The contact, merged or not"), PageQuery),
    responses((status = 200, description = "A page of merges", body = Page<Merge>)),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts/{id}/merges")]
async fn list_of_contact(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(SORT_FIELDS)?;
    actor
        .read(move |tx| {
            tx.merged().contact_exists(id)?;
            Answer::ok(&Page::new(tx.merges().list(Kind::Contact, id, &paging)?, &paging, None, |merge| merge)?)
        })
        .await
}

/// Merge two contacts
///
/// Two contacts that are one person become one. The contact that sales knows survives, then the older; its values go
/// first and its blanks are filled, and of consents the later decision counts. All that names the loser moves to the
/// survivor, whose leads are scored anew; leads stay as many as they were. The loser is gone (410) with the survivor's
/// id, and its identities lead to the survivor.
#[utoipa::path(
    tag = "merges",
    operation_id = "merge_contacts",
    params(
        ("id" = Id, Path, description = "One of the contacts"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the contact's version; another version gives 412"),
    ),
    request_body = NewMerge,
    responses(
        (status = 201, description = "The merge", body = Merge),
        (status = 410, description = "The contact was merged into another"),
        (status = 412, description = "The contact has changed since it was read"),
    ),
    security(("bearer" = ["contacts:write"])),
)]
#[post("/v1/contacts/{id}/merges")]
async fn merge_contact(PathId(id): PathId, command: Command<NewMerge>) -> Reply {
    command.run(move |tx, new, condition| created(&merges::merge_contacts(tx, id, &new.asked()?, condition)?)).await
}

/// Preview a merge of two contacts
///
/// Which contact would survive, and every value it would have, with the reason. Nothing is written.
#[utoipa::path(
    tag = "merges",
    operation_id = "preview_contact_merge",
    params(("id" = Id, Path, description = "One of the contacts")),
    request_body = NewMerge,
    responses(
        (status = 200, description = "What the merge would do", body = Plan),
        (status = 410, description = "The contact was merged into another"),
    ),
    security(("bearer" = ["contacts:read"])),
)]
#[post("/v1/contacts/{id}/merges/preview")]
async fn preview_contact(PathId(id): PathId, command: Command<NewMerge>) -> Reply {
    let Command { actor, body, .. } = command;
    actor.read(move |tx| Answer::ok(&merges::preview_contacts(tx, id, &body.asked()?)?)).await
}

/// List a lead's merges
///
/// The merges it survived or was lost in, undone or not, newest first unless asked otherwise. Can be ordered by
/// `merged_at`.
#[utoipa::path(
    tag = "merges",
    operation_id = "list_lead_merges",
    params(("id" = Id, Path, description = "The lead, merged or not"), PageQuery),
    responses((status = 200, description = "A page of merges", body = Page<Merge>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/merges")]
async fn list_of_lead(actor: Actor, PathId(id): PathId, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(SORT_FIELDS)?;
    actor
        .read(move |tx| {
            tx.merged().lead(id)?.ok_or(Error::NotFound)?;
            Answer::ok(&Page::new(tx.merges().list(Kind::Lead, id, &paging)?, &paging, None, |merge| merge)?)
        })
        .await
}

/// Merge two leads
///
/// Two open leads that are one interest become one. They must be of one contact, or one of nobody yet; of leads without
/// contact, of one account or one of none. Otherwise, and when one is closed, 409. The lead that has a contact survives,
/// then the older; its values go first and its blanks are filled, and it stays in its stage. All that names the loser
/// moves to the survivor, history and ledger with it: rows take the loser's scores back first, so that every ledger
/// still adds up to its score. The loser is gone (410) with the survivor's id.
#[utoipa::path(
    tag = "merges",
    operation_id = "merge_leads",
    params(
        ("id" = Id, Path, description = "One of the leads"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the lead's version; another version gives 412"),
    ),
    request_body = NewMerge,
    responses(
        (status = 201, description = "The merge", body = Merge),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads/{id}/merges")]
async fn merge_lead(PathId(id): PathId, command: Command<NewMerge>) -> Reply {
    command.run(move |tx, new, condition| created(&merges::merge_leads(tx, id, &new.asked()?, condition)?)).await
}

/// Preview a merge of two leads
///
/// Which lead would survive, and every value it would have, with the reason. Nothing is written.
#[utoipa::path(
    tag = "merges",
    operation_id = "preview_lead_merge",
    params(("id" = Id, Path, description = "One of the leads")),
    request_body = NewMerge,
    responses(
        (status = 200, description = "What the merge would do", body = Plan),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[post("/v1/leads/{id}/merges/preview")]
async fn preview_lead(PathId(id): PathId, command: Command<NewMerge>) -> Reply {
    let Command { actor, body, .. } = command;
    actor.read(move |tx| Answer::ok(&merges::preview_leads(tx, id, &body.asked()?)?)).await
}

/// Get a merge
///
/// What was merged, which values were kept and why, and whether it was undone. Needs the scope to read the kind of
/// record that was merged: `contacts:read` or `leads:read`.
#[utoipa::path(
    tag = "merges",
    operation_id = "get_merge",
    params(("id" = Id, Path, description = "The merge")),
    responses((status = 200, description = "The merge", body = Merge)),
    security(("bearer" = [])),
)]
#[get("/v1/merges/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    let merge = permitted(&actor, id, "read").await?;
    Ok(Answer::ok(&merge)?)
}

/// Undo a merge
///
/// Both records are as they were, but for values that were changed since, which stay with the survivor. The loser gets
/// back what moved, and what came since for it: what named it or came with one of its identities. All leads concerned
/// are scored anew. A merge that is undone already, or that later ones stand on, gives 409; the later ones are named.
/// Needs the scope to change the kind of record that was merged: `contacts:write` or `leads:write`.
#[utoipa::path(
    tag = "merges",
    operation_id = "undo_merge",
    params(("id" = Id, Path, description = "The merge")),
    responses((status = 200, description = "The merge, undone", body = Merge)),
    security(("bearer" = [])),
)]
#[post("/v1/merges/{id}/undo")]
async fn undo(PathId(id): PathId, command: Command<()>) -> Reply {
    permitted(&command.actor, id, "write").await?;
    command.run(move |tx, (), _| Answer::ok(&merges::undo(tx, id)?)).await
}

/// The merge, if the actor may `read` or `write` what was merged.
async fn permitted(actor: &Actor, id: Id, what: &str) -> std::result::Result<Merge, Problem> {
    let merge = actor.state.db.read(actor.scope(), move |tx| tx.merges().get(id)).await?;
    let scope = match merge.kind.0 {
        Kind::Contact => format!("contacts:{what}"),
        Kind::Lead => format!("leads:{what}"),
    };
    match actor.may(&scope) {
        true => Ok(merge),
        false => Err(Problem::new(ProblemKind::Forbidden, format!("the scope {scope} is needed"))),
    }
}

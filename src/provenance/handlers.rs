//! Who set each field, over HTTP.

use std::collections::BTreeMap;

use actix_web::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::{How, Source, of};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::http::answer::{Answer, Reply};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(of_contact).service(of_lead).service(of_account);
}

/// Who set each field of a record.
#[derive(Serialize, ToSchema)]
struct Provenance {
    /// The fields that anybody set, by name.
    data: Vec<FieldSource>,
}

/// Who or what set a field, and when.
#[derive(Serialize, ToSchema)]
struct FieldSource {
    /// The field: `first_name`, `address.city`, `attributes.vip`, `consents.marketing`.
    #[schema(example = "first_name")]
    field: String,
    /// When it came to its value.
    at: Timestamp,
    /// How it came to its value.
    how: How,
    /// The submission that set or proposed it.
    submission_id: Option<Id>,
    /// The proposal that was accepted.
    proposal_id: Option<Id>,
    /// The user who set or accepted it.
    user_id: Option<Id>,
    /// The client that set or accepted it.
    client_id: Option<Id>,
}

/// Whether each actor is a user; every other one is a client.
type Users = BTreeMap<Id, bool>;

impl Provenance {
    fn of(tx: &mut Tx<'_>, record: Id) -> Result<Self> {
        let (sources, mut users) = (of(tx, record)?, Users::new());
        for actor in sources.values().filter_map(|source| source.actor_id) {
            if let std::collections::btree_map::Entry::Vacant(unknown) = users.entry(actor) {
                unknown.insert(tx.users().find(actor)?.is_some());
            }
        }
        Ok(Self { data: sources.into_iter().map(|(field, source)| FieldSource::of(field, source, &users)).collect() })
    }
}

impl FieldSource {
    fn of(field: String, source: Source, users: &Users) -> Self {
        let Source { at, how, submission_id, proposal_id, actor_id } = source;
        let is_user = actor_id.is_some_and(|actor| users.get(&actor) == Some(&true));
        let (user_id, client_id) = if is_user { (actor_id, None) } else { (None, actor_id) };
        Self { field, at, how, submission_id, proposal_id, user_id, client_id }
    }
}

/// Get who set a contact's fields
///
/// For each field that was ever set: the submission, user or client that set it last, and when. A field that was
/// cleared names who cleared it.
#[utoipa::path(
    tag = "contacts",
    operation_id = "get_contact_provenance",
    params(("id" = Id, Path, description = "The contact")),
    responses((status = 200, description = "Who set each field", body = Provenance)),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts/{id}/provenance")]
async fn of_contact(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            tx.contacts().get(id)?;
            Answer::ok(&Provenance::of(tx, id)?)
        })
        .await
}

/// Get who set a lead's fields
///
/// For each field that was ever set: the submission, user or client that set it last, and when. Stages have a history
/// of their own at `/v1/leads/{id}/transitions`, scores at `/v1/leads/{id}/score-entries`.
#[utoipa::path(
    tag = "leads",
    operation_id = "get_lead_provenance",
    params(("id" = Id, Path, description = "The lead")),
    responses((status = 200, description = "Who set each field", body = Provenance)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}/provenance")]
async fn of_lead(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            tx.leads().get(id)?;
            Answer::ok(&Provenance::of(tx, id)?)
        })
        .await
}

/// Get who set an account's fields
///
/// For each field that was ever set: the submission, user or client that set it last, and when.
#[utoipa::path(
    tag = "accounts",
    operation_id = "get_account_provenance",
    params(("id" = Id, Path, description = "The account")),
    responses((status = 200, description = "Who set each field", body = Provenance)),
    security(("bearer" = ["accounts:read"])),
)]
#[get("/v1/accounts/{id}/provenance")]
async fn of_account(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            tx.accounts().get(id)?;
            Answer::ok(&Provenance::of(tx, id)?)
        })
        .await
}

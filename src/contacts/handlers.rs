//! Contacts over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Contact, ContactFilter, ContactPatch, NewContact, SORT_FIELDS, identity};
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::filter::{Allowed, Filter, Record};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::Problem;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::workspaces::completeness::{Completeness, Fields};
use crate::{contacts, interactions, proposals, scoring, workspaces};

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(search).service(create).service(show).service(change).service(remove);
}

/// A contact as the API shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactView)]
pub struct View {
    #[serde(flatten)]
    contact: Contact,
    /// How much of what matters is known of the contact.
    completeness: Completeness,
}

impl View {
    /// The contact with its completeness by the fields that matter to the workspace.
    pub fn new(contact: Contact, fields: &Fields) -> Result<Self> {
        let row = serde_json::to_value(&contact).map_err(Error::internal)?;
        Ok(Self { completeness: Completeness::of(Record::Contact, row, fields), contact })
    }
}

fn shown(tx: &mut Tx<'_>, contact: Contact) -> Result<View> {
    View::new(contact, &workspaces::settings(tx)?.completeness)
}

/// Which contacts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ContactQuery {
    /// Text that name or e-mail address must hold; case is ignored.
    #[param(max_length = 200, example = "tamm")]
    q: Option<String>,
    /// Only the contact with this e-mail address, however it is spelled.
    #[param(max_length = 254, example = "ann@example.com")]
    email: Option<String>,
    /// Only the contact with this id in another system.
    #[param(max_length = 200, example = "crm-1042")]
    external_id: Option<String>,
    /// Only contacts of this account.
    account_id: Option<Id>,
    /// Only contacts of this user.
    owner_id: Option<Id>,
    /// Only contacts that sales has yet to earn, or only the others.
    marketing_only: Option<bool>,
}

impl ContactQuery {
    fn filter(self) -> std::result::Result<ContactFilter, Problem> {
        let email_key = match self.email.as_deref().map(identity::email) {
            Some(Ok(email)) => Some(email.key),
            Some(Err(rejected)) => return Err(Problem::parameter("email", rejected.detail)),
            None => None,
        };
        let Self { q, external_id, account_id, owner_id, marketing_only, .. } = self;
        Ok(ContactFilter { q, email_key, external_id, account_id, owner_id, marketing_only })
    }
}

/// List contacts
///
/// People, newest first unless asked otherwise. Can be ordered by `created_at`, `updated_at`, `name`.
#[utoipa::path(
    tag = "contacts",
    operation_id = "list_contacts",
    params(ContactQuery, PageQuery),
    responses((status = 200, description = "A page of contacts", body = Page<View>)),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts")]
async fn list(actor: Actor, query: web::Query<ContactQuery>, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let filter = query.into_inner().filter()?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.contacts().count(&filter)?) } else { None };
            let (rows, fields) =
                (tx.contacts().list(&filter, &paging)?, workspaces::settings(tx)?.completeness.clone());
            let page = Page::new(rows, &paging, total, |contact| contact)?;
            Answer::ok(&page.try_map(|contact| View::new(contact, &fields))?)
        })
        .await
}

/// Which contacts to search for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": {"all": [
    {"field": "contact.country", "op": "in", "value": ["EE", "LV"]},
    {"related": "interaction", "where": {"field": "interaction.kind", "op": "eq", "value": "email_opened"},
     "within_days": 28, "count": {"gte": 5}},
]}}))]
struct ContactSearch {
    /// What must hold of contact and account, and of the contact's interactions and leads.
    filter: Filter,
}

/// Search contacts
///
/// People that a filter holds for, in pages and orders as in the list. The filter is sent anew with each page.
#[utoipa::path(
    tag = "contacts",
    operation_id = "search_contacts",
    params(PageQuery),
    request_body = ContactSearch,
    responses((status = 200, description = "A page of contacts", body = Page<View>)),
    security(("bearer" = ["contacts:read"])),
)]
#[post("/v1/contacts/search")]
async fn search(page: web::Query<PageQuery>, command: Command<ContactSearch>) -> Reply {
    let Command { actor, body: ContactSearch { filter }, .. } = command;
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    all_hold(filter.check("/filter", Allowed::CONTACTS))?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.contacts().count_matching(&filter)?) } else { None };
            let (rows, fields) =
                (tx.contacts().search(&filter, &paging)?, workspaces::settings(tx)?.completeness.clone());
            let page = Page::new(rows, &paging, total, |contact| contact)?;
            Answer::ok(&page.try_map(|contact| View::new(contact, &fields))?)
        })
        .await
}

/// Create a contact
///
/// A new person. An e-mail address or external id that another contact has gives 409 with that contact's id.
/// Interactions that waited for this person become theirs.
#[utoipa::path(
    tag = "contacts",
    operation_id = "create_contact",
    request_body = NewContact,
    responses((status = 201, description = "The contact", body = View)),
    security(("bearer" = ["contacts:write"])),
)]
#[post("/v1/contacts")]
async fn create(command: Command<NewContact>) -> Reply {
    command
        .run(|tx, new, _| {
            let contact = contacts::create(tx, new)?;
            interactions::attribute_waiting(tx, contact.id)?;
            let (location, version) = (format!("/v1/contacts/{}", contact.id), contact.version);
            Ok(Answer::created(location, &shown(tx, contact)?)?.version(version))
        })
        .await
}

/// Get a contact
///
/// One person. One who was merged into another gives 410 with that contact's id.
#[utoipa::path(
    tag = "contacts",
    operation_id = "get_contact",
    params(("id" = Id, Path, description = "The contact")),
    responses(
        (status = 200, description = "The contact", body = View),
        (status = 410, description = "The contact was merged into another"),
    ),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let contact = tx.contacts().get(id)?;
            let version = contact.version;
            Ok(Answer::ok(&shown(tx, contact)?)?.version(version))
        })
        .await
}

/// Change a contact
///
/// A merge patch: absent fields stay, null clears. The contact's open leads are scored anew in the same transaction.
#[utoipa::path(
    tag = "contacts",
    operation_id = "change_contact",
    params(
        ("id" = Id, Path, description = "The contact"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = ContactPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The contact after the change", body = View),
        (status = 410, description = "The contact was merged into another"),
        (status = 412, description = "The contact has changed since it was read"),
    ),
    security(("bearer" = ["contacts:write"])),
)]
#[patch("/v1/contacts/{id}")]
async fn change(PathId(id): PathId, command: Command<ContactPatch>) -> Reply {
    command
        .run(move |tx, patch, condition| {
            interactions::take_turns_to_change(tx, id, patch)?;
            let before = tx.contacts().lock(id)?;
            let contact = contacts::change(tx, id, patch, condition)?;
            proposals::contact_changed(tx, &contact)?;
            scoring::contact_changed(tx, &before, &contact)?;
            interactions::attribute_waiting(tx, id)?;
            let version = contact.version;
            Ok(Answer::ok(&shown(tx, contact)?)?.version(version))
        })
        .await
}

/// Delete a contact
///
/// Only a contact that no lead and no interaction refers to; otherwise 409. Contacts that were merged into it go with it.
#[utoipa::path(
    tag = "contacts",
    operation_id = "delete_contact",
    params(
        ("id" = Id, Path, description = "The contact"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 410, description = "The contact was merged into another"),
        (status = 412, description = "The contact has changed since it was read"),
    ),
    security(("bearer" = ["contacts:write"])),
)]
#[delete("/v1/contacts/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            contacts::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

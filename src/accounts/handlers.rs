//! Accounts over HTTP.

use actix_web::{delete, get, patch, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Account, AccountFilter, AccountPatch, NewAccount, SORT_FIELDS};
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::{accounts, scoring};

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(create).service(show).service(change).service(remove);
}

/// Which accounts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AccountQuery {
    /// Text that the name must hold; case is ignored.
    #[param(max_length = 200, example = "contoso")]
    q: Option<String>,
    /// Only accounts of this user.
    owner_id: Option<Id>,
    /// Only accounts in this country: ISO 3166 alpha-2.
    #[param(pattern = "^[A-Z]{2}$", example = "EE")]
    country: Option<String>,
    /// Only accounts with this domain.
    #[param(max_length = 253, example = "contoso.ee")]
    domain: Option<String>,
}

/// List accounts
///
/// Companies, newest first unless asked otherwise. Can be ordered by `created_at`, `updated_at`, `name`.
#[utoipa::path(
    tag = "accounts",
    operation_id = "list_accounts",
    params(AccountQuery, PageQuery),
    responses((status = 200, description = "A page of accounts", body = Page<Account>)),
    security(("bearer" = ["accounts:read"])),
)]
#[get("/v1/accounts")]
async fn list(actor: Actor, query: web::Query<AccountQuery>, page: web::Query<PageQuery>) -> Reply {
    let (AccountQuery { q, owner_id, country, domain }, count) = (query.into_inner(), page.count == Some(true));
    let (filter, paging) = (AccountFilter { q, owner_id, country, domain }, page.paging(SORT_FIELDS)?);
    let listing = move |tx: &mut crate::db::Tx<'_>| {
        let total = if count { Some(tx.accounts().count(&filter)?) } else { None };
        Answer::ok(&Page::new(tx.accounts().list(&filter, &paging)?, &paging, total, |account| account)?)
    };
    actor.read(listing).await
}

/// Create an account
#[utoipa::path(
    tag = "accounts",
    operation_id = "create_account",
    description = "A new company. Names need not be unique; matching decides whether two accounts are one.",
    request_body = NewAccount,
    responses((status = 201, description = "The account", body = Account)),
    security(("bearer" = ["accounts:write"])),
)]
#[post("/v1/accounts")]
async fn create(command: Command<NewAccount>) -> Reply {
    command
        .run(|tx, new, _| {
            let account = accounts::create(tx, new)?;
            Ok(Answer::created(format!("/v1/accounts/{}", account.id), &account)?.version(account.version))
        })
        .await
}

/// Get an account
#[utoipa::path(
    tag = "accounts",
    operation_id = "get_account",
    description = "One company.",
    params(("id" = Id, Path, description = "The account")),
    responses((status = 200, description = "The account", body = Account)),
    security(("bearer" = ["accounts:read"])),
)]
#[get("/v1/accounts/{id}")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let account = tx.accounts().get(id)?;
            Ok(Answer::ok(&account)?.version(account.version))
        })
        .await
}

/// Change an account
#[utoipa::path(
    tag = "accounts",
    operation_id = "change_account",
    description = "A merge patch: absent fields stay, null clears. Scores of leads that depend on the account follow at once; where they are more than a hundred, by a job that the `Link` header names (`rel=\"monitor\"`).",
    params(
        ("id" = Id, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = AccountPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The account after the change", body = Account),
        (status = 412, description = "The account has changed since it was read"),
    ),
    security(("bearer" = ["accounts:write"])),
)]
#[patch("/v1/accounts/{id}")]
async fn change(PathId(id): PathId, command: Command<AccountPatch>) -> Reply {
    command
        .run(move |tx, patch, condition| {
            let account = accounts::change(tx, id, patch, condition)?;
            let job = scoring::account_changed(tx, id)?;
            Ok(Answer::ok(&account)?.version(account.version).monitored_by(job.map(|job| job.id)))
        })
        .await
}

/// Delete an account
#[utoipa::path(
    tag = "accounts",
    operation_id = "delete_account",
    description = "Only an account that no contact and no lead refers to; otherwise 409.",
    params(
        ("id" = Id, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "The account has changed since it was read"),
    ),
    security(("bearer" = ["accounts:write"])),
)]
#[delete("/v1/accounts/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            accounts::remove(tx, id, condition)?;
            Ok(Answer::deleted())
        })
        .await
}

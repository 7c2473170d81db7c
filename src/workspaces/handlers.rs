//! Users over HTTP, and the paths of the whole feature.

use actix_web::{get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::{self, Subject};
use super::{Label, NewUser, User, audit_handlers, client_handlers, settings_handlers};
use crate::auth::Actor;
use crate::auth::scope::Role;
use crate::auth::token::PrincipalKind;
use crate::clock::Timestamp;
use crate::contacts::identity;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::condition::Condition;
use crate::http::lists::{Page, PageQuery};
use crate::http::patch;
use crate::http::path::PathId;
use crate::http::request_id;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::{assignment, workspaces};

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list_users).service(create_user).service(show_user).service(change_user);
    routes.configure(client_handlers::routes).configure(settings_handlers::routes).configure(audit_handlers::routes);
}

const USER_SORT: &[SortField] = &[SortField::new("created_at", "users.created_at", SortKind::Instant)];

impl Sorted for User {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct UserView {
    /// Their id.
    id: Id,
    /// Their name.
    #[schema(example = "Mari Maasikas")]
    name: String,
    /// Their address, also the reply-to identity of mail sent in their name.
    #[schema(example = "mari@example.com")]
    email: String,
    /// What they do.
    role: Role,
    /// Teams they belong to.
    teams: Vec<String>,
    /// Place among the sellers: 1 is the best.
    rank: Option<i64>,
    /// Product lines they sell.
    product_lines: Vec<String>,
    /// Open leads they may hold at most.
    capacity: Option<i64>,
    /// Until when they take no leads.
    away_until: Option<Timestamp>,
    /// Whether they are locked out.
    disabled: bool,
    /// Grows by one with every change.
    #[schema(example = 1)]
    version: i64,
    /// When they were added.
    created_at: Timestamp,
    /// When they were last changed.
    updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            role: user.role.0,
            teams: user.teams.0,
            rank: user.rank,
            product_lines: user.product_lines.0,
            capacity: user.capacity,
            away_until: user.away_until,
            disabled: user.disabled,
            version: user.version,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Changes to a user: absent fields stay, null clears.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"role": "sales_manager", "away_until": null}))]
struct UserPatch {
    /// Their name.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Their address.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 3, max_length = 254)]
    email: Option<String>,
    /// What they do.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Role)]
    role: Option<Role>,
    /// Teams they belong to.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<Label>, max_items = 50)]
    teams: Option<Vec<String>>,
    /// Place among the sellers: 1 is the best.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000)]
    rank: Option<Option<i64>>,
    /// Product lines they sell.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<Label>, max_items = 50)]
    product_lines: Option<Vec<String>>,
    /// Open leads they may hold at most.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000)]
    capacity: Option<Option<i64>>,
    /// Until when they take no leads.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Timestamp>)]
    away_until: Option<Option<Timestamp>>,
    /// Whether they are locked out.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = bool)]
    disabled: Option<bool>,
}

impl UserPatch {
    fn apply(&self, user: &mut User) -> Result<()> {
        if let Some(typed) = &self.email {
            let email = identity::email(typed).map_err(|e| Error::Invalid(vec![e.at("/email")]))?;
            (user.email, user.email_key) = (email.typed, email.key);
        }
        user.name = self.name.clone().unwrap_or_else(|| user.name.clone());
        user.role = self.role.map_or(user.role, Code);
        user.teams = self.teams.clone().map_or_else(|| user.teams.clone(), JsonOf);
        user.rank = self.rank.unwrap_or(user.rank);
        user.product_lines = self.product_lines.clone().map_or_else(|| user.product_lines.clone(), JsonOf);
        user.capacity = self.capacity.unwrap_or(user.capacity);
        user.away_until = self.away_until.unwrap_or(user.away_until);
        user.disabled = self.disabled.unwrap_or(user.disabled);
        Ok(())
    }
}

/// List users
///
/// Everyone who works in the workspace. Can be ordered by `created_at`.
#[utoipa::path(
    tag = "workspace",
    operation_id = "list_users",
    params(PageQuery),
    responses((status = 200, description = "A page of users", body = Page<UserView>)),
    security(("bearer" = ["users:read"])),
)]
#[get("/v1/users")]
async fn list_users(actor: Actor, page: web::Query<PageQuery>) -> Reply {
    let paging = page.paging(USER_SORT)?;
    actor.read(move |tx| Answer::ok(&Page::new(tx.users().list(&paging)?, &paging, None, UserView::from)?)).await
}

/// Create a user
///
/// Adds someone to the workspace. They get tokens through `ripen token`.
#[utoipa::path(
    tag = "workspace",
    operation_id = "create_user",
    request_body(content = NewUser, example = json!({"name": "Mari Maasikas", "email": "mari@example.com", "role": "salesperson"})),
    responses((status = 201, description = "The user", body = UserView)),
    security(("bearer" = ["workspace:admin"])),
)]
#[post("/v1/users")]
async fn create_user(command: Command<NewUser>) -> Reply {
    let request = request_id::current();
    command
        .run(move |tx, new, _| {
            let user = UserView::from(workspaces::create_user(tx, new)?);
            audit::note(tx, about(user.id, &request), None, Some(&user))?;
            Ok(Answer::created(format!("/v1/users/{}", user.id), &user)?.version(user.version))
        })
        .await
}

/// Get a user
///
/// One person who works in the workspace.
#[utoipa::path(
    tag = "workspace",
    operation_id = "get_user",
    params(("id" = Id, Path, description = "The user")),
    responses((status = 200, description = "The user", body = UserView)),
    security(("bearer" = ["users:read"])),
)]
#[get("/v1/users/{id}")]
async fn show_user(actor: Actor, PathId(id): PathId) -> Reply {
    actor
        .read(move |tx| {
            let user = tx.users().find(id)?.ok_or(Error::NotFound)?;
            let version = user.version;
            Ok(Answer::ok(&UserView::from(user))?.version(version))
        })
        .await
}

/// Change a user
///
/// A merge patch. A new role or a lock-out takes effect within half a minute on every instance.
#[utoipa::path(
    tag = "workspace",
    operation_id = "change_user",
    params(
        ("id" = Id, Path, description = "The user"),
        ("If-Match" = String, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = UserPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The user after the change", body = UserView),
        (status = 412, description = "The user has changed since it was read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["workspace:admin"])),
)]
#[patch("/v1/users/{id}")]
async fn change_user(PathId(id): PathId, command: Command<UserPatch>) -> Reply {
    let (state, workspace) = (command.actor.state.clone(), command.actor.workspace);
    let request = request_id::current();
    let reply = command.run(move |tx, patch, condition| save_user(tx, about(id, &request), patch, condition)).await;
    state.principals.forget(workspace, PrincipalKind::User, id);
    reply
}

/// The user `id`, whom the request changes.
fn about(id: Id, request: &str) -> Subject<'_> {
    Subject { record: "user", id: Some(id), request }
}

fn save_user(tx: &mut Tx<'_>, subject: Subject<'_>, patch: &UserPatch, condition: &Condition) -> Result<Answer> {
    let id = subject.id.ok_or(Error::NotFound)?;
    let before = tx.users().find(id)?.ok_or(Error::NotFound)?;
    condition.check(before.version)?;
    let mut user = before.clone();
    if *patch != UserPatch::default() {
        patch.apply(&mut user)?;
        if tx.users().find_email(&user.email_key)?.is_some_and(|other| other.id != id) {
            return Err(Error::Conflict("a user with this e-mail address exists".into()));
        }
        if !tx.users().update(&user)? {
            return Err(Error::Stale { current: user.version + 1 });
        }
        assignment::room_changed(tx);
        user = tx.users().find(id)?.ok_or(Error::NotFound)?;
        audit::note(tx, subject, Some(&UserView::from(before)), Some(&UserView::from(user.clone())))?;
    }
    let version = user.version;
    Ok(Answer::ok(&UserView::from(user))?.version(version))
}

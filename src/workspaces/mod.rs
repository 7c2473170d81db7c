//! Tenants and who may act in them (ADM-1 to ADM-4): workspaces with their settings, users with roles, clients with
//! secrets, and in `audit` who changed any of it.
//!
//! A user's role decides their scopes. A client holds its scopes itself; its secret is 256 random bits, shown once and
//! kept only as SHA-256, which is enough for a secret nobody chose.

pub mod audit;
mod audit_handlers;
mod audit_repository;
mod client_handlers;
pub mod completeness;
pub mod handlers;
pub mod reasons;
mod repository;
pub mod settings;
mod settings_handlers;

use std::sync::{Arc, LazyLock};

use diesel::prelude::*;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Permissions;
use crate::auth::scope::Role;
use crate::auth::token::PrincipalKind;
use crate::clock::Timestamp;
use crate::contacts::identity;
use crate::db::types::{Code, JsonOf};
use crate::db::{Scope, Tx};
use crate::error::{Error, Result, Violation, all_hold};
use crate::id::Id;
use crate::schema;
use crate::text;
use settings::Settings;

/// A tenant.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::workspaces, treat_none_as_default_value = false)]
pub struct Workspace {
    pub id: Id,
    pub key: String,
    pub name: String,
    pub settings: JsonOf<Settings>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Someone who works in a workspace.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::users, treat_none_as_default_value = false)]
pub struct User {
    pub workspace_id: Id,
    pub id: Id,
    pub name: String,
    pub email: String,
    pub email_key: String,
    pub role: Code<Role>,
    pub teams: JsonOf<Vec<String>>,
    pub rank: Option<i64>,
    pub product_lines: JsonOf<Vec<String>>,
    pub capacity: Option<i64>,
    pub away_until: Option<Timestamp>,
    pub disabled: bool,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A program that may act in a workspace.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema::clients, treat_none_as_default_value = false)]
pub struct Client {
    pub workspace_id: Id,
    pub id: Id,
    pub name: String,
    pub secret_hash: String,
    pub scopes: JsonOf<Vec<String>>,
    pub disabled: bool,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Client {
    /// Whether `secret` is this client's and the client may act.
    pub fn accepts(&self, secret: &str) -> bool {
        let (given, own) = (text::sha256(secret), self.secret_hash.as_bytes());
        // Every byte is compared, so that the time taken tells nothing.
        let differences = given.bytes().zip(own).fold(given.len() ^ own.len(), |sum, (a, b)| sum | usize::from(a ^ b));
        !self.disabled && differences == 0
    }
}

/// A user as the API shows and takes it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The user's name.
    #[schema(min_length = 1, max_length = 200, example = "Mari Maasikas")]
    pub name: String,
    /// Their address, also the reply-to identity of mail sent in their name.
    #[schema(min_length = 3, max_length = 254, example = "mari@example.com")]
    pub email: String,
    /// What they do, which decides what they may do.
    pub role: Role,
    /// Teams they belong to.
    #[serde(default)]
    #[schema(value_type = Vec<Label>, max_items = 50)]
    pub teams: Vec<String>,
    /// Place among the sellers: 1 is the best.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    pub rank: Option<i64>,
    /// Product lines they sell.
    #[serde(default)]
    #[schema(value_type = Vec<Label>, max_items = 50)]
    pub product_lines: Vec<String>,
    /// Open leads they may hold at most.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub capacity: Option<i64>,
}

/// The name of a team or a product line.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 100, example = "north")]
#[expect(dead_code, reason = "describes an entry of `teams` and `product_lines`")]
pub struct Label(String);

impl NewUser {
    /// A user of whom nothing else is known.
    pub fn plain(name: &str, email: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            email: email.to_owned(),
            role,
            teams: Vec::new(),
            rank: None,
            product_lines: Vec::new(),
            capacity: None,
        }
    }
}

/// A new workspace with its shipped strategies and settings.
pub fn create(tx: &mut Tx<'_>, key: &str, name: &str) -> Result<Workspace> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=40).contains(&key.len()) || !key.bytes().all(is_plain) || key.starts_with('-') || key.ends_with('-') {
        return Err(Error::invalid("/key", "malformed", "a workspace's key has 1 to 40 of a-z, 0-9 and, inside, -"));
    }
    let at = tx.at();
    let workspace = Workspace {
        id: Id::new(at),
        key: key.to_owned(),
        name: name.to_owned(),
        settings: JsonOf(Settings::default()),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.workspaces().insert(&workspace)?;
    Ok(workspace)
}

/// The workspace `key` and a first administrator, made when they are missing. The address is only for telling people
/// apart: there is no password.
pub fn bootstrap(tx: &mut Tx<'_>, key: &str, email: &str) -> Result<(Workspace, User)> {
    tx.take_turns(&[format!("workspace {key}")])?;
    let workspace = match tx.workspaces().find_key(key)? {
        Some(workspace) => workspace,
        None => create(tx, key, key)?,
    };
    let mut within = tx.within(Scope { workspace: workspace.id, ..tx.scope });
    let user = match within.users().first_with_role(Role::Admin)? {
        Some(user) => user,
        None => create_user(&mut within, &NewUser::plain("Administrator", email, Role::Admin))?,
    };
    Ok((workspace, user))
}

/// The user whom a token for `role` in the workspace `key` speaks for; workspace and user are made when they are
/// missing. Without `email` it is the first administrator, or the user `<role>@<key>.invalid`.
pub fn user_for_token(tx: &mut Tx<'_>, key: &str, role: Role, email: Option<&str>) -> Result<User> {
    let placeholder = |role: Role| format!("{}@{key}.invalid", crate::db::types::code_text(&role).unwrap_or_default());
    let first = email.filter(|_| role == Role::Admin).map_or_else(|| placeholder(Role::Admin), str::to_owned);
    let (workspace, administrator) = bootstrap(tx, key, &first)?;
    if role == Role::Admin && email.is_none() {
        return Ok(administrator);
    }
    let email = email.map_or_else(|| placeholder(role), str::to_owned);
    let wanted = identity::email(&email).map_err(|e| Error::Invalid(vec![e.at("/email")]))?;
    let mut within = tx.within(Scope { workspace: workspace.id, ..tx.scope });
    match within.users().find_email(&wanted.key)? {
        Some(user) if user.role.0 == role && !user.disabled => Ok(user),
        Some(_) => Err(Error::Conflict(format!("the user {email} has another role or is disabled"))),
        None => create_user(&mut within, &NewUser::plain(&email, &email, role)),
    }
}

/// A new user. Two users of one workspace never share an address.
pub fn create_user(tx: &mut Tx<'_>, new: &NewUser) -> Result<User> {
    let email = identity::email(&new.email).map_err(|e| Error::Invalid(vec![e.at("/email")]))?;
    if tx.users().find_email(&email.key)?.is_some() {
        return Err(Error::Conflict("a user with this e-mail address exists".into()));
    }
    let at = tx.at();
    let user = User {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        name: new.name.clone(),
        email: email.typed,
        email_key: email.key,
        role: Code(new.role),
        teams: JsonOf(new.teams.clone()),
        rank: new.rank,
        product_lines: JsonOf(new.product_lines.clone()),
        capacity: new.capacity,
        away_until: None,
        disabled: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.users().insert(&user)?;
    Ok(user)
}

/// A new client and its secret, which is not kept and cannot be shown again.
pub fn create_client(tx: &mut Tx<'_>, name: &str, scopes: &[String]) -> Result<(Client, String)> {
    let unknown = scopes.iter().enumerate().filter(|(_, scope)| !crate::auth::scope::ALL.contains(&scope.as_str()));
    let allowed = crate::auth::scope::ALL.join(", ");
    all_hold(
        unknown
            .map(|(i, _)| Violation::new(format!("/scopes/{i}"), "not_allowed", format!("must be one of {allowed}")))
            .collect(),
    )?;
    let (at, secret) = (tx.at(), new_secret()?);
    let client = Client {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        name: name.to_owned(),
        secret_hash: text::sha256(&secret),
        scopes: JsonOf(scopes.to_vec()),
        disabled: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.clients().insert(&client)?;
    Ok((client, secret))
}

/// What a user or client may do now; none when they are gone or disabled.
pub fn permissions(tx: &mut Tx<'_>, kind: PrincipalKind, id: Id) -> Result<Permissions> {
    let scopes: Option<Vec<String>> = match kind {
        PrincipalKind::User => tx
            .users()
            .find(id)?
            .filter(|user| !user.disabled)
            .map(|user| user.role.0.scopes().into_iter().map(str::to_owned).collect()),
        PrincipalKind::Client => tx.clients().find(id)?.filter(|client| !client.disabled).map(|client| client.scopes.0),
    };
    Ok(scopes.map(Arc::new))
}

/// The client `id` of any workspace; its id says which.
pub fn find_client(tx: &mut Tx<'_>, id: Id) -> Result<Option<Client>> {
    tx.clients().find_anywhere(id)
}

/// The user who is asking; none for a client, and for what visitors send.
pub fn calling_user(tx: &mut Tx<'_>) -> Result<Option<User>> {
    match tx.scope.actor {
        Some(actor) => tx.users().find(actor),
        None => Ok(None),
    }
}

/// What tells one state of a workspace from every other: its id, its version, and since when.
pub type Stand = (Id, i64, Timestamp);

/// Settings of workspaces, by what they were read as: each of these is good for ever. A transaction that is undone
/// leaves none that another could take for its own, because no two change a workspace at one instant.
static READ: LazyLock<Cache<Stand, Arc<Settings>>> = LazyLock::new(|| Cache::new(KEPT));

/// Workspaces whose settings are kept ready.
const KEPT: u64 = 10_000;

/// The settings of the workspace.
pub fn settings(tx: &mut Tx<'_>) -> Result<Arc<Settings>> {
    let stand = tx.workspaces().stand()?;
    settings_of(tx, stand)
}

/// The same for whoever knows what state the workspace is in.
pub fn settings_of(tx: &mut Tx<'_>, stand: Stand) -> Result<Arc<Settings>> {
    if let Some(known) = READ.get(&stand) {
        return Ok(known);
    }
    let settings = Arc::new(tx.workspaces().own()?.settings.0);
    READ.insert(stand, settings.clone());
    Ok(settings)
}

fn new_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(format!("rs_{}", text::hex(&bytes)))
}

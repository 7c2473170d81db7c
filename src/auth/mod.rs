//! Who is asking (ADM-2, ADM-3, C4): tokens, scopes and the [`Actor`] that every handler receives.
//!
//! A token says who it is for and what it may do; what the user or client may do *now* is asked of the database and
//! remembered for at most half a minute, so a lowered role or a disabled user takes effect without waiting for tokens
//! to end.

pub mod handlers;
pub mod scope;
pub mod token;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use moka::sync::Cache;

use crate::clock::Timestamp;
use crate::db::Scope;
use crate::http::State;
use crate::http::problem::{Kind, Problem};
use crate::id::Id;
use token::PrincipalKind;

/// Seconds that a token from `/oauth/token` lives.
pub const TOKEN_LIFE_S: i64 = 15 * 60;
/// How long what a principal may do is remembered.
const REMEMBERED: Duration = Duration::from_secs(30);

/// What a user or client may do at present; none when disabled or gone.
pub type Permissions = Option<Arc<Vec<String>>>;

/// What principals may do, remembered for a while.
pub struct Principals(Cache<(Id, PrincipalKind, Id), Permissions>);

impl Default for Principals {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(100_000).time_to_live(REMEMBERED).build())
    }
}

impl Principals {
    /// Forgets what a principal may do, so that a change counts at once on this instance.
    pub fn forget(&self, workspace: Id, kind: PrincipalKind, id: Id) {
        self.0.invalidate(&(workspace, kind, id));
    }
}

/// Who asks, in which workspace, and what they may do.
#[derive(Clone)]
pub struct Actor {
    /// The state of the service.
    pub state: web::Data<State>,
    /// The workspace of the token.
    pub workspace: Id,
    /// The user or client.
    pub principal_id: Id,
    /// Which of the two.
    pub kind: PrincipalKind,
    /// The instant of the request.
    pub at: Timestamp,
    /// What both the token and the role allow.
    pub scopes: Arc<Vec<String>>,
}

impl Actor {
    /// Whether the actor has a scope.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Refuses an actor who has lost a scope since the request began: a stream may last for hours.
    pub async fn still_may(&self, scope: &str) -> Result<(), Problem> {
        let (state, at) = (&self.state, self.state.clock.now());
        let permitted = permissions(state, self.workspace, self.kind, self.principal_id, at).await?;
        match permitted.is_some_and(|held| held.iter().any(|held| held == scope)) {
            true => Ok(()),
            false => Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed"))),
        }
    }

    /// What rows written for this actor have in common.
    pub fn scope(&self) -> Scope {
        Scope { workspace: self.workspace, at: self.at, actor: Some(self.principal_id), cause: None }
    }
}

impl FromRequest for Actor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let actor = request.extensions().get::<Actor>().cloned();
        ready(actor.ok_or_else(|| Problem::new(Kind::Unauthorized, "send Authorization: Bearer and a token")))
    }
}

/// The actor behind the headers of a request.
pub async fn authenticate(state: &web::Data<State>, headers: &HeaderMap) -> Result<Actor, Problem> {
    let at = state.clock.now();
    let token = bearer(headers)?;
    let claims = state.tokens.check(token, at).ok_or_else(invalid_token)?;
    let permissions = permissions(state, claims.workspace, claims.kind, claims.sub, at).await?;
    let permitted = permissions.ok_or_else(invalid_token)?;
    let scopes = claims.scope.split(' ').filter(|scope| permitted.iter().any(|held| held == scope));
    Ok(Actor {
        state: state.clone(),
        workspace: claims.workspace,
        principal_id: claims.sub,
        kind: claims.kind,
        at,
        scopes: Arc::new(scopes.map(str::to_owned).collect()),
    })
}

/// What a user or client may do at present, as far as that is remembered.
async fn permissions(
    state: &web::Data<State>,
    workspace: Id,
    kind: PrincipalKind,
    id: Id,
    at: Timestamp,
) -> Result<Permissions, Problem> {
    let key = (workspace, kind, id);
    if let Some(permissions) = state.principals.0.get(&key) {
        return Ok(permissions);
    }
    let scope = Scope { workspace, at, actor: None, cause: None };
    let found = state.db.read(scope, move |tx| crate::workspaces::permissions(tx, kind, id)).await?;
    state.principals.0.insert(key, found.clone());
    Ok(found)
}

/// The token in the headers. The scheme's name may be written in any case (RFC 9110).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(AUTHORIZATION);
    let missing = || {
        Problem::new(Kind::Unauthorized, "send Authorization: Bearer and a token").header("WWW-Authenticate", "Bearer")
    };
    let value = values.next().ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| invalid_token())?.trim();
    if values.next().is_some() || text.contains(',') {
        return Err(Problem::new(Kind::MalformedRequest, "send one Authorization header with one token"));
    }
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(missing()),
    }
}

fn invalid_token() -> Problem {
    Problem::new(Kind::InvalidToken, "get a new token").header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
}

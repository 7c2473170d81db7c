//! Tokens over HTTP: the client-credentials grant (RFC 6749 §4.4), and who a token speaks for.

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, get, post, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::PrincipalKind;
use super::{Actor, TOKEN_LIFE_S};
use crate::db::Scope;
use crate::http::State;
use crate::http::answer::{Answer, Reply};
use crate::http::command::{operation, read_body, state, typed};
use crate::http::problem::{Kind, Problem, ProblemDocument};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::workspaces;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(token).service(me);
}

/// A request for a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The grant: `client_credentials`.
    #[schema(pattern = "^client_credentials$", example = "client_credentials")]
    #[expect(dead_code, reason = "the contract has checked it")]
    grant_type: String,
    /// The client's id; may be sent as the user name of Basic authentication instead.
    #[schema(max_length = 100, example = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10")]
    client_id: Option<String>,
    /// The client's secret; may be sent as the password of Basic authentication instead.
    #[schema(max_length = 200)]
    client_secret: Option<String>,
    /// Scopes wanted, separated by spaces; all of the client's when left out.
    #[schema(max_length = 1000, example = "interactions:write")]
    scope: Option<String>,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// Send it as `Authorization: Bearer <access_token>`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that the token lives.
    #[schema(example = 900)]
    expires_in: i64,
    /// The scopes it carries, separated by spaces.
    #[schema(example = "interactions:write")]
    scope: String,
}

struct FormBody(TokenRequest);

impl FromRequest for FormBody {
    type Error = Problem;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_body(&request, payload, 16 * 1024).await?;
            let mut members = serde_json::Map::new();
            for (name, value) in url::form_urlencoded::parse(&body) {
                let twice = members.insert(name.into_owned(), value.into_owned().into()).is_some();
                if twice {
                    return Err(Problem::new(Kind::MalformedRequest, "a field is given twice"));
                }
            }
            let value = serde_json::Value::Object(members);
            operation(&request)?.check_body(&value)?;
            Ok(Self(typed(value)?))
        })
    }
}

/// Get a token
///
/// Trades a client's id and secret for a short-lived token (OAuth 2.0 client credentials). The pair may be sent in the
/// form or as Basic authentication.
#[utoipa::path(
    tag = "operation",
    operation_id = "get_token",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = TokenAnswer),
        (status = 401, description = "The client is unknown, disabled, or its secret is wrong", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
#[post("/oauth/token")]
async fn token(request: HttpRequest, FormBody(asked): FormBody) -> Reply {
    let state = state(&request)?;
    let basic = basic(request.headers());
    let (id, secret) = match (&asked.client_id, &asked.client_secret) {
        (Some(id), Some(secret)) => (id.clone(), secret.clone()),
        _ => basic.ok_or_else(refused)?,
    };
    let id = Id::parse(&id).ok_or_else(refused)?;
    let scope = Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None };
    let client = state.db.read(scope, move |tx| workspaces::find_client(tx, id)).await?;
    let client = client.filter(|client| client.accepts(&secret)).ok_or_else(refused)?;
    issue(&state, &client, asked.scope.as_deref())
}

fn issue(state: &web::Data<State>, client: &workspaces::Client, wanted: Option<&str>) -> Reply {
    let held = &client.scopes.0;
    let scopes: Vec<&str> = match wanted {
        None => held.iter().map(String::as_str).collect(),
        Some(wanted) => wanted.split(' ').filter(|scope| held.iter().any(|own| own == scope)).collect(),
    };
    let scope = scopes.join(" ");
    let issued = state.tokens.issue(
        client.workspace_id,
        client.id,
        PrincipalKind::Client,
        &scope,
        state.clock.now(),
        TOKEN_LIFE_S,
    );
    let access_token = issued.map_err(crate::error::Error::internal)?;
    Ok(Answer::ok(&TokenAnswer { access_token, token_type: "Bearer", expires_in: TOKEN_LIFE_S, scope })?)
}

/// Unknown client and wrong secret look the same.
fn refused() -> Problem {
    Problem::new(Kind::Unauthorized, "client id and secret do not belong together").header("WWW-Authenticate", "Basic")
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
}

/// Who a token speaks for.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The workspace.
    workspace_id: Id,
    /// The user or client.
    id: Id,
    /// `user` or `client`.
    #[schema(example = "user")]
    kind: &'static str,
    /// What may be done with the token.
    #[schema(example = json!(["leads:read"]))]
    scopes: Vec<String>,
}

/// Who am I
///
/// The workspace, the user or client, and what this token may do now.
#[utoipa::path(
    tag = "workspace",
    operation_id = "get_me",
    responses((status = 200, description = "Whom the token speaks for", body = Me)),
    security(("bearer" = [])),
)]
#[get("/v1/me")]
async fn me(actor: Actor) -> Reply {
    let kind = match actor.kind {
        PrincipalKind::User => "user",
        PrincipalKind::Client => "client",
    };
    let scopes = actor.scopes.to_vec();
    Ok(Answer::ok(&Me { workspace_id: actor.workspace, id: actor.principal_id, kind, scopes })?)
}

//! The ways a handler meets a caller: [`Command`] for writes, or [`Upload`] where the body is no JSON; [`Actor`] for
//! reads.
//!
//! By the time a handler runs, the frame has checked token, scope and parameters, and the command has checked the
//! body against the contract. What is left is the feature's own work, done in one transaction.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, Reply};
use super::condition::Condition;
use super::contract::Operation;
use super::idempotency::{self, Key};
use super::problem::{Kind, Problem};
use super::{State, json};
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Result, Violation};

/// Bytes that the body of an API request may have.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// A request to change something: who asks, what for, and under which conditions.
pub struct Command<T> {
    /// Who asks.
    pub actor: Actor,
    /// The checked body; `()` where there is none.
    pub body: T,
    /// What `If-Match` demands.
    pub condition: Condition,
    /// What the contract says of the request.
    pub operation: Arc<Operation>,
    key: Option<Key>,
}

impl<T: Clone + Send + Sync + 'static> Command<T> {
    /// Does `work` in one write transaction: once, when the request carries an idempotency key. `work` gets the body,
    /// and the condition to check against the version it meets.
    pub async fn run<F>(self, work: F) -> Reply
    where
        F: Fn(&mut Tx<'_>, &T, &Condition) -> Result<Answer> + Send + 'static,
    {
        let Command { actor, body, condition, key, .. } = self;
        let (state, scope) = (actor.state.clone(), actor.scope());
        let work = move |tx: &mut Tx<'_>| work(tx, &body, &condition);
        match key {
            Some(key) => idempotency::once(&state, scope, key, work).await,
            None => Ok(state.db.write(scope, work).await?),
        }
    }
}

impl<T> Command<T> {
    /// Whether the request carries an idempotency key.
    pub fn is_keyed(&self) -> bool {
        self.key.is_some()
    }
}

impl Actor {
    /// Does `work` on one consistent view of the data.
    pub async fn read<F>(self, work: F) -> Reply
    where
        F: Fn(&mut Tx<'_>) -> Result<Answer> + Send + 'static,
    {
        Ok(self.state.db.read(self.scope(), work).await?)
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Command<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let receiving = receive(request.clone(), payload.take());
        Box::pin(async move {
            receiving.await?.with(|operation, raw| {
                let is_left_out = !operation.takes_body() || (raw.is_empty() && !operation.needs_body());
                let value = if is_left_out { Value::Null } else { json::read(&raw)? };
                operation.check_body(&value)?;
                typed(value)
            })
        })
    }
}

/// A request to change something by a body that is no JSON, as it arrived.
pub struct Upload(Command<Vec<u8>>);

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let receiving = receive(request.clone(), payload.take());
        Box::pin(async move { receiving.await.map(Self) })
    }
}

impl Upload {
    /// The command with the body that `read` makes of the bytes, away from the threads that serve requests.
    pub async fn read<T: Send + 'static>(
        self,
        read: fn(&[u8]) -> std::result::Result<T, Problem>,
    ) -> std::result::Result<Command<T>, Problem> {
        let reading = web::block(move || self.0.with(|_, bytes| read(&bytes))).await;
        reading.map_err(|fault| Problem::from(crate::error::Error::internal(fault)))?
    }
}

impl Command<Vec<u8>> {
    /// The same with the body that `read` makes of the bytes.
    fn with<T>(
        self,
        read: impl FnOnce(&Operation, Vec<u8>) -> std::result::Result<T, Problem>,
    ) -> std::result::Result<Command<T>, Problem> {
        let Command { actor, body, condition, operation, key } = self;
        let body = read(&operation, body)?;
        Ok(Command { actor, body, condition, operation, key })
    }
}

/// The command with its body as it arrived.
async fn receive(request: HttpRequest, payload: Payload) -> std::result::Result<Command<Vec<u8>>, Problem> {
    let actor = Actor::extract(&request).await?;
    let condition = Condition::read(request.headers())?;
    let operation = operation(&request)?;
    let body = if operation.takes_body() { read_body(&request, payload, BODY_LIMIT).await? } else { Vec::new() };
    let key = key(&request, &actor, &body)?;
    Ok(Command { actor, body, condition, operation, key })
}

/// The operation that the frame found for this request.
pub fn operation(request: &HttpRequest) -> std::result::Result<Arc<Operation>, Problem> {
    let found = request.extensions().get::<Arc<Operation>>().cloned();
    found.ok_or_else(|| crate::error::Error::internal("a handler outside the contract").into())
}

/// The state of the service.
pub fn state(request: &HttpRequest) -> std::result::Result<web::Data<State>, Problem> {
    let found = request.app_data::<web::Data<State>>().cloned();
    found.ok_or_else(|| crate::error::Error::internal("the service has no state").into())
}

/// Reads a body of at most `limit` bytes; a declared length beyond it is refused before anything is read.
pub async fn read_body(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> std::result::Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Kind::PayloadTooLarge, format!("a body may have at most {limit} bytes"));
    let declared =
        request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::MalformedRequest, "the body broke off"))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match tokio::time::timeout(BODY_PATIENCE, reading).await {
        Ok(read) => read.map(|()| body),
        Err(_) => Err(Problem::new(Kind::RequestTimeout, "the body did not arrive within 30 seconds")),
    }
}

fn key(request: &HttpRequest, actor: &Actor, body: &[u8]) -> std::result::Result<Option<Key>, Problem> {
    if request.method() != Method::POST && request.method() != Method::PATCH {
        return Ok(None);
    }
    let Some(key) = idempotency::header(request.headers())? else { return Ok(None) };
    let (method, path) = (request.method().to_string(), request.path().to_owned());
    let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let mut query: Vec<&str> = request.query_string().split('&').collect();
    query.sort_unstable();
    let fingerprint =
        idempotency::fingerprint(&[method.as_bytes(), path.as_bytes(), query.join("&").as_bytes(), content_type, body]);
    Ok(Some(Key { principal: actor.principal_id.to_string(), method, path, key, fingerprint }))
}

/// The checked value as the type the handler wants. The contract has accepted it already, so a refusal here is about
/// something JSON Schema cannot say.
pub fn typed<T: DeserializeOwned>(value: Value) -> std::result::Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let pointer =
            if path == "." { String::new() } else { format!("/{}", path.replace(['.', '['], "/").replace(']', "")) };
        Problem::invalid(vec![Violation::new(pointer, "invalid", error.inner().to_string())])
    })
}

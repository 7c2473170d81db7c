//! People and programs that call the service, each with their own credentials.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web;
use reqwest::Method;
use ripen::auth::scope;
use ripen::auth::token::PrincipalKind;
use ripen::clock::{Clock, Timestamp};
use ripen::http::State;
use ripen::id::Id;
use serde_json::Value;

use super::answer::Answer;

/// Seconds after which a client gets itself a new token; the service would take the old one a while longer.
const RENEW_AFTER_S: i64 = 600;

/// How a caller shows who they are.
pub enum Credential {
    /// Not at all.
    None,
    /// With this token.
    Fixed(String),
    /// As a user, with a token made at the service's present instant, so that the clock may be moved freely.
    User { id: Id, workspace: Id, state: web::Data<State> },
    /// As a client, with a token from `/oauth/token`.
    Client { id: Id, secret: String, clock: Clock, token: Mutex<Option<(Timestamp, String)>> },
}

/// A client of HTTP that follows no redirects and knows no proxies.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Someone who calls the service. Clones share their credentials.
#[derive(Clone)]
pub struct Person {
    http: reqwest::Client,
    base: Arc<str>,
    credential: Arc<Credential>,
}

impl Person {
    /// Someone who calls the service at `base`.
    pub fn new(http: reqwest::Client, base: &str, credential: Credential) -> Self {
        Self { http, base: base.into(), credential: Arc::new(credential) }
    }

    /// The id of the user or client.
    pub fn id(&self) -> Id {
        match &*self.credential {
            Credential::User { id, .. } | Credential::Client { id, .. } => *id,
            Credential::None | Credential::Fixed(_) => panic!("a caller without an identity has no id"),
        }
    }

    /// Reads `path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send().await
    }

    /// Posts `body` to `path`.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.request(Method::POST, path).json(&body).send().await
    }

    /// Changes what is at `path` by a merge patch.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PATCH, path).merge_patch(&body).send().await
    }

    /// Changes version `version` of what is at `path` by a merge patch.
    pub async fn patch_version(&self, path: &str, version: i64, body: Value) -> Answer {
        self.request(Method::PATCH, path).if_version(version).merge_patch(&body).send().await
    }

    /// Replaces version `version` of what is at `path`.
    pub async fn put_version(&self, path: &str, version: i64, body: Value) -> Answer {
        self.request(Method::PUT, path).if_version(version).json(&body).send().await
    }

    /// Replaces what is at `path`.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.request(Method::PUT, path).json(&body).send().await
    }

    /// Deletes what is at `path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path).send().await
    }

    /// Follows the job that `answer` asks for until it has ended; gives it.
    pub async fn finished(&self, answer: Answer) -> Value {
        let path = answer.header("location").unwrap().to_owned();
        answer.expect(202);
        self.ended(&path).await
    }

    /// The job at `path`, once it has ended.
    pub async fn ended(&self, path: &str) -> Value {
        for _ in 0..1_200 {
            let job = self.get(path).await.expect(200);
            if job["finished_at"].is_string() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} does not end");
    }

    /// A request to be completed: raw bytes, other headers. The credentials are added when it is sent.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let what = format!("{method} {path}");
        let builder = self.http.request(method, format!("{}{path}", self.base));
        Request { caller: self.clone(), builder, what }
    }

    /// The token that the caller would send now.
    pub async fn token(&self) -> Option<String> {
        match &*self.credential {
            Credential::None => None,
            Credential::Fixed(token) => Some(token.clone()),
            Credential::User { id, workspace, state } => {
                let (at, all) = (state.clock.now(), scope::ALL.join(" "));
                Some(state.tokens.issue(*workspace, *id, PrincipalKind::User, &all, at, 900).unwrap())
            }
            Credential::Client { id, secret, clock, token } => {
                let now = clock.now();
                let kept = token.lock().unwrap().clone();
                if let Some((at, token)) = kept
                    && (at..at.plus_seconds(RENEW_AFTER_S)).contains(&now)
                {
                    return Some(token);
                }
                let new = self.fetch_token(*id, secret).await;
                *token.lock().unwrap() = Some((now, new.clone()));
                Some(new)
            }
        }
    }

    async fn fetch_token(&self, id: Id, secret: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("client_id", &id.to_string()), ("client_secret", secret)];
        let request = self.http.post(format!("{}/oauth/token", self.base)).form(&form);
        let answer = Answer::read("POST /oauth/token", request.send().await.unwrap()).await.unwrap().expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

/// A request on its way.
pub struct Request {
    caller: Person,
    builder: reqwest::RequestBuilder,
    what: String,
}

impl Request {
    /// Adds a header; another of the same name stays.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.builder = self.builder.header(name, value.as_ref());
        self
    }

    /// Sends `body` as JSON.
    pub fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    /// Sends `body` as a merge patch.
    pub fn merge_patch(self, body: &Value) -> Self {
        self.bytes("application/merge-patch+json", body.to_string())
    }

    /// Sends exactly these bytes as `content_type`.
    pub fn bytes(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.header("content-type", content_type).body(body);
        self
    }

    /// Sends `fields` as a browser's form post does.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.builder = self.builder.form(fields);
        self
    }

    /// Adds an idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Demands that the record still has this version.
    pub fn if_version(self, version: i64) -> Self {
        self.header("if-match", format!("\"v{version}\""))
    }

    /// Changes anything else about the request.
    pub fn with(mut self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Answer {
        let what = self.what.clone();
        self.attempt().await.unwrap_or_else(|e| panic!("{what}: no answer: {e:?}"))
    }

    /// Sends it to a service that may be going down: an error when no whole answer comes.
    pub async fn attempt(self) -> reqwest::Result<Answer> {
        let builder = match self.caller.token().await {
            Some(token) => self.builder.bearer_auth(token),
            None => self.builder,
        };
        Answer::read(&self.what, builder.send().await?).await
    }
}

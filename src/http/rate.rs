//! How much one caller may ask (C6): requests a minute per user or client, shown in every answer.
//!
//! Counted in each instance on its own, so an installation of n instances allows n times as much.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use serde_json::json;

use super::problem::{Kind, Problem};
use crate::id::Id;

type Principal = (Id, Id);
type Limiter = RateLimiter<Principal, DashMapStateStore<Principal>, DefaultClock, StateInformationMiddleware>;

/// Requests between two clean-ups of callers that have gone quiet.
const CLEAN_UP_EVERY: u32 = 10_000;

/// The limit for all callers, or none.
pub struct Rate {
    limiter: Option<Limiter>,
    per_minute: u32,
    taken: AtomicU32,
}

impl Rate {
    /// Allows each caller `per_minute` requests a minute, at once or spread; 0 sets no limit.
    pub fn new(per_minute: u32) -> Self {
        let limiter = NonZeroU32::new(per_minute)
            .map(|most| RateLimiter::dashmap(Quota::per_minute(most)).with_middleware::<StateInformationMiddleware>());
        Self { limiter, per_minute, taken: AtomicU32::new(0) }
    }

    /// Counts one request of a caller; 429 when there were too many.
    pub fn take(&self, workspace: Id, principal: Id) -> Result<Allowance, Problem> {
        let Some(limiter) = &self.limiter else { return Ok(Allowance { per_minute: 0, remaining: 0 }) };
        if self.taken.fetch_add(1, Ordering::Relaxed) % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            limiter.retain_recent();
        }
        match limiter.check_key(&(workspace, principal)) {
            Ok(snapshot) => {
                Ok(Allowance { per_minute: self.per_minute, remaining: snapshot.remaining_burst_capacity() })
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
                let detail = format!("{} requests a minute are allowed; wait {wait} s", self.per_minute);
                Err(Problem::new(Kind::QuotaExceeded, detail)
                    .with("violated-policies", json!(["default"]))
                    .header("Retry-After", wait.to_string())
                    .header("RateLimit-Policy", format!("\"default\";q={};w=60", self.per_minute))
                    .header("RateLimit", format!("\"default\";r=0;t={wait}")))
            }
        }
    }
}

/// What a caller has left.
pub struct Allowance {
    per_minute: u32,
    remaining: u32,
}

impl Allowance {
    /// Shows it in an answer (draft-ietf-httpapi-ratelimit-headers).
    pub fn show(&self, headers: &mut HeaderMap) {
        if self.per_minute == 0 {
            return;
        }
        let policy = format!("\"default\";q={};w=60", self.per_minute);
        let left = format!("\"default\";r={};t=60", self.remaining);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

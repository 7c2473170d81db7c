//! How much one place may send to a form, and all places together (CAP-5, F09).
//!
//! A bucket of as many submissions as are allowed in ten seconds, refilled evenly. What finds it empty is answered 429
//! before it is stored: a flood is not kept. Counted in each instance on its own, so an installation of n instances
//! allows n times as much.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use serde_json::json;

use super::peer::Network;
use super::problem::{Kind, Problem};
use crate::clock::Timestamp;
use crate::id::Id;

/// Seconds in which an empty bucket fills.
const WINDOW_S: i64 = 10;
const WINDOW_MICROS: i64 = WINDOW_S * 1_000_000;
/// Buckets that are remembered; the ones least asked for are forgotten first.
const MOST_BUCKETS: u64 = 200_000;

/// When a bucket will be full again, in microseconds since 1970.
type Bucket = Arc<AtomicI64>;

/// What may be sent in ten seconds; 0 sets no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From one place.
    pub per_place: u32,
    /// From all places together.
    pub in_all: u32,
}

/// The buckets of all forms, or none.
pub struct Throttle(Option<Cache<(Id, Option<Network>), Bucket>>);

impl Default for Throttle {
    fn default() -> Self {
        Self::off()
    }
}

impl Throttle {
    /// Keeps to the forms' limits.
    pub fn on() -> Self {
        let idle = Duration::from_secs(6 * WINDOW_S as u64);
        Self(Some(Cache::builder().max_capacity(MOST_BUCKETS).time_to_idle(idle).build()))
    }

    /// Sets no limit, whatever the forms say.
    pub fn off() -> Self {
        Self(None)
    }

    /// Counts one submission of `form` from `address`; 429 when there were too many.
    pub fn take(&self, form: Id, address: Option<IpAddr>, limits: Limits, at: Timestamp) -> Result<(), Problem> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let of = |key| buckets.get_with(key, Bucket::default);
        if let Some(address) = address {
            let bucket = of((form, Some(Network::of_one_place(address))));
            draw(&bucket, at, limits.per_place).map_err(|wait| too_many("address", limits.per_place, wait))?;
        }
        draw(&of((form, None)), at, limits.in_all).map_err(|wait| too_many("form", limits.in_all, wait))
    }
}

/// Takes one out of a bucket of `most`; an empty one tells how many microseconds to wait.
fn draw(bucket: &AtomicI64, at: Timestamp, most: u32) -> Result<(), i64> {
    if most == 0 {
        return Ok(());
    }
    let (now, share, mut wait) = (at.micros(), WINDOW_MICROS / i64::from(most), 0);
    let drawn = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
        // No bucket takes longer to fill than the window, unless the clock was set back.
        let full_at = if full_at > now + WINDOW_MICROS { now } else { full_at.max(now) } + share;
        wait = full_at - now - WINDOW_MICROS;
        (wait <= 0).then_some(full_at)
    });
    drawn.map(drop).map_err(|_| wait)
}

fn too_many(policy: &str, most: u32, wait: i64) -> Problem {
    let wait = wait.div_euclid(1_000_000) + 1;
    let detail = format!("this form takes {most} submissions in {WINDOW_S} seconds; wait {wait} s");
    Problem::new(Kind::QuotaExceeded, detail)
        .with("violated-policies", json!([policy]))
        .header("Retry-After", wait.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(Timestamp::from_day(20_000).micros() + millis * 1_000)
    }

    #[test]
    fn a_bucket_gives_what_it_holds_at_once_and_refills_evenly() {
        let bucket = AtomicI64::default();
        for _ in 0..10 {
            assert_eq!(draw(&bucket, at(0), 10), Ok(()));
        }
        assert_eq!(draw(&bucket, at(0), 10), Err(1_000_000));
        assert_eq!(draw(&bucket, at(999), 10), Err(1_000));
        assert_eq!(draw(&bucket, at(1_000), 10), Ok(()));
        assert_eq!(draw(&bucket, at(1_000), 10), Err(1_000_000));
        assert_eq!((0..20).filter(|_| draw(&bucket, at(60_000), 10).is_ok()).count(), 10);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let bucket = AtomicI64::default();
        assert_eq!((0..20).filter(|_| draw(&bucket, at(3_600_000), 10).is_ok()).count(), 10);
        assert_eq!((0..20).filter(|_| draw(&bucket, at(0), 10).is_ok()).count(), 10);
    }

    #[test]
    fn a_flood_from_one_place_leaves_the_form_to_others() {
        let (throttle, form) = (Throttle::on(), Id::NIL);
        let take = |address: &str| {
            let limits = Limits { per_place: 10, in_all: 50 };
            throttle.take(form, Some(address.parse().unwrap()), limits, at(0)).is_ok()
        };
        assert_eq!((0..200).filter(|last| take(&format!("203.0.113.{last}"))).count(), 10);
        assert_eq!((0..200).filter(|place| take(&format!("198.51.{place}.1"))).count(), 40);
    }

    #[test]
    fn no_limit_is_none() {
        let throttle = Throttle::on();
        let none = Limits { per_place: 0, in_all: 0 };
        assert!((0..1_000).all(|_| throttle.take(Id::NIL, None, none, at(0)).is_ok()));
    }
}

//! Work in one piece, on one consistent view of the data.
//!
//! It runs in a reading transaction, on a thread that may block. What it tells of its progress goes through short
//! transactions of its own, each of which proves and prolongs the lease: work whose lease was taken over stops at the
//! next of them, and so does the work of a service that ends. Between them the one writer of SQLite is free.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Job;
use crate::clock::{Clock, Timestamp};
use crate::db::{Db, Scope, Tx};
use crate::error::{Error, Result};
use crate::id::Id;

/// How often progress is written down.
const PACE: Duration = Duration::from_secs(1);
/// Progress is written down so many times in a lease at least.
const TIMES_IN_LEASE: u32 = 4;

/// What work on a snapshot has beside the snapshot: a way to tell how far it is, and to write.
pub struct Progress {
    db: Db,
    clock: Clock,
    scope: Scope,
    job: Id,
    lease: Id,
    lease_s: i64,
    pace: Duration,
    told: Option<Instant>,
    stopped: Arc<AtomicBool>,
}

/// Stops work when it is dropped.
pub struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Progress {
    /// The progress of the job `job`, which is had under `lease` for `lease_s` seconds at a time, and what stops it.
    pub fn new(db: Db, clock: Clock, scope: Scope, job: Id, (lease, lease_s): (Id, i64)) -> (Self, Stop) {
        let stopped = Arc::new(AtomicBool::new(false));
        let pace = PACE.min(Duration::from_secs(lease_s.max(1) as u64) / TIMES_IN_LEASE);
        let stop = Stop(stopped.clone());
        (Self { db, clock, scope, job, lease, lease_s, pace, told: None, stopped }, stop)
    }

    /// Tells how many of all items are dealt with. Written down every second or so; fails when the lease was lost or the
    /// service ends.
    pub fn tell(&mut self, done: i64, total: i64) -> Result<()> {
        self.go_on()?;
        if self.told.is_some_and(|told| told.elapsed() < self.pace) {
            return Ok(());
        }
        let told = self
            .write(move |tx, job| tx.jobs().save(&Job { items_done: done, items_total: Some(total), ..job.clone() }));
        match told {
            // Too busy for this; the lease still holds for a while.
            Err(Error::Unavailable(_)) => Ok(()),
            told => {
                self.told = Some(Instant::now());
                told
            }
        }
    }

    /// Writes something in a transaction of its own, if the lease still holds, and prolongs the lease. `work` gets the
    /// job as it is then.
    pub fn write<T>(&self, work: impl Fn(&mut Tx<'_>, &Job) -> Result<T>) -> Result<T> {
        self.go_on()?;
        let (id, lease, until) = (self.job, self.lease, self.until());
        self.db.write_here(Scope { at: self.clock.now(), ..self.scope }, |tx| {
            let job = tx.jobs().hold(id, lease)?;
            let job = Job { due_at: Some(until), updated_at: tx.at(), ..job };
            tx.jobs().save(&job)?;
            work(tx, &job)
        })
    }

    fn until(&self) -> Timestamp {
        self.clock.now().plus_seconds(self.lease_s)
    }

    fn go_on(&self) -> Result<()> {
        match self.stopped.load(Ordering::SeqCst) {
            true => Err(Error::Unavailable("the service is stopping".into())),
            false => Ok(()),
        }
    }
}

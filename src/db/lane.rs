//! Some connections to the database and the fair, bounded queue in front of them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use diesel::r2d2::{ManageConnection, Pool, PooledConnection, R2D2Connection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Address, Conn, Purpose};
use crate::error::{Error, Result};

/// How long a request waits for a connection before it is told that the service is too busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long opening a connection may take before the database counts as away.
const OPENING: Duration = Duration::from_secs(3);

/// Some connections and the queue in front of them.
pub(super) struct Lane {
    pool: Pool<Opener>,
    places: Arc<Semaphore>,
    size: usize,
}

impl Lane {
    /// Up to `size` connections to `address`; on SQLite each is for one purpose.
    pub(super) fn new(address: &Address, size: u32, purpose: Purpose) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(OPENING)
            .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
            .build_unchecked(Opener(address.clone(), purpose));
        let size = size as usize;
        Self { pool, places: Arc::new(Semaphore::new(size)), size }
    }

    /// Runs `work` on a thread that may block, once it is its turn.
    pub(super) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Lane) -> Result<T> + Send + 'static,
    {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(|_| too_busy())?
            .map_err(Error::internal)?;
        let lane = self.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&lane)
        })
        .await
        .map_err(|stopped| Error::internal(format!("a database task stopped: {stopped}")))?
    }

    /// Runs `work` on this thread, which may block, once it is its turn.
    pub(super) fn run_here<T>(&self, work: impl FnOnce(&Lane) -> Result<T>) -> Result<T> {
        let _place = self.place()?;
        work(self)
    }

    /// A place, waited for in the same queue as everybody does. Needs no runtime, so that a service that is going down
    /// is waited for no longer than one that is not.
    fn place(&self) -> Result<SemaphorePermit<'_>> {
        let (begun, mut turn) = (Instant::now(), pin!(self.places.acquire()));
        let waker = Waker::from(Arc::new(Sleeper(thread::current())));
        loop {
            match turn.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(place) => return place.map_err(Error::internal),
                Poll::Pending => match PATIENCE.checked_sub(begun.elapsed()) {
                    Some(left) => thread::park_timeout(left),
                    None => return Err(too_busy()),
                },
            }
        }
    }

    /// A connection outside any transaction.
    pub(super) fn held(&self) -> Result<PooledConnection<Opener>> {
        self.pool.get().map_err(|e| Error::Unavailable(e.to_string()))
    }

    /// A connection in a new transaction. Connections that a restart of the database has cut are thrown away on the
    /// way, so that none of them costs a caller an answer.
    pub(super) fn begun(&self, purpose: Purpose) -> Result<PooledConnection<Opener>> {
        for _ in 0..self.size {
            let mut held = self.held()?;
            if held.begin(purpose).is_ok() {
                return Ok(held);
            }
        }
        let mut held = self.held()?;
        held.begin(purpose)?;
        Ok(held)
    }
}

/// A thread that sleeps until it is its turn.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn too_busy() -> Error {
    Error::Unavailable("too many requests wait for the database".into())
}

/// A connection that remembers when it failed, because the driver does not: the pool throws such a one away.
pub(super) struct Held {
    pub(super) conn: Conn,
    failed: bool,
}

impl Held {
    pub(super) fn begin(&mut self, purpose: Purpose) -> Result<()> {
        let begun = self.conn.begin(purpose);
        self.failed |= begun.is_err();
        begun.map_err(|e| Error::Unavailable(e.to_string()))
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        let committed = self.conn.commit();
        self.failed |= committed.is_err();
        Ok(committed?)
    }

    pub(super) fn rollback(&mut self) {
        self.failed |= self.conn.rollback().is_err();
    }
}

/// Opens connections for the pool.
#[derive(Clone)]
pub(super) struct Opener(Address, Purpose);

impl ManageConnection for Opener {
    type Connection = Held;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Held, Self::Error> {
        let conn = self.0.open(self.1).map_err(diesel::r2d2::Error::ConnectionError)?;
        Ok(Held { conn, failed: false })
    }

    fn is_valid(&self, held: &mut Held) -> Result<(), Self::Error> {
        held.conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        held.failed || std::thread::panicking() || held.conn.is_broken()
    }
}

//! The database: transactions on either SQLite or PostgreSQL, and nothing about what is in them.
//!
//! A transaction begins and ends in one line, [`Db::read`] or [`Db::write`], in a handler or a job; use cases receive
//! the [`Tx`] and so compose. On SQLite every write goes through one connection, reads through a pool; on PostgreSQL
//! both share a pool. Waiting for a connection is fair and bounded: a service that cannot keep up says so with
//! [`Error::Unavailable`], and so does one whose database is away, until it is back.

pub mod connection;
mod failure;
pub mod migrations;
pub mod page;
pub mod types;

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::{ManageConnection, Pool, PooledConnection, R2D2Connection};
use tokio::sync::Semaphore;

pub use connection::{Address, Conn};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Id;
use connection::Purpose;

/// How often a transaction that met another one is tried again before its caller is told.
const TRIES: usize = 4;
/// How long a request waits for a connection before it is told that the service is too busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who works, where and when: what every row written in a transaction has in common.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The workspace all of it belongs to.
    pub workspace: Id,
    /// The instant at which it all happens.
    pub at: Timestamp,
    /// The user or client behind it; none for what visitors send and for the service itself.
    pub actor: Option<Id>,
}

/// A transaction under way in one workspace. Repositories are reached through it (`tx.leads()`), so no query can
/// forget the workspace.
pub struct Tx<'c> {
    /// The connection the transaction runs on.
    pub conn: &'c mut Conn,
    /// The workspace, the instant and the actor of all that is written.
    pub scope: Scope,
}

impl Tx<'_> {
    /// The instant at which all of this transaction happens.
    pub fn at(&self) -> Timestamp {
        self.scope.at
    }

    /// Runs `work` so that its writes are undone when it fails, while the transaction goes on.
    pub fn savepoint<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.conn.begin_savepoint()?;
        match work(&mut Tx { conn: &mut *self.conn, scope: self.scope }) {
            Ok(done) => {
                self.conn.commit()?;
                Ok(done)
            }
            Err(error) => {
                self.conn.rollback()?;
                Err(error)
            }
        }
    }

    /// Holds off every other transaction that names one of `keys`, until this one ends. Taken in one fixed order, so
    /// two callers never wait for each other. On SQLite there is one writer, and nothing to hold off.
    pub fn take_turns(&mut self, keys: &[String]) -> Result<()> {
        let Conn::Postgres(conn) = &mut *self.conn else { return Ok(()) };
        let mut locks: Vec<i64> = keys.iter().map(|key| lock_number(&self.scope.workspace, key)).collect();
        locks.sort_unstable();
        locks.dedup();
        for lock in locks {
            use diesel::RunQueryDsl;
            diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
                .bind::<diesel::sql_types::BigInt, _>(lock)
                .execute(conn)?;
        }
        Ok(())
    }
}

fn lock_number(workspace: &Id, key: &str) -> i64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(workspace.as_bytes()).chain_update(key).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// The database of this process. Clones share its connections.
#[derive(Clone)]
pub struct Db {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
}

/// Some connections and the queue in front of them.
struct Lane {
    pool: Pool<Opener>,
    places: Arc<Semaphore>,
    size: usize,
}

impl Db {
    /// Prepares up to `connections` connections to `address`; none is opened yet.
    pub fn new(address: &Address, connections: u32) -> Self {
        let reads = Arc::new(Lane::new(address, connections));
        let writes = if address.is_sqlite() { Arc::new(Lane::new(address, 1)) } else { reads.clone() };
        Self { reads, writes }
    }

    /// Runs `work` on one consistent view of the data.
    pub async fn read<T, F>(&self, scope: Scope, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.reads.run(move |lane| transaction(lane, Purpose::Read, scope, &work)).await
    }

    /// Runs `work` in one transaction: all of its writes, or none. When another transaction is in the way, it is run
    /// again from the start.
    pub async fn write<T, F>(&self, scope: Scope, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.writes.run(move |lane| transaction(lane, Purpose::Write, scope, &work)).await
    }

    /// Brings the tables up to date; returns the names of the migrations that ran.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        self.writes.run(|lane| migrations::run(&mut *lane.connection()?)).await
    }

    /// The names of the migrations that have not run yet.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let nowhere = Scope { workspace: Id::NIL, at: Timestamp::from_micros(0), actor: None };
        let pending = |tx: &mut Tx<'_>| migrations::pending(tx.conn);
        self.reads.run(move |lane| transaction(lane, Purpose::Read, nowhere, &pending)).await
    }
}

impl Lane {
    fn new(address: &Address, size: u32) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(Duration::from_secs(3))
            .error_handler(Box::new(diesel::r2d2::NopErrorHandler))
            .build_unchecked(Opener(address.clone()));
        let size = size as usize;
        Self { pool, places: Arc::new(Semaphore::new(size)), size }
    }

    async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Lane) -> Result<T> + Send + 'static,
    {
        let place = tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned())
            .await
            .map_err(|_| Error::Unavailable("too many requests wait for the database".into()))?
            .map_err(Error::internal)?;
        let lane = self.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&lane)
        })
        .await
        .map_err(|stopped| Error::internal(format!("a database task stopped: {stopped}")))?
    }

    fn connection(&self) -> Result<PooledConnection<Opener>> {
        self.pool.get().map_err(|e| Error::Unavailable(e.to_string()))
    }

    /// A connection in a new transaction. Connections that a restart of the database has cut are thrown away on the
    /// way, so that none of them costs a caller an answer.
    fn begun(&self, purpose: Purpose) -> Result<PooledConnection<Opener>> {
        for _ in 0..self.size {
            let mut conn = self.connection()?;
            if conn.begin(purpose).is_ok() {
                return Ok(conn);
            }
        }
        let mut conn = self.connection()?;
        conn.begin(purpose).map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(conn)
    }
}

fn transaction<T>(lane: &Lane, purpose: Purpose, scope: Scope, work: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let mut conn = lane.begun(purpose)?;
    for _ in 1..TRIES {
        match attempt(&mut conn, scope, work) {
            Err(Error::Contention(what)) => log::debug!("trying a transaction again: {what}"),
            done => return done,
        }
        conn.begin(purpose)?;
    }
    match attempt(&mut conn, scope, work) {
        Err(Error::Contention(_)) => Err(Error::Conflict("others are changing the same records; try again".into())),
        done => done,
    }
}

/// Runs `work` in the transaction that `conn` has begun, and ends it.
fn attempt<T>(conn: &mut Conn, scope: Scope, work: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    match work(&mut Tx { conn: &mut *conn, scope }) {
        Ok(done) => {
            conn.commit()?;
            Ok(done)
        }
        Err(error) => {
            // A rollback that fails leaves a connection that the pool throws away.
            let _ = conn.rollback();
            Err(error)
        }
    }
}

/// Opens connections for the pool.
#[derive(Clone)]
struct Opener(Address);

impl ManageConnection for Opener {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Conn, Self::Error> {
        self.0.open().map_err(diesel::r2d2::Error::ConnectionError)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), Self::Error> {
        conn.ping().map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

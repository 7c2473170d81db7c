//! The database: transactions on either SQLite or PostgreSQL, and nothing about what is in them.
//!
//! A transaction begins and ends in one line, [`Db::read`] or [`Db::write`], in a handler or a job; use cases receive
//! the [`Tx`] and so compose. On SQLite every write goes through one connection, reads through a pool; on PostgreSQL
//! both share a pool. Waiting for a connection is fair and bounded: a service that cannot keep up says so with
//! [`Error::Unavailable`], and so does one whose database is away, until it is back.

pub mod connection;
mod failure;
mod lane;
mod late;
pub mod migrations;
pub mod packed;
pub mod page;
pub mod prepared;
pub mod together;
mod statistics;
mod turns;
pub mod types;

use std::sync::Arc;

pub use connection::{Address, Conn};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::Id;
use connection::Purpose;
use lane::{Held, Lane};
use late::Late;
use prepared::Prepared;
use together::Queues;
use turns::{Hold, Taken};

/// Transactions of one queue that are under way at once on PostgreSQL; see [`together`].
const WRITERS: usize = 2;
/// How often a transaction that met another one is tried again before its caller is told.
const TRIES: usize = 4;

/// Who works, where and when: what every row written in a transaction has in common.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The workspace all of it belongs to.
    pub workspace: Id,
    /// The instant at which it all happens.
    pub at: Timestamp,
    /// The user or client behind it; none for what visitors send and for the service itself.
    pub actor: Option<Id>,
    /// What it follows from; none for what the actor asked for and for what the service does by itself.
    pub cause: Option<Cause>,
}

/// Something kept from which changes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A submission.
    Submission(Id),
    /// A proposal that the actor accepted.
    Proposal {
        /// The proposal.
        id: Id,
        /// The submission that made it.
        submission: Id,
    },
}

/// A transaction under way in one workspace. Repositories are reached through it (`tx.leads()`), so no query can
/// forget the workspace.
pub struct Tx<'c> {
    /// The connection the transaction runs on.
    pub conn: &'c mut Conn,
    /// The workspace, the instant and the actor of all that is written.
    pub scope: Scope,
    /// What is left for the end.
    late: &'c mut Late,
    /// The turns it has.
    taken: &'c mut Taken,
}

impl Tx<'_> {
    /// The instant at which all of this transaction happens.
    pub fn at(&self) -> Timestamp {
        self.scope.at
    }

    /// The same transaction, for work that follows from `cause`.
    pub fn because(&mut self, cause: Cause) -> Tx<'_> {
        self.within(Scope { cause: Some(cause), ..self.scope })
    }

    /// The same transaction, for work in another scope.
    pub fn within(&mut self, scope: Scope) -> Tx<'_> {
        Tx { conn: &mut *self.conn, scope, late: &mut *self.late, taken: &mut *self.taken }
    }

    /// Runs `work` so that its writes are undone when it fails, while the transaction goes on.
    pub fn savepoint<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.conn.begin_savepoint()?;
        let (left, taken) = (self.late.len(), self.taken.clone());
        match work(&mut self.within(self.scope)) {
            Ok(done) => {
                self.conn.commit()?;
                Ok(done)
            }
            Err(error) => {
                self.late.forget_after(left);
                *self.taken = taken;
                self.conn.rollback()?;
                Err(error)
            }
        }
    }

    /// Runs `work`, gives what it gives, and undoes all that it wrote.
    pub fn rehearsal<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.conn.begin_savepoint()?;
        let (left, taken) = (self.late.len(), self.taken.clone());
        let done = work(&mut self.within(self.scope));
        self.late.forget_after(left);
        *self.taken = taken;
        self.conn.rollback()?;
        done
    }

    /// Goes on beside others that share `key`, and holds off whoever names it in [`Tx::take_turns`] until this
    /// transaction ends.
    pub fn share_turn(&mut self, key: &str) -> Result<()> {
        self.share_turns(&[key.to_owned()])
    }

    /// The same for several names at once.
    pub fn share_turns(&mut self, keys: &[String]) -> Result<()> {
        self.wait(turns::locks(&self.scope.workspace, keys, Hold::Shared).into_iter().collect())
    }

    /// Takes the turns of some keys after those of others, then shares that of `shared`, all in one step.
    pub fn take_turns_after(&mut self, keys: &[Vec<String>], shared: Option<&str>) -> Result<()> {
        let workspace = self.scope.workspace;
        let alone = keys.iter().flat_map(|keys| turns::locks(&workspace, keys, Hold::Alone));
        let shared = shared.map(|key| turns::locks(&workspace, &[key.to_owned()], Hold::Shared));
        self.wait(alone.chain(shared.into_iter().flatten()).collect())
    }

    /// Holds off every other transaction that names one of `keys`, until this one ends. Taken in one fixed order, so
    /// two callers never wait for each other. On SQLite there is one writer, and nothing to hold off.
    ///
    /// The first word of a name is the crowd it belongs to. Whoever names more than `turns::MOST` of one crowd holds
    /// off the whole crowd instead, so that no transaction ever takes many locks.
    pub fn take_turns(&mut self, keys: &[String]) -> Result<()> {
        self.wait(turns::locks(&self.scope.workspace, keys, Hold::Alone).into_iter().collect())
    }

    /// Takes the locks that it does not have yet in the order given, all in one statement.
    fn wait(&mut self, mut locks: Vec<(i64, Hold)>) -> Result<()> {
        use diesel::RunQueryDsl;
        use diesel::sql_types::{BigInt, Bool};
        if let Conn::Postgres(conn) = &mut *self.conn {
            locks.retain(|(number, hold)| !self.taken.has(*number, *hold));
            if locks.is_empty() {
                return Ok(());
            }
            Prepared::new(
                "SELECT CASE WHEN alone THEN pg_advisory_xact_lock(number)::text \
                 ELSE pg_advisory_xact_lock_shared(number)::text END FROM unnest(?, ?) AS turn (number, alone)",
            )
            .column::<BigInt, _>(locks.iter().map(|(number, _)| number))
            .column::<Bool, _>(locks.iter().map(|(_, hold)| *hold == Hold::Alone))
            .execute(conn)?;
            self.taken.add(locks);
        }
        Ok(())
    }
}

/// The database of this process. Clones share its connections.
#[derive(Clone)]
pub struct Db {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
    /// What waits to be written together.
    queues: Arc<Queues>,
    /// How many transactions of a queue may be under way at once.
    writers: usize,
}

impl Db {
    /// Prepares up to `connections` connections to `address`; none is opened yet.
    pub fn new(address: &Address, connections: u32) -> Self {
        let reads = Arc::new(Lane::new(address, connections, Purpose::Read));
        let writes = if address.is_sqlite() { Arc::new(Lane::new(address, 1, Purpose::Write)) } else { reads.clone() };
        let writers = if address.is_sqlite() { 1 } else { WRITERS };
        Self { reads, writes, queues: Arc::default(), writers }
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

    /// The same on this thread, which may block: for work that reads for long, and writes now and then while it does.
    pub fn write_here<T>(&self, scope: Scope, work: impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.writes.run_here(|lane| transaction(lane, Purpose::Write, scope, &work))
    }

    /// Brings the tables up to date; returns the names of the migrations that ran.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        self.writes.run(|lane| migrations::run(&mut lane.held()?.conn)).await
    }

    /// The names of the migrations that have not run yet.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let nowhere = Scope { workspace: Id::NIL, at: Timestamp::from_micros(0), actor: None, cause: None };
        let pending = |tx: &mut Tx<'_>| migrations::pending(tx.conn);
        self.reads.run(move |lane| transaction(lane, Purpose::Read, nowhere, &pending)).await
    }
}

fn transaction<T>(lane: &Lane, purpose: Purpose, scope: Scope, work: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let mut held = lane.begun(purpose)?;
    for _ in 1..TRIES {
        match attempt(&mut held, scope, work) {
            Err(Error::Contention(what)) => log::debug!("trying a transaction again: {what}"),
            done => return done,
        }
        held.begin(purpose)?;
    }
    match attempt(&mut held, scope, work) {
        Err(Error::Contention(_)) => Err(Error::Conflict("others are changing the same records; try again".into())),
        done => done,
    }
}

/// Runs `work` in the transaction that `held` has begun, and ends it.
fn attempt<T>(held: &mut Held, scope: Scope, work: &dyn Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let (late, taken) = (&mut Late::default(), &mut Taken::default());
    let mut tx = Tx { conn: &mut held.conn, scope, late, taken };
    match work(&mut tx).and_then(|done| tx.end().map(|()| done)) {
        Ok(done) => {
            held.commit()?;
            Ok(done)
        }
        Err(error) => {
            held.rollback();
            Err(error)
        }
    }
}

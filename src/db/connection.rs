//! One connection type over two databases, and how each is opened.
//!
//! The scheme of the address alone decides which database is meant; an unknown one is refused, never guessed.

use std::path::PathBuf;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError, QueryResult};

/// An open connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Which SQL a connection speaks, where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file, made when it is missing.
    Sqlite(PathBuf),
    /// A libpq connection URL.
    Postgres(String),
}

impl Address {
    /// Reads `sqlite://<path>` or `postgres://…`. The error says what is allowed and repeats no password.
    pub fn parse(url: &str) -> Result<Self, String> {
        match url.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", rest)) if !rest.is_empty() => match password_is_clear_cut(rest) {
                true => Ok(Self::Postgres(url.to_owned())),
                false => Err("in the database address, write @ / ? # of a password as %40 %2F %3F %23".into()),
            },
            _ => {
                Err("the database address must be sqlite://<path of a file> or postgres://<user>@<host>/<database>"
                    .into())
            }
        }
    }

    /// Whether this is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    pub(super) fn open(&self, purpose: Purpose) -> Result<Conn, ConnectionError> {
        match self {
            Self::Sqlite(path) => open_sqlite(path, purpose),
            Self::Postgres(url) => open_postgres(url),
        }
    }
}

/// Whether it is certain where the password in `rest`, what follows the scheme, ends. Otherwise a part of it would be
/// taken for a host name, and shown as such in errors.
fn password_is_clear_cut(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rest.matches('@').count() == authority.matches('@').count() && authority.matches('@').count() <= 1
}

fn open_sqlite(path: &std::path::Path, purpose: Purpose) -> Result<Conn, ConnectionError> {
    let path = path.to_str().ok_or_else(|| ConnectionError::BadConnection("the path is not UTF-8".into()))?;
    let mut conn = SqliteConnection::establish(path)?;
    // FULL: an acknowledged write has reached the disk, not only the operating system. A checkpoint writes every page that
    // changed since the last one once, so it is worth waiting for many changes: 64 MiB of them. Of connections that read
    // there are many, and the one that writes comes back to the same pages; its cache is 32 MiB, theirs 4.
    let cache = if purpose == Purpose::Write { 32_768 } else { 4_096 };
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -{cache}; \
         PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    ))
    .and_then(|()| crate::filter::functions::register(&mut conn))
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(Conn::Sqlite(conn))
}

fn open_postgres(url: &str) -> Result<Conn, ConnectionError> {
    let mut conn = PgConnection::establish(url)?;
    // Messages in English, because a deadlock is known by its text alone.
    conn.batch_execute(
        "SET timezone = 'UTC'; SET lc_messages = 'C'; SET lock_timeout = '10s'; SET statement_timeout = '60s';",
    )
    .or_else(|_| conn.batch_execute("SET timezone = 'UTC'; SET lock_timeout = '10s'; SET statement_timeout = '60s';"))
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(Conn::Postgres(conn))
}

/// What a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A consistent view; nothing is written.
    Read,
    Write,
}

impl Conn {
    /// The SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        match self {
            Conn::Postgres(_) => Dialect::Postgres,
            Conn::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Begins a transaction. On SQLite a writing one takes the write lock at once: a read that later turns into a
    /// write fails there however long it waits.
    pub(super) fn begin(&mut self, purpose: Purpose) -> QueryResult<()> {
        match (self, purpose) {
            (Conn::Postgres(c), Purpose::Read) => {
                AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            }
            // What writes looks records up by their keys: planning that anew each time costs more than doing it.
            (Conn::Postgres(c), Purpose::Write) => AnsiTransactionManager::begin_transaction_sql(
                c,
                "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan",
            ),
            (Conn::Sqlite(c), Purpose::Read) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN"),
            (Conn::Sqlite(c), Purpose::Write) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
        }
    }

    pub(super) fn commit(&mut self) -> QueryResult<()> {
        <Conn as Connection>::TransactionManager::commit_transaction(self)
    }

    pub(super) fn rollback(&mut self) -> QueryResult<()> {
        <Conn as Connection>::TransactionManager::rollback_transaction(self)
    }

    /// Begins a savepoint inside the present transaction.
    pub(super) fn begin_savepoint(&mut self) -> QueryResult<()> {
        <Conn as Connection>::TransactionManager::begin_transaction(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_known_schemes_are_addresses() {
        assert!(Address::parse("sqlite://ripen.db").unwrap().is_sqlite());
        assert!(!Address::parse("postgres://ripen@localhost/ripen").unwrap().is_sqlite());
        assert!(Address::parse("postgres://ripen:se%40cret@localhost/ripen?options=-csearch_path%3Dx").is_ok());
        for wrong in
            ["postgres://ripen:se@cret@host/ripen", "postgres://ripen:se/cr@host/ripen", "postgres://r:s?c@h/r"]
        {
            assert!(Address::parse(wrong).is_err_and(|told| !told.contains("cr")), "{wrong}");
        }
        for wrong in ["", "ripen.db", "postgre://x", "sqlite:", "sqlite://", "mysql://x/y"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}

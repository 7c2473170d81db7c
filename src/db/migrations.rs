//! The tables, made and changed by migrations that are part of the binary; the same names for both databases.

use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel::{PgConnection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::Conn;
use crate::error::{Error, Result};

/// Migrations for SQLite.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// Migrations for PostgreSQL.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The lock that instances starting at once on one PostgreSQL wait for: "ripen" in ASCII.
const ADVISORY_LOCK: i64 = 0x72_6970_656e;

/// Brings the tables up to date and returns the names of the migrations that ran. Safe when several instances start
/// at once: they take turns, and the later ones find nothing to do.
pub(super) fn run(conn: &mut Conn) -> Result<Vec<String>> {
    match conn {
        Conn::Postgres(conn) => run_postgres(conn),
        Conn::Sqlite(conn) => run_sqlite(conn),
    }
}

/// The names of the migrations that have not run yet.
pub(super) fn pending(conn: &mut Conn) -> Result<Vec<String>> {
    match conn {
        Conn::Postgres(conn) => names(conn.pending_migrations(POSTGRES).map_err(Error::internal)?),
        Conn::Sqlite(conn) => names(conn.pending_migrations(SQLITE).map_err(Error::internal)?),
    }
}

fn run_postgres(conn: &mut PgConnection) -> Result<Vec<String>> {
    conn.batch_execute(&format!("SET lock_timeout = 0; SELECT pg_advisory_lock({ADVISORY_LOCK})"))?;
    let ran = conn.run_pending_migrations(POSTGRES).map(|ran| ran.iter().map(ToString::to_string).collect());
    conn.batch_execute(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK}); SET lock_timeout = '10s'"))?;
    ran.map_err(Error::internal)
}

/// All in one transaction that takes SQLite's write lock first, which makes starting instances take turns.
fn run_sqlite(conn: &mut SqliteConnection) -> Result<Vec<String>> {
    conn.immediate_transaction(|conn| {
        let ran = conn.run_pending_migrations(SQLITE).map_err(Error::internal)?;
        Ok(ran.iter().map(ToString::to_string).collect())
    })
}

fn names<DB: diesel::backend::Backend>(pending: Vec<Box<dyn Migration<DB>>>) -> Result<Vec<String>> {
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

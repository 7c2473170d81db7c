//! The tables, made and changed by migrations that are part of the binary; the same names for both databases.

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;
use diesel::{PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::Conn;
use super::statistics;
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

/// The names of the migrations that have not run yet. Only reads, unlike diesel's own answer to the question.
pub(super) fn pending(conn: &mut Conn) -> Result<Vec<String>> {
    let ran = ran_before(conn)?;
    match conn {
        Conn::Postgres(_) => without(&ran, MigrationSource::<Pg>::migrations(&POSTGRES)),
        Conn::Sqlite(_) => without(&ran, MigrationSource::<Sqlite>::migrations(&SQLITE)),
    }
}

/// The versions that diesel has noted in its table; none before it has made that.
fn ran_before(conn: &mut Conn) -> Result<Vec<String>> {
    let noted = match conn {
        Conn::Postgres(_) => "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS noted",
        Conn::Sqlite(_) => "SELECT count(*) > 0 AS noted FROM sqlite_schema WHERE name = '__diesel_schema_migrations'",
    };
    if !sql_query(noted).get_result::<Noted>(conn)?.noted {
        return Ok(Vec::new());
    }
    let ran = sql_query("SELECT version FROM __diesel_schema_migrations").load::<Ran>(conn)?;
    Ok(ran.into_iter().map(|ran| ran.version).collect())
}

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = Bool)]
    noted: bool,
}

#[derive(QueryableByName)]
struct Ran {
    #[diesel(sql_type = Text)]
    version: String,
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
        let ran = ran.iter().map(ToString::to_string).collect();
        statistics::tell(conn)?;
        Ok(ran)
    })
}

fn without<DB: Backend>(
    ran: &[String],
    all: diesel::migration::Result<Vec<Box<dyn Migration<DB>>>>,
) -> Result<Vec<String>> {
    let mut pending = all.map_err(Error::internal)?;
    pending.retain(|migration| !ran.contains(&migration.name().version().to_string()));
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

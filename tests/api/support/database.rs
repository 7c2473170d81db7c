//! A database for one test: a SQLite file in a folder of its own, or a schema of its own in PostgreSQL.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use ripen::db::Address;
use tempfile::TempDir;

/// An empty database that is gone when this is dropped.
pub struct Database {
    url: String,
    kept: Kept,
}

enum Kept {
    Folder { _folder: TempDir },
    Schema { server: String, name: String },
}

impl Database {
    /// A new one on the server at `TEST_DATABASE_URL`, or a file when that is not set.
    pub fn new() -> Self {
        match server() {
            Some(server) => Self::schema(server),
            None => Self::file(),
        }
    }

    /// Where it is, as `RIPEN_DATABASE_URL` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same, parsed.
    pub fn address(&self) -> Address {
        Address::parse(&self.url).unwrap()
    }

    fn file() -> Self {
        let folder = TempDir::with_prefix("ripen-test-").unwrap();
        let url = format!("sqlite://{}", folder.path().join("ripen.db").display());
        Self { url, kept: Kept::Folder { _folder: folder } }
    }

    fn schema(server: String) -> Self {
        let name = format!("t_{}", uuid::Uuid::new_v4().simple());
        let mut conn = PgConnection::establish(&server).expect("TEST_DATABASE_URL must name a PostgreSQL that answers");
        conn.batch_execute(&format!("CREATE SCHEMA {name}")).unwrap();
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options=-csearch_path%3D{name}");
        Self { url, kept: Kept::Schema { server, name } }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Kept::Schema { server, name } = &self.kept
            && let Ok(mut conn) = PgConnection::establish(server)
        {
            // A connection left open may still hold a lock; the schema then stays, which harms no other test.
            let _ = conn.batch_execute(&format!("SET lock_timeout = '2s'; DROP SCHEMA {name} CASCADE"));
        }
    }
}

/// Whether the tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    server().is_some()
}

#[expect(clippy::disallowed_methods, reason = "the tests have no config.rs")]
fn server() -> Option<String> {
    std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

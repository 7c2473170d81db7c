//! The two kinds of database, and statements of our own on them.

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

/// Where data is kept.
#[derive(Clone)]
pub enum Database {
    Postgres { server: String, name: String },
    Sqlite { path: PathBuf },
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl Database {
    /// A new one on the PostgreSQL server at `server`.
    pub fn create(server: &str, name: &str) -> Self {
        let database = Self::Postgres { server: server.to_owned(), name: name.to_owned() };
        database.on_server(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name};"));
        database
    }

    /// One like this, with the same rows and indexes; nobody may be connected.
    pub fn copy(&self, copied: &str) -> Self {
        let Self::Postgres { server, name } = self else { panic!("only PostgreSQL copies") };
        self.on_server(&format!("DROP DATABASE IF EXISTS {copied};"));
        self.on_server(&format!("CREATE DATABASE {copied} TEMPLATE {name} STRATEGY file_copy;"));
        let copy = Self::Postgres { server: server.clone(), name: copied.to_owned() };
        // What the autovacuum knows of its tables was not copied with them.
        copy.run("VACUUM ANALYZE; CHECKPOINT;");
        copy
    }

    /// Takes it away; what is in a folder goes with that.
    pub fn drop(&self) {
        if let Self::Postgres { name, .. } = self {
            self.on_server(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE);"));
        }
    }

    fn on_server(&self, statements: &str) {
        let Self::Postgres { server, .. } = self else { return };
        let mut conn = PgConnection::establish(server).expect("the PostgreSQL server answers");
        // One by one: a database is made in no transaction.
        for statement in statements.split_inclusive(';').filter(|statement| !statement.trim().is_empty()) {
            conn.batch_execute(statement).unwrap();
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Postgres { .. } => Kind::Postgres,
            Self::Sqlite { .. } => Kind::Sqlite,
        }
    }

    /// As the service and pgbench take it.
    pub fn url(&self) -> String {
        match self {
            Self::Postgres { server, name } => {
                let (before, _) = server.rsplit_once('/').expect("postgres://<host>/<database>");
                format!("{before}/{name}")
            }
            Self::Sqlite { path } => format!("sqlite://{}", path.display()),
        }
    }

    pub fn open(&self) -> Session {
        match self {
            Self::Postgres { .. } => Session::Postgres(PgConnection::establish(&self.url()).unwrap()),
            Self::Sqlite { path } => Session::Sqlite(SqliteConnection::establish(path.to_str().unwrap()).unwrap()),
        }
    }

    /// Runs statements on a connection of their own, each on its own.
    pub fn run(&self, statements: &str) {
        let mut session = self.open();
        for statement in statements.split_inclusive(';').filter(|statement| !statement.trim().is_empty()) {
            session.run(statement);
        }
    }

    /// The column `line` of what a query finds.
    pub fn lines(&self, query: &str) -> Vec<String> {
        self.open().lines(query)
    }
}

/// A connection.
pub enum Session {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Session {
    #[track_caller]
    pub fn run(&mut self, statement: &str) {
        let done = match self {
            Self::Postgres(conn) => conn.batch_execute(statement),
            Self::Sqlite(conn) => conn.batch_execute(statement),
        };
        done.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }

    /// The column `line` of what a query finds.
    #[track_caller]
    pub fn lines(&mut self, query: &str) -> Vec<String> {
        let found: Result<Vec<Line>, _> = match self {
            Self::Postgres(conn) => diesel::sql_query(query).load(conn),
            Self::Sqlite(conn) => diesel::sql_query(query).load(conn),
        };
        found.unwrap_or_else(|error| panic!("{error}: {query}")).into_iter().map(|row| row.line).collect()
    }
}

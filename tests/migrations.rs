//! Migrations: the same on both databases, there and back, and safe when instances start at once.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, SqliteConnection, sql_query};
use diesel_migrations::MigrationHarness;
use futures_util::future::join_all;
use ripen::db::Db;
use ripen::db::migrations::{POSTGRES, SQLITE};

use crate::support::Database;

/// A column as `src/schema.rs` or a database describes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    column: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

/// A connection to a test's database, beside the service's own.
enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Direct {
    fn open(database: &Database) -> Self {
        match database.url().strip_prefix("sqlite://") {
            Some(path) => Self::Sqlite(SqliteConnection::establish(path).unwrap()),
            None => Self::Postgres(PgConnection::establish(database.url()).unwrap()),
        }
    }

    fn columns(&mut self) -> BTreeSet<Column> {
        let found: Vec<Column> = match self {
            Self::Sqlite(conn) => sql_query(
                "SELECT t.name AS of_table, c.name AS \"column\", c.type AS kind, c.\"notnull\" = 0 AS nullable \
                 FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
            )
            .load(conn),
            Self::Postgres(conn) => sql_query(
                "SELECT table_name::text AS of_table, column_name::text AS \"column\", data_type::text AS kind, \
                 is_nullable = 'YES' AS nullable FROM information_schema.columns WHERE table_schema = current_schema()",
            )
            .load(conn),
        }
        .unwrap();
        found.into_iter().filter(|column| column.of_table != "__diesel_schema_migrations").collect()
    }

    /// How this database calls a type of `src/schema.rs`.
    fn kind(&self, rust: &str) -> String {
        let (sqlite, postgres) = match rust {
            "Uuid" => ("BLOB", "uuid"),
            "Binary" => ("BLOB", "bytea"),
            "Text" => ("TEXT", "text"),
            "Json" => ("TEXT", "jsonb"),
            "Instant" => ("TEXT", "timestamp with time zone"),
            "BigInt" => ("INTEGER", "bigint"),
            "Bool" => ("INTEGER", "boolean"),
            "Double" => ("REAL", "double precision"),
            other => panic!("src/schema.rs has a type that this test does not know: {other}"),
        };
        match self {
            Self::Sqlite(_) => sqlite.to_owned(),
            Self::Postgres(_) => postgres.to_owned(),
        }
    }

    fn down_and_up(&mut self) {
        match self {
            Self::Sqlite(conn) => {
                conn.revert_all_migrations(SQLITE).unwrap();
                assert_eq!(
                    Self::columns_left(
                        sql_query("SELECT name AS of_table FROM sqlite_schema WHERE type = 'table'").load(conn)
                    ),
                    0
                );
                conn.run_pending_migrations(SQLITE).unwrap();
            }
            Self::Postgres(conn) => {
                conn.revert_all_migrations(POSTGRES).unwrap();
                let tables = "SELECT tablename::text AS of_table FROM pg_tables WHERE schemaname = current_schema()";
                assert_eq!(Self::columns_left(sql_query(tables).load(conn)), 0);
                conn.run_pending_migrations(POSTGRES).unwrap();
            }
        }
    }

    fn columns_left(tables: QueryResult<Vec<Table>>) -> usize {
        let is_ours =
            |table: &&Table| table.of_table != "__diesel_schema_migrations" && !table.of_table.starts_with("sqlite_");
        tables.unwrap().iter().filter(is_ours).count()
    }
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    of_table: String,
}

/// A table as `src/schema.rs` describes it: its name, its key, and its columns with the types as written there.
struct Described {
    name: String,
    key: Vec<String>,
    columns: Vec<(String, String, bool)>,
}

fn described_tables() -> Vec<Described> {
    let mut tables: Vec<Described> = Vec::new();
    let mut other_name = None;
    for line in include_str!("../src/schema.rs").lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            other_name = Some(name.trim_end_matches("\"]").to_owned());
        } else if let Some((name, kind)) = line.split_once(" -> ") {
            let kind = kind.trim_end_matches(',');
            let inner = kind.strip_prefix("Nullable<").map(|rest| rest.trim_end_matches('>'));
            let name = other_name.take().unwrap_or_else(|| name.to_owned());
            let column = (name, inner.unwrap_or(kind).to_owned(), inner.is_some());
            tables.last_mut().unwrap().columns.push(column);
        } else if let Some((name, key)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            let key = key.split(", ").map(str::to_owned).collect();
            tables.push(Described { name: name.to_owned(), key, columns: Vec::new() });
        }
    }
    tables
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let path = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(path).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[tokio::test]
async fn the_tables_are_what_the_code_takes_them_for() {
    let database = Database::new();
    Db::new(&database.address(), 1).migrate().await.unwrap();
    let mut direct = Direct::open(&database);
    let mut described = BTreeSet::new();
    for table in described_tables() {
        for (column, kind, nullable) in table.columns {
            described.insert(Column { of_table: table.name.clone(), column, kind: direct.kind(&kind), nullable });
        }
    }
    let found = direct.columns();
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (described.difference(&found).collect(), found.difference(&described).collect());
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "only in schema.rs: {missing:#?}\nonly in the database: {unknown:#?}"
    );
}

#[test]
fn every_key_begins_with_the_workspace() {
    for table in described_tables() {
        let first = match table.name.as_str() {
            "workspaces" => "id",
            // What belongs to the installation, and to nobody in it.
            "leases" => "name",
            _ => "workspace_id",
        };
        assert_eq!(table.key.first().map(String::as_str), Some(first), "{}", table.name);
    }
}

#[tokio::test]
async fn sqlite_checks_the_types_of_what_it_stores() {
    let database = Database::new();
    Db::new(&database.address(), 1).migrate().await.unwrap();
    let Direct::Sqlite(mut conn) = Direct::open(&database) else { return };
    let lax = "SELECT name AS of_table FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 \
               AND name NOT LIKE 'sqlite_%' AND name <> '__diesel_schema_migrations'";
    let lax: Vec<Table> = sql_query(lax).load(&mut conn).unwrap();
    assert_eq!(lax.into_iter().map(|table| table.of_table).collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn migrations_can_be_undone_and_done_again() {
    let database = Database::new();
    let db = Db::new(&database.address(), 1);
    let pending = db.pending_migrations().await.unwrap();
    assert!(!pending.is_empty());
    assert_eq!(db.migrate().await.unwrap().len(), pending.len());
    assert_eq!(db.pending_migrations().await.unwrap(), Vec::<String>::new());
    drop(db);

    let mut direct = Direct::open(&database);
    let first = direct.columns();
    direct.down_and_up();
    assert_eq!(direct.columns(), first);
}

#[tokio::test]
async fn instances_that_start_at_once_migrate_once() {
    let database = Database::new();
    let instances: Vec<Db> = (0..6).map(|_| Db::new(&database.address(), 1)).collect();
    let ran: Vec<_> = join_all(instances.iter().map(|db| db.migrate())).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ran.iter().filter(|names| !names.is_empty()).count(), 1, "{ran:?}");
    assert_eq!(instances[0].pending_migrations().await.unwrap(), Vec::<String>::new());
}

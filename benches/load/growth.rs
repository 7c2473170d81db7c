//! Many people of a few: every row that has to do with a sample is written again for each person that it stands for.
//!
//! Rows are found by following ids, from the contact to all that names it, and what names that. In a copy each id of
//! such a row is another, made of the table, the row and the person: `0190tttt-rrrr-7000-8000-pppppppppppp`. Everything
//! else stays, so that a copy is right under whatever the tables will be. Of the tables the contacts are number 1 and
//! the leads number 2, so that load can name them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::database::{Database, Kind, Session};
use crate::site::SAMPLES;

/// Somebody to copy.
pub struct Sample {
    pub contact: String,
    /// What tells them from others wherever a text is about them.
    pub name: String,
}

/// A column and how its values are written.
struct Column {
    name: String,
    kind: String,
}

/// Something of a sample that is another for each copy.
struct Token {
    /// As rows have it.
    seen: String,
    /// What it is for person `k`, as an expression.
    copied: String,
    /// For an id: the same as the columns for ids have it.
    id: Option<(String, String)>,
}

/// A row of a sample: its values by column, as literals.
struct Row {
    table: usize,
    values: BTreeMap<String, Value>,
}

/// Fills the database with so many people.
pub fn grow(database: &Database, samples: &[Sample], people: u64) {
    let (kind, mut session) = (database.kind(), database.open());
    let quick = match kind {
        // What is written is thrown away if anything goes wrong.
        Kind::Postgres => "SET session_replication_role = replica; SET synchronous_commit = off;",
        Kind::Sqlite => {
            "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
             PRAGMA cache_size = -2000000;"
        }
    };
    session.run(quick);
    let tables = tables(kind, &mut session);
    let indexes = lift_indexes(kind, &mut session);
    let rows: Vec<Row> = (0..tables.len()).flat_map(|table| read(kind, &mut session, table, &tables[table])).collect();
    for (number, sample) in samples.iter().enumerate() {
        let (tokens, own) = follow(kind, sample, &tables, &rows);
        session.run("BEGIN");
        for row in own {
            session.run(&copies(kind, &tables[row.table], row, &tokens, number as u64 + 1, people));
        }
        session.run("COMMIT");
    }
    for index in indexes {
        session.run(&index);
    }
    drop(session);
    match kind {
        Kind::Postgres => database.run("VACUUM ANALYZE; CHECKPOINT;"),
        Kind::Sqlite => database.run("PRAGMA journal_mode = WAL; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);"),
    }
}

/// Takes away the indexes that nothing rests on, which are made much faster than kept; gives what makes them again.
fn lift_indexes(kind: Kind, session: &mut Session) -> Vec<String> {
    let every = match kind {
        Kind::Postgres => {
            "SELECT i.indexrelid::regclass || ' ' || pg_get_indexdef(i.indexrelid) AS line FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace \
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)"
        }
        Kind::Sqlite => "SELECT name || ' ' || sql AS line FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    };
    let mut makings = Vec::new();
    for line in session.lines(every) {
        let (name, making) = line.split_once(' ').unwrap();
        session.run(&format!("DROP INDEX {name}"));
        makings.push(making.to_owned());
    }
    makings
}

/// The tables of a workspace with their columns, contacts and leads first.
fn tables(kind: Kind, session: &mut Session) -> Vec<(String, Vec<Column>)> {
    let every = match kind {
        Kind::Postgres => {
            "SELECT table_name || ' ' || column_name || ' ' || udt_name AS line FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        }
        Kind::Sqlite => {
            "SELECT m.name || ' ' || c.name || ' ' || c.type AS line FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' ORDER BY m.name, c.cid"
        }
    };
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for line in session.lines(every) {
        let mut words = line.split(' ').map(str::to_owned);
        let (table, name, kind) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        tables.entry(table).or_default().push(Column { name, kind });
    }
    tables.retain(|_, columns| columns.iter().any(|column| column.name == "workspace_id"));
    let mut tables: Vec<_> = tables.into_iter().collect();
    tables.sort_by_key(|(name, _)| match name.as_str() {
        "contacts" => 1,
        "leads" => 2,
        _ => 3,
    });
    tables
}

/// All rows of a table in the order of their ids, which is that of time. There are few as yet.
fn read(kind: Kind, session: &mut Session, number: usize, (table, columns): &(String, Vec<Column>)) -> Vec<Row> {
    let literal = |column: &Column| match kind {
        Kind::Postgres => format!("'{0}', quote_nullable({0}::text) || '::{1}'", column.name, column.kind),
        Kind::Sqlite => format!("'{0}', quote({0})", column.name),
    };
    let function = if kind == Kind::Postgres { "json_build_object" } else { "json_object" };
    let values: Vec<String> = columns.iter().map(literal).collect();
    let text = if kind == Kind::Postgres { "::text" } else { "" };
    let has_id = columns.iter().any(|column| column.name == "id");
    let order = if has_id { "ORDER BY id" } else { "" };
    let found = session.lines(&format!("SELECT {function}({}){text} AS line FROM {table} {order}", values.join(", ")));
    let row = |line: String| Row { table: number, values: serde_json::from_str(&line).unwrap() };
    found.into_iter().map(row).collect()
}

impl Row {
    fn literal(&self, column: &str) -> &str {
        self.values[column].as_str().unwrap_or("NULL")
    }

    /// What stands within the quotes of a literal, if there is such a column and it is filled.
    fn text(&self, column: &str) -> Option<String> {
        self.values.get(column)?.as_str()?.split('\'').nth(1).map(str::to_owned)
    }
}

/// What is another for each copy of the sample, and the rows that are about the sample.
fn follow<'r>(
    kind: Kind,
    sample: &Sample,
    tables: &[(String, Vec<Column>)],
    rows: &'r [Row],
) -> (Vec<Token>, Vec<&'r Row>) {
    let mut tokens = vec![Token { seen: sample.name.clone(), copied: "'person-' || k".to_owned(), id: None }];
    let (mut left, mut own): (Vec<&Row>, Vec<&Row>) = (rows.iter().collect(), Vec::new());
    let mut known = vec![id_literal(kind, &sample.contact)];
    let mut counts = vec![0; tables.len()];
    loop {
        let is_about = |row: &&Row| {
            let mut columns = tables[row.table].1.iter().filter(|column| column.name != "workspace_id");
            columns.any(|column| known.iter().any(|id| id == row.literal(&column.name)))
        };
        let (found, others): (Vec<&Row>, Vec<&Row>) = left.into_iter().partition(is_about);
        if found.is_empty() {
            return (tokens, own);
        }
        for row in &found {
            if row.values.contains_key("id") {
                tokens.push(Token::of_id(kind, row.literal("id"), row.table + 1, counts[row.table]));
                known.push(row.literal("id").to_owned());
            }
            // Behind a unique index, and a digest of who the lead is about.
            if let Some(seen) = row.text("origin_key") {
                tokens.push(Token { copied: format!("'{seen}' || k"), seen, id: None });
            }
            counts[row.table] += 1;
        }
        own.extend(found);
        left = others;
    }
}

impl Token {
    fn of_id(kind: Kind, literal: &str, table: usize, row: usize) -> Self {
        let hex: String = literal.split('\'').nth(1).unwrap().to_lowercase().replace('-', "");
        let seen = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let number = if kind == Kind::Postgres { "lpad(to_hex(k), 12, '0')" } else { "printf('%012x', k)" };
        let copied = format!("'0190{table:04x}-{row:04x}-7000-8000-' || {number}");
        let id = match kind {
            Kind::Postgres => format!("({copied})::uuid"),
            Kind::Sqlite => format!("unhex('0190{table:04x}{row:04x}70008000' || {number})"),
        };
        Self { seen, copied, id: Some((literal.to_owned(), id)) }
    }
}

/// An id as a literal of the columns that are for ids.
fn id_literal(kind: Kind, id: &str) -> String {
    match kind {
        Kind::Postgres => format!("'{id}'::uuid"),
        Kind::Sqlite => format!("X'{}'", id.replace('-', "").to_uppercase()),
    }
}

/// The statement that writes a row for each person of `first`, `first` + 8, `first` + 16 …
fn copies(kind: Kind, table: &(String, Vec<Column>), row: &Row, tokens: &[Token], first: u64, people: u64) -> String {
    let (table, columns) = table;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> = names.iter().map(|name| copied(kind, row.literal(name), tokens)).collect();
    let (names, values) = (names.join(", "), values.join(", "));
    match kind {
        Kind::Postgres => {
            let numbers = format!("generate_series({first}, {people}, {SAMPLES}) AS n(k)");
            format!("INSERT INTO {table} ({names}) SELECT {values} FROM {numbers}")
        }
        Kind::Sqlite => {
            let next = format!("SELECT k + {SAMPLES} FROM n WHERE k + {SAMPLES} <= {people}");
            let numbers = format!("WITH RECURSIVE n(k) AS (SELECT {first} UNION ALL {next})");
            format!("INSERT INTO {table} ({names}) {numbers} SELECT {values} FROM n WHERE k <= {people}")
        }
    }
}

/// A value as an expression of person `k`.
fn copied(kind: Kind, literal: &str, tokens: &[Token]) -> String {
    let mut ids = tokens.iter().filter_map(|token| token.id.as_ref());
    if let Some((_, copied)) = ids.find(|(seen, _)| seen == literal) {
        return copied.clone();
    }
    let within: Vec<&Token> = tokens.iter().filter(|token| literal.contains(&token.seen)).collect();
    if within.is_empty() {
        return literal.to_owned();
    }
    let (text, cast) = match literal.rsplit_once("::").filter(|_| kind == Kind::Postgres) {
        Some((text, cast)) => (text, format!("::{cast}")),
        None => (literal, String::new()),
    };
    let replace = |text, token: &&Token| format!("replace({text}, '{}', {})", token.seen, token.copied);
    format!("{}{cast}", within.iter().fold(text.to_owned(), replace))
}

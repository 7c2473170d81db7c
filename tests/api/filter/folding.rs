//! `case_folded` on PostgreSQL: made by a migration, which is made here.

use std::fmt::Write as _;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use ripen::db::Db;

use crate::support::{Database, on_postgres};

const MIGRATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/0011_case_folding/up.sql");

/// Every character that folding changes, with what it becomes.
fn folds() -> Vec<(char, String)> {
    let folded = |c: char| caseless::default_case_fold_str(c.encode_utf8(&mut [0; 4]));
    ('\0'..=char::MAX).map(|c| (c, folded(c))).filter(|(c, folded)| *folded != c.to_string()).collect()
}

/// Text inside of a PostgreSQL literal that begins with `E'`.
fn escaped(text: &str) -> String {
    let escape = |c: char| match u32::from(c) {
        0x20..=0x7e => c.to_string(),
        code @ ..=0xffff => format!("\\u{code:04X}"),
        code => format!("\\U{code:08X}"),
    };
    text.chars().map(escape).collect()
}

/// A literal of as many lines as it takes.
fn literal(text: &[char]) -> String {
    let lines: Vec<String> = text.chunks(16).map(|line| escaped(&line.iter().collect::<String>())).collect();
    format!("E'{}'", lines.join("'\n         '"))
}

/// The migration that makes the function.
fn migration() -> String {
    let folds = folds();
    let (single, several): (Vec<_>, Vec<_>) = folds.iter().partition(|(_, folded)| folded.chars().count() == 1);
    let from: Vec<char> = single.iter().map(|(c, _)| *c).collect();
    let to: Vec<char> = single.iter().flat_map(|(_, folded)| folded.chars()).collect();
    let mut text = format!(
        "-- What `contains` and `starts_with` compare: text without case, by Unicode's default case folding in full. For every\n\
         -- text it gives what the service itself does; tests/api/filter/folding.rs makes this file and shows that.\n\
         CREATE FUNCTION case_folded(folded text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$\n\
         BEGIN\n\
         \x20   IF octet_length(folded) = char_length(folded) THEN\n\
         \x20       RETURN lower(folded COLLATE \"C\");\n\
         \x20   END IF;\n\
         \x20   folded := translate(folded,\n\
         \x20       {},\n\
         \x20       {});\n",
        literal(&from),
        literal(&to)
    );
    for (c, folded) in several {
        writeln!(text, "    folded := replace(folded, E'{}', E'{}');", escaped(&c.to_string()), escaped(folded))
            .unwrap();
    }
    text.push_str("    RETURN folded;\nEND\n$$;\n");
    text
}

#[test]
fn the_migration_is_what_the_code_folds() {
    let committed = std::fs::read_to_string(MIGRATION).unwrap_or_default();
    assert!(committed == migration(), "write it anew: cargo test --test api -- --ignored write_the_migration");
}

/// For a library that knows more characters. A migration that has run somewhere is not changed any more: what this
/// writes then belongs into a new one.
#[test]
#[ignore = "writes the migration"]
fn write_the_migration() {
    std::fs::write(MIGRATION, migration()).unwrap();
}

#[tokio::test]
async fn postgres_folds_every_character_as_the_code_does() {
    if !on_postgres() {
        return;
    }
    let database = Database::new();
    Db::new(&database.address(), 1).migrate().await.unwrap();
    let mut conn = PgConnection::establish(database.url()).unwrap();
    let all: Vec<char> = ('\u{1}'..='\u{1ffff}').chain(folds().into_iter().map(|(c, _)| c)).collect();
    for some in all.chunks(1024) {
        let text: String = some.iter().collect();
        let folded: Folded =
            sql_query("SELECT case_folded($1) AS text").bind::<Text, _>(&text).get_result(&mut conn).unwrap();
        assert_eq!(folded.text, caseless::default_case_fold_str(&text));
    }
}

#[derive(QueryableByName)]
struct Folded {
    #[diesel(sql_type = Text)]
    text: String,
}

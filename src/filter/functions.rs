//! The functions that filters use in SQL beside a database's own. SQLite gets them from here; on PostgreSQL a migration
//! makes `case_folded`, which gives the same for every text.

use diesel::sql_types::{Nullable, Text};
use diesel::{QueryResult, SqliteConnection};
use serde_json::Value;

use super::{Kind, Literal, Op, compare};

#[diesel::declare_sql_function]
extern "SQL" {
    /// `text` without case: Unicode's default case folding, in full.
    fn case_folded(text: Nullable<Text>) -> Nullable<Text>;

    /// Whether what the JSON object `document` has under `key` stands to `wanted`, a JSON text, as `op` says.
    fn member_compares(document: Nullable<Text>, key: Text, op: Text, wanted: Text) -> Bool;
}

/// Makes the functions known to a connection.
pub fn register(conn: &mut SqliteConnection) -> QueryResult<()> {
    case_folded_utils::register_impl(conn, |text: Option<String>| {
        text.map(|text| caseless::default_case_fold_str(&text))
    })?;
    member_compares_utils::register_impl(conn, |document: Option<String>, key: String, op: String, wanted: String| {
        member_holds(document.as_deref(), &key, &op, &wanted).unwrap_or(false)
    })
}

fn member_holds(document: Option<&str>, key: &str, op: &str, wanted: &str) -> serde_json::Result<bool> {
    let document: Value = document.map(serde_json::from_str).transpose()?.unwrap_or_default();
    let op: Op = serde_json::from_value(op.into())?;
    let wanted: Option<Literal> = serde_json::from_str(wanted)?;
    Ok(compare(Kind::Any, document.get(key), op, wanted.as_ref()))
}

//! What SQLite is told of how the data is spread.
//!
//! Knowing nothing, SQLite takes it that a workspace has ten records of a kind, and reads all of them rather than look one
//! up. It never counts by itself, and counts of a young database would mislead it later. So it is told once for all: that
//! everything is in one workspace, that there is a million of it, and how many of these have the same value in a column,
//! judged by the column's name. Plans are thereby the same everywhere, and can be tested without a million records.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

/// The records of a table.
const ALL: u64 = 1_000_000;

/// Tells SQLite what it does not know yet of the indexes there are. Connections that are opened later know it, too.
pub(super) fn tell(conn: &mut SqliteConnection) -> QueryResult<()> {
    let spread = spread(conn)?;
    if told(conn)? == spread {
        return Ok(());
    }
    let row = |(index, told): (&String, &Told)| format!("('{}', '{index}', '{}')", told.of_table, told.stat);
    let rows: Vec<String> = spread.iter().map(row).collect();
    // The first makes the table that there is none of before; the last has this connection read it.
    conn.batch_execute(&format!(
        "ANALYZE sqlite_schema; DELETE FROM sqlite_stat1; \
         INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES {}; ANALYZE sqlite_schema;",
        rows.join(", "),
    ))
}

/// What SQLite knows of an index: how many rows it has, and how many of them agree in the first column, in the first two,
/// and so on.
#[derive(PartialEq, Eq, QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    index: String,
    #[diesel(sql_type = Text)]
    stat: String,
}

#[derive(QueryableByName)]
struct Noted {
    #[diesel(sql_type = Bool)]
    noted: bool,
}

/// What was told before, by index.
fn told(conn: &mut SqliteConnection) -> QueryResult<BTreeMap<String, Told>> {
    let noted = sql_query("SELECT count(*) > 0 AS noted FROM sqlite_schema WHERE name = 'sqlite_stat1'");
    if !noted.get_result::<Noted>(conn)?.noted {
        return Ok(BTreeMap::new());
    }
    let rows = sql_query("SELECT tbl AS of_table, idx AS \"index\", stat FROM sqlite_stat1 WHERE idx IS NOT NULL");
    Ok(rows.load::<Told>(conn)?.into_iter().map(|told| (told.index.clone(), told)).collect())
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    index: String,
    #[diesel(sql_type = Nullable<Text>)]
    column: Option<String>,
    #[diesel(sql_type = Bool)]
    ends_unique: bool,
}

/// What is to be told of each index.
fn spread(conn: &mut SqliteConnection) -> QueryResult<BTreeMap<String, Told>> {
    // What a table is kept in the order of has the name of the table here.
    let columns = sql_query(
        "SELECT kept.name AS of_table, part.name AS \"column\", \
         CASE WHEN kept.wr AND listed.origin = 'pk' THEN kept.name ELSE listed.name END AS \"index\", \
         listed.\"unique\" AND part.seqno = (SELECT max(seqno) FROM pragma_index_info(listed.name)) AS ends_unique \
         FROM pragma_table_list kept JOIN pragma_index_list(kept.name) listed JOIN pragma_index_info(listed.name) part \
         WHERE kept.schema = 'main' AND kept.type = 'table' ORDER BY listed.name, part.seqno",
    );
    let mut spread: BTreeMap<String, (Told, u64)> = BTreeMap::new();
    for Column { of_table, index, column, ends_unique } in columns.load(conn)? {
        let begun = Told { of_table, index: index.clone(), stat: ALL.to_string() };
        let (told, before) = spread.entry(index).or_insert((begun, ALL));
        let alike = if ends_unique { 1 } else { alike(column.as_deref().unwrap_or_default()).min(*before) };
        told.stat.push_str(&format!(" {alike}"));
        *before = alike;
    }
    Ok(spread.into_iter().map(|(index, (told, _))| (index, told)).collect())
}

/// How many rows have the same value in a column.
fn alike(column: &str) -> u64 {
    match column {
        "workspace_id" => ALL,
        "id" => 1,
        "kind" | "type" | "status" | "stage" | "process" | "target" | "role" | "source" => ALL / 5,
        "form_id" | "model_id" | "backtest_id" | "void_id" | "record" => ALL / 50,
        "owner_id" | "user_id" | "assignee_id" | "sender_id" | "actor_id" => ALL / 500,
        "campaign" | "asset" | "score" | "country" => ALL / 500,
        "at" => 2,
        _ if column.ends_with("_at") => 2,
        _ => 20,
    }
}

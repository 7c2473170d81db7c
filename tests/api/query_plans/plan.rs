//! How a database would carry out a statement.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::{PgConnection, SqliteConnection, sql_query};
use serde_json::Value;

use crate::support::Database;

/// A statement's plan, as far as it matters here.
#[derive(Debug)]
pub struct Plan {
    /// How each table is read.
    pub reads: Vec<Read>,
    /// Whether rows are sorted, because they do not come in the order asked for.
    pub sorts: bool,
    /// In the database's own words.
    told: String,
}

/// How rows of a table are found.
#[derive(Debug)]
pub struct Read {
    pub table: String,
    /// The condition that an index is entered by; none when all rows are read.
    pub by: Option<String>,
}

impl Read {
    /// Whether the index is entered by a column.
    pub fn is_by(&self, column: &str) -> bool {
        let words = self.by.as_deref().unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
        words.into_iter().any(|word| word == column)
    }

    /// Whether all rows of the workspace are gone through.
    pub fn is_of_everything(&self) -> bool {
        let by = self.by.as_deref().unwrap_or_default();
        by.matches(['=', '<', '>']).count() + by.matches(" IS ").count() <= usize::from(self.is_by("workspace_id"))
    }
}

impl Plan {
    /// Whether an index is entered by a column.
    pub fn is_by(&self, column: &str) -> bool {
        self.reads.iter().any(|read| read.is_by(column))
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told)
    }
}

/// Asks a database for plans.
pub enum Planner {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    told: String,
}

/// What `ANALYZE` would find of each column of this name, if there were rows.
const ONE_WORKSPACE: &str = "INSERT INTO pg_statistic (starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, \
     stakind1, stakind2, stakind3, stakind4, stakind5, staop1, staop2, staop3, staop4, staop5, \
     stacoll1, stacoll2, stacoll3, stacoll4, stacoll5) \
     SELECT attrelid, attnum, false, 0, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attname = 'workspace_id'";

impl Planner {
    /// On PostgreSQL the tables of a test are so small that their sizes would decide: there all is done by an index that
    /// can be done by one, rows come sorted by an index that can, and it is told that there is one workspace, or a
    /// workspace would seem to be as good as any other key. That takes a superuser.
    pub fn new(database: &Database) -> Self {
        match database.url().strip_prefix("sqlite://") {
            Some(path) => {
                let mut conn = SqliteConnection::establish(path).unwrap();
                ripen::filter::functions::register(&mut conn).unwrap();
                Self::Sqlite(conn)
            }
            None => {
                let mut conn = PgConnection::establish(database.url()).unwrap();
                conn.batch_execute(
                    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off",
                )
                .and_then(|()| conn.batch_execute(ONE_WORKSPACE))
                .unwrap();
                Self::Postgres(conn)
            }
        }
    }

    /// How the statement is carried out.
    pub fn plan(&mut self, sql: &str) -> Plan {
        match self {
            Self::Sqlite(conn) => sqlite(conn, sql),
            Self::Postgres(conn) => postgres(conn, sql),
        }
    }

    /// The same for what finds the rows. On PostgreSQL that is the statement without its order, for which an index that
    /// gives the order but finds nothing would be taken; SQLite takes what it takes.
    pub fn search(&mut self, sql: &str) -> Plan {
        match self {
            Self::Sqlite(conn) => sqlite(conn, sql),
            Self::Postgres(conn) => postgres(conn, &without_order(sql)),
        }
    }
}

fn without_order(sql: &str) -> String {
    match (sql.rfind(" ORDER BY "), sql.rfind(" LIMIT ")) {
        (Some(order), Some(limit)) if order < limit => format!("{}{}", &sql[..order], &sql[limit..]),
        _ => sql.to_owned(),
    }
}

fn sqlite(conn: &mut SqliteConnection, sql: &str) -> Plan {
    let steps = sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<Detail>(conn);
    let steps = steps.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut plan = Plan { reads: Vec::new(), sorts: false, told: String::new() };
    for Detail { detail } in steps {
        plan.told.push_str(&format!("  {detail}\n"));
        // Of the last terms of an order only rows that agree in the others are sorted.
        plan.sorts |= detail == "USE TEMP B-TREE FOR ORDER BY";
        let mut words = detail.split_whitespace();
        let by = match (words.next(), detail.split_once('(')) {
            (Some("SCAN"), _) if detail.contains("CONSTANT ROW") => continue,
            // What another part of the plan makes, not a table.
            (Some("SCAN"), _) if plan.told.contains(&format!("CO-ROUTINE {}", &detail["SCAN ".len()..])) => continue,
            (Some("SCAN"), _) => None,
            (Some("SEARCH"), Some((_, condition))) => Some(condition.to_owned()),
            _ => continue,
        };
        plan.reads.push(Read { table: words.next().unwrap_or_default().to_owned(), by });
    }
    plan
}

fn postgres(conn: &mut PgConnection, sql: &str) -> Plan {
    let parameters = (1..).take_while(|number| sql.contains(&format!("${number}"))).count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if parameters == 0 { String::new() } else { format!("({nulls})") };
    conn.batch_execute(&format!("DEALLOCATE ALL; PREPARE asked AS {sql}"))
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let lines = sql_query(format!("EXPLAIN (FORMAT JSON) EXECUTE asked {arguments}"));
    let told = lines.load::<Told>(conn).unwrap_or_else(|error| panic!("{error}: {sql}")).remove(0).told;
    let told: Value = serde_json::from_str(&told).unwrap();
    let mut plan = Plan { reads: Vec::new(), sorts: false, told: String::new() };
    add(&mut plan, &told[0]["Plan"], "");
    plan
}

/// Adds a node of PostgreSQL's plan, and those below it; `table` is what the rows above come from.
fn add(plan: &mut Plan, node: &Value, table: &str) {
    let text = |name: &str| node[name].as_str().map(str::to_owned);
    let kind = text("Node Type").unwrap_or_default();
    let table = text("Relation Name").unwrap_or_else(|| table.to_owned());
    let by = text("Index Cond");
    let index = text("Index Name").unwrap_or_default();
    plan.told.push_str(&format!("  {kind} {table} {index} {}\n", by.as_deref().unwrap_or_default()));
    plan.sorts |= kind == "Sort";
    if ["Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"].contains(&kind.as_str()) {
        plan.reads.push(Read { table: table.clone(), by });
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        add(plan, below, &table);
    }
}

//! Ordered pages in SQL: closed lists of fields, and a keyset condition that continues after the last row seen.
//!
//! A page is read in the order of an index, from where the last one ended, until it is full. What no index finds, such as
//! text anywhere in a name or a condition of a search, is looked at on the way: soon done where it is frequent, while what
//! hardly any row has takes a walk through all of them. Tests hold every list to it (`tests/api/query_plans.rs`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::QueryResult;
use diesel::dsl::sql;
use diesel::expression::{
    AppearsOnTable, BoxableExpression, Expression, SelectableExpression, SqlLiteral, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Text};
use serde::{Deserialize, Serialize};

use super::connection::MultiBackend;
use super::types::{Instant, Uuid};
use crate::clock::Timestamp;
use crate::id::Id;

/// Changes whenever cursors change their form, so that old ones are refused and not misread.
const FORM: u8 = 1;

/// How a column compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKind {
    Text,
    Number,
    Instant,
    /// An instant from which the row's id was made ([`Id::new`]): ids sort by it, and no other index is needed.
    Made,
}

/// A field that a list can be ordered by. The column must never be null.
#[derive(Clone, Copy, Debug)]
pub struct SortField {
    /// Its name in the API.
    pub name: &'static str,
    /// The column, with its table.
    pub column: &'static str,
    /// How it compares.
    pub kind: SortKind,
}

impl SortField {
    /// A field `name` kept in `column`.
    pub const fn new(name: &'static str, column: &'static str, kind: SortKind) -> Self {
        Self { name, column, kind }
    }
}

/// A row that knows where it stands in an ordered list.
pub trait Sorted {
    /// Its id.
    fn id(&self) -> Id;
    /// Its value in the field `name`, as text: instants in their usual form, numbers in decimal.
    fn sort_value(&self, name: &str) -> String;
}

/// Which rows of an ordered list.
#[derive(Clone, Debug)]
pub struct Paging {
    order: Vec<(SortField, bool)>,
    sort: String,
    after: Option<(Vec<String>, Id)>,
    limit: i64,
}

#[derive(Serialize, Deserialize)]
struct Cursor(u8, String, Vec<String>, Id);

/// A condition on rows of `QS`.
pub type Condition<QS> = Box<dyn BoxableExpression<QS, MultiBackend, SqlType = Bool>>;

impl Paging {
    /// Reads what a caller asked for. An error names the parameter and what is allowed.
    pub fn new(
        fields: &'static [SortField],
        sort: Option<&str>,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Self, (&'static str, String)> {
        let first = fields.first().map_or("", |field| field.name);
        let sort = sort.map_or_else(|| format!("-{first}"), str::to_owned);
        let mut order: Vec<(SortField, bool)> = Vec::new();
        for part in sort.split(',') {
            let (name, descending) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
            let field = fields.iter().find(|field| field.name == name);
            match field {
                Some(field) if order.iter().all(|(known, _)| known.name != name) => order.push((*field, descending)),
                _ => {
                    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                    return Err(("sort", format!("each of {} may be named once", names.join(", "))));
                }
            }
        }
        let after = match cursor {
            None => None,
            Some(text) => Some(read_cursor(text, &sort, &order).ok_or_else(|| {
                ("cursor", "must be the next_cursor of a page of this list, in the same order".to_owned())
            })?),
        };
        Ok(Self { order, sort, after, limit })
    }

    /// Entries of the page.
    pub fn limit(&self) -> usize {
        self.limit.max(0) as usize
    }

    /// Rows to fetch: one more than the page holds tells whether another page follows.
    pub fn fetch(&self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// The `ORDER BY`, ended by the id of `table` so that no two rows are equal.
    pub fn order(&self, table: &str) -> SqlLiteral<Bool> {
        let part = |(column, descending): (String, bool)| format!("{column} {}", direction(descending));
        sql::<Bool>(&self.columns(table).into_iter().map(part).collect::<Vec<_>>().join(", "))
    }

    /// The condition for rows after the cursor: greater in the first field, or equal there and greater in the next,
    /// and so on.
    pub fn after<QS: 'static>(&self, table: &str) -> Option<Condition<QS>> {
        let (values, id) = self.after.as_ref()?;
        let sorted = self.before_id().iter().zip(values);
        let mut values: Vec<Value> =
            sorted.map(|((field, _), value)| Value::read(field.kind, value)).collect::<Option<_>>()?;
        values.push(Value::Id(*id));
        Some(Box::new(After { columns: self.columns(table), values }))
    }

    /// What the list is ordered by, the id of `table` last.
    fn columns(&self, table: &str) -> Vec<(String, bool)> {
        let sorted = self.before_id().iter().map(|(field, descending)| (field.column.to_owned(), *descending));
        sorted.chain([(format!("{table}.id"), self.ends_descending())]).collect()
    }

    /// The fields that come before the id in the order. The last one is left out where ids run as it does.
    fn before_id(&self) -> &[(SortField, bool)] {
        match self.order.split_last() {
            Some(((last, _), before)) if last.kind == SortKind::Made => before,
            _ => &self.order,
        }
    }

    /// The cursor that continues after `row`.
    pub fn cursor_after(&self, row: &impl Sorted) -> Result<String, serde_json::Error> {
        let values = self.order.iter().map(|(field, _)| row.sort_value(field.name)).collect();
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Cursor(FORM, self.sort.clone(), values, row.id()))?))
    }

    /// Whether the list runs from the greatest to the least.
    pub fn is_descending(&self) -> bool {
        self.order.first().is_some_and(|(_, descending)| *descending)
    }

    fn ends_descending(&self) -> bool {
        self.order.last().is_some_and(|(_, descending)| *descending)
    }
}

fn direction(descending: bool) -> &'static str {
    if descending { "DESC" } else { "ASC" }
}

fn past(descending: bool) -> &'static str {
    if descending { "<" } else { ">" }
}

/// A value that a row is compared with.
enum Value {
    Text(String),
    Number(i64),
    Instant(Timestamp),
    Id(Id),
}

impl Value {
    fn read(kind: SortKind, text: &str) -> Option<Self> {
        Some(match kind {
            SortKind::Text => Self::Text(text.to_owned()),
            SortKind::Number => Self::Number(text.parse().ok()?),
            SortKind::Instant | SortKind::Made => Self::Instant(Timestamp::parse(text)?),
        })
    }

    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        match self {
            Self::Text(text) => out.push_bind_param::<Text, _>(text),
            Self::Number(number) => out.push_bind_param::<BigInt, _>(number),
            Self::Instant(instant) => out.push_bind_param::<Instant, _>(instant),
            Self::Id(id) => out.push_bind_param::<Uuid, _>(id),
        }
    }
}

/// Whether a row comes after `values` in the order of `columns`, written so that an index in this order is entered right
/// there: neither database enters one by an `OR`.
struct After {
    columns: Vec<(String, bool)>,
    values: Vec<Value>,
}

impl After {
    /// All columns at once, where all run in one direction.
    fn rows<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        for (index, (column, _)) in self.columns.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", " });
            out.push_sql(column);
        }
        out.push_sql(") ");
        out.push_sql(past(self.columns.first().is_some_and(|(_, descending)| *descending)));
        for (index, value) in self.values.iter().enumerate() {
            out.push_sql(if index == 0 { " (" } else { ", " });
            value.bind(out)?;
        }
        out.push_sql(")");
        Ok(())
    }

    /// One column after the other; the first is compared once more, by itself.
    fn steps<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let steps = || self.columns.iter().zip(&self.values);
        if let Some(((column, descending), value)) = steps().next() {
            out.push_sql(&format!("{column} {}= ", past(*descending)));
            value.bind(out)?;
            out.push_sql(" AND ");
        }
        for (index, ((column, descending), value)) in steps().enumerate() {
            out.push_sql(&format!("({column} {} ", past(*descending)));
            value.bind(out)?;
            if index + 1 < self.columns.len() {
                out.push_sql(&format!(" OR {column} = "));
                value.bind(out)?;
                out.push_sql(" AND ");
            }
        }
        self.columns.iter().for_each(|_| out.push_sql(")"));
        Ok(())
    }
}

impl QueryFragment<MultiBackend> for After {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let mut directions = self.columns.iter().map(|(_, descending)| *descending);
        let first = directions.next();
        out.push_sql("(");
        match directions.all(|descending| Some(descending) == first) {
            true => self.rows(&mut out)?,
            false => self.steps(&mut out)?,
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for After {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for After {
    type SqlType = Bool;
}

impl<GroupBy> ValidGrouping<GroupBy> for After {
    type IsAggregate = is_aggregate::Never;
}

impl<Rows> AppearsOnTable<Rows> for After {}
impl<Rows> SelectableExpression<Rows> for After {}

fn read_cursor(text: &str, sort: &str, order: &[(SortField, bool)]) -> Option<(Vec<String>, Id)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let Cursor(form, cursor_sort, values, id) = serde_json::from_slice(&bytes).ok()?;
    let fits = |(field, value): (&(SortField, bool), &String)| match field.0.kind {
        SortKind::Text => crate::text::line(value).is_ok(),
        SortKind::Number => value.parse::<i64>().is_ok(),
        SortKind::Instant | SortKind::Made => Timestamp::parse(value).is_some(),
    };
    let good =
        form == FORM && cursor_sort == sort && values.len() == order.len() && order.iter().zip(&values).all(fits);
    good.then_some((values, id))
}

/// A `LIKE` pattern for text that holds `needle` anywhere, with `!` as its escape character.
pub fn contains_pattern(needle: &str) -> String {
    let escaped = needle.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[SortField] = &[
        SortField::new("created_at", "leads.created_at", SortKind::Instant),
        SortField::new("score", "leads.score", SortKind::Number),
    ];

    struct Row;

    impl Sorted for Row {
        fn id(&self) -> Id {
            Id::NIL
        }
        fn sort_value(&self, name: &str) -> String {
            if name == "score" { "65".into() } else { Timestamp::from_day(3).to_string() }
        }
    }

    #[test]
    fn a_cursor_continues_only_the_order_it_was_made_in() {
        let paging = Paging::new(FIELDS, Some("-score,created_at"), None, 50).unwrap();
        let cursor = paging.cursor_after(&Row).unwrap();
        assert!(Paging::new(FIELDS, Some("-score,created_at"), Some(&cursor), 50).is_ok());
        assert!(Paging::new(FIELDS, Some("score"), Some(&cursor), 50).is_err());
        assert!(Paging::new(FIELDS, None, Some(&cursor[1..]), 50).is_err());
    }

    #[test]
    fn only_listed_fields_order_a_list() {
        for sort in ["name;DROP TABLE x", "(select 1)", "score,score", "", "-"] {
            assert!(Paging::new(FIELDS, Some(sort), None, 50).is_err(), "{sort}");
        }
    }
}

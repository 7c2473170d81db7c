//! Pages of lists: keyset cursors that stay true while records come and go, never offsets.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::db::page::{Paging, SortField, Sorted};
use crate::error::{Error, Result};
use crate::http::problem::Problem;

/// Entries of a page unless asked otherwise.
const USUAL: i64 = 50;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Entries of the page.
    #[param(minimum = 1, maximum = 200, default = 50, example = 50)]
    pub limit: Option<i64>,
    /// Where the last page ended: its `next_cursor`. Only good with the same `sort`.
    #[param(max_length = 2000)]
    pub cursor: Option<String>,
    /// Fields to order by, separated by commas; a leading `-` turns the order round. See the operation for the fields.
    #[param(max_length = 200, example = "-created_at")]
    pub sort: Option<String>,
    /// Whether to count all entries, not only those of the page.
    pub count: Option<bool>,
}

impl PageQuery {
    /// The page asked for, of a list that can be ordered by `fields` (the first, newest first, when nothing is said).
    pub fn paging(&self, fields: &'static [SortField]) -> std::result::Result<Paging, Problem> {
        Paging::new(fields, self.sort.as_deref(), self.cursor.as_deref(), self.limit.unwrap_or(USUAL))
            .map_err(|(parameter, what)| Problem::parameter(parameter, what))
    }
}

/// Refuses a range that begins after it ends. Both ends are parameters with their values.
pub fn check_range<T: PartialOrd>(
    (from, first): (&str, Option<T>),
    (until, last): (&str, Option<T>),
) -> std::result::Result<(), Problem> {
    match first.zip(last) {
        Some((first, last)) if first > last => Err(Problem::parameter(from, format!("must not be after {until}"))),
        _ => Ok(()),
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Send this as `cursor` to get the next page; null on the last.
    pub next_cursor: Option<String>,
    /// How many entries all pages have together; only with `count=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}

impl<T> Page<T> {
    /// The page made of `rows`, of which there is one more than the page holds when another follows.
    pub fn new<R: Sorted>(
        mut rows: Vec<R>,
        paging: &Paging,
        total: Option<i64>,
        view: impl Fn(R) -> T,
    ) -> Result<Self> {
        let more = rows.len() > paging.limit();
        rows.truncate(paging.limit());
        let next_cursor = match rows.last() {
            Some(last) if more => Some(paging.cursor_after(last).map_err(Error::internal)?),
            _ => None,
        };
        Ok(Self { data: rows.into_iter().map(view).collect(), next_cursor, total })
    }

    /// The same page with every entry made into another.
    pub fn try_map<U>(self, view: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        let data = self.data.into_iter().map(view).collect::<Result<_>>()?;
        Ok(Page { data, next_cursor: self.next_cursor, total: self.total })
    }
}

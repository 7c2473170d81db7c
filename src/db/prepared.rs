//! Statements written by hand where speed counts: prepared once on a connection, however often they run.
//!
//! On PostgreSQL each column of many rows travels as one array, which `unnest` makes rows of again, so that the
//! statement stays the same however many rows there are. On SQLite a statement is run once for each row.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, HasSqlType};
use diesel::{Connection, RunQueryDsl};

/// A statement and what its question marks stand for, in their order.
pub struct Prepared<'a, DB: Backend> {
    sql: &'static str,
    values: Vec<Box<dyn QueryFragment<DB> + 'a>>,
}

impl<'a, DB: Backend + 'a> Prepared<'a, DB> {
    /// A statement; each `?` in it is a value to be bound.
    pub fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// The same with the next value, of the SQL type `ST`.
    pub fn bind<ST, T>(mut self, value: T) -> Self
    where
        ST: 'a,
        T: ToSql<ST, DB> + 'a,
        DB: HasSqlType<ST>,
    {
        self.values.push(Box::new(Bound(value, PhantomData::<ST>)));
        self
    }
}

impl<'a> Prepared<'a, Pg> {
    /// The same with the next array: a column of many rows.
    pub fn column<ST, T>(self, values: impl Iterator<Item = T>) -> Self
    where
        ST: 'static,
        T: 'a,
        Vec<T>: ToSql<Array<ST>, Pg>,
        Pg: HasSqlType<Array<ST>>,
    {
        self.bind::<Array<ST>, _>(values.collect::<Vec<T>>())
    }
}

impl<DB: Backend> QueryFragment<DB> for Prepared<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut texts = self.sql.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (value, text) in self.values.iter().zip(texts) {
            value.walk_ast(out.reborrow())?;
            out.push_sql(text);
        }
        Ok(())
    }
}

impl<DB: Backend> QueryId for Prepared<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend, C: Connection<Backend = DB>> RunQueryDsl<C> for Prepared<'_, DB> {}

/// A statement that gives rows of the SQL type `ST`.
pub struct Rows<'a, DB: Backend, ST>(Prepared<'a, DB>, PhantomData<ST>);

impl<'a, DB: Backend> Prepared<'a, DB> {
    /// The same as a statement that gives rows.
    pub fn rows<ST>(self) -> Rows<'a, DB, ST> {
        Rows(self, PhantomData)
    }
}

impl<DB: Backend, ST> QueryFragment<DB> for Rows<'_, DB, ST> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<DB: Backend, ST> QueryId for Rows<'_, DB, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend, ST> Query for Rows<'_, DB, ST> {
    type SqlType = ST;
}

impl<DB: Backend, ST, C: Connection<Backend = DB>> RunQueryDsl<C> for Rows<'_, DB, ST> {}

struct Bound<ST, T>(T, PhantomData<ST>);

impl<DB, ST, T> QueryFragment<DB> for Bound<ST, T>
where
    DB: Backend + HasSqlType<ST>,
    T: ToSql<ST, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, T>(&self.0)?;
        Ok(())
    }
}

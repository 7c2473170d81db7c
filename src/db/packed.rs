//! Values that only this program reads, kept as bytes: they read and write many times faster than JSON, and are smaller.
//!
//! The bytes are postcard's, whose form is fixed; they say nothing of what they hold, so a type that is kept so changes
//! only together with a migration.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Binary;
use diesel::sqlite::{Sqlite, SqliteValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{MultiBackend, MultiRawValue};

/// A value kept as bytes: `bytea` on PostgreSQL, `BLOB` on SQLite.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct Packed<T>(pub T)
where
    T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static;

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> ToSql<Binary, Pg> for Packed<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        postcard::to_io(&self.0, out)?;
        Ok(IsNull::No)
    }
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> ToSql<Binary, Sqlite> for Packed<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(postcard::to_stdvec(&self.0)?);
        Ok(IsNull::No)
    }
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> ToSql<Binary, MultiBackend>
    for Packed<T>
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Binary, self));
        Ok(IsNull::No)
    }
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> FromSql<Binary, Pg> for Packed<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(postcard::from_bytes(value.as_bytes())?))
    }
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> FromSql<Binary, Sqlite> for Packed<T> {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(postcard::from_bytes(value.read_blob())?))
    }
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static> FromSql<Binary, MultiBackend>
    for Packed<T>
{
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Binary>()
    }
}

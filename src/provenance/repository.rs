//! The sources of fields in the database.

use diesel::prelude::*;

use super::Sources;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::Result;
use crate::id::Id;
use crate::schema::field_sources::{self, table};

/// The sources of the fields of the workspace's records.
pub struct FieldSources<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The sources of the fields of the workspace's records.
    pub(super) fn field_sources<'t>(&'t mut self) -> FieldSources<'c, 't> {
        FieldSources(self)
    }
}

impl FieldSources<'_, '_> {
    pub fn find(&mut self, record: Id) -> Result<Option<Sources>> {
        let found = table.find((self.0.scope.workspace, record)).select(field_sources::fields);
        let found: Option<JsonOf<Sources>> = found.first(self.0.conn).optional()?;
        Ok(found.map(|sources| sources.0))
    }

    pub fn insert(&mut self, record: Id, sources: Sources) -> Result<()> {
        diesel::insert_into(table)
            .values((
                field_sources::workspace_id.eq(self.0.scope.workspace),
                field_sources::record_id.eq(record),
                field_sources::fields.eq(JsonOf(sources)),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn update(&mut self, record: Id, sources: Sources) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, record)))
            .set(field_sources::fields.eq(JsonOf(sources)))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete(&mut self, record: Id) -> Result<()> {
        diesel::delete(table.find((self.0.scope.workspace, record))).execute(self.0.conn)?;
        Ok(())
    }
}

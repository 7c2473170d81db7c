//! The workspace's own processes in the database.

use diesel::prelude::*;

use super::stage::Process;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::Result;
use crate::id::Id;
use crate::schema::processes;

/// A process as a workspace made or changed it.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = processes, treat_none_as_default_value = false)]
pub struct OwnProcess {
    pub workspace_id: Id,
    pub key: String,
    pub definition: JsonOf<Process>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The processes of the workspace.
pub struct Processes<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The processes of the workspace.
    pub(super) fn processes<'t>(&'t mut self) -> Processes<'c, 't> {
        Processes(self)
    }
}

impl Processes<'_, '_> {
    pub fn find(&mut self, key: &str) -> Result<Option<OwnProcess>> {
        let found = processes::table.find((self.0.scope.workspace, key.to_owned()));
        Ok(found.select(OwnProcess::as_select()).first(self.0.conn).optional()?)
    }

    /// All of them, in the order of their keys.
    pub fn all(&mut self) -> Result<Vec<OwnProcess>> {
        let found = processes::table.filter(processes::workspace_id.eq(self.0.scope.workspace)).order(processes::key);
        Ok(found.select(OwnProcess::as_select()).load(self.0.conn)?)
    }

    pub fn insert(&mut self, own: &OwnProcess) -> Result<()> {
        diesel::insert_into(processes::table).values(own).execute(self.0.conn)?;
        Ok(())
    }

    /// Replaces the definition and raises the version.
    pub fn update(&mut self, process: &Process) -> Result<()> {
        diesel::update(processes::table.find((self.0.scope.workspace, process.key.clone())))
            .set((
                processes::definition.eq(JsonOf(process.clone())),
                processes::version.eq(processes::version + 1),
                processes::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn delete(&mut self, key: &str) -> Result<()> {
        diesel::delete(processes::table.find((self.0.scope.workspace, key.to_owned()))).execute(self.0.conn)?;
        Ok(())
    }
}

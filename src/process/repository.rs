//! Where leads stand, and how they came there, in the database. No other code writes a lead's stage.

use diesel::prelude::*;

use super::{StageCause, StageChange, Standing};
use crate::clock::Timestamp;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::schema::{leads, stage_changes};

/// The stages of the workspace's leads.
pub struct Stages<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The stages of the workspace's leads.
    pub fn stages<'t>(&'t mut self) -> Stages<'c, 't> {
        Stages(self)
    }
}

impl Stages<'_, '_> {
    /// Where a lead stands, which no other transaction changes until this one ends.
    pub fn lock(&mut self, lead: Id) -> Result<Standing> {
        let key = (self.0.scope.workspace, lead);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => {
                leads::table.find(key).select(Standing::as_select()).for_no_key_update().first(conn)?
            }
            Conn::Sqlite(conn) => leads::table.find(key).select(Standing::as_select()).first(conn)?,
        })
    }

    pub(super) fn enter(&mut self, lead: Id, stage: &str) -> Result<()> {
        let at = self.0.at();
        diesel::update(leads::table.find((self.0.scope.workspace, lead)))
            .set((
                leads::stage.eq(stage),
                leads::stage_since.eq(at),
                leads::version.eq(leads::version + 1),
                leads::updated_at.eq(at),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn insert(&mut self, change: &StageChange) -> Result<()> {
        diesel::insert_into(stage_changes::table).values(change).execute(self.0.conn)?;
        Ok(())
    }

    /// Why and when a lead came to its stage.
    pub fn latest(&mut self, lead: Id) -> Result<Option<(StageCause, Timestamp)>> {
        let found = stage_changes::table
            .filter(stage_changes::workspace_id.eq(self.0.scope.workspace))
            .filter(stage_changes::lead_id.eq(lead))
            .order(stage_changes::id.desc())
            .select((stage_changes::cause, stage_changes::at));
        let found: Option<(Code<StageCause>, Timestamp)> = found.first(self.0.conn).optional()?;
        Ok(found.map(|(cause, at)| (cause.0, at)))
    }

    /// How a lead came where it stands.
    pub fn history(&mut self, lead: Id, paging: &Paging) -> Result<Vec<StageChange>> {
        let mut query = stage_changes::table
            .filter(stage_changes::workspace_id.eq(self.0.scope.workspace))
            .filter(stage_changes::lead_id.eq(lead))
            .into_boxed();
        if let Some(after) = paging.after("stage_changes") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("stage_changes")).limit(paging.fetch());
        Ok(page.select(StageChange::as_select()).load(self.0.conn)?)
    }
}

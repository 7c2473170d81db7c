//! Where leads stand, and how they came there, in the database. No other code writes a lead's stage.

use diesel::dsl::{exists, select};
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
    /// Where a lead stands.
    pub fn of(&mut self, lead: Id) -> Result<Standing> {
        Ok(leads::table.find((self.0.scope.workspace, lead)).select(Standing::as_select()).first(self.0.conn)?)
    }

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

    pub(super) fn enter(&mut self, lead: Id, process: &str, stage: &str) -> Result<()> {
        let at = self.0.at();
        diesel::update(leads::table.find((self.0.scope.workspace, lead)))
            .set((
                leads::process.eq(process),
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

    /// Whether the lead ever changed its stage for this cause.
    pub(super) fn has_cause(&mut self, lead: Id, cause: StageCause) -> Result<bool> {
        let found = stage_changes::table
            .filter(stage_changes::workspace_id.eq(self.0.scope.workspace))
            .filter(stage_changes::lead_id.eq(lead))
            .filter(stage_changes::cause.eq(Code(cause)));
        Ok(select(exists(found)).get_result(self.0.conn)?)
    }

    /// How many leads stand in each stage of a process, or may come back to it: those that are open, and those that were
    /// merged into others.
    pub(super) fn occupied(&mut self, process: &str) -> Result<Vec<(Option<String>, i64)>> {
        let standing = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::process.eq(process))
            .filter(leads::status.eq("open").or(leads::merged_into_id.is_not_null()))
            .group_by(leads::stage)
            .select((leads::stage, diesel::dsl::count_star()));
        Ok(standing.load(self.0.conn)?)
    }

    /// How many leads, open or closed, are in a process.
    pub(super) fn count_in(&mut self, process: &str) -> Result<i64> {
        let found =
            leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).filter(leads::process.eq(process));
        Ok(found.count().get_result(self.0.conn)?)
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

    /// How many times a lead changed its stage.
    pub fn count_history(&mut self, lead: Id) -> Result<i64> {
        let found = stage_changes::table
            .filter(stage_changes::workspace_id.eq(self.0.scope.workspace))
            .filter(stage_changes::lead_id.eq(lead));
        Ok(found.count().get_result(self.0.conn)?)
    }
}

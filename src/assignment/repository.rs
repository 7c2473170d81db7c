//! Assignment rules in the database.

use diesel::prelude::*;

use super::choose::Round;
use super::{Rule, When};
use crate::db::Tx;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::id::Id;
use crate::schema::assignment_rules;

/// The assignment rules of the workspace.
pub struct AssignmentRules<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The assignment rules of the workspace.
    pub fn assignment_rules<'t>(&'t mut self) -> AssignmentRules<'c, 't> {
        AssignmentRules(self)
    }
}

impl AssignmentRules<'_, '_> {
    pub fn get(&mut self, id: Id) -> Result<Rule> {
        Ok(assignment_rules::table.find((self.0.scope.workspace, id)).select(Rule::as_select()).first(self.0.conn)?)
    }

    /// All of them, in their order.
    pub fn all(&mut self) -> Result<Vec<Rule>> {
        let found = assignment_rules::table.filter(assignment_rules::workspace_id.eq(self.0.scope.workspace));
        let found = found.order((assignment_rules::position, assignment_rules::id));
        Ok(found.select(Rule::as_select()).load(self.0.conn)?)
    }

    /// Whether any rule is asked at this moment.
    pub(super) fn is_any_asked(&mut self, when: When) -> Result<bool> {
        let found = assignment_rules::table
            .filter(assignment_rules::workspace_id.eq(self.0.scope.workspace))
            .filter(assignment_rules::moment.eq(Code(when)))
            .filter(assignment_rules::enabled.eq(true))
            .select(assignment_rules::id);
        Ok(found.first::<Id>(self.0.conn).optional()?.is_some())
    }

    pub fn list(&mut self, paging: &Paging) -> Result<Vec<Rule>> {
        let mut query =
            assignment_rules::table.filter(assignment_rules::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(after) = paging.after("assignment_rules") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("assignment_rules")).limit(paging.fetch());
        Ok(page.select(Rule::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self) -> Result<i64> {
        let found = assignment_rules::table.filter(assignment_rules::workspace_id.eq(self.0.scope.workspace));
        Ok(found.count().get_result(self.0.conn)?)
    }

    pub(super) fn insert(&mut self, rule: &Rule) -> Result<()> {
        diesel::insert_into(assignment_rules::table).values(rule).execute(self.0.conn)?;
        Ok(())
    }

    /// Writes all changeable fields, and raises the version.
    pub(super) fn update(&mut self, rule: &Rule) -> Result<()> {
        diesel::update(assignment_rules::table.find((self.0.scope.workspace, rule.id)))
            .set((
                assignment_rules::name.eq(&rule.name),
                assignment_rules::position.eq(rule.position),
                assignment_rules::moment.eq(rule.moment),
                assignment_rules::condition.eq(rule.condition.clone()),
                assignment_rules::mode.eq(rule.mode),
                assignment_rules::target.eq(rule.target.clone()),
                assignment_rules::weights.eq(rule.weights.clone()),
                assignment_rules::otherwise.eq(rule.otherwise),
                assignment_rules::enabled.eq(rule.enabled),
                assignment_rules::round.eq(rule.round.clone()),
                assignment_rules::version.eq(assignment_rules::version + 1),
                assignment_rules::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Moves a rule to a place, and raises its version.
    pub(super) fn place(&mut self, id: Id, position: i64) -> Result<()> {
        diesel::update(assignment_rules::table.find((self.0.scope.workspace, id)))
            .set((
                assignment_rules::position.eq(position),
                assignment_rules::version.eq(assignment_rules::version + 1),
                assignment_rules::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Remembers where a rule stands in giving out leads; nobody sees it, so the version stays.
    pub(super) fn set_round(&mut self, id: Id, round: Round) -> Result<()> {
        diesel::update(assignment_rules::table.find((self.0.scope.workspace, id)))
            .set(assignment_rules::round.eq(JsonOf(round)))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub(super) fn delete(&mut self, id: Id) -> Result<()> {
        diesel::delete(assignment_rules::table.find((self.0.scope.workspace, id))).execute(self.0.conn)?;
        Ok(())
    }
}

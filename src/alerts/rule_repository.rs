//! The rules of alerts in the database.

use diesel::prelude::*;

use super::Kind;
use super::interest::Interest;
use super::rules::AlertRule;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::Paging;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::id::Id;
use crate::schema::alert_rules::{self, BoxedQuery, table};
use crate::schema::leads;

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The alert rules of the workspace.
pub struct AlertRules<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The alert rules of the workspace.
    pub fn alert_rules<'t>(&'t mut self) -> AlertRules<'c, 't> {
        AlertRules(self)
    }
}

/// An owner of a lead, the lead, its contact, and the kinds of interaction that the owner asked for.
type InterestRow = (Id, Id, Option<Id>, Option<JsonOf<Vec<String>>>);

impl AlertRules<'_, '_> {
    pub(super) fn insert(&mut self, rule: &AlertRule) -> Result<()> {
        diesel::insert_into(table).values(rule).execute(self.0.conn)?;
        Ok(())
    }

    /// A rule of a user.
    pub fn get(&mut self, user: Id, id: Id) -> Result<AlertRule> {
        let found = table.find((self.0.scope.workspace, id)).filter(alert_rules::user_id.eq(user));
        Ok(found.select(AlertRule::as_select()).first(self.0.conn)?)
    }

    /// A user's rule of a kind of which everyone has one, once it is written down; none for other kinds.
    pub(super) fn shipped(&mut self, user: Id, kind: Kind) -> Result<Option<AlertRule>> {
        if !matches!(kind, Kind::Assigned | Kind::SalesReady) {
            return Ok(None);
        }
        let found = self.of_user(user).filter(alert_rules::kind.eq(Code(kind))).select(AlertRule::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    pub fn list(&mut self, user: Id, paging: &Paging) -> Result<Vec<AlertRule>> {
        let mut query = self.of_user(user);
        if let Some(after) = paging.after("alert_rules") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("alert_rules")).limit(paging.fetch());
        Ok(page.select(AlertRule::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, user: Id) -> Result<i64> {
        Ok(self.of_user(user).count().get_result(self.0.conn)?)
    }

    /// Whether a user has a rule for a score.
    pub(super) fn has_score(&mut self, user: Id, score: i64) -> Result<bool> {
        let found = self
            .of_user(user)
            .filter(alert_rules::kind.eq(Code(Kind::ScoreAbove)))
            .filter(alert_rules::score.eq(score))
            .select(alert_rules::id);
        Ok(found.first::<Id>(self.0.conn).optional()?.is_some())
    }

    /// The scores that the users set, each with whose it is.
    pub(super) fn scores_of(&mut self, users: &[Id]) -> Result<Vec<(Id, i64)>> {
        let mut scores = Vec::new();
        for some in users.chunks(AT_ONCE) {
            let found = table
                .filter(alert_rules::workspace_id.eq(self.0.scope.workspace))
                .filter(alert_rules::user_id.eq_any(some.to_vec()))
                .filter(alert_rules::kind.eq(Code(Kind::ScoreAbove)))
                .filter(alert_rules::enabled.eq(true))
                .filter(alert_rules::score.is_not_null());
            scores.extend(
                found
                    .select((alert_rules::user_id, alert_rules::score.assume_not_null()))
                    .load::<(Id, i64)>(self.0.conn)?,
            );
        }
        Ok(scores)
    }

    /// The owners of the leads who want to hear what is done, one for each lead and rule.
    pub(super) fn interests(&mut self, leads: &[Id]) -> Result<Vec<Interest>> {
        let mut interests = Vec::new();
        for some in leads.chunks(AT_ONCE) {
            let of_owner = leads::workspace_id
                .eq(alert_rules::workspace_id)
                .and(leads::owner_id.eq(alert_rules::user_id.nullable()));
            let found = leads::table
                .inner_join(table.on(of_owner))
                .filter(leads::workspace_id.eq(self.0.scope.workspace))
                .filter(leads::id.eq_any(some.to_vec()))
                .filter(leads::status.eq("open"))
                .filter(alert_rules::kind.eq(Code(Kind::Interaction)))
                .filter(alert_rules::enabled.eq(true))
                .select((alert_rules::user_id, leads::id, leads::contact_id, alert_rules::kinds));
            let rows: Vec<InterestRow> = found.load(self.0.conn)?;
            interests.extend(rows.into_iter().map(|(user_id, lead_id, contact_id, kinds)| Interest {
                user_id,
                lead_id,
                contact_id,
                kinds: kinds.map(|kinds| kinds.0),
            }));
        }
        Ok(interests)
    }

    /// Writes what can change of a rule, and raises its version.
    pub(super) fn update(&mut self, rule: &AlertRule) -> Result<AlertRule> {
        diesel::update(table.find((self.0.scope.workspace, rule.id)))
            .set((
                alert_rules::score.eq(rule.score),
                alert_rules::kinds.eq(rule.kinds.clone()),
                alert_rules::enabled.eq(rule.enabled),
                alert_rules::version.eq(alert_rules::version + 1),
                alert_rules::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        self.get(rule.user_id, rule.id)
    }

    pub(super) fn delete(&mut self, user: Id, id: Id) -> Result<()> {
        let target = table.find((self.0.scope.workspace, id)).filter(alert_rules::user_id.eq(user));
        diesel::delete(target).execute(self.0.conn)?;
        Ok(())
    }

    fn of_user(&self, user: Id) -> BoxedQuery<'static, MultiBackend> {
        table
            .filter(alert_rules::workspace_id.eq(self.0.scope.workspace))
            .filter(alert_rules::user_id.eq(user))
            .into_boxed()
    }
}

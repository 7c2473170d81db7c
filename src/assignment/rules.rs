//! How assignment rules come, change, move and go. Their places are 1, 2, 3 … without gaps, because one transaction at a
//! time touches them.

use serde_json::json;

use super::{NewRule, Rule, RulePatch, hold, input, room_changed};
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;

/// Rules of one workspace.
const MOST: usize = 200;

/// Adds a rule at its place. 409 when the workspace has as many as it may.
pub fn create(tx: &mut Tx<'_>, new: &NewRule) -> Result<Rule> {
    hold(tx)?;
    let rule = new.rule(tx);
    all_hold(input::broken(tx, &rule, None)?)?;
    let mut order = tx.assignment_rules().all()?;
    if order.len() >= MOST {
        return Err(Error::Conflict(format!("a workspace has at most {MOST} assignment rules; remove one first")));
    }
    let place = place_of(new.position, order.len());
    let rule = Rule { position: position(place), ..rule };
    tx.assignment_rules().insert(&rule)?;
    order.insert(place, rule.clone());
    arrange(tx, &order)?;
    room_changed(tx);
    events::emit(tx, "assignment_rule.created", Subject::default(), &json!({"rule": rule}))?;
    Ok(rule)
}

/// Changes what `patch` names, the place included. What is so already makes no version.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &RulePatch, condition: &Condition) -> Result<Rule> {
    hold(tx)?;
    let mut order = tx.assignment_rules().all()?;
    let from = order.iter().position(|rule| rule.id == id).ok_or(Error::NotFound)?;
    let before = order.remove(from);
    condition.check(before.version)?;
    let place = patch.position.map_or(from, |position| place_of(Some(position), order.len()));
    let rule = Rule { position: position(place), ..patch.apply(&before) };
    all_hold(input::broken(tx, &rule, Some(&before))?)?;
    if rule == before {
        return Ok(before);
    }
    tx.assignment_rules().update(&rule)?;
    order.insert(place, rule);
    arrange(tx, &order)?;
    let rule = tx.assignment_rules().get(id)?;
    room_changed(tx);
    events::emit(tx, "assignment_rule.changed", Subject::default(), &json!({"before": before, "rule": rule}))?;
    Ok(rule)
}

/// Removes a rule; the histories of leads still name it.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    hold(tx)?;
    let rule = tx.assignment_rules().get(id)?;
    condition.check(rule.version)?;
    tx.assignment_rules().delete(id)?;
    let order = tx.assignment_rules().all()?;
    arrange(tx, &order)?;
    room_changed(tx);
    events::emit(tx, "assignment_rule.removed", Subject::default(), &json!({"rule": rule}))
}

/// The index that a position asks for among `others` rules; beyond the last is the last.
fn place_of(position: Option<i64>, others: usize) -> usize {
    position.and_then(|position| usize::try_from(position - 1).ok()).map_or(others, |place| place.min(others))
}

fn position(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX).saturating_add(1)
}

/// Gives every rule that stands elsewhere the place it has in `order`.
fn arrange(tx: &mut Tx<'_>, order: &[Rule]) -> Result<()> {
    for (place, rule) in order.iter().enumerate().filter(|(place, rule)| rule.position != position(*place)) {
        tx.assignment_rules().place(rule.id, position(place))?;
    }
    Ok(())
}

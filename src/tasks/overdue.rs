//! Tasks whose due date has passed: each is told of once (`task.overdue`), in all workspaces, those first that have
//! waited longest. The sweeper (`jobs::sweeper`) looks for them. Whether a task is overdue is exact whenever it is read.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Task, due};
use crate::db::Tx;
use crate::error::Result;
use crate::events;
use crate::id::Id;
use crate::jobs::sweeper::Chore;

/// Tasks that are overdue.
pub const CHORE: Chore = Chore { name: "overdue tasks", due: look, catch_up, put_off };

/// Tasks that are looked for at once.
const SOME: i64 = 100;
/// Seconds that a task which fails is left alone.
const PUT_OFF_S: i64 = 3600;

/// Some of the tasks that are to be told of, by workspace.
fn look(tx: &mut Tx<'_>) -> Result<BTreeMap<Id, Vec<Id>>> {
    let mut due: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (workspace, task) in tx.tasks().next_to_warn_of(SOME)? {
        due.entry(workspace).or_default().push(task);
    }
    Ok(due)
}

/// Tells of those of the tasks that are still overdue.
fn catch_up(tx: &mut Tx<'_>, tasks: &[Id]) -> Result<()> {
    let at = tx.at();
    for task in tx.tasks().lock_these(tasks)? {
        if task.warn_at.is_some_and(|warn_at| warn_at < at) {
            let task = Task { overdue_told_at: Some(at), ..task };
            let task = Task { warn_at: due::warn_at(&task), ..task };
            tx.tasks().set_warning(task.id, task.overdue_told_at, task.warn_at)?;
            events::emit(tx, "task.overdue", task.subject(), &json!({"task": task.shown(at)}))?;
        }
    }
    Ok(())
}

/// Leaves a task for an hour, after it could not be told of.
fn put_off(tx: &mut Tx<'_>, task: Id) -> Result<()> {
    let until = tx.at().plus_seconds(PUT_OFF_S);
    tx.tasks().set_warning(task, None, Some(until))
}

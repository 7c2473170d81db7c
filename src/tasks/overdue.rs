//! Tasks whose due date has passed: each is told of once (`task.overdue`), in all workspaces, those first that have
//! waited longest. The sweeper (`jobs::sweeper`) looks for them. Whether a task is overdue is exact whenever it is read.

use serde_json::json;

use super::{Task, due};
use crate::db::Tx;
use crate::error::Result;
use crate::events;
use crate::id::Id;
use crate::jobs::sweeper::Chore;

/// Tasks that are overdue.
pub const CHORE: Chore = Chore {
    name: "overdue tasks",
    due: |tx| tx.tasks().next_to_warn_of(SOME),
    catch_up,
    put_off: |tx, task, until| tx.tasks().set_warning(task, None, Some(until)),
};

/// Tasks that are looked for at once.
const SOME: i64 = 100;

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

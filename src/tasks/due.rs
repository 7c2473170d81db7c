//! When a task is overdue, and when to tell (WRK-1): once for each due date, and again only after it was put off.

use crate::clock::Timestamp;
use crate::tasks::{Status, Task};

/// Whether a task with this status and due date is overdue at `at`: open, and its due date has passed.
pub fn is_overdue(status: Status, due_at: Timestamp, at: Timestamp) -> bool {
    status == Status::Open && due_at < at
}

/// When it is to be told that the task is overdue; `None` for a finished one, and once it was told.
pub fn warn_at(task: &Task) -> Option<Timestamp> {
    (task.status.0 == Status::Open && task.overdue_told_at.is_none()).then_some(task.due_at)
}

/// The task with the due date `due_at`. A later one than before can be told to have passed again.
pub fn postponed(task: &Task, due_at: Timestamp) -> Task {
    let overdue_told_at = task.overdue_told_at.filter(|_| due_at <= task.due_at);
    Task { due_at, overdue_told_at, ..task.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::types::Code;
    use crate::tasks::assign::tests::task;

    #[test]
    fn a_task_is_overdue_after_its_due_date_and_only_while_it_is_open() {
        let due = Timestamp::from_day(3);
        let overdue = |status, at| is_overdue(status, due, at);
        assert!(!overdue(Status::Open, due) && overdue(Status::Open, due.successor()));
        assert!(!overdue(Status::Done, due.plus_days(1)) && !overdue(Status::Cancelled, due.plus_days(1)));
    }

    #[test]
    fn it_is_told_once_and_again_only_after_the_task_was_put_off() {
        let open = task();
        assert_eq!(warn_at(&open), Some(open.due_at));
        assert_eq!(warn_at(&Task { status: Code(Status::Done), ..open.clone() }), None);
        let told = Task { overdue_told_at: Some(open.due_at.plus_days(1)), ..open.clone() };
        assert_eq!(warn_at(&told), None);
        for (days, expected) in [(-1, None), (0, None), (1, Some(open.due_at.plus_days(1)))] {
            let moved = postponed(&told, open.due_at.plus_days(days));
            assert_eq!((moved.due_at, warn_at(&moved)), (open.due_at.plus_days(days), expected));
        }
    }
}

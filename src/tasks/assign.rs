//! Whose a task is that nobody named a user for (WRK-1): when its lead enters a stage, and when the lead changes hands.

use crate::auth::scope::Role;
use crate::id::Id;
use crate::tasks::Task;

/// A user and what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    pub user_id: Id,
    pub role: Role,
}

/// Who is to do what a stage asks for: the lead's owner, if it is their role that works the stage or the stage names
/// none. Otherwise the role takes turns.
pub fn of_stage(owner: Option<Worker>, stage_role: Option<Role>) -> Option<Id> {
    owner.filter(|owner| stage_role.is_none_or(|role| role == owner.role)).map(|owner| owner.user_id)
}

/// Who is to do an open task after its lead went from `from` to `to`; `None` when it stays with whom it is.
///
/// The old owner's tasks are the new one's, or nobody's when there is none. What nobody took yet is the new owner's if
/// it waits for their role, or for nobody.
pub fn after_handover(task: &Task, from: Option<Id>, to: Option<Worker>) -> Option<Option<Id>> {
    let to_user = to.map(|to| to.user_id);
    let next = match task.assignee_id {
        Some(assignee) if Some(assignee) == from => to_user,
        Some(_) => return None,
        None => of_stage(to, task.role.map(|role| role.0)),
    };
    (next != task.assignee_id).then_some(next)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::db::types::Code;
    use crate::process::stage::TaskKind;
    use crate::tasks::{Cause, Status};

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn seller(number: u8) -> Worker {
        Worker { user_id: id(number), role: Role::Salesperson }
    }

    /// An open call that nobody took and that waits for nobody.
    pub fn task() -> Task {
        let at = Timestamp::from_day(1);
        Task {
            workspace_id: Id::NIL,
            id: id(1),
            kind: Code(TaskKind::Call),
            title: "Call".into(),
            note: None,
            lead_id: Some(id(2)),
            contact_id: None,
            assignee_id: None,
            role: None,
            due_at: at,
            status: Code(Status::Open),
            result: None,
            outcome: None,
            done_at: None,
            done_by: None,
            cancelled_because: None,
            interaction_id: None,
            cause: Code(Cause::ByHand),
            stage: None,
            overdue_told_at: None,
            warn_at: None,
            created_by: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    proptest! {
        #[test]
        fn a_lead_handed_over_leaves_no_task_with_its_old_owner_and_handing_it_over_again_changes_nothing(
            assignee in prop::option::of(1_u8..4), waits in any::<bool>(), from in prop::option::of(1_u8..4),
            to in prop::option::of(4_u8..6),
        ) {
            let role = waits.then_some(Code(Role::Salesperson));
            let before = Task { assignee_id: assignee.map(id), role, ..task() };
            let (from, to) = (from.map(id), to.map(seller));
            let next = after_handover(&before, from, to).unwrap_or(before.assignee_id);
            prop_assert!(from.is_none() || next != from);
            let after = Task { assignee_id: next, ..before.clone() };
            prop_assert_eq!(after_handover(&after, from, to), None);
            let is_others = assignee.is_some() && before.assignee_id != from;
            prop_assert!(!is_others || next == before.assignee_id);
        }
    }

    #[test]
    fn the_owner_does_what_a_stage_asks_for_if_it_is_their_role_that_works_it() {
        let owner = Some(seller(5));
        assert_eq!(of_stage(owner, Some(Role::Salesperson)), Some(id(5)));
        assert_eq!(of_stage(owner, None), Some(id(5)));
        assert_eq!(of_stage(owner, Some(Role::Teleprospector)), None);
        assert_eq!(of_stage(None, Some(Role::Salesperson)), None);
    }

    #[test]
    fn tasks_of_the_old_owner_go_to_the_new_one_and_those_of_others_stay() {
        let old = Task { assignee_id: Some(id(4)), role: Some(Code(Role::Teleprospector)), ..task() };
        assert_eq!(after_handover(&old, Some(id(4)), Some(seller(5))), Some(Some(id(5))));
        assert_eq!(after_handover(&old, Some(id(4)), None), Some(None));
        assert_eq!(after_handover(&old, Some(id(6)), Some(seller(5))), None);
        assert_eq!(after_handover(&old, None, Some(seller(5))), None);
    }

    #[test]
    fn what_nobody_took_is_the_new_owners_if_it_waits_for_their_role_or_for_nobody() {
        let waiting = |role: Option<Role>| Task { role: role.map(Code), ..task() };
        let next = |role| after_handover(&waiting(role), None, Some(seller(5)));
        assert_eq!(next(Some(Role::Salesperson)), Some(Some(id(5))));
        assert_eq!(next(None), Some(Some(id(5))));
        assert_eq!(next(Some(Role::Teleprospector)), None);
        assert_eq!(after_handover(&waiting(None), Some(id(4)), None), None);
    }
}

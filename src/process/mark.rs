//! Which marks people may set on a lead: those that its stage offers (PRO-1, PRO-3).

use super::stage::{Flag, Process};

/// Why a mark is not to be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not offered in this stage; {}", flag.name(), where_it_is(stages))]
pub struct NotOffered {
    /// The mark.
    pub flag: Flag,
    /// The stages of the process that offer it.
    pub stages: Vec<String>,
}

/// Whether the stage offers the mark. A lead in no stage is offered none.
pub fn offered(process: &Process, stage: Option<&str>, flag: Flag) -> Result<(), NotOffered> {
    let present = stage.and_then(|stage| process.stage(stage));
    match present.is_some_and(|stage| stage.flags.contains(&flag)) {
        true => Ok(()),
        false => Err(NotOffered { flag, stages: process.keys(|stage| stage.flags.contains(&flag)) }),
    }
}

fn where_it_is(stages: &[String]) -> String {
    match stages.is_empty() {
        true => "no stage of the process offers it".to_owned(),
        false => format!("it is in {}", stages.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_offered_where_the_process_says_and_the_refusal_names_the_stages() {
        let process = Process::shipped();
        assert_eq!(offered(&process, Some("inquiry"), Flag::TeleprospectReady), Ok(()));
        let refused = offered(&process, Some("sales_acceptance"), Flag::TeleprospectReady).unwrap_err();
        assert_eq!(refused.stages, ["inquiry", "marketing_qualification"]);
        assert!(refused.to_string().ends_with("it is in inquiry, marketing_qualification"), "{refused}");
        assert!(offered(&process, None, Flag::SalesReady).is_err());
        assert!(offered(&process, Some("elsewhere"), Flag::SalesReady).is_err());
    }

    #[test]
    fn a_process_may_offer_a_mark_nowhere() {
        let mut process = Process::shipped();
        process.stages.truncate(1);
        let refused = offered(&process, Some("inquiry"), Flag::SalesAccepted).unwrap_err();
        assert!(refused.to_string().ends_with("no stage of the process offers it"), "{refused}");
    }
}

//! Which step a person may take with a lead (PRO-2, PRO-4): complete its stage, pass on to the next, move it to any
//! stage, or let it go through another process.
//!
//! Forward, the requirements count of every stage from the present one up to the one before the target. Back, none do.
//! A lead that has not entered its process, or stands in a stage that the process no longer has, is before the first
//! stage; so is one that comes from another process, or going there and back would be a way round. Who may pass over
//! requirements does so, and what was passed over is told; completing a stage never passes over anything.

use super::StageCause;
use super::requirements::{Unfilled, unfilled};
use super::stage::{Process, Stage};
use crate::filter::Records;

/// What a person wants of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To complete the active stage.
    Complete,
    /// To go on to the next stage.
    Next,
    /// To enter the stage of this key, forward or back.
    Enter(String),
    /// To go on in another process, at the stage of this key.
    Switch {
        /// The process.
        process: String,
        /// The stage.
        to: String,
    },
}

/// Where a lead stands.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Its process.
    pub process: &'a Process,
    /// Its stage; none before it entered the process.
    pub stage: Option<&'a str>,
    /// Whether it is being worked.
    pub is_open: bool,
}

/// A step that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The stage to enter.
    pub to: String,
    /// What the history calls it.
    pub cause: StageCause,
    /// The requirements that are passed over.
    pub overridden: Vec<Unfilled>,
}

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A conflict: the lead is closed.
    #[error("a closed lead changes no stage; reopen it first")]
    Closed,
    /// Invalid input: the process has no such stage. Holds the stages it has, in order.
    #[error("is not a stage of that process; allowed are {}", allowed.join(", "))]
    UnknownStage {
        /// The stages there are.
        allowed: Vec<String>,
    },
    /// Nothing to do: the lead is in that stage.
    #[error("the lead is in that stage")]
    AlreadyThere,
    /// A conflict: there is no active stage to complete.
    #[error("the lead is in no stage of its process; move it to one first")]
    NoStage,
    /// A conflict: no stage follows.
    #[error("this is the last stage of the process; qualify the lead to finish it")]
    LastStage,
    /// Invalid input: required fields have no value of the right type.
    #[error("required fields are not filled")]
    Unfilled(Vec<Unfilled>),
}

/// The step that `wish` comes to. `target` is the process to go on in, the present one unless the wish names another;
/// `may_override` tells whether the person may and wants to pass over requirements.
pub fn decide(
    state: &State<'_>,
    target: &Process,
    wish: &Wish,
    records: &Records,
    may_override: bool,
) -> Result<Step, Refusal> {
    if !state.is_open {
        return Err(Refusal::Closed);
    }
    let present = state.stage.and_then(|stage| state.process.position(stage));
    let is_switch = target.key != state.process.key;
    let begin = if is_switch { 0 } else { present.unwrap_or(0) };
    let (place, cause) = match wish {
        Wish::Complete => (after(target, Some(present.ok_or(Refusal::NoStage)?))?, StageCause::Completed),
        Wish::Next => (after(target, present)?, StageCause::Next),
        Wish::Enter(to) | Wish::Switch { to, .. } => {
            let unknown = || Refusal::UnknownStage { allowed: target.keys(|_| true) };
            let place = target.position(to).ok_or_else(unknown)?;
            if !is_switch && present == Some(place) {
                return Err(Refusal::AlreadyThere);
            }
            (place, if is_switch { StageCause::SwitchedProcess } else { StageCause::ByHand })
        }
    };
    let passed = target.stages.get(begin..place).unwrap_or_default();
    let overridden = passed_over(passed, records, may_override && *wish != Wish::Complete)?;
    let is_ordinary = overridden.is_empty() || cause == StageCause::SwitchedProcess;
    let cause = if is_ordinary { cause } else { StageCause::Overridden };
    let to = target.stages.get(place).map(|stage| stage.key.clone()).ok_or(Refusal::LastStage)?;
    Ok(Step { to, cause, overridden })
}

/// The place after `present`: the first for a lead that is in no stage.
fn after(process: &Process, present: Option<usize>) -> Result<usize, Refusal> {
    let place = present.map_or(0, |place| place.saturating_add(1));
    if place < process.stages.len() { Ok(place) } else { Err(Refusal::LastStage) }
}

fn passed_over(stages: &[Stage], records: &Records, may_override: bool) -> Result<Vec<Unfilled>, Refusal> {
    let lacking = unfilled(stages, records);
    if lacking.is_empty() || may_override { Ok(lacking) } else { Err(Refusal::Unfilled(lacking)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::field::{FieldType, StageField};
    use super::*;

    /// The shipped process, in which the stages of `demanding` each require a field of their own key.
    fn process(demanding: &[&str]) -> Process {
        let mut process = Process::shipped();
        for stage in process.stages.iter_mut().filter(|stage| demanding.contains(&stage.key.as_str())) {
            let (key, name, kind) = (stage.key.clone(), stage.name.clone(), FieldType::Text);
            stage.fields = vec![StageField { key, name, kind, choices: Vec::new(), required: true, fills: None }];
        }
        process
    }

    fn filled(fields: &[&str]) -> Records {
        let attributes: serde_json::Map<_, _> =
            fields.iter().map(|field| ((*field).to_owned(), json!("known"))).collect();
        Records { lead: json!({"attributes": attributes}), ..Records::default() }
    }

    fn taken(process: &Process, from: Option<&str>, wish: &Wish, known: &[&str]) -> Result<Step, Refusal> {
        decide(&State { process, stage: from, is_open: true }, process, wish, &filled(known), false)
    }

    fn enter(to: &str) -> Wish {
        Wish::Enter(to.to_owned())
    }

    fn to(step: Result<Step, Refusal>) -> String {
        step.unwrap().to
    }

    fn lacking(step: Result<Step, Refusal>) -> Vec<String> {
        match step.unwrap_err() {
            Refusal::Unfilled(lacking) => lacking.into_iter().map(|it| it.field).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn people_move_open_leads_forward_and_back() {
        let process = Process::shipped();
        assert_eq!(to(taken(&process, Some("inquiry"), &enter("sales_acceptance"), &[])), "sales_acceptance");
        assert_eq!(to(taken(&process, Some("sales_acceptance"), &enter("inquiry"), &[])), "inquiry");
        assert_eq!(to(taken(&process, None, &enter("inquiry"), &[])), "inquiry");
        assert_eq!(to(taken(&process, None, &Wish::Next, &[])), "inquiry");
        assert_eq!(to(taken(&process, Some("inquiry"), &Wish::Next, &[])), "marketing_qualification");
        assert_eq!(to(taken(&process, Some("elsewhere"), &enter("inquiry"), &[])), "inquiry");
    }

    #[test]
    fn a_refused_step_says_why() {
        let process = Process::shipped();
        let closed = State { process: &process, stage: Some("inquiry"), is_open: false };
        let refused = decide(&closed, &process, &Wish::Next, &Records::default(), true);
        assert_eq!(refused, Err(Refusal::Closed));
        assert_eq!(taken(&process, Some("inquiry"), &enter("inquiry"), &[]), Err(Refusal::AlreadyThere));
        let unknown = taken(&process, Some("inquiry"), &enter("won"), &[]).unwrap_err();
        assert!(unknown.to_string().ends_with("teleprospect_qualification, sales_acceptance"), "{unknown}");
        for wish in [Wish::Complete, Wish::Next] {
            assert_eq!(taken(&process, Some("sales_acceptance"), &wish, &[]), Err(Refusal::LastStage));
        }
        assert_eq!(taken(&process, None, &Wish::Complete, &[]), Err(Refusal::NoStage));
        assert_eq!(taken(&process, Some("elsewhere"), &Wish::Complete, &[]), Err(Refusal::NoStage));
    }

    #[test]
    fn forward_the_requirements_of_every_stage_on_the_way_count_and_back_none_do() {
        let process = process(&["inquiry", "teleprospect_acceptance", "sales_acceptance"]);
        let far = enter("sales_acceptance");
        assert_eq!(lacking(taken(&process, Some("inquiry"), &far, &[])), ["inquiry", "teleprospect_acceptance"]);
        assert_eq!(lacking(taken(&process, Some("inquiry"), &far, &["inquiry"])), ["teleprospect_acceptance"]);
        assert_eq!(lacking(taken(&process, None, &enter("marketing_qualification"), &[])), ["inquiry"]);
        assert_eq!(lacking(taken(&process, Some("inquiry"), &Wish::Complete, &[])), ["inquiry"]);
        assert_eq!(to(taken(&process, Some("sales_acceptance"), &enter("inquiry"), &[])), "inquiry");
        assert_eq!(to(taken(&process, Some("inquiry"), &Wish::Complete, &["inquiry"])), "marketing_qualification");
    }

    #[test]
    fn whoever_may_passes_over_requirements_but_completes_nothing_unfilled() {
        let process = process(&["inquiry"]);
        let state = State { process: &process, stage: Some("inquiry"), is_open: true };
        let step = decide(&state, &process, &Wish::Next, &Records::default(), true).unwrap();
        assert_eq!((step.cause, step.overridden.len()), (StageCause::Overridden, 1));
        assert!(decide(&state, &process, &Wish::Complete, &Records::default(), true).is_err());
        let ordinary = decide(&state, &process, &Wish::Next, &filled(&["inquiry"]), true).unwrap();
        assert_eq!((ordinary.cause, ordinary.overridden.len()), (StageCause::Next, 0));
    }

    #[test]
    fn another_process_is_entered_at_the_named_stage_past_what_comes_before_it_there() {
        let (present, mut other) = (process(&["inquiry"]), process(&["marketing_qualification"]));
        other.key = "other".to_owned();
        let state = State { process: &present, stage: Some("sales_acceptance"), is_open: true };
        let switch = |to: &str, may| {
            let wish = Wish::Switch { process: "other".into(), to: to.into() };
            decide(&state, &other, &wish, &Records::default(), may)
        };
        assert_eq!(switch("marketing_qualification", false).unwrap().cause, StageCause::SwitchedProcess);
        assert_eq!(lacking(switch("sales_acceptance", false)), ["marketing_qualification"]);
        assert_eq!(switch("sales_acceptance", true).unwrap().overridden.len(), 1);
        assert!(matches!(switch("won", true), Err(Refusal::UnknownStage { .. })));
    }

    proptest! {
        #[test]
        fn nothing_unfilled_is_passed_over_unseen(
            demanding in prop::sample::subsequence(Process::shipped().keys(|_| true), 0..=5),
            known in prop::sample::subsequence(Process::shipped().keys(|_| true), 0..=5),
            from in prop::option::of(prop::sample::select(Process::shipped().keys(|_| true))),
            target in prop::sample::select(Process::shipped().keys(|_| true)),
            wish in 0..3_usize, may_override in any::<bool>(),
        ) {
            let refs = |list: &Vec<String>| list.iter().map(|key| key.to_owned()).collect::<Vec<_>>();
            let (demanding, known) = (refs(&demanding), refs(&known));
            let process = process(&demanding.iter().map(String::as_str).collect::<Vec<_>>());
            let records = filled(&known.iter().map(String::as_str).collect::<Vec<_>>());
            let wish = [Wish::Complete, Wish::Next, Wish::Enter(target)][wish].clone();
            let state = State { process: &process, stage: from.as_deref(), is_open: true };
            let begin = from.as_deref().and_then(|stage| process.position(stage)).unwrap_or(0);
            match decide(&state, &process, &wish, &records, may_override) {
                Ok(step) => {
                    let end = process.position(&step.to).unwrap();
                    let passed: Vec<Unfilled> = unfilled(process.stages.get(begin..end).unwrap_or_default(), &records);
                    prop_assert_eq!(&step.overridden, &passed);
                    prop_assert!(passed.is_empty() || may_override && wish != Wish::Complete);
                    prop_assert!(from.as_deref() != Some(step.to.as_str()));
                }
                Err(Refusal::Unfilled(lacking)) => {
                    prop_assert!(!lacking.is_empty() && (!may_override || wish == Wish::Complete));
                }
                Err(_) => {}
            }
        }
    }
}

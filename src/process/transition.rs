//! Which stage a lead moves to by itself (PRO-3).
//!
//! Automatic moves only ever lead forward, and making one twice changes nothing. They name stages by key, so a
//! workspace's own process has those whose stages it keeps; whatever its first stage is, a new lead begins there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stage::Process;

/// What happened to a lead that may move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The lead was created.
    Created,
    /// A model gave it a score above zero for the first time.
    FirstScore,
    /// It became ready for sales, by score or by hand.
    SalesReady,
    /// It was marked ready for teleprospecting.
    TeleprospectReady,
    /// Teleprospecting took it.
    TeleprospectAccepted,
    /// A salesperson entered it, and so accepted it. No switch keeps it from being theirs.
    EnteredBySales,
}

/// Which automatic moves a workspace wants. All are on unless switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AutomaticMoves)]
pub struct Switches {
    /// A new lead enters the first stage of its process (`inquiry`). Default true.
    #[schema(default = true)]
    pub created: bool,
    /// The first score above zero moves a lead from `inquiry` to `marketing_qualification`. Default true.
    #[schema(default = true)]
    pub first_score: bool,
    /// Sales ready moves a lead to `sales_acceptance` from any earlier stage. Default true.
    #[schema(default = true)]
    pub sales_ready: bool,
    /// Teleprospect ready moves a lead to `teleprospect_acceptance` from any earlier stage. Default true.
    #[schema(default = true)]
    pub teleprospect_ready: bool,
    /// Teleprospect accepted moves a lead to `teleprospect_qualification` from any earlier stage. Default true.
    #[schema(default = true)]
    pub teleprospect_accepted: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            created: true,
            first_score: true,
            sales_ready: true,
            teleprospect_ready: true,
            teleprospect_accepted: true,
        }
    }
}

impl Switches {
    fn allow(&self, trigger: Trigger) -> bool {
        match trigger {
            Trigger::Created => self.created,
            Trigger::FirstScore => self.first_score,
            Trigger::SalesReady => self.sales_ready,
            Trigger::TeleprospectReady => self.teleprospect_ready,
            Trigger::TeleprospectAccepted => self.teleprospect_accepted,
            Trigger::EnteredBySales => true,
        }
    }
}

/// The stage that `trigger` moves an open lead to, or `None` when it stays where it is.
///
/// `current` is its stage; `None` for a lead that has not entered the process, which is before all stages. A lead in a
/// stage that the process does not have stays there.
pub fn automatic<'p>(
    process: &'p Process,
    switches: &Switches,
    current: Option<&str>,
    trigger: Trigger,
) -> Option<&'p str> {
    if !switches.allow(trigger) {
        return None;
    }
    let target = match trigger {
        Trigger::Created if current.is_none() => 0,
        Trigger::FirstScore if current == Some("inquiry") => process.position("marketing_qualification")?,
        Trigger::EnteredBySales if current.is_none() => process.position("sales_acceptance")?,
        Trigger::Created | Trigger::FirstScore | Trigger::EnteredBySales => return None,
        Trigger::SalesReady => process.position("sales_acceptance")?,
        Trigger::TeleprospectReady => process.position("teleprospect_acceptance")?,
        Trigger::TeleprospectAccepted => process.position("teleprospect_qualification")?,
    };
    if let Some(stage) = current
        && process.position(stage)? >= target
    {
        return None;
    }
    process.stages.get(target).map(|stage| stage.key.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIGGERS: [Trigger; 5] = [
        Trigger::Created,
        Trigger::FirstScore,
        Trigger::SalesReady,
        Trigger::TeleprospectReady,
        Trigger::TeleprospectAccepted,
    ];

    fn after(current: Option<&str>, trigger: Trigger) -> Option<String> {
        automatic(&Process::shipped(), &Switches::default(), current, trigger).map(str::to_owned)
    }

    #[test]
    fn a_new_lead_begins_in_inquiry_and_its_first_score_moves_it_on() {
        assert_eq!(after(None, Trigger::Created).as_deref(), Some("inquiry"));
        assert_eq!(after(Some("inquiry"), Trigger::FirstScore).as_deref(), Some("marketing_qualification"));
        for stage in ["marketing_qualification", "teleprospect_acceptance", "sales_acceptance"] {
            assert_eq!(after(Some(stage), Trigger::FirstScore), None, "{stage}");
        }
        assert_eq!(after(None, Trigger::FirstScore), None);
    }

    #[test]
    fn sales_ready_skips_teleprospecting_from_any_earlier_stage() {
        let process = Process::shipped();
        for stage in process.stages.iter().take(4) {
            assert_eq!(after(Some(&stage.key), Trigger::SalesReady).as_deref(), Some("sales_acceptance"));
        }
        assert_eq!(after(None, Trigger::SalesReady).as_deref(), Some("sales_acceptance"));
        assert_eq!(after(Some("sales_acceptance"), Trigger::SalesReady), None);
    }

    #[test]
    fn teleprospecting_takes_a_lead_in_two_steps_and_never_from_sales() {
        let ready = after(Some("marketing_qualification"), Trigger::TeleprospectReady);
        assert_eq!(ready.as_deref(), Some("teleprospect_acceptance"));
        let accepted = after(ready.as_deref(), Trigger::TeleprospectAccepted);
        assert_eq!(accepted.as_deref(), Some("teleprospect_qualification"));
        for trigger in [Trigger::TeleprospectReady, Trigger::TeleprospectAccepted] {
            assert_eq!(after(Some("sales_acceptance"), trigger), None);
        }
    }

    #[test]
    fn a_lead_that_sales_enters_begins_with_sales_and_is_taken_from_nowhere_else() {
        assert_eq!(after(None, Trigger::EnteredBySales).as_deref(), Some("sales_acceptance"));
        assert_eq!(after(Some("inquiry"), Trigger::EnteredBySales), None);
        let mut process = Process::shipped();
        process.stages.truncate(2);
        assert_eq!(automatic(&process, &Switches::default(), None, Trigger::EnteredBySales), None);
    }

    #[test]
    fn each_move_can_be_switched_off() {
        let names = ["created", "first_score", "sales_ready", "teleprospect_ready", "teleprospect_accepted"];
        for (name, trigger) in names.into_iter().zip(TRIGGERS) {
            let switches: Switches = serde_json::from_value(serde_json::json!({ name: false })).unwrap();
            for other in TRIGGERS {
                let current = if other == Trigger::Created { None } else { Some("inquiry") };
                let moved = automatic(&Process::shipped(), &switches, current, other).is_some();
                assert_eq!(moved, other != trigger, "{name} off, {other:?}");
            }
        }
        assert!(serde_json::from_str::<Switches>(r#"{"sales": false}"#).is_err());
    }

    #[test]
    fn a_lead_in_an_unknown_stage_stays_there() {
        for trigger in TRIGGERS {
            assert_eq!(after(Some("elsewhere"), trigger), None);
        }
    }

    #[test]
    fn a_process_of_ones_own_has_the_moves_whose_stages_it_keeps() {
        let mut process = Process::shipped();
        process.stages.retain(|stage| !stage.key.starts_with("teleprospect") && stage.key != "inquiry");
        let moved = |current, trigger| automatic(&process, &Switches::default(), current, trigger);
        assert_eq!(moved(None, Trigger::Created), Some("marketing_qualification"));
        assert_eq!(moved(Some("marketing_qualification"), Trigger::SalesReady), Some("sales_acceptance"));
        assert_eq!(moved(Some("marketing_qualification"), Trigger::TeleprospectReady), None);
    }

    proptest! {
        #[test]
        fn automatic_moves_lead_forward_and_making_one_twice_changes_nothing(
            order in Just(Process::shipped().stages).prop_shuffle(),
            kept in 0..=5_usize,
            current in prop::option::of(prop::sample::select(Process::shipped().stages)),
            trigger in prop::sample::select(TRIGGERS.to_vec()),
            flags in any::<[bool; 5]>(),
        ) {
            let process = Process { stages: order.into_iter().take(kept).collect(), ..Process::shipped() };
            let [created, first_score, sales_ready, teleprospect_ready, teleprospect_accepted] = flags;
            let switches = Switches { created, first_score, sales_ready, teleprospect_ready, teleprospect_accepted };
            let from = current.as_ref().map(|stage| stage.key.as_str());
            if let Some(to) = automatic(&process, &switches, from, trigger) {
                prop_assert!(process.position(to).is_some());
                prop_assert!(from.is_none_or(|from| process.position(from) < process.position(to)));
                prop_assert_eq!(automatic(&process, &switches, Some(to), trigger), None);
            }
        }
    }
}

//! The marks on a lead, each by its name.

use super::{Flags, Mark};
use crate::process::stage::Flag;

impl Flags {
    /// The mark `flag`, if it is set.
    pub fn get(&self, flag: Flag) -> Option<&Mark> {
        match flag {
            Flag::SalesReady => self.sales_ready.as_ref(),
            Flag::TeleprospectReady => self.teleprospect_ready.as_ref(),
            Flag::TeleprospectAccepted => self.teleprospect_accepted.as_ref(),
            Flag::SalesAccepted => self.sales_accepted.as_ref(),
        }
    }

    /// The same marks with `flag` set to `mark`, or taken back.
    pub fn with(self, flag: Flag, mark: Option<Mark>) -> Self {
        match flag {
            Flag::SalesReady => Self { sales_ready: mark, ..self },
            Flag::TeleprospectReady => Self { teleprospect_ready: mark, ..self },
            Flag::TeleprospectAccepted => Self { teleprospect_accepted: mark, ..self },
            Flag::SalesAccepted => Self { sales_accepted: mark, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;

    proptest! {
        #[test]
        fn setting_a_mark_leaves_the_others_as_they_are(
            flag in prop::sample::select(Flag::ALL.to_vec()), other in prop::sample::select(Flag::ALL.to_vec()),
            is_set in any::<bool>(), was_set in any::<bool>(),
        ) {
            let mark = |day| Mark { at: Timestamp::from_day(day), by: None, model_id: None };
            let before = Flags::default().with(other, was_set.then(|| mark(1)));
            let after = before.clone().with(flag, is_set.then(|| mark(2)));
            prop_assert_eq!(after.get(flag).cloned(), is_set.then(|| mark(2)));
            for untouched in Flag::ALL.into_iter().filter(|it| *it != flag) {
                prop_assert_eq!(after.get(untouched), before.get(untouched));
            }
        }
    }
}

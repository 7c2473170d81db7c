//! What a submission may change of a record that is known (MAT-8). An empty value changes nothing, whatever the policy.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::compare_key;

/// What a submission may change of records that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormUpdatePolicy)]
pub enum UpdatePolicy {
    /// Only what is not known yet. A value that contradicts a known one is kept with the submission.
    #[default]
    FillBlanks,
    /// Everything that was sent.
    Overwrite,
    /// Nothing: the submission is only linked.
    LinkOnly,
}

/// What to do with a value that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record stays as it is.
    Leave,
    /// The record takes the value.
    Take,
    /// The record stays as it is, and the value is kept beside it.
    Conflict,
}

impl UpdatePolicy {
    /// What to do with `sent`, when the record has `known`.
    pub fn weigh(self, known: Option<&str>, sent: &str) -> Verdict {
        let known = known.filter(|known| !known.trim().is_empty());
        match (self, known) {
            (Self::LinkOnly, _) => Verdict::Leave,
            _ if sent.trim().is_empty() => Verdict::Leave,
            (_, None) => Verdict::Take,
            (Self::Overwrite, Some(known)) if known != sent => Verdict::Take,
            (Self::FillBlanks, Some(known)) if compare_key(known) != compare_key(sent) => Verdict::Conflict,
            _ => Verdict::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::UpdatePolicy::{FillBlanks, LinkOnly, Overwrite};
    use super::*;

    #[test]
    fn blanks_are_filled_and_contradictions_kept_beside_what_is_known() {
        assert_eq!(FillBlanks.weigh(None, "Ann"), Verdict::Take);
        assert_eq!(FillBlanks.weigh(Some(" "), "Ann"), Verdict::Take);
        assert_eq!(FillBlanks.weigh(Some("Ann"), "Anna"), Verdict::Conflict);
        assert_eq!(FillBlanks.weigh(Some("Ann"), "ANN "), Verdict::Leave);
    }

    #[test]
    fn overwriting_takes_whatever_differs() {
        assert_eq!(Overwrite.weigh(Some("ann"), "Ann"), Verdict::Take);
        assert_eq!(Overwrite.weigh(Some("Ann"), "Ann"), Verdict::Leave);
    }

    #[test]
    fn linking_changes_nothing() {
        assert_eq!(LinkOnly.weigh(None, "Ann"), Verdict::Leave);
        assert_eq!(LinkOnly.weigh(Some("Ann"), "Anna"), Verdict::Leave);
    }

    proptest! {
        #[test]
        fn an_empty_value_changes_nothing(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]),
            known in prop::option::of("[a-z ]{0,3}"),
            sent in "[ \t\n]{0,3}",
        ) {
            prop_assert_eq!(policy.weigh(known.as_deref(), &sent), Verdict::Leave);
        }

        #[test]
        fn a_known_value_is_replaced_only_by_overwriting(known in "[a-z]{1,3}", sent in "[a-z]{1,3}") {
            prop_assert_ne!(FillBlanks.weigh(Some(&known), &sent), Verdict::Take);
            prop_assert_ne!(LinkOnly.weigh(Some(&known), &sent), Verdict::Take);
        }
    }
}

//! What a submission may change of a record that is known (MAT-8). An empty value changes nothing, whatever the policy.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::slot::Slot;
use crate::attributes::{as_text, says_the_same};
use crate::id::Id;
use crate::text::compare_key;

/// What a submission may change of records that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FormUpdatePolicy)]
pub enum UpdatePolicy {
    /// Only what is not known yet. A value that contradicts a known one becomes a proposal.
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

/// A value that was sent and contradicts what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Where it would go.
    pub slot: Slot,
    /// The value as it was sent.
    pub sent: String,
    /// What is compared of it.
    pub compared: String,
    /// What the record has there.
    pub known: Option<String>,
}

impl Contradiction {
    /// Another company, called `name`, than the one that is known.
    pub fn company(known: Option<Id>, sent: Id, name: Option<String>) -> Self {
        let known = known.map(|id| id.to_string());
        Self { slot: Slot::Company, sent: name.unwrap_or_default(), compared: sent.to_string(), known }
    }
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

    /// What to do with the company `sent`, when the record belongs to `known`.
    pub fn weigh_company(self, known: Option<Id>, sent: Id) -> Verdict {
        self.weigh(known.map(|id| id.to_string()).as_deref(), &sent.to_string())
    }

    /// What to do with `sent`, when the record has `known` as an attribute. A number or boolean is not replaced by a
    /// text that says the same.
    pub fn weigh_attribute(self, known: Option<&Value>, sent: &str) -> Verdict {
        match known {
            Some(known) if !known.is_string() && says_the_same(known, sent) => Verdict::Leave,
            known => self.weigh(known.map(as_text).as_deref(), sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
        fn an_empty_attribute_changes_nothing(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]),
            known in prop::option::of(prop::sample::select(vec![json!(5), json!(true), json!("x"), json!("")])),
            sent in "[ \t\n]{0,3}",
        ) {
            prop_assert_eq!(policy.weigh_attribute(known.as_ref(), &sent), Verdict::Leave);
        }

        #[test]
        fn text_that_says_the_same_as_a_number_changes_nothing(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]), known in any::<i32>(),
        ) {
            for sent in [format!("{known}"), format!(" {known}.0")] {
                prop_assert_eq!(policy.weigh_attribute(Some(&json!(known)), &sent), Verdict::Leave);
            }
        }

        #[test]
        fn a_known_value_is_replaced_only_by_overwriting(known in "[a-z]{1,3}", sent in "[a-z]{1,3}") {
            prop_assert_ne!(FillBlanks.weigh(Some(&known), &sent), Verdict::Take);
            prop_assert_ne!(LinkOnly.weigh(Some(&known), &sent), Verdict::Take);
        }
    }
}

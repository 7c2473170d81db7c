//! Who wants to hear of what: scores that were crossed, and interactions that leads' owners asked for (ASG-6).

use crate::alerts::OwnedLead;
use crate::clock::Timestamp;
use crate::id::Id;

/// The score of a lead, the highest over the models, before and after it rose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rise {
    pub lead: OwnedLead,
    /// In points.
    pub before: i64,
    /// In points.
    pub after: i64,
    /// The model with the highest score now.
    pub model_id: Option<Id>,
    /// Its name.
    pub model: Option<String>,
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Did {
    pub interaction_id: Id,
    pub kind: String,
    pub occurred_at: Timestamp,
    pub contact_id: Option<Id>,
    /// The lead that it names.
    pub lead_id: Option<Id>,
    /// The user who did it: where a person answers a user, none.
    pub done_by: Option<Id>,
}

/// A lead's owner who wants to hear what its contact does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    pub user_id: Id,
    pub lead_id: Id,
    pub contact_id: Option<Id>,
    /// Only of these kinds; all when none is named.
    pub kinds: Option<Vec<String>>,
}

/// The highest of `marks` that a score reached when it rose from `before` to `after`.
pub fn crossed(before: i64, after: i64, marks: impl IntoIterator<Item = i64>) -> Option<i64> {
    marks.into_iter().filter(|mark| before < *mark && *mark <= after).max()
}

/// Whom to tell that a person did something, each user once: about the lead that was named, otherwise about the oldest.
/// Nobody is told what they did, or recorded, themselves.
pub fn concerned<'a>(did: &Did, interests: &'a [Interest], recorded_by: Option<Id>) -> Vec<&'a Interest> {
    let is_own = |user| did.done_by == Some(user) || recorded_by == Some(user);
    let is_about = |lead: &Interest| {
        did.lead_id == Some(lead.lead_id) || did.contact_id.is_some() && did.contact_id == lead.contact_id
    };
    let wants = |interest: &Interest| interest.kinds.as_ref().is_none_or(|kinds| kinds.contains(&did.kind));
    let mut found: Vec<&Interest> = interests
        .iter()
        .filter(|interest| !is_own(interest.user_id) && is_about(interest) && wants(interest))
        .collect();
    found.sort_by_key(|interest| (interest.user_id, did.lead_id != Some(interest.lead_id), interest.lead_id));
    found.dedup_by_key(|interest| interest.user_id);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn did() -> Did {
        Did {
            interaction_id: id(9),
            kind: "call".into(),
            occurred_at: Timestamp::from_day(1),
            contact_id: Some(id(1)),
            lead_id: None,
            done_by: None,
        }
    }

    fn interest(user: u8, lead: u8) -> Interest {
        Interest { user_id: id(user), lead_id: id(lead), contact_id: Some(id(1)), kinds: None }
    }

    fn told(did: &Did, interests: &[Interest]) -> Vec<(Id, Id)> {
        concerned(did, interests, Some(id(7))).iter().map(|interest| (interest.user_id, interest.lead_id)).collect()
    }

    proptest! {
        #[test]
        fn a_score_is_crossed_upwards_and_of_several_the_highest(
            before in -50_i64..50, after in -50_i64..50, marks in prop::collection::vec(-50_i64..50, 0..5),
        ) {
            let expected = marks.iter().copied().filter(|mark| before < *mark && *mark <= after).max();
            prop_assert_eq!(crossed(before, after, marks), expected);
            prop_assert_eq!(crossed(after.max(before), before.min(after), [before, after]), None);
        }
    }

    #[test]
    fn each_owner_is_told_once_about_the_lead_that_is_named_or_the_oldest() {
        let interests = [interest(2, 12), interest(2, 11), interest(3, 13), interest(3, 13)];
        assert_eq!(told(&did(), &interests), [(id(2), id(11)), (id(3), id(13))]);
        let named = Did { lead_id: Some(id(12)), ..did() };
        assert_eq!(told(&named, &interests), [(id(2), id(12)), (id(3), id(13))]);
    }

    #[test]
    fn nobody_is_told_what_they_did_or_recorded_themselves_or_what_they_did_not_ask_for() {
        assert_eq!(told(&Did { done_by: Some(id(2)), ..did() }, &[interest(2, 11)]), []);
        assert_eq!(told(&did(), &[interest(7, 11)]), []);
        let meetings = Interest { kinds: Some(vec!["meeting".into()]), ..interest(2, 11) };
        assert_eq!(told(&did(), std::slice::from_ref(&meetings)), []);
        assert_eq!(told(&Did { kind: "meeting".into(), ..did() }, &[meetings]), [(id(2), id(11))]);
    }

    #[test]
    fn what_another_contact_did_concerns_only_the_lead_that_it_names() {
        let other = Did { contact_id: Some(id(5)), ..did() };
        assert_eq!(told(&other, &[interest(2, 11)]), []);
        assert_eq!(told(&Did { lead_id: Some(id(11)), ..other }, &[interest(2, 11)]), [(id(2), id(11))]);
        let nobody = Interest { contact_id: None, ..interest(2, 11) };
        assert_eq!(told(&Did { contact_id: None, ..did() }, &[nobody]), []);
    }
}

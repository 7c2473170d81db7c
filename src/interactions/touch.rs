//! What is a touch (WRK-2): something a user did for a person, who called, met or wrote to them.
//!
//! An interaction with a user behind it is one, of whatever kind, unless it is the person's answer: one of the kinds that
//! tell what became of a mail, or one that names the message it answers. There the user is who sent what was answered.
//! Voided ones and those of machines are none. Every touch counts, also several a day.
//!
//! A touch belongs to the lead that it names. One that names none belongs to every lead that its contact had by then.

use crate::clock::Timestamp;
use crate::id::Id;
use crate::leads::Lead;

/// Kinds that tell what a person made of a mail.
pub const ANSWERS: [&str; 4] = ["email_opened", "email_clicked", "email_replied", "unsubscribed"];

/// Kinds of which a user who records one did it, unless another is named.
const DONE_BY_USERS: [&str; 3] = ["call", "meeting", "message"];

/// Whether an interaction of this kind that has a user behind it is a touch.
pub fn is_touch(kind: &str, answers_a_message: bool) -> bool {
    !answers_a_message && !ANSWERS.contains(&kind)
}

/// Whether it is users who do what is of this kind.
pub fn is_done_by_users(kind: &str) -> bool {
    DONE_BY_USERS.contains(&kind)
}

/// A touch, and whom it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub occurred_at: Timestamp,
}

/// A lead, as touches belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    pub lead_id: Id,
    pub contact_id: Option<Id>,
    pub created_at: Timestamp,
}

impl Touched {
    /// The lead, as touches belong to it.
    pub fn of(lead: &Lead) -> Self {
        Self { lead_id: lead.id, contact_id: lead.contact_id, created_at: lead.created_at }
    }

    /// Whether the touch belongs to the lead.
    pub fn has(&self, touch: &Touch) -> bool {
        match touch.lead_id {
            Some(lead) => lead == self.lead_id,
            None => {
                let is_theirs = touch.contact_id.is_some() && touch.contact_id == self.contact_id;
                is_theirs && touch.occurred_at >= self.created_at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    #[test]
    fn what_users_do_is_a_touch_and_what_people_answer_is_none() {
        for kind in ["call", "meeting", "message", "event_attended", "demo_given"] {
            assert!(is_touch(kind, false) && !is_touch(kind, true), "{kind}");
        }
        assert!(ANSWERS.iter().all(|kind| !is_touch(kind, false)));
        assert!(is_done_by_users("call") && !is_done_by_users("event_attended"));
    }

    #[test]
    fn a_touch_belongs_to_the_lead_it_names_or_to_those_that_the_contact_had_by_then() {
        let lead = Touched { lead_id: id(1), contact_id: Some(id(2)), created_at: Timestamp::from_day(5) };
        let touch = |contact: Option<u8>, named: Option<u8>, day| Touch {
            contact_id: contact.map(id),
            lead_id: named.map(id),
            occurred_at: Timestamp::from_day(day),
        };
        assert!(lead.has(&touch(Some(2), None, 5)) && !lead.has(&touch(Some(2), None, 4)));
        assert!(lead.has(&touch(Some(2), Some(1), 1)) && !lead.has(&touch(Some(2), Some(3), 9)));
        assert!(!lead.has(&touch(Some(4), None, 9)) && !lead.has(&touch(None, None, 9)));
        assert!(!Touched { contact_id: None, ..lead }.has(&touch(None, None, 9)));
    }
}

//! Whether somebody may be sent a goodbye (CLO-2).
//!
//! It is no marketing: it answers an interest that the person showed, so that no consent is needed. Yet nobody hears from
//! the service who refused consent to marketing, or who unsubscribed and did not consent again since.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::contacts::Consent;

/// Why a letter was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GoodbyeWithheld)]
pub enum Withheld {
    /// No e-mail address is known.
    NoAddress,
    /// The person refused consent to marketing.
    ConsentRefused,
    /// The person unsubscribed.
    Unsubscribed,
    /// The lead was opened again before the letter was sent.
    Reopened,
}

/// Why a person is to be left in peace; `None` when they may be written to. `unsubscribed_at` is when they last did.
pub fn withheld(
    has_address: bool,
    marketing: Option<&Consent>,
    unsubscribed_at: Option<Timestamp>,
) -> Option<Withheld> {
    if !has_address {
        return Some(Withheld::NoAddress);
    }
    match (marketing, unsubscribed_at) {
        (Some(consent), _) if !consent.granted => Some(Withheld::ConsentRefused),
        (Some(consent), Some(at)) if consent.at > at => None,
        (_, Some(_)) => Some(Withheld::Unsubscribed),
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(granted: bool, day: i64) -> Consent {
        Consent { granted, at: Timestamp::from_day(day), how: None, evidence: None }
    }

    #[test]
    fn silence_about_marketing_is_no_refusal() {
        assert_eq!(withheld(true, None, None), None);
        assert_eq!(withheld(false, None, None), Some(Withheld::NoAddress));
    }

    #[test]
    fn whoever_refused_or_unsubscribed_is_left_in_peace_until_they_consent_again() {
        let day = |day| Some(Timestamp::from_day(day));
        assert_eq!(withheld(true, Some(&consent(false, 1)), None), Some(Withheld::ConsentRefused));
        assert_eq!(withheld(true, None, day(2)), Some(Withheld::Unsubscribed));
        assert_eq!(withheld(true, Some(&consent(true, 1)), day(2)), Some(Withheld::Unsubscribed));
        assert_eq!(withheld(true, Some(&consent(true, 3)), day(2)), None);
        assert_eq!(withheld(true, Some(&consent(true, 1)), None), None);
    }
}

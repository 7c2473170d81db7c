//! The kinds of interaction (INT-1): those built in, and the form that a workspace's own take.

/// Kinds that every workspace has, each with its name for people.
pub const BUILT_IN: [(&str, &str); 17] = [
    ("form_submitted", "Submitted a form"),
    ("page_visited", "Visited a page"),
    ("email_opened", "Opened a mail"),
    ("email_clicked", "Clicked in a mail"),
    ("email_replied", "Answered a mail"),
    ("event_registered", "Registered for an event"),
    ("event_attended", "Attended an event"),
    ("asset_viewed", "Viewed an asset"),
    ("asset_downloaded", "Downloaded an asset"),
    ("call", "Call"),
    ("meeting", "Meeting"),
    ("message", "Message"),
    ("ad_clicked", "Clicked an advertisement"),
    ("social_engaged", "Engaged on a social network"),
    ("survey_answered", "Answered a survey"),
    ("purchased", "Bought"),
    ("unsubscribed", "Unsubscribed"),
];

/// Whether every workspace has the kind.
pub fn is_built_in(key: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == key)
}

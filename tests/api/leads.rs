//! Leads: open, change, qualify, disqualify.

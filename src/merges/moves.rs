//! What hangs on a contact or lead, and so moves with it: the one list to extend when something new does (MAT-9).
//!
//! Every entry is a table with an `id` and the column in which it names the record.

use std::collections::BTreeMap;

use crate::id::Id;

/// A column that names a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub table: &'static str,
    pub column: &'static str,
    /// Whether the table counts versions: people see the change.
    pub versioned: bool,
}

impl Link {
    const fn new(table: &'static str, column: &'static str, versioned: bool) -> Self {
        Self { table, column, versioned }
    }

    /// What its moves are kept under.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}

/// Under what is kept that interactions waited until a merge: for a phone that both contacts had, or for the contact of a
/// lead that had none.
pub const WAITED: &str = "interactions.waiting";

/// What hangs on a contact, beside its anonymous ids.
pub const OF_CONTACT: [Link; 10] = [
    Link::new("contacts", "merged_into_id", false),
    Link::new("interactions", "contact_id", false),
    Link::new("leads", "contact_id", true),
    Link::new("leads", "referrer_contact_id", true),
    Link::new("submissions", "contact_id", true),
    Link::new("proposals", "contact_id", true),
    Link::new("tasks", "contact_id", true),
    Link::new("alerts", "contact_id", true),
    Link::new("opportunities", "contact_id", true),
    Link::new("lead_closings", "contact_id", false),
];

/// What hangs on a lead.
pub const OF_LEAD: [Link; 14] = [
    Link::new("leads", "merged_into_id", false),
    Link::new("interactions", "lead_id", false),
    Link::new("score_entries", "lead_id", false),
    Link::new("stage_changes", "lead_id", false),
    Link::new("service_level_breaches", "lead_id", false),
    Link::new("lead_assignments", "lead_id", false),
    Link::new("submissions", "lead_id", true),
    Link::new("proposals", "lead_id", true),
    Link::new("tasks", "lead_id", true),
    Link::new("alerts", "lead_id", true),
    Link::new("opportunities", "lead_id", true),
    Link::new("lead_closings", "lead_id", false),
    Link::new("lead_origins", "lead_id", false),
    Link::new("lead_origins", "origin_lead_id", false),
];

/// What is about a lead, and so about the lead's contact, whichever that is.
pub const ABOUT_LEADS: [&str; 2] = ["tasks", "alerts"];

/// Counts what waited with what moved.
pub fn count(moved: &mut BTreeMap<String, i64>, waited: &[Id]) {
    if !waited.is_empty() {
        moved.insert(WAITED.to_owned(), i64::try_from(waited.len()).unwrap_or(i64::MAX));
    }
}

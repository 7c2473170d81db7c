//! What may be done with a token, and which roles may do it (ADM-2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every scope there is.
pub const ALL: [&str; 37] = [
    "accounts:read",
    "accounts:write",
    "contacts:read",
    "contacts:write",
    "leads:read",
    "leads:write",
    "leads:assign",
    "leads:override",
    "opportunities:read",
    "opportunities:write",
    "tasks:read",
    "tasks:write",
    "alerts:read",
    "alerts:write",
    "process:write",
    "assignment:read",
    "assignment:write",
    "forms:read",
    "forms:write",
    "submissions:read",
    "submissions:write",
    "matching:read",
    "matching:write",
    "interactions:read",
    "interactions:write",
    "assets:read",
    "assets:write",
    "scoring:read",
    "scoring:write",
    "scoring:publish",
    "events:read",
    "jobs:read",
    "jobs:write",
    "reports:read",
    "users:read",
    "audit:read",
    "workspace:admin",
];

/// What a user does in the workspace; a role is a set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Forms, models and campaigns; all records.
    Marketer,
    /// Works leads before sales does.
    Teleprospector,
    /// Works leads that are ready for sales.
    Salesperson,
    /// Leads salespeople.
    SalesManager,
    /// Reads, changes nothing.
    Viewer,
    /// A program: records, interactions, submissions.
    Integration,
}

impl Role {
    /// The scopes of the role.
    pub fn scopes(self) -> Vec<&'static str> {
        let keep = |scope: &&str| match self {
            Self::Admin => true,
            Self::Marketer => !ADMINISTERS.contains(scope),
            Self::SalesManager => works_leads(scope) || MANAGES.contains(scope),
            Self::Teleprospector | Self::Salesperson | Self::Integration => works_leads(scope),
            Self::Viewer => reads(scope),
        };
        ALL.into_iter().filter(keep).collect()
    }
}

/// What only administrators do.
const ADMINISTERS: [&str; 2] = ["audit:read", "workspace:admin"];
/// What those who lead salespeople do, too.
const MANAGES: [&str; 3] = ["leads:assign", "leads:override", "assignment:write"];
/// What everyone writes who works leads.
const WORKS: [&str; 8] = [
    "accounts:write",
    "contacts:write",
    "leads:write",
    "opportunities:write",
    "tasks:write",
    "alerts:write",
    "submissions:write",
    "interactions:write",
];

fn reads(scope: &str) -> bool {
    scope.ends_with(":read") && !ADMINISTERS.contains(&scope)
}

fn works_leads(scope: &str) -> bool {
    reads(scope) || WORKS.contains(&scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_only_reads_and_only_an_admin_administers() {
        assert!(Role::Viewer.scopes().iter().all(|scope| scope.ends_with(":read")));
        assert!(Role::Admin.scopes().contains(&"workspace:admin"));
        assert!(!Role::Marketer.scopes().contains(&"workspace:admin"));
        assert!(Role::Marketer.scopes().contains(&"scoring:publish"));
        assert!(!Role::Salesperson.scopes().contains(&"scoring:publish"));
        assert!(!Role::Viewer.scopes().contains(&"audit:read"));
        assert!(Role::SalesManager.scopes().contains(&"leads:override"));
        assert!(!Role::Salesperson.scopes().contains(&"leads:override"));
    }
}

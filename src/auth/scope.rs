//! What may be done with a token, and which roles may do it (ADM-2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Every scope there is.
pub const ALL: [&str; 23] = [
    "accounts:read",
    "accounts:write",
    "contacts:read",
    "contacts:write",
    "leads:read",
    "leads:write",
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
        let reads = |scope: &&str| scope.ends_with(":read");
        let works_leads = |scope: &&str| {
            reads(scope)
                || ["accounts:write", "contacts:write", "leads:write", "submissions:write", "interactions:write"]
                    .contains(scope)
        };
        let connects = move |scope: &&str| works_leads(scope) || *scope == "submissions:write";
        let keep: Box<dyn Fn(&&str) -> bool> = match self {
            Self::Admin => Box::new(|_| true),
            Self::Marketer => Box::new(|scope| *scope != "workspace:admin"),
            Self::Teleprospector | Self::Salesperson | Self::SalesManager => Box::new(works_leads),
            Self::Integration => Box::new(connects),
            Self::Viewer => Box::new(reads),
        };
        ALL.into_iter().filter(|scope| keep(scope)).collect()
    }
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
    }
}

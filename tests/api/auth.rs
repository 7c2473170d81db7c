//! Who may do what: tokens, scopes, roles.

//! What people did.

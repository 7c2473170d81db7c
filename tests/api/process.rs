//! The stages a lead goes through.

//! Facts that others may hear of.

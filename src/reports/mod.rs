//! What came of it all, in figures (REP). Reports only read.

pub mod completeness_handlers;
mod completeness_repository;

//! What came of it all, in figures (REP): one file a report, each read from what is kept and changing nothing.

mod completeness_handlers;
mod completeness_repository;
pub mod handlers;
mod repository;
pub mod spread;
pub mod touches;

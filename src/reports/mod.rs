//! What came of it all, in numbers (REP): one file a report, each read from history and changing nothing.

pub mod handlers;
mod repository;
pub mod spread;
pub mod touches;

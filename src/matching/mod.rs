pub mod decide;
pub mod handlers;
pub mod strategy;

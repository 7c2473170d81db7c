pub mod handlers;
pub mod identity;

pub mod handlers;
pub mod redirect;

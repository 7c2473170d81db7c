//! What the tests stand on: a running service of their own, people who call it, and bodies to send.

mod answer;
mod app;
pub mod bodies;
mod chance;
mod database;
mod people;
pub mod process;
pub mod smtp;

pub use answer::Answer;
pub use app::{MAIL_FROM, Options, PUBLIC_URL, SECRET, TestApp, Workspace};
pub use chance::Chance;
pub use database::{Database, on_postgres};
pub use people::{Credential, Person, Request, http};

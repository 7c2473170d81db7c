//! ripen: a headless lead-lifecycle engine.

pub mod accounts;
pub mod contacts;
pub mod matching;
pub mod leads;
pub mod forms;
pub mod interactions;
pub mod scoring;
pub mod filter;
pub mod process;
pub mod events;
pub mod workspaces;

pub mod auth;
pub mod db;
pub mod http;

pub mod attributes;
pub mod clock;
pub mod config;
pub mod cli;
pub mod demo;
pub mod error;
pub mod id;
pub mod logging;
pub mod schema;
pub mod text;

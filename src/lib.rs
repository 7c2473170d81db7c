//! ripen: a headless lead-lifecycle engine.
//!
//! # A lead's life, and where to read about it
//!
//! A visitor fills in a form on a landing page. [`forms`] keeps what was sent before anything else happens, asks
//! [`matching`] whether the person is known, and creates or completes the [`contacts`] entry, its company in
//! [`accounts`] and the interest itself in [`leads`]. The submission is also an interaction: [`interactions`] records
//! what people do, whoever tells of it, and calls [`scoring`] in the same transaction. A scoring model looks at facts
//! through [`filter`] conditions and at interactions by kind; every point it gives is a row of a ledger. What each
//! thing that people download or watch is worth stands in the register of [`assets`]; what a model would change, and
//! would have foretold, [`backtests`] reads from what was recorded. When a score moves the lead,
//! [`process`] opens its one door from stage to stage, and [`assignment`] finds the user who is to work it; what is to be
//! done there, [`tasks`] keep, and who works the lead hears of it at once from [`alerts`]. A value that contradicts what is
//! known waits in [`proposals`]
//! until a user decides, and [`provenance`] keeps who or what set each field. Whatever happened is written to
//! [`events`] with it, so that others may hear of it. Two records that turn out to be one become one, and two again, in
//! [`merges`]; leads that are nobody's yet find their contact in [`linking`].
//! In the end a lead becomes business or nothing: [`closing`] qualifies it into one of the [`opportunities`], or
//! disqualifies it, until a day comes on which it begins again.
//!
//! # Rooms
//!
//! Each feature is a folder with the same few files: `mod.rs` has its words and use cases, `repository.rs` its SQL,
//! `handlers.rs` its HTTP, and files named after an idea (`evaluate.rs`, `decide.rs`, `transition.rs`) its rules, which
//! are pure functions over values. A use case receives a transaction, [`db::Tx`], and so composes with others; the
//! handler or job that began the transaction ends it. Use cases call those of rooms before them in this order:
//! events, workspaces, provenance, alerts, tasks, process, accounts, contacts, matching, leads, opportunities,
//! assignment, assets, scoring, interactions, backtests, proposals, linking, forms, merges, closing, timeline, reports.
//! Handlers compose any.
//!
//! # Below the rooms
//!
//! [`http`] enforces the generated OpenAPI document around every handler, [`auth`] tells who is asking, [`db`] runs
//! transactions on SQLite or PostgreSQL, [`jobs`] does what takes longer than a request, [`mail`] sends mail, [`clock`]
//! tells the time. [`config`], [`cli`] and [`demo`] start it all.

pub mod contacts;
pub mod accounts;
pub mod matching;
pub mod merges;
pub mod leads;
pub mod opportunities;
pub mod forms;
pub mod proposals;
pub mod interactions;
pub mod closing;
pub mod linking;
pub mod assets;
pub mod scoring;
pub mod backtests;
pub mod timeline;
pub mod reports;
pub mod filter;
pub mod process;
pub mod assignment;
pub mod tasks;
pub mod alerts;
pub mod provenance;
pub mod events;
pub mod workspaces;

pub mod auth;
pub mod http;
pub mod db;
pub mod jobs;
pub mod mail;

pub mod cli;
pub mod config;
pub mod demo;
pub mod logging;

pub mod attributes;
pub mod clock;
pub mod day;
pub mod error;
pub mod id;
pub mod percent;
pub mod schema;
pub mod text;

//! The service as its callers see it: requests over HTTP to a running server, on SQLite or PostgreSQL.
//!
//! `TEST_DATABASE_URL` names the database; without it every test has a SQLite file of its own.

#[allow(dead_code, unused_imports)]
mod support;

mod accounts;
mod alerts;
mod assets;
mod audit;
mod assignment;
mod auth;
mod backtests;
mod browser;
mod cli;
mod completeness;
mod closing;
mod contacts;
mod demo;
mod double_opt_in;
mod event_forms;
mod events;
mod filter;
mod flags;
mod forms;
mod frame;
mod idempotency;
mod interactions;
mod jobs;
mod lead_ads;
mod leads;
mod leads_by_hand;
mod linking;
mod matching;
mod merges;
mod one_lead_at_once;
mod opportunities;
mod paging;
mod process;
mod process_model;
mod processes;
mod proposals;
mod provenance;
mod query_plans;
mod rejections;
mod score_explanations;
mod scoring;
mod scoring_laws;
mod scoring_lifecycle;
mod scoring_models;
mod scoring_time;
mod service_levels;
mod spam;
mod submissions;
mod timeline;
mod transitions;
mod tasks;
mod touches;
mod update_policies;
mod workspaces;

#[path = "../architecture.rs"]
mod architecture;
#[path = "../concurrency.rs"]
mod concurrency;
#[path = "../crash.rs"]
mod crash;
#[path = "../migrations.rs"]
mod migrations;
#[path = "../openapi.rs"]
mod openapi;

//! What each kind of job does: the one place where the queue meets the features.

use std::pin::Pin;

use actix_web::web;
use serde_json::Value;

use super::snapshot::Progress;
use super::{Findings, Job, Kind, Step};
use crate::backtests::{advice, backtest, preview};
use crate::closing::goodbye_mail;
use crate::db::Tx;
use crate::error::Result;
use crate::forms::confirmation_mail;
use crate::http::State;
use crate::interactions::voids;
use crate::linking;
use crate::scoring::{rescoring, verify};

/// What is under way outside the database.
pub type Deed = Pin<Box<dyn Future<Output = Result<Value>>>>;

/// How the work of a job is done.
pub enum Work {
    /// In steps, each of which is one transaction.
    Steps(fn(&mut Tx<'_>, &Job) -> Result<Step>),
    /// In one piece, on one consistent view of the data. When a worker dies over it, another begins from the start.
    Snapshot(fn(&mut Tx<'_>, &Job, &mut Progress) -> Result<Findings>),
    /// By something outside the database; gives the job's result. It may be done again when a worker dies over it, and
    /// must end well before a lease does.
    Deed(fn(web::Data<State>, Job) -> Deed),
}

/// How jobs of `kind` are done.
pub fn work(kind: Kind) -> Work {
    match kind {
        Kind::LinkContacts => Work::Steps(linking::step),
        Kind::VoidInteractions => Work::Steps(voids::go_on),
        Kind::RescoreLeads => Work::Steps(rescoring::step),
        Kind::VerifyScores => Work::Steps(verify::step),
        Kind::ScorePreview => Work::Snapshot(preview::run),
        Kind::Backtest => Work::Snapshot(backtest::run),
        Kind::ScoreAdvice => Work::Snapshot(advice::run),
        Kind::ConfirmationMail => {
            Work::Deed(|state, job| Box::pin(async move { confirmation_mail::send(&state, &job).await }))
        }
        Kind::GoodbyeMail => Work::Deed(|state, job| Box::pin(async move { goodbye_mail::send(&state, &job).await })),
    }
}

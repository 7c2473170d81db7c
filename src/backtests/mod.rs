//! What a scoring model would change, and what it would have foretold (SCO-14, SCO-15, SCO-16).
//!
//! A study asks one question of a model: a `preview` compares what would go live with what is live, over the open leads
//! of the moment; a `backtest` replays recorded history against what became of the leads; `advice` says what each rule
//! and asset was worth. Each is a job on one consistent view of the data: what is recorded while it runs plays no part.
//! The definition is kept with the question, so that a draft may go on changing.
//!
//! `history` reads leads with what was done, some people at a time, so that the memory a study needs does not grow with
//! the history; only what one contact did, or the contacts of one account, must fit. `judgement` has the numbers.
//!
//! Facts have no history: conditions on fields are answered as the records are now, also for the past. Only the status
//! of a lead is known to have been open until it was closed, and is read so. Nothing that happened after the outcome
//! of a lead counts for it. What became of the opportunities that leads led to is told beside their outcomes and judges
//! no model: a deal is lost for reasons that no score could know.

pub mod advice;
pub mod backtest;
mod backtest_handlers;
mod choice;
pub mod handlers;
pub mod history;
mod history_repository;
pub mod judgement;
pub mod preview;
mod repository;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::assets;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::jobs::{self, Job};
use crate::schema::score_studies;
use crate::scoring::{Definition, Model};

pub use choice::Choice;
pub use repository::LeadFilter;

/// What a study is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScoreStudyKind)]
pub enum Kind {
    /// What publishing would change.
    Preview,
    /// What would have been foretold.
    Backtest,
    /// What each rule was worth.
    Advice,
}

impl Kind {
    fn job(self) -> jobs::Kind {
        match self {
            Self::Preview => jobs::Kind::ScorePreview,
            Self::Backtest => jobs::Kind::Backtest,
            Self::Advice => jobs::Kind::ScoreAdvice,
        }
    }
}

/// A version of a model as it was when the study was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number; none for a draft.
    pub version: Option<i64>,
    pub definition: Definition,
}

/// What a study asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub plan: Plan,
    /// What it is compared with.
    pub compared: Option<Plan>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// A study, without its report.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = score_studies, treat_none_as_default_value = false)]
pub struct Study {
    pub workspace_id: Id,
    pub id: Id,
    pub model_id: Id,
    pub kind: Code<Kind>,
    pub job_id: Id,
    pub question: JsonOf<Question>,
    pub created_by: Option<Id>,
    pub created_at: Timestamp,
    /// When its report was written; none until then.
    pub finished_at: Option<Timestamp>,
}

/// The fields that studies can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("created_at", "score_studies.created_at", SortKind::Instant)];

impl Sorted for Study {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// What the job of a study is told.
#[derive(Serialize, Deserialize)]
struct Asked {
    study_id: Id,
}

/// What a finished study leaves in its job.
#[derive(Serialize)]
struct Answered {
    study_id: Id,
}

/// Asks for a study of a model, which a job makes.
fn request(tx: &mut Tx<'_>, model_id: Id, kind: Kind, question: Question) -> Result<Study> {
    let (id, created_at) = (Id::new(tx.at()), tx.at());
    let job = jobs::enqueue(tx, kind.job(), &Asked { study_id: id }, None)?;
    let study = Study {
        workspace_id: tx.scope.workspace,
        id,
        model_id,
        kind: Code(kind),
        job_id: job.id,
        question: JsonOf(question),
        created_by: tx.scope.actor,
        created_at,
        finished_at: None,
    };
    tx.studies().insert(&study)?;
    Ok(study)
}

/// The study that a job makes.
fn study_of(tx: &mut Tx<'_>, job: &Job) -> Result<Study> {
    let Asked { study_id } = job.input()?;
    tx.studies().find(study_id)
}

/// What a study found, to be written with the end of its job.
fn findings(study: Id, items: i64, report: impl Serialize) -> Result<jobs::Findings> {
    let report = serde_json::to_value(report).map_err(Error::internal)?;
    let write = move |tx: &mut Tx<'_>| {
        tx.studies().finish(study, &report)?;
        serde_json::to_value(Answered { study_id: study }).map_err(Error::internal)
    };
    Ok(jobs::Findings { items, write: Box::new(write) })
}

impl Plan {
    /// The version, ready to score with, by the register of assets as it stands.
    fn model(&self, tx: &mut Tx<'_>) -> Result<Model> {
        let register = assets::register(tx)?;
        Model::compile_with(&self.definition, &register.percents).map_err(Error::Invalid)
    }
}

//! Scores that change for many leads at once, brought up to date in the background (SCO-11, SCO-14).
//!
//! A job goes through the leads by id, some in each transaction, so that recording goes on beside it. A lead moves from
//! one version of a model to the next in one step: until its turn comes it is scored by the version it has, also by
//! what is recorded meanwhile. Leads that are opened meanwhile begin with the live version. A job that was overtaken,
//! by a later version or because the model was stopped or published again, ends early.

use serde::{Deserialize, Serialize};

use super::ledger::Cause;
use super::rescore::{Reach, Round, hold_leads, rescore_due, run};
use super::settle::take_back;
use super::step::News;
use super::{LeadOutcome, Status};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::jobs::{self, Job, Kind, Step};

/// Leads that one step brings up to date: few enough that nobody who records waits long.
const CHUNK: i64 = 100;

/// Why leads are to be scored anew, and so which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "concern", rename_all = "snake_case")]
pub enum Concern {
    /// An account changed, and so what its leads and those of its people are scored by.
    Account { account_id: Id },
    /// The workspace changed its mind about consent to profiling.
    Consent,
    /// The register of assets changed, from which some rules take their points.
    Assets,
    /// A version of a model went live, or began to run in the shadow of another.
    Published { model_id: Id, model_version: i64 },
    /// A model was stopped, and its scores stay as they are or are taken back.
    Stopped { model_id: Id, keep_scores: bool },
}

/// What came of it so far: the result of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// Leads that were looked at.
    leads: i64,
    /// Those of them with a score that is another than before.
    changed: i64,
}

/// Asks for the leads concerned to be scored anew; `total` is how many they are, as far as that is known.
pub fn request(tx: &mut Tx<'_>, concern: &Concern, total: Option<i64>) -> Result<Job> {
    jobs::enqueue(tx, Kind::RescoreLeads, concern, total)
}

/// Brings the next leads of a job up to date.
pub fn step(tx: &mut Tx<'_>, job: &Job) -> Result<Step> {
    let concern: Concern = job.input()?;
    let after = job.position::<Option<Id>>()?.unwrap_or(Id::NIL);
    let mut progress: Progress = serde_json::from_value(job.result.0.clone()).unwrap_or_default();
    let leads = next(tx, &concern, after)?;
    let outcomes = bring_up_to_date(tx, &concern, &leads)?;
    let items = i64::try_from(leads.len()).unwrap_or(i64::MAX);
    progress.leads += items;
    progress.changed += outcomes.iter().map(|it| i64::from(has_changed(it))).sum::<i64>();
    let last = leads.last().filter(|_| items == CHUNK);
    let position = last.map(serde_json::to_value).transpose().map_err(crate::error::Error::internal)?;
    let result = serde_json::to_value(progress).map_err(crate::error::Error::internal)?;
    Ok(Step { items, position, result })
}

/// The next leads concerned, by id; none once the job was overtaken.
fn next(tx: &mut Tx<'_>, concern: &Concern, after: Id) -> Result<Vec<Id>> {
    match concern {
        Concern::Account { account_id } => tx.scorables().open_around_account(*account_id, after, CHUNK),
        Concern::Consent | Concern::Assets => tx.scorables().open_after(after, CHUNK),
        Concern::Published { model_id, model_version } => {
            match tx.scoring_models().get_any(*model_id)?.live_version == Some(*model_version) {
                true => tx.scorables().open_after(after, CHUNK),
                false => Ok(Vec::new()),
            }
        }
        Concern::Stopped { model_id, .. } => {
            match tx.scoring_models().get_any(*model_id)?.status.0 == Status::Stopped {
                true => tx.scores().scored_by(*model_id, after, CHUNK),
                false => Ok(Vec::new()),
            }
        }
    }
}

fn bring_up_to_date(tx: &mut Tx<'_>, concern: &Concern, leads: &[Id]) -> Result<Vec<LeadOutcome>> {
    hold_leads(tx, leads)?;
    match concern {
        Concern::Account { .. } | Concern::Consent => {
            let news = News { is_other_history: true, ..News::of(Cause::FieldChange) };
            let round = Round::of_all(tx, news, Reach::All)?;
            run(tx, leads, &round)
        }
        Concern::Assets => {
            rescore_due(tx, leads)?;
            let round = Round::of_all(tx, News::of(Cause::Assets), Reach::All)?;
            run(tx, leads, &round)
        }
        Concern::Published { model_id, .. } => {
            // What the version that ends would have done by now is told by that version.
            let passing = Round::of_all(tx, News::of(Cause::WindowExpiry), Reach::Due)?;
            run(tx, leads, &Round { only: Some(*model_id), ..passing })?;
            let round = Round::of_all(tx, News::of(Cause::Publish), Reach::All)?;
            run(tx, leads, &Round { only: Some(*model_id), ..round })
        }
        Concern::Stopped { model_id, keep_scores } => {
            let open = tx.scorables().lock_leads(leads)?.into_iter().filter(|lead| lead.status.0.is_open());
            let open: Vec<Id> = open.map(|lead| lead.id).collect();
            let scores = if *keep_scores { Vec::new() } else { tx.scores().of_leads(&open)? };
            for score in scores.into_iter().filter(|score| score.model_id == *model_id) {
                take_back(tx, &score, Cause::Publish)?;
            }
            rescore_due(tx, &open)
        }
    }
}

fn has_changed(outcome: &LeadOutcome) -> bool {
    outcome.scores.iter().any(|score| score.score != score.before)
}

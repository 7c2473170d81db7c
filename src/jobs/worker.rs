//! Workers: they look for jobs that are due, and do one step at a time.
//!
//! After each step the job goes back to the end of the line, so that a long one holds up nobody. Instances share the
//! queue; on PostgreSQL a job that one worker looks at is passed over by the others.

use std::sync::Mutex;
use std::time::Duration;

use actix_web::{rt, web};

use super::register::{Work, work};
use super::snapshot::Progress;
use super::{Findings, Job, Step, advance, put_off};
use crate::db::{Scope, Tx};
use crate::error::{Error, Result};
use crate::http::State;
use crate::id::Id;

/// How long a worker that found nothing to do waits before it looks again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long it waits when the database did not answer.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// How many workers an instance has, and how long each may take over a step.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Workers of this instance; without any, others do the work.
    pub workers: usize,
    /// Seconds after which a step counts as abandoned.
    pub lease_s: i64,
}

/// Lets the instance's workers begin; they end with the runtime.
pub fn start(state: &web::Data<State>, terms: Terms) {
    for _ in 0..terms.workers {
        rt::spawn(run(state.clone(), terms.lease_s));
    }
}

async fn run(state: web::Data<State>, lease_s: i64) {
    loop {
        match do_one_step(&state, lease_s).await {
            Ok(true) => {}
            Ok(false) => rt::time::sleep(PAUSE).await,
            Err(error) => {
                log::warn!("no job could be taken: {error}");
                rt::time::sleep(LONG_PAUSE).await;
            }
        }
    }
}

/// Does one step of the job that has waited longest; false when none is due.
async fn do_one_step(state: &web::Data<State>, lease_s: i64) -> Result<bool> {
    let nowhere = Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None };
    if !state.db.read(nowhere, |tx| tx.jobs().is_any_due()).await? {
        return Ok(false);
    }
    let (lease, until) = (Id::new(nowhere.at), nowhere.at.plus_seconds(lease_s));
    let Some(job) = state.db.write(nowhere, move |tx| tx.jobs().claim(lease, until)).await? else { return Ok(false) };
    let scope = Scope { workspace: job.workspace_id, actor: job.created_by, ..nowhere };
    let taken = Taken { id: job.id, lease, lease_s, scope };
    if let Err(error) = taken.attempt(state, job).await {
        log::warn!("job {} failed: {error}", taken.id);
        taken.fail(state, error).await?;
    }
    Ok(true)
}

/// A job that this worker has until its lease runs out.
#[derive(Clone, Copy)]
struct Taken {
    id: Id,
    lease: Id,
    lease_s: i64,
    scope: Scope,
}

impl Taken {
    async fn attempt(self, state: &web::Data<State>, job: Job) -> Result<()> {
        match work(job.kind.0) {
            Work::Steps(step) => self.write(state, step).await,
            Work::Snapshot(study) => {
                let found = self.study(state, job, study).await?;
                let step = move |tx: &mut Tx<'_>, job: &Job| {
                    let result = (found.write)(tx)?;
                    Ok(Step { items: found.items - job.items_done, position: None, result })
                };
                self.write(state, step).await
            }
            Work::Deed(deed) => {
                let result = deed(state.clone(), job).await?;
                self.write(state, move |_, _| Ok(Step { items: 1, position: None, result: result.clone() })).await
            }
        }
    }

    /// What `study` finds in one consistent view of the data. It is told to stop when this is given up, as it is when
    /// the service ends.
    async fn study(
        self,
        state: &web::Data<State>,
        job: Job,
        study: fn(&mut Tx<'_>, &Job, &mut Progress) -> Result<Findings>,
    ) -> Result<Findings> {
        let (scope, lease) = (self.now(state), (self.lease, self.lease_s));
        let (progress, _stop) = Progress::new(state.db.clone(), state.clock.clone(), scope, self.id, lease);
        let progress = Mutex::new(progress);
        let look = move |tx: &mut Tx<'_>| {
            let mut progress = progress.lock().map_err(Error::internal)?;
            study(tx, &job, &mut progress)
        };
        state.db.read(scope, look).await
    }

    /// One transaction: `step`, and how far the job is then, if the lease still holds.
    async fn write<F>(self, state: &web::Data<State>, step: F) -> Result<()>
    where
        F: Fn(&mut Tx<'_>, &Job) -> Result<Step> + Send + 'static,
    {
        let work = move |tx: &mut Tx<'_>| {
            let job = tx.jobs().hold(self.id, self.lease)?;
            let done = step(tx, &job)?;
            advance(tx, &job, done)
        };
        state.db.write(self.now(state), work).await
    }

    async fn fail(self, state: &web::Data<State>, error: Error) -> Result<()> {
        let work = move |tx: &mut Tx<'_>| match tx.jobs().hold(self.id, self.lease) {
            Ok(job) => put_off(tx, &job, &error),
            Err(Error::Conflict(_) | Error::NotFound) => Ok(()),
            Err(fault) => Err(fault),
        };
        state.db.write(self.now(state), work).await
    }

    fn now(self, state: &web::Data<State>) -> Scope {
        Scope { at: state.clock.now(), ..self.scope }
    }
}

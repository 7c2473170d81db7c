//! The sweeper: brings up to date what changes though nobody does anything.
//!
//! Every instance has one, and one at a time is at work: it holds a lease in the database, so that instances that share
//! one do not do the same twice. One that dies is followed by another when its lease has run out. After a standstill it
//! goes on until nothing is due, some leads in each transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{rt, web};

use crate::clock::Timestamp;
use crate::closing;
use crate::db::{Scope, Tx};
use crate::error::{Error, Result};
use crate::http::State;
use crate::id::Id;
use crate::process::deadlines;
use crate::tasks::overdue;
use crate::{assignment, scoring};

/// The lease of the one who sweeps.
const LEASE: &str = "sweeper";

/// What the sweeper does, one after the other.
const CHORES: &[Chore] =
    &[scoring::sweep::CHORE, deadlines::CHORE, closing::CHORE, assignment::sweep::CHORE, overdue::CHORE];

/// Seconds that a record which fails is left alone.
const PUT_OFF_S: i64 = 3600;

/// A workspace, and a record of it that is due.
pub type Due = (Id, Id);

/// Something that becomes due by itself.
#[derive(Clone, Copy)]
pub struct Chore {
    /// What is brought up to date, for the log.
    pub name: &'static str,
    /// Some of the records that are due in all workspaces, those first that have waited longest.
    pub due: fn(&mut Tx<'_>) -> Result<Vec<Due>>,
    /// Brings records of one workspace up to date; afterwards they are not due any more.
    pub catch_up: fn(&mut Tx<'_>, &[Id]) -> Result<()>,
    /// Leaves a record alone until an instant, after it could not be brought up to date.
    pub put_off: fn(&mut Tx<'_>, Id, Timestamp) -> Result<()>,
}

/// How the sweeper of an instance works.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long it waits before it looks again.
    pub every: Duration,
    /// Seconds after which another may take over.
    pub lease_s: i64,
}

/// Lets the instance's sweeper begin, unless it is left to others; it ends with the runtime.
pub fn start(state: &web::Data<State>, terms: Option<Terms>) {
    if let Some(terms) = terms {
        rt::spawn(run(state.clone(), terms));
    }
}

async fn run(state: web::Data<State>, terms: Terms) {
    let holder = Id::new(state.clock.now());
    loop {
        rt::time::sleep(terms.every).await;
        for chore in CHORES {
            if let Err(error) = sweep_all(&state, *chore, (holder, terms.lease_s)).await {
                log::warn!("{} that are due could not be brought up to date: {error}", chore.name);
            }
        }
    }
}

/// Brings everything up to date that is due, unless another is at it.
async fn sweep_all(state: &web::Data<State>, chore: Chore, lease: (Id, i64)) -> Result<()> {
    loop {
        let due = state.db.read(nowhere(state), chore.due).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (workspace, records) in by_workspace(due) {
            match sweep_some(state, chore, workspace, lease, records.clone()).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(Error::Unavailable(why)) => return Err(Error::Unavailable(why)),
                Err(error) => {
                    log::warn!("some {} could not be brought up to date together: {error}", chore.name);
                    sweep_each(state, chore, workspace, lease, records).await?;
                }
            }
        }
    }
}

/// One by one, so that a record that fails holds up no other; it is tried again later.
async fn sweep_each(
    state: &web::Data<State>,
    chore: Chore,
    workspace: Id,
    lease: (Id, i64),
    records: Vec<Id>,
) -> Result<()> {
    for record in records {
        if let Err(error) = sweep_some(state, chore, workspace, lease, vec![record]).await {
            log::error!("of the {}, {record} could not be brought up to date: {error}", chore.name);
            let scope = Scope { workspace, ..nowhere(state) };
            let put_off = move |tx: &mut Tx<'_>| (chore.put_off)(tx, record, tx.at().plus_seconds(PUT_OFF_S));
            state.db.write(scope, put_off).await?;
        }
    }
    Ok(())
}

/// Brings what is due of the records up to date in one transaction; false when another has the lease.
async fn sweep_some(
    state: &web::Data<State>,
    chore: Chore,
    workspace: Id,
    (holder, lease_s): (Id, i64),
    records: Vec<Id>,
) -> Result<bool> {
    let work = move |tx: &mut Tx<'_>| {
        let until = tx.at().plus_seconds(lease_s);
        if !tx.leases().take(LEASE, holder, until)? {
            return Ok(false);
        }
        (chore.catch_up)(tx, &records)?;
        Ok(true)
    };
    state.db.write(Scope { workspace, ..nowhere(state) }, work).await
}

fn by_workspace(due: Vec<Due>) -> BTreeMap<Id, Vec<Id>> {
    let mut grouped: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for (workspace, record) in due {
        grouped.entry(workspace).or_default().push(record);
    }
    grouped
}

fn nowhere(state: &State) -> Scope {
    Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None }
}

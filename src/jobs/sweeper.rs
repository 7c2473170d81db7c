//! The sweeper: brings up to date what changes though nobody does anything.
//!
//! Every instance has one, and one at a time is at work: it holds a lease in the database, so that instances that share
//! one do not do the same twice. One that dies is followed by another when its lease has run out. After a standstill it
//! goes on until nothing is due, some leads in each transaction.

use std::time::Duration;

use actix_web::{rt, web};

use crate::db::{Scope, Tx};
use crate::error::{Error, Result};
use crate::http::State;
use crate::id::Id;
use crate::scoring::sweep;

/// The lease of the one who sweeps.
const LEASE: &str = "sweeper";

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
        if let Err(error) = sweep_all(&state, holder, terms.lease_s).await {
            log::warn!("what is due could not be brought up to date: {error}");
        }
    }
}

/// Brings everything up to date that is due, unless another is at it.
async fn sweep_all(state: &web::Data<State>, holder: Id, lease_s: i64) -> Result<()> {
    loop {
        let due = state.db.read(nowhere(state), sweep::due).await?;
        if due.is_empty() {
            return Ok(());
        }
        for (workspace, leads) in due {
            match sweep_some(state, workspace, (holder, lease_s), leads.clone()).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(Error::Unavailable(why)) => return Err(Error::Unavailable(why)),
                Err(error) => {
                    log::warn!("some scores could not be brought up to date together: {error}");
                    sweep_each(state, workspace, (holder, lease_s), leads).await?;
                }
            }
        }
    }
}

/// One by one, so that a lead that fails holds up no other; it is tried again later.
async fn sweep_each(state: &web::Data<State>, workspace: Id, lease: (Id, i64), leads: Vec<Id>) -> Result<()> {
    for lead in leads {
        if let Err(error) = sweep_some(state, workspace, lease, vec![lead]).await {
            log::error!("lead {lead} could not be brought up to date: {error}");
            let scope = Scope { workspace, ..nowhere(state) };
            state.db.write(scope, move |tx| sweep::put_off(tx, lead)).await?;
        }
    }
    Ok(())
}

/// Brings what is due of the leads up to date in one transaction; false when another has the lease.
async fn sweep_some(
    state: &web::Data<State>,
    workspace: Id,
    (holder, lease_s): (Id, i64),
    leads: Vec<Id>,
) -> Result<bool> {
    let work = move |tx: &mut Tx<'_>| {
        let until = tx.at().plus_seconds(lease_s);
        if !tx.leases().take(LEASE, holder, until)? {
            return Ok(false);
        }
        sweep::sweep(tx, &leads)?;
        Ok(true)
    };
    state.db.write(Scope { workspace, ..nowhere(state) }, work).await
}

fn nowhere(state: &State) -> Scope {
    Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None }
}

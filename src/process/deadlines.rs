//! Until when leads may stay in their stage, and the times they stayed too long (PRO-8).
//!
//! Every lead in a stage has a clock, which starts when the stage is entered. A deadline follows from the stage's service
//! level, the lead's temperature and the working calendar; when one of them changes it is derived anew, from the same
//! start: at once for a temperature, by the sweeper for a process or a calendar, which concern many leads. The sweeper
//! derives a deadline once more before it says that it was missed, so nobody is blamed by yesterday's rules. A lead is
//! late at most once in a stage, and stays so until it leaves. Closed leads have no deadline, and a lead that leaves its
//! stage ends the clock.

use diesel::prelude::*;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::stage::Stage;
use super::{Standing, definitions, service_level};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::jobs::sweeper::Chore;
use crate::schema::{service_level_breaches, stage_deadlines};
use crate::workspaces;

/// Deadlines that are due.
pub const CHORE: Chore = Chore {
    name: "stage deadlines",
    due: |tx| tx.deadlines().due(SOME),
    catch_up,
    put_off: |tx, lead, until| tx.deadlines().check_at(lead, Some(until)),
};

/// Leads that are looked for at once.
const SOME: i64 = 100;

/// The clock of a lead's present stage.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = stage_deadlines, treat_none_as_default_value = false)]
pub struct StageClock {
    pub workspace_id: Id,
    pub lead_id: Id,
    /// When it started.
    pub since: Timestamp,
    /// Until when the lead may stay.
    pub due_at: Option<Timestamp>,
    /// When the sweeper looks at it next.
    pub check_at: Option<Timestamp>,
    /// When it was found to have run out.
    pub breached_at: Option<Timestamp>,
}

/// A time that a lead stayed too long in a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = service_level_breaches, treat_none_as_default_value = false)]
#[schema(as = ServiceLevelBreach)]
pub struct Breach {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// The lead.
    pub lead_id: Id,
    /// Its process then.
    #[schema(example = "lead_to_opportunity_marketing")]
    pub process: String,
    /// The stage in which it stayed.
    #[schema(example = "sales_acceptance")]
    pub stage: String,
    /// Its temperature then.
    #[schema(example = "hot")]
    pub temperature: Option<String>,
    /// Who owned it then.
    pub owner_id: Option<Id>,
    /// When its clock in that stage started.
    pub since: Timestamp,
    /// Until when it might have stayed.
    pub due_at: Timestamp,
    /// When the service found out, within a minute as a rule.
    pub found_at: Timestamp,
}

/// The fields that breaches can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("due_at", "service_level_breaches.due_at", SortKind::Instant)];

impl Sorted for Breach {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.due_at.to_string()
    }
}

/// Which breaches.
#[derive(Clone, Debug, Default)]
pub struct BreachFilter {
    pub owner_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub process: Option<String>,
    pub stage: Option<String>,
    /// Deadlines at this instant or later.
    pub from: Option<Timestamp>,
    /// Deadlines before this instant.
    pub until: Option<Timestamp>,
}

/// Starts the clock of a lead that has just entered `stage`.
pub(super) fn start(tx: &mut Tx<'_>, standing: &Standing, stage: Option<&Stage>) -> Result<()> {
    let since = tx.at();
    let due_at = derived(tx, stage, standing.temperature.as_deref(), since)?;
    write(tx, standing.id, since, due_at)
}

/// Starts the clock of the lead's present stage anew, from now: the lead was closed, or away, and is back.
pub fn restart_clock(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let since = tx.at();
    let standing = tx.stages().lock(lead)?;
    definitions::hold_shared(tx)?;
    if standing.stage.is_none() {
        return Ok(());
    }
    let due_at = due_of(tx, &standing, since)?;
    write(tx, lead, since, due_at)
}

/// Stops the clock of a lead that was closed.
pub fn stop_clock(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    match tx.deadlines().find(lead)? {
        Some(clock) => tx.deadlines().put(&StageClock { due_at: None, check_at: None, ..clock }),
        None => Ok(()),
    }
}

/// Derives the deadline of a lead anew whose temperature has changed.
pub fn temperature_changed(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let Some(clock) = tx.deadlines().find(lead)?.filter(|clock| clock.breached_at.is_none()) else { return Ok(()) };
    let standing = tx.stages().lock(lead)?;
    definitions::hold_shared(tx)?;
    let due_at = if standing.is_open() { due_of(tx, &standing, clock.since)? } else { None };
    if due_at == clock.due_at {
        return Ok(());
    }
    tx.deadlines().put(&StageClock { due_at, check_at: due_at, ..clock })
}

/// Has all deadlines of the workspace derived anew after its working calendar changed.
pub fn calendar_changed(tx: &mut Tx<'_>) -> Result<()> {
    definitions::hold_alone(tx)?;
    tx.deadlines().recheck_all()
}

/// Until when the lead may stay where it stands, by the rules of this moment; none without a limit and for a closed lead.
/// A deadline that was missed stays as it was.
pub fn of(tx: &mut Tx<'_>, standing: &Standing) -> Result<Option<StageClock>> {
    let Some(clock) = tx.deadlines().find(standing.id)? else { return Ok(None) };
    if clock.breached_at.is_some() && standing.is_open() {
        return Ok(Some(clock));
    }
    let due_at = if standing.is_open() { due_of(tx, standing, clock.since)? } else { None };
    Ok(Some(StageClock { due_at, ..clock }))
}

fn write(tx: &mut Tx<'_>, lead_id: Id, since: Timestamp, due_at: Option<Timestamp>) -> Result<()> {
    let workspace_id = tx.scope.workspace;
    tx.deadlines().put(&StageClock { workspace_id, lead_id, since, due_at, check_at: due_at, breached_at: None })
}

fn due_of(tx: &mut Tx<'_>, standing: &Standing, since: Timestamp) -> Result<Option<Timestamp>> {
    let process = definitions::get(tx, &standing.process)?.process;
    let stage = standing.stage.as_deref().and_then(|stage| process.stage(stage));
    derived(tx, stage, standing.temperature.as_deref(), since)
}

fn derived(
    tx: &mut Tx<'_>,
    stage: Option<&Stage>,
    temperature: Option<&str>,
    since: Timestamp,
) -> Result<Option<Timestamp>> {
    let Some(level) = stage.and_then(|stage| stage.service_level.as_ref()) else { return Ok(None) };
    let calendar = workspaces::settings(tx)?.working_calendar.clone();
    Ok(service_level::deadline(Some(level), temperature, since, calendar.as_ref()))
}

/// Looks at the clocks of the leads.
fn catch_up(tx: &mut Tx<'_>, leads: &[Id]) -> Result<()> {
    let mut leads = leads.to_vec();
    leads.sort_unstable();
    leads.into_iter().try_for_each(|lead| look(tx, lead))
}

/// Tells of a deadline that was missed, or sets when to look again.
fn look(tx: &mut Tx<'_>, lead: Id) -> Result<()> {
    let standing = match tx.stages().lock(lead) {
        // It was deleted, and its clock with it.
        Err(Error::NotFound) => return Ok(()),
        standing => standing?,
    };
    definitions::hold_shared(tx)?;
    let Some(clock) = tx.deadlines().find(lead)? else { return Ok(()) };
    let due_at = if standing.is_open() { due_of(tx, &standing, clock.since)? } else { None };
    match due_at {
        _ if clock.breached_at.is_some() => tx.deadlines().check_at(lead, None),
        Some(due) if due <= tx.at() => breach(tx, &standing, clock, due),
        _ => tx.deadlines().put(&StageClock { due_at, check_at: due_at, ..clock }),
    }
}

fn breach(tx: &mut Tx<'_>, standing: &Standing, clock: StageClock, due_at: Timestamp) -> Result<()> {
    let at = tx.at();
    let since = clock.since;
    tx.deadlines().put(&StageClock { due_at: Some(due_at), check_at: None, breached_at: Some(at), ..clock })?;
    let breach = Breach {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        lead_id: standing.id,
        process: standing.process.clone(),
        stage: standing.stage.clone().unwrap_or_default(),
        temperature: standing.temperature.clone(),
        owner_id: standing.owner_id,
        since,
        due_at,
        found_at: at,
    };
    tx.deadlines().insert_breach(&breach)?;
    let subject = Subject::lead(standing.id, standing.contact_id);
    events::emit(tx, "lead.service_level_breached", subject, &json!({"breach": breach}))
}

//! The processes of a workspace (PRO-1): the shipped one, and up to 100 of its own.
//!
//! The shipped process is always there. A workspace that changes it has a copy of its own from then on; it cannot be
//! deleted, only changed. A stage in which leads stand cannot be left out or given another key, and a process that leads
//! are in cannot be deleted, not even when all of them are closed: they may be reopened. Who reads a process to move a
//! lead by it holds off whoever changes one, and the other way round.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::check;
use super::definition_repository::OwnProcess;
use super::stage::{Process, SHIPPED, Stage};
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::{Error, Result, Violation, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::workspaces;

/// Processes of one workspace.
const MOST: usize = 100;
/// The turn of those who change processes; those who move leads by them share it.
const TURN: &str = "processes";

/// A process as the workspace has it.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "Shown")]
pub struct Definition {
    pub process: Process,
    pub is_shipped: bool,
    pub version: i64,
}

/// A process as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProcessEntry)]
pub struct Shown {
    /// Name for other records to refer to.
    #[schema(example = "lead_to_opportunity_marketing")]
    key: String,
    /// Name for people.
    #[schema(example = "Lead to opportunity, marketing")]
    name: String,
    /// The stages, first to last.
    stages: Vec<Stage>,
    /// Whether every workspace has it; this one may have changed it.
    is_shipped: bool,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    version: i64,
}

impl From<Definition> for Shown {
    fn from(Definition { process, is_shipped, version }: Definition) -> Self {
        let Process { key, name, stages } = process;
        Self { key, name, stages, is_shipped, version }
    }
}

/// Changes to a process: absent members stay.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProcessPatch, example = json!({"name": "Lead to opportunity"}))]
pub struct ProcessPatch {
    /// Name for people, 1 to 200 characters.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// The stages, first to last, all of them.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<Stage>, min_items = 1, max_items = 30)]
    pub stages: Option<Vec<Stage>>,
}

impl From<OwnProcess> for Definition {
    fn from(own: OwnProcess) -> Self {
        Self { is_shipped: own.key == SHIPPED, process: own.definition.0, version: own.version }
    }
}

impl Definition {
    fn shipped() -> Self {
        Self { process: Process::shipped(), is_shipped: true, version: 1 }
    }
}

/// All of them: the shipped one, then the workspace's own by key.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Definition>> {
    let own = tx.processes().all()?.into_iter().map(Definition::from);
    let (mut all, own): (Vec<_>, Vec<_>) = own.partition(|definition| definition.is_shipped);
    if all.is_empty() {
        all.push(Definition::shipped());
    }
    all.extend(own);
    Ok(all)
}

/// The process `key`.
pub fn get(tx: &mut Tx<'_>, key: &str) -> Result<Definition> {
    match tx.processes().find(key)? {
        Some(own) => Ok(own.into()),
        None if key == SHIPPED => Ok(Definition::shipped()),
        None => Err(Error::NotFound),
    }
}

/// The process `key`, which nobody changes until the transaction ends.
pub(super) fn held(tx: &mut Tx<'_>, key: &str) -> Result<Definition> {
    hold_shared(tx)?;
    get(tx, key)
}

/// The process that a caller names at `pointer`; 422 when there is none.
pub fn named(tx: &mut Tx<'_>, key: &str, pointer: &str) -> Result<Process> {
    match held(tx, key) {
        Ok(definition) => Ok(definition.process),
        Err(Error::NotFound) => Err(Error::invalid(pointer, "unknown", "there is no such process in this workspace")),
        Err(error) => Err(error),
    }
}

/// Adds a process. 409 for a key that there is, and for one process too many.
pub fn create(tx: &mut Tx<'_>, process: &Process) -> Result<Definition> {
    all_hold(check::broken(process))?;
    hold_alone(tx)?;
    let known = all(tx)?;
    if known.iter().any(|definition| definition.process.key == process.key) {
        return Err(Error::Conflict("there is a process with this key; change it, or give another key".into()));
    }
    if known.len() > MOST {
        return Err(Error::Conflict(format!("a workspace has at most {MOST} processes of its own; delete one first")));
    }
    let definition = insert(tx, process, 1)?;
    events::emit(tx, "process.created", Subject::default(), &json!({"process": definition}))?;
    Ok(definition)
}

/// Changes what `patch` names. 422 for each stage that is left out though leads stand in it. A patch that changes
/// nothing makes no version.
pub fn change(tx: &mut Tx<'_>, key: &str, patch: &ProcessPatch, condition: &Condition) -> Result<Definition> {
    hold_alone(tx)?;
    let before = get(tx, key)?;
    condition.check(before.version)?;
    let process = patch.applied(&before.process);
    let mut broken = check::broken(&process);
    broken.extend(stages_in_use(tx, &before.process, &process)?);
    all_hold(broken)?;
    if process == before.process {
        return Ok(before);
    }
    match tx.processes().find(key)? {
        Some(_) => tx.processes().update(&process)?,
        None => drop(insert(tx, &process, before.version.saturating_add(1))?),
    }
    tx.deadlines().recheck(key)?;
    let after = get(tx, key)?;
    events::emit(tx, "process.changed", Subject::default(), &json!({"before": before, "process": after}))?;
    Ok(after)
}

/// Deletes a process. 409 for the shipped one, for that of new leads, and while leads are in it.
pub fn remove(tx: &mut Tx<'_>, key: &str, condition: &Condition) -> Result<()> {
    hold_alone(tx)?;
    let definition = get(tx, key)?;
    condition.check(definition.version)?;
    if definition.is_shipped {
        return Err(Error::Conflict("the shipped process cannot be deleted; change it instead".into()));
    }
    if workspaces::settings(tx)?.default_process == key {
        let why = "new leads enter this process; name another as default_process in the settings first";
        return Err(Error::Conflict(why.into()));
    }
    let leads = tx.stages().count_in(key)?;
    if leads > 0 {
        let why = format!("{leads} leads are in this process, closed ones with them; let them go on in another first");
        return Err(Error::Conflict(why));
    }
    tx.processes().delete(key)?;
    events::emit(tx, "process.removed", Subject::default(), &json!({"process": definition}))
}

impl ProcessPatch {
    fn applied(&self, present: &Process) -> Process {
        Process {
            key: present.key.clone(),
            name: self.name.clone().unwrap_or_else(|| present.name.clone()),
            stages: self.stages.clone().unwrap_or_else(|| present.stages.clone()),
        }
    }
}

/// A violation for each stage of `before` that `after` lacks though leads stand in it.
fn stages_in_use(tx: &mut Tx<'_>, before: &Process, after: &Process) -> Result<Vec<Violation>> {
    let gone = before.keys(|stage| after.position(&stage.key).is_none());
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let occupied: BTreeMap<Option<String>, i64> = tx.stages().occupied(&before.key)?.into_iter().collect();
    let count = |stage: String| occupied.get(&Some(stage.clone())).map(|leads| (stage, *leads));
    let in_use = |(stage, leads)| {
        let detail = format!("`{stage}` is left out though leads stand in it ({leads}); move them first");
        Violation::new("/stages", "in_use", detail)
    };
    Ok(gone.into_iter().filter_map(count).map(in_use).collect())
}

fn insert(tx: &mut Tx<'_>, process: &Process, version: i64) -> Result<Definition> {
    let at = tx.at();
    let own = OwnProcess {
        workspace_id: tx.scope.workspace,
        key: process.key.clone(),
        definition: JsonOf(process.clone()),
        version,
        created_at: at,
        updated_at: at,
    };
    tx.processes().insert(&own)?;
    Ok(own.into())
}

/// Holds off whoever reads or changes processes, or moves leads by them.
pub(super) fn hold_alone(tx: &mut Tx<'_>) -> Result<()> {
    tx.take_turns(&[TURN.to_owned()])
}

/// Holds off whoever changes processes.
pub(super) fn hold_shared(tx: &mut Tx<'_>) -> Result<()> {
    tx.share_turn(TURN)
}

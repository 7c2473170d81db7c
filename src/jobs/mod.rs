//! Work that takes longer than a request: a queue in the same database.
//!
//! A use case enqueues a job in its own transaction, so there is a job exactly when the change that asked for it is
//! there. A worker of any instance takes it for as long as its lease lasts and does one step of it ([`worker`],
//! [`register`]). A step is one transaction: it does a bounded part of the work, writes down how far it came, and gives
//! the job back. A worker that dies leaves nothing half-done; when its lease runs out, another goes on from the last
//! step, and nothing is done twice. Only what acts outside the database, such as sending mail, may happen again then.
//!
//! Work that must see one consistent view of the data for longer than a step is done in one piece ([`snapshot`]): it
//! reads from a snapshot, tells now and then how far it is, which prolongs its lease, and writes what it found in the
//! end. When its worker dies, another begins from the start.
//!
//! A step that fails is tried again after longer and longer pauses, and after the last of them the job is parked as
//! failed, with the reason; it can be started again by hand. A fault that trying again cannot mend parks it at once.

pub mod handlers;
mod lease_repository;
pub mod register;
mod repository;
pub mod snapshot;
pub mod sweeper;
pub mod worker;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::schema::jobs;

pub use repository::JobFilter;

/// Seconds to wait before each further attempt.
const PAUSES_S: [i64; 7] = [5, 30, 120, 600, 3_600, 6 * 3_600, 24 * 3_600];

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobKind)]
pub enum Kind {
    /// Finds or creates the contacts of leads that have none.
    LinkContacts,
    /// Voids interactions, or lets voided ones count again.
    VoidInteractions,
    /// Scores leads anew that many things changed for at once.
    RescoreLeads,
    /// Holds the scores of a model against what they should be.
    VerifyScores,
    /// Mails a sender the link that confirms their address.
    ConfirmationMail,
    /// Sends the letter that says goodbye to whoever a disqualified lead was about.
    GoodbyeMail,
    /// Tells what publishing a scoring model would change.
    ScorePreview,
    /// Replays recorded history under a scoring model.
    Backtest,
    /// Tells what the rules of a scoring model were worth.
    ScoreAdvice,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobState)]
pub enum State {
    /// Not begun, or waiting to be tried again.
    Queued,
    /// Begun.
    Running,
    /// Finished; `result` says what came of it.
    Done,
    /// Given up; `error` says why.
    Failed,
}

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = jobs, treat_none_as_default_value = false)]
pub struct Job {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What it does.
    #[schema(value_type = Kind)]
    pub kind: Code<Kind>,
    /// How far it is.
    #[schema(value_type = State)]
    pub state: Code<State>,
    #[serde(skip)]
    pub input: JsonOf<Value>,
    #[serde(skip)]
    pub position: JsonOf<Value>,
    /// Items that are dealt with.
    #[schema(example = 400)]
    pub items_done: i64,
    /// Items there are, as far as that is known.
    #[schema(example = 1_000)]
    pub items_total: Option<i64>,
    /// What came of it so far; its form depends on the kind.
    #[schema(value_type = Object)]
    pub result: JsonOf<Value>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// Attempts that failed since the last step that worked.
    #[schema(example = 0)]
    pub attempts: i64,
    #[serde(skip)]
    pub lease: Option<Id>,
    #[serde(skip)]
    pub due_at: Option<Timestamp>,
    /// The user or client who asked for it; null for the service itself.
    pub created_by: Option<Id>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last came further.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Sorted for Job {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

impl Job {
    /// What was asked for, in the type that its kind has.
    pub fn input<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.input.0.clone()).map_err(Error::internal)
    }

    /// Where the last step ended, in the type that its kind has; the default before the first.
    pub fn position<T: serde::de::DeserializeOwned + Default>(&self) -> Result<T> {
        match &self.position.0 {
            Value::Null => Ok(T::default()),
            position => serde_json::from_value(position.clone()).map_err(Error::internal),
        }
    }
}

/// What one step did.
#[derive(Clone, Debug)]
pub struct Step {
    /// Items it dealt with.
    pub items: i64,
    /// Where it ended; none when there is nothing left to do.
    pub position: Option<Value>,
    /// What came of the job so far.
    pub result: Value,
}

/// Writes down what was found, in the transaction that ends the job; gives the job's result.
pub type Ending = Box<dyn Fn(&mut Tx<'_>) -> Result<Value> + Send>;

/// What one piece of work on a snapshot found.
pub struct Findings {
    /// Items it dealt with.
    pub items: i64,
    /// What is written in the end.
    pub write: Ending,
}

/// Asks for `input` to be done as soon as a worker is free.
pub fn enqueue<T: Serialize>(tx: &mut Tx<'_>, kind: Kind, input: &T, items_total: Option<i64>) -> Result<Job> {
    let at = tx.at();
    let job = Job {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        kind: Code(kind),
        state: Code(State::Queued),
        input: JsonOf(serde_json::to_value(input).map_err(Error::internal)?),
        position: JsonOf(Value::Null),
        items_done: 0,
        items_total,
        result: JsonOf(json!({})),
        error: None,
        attempts: 0,
        lease: None,
        due_at: Some(at),
        created_by: tx.scope.actor,
        created_at: at,
        updated_at: at,
        finished_at: None,
    };
    tx.jobs().insert(&job)?;
    Ok(job)
}

/// Starts a job again that was given up; it goes on from its last step.
pub fn retry(tx: &mut Tx<'_>, id: Id) -> Result<Job> {
    let (job, at) = (tx.jobs().lock(id)?, tx.at());
    if job.state.0 != State::Failed {
        return Err(Error::Conflict("only a job that failed can be started again".into()));
    }
    let again =
        Job { state: Code(State::Queued), attempts: 0, due_at: Some(at), updated_at: at, finished_at: None, ..job };
    tx.jobs().save(&again)?;
    Ok(again)
}

/// Writes down what a step did; ends the job when nothing is left.
fn advance(tx: &mut Tx<'_>, job: &Job, step: Step) -> Result<()> {
    let at = tx.at();
    let finished = step.position.is_none();
    tx.jobs().save(&Job {
        state: Code(if finished { State::Done } else { State::Running }),
        position: JsonOf(step.position.unwrap_or_default()),
        items_done: job.items_done + step.items,
        result: JsonOf(step.result),
        error: None,
        attempts: 0,
        lease: None,
        due_at: (!finished).then_some(at),
        updated_at: at,
        finished_at: finished.then_some(at),
        ..job.clone()
    })?;
    if finished { announce(tx, "job.done", job) } else { Ok(()) }
}

/// Writes down that a step failed: the job is tried again later, or given up.
fn put_off(tx: &mut Tx<'_>, job: &Job, error: &Error) -> Result<()> {
    let (at, attempts) = (tx.at(), job.attempts + 1);
    let pause = PAUSES_S.get(usize::try_from(job.attempts).unwrap_or(usize::MAX)).filter(|_| can_pass(error));
    tx.jobs().save(&Job {
        state: Code(if pause.is_some() { State::Queued } else { State::Failed }),
        error: Some(error.reason()),
        attempts,
        lease: None,
        due_at: pause.map(|seconds| at.plus_seconds(*seconds)),
        updated_at: at,
        finished_at: pause.is_none().then_some(at),
        ..job.clone()
    })?;
    if pause.is_none() { announce(tx, "job.failed", job) } else { Ok(()) }
}

/// Whether trying again may help.
fn can_pass(error: &Error) -> bool {
    !matches!(error, Error::Invalid(_) | Error::NotFound | Error::Gone { .. })
}

fn announce(tx: &mut Tx<'_>, kind: &str, job: &Job) -> Result<()> {
    events::emit(tx, kind, Subject::default(), &json!({"job_id": job.id, "kind": job.kind}))
}

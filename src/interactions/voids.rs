//! Taking interactions back (INT-5, SCO-11): one, or a whole class that a mail scanner or a faulty system sent.
//!
//! A void is asked for with its reason and covers what was recorded by then. Voided interactions stay readable and count
//! for no score: in the same transaction every open lead concerned is scored anew, the ledger gets reversals with the
//! cause `void`, and leads that had come to their stage or their sales-ready mark by what was voided are noted. Stage and
//! mark themselves stay; what becomes of them is for people to decide.
//!
//! The work is done in steps of up to a thousand interactions: the first with the request, and what is left by a job, each
//! in a transaction of its own. A void keeps how far it came, so whoever calls [`step`] goes on from there, and no step is
//! done twice. Voiding what is voided changes nothing and counts nothing. A void can be undone, in steps as well.

use std::collections::HashSet;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{kind, network};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, Violation, all_hold};
use crate::events::{self, Subject};
use crate::id::Id;
use crate::jobs::{self, Job, Kind, Step};
use crate::schema::{interaction_void_leads, interaction_voids};
use crate::scoring::{self, Cause, Evidence, Undermined};
use crate::text;

/// Interactions of one step.
pub const STEP: i64 = 1_000;

/// How far a void is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VoidStatus)]
pub enum Status {
    /// Interactions are being voided.
    Running,
    /// All of them are.
    Done,
    /// They are being given back.
    Undoing,
    /// None is voided by it any more.
    Undone,
}

/// Which interactions: one, or all of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = VoidSelection)]
pub struct Selection {
    /// This one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<Id>,
    /// Those that this system told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, example = "mailer")]
    pub source: Option<String>,
    /// Those that came from this address or network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 2, max_length = 50, example = "203.0.113.0/24")]
    pub network: Option<String>,
    /// Those of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64, example = "email_opened")]
    pub kind: Option<String>,
    /// Those that occurred at this instant or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Those that occurred before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Those with this evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// A void.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = interaction_voids, treat_none_as_default_value = false, treat_none_as_null = true)]
#[schema(as = InteractionVoid)]
pub struct Void {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// Which interactions it is about.
    #[schema(value_type = Selection)]
    pub selection: JsonOf<Selection>,
    /// Why.
    #[schema(example = "a mail scanner opened them")]
    pub reason: String,
    /// How far it is.
    #[schema(value_type = Status)]
    pub status: Code<Status>,
    /// Interactions that it voided so far and has not given back.
    #[schema(example = 128)]
    pub voided: i64,
    #[serde(skip)]
    pub reached_at: Option<Timestamp>,
    #[serde(skip)]
    pub reached_id: Option<Id>,
    /// The user or client behind it.
    pub created_by: Option<Id>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last went on.
    pub updated_at: Timestamp,
}

/// A lead that had come to where it stands by interactions that were voided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = interaction_void_leads)]
pub struct VoidedLead {
    #[serde(skip)]
    pub workspace_id: Id,
    #[serde(skip)]
    pub id: Id,
    #[serde(skip)]
    pub void_id: Id,
    /// The lead.
    pub lead_id: Id,
    /// Whether its sales-ready mark rested on them.
    pub sales_ready: bool,
    /// Whether its stage rested on them.
    pub stage: bool,
    /// Its score before, in points.
    #[schema(example = 105)]
    pub score_before: i64,
    /// Its score after, in points.
    #[schema(example = 65)]
    pub score_after: i64,
}

/// The fields that voids can be ordered by.
pub const SORT_FIELDS: &[SortField] =
    &[SortField::new("created_at", "interaction_voids.created_at", SortKind::Instant)];

impl Sorted for Void {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// The fields that the leads of a void can be ordered by.
pub const LEAD_SORT_FIELDS: &[SortField] = &[
    SortField::new("score_before", "interaction_void_leads.score_before", SortKind::Number),
    SortField::new("score_after", "interaction_void_leads.score_after", SortKind::Number),
];

impl Sorted for VoidedLead {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "score_after" => self.score_after.to_string(),
            _ => self.score_before.to_string(),
        }
    }
}

impl Selection {
    /// Everything wrong with it.
    fn check(&self, tx: &mut Tx<'_>) -> Result<Vec<Violation>> {
        let mut broken = Vec::new();
        if let Some(id) = self.interaction_id {
            if *self != (Self { interaction_id: Some(id), ..Self::default() }) {
                broken.push(Violation::new("/interaction_id", "not_allowed", "give it alone, or a class without it"));
            }
            if tx.interactions().find(id)?.is_none() {
                broken.push(Violation::unknown("/interaction_id", "interaction"));
            }
            return Ok(broken);
        }
        if self.source.is_none() && self.network.is_none() {
            broken.push(Violation::new("/source", "required", "give interaction_id, or source or network"));
        }
        if let Some(Err(rejected)) = self.network.as_deref().map(network::network) {
            broken.push(rejected.at("/network"));
        }
        for (bound, pointer) in [(self.from, "/from"), (self.to, "/to")] {
            if bound.is_none() {
                broken.push(Violation::new(pointer, "required", "a class needs from and to"));
            }
        }
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            broken.push(Violation::new("/to", "not_allowed", "must be after from"));
        }
        if let Some(key) = &self.kind
            && !kind::is_built_in(key)
            && !tx.interactions().has_kind(key)?
        {
            broken.push(Violation::new("/kind", "unknown", "is no kind of this workspace"));
        }
        Ok(broken)
    }
}

/// Voids what is selected, a job whatever is more than one step; gives the void as far as it is.
pub fn create(tx: &mut Tx<'_>, selection: &Selection, reason: &str) -> Result<Void> {
    let mut broken = selection.check(tx)?;
    if text::compare_key(reason).is_empty() {
        broken.push(Violation::new("/reason", "required", "say why"));
    }
    all_hold(broken)?;
    let at = tx.at();
    let void = Void {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        selection: JsonOf(selection.clone()),
        reason: reason.to_owned(),
        status: Code(Status::Running),
        voided: 0,
        reached_at: None,
        reached_id: None,
        created_by: tx.scope.actor,
        created_at: at,
        updated_at: at,
    };
    tx.voids().insert(&void)?;
    begin(tx, void.id)
}

/// Lets the interactions of a void count again, a job whatever is more than one step. 409 while it is under way.
pub fn undo(tx: &mut Tx<'_>, id: Id) -> Result<Void> {
    let void = tx.voids().lock(id)?;
    match void.status.0 {
        Status::Running => Err(Error::Conflict("the void is still under way".into())),
        Status::Done => {
            tx.voids().update(Void { status: Code(Status::Undoing), ..void })?;
            begin(tx, id)
        }
        Status::Undoing | Status::Undone => Ok(void),
    }
}

/// Does the first step, and has a job do the others.
fn begin(tx: &mut Tx<'_>, id: Id) -> Result<Void> {
    if step(tx, id)?.is_more {
        jobs::enqueue(tx, Kind::VoidInteractions, &Task { void_id: id }, None)?;
    }
    tx.voids().get(id)
}

/// What a job is to go on with.
#[derive(Serialize, Deserialize)]
struct Task {
    void_id: Id,
}

/// One step of the job that does what is left of a void.
pub fn go_on(tx: &mut Tx<'_>, job: &Job) -> Result<Step> {
    let Task { void_id } = job.input()?;
    let Progress { items, is_more } = step(tx, void_id)?;
    let voided = tx.voids().get(void_id)?.voided;
    Ok(Step { items, position: is_more.then(|| json!(void_id)), result: json!({"void_id": void_id, "voided": voided}) })
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The interactions that it looked at.
    pub items: i64,
    /// Whether more may be left.
    pub is_more: bool,
}

/// Goes on with a void by up to a thousand interactions.
pub fn step(tx: &mut Tx<'_>, id: Id) -> Result<Progress> {
    let void = tx.voids().lock(id)?;
    match void.status.0 {
        Status::Running => void_some(tx, void),
        Status::Undoing => give_back_some(tx, void),
        Status::Done | Status::Undone => Ok(Progress { items: 0, is_more: false }),
    }
}

/// One interaction that a step is about.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct Hit {
    pub id: Id,
    pub occurred_at: Timestamp,
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
}

fn void_some(tx: &mut Tx<'_>, mut void: Void) -> Result<Progress> {
    let found = tx.voids().matching(&void, STEP)?;
    let leads = leads_concerned(tx, &found)?;
    let voided = tx.voids().mark(&void, &ids(&found))?;
    refuse_strangers(&found, &voided)?;
    let undermined = scoring::rescore_voided(tx, &leads, &ids(&voided))?;
    for lead in &undermined {
        note(tx, &void, lead)?;
    }
    void.voided += count(&voided);
    let is_more = count(&found) == STEP;
    if let Some(last) = found.last() {
        (void.reached_at, void.reached_id) = (Some(last.occurred_at), Some(last.id));
    }
    void.status = Code(if is_more { Status::Running } else { Status::Done });
    let void = tx.voids().update(void)?;
    if !is_more {
        announce(tx, "interaction.voided", &void)?;
    }
    Ok(Progress { items: count(&found), is_more })
}

fn give_back_some(tx: &mut Tx<'_>, mut void: Void) -> Result<Progress> {
    let found = tx.voids().voided_by(void.id, STEP)?;
    let leads = leads_concerned(tx, &found)?;
    let restored = tx.voids().unmark(void.id, &ids(&found))?;
    refuse_strangers(&found, &restored)?;
    scoring::rescore_news(tx, &leads, Cause::Void, &ids(&restored))?;
    void.voided -= count(&restored);
    let is_more = count(&found) == STEP;
    void.status = Code(if is_more { Status::Undoing } else { Status::Undone });
    let void = tx.voids().update(void)?;
    if !is_more {
        tx.voids().forget_leads(void.id)?;
        announce(tx, "interaction.restored", &void)?;
    }
    Ok(Progress { items: count(&found), is_more })
}

/// The open leads that the interactions count for, held off from others.
fn leads_concerned(tx: &mut Tx<'_>, found: &[Hit]) -> Result<Vec<Id>> {
    let mut contacts: Vec<Id> = found.iter().filter_map(|hit| hit.contact_id).collect();
    contacts.sort_unstable();
    contacts.dedup();
    let of_contacts = scoring::leads_of_contacts(tx, &contacts)?;
    let of_nobody = found.iter().filter(|hit| hit.contact_id.is_none()).filter_map(|hit| hit.lead_id);
    Ok(of_contacts.into_values().flatten().chain(of_nobody).collect())
}

/// An interaction that became somebody's between being found and being changed is of a contact that nobody holds: the
/// step is done again.
fn refuse_strangers(found: &[Hit], changed: &[Hit]) -> Result<()> {
    let held: HashSet<Id> = found.iter().filter_map(|hit| hit.contact_id).collect();
    match changed.iter().filter_map(|hit| hit.contact_id).all(|contact| held.contains(&contact)) {
        true => Ok(()),
        false => Err(Error::Contention("an interaction was attributed while it was voided".into())),
    }
}

fn note(tx: &mut Tx<'_>, void: &Void, lead: &Undermined) -> Result<()> {
    let noted = VoidedLead {
        workspace_id: void.workspace_id,
        id: Id::new(void.created_at),
        void_id: void.id,
        lead_id: lead.lead_id,
        sales_ready: lead.rested.sales_ready,
        stage: lead.rested.stage,
        score_before: lead.before,
        score_after: lead.score,
    };
    tx.voids().note_lead(&noted)?;
    let contact = tx.leads().get(lead.lead_id)?.contact_id;
    let data = json!({"void_id": void.id, "reason": void.reason, "lead": noted});
    events::emit(tx, "lead.points_voided", Subject::lead(lead.lead_id, contact), &data)
}

fn announce(tx: &mut Tx<'_>, kind: &str, void: &Void) -> Result<()> {
    let one = match void.selection.0.interaction_id {
        Some(id) => tx.interactions().find(id)?,
        None => None,
    };
    let subject = one.map_or(Subject::default(), |one| Subject { contact_id: one.contact_id, lead_id: one.lead_id });
    events::emit(tx, kind, subject, &json!({"void": void}))
}

fn ids(hits: &[Hit]) -> Vec<Id> {
    hits.iter().map(|hit| hit.id).collect()
}

fn count(hits: &[Hit]) -> i64 {
    i64::try_from(hits.len()).unwrap_or(i64::MAX)
}

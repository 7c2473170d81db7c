//! Leads that are nobody's yet get their contact, in bulk (CAP-11).
//!
//! Each open lead without a contact is matched by what was captured with it, by the workspace's default strategy and on
//! the same path as everything else; a person nobody knows is created, marked `marketing_only`. The lead is scored at
//! once. It is a job: each step links some leads in one transaction, in the order of their ids, and a lead that cannot
//! be linked is left as it is, with the reason in the job's result. A lead that tells of no person is left alone, and
//! so is one that was linked or closed meanwhile.

pub mod handlers;
pub mod person;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::jobs::{self, Job, Kind, Step};
use crate::leads::{Lead, LeadPatch};
use crate::matching::decide::Decision;
use crate::matching::strategy::Target;
use crate::matching::{self, Channel, Done, Effect};
use crate::{contacts, interactions, leads, scoring, workspaces};

/// Leads that one step links.
const CHUNK: usize = 100;
/// Leads left alone whose reason is kept; all are counted.
const REASONS_MAX: usize = 100;

/// Which leads to link, and how.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkContacts, example = json!({"create": true}))]
pub struct Wish {
    /// The leads to link; every open lead without a contact when left out.
    #[schema(max_items = 1_000)]
    pub lead_ids: Option<Vec<Id>>,
    /// Whether people who are not known yet become contacts. Default true.
    #[serde(default = "usually")]
    pub create: bool,
}

fn usually() -> bool {
    true
}

/// What came of it so far: the result of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Tally {
    /// Leads that were linked with a known contact.
    linked: i64,
    /// Leads whose contact was created.
    created: i64,
    /// Leads that were left alone.
    left: i64,
    /// Why, for the first of them.
    reasons: Vec<LeftAlone>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LeftAlone {
    lead_id: Id,
    reason: String,
}

impl Tally {
    fn add(&mut self, lead_id: Id, linked: Result<Effect>) -> Result<()> {
        match linked {
            Ok(Effect::Created) => self.created += 1,
            Ok(_) => self.linked += 1,
            Err(fault @ (Error::Contention(_) | Error::Unavailable(_) | Error::Internal(_))) => return Err(fault),
            Err(error) => {
                self.left += 1;
                if self.reasons.len() < REASONS_MAX {
                    self.reasons.push(LeftAlone { lead_id, reason: error.reason() });
                }
            }
        }
        Ok(())
    }
}

/// Asks for leads to be linked.
pub fn request(tx: &mut Tx<'_>, wish: &Wish) -> Result<Job> {
    let mut wish = wish.clone();
    let total = match &mut wish.lead_ids {
        Some(ids) => {
            ids.sort_unstable();
            ids.dedup();
            ids.len() as i64
        }
        None => tx.leads().count_unlinked()?,
    };
    jobs::enqueue(tx, Kind::LinkContacts, &wish, Some(total))
}

/// Links the next leads of a job.
pub fn step(tx: &mut Tx<'_>, job: &Job) -> Result<Step> {
    let wish: Wish = job.input()?;
    let after: Option<Id> = job.position()?;
    let mut tally: Tally = serde_json::from_value(job.result.0.clone()).map_err(Error::internal)?;
    let next = match &wish.lead_ids {
        Some(ids) => ids.iter().copied().filter(|id| after.is_none_or(|after| *id > after)).take(CHUNK).collect(),
        None => tx.leads().unlinked(after, CHUNK as i64)?,
    };
    link(tx, &next, wish.create, &mut tally)?;
    let last = next.last().filter(|_| next.len() == CHUNK);
    Ok(Step {
        items: next.len() as i64,
        position: last.map(|id| Value::String(id.to_string())),
        result: serde_json::to_value(tally).map_err(Error::internal)?,
    })
}

/// Links each of these leads. Whoever brings one of their people at the same time takes turns with all of it.
fn link(tx: &mut Tx<'_>, ids: &[Id], create: bool, tally: &mut Tally) -> Result<()> {
    let country = workspaces::settings(tx)?.default_country.clone();
    let mut turns = Vec::new();
    for lead in tx.leads().with_ids(ids)? {
        turns.extend(matching::turns(&person::keys(&lead, country.as_deref())));
    }
    tx.take_turns(&turns)?;
    for id in ids {
        let linked = tx.savepoint(|tx| link_one(tx, *id, create, country.as_deref()));
        tally.add(*id, linked)?;
    }
    Ok(())
}

fn link_one(tx: &mut Tx<'_>, id: Id, create: bool, country: Option<&str>) -> Result<Effect> {
    let lead = tx.leads().lock(id)?;
    leads::open_only(&lead)?;
    if lead.contact_id.is_some() {
        return Err(Error::Conflict("the lead has a contact".into()));
    }
    let strategy = matching::default_strategy(tx, Target::Contact)?;
    let found = matching::find_contact(tx, &strategy, &person::keys(&lead, country))?;
    let (contact, effect) = contact(tx, &lead, &found, create, country)?;
    let done =
        Done { target: Target::Contact, channel: Channel::Link, submission_id: None, effect, record_id: Some(contact) };
    matching::keep(tx, &found, done)?;
    let patch = LeadPatch { contact_id: Some(Some(contact)), ..LeadPatch::default() };
    leads::change(tx, id, &patch, &Condition::None)?;
    interactions::attribute_waiting(tx, contact)?;
    scoring::lead_changed(tx, id)?;
    interactions::attribute_lead(tx, id)?;
    Ok(effect)
}

/// The contact that was found, or a new one.
fn contact(
    tx: &mut Tx<'_>,
    lead: &Lead,
    found: &Decision,
    create: bool,
    country: Option<&str>,
) -> Result<(Id, Effect)> {
    if let Some(known) = found.known() {
        tx.merged().refuse_contact(known)?;
        return Ok((known, Effect::Linked));
    }
    if !lead.captured.0.names_somebody() {
        return Err(Error::Conflict("no name, e-mail address or phone was captured".into()));
    }
    if !create {
        return Err(Error::Conflict("the person is not known, and none were to be created".into()));
    }
    match contacts::create(tx, &person::contact(lead, country)) {
        Ok(contact) => Ok((contact.id, Effect::Created)),
        // The strategy does not compare what the two have in common.
        Err(Error::DuplicateContact { existing }) => Ok((existing, Effect::Linked)),
        Err(error) => Err(error),
    }
}

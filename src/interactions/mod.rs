//! What people did (INT-1 to INT-7, WRK-3). Recording an interaction calls scoring in the same transaction.
//!
//! [`record`] is the one path: a single interaction is a batch of one. An item that breaks a rule is told so and spoils
//! no other. All of a batch is written first and scored once, so the scores in an answer are those after the batch. A
//! repeat of `source` and `external_id` is answered with the first, and nothing is written. What was recorded never
//! changes, but for whose it is, what it takes over from the message that it answers, and being voided.
//!
//! Whose interaction it is, `attribution` decides. One whose person is not known waits for them. What an answer has from
//! its message, `reply` decides; one whose message is not known yet waits for it. `voids` takes back what scored
//! wrongly.
//!
//! What a user did for a person is a touch (WRK-2), see [`touch`]. A call, a meeting or a message that a user records
//! without saying who was there is the user's own. The owners of a person's open leads hear of what the person did, if
//! they want to (ASG-6); not of what is only attributed later.

mod attribution;
pub mod handlers;
mod input;
pub mod kind;
mod kind_handlers;
mod network;
mod reply;
mod repository;
mod stream_handlers;
pub mod touch;
pub mod touch_handlers;
mod touch_repository;
mod void_handlers;
mod void_repository;
pub mod voids;
mod waiting_repository;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::alerts;
use crate::alerts::interest::Did;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::interactions;
use crate::scoring::{self, Cause, Evidence, LeadOutcome};

use attribution::Gained;
pub use attribution::{attribute_lead, attribute_waiting, credit, take_turns_to_change};
pub use input::{FUTURE_S, InReplyTo, NewInteraction, Person};
pub use repository::InteractionFilter;

/// One thing a person did.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = interactions, treat_none_as_default_value = false)]
pub struct Interaction {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What was done: a kind of the register.
    #[schema(example = "email_opened")]
    pub kind: String,
    /// When it was done.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Who did it; null while the person is not known.
    pub contact_id: Option<Id>,
    /// The lead it was done about, if that was said.
    pub lead_id: Option<Id>,
    /// The e-mail address that was given of the person, normalised.
    #[serde(rename = "person_email")]
    #[schema(example = "ann@example.com")]
    pub email_key: Option<String>,
    /// The phone that was given of the person, in E.164.
    #[serde(rename = "person_phone")]
    pub phone_key: Option<String>,
    /// The id in another system that was given of the person.
    pub external_person_id: Option<String>,
    /// The anonymous id (of a browser) that was given of the person.
    pub anonymous_id: Option<String>,
    /// The asset it was done with.
    #[schema(example = "white-paper")]
    pub asset: Option<String>,
    /// The campaign it belongs to.
    pub campaign: Option<String>,
    /// The form it was done with.
    pub form_id: Option<Id>,
    /// More about it.
    #[schema(value_type = Object)]
    pub properties: JsonOf<Value>,
    /// The system that told of it.
    #[schema(example = "mailer")]
    pub source: Option<String>,
    /// Its id in that system.
    #[schema(example = "m-1842")]
    pub external_id: Option<String>,
    /// The user who sent what it answers, or who was there.
    pub sender_id: Option<Id>,
    /// The campaign or mail that it answers.
    pub cause: Option<String>,
    /// Whether a person did it: machines open and click too.
    #[schema(value_type = Evidence)]
    pub evidence: Code<Evidence>,
    /// The network address it came from.
    #[schema(example = "203.0.113.7")]
    pub remote_address: Option<String>,
    #[serde(skip)]
    pub network_key: Option<String>,
    /// The message that it answers, once that is known.
    #[serde(rename = "in_reply_to_id")]
    pub reply_to_id: Option<Id>,
    /// The system that tells of the message, as it was given.
    #[serde(rename = "in_reply_to_source")]
    #[schema(example = "mailer")]
    pub reply_to_source: Option<String>,
    /// The message's id in that system, as it was given.
    #[serde(rename = "in_reply_to_external_id")]
    #[schema(example = "sent-512")]
    pub reply_to_external_id: Option<String>,
    /// When it was voided, if it was: it counts for no score since.
    pub voided_at: Option<Timestamp>,
    /// The void that it was voided by.
    pub void_id: Option<Id>,
    /// Why it was voided.
    #[schema(example = "a mail scanner opened them")]
    pub void_reason: Option<String>,
}

impl Interaction {
    /// What owners of leads are told of it.
    fn did(&self) -> Did {
        let answers = self.reply_to_id.is_some() || self.reply_to_external_id.is_some();
        Did {
            interaction_id: self.id,
            kind: self.kind.clone(),
            occurred_at: self.occurred_at,
            contact_id: self.contact_id,
            lead_id: self.lead_id,
            done_by: self.sender_id.filter(|_| touch::is_touch(&self.kind, answers)),
        }
    }
}

/// The fields that interactions can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("occurred_at", "interactions.occurred_at", SortKind::Instant),
    SortField::new("recorded_at", "interactions.recorded_at", SortKind::Made),
];

impl Sorted for Interaction {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "recorded_at" => self.recorded_at.to_string(),
            _ => self.occurred_at.to_string(),
        }
    }
}

/// An interaction as recorded, and what it set off.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RecordedInteraction)]
pub struct Recorded {
    /// The interaction.
    pub id: Id,
    /// The contact who did it; null while the person is not known.
    pub attributed_to: Option<Id>,
    /// The open leads it bears on, with their scores before and after, and the stage they moved to.
    pub leads: Vec<LeadOutcome>,
    /// Whether this is the first time; false for a repeat of `source` and `external_id`.
    #[serde(skip)]
    pub first: bool,
}

/// Records what people did and brings every open lead of theirs up to date (INT-3).
///
/// Each item has a result of its own; only a fault of the database fails the whole.
pub fn record(tx: &mut Tx<'_>, batch: &[NewInteraction]) -> Result<Vec<Result<Recorded>>> {
    let country = input::country_of_phones(tx, batch)?;
    let turns: BTreeSet<String> = batch.iter().flat_map(|new| new.turns(country.as_deref())).collect();
    tx.take_turns(&Vec::from_iter(turns))?;
    let mut gained = Gained::default();
    let common = Common { country: country.as_deref(), doer: input::doer(tx, batch)? };
    let written = write(tx, batch, common, &mut gained)?;
    let affected = affected_leads(tx, &written, &gained)?;
    let outcomes = rescore(tx, &written, &affected, gained)?;
    tell_owners(tx, &written, &affected)?;
    // What scoring holds now cannot be merged any more; what was merged before is to be asked for again.
    let named: Vec<Id> = written.iter().flatten().filter_map(|(item, _)| item.lead_id).collect();
    tx.merged().refuse_leads(&named)?;
    Ok(written
        .into_iter()
        .map(|item| {
            let (interaction, first) = item?;
            let concerned = affected.by_interaction.get(&interaction.id);
            let bears_on = |outcome: &&LeadOutcome| concerned.is_some_and(|leads| leads.contains(&outcome.lead_id));
            let leads = outcomes.iter().filter(bears_on).cloned().collect();
            Ok(Recorded { id: interaction.id, attributed_to: interaction.contact_id, leads, first })
        })
        .collect())
}

type Written = Result<(Interaction, bool)>;

/// What the items of a batch have in common.
#[derive(Clone, Copy, Debug)]
struct Common<'a> {
    /// The country of national phone numbers.
    country: Option<&'a str>,
    /// The user who did what nobody else is said to have done.
    doer: Option<Id>,
}

/// Tells the owners of the leads concerned what was done, as far as persons did it and it is news.
fn tell_owners(tx: &mut Tx<'_>, written: &[Written], affected: &Affected) -> Result<()> {
    let news = written.iter().flatten().filter(|(item, first)| *first && item.evidence.0 != Evidence::Machine);
    let (mut done, mut leads) = (Vec::new(), BTreeSet::new());
    for (item, _) in news {
        leads.extend(affected.by_interaction.get(&item.id).into_iter().flatten().copied());
        done.push(item.did());
    }
    alerts::interacted(tx, &done, &Vec::from_iter(leads))
}

/// Scores the leads concerned. What a repeat bears on is brought up to date as well, since its answer shows it.
fn rescore(tx: &mut Tx<'_>, written: &[Written], affected: &Affected, gained: Gained) -> Result<Vec<LeadOutcome>> {
    let firsts = written.iter().flatten().filter(|(_, first)| *first).map(|(item, _)| item.id);
    let new: Vec<Id> = firsts.chain(gained.interactions).collect();
    let leads = Vec::from_iter(affected.leads.iter().copied());
    match gained.are_rewritten {
        true => scoring::rescore_history(tx, &leads, Cause::Interaction, &new),
        false => scoring::rescore_news(tx, &leads, Cause::Interaction, &new),
    }
}

/// Writes what may be written, in the order given. A repeat gives the first; the same holds within the batch.
fn write(tx: &mut Tx<'_>, batch: &[NewInteraction], common: Common<'_>, gained: &mut Gained) -> Result<Vec<Written>> {
    let mut written = Vec::with_capacity(batch.len());
    for new in batch {
        written.push(match write_one(tx, new, common, gained) {
            // What it names went away between the check and the write: the whole is tried again.
            Err(Error::Conflict(what)) => return Err(Error::Contention(what)),
            Err(error @ (Error::Contention(_) | Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
            item => item,
        });
    }
    Ok(written)
}

fn write_one(tx: &mut Tx<'_>, new: &NewInteraction, common: Common<'_>, gained: &mut Gained) -> Written {
    if let Some(first) = tx.interactions().repeated(new.source.as_deref(), new.external_id.as_deref())? {
        return Ok((first, false));
    }
    let checked = new.checked(tx, common.country)?;
    let contact_id = attribution::resolve(tx, new, &checked)?;
    let mut interaction = new.interaction(tx, &checked, contact_id);
    if new.asks_who_did_it() {
        interaction.sender_id = common.doer;
    }
    tx.interactions().insert(&interaction)?;
    remember_merged(tx, new, &interaction)?;
    if let (Some(contact), Some(anonymous_id)) = (contact_id, &interaction.anonymous_id) {
        attribution::recognise(tx, contact, anonymous_id, gained)?;
    }
    complete_replies(tx, &interaction, gained)?;
    Ok((interaction, true))
}

/// Completes the replies to a message that were told of before it was.
fn complete_replies(tx: &mut Tx<'_>, message: &Interaction, gained: &mut Gained) -> Result<()> {
    let Some((source, external_id)) = message.source.as_deref().zip(message.external_id.as_deref()) else {
        return Ok(());
    };
    for mut reply in tx.waiting().replies(source, external_id)? {
        reply::inherit(&mut reply, message);
        tx.waiting().complete(&reply)?;
        gained.interactions.push(reply.id);
        gained.are_rewritten = true;
        gained.contacts.extend(reply.contact_id);
        gained.leads.extend(reply.lead_id.filter(|_| reply.contact_id.is_none()));
    }
    Ok(())
}

/// Remembers what the interaction named that was merged since, so that it follows should the merge be undone.
fn remember_merged(tx: &mut Tx<'_>, new: &NewInteraction, interaction: &Interaction) -> Result<()> {
    if let Some(named) = new.contact_id.filter(|named| Some(*named) != interaction.contact_id) {
        tx.merged().came_for(named, "interactions.contact_id", interaction.id)?;
    }
    if let Some(named) = new.lead_id.filter(|named| Some(*named) != interaction.lead_id) {
        tx.merged().came_for(named, "interactions.lead_id", interaction.id)?;
    }
    Ok(())
}

/// The open leads that a batch bears on.
struct Affected {
    by_interaction: BTreeMap<Id, Vec<Id>>,
    leads: BTreeSet<Id>,
}

/// The open leads that each interaction bears on, by interaction, and all together. A contact's leads are held off from
/// others until the transaction ends, so that no two recordings read one history at once.
fn affected_leads(tx: &mut Tx<'_>, written: &[Written], gained: &Gained) -> Result<Affected> {
    let mut contacts: BTreeSet<Id> = written.iter().flatten().filter_map(|(item, _)| item.contact_id).collect();
    contacts.extend(&gained.contacts);
    let of_contact = scoring::leads_of_contacts(tx, &Vec::from_iter(contacts))?;
    let mut by_interaction = BTreeMap::new();
    for (interaction, _) in written.iter().flatten() {
        let leads = match (interaction.contact_id, interaction.lead_id) {
            (Some(contact), _) => of_contact.get(&contact).cloned().unwrap_or_default(),
            (None, Some(lead)) => vec![lead],
            (None, None) => Vec::new(),
        };
        by_interaction.insert(interaction.id, leads);
    }
    let mut leads: BTreeSet<Id> = by_interaction.values().flatten().copied().collect();
    leads.extend(of_contact.values().flatten().chain(&gained.leads));
    Ok(Affected { by_interaction, leads })
}

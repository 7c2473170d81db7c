//! All that happened around a contact, newest first (REC-9): what the person did, and what became of their leads.
//!
//! What people did comes from the interactions, as of when they did it; everything else from the events of the contact
//! and of the leads that are the contact's now, whoever's they were then. The two are merged page by page, so a page
//! costs the same however much happened. Each is read by an index that gives it in order, one look for every lead.
//!
//! An interaction is a message when that is its kind, an activity when a user is behind it, and otherwise an
//! interaction. Voided interactions are shown as such. Alerts only tell users of what is told here anyway, and are left
//! out.

pub mod handlers;
mod repository;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{Paging, SortField, SortKind, Sorted};
use crate::error::Result;
use crate::events::Event;
use crate::id::Id;
use crate::interactions::Interaction;

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TimelineCategory)]
pub enum Category {
    /// The person did something.
    Interaction,
    /// A user did something with or for the person, such as a call or a meeting.
    Activity,
    /// A message to or from the person.
    Message,
    /// A lead changed its stage.
    StageChange,
    /// A lead's score changed, or reached or left what makes it ready for sales.
    ScoreChange,
    /// Anything else that became of the contact or a lead, such as a new owner.
    Fact,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct Entry {
    /// The id of the interaction or event.
    pub id: Id,
    /// When it happened.
    pub at: Timestamp,
    /// What sort of thing it is.
    pub category: Category,
    /// The kind of the interaction, or the type of the event.
    #[serde(rename = "type")]
    #[schema(example = "email_opened")]
    pub kind: String,
    /// The lead it is about, if that is known.
    pub lead_id: Option<Id>,
    /// The interaction; null for everything else.
    pub interaction: Option<Interaction>,
    /// What the event says; null for an interaction.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
}

/// By when things happened: interactions, and events.
const BY_TIME: [&[SortField]; 2] = [
    &[SortField::new("at", "interactions.occurred_at", SortKind::Instant)],
    &[SortField::new("at", "events.at", SortKind::Instant)],
];

/// Which part of a timeline, in which order: as pages of interactions and of events, which share their cursor.
#[derive(Clone, Debug)]
pub struct Part {
    interactions: Paging,
    events: Paging,
    categories: Vec<Category>,
}

/// A page of what happened around a contact, and one entry more if another page follows.
pub fn entries(tx: &mut Tx<'_>, contact: Id, part: &Part) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    let done = tx.timelines().interactions(contact, &part.categories, &part.interactions)?;
    entries.extend(done.into_iter().map(Entry::from));
    let of_contact = tx.timelines().events_of_contact(contact, &part.categories, &part.events)?;
    entries.extend(of_contact.into_iter().map(Entry::from));
    for lead in tx.timelines().leads(contact)? {
        let of_lead = tx.timelines().events_of_lead(lead, &part.categories, &part.events)?;
        entries.extend(of_lead.into_iter().map(Entry::from));
    }
    entries.sort_by_key(|entry| (entry.at, entry.id));
    if part.events.is_descending() {
        entries.reverse();
    }
    entries.truncate(part.events.limit() + 1);
    Ok(entries)
}

impl From<Interaction> for Entry {
    fn from(interaction: Interaction) -> Self {
        let category = match (interaction.kind.as_str(), interaction.sender_id) {
            ("message", _) => Category::Message,
            (_, Some(_)) => Category::Activity,
            (_, None) => Category::Interaction,
        };
        Self {
            id: interaction.id,
            at: interaction.occurred_at,
            category,
            kind: interaction.kind.clone(),
            lead_id: interaction.lead_id,
            interaction: Some(interaction),
            data: None,
        }
    }
}

/// The events that are changes of a stage.
const STAGE_EVENTS: &[&str] = &["lead.stage_changed"];
/// The events that are changes of a score.
const SCORE_EVENTS: &[&str] =
    &["lead.scored", "lead.first_scored", "lead.sales_ready", "lead.fell_below", "lead.points_voided"];
/// The events that tell a user of what the timeline tells itself.
const UNTOLD: &[&str] = &["alert.raised"];

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        let category = match event.kind.as_str() {
            kind if STAGE_EVENTS.contains(&kind) => Category::StageChange,
            kind if SCORE_EVENTS.contains(&kind) => Category::ScoreChange,
            _ => Category::Fact,
        };
        Self {
            id: event.id,
            at: event.at,
            category,
            kind: event.kind,
            lead_id: event.lead_id,
            interaction: None,
            data: Some(event.data.0),
        }
    }
}

impl Sorted for Entry {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

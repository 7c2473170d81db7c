//! One model's step from the stored score of a lead to the present one, with the rows of the ledger between.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::card::{Card, Part};
use super::catalogue::Live;
use super::compile::Model;
use super::history::{AtHand, History};
use super::ledger::{Cause, Row, pass, rows};
use super::tally::{Moved, Tally};
use super::{Facts, LeadScore, Occurrence};
use crate::clock::Timestamp;
use crate::db::Cause as Because;
use crate::error::Result;
use crate::id::Id;

/// What became known since the last evaluation, and how the ledger calls it.
#[derive(Clone, Debug)]
pub struct News {
    pub cause: Cause,
    /// Interactions that were not known before, or count again.
    pub interactions: HashSet<Id>,
    /// Those of them that whoever brings the news has at hand, each with who did it.
    pub at_hand: Vec<(Option<Id>, Occurrence)>,
    /// What the news about a lead follow from, by lead.
    pub because: HashMap<Id, Because>,
    /// Interactions that counted before and were voided.
    pub voided: HashSet<Id>,
    /// Whether the interactions that count are others than before, for more reasons than those two.
    pub is_other_history: bool,
}

impl News {
    /// Nothing but that something changed which `cause` names.
    pub fn of(cause: Cause) -> Self {
        Self {
            cause,
            interactions: HashSet::new(),
            at_hand: Vec::new(),
            because: HashMap::new(),
            voided: HashSet::new(),
            is_other_history: false,
        }
    }

    /// What was known before these news.
    pub fn before(&self, evidence: &[Occurrence]) -> Vec<Occurrence> {
        let known = evidence.iter().filter(|it| !self.interactions.contains(&it.id));
        known.map(|it| Occurrence { voided: it.voided && !self.voided.contains(&it.id), ..it.clone() }).collect()
    }
}

/// The interactions that score a lead, as they are found again when a tally does not tell.
pub trait Past: History {
    /// All that is known now, with those marked that were voided just now.
    fn all(&mut self) -> Result<Arc<[Occurrence]>>;
}

/// What a step comes to.
pub struct Walk {
    /// The rows to add to the ledger, oldest first.
    pub rows: Vec<Row>,
    /// The score now.
    pub card: Card,
    /// What the next step begins with.
    pub tally: Tally,
    /// When it was evaluated: now, or the stored score's instant if that is later.
    pub at: Timestamp,
    /// When it may next change though nothing else happens.
    pub due: Option<Timestamp>,
}

/// Brings the stored score up to `now`, with `arrivals`, the interactions of this lead that became known just now.
///
/// The time that passed is told first, by what was known then, so that a window that closed last week is a row of last
/// week; then what is new takes effect, all at once. Without a stored score everything is new.
pub fn measure(
    live: &Live,
    facts: &Facts,
    stored: Option<&LeadScore>,
    (now, news, arrivals): (Timestamp, &News, &[Occurrence]),
    past: &mut dyn Past,
) -> Result<Walk> {
    let model = &live.model;
    let Some(stored) = stored else { return begin(model, facts, &[], (now, news), past) };
    let (since, parts) = (stored.evaluated_at, &stored.shares.0);
    let now = now.max(since);
    let other_rules = match (stored.model_version == live.version, stored.assets_revision == live.assets_revision) {
        (true, true) => None,
        (true, false) => Some(Cause::Assets),
        (false, _) => Some(Cause::Publish),
    };
    if let Some(cause) = other_rules {
        return begin(model, facts, parts, (now, &News { cause, ..news.clone() }), past);
    }
    let kept = stored.tally.as_ref().map(|tally| &tally.0).filter(|tally| tally.fits(model) && !news.is_other_history);
    let Some(mut tally) = kept.cloned() else { return begin(model, facts, parts, (now, news), past) };
    let (met, then) = (tally.met(), tally.card(model, facts, since));
    // Where the records changed, what time did to the score cannot be told from what they did.
    let is_same = then.parts == *parts;
    let passed = if news.voided.is_empty() {
        pass(model, facts, (&mut tally, then), (since, now), past)?
    } else {
        let before = news.before(&past.all()?);
        pass(model, facts, (&mut tally, then), (since, now), &mut AtHand::of(&before))?
    };
    let Ok((told, card)) = passed else {
        log::warn!("lead {}: model {} lost track of what counts and reads it all again", stored.lead_id, live.id);
        return begin(model, facts, parts, (now, news), past);
    };
    let (told, before) = if is_same { (told, &card.parts) } else { (Vec::new(), parts) };
    let moved = tally.take(model, facts, arrivals, &met, (since, now)).filter(|_| news.voided.is_empty());
    let Some(moved) = moved else {
        let rest = begin(model, facts, before, (now, news), past)?;
        return Ok(Walk { rows: [told, rest.rows].concat(), ..rest });
    };
    let moved: Vec<Moved> = moved.into_iter().map(|(rule, (_, it))| (rule, (news.cause, it))).collect();
    let card = tally.card(model, facts, now);
    let new = rows(model, (before, &card.parts), now, news.cause, &moved);
    let due = tally.due(model, facts, now);
    Ok(Walk { rows: [told, new].concat(), card, tally, at: now, due })
}

/// Reads everything anew; one step leads from the parts of `before` to the present ones.
fn begin(
    model: &Model,
    facts: &Facts,
    before: &[Part],
    (now, news): (Timestamp, &News),
    past: &mut dyn Past,
) -> Result<Walk> {
    let evidence = past.all()?;
    let tally = Tally::of(model, facts, &evidence, now);
    let card = tally.card(model, facts, now);
    let moved = moved_by(model, facts, &evidence, news);
    let rows = rows(model, (before, &card.parts), now, news.cause, &moved);
    let due = tally.due(model, facts, now);
    Ok(Walk { rows, card, tally, at: now, due })
}

/// The rules that look at what became known or was voided, each with the first such interaction.
fn moved_by(model: &Model, facts: &Facts, evidence: &[Occurrence], news: &News) -> Vec<Moved> {
    let is_news = |it: &&Occurrence| news.interactions.contains(&it.id) || news.voided.contains(&it.id);
    let mut concerned: Vec<_> = evidence.iter().filter(is_news).collect();
    concerned.sort_by_key(|it| (it.occurred_at, it.id));
    let mut moved: Vec<Moved> = Vec::new();
    for it in concerned {
        let counted = Occurrence { voided: false, ..it.clone() };
        for (watch, _) in model.watches(&counted, facts.lead_id) {
            if !moved.iter().any(|(known, _)| *known == watch.rule) {
                moved.push((watch.rule, (news.cause, Some(it.id))));
            }
        }
    }
    moved
}

/// The rows that take a score back to nothing.
pub fn reversal(stored: &LeadScore, now: Timestamp, cause: Cause) -> Vec<Row> {
    let undone = |part: &Part| Row {
        at: now.max(stored.evaluated_at),
        rule: part.rule.clone(),
        cause,
        points: part.points.saturating_neg(),
        interaction: None,
    };
    stored.shares.0.iter().map(undone).collect()
}

//! What follows for one lead when it is scored anew: ledger, scores, the lead's standing, events and stage.

use std::collections::HashMap;

use serde_json::json;

use super::catalogue::Live;
use super::known::Known;
use super::ledger::{Cause, Row};
use super::outcome::{self, Crossing};
use super::rescore::Round;
use super::step;
use super::{LeadOutcome, LeadScore, ModelScore, ScoreEntry};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::events::{self, Subject};
use crate::id::Id;
use crate::leads::{Flags, Mark, Status};
use crate::process::transition::Trigger;
use crate::process::{self, StageMove};

/// A lead's score under one live model, before and after.
struct Standing<'r> {
    live: &'r Live,
    before: Option<LeadScore>,
    after: Option<LeadScore>,
    rows: Vec<Row>,
    crossing: Crossing,
}

/// Writes everything that follows for one lead.
pub fn settle(tx: &mut Tx<'_>, known: &Known, round: &Round) -> Result<LeadOutcome> {
    let now = tx.at();
    let mut stored: HashMap<Id, &LeadScore> = known.stored.iter().map(|score| (score.model_id, score)).collect();
    let live = round.models.iter();
    let standings: Vec<_> = live.map(|live| Standing::of(live, stored.remove(&live.id), known, round, now)).collect();
    for standing in &standings {
        standing.store(tx)?;
        standing.announce(tx, known)?;
    }
    for gone in stored.into_values() {
        let rows = step::reversal(gone, now, round.news.cause);
        enter(tx, gone, &rows)?;
        tx.scores().delete(gone.lead_id, gone.model_id)?;
    }
    let stage = follow_up(tx, known, &standings)?;
    Ok(LeadOutcome { lead_id: known.lead.id, scores: standings.iter().filter_map(Standing::shown).collect(), stage })
}

impl<'r> Standing<'r> {
    fn of(live: &'r Live, before: Option<&LeadScore>, known: &Known, round: &Round, now: Timestamp) -> Self {
        let before = before.cloned();
        let reached = before.as_ref().is_some_and(|score| score.reached);
        let resting = Crossing { reached, ..Crossing::default() };
        if round.only.is_some_and(|only| only != live.id) {
            return Self { live, after: before.clone(), before, rows: Vec::new(), crossing: resting };
        }
        if !known.permitted || !live.model.covers(&known.facts.records) {
            let rows = before.as_ref().map(|score| step::reversal(score, now, round.news.cause)).unwrap_or_default();
            return Self { live, before, after: None, rows, crossing: Crossing::default() };
        }
        let walk = step::measure(live, &known.facts, &known.evidence, before.as_ref(), now, &round.news);
        let points = before.as_ref().map_or(0, |score| score.score);
        let crossing = outcome::crossing(points, reached, &walk.rows, live.threshold(), walk.at);
        let after = LeadScore {
            workspace_id: known.lead.workspace_id,
            lead_id: known.lead.id,
            model_id: live.id,
            model_version: live.version,
            score: walk.card.score,
            grade: walk.card.grade,
            shares: JsonOf(walk.card.shares),
            reached: crossing.reached,
            evaluated_at: walk.at,
            due_at: walk.due,
        };
        Self { live, before, after: Some(after), rows: walk.rows, crossing }
    }

    fn store(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Some(score) = self.after.as_ref().or(self.before.as_ref()) else { return Ok(()) };
        enter(tx, score, &self.rows)?;
        match (&self.before, &self.after) {
            (None, Some(after)) => tx.scores().insert(after),
            (Some(before), Some(after)) if before != after => tx.scores().update(after),
            (Some(before), None) => tx.scores().delete(before.lead_id, before.model_id),
            _ => Ok(()),
        }
    }

    fn announce(&self, tx: &mut Tx<'_>, known: &Known) -> Result<()> {
        let subject = Subject::lead(known.lead.id, known.lead.contact_id);
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let points = |score: Option<&LeadScore>| score.map(|score| score.score);
        let grade = |score: Option<&LeadScore>| score.map(|score| score.grade.clone());
        if points(before).unwrap_or(0) != points(after).unwrap_or(0) {
            let data = json!({
                "model_id": self.live.id, "model": self.live.name(), "model_version": self.live.version,
                "score": points(after), "before": points(before),
                "grade": grade(after), "grade_before": grade(before),
            });
            events::emit(tx, "lead.scored", subject, &data)?;
        }
        if self.crossing.fell {
            let data = json!({
                "model_id": self.live.id, "model": self.live.name(), "score": points(after),
                "sales_ready_score": self.live.threshold(),
            });
            events::emit(tx, "lead.fell_below", subject, &data)?;
        }
        Ok(())
    }

    /// Since when the score makes the lead ready for sales. A score that is there already does so only when new
    /// positive points come in, so that a lead sales has refused is not handed back for what it was refused with.
    fn makes_ready(&self) -> Option<Timestamp> {
        let gained = self.crossing.reached && self.rows.iter().any(|row| row.points > 0);
        let now = self.after.as_ref().filter(|_| gained).map(|score| score.evaluated_at);
        self.crossing.reached_at.or(now)
    }

    fn shown(&self) -> Option<ModelScore> {
        let after = self.after.as_ref()?;
        Some(ModelScore {
            model_id: self.live.id,
            model: self.live.name().to_owned(),
            score: after.score,
            before: self.before.as_ref().map_or(0, |score| score.score),
            grade: after.grade.clone(),
            sales_ready: after.reached,
        })
    }
}

/// Takes all scores of a lead back, with rows that say so; its ledger then adds up to nothing.
pub fn withdraw(tx: &mut Tx<'_>, lead: Id, cause: Cause) -> Result<()> {
    for score in tx.scores().of_leads(&[lead])? {
        let rows = step::reversal(&score, tx.at(), cause);
        enter(tx, &score, &rows)?;
        tx.scores().delete(lead, score.model_id)?;
    }
    Ok(())
}

/// Adds the rows to the ledger of a score.
fn enter(tx: &mut Tx<'_>, score: &LeadScore, rows: &[Row]) -> Result<()> {
    let (workspace_id, recorded_at) = (tx.scope.workspace, tx.at());
    let entry = |row: &Row| ScoreEntry {
        workspace_id,
        id: Id::new(recorded_at),
        lead_id: score.lead_id,
        model_id: score.model_id,
        model_version: score.model_version,
        rule: row.rule.clone(),
        points: row.points,
        cause: Code(row.cause),
        interaction_id: row.occurrences.first().copied(),
        at: row.at,
        recorded_at,
    };
    let entries: Vec<ScoreEntry> = rows.iter().map(entry).collect();
    tx.scores().insert_entries(&entries)
}

/// What follows for the lead itself: its best score and grade, the mark, and the moves of its process.
fn follow_up(tx: &mut Tx<'_>, known: &Known, standings: &[Standing<'_>]) -> Result<Option<StageMove>> {
    let lead = &known.lead;
    let scores = || standings.iter().filter_map(|it| Some((it.live, it.after.as_ref()?)));
    let score = scores().map(|(_, score)| score.score).max().unwrap_or(0);
    let temperature = outcome::temperature(scores().map(|(live, it)| (live.model.definition(), it.grade.as_str())));
    let ready = standings.iter().find_map(|standing| Some((standing, standing.makes_ready()?)));
    let ready = ready.filter(|_| lead.flags.0.sales_ready.is_none() && lead.status.0 == Status::Open);
    let mark = ready.map(|(standing, at)| Mark { at, by: None, model_id: Some(standing.live.id) });
    if (lead.score, &lead.temperature) != (score, &temperature) || mark.is_some() {
        let flags = Flags { sales_ready: mark.or(lead.flags.0.sales_ready.clone()), ..lead.flags.0.clone() };
        tx.scores().set_standing(lead.id, score, temperature, flags)?;
    }
    let mut moved = None;
    if lead.score <= 0 && score > 0 {
        let subject = Subject::lead(lead.id, lead.contact_id);
        events::emit(tx, "lead.first_scored", subject, &json!({"score": score}))?;
        moved = process::react(tx, lead.id, Trigger::FirstScore)?;
    }
    if let Some((standing, _)) = ready {
        announce_ready(tx, known, standing)?;
        moved = joined(moved, process::react(tx, lead.id, Trigger::SalesReady)?);
    }
    Ok(moved)
}

fn announce_ready(tx: &mut Tx<'_>, known: &Known, standing: &Standing<'_>) -> Result<()> {
    let lead = tx.leads().get(known.lead.id)?;
    let data = json!({
        "lead": lead, "model_id": standing.live.id, "model": standing.live.name(),
        "score": standing.after.as_ref().map(|score| score.score), "sales_ready_score": standing.live.threshold(),
    });
    events::emit(tx, "lead.sales_ready", Subject::lead(lead.id, lead.contact_id), &data)
}

/// Two moves in a row as one: from where the first began to where the second ended.
fn joined(first: Option<StageMove>, second: Option<StageMove>) -> Option<StageMove> {
    match (first, second) {
        (Some(first), Some(second)) => Some(StageMove { from: first.from, to: second.to }),
        (first, second) => second.or(first),
    }
}

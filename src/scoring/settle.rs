//! What follows for one lead when it is scored anew: ledger, scores, the lead's standing, events and stage.

use std::borrow::Cow;

use serde_json::json;

use super::case::Case;
use super::catalogue::Live;
use super::ledger::{Cause, Row};
use super::outcome::{self, Crossing};
use super::past_repository::DonePast;
use super::rescore::Round;
use super::step::{self, News};
use super::{Glance, LeadOutcome, LeadScore, ModelScore, ScoreEntry};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::events::{self, Subject};
use crate::id::Id;
use crate::leads::{Flags, Lead, Mark, Status};
use crate::process::transition::Trigger;
use crate::process::{self, StageMove};

/// A lead's score under one model, before and after.
struct Change {
    live: Live,
    before: Option<LeadScore>,
    after: Option<LeadScore>,
    rows: Vec<Row>,
    crossing: Crossing,
}

/// A lead's score under one model as it is in the end.
struct Standing {
    live: Live,
    score: i64,
    before: i64,
    grade: String,
    reached: bool,
}

/// Writes everything that follows for one lead.
pub fn settle(tx: &mut Tx<'_>, case: &Case, round: &Round) -> Result<LeadOutcome> {
    let mut changes = Vec::with_capacity(case.concerned.len());
    for live in &case.concerned {
        changes.push(Change::of(tx, live, case, round)?);
    }
    for change in &changes {
        change.store(tx)?;
        if !change.live.is_shadow {
            change.announce(tx, &case.lead)?;
        }
    }
    let standings = standings(case, round, &changes);
    let stage = follow_up(tx, &case.lead, &standings, &changes)?;
    Ok(LeadOutcome { lead_id: case.lead.id, scores: standings.into_iter().map(Standing::shown).collect(), stage })
}

impl Change {
    fn of(tx: &mut Tx<'_>, live: &Live, case: &Case, round: &Round) -> Result<Self> {
        let (live, before) = (live.clone(), case.stored.get(&live.id).cloned());
        let now = tx.at();
        if !case.permitted || !live.model.covers(&case.facts.records) {
            let rows = before.as_ref().map(|score| step::reversal(score, now, round.news.cause)).unwrap_or_default();
            return Ok(Self { live, before, after: None, rows, crossing: Crossing::default() });
        }
        let whose_id = case.lead.contact_id.or(case.lead.account_id);
        let is_others = before.as_ref().is_some_and(|score| score.whose_id != whose_id);
        let news = match is_others {
            true => Cow::Owned(News { is_other_history: true, ..round.news.clone() }),
            false => Cow::Borrowed(&round.news),
        };
        let kinds: Vec<&str> = live.model.kinds().collect();
        let mut past = DonePast::new(tx, &case.lead, &news, case.consent_needed, kinds);
        let told = (now, news.as_ref(), case.arrivals.as_slice());
        let walk = step::measure(&live, &case.facts, before.as_ref(), told, &mut past)?;
        let (points, reached) = before.as_ref().map_or((0, false), |score| (score.score, score.reached));
        let crossing = outcome::crossing(points, reached, &walk.rows, live.threshold(), walk.at);
        let after = LeadScore {
            workspace_id: case.lead.workspace_id,
            lead_id: case.lead.id,
            model_id: live.id,
            model_version: live.version,
            score: walk.card.score,
            grade: walk.card.grade,
            shares: JsonOf(walk.card.parts),
            reached: crossing.reached,
            evaluated_at: walk.at,
            due_at: walk.due,
            whose_id,
            tally: Some(JsonOf(walk.tally)),
            assets_revision: live.assets_revision,
        };
        Ok(Self { live, before, after: Some(after), rows: walk.rows, crossing })
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

    fn announce(&self, tx: &mut Tx<'_>, lead: &Lead) -> Result<()> {
        let subject = Subject::lead(lead.id, lead.contact_id);
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
        self.crossing.reached_at.or(now).filter(|_| !self.live.is_shadow)
    }
}

/// What every live model makes of the lead in the end, in the order of the models.
fn standings(case: &Case, round: &Round, changes: &[Change]) -> Vec<Standing> {
    let mut standings = Vec::new();
    for live in round.models.iter().filter(|live| !live.is_shadow) {
        match changes.iter().find(|change| change.live.id == live.id) {
            Some(change) => standings.extend(change.after.as_ref().map(|after| Standing {
                live: change.live.clone(),
                score: after.score,
                before: change.before.as_ref().map_or(0, |before| before.score),
                grade: after.grade.clone(),
                reached: after.reached,
            })),
            None => {
                let unmoved = case.standings.iter().find(|(_, glance)| glance.model_id == live.id);
                standings.extend(unmoved.map(|(live, glance)| Standing::unmoved(live, glance)));
            }
        }
    }
    standings
}

impl Standing {
    fn unmoved(live: &Live, glance: &Glance) -> Self {
        let (score, grade) = (glance.score, glance.grade.clone());
        Self { live: live.clone(), score, before: score, grade, reached: glance.reached }
    }

    fn shown(self) -> ModelScore {
        ModelScore {
            model_id: self.live.id,
            model: self.live.name().to_owned(),
            score: self.score,
            before: self.before,
            grade: self.grade,
            sales_ready: self.reached,
        }
    }
}

/// Takes all scores of a lead back, with rows that say so; its ledger then adds up to nothing.
pub fn withdraw(tx: &mut Tx<'_>, lead: Id, cause: Cause) -> Result<()> {
    for score in tx.scores().all_of_leads(&[lead])? {
        take_back(tx, &score, cause)?;
    }
    Ok(())
}

/// Takes one score back, with rows that say so.
pub(super) fn take_back(tx: &mut Tx<'_>, score: &LeadScore, cause: Cause) -> Result<()> {
    let rows = step::reversal(score, tx.at(), cause);
    enter(tx, score, &rows)?;
    tx.scores().delete(score.lead_id, score.model_id)
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
        interaction_id: row.interaction,
        at: row.at,
        recorded_at,
    };
    let entries: Vec<ScoreEntry> = rows.iter().map(entry).collect();
    tx.scores().insert_entries(&entries)
}

/// What follows for the lead itself: its best score and grade, the mark, and the moves of its process.
fn follow_up(tx: &mut Tx<'_>, lead: &Lead, standings: &[Standing], changes: &[Change]) -> Result<Option<StageMove>> {
    let score = standings.iter().map(|standing| standing.score).max().unwrap_or(0);
    let grades = standings.iter().map(|standing| (standing.live.model.definition(), standing.grade.as_str()));
    let temperature = outcome::temperature(grades);
    let ready = changes.iter().find_map(|change| Some((change, change.makes_ready()?)));
    let ready = ready.filter(|_| lead.flags.0.sales_ready.is_none() && lead.status.0 == Status::Open);
    let mark = ready.map(|(change, at)| Mark { at, by: None, model_id: Some(change.live.id) });
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
    if let Some((change, _)) = ready {
        announce_ready(tx, lead.id, change)?;
        moved = process::joined(moved, process::react(tx, lead.id, Trigger::SalesReady)?);
    }
    Ok(moved)
}

fn announce_ready(tx: &mut Tx<'_>, lead: Id, change: &Change) -> Result<()> {
    let lead = tx.leads().get(lead)?;
    let data = json!({
        "lead": lead, "model_id": change.live.id, "model": change.live.name(),
        "score": change.after.as_ref().map(|score| score.score), "sales_ready_score": change.live.threshold(),
    });
    events::emit(tx, "lead.sales_ready", Subject::lead(lead.id, lead.contact_id), &data)
}

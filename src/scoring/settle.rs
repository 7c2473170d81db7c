//! What follows for leads when they are scored anew: ledger, scores, the leads' standing, events and stages.
//!
//! What the models make of each lead is computed first, and written for all of them together. What follows for the
//! leads' processes comes after that, lead by lead: no model looks at it.

use std::borrow::Cow;

use serde_json::json;

use super::card::Part;
use super::case::Case;
use super::catalogue::Live;
use super::ledger::{Cause, Row};
use super::ledger_repository::LeadStanding;
use super::outcome::{self, Crossing};
use super::past_repository::DonePast;
use super::rescore::Round;
use super::step::{self, News};
use super::{LeadOutcome, LeadScore, ModelScore, ScoreEntry};
use crate::alerts::Detail;
use crate::assignment::{self, When};
use crate::clock::Timestamp;
use crate::db::packed::Packed;
use crate::db::types::{Code, JsonOf};
use crate::db::{Scope, Tx};
use crate::error::Result;
use crate::events::{self, Event, Subject};
use crate::id::Id;
use crate::leads::{self, Lead, Mark, Status};
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

/// A lead's scores as they are in the end, still to be written.
struct Settled<'c> {
    lead: &'c Lead,
    changes: Vec<Change>,
    standings: Vec<Standing>,
    /// The best of its scores.
    score: i64,
    temperature: Option<String>,
}

/// Writes everything that follows for the leads; one outcome for each, in their order.
pub fn settle(tx: &mut Tx<'_>, cases: &[Case], round: &Round) -> Result<Vec<LeadOutcome>> {
    let mut settled = Vec::with_capacity(cases.len());
    for case in cases {
        settled.push(Settled::of(tx, case, round)?);
    }
    write(tx, &settled)?;
    let mut outcomes = Vec::with_capacity(settled.len());
    for settled in settled {
        let cause = round.news.because.get(&settled.lead.id).copied().or(tx.scope.cause);
        let stage = settled.follow_up(&mut tx.within(Scope { cause, ..tx.scope }))?;
        let scores = settled.standings.into_iter().map(Standing::shown).collect();
        let (lead_id, is_owned) = (settled.lead.id, settled.lead.owner_id.is_some());
        outcomes.push(LeadOutcome { lead_id, scores, stage, is_owned });
    }
    Ok(outcomes)
}

/// Writes ledger, scores, events and what the leads themselves show of them.
fn write(tx: &mut Tx<'_>, settled: &[Settled<'_>]) -> Result<()> {
    let changes = || settled.iter().flat_map(|it| it.changes.iter().map(move |change| (it.lead, change)));
    let mut entries = Vec::new();
    let (mut first, mut changed, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    for (lead, change) in changes() {
        entries.extend(change.entries(tx));
        match (&change.before, &change.after) {
            (None, Some(after)) => first.push(after),
            (Some(before), Some(after)) if before != after => changed.push(after),
            _ => {}
        }
        if !change.live.is_shadow {
            facts.extend(change.facts(tx, lead)?);
        }
    }
    tx.scores().insert_entries(&entries)?;
    tx.scores().insert(&first)?;
    tx.scores().update(&changed)?;
    for (_, change) in changes() {
        if let (Some(before), None) = (&change.before, &change.after) {
            tx.scores().delete(before.lead_id, before.model_id)?;
        }
    }
    tx.events().insert(&facts)?;
    let other = settled.iter().filter(|it| it.lead.score != it.score || it.lead.temperature != it.temperature);
    let standings =
        other.map(|it| LeadStanding { lead_id: it.lead.id, score: it.score, temperature: it.temperature.clone() });
    tx.scores().set_standings(&Vec::from_iter(standings))
}

impl Change {
    fn of(tx: &mut Tx<'_>, live: &Live, case: &Case, round: &Round) -> Result<Self> {
        let before = case.stored_by(live.id).map(|(_, score)| score.clone());
        let live = live.clone();
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
        let mut past = DonePast::new(tx, &case.lead, &news, round.consent_needed, kinds);
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
            tally: Some(Packed(walk.tally)),
            assets_revision: live.assets_revision,
        };
        Ok(Self { live, before, after: Some(after), rows: walk.rows, crossing })
    }

    /// The rows to add to the ledger.
    fn entries(&self, tx: &Tx<'_>) -> Vec<ScoreEntry> {
        let score = self.after.as_ref().or(self.before.as_ref());
        score.map(|score| entries(tx, score, &self.rows)).unwrap_or_default()
    }

    /// What others may hear of it.
    fn facts(&self, tx: &Tx<'_>, lead: &Lead) -> Result<Vec<Event>> {
        let subject = Subject::lead(lead.id, lead.contact_id);
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let points = |score: Option<&LeadScore>| score.map(|score| score.score);
        let grade = |score: Option<&LeadScore>| score.map(|score| score.grade.clone());
        let mut facts = Vec::new();
        if points(before).unwrap_or(0) != points(after).unwrap_or(0) {
            let data = json!({
                "model_id": self.live.id, "model": self.live.name(), "model_version": self.live.version,
                "score": points(after), "before": points(before),
                "grade": grade(after), "grade_before": grade(before),
            });
            facts.push(events::fact(tx, "lead.scored", subject, &data)?);
        }
        if self.crossing.fell {
            let data = json!({
                "model_id": self.live.id, "model": self.live.name(), "score": points(after),
                "sales_ready_score": self.live.threshold(),
            });
            facts.push(events::fact(tx, "lead.fell_below", subject, &data)?);
        }
        Ok(facts)
    }

    /// Why the score makes the lead ready for sales, as event and owner are told.
    fn why_ready(&self) -> Detail {
        Detail {
            threshold: Some(self.live.threshold()),
            score: self.after.as_ref().map(|score| score.score),
            score_before: Some(self.before.as_ref().map_or(0, |score| score.score)),
            model_id: Some(self.live.id),
            model: Some(self.live.name().to_owned()),
            ..Detail::default()
        }
    }

    /// Since when the score makes the lead ready for sales: since it came to the threshold, or since new points came in
    /// when it was there already.
    fn makes_ready(&self) -> Option<Timestamp> {
        let gained = self.crossing.reached && self.gained();
        let now = self.after.as_ref().filter(|_| gained).map(|score| score.evaluated_at);
        self.crossing.reached_at.or(now).filter(|_| !self.live.is_shadow)
    }

    /// Whether new positive points came in: what somebody did or what became known gave some. Neither time alone, nor
    /// what takes nothing any more, nor a bound that gives way is news, so that a lead sales has refused is not handed
    /// back for what it was refused with (PRO-6).
    fn gained(&self) -> bool {
        let shares = self.after.as_ref().map(|score| score.shares.0.as_slice()).unwrap_or_default();
        let is_gain = |row: &Row| {
            let is_news = matches!(row.cause, Cause::Interaction | Cause::FieldChange | Cause::Merge);
            let of_rule = |share: &&Part| share.rule == row.rule && share.points > 0;
            is_news && row.points > 0 && !row.rule.starts_with('@') && shares.iter().any(|share| of_rule(&share))
        };
        self.rows.iter().any(is_gain)
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
                let unmoved = case.stored_by(live.id);
                standings.extend(unmoved.map(|(live, score)| Standing::unmoved(live, score)));
            }
        }
    }
    standings
}

impl Standing {
    fn unmoved(live: &Live, stored: &LeadScore) -> Self {
        let (score, grade) = (stored.score, stored.grade.clone());
        Self { live: live.clone(), score, before: score, grade, reached: stored.reached }
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
    for score in tx.scores().of_leads(&[lead])? {
        take_back(tx, &score, cause)?;
    }
    Ok(())
}

/// Takes one score back, with rows that say so.
pub(super) fn take_back(tx: &mut Tx<'_>, score: &LeadScore, cause: Cause) -> Result<()> {
    let rows = step::reversal(score, tx.at(), cause);
    let entries = entries(tx, score, &rows);
    tx.scores().insert_entries(&entries)?;
    tx.scores().delete(score.lead_id, score.model_id)
}

/// Rows of the ledger of a score.
fn entries(tx: &Tx<'_>, score: &LeadScore, rows: &[Row]) -> Vec<ScoreEntry> {
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
    rows.iter().map(entry).collect()
}

impl<'c> Settled<'c> {
    fn of(tx: &mut Tx<'_>, case: &'c Case, round: &Round) -> Result<Self> {
        let mut changes = Vec::with_capacity(case.concerned.len());
        for live in &case.concerned {
            changes.push(Change::of(tx, live, case, round)?);
        }
        let standings = standings(case, round, &changes);
        let score = standings.iter().map(|standing| standing.score).max().unwrap_or(0);
        let grades = standings.iter().map(|standing| (standing.live.model.definition(), standing.grade.as_str()));
        let temperature = outcome::temperature(grades);
        Ok(Self { lead: &case.lead, changes, standings, score, temperature })
    }

    /// What follows for the lead's process: its deadlines, the mark, and the moves.
    fn follow_up(&self, tx: &mut Tx<'_>) -> Result<Option<StageMove>> {
        let lead = self.lead;
        if lead.temperature != self.temperature {
            process::temperature_changed(tx, lead.id)?;
        }
        let mut moved = None;
        if lead.score <= 0 && self.score > 0 {
            let subject = Subject::lead(lead.id, lead.contact_id);
            events::emit(tx, "lead.first_scored", subject, &json!({"score": self.score}))?;
            moved = process::react(tx, lead.id, Trigger::FirstScore)?;
        }
        if let Some((change, at)) = readiness(tx, lead, &self.changes)? {
            let mark = Mark { at, by: None, model_id: Some(change.live.id) };
            moved = process::joined(moved, leads::became_sales_ready(tx, lead.id, mark, change.why_ready(), None)?);
            assignment::assign(tx, lead.id, When::SalesReady);
        }
        Ok(moved)
    }
}

/// The model that makes an open lead ready for sales which is not marked so, and since when. One that was refused needs
/// new positive points.
fn readiness<'c>(tx: &mut Tx<'_>, lead: &Lead, changes: &'c [Change]) -> Result<Option<(&'c Change, Timestamp)>> {
    if lead.flags.0.sales_ready.is_some() || lead.status.0 != Status::Open {
        return Ok(None);
    }
    let mut ready = changes.iter().filter_map(|change| Some((change, change.makes_ready()?))).peekable();
    if ready.peek().is_none() || !process::was_refused(tx, lead.id)? {
        return Ok(ready.next());
    }
    Ok(ready.find(|(change, _)| change.gained()))
}

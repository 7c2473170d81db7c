//! Previews (SCO-14): what publishing a definition would change for the leads that are open now.
//!
//! Every open lead is scored twice for the same instant: by what is live, and by what would be. A lead that one of the
//! two does not score enters or leaves; all others gain, lose or stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{Case, History, Wanted};
use super::{Choice, Kind, Plan, Question, Study, findings, request, study_of};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result, Violation};
use crate::id::Id;
use crate::jobs::snapshot::Progress;
use crate::jobs::{Findings, Job};
use crate::scoring::{Definition, Model, ScoringModel, Target, entries, evaluate, score};

/// Owners that are shown one by one.
const OWNERS: usize = 200;
/// Buckets of a histogram below the sales-ready score.
const BUCKETS: usize = 10;

/// What a preview found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScorePreviewReport)]
pub struct Report {
    /// The moment whose data was read, and for which leads were scored.
    pub as_of: Timestamp,
    /// All leads that are scored before or after.
    pub total: Changes,
    /// The same for each owner, those first whose leads change most; at most 200.
    #[schema(max_items = 200)]
    pub owners: Vec<OwnerChanges>,
    /// How many further owners there are.
    #[schema(example = 0)]
    pub other_owners: i64,
    /// The leads of further owners together; null when there are none.
    pub others: Option<Changes>,
}

/// The leads of one owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScorePreviewOwner)]
pub struct OwnerChanges {
    /// The owner; null for leads that have none.
    pub owner_id: Option<Id>,
    /// What changes for their leads.
    pub changes: Changes,
}

/// What changes for some leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScorePreviewChanges)]
pub struct Changes {
    /// Leads that what is live scores.
    #[schema(example = 40)]
    pub scored_before: i64,
    /// Leads that what would be live scores.
    #[schema(example = 45)]
    pub scored_after: i64,
    /// Leads scored by both whose score would be higher.
    #[schema(example = 12)]
    pub gain: i64,
    /// Leads scored by both whose score would be lower.
    #[schema(example = 5)]
    pub lose: i64,
    /// Leads scored by both whose score would be the same.
    #[schema(example = 20)]
    pub unchanged: i64,
    /// Leads that would be scored and are not.
    #[schema(example = 8)]
    pub enter: i64,
    /// Leads that are scored and would not be.
    #[schema(example = 3)]
    pub leave: i64,
    /// Leads without a sales-ready mark that publishing would mark: their score would be at the sales-ready score or
    /// above, and was not, or some rule would give them more.
    #[schema(example = 4)]
    pub become_sales_ready: i64,
    /// Leads whose score is at the sales-ready score or above and would not be. They keep their marks.
    #[schema(example = 1)]
    pub fall_below: i64,
    /// Leads by the grade they have and the grade they would have, where the two differ.
    #[schema(max_items = 440)]
    pub grade_moves: Vec<GradeMove>,
    /// Scores before, in ten equal parts of the live sales-ready score, and those at it or above; what is below 0 is in
    /// the first.
    #[schema(max_items = 11, example = json!([20, 8, 5, 3, 2, 1, 0, 0, 0, 1, 0]))]
    pub histogram_before: Vec<i64>,
    /// Scores after, in ten equal parts of the sales-ready score that would be live, and those at it or above.
    #[schema(max_items = 11, example = json!([20, 8, 5, 3, 2, 1, 0, 0, 0, 2, 4]))]
    pub histogram_after: Vec<i64>,
}

/// Leads that move from one grade to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreGradeMove)]
pub struct GradeMove {
    /// The grade before; null for leads that were not scored.
    #[schema(example = "warm")]
    pub from: Option<String>,
    /// The grade after; null for leads that would not be scored.
    #[schema(example = "hot")]
    pub to: Option<String>,
    /// How many leads.
    #[schema(example = 7)]
    pub leads: i64,
}

/// Asks what publishing `definition` would change, or the draft when none is given. 409 when there is neither.
pub fn ask(tx: &mut Tx<'_>, model: Id, definition: Option<&Definition>) -> Result<Study> {
    let model = tx.scoring_models().get(model)?;
    let plan = match definition {
        Some(definition) => given(definition)?,
        None => Choice::DRAFT.plan(tx, &model, "")?,
    };
    let compared = live(tx, &model)?;
    request(tx, model.id, Kind::Preview, Question { plan, compared, from: None, to: None })
}

fn given(definition: &Definition) -> Result<Plan> {
    let broken = definition.check().into_iter();
    let broken: Vec<_> = broken.map(|it| Violation { pointer: format!("/definition{}", it.pointer), ..it }).collect();
    match broken.is_empty() {
        true => Ok(Plan { version: None, definition: definition.clone() }),
        false => Err(Error::Invalid(broken)),
    }
}

fn live(tx: &mut Tx<'_>, model: &ScoringModel) -> Result<Option<Plan>> {
    model.live_version.map(|_| Choice::LIVE.plan(tx, model, "")).transpose()
}

/// Makes the preview that a job was asked for.
pub fn run(tx: &mut Tx<'_>, job: &Job, progress: &mut Progress) -> Result<Findings> {
    let study = study_of(tx, job)?;
    let comparison = Comparison::new(tx, &study.question.0)?;
    let mut ways = Vec::new();
    for target in comparison.targets() {
        let wanted = Wanted { only_open: true, before: None, ..Wanted::by(target, &comparison.models()) };
        ways.push(History::new(tx, wanted)?);
    }
    let (mut total, mut seen) = (0, 0);
    for way in &ways {
        total += way.count(tx)?;
    }
    let mut owners: BTreeMap<Option<Id>, Tally> = BTreeMap::new();
    progress.tell(seen, total)?;
    for mut way in ways {
        while let Some(cases) = way.next(tx)? {
            seen += cases.len() as i64;
            for case in cases.iter().filter(|case| case.permitted) {
                comparison.add(case, tx.at(), &mut owners);
            }
            progress.tell(seen, total)?;
        }
    }
    findings(study.id, seen, report(owners, tx.at()))
}

/// What is live and what would be.
struct Comparison {
    before: Option<Model>,
    after: Model,
}

/// A lead as one of the two sees it.
struct Side<'m> {
    score: i64,
    grade: &'m str,
    threshold: i64,
}

impl Side<'_> {
    fn reached(&self) -> bool {
        self.score >= self.threshold
    }

    fn bucket(&self) -> usize {
        let tenth = i128::from(self.score.max(0)) * BUCKETS as i128 / i128::from(self.threshold.max(1));
        usize::try_from(tenth).unwrap_or(BUCKETS).min(BUCKETS)
    }
}

impl Comparison {
    fn new(tx: &mut Tx<'_>, question: &Question) -> Result<Self> {
        let before = question.compared.as_ref().map(|plan| plan.model(tx)).transpose()?;
        Ok(Self { before, after: question.plan.model(tx)? })
    }

    fn models(&self) -> Vec<&Model> {
        self.before.iter().chain([&self.after]).collect()
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets: Vec<Target> = self.models().into_iter().map(|model| model.definition().target).collect();
        targets.dedup();
        targets
    }

    fn add(&self, case: &Case, at: Timestamp, owners: &mut BTreeMap<Option<Id>, Tally>) {
        let before = self.before.as_ref().and_then(|model| side(model, case, at));
        let after = side(&self.after, case, at);
        if before.is_none() && after.is_none() {
            return;
        }
        let becomes_ready = case.lead.flags.0.sales_ready.is_none()
            && after.as_ref().is_some_and(Side::reached)
            && (!before.as_ref().is_some_and(Side::reached) || self.gives_more(case, at));
        owners.entry(case.lead.owner_id).or_default().add(before.as_ref(), after.as_ref(), becomes_ready);
    }

    /// Whether publishing would write a row of the ledger with positive points. Only that lets a score which is there
    /// already make its lead sales ready.
    fn gives_more(&self, case: &Case, at: Timestamp) -> bool {
        let shares = |model: &Model| evaluate(model, &case.facts, &case.evidence, at).parts();
        let before = self.before.as_ref().map(shares).unwrap_or_default();
        entries(&before, &shares(&self.after)).iter().any(|(_, points)| *points > 0)
    }
}

fn side<'m>(model: &'m Model, case: &Case, at: Timestamp) -> Option<Side<'m>> {
    model.covers(&case.facts.records).then(|| {
        let score = score(model, &case.facts, &case.evidence, at);
        Side { score, grade: model.grade(score), threshold: model.definition().sales_ready_score }
    })
}

/// Grade before and after, as far as there is one.
type Move = (Option<String>, Option<String>);

/// What changes for some leads, as it is counted.
#[derive(Clone, Debug, Default)]
struct Tally {
    changes: Changes,
    moves: BTreeMap<Move, i64>,
    before: [i64; BUCKETS + 1],
    after: [i64; BUCKETS + 1],
}

impl Tally {
    fn add(&mut self, before: Option<&Side<'_>>, after: Option<&Side<'_>>, becomes_ready: bool) {
        let changes = &mut self.changes;
        match (before, after) {
            (Some(before), Some(after)) if after.score > before.score => changes.gain += 1,
            (Some(before), Some(after)) if after.score < before.score => changes.lose += 1,
            (Some(_), Some(_)) => changes.unchanged += 1,
            (None, _) => changes.enter += 1,
            (_, None) => changes.leave += 1,
        }
        changes.become_sales_ready += i64::from(becomes_ready);
        let reached = |side: Option<&Side<'_>>| side.is_some_and(Side::reached);
        changes.fall_below += i64::from(reached(before) && !reached(after));
        for (side, scored, histogram) in [
            (before, &mut changes.scored_before, &mut self.before),
            (after, &mut changes.scored_after, &mut self.after),
        ] {
            if let Some(side) = side {
                *scored += 1;
                if let Some(bucket) = histogram.get_mut(side.bucket()) {
                    *bucket += 1;
                }
            }
        }
        let grade = |side: Option<&Side<'_>>| side.map(|side| side.grade.to_owned());
        if before.map(|side| side.grade) != after.map(|side| side.grade) {
            *self.moves.entry((grade(before), grade(after))).or_default() += 1;
        }
    }

    fn merge(&mut self, other: &Tally) {
        let (own, theirs) = (&mut self.changes, &other.changes);
        for (sum, part) in [
            (&mut own.scored_before, theirs.scored_before),
            (&mut own.scored_after, theirs.scored_after),
            (&mut own.gain, theirs.gain),
            (&mut own.lose, theirs.lose),
            (&mut own.unchanged, theirs.unchanged),
            (&mut own.enter, theirs.enter),
            (&mut own.leave, theirs.leave),
            (&mut own.become_sales_ready, theirs.become_sales_ready),
            (&mut own.fall_below, theirs.fall_below),
        ] {
            *sum += part;
        }
        for (step, leads) in &other.moves {
            *self.moves.entry(step.clone()).or_default() += leads;
        }
        self.before.iter_mut().zip(other.before).for_each(|(sum, part)| *sum += part);
        self.after.iter_mut().zip(other.after).for_each(|(sum, part)| *sum += part);
    }

    /// Leads for which anything changes.
    fn moved(&self) -> i64 {
        let Changes { gain, lose, enter, leave, .. } = self.changes;
        gain + lose + enter + leave
    }

    fn changes(self) -> Changes {
        let grade_moves = self.moves.into_iter().map(|((from, to), leads)| GradeMove { from, to, leads }).collect();
        let (histogram_before, histogram_after) = (self.before.to_vec(), self.after.to_vec());
        Changes { grade_moves, histogram_before, histogram_after, ..self.changes }
    }
}

fn report(owners: BTreeMap<Option<Id>, Tally>, as_of: Timestamp) -> Report {
    let mut total = Tally::default();
    owners.values().for_each(|tally| total.merge(tally));
    let mut owners: Vec<(Option<Id>, Tally)> = owners.into_iter().collect();
    // Stable, so that equal ones stay in the order of their ids.
    owners.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.moved()));
    let others = owners.split_off(owners.len().min(OWNERS));
    let mut rest = Tally::default();
    others.iter().for_each(|(_, tally)| rest.merge(tally));
    Report {
        as_of,
        total: total.changes(),
        owners: owners
            .into_iter()
            .map(|(owner_id, tally)| OwnerChanges { owner_id, changes: tally.changes() })
            .collect(),
        other_owners: others.len() as i64,
        others: (!others.is_empty()).then(|| rest.changes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(score: i64) -> Side<'static> {
        Side { score, grade: "any", threshold: 100 }
    }

    #[test]
    fn scores_fall_into_ten_equal_parts_of_the_threshold_and_one_above() {
        let buckets = [-5, 0, 9, 10, 99, 100, 1_000_000].map(|score| at(score).bucket());
        assert_eq!(buckets, [0, 0, 0, 1, 9, 10, 10]);
    }

    #[test]
    fn beyond_two_hundred_owners_the_rest_is_one_sum() {
        let owner = |number: u8, leads: i64| {
            let mut tally = Tally::default();
            (0..leads).for_each(|_| tally.add(Some(&at(1)), Some(&at(2)), false));
            (Some(Id::from_bytes([number; 16])), tally)
        };
        let owners = (0..=204_u8).map(|number| owner(number, if number == 204 { 9 } else { 1 })).collect();
        let report = report(owners, Timestamp::from_day(1));
        assert_eq!(report.owners[0].owner_id, Some(Id::from_bytes([204; 16])));
        assert_eq!((report.owners.len(), report.other_owners, report.total.gain), (200, 5, 213));
        assert_eq!(report.others.map(|others| (others.gain, others.scored_after)), Some((5, 5)));
    }
}

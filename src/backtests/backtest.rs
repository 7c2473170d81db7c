//! Backtests (SCO-15): recorded history, replayed under a version of a model, against what became of the leads.
//!
//! Replayed are the leads of the model's target and audience that were created before `to` and were not merged. Each is
//! followed from its creation, or from `from`, to its outcome, or to `to`: the outcome itself, and what happened at that
//! moment or later, plays no part. A lead whose outcome came before its replay could begin says nothing and is left out,
//! and so is one whose person may not be scored. Leads that are open are counted and not judged.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{Case, History, Wanted};
use super::judgement::{Judged, Numbers, Tally};
use super::{Choice, Kind, Question, Study, findings, request, study_of};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::Code;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::jobs::snapshot::Progress;
use crate::jobs::{Findings, Job};
use crate::leads::Outcome;
use crate::opportunities::Status as Deal;
use crate::schema::backtest_leads;
use crate::scoring::{Course, Model, course};

/// Days that a backtest may span.
const MOST_DAYS: i64 = 3_660;
/// Leads that are written at a time.
const CHUNK: usize = 500;

/// A lead of a backtest.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = backtest_leads, treat_none_as_default_value = false)]
pub struct BacktestLead {
    #[serde(skip)]
    pub workspace_id: Id,
    #[serde(skip)]
    pub id: Id,
    #[serde(skip)]
    pub backtest_id: Id,
    /// The lead.
    pub lead_id: Id,
    /// What became of it.
    #[schema(value_type = Outcome)]
    pub outcome: Code<Outcome>,
    /// When that was; null while it is open.
    pub decided_at: Option<Timestamp>,
    /// When it would first have been sales ready; null when never.
    pub ready_at: Option<Timestamp>,
    /// Its highest score, in points.
    #[schema(example = 105)]
    pub score: i64,
    /// The grade of that score.
    #[schema(example = "hot")]
    pub grade: String,
    /// When it would first have been sales ready under the version compared with; null when never, and without one.
    pub compared_ready_at: Option<Timestamp>,
    /// Its highest score under the version compared with; null when that does not score it, and without one.
    #[schema(example = 90)]
    pub compared_score: Option<i64>,
    /// The grade of that score.
    #[schema(example = "hot")]
    pub compared_grade: Option<String>,
    /// What became of the opportunities that it led to: won when one was; null where it led to none.
    #[schema(value_type = Option<Deal>)]
    pub opportunity: Option<Code<Deal>>,
}

/// The fields that the leads of a backtest can be ordered by.
pub const LEAD_SORT_FIELDS: &[SortField] = &[SortField::new("score", "backtest_leads.score", SortKind::Number)];

impl Sorted for BacktestLead {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.score.to_string()
    }
}

/// What a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestReport)]
pub struct Report {
    /// The moment whose data was read.
    pub as_of: Timestamp,
    /// Leads that were replayed.
    #[schema(example = 20)]
    pub leads: i64,
    /// Those of them that were won.
    #[schema(example = 4)]
    pub won: i64,
    /// Those of them that were lost.
    #[schema(example = 6)]
    pub lost: i64,
    /// Those of them that are open.
    #[schema(example = 10)]
    pub open: i64,
    /// Leads left out because their outcome came before their replay could begin.
    #[schema(example = 1)]
    pub decided_before: i64,
    /// Leads left out because their person does not consent to profiling, where the workspace demands it.
    #[schema(example = 0)]
    pub without_consent: i64,
    /// Replayed leads that led to an opportunity which was won by now.
    #[serde(default)]
    #[schema(example = 3)]
    pub opportunities_won: i64,
    /// Replayed leads whose opportunities were all lost by now.
    #[serde(default)]
    #[schema(example = 1)]
    pub opportunities_lost: i64,
    /// The version asked about.
    pub numbers: Numbers,
    /// The version compared with, over the same leads; one that it does not score counts as never sales ready. Null
    /// without one.
    pub compared: Option<Numbers>,
}

/// Between which instants, and which versions.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub from: Timestamp,
    pub to: Timestamp,
    pub version: Choice,
    /// The version to compare with; the live one when there is one.
    pub compare: Option<Choice>,
}

/// Asks for a backtest.
pub fn ask(tx: &mut Tx<'_>, model: Id, terms: Terms) -> Result<Study> {
    let model = tx.scoring_models().get(model)?;
    if terms.from >= terms.to {
        return Err(Error::invalid("/to", "out_of_range", "must be later than `from`"));
    }
    if terms.from >= tx.at() {
        return Err(Error::invalid("/from", "out_of_range", "must be in the past"));
    }
    if terms.to > terms.from.plus_days(MOST_DAYS) {
        return Err(Error::invalid("/to", "out_of_range", format!("must be at most {MOST_DAYS} days after `from`")));
    }
    let plan = terms.version.plan(tx, &model, "/version")?;
    let compared = match terms.compare {
        Some(Choice::LIVE) if model.live_version.is_none() => None,
        Some(choice) => Some(choice.plan(tx, &model, "/compare")?),
        None => None,
    };
    let compared = compared.filter(|compared| compared.version != plan.version);
    request(tx, model.id, Kind::Backtest, Question { plan, compared, from: Some(terms.from), to: Some(terms.to) })
}

/// Makes the backtest that a job was asked for.
pub fn run(tx: &mut Tx<'_>, job: &Job, progress: &mut Progress) -> Result<Findings> {
    let study = study_of(tx, job)?;
    let id = study.id;
    // A worker that died may have left some.
    while progress.write(move |tx, _| tx.studies().forget_some_leads(id))? {}
    let mut replay = Replay::new(tx, &study.question.0)?;
    let total = replay.history.count(tx)?;
    let (mut rows, mut seen) = (Vec::with_capacity(CHUNK), 0);
    progress.tell(seen, total)?;
    while let Some(cases) = replay.history.next(tx)? {
        for case in cases {
            rows.extend(replay.lead(case).map(|lead| lead.row(&study, tx.at())));
            seen += 1;
            if rows.len() == CHUNK {
                write(progress, &mut rows)?;
            }
        }
        progress.tell(seen, total)?;
    }
    write(progress, &mut rows)?;
    findings(study.id, seen, replay.report(tx.at()))
}

fn write(progress: &Progress, rows: &mut Vec<BacktestLead>) -> Result<()> {
    if !rows.is_empty() {
        progress.write(|tx, _| tx.studies().insert_leads(rows))?;
        rows.clear();
    }
    Ok(())
}

/// History on its way through one or two versions of a model.
pub struct Replay {
    pub history: History,
    model: Model,
    compared: Option<Model>,
    from: Timestamp,
    until: Timestamp,
    tally: Tally,
    compared_tally: Tally,
    report: Report,
}

/// What came of one lead.
pub struct Replayed<'m> {
    lead: Id,
    outcome: Outcome,
    deal: Option<Deal>,
    decided_at: Option<Timestamp>,
    course: Course,
    grade: &'m str,
    compared: Option<(Course, &'m str)>,
}

impl Replay {
    /// The replay that a question asks for, up to the present instant.
    pub fn new(tx: &mut Tx<'_>, question: &Question) -> Result<Self> {
        let model = question.plan.model(tx)?;
        let compared = question.compared.as_ref().map(|plan| plan.model(tx)).transpose()?;
        // What happened by now counts.
        let until = question.to.map_or(tx.at().successor(), |to| to.min(tx.at().successor()));
        let models: Vec<&Model> = [&model].into_iter().chain(&compared).collect();
        let wanted = Wanted {
            created_before: Some(until),
            before: Some(until),
            ..Wanted::by(model.definition().target, &models)
        };
        Ok(Self {
            history: History::new(tx, wanted)?,
            from: question.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            until,
            tally: Tally::default(),
            compared_tally: Tally::default(),
            report: Report {
                as_of: tx.at(),
                leads: 0,
                won: 0,
                lost: 0,
                open: 0,
                decided_before: 0,
                without_consent: 0,
                opportunities_won: 0,
                opportunities_lost: 0,
                numbers: Numbers::default(),
                compared: None,
            },
            model,
            compared,
        })
    }

    /// Replays one lead; none when it is no part of the backtest.
    pub fn lead(&mut self, mut case: Case) -> Option<Replayed<'_>> {
        case.read_as_open();
        if !self.model.covers(&case.facts.records) {
            return None;
        }
        if !case.permitted {
            self.report.without_consent += 1;
            return None;
        }
        let decided = case.outcome();
        let (from, until) = case.span(self.from, self.until);
        let Some(own) = course(&self.model, &case.facts, &case.evidence, from, until) else {
            self.report.decided_before += 1;
            return None;
        };
        let result = decided.map_or(Outcome::Open, |(result, _)| result);
        match result {
            Outcome::Won => self.report.won += 1,
            Outcome::Lost => self.report.lost += 1,
            Outcome::Open => self.report.open += 1,
        }
        match case.deal {
            Some(Deal::Won) => self.report.opportunities_won += 1,
            Some(Deal::Lost) => self.report.opportunities_lost += 1,
            Some(Deal::Open) | None => {}
        }
        self.report.leads += 1;
        let compared = self.compared.as_ref().and_then(|model| {
            let covered = model.covers(&case.facts.records);
            let other = course(model, &case.facts, &case.evidence, from, until).filter(|_| covered)?;
            Some((other, model.grade(other.highest)))
        });
        let lead = Replayed {
            lead: case.lead.id,
            outcome: result,
            deal: case.deal,
            decided_at: decided.map(|(_, at)| at),
            course: own,
            grade: self.model.grade(own.highest),
            compared,
        };
        self.tally.add(&lead.judged(Some((own, lead.grade))));
        if self.compared.is_some() {
            self.compared_tally.add(&lead.judged(lead.compared));
        }
        Some(lead)
    }

    /// What was found in all of it, read at `as_of`.
    pub fn report(&self, as_of: Timestamp) -> Report {
        let numbers = |model: &Model, tally: &Tally| {
            let grades = model.definition().grades.iter().map(|grade| grade.name.as_str());
            tally.numbers(grades, self.from, self.until)
        };
        Report {
            as_of,
            numbers: numbers(&self.model, &self.tally),
            compared: self.compared.as_ref().map(|model| numbers(model, &self.compared_tally)),
            ..self.report.clone()
        }
    }
}

impl Case {
    /// Lets conditions see the lead as open: it was until its outcome.
    pub fn read_as_open(&mut self) {
        if let Some(status) = self.facts.records.lead.get_mut("status") {
            *status = "open".into();
        }
    }

    /// The time that the lead is followed for between `from` and `until`: from its creation to its outcome.
    pub fn span(&self, from: Timestamp, until: Timestamp) -> (Timestamp, Timestamp) {
        let until = self.outcome().map_or(until, |(_, at)| at.min(until));
        (self.lead.created_at.max(from), until)
    }
}

impl<'m> Replayed<'m> {
    fn judged(&self, made: Option<(Course, &'m str)>) -> Judged<'m> {
        Judged {
            outcome: self.outcome,
            decided_at: self.decided_at,
            highest: made.map(|(course, grade)| (course.highest, grade)),
            ready_at: made.and_then(|(course, _)| course.ready_at),
        }
    }

    fn row(&self, study: &Study, at: Timestamp) -> BacktestLead {
        BacktestLead {
            workspace_id: study.workspace_id,
            id: Id::new(at),
            backtest_id: study.id,
            lead_id: self.lead,
            outcome: Code(self.outcome),
            decided_at: self.decided_at,
            ready_at: self.course.ready_at,
            score: self.course.highest,
            grade: self.grade.to_owned(),
            compared_ready_at: self.compared.and_then(|(course, _)| course.ready_at),
            compared_score: self.compared.map(|(course, _)| course.highest),
            compared_grade: self.compared.map(|(_, grade)| grade.to_owned()),
            opportunity: self.deal.map(Code),
        }
    }
}

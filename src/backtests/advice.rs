//! Advice (SCO-16): what each rule and each asset was worth, by what became of the leads it gave points to.
//!
//! A lead is looked at when its score was highest between its creation and its outcome, the first time if it was so more
//! than once: then its engagement was at its best, and windows and decay had not yet taken away what it became won for. A
//! rule gave points to a lead when its share was not zero then; conditions on fields are answered as the records are now.
//!
//! An asset gave points when a share rested on an interaction with it: for `each` what every interaction gave, for
//! `at_least` all of the rule's points to the interaction that completed it. Suggested is what the seed formula says:
//! the share that was won of the judged leads it gave points to, times the sales-ready score.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::history::{Case, History, Wanted};
use super::judgement::Ratio;
use super::{Choice, Kind, Question, Study, findings, request, study_of};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::jobs::snapshot::Progress;
use crate::jobs::{Findings, Job};
use crate::leads::Outcome;
use crate::opportunities::Status as Deal;
use crate::percent::rounded;
use crate::scoring::{Given, Model, course, given, score};

/// Fewer judged leads than these say little.
const FEW: i64 = 30;
/// Assets that are shown.
const ASSETS: usize = 500;
/// Idle leads that are shown.
const IDLE: usize = 200;

/// What the rules of a version were worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreAdviceReport)]
pub struct Report {
    /// The moment whose data was read.
    pub as_of: Timestamp,
    /// Leads of the model's audience that were won.
    #[schema(example = 40)]
    pub won: i64,
    /// Leads of the model's audience that were lost.
    #[schema(example = 60)]
    pub lost: i64,
    /// Leads of the model's audience that are open.
    #[schema(example = 30)]
    pub open: i64,
    /// The rules, in the order of the model.
    #[schema(max_items = 200)]
    pub rules: Vec<RuleAdvice>,
    /// The assets, those first that gave points to most leads; at most 500.
    #[schema(max_items = 500)]
    pub assets: Vec<AssetAdvice>,
    /// How many assets gave points.
    #[schema(example = 12)]
    pub assets_total: i64,
    /// Open leads at the sales-ready score or above of whose people nobody ever did anything, so that all of their points
    /// rest on facts; those with the highest scores first, at most 200. What looks like a machine's doing is nobody's.
    #[schema(max_items = 200)]
    pub never_acted: Vec<IdleLead>,
    /// How many such leads there are.
    #[schema(example = 1)]
    pub never_acted_total: i64,
}

/// What a rule was worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreRuleAdvice)]
pub struct RuleAdvice {
    /// The rule's key.
    #[schema(example = "webinar")]
    pub rule: String,
    /// What the rule gives now, in points, each time for `each`.
    #[schema(example = 40)]
    pub points: i64,
    #[serde(flatten)]
    pub worth: Worth,
}

/// What an asset was worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreAssetAdvice)]
pub struct AssetAdvice {
    /// The asset, as interactions name it.
    #[schema(example = "white-paper")]
    pub asset: String,
    #[serde(flatten)]
    pub worth: Worth,
}

/// Whom points were given to, and what became of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreWorth)]
pub struct Worth {
    /// Leads it gave points to that were won.
    #[schema(example = 9)]
    pub won: i64,
    /// Leads it gave points to that were lost.
    #[schema(example = 21)]
    pub lost: i64,
    /// Leads it gave points to that are open.
    #[schema(example = 5)]
    pub open: i64,
    /// All points it gave to leads that were won.
    #[schema(example = 360)]
    pub points_to_won: i64,
    /// All points it gave to leads that were lost.
    #[schema(example = 840)]
    pub points_to_lost: i64,
    /// The share that was won of the judged leads it gave points to; null when there are none.
    pub conversion: Option<Ratio>,
    /// The points that the seed formula suggests: that share of the sales-ready score, halves away from zero.
    #[schema(example = 30)]
    pub suggested_points: Option<i64>,
    /// Whether fewer than 30 of the leads are judged, so that the suggestion rests on little.
    #[schema(example = false)]
    pub rests_on_few: bool,
    /// Leads it gave points to that led to an opportunity which was won.
    #[serde(default)]
    #[schema(example = 4)]
    pub opportunities_won: i64,
    /// Leads it gave points to whose opportunities were all lost.
    #[serde(default)]
    #[schema(example = 2)]
    pub opportunities_lost: i64,
}

/// A lead with a high score of whose people nobody ever acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScoreIdleLead)]
pub struct IdleLead {
    /// The lead.
    pub lead_id: Id,
    /// Its owner.
    pub owner_id: Option<Id>,
    /// Its score, in points.
    #[schema(example = 120)]
    pub score: i64,
}

/// Asks what the rules of a version were worth.
pub fn ask(tx: &mut Tx<'_>, model: Id, version: Choice) -> Result<Study> {
    let model = tx.scoring_models().get(model)?;
    let plan = version.plan(tx, &model, "/version")?;
    request(tx, model.id, Kind::Advice, Question { plan, compared: None, from: None, to: None })
}

/// Gives the advice that a job was asked for.
pub fn run(tx: &mut Tx<'_>, job: &Job, progress: &mut Progress) -> Result<Findings> {
    let study = study_of(tx, job)?;
    let model = study.question.0.plan.model(tx)?;
    let now = tx.at();
    let wanted =
        Wanted { asset: true, before: Some(now.successor()), ..Wanted::by(model.definition().target, &[&model]) };
    let mut history = History::new(tx, wanted)?;
    let (total, mut seen) = (history.count(tx)?, 0);
    let mut ledger = Ledger::default();
    progress.tell(seen, total)?;
    while let Some(cases) = history.next(tx)? {
        seen += cases.len() as i64;
        for mut case in cases {
            case.read_as_open();
            if case.permitted && model.covers(&case.facts.records) {
                ledger.add(&model, &case, now);
                ledger.note_idle(tx, &model, &case)?;
            }
        }
        progress.tell(seen, total)?;
    }
    findings(study.id, seen, ledger.report(&model, now))
}

/// Whom something gave points to.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    won: i64,
    lost: i64,
    open: i64,
    points_to_won: i64,
    points_to_lost: i64,
    opportunities_won: i64,
    opportunities_lost: i64,
}

/// What became of a lead, and of the opportunities it led to.
type Ended = (Outcome, Option<Deal>);

impl Account {
    fn add(&mut self, (outcome, deal): Ended, points: i64) {
        match deal {
            Some(Deal::Won) => self.opportunities_won += 1,
            Some(Deal::Lost) => self.opportunities_lost += 1,
            Some(Deal::Open) | None => {}
        }
        match outcome {
            Outcome::Won => {
                self.won += 1;
                self.points_to_won = self.points_to_won.saturating_add(points);
            }
            Outcome::Lost => {
                self.lost += 1;
                self.points_to_lost = self.points_to_lost.saturating_add(points);
            }
            Outcome::Open => self.open += 1,
        }
    }

    fn leads(&self) -> i64 {
        self.won + self.lost + self.open
    }

    fn worth(self, sales_ready_score: i64) -> Worth {
        let Self { won, lost, open, points_to_won, points_to_lost, opportunities_won, opportunities_lost } = self;
        let judged = won + lost;
        let suggested = || rounded(i128::from(won) * i128::from(sales_ready_score), i128::from(judged));
        Worth {
            won,
            lost,
            open,
            points_to_won,
            points_to_lost,
            conversion: Ratio::of(won, judged),
            suggested_points: (judged > 0).then(suggested),
            rests_on_few: judged < FEW,
            opportunities_won,
            opportunities_lost,
        }
    }
}

/// All that is kept of the leads that were looked at.
#[derive(Default)]
struct Ledger {
    all: Account,
    rules: HashMap<String, Account>,
    assets: HashMap<String, Account>,
    idle: Vec<IdleLead>,
    idle_total: i64,
}

impl Ledger {
    /// Books what a lead was given when its score was highest.
    fn add(&mut self, model: &Model, case: &Case, now: Timestamp) {
        let result = (case.outcome().map_or(Outcome::Open, |(result, _)| result), case.deal);
        let (from, until) = case.span(case.lead.created_at, now.successor());
        let Some(course) = course(model, &case.facts, &case.evidence, from, until) else { return };
        self.all.add(result, 0);
        let mut assets: BTreeMap<&str, i64> = BTreeMap::new();
        for Given { rule, points, by } in given(model, &case.facts, &case.evidence, course.highest_at) {
            match self.rules.get_mut(rule) {
                Some(account) => account.add(result, points),
                None => self.rules.entry(rule.to_owned()).or_default().add(result, points),
            }
            for (occurrence, points) in by {
                if let Some(asset) = &occurrence.asset {
                    *assets.entry(asset).or_default() += points;
                }
            }
        }
        for (asset, points) in assets {
            match self.assets.get_mut(asset) {
                Some(account) => account.add(result, points),
                None => self.assets.entry(asset.to_owned()).or_default().add(result, points),
            }
        }
    }

    /// Notes an open lead that is ready for sales though nobody acted.
    fn note_idle(&mut self, tx: &mut Tx<'_>, model: &Model, case: &Case) -> Result<()> {
        if case.outcome().is_some() {
            return Ok(());
        }
        let score = score(model, &case.facts, &case.evidence, tx.at());
        if score < model.definition().sales_ready_score || tx.history().has_anybody_acted(&case.people)? {
            return Ok(());
        }
        self.idle_total += 1;
        self.idle.push(IdleLead { lead_id: case.lead.id, owner_id: case.lead.owner_id, score });
        if self.idle.len() >= 2 * IDLE {
            self.keep_highest();
        }
        Ok(())
    }

    fn keep_highest(&mut self) {
        self.idle.sort_by_key(|lead| (std::cmp::Reverse(lead.score), lead.lead_id));
        self.idle.truncate(IDLE);
    }

    fn report(mut self, model: &Model, as_of: Timestamp) -> Report {
        self.keep_highest();
        let ready = model.definition().sales_ready_score;
        let rule = |key: &str, points: i64| RuleAdvice {
            rule: key.to_owned(),
            points,
            worth: self.rules.get(key).copied().unwrap_or_default().worth(ready),
        };
        let rules = model.rules().map(|(it, points)| rule(&it.key, points)).collect();
        let assets_total = self.assets.len() as i64;
        let mut assets: Vec<(String, Account)> = self.assets.into_iter().collect();
        assets.sort_by(|(one, a), (other, b)| (b.leads(), one).cmp(&(a.leads(), other)));
        assets.truncate(ASSETS);
        Report {
            as_of,
            won: self.all.won,
            lost: self.all.lost,
            open: self.all.open,
            rules,
            assets: assets.into_iter().map(|(asset, it)| AssetAdvice { asset, worth: it.worth(ready) }).collect(),
            assets_total,
            never_acted: self.idle,
            never_acted_total: self.idle_total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(won: i64, lost: i64) -> Account {
        Account { won, lost, ..Account::default() }
    }

    #[test]
    fn suggested_is_the_share_that_was_won_of_the_sales_ready_score() {
        for (won, lost, ready, suggested) in
            [(9, 21, 100, 30), (1, 7, 60, 8), (1, 2, 100, 33), (2, 1, 100, 67), (0, 5, 100, 0)]
        {
            assert_eq!(account(won, lost).worth(ready).suggested_points, Some(suggested), "{won} of {}", won + lost);
        }
        assert_eq!(account(0, 0).worth(100).suggested_points, None);
        assert_eq!(account(0, 0).worth(100).conversion, None);
    }

    #[test]
    fn fewer_than_thirty_judged_leads_are_few() {
        assert!(account(9, 20).worth(100).rests_on_few);
        assert!(!account(9, 21).worth(100).rests_on_few);
    }
}

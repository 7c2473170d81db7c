//! A draft beside what is live (SCO-17): how the two see the same leads.

use serde::Serialize;
use utoipa::ToSchema;

use super::ScoringModel;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;

/// A draft that runs in the shadow of its model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScoringShadow)]
pub struct Shadow {
    /// The name its ledger is under: `score-entries` with this as `model_id` show how it came to its scores.
    pub model_id: Id,
    /// How often a draft was begun to run in this shadow.
    #[schema(example = 1)]
    pub model_version: i64,
    /// Since when this one runs.
    pub since: Timestamp,
    /// How it sees the open leads beside the live version.
    pub comparison: Comparison,
}

/// Two models beside each other, over the open leads, as their scores were last brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ShadowComparison)]
pub struct Comparison {
    /// Leads that both score.
    #[schema(example = 900)]
    pub both: i64,
    /// Leads that only the live version scores.
    #[schema(example = 20)]
    pub only_live: i64,
    /// Leads that only the shadow scores.
    #[schema(example = 80)]
    pub only_shadow: i64,
    /// Of those that both score: leads to which the shadow gives more.
    #[schema(example = 300)]
    pub higher: i64,
    /// Leads to which the shadow gives less.
    #[schema(example = 200)]
    pub lower: i64,
    /// What the shadow gives more than the live version, over all that both score, in points; negative if less.
    #[schema(example = 4200)]
    pub points_more: i64,
    /// Leads that are sales ready by both.
    #[schema(example = 40)]
    pub ready_by_both: i64,
    /// Leads that are sales ready only by the live version.
    #[schema(example = 5)]
    pub ready_only_by_live: i64,
    /// Leads that are sales ready only by the shadow.
    #[schema(example = 12)]
    pub ready_only_by_shadow: i64,
    /// How many leads each pair of grades has; null where one does not score them.
    #[schema(max_items = 441)]
    pub grades: Vec<GradePair>,
}

/// Leads that have one grade by the live version and one by the shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowGradePair)]
pub struct GradePair {
    /// The grade by the live version.
    #[schema(example = "warm")]
    pub live: Option<String>,
    /// The grade by the shadow.
    #[schema(example = "hot")]
    pub shadow: Option<String>,
    /// How many leads.
    #[schema(example = 17)]
    pub leads: i64,
}

/// One model's view of a group of leads that both see alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The grade and whether the lead is sales ready, by the live version.
    pub live: Option<(String, bool)>,
    /// The same by the shadow.
    pub shadow: Option<(String, bool)>,
    pub leads: i64,
    pub higher: i64,
    pub lower: i64,
    pub points_more: i64,
}

/// Adds up what was counted for groups of leads.
pub fn compare(pairs: &[Pair]) -> Comparison {
    let mut sum = Comparison::default();
    for pair in pairs {
        let ready = |side: &Option<(String, bool)>| side.as_ref().is_some_and(|(_, ready)| *ready);
        match (&pair.live, &pair.shadow) {
            (Some(_), Some(_)) => sum.both += pair.leads,
            (Some(_), None) => sum.only_live += pair.leads,
            (None, Some(_)) => sum.only_shadow += pair.leads,
            (None, None) => {}
        }
        sum.higher += pair.higher;
        sum.lower += pair.lower;
        sum.points_more += pair.points_more;
        match (ready(&pair.live), ready(&pair.shadow)) {
            (true, true) => sum.ready_by_both += pair.leads,
            (true, false) => sum.ready_only_by_live += pair.leads,
            (false, true) => sum.ready_only_by_shadow += pair.leads,
            (false, false) => {}
        }
        let grade = |side: &Option<(String, bool)>| side.as_ref().map(|(grade, _)| grade.clone());
        let (live, shadow) = (grade(&pair.live), grade(&pair.shadow));
        match sum.grades.iter_mut().find(|known| (&known.live, &known.shadow) == (&live, &shadow)) {
            Some(known) => known.leads += pair.leads,
            None => sum.grades.push(GradePair { live, shadow, leads: pair.leads }),
        }
    }
    sum.grades.sort_by(|a, b| (&a.live, &a.shadow).cmp(&(&b.live, &b.shadow)));
    sum
}

/// The shadow of a model beside what is live. 404 when none runs.
pub fn of(tx: &mut Tx<'_>, id: Id) -> Result<Shadow> {
    let model = tx.scoring_models().get(id)?;
    let shadow: ScoringModel = tx.scoring_models().shadow_of(model.id)?.ok_or(Error::NotFound)?;
    let comparison = compare(&tx.scores().pairs(model.id, shadow.id)?);
    let model_version = shadow.live_version.unwrap_or(0);
    Ok(Shadow { model_id: shadow.id, model_version, since: shadow.updated_at, comparison })
}

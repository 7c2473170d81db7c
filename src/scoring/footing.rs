//! What a lead stands on (INT-5): whether it became sales ready, or came to its stage, by interactions that were voided.
//!
//! The question is asked of the instant at which the mark was set or the stage entered, under the models that score now
//! and by the facts as they are now: with the voided interactions the models said so, without them they would not. A
//! mark or a move by hand rests on the person who made it, and a mark that other interactions carry as well rests on
//! those. Closed leads are not asked about: they keep what they were closed with.

use super::catalogue::Live;
use super::evaluate;
use super::known::Known;
use super::rescore::Round;
use super::{Facts, Occurrence};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::process::StageCause;

/// What of a lead rested on interactions that were voided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rested {
    /// That it is marked sales ready.
    pub sales_ready: bool,
    /// That it is in its stage.
    pub stage: bool,
}

/// What the models said at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// Whether some score was at its model's sales-ready score or above.
    ready: bool,
    /// Whether some score was above zero.
    scored: bool,
}

/// What of the lead rested on the interactions that the round takes back; none when nothing did.
pub fn of(tx: &mut Tx<'_>, known: &Known, round: &Round) -> Result<Option<Rested>> {
    let evidence = &known.evidence;
    if !known.permitted || !evidence.iter().any(|it| round.news.voided.contains(&it.id)) {
        return Ok(None);
    }
    let before = round.news.before(evidence);
    let both = |at| {
        let verdict = |evidence: &[Occurrence]| verdict(&round.models, &known.facts, evidence, at);
        (verdict(&before), verdict(evidence))
    };
    let mark = known.lead.flags.0.sales_ready.as_ref().filter(|mark| mark.model_id.is_some());
    let sales_ready = mark.is_some_and(|mark| {
        let (with, without) = both(mark.at);
        with.ready && !without.ready
    });
    let stage = match tx.stages().latest(known.lead.id)? {
        Some((StageCause::SalesReady, _)) => sales_ready,
        Some((StageCause::FirstScore, at)) => {
            let (with, without) = both(at);
            with.scored && !without.scored
        }
        _ => false,
    };
    Ok((sales_ready || stage).then_some(Rested { sales_ready, stage }))
}

fn verdict(models: &[Live], facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> Verdict {
    let covering = models.iter().filter(|live| live.model.covers(&facts.records));
    let scores = covering.map(|live| (evaluate(&live.model, facts, evidence, at).score, live.threshold()));
    scores.fold(Verdict { ready: false, scored: false }, |verdict, (score, threshold)| Verdict {
        ready: verdict.ready || score >= threshold,
        scored: verdict.scored || score > 0,
    })
}

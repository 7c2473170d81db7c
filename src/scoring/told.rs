//! A lead of one model that is told one thing after another, for the tests of the rules: the service without its
//! database.

use std::collections::HashSet;
use std::sync::Arc;

use super::catalogue::Live;
use super::history::{AtHand, History};
use super::step::{News, Past, Walk, measure};
use super::*;
use crate::error::Result;

/// A lead of one model as the service knows it: what is known so far, and the score that is stored.
pub struct Told {
    live: Live,
    pub known: Vec<Occurrence>,
    pub stored: Option<LeadScore>,
    /// All rows of its ledger.
    pub rows: Vec<Row>,
}

/// Everything known, as the service finds it again.
struct Known<'a> {
    before: AtHand<'a>,
    all: Arc<[Occurrence]>,
}

impl History for Known<'_> {
    fn some_after(&mut self, kind: &str, after: (Timestamp, Id)) -> Result<&[Occurrence]> {
        self.before.some_after(kind, after)
    }
}

impl Past for Known<'_> {
    fn all(&mut self) -> Result<Arc<[Occurrence]>> {
        Ok(self.all.clone())
    }
}

impl Told {
    /// A lead that was not scored yet.
    pub fn new(model: Model) -> Self {
        let live = Live { id: Id::NIL, version: 1, model: model.into(), assets_revision: 0, is_shadow: false };
        Self { live, known: Vec::new(), stored: None, rows: Vec::new() }
    }

    /// At `now`, `arrivals` become known.
    pub fn hears(&mut self, facts: &Facts, now: Timestamp, arrivals: &[Occurrence]) -> Walk {
        self.step(facts, now, arrivals, &HashSet::new())
    }

    /// At `now`, `arrivals` become known and what has one of the ids `voided` is taken back.
    pub fn step(&mut self, facts: &Facts, now: Timestamp, arrivals: &[Occurrence], voided: &HashSet<Id>) -> Walk {
        let before: Vec<_> = self.known.iter().filter(|it| !it.voided).cloned().collect();
        self.known.extend(arrivals.iter().cloned());
        for it in self.known.iter_mut().filter(|it| voided.contains(&it.id)) {
            it.voided = true;
        }
        let cause = if voided.is_empty() { Cause::Interaction } else { Cause::Void };
        let interactions = arrivals.iter().map(|it| it.id).collect();
        let news = News { interactions, voided: voided.clone(), ..News::of(cause) };
        self.measure(facts, now, &news, arrivals, &before)
    }

    /// At `now`, what counts for the lead is `known` and nothing else, as after a merge.
    pub fn becomes(&mut self, facts: &Facts, now: Timestamp, known: Vec<Occurrence>) -> Walk {
        self.known = known;
        let news = News { is_other_history: true, ..News::of(Cause::Merge) };
        self.measure(facts, now, &news, &[], &[])
    }

    fn measure(
        &mut self,
        facts: &Facts,
        now: Timestamp,
        news: &News,
        arrivals: &[Occurrence],
        before: &[Occurrence],
    ) -> Walk {
        let mut past = Known { before: AtHand::of(before), all: self.known.clone().into() };
        let walk = measure(&self.live, facts, self.stored.as_ref(), (now, news, arrivals), &mut past).unwrap();
        self.rows.extend(walk.rows.iter().cloned());
        self.stored = Some(LeadScore {
            workspace_id: Id::NIL,
            lead_id: facts.lead_id,
            model_id: Id::NIL,
            model_version: 1,
            score: walk.card.score,
            grade: walk.card.grade.clone(),
            shares: JsonOf(walk.card.parts.clone()),
            reached: false,
            evaluated_at: walk.at,
            due_at: walk.due,
            assets_revision: 0,
            whose_id: None,
            // What is stored is written and read again.
            tally: Some(Packed(postcard::from_bytes(&postcard::to_stdvec(&walk.tally).unwrap()).unwrap())),
        });
        walk
    }
}

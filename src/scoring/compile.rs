//! A model ready to score with: a definition that was found sound, and the points of each rule (SCO-2).

use std::collections::HashMap;

use super::condition::{Behaviour, Condition, Frequency};
use super::model::{Definition, Rule, Target};
use super::occurrence::Occurrence;
use super::terms::Terms;
use crate::error::Violation;
use crate::filter;
use crate::filter::{Field, Records, Relations};
use crate::id::Id;
use crate::percent::Percent;

/// A sound scoring model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    definition: Definition,
    points: Vec<i64>,
    /// What an interaction with an asset is worth to rules that take their points from it, by the asset's key.
    assets: HashMap<String, i64>,
    /// The terms of each rule's conditions on interactions, rule by rule.
    terms: Vec<Vec<Terms>>,
    /// Which conditions of which rules look at a kind of interaction; those of rules that give nothing are left out.
    watching: HashMap<String, Vec<Watch>>,
}

/// A condition on interactions: the place of its rule in the model, and its own among those of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    pub rule: usize,
    pub condition: usize,
}

impl Model {
    /// Makes `definition` ready to score with, or lists everything wrong with it; no asset is worth anything.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Violation>> {
        Self::compile_with(definition, &HashMap::new())
    }

    /// The same with the readiness of each asset (SCO-13).
    pub fn compile_with(definition: &Definition, assets: &HashMap<String, Percent>) -> Result<Self, Vec<Violation>> {
        let broken = definition.check();
        if !broken.is_empty() {
            return Err(broken);
        }
        let whole = definition.sales_ready_score;
        let of_assets = |(key, percent): (&String, &Percent)| {
            percent.of(whole).filter(|worth| *worth != 0).map(|worth| (key.clone(), worth))
        };
        let assets: HashMap<String, i64> = assets.iter().filter_map(of_assets).collect();
        // Of a rule that gives what the assets are worth only the sign counts, and whether it gives anything.
        let most = assets.values().copied().max().unwrap_or(0);
        let worth = |rule: &Rule| if rule.from_asset { most } else { rule.worth(whole).unwrap_or(0) };
        let points: Vec<i64> = definition.rules.iter().map(worth).collect();
        let terms = definition.rules.iter().map(|rule| rule.behaviours().map(Terms::of).collect()).collect();
        let mut watching: HashMap<String, Vec<Watch>> = HashMap::new();
        for (rule, (its, _)) in definition.rules.iter().zip(&points).enumerate().filter(|(_, (_, worth))| **worth != 0)
        {
            for (condition, behaviour) in its.behaviours().enumerate() {
                watching.entry(behaviour.interaction.clone()).or_default().push(Watch { rule, condition });
            }
        }
        Ok(Self { definition: definition.clone(), points, assets, terms, watching })
    }

    /// What the model was made from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Whether the model scores the lead of `records` at all: its target is that kind of lead, and the lead is in its
    /// audience (SCO-1).
    pub fn covers(&self, records: &Records) -> bool {
        let on_target = match self.definition.target {
            Target::Contact => records.contact.is_some(),
            Target::Account => records.contact.is_none() && records.account.is_some(),
        };
        on_target && self.definition.audience.holds(records, &Relations::NONE)
    }

    /// Whether any rule looks at interactions of this kind. Interactions of other kinds never change a score.
    pub fn looks_at(&self, kind: &str) -> bool {
        self.watching.contains_key(kind)
    }

    /// The kinds of interaction that the rules look at.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.watching.keys().map(String::as_str)
    }

    /// The conditions that `occurrence` is one for, for the lead `lead_id`, with what it is worth to their rules.
    pub(super) fn watches(&self, occurrence: &Occurrence, lead_id: Id) -> impl Iterator<Item = (Watch, i64)> {
        let looking = self.watching.get(&occurrence.kind).map(Vec::as_slice).unwrap_or_default();
        looking.iter().filter_map(move |watch| Some((*watch, self.worth(*watch, occurrence, lead_id)?)))
    }

    /// What an occurrence is worth to the rule of a condition; none when the condition is not about it.
    pub(super) fn worth(&self, watch: Watch, occurrence: &Occurrence, lead_id: Id) -> Option<i64> {
        let (rule, behaviour) = (self.definition.rules.get(watch.rule)?, self.behaviour(watch)?);
        let is_one = occurrence.matches(behaviour, lead_id, self.definition.suspect_evidence);
        let worth = || match self.assets_for(rule, behaviour) {
            Some(assets) => assets.get(occurrence.asset.as_ref()?).copied(),
            None => self.points.get(watch.rule).copied(),
        };
        if is_one { worth() } else { None }
    }

    /// What assets are worth to a rule, if this condition of it is the one that takes points from them.
    pub(super) fn assets_for(&self, rule: &Rule, behaviour: &Behaviour) -> Option<&HashMap<String, i64>> {
        (rule.from_asset && behaviour.frequency == Frequency::Each).then_some(&self.assets)
    }

    /// The asset that is worth most to rules that take points from assets; of equal ones the first by key.
    pub(super) fn best_asset(&self) -> Option<&str> {
        let best = self.assets.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        best.map(|(key, _)| key.as_str())
    }

    /// The condition that stands there.
    pub(super) fn behaviour(&self, watch: Watch) -> Option<&Behaviour> {
        self.definition.rules.get(watch.rule)?.behaviours().nth(watch.condition)
    }

    /// The terms of a rule's conditions on interactions, in their order.
    pub(super) fn terms(&self, rule: usize) -> &[Terms] {
        self.terms.get(rule).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether any rule takes its points from assets.
    pub fn asks_assets(&self) -> bool {
        self.definition.rules.iter().any(|rule| rule.from_asset)
    }

    /// Whether any rule or the audience reads this field, such as `contact.language`, whichever of its names is used.
    pub fn reads(&self, field: &str) -> bool {
        let audience = self.definition.audience.conditions("").into_iter().map(|(_, condition)| condition);
        let attributes = self.conditions().filter_map(|condition| match condition {
            Condition::Attribute(attribute) => Some(attribute),
            Condition::Behaviour(_) => None,
        });
        let asked = Field::named(field);
        asked.is_some() && audience.chain(attributes).any(|condition| Field::named(&condition.field) == asked)
    }

    /// Each rule with its points.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, i64)> {
        self.definition.rules.iter().zip(self.points.iter().copied())
    }

    /// The name of the grade that `score` is in.
    pub fn grade(&self, score: i64) -> &str {
        let grades = &self.definition.grades;
        let grade = grades.iter().find(|grade| grade.to.is_none_or(|to| score <= to));
        grade.map_or("", |grade| &grade.name)
    }

    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.definition.rules.iter().flat_map(|rule| &rule.when)
    }
}

impl Rule {
    /// The rule's points when `sales_ready_score` is the whole; `None` when it does not say or cannot be said exactly.
    pub(super) fn worth(&self, sales_ready_score: i64) -> Option<i64> {
        self.points.or_else(|| self.readiness_percent.as_ref()?.of(sales_ready_score))
    }

    /// The rule's conditions on records.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &filter::Condition> {
        self.when.iter().filter_map(|condition| match condition {
            Condition::Attribute(attribute) => Some(attribute),
            Condition::Behaviour(_) => None,
        })
    }

    /// The rule's conditions on interactions.
    pub fn behaviours(&self) -> impl Iterator<Item = &Behaviour> {
        self.when.iter().filter_map(|condition| match condition {
            Condition::Attribute(_) => None,
            Condition::Behaviour(behaviour) => Some(behaviour),
        })
    }
}

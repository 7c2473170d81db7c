//! A model ready to score with: a definition that was found sound, and the points of each rule (SCO-2).

use super::condition::{Behaviour, Condition};
use super::model::{Definition, Rule, Target};
use crate::error::Violation;
use crate::filter;
use crate::filter::{Field, Records};

/// A sound scoring model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    definition: Definition,
    points: Vec<i64>,
}

impl Model {
    /// Makes `definition` ready to score with, or lists everything wrong with it.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Violation>> {
        let broken = definition.check();
        if !broken.is_empty() {
            return Err(broken);
        }
        let points =
            definition.rules.iter().map(|rule| rule.worth(definition.sales_ready_score).unwrap_or(0)).collect();
        Ok(Self { definition: definition.clone(), points })
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
        on_target && self.definition.audience.iter().all(|condition| filter::holds(condition, records))
    }

    /// Whether any rule looks at interactions of this kind. Interactions of other kinds never change a score.
    pub fn looks_at(&self, kind: &str) -> bool {
        self.conditions().any(|condition| matches!(condition, Condition::Behaviour(it) if it.interaction == kind))
    }

    /// Whether any rule or the audience reads this field, such as `contact.language`, whichever of its names is used.
    pub fn reads(&self, field: &str) -> bool {
        let audience = self.definition.audience.iter();
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

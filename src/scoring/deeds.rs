//! What can be done about a rule (SCO-9): the fewest interactions and field values that make its conditions hold, or that
//! end one of them.

use std::cmp::Reverse;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::compile::Model;
use super::condition::{Behaviour, Frequency};
use super::evaluate::{Facts, Scorecard, Share, evaluate};
use super::model::Rule;
use super::occurrence::{Evidence, Occurrence};
use super::sentences::{comparison, interactions};
use super::terms::Terms;
use super::track::Track;
use crate::clock::Timestamp;
use crate::filter;
use crate::filter::{Asked, Field, Kind, Literal, Op};
use crate::id::Id;

/// More interactions than this for one rule are no near way to anything.
const MOST_TIMES: usize = 100;

/// Fields that say where a record comes from or how far it is: nobody sets them to gain points.
const NOT_FOR_POINTS: [&str; 6] =
    ["lead.status", "lead.process", "lead.source", "lead.source_detail", "lead.channel_class", "contact.first_source"];

/// Something that can be done: interactions that happen, or a field that takes a value.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ScoreDeed)]
pub enum Deed {
    /// Interactions that happen.
    Happens(WantedInteraction),
    /// A field that takes a value.
    Becomes(WantedField),
}

/// Interactions that would count.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = WantedInteraction)]
pub struct WantedInteraction {
    /// The kind.
    #[schema(example = "event_attended")]
    pub interaction: String,
    /// How many.
    #[schema(minimum = 1, maximum = 100, example = 1)]
    pub times: usize,
    /// The asset they have to be about.
    #[schema(example = "white-paper")]
    pub asset: Option<String>,
    /// The campaign they have to belong to.
    pub campaign: Option<String>,
    /// The form they have to come through.
    pub form: Option<Id>,
    /// Properties they have to have; other values may do as well.
    #[schema(value_type = Object, example = json!({"pages_read": 10}))]
    pub properties: Map<String, Value>,
    /// Whether they have to name the lead.
    pub same_lead: bool,
}

/// A field that would give points.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = WantedField)]
pub struct WantedField {
    /// The field.
    #[schema(example = "contact.decision_role")]
    pub field: String,
    /// What its value has to be.
    pub op: Op,
    /// What it has to be compared with; null for `is_set`.
    pub value: Option<Literal>,
    /// Such a value.
    #[serde(skip)]
    pub becomes: Value,
}

impl Deed {
    /// What is to be done, in words.
    pub(super) fn sentence(&self, rule: &Rule) -> String {
        match self {
            Self::Becomes(wanted) => {
                format!("{} {}", wanted.field, comparison(wanted.op, wanted.value.as_ref(), true))
            }
            Self::Happens(wanted) => {
                let asked = rule.behaviours().find(|behaviour| wanted.is_about(behaviour));
                let what = asked.map_or_else(|| wanted.interaction.clone(), interactions);
                let chosen = wanted.asset.as_ref().filter(|_| asked.is_some_and(|asked| asked.asset.is_none()));
                let asset = chosen.map(|asset| format!(" with asset \"{asset}\"")).unwrap_or_default();
                format!("{} × {what}{asset}", wanted.times)
            }
        }
    }
}

impl WantedInteraction {
    fn is_about(&self, behaviour: &Behaviour) -> bool {
        let asked = Self { asset: behaviour.asset.clone().or(self.asset.clone()), ..self.clone() };
        Self::of(behaviour, self.times).is_some_and(|of| Self { asset: asked.asset.clone(), ..of } == asked)
    }

    /// Interactions that `behaviour` asks about; `None` when no properties were found that it accepts.
    fn of(behaviour: &Behaviour, times: usize) -> Option<Self> {
        let mut properties = Map::new();
        for property in &behaviour.properties {
            let same = behaviour.properties.iter().filter(|other| other.key == property.key);
            let asked: Vec<Asked<'_>> = same.map(|other| (other.op, other.value.as_ref())).collect();
            let value = filter::satisfying(Kind::Any, &asked)?;
            if !value.is_null() {
                properties.insert(property.key.clone(), value);
            }
        }
        Some(Self {
            interaction: behaviour.interaction.clone(),
            times,
            asset: behaviour.asset.clone(),
            campaign: behaviour.campaign.clone(),
            form: behaviour.form,
            properties,
            same_lead: behaviour.same_lead,
        })
    }
}

/// A lead as it is or might be at an instant, under a model that covers it.
#[derive(Clone)]
pub(super) struct World<'m> {
    pub(super) model: &'m Model,
    pub(super) at: Timestamp,
    facts: Facts,
    evidence: Vec<Occurrence>,
    /// Interactions that were added; each gets an id later than all there are.
    added: u32,
}

impl<'m> World<'m> {
    /// The lead as it is, without the interactions that make no difference at `at`, nor to what may still be done then.
    pub(super) fn new(model: &'m Model, facts: &Facts, evidence: &[Occurrence], at: Timestamp) -> Self {
        let suspects_count = model.definition().suspect_evidence;
        let mut needed = HashSet::new();
        for (rule, _) in model.rules() {
            let is_whole = rule.from_asset || rule.behaviours().any(|it| it.frequency == Frequency::None);
            for behaviour in rule.behaviours() {
                let matching = evidence.iter().filter(|it| it.matches(behaviour, facts.lead_id, suspects_count));
                let mut matching: Vec<_> = matching.filter(|it| it.occurred_at <= at).collect();
                // Whether it was ever silent at the right time, and which assets it was about, the whole history tells.
                if !is_whole {
                    matching.sort_by_key(|it| Reverse((it.occurred_at, it.id)));
                    matching.truncate(most_needed(behaviour, &matching, at));
                }
                needed.extend(matching.into_iter().map(|it| it.id));
            }
        }
        let evidence = evidence.iter().filter(|it| needed.contains(&it.id)).cloned().collect();
        Self { model, at, facts: facts.clone(), evidence, added: 0 }
    }

    pub(super) fn card(&self) -> Scorecard {
        evaluate(self.model, &self.facts, &self.evidence, self.at)
    }

    /// How much there is to look at for one scorecard.
    pub(super) fn size(&self) -> usize {
        (self.evidence.len() + 1) * self.model.definition().rules.len().max(1)
    }

    /// Does the deeds, asks, and takes them back. `None` when the model would no longer cover the lead.
    pub(super) fn after<T>(&mut self, deeds: &[Deed], ask: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let (length, added) = (self.evidence.len(), self.added);
        let sets_field = deeds.iter().any(|deed| matches!(deed, Deed::Becomes(_)));
        let facts = sets_field.then(|| self.facts.clone());
        deeds.iter().for_each(|deed| self.perform(deed));
        let answer = self.model.covers(&self.facts.records).then(|| ask(self));
        self.evidence.truncate(length);
        self.added = added;
        if let Some(facts) = facts {
            self.facts = facts;
        }
        answer
    }

    pub(super) fn perform(&mut self, deed: &Deed) {
        match deed {
            Deed::Becomes(wanted) => {
                if let Some(field) = Field::named(&wanted.field) {
                    field.put(&mut self.facts.records, wanted.becomes.clone());
                }
            }
            Deed::Happens(wanted) => {
                for _ in 0..wanted.times {
                    self.added += 1;
                    let mut id = [0xff; 16];
                    id[12..].copy_from_slice(&self.added.to_be_bytes());
                    self.evidence.push(Occurrence {
                        id: Id::from_bytes(id),
                        kind: wanted.interaction.clone(),
                        occurred_at: self.at,
                        lead_id: wanted.same_lead.then_some(self.facts.lead_id),
                        asset: wanted.asset.clone(),
                        campaign: wanted.campaign.clone(),
                        form_id: wanted.form,
                        properties: Value::Object(wanted.properties.clone()),
                        evidence: Evidence::Human,
                        voided: false,
                    });
                }
            }
        }
    }

    /// What might be done about each rule: to meet those that give points, once more where every interaction counts, and
    /// to end those that take points now. Each with its place in the model.
    pub(super) fn proposals(&mut self, shares: &[Share]) -> Vec<(usize, Vec<Deed>)> {
        let model = self.model;
        let mut proposed = Vec::new();
        for (place, (rule, worth)) in model.rules().enumerate() {
            if worth > 0 {
                proposed.extend(self.needs_of(rule).map(|deeds| (place, deeds)));
            } else if shares.iter().any(|share| share.rule == rule.key && share.points < 0) {
                proposed.extend(self.ends_of(rule).map(|deed| (place, vec![deed])));
            }
        }
        proposed
    }

    /// The deeds after which all conditions of the rule hold, or after which one more interaction counts for it.
    fn needs_of(&mut self, rule: &Rule) -> Option<Vec<Deed>> {
        let mut deeds = self.fields_needed_by(rule)?;
        // What is never to happen cannot be brought about; what has to happen several times may also count each time.
        let mut behaviours: Vec<&Behaviour> = rule.behaviours().collect();
        behaviours.sort_by_key(|behaviour| match behaviour.frequency {
            Frequency::None => 0,
            Frequency::AtLeast(_) => 1,
            Frequency::Each => 2,
        });
        for behaviour in behaviours {
            let missing = self.after(&deeds, |world| world.missing(rule, behaviour)).flatten()?;
            let repeats = behaviour.frequency == Frequency::Each && deeds.is_empty() && missing == 0;
            let times = if repeats { 1 } else { missing };
            if times > 0 {
                let mut wanted = WantedInteraction::of(behaviour, times)?;
                if self.model.assets_for(rule, behaviour).is_some() && wanted.asset.is_none() {
                    wanted.asset = self.model.best_asset().map(str::to_owned);
                }
                deeds.push(Deed::Happens(wanted));
            }
        }
        (!deeds.is_empty()).then_some(deeds)
    }

    /// How many interactions a condition still needs; `None` when none would help, or too many are needed.
    fn missing(&self, rule: &Rule, behaviour: &Behaviour) -> Option<usize> {
        let suspects_count = self.model.definition().suspect_evidence;
        let assets = self.model.assets_for(rule, behaviour);
        let track = Track::new(behaviour, &self.facts, &self.evidence, suspects_count, assets);
        let needed = match behaviour.frequency {
            _ if track.holds(self.at) => 0,
            Frequency::None => return None,
            Frequency::Each => 1,
            Frequency::AtLeast(times) => usize::try_from(times).ok()?.saturating_sub(track.counted(self.at).len()),
        };
        (needed <= MOST_TIMES).then_some(needed)
    }

    /// The field values that the rule still needs; `None` when there are none that could be set.
    fn fields_needed_by(&self, rule: &Rule) -> Option<Vec<Deed>> {
        let mut deeds: Vec<Deed> = Vec::new();
        for condition in rule.attributes().filter(|condition| !filter::holds(condition, &self.facts.records)) {
            let same = rule.attributes().filter(|other| Field::named(&other.field) == Field::named(&condition.field));
            let asked: Vec<Asked<'_>> = same.map(|other| (other.op, other.value.as_ref())).collect();
            let deed = self.becomes(&condition.field, condition.op, condition.value.clone(), &asked)?;
            if !deeds.contains(&deed) {
                deeds.push(deed);
            }
        }
        Some(deeds)
    }

    fn becomes(&self, name: &str, op: Op, value: Option<Literal>, asked: &[Asked<'_>]) -> Option<Deed> {
        let field = Field::named(name)?;
        let fixed = matches!(field.kind, Kind::Time | Kind::Id) || NOT_FOR_POINTS.contains(&name);
        let becomes = filter::satisfying(field.kind, asked).filter(|value| !fixed && !value.is_null())?;
        let mut records = self.facts.records.clone();
        field
            .put(&mut records, becomes.clone())
            .then(|| Deed::Becomes(WantedField { field: name.to_owned(), op, value, becomes }))
    }

    /// What ends the rule: something that was not to happen, or a field that was not to have a value.
    fn ends_of<'s>(&'s self, rule: &'s Rule) -> impl Iterator<Item = Deed> + 's {
        let silences = rule.behaviours().filter(|behaviour| behaviour.frequency == Frequency::None);
        let breaks = silences.filter_map(|behaviour| WantedInteraction::of(behaviour, 1)).map(Deed::Happens);
        let opposites = rule.attributes().filter_map(|condition| {
            let op = match condition.op {
                Op::Ne => Op::Eq,
                Op::NotIn => Op::In,
                Op::NotSet => Op::IsSet,
                _ => return None,
            };
            self.becomes(&condition.field, op, condition.value.clone(), &[(op, condition.value.as_ref())])
        });
        breaks.chain(opposites)
    }
}

/// How many of the interactions that a condition asks about, latest first, make a difference at `at`: those that may
/// count, and those that tell whether the condition was once met.
fn most_needed(behaviour: &Behaviour, latest_first: &[&Occurrence], at: Timestamp) -> usize {
    let terms = Terms::of(behaviour);
    match terms.limit {
        usize::MAX => latest_first.partition_point(|it| !terms.has_closed(it.occurred_at, at)).max(1),
        limit => limit,
    }
}

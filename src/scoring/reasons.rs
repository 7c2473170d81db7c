//! Why a score is what it is (SCO-9): every rule of the model with its conditions, in data and in words, and every bound.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::compile::Model;
use super::condition::{Behaviour, Condition, Frequency};
use super::evaluate::{Facts, Share};
use super::model::{Definition, Rule};
use super::occurrence::Occurrence;
use super::sentences::{comparison, interactions, moment, points, quoted, window};
use super::track::Track;
use crate::clock::Timestamp;
use crate::filter;
use crate::filter::{Field, Kind, Op};
use crate::id::Id;

/// Interactions that are listed for one condition.
const MOST_LISTED: usize = 100;

/// A rule of the model, what it gives and why.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoreRule)]
pub struct RuleReason {
    /// The rule's key.
    #[schema(example = "opens")]
    pub rule: String,
    /// What people call the rule.
    pub name: Option<String>,
    /// The group whose bounds its points fall under.
    #[schema(example = "mail")]
    pub group: Option<String>,
    /// What it gives to the score, in points, before any bound; 0 when it gives nothing.
    #[schema(example = 15)]
    pub points: i64,
    /// What it gives once, in points: for every interaction with `each`, at all with other frequencies. Null where that
    /// depends on the interaction.
    #[schema(example = 5)]
    pub worth: Option<i64>,
    /// Its conditions, in the order of the model; empty for a closed lead and for a past moment, of which only the points
    /// are kept.
    #[schema(max_items = 20)]
    pub why: Vec<ConditionReason>,
}

/// A condition of a rule, and how things stand with it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoreReason)]
pub struct ConditionReason {
    /// The condition as the model has it.
    pub condition: Condition,
    /// Whether it holds.
    pub holds: bool,
    /// How things stand, in a sentence.
    #[schema(
        example = "4 × email_opened in the last 30 days; the latest 3 count; the next of them leaves on 2026-03-31T00:00:00Z"
    )]
    pub sentence: String,
    /// For a condition on a field: its value; null when it has none, or when the token may not read the record.
    #[schema(value_type = Option<Object>, example = "decision_maker")]
    pub actual: Option<Value>,
    /// For a condition on interactions: what was done.
    pub done: Option<Done>,
}

/// The interactions that a condition is about.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoreDone)]
pub struct Done {
    /// Interactions count that happened after this instant; null when there is no window.
    pub from: Option<Timestamp>,
    /// Interactions count that happened until this instant.
    pub until: Timestamp,
    /// How many happened in that time.
    #[schema(example = 4)]
    pub happened: usize,
    /// How many of them count: with `max_times` and `at_least` n only the latest.
    #[schema(example = 3)]
    pub counted: usize,
    /// When the last one happened, in the window or before it.
    pub last_at: Option<Timestamp>,
    /// Those that count, latest first; at most the latest hundred.
    #[schema(max_items = 100)]
    pub latest: Vec<Counted>,
}

/// An interaction that counts for a condition.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoreCounted)]
pub struct Counted {
    /// The interaction.
    pub id: Id,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it gives, in points; null unless the rule's points are given for every interaction.
    #[schema(example = 5)]
    pub points: Option<i64>,
    /// When it leaves its window; null when it counts for ever.
    pub leaves_at: Option<Timestamp>,
    /// When it next loses points with age; null when it does not.
    pub fades_at: Option<Timestamp>,
}

/// What a bound of the model adds or takes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ScoreBound)]
pub struct BoundReason {
    /// `@cap:<group>`, `@floor`, `@ceiling` or `@residual`.
    #[schema(example = "@cap:mail")]
    pub rule: String,
    /// What it adds or takes, in points; never 0.
    #[schema(example = -5)]
    pub points: i64,
    /// Why, in a sentence.
    #[schema(example = "The rules of group mail give 15 points; the group gives at most 10.")]
    pub sentence: String,
}

/// Which records' values may be told.
#[derive(Clone, Copy, Debug)]
pub struct Readable {
    /// The lead.
    pub lead: bool,
    /// Its contact.
    pub contact: bool,
    /// Its account.
    pub account: bool,
}

impl Readable {
    fn covers(self, field: &str) -> bool {
        match field.split('.').next() {
            Some("lead") => self.lead,
            Some("contact") => self.contact,
            Some("account") => self.account,
            _ => false,
        }
    }
}

/// Every rule of the model with what it gives by `shares`, and why at `at`.
pub fn rules(
    model: &Model,
    facts: &Facts,
    evidence: &[Occurrence],
    at: Timestamp,
    shares: &[Share],
    readable: Readable,
) -> Vec<RuleReason> {
    let suspects_count = model.definition().suspect_evidence;
    let mut told = outline(model, shares);
    for (reason, (rule, worth)) in told.iter_mut().zip(model.rules()) {
        let gives = reason.points != 0;
        let condition = |condition: &Condition| match condition {
            Condition::Attribute(attribute) => on_field(attribute, facts, readable),
            Condition::Behaviour(behaviour) => {
                let track = Track::new(behaviour, facts, evidence, suspects_count, model.assets_for(rule, behaviour));
                let matching = evidence.iter().filter(|it| it.matches(behaviour, facts.lead_id, suspects_count));
                let seen = Seen { behaviour, track: &track, worth: if gives { worth } else { 0 }, at };
                seen.reason(matching, facts.lead_created_at)
            }
        };
        reason.why = rule.when.iter().map(condition).collect();
    }
    told
}

/// Every rule of the model with what it gives by `shares`, without the reasons.
pub fn outline(model: &Model, shares: &[Share]) -> Vec<RuleReason> {
    let given = |rule: &Rule| shares.iter().find(|share| share.rule == rule.key).map_or(0, |share| share.points);
    let outlined = model.rules().map(|(rule, worth)| RuleReason {
        rule: rule.key.clone(),
        name: rule.name.clone(),
        group: rule.group.clone(),
        points: given(rule),
        worth: (!rule.from_asset).then_some(worth),
        why: Vec::new(),
    });
    outlined.collect()
}

/// What the bounds add and take by `shares`, with the reason of each.
pub fn bounds(definition: &Definition, shares: &[Share]) -> Vec<BoundReason> {
    let mut told = Vec::new();
    let mut sum: i64 = 0;
    for share in shares {
        if share.rule.starts_with('@') {
            let sentence = bound_sentence(definition, shares, &share.rule, sum);
            told.push(BoundReason { rule: share.rule.clone(), points: share.points, sentence });
        }
        sum = sum.saturating_add(share.points);
    }
    told
}

fn bound_sentence(definition: &Definition, shares: &[Share], bound: &str, sum: i64) -> String {
    if let Some(name) = bound.strip_prefix("@cap:") {
        let of_group = |share: &&Share| {
            let mut rules = definition.rules.iter();
            rules.any(|rule| rule.key == share.rule && rule.group.as_deref() == Some(name))
        };
        let given = shares.iter().filter(of_group).map(|share| share.points).fold(0, i64::saturating_add);
        let group = definition.groups.iter().find(|group| group.name == name);
        let limit = match group {
            Some(group) if group.max.is_some_and(|max| given > max) => {
                format!("at most {}", group.max.unwrap_or_default())
            }
            Some(group) => format!("at least {}", group.min.unwrap_or_default()),
            None => "something else".to_owned(),
        };
        return format!("The rules of group {name} give {}; the group gives {limit}.", points(given));
    }
    let sum = points(sum);
    match bound {
        "@floor" => format!("Rules and groups give {sum}; a score is never less than {}.", definition.floor),
        "@ceiling" => {
            format!(
                "Rules and groups give {sum}; a score is never more than {}.",
                definition.ceiling.unwrap_or_default()
            )
        }
        _ => format!(
            "A positive rule was once met, so the lead keeps {}: old is not the same as never.",
            points(definition.residual)
        ),
    }
}

fn on_field(condition: &filter::Condition, facts: &Facts, readable: Readable) -> ConditionReason {
    let holds = filter::holds(condition, &facts.records);
    let actual = Field::named(&condition.field).and_then(|field| field.value_in(&facts.records)).cloned();
    let actual = actual.filter(|value| readable.covers(&condition.field) && is_set(value));
    let mut sentence = format!("{} {}", condition.field, comparison(condition.op, condition.value.as_ref(), holds));
    let says_it_all = matches!((condition.op, holds), (Op::Eq, true) | (Op::Ne, false) | (Op::NotSet, true));
    if readable.covers(&condition.field) && !says_it_all {
        match &actual {
            Some(value) => sentence += &format!(": it is {}", quoted(value)),
            None if condition.op != Op::IsSet => sentence += ": it is not set",
            None => {}
        }
    }
    ConditionReason { condition: Condition::Attribute(condition.clone()), holds, sentence, actual, done: None }
}

fn is_set(value: &Value) -> bool {
    filter::compare(Kind::Any, Some(value), Op::IsSet, None)
}

/// A condition on interactions, at an instant, for a rule that gives `worth` for each of them.
struct Seen<'s, 'a> {
    behaviour: &'s Behaviour,
    track: &'s Track<'a>,
    worth: i64,
    at: Timestamp,
}

impl Seen<'_, '_> {
    fn reason<'o>(&self, matching: impl Iterator<Item = &'o Occurrence>, lead_made: Timestamp) -> ConditionReason {
        let days = self.behaviour.within_days.map(i64::from);
        let past: Vec<Timestamp> = matching.map(|it| it.occurred_at).filter(|at| *at <= self.at).collect();
        let is_open = |at: &&Timestamp| days.is_none_or(|days| at.plus_days(days) > self.at);
        let counted = self.track.counted(self.at);
        let done = Done {
            from: days.map(|days| self.at.plus_days(-days)),
            until: self.at,
            happened: past.iter().filter(is_open).count(),
            counted: counted.len(),
            last_at: past.iter().max().copied(),
            latest: counted.iter().rev().take(MOST_LISTED).map(|it| self.counted(it)).collect(),
        };
        let holds = self.track.holds(self.at);
        let ready = days.map(|days| lead_made.plus_days(days)).filter(|ready| *ready > self.at);
        let sentence = self.sentence(&done, holds, ready);
        let condition = Condition::Behaviour(self.behaviour.clone());
        ConditionReason { condition, holds, sentence, actual: None, done: Some(done) }
    }

    fn counted(&self, it: &Occurrence) -> Counted {
        let each = self.behaviour.frequency == Frequency::Each;
        let worth = if self.worth == 0 { 0 } else { self.track.worth(self.worth, it) };
        let terms = self.track.terms;
        Counted {
            id: it.id,
            occurred_at: it.occurred_at,
            points: each.then(|| terms.kept(worth, it.occurred_at, self.at)),
            leaves_at: terms.closes(it.occurred_at),
            fades_at: terms.fades(worth, it.occurred_at, self.at),
        }
    }

    /// How things stand. `ready` is when the lead is old enough for silence to be told from youth.
    fn sentence(&self, done: &Done, holds: bool, ready: Option<Timestamp>) -> String {
        let what = format!("{}{}", interactions(self.behaviour), window(self.behaviour));
        let last = done.last_at.map(|at| format!("; the last was on {}", moment(at))).unwrap_or_default();
        match (self.behaviour.frequency, holds) {
            (Frequency::Each, true) => format!("{} × {what}{}{}", done.happened, self.limited(done), self.next(done)),
            (Frequency::Each, false) if done.last_at.is_none() => format!("no {what} so far"),
            (Frequency::Each, false) => format!("no {what}{last}"),
            (Frequency::AtLeast(times), true) => {
                let first = self.track.counted(self.at).first();
                let ends = first.and_then(|it| self.counted(it).leaves_at);
                let until = ends.map(|at| format!("; unless there are more, until {}", moment(at))).unwrap_or_default();
                format!("at least {times} {what}: {} so far{until}", done.happened)
            }
            (Frequency::AtLeast(times), false) => format!("at least {times} {what}: {} so far", done.happened),
            (Frequency::None, true) => format!("no {what}{last}"),
            (Frequency::None, false) if done.happened == 0 => {
                let until = ready.map(|at| format!(" until {}", moment(at))).unwrap_or_default();
                format!("no {what}{last}; the lead is younger than that{until}")
            }
            (Frequency::None, false) => format!("{} × {what}{last}", done.happened),
        }
    }

    fn limited(&self, done: &Done) -> String {
        match self.behaviour.max_times {
            Some(_) if done.counted == 1 && done.happened > 1 => "; only the latest counts".to_owned(),
            Some(_) if done.counted < done.happened => format!("; the latest {} count", done.counted),
            _ => String::new(),
        }
    }

    /// Which change comes next by itself.
    fn next(&self, done: &Done) -> String {
        let counted = self.track.counted(self.at).iter().map(|it| self.counted(it));
        let changes = counted.flat_map(|it| [(it.leaves_at, "leaves"), (it.fades_at, "fades")]);
        let next = changes.filter_map(|(at, how)| Some((at?, how))).min();
        let which = if done.counted == 1 { "it" } else { "the next of them" };
        next.map(|(at, how)| format!("; {which} {how} on {}", moment(at))).unwrap_or_default()
    }
}

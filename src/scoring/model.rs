//! The document a scoring model is written as (SCO-1, SCO-2, SCO-5, SCO-6).
//!
//! These types say what a document looks like; `check.rs` says which documents make sense, `compile.rs` makes one
//! ready to score with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{OneOf, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::condition::Condition;
use crate::filter;
use crate::percent::Percent;

/// How leads are scored: rules that give points for who a lead is and what was done, and how the sum is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringDefinition)]
pub struct Definition {
    /// What people call the model; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "Newcomers")]
    pub name: String,
    /// Which leads it scores.
    pub target: Target,
    /// What must hold of lead, contact and account for a lead to be scored at all; by default nothing. What follows from
    /// scores, such as `lead.score` and `lead.stage`, cannot be asked for, nor can `related`.
    #[serde(default)]
    pub audience: filter::Filter,
    /// The score, in points, from which a lead is ready for sales; 1 to 1,000,000, by default 100.
    #[serde(default = "default_sales_ready_score")]
    #[schema(minimum = 1, maximum = 1_000_000, default = 100)]
    pub sales_ready_score: i64,
    /// What gives and takes points; 1 to 200 rules with different keys.
    #[schema(min_items = 1, max_items = 200)]
    pub rules: Vec<Rule>,
    /// Bounds for the sum of several rules; at most 50 groups with different names.
    #[serde(default)]
    #[schema(max_items = 50)]
    pub groups: Vec<Group>,
    /// The score is never less, in points; within ±1,000,000,000, by default 0.
    #[serde(default)]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, default = 0)]
    pub floor: i64,
    /// The score is never more, in points; within ±1,000,000,000 and not below `floor` or `residual`. Without it there
    /// is no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub ceiling: Option<i64>,
    /// What a lead keeps, in points, that once met a positive rule, so that "old" differs from "never"; 0 to
    /// 1,000,000, by default 1.
    #[serde(default = "default_residual")]
    #[schema(minimum = 0, maximum = 1_000_000, default = 1)]
    pub residual: i64,
    /// Names for ranges of the score, lowest first, without gaps; 1 to 20, by default cold to 25, warm from 26 to 60,
    /// hot from 61.
    #[serde(default = "shipped_grades")]
    #[schema(min_items = 1, max_items = 20)]
    pub grades: Vec<Grade>,
    /// Whether interactions that look like a machine's count too; by default they do not. What is known to be a
    /// machine's never counts.
    #[serde(default)]
    #[schema(default = false)]
    pub suspect_evidence: bool,
}

/// Which leads a model scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScoringTarget)]
pub enum Target {
    /// Leads with a contact, by what the contact did.
    Contact,
    /// Leads with an account and no contact, by what all contacts of the account did.
    Account,
}

/// Gives points while all its conditions hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenRule", into = "WrittenRule")]
pub struct Rule {
    /// What the ledger calls the rule.
    pub key: String,
    /// What people call the rule.
    pub name: Option<String>,
    /// The group whose bounds the rule's points fall under.
    pub group: Option<String>,
    /// What the rule gives, in points, or takes if negative.
    pub points: Option<i64>,
    /// What the rule gives, in percent of the sales-ready score.
    pub readiness_percent: Option<Percent>,
    /// Whether each interaction gives what the register says of its asset (SCO-13).
    pub from_asset: bool,
    /// The conditions that must all hold.
    pub when: Vec<Condition>,
}

/// Points as they are written: a number, or where they come from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Points {
    Number(i64),
    From(Source),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    FromAsset,
}

impl From<WrittenRule> for Rule {
    fn from(written: WrittenRule) -> Self {
        let (points, from_asset) = match written.points {
            Some(Points::Number(points)) => (Some(points), false),
            Some(Points::From(Source::FromAsset)) => (None, true),
            None => (None, false),
        };
        let WrittenRule { key, name, group, readiness_percent, when, .. } = written;
        Self { key, name, group, points, readiness_percent, from_asset, when }
    }
}

impl From<Rule> for WrittenRule {
    fn from(rule: Rule) -> Self {
        let points =
            if rule.from_asset { Some(Points::From(Source::FromAsset)) } else { rule.points.map(Points::Number) };
        let Rule { key, name, group, readiness_percent, when, .. } = rule;
        Self { key, name, group, points, readiness_percent, when }
    }
}

impl utoipa::PartialSchema for Points {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .minimum(Some(-1_000_000))
            .maximum(Some(1_000_000))
            .description(Some("Points"));
        let source = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["from_asset"]))
            .description(Some("The readiness of the interaction's asset"));
        OneOf::builder().item(number).item(source).description(Some("Points, or where they come from")).into()
    }
}

impl utoipa::ToSchema for Points {
    fn name() -> std::borrow::Cow<'static, str> {
        "ScoringPoints".into()
    }
}

impl utoipa::PartialSchema for Rule {
    fn schema() -> RefOr<Schema> {
        WrittenRule::schema()
    }
}

impl utoipa::ToSchema for Rule {
    fn name() -> std::borrow::Cow<'static, str> {
        WrittenRule::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        WrittenRule::schemas(schemas);
    }
}

/// Gives points while all its conditions hold. Points are given as `points` or as `readiness_percent`, not both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringRule)]
struct WrittenRule {
    /// What the ledger calls the rule; 1 to 64 of `a-z`, `0-9` and `_`, unique in the model.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "white_paper")]
    key: String,
    /// What people call the rule; 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The group whose bounds the rule's points fall under; the name of one of `groups`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9_]{1,64}$")]
    group: Option<String>,
    /// What the rule gives, in points, or takes if negative; within ±1,000,000. `from_asset` gives for each interaction
    /// what the register of assets says of its asset: its readiness, in percent of `sales_ready_score`; such a rule has
    /// one condition with `each`, and interactions with assets that are not in the register are none for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    points: Option<Points>,
    /// What the rule gives, in percent of `sales_ready_score`, rounded to whole points, halves away from zero; within
    /// ±1000, at most six decimals, and within ±1,000,000 points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = -1000, maximum = 1000, example = 12.5)]
    readiness_percent: Option<Percent>,
    /// The conditions that must all hold; 1 to 20, at most one of them with frequency `each`.
    #[schema(min_items = 1, max_items = 20)]
    when: Vec<Condition>,
}

/// Bounds the sum of the rules that name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringGroup)]
pub struct Group {
    /// What rules and the ledger (`@cap:<name>`) call the group; 1 to 64 of `a-z`, `0-9` and `_`, unique in the model.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "mail")]
    pub name: String,
    /// The most the group gives, in points; within ±1,000,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = 10)]
    pub max: Option<i64>,
    /// The least the group gives, in points; within ±1,000,000,000 and not above `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    pub min: Option<i64>,
}

/// A name for a range of the score. Each grade begins one point above the end of the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringGrade)]
pub struct Grade {
    /// The name; 1 to 64 characters, unique in the model.
    #[schema(min_length = 1, max_length = 64, example = "warm")]
    pub name: String,
    /// The lowest score of the range, in points, within ±1,000,000,000; absent in the first grade and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = 26)]
    pub from: Option<i64>,
    /// The highest score of the range, in points, within ±1,000,000,000; absent in the last grade and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = 60)]
    pub to: Option<i64>,
}

fn default_sales_ready_score() -> i64 {
    100
}

fn default_residual() -> i64 {
    1
}

fn shipped_grades() -> Vec<Grade> {
    [("cold", None, Some(25)), ("warm", Some(26), Some(60)), ("hot", Some(61), None)]
        .map(|(name, from, to)| Grade { name: name.to_owned(), from, to })
        .into()
}

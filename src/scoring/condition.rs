//! The conditions of a rule (SCO-3): about what a record says, or about what was done.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{OneOf, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::filter;
use crate::filter::{Literal, Op};
use crate::id::Id;
use crate::percent::Percent;

/// A condition of a rule: about a field of lead, contact or account (`field`), or about interactions (`interaction`).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ScoringCondition)]
pub enum Condition {
    /// What a record says.
    Attribute(filter::Condition),
    /// What was done.
    Behaviour(Behaviour),
}

/// A condition on interactions: those of one kind that pass all filters given, how often, and within which time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringBehaviour)]
pub struct Behaviour {
    /// The kind of interaction; 1 to 64 of `a-z`, `0-9` and `_`.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", example = "email_opened")]
    pub interaction: String,
    /// How often it must have happened.
    pub frequency: Frequency,
    /// Only the latest so many interactions count; 1 to 1000, only with `each`. Without it all count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000, example = 3)]
    pub max_times: Option<u32>,
    /// An interaction counts for so many days, to the microsecond; 1 to 3650. Without it, for ever. With `none`, the
    /// lead must be so many days old as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3650, example = 30)]
    pub within_days: Option<u32>,
    /// How the points of an interaction fade with its age; only with `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
    /// Only interactions with this asset, compared exactly; 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200, example = "white-paper")]
    pub asset: Option<String>,
    /// Only interactions of this campaign, compared exactly; 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub campaign: Option<String>,
    /// Only interactions with the form that has this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Id>,
    /// Only interactions whose properties meet all of these; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub properties: Vec<Property>,
    /// Only interactions that name the lead itself; by default those of other leads, and of none, count too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(default = false)]
    pub same_lead: bool,
}

/// How often an interaction must have happened for its condition to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// At least once; the rule's points are given for every occurrence.
    Each,
    /// Never.
    None,
    /// So many times or more.
    AtLeast(u32),
}

/// How the points of an interaction fade: after every whole period, `percent` of the original points are gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringDecay)]
pub struct Decay {
    /// The part of the original points that goes with every period, in percent; above 0, at most 100, at most six
    /// decimals.
    #[schema(value_type = f64, exclusive_minimum = 0, maximum = 100, example = 50)]
    pub percent: Percent,
    /// The length of a period, in days; 1 to 3650.
    #[schema(minimum = 1, maximum = 3650, example = 30)]
    pub every_days: u32,
}

/// A condition on one of an interaction's properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScoringProperty)]
pub struct Property {
    /// The property's key; 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "pages_read")]
    pub key: String,
    /// How the property is compared.
    pub op: Op,
    /// What it is compared with: a list for `in` and `not_in`, nothing for `is_set` and `not_set`, one value for the
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Literal>,
}

impl<'de> Deserialize<'de> for Condition {
    /// Tells the two apart by their first member, so that a fault is named as a fault of the one that was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Value::deserialize(deserializer)?;
        let condition = if read.get("interaction").is_some() {
            serde_json::from_value(read).map(Condition::Behaviour)
        } else {
            serde_json::from_value(read).map(Condition::Attribute)
        };
        condition.map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Frequency {
    fn schema() -> RefOr<Schema> {
        let word = |word: &str, means: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.enum_values(Some([word])).description(Some(means)).build()
        };
        let number = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .minimum(Some(1))
            .maximum(Some(10_000))
            .description(Some("The least number of interactions, 1 to 10,000"));
        let at_least = ObjectBuilder::new()
            .property("at_least", number)
            .required("at_least")
            .additional_properties(Some(utoipa::openapi::schema::AdditionalProperties::FreeForm(false)))
            .description(Some("The rule's points are given once, while there are so many interactions or more"));
        OneOf::builder()
            .item(word("each", "The rule's points are given for every interaction"))
            .item(word("none", "The rule's points are given while there is no such interaction"))
            .item(at_least)
            .description(Some("How often the interaction must have happened"))
            .into()
    }
}

impl utoipa::ToSchema for Frequency {
    fn name() -> std::borrow::Cow<'static, str> {
        "ScoringFrequency".into()
    }
}

//! Which version of a model is meant: its draft, the one that is live, or one by its number.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{OneOf, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::Plan;
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::scoring::ScoringModel;

/// Versions have no higher numbers.
const LARGEST: i64 = 1_000_000_000;

/// A version of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Choice {
    /// One by what it is for.
    Word(Word),
    /// One by its number.
    Number(i64),
}

/// A version by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// What can be published.
    Draft,
    /// What scores leads.
    Live,
}

impl Choice {
    /// The draft.
    pub const DRAFT: Self = Self::Word(Word::Draft);
    /// The live version.
    pub const LIVE: Self = Self::Word(Word::Live);

    /// The version of `model` that is meant. 409 when there is no draft or the model is not live; an unknown number is
    /// refused at `pointer`.
    pub fn plan(self, tx: &mut Tx<'_>, model: &ScoringModel, pointer: &str) -> Result<Plan> {
        match self {
            Self::Word(Word::Draft) => {
                let none = || Error::Conflict("the model has no draft; save one first".into());
                let definition = model.draft.clone().ok_or_else(none)?.0;
                all_hold(definition.check())?;
                Ok(Plan { version: None, definition })
            }
            Self::Word(Word::Live) => {
                let none = || Error::Conflict("the model is not live".into());
                let version = model.live_version.ok_or_else(none)?;
                let definition = tx.scoring_models().definition(model.id, version)?;
                Ok(Plan { version: Some(version), definition })
            }
            Self::Number(version) => match tx.scoring_models().definition(model.id, version) {
                Ok(definition) => Ok(Plan { version: Some(version), definition }),
                Err(Error::NotFound) => {
                    Err(Error::invalid(pointer, "unknown", format!("the model has no version {version}")))
                }
                Err(fault) => Err(fault),
            },
        }
    }
}

impl utoipa::PartialSchema for Choice {
    fn schema() -> RefOr<Schema> {
        let word = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["draft", "live"]))
            .description(Some("The draft, or the version that scores leads"));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LARGEST))
            .description(Some("The number of a version that was published"));
        OneOf::builder().item(word).item(number).description(Some("A version of the model")).into()
    }
}

impl utoipa::ToSchema for Choice {
    fn name() -> Cow<'static, str> {
        "ScoringVersionChoice".into()
    }
}

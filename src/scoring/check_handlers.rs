//! Checking a definition before it is saved, over HTTP (SCO-1).

use std::collections::BTreeSet;

use actix_web::http::Method;
use actix_web::post;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::handlers::example;
use super::{Definition, salvage};
use crate::db::Tx;
use crate::error::{Error, Result, Violation};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::contract::Contract;
use crate::http::routes::Routes;
use crate::interactions;

/// The path of the check.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(check);
}

/// What might be saved as a definition; `ScoringDefinition` says what it should look like.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(value_type = Object)]
struct CheckedDefinition(Map<String, Value>);

/// What was found in a definition.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoringCheck)]
struct Findings {
    /// Everything for which the definition would be refused.
    #[schema(max_items = 1000)]
    errors: Vec<Finding>,
    /// What is odd about a definition that would not be refused; nothing is told while there are errors.
    #[schema(max_items = 1000)]
    warnings: Vec<Finding>,
}

/// Something found in a definition.
#[derive(Serialize, ToSchema)]
#[schema(as = ScoringFinding)]
struct Finding {
    /// JSON pointer to the place in the definition.
    #[schema(example = "/rules/1/when")]
    pointer: String,
    /// What was found, for programs.
    #[schema(example = "never_holds")]
    code: &'static str,
    /// What was found, for people.
    #[schema(example = "the conditions of `decider` can never hold together")]
    detail: String,
}

/// Findings that are told of one kind.
const MOST_TOLD: usize = 1000;

/// Check a definition
///
/// Tells all at once what is wrong with a definition, in shape and in sense, and what is odd about it: rules that can
/// never hold, a sales-ready score or a grade that no lead can come to, interactions of unknown kinds, groups without
/// rules, rules with the same conditions, very long windows. Nothing is written.
#[utoipa::path(
    tag = "scoring",
    operation_id = "check_scoring_definition",
    request_body(content = CheckedDefinition, example = json!(example())),
    responses((status = 200, description = "What was found", body = Findings)),
    security(("bearer" = ["scoring:read"])),
)]
#[post("/v1/scoring-models/check")]
async fn check(command: Command<CheckedDefinition>) -> Reply {
    let document = command.body.0;
    command
        .actor
        .read(move |tx| {
            let errors = faults(&document)?;
            let warnings = if errors.is_empty() { doubts(tx, &document)? } else { Vec::new() };
            let told = |found: Vec<Violation>| found.into_iter().take(MOST_TOLD).map(Finding::from).collect();
            Answer::ok(&Findings { errors: told(errors), warnings: told(warnings) })
        })
        .await
}

/// What a definition would be refused for when it is saved.
fn faults(document: &Map<String, Value>) -> Result<Vec<Violation>> {
    let contract = Contract::shared().map_err(Error::internal)?;
    let saving = contract.route("/v1/scoring-models").and_then(|route| route.operation(&Method::POST));
    let saving = saving.ok_or_else(|| Error::internal("the contract does not say what a definition is"))?;
    let mut errors = saving.faults(&Value::Object(document.clone()))?;
    errors.extend(salvage::senseless(document, &errors));
    Ok(errors)
}

fn doubts(tx: &mut Tx<'_>, document: &Map<String, Value>) -> Result<Vec<Violation>> {
    let definition: Definition = serde_json::from_value(Value::Object(document.clone())).map_err(Error::internal)?;
    let mut kinds: BTreeSet<String> = tx.interactions().kinds()?.into_iter().map(|kind| kind.key).collect();
    kinds.extend(interactions::kind::BUILT_IN.iter().map(|(key, _)| (*key).to_owned()));
    Ok(definition.doubts(&kinds))
}

impl From<Violation> for Finding {
    fn from(found: Violation) -> Self {
        let Violation { pointer, code, detail } = found;
        Self { pointer, code, detail }
    }
}

//! What the rules would make of a lead, over HTTP (ASG-5).

use actix_web::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Decision, Guess, When};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::{Lead, NewLead};
use crate::{assignment, leads, scoring};

/// The path of dry runs.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(dry_run);
}

/// A lead to ask about: one that there is, or one that is described.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentDryRun, example = json!({
    "lead": {"topic": "Warehouse software", "product_line": "crm", "source": "web", "captured": {"first_name": "Ann"}},
    "when": "sales_ready", "temperature": "hot"
}))]
struct Question {
    /// A lead that there is.
    lead_id: Option<Id>,
    /// A lead that there is not, described as `POST /v1/leads` takes it; it is scored as that would.
    lead: Option<NewLead>,
    /// The moment to ask about; `sales_ready` when left out.
    #[serde(default)]
    when: When,
    /// A score to suppose instead of the lead's, in points.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = 80)]
    score: Option<i64>,
    /// A temperature to suppose instead of the lead's.
    #[schema(min_length = 1, max_length = 64, example = "hot")]
    temperature: Option<String>,
}

/// What would become of the lead.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AssignmentForecast)]
struct Forecast {
    /// The user who has the lead and keeps it, because rules give out only leads that nobody works; null otherwise.
    kept_by: Option<Id>,
    /// What the rules say.
    decision: Decision,
}

/// Try the assignment rules
///
/// Which rule would give the lead to whom if it were given out now, why not the rules before it, and why not the others
/// whom the rule could have chosen. Writes nothing.
#[utoipa::path(
    tag = "assignment",
    operation_id = "dry_run_assignment_rules",
    request_body = Question,
    responses((status = 200, description = "What would become of the lead", body = Forecast)),
    security(("bearer" = ["assignment:read"])),
)]
#[post("/v1/assignment-rules/dry-run")]
async fn dry_run(command: Command<Question>) -> Reply {
    command
        .run(|tx, asked, _| {
            let guess = Guess { score: asked.score, temperature: asked.temperature.clone() };
            let forecast = tx.rehearsal(|tx| {
                let lead = lead(tx, asked)?;
                let decision = assignment::foretell(tx, &lead, asked.when, &guess)?;
                Ok(Forecast { kept_by: lead.owner_id, decision })
            })?;
            Answer::ok(&forecast)
        })
        .await
}

/// The lead that is asked about; one that is described is opened and scored, which the rehearsal undoes.
fn lead(tx: &mut Tx<'_>, asked: &Question) -> Result<Lead> {
    let id = match (asked.lead_id, &asked.lead) {
        (Some(id), None) => id,
        (None, Some(new)) => {
            let id = leads::create(tx, new).map_err(below)?.lead.id;
            scoring::lead_changed(tx, id)?;
            id
        }
        _ => return Err(Error::invalid("", "invalid", "give one of lead_id and lead, and no more")),
    };
    let unknown = || Error::invalid("/lead_id", "unknown", "there is no such lead in this workspace");
    tx.leads().find(id)?.ok_or_else(unknown)
}

/// The error, with what is wrong with the described lead told where it stands.
fn below(error: Error) -> Error {
    match error {
        Error::Invalid(mut broken) => {
            broken.iter_mut().for_each(|broken| broken.pointer.insert_str(0, "/lead"));
            Error::Invalid(broken)
        }
        error => error,
    }
}

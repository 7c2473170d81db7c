//! The completeness of records by owner, over HTTP (REC-7).

use std::collections::BTreeMap;

use actix_web::get;
use serde::Serialize;
use utoipa::ToSchema;

use super::completeness_repository::Filled;
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::workspaces;
use crate::workspaces::completeness::percent;

/// The paths of this report.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(completeness);
}

/// How complete the records are, by owner.
#[derive(Serialize, ToSchema)]
struct CompletenessReport {
    /// One entry for each owner of an open lead or a contact, and one for what nobody owns, if anything.
    data: Vec<OwnerCompleteness>,
}

/// How complete the records of one owner are.
#[derive(Serialize, ToSchema)]
struct OwnerCompleteness {
    /// The owner; null for what nobody owns.
    owner_id: Option<Id>,
    /// Of the open leads.
    leads: RecordCompleteness,
    /// Of the contacts.
    contacts: RecordCompleteness,
}

/// How complete some records are.
#[derive(Default, Serialize, ToSchema)]
struct RecordCompleteness {
    /// How many records.
    #[schema(example = 12)]
    records: i64,
    /// The share of the fields that matter which are filled, in whole percent; null when there are no records.
    #[schema(minimum = 0, maximum = 100, example = 75)]
    percent: Option<i64>,
}

/// Report completeness
///
/// How many of the fields that matter are filled, of open leads and of contacts, by owner. Which fields matter the
/// settings say.
#[utoipa::path(
    tag = "reports",
    operation_id = "report_completeness",
    responses((status = 200, description = "The report", body = CompletenessReport)),
    security(("bearer" = ["reports:read"])),
)]
#[get("/v1/reports/completeness")]
async fn completeness(actor: Actor) -> Reply {
    actor
        .read(|tx| {
            let fields = workspaces::settings(tx)?.completeness.clone();
            let leads = tx.complete_records().leads(&fields.lead)?;
            let contacts = tx.complete_records().contacts(&fields.contact)?;
            Answer::ok(&CompletenessReport {
                data: by_owner((leads, fields.lead.len()), (contacts, fields.contact.len())),
            })
        })
        .await
}

/// The figures of leads and contacts side by side, each counted over so many fields; what nobody owns comes first.
fn by_owner(leads: (Vec<Filled>, usize), contacts: (Vec<Filled>, usize)) -> Vec<OwnerCompleteness> {
    let share = |(records, filled): (i64, i64), fields: usize| {
        let whole = usize::try_from(records).unwrap_or(0).saturating_mul(fields);
        let percent = percent(usize::try_from(filled).unwrap_or(0), whole);
        RecordCompleteness { records, percent: Some(percent) }
    };
    let mut owners: BTreeMap<Option<Id>, OwnerCompleteness> = BTreeMap::new();
    let blank = |owner_id| OwnerCompleteness { owner_id, leads: Default::default(), contacts: Default::default() };
    for (owner, records, filled) in leads.0 {
        owners.entry(owner).or_insert_with(|| blank(owner)).leads = share((records, filled), leads.1);
    }
    for (owner, records, filled) in contacts.0 {
        owners.entry(owner).or_insert_with(|| blank(owner)).contacts = share((records, filled), contacts.1);
    }
    owners.into_values().collect()
}

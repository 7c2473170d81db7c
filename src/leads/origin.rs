//! Leads that come from an earlier one (CLO-4): somebody who bought is sold something beside it, more of it, or it again.
//!
//! The new lead names the lead or the opportunity it comes from, or both; of an opportunity alone, the lead that led to
//! it counts as well. Contact, account and owner are the origin's unless they are told; a salesperson who enters the lead
//! keeps it (CAP-9). An origin that is deleted leaves the kind. After a merge, a lead shows the older of two origins.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NewLead;
use crate::db::Tx;
use crate::db::types::Code;
use crate::error::{Result, Violation};
use crate::id::Id;
use crate::schema::lead_origins;

/// How a lead follows from an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeadOriginKind)]
pub enum OriginKind {
    /// Something else for somebody who bought.
    CrossSell,
    /// More, or better, of what was bought.
    Upsell,
    /// The same again.
    ReSale,
}

/// What a new lead comes from: a lead, an opportunity, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "upsell", "opportunity_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"}))]
pub struct NewOrigin {
    /// How it follows from it.
    pub kind: OriginKind,
    /// The earlier lead.
    #[serde(default)]
    pub lead_id: Option<Id>,
    /// The earlier opportunity.
    #[serde(default)]
    pub opportunity_id: Option<Id>,
}

/// What a lead comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = lead_origins, treat_none_as_default_value = false)]
#[schema(as = LeadOrigin)]
pub struct Origin {
    #[serde(skip)]
    pub workspace_id: Id,
    #[serde(skip)]
    pub id: Id,
    #[serde(skip)]
    pub lead_id: Id,
    /// How it follows from it.
    #[schema(value_type = OriginKind)]
    pub kind: Code<OriginKind>,
    /// The earlier lead; null where there was none or it was deleted.
    #[serde(rename = "lead_id")]
    pub origin_lead_id: Option<Id>,
    /// The earlier opportunity; null where none was named.
    pub opportunity_id: Option<Id>,
}

/// What a new lead takes over from its origin.
#[derive(Clone, Copy, Debug, Default, Queryable)]
pub(super) struct Inherited {
    pub contact_id: Option<Id>,
    pub account_id: Option<Id>,
    pub owner_id: Option<Id>,
    /// The earlier lead, named or found.
    pub lead_id: Option<Id>,
}

/// What leads come from, by lead; those that come from nothing are left out.
pub fn origins(tx: &mut Tx<'_>, leads: &[Id]) -> Result<BTreeMap<Id, Origin>> {
    let mut found = BTreeMap::new();
    for origin in tx.lead_origins().of(leads)? {
        found.entry(origin.lead_id).or_insert(origin);
    }
    Ok(found)
}

/// What is wrong with an origin, and what a new lead takes over from it.
pub(super) fn inherit(tx: &mut Tx<'_>, new: &NewLead, broken: &mut Vec<Violation>) -> Result<Inherited> {
    let Some(origin) = new.origin else { return Ok(Inherited::default()) };
    if origin.lead_id.is_none() && origin.opportunity_id.is_none() {
        broken.push(Violation::new("/origin", "required", "name the lead or the opportunity that it comes from"));
    }
    let mut found = Inherited { lead_id: origin.lead_id, ..Inherited::default() };
    if let Some(id) = origin.opportunity_id {
        match tx.lead_origins().opportunity(id)? {
            Some(opportunity) => found.fill(opportunity),
            None => broken.push(Violation::unknown("/origin/opportunity_id", "opportunity")),
        }
    }
    if let Some(id) = found.lead_id {
        match Violation::of_reference("/origin/lead_id", "lead", id, tx.merged().lead(id)?) {
            Some(violation) => broken.push(violation),
            None => {
                let lead = tx.leads().get(id)?;
                let (contact_id, account_id, owner_id) = (lead.contact_id, lead.account_id, lead.owner_id);
                found.fill(Inherited { contact_id, account_id, owner_id, lead_id: None });
            }
        }
    }
    Ok(found)
}

impl Inherited {
    fn fill(&mut self, other: Self) {
        self.contact_id = self.contact_id.or(other.contact_id);
        self.account_id = self.account_id.or(other.account_id);
        self.owner_id = self.owner_id.or(other.owner_id);
        self.lead_id = self.lead_id.or(other.lead_id);
    }
}

/// Writes down what a lead comes from.
pub(super) fn keep(tx: &mut Tx<'_>, lead: Id, origin: NewOrigin) -> Result<Origin> {
    let row = Origin {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        lead_id: lead,
        kind: Code(origin.kind),
        origin_lead_id: origin.lead_id,
        opportunity_id: origin.opportunity_id,
    };
    tx.lead_origins().insert(&row)?;
    Ok(row)
}

//! Leads over HTTP.

use std::collections::BTreeMap;

use actix_web::{delete, get, patch, post, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Entered, Lead, LeadFilter, LeadPatch, Matched, NewLead, Origin, SORT_FIELDS, Status};
use crate::accounts::Account;
use crate::assignment::{self, When};
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::contacts::Contact;
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::filter::{Allowed, Filter, Record};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::matching::Effect;
use crate::scoring::{self, ExplainedScore};
use crate::workspaces::completeness::{Completeness, Fields};
use crate::{interactions, leads, proposals, workspaces};

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(search).service(create).service(show).service(change).service(remove);
}

/// Which leads to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LeadQuery {
    /// Text that topic, captured name, e-mail address or company must hold; case is ignored.
    #[param(max_length = 200, example = "contoso")]
    q: Option<String>,
    /// Only leads with this status.
    #[param(inline)]
    status: Option<Status>,
    /// Only leads in this stage.
    #[param(max_length = 64, example = "sales_acceptance")]
    stage: Option<String>,
    /// Only leads of this user.
    owner_id: Option<Id>,
    /// Only leads of this contact.
    contact_id: Option<Id>,
    /// Only leads of this account.
    account_id: Option<Id>,
    /// Only leads that came through this form.
    form_id: Option<Id>,
    /// Only leads of this campaign.
    #[param(max_length = 100)]
    campaign: Option<String>,
    /// Only leads of this product line.
    #[param(max_length = 100)]
    product_line: Option<String>,
    /// Only leads from this source.
    #[param(max_length = 64)]
    source: Option<String>,
    /// Only leads of this temperature.
    #[param(max_length = 64, example = "hot")]
    temperature: Option<String>,
    /// Only leads with at least this score, in points.
    #[param(example = 60)]
    score_gte: Option<i64>,
    /// Only leads with at most this score, in points.
    score_lte: Option<i64>,
    /// Only leads that are sales ready, or only the others.
    sales_ready: Option<bool>,
    /// Only open leads that have been in their stage for longer than its service level allows, or only the others.
    overdue: Option<bool>,
    /// Only leads that come from this one.
    origin_lead_id: Option<Id>,
    /// Only leads created at this instant or later.
    created_from: Option<Timestamp>,
    /// Only leads created before this instant.
    created_until: Option<Timestamp>,
    /// What to show with each lead: `contact`, `account`, `scores`, separated by commas. Each needs the scope to read it.
    #[param(
        max_length = 100,
        pattern = "^(contact|account|scores)(,(contact|account|scores))*$",
        example = "contact,scores"
    )]
    expand: Option<String>,
}

impl LeadQuery {
    fn filter(self) -> std::result::Result<LeadFilter, Problem> {
        check_range(("created_from", self.created_from), ("created_until", self.created_until))?;
        Ok(LeadFilter {
            q: self.q,
            status: self.status,
            stage: self.stage,
            owner_id: self.owner_id,
            contact_id: self.contact_id,
            account_id: self.account_id,
            form_id: self.form_id,
            campaign: self.campaign,
            product_line: self.product_line,
            source: self.source,
            temperature: self.temperature,
            score_gte: self.score_gte,
            score_lte: self.score_lte,
            sales_ready: self.sales_ready,
            overdue: self.overdue,
            created_from: self.created_from,
            created_until: self.created_until,
            origin_lead_id: self.origin_lead_id,
        })
    }
}

/// What to show with a lead, as far as the actor may read it.
#[derive(Clone, Copy, Default)]
pub struct Wanted {
    pub contact: bool,
    pub account: bool,
    pub scores: bool,
}

impl Wanted {
    /// Reads a checked list of names; 403 when a scope is missing for one of them.
    fn read(actor: &Actor, names: Option<&str>) -> std::result::Result<Self, Problem> {
        let mut wanted = Self::default();
        for name in names.iter().flat_map(|names| names.split(',')) {
            let (place, scope) = match name {
                "contact" => (&mut wanted.contact, "contacts:read"),
                "account" => (&mut wanted.account, "accounts:read"),
                _ => (&mut wanted.scores, "scoring:read"),
            };
            if !actor.may(scope) {
                return Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed to expand {name}")));
            }
            *place = true;
        }
        Ok(wanted)
    }
}

/// A lead with what it was asked to be shown with.
#[derive(Serialize, ToSchema)]
pub struct LeadView {
    #[serde(flatten)]
    lead: Lead,
    /// How much of what matters is known of it.
    completeness: Completeness,
    /// The lead or opportunity that it comes from; null for most.
    origin: Option<Origin>,
    /// Its contact, with `expand=contact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact>,
    /// Its account, with `expand=account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
    /// Its scores at the moment of reading, with `expand=scores`.
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Vec<ExplainedScore>>,
}

/// What leads are shown with.
struct Shown {
    origins: BTreeMap<Id, Origin>,
    /// The fields that matter.
    fields: Fields,
}

impl LeadView {
    /// One lead.
    fn of(tx: &mut Tx<'_>, lead: Lead, wanted: Wanted) -> Result<Self> {
        let shown =
            Shown { origins: leads::origins(tx, &[lead.id])?, fields: workspaces::settings(tx)?.completeness.clone() };
        Self::new(tx, lead, &shown, wanted)
    }

    /// The leads of a page.
    pub fn page(tx: &mut Tx<'_>, page: Page<Lead>, wanted: Wanted) -> Result<Page<Self>> {
        let ids: Vec<Id> = page.data.iter().map(|lead| lead.id).collect();
        let shown =
            Shown { origins: leads::origins(tx, &ids)?, fields: workspaces::settings(tx)?.completeness.clone() };
        page.try_map(|lead| Self::new(tx, lead, &shown, wanted))
    }

    fn new(tx: &mut Tx<'_>, lead: Lead, shown: &Shown, wanted: Wanted) -> Result<Self> {
        let contact = match lead.contact_id.filter(|_| wanted.contact) {
            Some(id) => tx.contacts().find(id)?,
            None => None,
        };
        let account = match lead.account_id.filter(|_| wanted.account) {
            Some(id) => tx.accounts().find(id)?,
            None => None,
        };
        let scores = if wanted.scores { Some(scoring::explain(tx, lead.id, false)?.data) } else { None };
        let row = serde_json::to_value(&lead).map_err(Error::internal)?;
        let completeness = Completeness::of(Record::Lead, row, &shown.fields);
        let origin = shown.origins.get(&lead.id).cloned();
        Ok(Self { lead, origin, completeness, contact, account, scores })
    }
}

/// List leads
///
/// Interests, newest first unless asked otherwise. Can be ordered by `created_at`, `updated_at`, `score`.
#[utoipa::path(
    tag = "leads",
    operation_id = "list_leads",
    params(LeadQuery, PageQuery),
    responses((status = 200, description = "A page of leads", body = Page<LeadView>)),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads")]
async fn list(actor: Actor, query: web::Query<LeadQuery>, page: web::Query<PageQuery>) -> Reply {
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let wanted = Wanted::read(&actor, query.expand.as_deref())?;
    let filter = query.into_inner().filter()?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.leads().count(&filter)?) } else { None };
            let page = Page::new(tx.leads().list(&filter, &paging)?, &paging, total, |lead| lead)?;
            Answer::ok(&LeadView::page(tx, page, wanted)?)
        })
        .await
}

/// What to show with leads.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Expand {
    /// What to show with a lead: `contact`, `account`, `scores`, separated by commas. Each needs the scope to read it.
    #[param(
        max_length = 100,
        pattern = "^(contact|account|scores)(,(contact|account|scores))*$",
        example = "contact,scores"
    )]
    expand: Option<String>,
}

/// Which leads to search for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": {"all": [
    {"field": "lead.product_line", "op": "eq", "value": "crm"},
    {"any": [{"field": "contact.country", "op": "in", "value": ["EE", "LV"]},
             {"field": "contact.attributes.vip", "op": "eq", "value": true}]},
    {"related": "interaction", "where": {"field": "interaction.kind", "op": "eq", "value": "email_opened"},
     "within_days": 28, "count": {"gte": 5}},
]}}))]
struct LeadSearch {
    /// What must hold of lead, contact and account, of the interactions of the contact or about the lead, and of the
    /// contact's other leads. The account is the lead's own, or else its contact's.
    filter: Filter,
}

/// Search leads
///
/// Interests that a filter holds for, in pages and orders as in the list. The filter is sent anew with each page.
#[utoipa::path(
    tag = "leads",
    operation_id = "search_leads",
    params(Expand, PageQuery),
    request_body = LeadSearch,
    responses((status = 200, description = "A page of leads", body = Page<LeadView>)),
    security(("bearer" = ["leads:read"])),
)]
#[post("/v1/leads/search")]
async fn search(query: web::Query<Expand>, page: web::Query<PageQuery>, command: Command<LeadSearch>) -> Reply {
    let Command { actor, body: LeadSearch { filter }, .. } = command;
    let (count, paging) = (page.count == Some(true), page.paging(SORT_FIELDS)?);
    let wanted = Wanted::read(&actor, query.expand.as_deref())?;
    all_hold(filter.check("/filter", Allowed::LEADS))?;
    actor
        .read(move |tx| {
            let total = if count { Some(tx.leads().count_matching(&filter)?) } else { None };
            let page = Page::new(tx.leads().search(&filter, &paging)?, &paging, total, |lead| lead)?;
            Answer::ok(&LeadView::page(tx, page, wanted)?)
        })
        .await
}

/// A lead as it was created.
#[derive(Serialize, ToSchema)]
struct CreatedLead {
    #[serde(flatten)]
    lead: LeadView,
    /// Whom a described contact and account were taken to be.
    matched: Matched,
}

/// Create a lead
///
/// Somebody's interest, from one of the workspace's sources. Contact and account may be named, or described: then they
/// are found or created with it, and `matched` tells which. A lead of a contact or account is scored at once. One that
/// a salesperson or sales manager enters counts as accepted by sales: it begins in `sales_acceptance` and is theirs.
#[utoipa::path(
    tag = "leads",
    operation_id = "create_lead",
    request_body = NewLead,
    responses(
        (status = 201, description = "The lead", body = CreatedLead),
        (status = 409, description = "Another contact has the external id that was given, or the workspace wants one open lead per contact and the contact has one"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[post("/v1/leads")]
async fn create(command: Command<NewLead>) -> Reply {
    for (described, scope) in
        [(command.body.contact.is_some(), "contacts:write"), (command.body.account.is_some(), "accounts:write")]
    {
        if described && !command.actor.may(scope) {
            return Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed to describe the record")));
        }
    }
    command
        .run(|tx, new, _| {
            let Entered { lead, matched } = leads::create(tx, new)?;
            let id = lead.id;
            assignment::assign(tx, id, When::Created);
            scoring::lead_changed(tx, id)?;
            if let Some(contact) = matched.contact.filter(|contact| contact.effect == Effect::Created) {
                interactions::attribute_waiting(tx, contact.id)?;
            }
            tx.end()?;
            let lead = tx.leads().get(id)?;
            let version = lead.version;
            let lead = LeadView::of(tx, lead, Wanted::default())?;
            Ok(Answer::created(format!("/v1/leads/{id}"), &CreatedLead { lead, matched })?.version(version))
        })
        .await
}

/// Get a lead
///
/// One interest. Its scores are at `/v1/leads/{id}/scores`.
#[utoipa::path(
    tag = "leads",
    operation_id = "get_lead",
    params(("id" = Id, Path, description = "The lead"), Expand),
    responses(
        (status = 200, description = "The lead", body = LeadView),
        (status = 410, description = "The lead was merged into another"),
    ),
    security(("bearer" = ["leads:read"])),
)]
#[get("/v1/leads/{id}")]
async fn show(actor: Actor, PathId(id): PathId, query: web::Query<Expand>) -> Reply {
    let wanted = Wanted::read(&actor, query.expand.as_deref())?;
    let alone = query.expand.is_none();
    actor
        .read(move |tx| {
            let lead = tx.leads().get(id)?;
            let version = lead.version;
            let answer = Answer::ok(&LeadView::of(tx, lead, wanted)?)?;
            // The version says nothing of the records shown beside the lead.
            Ok(if alone { answer.version(version) } else { answer })
        })
        .await
}

/// Change a lead
///
/// A merge patch: absent fields stay, null clears. The lead is scored anew in the same transaction. What was done about
/// it by nobody who was named becomes the contact's that it is linked with. A closed lead gives 409, and so does a new
/// owner who holds as many open leads as they may. Giving a lead to somebody else needs the scope `leads:assign`.
#[utoipa::path(
    tag = "leads",
    operation_id = "change_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change; another version gives 412"),
    ),
    request_body(content = LeadPatch, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The lead after the change", body = LeadView),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[patch("/v1/leads/{id}")]
async fn change(PathId(id): PathId, command: Command<LeadPatch>) -> Reply {
    let may_assign = command.actor.may("leads:assign");
    command
        .run(move |tx, patch, condition| {
            // Scoring takes these turns as well, and nobody who has them may wait for the lead.
            scoring::hold_lead(tx, id)?;
            if let Some(contact) = patch.contact_id.flatten() {
                scoring::hold_contact(tx, contact)?;
            }
            let before = tx.leads().lock(id)?;
            let lead = leads::change(tx, id, patch, condition)?;
            assignment::owner_patched(tx, &before, &lead, may_assign)?;
            proposals::lead_changed(tx, &lead)?;
            scoring::lead_changed(tx, id)?;
            interactions::attribute_lead(tx, id)?;
            tx.end()?;
            let lead = tx.leads().get(id)?;
            let version = lead.version;
            Ok(Answer::ok(&LeadView::of(tx, lead, Wanted::default())?)?.version(version))
        })
        .await
}

/// Delete a lead
///
/// Takes its scores, ledger and history with it. Interactions stay with the contact.
#[utoipa::path(
    tag = "leads",
    operation_id = "delete_lead",
    params(
        ("id" = Id, Path, description = "The lead"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to delete; another version gives 412"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 410, description = "The lead was merged into another"),
        (status = 412, description = "The lead has changed since it was read"),
    ),
    security(("bearer" = ["leads:write"])),
)]
#[delete("/v1/leads/{id}")]
async fn remove(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), condition| {
            leads::remove(tx, id, condition)?;
            assignment::room_changed(tx);
            Ok(Answer::deleted())
        })
        .await
}

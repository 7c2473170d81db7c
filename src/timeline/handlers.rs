//! The timeline and the overview of a contact over HTTP.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{BY_TIME, Category, Entry, Part, entries};
use crate::accounts::Account;
use crate::auth::Actor;
use crate::contacts::handlers::View as ContactView;
use crate::db::Tx;
use crate::db::page::Paging;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery};
use crate::http::path::PathId;
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::id::Id;
use crate::leads::handlers::{LeadView, Wanted};
use crate::leads::{self, LeadFilter};
use crate::workspaces;

/// Leads that an overview shows.
const LEADS_SHOWN: i64 = 100;

/// The paths of this feature.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list).service(overview);
}

/// What to show of a timeline.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TimelineQuery {
    /// Only these sorts of things, separated by commas.
    #[param(
        max_length = 100,
        pattern = "^(interaction|activity|message|stage_change|score_change|fact)(,(interaction|activity|message|stage_change|score_change|fact))*$",
        example = "message,activity"
    )]
    categories: Option<String>,
}

impl TimelineQuery {
    fn categories(&self) -> Result<Vec<Category>> {
        use Category::{Activity, Fact, Interaction, Message, ScoreChange, StageChange};
        match &self.categories {
            None => Ok(vec![Interaction, Activity, Message, StageChange, ScoreChange, Fact]),
            Some(names) => {
                let read = |name: &str| serde_json::from_value(name.into()).map_err(Error::internal);
                names.split(',').map(read).collect()
            }
        }
    }
}

impl Part {
    fn new(page: &PageQuery, categories: Vec<Category>) -> std::result::Result<Self, Problem> {
        let [interactions, events] = BY_TIME;
        Ok(Self { interactions: page.paging(interactions)?, events: page.paging(events)?, categories })
    }
}

fn page_of(tx: &mut Tx<'_>, contact: Id, part: &Part) -> Result<Page<Entry>> {
    Page::new(entries(tx, contact, part)?, &part.events, None, |entry| entry)
}

/// Refuses an actor who may not read all of what is shown.
fn all_allowed(actor: &Actor, scopes: &[&str]) -> std::result::Result<(), Problem> {
    match scopes.iter().find(|scope| !actor.may(scope)) {
        Some(scope) => Err(Problem::new(Kind::Forbidden, format!("the scope {scope} is needed as well"))),
        None => Ok(()),
    }
}

/// List a contact's timeline
///
/// What the person did and what became of their leads, newest first unless asked otherwise: interactions, activities and
/// messages by when they happened, and stage changes, score changes and other facts. Can be ordered by `at`. Needs the
/// scopes `interactions:read` and `events:read`, too.
#[utoipa::path(
    tag = "contacts",
    operation_id = "list_timeline",
    params(("id" = Id, Path, description = "The contact"), TimelineQuery, PageQuery),
    responses(
        (status = 200, description = "A page of the timeline", body = Page<Entry>),
        (status = 410, description = "The contact was merged into another"),
    ),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts/{id}/timeline")]
async fn list(
    actor: Actor,
    PathId(id): PathId,
    query: web::Query<TimelineQuery>,
    page: web::Query<PageQuery>,
) -> Reply {
    all_allowed(&actor, &["interactions:read", "events:read"])?;
    let part = Part::new(&page, query.categories()?)?;
    actor
        .read(move |tx| {
            tx.contacts().get(id)?;
            Answer::ok(&page_of(tx, id, &part)?)
        })
        .await
}

/// Everything about a contact.
#[derive(Serialize, ToSchema)]
struct Overview {
    /// The contact.
    contact: ContactView,
    /// The contact's account, if it has one.
    account: Option<Account>,
    /// The contact's leads, each with its stage and scores, the newest hundred first to last.
    leads: Vec<LeadView>,
    /// How many leads the contact has.
    #[schema(example = 2)]
    leads_total: i64,
    /// The beginning of the timeline; `next_cursor` continues at `/v1/contacts/{id}/timeline`.
    timeline: Page<Entry>,
}

/// Which part of the timeline an overview begins with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OverviewQuery {
    /// Entries of the timeline.
    #[param(minimum = 1, maximum = 200, default = 50, example = 50)]
    limit: Option<i64>,
}

/// Get a contact's overview
///
/// In one call the contact, its account, its leads with stages and scores as they are now, and the latest of its
/// timeline. Needs the scopes `accounts:read`, `leads:read`, `scoring:read`, `interactions:read` and `events:read`, too.
#[utoipa::path(
    tag = "contacts",
    operation_id = "get_contact_overview",
    params(("id" = Id, Path, description = "The contact"), OverviewQuery),
    responses(
        (status = 200, description = "The overview", body = Overview),
        (status = 410, description = "The contact was merged into another"),
    ),
    security(("bearer" = ["contacts:read"])),
)]
#[get("/v1/contacts/{id}/overview")]
async fn overview(actor: Actor, PathId(id): PathId, query: web::Query<OverviewQuery>) -> Reply {
    all_allowed(&actor, &["accounts:read", "leads:read", "scoring:read", "interactions:read", "events:read"])?;
    let page = PageQuery { limit: query.limit, ..PageQuery::default() };
    let part = Part::new(&page, TimelineQuery { categories: None }.categories()?)?;
    let newest = Paging::new(leads::SORT_FIELDS, None, None, LEADS_SHOWN)
        .map_err(|(parameter, what)| Problem::parameter(parameter, what))?;
    actor
        .read(move |tx| {
            let contact = tx.contacts().get(id)?;
            let account = match contact.account_id {
                Some(account) => tx.accounts().find(account)?,
                None => None,
            };
            let fields = workspaces::settings(tx)?.completeness.clone();
            let own = LeadFilter { contact_id: Some(id), ..LeadFilter::default() };
            let leads_total = tx.leads().count(&own)?;
            let rows = Page::new(tx.leads().list(&own, &newest)?, &newest, None, |lead| lead)?;
            let with_scores = Wanted { scores: true, ..Wanted::default() };
            let leads = LeadView::page(tx, rows, with_scores)?.data;
            let timeline = page_of(tx, id, &part)?;
            Answer::ok(&Overview {
                contact: ContactView::new(contact, &fields)?,
                account,
                leads,
                leads_total,
                timeline,
            })
        })
        .await
}

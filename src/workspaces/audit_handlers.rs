//! The audit log over HTTP.

use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::audit::Entry;
use super::audit_repository::EntryFilter;
use crate::auth::Actor;
use crate::clock::Timestamp;
use crate::db::page::{SortField, SortKind};
use crate::http::answer::{Answer, Reply};
use crate::http::lists::{Page, PageQuery, check_range};
use crate::http::routes::Routes;
use crate::id::Id;

/// The paths of the audit log.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(list);
}

/// The fields that entries can be ordered by.
const SORT_FIELDS: &[SortField] = &[SortField::new("at", "audit_entries.at", SortKind::Instant)];

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only changes of this kind of record.
    #[param(max_length = 64, example = "settings")]
    record: Option<String>,
    /// Only changes of this record.
    record_id: Option<Id>,
    /// Only what this user or client did.
    actor_id: Option<Id>,
    /// Only changes at this instant or later.
    from: Option<Timestamp>,
    /// Only changes before this instant.
    until: Option<Timestamp>,
}

/// List audit entries
///
/// Who changed what the workspace decides for itself, newest first unless asked otherwise. Can be ordered by `at`.
#[utoipa::path(
    tag = "workspace",
    operation_id = "list_audit_entries",
    params(AuditQuery, PageQuery),
    responses((status = 200, description = "A page of entries", body = Page<Entry>)),
    security(("bearer" = ["audit:read"])),
)]
#[get("/v1/audit")]
async fn list(actor: Actor, query: web::Query<AuditQuery>, page: web::Query<PageQuery>) -> Reply {
    let AuditQuery { record, record_id, actor_id, from, until } = query.into_inner();
    check_range(("from", from), ("until", until))?;
    let (filter, paging) = (EntryFilter { record, record_id, actor_id, from, until }, page.paging(SORT_FIELDS)?);
    actor
        .read(move |tx| Answer::ok(&Page::new(tx.audit().list(&filter, &paging)?, &paging, None, |entry| entry)?))
        .await
}

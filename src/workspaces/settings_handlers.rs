//! Settings over HTTP.

use actix_web::{get, patch};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::audit::{self, Subject};
use super::settings::Settings;
use crate::auth::Actor;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::request_id;
use crate::http::routes::Routes;
use crate::process::{self, definitions};
use crate::scoring;

/// The paths of settings.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(show_settings).service(change_settings);
}

/// Get settings
///
/// What the workspace decided for itself.
#[utoipa::path(
    tag = "workspace",
    operation_id = "get_settings",
    responses((status = 200, description = "The settings", body = Settings)),
    security(("bearer" = ["workspace:admin"])),
)]
#[get("/v1/settings")]
async fn show_settings(actor: Actor) -> Reply {
    actor
        .read(|tx| {
            let workspace = tx.workspaces().own()?;
            Ok(Answer::ok(&workspace.settings.0)?.version(workspace.version))
        })
        .await
}

/// Changes to the settings: absent members stay, null restores the default.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(example = json!({"default_country": "EE"}), value_type = Object)]
struct SettingsPatch(Value);

/// Change settings
///
/// A merge patch; a source set to null is removed. Where scores depend on what changed, a job that the `Link` header names
/// (`rel="monitor"`) brings them up to date.
#[utoipa::path(
    tag = "workspace",
    operation_id = "change_settings",
    params(("If-Match" = String, Header, description = "The ETag of the version to change; another version gives 412")),
    request_body(content = SettingsPatch, content_type = "application/merge-patch+json", example = json!({"default_country": "EE"})),
    responses(
        (status = 200, description = "The settings after the change", body = Settings),
        (status = 412, description = "The settings have changed since they were read"),
        (status = 428, description = "If-Match is missing"),
    ),
    security(("bearer" = ["workspace:admin"])),
)]
#[patch("/v1/settings")]
async fn change_settings(command: Command<SettingsPatch>) -> Reply {
    let request = request_id::current();
    command
        .run(move |tx, SettingsPatch(patch), condition| {
            let workspace = tx.workspaces().own()?;
            condition.check(workspace.version)?;
            let settings = workspace.settings.0.changed(patch)?;
            if settings == workspace.settings.0 {
                return Ok(Answer::ok(&settings)?.version(workspace.version));
            }
            if !tx.workspaces().update_settings(workspace.id, workspace.version, &settings)? {
                return Err(Error::Stale { current: workspace.version + 1 });
            }
            let subject = Subject { record: "settings", id: None, request: &request };
            audit::note(tx, subject, Some(&workspace.settings.0), Some(&settings))?;
            follow_up(tx, &workspace.settings.0, &settings)?;
            let is_other_rule = settings.require_profiling_consent != workspace.settings.0.require_profiling_consent;
            let job = if is_other_rule { Some(scoring::consent_rule_changed(tx)?.id) } else { None };
            Ok(Answer::ok(&settings)?.version(workspace.version + 1).monitored_by(job))
        })
        .await
}

/// What follows at once from settings that are others than `before`. 422 for a process that there is none of.
fn follow_up(tx: &mut Tx<'_>, before: &Settings, settings: &Settings) -> Result<()> {
    if settings.default_process != before.default_process {
        definitions::named(tx, &settings.default_process, "/default_process")?;
    }
    if settings.working_calendar != before.working_calendar {
        process::calendar_changed(tx)?;
    }
    Ok(())
}

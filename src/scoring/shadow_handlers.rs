//! Drafts that run beside what is live, and the proof of scores, over HTTP.

use actix_web::{delete, get, post};

use super::shadow::{self, Shadow};
use super::verify;
use crate::auth::Actor;
use crate::http::answer::{Answer, Reply};
use crate::http::command::Command;
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::id::Id;
use crate::jobs::Job;
use crate::scoring;

/// The paths of shadows and of the proof.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(start).service(show).service(stop).service(verify_scores);
}

/// Run a model's draft in its shadow
///
/// The draft, as it is now, scores what happens from now on and what has happened, beside the live version: it has a
/// ledger of its own, and nothing follows from its scores. A draft that ran there before is replaced. A job brings all
/// open leads under it. 409 when there is no draft.
#[utoipa::path(
    tag = "scoring",
    operation_id = "start_scoring_shadow",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 202, description = "The job; `Location` is where to follow it", body = Job)),
    security(("bearer" = ["scoring:write"])),
)]
#[post("/v1/scoring-models/{id}/shadow")]
async fn start(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), _| {
            let job = scoring::start_shadow(tx, id)?;
            Answer::job(job.id, &job)
        })
        .await
}

/// Compare a model with its shadow
///
/// How the draft that runs in the model's shadow sees the open leads beside the live version. 404 when none runs.
#[utoipa::path(
    tag = "scoring",
    operation_id = "get_scoring_shadow",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 200, description = "The shadow and the comparison", body = Shadow)),
    security(("bearer" = ["scoring:read"])),
)]
#[get("/v1/scoring-models/{id}/shadow")]
async fn show(actor: Actor, PathId(id): PathId) -> Reply {
    actor.read(move |tx| Answer::ok(&shadow::of(tx, id)?)).await
}

/// End a model's shadow
///
/// The draft stays; a job takes the shadow's scores back. 404 when none runs.
#[utoipa::path(
    tag = "scoring",
    operation_id = "stop_scoring_shadow",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 202, description = "The job; `Location` is where to follow it", body = Job)),
    security(("bearer" = ["scoring:write"])),
)]
#[delete("/v1/scoring-models/{id}/shadow")]
async fn stop(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), _| {
            let job = scoring::stop_shadow(tx, id)?;
            Answer::job(job.id, &job)
        })
        .await
}

/// Verify a model's scores
///
/// A job computes every score of the model from scratch and holds it against what is stored and against the ledger. Its
/// result has the `leads` and `scores` looked at, the number of `differences` (0 is what is to be expected) and the
/// `first` hundred of them, each with `lead_id`, `model_id`, `rule`, `what` (`ledger`, `score` or `lead`), `stored` and
/// `expected`. It waits for jobs that are still scoring leads anew.
#[utoipa::path(
    tag = "scoring",
    operation_id = "verify_scoring_model",
    params(("id" = Id, Path, description = "The model")),
    responses((status = 202, description = "The job; `Location` is where to follow it", body = Job)),
    security(("bearer" = ["scoring:read"])),
)]
#[post("/v1/scoring-models/{id}/verify")]
async fn verify_scores(PathId(id): PathId, command: Command<()>) -> Reply {
    command
        .run(move |tx, (), _| {
            let job = verify::request(tx, id)?;
            Answer::job(job.id, &job)
        })
        .await
}

//! Jobs over HTTP: who has them, what becomes of them when a worker dies, and who may see them.

use ripen::db::Scope;
use ripen::id::Id;
use ripen::jobs::worker;
use serde_json::json;

use crate::support::{Options, TestApp};

const NOBODY_WORKS: worker::Terms = worker::Terms { workers: 0, lease_s: 60 };

async fn without_workers() -> TestApp {
    TestApp::start_with(Options { jobs: NOBODY_WORKS, ..Options::default() }).await
}

/// Takes the job that is due, as a worker does that dies right away.
async fn take(app: &TestApp, lease_s: i64) -> Option<Id> {
    let scope = Scope { workspace: Id::NIL, at: app.now(), actor: None, cause: None };
    let until = app.now().plus_seconds(lease_s);
    let taken = app.state.db.write(scope, move |tx| tx.jobs().claim(Id::new(scope.at), until)).await.unwrap();
    taken.map(|job| job.id)
}

#[tokio::test]
async fn a_job_that_nobody_has_taken_waits() {
    let app = without_workers().await;
    let admin = app.admin().await;
    let job = admin.post("/v1/leads/link-contacts", json!({})).await.expect(202);
    assert_eq!((&job["kind"], &job["state"]), (&json!("link_contacts"), &json!("queued")));
    let listed = admin.get("/v1/jobs?state=queued&kind=link_contacts").await.expect(200);
    assert_eq!(listed["data"], json!([job]));
    assert_eq!(admin.get("/v1/jobs?state=done").await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_job_has_one_worker_at_a_time_and_another_when_the_lease_has_run_out() {
    let app = without_workers().await;
    let job = app.admin().await.post("/v1/leads/link-contacts", json!({})).await.expect(202);
    let (first, second) = (take(&app, 60).await, take(&app, 60).await);
    assert_eq!((first.map(|id| id.to_string()).as_deref(), second), (job["id"].as_str(), None));
    app.wait_seconds(59);
    assert_eq!(take(&app, 60).await, None);
    app.wait_seconds(1);
    assert_eq!(take(&app, 60).await, first);
}

#[tokio::test]
async fn of_many_workers_one_takes_a_job() {
    let app = without_workers().await;
    app.admin().await.post("/v1/leads/link-contacts", json!({})).await.expect(202);
    let takers = (0..16).map(|_| take(&app, 60));
    let taken = futures_util::future::join_all(takers).await;
    assert_eq!(taken.into_iter().flatten().count(), 1);
}

#[tokio::test]
async fn a_worker_whose_lease_was_taken_over_changes_nothing_any_more() {
    let app = without_workers().await;
    app.admin().await.post("/v1/leads/link-contacts", json!({})).await.expect(202);
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let lease = Id::new(app.now());
    let until = app.now().plus_seconds(1);
    let job = app.state.db.write(scope, move |tx| tx.jobs().claim(lease, until)).await.unwrap().unwrap().id;
    assert!(app.state.db.write(scope, move |tx| tx.jobs().hold(job, lease)).await.is_ok());
    app.wait_seconds(2);
    take(&app, 60).await.unwrap();
    assert!(app.state.db.write(scope, move |tx| tx.jobs().hold(job, lease)).await.is_err());
}

#[tokio::test]
async fn only_a_job_that_failed_is_started_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let job = admin.finished(admin.post("/v1/leads/link-contacts", json!({})).await).await;
    assert_eq!(job["state"], "done");
    let path = format!("/v1/jobs/{}/retry", job["id"].as_str().unwrap());
    admin.request(reqwest::Method::POST, &path).send().await.expect_problem(409, "conflict");
    let done = admin.get("/v1/events?type=job.done").await.expect(200);
    assert_eq!(done["data"][0]["data"]["job_id"], job["id"]);
}

#[tokio::test]
async fn jobs_of_another_workspace_are_as_unknown_as_none() {
    let app = without_workers().await;
    let theirs = app.other_workspace().admin().await.post("/v1/leads/link-contacts", json!({})).await.expect(202);
    let admin = app.admin().await;
    admin.get(&format!("/v1/jobs/{}", theirs["id"].as_str().unwrap())).await.expect(404);
    assert_eq!(admin.get("/v1/jobs").await.expect(200)["data"], json!([]));
    let reader = app.integration(&["leads:write"]).await;
    reader.get("/v1/jobs").await.expect_problem(403, "forbidden");
}

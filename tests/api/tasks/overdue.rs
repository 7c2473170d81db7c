//! Tasks whose time has passed.

use std::time::Duration;

use serde_json::{Value, json};

use super::{call, create, person};
use crate::support::{Options, Person, TestApp};

async fn swept() -> TestApp {
    let often = Some(Duration::from_millis(20));
    TestApp::start_with(Options { sweep_every: often, ..Options::default() }).await
}

/// Waits until so many tasks of a lead were told to be overdue.
async fn told_overdue(admin: &Person, lead: &str, number: usize) -> Vec<Value> {
    for _ in 0..500 {
        let path = format!("/v1/events?type=task.overdue&lead_id={lead}&sort=at&limit=200");
        let told = admin.get(&path).await.expect(200)["data"].as_array().unwrap().clone();
        if told.len() >= number {
            assert_eq!(told.len(), number);
            return told;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{lead} is not told of");
}

#[tokio::test]
async fn that_a_task_is_overdue_is_told_once_for_each_due_date() {
    let app = swept().await;
    let admin = app.admin().await;
    let (contact, lead) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    app.wait_days(1);
    assert_eq!(admin.get(&path).await.expect(200)["overdue"], false);
    app.wait_seconds(1);
    assert_eq!(admin.get(&path).await.expect(200)["overdue"], true);
    let told = told_overdue(&admin, &lead, 1).await;
    assert_eq!((&told[0]["contact_id"], &told[0]["data"]["task"]["overdue"]), (&json!(contact), &json!(true)));
    // Nothing that people see has changed.
    assert_eq!(admin.get(&path).await.expect(200)["version"], 1);

    // An earlier date, another title or opening it again make it no more overdue than it was; a later date does.
    admin.patch(&path, json!({"due_at": "2026-03-02T10:00:00Z"})).await.expect(200);
    admin.post(&format!("{path}/cancellation"), json!({})).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200)["overdue"], false);
    admin.post(&format!("{path}/reopening"), json!({})).await.expect(200);
    admin.patch(&path, json!({"due_at": "2026-03-10T09:00:00Z"})).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200)["overdue"], false);
    app.wait_days(10);
    told_overdue(&admin, &lead, 2).await;
}

#[tokio::test]
async fn what_was_finished_in_time_is_never_overdue_and_a_long_standstill_is_made_up_for() {
    let app = swept().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    admin.post(&format!("{path}/completion"), json!({})).await.expect(200);
    for _ in 0..130 {
        create(&admin, call(json!({"lead_id": lead}))).await;
    }
    app.wait_days(30);
    let told = told_overdue(&admin, &lead, 130).await;
    let finished = path.trim_start_matches("/v1/tasks/");
    assert!(told.iter().all(|event| event["data"]["task"]["id"] != finished));
}

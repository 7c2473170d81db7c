//! Tasks that a workspace's process asks for, and what the end of a lead means for everything that waits for it.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{call, create, person};
use crate::support::{Person, TestApp, bodies};

const PROCESS: &str = "/v1/processes/lead_to_opportunity_marketing";

/// Gives teleprospect acceptance a task, and a service level.
async fn with_tasks(admin: &Person) {
    let mut stages = admin.get(PROCESS).await.expect(200)["stages"].clone();
    stages[2]["tasks"] = json!([{"kind": "call", "title": "First call", "due_in_minutes": 90}]);
    stages[2]["service_level"] = json!({"default_minutes": 60});
    admin.patch_version(PROCESS, 1, json!({"stages": stages})).await.expect(200);
}

async fn tasks_of(admin: &Person, lead: &str) -> Vec<Value> {
    let list = admin.get(&format!("/v1/tasks?lead_id={lead}&sort=created_at")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_stage_creates_its_tasks_when_a_lead_enters_it_and_takes_them_back_when_it_leaves() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    with_tasks(&admin).await;
    let (_, lead) = person(&admin).await;
    assert!(tasks_of(&admin, &lead).await.is_empty());
    admin.post(&format!("/v1/leads/{lead}/flags"), json!({"flag": "teleprospect_ready"})).await.expect(200);
    let task = tasks_of(&admin, &lead).await[0].clone();
    assert_eq!(
        (&task["title"], &task["role"], &task["due_at"], &task["cause"], &task["stage"]),
        (
            &json!("First call"),
            &json!("teleprospector"),
            &json!("2026-03-02T10:30:00.000000Z"),
            &json!("stage_entry"),
            &json!("teleprospect_acceptance")
        )
    );
    let caller = app.person(Role::Teleprospector).await;
    let queue = caller.get("/v1/tasks?role=teleprospector&assigned=false&status=open").await.expect(200);
    assert_eq!(queue["data"][0]["id"], task["id"]);
    admin.post(&format!("/v1/leads/{lead}/rejection"), json!({"reason": "not_now"})).await.expect(201);
    let task = tasks_of(&admin, &lead).await[0].clone();
    assert_eq!((&task["status"], &task["cancelled_because"]), (&json!("cancelled"), &json!("stage_left")));
}

#[tokio::test]
async fn what_waits_for_a_lead_ends_with_it_and_begins_again_when_it_is_reopened() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    with_tasks(&admin).await;
    let absent = app.person(Role::Salesperson).await;
    let rule = json!({"name": "Nobody there", "mode": "user", "target": {"users": [absent.id()]}});
    admin.post("/v1/assignment-rules", rule).await.expect(201);
    let path = format!("/v1/users/{}", absent.id());
    admin.patch_version(&path, 1, json!({"capacity": 0})).await.expect(200);
    let (_, lead) = person(&admin).await;
    let path = format!("/v1/leads/{lead}");
    admin.post(&format!("{path}/flags"), json!({"flag": "sales_ready"})).await.expect(200);
    admin.post(&format!("{path}/transitions"), json!({"to": "teleprospect_acceptance"})).await.expect(201);
    create(&admin, call(json!({"lead_id": lead, "title": "By hand"}))).await;
    let waiting = async || {
        let queue = admin.get("/v1/assignment-queue").await.expect(200)["data"].as_array().unwrap().len();
        let open = admin.get(&format!("/v1/tasks?lead_id={lead}&status=open")).await.expect(200);
        let process = admin.get(&format!("{path}/process")).await.expect(200);
        (queue, open["data"].as_array().unwrap().len(), process["deadline"].is_string())
    };
    assert_eq!(waiting().await, (1, 2, true));

    admin.post(&format!("{path}/disqualification"), json!({"reason": "no_need"})).await.expect(201);
    assert_eq!(waiting().await, (0, 0, false));
    app.wait_seconds(7_200);
    let reopened = admin.post(&format!("{path}/reopening"), json!({})).await.expect(201);
    assert_eq!(reopened["lead"]["stage"], "teleprospect_acceptance");
    assert_eq!(waiting().await, (1, 0, true));
    let process = admin.get(&format!("{path}/process")).await.expect(200);
    assert_eq!(process["deadline"], "2026-03-02T12:00:00.000000Z", "an hour from the reopening");
    assert_eq!(bodies::id(&admin.get(&path).await.expect(200)), lead);
}

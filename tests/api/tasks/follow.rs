//! What the life of a lead does to its tasks.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use ripen::db::{Scope, Tx};
use ripen::error::Result;
use ripen::id::Id;
use ripen::process::stage::{Process, Stage, StageTask, TaskKind};
use ripen::tasks;
use serde_json::{Value, json};

use super::{call, create, events, person, titles};
use crate::support::{Person, TestApp, bodies};

/// Does `work` in one transaction of the workspace.
async fn within(app: &TestApp, work: impl Fn(&mut Tx<'_>) -> Result<()> + Send + 'static) {
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    app.state.db.write(scope, work).await.unwrap();
}

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// A stage of the shipped process that asks for a call within a day and an offer within two.
fn stage(key: &str, role: Option<Role>) -> Stage {
    let asked = |kind, title: &str, due_in_minutes| StageTask { kind, title: title.into(), due_in_minutes };
    let tasks = vec![asked(TaskKind::Call, "Call", 1_440), asked(TaskKind::Offer, "Offer", 2_880)];
    Stage { role, tasks, ..Process::shipped().stage(key).unwrap().clone() }
}

/// Lets a lead enter a stage with tasks.
async fn enter(app: &TestApp, lead: &str, stage: Stage) {
    let lead = id(lead);
    within(app, move |tx| {
        tx.leads().lock(lead)?;
        tasks::enter_stage(tx, lead, &stage)
    })
    .await;
}

async fn own(admin: &Person, lead: &str, owner: Option<Id>) {
    admin.patch(&format!("/v1/leads/{lead}"), json!({"owner_id": owner})).await.expect(200);
}

async fn tasks_of(admin: &Person, lead: &str) -> Vec<Value> {
    let list = admin.get(&format!("/v1/tasks?lead_id={lead}&sort=created_at,due_at")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn entering_a_stage_creates_its_tasks_for_the_owner_whose_role_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (contact, lead) = person(&admin).await;
    let rep = app.person(Role::Salesperson).await;
    own(&admin, &lead, Some(rep.id())).await;
    enter(&app, &lead, stage("sales_acceptance", Some(Role::Salesperson))).await;
    let tasks = tasks_of(&admin, &lead).await;
    let told = ["kind", "title", "contact_id", "assignee_id", "role", "due_at", "cause", "stage", "created_by"];
    let due = [app.now().plus_days(1), app.now().plus_days(2)];
    let expected = [("call", "Call", due[0]), ("offer", "Offer", due[1])].map(|(kind, title, due)| {
        json!([kind, title, contact, rep.id(), "salesperson", due, "stage_entry", "sales_acceptance", null])
    });
    assert_eq!(tasks.iter().map(|task| json!(told.map(|member| task[member].clone()))).collect::<Vec<_>>(), expected);
    assert_eq!(events(&admin, &lead, "task.created").await.len(), 2);
}

#[tokio::test]
async fn what_is_not_the_owners_role_waits_in_the_queue_and_without_a_role_it_is_the_owners() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let rep = app.person(Role::Salesperson).await;
    own(&admin, &lead, Some(rep.id())).await;
    enter(&app, &lead, stage("teleprospect_acceptance", Some(Role::Teleprospector))).await;
    assert_eq!(titles(&admin, "role=teleprospector&assigned=false&status=open").await, ["Call", "Offer"]);
    enter(&app, &lead, stage("inquiry", None)).await;
    assert_eq!(titles(&admin, &format!("assignee_id={}&status=open", rep.id())).await, ["Call", "Offer"]);

    // With neither it is nobody's; anyone may take it, and change it.
    own(&admin, &lead, None).await;
    enter(&app, &lead, stage("marketing_qualification", None)).await;
    let task = tasks_of(&admin, &lead).await.last().unwrap().clone();
    assert_eq!((&task["assignee_id"], &task["role"], &task["status"]), (&Value::Null, &Value::Null, &json!("open")));
    let path = format!("/v1/tasks/{}", bodies::id(&task));
    admin.patch(&path, json!({"title": "Look"})).await.expect(200);
    assert_eq!(rep.post(&format!("{path}/take"), Value::Null).await.expect(200)["assignee_id"], json!(rep.id()));
}

#[tokio::test]
async fn leaving_a_stage_cancels_its_open_tasks_and_no_others() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    enter(&app, &lead, stage("inquiry", Some(Role::Marketer))).await;
    app.wait_seconds(1);
    create(&admin, call(json!({"lead_id": lead, "title": "By hand"}))).await;
    let done = tasks_of(&admin, &lead).await[1].clone();
    assert_eq!(done["title"], "Offer");
    admin.post(&format!("/v1/tasks/{}/completion", bodies::id(&done)), json!({})).await.expect(200);

    let moved = admin.post(&format!("/v1/leads/{lead}/transitions"), json!({"to": "sales_acceptance"})).await;
    moved.expect(201);
    let tasks = tasks_of(&admin, &lead).await;
    let told: Vec<Value> =
        tasks.iter().map(|task| json!([task["title"], task["status"], task["cancelled_because"]])).collect();
    let expected =
        [json!(["Call", "cancelled", "stage_left"]), json!(["Offer", "done", null]), json!(["By hand", "open", null])];
    assert_eq!(told, expected);
    let cancelled = &events(&admin, &lead, "task.cancelled").await[0]["data"];
    assert_eq!((&cancelled["before"]["status"], &cancelled["task"]["done_by"]), (&json!("open"), &Value::Null));
}

#[tokio::test]
async fn what_a_completed_task_records_may_move_the_lead_on() {
    let app = TestApp::start_at(crate::scoring::day(10)).await;
    let admin = app.admin().await;
    let rule = json!({"key": "calls", "points": 100, "when": [{"interaction": "call", "frequency": "each"}]});
    crate::scoring::live_model(&admin, json!({"name": "Calls", "target": "contact", "rules": [rule]})).await;
    let (_, lead) = person(&admin).await;
    enter(&app, &lead, stage("inquiry", Some(Role::Marketer))).await;
    let task = bodies::id(&tasks_of(&admin, &lead).await[0]);
    let path = format!("/v1/tasks/{task}/completion");
    let done = admin.post(&path, json!({"record_interaction": true})).await.expect(200);
    assert_eq!(done["recorded"]["leads"][0]["stage"]["to"], "sales_acceptance");
    assert_eq!((&done["status"], &done["version"]), (&json!("done"), &json!(2)));
    let told: Vec<Value> = tasks_of(&admin, &lead).await.iter().map(|task| task["status"].clone()).collect();
    assert_eq!(told, ["done", "cancelled"]);
}

#[tokio::test]
async fn closing_a_lead_cancels_what_is_open() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (contact, lead) = person(&admin).await;
    create(&admin, call(json!({"lead_id": lead}))).await;
    create(&admin, call(json!({"contact_id": contact, "title": "Not about it"}))).await;
    let closed = id(&lead);
    within(&app, move |tx| {
        tx.leads().lock(closed)?;
        tasks::lead_closed(tx, closed)
    })
    .await;
    let task = &tasks_of(&admin, &lead).await[0];
    assert_eq!((&task["status"], &task["cancelled_because"]), (&json!("cancelled"), &json!("lead_closed")));
    assert_eq!(titles(&admin, "status=open").await, ["Not about it"]);
}

#[tokio::test]
async fn open_tasks_go_with_a_lead_to_its_new_owner() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let (old, new) = (app.person(Role::Salesperson).await, app.person(Role::Salesperson).await);
    own(&admin, &lead, Some(old.id())).await;
    for (title, whose) in [
        ("old", json!({"assignee_id": old.id()})),
        ("other", json!({"assignee_id": admin.id()})),
        ("sellers", json!({"role": "salesperson"})),
        ("callers", json!({"role": "teleprospector"})),
    ] {
        create(&admin, bodies::with(call(json!({"lead_id": lead, "title": title})), whose)).await;
    }
    let (_, done) = create(&admin, call(json!({"lead_id": lead, "title": "done", "assignee_id": old.id()}))).await;
    admin.post(&format!("{done}/completion"), json!({})).await.expect(200);
    own(&admin, &lead, Some(new.id())).await;
    assert_eq!(titles(&admin, &format!("assignee_id={}", new.id())).await, ["old", "sellers"]);
    assert_eq!(titles(&admin, &format!("assignee_id={}", old.id())).await, ["done"]);
    let changed = events(&admin, &lead, "task.changed").await;
    assert_eq!((changed.len(), &changed[0]["data"]["before"]["assignee_id"]), (2, &json!(old.id())));

    // A lead that is nobody's gives them back; who gets it then gets them.
    own(&admin, &lead, None).await;
    assert_eq!(titles(&admin, "assigned=false").await, ["old", "sellers", "callers"]);
    own(&admin, &lead, Some(old.id())).await;
    assert_eq!(titles(&admin, &format!("assignee_id={}&status=open", old.id())).await, ["old", "sellers"]);
}

#[tokio::test]
async fn tasks_follow_a_lead_to_the_contact_that_it_is_linked_with() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let (_, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    let contact = super::contact(&admin, bodies::contact("ann@example.com")).await;
    admin.patch(&format!("/v1/leads/{lead}"), json!({"contact_id": contact})).await.expect(200);
    let task = admin.get(&path).await.expect(200);
    assert_eq!((&task["contact_id"], &task["version"]), (&json!(contact), &json!(2)));
}

#[tokio::test]
async fn however_a_lead_is_moved_at_once_only_tasks_of_its_last_stage_stay_open() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let (app, admin, lead) = (&app, &admin, lead.as_str());
    join_all((0..64).map(|number| async move {
        match number % 4 {
            0 => enter(app, lead, stage("inquiry", None)).await,
            1 => enter(app, lead, stage("sales_acceptance", Some(Role::Salesperson))).await,
            2 => own(admin, lead, Some(admin.id())).await,
            _ => own(admin, lead, None).await,
        }
    }))
    .await;
    let open = admin.get(&format!("/v1/tasks?lead_id={lead}&status=open")).await.expect(200);
    let stages: Vec<&Value> = open["data"].as_array().unwrap().iter().map(|task| &task["stage"]).collect();
    assert_eq!((stages.len(), stages[0]), (2, stages[1]));
    assert_eq!(admin.get("/v1/tasks?count=true&limit=1").await.expect(200)["total"], 64);
}

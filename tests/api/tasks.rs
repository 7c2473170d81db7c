//! What is to be done next, over HTTP: by hand, from a queue, with the life of a lead, and when its time has passed
//! (WRK-1).

mod beside;
mod follow;
mod overdue;
mod process;

use futures_util::future::join_all;
use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::merges::{contact, lead};
use crate::scoring::{day, events, live_model};
use crate::support::{Person, TestApp, bodies};

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
/// A day after the clock of the tests.
const TOMORROW: &str = "2026-03-03T09:00:00.000000Z";

/// A contact with a lead; their ids.
async fn person(admin: &Person) -> (String, String) {
    let contact = contact(admin, bodies::contact("ann@example.com")).await;
    let lead = lead(admin, &contact, "Warehouse").await;
    (contact, lead)
}

/// A call that is due tomorrow.
fn call(about: Value) -> Value {
    bodies::with(json!({"kind": "call", "title": "First call", "due_at": TOMORROW}), about)
}

/// Creates a task; it and its path.
async fn create(person: &Person, body: Value) -> (Value, String) {
    let answer = person.post("/v1/tasks", body).await;
    let task = answer.expect(201);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!(
        (path.as_str(), answer.header("etag")),
        (format!("/v1/tasks/{}", bodies::id(&task)).as_str(), Some("\"v1\""))
    );
    (task, path)
}

/// The titles of the tasks of a list, in its order.
async fn titles(person: &Person, filter: &str) -> Vec<String> {
    let list = person.get(&format!("/v1/tasks?sort=due_at,created_at&{filter}")).await.expect(200);
    list["data"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

/// What happened to the tasks of a lead, oldest first: types of events.
async fn told(admin: &Person, lead: &str) -> Vec<String> {
    let events = admin.get(&format!("/v1/events?lead_id={lead}&sort=at&limit=200")).await.expect(200);
    let types = events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned());
    types.filter(|kind| kind.starts_with("task.")).collect()
}

#[tokio::test]
async fn a_task_of_a_lead_is_for_its_contact_and_the_callers_own_unless_said_otherwise() {
    let app = TestApp::start().await;
    let rep = app.person(Role::Salesperson).await;
    let (contact, lead) = person(&app.admin().await).await;
    let (task, path) = create(&rep, call(json!({"lead_id": lead, "note": "in the morning"}))).await;
    let expected = json!({
        "id": task["id"], "kind": "call", "title": "First call", "note": "in the morning", "lead_id": lead,
        "contact_id": contact, "assignee_id": rep.id(), "role": null, "due_at": TOMORROW, "status": "open",
        "result": null, "outcome": null, "done_at": null, "done_by": null, "cancelled_because": null,
        "interaction_id": null, "cause": "by_hand", "stage": null, "created_by": rep.id(), "version": 1,
        "created_at": app.now(), "updated_at": app.now(), "overdue": false,
    });
    assert_eq!(task, expected);
    assert_eq!(rep.get(&path).await.expect(200), task);
    let created = events(&app.admin().await, &lead, "task.created").await;
    assert_eq!((&created[0]["data"]["task"], &created[0]["contact_id"]), (&task, &json!(contact)));
}

#[tokio::test]
async fn everything_wrong_with_a_task_is_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (contact, lead) = person(&admin).await;
    let bob = self::contact(&admin, bodies::contact("bob@example.com")).await;
    let try_create = async |about: Value| admin.post("/v1/tasks", call(about)).await;

    try_create(json!({})).await.expect_invalid(&["/lead_id"]);
    try_create(json!({"lead_id": NOBODY, "contact_id": NOBODY, "assignee_id": NOBODY})).await.expect_invalid(&[
        "/lead_id",
        "/contact_id",
        "/assignee_id",
    ]);
    try_create(json!({"lead_id": lead, "contact_id": bob})).await.expect_invalid(&["/contact_id"]);
    try_create(json!({"contact_id": contact, "title": "\u{2003}"})).await.expect_invalid(&["/title"]);
    try_create(json!({"contact_id": contact, "title": "\t", "kind": "walk", "due_at": null, "by": 1}))
        .await
        .expect_invalid(&["/title", "/kind", "/due_at", "/by"]);

    let gone = app.person(Role::Salesperson).await;
    let user = format!("/v1/users/{}", gone.id());
    admin
        .request(Method::PATCH, &user)
        .header("if-match", "*")
        .merge_patch(&json!({"disabled": true}))
        .send()
        .await
        .expect(200);
    try_create(json!({"contact_id": contact, "assignee_id": gone.id()})).await.expect_invalid(&["/assignee_id"]);

    let merge = crate::merges::merge(&admin, &contact, &bob).await;
    let loser = merge["loser_id"].as_str().unwrap();
    let refused = try_create(json!({"contact_id": loser})).await.expect_invalid(&["/contact_id"]);
    assert_eq!(refused["errors"][0]["code"], "merged");

    // A client has no tasks of its own.
    let program = app.integration(&["tasks:write", "tasks:read"]).await;
    let about = json!({"contact_id": merge["survivor_id"]});
    program.post("/v1/tasks", call(about.clone())).await.expect_invalid(&["/assignee_id"]);
    let queued = program.post("/v1/tasks", call(bodies::with(about, json!({"role": "salesperson"})))).await.expect(201);
    assert_eq!((&queued["assignee_id"], &queued["role"]), (&Value::Null, &json!("salesperson")));
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_a_stale_one_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (contact, lead) = person(&admin).await;
    let (task, path) = create(&admin, call(json!({"lead_id": lead, "note": "x", "role": "salesperson"}))).await;
    assert_eq!(task["assignee_id"], Value::Null);
    let patch = json!({"kind": "mail", "title": "Write", "note": null, "assignee_id": rep.id(), "due_at": "2026-03-04T09:00:00Z"});
    let answer = admin.patch_version(&path, 1, patch.clone()).await;
    let changed = answer.expect(200);
    assert_eq!((answer.header("etag"), &changed["version"]), (Some("\"v2\""), &json!(2)));
    let told = ["kind", "title", "note", "assignee_id", "role", "contact_id"].map(|member| changed[member].clone());
    assert_eq!(
        told,
        [json!("mail"), json!("Write"), json!(null), json!(rep.id()), json!("salesperson"), json!(contact)]
    );
    admin.patch_version(&path, 1, json!({"title": "Late"})).await.expect_problem(412, "precondition-failed");

    // What is so already changes nothing, and tells nobody.
    assert_eq!(admin.patch(&path, patch).await.expect(200)["version"], 2);
    assert_eq!(admin.patch(&path, json!({})).await.expect(200)["version"], 2);
    let events = events(&admin, &lead, "task.changed").await;
    assert_eq!((events.len(), &events[0]["data"]["before"], &events[0]["data"]["task"]), (1, &task, &changed));

    // Given back it waits for its role; it is always somebody's or a role's.
    assert_eq!(admin.patch(&path, json!({"assignee_id": null})).await.expect(200)["assignee_id"], Value::Null);
    admin.patch(&path, json!({"role": null})).await.expect_invalid(&["/assignee_id"]);
    admin
        .patch(&path, json!({"assignee_id": NOBODY, "title": "\u{2003}"}))
        .await
        .expect_invalid(&["/assignee_id", "/title"]);
    admin.patch(&path, json!({"lead_id": lead})).await.expect_invalid(&["/lead_id"]);
}

#[tokio::test]
async fn a_finished_task_refuses_everything_until_it_is_opened_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    admin.post(&format!("{path}/reopening"), json!({})).await.expect_problem(409, "conflict");
    app.wait_seconds(60);
    let body = json!({"result": "Wants an offer", "outcome": "positive"});
    let done = admin.post(&format!("{path}/completion"), body).await.expect(200);
    let told = ["status", "result", "outcome", "done_at", "done_by", "version", "recorded"];
    let expected = json!(["done", "Wants an offer", "positive", app.now(), admin.id(), 2, null]);
    assert_eq!(json!(told.map(|member| done[member].clone())), expected);

    for (action, body) in [("completion", json!({})), ("cancellation", json!({})), ("take", Value::Null)] {
        let refused = admin.post(&format!("{path}/{action}"), body).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("reopen it first"), "{refused}");
    }
    admin.patch(&path, json!({"title": "Other"})).await.expect_problem(409, "conflict");

    let open = admin.post(&format!("{path}/reopening"), json!({"due_at": "2026-03-09T09:00:00Z"})).await.expect(200);
    let told = ["status", "result", "outcome", "done_at", "done_by", "version", "due_at"];
    let expected = json!(["open", null, null, null, null, 3, "2026-03-09T09:00:00.000000Z"]);
    assert_eq!(json!(told.map(|member| open[member].clone())), expected);
    let cancelled = admin.post(&format!("{path}/cancellation"), json!({"result": "Stopped"})).await.expect(200);
    let told = ["status", "result", "cancelled_because", "done_by"].map(|member| cancelled[member].clone());
    assert_eq!(json!(told), json!(["cancelled", "Stopped", "by_hand", admin.id()]));
    let again = admin.post(&format!("{path}/reopening"), json!({})).await.expect(200);
    assert_eq!((&again["cancelled_because"], &again["due_at"]), (&Value::Null, &open["due_at"]));
    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
    let expected =
        ["created", "completed", "reopened", "cancelled", "reopened", "deleted"].map(|verb| format!("task.{verb}"));
    assert_eq!(self::told(&admin, &lead).await, expected);
}

#[tokio::test]
async fn every_change_keeps_to_the_version_that_was_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (contact, _) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"contact_id": contact}))).await;
    for action in ["completion", "cancellation", "reopening", "take"] {
        let request = admin.request(Method::POST, &format!("{path}/{action}")).if_version(7);
        let request = if action == "take" { request } else { request.json(&json!({})) };
        request.send().await.expect_problem(412, "precondition-failed");
    }
    admin.request(Method::DELETE, &path).if_version(7).send().await.expect_problem(412, "precondition-failed");
    assert_eq!(admin.get(&path).await.expect(200)["version"], 1);
}

#[tokio::test]
async fn of_many_who_take_a_task_at_once_one_gets_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, lead) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"lead_id": lead, "role": "teleprospector"}))).await;
    let take = format!("{path}/take");
    let people = join_all((0..64).map(|_| app.person(Role::Teleprospector))).await;
    let answers = join_all(people.iter().map(|person| person.post(&take, Value::Null))).await;
    let taken: Vec<usize> = (0..64).filter(|place| answers[*place].status() == 200).collect();
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status())));
    assert_eq!(taken.len(), 1);
    let winner = &people[taken[0]];
    let task = admin.get(&path).await.expect(200);
    assert_eq!((&task["assignee_id"], &task["version"]), (&json!(winner.id()), &json!(2)));
    // Who has it keeps it, and nobody is told twice.
    assert_eq!(winner.post(&take, Value::Null).await.expect(200), task);
    assert_eq!(told(&admin, &lead).await, ["task.created", "task.changed"]);
    let program = app.integration(&["tasks:write"]).await;
    program.post(&take, Value::Null).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn of_many_who_finish_a_task_at_once_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (contact, lead) = person(&admin).await;
    let (_, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    let answers = join_all((0..64).map(|number| {
        let (admin, path) = (&admin, &path);
        async move {
            match number % 2 {
                0 => admin.post(&format!("{path}/completion"), json!({"record_interaction": true})).await,
                _ => admin.post(&format!("{path}/cancellation"), json!({})).await,
            }
        }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status())));
    let task = admin.get(&path).await.expect(200);
    let calls = admin.get(&format!("/v1/interactions?contact_id={contact}&kind=call&count=true")).await.expect(200);
    assert_eq!(calls["total"], i64::from(task["status"] == "done"));
    assert_eq!((told(&admin, &lead).await.len(), &task["version"]), (2, &json!(2)));
}

#[tokio::test]
async fn what_was_done_is_recorded_in_one_go_with_the_user_behind_it() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    let rule = json!({"key": "calls", "points": 60, "when": [{"interaction": "call", "frequency": "each"}]});
    live_model(&admin, json!({"name": "Calls", "target": "contact", "rules": [rule]})).await;
    let (contact, lead) = person(&admin).await;
    let rep = app.person(Role::Salesperson).await;
    let body = call(json!({"lead_id": lead, "due_at": day(11)}));
    let (task, path) = create(&rep, body.clone()).await;
    let body = bodies::with(body, json!({"assignee_id": rep.id()}));
    let completion = json!({"result": "Called", "outcome": "positive", "record_interaction": true});
    let done = rep.post(&format!("{path}/completion"), completion.clone()).await.expect(200);
    let recorded = &done["recorded"];
    assert_eq!((&recorded["attributed_to"], &done["interaction_id"]), (&json!(contact), &recorded["id"]));
    assert_eq!(recorded["leads"][0]["scores"][0]["score"], 60);
    let path = format!("/v1/interactions/{}", recorded["id"].as_str().unwrap());
    let interaction = admin.get(&path).await.expect(200);
    let told = ["kind", "lead_id", "sender_id", "occurred_at", "properties"].map(|member| interaction[member].clone());
    let properties = json!({"task_id": task["id"], "outcome": "positive"});
    assert_eq!(json!(told), json!(["call", lead, rep.id(), app.now(), properties]));

    for (kind, recorded) in [("mail", "message"), ("meeting", "meeting")] {
        let (_, path) = create(&admin, bodies::with(body.clone(), json!({"kind": kind}))).await;
        let done = admin.post(&format!("{path}/completion"), completion.clone()).await.expect(200);
        let interaction = admin.get(&format!("/v1/interactions/{}", bodies::id(&done["recorded"]))).await.expect(200);
        // Whoever completes it did it.
        assert_eq!((&interaction["kind"], &interaction["sender_id"]), (&json!(recorded), &json!(admin.id())));
    }
    let (_, path) = create(&admin, bodies::with(body.clone(), json!({"kind": "offer"}))).await;
    admin.post(&format!("{path}/completion"), completion.clone()).await.expect_invalid(&["/record_interaction"]);
    assert_eq!(admin.get(&path).await.expect(200)["status"], "open");

    // For a program that completes it, the assignee did.
    let (_, path) = create(&admin, body).await;
    let program = app.integration(&["tasks:write"]).await;
    program.post(&format!("{path}/completion"), completion.clone()).await.expect_problem(403, "forbidden");
    let program = app.integration(&["tasks:write", "interactions:write"]).await;
    let done = program.post(&format!("{path}/completion"), completion).await.expect(200);
    let interaction = admin.get(&format!("/v1/interactions/{}", bodies::id(&done["recorded"]))).await.expect(200);
    assert_eq!((&interaction["sender_id"], &done["done_by"]), (&json!(rep.id()), &json!(program.id())));
}

#[tokio::test]
async fn a_lead_without_a_contact_has_tasks_too() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let (task, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    assert_eq!(task["contact_id"], Value::Null);
    let done = admin.post(&format!("{path}/completion"), json!({"record_interaction": true})).await.expect(200);
    assert_eq!(done["recorded"]["attributed_to"], Value::Null);
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (contact, lead) = person(&admin).await;
    for (title, changes) in [
        ("a", json!({"lead_id": lead, "assignee_id": rep.id(), "due_at": "2026-03-01T09:00:00Z"})),
        ("b", json!({"lead_id": lead, "role": "salesperson", "kind": "offer", "due_at": "2026-03-02T09:00:00Z"})),
        ("c", json!({"contact_id": contact, "role": "salesperson", "assignee_id": rep.id()})),
        ("d", json!({"contact_id": contact, "kind": "other", "due_at": "2026-03-01T10:00:00Z"})),
    ] {
        create(&admin, bodies::with(call(changes), json!({"title": title}))).await;
    }
    for (sort, first) in [("", "a"), ("&sort=-due_at", "c")] {
        let page = admin.get(&format!("/v1/tasks?limit=1{sort}")).await.expect(200);
        assert_eq!(page["data"][0]["title"], first);
    }
    let d = admin.get("/v1/tasks?kind=other").await.expect(200)["data"][0].clone();
    admin.post(&format!("/v1/tasks/{}/completion", bodies::id(&d)), json!({})).await.expect(200);

    for (filter, expected) in [
        (String::new(), "adbc"),
        (format!("assignee_id={}", rep.id()), "ac"),
        ("role=salesperson".into(), "bc"),
        ("role=salesperson&assigned=false&status=open".into(), "b"),
        ("assigned=true".into(), "adc"),
        ("status=done".into(), "d"),
        // Due this very moment is not overdue, and neither is what was done.
        ("overdue=true".into(), "a"),
        ("overdue=false".into(), "dbc"),
        (format!("lead_id={lead}"), "ab"),
        (format!("contact_id={contact}"), "adbc"),
        ("kind=offer".into(), "b"),
        ("due_from=2026-03-01T10:00:00Z&due_until=2026-03-03T09:00:00Z".into(), "db"),
    ] {
        assert_eq!(titles(&admin, &filter).await.concat(), expected, "{filter}");
    }
    let page = admin.get("/v1/tasks?sort=-created_at&limit=3&count=true").await.expect(200);
    assert_eq!((&page["total"], &page["data"][0]["title"]), (&json!(4), &json!("d")));
    let next = format!("/v1/tasks?sort=-created_at&limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = admin.get(&next).await.expect(200);
    assert_eq!((&next["data"][0]["title"], &next["next_cursor"]), (&json!("a"), &Value::Null));
    admin
        .get("/v1/tasks?due_from=2026-03-02T00:00:00Z&due_until=2026-03-01T00:00:00Z")
        .await
        .expect_bad_parameter("due_from");
    admin.get("/v1/tasks?sort=title").await.expect_bad_parameter("sort");
    admin.get("/v1/tasks?status=late").await.expect_bad_parameter("status");
}

#[tokio::test]
async fn another_workspace_sees_and_changes_nothing_and_a_viewer_only_reads() {
    let app = TestApp::start().await;
    let (admin, stranger) = (app.admin().await, app.other_workspace().admin().await);
    let (contact, lead) = person(&admin).await;
    let (task, path) = create(&admin, call(json!({"lead_id": lead}))).await;
    stranger.get(&path).await.expect_problem(404, "not-found");
    stranger.patch(&path, json!({"title": "x"})).await.expect_problem(404, "not-found");
    stranger.delete(&path).await.expect_problem(404, "not-found");
    stranger.post(&format!("{path}/take"), Value::Null).await.expect_problem(404, "not-found");
    for action in ["completion", "cancellation", "reopening"] {
        stranger.post(&format!("{path}/{action}"), json!({})).await.expect_problem(404, "not-found");
    }
    let about = json!({"lead_id": lead, "contact_id": contact, "assignee_id": admin.id()});
    stranger.post("/v1/tasks", call(about)).await.expect_invalid(&["/lead_id", "/contact_id", "/assignee_id"]);
    assert_eq!(titles(&stranger, "").await.len(), 0);
    let viewer = app.person(Role::Viewer).await;
    assert_eq!(viewer.get(&path).await.expect(200), task);
    viewer.post("/v1/tasks", call(json!({"lead_id": lead}))).await.expect_problem(403, "forbidden");
    viewer.post(&format!("{path}/take"), Value::Null).await.expect_problem(403, "forbidden");
}

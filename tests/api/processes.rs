//! A workspace's own processes, and its copy of the shipped one.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

pub const SHIPPED: &str = "/v1/processes/lead_to_opportunity_marketing";

/// A process of two stages; the first needs a budget.
pub fn re_sale() -> Value {
    json!({"key": "re_sale", "name": "Re-sale", "stages": [
        {"key": "talk", "name": "Talk", "role": "salesperson", "flags": ["sales_ready"],
         "fields": [{"key": "budget", "name": "Budget", "type": "integer", "required": true}]},
        {"key": "offer", "name": "Offer", "refusal_to": "talk"},
    ]})
}

pub async fn lead(admin: &Person) -> String {
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)))
}

/// Changes stages of the shipped process: each of `changes` by its key, as a merge patch.
pub async fn reshape(admin: &Person, changes: Value) {
    let read = admin.get(SHIPPED).await;
    let version = read.header("etag").unwrap().to_owned();
    let mut stages = read.expect(200)["stages"].as_array().unwrap().clone();
    for stage in &mut stages {
        let change = changes[stage["key"].as_str().unwrap()].clone();
        *stage = bodies::with(stage.clone(), if change.is_null() { json!({}) } else { change });
    }
    let request = admin.request(reqwest::Method::PATCH, SHIPPED).header("if-match", version);
    request.merge_patch(&json!({"stages": stages})).send().await.expect(200);
}

#[tokio::test]
async fn a_process_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.post("/v1/processes", re_sale()).await;
    assert_eq!(made.header("location"), Some("/v1/processes/re_sale"));
    let made = made.expect(201);
    assert_eq!((&made["version"], &made["is_shipped"]), (&json!(1), &json!(false)));
    let read = admin.get("/v1/processes/re_sale").await;
    assert_eq!(read.header("etag"), Some("\"v1\""));
    assert_eq!(read.expect(200), made);

    let changed = admin.patch_version("/v1/processes/re_sale", 1, json!({"name": "Sale again"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Sale again"), &json!(2)));
    assert_eq!(changed["stages"], made["stages"]);
    let same = admin.patch_version("/v1/processes/re_sale", 2, json!({"name": "Sale again"})).await.expect(200);
    assert_eq!(same["version"], 2);
    let list = admin.get("/v1/processes").await.expect(200);
    let keys: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|process| &process["key"]).collect();
    assert_eq!(keys, ["lead_to_opportunity_marketing", "re_sale"]);

    let delete = |version: &'static str| {
        admin.request(reqwest::Method::DELETE, "/v1/processes/re_sale").header("if-match", version).send()
    };
    delete("\"v1\"").await.expect_problem(412, "precondition-failed");
    delete("\"v2\"").await.expect(204);
    admin.get("/v1/processes/re_sale").await.expect(404);
    let told = admin.get("/v1/events?sort=at").await.expect(200);
    let kinds: Vec<&str> =
        told["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["process.created", "process.changed", "process.removed"]);
}

#[tokio::test]
async fn the_shipped_process_is_changed_for_one_workspace_alone_and_never_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shipped = admin.get(SHIPPED).await.expect(200);
    assert_eq!((&shipped["is_shipped"], &shipped["version"]), (&json!(true), &json!(1)));
    let changed = admin.patch_version(SHIPPED, 1, json!({"name": "Ours"})).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["version"], &changed["is_shipped"]),
        (&json!("Ours"), &json!(2), &json!(true))
    );
    admin.patch_version(SHIPPED, 1, json!({"name": "Theirs"})).await.expect_problem(412, "precondition-failed");
    let elsewhere = app.other_workspace().admin().await.get(SHIPPED).await.expect(200);
    assert_eq!(elsewhere, shipped);
    let delete = admin.request(reqwest::Method::DELETE, SHIPPED).header("if-match", "*").send().await;
    delete.expect_problem(409, "conflict");
}

#[tokio::test]
async fn everything_wrong_with_a_process_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let stages = json!([
        {"key": "one", "name": " ", "refusal_to": "one"},
        {"key": "one", "name": "Two", "fields": [
            {"key": "a", "name": "A", "type": "choice"}, {"key": "b", "name": "B", "type": "text", "fills": "lead.score"},
        ]},
    ]);
    let pointers = [
        "/stages/0/name",
        "/stages/0/refusal_to",
        "/stages/1/key",
        "/stages/1/fields/0/choices",
        "/stages/1/fields/1/fills",
    ];
    let body = json!({"key": "own", "name": "Own", "stages": stages});
    admin.post("/v1/processes", body.clone()).await.expect_invalid(&pointers);
    admin.patch_version(SHIPPED, 1, json!({"stages": body["stages"]})).await.expect_invalid(&pointers);
    let shapeless = json!({"key": "Own", "name": "Own", "stages": [], "colour": "red"});
    admin.post("/v1/processes", shapeless).await.expect_invalid(&["/key", "/stages", "/colour"]);
    let minutes = json!({"default_minutes": 0, "by_temperature": {"hot": 525_601}});
    let body = json!({"key": "own", "name": "Own", "stages": [{"key": "a", "name": "A", "service_level": minutes}]});
    let level = "/stages/0/service_level";
    let pointers = [format!("{level}/default_minutes"), format!("{level}/by_temperature/hot")];
    admin.post("/v1/processes", body).await.expect_invalid(&[&pointers[0], &pointers[1]]);
}

#[tokio::test]
async fn a_key_is_given_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answers = join_all((0..16).map(|_| admin.post("/v1/processes", re_sale()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
    let shipped = bodies::with(re_sale(), json!({"key": "lead_to_opportunity_marketing"}));
    admin.post("/v1/processes", shipped).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_stage_in_which_leads_stand_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let stages = admin.get(SHIPPED).await.expect(200)["stages"].clone();
    let without = |key: &str| -> Value {
        stages.as_array().unwrap().iter().filter(|stage| stage["key"] != key).cloned().collect::<Vec<_>>().into()
    };
    let refused = admin.patch_version(SHIPPED, 1, json!({"stages": without("inquiry")})).await;
    let refused = refused.expect_invalid(&["/stages"]);
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("`inquiry`"), "{refused}");
    admin.post(&format!("{lead}/transitions"), json!({"to": "marketing_qualification"})).await.expect(201);
    admin.patch_version(SHIPPED, 1, json!({"stages": without("inquiry")})).await.expect(200);
    admin.post(&format!("{lead}/transitions"), json!({"to": "inquiry"})).await.expect_invalid(&["/to"]);
}

#[tokio::test]
async fn a_process_that_leads_are_in_or_that_new_leads_enter_is_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/v1/processes", re_sale()).await.expect(201);
    let delete = || admin.request(reqwest::Method::DELETE, "/v1/processes/re_sale").header("if-match", "*").send();
    admin.patch_version("/v1/settings", 1, json!({"default_process": "re_sale"})).await.expect(200);
    let refused = delete().await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("default_process"), "{refused}");
    let lead = lead(&admin).await;
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!((&shown["process"], &shown["stage"]), (&json!("re_sale"), &json!("talk")));

    admin.patch_version("/v1/settings", 2, json!({"default_process": null})).await.expect(200);
    let refused = delete().await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().starts_with("1 leads"), "{refused}");
    admin.delete(&lead).await.expect(204);
    delete().await.expect(204);
}

#[tokio::test]
async fn new_leads_enter_only_a_process_that_there_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.other_workspace().admin().await.post("/v1/processes", re_sale()).await.expect(201);
    for unknown in ["re_sale", "nothing"] {
        let change = json!({"default_process": unknown});
        admin.patch_version("/v1/settings", 1, change).await.expect_invalid(&["/default_process"]);
    }
}

#[tokio::test]
async fn processes_are_changed_only_by_those_who_may() {
    let app = TestApp::start().await;
    let seller = app.person(Role::Salesperson).await;
    seller.get("/v1/processes").await.expect(200);
    seller.post("/v1/processes", re_sale()).await.expect_problem(403, "forbidden");
    seller.patch_version(SHIPPED, 1, json!({"name": "Ours"})).await.expect_problem(403, "forbidden");
    let marketer = app.person(Role::Marketer).await;
    marketer.post("/v1/processes", re_sale()).await.expect(201);
    marketer.patch(SHIPPED, json!({"name": "Ours"})).await.expect_problem(428, "precondition-required");
}

#[tokio::test]
async fn a_process_of_another_workspace_is_as_unknown_as_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.other_workspace().admin().await.post("/v1/processes", re_sale()).await.expect(201);
    admin.get("/v1/processes/re_sale").await.expect_problem(404, "not-found");
    admin.patch_version("/v1/processes/re_sale", 1, json!({"name": "x"})).await.expect_problem(404, "not-found");
    let lead = lead(&admin).await;
    let switch = json!({"process": "re_sale", "to": "talk"});
    admin.post(&format!("{lead}/transitions"), switch).await.expect_invalid(&["/process"]);
}

#[tokio::test]
async fn a_stage_is_left_out_or_entered_but_not_both_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let leads = join_all((0..12).map(|_| lead(&admin))).await;
    let stages = admin.get(SHIPPED).await.expect(200)["stages"].clone();
    let stages: Vec<Value> =
        stages.as_array().unwrap().iter().filter(|it| it["key"] != "teleprospect_acceptance").cloned().collect();
    let moves = join_all(leads.iter().map(|lead| {
        let path = format!("{lead}/transitions");
        let admin = admin.clone();
        async move { admin.post(&path, json!({"to": "teleprospect_acceptance"})).await }
    }));
    let change = admin.patch_version(SHIPPED, 1, json!({"stages": stages}));
    let (moves, change) = tokio::join!(moves, change);
    let moved = moves.iter().filter(|answer| answer.status() == 201).count();
    assert!(moves.iter().all(|answer| [201, 422].contains(&answer.status())));
    match change.status() {
        200 => assert_eq!(moved, 0),
        _ => drop(change.expect_invalid(&["/stages"])),
    }
}

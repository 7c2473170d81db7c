//! What users are told of at once, over HTTP (ASG-6): what reaches whom, what does not, and how it is read.

mod rules;

use futures_util::future::join_all;
use reqwest::Method;
use ripen::auth::scope::Role;
use ripen::id::Id;
use serde_json::{Value, json};

use crate::merges::contact;
use crate::scoring::{day, events, live_model};
use crate::support::{Person, TestApp, bodies};

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// A lead of a contact with this owner; its id.
async fn owned_lead(admin: &Person, contact: &str, owner: Id) -> String {
    let lead = json!({"contact_id": contact, "topic": "Warehouse", "source": "web", "owner_id": owner});
    bodies::id(&admin.post("/v1/leads", lead).await.expect(201))
}

/// A contact with a lead of this owner; their ids.
async fn owned(admin: &Person, owner: Id) -> (String, String) {
    let contact = contact(admin, bodies::contact("ann@example.com")).await;
    let lead = owned_lead(admin, &contact, owner).await;
    (contact, lead)
}

/// The alerts of a user, oldest first.
async fn alerts(person: &Person, filter: &str) -> Vec<Value> {
    let list = person.get(&format!("/v1/alerts?sort=at&limit=200&{filter}")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

/// A model that gives so many points for every call.
async fn calls(admin: &Person, points: i64) -> String {
    let rule = json!({"key": "calls", "points": points, "when": [{"interaction": "call", "frequency": "each"}]});
    live_model(admin, json!({"name": "Calls", "target": "contact", "rules": [rule]})).await
}

async fn record(admin: &Person, contact: &str, kind: &str, on: i64) -> Value {
    crate::scoring::record(admin, contact, kind, on).await
}

#[tokio::test]
async fn an_owner_is_told_that_a_lead_was_assigned_and_from_whom() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (one, other) = (app.person(Role::Salesperson).await, app.person(Role::Salesperson).await);
    let (contact, lead) = owned(&admin, one.id()).await;
    let told = alerts(&one, "").await;
    let expected = json!([{
        "id": told[0]["id"], "user_id": one.id(), "kind": "assigned", "lead_id": lead, "contact_id": contact,
        "detail": {"by": admin.id()}, "read_at": null, "version": 1, "at": app.now(),
    }]);
    assert_eq!(json!(told), expected);
    admin.patch(&format!("/v1/leads/{lead}"), json!({"owner_id": other.id()})).await.expect(200);
    let told = alerts(&other, "").await;
    assert_eq!((told.len(), &told[0]["detail"]), (1, &json!({"by": admin.id(), "from_owner_id": one.id()})));
    assert_eq!(alerts(&one, "").await.len(), 1);

    // Whoever follows the events hears of it at once.
    let raised = events(&admin, &lead, "alert.raised").await;
    assert_eq!((raised.len(), &raised[1]["data"]["alert"], &raised[1]["contact_id"]), (2, &told[0], &json!(contact)));
}

#[tokio::test]
async fn nobody_is_told_what_they_did_themselves() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let contact = contact(&admin, bodies::contact("ann@example.com")).await;
    // A lead that they entered, took, or kept.
    owned_lead(&rep, &contact, rep.id()).await;
    let lead = owned_lead(&admin, &contact, admin.id()).await;
    admin.patch(&format!("/v1/leads/{lead}"), json!({"owner_id": null})).await.expect(200);
    rep.patch(&format!("/v1/leads/{lead}"), json!({"owner_id": rep.id()})).await.expect(200);
    admin.patch(&format!("/v1/leads/{lead}"), json!({"owner_id": rep.id(), "topic": "Other"})).await.expect(200);
    assert_eq!(alerts(&rep, "").await.len(), 0);
    assert_eq!(alerts(&admin, "").await.len(), 0);
}

#[tokio::test]
async fn an_owner_is_told_that_a_lead_became_ready_for_sales() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let model = calls(&admin, 60).await;
    let (contact, lead) = owned(&admin, rep.id()).await;
    record(&admin, &contact, "call", 1).await;
    assert_eq!(alerts(&rep, "kind=sales_ready").await.len(), 0);
    record(&admin, &contact, "call", 1).await;
    let told = alerts(&rep, "kind=sales_ready").await;
    let expected = json!({"threshold": 100, "score": 120, "score_before": 60, "model_id": model, "model": "Calls"});
    assert_eq!((told.len(), &told[0]["lead_id"], &told[0]["detail"]), (1, &json!(lead), &expected));
    record(&admin, &contact, "call", 1).await;
    assert_eq!(alerts(&rep, "kind=sales_ready").await.len(), 1);
}

#[tokio::test]
async fn an_owner_is_told_when_a_score_crosses_one_that_they_set() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    for score in [10, 50, 60, 61] {
        rep.post("/v1/alert-rules", json!({"on": "score_above", "score": score})).await.expect(201);
    }
    calls(&admin, 30).await;
    let (contact, lead) = owned(&admin, rep.id()).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        record(&admin, &contact, "call", 1).await;
        let told = alerts(&rep, "kind=score_above").await;
        seen.push((told.len(), told.last().map(|alert| alert["detail"]["threshold"].clone())));
    }
    // Of several that one rise crosses the highest is told; reaching a score is crossing it.
    assert_eq!(seen, [(1, Some(json!(10))), (2, Some(json!(60))), (3, Some(json!(61)))]);
    let told = &alerts(&rep, "kind=score_above").await[1];
    let detail = &told["detail"];
    assert_eq!(
        (&detail["score_before"], &detail["score"], &detail["model"]),
        (&json!(30), &json!(60), &json!("Calls"))
    );
    assert_eq!(told["lead_id"], json!(lead));

    // Falling tells nothing, and rising again does.
    let done = admin.get(&format!("/v1/interactions?contact_id={contact}")).await.expect(200)["data"].clone();
    let void = json!({"interaction_id": done[0]["id"], "reason": "mistake"});
    admin.post("/v1/interactions/voids", void).await.expect(201);
    assert_eq!(alerts(&rep, "kind=score_above").await.len(), 3);
    record(&admin, &contact, "call", 1).await;
    assert_eq!(alerts(&rep, "kind=score_above").await[3]["detail"]["threshold"], 61);
}

#[tokio::test]
async fn a_score_that_rises_because_something_was_voided_is_told_as_well() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    rep.post("/v1/alert-rules", json!({"on": "score_above", "score": 40})).await.expect(201);
    let rules = json!([
        {"key": "calls", "points": 50, "when": [{"interaction": "call", "frequency": "each"}]},
        {"key": "left", "points": -30, "when": [{"interaction": "unsubscribed", "frequency": "each"}]},
    ]);
    live_model(&admin, json!({"name": "Calls", "target": "contact", "rules": rules})).await;
    let (contact, _) = owned(&admin, rep.id()).await;
    let left = record(&admin, &contact, "unsubscribed", 1).await;
    record(&admin, &contact, "call", 1).await;
    assert_eq!(alerts(&rep, "kind=score_above").await.len(), 0);
    let void = json!({"interaction_id": left["id"], "reason": "mistake"});
    admin.post("/v1/interactions/voids", void).await.expect(201);
    let told = alerts(&rep, "kind=score_above").await;
    assert_eq!(
        (told.len(), &told[0]["detail"]["score_before"], &told[0]["detail"]["score"]),
        (1, &json!(20), &json!(50))
    );
}

#[tokio::test]
async fn an_owner_hears_what_contacts_do_if_they_asked_to() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let (rep, other) = (app.person(Role::Salesperson).await, app.person(Role::Salesperson).await);
    let (contact, lead) = owned(&admin, rep.id()).await;
    owned_lead(&admin, &contact, rep.id()).await;
    owned_lead(&admin, &contact, other.id()).await;
    record(&admin, &contact, "email_opened", 1).await;
    assert_eq!(alerts(&rep, "kind=interaction").await.len(), 0);
    rep.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect(201);
    let replies = json!({"on": "interaction", "kinds": ["email_replied"]});
    other.post("/v1/alert-rules", replies).await.expect(201);

    let opened = record(&admin, &contact, "email_opened", 1).await;
    let told = alerts(&rep, "kind=interaction").await;
    // One interaction is one alert, about the oldest of their leads.
    let expected = json!({"interaction_id": opened["id"], "interaction_kind": "email_opened", "occurred_at": day(1)});
    assert_eq!((told.len(), &told[0]["lead_id"], &told[0]["detail"]), (1, &json!(lead), &expected));
    assert_eq!(alerts(&other, "kind=interaction").await.len(), 0);
    record(&admin, &contact, "email_replied", 1).await;
    assert_eq!((alerts(&rep, "kind=interaction").await.len(), alerts(&other, "kind=interaction").await.len()), (2, 1));

    // A batch tells of each.
    let item = |kind: &str| json!({"kind": kind, "occurred_at": day(1), "contact_id": contact});
    admin.post("/v1/interactions", json!([item("page_visited"), item("page_visited")])).await.expect(200);
    assert_eq!(alerts(&rep, "kind=interaction").await.len(), 4);
}

#[tokio::test]
async fn machines_repeats_strangers_and_the_owners_own_doings_tell_nothing() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    rep.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect(201);
    let (contact, lead) = owned(&admin, rep.id()).await;
    let bob = self::contact(&admin, bodies::contact("bob@example.com")).await;
    let post = async |person: &Person, changes: Value| {
        let body = json!({"kind": "email_opened", "occurred_at": day(1), "contact_id": contact});
        person.post("/v1/interactions", bodies::with(body, changes)).await
    };
    post(&admin, json!({"evidence": "machine"})).await.expect(201);
    post(&admin, json!({"contact_id": bob})).await.expect(201);
    post(&rep, json!({"kind": "call"})).await.expect(201);
    post(&rep, json!({})).await.expect(201);
    post(&admin, json!({"kind": "call", "sender_id": rep.id()})).await.expect(201);
    assert_eq!(alerts(&rep, "kind=interaction").await.len(), 0);

    let told = json!({"source": "mailer", "external_id": "m-1", "sender_id": rep.id()});
    // That somebody opened what the owner sent is news, once.
    post(&admin, told.clone()).await.expect(201);
    post(&admin, told).await.expect(200);
    assert_eq!(alerts(&rep, "kind=interaction").await.len(), 1);
    let lead = format!("/v1/leads/{lead}");
    admin.patch(&lead, json!({"owner_id": null})).await.expect(200);
    post(&admin, json!({})).await.expect(201);
    assert_eq!(alerts(&rep, "kind=interaction").await.len(), 1);
}

#[tokio::test]
async fn the_lead_that_an_interaction_names_is_the_one_that_is_told() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    rep.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect(201);
    let (contact, _) = owned(&admin, rep.id()).await;
    let second = owned_lead(&admin, &contact, rep.id()).await;
    let body = json!({"kind": "page_visited", "occurred_at": day(1), "contact_id": contact, "lead_id": second});
    admin.post("/v1/interactions", body).await.expect(201);
    assert_eq!(alerts(&rep, "kind=interaction").await[0]["lead_id"], json!(second));
}

#[tokio::test]
async fn alerts_are_read_one_by_one_or_all_until_an_instant() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let contact = contact(&admin, bodies::contact("ann@example.com")).await;
    for _ in 0..4 {
        owned_lead(&admin, &contact, rep.id()).await;
        app.wait_seconds(1);
    }
    let all = alerts(&rep, "").await;
    let path = format!("/v1/alerts/{}", bodies::id(&all[0]));
    let answer = rep.patch(&path, json!({"read": true})).await;
    let read = answer.expect(200);
    assert_eq!(
        (&read["read_at"], &read["version"], answer.header("etag")),
        (&json!(app.now()), &json!(2), Some("\"v2\""))
    );
    app.wait_seconds(1);
    assert_eq!(rep.patch(&path, json!({"read": true})).await.expect(200), read);
    rep.patch_version(&path, 1, json!({"read": false})).await.expect_problem(412, "precondition-failed");
    assert_eq!(alerts(&rep, "read=true").await.len(), 1);
    assert_eq!(rep.patch_version(&path, 2, json!({"read": false})).await.expect(200)["read_at"], Value::Null);
    rep.patch(&path, json!({"read": null, "by": 1})).await.expect_invalid(&["/read", "/by"]);

    let marked = rep.post("/v1/alerts/read-all", json!({"until": all[2]["at"]})).await.expect(200);
    assert_eq!(marked, json!({"read": 3}));
    let unread = rep.get("/v1/alerts?read=false&count=true").await.expect(200);
    assert_eq!((&unread["total"], &unread["data"][0]["id"]), (&json!(1), &all[3]["id"]));
    // What was read stays.
    assert_eq!(alerts(&rep, "").await.len(), 4);
    let page = rep.get("/v1/alerts?limit=3&count=true").await.expect(200);
    assert_eq!((&page["total"], &page["data"][0]["id"]), (&json!(4), &all[3]["id"]));
    let next = format!("/v1/alerts?limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(rep.get(&next).await.expect(200)["data"][0]["id"], all[0]["id"]);
}

#[tokio::test]
async fn of_many_who_mark_everything_at_once_each_alert_is_counted_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let contact = contact(&admin, bodies::contact("ann@example.com")).await;
    join_all((0..20).map(|_| owned_lead(&admin, &contact, rep.id()))).await;
    let until = json!({"until": app.now()});
    let answers = join_all((0..64).map(|_| rep.post("/v1/alerts/read-all", until.clone()))).await;
    let read: i64 = answers.iter().map(|answer| answer.expect(200)["read"].as_i64().unwrap()).sum();
    assert_eq!(read, 20);
    assert!(alerts(&rep, "").await.iter().all(|alert| alert["version"] == 2));
}

#[tokio::test]
async fn alerts_are_their_users_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (rep, other) = (app.person(Role::Salesperson).await, app.person(Role::SalesManager).await);
    let (contact, lead) = owned(&admin, rep.id()).await;
    let path = format!("/v1/alerts/{}", bodies::id(&alerts(&rep, "").await[0]));
    for person in [&other, &admin, &app.other_workspace().admin().await] {
        assert_eq!(alerts(person, &format!("lead_id={lead}")).await.len(), 0);
        person.get(&path).await.expect_problem(404, "not-found");
        person.patch(&path, json!({"read": true})).await.expect_problem(404, "not-found");
        assert_eq!(person.post("/v1/alerts/read-all", json!({"until": app.now()})).await.expect(200)["read"], 0);
    }
    rep.get(&format!("/v1/alerts/{NOBODY}")).await.expect_problem(404, "not-found");
    assert_eq!(alerts(&rep, &format!("read=false&contact_id={contact}&lead_id={lead}")).await.len(), 1);
    assert_eq!(alerts(&rep, &format!("lead_id={NOBODY}")).await.len(), 0);
    let program = app.integration(&["alerts:read", "alerts:write"]).await;
    program.get("/v1/alerts").await.expect_problem(403, "forbidden");
    program
        .request(Method::PATCH, &path)
        .merge_patch(&json!({"read": true}))
        .send()
        .await
        .expect_problem(403, "forbidden");
    let viewer = app.person(Role::Viewer).await;
    assert_eq!(alerts(&viewer, "").await.len(), 0);
    viewer.post("/v1/alerts/read-all", json!({"until": app.now()})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_write_that_fails_raises_no_alert() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (_, lead) = owned(&admin, admin.id()).await;
    let patch = json!({"owner_id": rep.id(), "source": "nowhere"});
    admin.patch(&format!("/v1/leads/{lead}"), patch).await.expect_invalid(&["/source"]);
    assert_eq!(alerts(&rep, "").await.len(), 0);
}

#[tokio::test]
async fn however_much_happens_at_once_every_alert_is_raised_once() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    rep.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect(201);
    rep.post("/v1/alert-rules", json!({"on": "score_above", "score": 40})).await.expect(201);
    calls(&admin, 2).await;
    let (contact, lead) = owned(&admin, rep.id()).await;
    join_all((0..64).map(|_| record(&admin, &contact, "call", 1))).await;
    let told = async |kind: &str| alerts(&rep, &format!("kind={kind}")).await.len();
    assert_eq!((told("interaction").await, told("score_above").await, told("sales_ready").await), (64, 1, 1));
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["score"], 128);
}

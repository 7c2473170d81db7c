//! What users want to be told of.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{NOBODY, alerts, owned, owned_lead, record};
use crate::scoring::day;
use crate::support::{Person, TestApp, bodies};

/// The rules of a user, oldest first.
async fn rules(person: &Person) -> Vec<Value> {
    let list = person.get("/v1/alert-rules?sort=created_at&limit=200").await.expect(200);
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn everyone_has_the_two_shipped_rules_and_may_switch_them_off() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let lists = join_all((0..16).map(|_| rules(&rep))).await;
    let shipped = rules(&rep).await;
    assert!(lists.iter().all(|list| *list == shipped));
    let expected = |place: usize, on: &str| {
        json!({
            "id": shipped[place]["id"], "on": on, "score": null, "kinds": null, "leads": "own", "enabled": true,
            "version": 1, "created_at": app.now(), "updated_at": app.now(),
        })
    };
    assert_eq!(shipped, [expected(0, "assigned"), expected(1, "sales_ready")]);

    for rule in &shipped {
        let path = format!("/v1/alert-rules/{}", bodies::id(rule));
        let off = rep.patch_version(&path, 1, json!({"enabled": false})).await;
        assert_eq!((&off.expect(200)["enabled"], off.header("etag")), (&json!(false), Some("\"v2\"")));
        let refused = rep.delete(&path).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("enabled=false"), "{refused}");
        let second = json!({"on": rule["on"]});
        let refused = rep.post("/v1/alert-rules", second).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains(&path), "{refused}");
    }
    super::calls(&admin, 100).await;
    let (contact, _) = owned(&admin, rep.id()).await;
    record(&admin, &contact, "call", 1).await;
    assert_eq!(alerts(&rep, "").await.len(), 0);

    let path = format!("/v1/alert-rules/{}", bodies::id(&shipped[0]));
    rep.patch(&path, json!({"enabled": true})).await.expect(200);
    owned_lead(&admin, &contact, rep.id()).await;
    let told: Vec<Value> = alerts(&rep, "").await.iter().map(|alert| alert["kind"].clone()).collect();
    assert_eq!(told, ["assigned"]);
}

#[tokio::test]
async fn a_rule_is_created_changed_and_deleted() {
    let app = TestApp::start().await;
    let rep = app.person(Role::Salesperson).await;
    let answer = rep.post("/v1/alert-rules", json!({"on": "score_above", "score": 60})).await;
    let rule = answer.expect(201);
    let path = answer.header("location").unwrap().to_owned();
    assert_eq!((&rule["score"], &rule["enabled"], answer.header("etag")), (&json!(60), &json!(true), Some("\"v1\"")));
    assert_eq!(rep.get(&path).await.expect(200), rule);
    let changed = rep.patch_version(&path, 1, json!({"score": 70})).await.expect(200);
    assert_eq!((&changed["score"], &changed["version"]), (&json!(70), &json!(2)));
    assert_eq!(rep.patch(&path, json!({"score": 70, "enabled": true})).await.expect(200), changed);
    rep.patch_version(&path, 1, json!({"score": 80})).await.expect_problem(412, "precondition-failed");

    let kinds = json!({"on": "interaction", "kinds": ["call", "meeting"], "leads": "own", "enabled": false});
    let other = rep.post("/v1/alert-rules", kinds).await.expect(201);
    assert_eq!((&other["kinds"], &other["enabled"]), (&json!(["call", "meeting"]), &json!(false)));
    let other_path = format!("/v1/alert-rules/{}", bodies::id(&other));
    assert_eq!(rep.patch(&other_path, json!({"kinds": null})).await.expect(200)["kinds"], Value::Null);
    rep.delete(&path).await.expect(204);
    rep.get(&path).await.expect_problem(404, "not-found");
    assert_eq!(rules(&rep).await.len(), 3);
    let page = rep.get("/v1/alert-rules?limit=2&count=true").await.expect(200);
    assert_eq!((&page["total"], page["next_cursor"].is_string()), (&json!(3), true));
}

#[tokio::test]
async fn everything_wrong_with_a_rule_is_told() {
    let app = TestApp::start().await;
    let rep = app.person(Role::Salesperson).await;
    let post = async |body: Value| rep.post("/v1/alert-rules", body).await;
    post(json!({"on": "score_above"})).await.expect_invalid(&["/score"]);
    post(json!({"on": "interaction", "score": 1, "kinds": ["call"]})).await.expect_invalid(&["/score"]);
    post(json!({"on": "assigned", "score": 1, "kinds": ["call"]})).await.expect_invalid(&["/score", "/kinds"]);
    post(json!({"on": "interaction", "kinds": ["call", "walk"]})).await.expect_invalid(&["/kinds/1"]);
    post(json!({"on": "rain", "leads": "all", "kinds": [], "x": 1}))
        .await
        .expect_invalid(&["/on", "/leads", "/kinds", "/x"]);
    post(json!({"on": "score_above", "score": 60})).await.expect(201);
    post(json!({"on": "score_above", "score": 60})).await.expect_problem(409, "conflict");
    let other = bodies::id(&post(json!({"on": "score_above", "score": 61})).await.expect(201));
    let path = format!("/v1/alert-rules/{other}");
    rep.patch(&path, json!({"score": 60})).await.expect_problem(409, "conflict");
    rep.patch(&path, json!({"kinds": ["call"]})).await.expect_invalid(&["/kinds"]);
    rep.patch(&path, json!({"on": "interaction"})).await.expect_invalid(&["/on"]);
    rep.patch(&path, json!({"score": null})).await.expect_invalid(&["/score"]);
    for score in 100..146 {
        post(json!({"on": "score_above", "score": score})).await.expect(201);
    }
    let refused = post(json!({"on": "interaction"})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("at most 50"), "{refused}");
}

#[tokio::test]
async fn of_many_who_create_a_rule_for_one_score_at_once_one_does() {
    let app = TestApp::start().await;
    let rep = app.person(Role::Salesperson).await;
    let rule = json!({"on": "score_above", "score": 60});
    let answers = join_all((0..64).map(|_| rep.post("/v1/alert-rules", rule.clone()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
    assert_eq!(rules(&rep).await.len(), 3);
}

#[tokio::test]
async fn rules_are_their_users_alone() {
    let app = TestApp::start().await;
    let (rep, other) = (app.person(Role::Salesperson).await, app.person(Role::Salesperson).await);
    let rule = rep.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect(201);
    let path = format!("/v1/alert-rules/{}", bodies::id(&rule));
    for person in [&other, &app.admin().await, &app.other_workspace().admin().await] {
        person.get(&path).await.expect_problem(404, "not-found");
        person.patch(&path, json!({"enabled": false})).await.expect_problem(404, "not-found");
        person.delete(&path).await.expect_problem(404, "not-found");
        assert_eq!(rules(person).await.len(), 2);
    }
    rep.get(&format!("/v1/alert-rules/{NOBODY}")).await.expect_problem(404, "not-found");
    let program = app.integration(&["alerts:read", "alerts:write"]).await;
    program.get("/v1/alert-rules").await.expect_problem(403, "forbidden");
    program.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect_problem(403, "forbidden");
    let viewer = app.person(Role::Viewer).await;
    assert_eq!(rules(&viewer).await.len(), 2);
    viewer.post("/v1/alert-rules", json!({"on": "interaction"})).await.expect_problem(403, "forbidden");
}

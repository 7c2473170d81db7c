//! The rules themselves: written, ordered, refused.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{Sales, records};
use crate::support::{TestApp, bodies};

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

async fn order(sales: &Sales) -> Vec<(String, i64)> {
    let rules = records(&sales.admin, "/v1/assignment-rules").await;
    rules.iter().map(|rule| (rule["name"].as_str().unwrap().to_owned(), rule["position"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_rule_is_written_read_changed_and_removed() {
    let sales = Sales::open().await;
    let condition = json!({"all": [{"field": "lead.temperature", "op": "eq", "value": "hot"},
        {"field": "contact.country", "op": "in", "value": ["EE", "LV"]}]});
    let rule = json!({"name": "Hot to the best", "condition": condition, "mode": "best_rank", "target": {"role": "salesperson"}});
    let answer = sales.admin.post("/v1/assignment-rules", rule).await;
    let made = answer.expect(201);
    let path = format!("/v1/assignment-rules/{}", bodies::id(&made));
    assert_eq!(answer.header("location"), Some(path.as_str()));
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    let said =
        |rule: &Value| [&rule["when"], &rule["otherwise"], &rule["enabled"], &rule["position"]].map(Value::clone);
    assert_eq!(said(&made), [json!("sales_ready"), json!("unassigned"), json!(true), json!(1)]);
    assert_eq!(sales.admin.get(&path).await.expect(200), made);

    let change = json!({"condition": null, "otherwise": "next_rule", "when": "created"});
    let changed = sales.admin.patch_version(&path, 1, change.clone()).await.expect(200);
    assert_eq!(
        (&changed["condition"], &changed["otherwise"], &changed["version"]),
        (&Value::Null, &json!("next_rule"), &json!(2))
    );
    sales.admin.patch_version(&path, 1, json!({"enabled": false})).await.expect_problem(412, "precondition-failed");
    let same = sales.admin.patch(&path, change).await.expect(200);
    assert_eq!(same["version"], 2);

    sales
        .admin
        .request(reqwest::Method::DELETE, &path)
        .if_version(1)
        .send()
        .await
        .expect_problem(412, "precondition-failed");
    sales.admin.delete(&path).await.expect(204);
    sales.admin.get(&path).await.expect(404);
    sales.admin.patch(&path, json!({"enabled": false})).await.expect(404);
    sales.admin.delete(&path).await.expect(404);
    for kind in ["created", "changed", "removed"] {
        assert_eq!(sales.facts(&format!("assignment_rule.{kind}")).await.len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_rule_that_moves_makes_the_others_make_room() {
    let sales = Sales::open().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(sales.rule(json!({"name": name, "target": {"team": "north"}})).await);
    }
    sales.rule(json!({"name": "first", "target": {"team": "north"}, "position": 1})).await;
    let named = |names: [&str; 4]| names.map(str::to_owned).into_iter().zip(1..).collect::<Vec<_>>();
    assert_eq!(order(&sales).await, named(["first", "a", "b", "c"]));
    sales.admin.patch(&format!("/v1/assignment-rules/{}", ids[2]), json!({"position": 2})).await.expect(200);
    assert_eq!(order(&sales).await, named(["first", "c", "a", "b"]));
    let moved =
        sales.admin.patch(&format!("/v1/assignment-rules/{}", ids[2]), json!({"position": 200})).await.expect(200);
    assert_eq!((&moved["position"], order(&sales).await), (&json!(4), named(["first", "a", "b", "c"])));
    sales.admin.delete(&format!("/v1/assignment-rules/{}", ids[0])).await.expect(204);
    assert_eq!(order(&sales).await.last(), Some(&("c".to_owned(), 3)));
    let page = sales.admin.get("/v1/assignment-rules?sort=-created_at&limit=1&count=true").await.expect(200);
    assert_eq!((&page["data"][0]["name"], &page["total"]), (&json!("first"), &json!(3)));
}

#[tokio::test]
async fn all_that_is_wrong_with_a_rule_is_told_at_once() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({})).await;
    let gone = sales.seller(json!({})).await;
    sales.change_user(&gone, json!({"disabled": true})).await;
    let stranger = sales.app.other_workspace().person(Role::Salesperson).await.id().to_string();
    let post =
        async |rule: Value| sales.admin.post("/v1/assignment-rules", bodies::with(json!({"name": "x"}), rule)).await;
    let related = json!({"any": [{"related": "interaction"}, {"field": "lead.shoe_size", "op": "is_set"}]});
    post(json!({"name": " ", "mode": "round_robin", "condition": related})).await.expect_invalid(&[
        "/name",
        "/condition/any/0/related",
        "/condition/any/1/field",
        "/target",
    ]);
    let users = json!({"users": [seller, NOBODY, stranger, gone, seller]});
    post(json!({"mode": "round_robin", "target": users})).await.expect_invalid(&[
        "/target/users/1",
        "/target/users/2",
        "/target/users/3",
        "/target/users/4",
    ]);
    post(json!({"mode": "user", "target": {"team": "north"}})).await.expect_invalid(&["/target/users"]);
    post(json!({"mode": "keep_owner", "target": {"team": "north"}})).await.expect_invalid(&["/target"]);
    post(json!({"mode": "least_loaded", "target": {"team": "north", "role": "salesperson"}}))
        .await
        .expect_invalid(&["/target"]);
    post(json!({"mode": "round_robin", "target": {"team": "north"}, "weights": [{"user_id": seller, "weight": 2}]}))
        .await
        .expect_invalid(&["/weights"]);
    let weights =
        json!([{"user_id": seller, "weight": 2}, {"user_id": seller, "weight": 1}, {"user_id": NOBODY, "weight": 1}]);
    post(json!({"mode": "weighted", "target": {"users": [seller]}, "weights": weights})).await.expect_invalid(&[
        "/weights/1/user_id",
        "/weights/2/user_id",
        "/weights/2/user_id",
    ]);
    post(json!({"mode": "dice", "target": {}, "colour": "red"})).await.expect(422);
    let rule = sales.rule(json!({"target": {"users": [seller]}})).await;
    let path = format!("/v1/assignment-rules/{rule}");
    sales.admin.patch(&path, json!({"mode": "keep_owner"})).await.expect_invalid(&["/target"]);
    sales.admin.patch(&path, json!({"target": {"users": [gone]}})).await.expect_invalid(&["/target/users/0"]);
    // Somebody who was locked out since keeps no rule from being changed.
    sales.change_user(&seller, json!({"disabled": true})).await;
    sales.admin.patch(&path, json!({"name": "still"})).await.expect(200);
}

#[tokio::test]
async fn rules_are_everybodys_to_read_and_the_managers_to_write() {
    let app = TestApp::start().await;
    let rule = json!({"name": "All", "mode": "round_robin", "target": {"role": "salesperson"}});
    let manager = app.person(Role::SalesManager).await;
    let path = format!(
        "/v1/assignment-rules/{}",
        bodies::id(&manager.post("/v1/assignment-rules", rule.clone()).await.expect(201))
    );
    for role in [Role::Salesperson, Role::Viewer, Role::Teleprospector] {
        let person = app.person(role).await;
        person.get(&path).await.expect(200);
        person.post("/v1/assignment-rules", rule.clone()).await.expect_problem(403, "forbidden");
        person.patch(&path, json!({"enabled": false})).await.expect_problem(403, "forbidden");
        person.delete(&path).await.expect_problem(403, "forbidden");
    }
    let stranger = app.other_workspace().admin().await;
    stranger.get(&path).await.expect(404);
    stranger.patch(&path, json!({"enabled": false})).await.expect(404);
    stranger.delete(&path).await.expect(404);
    assert_eq!(records(&stranger, "/v1/assignment-rules").await, [] as [Value; 0]);
}

#[tokio::test]
async fn whoever_reads_leads_sees_who_sells() {
    let app = TestApp::start().await;
    let seller = app.person(Role::Salesperson).await;
    for role in [Role::Viewer, Role::SalesManager, Role::Salesperson, Role::Marketer] {
        let person = app.person(role).await;
        let path = format!("/v1/users/{}", seller.id());
        assert_eq!(person.get(&path).await.expect(200)["role"], "salesperson");
        person.get("/v1/users").await.expect(200);
        person.patch_version(&path, 1, json!({"capacity": 9})).await.expect_problem(403, "forbidden");
    }
    app.integration(&["leads:read"]).await.get("/v1/users").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_workspace_has_at_most_two_hundred_rules() {
    let sales = Sales::open().await;
    let rule = json!({"name": "x", "mode": "keep_owner"});
    for _ in 0..200 {
        sales.admin.post("/v1/assignment-rules", rule.clone()).await.expect(201);
    }
    sales.admin.post("/v1/assignment-rules", rule).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn no_score_depends_on_who_works_the_lead() {
    let sales = Sales::open().await;
    let condition = json!({"field": "lead.owner_id", "op": "is_set"});
    let model = json!({
        "name": "Owned", "target": "contact", "sales_ready_score": 100,
        "rules": [{"key": "owned", "points": 10, "when": [condition]}],
        "groups": [], "grades": [{"name": "any"}],
    });
    sales.admin.post("/v1/scoring-models", model).await.expect_invalid(&["/rules/0/when/0/field"]);
}

//! Strategies of a workspace: their rules, their versions, and the one default per target (MAT-1, MAT-2).

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{
    STRATEGIES, alternatives, became, decision, listed, new_strategy, publish, strategy, strategy_path, submit,
};
use crate::support::{Person, TestApp, bodies};

async fn shipped(admin: &Person, target: &str) -> Value {
    let all = listed_strategies(admin).await;
    all.into_iter().find(|it| it["is_shipped"] == true && it["strategy"]["target"] == target).unwrap()
}

async fn listed_strategies(admin: &Person) -> Vec<Value> {
    admin.get(STRATEGIES).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn defaults(admin: &Person, target: &str) -> Vec<String> {
    let all = listed_strategies(admin).await;
    let defaults = all.iter().filter(|it| it["is_default"] == true && it["strategy"]["target"] == target);
    defaults.map(|it| it["strategy"]["key"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_shipped_defaults_are_email_and_contact_and_form_else_email_and_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rules = |it: &Value| it["strategy"]["alternatives"].clone();
    let exact = |fields: &[&[&str]]| -> Value {
        let field = |name: &&str| json!({"field": name, "compare": "exact"});
        fields.iter().map(|names| json!({"fields": names.iter().map(field).collect::<Vec<_>>()})).collect()
    };
    assert_eq!(rules(&shipped(&admin, "contact").await), exact(&[&["email"]]));
    assert_eq!(rules(&shipped(&admin, "lead").await), exact(&[&["contact", "form"], &["email", "form"]]));
    for target in ["contact", "lead"] {
        assert_eq!(
            defaults(&admin, target).await,
            [shipped(&admin, target).await["strategy"]["key"].as_str().unwrap()]
        );
    }
}

#[tokio::test]
async fn a_workspace_keeps_strategies_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.post(STRATEGIES, new_strategy("by_phone", "contact", &[&["phone", "~last_name"]])).await;
    let created = answer.expect(201);
    let path = strategy_path(&created);
    assert_eq!((answer.header("location"), answer.header("etag")), (Some(path.as_str()), Some("\"v1\"")));
    let flags = (&created["is_default"], &created["is_shipped"], &created["strategy"]["version"]);
    assert_eq!(flags, (&json!(false), &json!(false), &json!(1)));
    assert_eq!(admin.get(&path).await.expect(200), created);
    assert_eq!(listed_strategies(&admin).await.len(), 3);

    let changed = admin.patch_version(&path, 1, json!({"alternatives": alternatives(&[&["phone"]])})).await.expect(200);
    assert_eq!(
        (&changed["strategy"]["version"], &changed["strategy"]["name"]),
        (&json!(2), &json!("Strategy by_phone"))
    );
    assert_eq!(admin.patch_version(&path, 2, json!({})).await.expect(200), changed);

    admin.request(reqwest::Method::DELETE, &path).if_version(2).send().await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
    assert_eq!(listed_strategies(&admin).await.len(), 2);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_strategy_is_told_where_it_stands() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = json!({
        "key": "wrong", "name": " ", "target": "contact", "match_closed": true,
        "alternatives": [
            {"fields": [{"field": "last_name", "compare": "fuzzy"}, {"field": "first_name"}]},
            {"fields": [{"field": "email", "compare": "fuzzy"}, {"field": "phone"}]},
            {"fields": [{"field": "phone"}, {"field": "form"}, {"field": "phone"}]},
            {"fields": [{"field": "email"}]},
            {"fields": [{"field": "email"}]},
        ],
    });
    let pointers = [
        "/name",
        "/match_closed",
        "/alternatives/0/fields",
        "/alternatives/1/fields/0/compare",
        "/alternatives/2/fields/1/field",
        "/alternatives/2/fields/2/field",
        "/alternatives/4",
    ];
    admin.post(STRATEGIES, wrong).await.expect_invalid(&pointers);
    for rules in [&["form", "campaign"][..], &["topic"][..]] {
        let unbounded = new_strategy("unbounded", "lead", &[rules]);
        admin.post(STRATEGIES, unbounded).await.expect_invalid(&["/alternatives/0/fields"]);
    }
    let shape =
        json!({"key": "No Key", "name": "x", "target": "account", "alternatives": [{"fields": []}], "weight": 1});
    let pointers = ["/key", "/target", "/alternatives/0/fields", "/weight"];
    admin.post(STRATEGIES, shape).await.expect_invalid(&pointers);
    let path = strategy_path(&strategy(&admin, "good", "lead", &[&["email"]]).await);
    let worse = json!({"alternatives": alternatives(&[&["email"], &["campaign"]])});
    admin.patch_version(&path, 1, worse).await.expect_invalid(&["/alternatives/1/fields"]);
    for unchangeable in ["key", "target", "version"] {
        let pointer = format!("/{unchangeable}");
        admin.patch_version(&path, 1, json!({unchangeable: "x"})).await.expect_invalid(&[&pointer]);
    }
    assert_eq!(admin.get(&path).await.expect(200)["version"], 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_strategy() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let creating = (0..8).map(|_| admin.post(STRATEGIES, new_strategy("mine", "contact", &[&["phone"]])));
    let answers = join_all(creating).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status() != 201) {
        answer.expect_invalid(&["/key"]);
    }
    for taken in ["mine", "contact_by_email", "lead_by_contact_and_form"] {
        admin.post(STRATEGIES, new_strategy(taken, "lead", &[&["email"]])).await.expect_invalid(&["/key"]);
    }
    let other = app.other_workspace().admin().await;
    strategy(&other, "mine", "lead", &[&["email"]]).await;
}

#[tokio::test]
async fn a_strategy_is_changed_only_in_the_version_that_was_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = strategy_path(&strategy(&admin, "mine", "lead", &[&["email"]]).await);
    admin.patch(&path, json!({"name": "x"})).await.expect_problem(428, "precondition-required");
    admin.delete(&path).await.expect_problem(428, "precondition-required");
    admin.patch_version(&path, 7, json!({"name": "x"})).await.expect_problem(412, "precondition-failed");
    let renaming = (0..8).map(|number| admin.patch_version(&path, 1, json!({"name": format!("Name {number}")})));
    let done = join_all(renaming).await.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((done, &admin.get(&path).await.expect(200)["strategy"]["version"]), (1, &json!(2)));
    let default = format!("{path}/default");
    let stale = admin.request(reqwest::Method::POST, &default).if_version(1).send().await;
    stale.expect_problem(412, "precondition-failed");
}

#[tokio::test]
async fn a_decision_names_the_very_rules_it_was_made_by_for_good() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mine = strategy(&admin, "mine", "contact", &[&["email"], &["phone"]]).await;
    let path = strategy_path(&mine);
    let form = publish(&admin, json!({"contact_strategy": "mine"})).await;
    let before = decision(&admin, &submit(&app, &form, json!({"email": "ann@example.com"})).await, "contact").await;
    admin.patch_version(&path, 1, json!({"alternatives": alternatives(&[&["email"]])})).await.expect(200);
    let after = decision(&admin, &submit(&app, &form, json!({"email": "ann@example.com"})).await, "contact").await;
    let named = |it: &Value| (it["decision"]["strategy"].clone(), it["decision"]["version"].clone());
    assert_eq!((named(&before), named(&after)), ((json!("mine"), json!(1)), (json!("mine"), json!(2))));

    let versions = listed(&admin, &format!("{path}/versions")).await;
    let numbers: Vec<&Value> = versions.iter().map(|it| &it["strategy"]["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!((&versions[1]["strategy"], &versions[1]["changed_by"]), (&mine["strategy"], &json!(admin.id())));

    let form_path = format!("/v1/forms/{}", bodies::id(&form));
    admin.request(reqwest::Method::DELETE, &form_path).if_version(2).send().await.expect(204);
    admin.request(reqwest::Method::DELETE, &path).if_version(2).send().await.expect(204);
    let again = strategy(&admin, "mine", "contact", &[&["mobile"]]).await;
    assert_eq!(again["strategy"]["version"], 3);
    let rules =
        async |it: &Value| admin.get(&format!("/v1/match-decisions/{}/strategy", bodies::id(it))).await.expect(200);
    assert_eq!(rules(&before).await, mine["strategy"]);
    assert_eq!(rules(&after).await, versions[0]["strategy"]);
}

#[tokio::test]
async fn the_rules_of_a_decision_by_a_shipped_strategy_are_readable() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = publish(&admin, json!({})).await;
    let made = decision(&admin, &submit(&app, &form, json!({"email": "ann@example.com"})).await, "lead").await;
    let lead = shipped(&admin, "lead").await;
    let rules = admin.get(&format!("/v1/match-decisions/{}/strategy", bodies::id(&made))).await.expect(200);
    assert_eq!(rules, lead["strategy"]);
    let versions = listed(&admin, &format!("{}/versions", strategy_path(&lead))).await;
    assert_eq!(versions, [json!({"strategy": lead["strategy"], "changed_by": null, "at": null})]);
}

#[tokio::test]
async fn a_shipped_strategy_is_neither_changed_nor_deleted_and_can_be_the_default_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let email = shipped(&admin, "contact").await;
    let path = strategy_path(&email);
    assert_eq!(admin.get(&path).await.expect(200), email);
    admin.patch_version(&path, 1, json!({"name": "x"})).await.expect_problem(409, "conflict");
    admin.request(reqwest::Method::DELETE, &path).if_version(1).send().await.expect_problem(409, "conflict");
    let mine = strategy_path(&strategy(&admin, "mine", "contact", &[&["phone"]]).await);
    let made = admin.post(&format!("{mine}/default"), Value::Null).await.expect(200);
    assert_eq!(
        (&made["is_default"], &made["version"], &made["strategy"]["version"]),
        (&json!(true), &json!(2), &json!(1))
    );
    assert_eq!(defaults(&admin, "contact").await, ["mine"]);
    admin.request(reqwest::Method::DELETE, &mine).if_version(2).send().await.expect_problem(409, "conflict");
    admin.post(&format!("{path}/default"), Value::Null).await.expect(200);
    assert_eq!(defaults(&admin, "contact").await, ["contact_by_email"]);
    assert_eq!(defaults(&admin, "lead").await, ["lead_by_contact_and_form"]);
    admin.request(reqwest::Method::DELETE, &mine).if_version(3).send().await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_target_has_exactly_one_default_whatever_is_made_the_default_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut paths = vec![strategy_path(&shipped(&admin, "lead").await)];
    for number in 0..4 {
        paths.push(strategy_path(&strategy(&admin, &format!("mine_{number}"), "lead", &[&["email"]]).await));
    }
    for round in 0..4 {
        let making = (0..20).map(|turn| {
            let (admin, path) = (admin.clone(), format!("{}/default", paths[(turn + round) % paths.len()]));
            async move { admin.post(&path, Value::Null).await.expect(200) }
        });
        let creating =
            bodies::with(new_strategy(&format!("new_{round}"), "lead", &[&["phone"]]), json!({"is_default": true}));
        let (_, created) = futures_util::future::join(join_all(making), admin.post(STRATEGIES, creating)).await;
        assert_eq!(created.expect(201)["is_default"], true);
        assert_eq!(defaults(&admin, "lead").await.len(), 1);
        assert_eq!(defaults(&admin, "contact").await, ["contact_by_email"]);
    }
}

#[tokio::test]
async fn a_workspace_has_at_most_a_hundred_strategies_of_its_own() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let create = async |number: i32| {
        admin.post(STRATEGIES, new_strategy(&format!("mine_{number}"), "lead", &[&["email"]])).await
    };
    for number in 0..100 {
        create(number).await.expect(201);
    }
    create(100).await.expect_problem(409, "conflict");
    assert_eq!(listed_strategies(&admin).await.len(), 102);
}

#[tokio::test]
async fn strategies_are_for_those_who_may_and_for_their_own_workspace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mine = strategy_path(&strategy(&admin, "mine", "contact", &[&["phone"]]).await);
    let stranger = app.other_workspace().admin().await;
    stranger.get(&mine).await.expect_problem(404, "not-found");
    stranger.get(&format!("{mine}/versions")).await.expect_problem(404, "not-found");
    stranger.patch_version(&mine, 1, json!({"name": "x"})).await.expect_problem(404, "not-found");
    stranger.request(reqwest::Method::DELETE, &mine).if_version(1).send().await.expect_problem(404, "not-found");
    stranger.post(&format!("{mine}/default"), Value::Null).await.expect_problem(404, "not-found");
    assert_eq!(listed_strategies(&stranger).await.len(), 2);
    assert!(!Role::Viewer.scopes().contains(&"matching:write"));
    let reader = app.integration(&["matching:read"]).await;
    reader.get(&mine).await.expect(200);
    reader.post(STRATEGIES, new_strategy("x", "contact", &[&["phone"]])).await.expect_problem(403, "forbidden");
    reader.post(&format!("{mine}/default"), Value::Null).await.expect_problem(403, "forbidden");
    reader.patch_version(&mine, 1, json!({"name": "x"})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_change_counts_for_what_comes_in_from_then_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = strategy_path(&strategy(&admin, "mine", "contact", &[&["email"]]).await);
    let form = publish(&admin, json!({"contact_strategy": "mine"})).await;
    let first = submit(&app, &form, json!({"email": "ann@example.com", "phone": "+372 5551 2345"})).await;
    admin.patch_version(&path, 1, json!({"alternatives": alternatives(&[&["phone"]])})).await.expect(200);
    let second = submit(&app, &form, json!({"email": "other@example.com", "phone": "+372 5551 2345"})).await;
    let contact = became(&admin, &first).await["contact_id"].clone();
    assert_eq!(became(&admin, &second).await["contact_id"], contact);
    let kinds: Vec<Value> = listed(&admin, "/v1/events").await.into_iter().map(|event| event["type"].clone()).collect();
    for kind in ["matching_strategy.created", "matching_strategy.changed"] {
        assert!(kinds.contains(&json!(kind)), "{kind}");
    }
}

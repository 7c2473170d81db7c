//! Companies: create, change, find, delete.

use futures_util::future::join_all;
use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// A new account and its path.
async fn create(person: &Person, body: Value) -> (Value, String) {
    let account = person.post("/v1/accounts", body).await.expect(201);
    let path = format!("/v1/accounts/{}", bodies::id(&account));
    (account, path)
}

#[tokio::test]
async fn a_created_account_can_be_read_where_location_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({
        "name": "Contoso OÜ", "domain": " Contoso.EE. ", "industry": "logistics", "employees": 250,
        "annual_revenue": {"amount_minor": 12_500, "currency": "EUR"}, "country": "EE", "tax_id": "EE100247019",
        "registration_number": "10137025", "owner_id": admin.id(), "attributes": {"vip": true, "tier": 2, "note": "ok"},
    });
    let created = admin.post("/v1/accounts", body.clone()).await;
    let account = created.expect(201);
    assert_eq!(created.header("etag"), Some("\"v1\""));
    let read = admin.get(created.header("location").unwrap()).await;
    assert_eq!(read.expect(200), account);
    assert_eq!(read.header("etag"), Some("\"v1\""));
    let expected = bodies::with(
        body,
        json!({
            "domain": "contoso.ee", "id": account["id"], "version": 1,
            "created_at": "2026-03-02T09:00:00.000000Z", "updated_at": "2026-03-02T09:00:00.000000Z",
        }),
    );
    assert_eq!(account, expected);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"name": "Contoso", "industry": "toys", "employees": 7, "attributes": {"a": 1, "b": 2}});
    let (account, path) = create(&admin, body).await;
    app.wait_seconds(60);
    let patch = json!({"industry": null, "country": "EE", "attributes": {"a": null, "c": 3}});
    let changed = admin.patch(&path, patch).await.expect(200);
    let expected = json!({
        "industry": Value::Null, "country": "EE", "attributes": {"b": 2, "c": 3}, "version": 2,
        "updated_at": "2026-03-02T09:01:00.000000Z",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&changed[name], value, "{name}");
    }
    assert_eq!((&changed["name"], &changed["employees"]), (&account["name"], &account["employees"]));
    assert_eq!(admin.get(&path).await.expect(200), changed);
}

#[tokio::test]
async fn a_change_meets_the_version_it_demands_or_nothing_happens() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, bodies::account("Contoso")).await;
    admin.patch(&path, json!({"industry": "toys"})).await.expect(200);
    let attempt = async |condition: &str| {
        let patch = admin.request(Method::PATCH, &path).header("if-match", condition);
        patch.merge_patch(&json!({"industry": "tools"})).send().await
    };
    for stale in ["\"v1\"", "W/\"v2\"", "\"v1\", \"v7\"", "\"other\""] {
        let refused = attempt(stale).await;
        refused.expect_problem(412, "precondition-failed");
        assert_eq!(refused.header("etag"), Some("\"v2\""), "{stale}");
    }
    for malformed in ["v2", "\"v2", "", "\"v2\" \"v3\"", "*, \"v2\""] {
        attempt(malformed).await.expect_problem(400, "malformed-request");
    }
    assert_eq!(admin.get(&path).await.expect(200)["industry"], "toys");
    assert_eq!(attempt("\"v1\", \"v2\"").await.expect(200)["version"], 3);
    assert_eq!(attempt("*").await.expect(200)["version"], 4);
}

#[tokio::test]
async fn of_callers_who_change_the_same_version_one_succeeds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, bodies::with(bodies::account("Contoso"), json!({"employees": 0}))).await;
    let count = async || {
        let mut done = 0;
        for _ in 0..10 {
            let account = admin.get(&path).await.expect(200);
            let next = json!({"employees": account["employees"].as_i64().unwrap() + 1});
            let answer = admin.patch_version(&path, account["version"].as_i64().unwrap(), next).await;
            assert!([200, 412].contains(&answer.status()), "{}", answer.text());
            done += i64::from(answer.status() == 200);
        }
        done
    };
    let done: i64 = join_all((0..16).map(|_| count())).await.iter().sum();
    assert_eq!(admin.get(&path).await.expect(200)["employees"], done);
}

#[tokio::test]
async fn changes_to_different_fields_at_once_are_all_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, bodies::account("Contoso")).await;
    let patches =
        [json!({"industry": "toys"}), json!({"country": "EE"}), json!({"employees": 5}), json!({"tax_id": "1"})];
    for answer in join_all(patches.iter().map(|patch| admin.patch(&path, patch.clone()))).await {
        answer.expect(200);
    }
    let account = admin.get(&path).await.expect(200);
    assert_eq!(account["version"], 5);
    for patch in patches {
        let (name, value) = patch.as_object().unwrap().iter().next().unwrap();
        assert_eq!(&account[name], value);
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (_, path) = create(&admin, bodies::account("Contoso")).await;
    admin.request(Method::DELETE, &path).if_version(2).send().await.expect_problem(412, "precondition-failed");
    admin.request(Method::DELETE, &path).if_version(1).send().await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
    admin.delete(&path).await.expect_problem(404, "not-found");
    admin.patch(&path, json!({})).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn an_account_that_a_contact_belongs_to_is_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (account, path) = create(&admin, bodies::account("Contoso")).await;
    let ann = bodies::with(bodies::contact("ann@example.com"), json!({"account_id": account["id"]}));
    let ann = admin.post("/v1/contacts", ann).await.expect(201);
    admin.delete(&path).await.expect_problem(409, "conflict");
    admin.delete(&format!("/v1/contacts/{}", bodies::id(&ann))).await.expect(204);
    admin.delete(&path).await.expect(204);
}

#[tokio::test]
async fn everything_wrong_with_an_account_is_listed() {
    let app = TestApp::start().await;
    let body = json!({
        "name": "", "domain": "x".repeat(254), "country": "Estonia", "employees": -1, "owner_id": "me",
        "annual_revenue": {"amount_minor": 1.5, "currency": "€"}, "attributes": {"Bad Name": 1, "list": []}, "extra": 1,
    });
    let problem = app.admin().await.post("/v1/accounts", body).await.expect_problem(422, "validation-failed");
    let errors = problem["errors"].as_array().unwrap();
    for pointer in [
        "/name",
        "/domain",
        "/country",
        "/employees",
        "/owner_id",
        "/annual_revenue/amount_minor",
        "/annual_revenue/currency",
        "/attributes/list",
        "/extra",
    ] {
        assert!(errors.iter().any(|error| error["pointer"] == pointer), "{pointer} is not among {errors:#?}");
    }
}

#[tokio::test]
async fn an_owner_is_a_user_of_the_workspace() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let stranger = app.other_workspace().admin().await;
    let with_owner = |id: &str| json!({"name": "Contoso", "owner_id": id});
    let unknown = admin.post("/v1/accounts", with_owner(NOBODY)).await.expect_invalid(&["/owner_id"]);
    let foreign =
        admin.post("/v1/accounts", with_owner(&stranger.id().to_string())).await.expect_invalid(&["/owner_id"]);
    assert_eq!(unknown["errors"], foreign["errors"]);
    let (_, path) = create(&admin, with_owner(&admin.id().to_string())).await;
    admin.patch(&path, json!({"owner_id": stranger.id()})).await.expect_invalid(&["/owner_id"]);
}

#[tokio::test]
async fn accounts_are_found_by_name_owner_country_and_domain() {
    let app = TestApp::start().await;
    let (admin, seller) = (app.admin().await, app.person(Role::Salesperson).await);
    create(&admin, json!({"name": "Contoso OÜ", "country": "EE", "domain": "contoso.ee", "owner_id": seller.id()}))
        .await;
    create(&admin, json!({"name": "Fabrikam", "country": "LV", "domain": "fabrikam.lv"})).await;
    let found = async |query: String| {
        let page = admin.get(&format!("/v1/accounts?{query}")).await.expect(200);
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| account["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for query in ["q=oü", "q=CONT", "country=EE", "domain=Contoso.EE", &format!("owner_id={}", seller.id())] {
        assert_eq!(found(query.to_owned()).await, ["Contoso OÜ"], "{query}");
    }
    assert_eq!(found("q=cont&country=LV".to_owned()).await, Vec::<String>::new());
    admin.get("/v1/accounts?country=ee").await.expect_bad_parameter("country");
}

#[tokio::test]
async fn to_another_workspace_an_account_does_not_exist() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (account, path) = create(&admin, bodies::account("Contoso")).await;
    let stranger = app.other_workspace().admin().await;
    let missing = format!("/v1/accounts/{NOBODY}");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let ask = async |path: &str| {
            let request = stranger.request(method.clone(), path);
            let request = if method == Method::PATCH { request.merge_patch(&json!({"name": "X"})) } else { request };
            let mut problem = request.send().await.expect_problem(404, "not-found");
            problem["instance"] = Value::Null;
            problem
        };
        assert_eq!(ask(&path).await, ask(&missing).await);
    }
    assert_eq!(admin.get(&path).await.expect(200), account);
    assert_eq!(stranger.get("/v1/accounts").await.expect(200)["data"], json!([]));
    let contact = bodies::with(bodies::contact("ann@example.com"), json!({"account_id": account["id"]}));
    stranger.post("/v1/contacts", contact).await.expect_invalid(&["/account_id"]);
}

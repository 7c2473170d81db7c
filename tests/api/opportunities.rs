//! Opportunities: entered, listed, changed, won, lost, reopened (CLO-4).

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp, bodies};

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

/// A new opportunity's path.
async fn create(person: &Person, body: Value) -> String {
    format!("/v1/opportunities/{}", bodies::id(&person.post("/v1/opportunities", body).await.expect(201)))
}

async fn end(person: &Person, path: &str, body: Value) -> crate::support::Answer {
    person.post(&format!("{path}/outcome"), body).await
}

async fn names(person: &Person, query: &str) -> Vec<String> {
    let list = person.get(&format!("/v1/opportunities?{query}")).await.expect(200);
    list["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_created_opportunity_can_be_read_where_location_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@x.ee")).await.expect(201));
    let body = json!({
        "name": "Warehouse software", "contact_id": contact, "account_id": account, "owner_id": admin.id(),
        "amount": {"amount_minor": 1_250_000, "currency": "EUR"}, "expected_close_on": "2026-11-24",
        "attributes": {"seats": 40},
    });
    let created = admin.post("/v1/opportunities", body.clone()).await;
    let opportunity = created.expect(201);
    assert_eq!(created.header("etag"), Some("\"v1\""));
    assert_eq!(admin.get(created.header("location").unwrap()).await.expect(200), opportunity);
    let expected = json!({
        "id": opportunity["id"], "status": "open", "version": 1,
        "created_at": app.now(), "updated_at": app.now(),
    });
    let mut expected = bodies::with(body, expected);
    for name in ["lead_id", "reason", "note", "closed_at"] {
        expected[name] = Value::Null;
    }
    assert_eq!(opportunity, expected);
}

#[tokio::test]
async fn everything_wrong_with_an_opportunity_is_listed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let wrong = json!({
        "name": " ", "contact_id": NOBODY, "account_id": NOBODY, "lead_id": NOBODY, "owner_id": NOBODY,
    });
    let expected = ["/name", "/contact_id", "/account_id", "/lead_id", "/owner_id"];
    admin.post("/v1/opportunities", wrong).await.expect_invalid(&expected);
    let wrong = json!({"name": "x", "amount": {"amount_minor": -1, "currency": "eur"}, "expected_close_on": "24.11.2026", "status": "won"});
    let expected = ["/amount/amount_minor", "/amount/currency", "/expected_close_on", "/status"];
    admin.post("/v1/opportunities", wrong).await.expect_invalid(&expected);
    let path = create(&admin, json!({"name": "x"})).await;
    for (patch, pointer) in [
        (json!({"name": null}), "/name"),
        (json!({"name": "\u{2003}"}), "/name"),
        (json!({"status": "won"}), "/status"),
        (json!({"contact_id": NOBODY}), "/contact_id"),
        (json!({"expected_close_on": "2026-02-30"}), "/expected_close_on"),
    ] {
        admin.patch(&path, patch).await.expect_invalid(&[pointer]);
    }
}

#[tokio::test]
async fn a_merge_patch_changes_what_it_names_and_null_clears() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"name": "x", "amount": {"amount_minor": 5, "currency": "EUR"}, "attributes": {"a": 1, "b": 2}});
    let path = create(&admin, body).await;
    let patch = json!({"name": "y", "amount": null, "expected_close_on": "2027-01-01", "attributes": {"a": null}});
    let changed = admin.patch_version(&path, 1, patch).await.expect(200);
    let told = ["name", "amount", "expected_close_on", "attributes", "version"].map(|name| changed[name].clone());
    assert_eq!(json!(told), json!(["y", null, "2027-01-01", {"b": 2}, 2]));
    admin.patch_version(&path, 1, json!({"name": "z"})).await.expect_problem(412, "precondition-failed");
    assert_eq!(admin.patch(&path, json!({})).await.expect(200)["version"], 2);
    let event = &admin.get("/v1/events?type=opportunity.changed").await.expect(200)["data"][0];
    assert_eq!((&event["data"]["before"]["name"], &event["data"]["opportunity"]["name"]), (&json!("x"), &json!("y")));
}

#[tokio::test]
async fn opportunities_are_listed_by_what_they_belong_to() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let seller = app.person(Role::Salesperson).await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@x.ee")).await.expect(201));
    let lead = json!({"contact_id": contact, "topic": "x", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    create(&admin, json!({"name": "Beta", "contact_id": contact, "lead_id": lead})).await;
    create(&seller, json!({"name": "alpha", "account_id": account, "owner_id": seller.id()})).await;
    let gamma = create(&admin, json!({"name": "Gamma"})).await;
    end(&admin, &gamma, json!({"status": "won"})).await.expect(200);
    assert_eq!(names(&admin, "sort=name").await, ["alpha", "Beta", "Gamma"]);
    for (query, expected) in [
        (format!("contact_id={contact}"), "Beta"),
        (format!("lead_id={lead}"), "Beta"),
        (format!("account_id={account}"), "alpha"),
        (format!("owner_id={}", seller.id()), "alpha"),
        ("status=won".to_owned(), "Gamma"),
        ("q=GAM".to_owned(), "Gamma"),
    ] {
        assert_eq!(names(&admin, &query).await, [expected], "{query}");
    }
    let page = admin.get("/v1/opportunities?sort=name&limit=2&count=true").await.expect(200);
    assert_eq!(page["total"], 3);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(names(&admin, &format!("sort=name&limit=2&cursor={cursor}")).await, ["Gamma"]);
    admin.get("/v1/opportunities?sort=amount").await.expect_bad_parameter("sort");
}

#[tokio::test]
async fn a_deal_is_won_or_lost_once_and_a_loss_says_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = create(&admin, json!({"name": "x"})).await;
    end(&admin, &path, json!({"status": "lost"})).await.expect_invalid(&["/reason"]);
    end(&admin, &path, json!({"status": "lost", "reason": "weather"})).await.expect_invalid(&["/reason"]);
    end(&admin, &path, json!({"status": "won", "reason": "price"})).await.expect_invalid(&["/reason"]);
    end(&admin, &path, json!({"status": "open"})).await.expect_invalid(&["/status"]);
    for at in ["2026-03-02T09:00:01Z", "2026-03-02T08:59:59Z"] {
        end(&admin, &path, json!({"status": "won", "at": at})).await.expect_invalid(&["/at"]);
    }
    app.wait_seconds(3600);
    let lost = json!({"status": "lost", "reason": "price", "note": "half as much", "at": "2026-03-02T09:30:00Z"});
    let lost = end(&admin, &path, lost).await.expect(200);
    let told = ["status", "reason", "note", "closed_at"].map(|name| lost[name].clone());
    assert_eq!(json!(told), json!(["lost", "price", "half as much", "2026-03-02T09:30:00.000000Z"]));
    let refused = end(&admin, &path, json!({"status": "won"})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("reopening"), "{refused}");
    let corrected = admin.patch(&path, json!({"amount": {"amount_minor": 7, "currency": "EUR"}})).await.expect(200);
    assert_eq!(corrected["status"], "lost");

    let reopening = format!("{path}/reopening");
    let open = admin.post(&reopening, json!({})).await.expect(200);
    let told = ["status", "reason", "note", "closed_at"].map(|name| open[name].clone());
    assert_eq!(json!(told), json!(["open", null, null, null]));
    admin.post(&reopening, json!({})).await.expect_problem(409, "conflict");
    let won = end(&admin, &path, json!({"status": "won"})).await.expect(200);
    assert_eq!((&won["status"], &won["closed_at"]), (&json!("won"), &json!(app.now())));
    let kinds = ["opportunity.created", "opportunity.lost", "opportunity.reopened", "opportunity.won"];
    for kind in kinds {
        assert_eq!(
            admin.get(&format!("/v1/events?type={kind}")).await.expect(200)["data"].as_array().unwrap().len(),
            1
        );
    }
}

#[tokio::test]
async fn of_many_who_end_a_deal_at_once_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = create(&admin, json!({"name": "x"})).await;
    let answers = join_all((0..64).map(|number| {
        let body =
            if number % 2 == 0 { json!({"status": "won"}) } else { json!({"status": "lost", "reason": "price"}) };
        end(&admin, &path, body)
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status())));
    assert_eq!(admin.get(&path).await.expect(200)["version"], 2);
}

#[tokio::test]
async fn those_without_the_scope_and_other_workspaces_see_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = create(&admin, json!({"name": "x"})).await;
    let viewer = app.person(Role::Viewer).await;
    viewer.get(&path).await.expect(200);
    viewer.patch(&path, json!({"name": "y"})).await.expect_problem(403, "forbidden");
    app.integration(&["leads:read"]).await.get(&path).await.expect_problem(403, "forbidden");
    let other = app.other_workspace().admin().await;
    other.get(&path).await.expect_problem(404, "not-found");
    end(&other, &path, json!({"status": "won"})).await.expect_problem(404, "not-found");
    assert_eq!(names(&other, "").await, Vec::<String>::new());
}

#[tokio::test]
async fn records_with_opportunities_are_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@x.ee")).await.expect(201));
    create(&admin, json!({"name": "x", "account_id": account, "contact_id": contact})).await;
    admin.delete(&format!("/v1/accounts/{account}")).await.expect_problem(409, "conflict");
    admin.delete(&format!("/v1/contacts/{contact}")).await.expect_problem(409, "conflict");
}

//! Leads entered by hand: contact and account described with them, and what a salesperson's lead counts as.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::{live_model, newcomers};
use crate::support::{Person, TestApp, bodies};

fn lead(changes: Value) -> Value {
    bodies::with(json!({"topic": "Warehouse software", "source": "referral"}), changes)
}

fn ann() -> Value {
    json!({"first_name": "Ann", "email": "ann@example.com", "phone": "+372 5551 2345"})
}

async fn list(admin: &Person, path: &str) -> Vec<Value> {
    admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn count(admin: &Person, path: &str) -> usize {
    list(admin, path).await.len()
}

#[tokio::test]
async fn a_lead_brings_a_contact_and_account_that_nobody_knew() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = lead(json!({"contact": ann(), "account": {"name": "Contoso OÜ"}}));
    let made = admin.post("/v1/leads", body).await.expect(201);
    let (contact, account) = (&made["matched"]["contact"], &made["matched"]["account"]);
    assert_eq!((&contact["effect"], &contact["id"]), (&json!("created"), &made["contact_id"]));
    assert_eq!((&account["effect"], &account["id"]), (&json!("created"), &made["account_id"]));
    let typed = json!({"first_name": "Ann", "last_name": null, "email": "ann@example.com",
        "phone": "+372 5551 2345", "company": "Contoso OÜ"});
    assert_eq!(made["captured"], typed);

    let known = admin.get(&format!("/v1/contacts/{}", bodies::id(contact))).await.expect(200);
    assert_eq!((&known["account_id"], &known["first_source"]), (&made["account_id"], &json!("referral")));
    assert_eq!(known["marketing_only"], false);
    let decision = format!("/v1/match-decisions/{}", contact["decision_id"].as_str().unwrap());
    let decision = admin.get(&decision).await.expect(200);
    assert_eq!((&decision["channel"], &decision["effect"]), (&json!("api"), &json!("created")));
}

#[tokio::test]
async fn a_lead_finds_the_contact_and_account_that_are_known_and_leaves_them_as_they_are() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = admin.post("/v1/contacts", json!({"first_name": "Anna", "email": "Ann@Example.com"})).await.expect(201);
    let company = admin.post("/v1/accounts", json!({"name": "Contoso OÜ"})).await.expect(201);
    let body = lead(json!({"contact": ann(), "account": {"name": "contoso oü"}}));
    let made = admin.post("/v1/leads", body).await.expect(201);
    assert_eq!((&made["contact_id"], &made["account_id"]), (&known["id"], &company["id"]));
    assert_eq!(
        (&made["matched"]["contact"]["effect"], &made["matched"]["account"]["effect"]),
        (&json!("linked"), &json!("linked"))
    );
    let path = format!("/v1/contacts/{}", bodies::id(&known));
    assert_eq!(admin.get(&path).await.expect(200), known);
    assert_eq!((count(&admin, "/v1/contacts").await, count(&admin, "/v1/accounts").await), (1, 1));
}

#[tokio::test]
async fn everything_wrong_with_a_lead_and_its_contact_is_told_at_once_and_nothing_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let nobody = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    let body = json!({
        "source": "elsewhere", "contact_id": nobody,
        "contact": {"email": "ann", "phone": "1", "account_id": nobody},
        "account": {"name": "Contoso", "owner_id": nobody},
    });
    admin.post("/v1/leads", body).await.expect_invalid(&[
        "/contact",
        "/contact_id",
        "/source",
        "/topic",
        "/contact/email",
        "/contact/phone",
        "/contact/account_id",
        "/account/owner_id",
    ]);
    admin.post("/v1/leads", lead(json!({"contact": {"job_title": "Head"}}))).await.expect_invalid(&["/contact"]);
    for email in ["a@x.com\r\nBcc: e@x.com", "a@x.com,b@x.com"] {
        let body = lead(json!({"contact": {"email": email}, "account": {"name": "Contoso"}}));
        admin.post("/v1/leads", body).await.expect_invalid(&["/contact/email"]);
    }
    for path in ["/v1/leads", "/v1/contacts", "/v1/accounts", "/v1/events"] {
        assert_eq!(count(&admin, path).await, 0, "{path}");
    }
}

#[tokio::test]
async fn an_external_id_says_whose_lead_it_is_whatever_address_comes_with_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let bob = admin.post("/v1/contacts", json!({"external_id": "crm-1", "email": "bob@example.com"})).await.expect(201);
    let body = lead(json!({"contact": {"external_id": "crm-1", "email": "ann@example.com"}}));
    let made = admin.post("/v1/leads", body).await.expect(201);
    assert_eq!((&made["contact_id"], &made["matched"]["contact"]["effect"]), (&bob["id"], &json!("linked")));
    assert_eq!(admin.get(&format!("/v1/contacts/{}", bodies::id(&bob))).await.expect(200), bob);
}

#[tokio::test]
async fn many_leads_of_one_new_person_at_once_have_one_contact_and_one_account() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = lead(json!({"contact": ann(), "account": {"name": "Contoso OÜ"}}));
    let answers = join_all((0..32).map(|_| admin.post("/v1/leads", body.clone()))).await;
    answers.iter().for_each(|answer| drop(answer.expect(201)));
    assert_eq!((count(&admin, "/v1/contacts").await, count(&admin, "/v1/accounts").await), (1, 1));
    assert_eq!(count(&admin, "/v1/leads?limit=100").await, 32);
}

#[tokio::test]
async fn describing_a_contact_or_account_needs_the_scope_to_write_it() {
    let app = TestApp::start().await;
    let client = app.integration(&["leads:write"]).await;
    client.post("/v1/leads", lead(json!({"contact": ann()}))).await.expect_problem(403, "forbidden");
    client.post("/v1/leads", lead(json!({"account": {"name": "Contoso"}}))).await.expect_problem(403, "forbidden");
    client.post("/v1/leads", lead(json!({"captured": {"first_name": "Ann"}}))).await.expect(201);
}

#[tokio::test]
async fn a_lead_that_sales_enters_begins_in_sales_acceptance_and_is_theirs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for role in [Role::Salesperson, Role::SalesManager] {
        let seller = app.person(role).await;
        let made = seller.post("/v1/leads", lead(json!({"contact": ann()}))).await.expect(201);
        assert_eq!((&made["stage"], &made["owner_id"]), (&json!("sales_acceptance"), &json!(seller.id())));
        assert_eq!(made["flags"]["sales_accepted"]["by"], json!(seller.id()));
        assert_eq!(made["flags"]["sales_ready"], Value::Null);
        let history = list(&admin, &format!("/v1/leads/{}/transitions", bodies::id(&made))).await;
        assert_eq!(history.len(), 1);
        assert_eq!((&history[0]["from_stage"], &history[0]["cause"]), (&Value::Null, &json!("entered_by_sales")));
    }
    let colleague = app.person(Role::Salesperson).await;
    let seller = app.person(Role::Salesperson).await;
    let made = seller.post("/v1/leads", lead(json!({"contact": ann(), "owner_id": colleague.id()}))).await.expect(201);
    assert_eq!(made["owner_id"], json!(colleague.id()));
}

#[tokio::test]
async fn a_lead_that_anybody_else_enters_begins_in_inquiry() {
    let app = TestApp::start().await;
    let client = app.integration(&["leads:write", "contacts:write"]).await;
    for person in [app.admin().await, app.person(Role::Marketer).await, app.person(Role::Teleprospector).await, client]
    {
        let made = person.post("/v1/leads", lead(json!({"contact": ann()}))).await.expect(201);
        assert_eq!((&made["stage"], &made["owner_id"]), (&json!("inquiry"), &Value::Null));
        assert_eq!(made["flags"], json!({}));
    }
}

#[tokio::test]
async fn a_lead_entered_with_its_contact_is_scored_at_once_and_stays_with_sales() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let contact = bodies::with(ann(), json!({"decision_role": "decision_maker"}));
    let seller = app.person(Role::Salesperson).await;
    let made = seller.post("/v1/leads", lead(json!({"contact": contact}))).await.expect(201);
    assert_eq!((&made["score"], &made["stage"]), (&json!(20), &json!("sales_acceptance")));
}

#[tokio::test]
async fn what_waited_for_a_person_becomes_theirs_when_a_lead_brings_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let opened =
        json!({"kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z", "person": {"email": "ann@example.com"}});
    let opened = admin.post("/v1/interactions", opened).await.expect(201);
    let made = admin.post("/v1/leads", lead(json!({"contact": ann()}))).await.expect(201);
    let path = format!("/v1/interactions/{}", bodies::id(&opened));
    assert_eq!(admin.get(&path).await.expect(200)["contact_id"], made["contact_id"]);
}

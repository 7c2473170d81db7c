//! Leads over HTTP: what a lead needs, links, closed lists, lists with filters.

use serde_json::{Value, json};

use crate::support::TestApp;

async fn contact(app: &TestApp) -> Value {
    app.admin().await.post("/v1/contacts", json!({"first_name": "Ann", "email": "ann@example.com"})).await.expect(201)
}

fn path(record: &Value) -> String {
    format!("/v1/leads/{}", record["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_lead_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = contact(&app).await;
    let body = json!({"contact_id": contact["id"], "topic": "Software", "source": "referral"});
    let lead = admin.post("/v1/leads", body).await.expect(201);
    assert_eq!(lead["stage"], "inquiry");
    assert_eq!(lead["status"], "open");
    assert_eq!(lead["channel_class"], "seed");

    let changed = admin.patch(&path(&lead), json!({"topic": "More software", "product_line": "crm"})).await.expect(200);
    assert_eq!(changed["topic"], "More software");
    let read = admin.get(&format!("{}?expand=contact", path(&lead))).await.expect(200);
    assert_eq!(read["contact"]["email"], "ann@example.com");
    assert_eq!(read["product_line"], "crm");

    admin.delete(&path(&lead)).await.expect(204);
    admin.get(&path(&lead)).await.expect(404);
}

#[tokio::test]
async fn a_lead_needs_somebody_an_interest_and_a_known_source() {
    let app = TestApp::start().await;
    let problem = app.admin().await.post("/v1/leads", json!({"source": "elsewhere"})).await.expect(422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/source", "/captured", "/topic"]);
}

#[tokio::test]
async fn one_contact_may_have_several_open_leads() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = contact(&app).await;
    for product_line in ["crm", "erp"] {
        let body = json!({"contact_id": contact["id"], "product_line": product_line, "source": "web"});
        admin.post("/v1/leads", body).await.expect(201);
    }
    let list = admin.get(&format!("/v1/leads?contact_id={}", contact["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let list = admin.get("/v1/leads?product_line=erp&status=open&score_lte=0").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lead_without_contact_or_account_is_kept_and_linked_later() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body =
        json!({"captured": {"first_name": "Ann", "email": "Ann@Example.com"}, "topic": "Software", "source": "web"});
    let lead = admin.post("/v1/leads", body).await.expect(201);
    let contact = contact(&app).await;
    let linked = admin.patch(&path(&lead), json!({"contact_id": contact["id"]})).await.expect(200);
    assert_eq!(linked["contact_id"], contact["id"]);
    assert_eq!(linked["captured"]["email"], "Ann@Example.com");
}

#[tokio::test]
async fn records_of_another_workspace_are_as_unknown_as_none() {
    let app = TestApp::start().await;
    let theirs =
        app.other_workspace().admin().await.post("/v1/contacts", json!({"email": "a@x.com"})).await.expect(201);
    let admin = app.admin().await;
    for id in [theirs["id"].as_str().unwrap(), "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"] {
        let body = json!({"contact_id": id, "topic": "Software", "source": "web"});
        let problem = admin.post("/v1/leads", body).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], "/contact_id");
        let list = admin.get(&format!("/v1/leads?contact_id={id}&owner_id={id}")).await.expect(200);
        assert_eq!(list["data"], json!([]));
    }
}

#[tokio::test]
async fn a_list_is_bounded_by_times_that_make_sense() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for query in [
        "created_from=2026-03-02T00:00:00Z&created_until=2026-03-01T00:00:00Z",
        "created_from=2026-03-02T00:00:00",
        "created_from=+262142-12-31T00:00:00Z",
        "status=closed",
        "score_gte=1e3",
        "expand=scores,everything",
    ] {
        let problem = admin.get(&format!("/v1/leads?{query}")).await.expect(400);
        assert_eq!(problem["type"], "/problems/invalid-parameter", "{query}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_shown_beside_a_lead_either() {
    let app = TestApp::start().await;
    let contact = contact(&app).await;
    let body = json!({"contact_id": contact["id"], "topic": "Software", "source": "web"});
    let lead = app.admin().await.post("/v1/leads", body).await.expect(201);
    let reader = app.integration(&["leads:read"]).await;
    reader.get(&path(&lead)).await.expect(200);
    for expand in ["contact", "account", "scores", "scores,contact"] {
        reader.get(&format!("{}?expand={expand}", path(&lead))).await.expect_problem(403, "forbidden");
        reader.get(&format!("/v1/leads?expand={expand}")).await.expect_problem(403, "forbidden");
    }
    let shown = app.admin().await.get(&format!("{}?expand=contact,scores", path(&lead))).await;
    assert_eq!(shown.header("etag"), None);
    let shown = shown.expect(200);
    assert_eq!((&shown["contact"]["id"], &shown["scores"]), (&contact["id"], &json!([])));
}

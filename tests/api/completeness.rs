//! How much of what matters is known of leads and contacts.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, bodies};

fn lead() -> Value {
    json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "product_line": "crm", "source": "web"})
}

#[tokio::test]
async fn a_lead_and_a_contact_say_what_is_missing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post("/v1/leads", lead()).await.expect(201);
    let expected = json!({"percent": 40, "missing": ["lead.campaign", "lead.contact_id", "lead.owner_id"]});
    assert_eq!(created["completeness"], expected);
    let path = format!("/v1/leads/{}", bodies::id(&created));
    let changed = admin.patch(&path, json!({"campaign": "spring-2026"})).await.expect(200);
    assert_eq!(changed["completeness"]["percent"], 60);
    for found in [
        admin.get(&path).await.expect(200),
        admin.get("/v1/leads").await.expect(200)["data"][0].clone(),
        admin.post("/v1/leads/search", json!({"filter": []})).await.expect(200)["data"][0].clone(),
    ] {
        assert_eq!(found["completeness"], changed["completeness"]);
    }

    let ann = json!({"first_name": "Ann", "email": "ann@example.com", "address": {"country": "EE"}});
    let ann = admin.post("/v1/contacts", ann).await.expect(201);
    assert_eq!(ann["completeness"]["percent"], 25, "3 of 12");
    assert_eq!(ann["completeness"]["missing"].as_array().unwrap().len(), 9);
    let path = format!("/v1/contacts/{}", bodies::id(&ann));
    let changed = admin.patch(&path, json!({"last_name": "Tamm"})).await.expect(200);
    assert_eq!(changed["completeness"]["percent"], 33);
    assert_eq!(admin.get(&path).await.expect(200), changed);
    assert_eq!(admin.get("/v1/contacts").await.expect(200)["data"], json!([changed]));
}

#[tokio::test]
async fn a_workspace_says_what_matters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let own = json!({"completeness": {"lead": ["lead.topic", "lead.attributes.budget", "lead.attributes.vip"]}});
    admin.patch_version("/v1/settings", 1, own).await.expect(200);
    let described = bodies::with(lead(), json!({"attributes": {"vip": false}}));
    let created = admin.post("/v1/leads", described).await.expect(201);
    assert_eq!(created["completeness"], json!({"percent": 67, "missing": ["lead.attributes.budget"]}));
    let ann = admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
    assert!(ann["completeness"]["missing"].as_array().unwrap().contains(&json!("contact.mobile")), "the rest stays");
}

#[tokio::test]
async fn a_list_of_what_matters_names_known_fields_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (list, pointer) in [
        (json!({"lead": []}), "/completeness/lead"),
        (json!({"lead": ["contact.email"]}), "/completeness/lead/0"),
        (json!({"contact": ["contact.email", "contact.shoe_size"]}), "/completeness/contact/1"),
        (json!({"contact": ["contact.email", "contact.email"]}), "/completeness/contact/1"),
        (json!({"lead": vec!["lead.topic"; 51]}), "/completeness/lead"),
        (json!({"lead": "lead.topic"}), "/completeness/lead"),
        (json!({"account": ["account.name"]}), "/completeness/account"),
    ] {
        let refused = admin.patch_version("/v1/settings", 1, json!({"completeness": list.clone()})).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{list}");
    }
}

#[tokio::test]
async fn completeness_is_reported_by_owner() {
    let app = TestApp::start().await;
    let (admin, seller) = (app.admin().await, app.person(Role::Salesperson).await);
    admin.post("/v1/leads", lead()).await.expect(201);
    for more in [json!({"owner_id": seller.id()}), json!({"owner_id": seller.id(), "campaign": "spring-2026"})] {
        admin.post("/v1/leads", bodies::with(lead(), more)).await.expect(201);
    }
    let ann = bodies::with(bodies::contact("ann@example.com"), json!({"owner_id": seller.id()}));
    let ann = admin.post("/v1/contacts", ann).await.expect(201);

    let report = seller.get("/v1/reports/completeness").await.expect(200);
    let nobody =
        json!({"owner_id": null, "leads": {"records": 1, "percent": 40}, "contacts": {"records": 0, "percent": null}});
    let own = json!({
        "owner_id": seller.id(), "leads": {"records": 2, "percent": 70},
        "contacts": {"records": 1, "percent": ann["completeness"]["percent"]},
    });
    assert_eq!(report["data"], json!([nobody, own]));
    let stranger = app.other_workspace().admin().await;
    assert_eq!(stranger.get("/v1/reports/completeness").await.expect(200)["data"], json!([]));
}

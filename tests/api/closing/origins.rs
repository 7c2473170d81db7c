//! Cross-sell, upsell and re-sale: a new lead that names what it comes from.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{entries, id_of, path, qualify, stranger};
use crate::merges::{lead, merge_leads};
use crate::support::{Person, TestApp, bodies};

fn again(origin: Value) -> Value {
    json!({"topic": "More of it", "source": "referral", "origin": origin})
}

/// A customer: the lead that qualified, and what it became.
async fn customer(admin: &Person, owner: Value) -> (String, Value) {
    let lead = stranger(admin).await;
    admin.patch(&lead, json!({"owner_id": owner})).await.expect(200);
    let made = qualify(admin, &lead, json!({})).await.expect(201);
    (lead, made)
}

#[tokio::test]
async fn contact_account_and_owner_are_those_of_the_lead_it_comes_from() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let seller = app.person(Role::Salesperson).await;
    let (first, made) = customer(&admin, json!(seller.id())).await;
    let new = admin.post("/v1/leads", again(json!({"kind": "cross_sell", "lead_id": id_of(&first)}))).await.expect(201);
    assert_eq!((&new["contact_id"], &new["account_id"]), (&made["contact"]["id"], &made["account"]["id"]));
    assert_eq!(new["owner_id"], json!(seller.id()));
    let origin = json!({"kind": "cross_sell", "lead_id": id_of(&first), "opportunity_id": null});
    assert_eq!(new["origin"], origin);
    let read = admin.get(&path(&new)).await.expect(200);
    assert_eq!((&read["origin"], &read["status"], &read["stage"]), (&origin, &json!("open"), &json!("inquiry")));
    let filter = format!("/v1/leads?origin_lead_id={}", id_of(&first).as_str().unwrap());
    let listed = entries(&admin, &filter).await;
    assert_eq!((listed.len(), &listed[0]["origin"]), (1, &origin));
    assert_eq!(admin.get(&first).await.expect(200)["origin"], Value::Null);
    let event = &entries(&admin, "/v1/events?type=lead.created").await[0];
    assert_eq!(event["data"]["origin"], origin);
    let changed = admin.patch(&path(&new), json!({"topic": "Even more"})).await.expect(200);
    assert_eq!(changed["origin"], origin);
}

#[tokio::test]
async fn an_opportunity_leads_to_the_lead_behind_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (first, made) = customer(&admin, Value::Null).await;
    let deal = made["opportunity"]["id"].clone();
    let new = admin.post("/v1/leads", again(json!({"kind": "re_sale", "opportunity_id": deal}))).await.expect(201);
    assert_eq!(new["origin"], json!({"kind": "re_sale", "lead_id": id_of(&first), "opportunity_id": deal}));
    assert_eq!(new["contact_id"], made["contact"]["id"]);
    let alone = bodies::id(&admin.post("/v1/opportunities", json!({"name": "Alone"})).await.expect(201));
    let body = bodies::with(
        again(json!({"kind": "upsell", "opportunity_id": alone})),
        json!({"captured": {"last_name": "Lee"}}),
    );
    let new = admin.post("/v1/leads", body).await.expect(201);
    assert_eq!((&new["origin"]["lead_id"], &new["contact_id"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_is_told_goes_before_what_the_origin_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (owner, seller) = (app.person(Role::SalesManager).await, app.person(Role::Salesperson).await);
    let (first, made) = customer(&admin, json!(owner.id())).await;
    let bob = bodies::id(&admin.post("/v1/contacts", bodies::contact("bob@x.ee")).await.expect(201));
    let origin = again(json!({"kind": "upsell", "lead_id": id_of(&first)}));
    let new = admin.post("/v1/leads", bodies::with(origin.clone(), json!({"contact_id": bob}))).await.expect(201);
    assert_eq!(
        (&new["contact_id"], &new["account_id"], &new["owner_id"]),
        (&json!(bob), &Value::Null, &json!(owner.id()))
    );
    let new = seller.post("/v1/leads", origin).await.expect(201);
    assert_eq!((&new["owner_id"], &new["contact_id"]), (&json!(seller.id()), &made["contact"]["id"]));
}

#[tokio::test]
async fn an_origin_must_be_there_and_be_this_workspaces() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let theirs = id_of(&stranger(&app.other_workspace().admin().await).await);
    let post =
        |origin: Value| admin.post("/v1/leads", bodies::with(again(origin), json!({"captured": {"last_name": "x"}})));
    post(json!({"kind": "upsell"})).await.expect_invalid(&["/origin"]);
    let both = json!({"kind": "upsell", "lead_id": theirs, "opportunity_id": theirs});
    post(both).await.expect_invalid(&["/origin/lead_id", "/origin/opportunity_id"]);
    post(json!({"kind": "gift", "lead_id": theirs, "size": 1})).await.expect_invalid(&["/origin/kind", "/origin/size"]);
    let ann = crate::merges::contact(&admin, bodies::contact("ann@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &ann, "Cars").await);
    merge_leads(&admin, &one, &other).await;
    post(json!({"kind": "upsell", "lead_id": other})).await.expect_invalid(&["/origin/lead_id"]);
}

#[tokio::test]
async fn an_origin_that_is_deleted_leaves_the_kind() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = stranger(&admin).await;
    let body = bodies::with(
        again(json!({"kind": "upsell", "lead_id": id_of(&first)})),
        json!({"captured": {"last_name": "x"}}),
    );
    let new = path(&admin.post("/v1/leads", body).await.expect(201));
    admin.delete(&first).await.expect(204);
    let origin = admin.get(&new).await.expect(200)["origin"].clone();
    assert_eq!(origin, json!({"kind": "upsell", "lead_id": null, "opportunity_id": null}));
    admin.delete(&new).await.expect(204);
}

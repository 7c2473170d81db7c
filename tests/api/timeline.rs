//! A contact's timeline and overview.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::{day, live_model, newcomers};
use crate::support::{Person, TestApp, bodies};

/// A contact of an account with a lead of each of two topics, and what they did; contact and leads.
async fn ann(app: &TestApp, admin: &Person) -> (String, [String; 2]) {
    app.clock.set(day(1));
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let ann = bodies::with(bodies::contact("ann@example.com"), json!({"account_id": account}));
    let ann = bodies::id(&admin.post("/v1/contacts", ann).await.expect(201));
    let mut leads = Vec::new();
    for (topic, on) in [("Warehouse", 2), ("Payroll", 3)] {
        app.clock.set(day(on));
        let lead = json!({"contact_id": ann, "topic": topic, "source": "web"});
        leads.push(bodies::id(&admin.post("/v1/leads", lead).await.expect(201)));
    }
    (ann, leads.try_into().unwrap())
}

async fn did(admin: &Person, contact: &str, kind: &str, on: i64, more: Value) {
    let body = bodies::with(json!({"kind": kind, "occurred_at": day(on), "contact_id": contact}), more);
    admin.post("/v1/interactions", body).await.expect(201);
}

/// What a page tells: each entry's category and type.
fn told(page: &Value) -> Vec<String> {
    let entries = page["data"].as_array().unwrap().iter();
    entries.map(|it| format!("{} {}", it["category"].as_str().unwrap(), it["type"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn everything_around_a_contact_is_told_newest_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (ann, [warehouse, _]) = ann(&app, &admin).await;
    app.clock.set(day(4));
    did(&admin, &ann, "asset_downloaded", 4, json!({"asset": "white-paper"})).await;
    app.clock.set(day(5));
    did(&admin, &ann, "call", 5, json!({"sender_id": admin.id()})).await;
    app.clock.set(day(6));
    did(&admin, &ann, "message", 6, json!({"properties": {"subject": "Offer"}})).await;
    app.clock.set(day(7));
    admin.post(&format!("/v1/leads/{warehouse}/transitions"), json!({"to": "sales_acceptance"})).await.expect(201);

    let page = admin.get(&format!("/v1/contacts/{ann}/timeline")).await.expect(200);
    let told = told(&page);
    let expected = ["stage_change lead.stage_changed", "message message", "activity call"];
    assert_eq!(told[..3], expected.map(str::to_owned), "{told:?}");
    assert!(told.contains(&"interaction asset_downloaded".to_owned()));
    assert_eq!(told.iter().filter(|it| *it == "score_change lead.scored").count(), 2, "of each lead: {told:?}");
    assert_eq!(told.last().unwrap(), "fact contact.created");
    let newest = &page["data"][0];
    assert_eq!((&newest["lead_id"], &newest["data"]["to"]), (&json!(warehouse), &json!("sales_acceptance")));
    assert_eq!(page["data"][1]["interaction"]["properties"]["subject"], "Offer");
    let backwards = admin.get(&format!("/v1/contacts/{ann}/timeline?sort=at")).await.expect(200);
    let mut reversed = page["data"].as_array().unwrap().clone();
    reversed.reverse();
    assert_eq!(backwards["data"], json!(reversed));
}

#[tokio::test]
async fn what_was_told_of_late_stands_where_it_happened() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (ann, _) = ann(&app, &admin).await;
    app.clock.set(day(9));
    did(&admin, &ann, "page_visited", 9, json!({})).await;
    did(&admin, &ann, "email_opened", 2, json!({})).await;
    let page = admin.get(&format!("/v1/contacts/{ann}/timeline?categories=interaction")).await.expect(200);
    assert_eq!(told(&page), ["interaction page_visited", "interaction email_opened"]);
    assert_eq!(page["data"][1]["at"], json!(day(2)));
}

#[tokio::test]
async fn pages_tell_everything_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (ann, _) = ann(&app, &admin).await;
    app.clock.set(day(5));
    for on in [2, 3, 3, 4, 5] {
        did(&admin, &ann, "page_visited", on, json!({})).await;
    }
    let path = format!("/v1/contacts/{ann}/timeline");
    let whole = admin.get(&path).await.expect(200);
    for sort in ["-at", "at"] {
        let mut pages = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = admin.get(&format!("{path}?limit=2&sort={sort}{cursor}")).await.expect(200);
            pages.extend(page["data"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        if sort == "at" {
            pages.reverse();
        }
        assert_eq!(json!(pages), whole["data"], "{sort}");
    }
}

#[tokio::test]
async fn a_timeline_is_narrowed_to_sorts_of_things() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (ann, _) = ann(&app, &admin).await;
    app.clock.set(day(5));
    did(&admin, &ann, "asset_downloaded", 5, json!({})).await;
    did(&admin, &ann, "message", 5, json!({})).await;
    did(&admin, &ann, "meeting", 5, json!({"sender_id": admin.id()})).await;
    let all = admin.get(&format!("/v1/contacts/{ann}/timeline?limit=200")).await.expect(200);
    let mut parts = 0;
    for category in ["interaction", "activity", "message", "stage_change", "score_change", "fact"] {
        let path = format!("/v1/contacts/{ann}/timeline?limit=200&categories={category}");
        let part = admin.get(&path).await.expect(200);
        let part = part["data"].as_array().unwrap();
        assert!(!part.is_empty() && part.iter().all(|entry| entry["category"] == category), "{category}");
        parts += part.len();
    }
    assert_eq!(parts, all["data"].as_array().unwrap().len());
    let two = admin.get(&format!("/v1/contacts/{ann}/timeline?categories=message,activity")).await.expect(200);
    assert_eq!(two["data"].as_array().unwrap().len(), 2);
    let none = format!("/v1/contacts/{ann}/timeline?categories=gossip");
    admin.get(&none).await.expect_problem(400, "invalid-parameter");
}

#[tokio::test]
async fn who_works_a_lead_is_told_and_what_users_were_alerted_of_is_not_told_twice() {
    let app = TestApp::start().await;
    let (admin, seller) = (app.admin().await, app.person(Role::Salesperson).await);
    let (ann, [warehouse, _]) = ann(&app, &admin).await;
    let body = json!({"owner_id": seller.id()});
    admin.post(&format!("/v1/leads/{warehouse}/assignment"), body).await.expect(201);
    assert_eq!(seller.get("/v1/alerts").await.expect(200)["data"].as_array().unwrap().len(), 1);
    let told = told(&admin.get(&format!("/v1/contacts/{ann}/timeline?categories=fact")).await.expect(200));
    assert!(told.contains(&"fact lead.assigned".to_owned()), "{told:?}");
    assert!(!told.contains(&"fact alert.raised".to_owned()), "{told:?}");
}

#[tokio::test]
async fn what_became_of_a_lead_before_it_was_linked_is_told_as_well() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let loose = json!({"captured": {"last_name": "Lee"}, "topic": "Software", "source": "web"});
    let loose = bodies::id(&admin.post("/v1/leads", loose).await.expect(201));
    app.wait_seconds(60);
    let ann = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    admin.patch(&format!("/v1/leads/{loose}"), json!({"contact_id": ann})).await.expect(200);
    let page = admin.get(&format!("/v1/contacts/{ann}/timeline?sort=at")).await.expect(200);
    assert_eq!(told(&page)[0], "fact lead.created");
}

#[tokio::test]
async fn one_call_gives_contact_account_leads_with_scores_and_the_latest() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (ann, [warehouse, payroll]) = ann(&app, &admin).await;
    app.clock.set(day(4));
    did(&admin, &ann, "asset_downloaded", 4, json!({})).await;

    let overview = app.person(Role::Salesperson).await.get(&format!("/v1/contacts/{ann}/overview?limit=3")).await;
    let overview = overview.expect(200);
    assert_eq!(overview["contact"], admin.get(&format!("/v1/contacts/{ann}")).await.expect(200));
    assert_eq!(overview["account"]["name"], "Contoso");
    let leads: Vec<&Value> = overview["leads"].as_array().unwrap().iter().map(|lead| &lead["id"]).collect();
    assert_eq!((leads, &overview["leads_total"]), (vec![&json!(payroll), &json!(warehouse)], &json!(2)));
    for lead in overview["leads"].as_array().unwrap() {
        assert_eq!(lead["stage"], "marketing_qualification");
        assert_eq!(lead["scores"][0]["score"], 30);
    }
    let timeline = admin.get(&format!("/v1/contacts/{ann}/timeline?limit=3")).await.expect(200);
    assert_eq!(overview["timeline"], timeline);
    assert!(timeline["next_cursor"].is_string());
}

#[tokio::test]
async fn scores_in_an_overview_are_as_of_the_moment_of_reading() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (ann, _) = ann(&app, &admin).await;
    did(&admin, &ann, "email_opened", 3, json!({})).await;
    app.clock.set(day(20));
    let path = format!("/v1/contacts/{ann}/overview");
    assert_eq!(admin.get(&path).await.expect(200)["leads"][0]["scores"][0]["score"], 5);
    app.clock.set(day(40));
    assert_eq!(admin.get(&path).await.expect(200)["leads"][0]["scores"][0]["score"], 1, "the window has closed");
}

#[tokio::test]
async fn nobody_sees_a_strangers_timeline_or_more_than_they_may() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (ann, _) = ann(&app, &admin).await;
    let stranger = app.other_workspace().admin().await;
    let narrow = app.integration(&["contacts:read", "leads:read", "accounts:read", "scoring:read"]).await;
    for what in ["timeline", "overview"] {
        let path = format!("/v1/contacts/{ann}/{what}");
        stranger.get(&path).await.expect_problem(404, "not-found");
        narrow.get(&path).await.expect_problem(403, "forbidden");
        app.person(Role::Viewer).await.get(&path).await.expect(200);
    }
    admin.get(&format!("/v1/contacts/{ann}/overview?limit=0")).await.expect_problem(400, "invalid-parameter");
    admin.get(&format!("/v1/contacts/{ann}/timeline?sort=name")).await.expect_problem(400, "invalid-parameter");
}

//! How long leads may stay in a stage, and what happens when they stay longer.

use std::time::Duration;

use ripen::auth::scope::Role;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use crate::flags::mark;
use crate::merges;
use crate::processes::{lead, reshape};
use crate::scoring::{events, live_model};
use crate::support::{Options, Person, TestApp, bodies};

/// A service whose sweeper looks every few milliseconds; it is Monday, 2026-03-02, 09:00.
async fn swept() -> TestApp {
    let often = Some(Duration::from_millis(20));
    TestApp::start_with(Options { sweep_every: often, ..Options::default() }).await
}

/// Gives leads two hours in inquiry, hot ones one.
async fn limited(admin: &Person) {
    let level = json!({"default_minutes": 120, "by_temperature": {"hot": 60}});
    reshape(admin, json!({"inquiry": {"service_level": level}})).await;
}

async fn deadline(admin: &Person, lead: &str) -> Value {
    admin.get(&format!("{lead}/process")).await.expect(200)["deadline"].clone()
}

fn at(text: &str) -> Value {
    json!(Timestamp::parse(text).unwrap())
}

async fn breaches(admin: &Person, query: &str) -> Vec<Value> {
    admin.get(&format!("/v1/service-level-breaches?{query}")).await.expect(200)["data"].as_array().unwrap().clone()
}

/// Waits until there are `number` breaches; gives them.
async fn breached(admin: &Person, number: usize) -> Vec<Value> {
    for _ in 0..400 {
        let found = breaches(admin, "sort=due_at").await;
        if found.len() == number {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("there are other breaches than {number}: {:#?}", breaches(admin, "").await);
}

/// Lets the sweeper look at everything.
async fn swept_once() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn a_lead_that_stays_too_long_is_found_once() {
    let app = swept().await;
    let admin = app.admin().await;
    limited(&admin).await;
    let lead = lead(&admin).await;
    let seller = app.person(Role::Salesperson).await;
    admin.patch(&lead, json!({"owner_id": seller.id()})).await.expect(200);
    assert_eq!(deadline(&admin, &lead).await, at("2026-03-02T11:00:00Z"));
    app.wait_seconds(7_199);
    swept_once().await;
    assert_eq!(breaches(&admin, "").await, [] as [Value; 0]);
    assert_eq!(admin.get("/v1/leads?overdue=true").await.expect(200)["data"], json!([]));

    app.wait_seconds(1);
    let found = breached(&admin, 1).await;
    let breach = &found[0];
    assert_eq!((&breach["due_at"], &breach["since"]), (&at("2026-03-02T11:00:00Z"), &at("2026-03-02T09:00:00Z")));
    assert_eq!((&breach["stage"], &breach["owner_id"]), (&json!("inquiry"), &json!(seller.id())));
    let id = breach["lead_id"].as_str().unwrap();
    assert!(lead.ends_with(id));
    let told = events(&admin, id, "lead.service_level_breached").await;
    assert_eq!((told.len(), &told[0]["data"]["breach"]), (1, breach));
    let late = admin.get("/v1/leads?overdue=true&count=true").await.expect(200);
    assert_eq!((&late["total"], &late["data"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(admin.get(&format!("{lead}/process")).await.expect(200)["is_overdue"], true);

    app.wait_days(3);
    swept_once().await;
    assert_eq!(breached(&admin, 1).await.len(), 1);
}

#[tokio::test]
async fn a_lead_that_leaves_its_stage_in_time_is_never_late() {
    let app = swept().await;
    let admin = app.admin().await;
    limited(&admin).await;
    let (gone, stays) = (lead(&admin).await, lead(&admin).await);
    app.wait_seconds(3_600);
    admin.post(&format!("{gone}/transitions"), json!({"next": true})).await.expect(201);
    assert_eq!(deadline(&admin, &gone).await, Value::Null);
    app.wait_days(1);
    assert!(stays.ends_with(breached(&admin, 1).await[0]["lead_id"].as_str().unwrap()));
    // It leaves, and is not late any more; back in the stage it has its time anew.
    admin.post(&format!("{stays}/transitions"), json!({"next": true})).await.expect(201);
    assert_eq!(admin.get("/v1/leads?overdue=true").await.expect(200)["data"], json!([]));
    assert_eq!(admin.get("/v1/leads?overdue=false&count=true").await.expect(200)["total"], 2);
    admin.post(&format!("{stays}/transitions"), json!({"to": "inquiry"})).await.expect(201);
    assert_eq!(deadline(&admin, &stays).await, json!(app.now().plus_seconds(7_200)));
    app.wait_seconds(7_200);
    breached(&admin, 2).await;
}

#[tokio::test]
async fn a_lead_that_grows_hot_has_less_time_from_the_same_beginning() {
    let app = swept().await;
    let admin = app.admin().await;
    limited(&admin).await;
    // Hot by score, but not moved on by it.
    let off = json!({"automatic_moves": {"first_score": false}});
    admin.patch_version("/v1/settings", 1, off).await.expect(200);
    let call = json!([{"interaction": "call", "frequency": "each"}]);
    let rules = json!([{"key": "call", "points": 70, "when": call}]);
    live_model(&admin, json!({"name": "Calls", "target": "contact", "rules": rules})).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    assert_eq!(deadline(&admin, &lead).await, at("2026-03-02T11:00:00Z"));
    app.wait_seconds(4_000);
    let call = json!({"kind": "call", "occurred_at": app.now(), "contact_id": contact});
    admin.post("/v1/interactions", call).await.expect(201);
    assert_eq!(deadline(&admin, &lead).await, at("2026-03-02T10:00:00Z"));
    assert_eq!(breached(&admin, 1).await[0]["temperature"], "hot");
}

#[tokio::test]
async fn another_service_level_counts_for_the_leads_that_are_there() {
    let app = swept().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    app.wait_seconds(3_600);
    let level = |minutes: i64| json!({"inquiry": {"service_level": {"default_minutes": minutes}}});
    reshape(&admin, level(90)).await;
    assert_eq!(deadline(&admin, &lead).await, at("2026-03-02T10:30:00Z"));
    reshape(&admin, level(600)).await;
    swept_once().await;
    app.wait_seconds(3_600);
    swept_once().await;
    assert_eq!(breaches(&admin, "").await.len(), 0);
    reshape(&admin, level(30)).await;
    assert_eq!(breached(&admin, 1).await[0]["due_at"], at("2026-03-02T09:30:00Z"));
    // Who was late stays so.
    reshape(&admin, json!({"inquiry": {"service_level": null}})).await;
    assert_eq!(admin.get("/v1/leads?overdue=true&count=true").await.expect(200)["total"], 1);
}

#[tokio::test]
async fn only_working_time_counts_where_there_is_a_calendar() {
    let app = swept().await;
    let admin = app.admin().await;
    limited(&admin).await;
    let lead = lead(&admin).await;
    let days: Vec<Value> = ["monday", "tuesday", "wednesday", "thursday", "friday"]
        .iter()
        .map(|day| json!({"day": day, "from": "09:00", "until": "12:00"}))
        .collect();
    let calendar = json!({"time_zone": "Europe/Tallinn", "days": days, "holidays": ["2026-03-03"]});
    admin.patch_version("/v1/settings", 1, json!({"working_calendar": calendar})).await.expect(200);
    // 09:00Z is 11:00 in Tallinn: an hour is left of Monday, Tuesday is a holiday.
    assert_eq!(deadline(&admin, &lead).await, at("2026-03-04T08:00:00Z"));
    app.wait_days(1);
    swept_once().await;
    assert_eq!(breaches(&admin, "").await.len(), 0);
    app.wait_days(1);
    assert_eq!(breached(&admin, 1).await[0]["due_at"], at("2026-03-04T08:00:00Z"));
}

#[tokio::test]
async fn a_calendar_that_makes_no_sense_is_refused_with_every_reason() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let hours = |from: &str, until: &str| json!({"day": "monday", "from": from, "until": until});
    let calendar = json!({"time_zone": "Mars/Base", "days": [hours("12:00", "09:00"), hours("09:00", "09:10")],
        "holidays": ["yesterday"]});
    let change = json!({"working_calendar": calendar});
    let pointers = ["time_zone", "days/0", "days", "holidays/0"].map(|place| format!("/working_calendar/{place}"));
    let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
    admin.patch_version("/v1/settings", 1, change).await.expect_invalid(&pointers);
    let empty = json!({"working_calendar": {"time_zone": "UTC", "days": []}});
    admin.patch_version("/v1/settings", 1, empty).await.expect_invalid(&["/working_calendar/days"]);
}

#[tokio::test]
async fn breaches_are_listed_and_counted_by_owner_stage_and_time() {
    let app = swept().await;
    let admin = app.admin().await;
    let level = json!({"service_level": {"default_minutes": 60}});
    reshape(&admin, json!({"inquiry": level, "sales_acceptance": level})).await;
    let (ours, theirs) = (lead(&admin).await, lead(&admin).await);
    let seller = app.person(Role::Salesperson).await;
    admin.patch(&ours, json!({"owner_id": seller.id()})).await.expect(200);
    app.wait_seconds(1_800);
    mark(&admin, &theirs, "sales_ready").await.expect(200);
    app.wait_days(1);
    breached(&admin, 2).await;
    for (query, number) in [
        (format!("owner_id={}", seller.id()), 1),
        ("stage=inquiry".to_owned(), 1),
        ("stage=sales_acceptance&process=lead_to_opportunity_marketing".to_owned(), 1),
        ("process=other".to_owned(), 0),
        (format!("lead_id={}", theirs.rsplit('/').next().unwrap()), 1),
        ("from=2026-03-02T10:00:00Z&until=2026-03-02T10:30:00Z".to_owned(), 1),
        ("from=2026-03-02T10:00:00Z&until=2026-03-02T10:30:01Z".to_owned(), 2),
    ] {
        assert_eq!(breaches(&admin, &query).await.len(), number, "{query}");
        let counted = admin.get(&format!("/v1/service-level-breaches?count=true&limit=1&{query}")).await.expect(200);
        assert_eq!(counted["total"], number, "{query}");
    }
    let first = admin.get("/v1/service-level-breaches?limit=1").await.expect(200);
    assert_eq!(first["data"][0]["stage"], "sales_acceptance");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("/v1/service-level-breaches?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&second["data"][0]["stage"], &second["next_cursor"]), (&json!("inquiry"), &Value::Null));
    admin
        .get("/v1/service-level-breaches?from=2026-03-03T00:00:00Z&until=2026-03-02T00:00:00Z")
        .await
        .expect_bad_parameter("from");
    let stranger = app.other_workspace().admin().await;
    assert_eq!(breaches(&stranger, "").await.len(), 0);
}

#[tokio::test]
async fn breaches_move_when_leads_become_one_and_back_and_a_merged_lead_is_never_late() {
    let app = swept().await;
    let admin = app.admin().await;
    limited(&admin).await;
    let contact = merges::contact(&admin, bodies::contact("ann@example.com")).await;
    let first = merges::lead(&admin, &contact, "Fleet").await;
    admin.post(&format!("/v1/leads/{first}/transitions"), json!({"next": true})).await.expect(201);
    app.wait_seconds(1);
    let second = merges::lead(&admin, &contact, "Fleet").await;
    app.wait_seconds(7_200);
    breached(&admin, 1).await;
    let merge = merges::merge_leads(&admin, &first, &second).await;
    assert_eq!(breaches(&admin, &format!("lead_id={first}")).await.len(), 1);
    assert_eq!(admin.get("/v1/leads?overdue=true").await.expect(200)["data"], json!([]));
    app.wait_days(1);
    swept_once().await;
    merges::undo(&admin, &merge).await;
    assert_eq!(breaches(&admin, &format!("lead_id={second}")).await.len(), 1);
    assert_eq!(deadline(&admin, &format!("/v1/leads/{second}")).await, json!(app.now().plus_seconds(7_200)));
    admin.delete(&format!("/v1/leads/{second}")).await.expect(204);
    assert_eq!(breaches(&admin, "").await.len(), 0);
}

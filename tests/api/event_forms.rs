//! Events: registration and attendance, and one lead for each contact (CAP-7).

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::submissions::{Site, at_once, execute, scope};
use crate::support::{Answer, bodies};

async fn event() -> Site {
    event_with(json!({})).await
}

async fn event_with(changes: Value) -> Site {
    let event = json!({
        "kind": "event", "source": "event",
        "event": {"starts_at": "2026-03-05T09:00:00Z", "ends_at": "2026-03-05T17:00:00Z", "place": "Tallinn"},
    });
    Site::with(bodies::with(event, changes)).await
}

async fn attend(site: &Site, body: Value) -> Answer {
    site.admin.post(&format!("/v1/forms/{}/attendances", bodies::id(&site.form)), body).await
}

/// The kinds of all interactions, earliest first.
async fn kinds(site: &Site) -> Vec<String> {
    let interactions = site.list("/v1/interactions?limit=200&sort=occurred_at").await;
    interactions.iter().map(|interaction| interaction["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn registering_and_attending_are_two_interactions_of_one_lead() {
    let site = event().await;
    assert_eq!(site.form["event"]["place"], "Tallinn");
    let registration = site.submit(json!({"email": "ann@example.com"})).await;
    site.app.wait_days(3);
    let attendance = attend(&site, json!({"submission_id": registration})).await.expect(201);
    assert_eq!(kinds(&site).await, ["event_registered", "event_attended"]);
    assert_eq!(site.counts().await, [1, 1, 2, 1]);
    let (contact, lead) = (site.contact().await, site.lead().await);
    assert_eq!((&attendance["contact_id"], &attendance["lead_id"]), (&contact["id"], &lead["id"]));
    let recorded = site.list("/v1/interactions?kind=event_attended").await[0].clone();
    assert_eq!((&recorded["id"], &recorded["form_id"]), (&attendance["interaction_id"], &site.form["id"]));
    assert_eq!((&recorded["contact_id"], &recorded["campaign"]), (&contact["id"], &json!("spring-2026")));
    assert_eq!((&recorded["occurred_at"], &recorded["lead_id"]), (&json!(site.app.now()), &lead["id"]));
}

#[tokio::test]
async fn however_somebody_is_told_of_they_attend_once() {
    let site = event().await;
    let registration = site.submit(json!({"email": "ann@example.com"})).await;
    let contact = site.contact().await["id"].clone();
    let first = attend(&site, json!({"contact_id": contact, "attended_at": "2026-03-02T08:00:00Z"})).await.expect(201);
    for again in [
        json!({"contact_id": contact}),
        json!({"submission_id": registration}),
        json!({"fields": {"email": "ANN@example.com"}}),
        json!({"fields": {"email": "ann@example.com", "first_name": "Ann"}, "attended_at": "2026-03-02T08:30:00Z"}),
    ] {
        assert_eq!(attend(&site, again).await.expect(200), first);
    }
    assert_eq!(site.counts().await, [1, 1, 2, 1]);
}

#[tokio::test]
async fn whoever_walks_in_is_matched_or_created_and_has_a_lead() {
    let site = event().await;
    let known = site.admin.post("/v1/contacts", bodies::contact("bob@example.com")).await.expect(201);
    let walked_in =
        attend(&site, json!({"fields": {"email": "ann@example.com", "company": "Contoso"}})).await.expect(201);
    let matched = attend(&site, json!({"fields": {"email": "bob@example.com"}})).await.expect(201);
    let named = site.admin.post("/v1/contacts", bodies::contact("eve@example.com")).await.expect(201);
    let by_id = attend(&site, json!({"contact_id": named["id"]})).await.expect(201);
    assert_eq!((&matched["contact_id"], &by_id["contact_id"]), (&known["id"], &named["id"]));
    assert_eq!(site.counts().await, [3, 3, 3, 2]);
    assert_eq!(kinds(&site).await, ["event_attended"; 3]);
    for attendance in [walked_in, matched, by_id] {
        let lead = site.admin.get(&format!("/v1/leads/{}", attendance["lead_id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&lead["contact_id"], &lead["form_id"]), (&attendance["contact_id"], &site.form["id"]));
    }
    // A registration that comes afterwards is one, whatever was said at the door.
    site.submit(json!({"email": "ann@example.com", "company": "Contoso"})).await;
    assert_eq!(site.counts().await, [3, 3, 4, 3]);
}

#[tokio::test]
async fn whoever_is_not_to_become_a_contact_attends_once_all_the_same() {
    for (writes, counts) in [("none", [0, 0, 1, 1]), ("lead", [0, 1, 1, 1]), ("contact", [1, 0, 1, 1])] {
        let site = event_with(json!({"writes": writes})).await;
        let body = json!({"fields": {"email": "ann@example.com"}});
        let first = attend(&site, body.clone()).await.expect(201);
        assert_eq!(attend(&site, body.clone()).await.expect(200), first, "{writes}");
        assert_eq!(site.counts().await, counts, "{writes}");
        // Somebody makes her known, and the waiting attendance is hers; she came but once.
        if writes != "contact" {
            let ann = site.admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201);
            let again = attend(&site, json!({"contact_id": ann["id"]})).await.expect(200);
            assert_eq!(again["interaction_id"], first["interaction_id"], "{writes}");
        }
        assert_eq!(site.count("/v1/interactions").await, 1, "{writes}");
    }
}

#[tokio::test]
async fn whoever_was_merged_came_as_the_one_they_are_now() {
    let site = event().await;
    let ann = attend(&site, json!({"fields": {"email": "ann@example.com"}})).await.expect(201);
    let other = site.admin.post("/v1/contacts", bodies::contact("anna@example.com")).await.expect(201);
    let (ann, other) = (ann["contact_id"].as_str().unwrap().to_owned(), bodies::id(&other));
    let merge = site.admin.post(&format!("/v1/contacts/{other}/merges"), json!({"other_id": ann})).await;
    assert_eq!(merge.status(), 201, "{}", merge.text());
    for again in
        [json!({"contact_id": ann}), json!({"contact_id": other}), json!({"fields": {"email": "anna@example.com"}})]
    {
        attend(&site, again).await.expect(200);
    }
    assert_eq!(site.count("/v1/interactions?kind=event_attended").await, 1);
}

#[tokio::test]
async fn a_person_has_one_lead_for_the_event_however_often_they_register() {
    let site = event().await;
    for number in 0..3 {
        site.submit(json!({"email": "ann@example.com", "size": format!("{number}")})).await;
        site.app.wait_seconds(600);
    }
    assert_eq!(site.counts().await, [1, 1, 3, 3]);
    let closing = "UPDATE leads SET status = 'disqualified' WHERE form_id IS NOT NULL";
    site.app.state.db.write(scope(&site), move |tx| execute(tx, closing)).await.unwrap();
    let late = site.submit(json!({"email": "ann@example.com", "size": "late"})).await;
    attend(&site, json!({"fields": {"email": "ann@example.com"}})).await.expect(201);
    assert_eq!(site.counts().await, [1, 1, 5, 5]);
    let became = site.became(&late).await;
    assert_eq!(
        (&became["outcome"]["lead"]["effect"], &became["lead_id"]),
        (&json!("linked"), &site.lead().await["id"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_registrations_of_one_person_at_once_are_one_lead() {
    let site = event().await;
    let answer = |number| json!({"fields": {"email": "ann@example.com", "size": format!("{number}")}});
    at_once(&site, (0..64).map(answer).collect()).await;
    assert_eq!(site.counts().await, [1, 1, 64, 64]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_attendance_told_by_many_at_once_is_one() {
    let site = event().await;
    let telling = (0..16).map(|_| attend(&site, json!({"fields": {"email": "ann@example.com"}})));
    let heard: Vec<u16> = futures_util::future::join_all(telling).await.iter().map(Answer::status).collect();
    assert!(heard.iter().all(|status| [200, 201].contains(status)), "{heard:?}");
    assert_eq!(heard.iter().filter(|status| **status == 201).count(), 1, "{heard:?}");
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn of_a_list_each_item_has_a_result_of_its_own() {
    let site = event().await;
    let other = Site::open().await;
    let elsewhere = other.submit(json!({"email": "eve@example.com"})).await;
    let answer = attend(
        &site,
        json!([
            {"fields": {"email": "ann@example.com"}},
            {"fields": {"email": "ann@"}},
            {"fields": {"email": "ann@example.com"}},
            {"contact_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"},
            {"submission_id": elsewhere},
            {"email": "ann@example.com"},
            {"fields": {"email": "bob@example.com"}},
        ]),
    );
    let results = answer.await.expect(200)["results"].as_array().unwrap().clone();
    let statuses: Vec<i64> = results.iter().map(|result| result["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [201, 422, 200, 422, 422, 422, 201]);
    assert_eq!(results[0]["recorded"], results[2]["recorded"]);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/fields/email");
    assert_eq!(site.counts().await, [2, 2, 2, 2]);
}

#[tokio::test]
async fn an_attendance_says_who_came_once_and_when_no_later_than_now() {
    let site = event().await;
    let contact = site.admin.post("/v1/contacts", bodies::contact("bob@example.com")).await.expect(201)["id"].clone();
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"contact_id": contact, "fields": {"email": "bob@example.com"}}), ""),
        (json!({"contact_id": contact, "attended_at": "2026-03-02T09:06:00Z"}), "/attended_at"),
        (json!({"fields": {}}), "/fields"),
        (json!({"fields": {"size": "5"}}), "/fields"),
        (json!({"fields": {"colour": "red", "email": "a@x.ee"}}), "/fields/colour"),
        (json!({"contact_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"}), "/contact_id"),
    ] {
        attend(&site, body).await.expect_invalid(&[pointer]);
    }
    assert_eq!(site.counts().await, [1, 0, 0, 0]);
    attend(&site, json!({"contact_id": contact, "attended_at": "2026-03-02T09:05:00Z"})).await.expect(201);
}

#[tokio::test]
async fn only_a_published_event_has_attendances_and_a_stopped_one_still_does() {
    let page = Site::open().await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    attend(&page, body.clone()).await.expect_problem(409, "conflict");
    let site = event().await;
    let path = format!("/v1/forms/{}", bodies::id(&site.form));
    site.admin.post(&format!("{path}/stop"), Value::Null).await.expect(200);
    attend(&site, body.clone()).await.expect(201);
    let viewer = site.app.person(Role::Viewer).await;
    viewer.post(&format!("{path}/attendances"), body.clone()).await.expect_problem(403, "forbidden");
    let stranger = site.app.other_workspace().admin().await;
    stranger.post(&format!("{path}/attendances"), body).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn an_event_that_cannot_be_is_refused() {
    let site = Site::open().await;
    let event = json!({"starts_at": "2026-05-01T10:00:00Z", "ends_at": "2026-05-01T09:00:00Z"});
    let wrong = json!({"kind": "event", "always_create_lead": true, "event": event});
    let answer = site.admin.post("/v1/forms", bodies::with(crate::submissions::form(), wrong)).await;
    answer.expect_invalid(&["/always_create_lead", "/event/ends_at"]);
    let answer = site.admin.post("/v1/forms", bodies::with(crate::submissions::form(), json!({"event": event}))).await;
    answer.expect_invalid(&["/event"]);
}

#[tokio::test]
async fn attending_scores_as_attending() {
    let site = event().await;
    let model = json!({
        "name": "Events", "target": "contact", "sales_ready_score": 100, "groups": [],
        "rules": [
            {"key": "came", "points": 40, "when": [{"interaction": "event_attended", "frequency": "each"}]},
            {"key": "signed_up", "points": 5, "when": [{"interaction": "event_registered", "frequency": "each"}]},
        ],
        "grades": [{"name": "cold", "to": 25}, {"name": "hot", "from": 26}],
    });
    crate::scoring::live_model(&site.admin, model).await;
    site.submit(json!({"email": "ann@example.com"})).await;
    assert_eq!(site.lead().await["score"], 5);
    attend(&site, json!({"fields": {"email": "ann@example.com"}})).await.expect(201);
    assert_eq!(site.lead().await["score"], 45);
}

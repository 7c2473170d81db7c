//! Exactly once: repeats of a submission, and people who come at once.

use reqwest::Method;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use super::{PAGE, Site, at_once, form};
use crate::support::bodies;

#[tokio::test]
async fn the_same_answers_within_the_window_are_one_submission() {
    let site = Site::open().await;
    let fields = json!({"email": "ann@example.com", "size": "5"});
    let first = site.submit(fields.clone()).await;
    site.app.clock.set(Timestamp::from_micros(site.app.now().micros() + 50_000));
    assert_eq!(site.submit(fields.clone()).await, first);
    site.app.wait_seconds(60);
    assert_eq!(site.submit(json!({"size": " 5 ", "email": "ann@example.com", "question": ""})).await, first);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    site.app.wait_seconds(241);
    assert_ne!(site.submit(fields).await, first);
    assert_eq!(site.counts().await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn a_form_may_take_the_same_answers_again_at_once() {
    let site = Site::with(json!({"duplicate_window_s": 0})).await;
    let fields = json!({"email": "ann@example.com"});
    assert_ne!(site.submit(fields.clone()).await, site.submit(fields).await);
    assert_eq!(site.counts().await, [1, 1, 2, 2]);
}

#[tokio::test]
async fn the_id_that_a_page_gave_a_submission_makes_a_repeat_the_first_for_good() {
    let site = Site::open().await;
    let body = json!({"fields": {"email": "ann@example.com"}, "submission_id": "page-1"});
    let first = site.send(body.clone()).await.expect(202);
    site.app.wait_days(30);
    assert_eq!(site.send(body).await.expect(202), first);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let other = json!({"fields": {"email": "bob@example.com"}, "submission_id": "page-1"});
    site.send(other).await.expect_invalid(&["/submission_id"]);
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_answer_to_the_letter() {
    let site = Site::with(json!({"duplicate_window_s": 0})).await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").header("origin", PAGE).send().await;
    first.expect(202);
    for key in ["k-1", "\"k-1\""] {
        let again = site.request().json(&body).key(key).header("origin", PAGE).send().await;
        assert_eq!((again.status(), again.bytes()), (202, first.bytes()));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.header("access-control-allow-origin"), Some(PAGE));
    }
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let other = site.request().json(&json!({"fields": {"email": "bob@example.com"}})).key("k-1").send().await;
    other.expect_problem(422, "idempotency-key-reused");
    for key in ["", "a b", "\u{e4}", &"k".repeat(256)] {
        site.request().json(&body).key(key).send().await.expect_problem(400, "malformed-request");
    }
    let two = site.request().json(&body).key("a").key("b").send().await;
    two.expect_problem(400, "malformed-request");
}

#[tokio::test]
async fn a_key_that_met_a_mistake_of_the_visitor_serves_for_the_corrected_answers() {
    let site = Site::open().await;
    site.request()
        .json(&json!({"fields": {"email": "ann@"}}))
        .key("k-1")
        .send()
        .await
        .expect_invalid(&["/fields/email"]);
    site.request().json(&json!({"fields": {"email": "ann@example.com"}})).key("k-1").send().await.expect(202);
}

#[tokio::test]
async fn a_key_of_one_form_says_nothing_to_another() {
    let site = Site::open().await;
    let other = site.admin.post("/v1/forms", form()).await.expect(201);
    site.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&other)), Value::Null).await.expect(200);
    let path = format!("/v1/public/forms/{}/submissions", other["key"].as_str().unwrap());
    let body = json!({"fields": {"email": "ann@example.com"}});
    let first = site.request().json(&body).key("k-1").send().await.expect(202);
    let second = site.app.visitor().request(Method::POST, &path).json(&body).key("k-1").send().await.expect(202);
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_answers_of_one_new_person_at_once_are_one_contact_one_lead_and_all_their_interactions() {
    let site = Site::open().await;
    let answer = |number| json!({"fields": {"email": "ann@example.com", "question": format!("Question {number}?")}});
    let mut ids = at_once(&site, (0..64).map(answer).collect()).await;
    ids.dedup();
    assert_eq!((ids.len(), site.counts().await), (64, [1, 1, 64, 64]));
    let (contact, lead) = (site.contact().await, site.lead().await);
    for submission in site.list("/v1/submissions?limit=200").await {
        assert_eq!(submission["status"], "processed", "{submission}");
        assert_eq!((&submission["contact_id"], &submission["lead_id"]), (&contact["id"], &lead["id"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_identical_submissions_at_once_are_one() {
    let site = Site::open().await;
    for round in 0..3 {
        let body = json!({"fields": {"email": format!("ann-{round}@example.com"), "first_name": "Ann"}});
        let mut ids = at_once(&site, vec![body; 64]).await;
        ids.dedup();
        let so_far = round + 1;
        assert_eq!((ids.len(), site.counts().await), (1, [so_far; 4]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_who_share_a_company_and_a_phone_and_come_at_once_all_get_in() {
    let site = Site::open().await;
    let answer = |number| {
        json!({"fields": {"email": format!("p{}@example.com", number % 8), "phone": "+372 5551 2345",
            "company": "Contoso", "question": format!("{number}")}})
    };
    at_once(&site, (0..64).map(answer).collect()).await;
    assert_eq!((site.counts().await, site.count("/v1/accounts").await), ([8, 8, 64, 64], 1));
}

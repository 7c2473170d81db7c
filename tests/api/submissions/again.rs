//! Taking up again what failed (CAP-3).

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::Site;
use crate::support::{Answer, bodies};

/// A form that fails what has no e-mail address.
async fn strict() -> Site {
    Site::with(json!({"on_unmatchable": "fail", "fields": [
        {"name": "email", "maps_to": "contact.email"}, {"name": "first_name", "maps_to": "contact.first_name"},
        {"name": "phone", "maps_to": "contact.phone"}, {"name": "size"},
    ]}))
    .await
}

async fn failed(site: &Site) -> String {
    let id = site.submit(json!({"first_name": "Ann", "phone": "+372 5551 2345", "size": "5"})).await;
    assert_eq!(site.became(&id).await["status"], "failed");
    id
}

async fn retry(site: &Site, id: &str, body: Value) -> Answer {
    site.admin.post(&format!("/v1/submissions/{id}/retry"), body).await
}

#[tokio::test]
async fn a_failed_submission_is_corrected_and_counts_as_the_original() {
    let site = strict().await;
    let arrived = site.app.now();
    let id = failed(&site).await;
    site.app.wait_days(1);
    let corrections = json!({"as": "original", "fields": {"email": "ann@example.com", "phone": null}});
    let became = retry(&site, &id, corrections).await.expect(200);
    assert_eq!(
        (&became["status"], &became["reason"], &became["version"]),
        (&json!("processed"), &Value::Null, &json!(2))
    );
    assert_eq!(became["payload"]["fields"], json!({"email": "ann@example.com", "first_name": "Ann", "size": "5"}));
    let sent = json!({"first_name": "Ann", "phone": "+372 5551 2345", "size": "5"});
    assert_eq!(became["original_payload"]["fields"], sent);
    assert_eq!(site.counts().await, [1, 1, 1, 1]);
    let (contact, lead, interaction) =
        (site.contact().await, site.lead().await, site.list("/v1/interactions").await[0].clone());
    assert_eq!((&interaction["occurred_at"], &interaction["contact_id"]), (&json!(arrived), &contact["id"]));
    assert_eq!((&interaction["lead_id"], &became["interaction_id"]), (&lead["id"], &interaction["id"]));
    assert_eq!((&became["contact_id"], &became["received_at"]), (&contact["id"], &json!(arrived)));
}

#[tokio::test]
async fn a_failed_submission_may_count_as_a_new_one_and_is_an_interaction_of_its_own() {
    let site = strict().await;
    let arrived = site.app.now();
    let id = failed(&site).await;
    site.app.wait_days(1);
    let became = retry(&site, &id, json!({"as": "new", "fields": {"email": "ann@example.com"}})).await.expect(200);
    assert_eq!(site.counts().await, [1, 1, 2, 1]);
    let interactions = site.list("/v1/interactions?sort=occurred_at").await;
    let times: Vec<&Value> = interactions.iter().map(|interaction| &interaction["occurred_at"]).collect();
    assert_eq!(times, [&json!(arrived), &json!(site.app.now())]);
    assert_eq!(became["interaction_id"], interactions[1]["id"]);
    for interaction in &interactions {
        assert_eq!(interaction["contact_id"], became["contact_id"], "{interaction}");
    }
}

#[tokio::test]
async fn an_interaction_that_was_credited_to_the_wrong_person_goes_to_the_right_one() {
    let site = strict().await;
    crate::scoring::live_model(&site.admin, super::model()).await;
    let wrong = json!({"first_name": "Bob", "email": "bob@example.com", "phone": "+372 5551 2345"});
    let wrong = site.admin.post("/v1/contacts", wrong).await.expect(201);
    let id = failed(&site).await;
    assert_eq!(site.list("/v1/interactions").await[0]["contact_id"], wrong["id"]);
    let became = retry(&site, &id, json!({"as": "original", "fields": {"email": "ann@example.com"}})).await.expect(200);
    let interactions = site.list("/v1/interactions").await;
    assert_eq!(interactions.len(), 1);
    assert_eq!(
        (&interactions[0]["contact_id"], &became["contact_id"]),
        (&became["contact_id"], &interactions[0]["contact_id"])
    );
    assert_ne!(became["contact_id"], wrong["id"]);
    assert_eq!(site.lead().await["score"], 30);
}

#[tokio::test]
async fn one_that_fails_again_says_the_new_reason() {
    let site = strict().await;
    let id = failed(&site).await;
    let first = site.became(&id).await;
    let same = retry(&site, &id, json!({"as": "original"})).await.expect(200);
    assert_eq!((&same["status"], &same["reason"]), (&json!("failed"), &first["reason"]));
    assert_eq!((&same["original_payload"], &same["version"]), (&Value::Null, &json!(2)));
    let settings = site.admin.get("/v1/settings").await;
    let version = settings.header("etag").unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let change = json!({"sources": {"landing_page": null}});
    site.admin.patch_version("/v1/settings", version, change).await.expect(200);
    let corrected = json!({"as": "original", "fields": {"email": "ann@example.com"}});
    let became = retry(&site, &id, corrected).await.expect(200);
    assert_eq!(became["status"], "failed");
    assert!(became["reason"].as_str().unwrap().contains("/source"), "{became}");
    assert_eq!(site.counts().await, [0, 0, 1, 1]);
    assert_eq!(site.count("/v1/events?type=submission.failed").await, 3);
}

#[tokio::test]
async fn what_was_sent_first_stays_readable_however_often_it_is_corrected() {
    let site = strict().await;
    let id = failed(&site).await;
    for size in ["6", "7"] {
        retry(&site, &id, json!({"as": "original", "fields": {"size": size}})).await.expect(200);
    }
    let became = site.became(&id).await;
    assert_eq!(
        (&became["payload"]["fields"]["size"], &became["original_payload"]["fields"]["size"]),
        (&json!("7"), &json!("5"))
    );
}

#[tokio::test]
async fn corrections_that_the_form_does_not_accept_are_refused_and_change_nothing() {
    let site = strict().await;
    let id = failed(&site).await;
    let before = site.became(&id).await;
    let wrong = json!({"as": "original", "fields": {"email": "ann@", "colour": "red"}});
    retry(&site, &id, wrong).await.expect_invalid(&["/fields/email", "/fields/colour"]);
    retry(&site, &id, json!({"as": "copy", "fields": {"size": 5}})).await.expect_invalid(&["/as", "/fields/size"]);
    retry(&site, &id, json!({"consents": {"marketing": true}})).await.expect_invalid(&["/as", "/consents"]);
    assert_eq!(site.became(&id).await, before);
}

#[tokio::test]
async fn only_a_failed_submission_can_be_retried() {
    let site = strict().await;
    let good = site.submit(json!({"email": "ann@example.com"})).await;
    retry(&site, &good, json!({"as": "new"})).await.expect_problem(409, "conflict");
    let failed = failed(&site).await;
    site.admin.post(&format!("/v1/submissions/{failed}/release"), Value::Null).await.expect_problem(409, "conflict");
    let path = format!("/v1/submissions/{failed}/retry");
    site.app.person(Role::Viewer).await.post(&path, json!({"as": "new"})).await.expect_problem(403, "forbidden");
    let stranger = site.app.other_workspace().admin().await;
    stranger.post(&path, json!({"as": "new"})).await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_retry_at_once_process_it_once() {
    let site = strict().await;
    let id = failed(&site).await;
    let body = json!({"as": "new", "fields": {"email": "ann@example.com"}});
    let retrying = (0..32).map(|_| retry(&site, &id, body.clone()));
    let heard: Vec<u16> = futures_util::future::join_all(retrying).await.iter().map(Answer::status).collect();
    assert_eq!(heard.iter().filter(|status| **status == 200).count(), 1, "{heard:?}");
    assert!(heard.iter().all(|status| [200, 409].contains(status)), "{heard:?}");
    assert_eq!(site.counts().await, [1, 1, 2, 1]);
}

#[tokio::test]
async fn a_retry_with_a_key_is_carried_out_once() {
    let site = strict().await;
    let id = failed(&site).await;
    let path = format!("/v1/submissions/{id}/retry");
    let body = json!({"as": "new", "fields": {"email": "ann@example.com"}});
    let send = || site.admin.request(reqwest::Method::POST, &path).json(&body).key("k-1").send();
    let first = send().await;
    first.expect(200);
    let again = send().await;
    assert_eq!((again.bytes(), again.header("idempotency-replayed")), (first.bytes(), Some("true")));
}

#[tokio::test]
async fn a_submission_of_a_deleted_form_cannot_be_taken_up_again() {
    let site = strict().await;
    let id = failed(&site).await;
    let path = format!("/v1/forms/{}", bodies::id(&site.form));
    site.admin.request(reqwest::Method::DELETE, &path).if_version(2).send().await.expect(204);
    retry(&site, &id, json!({"as": "new"})).await.expect_problem(410, "gone");
    assert_eq!(site.became(&id).await["status"], "failed");
}

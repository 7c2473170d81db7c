//! A closed lead refuses changes, says what to do, and keeps what it has; what its contact does is recorded all the same.

use serde_json::{Value, json};

use super::{close, disqualify, entries, id_of, of_contact, qualify, stranger};
use crate::scoring::{day, live_model, record};
use crate::support::{Answer, TestApp, bodies};

#[track_caller]
fn told_to_reopen(answer: &Answer) {
    let problem = answer.expect_problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("reopen"), "{problem}");
}

#[tokio::test]
async fn a_closed_lead_refuses_every_change() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (lead, contact) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    let body = json!({"contact_id": id_of(&contact), "topic": "Other", "source": "web"});
    let other = super::path(&admin.post("/v1/leads", body).await.expect(201));
    close(&admin, &lead).await;
    let before = admin.get(&lead).await.expect(200);
    told_to_reopen(&admin.patch(&lead, json!({"topic": "More"})).await);
    told_to_reopen(&admin.patch(&lead, json!({"owner_id": admin.id()})).await);
    told_to_reopen(&admin.patch(&lead, json!({})).await);
    told_to_reopen(&admin.post(&format!("{lead}/transitions"), json!({"to": "sales_acceptance"})).await);
    told_to_reopen(&qualify(&admin, &lead, json!({})).await);
    told_to_reopen(&disqualify(&admin, &lead, json!({"reason": "other"})).await);
    let merge = json!({"other_id": id_of(&other)});
    admin.post(&format!("{lead}/merges"), merge.clone()).await.expect_problem(409, "conflict");
    admin.post(&format!("{lead}/merges/preview"), merge).await.expect_problem(409, "conflict");
    assert_eq!(admin.get(&lead).await.expect(200), before);
}

#[tokio::test]
async fn a_closed_lead_is_linked_with_nobody_and_the_job_says_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    close(&admin, &lead).await;
    let job = admin.post("/v1/leads/link-contacts", json!({"lead_ids": [id_of(&lead)]})).await;
    let job = admin.finished(job).await;
    let reason = job["result"]["reasons"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("reopen"), "{job}");
    assert_eq!(entries(&admin, "/v1/contacts").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_merge_is_not_undone_under_a_closed_lead() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = crate::merges::contact(&admin, bodies::contact("ann@x.ee")).await;
    let one = crate::merges::lead(&admin, &ann, "Fleet").await;
    let other = crate::merges::lead(&admin, &ann, "Cars").await;
    let merge = crate::merges::merge_leads(&admin, &one, &other).await;
    let lead = format!("/v1/leads/{one}");
    close(&admin, &lead).await;
    told_to_reopen(&admin.post(&format!("/v1/merges/{}/undo", bodies::id(&merge)), Value::Null).await);
    super::reopen(&admin, &lead).await.expect(201);
    crate::merges::undo(&admin, &merge).await;
}

#[tokio::test]
async fn interactions_with_a_closed_lead_are_recorded_and_its_score_stands() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = json!({"name": "Calls", "target": "contact", "rules": [
        {"key": "calls", "points": 10, "when": [{"interaction": "call", "frequency": "each"}]}]});
    live_model(&admin, model).await;
    let (lead, contact) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    record(&admin, contact.rsplit('/').next().unwrap(), "call", 1).await;
    close(&admin, &lead).await;
    let deed = json!({"kind": "call", "occurred_at": day(1), "contact_id": id_of(&contact), "lead_id": id_of(&lead)});
    let recorded = admin.post("/v1/interactions", deed).await.expect(201);
    assert_eq!((&recorded["attributed_to"], &recorded["leads"]), (&id_of(&contact), &json!([])));
    assert_eq!(admin.get(&lead).await.expect(200)["score"], 10);
}

#[tokio::test]
async fn a_closed_lead_can_be_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    close(&admin, &lead).await;
    admin.delete(&lead).await.expect(204);
    admin.get(&format!("{lead}/closings")).await.expect_problem(404, "not-found");
}

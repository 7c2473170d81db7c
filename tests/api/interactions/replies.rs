//! Messages that were sent, and what answers them.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{AT, listed, person_with_lead, score_of, ten_an_open};
use crate::support::{Person, TestApp, bodies};

async fn read(admin: &Person, recorded: &Value) -> Value {
    admin.get(&format!("/v1/interactions/{}", bodies::id(recorded))).await.expect(200)
}

fn offer(contact: &str, lead: &str, sender: &Person) -> Value {
    json!({
        "kind": "message", "occurred_at": AT, "contact_id": contact, "lead_id": lead, "sender_id": sender.id(),
        "cause": "offer-7", "campaign": "spring", "source": "mailer", "external_id": "sent-1",
        "properties": {"direction": "outbound"}
    })
}

fn answer(kind: &str) -> Value {
    json!({"kind": kind, "occurred_at": AT, "in_reply_to": {"source": "mailer", "external_id": "sent-1"}})
}

#[tokio::test]
async fn a_reply_finds_its_way_back_to_whoever_sent_the_message() {
    let app = TestApp::start().await;
    let (admin, rep) = (app.admin().await, app.person(Role::Salesperson).await);
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let message = rep.post("/v1/interactions", offer(&contact, &lead, &rep)).await.expect(201);
    for kind in ["email_replied", "email_clicked", "email_opened"] {
        let recorded = admin.post("/v1/interactions", answer(kind)).await.expect(201);
        assert_eq!(recorded["attributed_to"], contact);
        let reply = read(&admin, &recorded).await;
        assert_eq!((&reply["sender_id"], &reply["cause"]), (&json!(rep.id()), &json!("offer-7")));
        assert_eq!((&reply["lead_id"], &reply["campaign"]), (&json!(lead), &json!("spring")));
        assert_eq!(reply["in_reply_to_id"], message["id"]);
    }
    assert_eq!(score_of(&admin, &lead).await, 10);
    let by_id = json!({"kind": "call", "occurred_at": AT, "in_reply_to": {"interaction_id": message["id"]},
        "person": {"email": "bob@example.com"}, "cause": "hearsay"});
    let said = read(&admin, &admin.post("/v1/interactions", by_id).await.expect(201)).await;
    assert_eq!((&said["person_email"], &said["cause"]), (&json!("bob@example.com"), &json!("hearsay")));
    assert_eq!((&said["sender_id"], &said["lead_id"]), (&json!(rep.id()), &Value::Null));
    assert_eq!(listed(&admin, &format!("in_reply_to_id={}", bodies::id(&message))).await.len(), 4);
    assert_eq!(listed(&admin, &format!("sender_id={}", rep.id())).await.len(), 5);
}

#[tokio::test]
async fn a_message_that_is_told_of_after_its_reply_completes_it_and_scores_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let early = admin.post("/v1/interactions", answer("email_opened")).await.expect(201);
    assert_eq!(early["attributed_to"], Value::Null);
    let message = admin.post("/v1/interactions", offer(&contact, &lead, &admin)).await.expect(201);
    assert_eq!(message["leads"][0]["scores"][0]["score"], 10);
    let reply = read(&admin, &early).await;
    assert_eq!((&reply["contact_id"], &reply["sender_id"]), (&json!(contact), &json!(admin.id())));
    assert_eq!((&reply["cause"], &reply["in_reply_to_id"]), (&json!("offer-7"), &message["id"]));
    assert_eq!(score_of(&admin, &lead).await, 10);
}

#[tokio::test]
async fn a_reply_to_somebody_unknown_waits_with_the_message_until_they_appear() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let message = json!({"kind": "message", "occurred_at": AT, "person": {"email": "ann@example.com"},
        "source": "mailer", "external_id": "sent-1"});
    admin.post("/v1/interactions", message).await.expect(201);
    admin.post("/v1/interactions", answer("email_opened")).await.expect(201);
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    assert_eq!(listed(&admin, &format!("contact_id={contact}")).await.len(), 2);
    assert_eq!(score_of(&admin, &lead).await, 10);
}

#[tokio::test]
async fn replies_and_their_message_told_at_once_find_each_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let replies = join_all((0..8).map(|_| admin.post("/v1/interactions", answer("email_opened"))));
    let (replies, message) = tokio::join!(replies, admin.post("/v1/interactions", offer(&contact, &lead, &admin)));
    let message = bodies::id(&message.expect(201));
    assert!(replies.iter().all(|reply| reply.status() == 201));
    assert_eq!(listed(&admin, &format!("contact_id={contact}&in_reply_to_id={message}")).await.len(), 8);
    assert_eq!(score_of(&admin, &lead).await, 80);
}

#[tokio::test]
async fn a_reply_names_its_message_in_one_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let to = |message: Value| json!({"kind": "email_replied", "occurred_at": AT, "in_reply_to": message});
    let unknown = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    for message in
        [json!({}), json!({"source": "mailer"}), json!({"interaction_id": unknown, "source": "m", "external_id": "1"})]
    {
        admin.post("/v1/interactions", to(message)).await.expect_invalid(&["/in_reply_to"]);
    }
    let pointer = ["/in_reply_to/interaction_id"];
    admin.post("/v1/interactions", to(json!({"interaction_id": unknown}))).await.expect_invalid(&pointer);
    let own = bodies::with(to(json!({"source": "m", "external_id": "1"})), json!({"source": "m", "external_id": "1"}));
    admin.post("/v1/interactions", own).await.expect_invalid(&["/in_reply_to"]);
    let elsewhere = app.other_workspace().admin().await;
    let foreign = json!({"kind": "call", "occurred_at": AT, "person": {"email": "eve@example.com"}});
    let foreign = bodies::id(&elsewhere.post("/v1/interactions", foreign).await.expect(201));
    admin.post("/v1/interactions", to(json!({"interaction_id": foreign}))).await.expect_invalid(&pointer);
}

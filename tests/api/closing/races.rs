//! Many who would end or begin a lead at once leave what one of them would have.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{close, disqualify, entries, happened, of_contact, path, qualify, reopen, stranger};
use crate::support::{Answer, TestApp, bodies};

const AT_ONCE: usize = 64;

#[track_caller]
fn one_of(answers: &[Answer]) -> Value {
    let statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    let made: Vec<&Answer> = answers.iter().filter(|answer| answer.status() == 201).collect();
    assert_eq!(made.len(), 1, "{statuses:?}");
    made[0].json()
}

#[tokio::test]
async fn of_many_qualifications_one_is_done_and_the_others_name_its_result() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let answers = join_all((0..AT_ONCE).map(|_| qualify(&admin, &lead, json!({})))).await;
    let made = one_of(&answers);
    for answer in answers.iter().filter(|answer| answer.status() == 409) {
        assert!(answer.text().contains(&bodies::id(&made["opportunity"])), "{}", answer.text());
    }
    for list in ["/v1/contacts", "/v1/accounts", "/v1/opportunities"] {
        assert_eq!(entries(&admin, list).await.len(), 1, "{list}");
    }
    assert_eq!(entries(&admin, &format!("{lead}/closings")).await.len(), 1);
}

#[tokio::test]
async fn of_many_who_end_a_lead_in_different_ways_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let answers = join_all((0..AT_ONCE).map(|number| {
        let (admin, lead) = (admin.clone(), lead.clone());
        async move {
            match number % 2 {
                0 => qualify(&admin, &lead, json!({})).await,
                _ => disqualify(&admin, &lead, json!({"reason": "no_budget"})).await,
            }
        }
    }))
    .await;
    let made = one_of(&answers);
    let read = admin.get(&lead).await.expect(200);
    assert_eq!(made["lead"]["status"], read["status"]);
    let contacts = entries(&admin, "/v1/contacts").await.len();
    assert_eq!(contacts, usize::from(read["status"] == "qualified"));
}

#[tokio::test]
async fn of_many_reopenings_one_is_done() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (lead, _) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    close(&admin, &lead).await;
    let answers = join_all((0..AT_ONCE).map(|number| {
        let (admin, lead) = (admin.clone(), lead.clone());
        async move {
            match number % 2 {
                0 => reopen(&admin, &lead).await,
                _ => admin.post(&format!("{lead}/recycling"), json!({})).await,
            }
        }
    }))
    .await;
    one_of(&answers);
    let events = happened(&admin, &lead).await;
    let opened = events.iter().filter(|kind| ["lead.reopened", "lead.recycled"].contains(&kind.as_str()));
    assert_eq!(opened.count(), 1);
}

#[tokio::test]
async fn leads_of_one_person_and_company_that_qualify_at_once_share_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let leads = join_all((0..8).map(|_| stranger(&admin))).await;
    let answers = join_all(leads.iter().map(|lead| qualify(&admin, lead, json!({})))).await;
    answers.iter().for_each(|answer| drop(answer.expect(201)));
    assert_eq!(entries(&admin, "/v1/contacts").await.len(), 1);
    assert_eq!(entries(&admin, "/v1/accounts").await.len(), 1);
    assert_eq!(entries(&admin, "/v1/opportunities").await.len(), 8);
}

#[tokio::test]
async fn qualifying_while_the_contact_and_account_change_leaves_no_one_waiting() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Fabrikam")).await.expect(201));
    let ann = bodies::with(bodies::contact("ann@x.ee"), json!({"account_id": account, "marketing_only": true}));
    let contact = bodies::id(&admin.post("/v1/contacts", ann).await.expect(201));
    let mut leads = Vec::new();
    for number in 0..6 {
        let attributes = json!({format!("a{number}"): number});
        let body = json!({"contact_id": contact, "topic": "x", "source": "web", "attributes": attributes});
        leads.push(path(&admin.post("/v1/leads", body).await.expect(201)));
    }
    let answers = join_all((0..48).map(|number| {
        let (admin, lead) = (admin.clone(), leads[number % 6].clone());
        let (contact, account) = (format!("/v1/contacts/{contact}"), format!("/v1/accounts/{account}"));
        async move {
            match number / 6 % 4 {
                0 => qualify(&admin, &lead, json!({})).await,
                1 => admin.patch(&contact, json!({"job_title": format!("t{number}")})).await,
                2 => admin.patch(&account, json!({"industry": format!("i{number}")})).await,
                _ => admin.patch(&lead, json!({"topic": format!("t{number}")})).await,
            }
        }
    }))
    .await;
    assert!(answers.iter().all(|answer| [200, 201, 409].contains(&answer.status())));
    assert_eq!(entries(&admin, "/v1/leads?status=qualified").await.len(), 6);
    let account = admin.get(&format!("/v1/accounts/{account}")).await.expect(200);
    assert_eq!(account["attributes"].as_object().unwrap().len(), 6);
}

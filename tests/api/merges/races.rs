//! Merges at the same time as merges, submissions, interactions and changes: some serial outcome, nothing lost (I12).

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{contact, form, lead, merge, merge_leads, records, try_merge};
use crate::scoring::{ledger, live_model, newcomers, sum};
use crate::support::{Answer, Person, TestApp, bodies};

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
    statuses.sort_unstable();
    statuses
}

/// Checks that stored scores are what their ledgers add up to.
async fn expect_sums(admin: &Person, path: &str) {
    for lead in records(admin, path).await {
        let rows = ledger(admin, &bodies::id(&lead)).await;
        assert_eq!(lead["score"].as_i64(), Some(sum(&rows)), "{lead:#}");
    }
}

#[tokio::test]
async fn of_two_merges_of_the_same_contacts_one_is_done() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..10 {
        let one = contact(&admin, bodies::contact(&format!("a{round}@x.ee"))).await;
        let other = contact(&admin, bodies::contact(&format!("b{round}@x.ee"))).await;
        let (first, second) = tokio::join!(try_merge(&admin, &one, &other), try_merge(&admin, &other, &one));
        assert_eq!(statuses(&[first, second]), [201, 409]);
        assert_eq!(records(&admin, &format!("/v1/contacts/{one}/merges")).await.len(), 1);
    }
}

#[tokio::test]
async fn merges_in_a_ring_leave_one_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(contact(&admin, bodies::contact(&format!("p{number}@x.ee"))).await);
    }
    let pairs = (0..4).map(|k| try_merge(&admin, &people[k], &people[(k + 1) % 4]));
    let answers = join_all(pairs).await;
    assert!(answers.iter().all(|answer| [201, 409, 410].contains(&answer.status())), "{:?}", statuses(&answers));
    let done = answers.iter().filter(|answer| answer.status() == 201).count();
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 4 - done);
    let listed = records(&admin, "/v1/contacts").await;
    for person in &people {
        let answer = admin.get(&format!("/v1/contacts/{person}")).await;
        if answer.status() == 410 {
            let survivor = answer.json()["merged_into"].clone();
            assert!(listed.iter().any(|contact| contact["id"] == survivor));
        }
    }
}

#[tokio::test]
async fn interactions_during_a_merge_all_end_at_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    let leads = [lead(&admin, &ann, "Fleet").await, lead(&admin, &anna, "Cars").await];
    let deed = |k: usize| match k % 5 {
        0 => json!({"contact_id": ann}),
        1 => json!({"contact_id": anna}),
        2 => json!({"person": {"email": "ann@x.ee"}}),
        3 => json!({"person": {"email": "anna@x.ee"}}),
        _ => json!({"lead_id": leads[1]}),
    };
    let record = async |k: usize| {
        let body = bodies::with(json!({"kind": "email_opened", "occurred_at": app.now()}), deed(k));
        admin.post("/v1/interactions", body).await
    };
    let before = join_all((0..8).map(record));
    let (merged, early, late) = tokio::join!(try_merge(&admin, &ann, &anna), before, join_all((8..64).map(record)));
    merged.expect(201);
    for answer in early.iter().chain(&late) {
        answer.expect(201);
    }
    let total = admin.get(&format!("/v1/interactions?contact_id={ann}&limit=200")).await.expect(200);
    assert_eq!(total["data"].as_array().unwrap().len(), 64);
    expect_sums(&admin, "/v1/leads").await;
}

#[tokio::test]
async fn submissions_during_a_merge_all_end_at_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let form = form(&admin, "White paper").await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    let send = async |k: usize| {
        let email = ["ann@x.ee", "anna@x.ee"][k % 2];
        app.visitor().post(&form, json!({"fields": {"email": email, "first_name": format!("Ann {k}")}})).await
    };
    let (merged, sent) = tokio::join!(try_merge(&admin, &ann, &anna), join_all((0..64).map(send)));
    merged.expect(201);
    sent.iter().for_each(|answer| drop(answer.expect(202)));
    let kept = records(&admin, "/v1/submissions?limit=200").await;
    assert_eq!(kept.len(), 64);
    for submission in kept {
        assert_eq!(
            (&submission["status"], &submission["contact_id"]),
            (&json!("processed"), &json!(ann)),
            "{submission:#}"
        );
    }
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 1);
    assert_eq!(records(&admin, &format!("/v1/interactions?contact_id={ann}&limit=200")).await.len(), 64);
    expect_sums(&admin, "/v1/leads").await;
}

#[tokio::test]
async fn a_merge_beside_changes_and_deletions_has_some_serial_outcome() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..8 {
        let one = contact(&admin, bodies::contact(&format!("a{round}@x.ee"))).await;
        let other = contact(&admin, bodies::contact(&format!("b{round}@x.ee"))).await;
        let path = format!("/v1/contacts/{other}");
        let changes = join_all((0..6).map(|k| admin.patch(&path, json!({"job_title": format!("CTO {k}")}))));
        let (merged, changes, gone) = tokio::join!(try_merge(&admin, &one, &other), changes, admin.delete(&path));
        assert!(changes.iter().all(|answer| [200, 404, 410].contains(&answer.status())), "{:?}", statuses(&changes));
        match (merged.status(), gone.status()) {
            (201, 410) => drop(admin.get(&path).await.expect(410)),
            (422, 204) => drop(admin.get(&path).await.expect(404)),
            _ => panic!("{} {}", merged.text(), gone.text()),
        }
    }
}

#[tokio::test]
async fn a_lead_opened_for_a_contact_that_is_being_merged_is_the_survivors_or_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..8 {
        let one = contact(&admin, bodies::contact(&format!("a{round}@x.ee"))).await;
        let other = contact(&admin, bodies::contact(&format!("b{round}@x.ee"))).await;
        let body = json!({"contact_id": other, "referrer_contact_id": other, "topic": "Fleet", "source": "web"});
        let open = (0..6).map(|_| admin.post("/v1/leads", body.clone()));
        let (merged, opened) = tokio::join!(try_merge(&admin, &one, &other), join_all(open));
        merged.expect(201);
        for answer in opened.iter().filter(|answer| answer.status() != 422) {
            let lead = admin.get(&format!("/v1/leads/{}", bodies::id(&answer.expect(201)))).await.expect(200);
            assert_eq!((&lead["contact_id"], &lead["referrer_contact_id"]), (&json!(one), &json!(one)));
        }
    }
}

#[tokio::test]
async fn an_undoing_happens_once_while_interactions_go_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    for person in [&ann, &anna] {
        lead(&admin, person, "Fleet").await;
    }
    let done = merge(&admin, &ann, &anna).await;
    let path = format!("/v1/merges/{}/undo", bodies::id(&done));
    let record = async |k: usize| {
        let email = ["ann@x.ee", "anna@x.ee"][k % 2];
        let body = json!({"kind": "email_opened", "occurred_at": app.now(), "person": {"email": email}});
        admin.post("/v1/interactions", body).await
    };
    let (undone, deeds) =
        tokio::join!(join_all((0..3).map(|_| admin.post(&path, Value::Null))), join_all((0..32).map(record)));
    assert_eq!(statuses(&undone), [200, 409, 409]);
    deeds.iter().for_each(|answer| drop(answer.expect(201)));
    for person in [&ann, &anna] {
        assert_eq!(records(&admin, &format!("/v1/interactions?contact_id={person}&limit=200")).await.len(), 16);
    }
    expect_sums(&admin, "/v1/leads").await;
}

#[tokio::test]
async fn interactions_about_a_lead_that_is_being_merged_end_at_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &ann, "Cars").await);
    let record = async |_: usize| {
        let body = json!({"kind": "email_opened", "occurred_at": app.now(), "lead_id": other});
        admin.post("/v1/interactions", body).await
    };
    let (_, deeds) = tokio::join!(merge_leads(&admin, &one, &other), join_all((0..32).map(record)));
    deeds.iter().for_each(|answer| drop(answer.expect(201)));
    assert_eq!(records(&admin, &format!("/v1/interactions?lead_id={one}&limit=200")).await.len(), 32);
    expect_sums(&admin, "/v1/leads").await;
}

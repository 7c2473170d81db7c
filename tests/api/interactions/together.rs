//! Many at once: what is sent while a transaction is under way is recorded together, and nobody notices.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{AT, listed, person_with_lead, score_of, ten_an_open};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn each_of_many_at_once_is_told_what_their_own_interaction_did() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let mut people = Vec::new();
    for number in 0..20 {
        people.push(person_with_lead(&admin, bodies::contact(&format!("person-{number}@example.com"))).await);
    }
    let sent = (0..80).map(|number: usize| {
        let (contact, _) = &people[number % people.len()];
        let person = match number / people.len() {
            0 | 1 => json!({"contact_id": contact}),
            _ => json!({"person": {"email": format!("person-{}@example.com", number % people.len())}}),
        };
        let mut body =
            json!({"kind": "email_opened", "occurred_at": AT, "source": "mailer", "external_id": number.to_string()});
        body.as_object_mut().unwrap().extend(person.as_object().unwrap().clone());
        admin.post("/v1/interactions", body)
    });
    let answers: Vec<Value> = join_all(sent).await.into_iter().map(|answer| answer.expect(201)).collect();
    for (number, answer) in answers.iter().enumerate() {
        let (contact, lead) = &people[number % people.len()];
        assert_eq!((&answer["attributed_to"], &answer["leads"][0]["lead_id"]), (&json!(contact), &json!(lead)));
        assert_eq!(answer["leads"].as_array().unwrap().len(), 1);
    }
    // Two of one contact are only ever in one transaction when one names an id and the other an address.
    for (place, (contact, lead)) in people.iter().enumerate() {
        let own = answers.iter().skip(place).step_by(people.len());
        let ends: BTreeSet<i64> =
            own.map(|answer| answer["leads"][0]["scores"][0]["score"].as_i64().unwrap()).collect();
        assert_eq!(ends.last(), Some(&40));
        assert!(ends.len() >= 2, "of those who name one id, each sees the score after its own: {ends:?}");
        assert_eq!(score_of(&admin, lead).await, 40);
        assert_eq!(listed(&admin, &format!("contact_id={contact}")).await.len(), 4);
    }
}

#[tokio::test]
async fn what_one_person_does_at_once_is_told_step_by_step() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let body = json!({"kind": "email_opened", "occurred_at": AT, "contact_id": contact});
    let answers = join_all((0..12).map(|_| admin.post("/v1/interactions", body.clone()))).await;
    let steps: BTreeSet<(i64, i64)> = answers
        .into_iter()
        .map(|answer| {
            let score = &answer.expect(201)["leads"][0]["scores"][0];
            (score["before"].as_i64().unwrap(), score["score"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(Vec::from_iter(steps), Vec::from_iter((0..12).map(|step| (step * 10, step * 10 + 10))));
    assert_eq!(score_of(&admin, &lead).await, 120);
}

#[tokio::test]
async fn what_is_wrong_with_one_is_its_senders_alone() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, _) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let nobody = contact.replace(&contact[..8], "00000000");
    let sent = (0..60).map(|number| {
        let body = match number % 4 {
            0 => json!({"kind": "email_opened", "occurred_at": AT, "contact_id": nobody}),
            1 => json!({"kind": "juggled", "occurred_at": AT, "person": {"email": format!("{number}@example.com")}}),
            _ => {
                json!({"kind": "email_opened", "occurred_at": AT, "person": {"email": format!("{number}@example.com")}})
            }
        };
        admin.post("/v1/interactions", body)
    });
    for (number, answer) in join_all(sent).await.into_iter().enumerate() {
        match number % 4 {
            0 => assert_eq!(answer.expect(422)["errors"][0]["pointer"], "/contact_id"),
            1 => assert_eq!(answer.expect(422)["errors"][0]["pointer"], "/kind"),
            _ => assert_eq!(answer.expect(201)["attributed_to"], Value::Null),
        }
    }
    assert_eq!(listed(&admin, "attributed=false").await.len(), 30);
}

#[tokio::test]
async fn the_same_message_told_many_times_at_once_is_recorded_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let told = (0..40).map(|number| {
        let mut body = json!({"kind": "email_opened", "occurred_at": AT, "source": "mailer", "external_id": "m-1"});
        match number % 2 {
            0 => body["contact_id"] = json!(contact),
            _ => body["person"] = json!({"email": "ann@example.com"}),
        }
        admin.post("/v1/interactions", body)
    });
    let answers = join_all(told).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    let ids: BTreeSet<String> =
        answers.into_iter().map(|answer| answer.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!((score_of(&admin, &lead).await, listed(&admin, &format!("contact_id={contact}")).await.len()), (10, 1));
}

//! Many at once: what visitors send while a transaction is under way is taken together, and nobody notices.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Site;
use crate::assignment::seller;
use crate::scoring::{ledger, live_model, sum};
use crate::support::{Answer, bodies};

/// Sends these bodies at once; gives the answers in the same order.
async fn sent(site: &Site, bodies: impl Iterator<Item = Value>) -> Vec<Answer> {
    let visitor = site.app.visitor();
    let path = site.path();
    join_all(bodies.map(|body| visitor.post(&path, body))).await
}

fn id(answer: &Answer) -> String {
    answer.expect(202)["submission_id"].as_str().unwrap().to_owned()
}

fn address(number: usize) -> String {
    format!("person-{number}@example.com")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_at_once_gets_what_their_own_submission_asks_for() {
    let site = Site::open().await;
    let rule = json!({"key": "forms", "points": 10, "when": [{"interaction": "form_submitted", "frequency": "each"}]});
    live_model(&site.admin, json!({"name": "Forms", "target": "contact", "rules": [rule]})).await;
    for number in 0..20 {
        site.admin.post("/v1/contacts", bodies::contact(&address(number))).await.expect(201);
    }
    let answers = (0..40).map(|number| json!({"fields": {"email": address(number), "topic": format!("No {number}")}}));
    let (mut contacts, mut leads, mut interactions) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (number, answer) in sent(&site, answers).await.iter().enumerate() {
        let became = site.became(&id(answer)).await;
        assert_eq!(became["status"], "processed", "{became}");
        let effect = if number < 20 { "linked" } else { "created" };
        assert_eq!(
            (&became["outcome"]["contact"]["effect"], &became["outcome"]["lead"]["effect"]),
            (&json!(effect), &json!("created"))
        );
        let [contact, lead, interaction] =
            ["contact_id", "lead_id", "interaction_id"].map(|field| became[field].as_str().unwrap().to_owned());
        assert_eq!(site.admin.get(&format!("/v1/contacts/{contact}")).await.expect(200)["email"], address(number));
        let shown = site.admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
        assert_eq!((&shown["topic"], &shown["score"]), (&json!(format!("No {number}")), &json!(10)));
        assert_eq!(sum(&ledger(&site.admin, &lead).await), 10);
        let told = site.admin.get(&format!("/v1/interactions/{interaction}")).await.expect(200);
        assert_eq!((&told["contact_id"], &told["lead_id"]), (&json!(contact), &json!(lead)));
        contacts.insert(contact);
        leads.insert(lead);
        interactions.insert(interaction);
    }
    assert_eq!([contacts.len(), leads.len(), interactions.len()], [40; 3]);
    assert_eq!(site.counts().await, [40; 4]);
    assert_eq!(site.count("/v1/events?type=submission.processed&limit=200").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_visitor_did_wrong_is_told_to_them_alone() {
    let site = Site::open().await;
    site.send(json!({"fields": {"email": "ann@example.com"}, "submission_id": "page-1"})).await.expect(202);
    let answers = (0..32).map(|number| match number % 8 {
        3 => json!({"fields": {"email": address(number)}, "submission_id": "page-1"}),
        _ => json!({"fields": {"email": address(number)}}),
    });
    for (number, answer) in sent(&site, answers).await.iter().enumerate() {
        match number % 8 {
            3 => drop(answer.expect_invalid(&["/submission_id"])),
            _ => drop(id(answer)),
        }
    }
    assert_eq!(site.counts().await, [29; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_different_answers_with_one_id_at_once_one_is_taken_and_nobody_else_is_lost() {
    let site = Site::open().await;
    let answers = (0..32).map(|number| match number % 4 {
        0 => json!({"fields": {"email": address(number)}, "submission_id": "page-1"}),
        _ => json!({"fields": {"email": address(number)}}),
    });
    let answers = sent(&site, answers).await;
    let taken = answers.iter().step_by(4).filter(|answer| answer.status() == 202).count();
    assert_eq!(taken, 1, "the others are told that the id is another's");
    for (number, answer) in answers.iter().enumerate() {
        match answer.status() {
            202 => drop(id(answer)),
            _ if number % 4 == 0 => drop(answer.expect_invalid(&["/submission_id"])),
            _ => panic!("{number} was lost"),
        }
    }
    assert_eq!(site.counts().await, [25; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_cannot_be_made_of_one_submission_is_kept_and_takes_nobody_along() {
    let site = Site::with(json!({
        "fields": [
            {"name": "email", "maps_to": "contact.email"},
            {"name": "first_name", "maps_to": "contact.first_name"},
        ],
        "on_unmatchable": "fail",
    }))
    .await;
    let answers = (0..32).map(|number| match number % 8 {
        5 => json!({"fields": {"first_name": format!("Person {number}")}}),
        _ => json!({"fields": {"email": address(number)}}),
    });
    for (number, answer) in sent(&site, answers).await.iter().enumerate() {
        let status = if number % 8 == 5 { "failed" } else { "processed" };
        assert_eq!(site.became(&id(answer)).await["status"], status);
    }
    assert_eq!(site.counts().await, [28, 28, 28, 32]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_follows_from_each_of_many_names_the_submission_that_it_follows_from() {
    let site = Site::open().await;
    let rule = json!({"key": "forms", "points": 100, "when": [{"interaction": "form_submitted", "frequency": "each"}]});
    let model = json!({"name": "Forms", "target": "contact", "sales_ready_score": 100, "rules": [rule]});
    live_model(&site.admin, model).await;
    let seller = seller(&site.admin, json!({})).await;
    let rule = json!({"name": "All", "mode": "round_robin", "target": {"users": [seller]}});
    site.admin.post("/v1/assignment-rules", rule).await.expect(201);
    for answer in sent(&site, (0..24).map(|number| json!({"fields": {"email": address(number)}}))).await {
        let submission = id(&answer);
        let became = site.became(&submission).await;
        let lead = format!("/v1/leads/{}", became["lead_id"].as_str().unwrap());
        assert_eq!(site.admin.get(&lead).await.expect(200)["owner_id"], seller);
        let sources = site.list(&format!("{lead}/provenance")).await;
        let of_owner = sources.iter().find(|source| source["field"] == "owner_id").unwrap();
        assert_eq!((&of_owner["how"], &of_owner["submission_id"]), (&json!("submission"), &json!(submission)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whom_two_of_many_tell_each_by_something_else_is_one_contact_that_the_second_finds_as_the_first_left_it() {
    let mut site = Site::open().await;
    let alternatives = json!([{"fields": [{"field": "email"}]}, {"fields": [{"field": "phone"}]}]);
    let either = json!({"key": "either", "name": "Either", "target": "contact", "alternatives": alternatives});
    site.admin.post("/v1/matching-strategies", either).await.expect(201);
    site.turn_to(json!({"contact_strategy": "either"})).await;
    let phone = |number: usize| format!("+37255500{number:02}");
    for number in 0..16 {
        let known = json!({"email": address(number), "phone": phone(number)});
        site.admin.post("/v1/contacts", known).await.expect(201);
    }
    // Of the second half nobody knows as yet.
    let answers = (0..32).flat_map(|number| {
        let ann = json!({"email": address(number), "phone": phone(number), "first_name": "Ann"});
        let bea = json!({"email": address(100 + number), "phone": phone(number), "first_name": "Bea"});
        let (ann, bea) = match number < 16 {
            true => (json!({"email": address(number), "first_name": "Ann"}), bea),
            false => (ann, bea),
        };
        [json!({"fields": ann}), json!({"fields": bea})]
    });
    let answers = sent(&site, answers).await;
    for (number, pair) in answers.chunks(2).enumerate() {
        let (ann, bea) = (site.became(&id(&pair[0])).await, site.became(&id(&pair[1])).await);
        assert_eq!(ann["contact_id"], bea["contact_id"], "person {number}");
        let contact = ann["contact_id"].as_str().unwrap();
        let contact = site.admin.get(&format!("/v1/contacts/{contact}")).await.expect(200);
        let contradicts = |became: &Value| {
            let conflicts = became["outcome"]["conflicts"].as_array().unwrap();
            conflicts.iter().any(|conflict| conflict["field"] == "contact.first_name")
        };
        assert_eq!(
            (contradicts(&ann), contradicts(&bea)),
            (contact["first_name"] == "Bea", contact["first_name"] == "Ann")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_was_merged_or_has_the_address_and_nothing_that_is_compared_is_found_among_many_at_once() {
    let mut site = Site::open().await;
    let (mut known, mut expected) = (Vec::new(), Vec::new());
    for number in 0..24 {
        known.push(bodies::id(&site.admin.post("/v1/contacts", bodies::contact(&address(number))).await.expect(201)));
    }
    for (number, contact) in known.iter().enumerate() {
        let older = known[number / 2 * 2].clone();
        if *contact != older && number < 12 {
            let merges = format!("/v1/contacts/{older}/merges");
            let merged = site.admin.post(&merges, json!({"other_id": contact})).await.expect(201);
            assert_eq!(merged["survivor_id"], older);
        }
        expected.push(if number < 12 { older } else { contact.clone() });
    }
    for strategy in ["contact_by_email", "by_phone"] {
        if strategy == "by_phone" {
            let alternatives = json!([{"fields": [{"field": "phone"}]}]);
            let by_phone = json!({"key": strategy, "name": "Phone", "target": "contact", "alternatives": alternatives});
            site.admin.post("/v1/matching-strategies", by_phone).await.expect(201);
        }
        site.turn_to(json!({"contact_strategy": strategy})).await;
        let answers = (0..24).map(|number| json!({"fields": {"email": address(number), "topic": strategy}}));
        for (number, answer) in sent(&site, answers).await.iter().enumerate() {
            let became = site.became(&id(answer)).await;
            assert_eq!(became["contact_id"], expected[number], "{strategy}, person {number}: {became}");
        }
    }
}

//! Tasks and alerts when the records they are about are merged, parted, deleted.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{call, contact, create, lead, person};
use crate::merges::{merge, merge_leads, undo};
use crate::support::{Person, TestApp, bodies};

/// What a list of alerts says of leads and contacts.
async fn alerted(person: &Person) -> Vec<(Value, Value)> {
    let list = person.get("/v1/alerts?sort=at").await.expect(200);
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| (alert["lead_id"].clone(), alert["contact_id"].clone()))
        .collect()
}

#[tokio::test]
async fn what_is_about_a_merged_contact_is_about_the_survivor_until_they_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (ann, bob) = (
        contact(&admin, bodies::contact("ann@example.com")).await,
        contact(&admin, bodies::contact("bob@example.com")).await,
    );
    let of_bob = lead(&admin, &bob, "Warehouse").await;
    admin.patch(&format!("/v1/leads/{of_bob}"), json!({"owner_id": rep.id()})).await.expect(200);
    let (_, about_bob) = create(&admin, call(json!({"contact_id": bob}))).await;
    let (_, about_lead) = create(&admin, call(json!({"lead_id": of_bob}))).await;
    let (_, about_ann) = create(&admin, call(json!({"contact_id": ann}))).await;

    let body = json!({"other_id": bob, "survivor": ann});
    let merged = admin.post(&format!("/v1/contacts/{ann}/merges"), body).await.expect(201);
    assert_eq!((&merged["moved"]["tasks.contact_id"], &merged["moved"]["alerts.contact_id"]), (&json!(2), &json!(1)));
    for path in [&about_bob, &about_lead, &about_ann] {
        assert_eq!(admin.get(path).await.expect(200)["contact_id"], json!(ann));
    }
    assert_eq!(alerted(&rep).await, [(json!(of_bob), json!(ann))]);
    // What comes for the lead meanwhile goes with the lead.
    let (_, since) = create(&admin, call(json!({"lead_id": of_bob}))).await;

    undo(&admin, &merged).await;
    for (path, whose) in [(&about_bob, &bob), (&about_lead, &bob), (&since, &bob), (&about_ann, &ann)] {
        assert_eq!(admin.get(path).await.expect(200)["contact_id"], json!(whose));
    }
    assert_eq!(alerted(&rep).await, [(json!(of_bob), json!(bob))]);
}

#[tokio::test]
async fn what_is_about_a_merged_lead_is_about_the_survivor_until_they_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (ann, of_ann) = person(&admin).await;
    let body = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web", "owner_id": rep.id()});
    let of_nobody = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let (_, one) = create(&admin, call(json!({"lead_id": of_ann}))).await;
    let (_, other) = create(&admin, call(json!({"lead_id": of_nobody}))).await;
    let merged = merge_leads(&admin, &of_ann, &of_nobody).await;
    assert_eq!((&merged["survivor_id"], &merged["moved"]["tasks.lead_id"]), (&json!(of_ann), &json!(1)));
    for path in [&one, &other] {
        let task = admin.get(path).await.expect(200);
        assert_eq!((&task["lead_id"], &task["contact_id"]), (&json!(of_ann), &json!(ann)));
    }
    let by_merge = (json!(of_ann), json!(ann));
    assert_eq!(alerted(&rep).await, [by_merge.clone(), by_merge.clone()], "the survivor became theirs by it");
    undo(&admin, &merged).await;
    let task = admin.get(&other).await.expect(200);
    assert_eq!((&task["lead_id"], &task["contact_id"]), (&json!(of_nobody), &Value::Null));
    assert_eq!(admin.get(&one).await.expect(200)["contact_id"], json!(ann));
    assert_eq!(alerted(&rep).await, [(json!(of_nobody), Value::Null), by_merge]);
}

#[tokio::test]
async fn tasks_and_alerts_go_with_the_record_that_they_are_about() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let (ann, of_ann) = person(&admin).await;
    admin.patch(&format!("/v1/leads/{of_ann}"), json!({"owner_id": rep.id()})).await.expect(200);
    let (_, about_lead) = create(&admin, call(json!({"lead_id": of_ann}))).await;
    let (_, about_ann) = create(&admin, call(json!({"contact_id": ann}))).await;
    admin.delete(&format!("/v1/leads/{of_ann}")).await.expect(204);
    admin.get(&about_lead).await.expect_problem(404, "not-found");
    assert_eq!(alerted(&rep).await, []);
    admin.get(&about_ann).await.expect(200);
    admin.delete(&format!("/v1/contacts/{ann}")).await.expect(204);
    admin.get(&about_ann).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_survivor_that_is_deleted_takes_what_moved_to_it_along() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (ann, of_ann) = person(&admin).await;
    let second = lead(&admin, &ann, "Second").await;
    let (_, task) = create(&admin, call(json!({"lead_id": second}))).await;
    let merged = merge_leads(&admin, &of_ann, &second).await;
    let survivor = merged["survivor_id"].as_str().unwrap();
    admin.delete(&format!("/v1/leads/{survivor}")).await.expect(204);
    admin.get(&task).await.expect_problem(404, "not-found");

    let bob = contact(&admin, bodies::contact("bob@example.com")).await;
    let (_, task) = create(&admin, call(json!({"contact_id": bob}))).await;
    let merged = merge(&admin, &ann, &bob).await;
    admin.delete(&format!("/v1/contacts/{}", merged["survivor_id"].as_str().unwrap())).await.expect(204);
    admin.get(&task).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn whatever_is_done_while_contacts_merge_every_task_is_the_survivors() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (ann, of_ann) = person(&admin).await;
    let bob = contact(&admin, bodies::contact("bob@example.com")).await;
    let of_bob = lead(&admin, &bob, "Warehouse").await;
    let (_, first) = create(&admin, call(json!({"lead_id": of_bob}))).await;
    let (admin, ann, bob) = (&admin, ann.as_str(), bob.as_str());
    let path = format!("/v1/contacts/{ann}/merges");
    let merging = admin.post(&path, json!({"other_id": bob, "survivor": ann}));
    let doing = join_all((0..40).map(|number| {
        let (path, first, leads) = ("/v1/tasks", &first, [&of_ann, &of_bob]);
        let stage = ["inquiry", "sales_acceptance"][number / 20];
        async move {
            match number % 5 {
                0 => admin.post(path, call(json!({"contact_id": bob}))).await,
                1 => admin.post(path, call(json!({"contact_id": ann}))).await,
                2 => admin.post(path, call(json!({"lead_id": leads[number % 2]}))).await,
                3 => admin.post(&format!("/v1/leads/{}/transitions", leads[number % 2]), json!({"to": stage})).await,
                _ => admin.post(&format!("{first}/completion"), json!({"record_interaction": true})).await,
            }
        }
    }));
    let (merged, answers) = tokio::join!(merging, doing);
    merged.expect(201);
    assert!(answers.iter().all(|answer| [200, 201, 409, 422].contains(&answer.status())), "{answers:?}");
    let tasks = admin.get("/v1/tasks?limit=200").await.expect(200)["data"].clone();
    assert!(tasks.as_array().unwrap().iter().all(|task| task["contact_id"] == ann), "{tasks}");
}

//! What is kept beside the values of two records that become one: who set them, and what is proposed instead.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{contact, form, merge, records, undo};
use crate::support::{Person, TestApp};

/// Who set each field of a contact, by field.
async fn sources(admin: &Person, id: &str) -> BTreeMap<String, Value> {
    let told = admin.get(&format!("/v1/contacts/{id}/provenance")).await.expect(200);
    let fields = told["data"].as_array().unwrap().iter();
    fields.map(|source| (source["field"].as_str().unwrap().to_owned(), source.clone())).collect()
}

#[tokio::test]
async fn who_set_a_value_goes_with_it_and_comes_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = contact(&admin, json!({"first_name": "Ann"})).await;
    app.wait_days(1);
    let other = contact(&admin, json!({"email": "ann@x.ee", "phone": "+37255512345"})).await;
    let before = [sources(&admin, &one).await, sources(&admin, &other).await];
    app.wait_days(1);

    let merged = merge(&admin, &one, &other).await;
    let joined = sources(&admin, &one).await;
    assert_eq!((&joined["email"], &joined["first_name"]), (&before[1]["email"], &before[0]["first_name"]));
    app.wait_days(1);
    admin.patch(&format!("/v1/contacts/{one}"), json!({"job_title": "Buyer"})).await.expect(200);

    undo(&admin, &merged).await;
    let left = sources(&admin, &one).await;
    assert_eq!(left["job_title"]["at"], json!(app.now()));
    assert_eq!((left.get("email"), &left["first_name"]), (None, &before[0]["first_name"]));
    assert_eq!(sources(&admin, &other).await, before[1]);
}

#[tokio::test]
async fn proposals_move_and_of_those_that_both_had_one_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = form(&admin, "White paper").await;
    let mut people = Vec::new();
    for email in ["ann@x.ee", "anna@x.ee"] {
        people.push(contact(&admin, json!({"first_name": "Ann", "email": email})).await);
        for name in ["Anne", &format!("Name of {email}")] {
            let fields = json!({"email": email, "first_name": name});
            app.visitor().post(&form, json!({"fields": fields})).await.expect(202);
        }
    }
    let [survivor, loser] = [&people[0], &people[1]];
    let merged = merge(&admin, survivor, loser).await;
    let open = async |id: &str| {
        let path = format!("/v1/proposals?status=open&contact_id={id}&sort=created_at");
        let mut values: Vec<String> =
            records(&admin, &path).await.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect();
        values.sort();
        values
    };
    assert_eq!(open(survivor).await, ["Anne", "Name of ann@x.ee", "Name of anna@x.ee"]);
    assert_eq!(records(&admin, "/v1/proposals?status=superseded").await.len(), 1);

    undo(&admin, &merged).await;
    assert_eq!(open(survivor).await, ["Anne", "Name of ann@x.ee"]);
    assert_eq!(open(loser).await, ["Name of anna@x.ee"]);
}

//! Undoing merges: both records as they were, each with what is its own, also what came since.

use serde_json::{Value, json};

use super::{contact, did, form, lead, merge, merge_leads, records, submit, undo};
use crate::scoring::{live_model, newcomers};
use crate::support::{Person, TestApp, bodies};

/// A contact without what every change of it changes.
async fn shown(admin: &Person, id: &str) -> Value {
    let contact = admin.get(&format!("/v1/contacts/{id}")).await.expect(200);
    bodies::with(contact, json!({"version": null, "updated_at": null}))
}

#[tokio::test]
async fn both_contacts_are_as_they_were_and_have_what_was_theirs() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = form(&admin, "White paper").await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let body = json!({"first_name": "Ann", "phone": "+37255512345", "anonymous_ids": ["b-1"]});
    let survivor = contact(&admin, body).await;
    let sent = submit(&app, &admin, &form, "anna@x.ee").await;
    let (loser, of_form) = (sent["contact_id"].as_str().unwrap(), sent["lead_id"].as_str().unwrap());
    let change = json!({"first_name": "Anna", "account_id": account, "external_id": "crm-2", "anonymous_ids": ["b-2"],
        "attributes": {"size": 5}});
    admin.patch(&format!("/v1/contacts/{loser}"), change).await.expect(200);
    let own = lead(&admin, &survivor, "Fleet").await;
    let deed = did(&admin, json!({"contact_id": survivor})).await;
    let before = [shown(&admin, &survivor).await, shown(&admin, loser).await];

    let done = merge(&admin, &survivor, loser).await;
    assert_eq!((&done["survivor_id"], &done["undone_at"]), (&json!(survivor), &Value::Null));
    app.wait_days(1);
    let undone = undo(&admin, &done).await;
    assert_eq!((&undone["undone_at"], &undone["undone_by"]), (&json!(app.now()), &json!(admin.id())));
    assert_eq!([shown(&admin, &survivor).await, shown(&admin, loser).await], before);

    let owner = async |path: String| admin.get(&path).await.expect(200)["contact_id"].clone();
    assert_eq!(owner(format!("/v1/leads/{of_form}")).await, json!(loser));
    assert_eq!(owner(format!("/v1/leads/{own}")).await, json!(survivor));
    assert_eq!(owner(format!("/v1/submissions/{}", bodies::id(&sent))).await, json!(loser));
    assert_eq!(owner(format!("/v1/interactions/{}", bodies::id(&deed))).await, json!(survivor));
    for (person, whose) in [
        (json!({"email": "anna@x.ee"}), loser),
        (json!({"external_id": "crm-2"}), loser),
        (json!({"anonymous_id": "b-2"}), loser),
        (json!({"anonymous_id": "b-1"}), survivor.as_str()),
        (json!({"phone": "+37255512345"}), survivor.as_str()),
    ] {
        assert_eq!(did(&admin, json!({"person": person})).await["attributed_to"], json!(whose), "{person}");
    }
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 2);
    assert_eq!(records(&admin, "/v1/events?type=contact.unmerged").await.len(), 1);
    assert_eq!(admin.get(&format!("/v1/merges/{}", bodies::id(&done))).await.expect(200), undone);
    admin.post(&format!("/v1/merges/{}/undo", bodies::id(&done)), Value::Null).await.expect_problem(409, "conflict");
    merge(&admin, &survivor, loser).await;
}

#[tokio::test]
async fn what_was_changed_since_stays_with_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let survivor = contact(&admin, json!({"first_name": "Ann", "email": "ann@x.ee"})).await;
    let body =
        json!({"last_name": "Tamm", "job_title": "CTO", "email": "anna@x.ee", "attributes": {"size": 5, "vip": true}});
    let loser = contact(&admin, body).await;
    let done = merge(&admin, &survivor, &loser).await;
    let change = json!({"job_title": "CEO", "first_name": "Anne", "attributes": {"size": 9}});
    admin.patch(&format!("/v1/contacts/{survivor}"), change).await.expect(200);
    undo(&admin, &done).await;
    let left = shown(&admin, &survivor).await;
    assert_eq!(
        (&left["first_name"], &left["last_name"], &left["job_title"]),
        (&json!("Anne"), &Value::Null, &json!("CEO"))
    );
    assert_eq!((&left["attributes"], &left["email"]), (&json!({"size": 9}), &json!("ann@x.ee")));
    let back = shown(&admin, &loser).await;
    assert_eq!(
        (&back["job_title"], &back["attributes"]["size"], &back["email"]),
        (&json!("CTO"), &json!(5), &json!("anna@x.ee"))
    );
}

#[tokio::test]
async fn an_identity_that_the_survivor_was_given_since_stays_with_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let survivor = contact(&admin, json!({"first_name": "Ann", "email": "ann@x.ee"})).await;
    let loser = contact(&admin, json!({"first_name": "Anna", "email": "anna@x.ee"})).await;
    let done = merge(&admin, &survivor, &loser).await;
    admin.patch(&format!("/v1/contacts/{survivor}"), json!({"email": "anna@x.ee"})).await.expect(200);
    undo(&admin, &done).await;
    assert_eq!(shown(&admin, &survivor).await["email"], "anna@x.ee");
    assert_eq!(shown(&admin, &loser).await["email"], Value::Null);
    contact(&admin, bodies::contact("ann@x.ee")).await;
}

#[tokio::test]
async fn what_came_since_goes_to_whom_it_came_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (paper, demo) = (form(&admin, "White paper").await, form(&admin, "Demo").await);
    let survivor = contact(&admin, json!({"first_name": "Ann", "external_id": "crm-1"})).await;
    let loser = contact(&admin, json!({"first_name": "Anna", "email": "anna@x.ee", "anonymous_ids": ["b-2"]})).await;
    let done = merge(&admin, &survivor, &loser).await;
    assert_eq!(shown(&admin, &survivor).await["email"], "anna@x.ee");

    let mut theirs = Vec::new();
    for whose in [
        json!({"contact_id": loser}),
        json!({"person": {"email": "anna@x.ee"}}),
        json!({"person": {"anonymous_id": "b-2"}}),
    ] {
        let deed = did(&admin, whose).await;
        assert_eq!(deed["attributed_to"], json!(survivor));
        theirs.push(bodies::id(&deed));
    }
    let own = [
        bodies::id(&did(&admin, json!({"contact_id": survivor})).await),
        bodies::id(&did(&admin, json!({"person": {"external_id": "crm-1"}})).await),
    ];
    let sent = submit(&app, &admin, &paper, "anna@x.ee").await;
    assert_eq!(sent["contact_id"], json!(survivor));
    let by_hand = lead(&admin, &survivor, "Fleet").await;
    admin.patch(&format!("/v1/contacts/{survivor}"), json!({"email": "ann@x.ee"})).await.expect(200);
    let stays = submit(&app, &admin, &demo, "ann@x.ee").await;

    undo(&admin, &done).await;
    let owner = async |path: String| admin.get(&path).await.expect(200)["contact_id"].clone();
    theirs.push(sent["interaction_id"].as_str().unwrap().to_owned());
    for id in theirs {
        assert_eq!(owner(format!("/v1/interactions/{id}")).await, json!(loser));
    }
    for id in own {
        assert_eq!(owner(format!("/v1/interactions/{id}")).await, json!(survivor));
    }
    for (sent, whose) in [(&sent, &loser), (&stays, &survivor)] {
        assert_eq!(owner(format!("/v1/submissions/{}", bodies::id(sent))).await, json!(whose));
        assert_eq!(owner(format!("/v1/leads/{}", sent["lead_id"].as_str().unwrap())).await, json!(whose));
    }
    assert_eq!(owner(format!("/v1/leads/{by_hand}")).await, json!(survivor));
    assert_eq!(shown(&admin, &loser).await["email"], "anna@x.ee");
    assert_eq!(shown(&admin, &survivor).await["email"], "ann@x.ee");
}

#[tokio::test]
async fn merges_on_top_are_undone_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (a, b, c) = (
        contact(&admin, bodies::contact("a@x.ee")).await,
        contact(&admin, bodies::contact("b@x.ee")).await,
        contact(&admin, bodies::contact("c@x.ee")).await,
    );
    let first = merge(&admin, &b, &c).await;
    let second = merge(&admin, &a, &b).await;
    let deed = bodies::id(&did(&admin, json!({"contact_id": c})).await);
    let refused = admin.post(&format!("/v1/merges/{}/undo", bodies::id(&first)), Value::Null).await;
    let refused = refused.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains(&bodies::id(&second)), "{refused}");

    let owner = async || admin.get(&format!("/v1/interactions/{deed}")).await.expect(200)["contact_id"].clone();
    assert_eq!(owner().await, json!(a));
    undo(&admin, &second).await;
    assert_eq!(owner().await, json!(b));
    assert_eq!(admin.get(&format!("/v1/contacts/{c}")).await.expect_problem(410, "gone")["merged_into"], json!(b));
    undo(&admin, &first).await;
    assert_eq!(owner().await, json!(c));
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 3);
}

#[tokio::test]
async fn a_merge_of_leads_that_a_merge_of_contacts_moved_is_undone_before_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &anna, "Cars").await);
    let people = merge(&admin, &ann, &anna).await;
    let interests = merge_leads(&admin, &one, &other).await;
    let path = format!("/v1/merges/{}/undo", bodies::id(&people));
    let refused = admin.post(&path, Value::Null).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains(&bodies::id(&interests)), "{refused}");
    undo(&admin, &interests).await;
    undo(&admin, &people).await;
    for (lead, whose) in [(&one, &ann), (&other, &anna)] {
        assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["contact_id"], json!(whose));
    }
}

#[tokio::test]
async fn leads_parted_after_their_contacts_became_one_stay_with_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anna = contact(&admin, bodies::contact("anna@x.ee")).await;
    let (one, other) = (lead(&admin, &anna, "Fleet").await, lead(&admin, &anna, "Cars").await);
    let interests = merge_leads(&admin, &one, &other).await;
    let people = merge(&admin, &ann, &anna).await;
    undo(&admin, &interests).await;
    let owner = async |lead: &String| admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["contact_id"].clone();
    assert_eq!([owner(&one).await, owner(&other).await], [json!(ann), json!(ann)]);
    undo(&admin, &people).await;
    assert_eq!([owner(&one).await, owner(&other).await], [json!(anna), json!(anna)]);
}

#[tokio::test]
async fn what_waited_for_a_shared_phone_waits_no_longer_until_the_two_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann = contact(&admin, json!({"first_name": "Ann", "phone": "+37255512345"})).await;
    let anna = contact(&admin, json!({"first_name": "Anna", "mobile": "+37255512345"})).await;
    let anns = lead(&admin, &ann, "Fleet").await;
    let deed = did(&admin, json!({"person": {"phone": "+37255512345"}})).await;
    assert_eq!(deed["attributed_to"], Value::Null);
    let done = merge(&admin, &ann, &anna).await;
    assert_eq!(done["moved"], json!({"interactions.waiting": 1}));
    let owner = async || {
        let interaction = admin.get(&format!("/v1/interactions/{}", bodies::id(&deed))).await.expect(200);
        (interaction["contact_id"].clone(), admin.get(&format!("/v1/leads/{anns}")).await.expect(200)["score"].clone())
    };
    assert_eq!(owner().await, (json!(ann), json!(5)));
    assert_eq!(did(&admin, json!({"person": {"phone": "+37255512345"}})).await["attributed_to"], json!(ann));
    undo(&admin, &done).await;
    assert_eq!(owner().await, (Value::Null, json!(5)));
}

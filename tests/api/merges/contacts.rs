//! Merging contacts: who survives with what, where the loser's identities lead, and what is refused.

use reqwest::Method;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{contact, did, form, kept, lead, merge, records, submit, try_merge};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn the_contact_that_sales_knows_survives_then_the_older_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let automatic = contact(&admin, json!({"email": "a@x.ee", "marketing_only": true})).await;
    app.wait_seconds(60);
    let known = contact(&admin, json!({"email": "b@x.ee"})).await;
    let done = merge(&admin, &automatic, &known).await;
    assert_eq!((&done["survivor_id"], &done["because"]), (&json!(known), &json!("known_to_sales")));
    let shown = admin.get(&format!("/v1/contacts/{known}")).await.expect(200);
    assert_eq!(shown["marketing_only"], false);

    app.wait_seconds(60);
    let younger = contact(&admin, json!({"email": "c@x.ee"})).await;
    let done = merge(&admin, &younger, &known).await;
    assert_eq!((&done["survivor_id"], &done["because"]), (&json!(known), &json!("older")));
}

#[tokio::test]
async fn every_value_kept_has_its_record_and_its_reason() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let consent = |granted: bool, at: &str| json!({"marketing": {"granted": granted, "at": at}});
    let mine = contact(
        &admin,
        json!({"first_name": "Ann", "job_title": "CTO", "email": "ann@x.ee", "language": "et",
            "consents": consent(true, "2026-01-01T00:00:00Z"), "attributes": {"size": 5, "vip": true},
            "address": {"city": "Tartu"}}),
    )
    .await;
    app.wait_seconds(1);
    let other = contact(
        &admin,
        json!({"first_name": "Anna", "last_name": "Tamm", "email": "anna@x.ee", "phone": "+37255512345", "language": "et",
            "consents": consent(false, "2026-02-01T00:00:00Z"), "attributes": {"size": 7, "floor": 2},
            "address": {"city": "Tallinn", "line1": "Pärnu mnt 10"}}),
    )
    .await;
    let path = format!("/v1/contacts/{mine}/merges");
    let asked = json!({"other_id": other, "fields": {"attributes.size": other}});
    let preview = admin.post(&format!("{path}/preview"), asked.clone()).await.expect(200);
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 2);
    let done = admin.post(&path, asked).await.expect(201);
    for member in ["survivor_id", "loser_id", "because", "fields"] {
        assert_eq!(preview[member], done[member], "{member}");
    }
    let expected = [
        ("first_name", json!("Ann"), &mine, "survivor"),
        ("last_name", json!("Tamm"), &other, "only_value"),
        ("job_title", json!("CTO"), &mine, "only_value"),
        ("email", json!("ann@x.ee"), &mine, "survivor"),
        ("phone", json!("+37255512345"), &other, "only_value"),
        ("language", json!("et"), &mine, "same"),
        ("attributes.size", json!(7), &other, "chosen_by_hand"),
        ("attributes.vip", json!(true), &mine, "only_value"),
        ("attributes.floor", json!(2), &other, "only_value"),
    ];
    for (field, value, from, reason) in expected {
        let told = kept(&done, field);
        assert_eq!((&told["value"], &told["from"], &told["reason"]), (&value, &json!(from), &json!(reason)), "{field}");
    }
    assert_eq!(kept(&done, "consents.marketing")["reason"], "latest");
    assert_eq!(kept(&done, "address")["value"]["city"], "Tartu");

    let shown = admin.get(&format!("/v1/contacts/{mine}")).await.expect(200);
    assert_eq!(
        (&shown["first_name"], &shown["last_name"], &shown["version"]),
        (&json!("Ann"), &json!("Tamm"), &json!(2))
    );
    assert_eq!(shown["phone_e164"], "+37255512345");
    assert_eq!(shown["consents"]["marketing"]["granted"], false);
    assert_eq!(shown["attributes"], json!({"size": 7, "vip": true, "floor": 2}));
    assert_eq!(shown["address"]["line1"], Value::Null);
    let found = records(&admin, "/v1/contacts?q=tamm").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], json!(mine));
}

#[tokio::test]
async fn the_survivor_and_single_values_may_be_chosen_by_hand() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let older = contact(&admin, bodies::contact("ann@x.ee")).await;
    let younger = contact(&admin, json!({"first_name": "Anna", "email": "anna@x.ee"})).await;
    let asked = json!({"other_id": older, "survivor": younger, "fields": {"email": older, "last_name": younger, "phone": younger}});
    let done = admin.post(&format!("/v1/contacts/{younger}/merges"), asked).await.expect(201);
    assert_eq!((&done["survivor_id"], &done["because"]), (&json!(younger), &json!("chosen_by_hand")));
    let shown = admin.get(&format!("/v1/contacts/{younger}")).await.expect(200);
    assert_eq!((&shown["email"], &shown["last_name"]), (&json!("ann@x.ee"), &Value::Null));
    for email in ["ann@x.ee", "anna@x.ee"] {
        let refused = admin.post("/v1/contacts", bodies::contact(email)).await;
        assert_eq!(refused.expect_problem(409, "duplicate-contact")["contact_id"], json!(younger), "{email}");
    }
}

#[tokio::test]
async fn what_is_decided_by_hand_names_known_fields_and_the_two_records() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = contact(&admin, bodies::contact("a@x.ee")).await;
    let other = contact(&admin, bodies::contact("b@x.ee")).await;
    let stranger = contact(&admin, bodies::contact("c@x.ee")).await;
    let path = format!("/v1/contacts/{one}/merges");
    let asked = json!({"other_id": other, "survivor": stranger, "fields": {"first_name": stranger, "nonsense": one}});
    admin.post(&path, asked).await.expect_invalid(&["/survivor", "/fields/first_name", "/fields/nonsense"]);
    admin.post(&path, json!({"other_id": other, "survivor": "me"})).await.expect_invalid(&["/survivor"]);
    admin.post(&path, json!({"other_id": one})).await.expect_invalid(&["/other_id"]);
    admin.post(&path, json!({"other_id": lead(&admin, &one, "x").await})).await.expect_invalid(&["/other_id"]);
    assert_eq!(records(&admin, &path).await.len(), 0);
}

#[tokio::test]
async fn another_workspaces_contact_is_unknown() {
    let app = TestApp::start().await;
    let (admin, stranger) = (app.admin().await, app.other_workspace().admin().await);
    let mine = contact(&admin, bodies::contact("a@x.ee")).await;
    let theirs = contact(&stranger, bodies::contact("a@x.ee")).await;
    try_merge(&admin, &mine, &theirs).await.expect_invalid(&["/other_id"]);
    try_merge(&admin, &theirs, &mine).await.expect_problem(404, "not-found");
    let other = contact(&admin, bodies::contact("b@x.ee")).await;
    let done = merge(&admin, &mine, &other).await;
    stranger.get(&format!("/v1/merges/{}", bodies::id(&done))).await.expect_problem(404, "not-found");
    stranger
        .post(&format!("/v1/merges/{}/undo", bodies::id(&done)), Value::Null)
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn the_loser_is_gone_with_the_last_survivors_id() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (a, b, c) = (
        contact(&admin, bodies::contact("a@x.ee")).await,
        contact(&admin, bodies::contact("b@x.ee")).await,
        contact(&admin, bodies::contact("c@x.ee")).await,
    );
    merge(&admin, &b, &c).await;
    merge(&admin, &a, &b).await;
    for gone in [&b, &c] {
        let path = format!("/v1/contacts/{gone}");
        for answer in
            [admin.get(&path).await, admin.patch(&path, json!({"first_name": "X"})).await, admin.delete(&path).await]
        {
            assert_eq!(answer.expect_problem(410, "gone")["merged_into"], json!(a));
        }
    }
    let listed = admin.get("/v1/contacts?count=true").await.expect(200);
    assert_eq!((listed["total"].as_i64(), listed["data"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(records(&admin, "/v1/contacts?q=c@x.ee").await.len(), 0);

    let d = contact(&admin, bodies::contact("d@x.ee")).await;
    assert_eq!(try_merge(&admin, &c, &d).await.expect_problem(410, "gone")["merged_into"], json!(a));
    try_merge(&admin, &d, &c).await.expect_problem(409, "conflict");
    try_merge(&admin, &a, &c).await.expect_problem(409, "conflict");
    try_merge(&admin, &c, &a).await.expect_problem(409, "conflict");
    assert_eq!(records(&admin, &format!("/v1/contacts/{a}/merges")).await.len(), 1);
    assert_eq!(records(&admin, &format!("/v1/contacts/{b}/merges")).await.len(), 2);
}

#[tokio::test]
async fn the_losers_identities_lead_to_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = form(&admin, "White paper").await;
    let survivor = contact(&admin, json!({"email": "ann@x.ee", "external_id": "crm-1"})).await;
    let body = json!({"email": "anna@x.ee", "external_id": "crm-2", "phone": "+37255512345", "anonymous_ids": ["b-1"]});
    let loser = contact(&admin, body).await;
    merge(&admin, &survivor, &loser).await;

    let people = [
        json!({"email": "Anna@X.ee"}),
        json!({"external_id": "crm-2"}),
        json!({"phone": "+372 5551 2345"}),
        json!({"anonymous_id": "b-1"}),
    ];
    for person in people {
        assert_eq!(did(&admin, json!({"person": person})).await["attributed_to"], json!(survivor), "{person}");
    }
    assert_eq!(did(&admin, json!({"contact_id": loser})).await["attributed_to"], json!(survivor));
    let sent = submit(&app, &admin, &form, "anna@x.ee").await;
    assert_eq!((&sent["status"], &sent["contact_id"]), (&json!("processed"), &json!(survivor)));
    for body in [bodies::contact("anna@x.ee"), json!({"first_name": "x", "external_id": "crm-2"})] {
        let refused = admin.post("/v1/contacts", body).await;
        assert_eq!(refused.expect_problem(409, "duplicate-contact")["contact_id"], json!(survivor));
    }
    let asked = json!({"target": "contact", "keys": {"email": "anna@x.ee"}});
    let found = admin.post("/v1/matching-strategies/preview", asked).await.expect(200);
    assert_eq!((&found["winner"], found["candidates"].as_array().unwrap().len()), (&json!(survivor), 1));
    assert_eq!(records(&admin, "/v1/contacts").await.len(), 1);

    let path = format!("/v1/contacts/{survivor}");
    let changed = admin.patch(&path, json!({"email": "anna@x.ee", "external_id": "crm-2"})).await.expect(200);
    assert_eq!((&changed["email"], &changed["external_id"]), (&json!("anna@x.ee"), &json!("crm-2")));
}

#[tokio::test]
async fn all_that_named_the_loser_names_the_survivor() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = form(&admin, "White paper").await;
    let survivor = contact(&admin, bodies::contact("ann@x.ee")).await;
    let sent = submit(&app, &admin, &form, "anna@x.ee").await;
    let (loser, of_form) = (sent["contact_id"].as_str().unwrap(), sent["lead_id"].as_str().unwrap());
    let friend = contact(&admin, bodies::contact("friend@x.ee")).await;
    let body = json!({"contact_id": friend, "topic": "x", "source": "web", "referrer_contact_id": loser});
    let referred = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let deed = did(&admin, json!({"contact_id": loser})).await;

    let done = merge(&admin, &survivor, loser).await;
    assert_eq!(
        done["moved"],
        json!({"interactions.contact_id": 2, "leads.contact_id": 1, "leads.referrer_contact_id": 1,
            "submissions.contact_id": 1})
    );
    let get = async |path: String| admin.get(&path).await.expect(200);
    assert_eq!(get(format!("/v1/leads/{of_form}")).await["contact_id"], json!(survivor));
    assert_eq!(get(format!("/v1/leads/{referred}")).await["referrer_contact_id"], json!(survivor));
    assert_eq!(get(format!("/v1/submissions/{}", bodies::id(&sent))).await["contact_id"], json!(survivor));
    assert_eq!(get(format!("/v1/interactions/{}", bodies::id(&deed))).await["contact_id"], json!(survivor));
    assert_eq!(records(&admin, &format!("/v1/interactions?contact_id={loser}")).await.len(), 0);
    let refused = json!({"contact_id": loser, "topic": "x", "source": "web"});
    let refused = admin.post("/v1/leads", refused).await.expect_invalid(&["/contact_id"]);
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(&survivor), "{refused}");
}

#[tokio::test]
async fn two_leads_of_one_form_stay_two_and_the_next_submission_finds_one_of_them() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = form(&admin, "White paper").await;
    let one = submit(&app, &admin, &form, "ann@x.ee").await;
    let other = submit(&app, &admin, &form, "anna@x.ee").await;
    let (ann, anna) = (one["contact_id"].as_str().unwrap(), other["contact_id"].as_str().unwrap());
    merge(&admin, ann, anna).await;
    assert_eq!(records(&admin, &format!("/v1/leads?contact_id={ann}&status=open")).await.len(), 2);
    for email in ["ann@x.ee", "anna@x.ee"] {
        let sent = submit(&app, &admin, &form, email).await;
        assert_eq!((&sent["status"], &sent["contact_id"]), (&json!("processed"), &json!(ann)));
    }
    assert_eq!(records(&admin, &format!("/v1/leads?contact_id={ann}&status=open")).await.len(), 2);
}

#[tokio::test]
async fn a_merge_is_told_of_and_happens_once_for_one_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = contact(&admin, bodies::contact("a@x.ee")).await;
    let other = contact(&admin, bodies::contact("b@x.ee")).await;
    let path = format!("/v1/contacts/{one}/merges");
    let send = async || {
        let request = admin.request(Method::POST, &path).header("idempotency-key", "m-1");
        request.json(&json!({"other_id": other})).send().await
    };
    let (first, second) = (send().await, send().await);
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(first.header("location").unwrap(), format!("/v1/merges/{}", bodies::id(&first.json())));
    let told = records(&admin, "/v1/events?type=contact.merged").await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["contact_id"], &told[0]["data"]["merge"]["loser_id"]), (&json!(one), &json!(other)));
    assert_eq!(told[0]["data"]["before"]["loser"]["email"]["key"], "b@x.ee");
    assert_eq!(admin.get(first.header("location").unwrap()).await.expect(200), first.json());
}

#[tokio::test]
async fn a_merge_of_a_stale_version_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let one = contact(&admin, bodies::contact("a@x.ee")).await;
    let other = contact(&admin, bodies::contact("b@x.ee")).await;
    admin.patch(&format!("/v1/contacts/{one}"), json!({"job_title": "CTO"})).await.expect(200);
    let send = async |version: i64| {
        let request = admin.request(Method::POST, &format!("/v1/contacts/{one}/merges")).if_version(version);
        request.json(&json!({"other_id": other})).send().await
    };
    send(1).await.expect_problem(412, "precondition-failed");
    admin.get(&format!("/v1/contacts/{other}")).await.expect(200);
    send(2).await.expect(201);
}

#[tokio::test]
async fn a_merge_needs_the_scope_to_change_what_is_merged() {
    let app = TestApp::start().await;
    let (admin, viewer) = (app.admin().await, app.person(Role::Viewer).await);
    let one = contact(&admin, bodies::contact("a@x.ee")).await;
    let other = contact(&admin, bodies::contact("b@x.ee")).await;
    try_merge(&viewer, &one, &other).await.expect_problem(403, "forbidden");
    let done = merge(&admin, &one, &other).await;
    let path = format!("/v1/merges/{}", bodies::id(&done));
    viewer.get(&path).await.expect(200);
    viewer.post(&format!("{path}/undo"), Value::Null).await.expect_problem(403, "forbidden");
    let of_leads = app.integration(&["leads:read", "leads:write"]).await;
    of_leads.get(&path).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_survivor_is_deleted_with_those_merged_into_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
    let one = contact(&admin, bodies::contact("a@x.ee")).await;
    let body = bodies::with(bodies::contact("b@x.ee"), json!({"account_id": account}));
    let other = contact(&admin, body).await;
    let done = admin
        .post(&format!("/v1/contacts/{one}/merges"), json!({"other_id": other, "fields": {"account_id": one}}))
        .await
        .expect(201);
    admin.delete(&format!("/v1/accounts/{account}")).await.expect(204);
    admin.delete(&format!("/v1/contacts/{one}")).await.expect(204);
    admin.get(&format!("/v1/contacts/{other}")).await.expect_problem(404, "not-found");
    contact(&admin, bodies::contact("b@x.ee")).await;
    admin.post(&format!("/v1/merges/{}/undo", bodies::id(&done)), Value::Null).await.expect_problem(409, "conflict");
}

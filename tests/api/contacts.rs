//! People over HTTP: identities nobody shares, merge patches, versions, lists.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;

async fn ann(app: &TestApp) -> Value {
    let body =
        json!({"first_name": "Ann", "last_name": "Tamm", "email": "ann@example.com", "phone": "+1 (555) 010-9999"});
    app.admin().await.post("/v1/contacts", body).await.expect(201)
}

fn path(record: &Value) -> String {
    format!("/v1/contacts/{}", record["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_contact_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = ann(&app).await;
    assert_eq!(created["phone_e164"], "+15550109999");

    let read = admin.get(&path(&created)).await;
    assert_eq!(read.header("etag"), Some("\"v1\""));
    assert_eq!(read.expect(200), created);

    let changed = admin.patch(&path(&created), json!({"job_title": "Buyer", "phone": null})).await.expect(200);
    assert_eq!(changed["job_title"], "Buyer");
    assert_eq!(changed["phone"], Value::Null);
    assert_eq!(changed["email"], "ann@example.com");
    assert_eq!(changed["version"], 2);

    admin.delete(&path(&created)).await.expect(204);
    admin.get(&path(&created)).await.expect(404);
}

#[tokio::test]
async fn one_address_in_any_spelling_is_one_contact() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = ann(&app).await;
    for spelling in ["ANN@Example.COM", " ann@example.com ", "ann@example.com."] {
        let problem = admin.post("/v1/contacts", json!({"email": spelling})).await.expect(409);
        assert_eq!(problem["type"], "/problems/duplicate-contact");
        assert_eq!(problem["contact_id"], created["id"]);
    }
    let found = admin.get("/v1/contacts?email=ANN@EXAMPLE.com").await.expect(200);
    assert_eq!(found["data"][0]["id"], created["id"]);
}

#[tokio::test]
async fn of_many_who_create_one_person_at_once_one_succeeds_and_the_others_learn_who() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let spellings = ["new@example.com", "NEW@example.com", " New@Example.com "];
    let attempts = (0..64).map(|k| admin.post("/v1/contacts", json!({"email": spellings[k % 3]})));
    let answers = join_all(attempts).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status() == 201).collect();
    assert_eq!(created.len(), 1);
    let id = created[0].json()["id"].clone();
    for refused in answers.iter().filter(|answer| answer.status() != 201) {
        assert_eq!(refused.status(), 409);
        assert_eq!(refused.json()["contact_id"], id);
    }
}

#[tokio::test]
async fn two_workspaces_may_know_the_same_person() {
    let app = TestApp::start().await;
    ann(&app).await;
    let other = app.other_workspace().admin().await;
    other.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
}

#[tokio::test]
async fn everything_wrong_with_a_contact_is_listed() {
    let app = TestApp::start().await;
    let unknown = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";
    let body = json!({"email": "a@x.com,b@x.com", "phone": "12", "account_id": unknown, "owner_id": unknown});
    let problem = app.admin().await.post("/v1/contacts", body).await.expect(422);
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/email", "/phone", "/account_id", "/owner_id"]);
}

#[tokio::test]
async fn fields_that_are_not_the_callers_are_refused_one_by_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    let foreign = json!({
        "id": 1, "created_at": "x", "score": 5, "version": 9, "owner": {"role": "admin"}, "deleted_at": null,
        "workspace_id": contact["id"], "merged_into_id": contact["id"],
    });
    let pointers =
        ["/id", "/created_at", "/score", "/version", "/owner", "/deleted_at", "/workspace_id", "/merged_into_id"];
    admin.post("/v1/contacts", foreign.clone()).await.expect_invalid(&pointers);
    admin.patch(&path(&contact), foreign).await.expect_invalid(&pointers);
    assert_eq!(admin.get(&path(&contact)).await.expect(200), contact);
}

#[tokio::test]
async fn a_merge_patch_of_another_form_or_type_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    let lead = json!({"contact_id": contact["id"], "topic": "Software", "source": "web"});
    let lead = admin.post("/v1/leads", lead).await.expect(201);
    let lead_path = format!("/v1/leads/{}", lead["id"].as_str().unwrap());
    for (path, required) in [
        (path(&contact), ["address", "attributes", "consents", "marketing_only"].as_slice()),
        (lead_path, &["attributes", "captured", "source"]),
    ] {
        let before = admin.get(&path).await.expect(200);
        let nulls: serde_json::Map<_, _> = required.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
        let pointers: Vec<String> = required.iter().map(|name| format!("/{name}")).collect();
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        admin.patch(&path, nulls.into()).await.expect_invalid(&pointers);
        admin.patch(&path, json!([])).await.expect_problem(400, "malformed-json");
        let json_patch = json!([{"op": "remove", "path": "/topic"}]).to_string();
        let sent = admin.request(reqwest::Method::PATCH, &path).bytes("application/json-patch+json", json_patch);
        sent.send().await.expect_problem(415, "unsupported-media-type");
        assert_eq!(admin.get(&path).await.expect(200), before);
    }
}

#[tokio::test]
async fn a_contact_without_any_identity_is_refused() {
    let app = TestApp::start().await;
    app.admin().await.post("/v1/contacts", json!({"job_title": "Buyer"})).await.expect(422);
}

#[tokio::test]
async fn a_header_cannot_be_smuggled_through_an_address() {
    let app = TestApp::start().await;
    let body = json!({"email": "a@x.com\r\nBcc: e@x.com"});
    app.admin().await.post("/v1/contacts", body).await.expect(422);
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    admin.patch_version(&path(&contact), 1, json!({"job_title": "Buyer"})).await.expect(200);
    let stale = admin.patch_version(&path(&contact), 1, json!({"job_title": "Seller"})).await;
    assert_eq!(stale.header("etag"), Some("\"v2\""));
    stale.expect(412);
    assert_eq!(admin.get(&path(&contact)).await.expect(200)["job_title"], "Buyer");
}

#[tokio::test]
async fn if_match_takes_lists_and_stars_but_no_weak_tags() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    for (if_match, status) in [("W/\"v1\"", 412), ("\"v1\", \"v2\"", 200), ("*", 200), ("v1", 400), ("\"v9\"", 412)] {
        let request = admin.request(reqwest::Method::PATCH, &path(&contact)).header("if-match", if_match);
        let answer = request.merge_patch(&json!({"language": "et"})).send().await;
        assert_eq!(answer.status(), status, "{if_match}");
    }
}

#[tokio::test]
async fn different_fields_changed_at_once_are_both_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path(&ann(&app).await);
    let changes = (0..20).map(|k| {
        let attributes = json!({"attributes": {format!("field_{k}"): k}});
        admin.patch(&path, attributes)
    });
    for answer in join_all(changes).await {
        answer.expect(200);
    }
    let contact = admin.get(&path).await.expect(200);
    assert_eq!(contact["attributes"].as_object().unwrap().len(), 20);
    assert_eq!(contact["version"], 21);
}

#[tokio::test]
async fn compare_and_set_loses_no_update() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = path(&ann(&app).await);
    let increments = (0..16).map(|_| async {
        let mut done = 0;
        for _ in 0..10 {
            let contact = admin.get(&path).await.expect(200);
            let (version, count) =
                (contact["version"].as_i64().unwrap(), contact["attributes"]["count"].as_i64().unwrap_or(0));
            let answer = admin.patch_version(&path, version, json!({"attributes": {"count": count + 1}})).await;
            assert!([200, 412].contains(&answer.status()), "{}", answer.text());
            done += i64::from(answer.status() == 200);
        }
        done
    });
    let done: i64 = join_all(increments).await.into_iter().sum();
    assert_eq!(admin.get(&path).await.expect(200)["attributes"]["count"], done);
}

#[tokio::test]
async fn strange_attribute_names_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = path(&ann(&app).await);
    for name in ["__proto__", "constructor", "$where", "a.b", "", "Upper", &"x".repeat(300)] {
        let body = json!({"email": "a@x.com", "attributes": {name: 1}});
        admin.post("/v1/contacts", body).await.expect_problem(422, "validation-failed");
        admin.patch(&known, json!({"attributes": {name: 1}})).await.expect_problem(422, "validation-failed");
    }
    let body =
        json!({"email": "a@x.com", "attributes": {"vip": true, "size": 1.5, "note": "<script>{{7*7}}</script>"}});
    let contact = admin.post("/v1/contacts", body.clone()).await.expect(201);
    assert_eq!(contact["attributes"], body["attributes"]);
    let contact = admin.patch(&path(&contact), json!({"attributes": {"vip": null}})).await.expect(200);
    assert_eq!(contact["attributes"], json!({"size": 1.5, "note": "<script>{{7*7}}</script>"}));
}

#[tokio::test]
async fn a_search_takes_every_character_literally() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/v1/contacts", json!({"first_name": "100% Ann_e"})).await.expect(201);
    admin.post("/v1/contacts", json!({"first_name": "ÉLODIE"})).await.expect(201);
    for (q, found) in [("0% ann_", 1), ("0%25 ann_", 1), ("_", 1), ("é", 1), ("%25%25", 0), ("\\", 0), ("!", 0)] {
        let list =
            admin.get(&format!("/v1/contacts?q={}", q.replace("% ", "%25 ").replace(' ', "%20"))).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), found, "{q}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for k in 0..7 {
        app.wait_seconds(i64::from(k % 2 == 0));
        admin.post("/v1/contacts", json!({"first_name": format!("Person {}", k % 3)})).await.expect(201);
    }
    for sort in ["created_at", "-created_at", "name,-created_at", "-name"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/v1/contacts?limit=2&count=true&sort={sort}{cursor}")).await.expect(200);
            assert_eq!(page["total"], 7);
            seen.extend(
                page["data"].as_array().unwrap().iter().map(|contact| contact["id"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let whole = admin.get(&format!("/v1/contacts?sort={sort}")).await.expect(200);
        let all: Vec<_> = whole["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|contact| contact["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(seen, all, "{sort}");
    }
}

#[tokio::test]
async fn a_contact_that_a_lead_refers_to_is_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    let lead = json!({"contact_id": contact["id"], "topic": "Software", "source": "web"});
    admin.post("/v1/leads", lead).await.expect(201);
    admin.delete(&path(&contact)).await.expect(409);
}

#[tokio::test]
async fn a_patch_that_names_nothing_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let contact = ann(&app).await;
    let lead = json!({"contact_id": contact["id"], "topic": "Software", "source": "web"});
    let lead = admin.post("/v1/leads", lead).await.expect(201);
    let lead_path = format!("/v1/leads/{}", lead["id"].as_str().unwrap());
    app.wait_days(1);
    assert_eq!(admin.patch(&path(&contact), json!({})).await.expect(200)["version"], contact["version"]);
    assert_eq!(admin.patch(&lead_path, json!({})).await.expect(200)["version"], lead["version"]);
    assert_eq!(admin.patch_version("/v1/settings", 1, json!({})).await.header("etag"), Some("\"v1\""));
    let user = format!("/v1/users/{}", admin.id());
    assert_eq!(admin.patch_version(&user, 1, json!({})).await.expect(200)["version"], 1);
}

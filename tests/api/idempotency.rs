//! A repeated request has one effect and one answer (C1).

use futures_util::future::join_all;
use reqwest::Method;
use ripen::db::Scope;
use ripen::http::idempotency::{self, Key, Taken};
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, bodies};

async fn post(person: &Person, key: &str, body: &Value) -> Answer {
    person.request(Method::POST, "/v1/accounts").key(key).json(body).send().await
}

async fn accounts(person: &Person) -> usize {
    person.get("/v1/accounts?limit=200").await.expect(200)["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_to_the_letter_and_has_no_second_effect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = post(&admin, "key-1", &bodies::account("Contoso")).await;
    first.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    for _ in 0..9 {
        let again = post(&admin, "key-1", &bodies::account("Contoso")).await;
        assert_eq!((again.status(), again.bytes()), (201, first.bytes()));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        for header in ["content-type", "location", "etag"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
    }
    assert_eq!(accounts(&admin).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_the_request_it_was_first_sent_with() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    post(&admin, "key-1", &bodies::account("Contoso")).await.expect(201);
    post(&admin, "key-1", &bodies::account("Fabrikam")).await.expect_problem(422, "idempotency-key-reused");
    assert_eq!(accounts(&admin).await, 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answers = join_all((0..64).map(|_| async { post(&admin, "key-1", &bodies::account("Contoso")).await })).await;
    let fresh = answers.iter().filter(|a| a.status() == 201 && a.header("idempotency-replayed").is_none()).count();
    assert_eq!(fresh, 1);
    for other in answers.iter().filter(|answer| answer.status() != 201) {
        other.expect_problem(409, "idempotency-in-progress");
        assert_eq!(other.header("retry-after"), Some("1"));
    }
    assert_eq!(accounts(&admin).await, 1);
    assert_eq!(post(&admin, "key-1", &bodies::account("Contoso")).await.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_characters_quoted_or_bare() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let longest = "k".repeat(255);
    for good in ["k", "!~", &longest, "\"quoted\""] {
        post(&admin, good, &bodies::account("Contoso")).await.expect(201);
    }
    let same = post(&admin, "quoted", &bodies::account("Contoso")).await;
    assert_eq!(same.header("idempotency-replayed"), Some("true"));
    let too_long = "k".repeat(256);
    for bad in ["", "\"\"", &too_long, "two words", "õ"] {
        post(&admin, bad, &bodies::account("Contoso")).await.expect_problem(400, "malformed-request");
    }
    let two = admin.request(Method::POST, "/v1/accounts").key("a").key("b").json(&bodies::account("Contoso"));
    two.send().await.expect_problem(400, "malformed-request");
}

#[tokio::test]
async fn a_key_means_something_else_to_another_caller_path_or_method() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = post(&admin, "key-1", &bodies::account("Contoso")).await.expect(201);
    let path = format!("/v1/accounts/{}", bodies::id(&account));
    let patch = admin.request(Method::PATCH, &path).key("key-1").merge_patch(&json!({"industry": "toys"}));
    assert_eq!(patch.send().await.expect(200)["industry"], "toys");
    let contact = admin.request(Method::POST, "/v1/contacts").key("key-1").json(&bodies::contact("ann@example.com"));
    contact.send().await.expect(201);

    let colleague = app.person(ripen::auth::scope::Role::Marketer).await;
    let theirs = post(&colleague, "key-1", &bodies::account("Contoso")).await;
    assert_ne!(theirs.expect(201)["id"], account["id"]);
    let stranger = app.other_workspace().admin().await;
    let elsewhere = post(&stranger, "key-1", &bodies::account("Contoso")).await;
    assert_ne!(elsewhere.expect(201)["id"], account["id"]);
    assert_eq!(elsewhere.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn a_faulty_request_does_not_spend_its_key() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let unknown_owner = json!({"name": "Contoso", "owner_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"});
    for faulty in [json!({}), unknown_owner] {
        post(&admin, "key-1", &faulty).await.expect_problem(422, "validation-failed");
    }
    let corrected = post(&admin, "key-1", &bodies::account("Contoso")).await;
    corrected.expect(201);
    assert_eq!(corrected.header("idempotency-replayed"), None);
}

#[tokio::test]
async fn a_refusal_by_the_state_of_the_data_is_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201);
    let path = format!("/v1/accounts/{}", bodies::id(&account));
    let stale = async || {
        let patch = admin.request(Method::PATCH, &path).key("key-1").if_version(2);
        patch.merge_patch(&json!({"industry": "toys"})).send().await
    };
    stale().await.expect_problem(412, "precondition-failed");
    admin.patch(&path, json!({"industry": "tools"})).await.expect(200);
    // The version it asked for exists by now, but the answer to this key is settled.
    let again = stale().await;
    assert_eq!((again.status(), again.header("idempotency-replayed")), (412, Some("true")));
    assert_eq!(admin.get(&path).await.expect(200)["industry"], "tools");
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let first = post(&admin, "key-1", &bodies::account("Contoso")).await.expect(201);
    app.wait_seconds(24 * 3600 - 1);
    assert_eq!(post(&admin, "key-1", &bodies::account("Contoso")).await.expect(201), first);
    app.wait_seconds(1);
    assert_ne!(post(&admin, "key-1", &bodies::account("Contoso")).await.expect(201), first);
    let scope = Scope { workspace: app.workspace().id, at: app.now().plus_days(1), actor: None, cause: None };
    assert_eq!(app.state.db.write(scope, |tx| tx.idempotency_keys().prune()).await.unwrap(), 1);
}

#[tokio::test]
async fn no_answer_is_repeated_to_someone_who_is_locked_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let marketer = app.person(ripen::auth::scope::Role::Marketer).await;
    post(&marketer, "key-1", &bodies::account("Contoso")).await.expect(201);
    admin.patch_version(&format!("/v1/users/{}", marketer.id()), 1, json!({"disabled": true})).await.expect(200);
    post(&marketer, "key-1", &bodies::account("Contoso")).await.expect_problem(401, "invalid-token");
}

#[tokio::test]
async fn a_key_whose_request_never_ended_can_be_taken_over_when_its_lease_is_over() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = bodies::account("Contoso").to_string();
    let parts: [&[u8]; 5] = [b"POST", b"/v1/accounts", b"", b"application/json", body.as_bytes()];
    let key = Key {
        principal: admin.id().to_string(),
        method: "POST".to_owned(),
        path: "/v1/accounts".to_owned(),
        key: "key-1".to_owned(),
        fingerprint: idempotency::fingerprint(&parts),
    };
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let (taking, terms) = (key.clone(), app.state.idempotency);
    let taken = app.state.db.write(scope, move |tx| tx.idempotency_keys().take(&taking, terms)).await.unwrap();
    let Taken::Now { lease } = taken else { panic!("the key was free") };

    let ask = async || {
        admin.request(Method::POST, "/v1/accounts").key("key-1").bytes("application/json", body.clone()).send().await
    };
    app.wait_seconds(29);
    ask().await.expect_problem(409, "idempotency-in-progress");
    app.wait_seconds(1);
    let account = ask().await.expect(201);

    // The first one, should it wake up after all, finds that its work does not count.
    let late = app.state.db.write(scope, move |tx| {
        let answer = ripen::http::answer::Answer::deleted();
        tx.idempotency_keys().complete(&key, lease, &answer)
    });
    assert!(late.await.is_err());
    assert_eq!(ask().await.expect(201), account);
}

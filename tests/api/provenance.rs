//! Who or what set each field of a record.

use serde_json::{Value, json};

use crate::proposals::Desk;
use crate::support::{Person, bodies};

/// Who set each field of the record at `path`.
async fn sources(person: &Person, path: &str) -> Vec<Value> {
    person.get(&format!("{path}/provenance")).await.expect(200)["data"].as_array().unwrap().clone()
}

/// Who set `field`, if anybody did.
async fn source(person: &Person, path: &str, field: &str) -> Option<Value> {
    sources(person, path).await.into_iter().find(|source| source["field"] == field)
}

/// The names of all fields that anybody set.
async fn fields(person: &Person, path: &str) -> Vec<String> {
    sources(person, path).await.iter().map(|source| source["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_user_and_a_client_are_named_by_the_fields_they_set() {
    let desk = Desk::open().await;
    let new = json!({"first_name": "Ann", "email": "ann@example.com", "address": {"city": "Tartu"}});
    let path = format!("/v1/contacts/{}", bodies::id(&desk.admin.post("/v1/contacts", new).await.expect(201)));
    let begun = desk.app.now();
    assert_eq!(fields(&desk.admin, &path).await, ["address.city", "email", "first_name", "marketing_only"]);
    let of_user = json!({
        "field": "first_name", "at": begun, "how": "request", "submission_id": null, "proposal_id": null,
        "user_id": desk.admin.id(), "client_id": null,
    });
    assert_eq!(source(&desk.admin, &path, "first_name").await, Some(of_user.clone()));

    desk.app.wait_seconds(60);
    let program = desk.app.integration(&["contacts:write"]).await;
    // The name and the town stay what they were.
    let change = json!({
        "first_name": "Ann", "last_name": "Tamm", "address": {"city": "Tartu", "country": "EE"}, "attributes": {"vip": true},
    });
    program.patch(&path, change).await.expect(200);
    assert_eq!(source(&desk.admin, &path, "first_name").await, Some(of_user));
    for field in ["last_name", "address.country", "attributes.vip"] {
        let source = source(&desk.admin, &path, field).await.unwrap();
        assert_eq!((&source["client_id"], &source["user_id"]), (&json!(program.id()), &Value::Null), "{field}");
        assert_eq!(source["at"], json!(desk.app.now()));
    }
    assert_eq!(source(&desk.admin, &path, "address.city").await.unwrap()["at"], json!(begun));
}

#[tokio::test]
async fn a_submission_is_named_by_the_fields_it_set_and_by_no_others() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let new = json!({"first_name": "Ann", "email": "ann@example.com"});
    let contact = format!("/v1/contacts/{}", bodies::id(&desk.admin.post("/v1/contacts", new).await.expect(201)));
    let sent = json!({
        "email": "ANN@example.com", "first_name": "Anna", "last_name": "Tamm", "city": "Tartu", "company": "Contoso",
        "topic": "CRM", "budget": "10k",
    });
    let body = json!({"fields": sent, "consents": {"marketing": true}});
    let first = desk.send(&form, body).await;
    for field in ["last_name", "address.city", "account_id", "consents.marketing"] {
        let source = source(&desk.admin, &contact, field).await.unwrap();
        assert_eq!((&source["how"], &source["submission_id"]), (&json!("submission"), &first["id"]), "{field}");
        assert_eq!((&source["user_id"], &source["client_id"]), (&Value::Null, &Value::Null));
    }
    for field in ["email", "first_name"] {
        assert_eq!(source(&desk.admin, &contact, field).await.unwrap()["user_id"], json!(desk.admin.id()), "{field}");
    }
    let lead = format!("/v1/leads/{}", first["lead_id"].as_str().unwrap());
    let account = format!("/v1/accounts/{}", first["outcome"]["account"]["id"].as_str().unwrap());
    for (path, field) in [(&lead, "topic"), (&lead, "attributes.budget"), (&lead, "contact_id"), (&account, "name")] {
        assert_eq!(source(&desk.admin, path, field).await.unwrap()["submission_id"], first["id"], "{field}");
    }
    assert!(
        !fields(&desk.admin, &lead).await.iter().any(|field| ["score", "stage", "status"].contains(&field.as_str()))
    );

    let second = desk.submit(&form, json!({"email": "ann@example.com", "topic": "ERP", "campaign": "spring"})).await;
    assert_eq!(source(&desk.admin, &lead, "topic").await.unwrap()["submission_id"], first["id"]);
    assert_eq!(source(&desk.admin, &lead, "campaign").await.unwrap()["submission_id"], second["id"]);
}

#[tokio::test]
async fn an_accepted_proposal_names_the_submission_and_who_accepted() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Ann", "topic": "CRM"})).await;
    let second = desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna", "topic": "ERP"})).await;
    desk.app.wait_seconds(60);
    for (record, field) in [("contact", "first_name"), ("lead", "topic")] {
        let found = desk.admin.get(&format!("/v1/proposals?field={record}.{field}")).await.expect(200);
        let proposal = found["data"][0].clone();
        desk.decide(&proposal, "accept").await.expect(200);
        let path = format!("/v1/{record}s/{}", first[format!("{record}_id")].as_str().unwrap());
        let expected = json!({
            "field": field, "at": desk.app.now(), "how": "proposal", "submission_id": second["id"],
            "proposal_id": proposal["id"], "user_id": desk.admin.id(), "client_id": null,
        });
        assert_eq!(source(&desk.admin, &path, field).await, Some(expected));
    }
}

#[tokio::test]
async fn a_field_that_was_cleared_names_who_cleared_it() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Ann", "size": "5"})).await;
    let path = format!("/v1/contacts/{}", first["contact_id"].as_str().unwrap());
    desk.admin.patch(&path, json!({"first_name": null, "attributes": {"size": null}})).await.expect(200);
    for field in ["first_name", "attributes.size"] {
        let source = source(&desk.admin, &path, field).await.unwrap();
        assert_eq!((&source["user_id"], &source["submission_id"]), (&json!(desk.admin.id()), &Value::Null), "{field}");
    }
}

#[tokio::test]
async fn leads_and_accounts_that_users_make_and_change_name_them() {
    let desk = Desk::open().await;
    let seller = desk.app.person(ripen::auth::scope::Role::Salesperson).await;
    let account = desk.admin.post("/v1/accounts", json!({"name": "Contoso", "country": "EE"})).await.expect(201);
    let account_path = format!("/v1/accounts/{}", bodies::id(&account));
    let lead =
        json!({"account_id": account["id"], "topic": "CRM", "source": "web", "captured": {"company": "Contoso"}});
    let lead_path = format!("/v1/leads/{}", bodies::id(&desk.admin.post("/v1/leads", lead).await.expect(201)));
    let of_new = ["account_id", "captured.company", "channel_class", "source", "topic"];
    assert_eq!(fields(&desk.admin, &lead_path).await, of_new);
    seller.patch(&lead_path, json!({"topic": "ERP", "source": "web"})).await.expect(200);
    seller.patch(&account_path, json!({"employees": 5, "country": "EE"})).await.expect(200);
    for (path, field, who) in [
        (&lead_path, "topic", &seller),
        (&lead_path, "source", &desk.admin),
        (&account_path, "employees", &seller),
        (&account_path, "country", &desk.admin),
    ] {
        assert_eq!(source(&desk.admin, path, field).await.unwrap()["user_id"], json!(who.id()), "{field}");
    }
}

#[tokio::test]
async fn a_refused_change_notes_nothing() {
    let desk = Desk::open().await;
    desk.admin.post("/v1/contacts", json!({"email": "eve@example.com"})).await.expect(201);
    let ann = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let path = format!("/v1/contacts/{}", bodies::id(&ann));
    let before = sources(&desk.admin, &path).await;
    desk.app.wait_seconds(60);
    desk.admin.patch(&path, json!({"first_name": "Ann", "email": "eve@example.com"})).await.expect(409);
    assert_eq!(sources(&desk.admin, &path).await, before);
}

#[tokio::test]
async fn what_is_not_there_has_no_provenance() {
    let desk = Desk::open().await;
    let contact = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let account = desk.admin.post("/v1/accounts", json!({"name": "Contoso"})).await.expect(201);
    let lead = json!({"account_id": account["id"], "topic": "CRM", "source": "web"});
    let lead = desk.admin.post("/v1/leads", lead).await.expect(201);
    let stranger = desk.app.other_workspace().admin().await;
    for (kind, record) in [("contacts", contact), ("leads", lead), ("accounts", account)] {
        let path = format!("/v1/{kind}/{}", bodies::id(&record));
        stranger.get(&format!("{path}/provenance")).await.expect_problem(404, "not-found");
        let program = desk.app.integration(&["forms:read"]).await;
        program.get(&format!("{path}/provenance")).await.expect_problem(403, "forbidden");
        desk.admin.delete(&path).await.expect(204);
        desk.admin.get(&format!("{path}/provenance")).await.expect_problem(404, "not-found");
    }
}

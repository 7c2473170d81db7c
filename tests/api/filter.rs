//! The filter language over HTTP: searches for leads and contacts, every operator, every refusal.

mod agreement;
mod folding;

use std::time::Instant;

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::{day, live_model, newcomers};
use crate::support::{Answer, Person, TestApp, bodies};

const LEADS: &str = "/v1/leads/search";
const CONTACTS: &str = "/v1/contacts/search";

async fn search(person: &Person, path: &str, filter: Value) -> Answer {
    person.post(path, json!({"filter": filter})).await
}

/// The values of `member` in what the filter finds, in order.
async fn found(person: &Person, path: &str, member: &str, filter: Value) -> Vec<String> {
    let page = search(person, path, filter).await.expect(200);
    let mut found: Vec<String> =
        page["data"].as_array().unwrap().iter().map(|it| it[member].as_str().unwrap_or("-").to_owned()).collect();
    found.sort_unstable();
    found
}

fn on(field: &str, op: &str, value: impl Into<Value>) -> Value {
    match value.into() {
        Value::Null => json!({"field": field, "op": op}),
        value => json!({"field": field, "op": op, "value": value}),
    }
}

/// Ann Straße of Contoso (250 people), who is a VIP, and Bob, of whom little is known.
async fn two_people(admin: &Person) -> [String; 2] {
    let account = bodies::with(bodies::account("Contoso"), json!({"employees": 250}));
    let account = admin.post("/v1/accounts", account).await.expect(201);
    let ann = json!({"first_name": "Ann", "last_name": "Straße", "email": "ann@example.com", "account_id": account["id"],
        "address": {"country": "EE"}, "attributes": {"vip": true, "seats": 12, "tier": "gold"}});
    let bob =
        json!({"first_name": "Bob", "email": "bob@example.com", "marketing_only": true, "attributes": {"seats": "12"}});
    let ann = bodies::id(&admin.post("/v1/contacts", ann).await.expect(201));
    [ann, bodies::id(&admin.post("/v1/contacts", bob).await.expect(201))]
}

#[tokio::test]
async fn every_operator_finds_what_it_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    two_people(&admin).await;
    let (ann, bob, both) = (&["Ann"][..], &["Bob"][..], &["Ann", "Bob"][..]);
    let none: &[&str] = &[];
    for (expected, filter) in [
        (ann, on("contact.last_name", "eq", "Straße")),
        (none, on("contact.last_name", "eq", "STRASSE")),
        (bob, on("contact.last_name", "ne", "Straße")),
        (ann, on("contact.country", "in", json!(["EE", "LV"]))),
        (bob, on("contact.country", "not_in", json!(["EE", "LV"]))),
        (ann, on("contact.last_name", "contains", "ASS")),
        (ann, on("contact.last_name", "starts_with", "STRASSE")),
        (none, on("contact.last_name", "starts_with", "asse")),
        (ann, on("contact.country", "is_set", Value::Null)),
        (bob, on("contact.country", "not_set", Value::Null)),
        (bob, on("contact.marketing_only", "eq", true)),
        (ann, on("account.employees", "gt", 249.5)),
        (ann, on("account.employees", "gte", 250)),
        (none, on("account.employees", "lt", 250)),
        (ann, on("account.employees", "lte", 250)),
        (none, on("account.employees", "gt", 1e30)),
        (ann, on("account.employees", "lt", 1e30)),
        (both, on("contact.created_at", "lte", "2026-03-02T11:00:00+02:00")),
        (none, on("contact.created_at", "lt", "2026-03-02T09:00:00Z")),
        (ann, on("contact.attributes.seats", "eq", 12)),
        (bob, on("contact.attributes.seats", "eq", "12")),
        (both, on("contact.attributes.seats", "in", json!([12, "12"]))),
        (ann, on("contact.attributes.seats", "gt", 11.5)),
        (ann, on("contact.attributes.vip", "eq", true)),
        (ann, on("contact.attributes.tier", "starts_with", "GO")),
        (bob, on("contact.attributes.tier", "not_set", Value::Null)),
        (both, json!({"all": []})),
        (none, json!({"any": []})),
        (both, json!([])),
    ] {
        assert_eq!(found(&admin, CONTACTS, "first_name", filter.clone()).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_lead_is_asked_for_with_its_contact_its_account_and_what_was_done() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let [ann, bob] = two_people(&admin).await;
    for (contact, topic) in [(&ann, "First"), (&ann, "Second"), (&bob, "Third")] {
        let body = json!({"contact_id": contact, "topic": topic, "source": "web", "utm": {"utm_source": "Mail"}});
        admin.post("/v1/leads", body).await.expect(201);
    }
    for days in [1, 5, 40] {
        let opened = json!({"kind": "email_opened", "occurred_at": app.now().plus_days(-days), "contact_id": ann, "asset": "offer"});
        admin.post("/v1/interactions", opened).await.expect(201);
    }
    let opened = |more: Value| {
        let asked = json!({"related": "interaction", "where": on("interaction.kind", "eq", "email_opened")});
        bodies::with(asked, more)
    };
    for (expected, filter) in [
        (&["First", "Second"][..], on("account.name", "contains", "CONTO")),
        (&["Third"], on("account.name", "not_set", Value::Null)),
        (&["First", "Second", "Third"], on("lead.utm.utm_source", "contains", "mail")),
        (&["First", "Second", "Third"], on("lead.sales_ready", "eq", false)),
        (&["First", "Second"], opened(json!({}))),
        (&["First", "Second"], opened(json!({"within_days": 30, "count": {"eq": 2}}))),
        (&[], opened(json!({"within_days": 30, "count": {"gte": 3}}))),
        (&["Third"], opened(json!({"count": {"lt": 1}}))),
        (&["First"], json!({"related": "lead", "where": on("lead.topic", "eq", "Second")})),
        (&["Third"], json!({"not": {"related": "lead"}})),
        (&["Third"], json!([{"not": on("contact.first_name", "eq", "Ann")}, on("lead.topic", "starts_with", "t")])),
    ] {
        assert_eq!(found(&admin, LEADS, "topic", filter.clone()).await, expected, "{filter}");
    }
    let of_contact = json!({"related": "lead", "where": on("lead.topic", "eq", "Third")});
    assert_eq!(found(&admin, CONTACTS, "first_name", of_contact).await, ["Bob"]);
}

#[tokio::test]
async fn a_search_has_pages_and_orders_as_the_list_has() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for number in 0..5 {
        let body = json!({"topic": format!("Topic {number}"), "source": "web", "captured": {"last_name": "Lee"}});
        admin.post("/v1/leads", body).await.expect(201);
        app.wait_seconds(1);
    }
    let filter = json!({"filter": on("lead.topic", "ne", "Topic 2")});
    let (mut topics, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{LEADS}?sort=created_at&limit=3&count=true&expand=contact{cursor}");
        let page = admin.post(&path, filter.clone()).await.expect(200);
        assert_eq!(page["total"], 4);
        topics.extend(page["data"].as_array().unwrap().iter().map(|lead| lead["topic"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(topics, ["Topic 0", "Topic 1", "Topic 3", "Topic 4"]);
    for path in [LEADS, CONTACTS] {
        admin.post(&format!("{path}?sort=(select%201)"), json!({"filter": []})).await.expect_bad_parameter("sort");
        admin.post(&format!("{path}?offset=3"), json!({"filter": []})).await.expect_bad_parameter("offset");
    }
}

#[tokio::test]
async fn other_workspaces_and_merged_records_never_appear() {
    let app = TestApp::start().await;
    let (admin, stranger) = (app.admin().await, app.other_workspace().admin().await);
    let [ann, bob] = two_people(&admin).await;
    two_people(&stranger).await;
    for contact in [&ann, &bob] {
        admin.post("/v1/leads", json!({"contact_id": contact, "topic": "Fleet", "source": "web"})).await.expect(201);
    }
    let everything = json!({"any": [on("contact.first_name", "is_set", Value::Null), {"not": {"any": []}}]});
    assert_eq!(found(&stranger, LEADS, "topic", everything.clone()).await, [] as [&str; 0]);
    assert_eq!(found(&stranger, CONTACTS, "first_name", everything.clone()).await, ["Ann", "Bob"]);
    let foreign = json!({"any": [on("contact.account_id", "is_set", Value::Null), {"related": "lead"}]});
    assert_eq!(found(&stranger, CONTACTS, "first_name", foreign).await, ["Ann"]);

    admin.post(&format!("/v1/contacts/{ann}/merges"), json!({"other_id": bob})).await.expect(201);
    assert_eq!(found(&admin, CONTACTS, "first_name", everything).await, ["Ann"]);
}

#[tokio::test]
async fn what_a_search_cannot_answer_is_refused_where_it_stands() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (pointer, filter) in [
        ("/filter/field", on("contact.password_hash", "starts_with", "a")),
        ("/filter/field", on("owner.api_key", "eq", "a")),
        ("/filter/field", on("lead.topic'; --", "eq", "a")),
        ("/filter/field", on("interaction.kind", "eq", "call")),
        ("/filter/op", on("contact.email", "like", "a%")),
        ("/filter/op", on("contact.email", "gt", "a")),
        ("/filter/value", on("account.employees", "eq", "12")),
        ("/filter/value", on("contact.created_at", "eq", "yesterday")),
        ("/filter/value", on("contact.owner_id", "eq", "me")),
        ("/filter/value", on("contact.country", "in", "EE")),
        ("/filter/value/1", on("contact.country", "in", json!(["EE", 3]))),
        ("/filter/value", on("contact.country", "is_set", "EE")),
        ("/filter/value", json!({"field": "contact.country", "op": "eq"})),
        ("/filter/all/0/any/1/not/field", json!({"all": [{"any": [[], {"not": on("contact.x", "eq", 1)}]}]})),
        ("/filter/0/op", json!([on("contact.email", "like", "a%")])),
        ("/filter/where/field", json!({"related": "lead", "where": on("contact.email", "is_set", Value::Null)})),
        ("/filter/where/related", json!({"related": "lead", "where": {"related": "interaction"}})),
        ("/filter/related", json!({"related": "task"})),
        ("/filter/within_days", json!({"related": "lead", "within_days": 0})),
        ("/filter/count", json!({"related": "lead", "count": {}})),
        ("/filter/count/gte", json!({"related": "lead", "count": {"gte": -1}})),
        ("/filter/more", json!({"all": [], "more": 1})),
        ("/filter", json!("contact.email")),
    ] {
        for path in [LEADS, CONTACTS] {
            search(&admin, path, filter.clone()).await.expect_invalid(&[pointer]);
        }
    }
    search(&admin, CONTACTS, on("lead.topic", "is_set", Value::Null)).await.expect_invalid(&["/filter/field"]);
    admin.post(LEADS, json!({})).await.expect_invalid(&["/filter"]);
    admin.post(LEADS, json!({"filter": [], "fields": "*"})).await.expect_invalid(&["/fields"]);
}

#[tokio::test]
async fn a_filter_too_deep_or_too_large_is_refused_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let condition = || on("contact.first_name", "eq", "Ann");
    let deep = |levels: usize| (1..levels).fold(condition(), |inner, _| json!({"not": inner}));
    search(&admin, CONTACTS, deep(16)).await.expect(200);
    search(&admin, CONTACTS, deep(17)).await.expect_invalid(&[&format!("/filter{}", "/not".repeat(16))]);
    search(&admin, CONTACTS, deep(60)).await.expect_invalid(&[&format!("/filter{}", "/not".repeat(16))]);
    search(&admin, CONTACTS, deep(200)).await.expect_problem(400, "malformed-json");

    let wide = |terms: usize| vec![condition(); terms];
    search(&admin, CONTACTS, wide(200).into()).await.expect(200);
    search(&admin, CONTACTS, json!([wide(100), {"any": wide(101)}])).await.expect_invalid(&["/filter"]);
    let began = Instant::now();
    search(&admin, CONTACTS, wide(5_000).into()).await.expect_problem(422, "validation-failed");
    search(&admin, CONTACTS, vec![on("contact.email", "like", "a"); 5_000].into())
        .await
        .expect_problem(422, "validation-failed");
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());

    let many: Vec<String> = (0..200).map(|number| format!("Ann {number}")).collect();
    let lists = vec![on("contact.first_name", "in", json!(many)); 200];
    search(&admin, CONTACTS, json!({"any": lists})).await.expect(200);
}

#[tokio::test]
async fn an_audience_is_a_filter() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let audience = json!({"any": [on("lead.product_line", "eq", "crm"), {"not": on("contact.country", "eq", "EE")}]});
    live_model(&admin, bodies::with(newcomers(), json!({"audience": audience}))).await;
    let [ann, bob] = two_people(&admin).await;
    let mut leads = Vec::new();
    for contact in [&ann, &bob] {
        let body = json!({"contact_id": contact, "topic": "Fleet", "source": "web"});
        leads.push(bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    }
    let scored = async |lead: &str| {
        let scores = admin.get(&format!("/v1/leads/{lead}/scores")).await.expect(200);
        scores["data"].as_array().is_some_and(|all| !all.is_empty())
    };
    assert!(!scored(&leads[0]).await && scored(&leads[1]).await);
    admin.patch(&format!("/v1/leads/{}", leads[0]), json!({"product_line": "crm"})).await.expect(200);
    assert!(scored(&leads[0]).await);
}

#[tokio::test]
async fn the_register_of_fields_is_for_everyone_who_reads() {
    let app = TestApp::start().await;
    for role in [Role::Viewer, Role::Integration, Role::Salesperson] {
        let fields = app.person(role).await.get("/v1/filter-fields").await.expect(200);
        let role = fields["data"].as_array().unwrap().iter().find(|field| field["field"] == "contact.decision_role");
        let operators = ["eq", "ne", "in", "not_in", "contains", "starts_with", "is_set", "not_set"];
        let expected =
            json!({"field": "contact.decision_role", "record": "contact", "type": "text", "operators": operators});
        assert_eq!(role, Some(&expected));
    }
    app.visitor().get("/v1/filter-fields").await.expect_problem(401, "unauthorized");
    let narrow = app.integration(&["leads:read"]).await;
    search(&narrow, LEADS, json!([])).await.expect(200);
    search(&narrow, CONTACTS, json!([])).await.expect_problem(403, "forbidden");
}

//! Previews of submissions: the very decisions that submitting makes, and nothing written (MAT-6).

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use proptest::prelude::{Just, prop, prop_oneof};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use ripen::db::{Conn, Scope, Tx};
use serde_json::{Value, json};

use super::{STRATEGIES, alternatives, became, bodies, decision, listed, new_strategy, publish, strategy, submit};
use crate::support::{Person, TestApp};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// How many rows each table has.
async fn rows(app: &TestApp) -> BTreeMap<String, i64> {
    const SQLITE: &str = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    const POSTGRES: &str = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()";
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let count = |tx: &mut Tx<'_>| {
        let tables: Vec<Name> = match &mut *tx.conn {
            Conn::Sqlite(conn) => diesel::sql_query(SQLITE).load(conn)?,
            Conn::Postgres(conn) => diesel::sql_query(POSTGRES).load(conn)?,
        };
        let mut counts = BTreeMap::new();
        for Name { name } in tables {
            let query = diesel::sql_query(format!("SELECT count(*) AS rows FROM \"{name}\""));
            let found: Rows = match &mut *tx.conn {
                Conn::Sqlite(conn) => query.get_result(conn)?,
                Conn::Postgres(conn) => query.get_result(conn)?,
            };
            counts.insert(name, found.rows);
        }
        Ok(counts)
    };
    app.state.db.read(scope, count).await.unwrap()
}

/// What people would see of every record.
async fn records(admin: &Person) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for kind in ["contacts", "leads", "accounts", "interactions", "submissions", "match-decisions", "events"] {
        all.push(listed(admin, &format!("/v1/{kind}")).await);
    }
    all
}

async fn preview(admin: &Person, form: &Value, submission: &Value) -> Value {
    let asked = json!({"form_id": form["id"], "submission": submission});
    admin.post(&format!("{STRATEGIES}/preview"), asked).await.expect(200)
}

async fn send(app: &TestApp, form: &Value, submission: &Value) -> String {
    let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    let accepted = app.visitor().post(&path, submission.clone()).await.expect(202);
    accepted["submission_id"].as_str().unwrap().to_owned()
}

/// What came of a submission, in the words of a preview.
async fn told(admin: &Person, id: &str) -> Value {
    let came = became(admin, id).await;
    let mut told = json!({"repeats": null, "status": came["status"], "reason": came["reason"]});
    for about in ["contact", "lead"] {
        let touched = &came["outcome"][about];
        told[about] = match touched.is_null() {
            true => Value::Null,
            false => {
                let made = match touched["decision_id"].is_null() {
                    true => Value::Null,
                    false => decision(admin, id, about).await["decision"].clone(),
                };
                let record = if touched["effect"] == "created" { Value::Null } else { touched["id"].clone() };
                json!({"decision": made, "effect": touched["effect"], "record_id": record})
            }
        };
    }
    told
}

const EMAILS: [&str; 4] = ["ann@example.com", "ANN@example.com", "bob@example.com", "eve@example.com"];
const PHONES: [&str; 3] = ["+372 5551 2345", "+37255512345", "+372 5550 0000"];
const NAMES: [&str; 5] = ["Jonathan", "Jonathon", "jonathan", "Jane", "Martha"];

/// Some of what a person says of themselves.
fn any_fields() -> impl Strategy<Value = Value> {
    let some = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let parts = (some(&EMAILS), some(&PHONES), some(&NAMES), some(&["Tamm", "Taam", "Lee"]), some(&["Contoso"]));
    (parts, some(&["CRM", "crm", "ERP"])).prop_map(|((email, phone, first, last, company), topic)| {
        let fields = json!({
            "email": email, "phone": phone, "first": first, "last": last, "company": company, "topic": topic,
        });
        bodies::with(json!({}), fields)
    })
}

/// A submission of some kind, and the number of the form it goes to.
fn any_submission() -> impl Strategy<Value = (Value, usize)> {
    let browser = prop_oneof![Just(Value::Null), Just(json!("browser-1")), Just(json!("browser-2"))];
    (any_fields(), browser, 0..6_usize).prop_map(|(fields, browser, form)| {
        (bodies::with(json!({"fields": fields}), json!({"anonymous_id": browser})), form)
    })
}

/// A person or an interest that is known beforehand.
async fn know(admin: &Person, fields: &Value, is_lead: bool) {
    let person = json!({"first_name": fields["first"], "email": fields["email"], "phone": fields["phone"]});
    let answer = match is_lead {
        false => admin.post("/v1/contacts", bodies::with(json!({"last_name": fields["last"]}), person)).await,
        true => {
            let lead = json!({"captured": person, "source": "web", "topic": fields["topic"], "campaign": "spring"});
            admin.post("/v1/leads", lead).await
        }
    };
    // Two contacts with one address, or somebody without a name, are refused.
    assert!([201, 409, 422].contains(&answer.status()), "{}", answer.text());
}

/// Forms of every kind, with strategies of every kind.
async fn forms(admin: &Person) -> Vec<Value> {
    let contact: &[&[&str]] = &[&["phone", "~first_name", "~last_name"], &["email"], &["anonymous_id"]];
    strategy(admin, "alike", "contact", contact).await;
    strategy(admin, "by_phone", "contact", &[&["phone"]]).await;
    let closed = json!({
        "key": "topics", "name": "x", "target": "lead", "match_closed": true,
        "alternatives": alternatives(&[&["contact", "topic"], &["phone", "campaign"], &["account"]]),
    });
    admin.post(STRATEGIES, closed).await.expect(201);
    let mut forms = Vec::new();
    for changes in [
        json!({}),
        json!({"contact_strategy": "alike", "lead_strategy": "topics", "campaign": "spring"}),
        json!({"contact_strategy": "by_phone", "update_policy": "overwrite"}),
        json!({"contact_strategy": "by_phone", "on_unmatchable": "fail", "always_create_lead": true}),
        json!({"writes": "lead", "update_policy": "link_only"}),
        json!({"writes": "none", "contact_strategy": "alike"}),
    ] {
        forms.push(publish(admin, changes).await);
    }
    forms
}

#[tokio::test]
async fn a_preview_of_any_submission_is_what_submitting_it_then_does_and_writes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let forms = forms(&admin).await;
    let mut runner = TestRunner::deterministic();
    let mut effects = BTreeMap::new();
    for round in 0..60 {
        app.wait_seconds(i64::from(round % 3 == 0));
        let known = any_fields().new_tree(&mut runner).unwrap().current();
        if round % 2 == 0 {
            know(&admin, &known, round % 4 == 0).await;
        }
        let (submission, form) = any_submission().new_tree(&mut runner).unwrap().current();
        let form = &forms[form];
        let before = (rows(&app).await, records(&admin).await);
        let seen = preview(&admin, form, &submission).await;
        assert!(before == (rows(&app).await, records(&admin).await), "a preview wrote: {submission}");
        let id = send(&app, form, &submission).await;
        assert_eq!(seen, told(&admin, &id).await, "{submission} to {form}");
        for about in ["contact", "lead"] {
            *effects.entry(format!("{about} {}", seen[about]["effect"])).or_insert(0) += 1;
        }
    }
    // The people and forms are mixed so that every kind of outcome is met.
    for effect in ["created", "updated", "linked", "left_alone"] {
        assert!(effects.contains_key(&format!("contact \"{effect}\"")), "{effects:?}");
    }
    for effect in ["created", "updated", "linked"] {
        assert!(effects.contains_key(&format!("lead \"{effect}\"")), "{effects:?}");
    }
}

#[tokio::test]
async fn a_preview_of_what_was_sent_before_names_the_first() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = publish(&admin, json!({"duplicate_window_s": 300})).await;
    let body = json!({"fields": {"email": "ann@example.com"}});
    assert_eq!(preview(&admin, &form, &body).await["repeats"], Value::Null);
    let id = send(&app, &form, &body).await;
    let seen = preview(&admin, &form, &body).await;
    assert_eq!((&seen["repeats"], &seen["status"]), (&json!(id), &json!("processed")));
    assert_eq!(send(&app, &form, &body).await, id);
    let used = json!({"fields": {"email": "bob@example.com"}, "submission_id": "page-1"});
    send(&app, &form, &used).await;
    let reused = json!({"fields": {"email": "eve@example.com"}, "submission_id": "page-1"});
    let asked = json!({"form_id": form["id"], "submission": reused});
    let refused = admin.post(&format!("{STRATEGIES}/preview"), asked).await;
    refused.expect_invalid(&["/submission/submission_id"]);
}

#[tokio::test]
async fn a_preview_foretells_a_failure_and_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    strategy(&admin, "by_phone", "contact", &[&["phone"]]).await;
    let form = publish(&admin, json!({"contact_strategy": "by_phone", "on_unmatchable": "fail"})).await;
    let seen = preview(&admin, &form, &json!({"fields": {"first": "Ann"}})).await;
    assert_eq!((&seen["status"], &seen["lead"]), (&json!("failed"), &Value::Null));
    assert!(seen["reason"].as_str().unwrap().contains("by_phone"), "{seen}");
    assert_eq!((&seen["contact"]["effect"], &seen["contact"]["record_id"]), (&json!("left_alone"), &Value::Null));
}

#[tokio::test]
async fn a_preview_works_on_drafts_and_of_single_values_by_any_strategy() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let draft = admin.post("/v1/forms", super::wide_form()).await.expect(201);
    let seen = preview(&admin, &draft, &json!({"fields": {"email": "ann@example.com"}})).await;
    assert_eq!((&seen["contact"]["effect"], &seen["lead"]["effect"]), (&json!("created"), &json!("created")));
    let mine = bodies::with(new_strategy("mine", "contact", &[&["mobile"]]), json!({"is_default": true}));
    admin.post(STRATEGIES, mine).await.expect(201);
    let asked = json!({"target": "contact", "keys": {"mobile": "+372 5551 2345"}});
    let seen = admin.post(&format!("{STRATEGIES}/preview"), asked).await.expect(200);
    assert_eq!((&seen["strategy"], &seen["outcome"]), (&json!("mine"), &json!("no_match")));
    let reader = app.integration(&["matching:write"]).await;
    let asked = json!({"target": "contact", "keys": {}});
    reader.post(&format!("{STRATEGIES}/preview"), asked).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn another_workspaces_form_is_not_previewed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = publish(&admin, json!({})).await;
    submit(&app, &form, json!({"email": "ann@example.com"})).await;
    let asked = json!({"form_id": form["id"], "submission": {"fields": {"email": "ann@example.com"}}});
    let stranger = app.other_workspace().admin().await;
    stranger.post(&format!("{STRATEGIES}/preview"), asked).await.expect_invalid(&["/form_id"]);
}

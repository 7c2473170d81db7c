//! Two records that turn out to be one, and two again: values, identities, what hangs on them, scores (MAT-9, SCO-8,
//! SCO-11).

mod beside;
mod contacts;
mod leads;
mod races;
mod scores;
mod undo;

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, bodies};

/// A new contact; its id.
pub async fn contact(admin: &Person, body: Value) -> String {
    bodies::id(&admin.post("/v1/contacts", body).await.expect(201))
}

/// A new lead of a contact; its id.
pub async fn lead(admin: &Person, contact: &str, topic: &str) -> String {
    let body = json!({"contact_id": contact, "topic": topic, "source": "web"});
    bodies::id(&admin.post("/v1/leads", body).await.expect(201))
}

/// Asks for a merge of two contacts by the rule.
pub async fn try_merge(admin: &Person, one: &str, other: &str) -> Answer {
    admin.post(&format!("/v1/contacts/{one}/merges"), json!({"other_id": other})).await
}

/// Merges two contacts by the rule.
pub async fn merge(admin: &Person, one: &str, other: &str) -> Value {
    try_merge(admin, one, other).await.expect(201)
}

/// Merges two leads by the rule.
pub async fn merge_leads(admin: &Person, one: &str, other: &str) -> Value {
    admin.post(&format!("/v1/leads/{one}/merges"), json!({"other_id": other})).await.expect(201)
}

/// Undoes a merge.
pub async fn undo(admin: &Person, merge: &Value) -> Value {
    admin.post(&format!("/v1/merges/{}/undo", bodies::id(merge)), Value::Null).await.expect(200)
}

/// A live form with these fields; the path visitors send it to.
pub async fn form(admin: &Person, name: &str) -> String {
    let form = json!({
        "name": name, "kind": "landing_page", "source": "landing_page", "duplicate_window_s": 0,
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "first_name", "maps_to": "contact.first_name"},
        ],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap())
}

/// A visitor sends a form; the submission as it is kept.
pub async fn submit(app: &TestApp, admin: &Person, form: &str, email: &str) -> Value {
    let told = app.visitor().post(form, json!({"fields": {"email": email}})).await.expect(202);
    let id = told["submission_id"].as_str().unwrap();
    admin.get(&format!("/v1/submissions/{id}")).await.expect(200)
}

/// The records on the first page of `path`.
pub async fn records(admin: &Person, path: &str) -> Vec<Value> {
    admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

/// What a merge says of a field.
pub fn kept<'a>(merge: &'a Value, field: &str) -> &'a Value {
    let fields = merge["fields"].as_array().unwrap();
    fields.iter().find(|kept| kept["field"] == field).unwrap_or_else(|| panic!("no {field} in {merge:#}"))
}

/// Something a person did; the answer.
pub async fn did(admin: &Person, body: Value) -> Value {
    let usual = json!({"kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z"});
    admin.post("/v1/interactions", bodies::with(usual, body)).await.expect(201)
}

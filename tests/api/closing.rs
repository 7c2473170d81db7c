//! How leads end and begin again: qualified, disqualified, put off until a day, reopened (CLO-1 to CLO-4).

mod disqualify;
mod merges;
mod origins;
mod outcomes;
mod qualify;
mod races;
mod recycle;
mod refusals;
mod reopen;
mod templates;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Person, bodies};

/// A lead with what a visitor typed, of nobody yet; its path.
pub async fn stranger(admin: &Person) -> String {
    let body = json!({
        "topic": "Warehouse software", "source": "web", "attributes": {"budget": 500, "vip": true},
        "captured": {"first_name": "Ann", "last_name": "Tamm", "email": "Ann@Example.com", "company": "Contoso OÜ"},
    });
    path(&admin.post("/v1/leads", body).await.expect(201))
}

/// A lead of a contact; their paths.
pub async fn of_contact(admin: &Person, contact: Value) -> (String, String) {
    let contact = bodies::id(&admin.post("/v1/contacts", contact).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Warehouse", "source": "web"});
    (path(&admin.post("/v1/leads", body).await.expect(201)), format!("/v1/contacts/{contact}"))
}

/// Where a lead is.
pub fn path(lead: &Value) -> String {
    format!("/v1/leads/{}", bodies::id(lead))
}

/// The id at the end of a path.
pub fn id_of(path: &str) -> Value {
    json!(path.rsplit('/').next().unwrap())
}

pub async fn qualify(person: &Person, lead: &str, wish: Value) -> Answer {
    person.post(&format!("{lead}/qualification"), wish).await
}

pub async fn disqualify(person: &Person, lead: &str, wish: Value) -> Answer {
    person.post(&format!("{lead}/disqualification"), wish).await
}

pub async fn reopen(person: &Person, lead: &str) -> Answer {
    person.post(&format!("{lead}/reopening"), json!({})).await
}

/// Disqualifies a lead for want of a budget.
pub async fn close(person: &Person, lead: &str) -> Value {
    disqualify(person, lead, json!({"reason": "no_budget"})).await.expect(201)
}

/// Changes the settings of the workspace.
pub async fn set(admin: &Person, patch: Value) -> Answer {
    admin.request(Method::PATCH, "/v1/settings").header("if-match", "*").merge_patch(&patch).send().await
}

/// The entries of the first page of `path`.
pub async fn entries(person: &Person, path: &str) -> Vec<Value> {
    person.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

/// What happened to a lead, the latest last.
pub async fn happened(person: &Person, lead: &str) -> Vec<String> {
    let mut events = entries(person, &format!("/v1/events?lead_id={}&limit=200", id_of(lead).as_str().unwrap())).await;
    events.reverse();
    events.into_iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

//! Bodies to send: the least that is accepted, to be changed with [`with`].

use serde_json::{Value, json};

/// A company.
pub fn account(name: &str) -> Value {
    json!({"name": name})
}

/// A person with an e-mail address.
pub fn contact(email: &str) -> Value {
    json!({"first_name": "Ann", "last_name": "Lee", "email": email})
}

/// `body` with the members of `changes` put in or, where null, taken out.
pub fn with(mut body: Value, changes: Value) -> Value {
    ripen::http::patch::merge(&mut body, &changes);
    body
}

/// The id of a created record.
#[track_caller]
pub fn id(record: &Value) -> String {
    record["id"].as_str().unwrap_or_else(|| panic!("no id in {record}")).to_owned()
}

//! Everybody at once on one lead: whatever they do, it comes out as if they had come one after the other.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::scoring::live_model;
use crate::support::{Answer, Person, TestApp, bodies};

/// What 64 people do with one lead, eight things each eight times.
async fn act(person: &Person, lead: &str, contact: &str, number: usize, owners: &[String]) -> Answer {
    let post = async |what: &str, body: Value| person.post(&format!("{lead}/{what}"), body).await;
    match number % 8 {
        0 => post("transitions", json!({"to": "teleprospect_acceptance"})).await,
        1 => post("transitions", json!({"next": true})).await,
        2 => post("assignment", json!({"owner_id": owners[number / 8 % owners.len()]})).await,
        3 => post("flags", json!({"flag": "sales_ready"})).await,
        4 => post("rejection", json!({"reason": "not_now"})).await,
        5 => post("qualification", json!({"opportunity": {"action": "create"}})).await,
        6 => match number / 8 % 2 {
            0 => post("disqualification", json!({"reason": "no_need"})).await,
            _ => post("reopening", json!({})).await,
        },
        _ => {
            let at = "2026-03-02T09:00:00Z";
            person.post("/v1/interactions", json!({"kind": "call", "occurred_at": at, "contact_id": contact})).await
        }
    }
}

/// All rows of a list, as they were written.
async fn rows(admin: &Person, path: &str) -> Vec<Value> {
    let list = admin.get(&format!("{path}?limit=200")).await.expect(200);
    let mut rows = list["data"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["id"].as_str().unwrap().to_owned());
    rows
}

/// Whether every row begins where the one before it ended; where the last one ended.
#[track_caller]
fn chained(rows: &[Value], from: &str, to: &str) -> Value {
    let mut present = Value::Null;
    for row in rows {
        assert_eq!(row[from], present, "{rows:#?}");
        present = row[to].clone();
    }
    present
}

#[tokio::test]
async fn moves_assignments_and_ends_of_one_lead_at_once_come_out_in_one_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let model = json!({
        "name": "Calls", "target": "contact", "sales_ready_score": 100,
        "rules": [{"key": "calls", "points": 60, "when": [{"interaction": "call", "frequency": "each"}]}],
    });
    live_model(&admin, model).await;
    let mut owners = Vec::new();
    for _ in 0..3 {
        owners.push(app.person(Role::Salesperson).await.id().to_string());
    }
    let rule = json!({"name": "In turn", "mode": "round_robin", "target": {"users": owners}});
    admin.post("/v1/assignment-rules", rule).await.expect(201);
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let lead = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", lead).await.expect(201)));

    let answers = join_all((0..64).map(|number| act(&admin, &lead, &contact, number, &owners))).await;
    for answer in &answers {
        assert!([200, 201, 409, 422].contains(&answer.status()), "{answer:?}");
    }

    let present = admin.get(&lead).await.expect(200);
    let stages = rows(&admin, &format!("{lead}/transitions")).await;
    assert_eq!(chained(&stages, "from_stage", "to_stage"), present["stage"]);
    let owners = rows(&admin, &format!("{lead}/assignment")).await;
    assert_eq!(chained(&owners, "from_owner_id", "to_owner_id"), present["owner_id"]);

    let closings = rows(&admin, &format!("{lead}/closings")).await;
    let ended = answers.iter().enumerate().filter(|(number, answer)| {
        let is_end = number % 8 == 5 || (number % 8 == 6 && number / 8 % 2 == 0);
        is_end && answer.status() == 201
    });
    assert_eq!(closings.len(), ended.count(), "every closing is one answer's");
    let still_closed = closings.iter().filter(|closing| closing["reopened_at"].is_null()).count();
    assert_eq!(still_closed, usize::from(present["status"] != "open"));
    let deals = admin.get("/v1/opportunities?count=true").await.expect(200);
    let qualified = closings.iter().filter(|closing| closing["status"] == "qualified").count();
    assert_eq!(deals["total"], qualified, "nothing of a refused qualification stays");
    let calls = admin.get(&format!("/v1/interactions?contact_id={contact}&kind=call&count=true")).await.expect(200);
    assert_eq!(calls["total"], 8, "no interaction is lost");
}

//! Leads that are put off until a day and begin anew: by the sweeper, or by hand.

use std::time::Duration;

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{close, disqualify, entries, happened, id_of, of_contact, qualify, stranger};
use crate::scoring::{day, ledger, live_model, newcomers, record, scores, sum};
use crate::support::{Options, Person, TestApp, bodies};

async fn put_off(admin: &Person, lead: &str, until: &str) -> Value {
    disqualify(admin, lead, json!({"reason": "not_now", "recycle_on": until})).await.expect(201)
}

/// Waits until a lead is open again.
async fn opened(admin: &Person, lead: &str) -> Value {
    for _ in 0..600 {
        let read = admin.get(lead).await.expect(200);
        if read["status"] == "open" {
            return read;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{lead} stays closed");
}

#[tokio::test]
async fn when_its_day_has_come_a_lead_begins_anew_in_marketing_qualification() {
    let sweep_every = Some(Duration::from_millis(20));
    let app = TestApp::start_with(Options { sweep_every, ..Options::default() }).await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    admin.post(&format!("{lead}/transitions"), json!({"to": "sales_acceptance"})).await.expect(201);
    put_off(&admin, &lead, "2026-03-05").await;
    app.wait_days(2);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(admin.get(&lead).await.expect(200)["status"], "disqualified");
    app.wait_seconds(15 * 3600);
    let read = opened(&admin, &lead).await;
    assert_eq!((&read["stage"], &read["status_reason"]), (&json!("marketing_qualification"), &Value::Null));
    let closing = &entries(&admin, &format!("{lead}/closings")).await[0];
    let told = ["reopened_as", "reopened_by", "recycle_on", "reason"].map(|name| closing[name].clone());
    assert_eq!(told, [json!("recycled"), Value::Null, json!("2026-03-05"), json!("not_now")]);
    assert_eq!(closing["reopened_at"], json!(app.now()));
    let moves = entries(&admin, &format!("{lead}/transitions")).await;
    assert_eq!((&moves[0]["from_stage"], &moves[0]["cause"]), (&json!("sales_acceptance"), &json!("recycled")));
    assert!(happened(&admin, &lead).await.contains(&"lead.recycled".to_owned()));
}

#[tokio::test]
async fn deferred_demand_is_listed_by_its_next_date() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let seller = app.person(Role::Salesperson).await;
    let (mut leads, days) = (Vec::new(), ["2026-06-01", "2026-04-01", "2026-05-01"]);
    for until in days {
        let lead = stranger(&admin).await;
        put_off(&admin, &lead, until).await;
        leads.push(lead);
    }
    let mine = stranger(&admin).await;
    admin.patch(&mine, json!({"owner_id": seller.id()})).await.expect(200);
    put_off(&admin, &mine, "2026-04-15").await;
    close(&admin, &stranger(&admin).await).await;
    let listed = |query: String| {
        let admin = admin.clone();
        async move {
            let rows = entries(&admin, &format!("/v1/deferred-leads?{query}")).await;
            rows.into_iter().map(|row| row["recycle_on"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed("count=true".into()).await, ["2026-04-01", "2026-04-15", "2026-05-01", "2026-06-01"]);
    assert_eq!(listed("sort=-recycle_on&limit=1".into()).await, ["2026-06-01"]);
    assert_eq!(listed("from=2026-04-15&until=2026-06-01".into()).await, ["2026-04-15", "2026-05-01"]);
    assert_eq!(listed(format!("owner_id={}", seller.id())).await, ["2026-04-15"]);
    let page = admin.get("/v1/deferred-leads?limit=3&count=true").await.expect(200);
    assert_eq!(page["total"], 4);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = format!("/v1/deferred-leads?limit=3&cursor={cursor}&sort=recycle_on");
    let rest = admin.get(&rest).await.expect(200);
    assert_eq!((&rest["data"][0]["lead"]["id"], &rest["next_cursor"]), (&id_of(&leads[0]), &Value::Null));
    admin.get("/v1/deferred-leads?from=2026-05-01&until=2026-04-01").await.expect_bad_parameter("from");
    admin.get("/v1/deferred-leads?from=soon").await.expect_bad_parameter("from");
    assert_eq!(entries(&app.other_workspace().admin().await, "/v1/deferred-leads").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_day_can_be_set_moved_and_cleared_while_the_lead_is_closed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let path = format!("{lead}/recycling");
    admin.put(&path, json!({"recycle_on": "2026-05-01"})).await.expect_problem(409, "conflict");
    admin.get(&path).await.expect_problem(409, "conflict");
    admin.delete(&path).await.expect_problem(409, "conflict");
    qualify(&admin, &lead, json!({})).await.expect(201);
    let set = admin.put(&path, json!({"recycle_on": "2026-05-01"})).await;
    assert_eq!((&set.expect(200)["recycle_on"], set.header("etag")), (&json!("2026-05-01"), Some("\"v2\"")));
    for bad in [json!({"recycle_on": "2026-03-02"}), json!({"recycle_on": "2026-13-01"}), json!({"recycle_on": null})] {
        admin.put(&path, bad).await.expect_invalid(&["/recycle_on"]);
    }
    admin.put_version(&path, 1, json!({"recycle_on": "2026-06-01"})).await.expect_problem(412, "precondition-failed");
    admin.put_version(&path, 2, json!({"recycle_on": "2026-06-01"})).await.expect(200);
    assert_eq!(admin.get(&path).await.expect(200)["recycle_on"], "2026-06-01");
    admin.delete(&path).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200)["recycle_on"], Value::Null);
    assert_eq!(entries(&admin, "/v1/deferred-leads").await, Vec::<Value>::new());
    let changes = happened(&admin, &lead).await.into_iter().filter(|kind| kind == "lead.recycling_changed");
    assert_eq!(changes.count(), 3);
}

#[tokio::test]
async fn a_recycled_lead_has_no_marks_and_is_ready_again_only_by_new_points() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let model = json!({"name": "Calls", "target": "contact", "sales_ready_score": 20, "rules": [
        {"key": "calls", "points": 10, "when": [{"interaction": "call", "frequency": "each"}]}]});
    live_model(&admin, model).await;
    let (lead, contact) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    let contact = contact.rsplit('/').next().unwrap().to_owned();
    for _ in 0..2 {
        record(&admin, &contact, "call", 1).await;
    }
    let ready = admin.get(&lead).await.expect(200);
    assert_eq!((&ready["stage"], ready["flags"]["sales_ready"].is_object()), (&json!("sales_acceptance"), true));
    close(&admin, &lead).await;
    let again = admin.post(&format!("{lead}/recycling"), json!({"note": "budget is there"})).await.expect(201);
    assert_eq!((&again["lead"]["flags"], &again["lead"]["stage"]), (&json!({}), &json!("marketing_qualification")));
    assert_eq!(again["stage"], json!({"from": "sales_acceptance", "to": "marketing_qualification"}));
    assert_eq!(again["closing"]["reopening_note"], "budget is there");
    record(&admin, &contact, "page_visited", 1).await;
    assert_eq!(admin.get(&lead).await.expect(200)["flags"], json!({}));
    record(&admin, &contact, "call", 1).await;
    let ready = admin.get(&lead).await.expect(200);
    assert_eq!((&ready["stage"], ready["flags"]["sales_ready"].is_object()), (&json!("sales_acceptance"), true));
}

#[tokio::test]
async fn what_was_done_while_a_lead_was_closed_counts_once_it_is_open() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = json!({"name": "Calls", "target": "contact", "sales_ready_score": 30, "rules": [
        {"key": "calls", "points": 10, "when": [{"interaction": "call", "frequency": "each"}]}]});
    let model = live_model(&admin, model).await;
    let (lead, contact) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    let contact = contact.rsplit('/').next().unwrap().to_owned();
    let id = lead.rsplit('/').next().unwrap().to_owned();
    record(&admin, &contact, "call", 1).await;
    close(&admin, &lead).await;
    for _ in 0..2 {
        let recorded = record(&admin, &contact, "call", 1).await;
        assert_eq!(recorded["leads"], json!([]));
    }
    assert_eq!(admin.get(&lead).await.expect(200)["score"], 10);
    let again = admin.post(&format!("{lead}/recycling"), json!({})).await.expect(201);
    assert_eq!((&again["lead"]["score"], &again["lead"]["stage"]), (&json!(30), &json!("sales_acceptance")));
    assert_eq!((&scores(&admin, &id).await["score"], sum(&ledger(&admin, &id).await)), (&json!(30), 30));
    let job = admin.finished(admin.post(&format!("/v1/scoring-models/{model}/verify"), Value::Null).await).await;
    assert_eq!(job["result"]["differences"], 0, "{job}");
}

#[tokio::test]
async fn an_open_lead_is_not_recycled() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    admin.post(&format!("{lead}/recycling"), json!({})).await.expect_problem(409, "conflict");
}

//! Closings and opportunities as studies of models read them (SCO-15, SCO-16).

use serde_json::{Value, json};

use super::{disqualify, of_contact, qualify, reopen};
use crate::scoring::{day, live_model, record};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn a_backtest_knows_when_leads_were_closed_and_what_became_of_their_deals() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let model = json!({"name": "Calls", "target": "contact", "rules": [
        {"key": "calls", "points": 40, "when": [{"interaction": "call", "frequency": "each"}]}]});
    let model = live_model(&admin, model).await;
    let mut leads = Vec::new();
    for name in ["won", "lost", "nothing", "again"] {
        let (lead, contact) = of_contact(&admin, bodies::contact(&format!("{name}@x.ee"))).await;
        record(&admin, contact.rsplit('/').next().unwrap(), "call", 1).await;
        leads.push((lead, contact));
    }
    app.wait_days(4);
    let mut deals = Vec::new();
    for (lead, _) in &leads[..2] {
        deals.push(bodies::id(&qualify(&admin, lead, json!({})).await.expect(201)["opportunity"]));
    }
    for (lead, _) in &leads[2..] {
        disqualify(&admin, lead, json!({"reason": "no_need"})).await.expect(201);
    }
    reopen(&admin, &leads[3].0).await.expect(201);
    app.wait_days(10);
    let end = |deal: &str| format!("/v1/opportunities/{deal}/outcome");
    admin.post(&end(&deals[0]), json!({"status": "won"})).await.expect(200);
    admin.post(&end(&deals[1]), json!({"status": "lost", "reason": "price"})).await.expect(200);
    // Correcting a lead later does not move the moment at which it was closed.
    let merged = bodies::id(&admin.post("/v1/contacts", bodies::contact("late@x.ee")).await.expect(201));
    let other = leads[2].1.rsplit('/').next().unwrap();
    admin
        .post(&format!("/v1/contacts/{merged}/merges"), json!({"other_id": other, "survivor": merged}))
        .await
        .expect(201);

    let asked = json!({"from": day(1), "to": day(20), "version": 1, "compare": null});
    let path = format!("/v1/scoring-models/{model}");
    let study = admin.post(&format!("{path}/backtests"), asked).await;
    let id = bodies::id(&study.json());
    assert_eq!(admin.finished(study).await["state"], "done");
    let report = admin.get(&format!("{path}/backtests/{id}")).await.expect(200)["report"].clone();
    let counts = ["won", "lost", "open", "opportunities_won", "opportunities_lost"].map(|name| report[name].clone());
    assert_eq!(json!(counts), json!([2, 1, 1, 1, 1]));
    let rows = admin.get(&format!("{path}/backtests/{id}/leads")).await.expect(200);
    let of = |lead: &str| {
        let id = lead.rsplit('/').next().unwrap();
        rows["data"].as_array().unwrap().iter().find(|row| row["lead_id"] == id).unwrap().clone()
    };
    for ((lead, _), (outcome, deal, decided)) in leads.iter().zip([
        ("won", json!("won"), json!(day(5))),
        ("won", json!("lost"), json!(day(5))),
        ("lost", Value::Null, json!(day(5))),
        ("open", Value::Null, Value::Null),
    ]) {
        let row = of(lead);
        assert_eq!(json!([row["outcome"], row["opportunity"], row["decided_at"]]), json!([outcome, deal, decided]));
    }

    let study = admin.post(&format!("{path}/advice"), json!({"version": 1})).await;
    let id = bodies::id(&study.json());
    assert_eq!(admin.finished(study).await["state"], "done");
    let advice = admin.get(&format!("{path}/advice/{id}")).await.expect(200);
    let rule = &advice["report"]["rules"][0];
    let worth = ["won", "lost", "open", "opportunities_won", "opportunities_lost"].map(|name| rule[name].clone());
    assert_eq!(json!(worth), json!([2, 1, 1, 1, 1]));
}

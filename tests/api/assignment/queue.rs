//! Leads that nobody could take, and what brings them to somebody.

use std::time::Duration;

use serde_json::{Value, json};

use super::Sales;
use crate::support::Options;
use crate::support::{TestApp, bodies};

/// A workspace whose sweeper is at work.
async fn swept() -> Sales {
    let options = Options { sweep_every: Some(Duration::from_millis(50)), ..Options::default() };
    Sales::of(TestApp::start_with(options).await).await
}

#[tokio::test]
async fn a_lead_that_nobody_can_take_waits_where_everybody_sees_why() {
    let sales = Sales::open().await;
    let full = sales.seller(json!({"capacity": 0})).await;
    let away = sales.seller(json!({})).await;
    sales.change_user(&away, json!({"away_until": sales.app.now().plus_days(1)})).await;
    let gone = sales.seller(json!({})).await;
    let rule = sales.rule(json!({"target": {"users": [full, away, gone]}})).await;
    sales.change_user(&gone, json!({"disabled": true})).await;
    let lead = sales.ready_lead(json!({})).await;
    assert_eq!(lead["owner_id"], Value::Null);
    let queue = sales.queue().await;
    assert_eq!(
        (&queue[0]["lead_id"], &queue[0]["reason"], &queue[0]["rule_id"]),
        (&lead["id"], &json!("nobody_left"), &json!(rule))
    );
    assert_eq!(
        (&queue[0]["since"], &queue[0]["lead"]["topic"], &queue[0]["when"]),
        (&json!(sales.app.now()), &json!("Fleet"), &json!("sales_ready"))
    );
    let told = sales.facts("lead.unassigned").await;
    assert_eq!(
        (told.len(), &told[0]["data"]["reason"], &told[0]["data"]["rule_id"]),
        (1, &json!("nobody_left"), &json!(rule))
    );
    let page = sales
        .admin
        .get(&format!("/v1/assignment-queue?reason=nobody_left&rule_id={rule}&count=true"))
        .await
        .expect(200);
    assert_eq!(page["total"], 1);
    let page = sales.admin.get("/v1/assignment-queue?reason=released").await.expect(200);
    assert_eq!(page["data"], json!([]));
    let stranger = sales.app.other_workspace().admin().await;
    assert_eq!(stranger.get("/v1/assignment-queue").await.expect(200)["data"], json!([]));
    sales.admin.get("/v1/assignment-queue?reason=bored").await.expect_bad_parameter("reason");
}

#[tokio::test]
async fn a_ready_lead_that_no_rule_matches_waits_for_one() {
    let sales = swept().await;
    let seller = sales.seller(json!({})).await;
    let condition = json!({"field": "lead.product_line", "op": "eq", "value": "crm"});
    let rule = sales.rule(json!({"mode": "user", "target": {"users": [seller]}, "condition": condition})).await;
    let lead = sales.ready_lead(json!({})).await;
    assert_eq!(sales.queue().await[0]["reason"], "no_rule_matched");
    sales.admin.patch(&format!("/v1/assignment-rules/{rule}"), json!({"condition": null})).await.expect(200);
    sales.until_owned(&lead, &seller).await;
    assert_eq!(sales.queue().await, [] as [Value; 0]);
}

#[tokio::test]
async fn without_rules_a_ready_lead_is_nobodys_and_waits_for_nobody() {
    let sales = Sales::open().await;
    assert_eq!(sales.ready_lead(json!({})).await["owner_id"], Value::Null);
    assert_eq!((sales.queue().await.len(), sales.facts("lead.unassigned").await.len()), (0, 0));
}

#[tokio::test]
async fn a_raised_capacity_brings_those_first_who_have_waited_longest() {
    let sales = swept().await;
    let seller = sales.seller(json!({"capacity": 1})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let mut leads = Vec::new();
    for _ in 0..4 {
        leads.push(sales.ready_lead(json!({})).await);
        sales.app.wait_seconds(1);
    }
    assert_eq!((&leads[0]["owner_id"], sales.queue().await.len()), (&json!(seller), 3));
    sales.change_user(&seller, json!({"capacity": 3})).await;
    sales.until_owned(&leads[2], &seller).await;
    assert_eq!((sales.owner(&leads[1]).await, sales.owner(&leads[3]).await), (json!(seller), Value::Null));
    let history = sales.history(&leads[1]).await;
    assert_eq!((&history[0]["cause"], &history[0]["by"]), (&json!("rule"), &Value::Null));
}

#[tokio::test]
async fn who_comes_back_gets_what_waited() {
    let sales = swept().await;
    let seller = sales.seller(json!({})).await;
    sales.change_user(&seller, json!({"away_until": sales.app.now().plus_seconds(600)})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let lead = sales.ready_lead(json!({})).await;
    assert_eq!(sales.queue().await[0]["try_at"], json!(sales.app.now().plus_seconds(600)));
    sales.app.wait_seconds(599);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sales.owner(&lead).await, Value::Null);
    sales.app.wait_seconds(1);
    sales.until_owned(&lead, &seller).await;
}

#[tokio::test]
async fn a_lead_that_goes_makes_room_for_one_that_waits() {
    let sales = swept().await;
    let seller = sales.seller(json!({"capacity": 1})).await;
    let other = sales.seller(json!({})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let [deleted, moved, patched, last] = [
        sales.ready_lead(json!({})).await,
        sales.ready_lead(json!({})).await,
        sales.ready_lead(json!({})).await,
        sales.ready_lead(json!({})).await,
    ];
    sales.admin.delete(&format!("/v1/leads/{}", bodies::id(&deleted))).await.expect(204);
    sales.until_owned(&moved, &seller).await;
    let path = format!("/v1/leads/{}/assignment", bodies::id(&moved));
    sales.admin.post(&path, json!({"owner_id": other})).await.expect(201);
    sales.until_owned(&patched, &seller).await;
    sales.admin.patch(&format!("/v1/leads/{}", bodies::id(&patched)), json!({"owner_id": other})).await.expect(200);
    sales.until_owned(&last, &seller).await;
}

#[tokio::test]
async fn a_rule_may_pass_on_what_it_can_give_to_nobody() {
    let sales = Sales::open().await;
    let (full, other) = (sales.seller(json!({"capacity": 0})).await, sales.seller(json!({})).await);
    let first = sales.rule(json!({"mode": "user", "target": {"users": [full]}, "otherwise": "next_rule"})).await;
    let path = format!("/v1/assignment-rules/{first}");
    assert_eq!(sales.ready_lead(json!({})).await["owner_id"], Value::Null);
    assert_eq!(sales.queue().await[0]["rule_id"], json!(first));
    sales.rule(json!({"mode": "user", "target": {"users": [other]}})).await;
    assert_eq!(sales.ready_lead(json!({})).await["owner_id"], json!(other));
    sales.admin.patch(&path, json!({"otherwise": "unassigned"})).await.expect(200);
    assert_eq!(sales.ready_lead(json!({})).await["owner_id"], Value::Null);
}

#[tokio::test]
async fn a_lead_that_somebody_gives_back_waits_and_is_not_given_out_again() {
    let sales = swept().await;
    let seller = sales.seller(json!({})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let lead = sales.ready_lead(json!({})).await;
    let path = format!("/v1/leads/{}/assignment", bodies::id(&lead));
    let answer = sales.admin.post(&path, json!({"owner_id": null, "note": "not ours"})).await.expect(201);
    assert_eq!((&answer["lead"]["owner_id"], &answer["assignment"]["note"]), (&Value::Null, &json!("not ours")));
    sales.change_user(&seller, json!({"capacity": 7})).await;
    sales.app.wait_days(1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let queue = sales.queue().await;
    assert_eq!((&queue[0]["reason"], &queue[0]["try_at"]), (&json!("released"), &Value::Null));
    assert_eq!(sales.facts("lead.unassigned").await[0]["data"]["reason"], "released");
    let answer = sales.admin.post(&path, json!({"auto": true})).await.expect(201);
    assert_eq!((&answer["lead"]["owner_id"], sales.queue().await.len()), (&json!(seller), 0));
}

//! What the rules would do, and that they then do it.

use serde_json::{Value, json};

use super::Sales;
use crate::support::bodies;

async fn ask(sales: &Sales, question: Value) -> Value {
    sales.admin.post("/v1/assignment-rules/dry-run", question).await.expect(200)
}

#[tokio::test]
async fn a_dry_run_tells_which_rule_and_who_and_why_not_the_others() {
    let sales = Sales::open().await;
    let full = sales.seller(json!({"rank": 1, "capacity": 0, "name": "Full"})).await;
    let best = sales.seller(json!({"rank": 2})).await;
    let next = sales.seller(json!({"rank": 3})).await;
    let off = sales.rule(json!({"target": {"users": [full]}, "enabled": false})).await;
    let early = sales.rule(json!({"target": {"users": [full]}, "when": "created"})).await;
    let condition = json!({"all": [{"field": "lead.topic", "op": "eq", "value": "Fleet"}, {"field": "contact.country", "op": "eq", "value": "EE"}]});
    let estonian = sales.rule(json!({"target": {"users": [full]}, "condition": condition})).await;
    let keep = sales.rule(json!({"mode": "keep_owner"})).await;
    let nobody = sales.rule(json!({"target": {"users": [full]}, "otherwise": "next_rule"})).await;
    let decides = sales.rule(json!({"mode": "best_rank", "target": {"users": [full, next, best]}})).await;
    sales.rule(json!({"target": {"users": [next]}})).await;
    let lead = sales.lead(json!({})).await;
    let told = ask(&sales, json!({"lead_id": lead["id"]})).await;
    let decision = &told["decision"];
    assert_eq!(
        (&decision["owner_id"], &decision["rule_id"], &decision["reason"]),
        (&json!(best), &json!(decides), &Value::Null)
    );
    let outcomes: Vec<_> =
        decision["rules"].as_array().unwrap().iter().map(|rule| (&rule["rule_id"], &rule["outcome"])).collect();
    let expected = [
        (&off, "switched_off"),
        (&early, "other_moment"),
        (&estonian, "not_matched"),
        (&keep, "no_owner"),
        (&nobody, "nobody_left"),
        (&decides, "chosen"),
    ];
    assert_eq!(
        outcomes,
        expected.map(|(id, outcome)| (json!(id), json!(outcome))).each_ref().map(|(id, outcome)| (id, outcome))
    );
    assert_eq!(decision["rules"][2]["detail"], "its condition does not hold: contact.country at /condition/all/1");
    let candidates = decision["rules"][5]["candidates"].as_array().unwrap();
    let looks: Vec<_> = candidates.iter().map(|look| (&look["user_id"], &look["chosen"], &look["refusal"])).collect();
    assert_eq!(
        looks,
        [
            (&json!(full), &json!(false), &json!("full")),
            (&json!(next), &json!(false), &json!("passed_over")),
            (&json!(best), &json!(true), &Value::Null),
        ]
    );
    assert_eq!(
        (&candidates[0]["name"], &candidates[0]["detail"]),
        (&json!("Full"), &json!("holds 0 open leads and may hold 0"))
    );
    // Nothing was written, and what was told is what happens.
    assert_eq!((sales.owner(&lead).await, sales.history(&lead).await.len()), (Value::Null, 0));
    sales.meet(&lead).await;
    assert_eq!((sales.owner(&lead).await, &sales.history(&lead).await[0]["rule_id"]), (json!(best), &json!(decides)));
    let told = ask(&sales, json!({"lead_id": lead["id"]})).await;
    assert_eq!(told["kept_by"], json!(best));
}

#[tokio::test]
async fn a_round_is_foretold_turn_by_turn() {
    let sales = Sales::open().await;
    let users: Vec<String> =
        [sales.seller(json!({})).await, sales.seller(json!({})).await, sales.seller(json!({})).await].into();
    sales
        .rule(json!({"mode": "weighted", "target": {"users": users}, "weights": [{"user_id": users[1], "weight": 3}]}))
        .await;
    for _ in 0..6 {
        let lead = sales.lead(json!({})).await;
        let foretold = ask(&sales, json!({"lead_id": lead["id"]})).await["decision"]["owner_id"].clone();
        assert_eq!(ask(&sales, json!({"lead_id": lead["id"]})).await["decision"]["owner_id"], foretold);
        sales.meet(&lead).await;
        assert_eq!(sales.owner(&lead).await, foretold);
    }
}

#[tokio::test]
async fn a_lead_that_there_is_not_can_be_described() {
    let sales = Sales::open().await;
    let (hot, other) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    let condition = json!({"all": [{"field": "lead.temperature", "op": "eq", "value": "hot"}, {"field": "lead.score", "op": "gte", "value": 80}]});
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [hot]}, "condition": condition})).await;
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [other]}})).await;
    let new = json!({"contact": {"email": "new@example.com", "decision_role": "decision_maker"}, "topic": "Fleet", "source": "web"});
    let told = ask(&sales, json!({"lead": new, "when": "created"})).await;
    assert_eq!((&told["decision"]["owner_id"], &told["kept_by"]), (&json!(other), &Value::Null));
    let supposed = ask(&sales, json!({"lead": new, "when": "created", "temperature": "hot", "score": 80})).await;
    assert_eq!(supposed["decision"]["owner_id"], json!(hot));
    for path in ["/v1/contacts", "/v1/leads"] {
        assert_eq!(super::records(&sales.admin, path).await, [] as [Value; 0], "{path}");
    }
    assert_eq!(sales.admin.post("/v1/leads", new).await.expect(201)["owner_id"], json!(other));
}

#[tokio::test]
async fn a_question_about_nothing_is_refused() {
    let sales = Sales::open().await;
    let lead = sales.lead(json!({})).await;
    let refused = async |question: Value, pointers: &[&str]| {
        sales.admin.post("/v1/assignment-rules/dry-run", question).await.expect_invalid(pointers);
    };
    refused(json!({}), &[""]).await;
    refused(json!({"lead_id": lead["id"], "lead": {"topic": "x", "source": "web"}}), &[""]).await;
    refused(json!({"lead_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"}), &["/lead_id"]).await;
    refused(json!({"lead": {"source": "pigeon"}}), &["/lead/source", "/lead/captured", "/lead/topic"]).await;
    let stranger = sales.app.other_workspace().admin().await;
    stranger.post("/v1/assignment-rules/dry-run", json!({"lead_id": lead["id"]})).await.expect_invalid(&["/lead_id"]);
    let id = bodies::id(&lead);
    let decision = ask(&sales, json!({"lead_id": id})).await["decision"].clone();
    assert_eq!((&decision["reason"], &decision["rules"]), (&json!("no_rule_matched"), &json!([])));
}

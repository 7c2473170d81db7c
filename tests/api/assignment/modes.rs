//! Whom each mode chooses, and when the rules are asked.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::Sales;
use crate::support::bodies;

/// Who gets each of so many leads that become ready one after the other.
async fn owners(sales: &Sales, count: usize) -> Vec<Value> {
    let mut owners = Vec::new();
    for _ in 0..count {
        owners.push(sales.ready_lead(json!({})).await["owner_id"].clone());
    }
    owners
}

#[tokio::test]
async fn a_round_robin_gives_one_lead_to_each_in_turn() {
    let sales = Sales::open().await;
    let (one, two) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    sales.seller(json!({"teams": ["south"]})).await;
    let rule = sales.rule(json!({"target": {"users": [one, two]}})).await;
    assert_eq!(owners(&sales, 5).await, [&one, &two, &one, &two, &one].map(|id| json!(id)));
    let told = sales.facts("lead.assigned").await;
    assert_eq!(told.len(), 5);
    let assignment = &told[0]["data"]["assignment"];
    assert_eq!(
        (&assignment["rule_id"], &assignment["mode"], &assignment["cause"]),
        (&json!(rule), &json!("round_robin"), &json!("rule"))
    );
    assert_eq!(
        (&told[0]["data"]["before"]["owner_id"], &told[0]["data"]["lead"]["owner_id"]),
        (&Value::Null, &json!(one))
    );
}

#[tokio::test]
async fn the_least_loaded_of_a_team_gets_the_lead() {
    let sales = Sales::open().await;
    let busy = sales.seller(json!({"teams": ["north"]})).await;
    let idle = sales.seller(json!({"teams": ["north", "east"]})).await;
    sales.seller(json!({"teams": ["south"]})).await;
    for _ in 0..2 {
        sales.lead(json!({"owner_id": busy})).await;
    }
    sales.rule(json!({"mode": "least_loaded", "target": {"team": "north"}})).await;
    assert_eq!(owners(&sales, 3).await, [&idle, &idle, &busy].map(|id| json!(id)));
}

#[tokio::test]
async fn weights_are_shares() {
    let sales = Sales::open().await;
    let (one, two) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    let weights = json!([{"user_id": one, "weight": 3}]);
    sales.rule(json!({"mode": "weighted", "target": {"users": [one, two]}, "weights": weights})).await;
    let got = owners(&sales, 8).await;
    assert_eq!(got.iter().filter(|owner| **owner == json!(one)).count(), 6, "{got:?}");
    assert_eq!(got[..4], got[4..]);
}

#[tokio::test]
async fn the_best_ranked_who_has_room_gets_the_lead() {
    let sales = Sales::open().await;
    let second = sales.seller(json!({"rank": 2, "capacity": 1})).await;
    let best = sales.seller(json!({"rank": 1, "capacity": 2})).await;
    let unranked = sales.seller(json!({})).await;
    sales.rule(json!({"mode": "best_rank", "target": {"role": "salesperson"}})).await;
    assert_eq!(owners(&sales, 4).await, [&best, &best, &second, &unranked].map(|id| json!(id)));
}

#[tokio::test]
async fn a_specialist_sells_the_product_line() {
    let sales = Sales::open().await;
    let crm = sales.seller(json!({"product_lines": ["crm"]})).await;
    let both = sales.seller(json!({"product_lines": ["crm", "erp"]})).await;
    sales.rule(json!({"mode": "specialist", "otherwise": "next_rule"})).await;
    let anybody = sales.seller(json!({})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [anybody]}})).await;
    assert_eq!(sales.ready_lead(json!({"product_line": "erp"})).await["owner_id"], json!(both));
    assert_eq!(sales.ready_lead(json!({"product_line": "crm"})).await["owner_id"], json!(crm));
    assert_eq!(sales.ready_lead(json!({"product_line": "fleet"})).await["owner_id"], json!(anybody));
    assert_eq!(sales.ready_lead(json!({})).await["owner_id"], json!(anybody));
}

#[tokio::test]
async fn who_has_the_contact_or_else_the_account_keeps_the_lead() {
    let sales = Sales::open().await;
    let [of_contact, of_account, anybody] =
        [sales.seller(json!({})).await, sales.seller(json!({})).await, sales.seller(json!({})).await];
    sales.rule(json!({"mode": "keep_owner"})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [anybody]}})).await;
    let account =
        sales.admin.post("/v1/accounts", json!({"name": "Contoso", "owner_id": of_account})).await.expect(201);
    let account = bodies::id(&account);
    for (known, expected) in [
        (json!({"owner_id": of_contact, "account_id": account}), &of_contact),
        (json!({"account_id": account}), &of_account),
        (json!({}), &anybody),
    ] {
        let contact = sales.contact(known).await;
        let lead = sales.lead_of(&contact, json!({})).await;
        sales.meet(&lead).await;
        assert_eq!(sales.owner(&lead).await, json!(expected));
    }
    // An owner who is away has no time for the lead; the account's is asked next.
    let back = sales.app.now().plus_days(3);
    sales.change_user(&of_contact, json!({"away_until": back})).await;
    let contact = sales.contact(json!({"owner_id": of_contact, "account_id": account})).await;
    let lead = sales.lead_of(&contact, json!({})).await;
    sales.meet(&lead).await;
    assert_eq!(sales.owner(&lead).await, json!(of_account));
}

#[tokio::test]
async fn the_first_rule_that_matches_decides() {
    let sales = Sales::open().await;
    let (estonian, other) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    let off = sales.seller(json!({})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [off]}, "enabled": false})).await;
    let condition = json!({"field": "contact.country", "op": "eq", "value": "EE"});
    sales.rule(json!({"mode": "user", "target": {"users": [estonian]}, "condition": condition})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [other]}})).await;
    for (country, expected) in [("EE", &estonian), ("LV", &other)] {
        let contact = sales.contact(json!({"address": {"country": country}})).await;
        let lead = sales.lead_of(&contact, json!({})).await;
        sales.meet(&lead).await;
        assert_eq!(sales.owner(&lead).await, json!(expected), "{country}");
    }
}

#[tokio::test]
async fn a_rule_for_new_leads_sees_their_first_score() {
    let sales = Sales::open().await;
    let (warm, ready) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    let condition = json!({"all": [{"field": "lead.temperature", "op": "eq", "value": "warm"}, {"field": "lead.score", "op": "gte", "value": 40}]});
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [warm]}, "condition": condition})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [ready]}})).await;
    let contact = sales.contact(json!({"decision_role": "decision_maker"})).await;
    let lead = sales.lead_of(&contact, json!({})).await;
    assert_eq!((&lead["owner_id"], &lead["temperature"]), (&json!(warm), &json!("warm")));
    // Nobody waits for a rule that did not match a new lead.
    let cold = sales.lead(json!({})).await;
    assert_eq!((&cold["owner_id"], sales.queue().await.len()), (&Value::Null, 0));
    // Whoever has a lead keeps it when it becomes ready.
    sales.meet(&lead).await;
    sales.meet(&cold).await;
    assert_eq!((sales.owner(&lead).await, sales.owner(&cold).await), (json!(warm), json!(ready)));
    assert_eq!(sales.history(&lead).await.len(), 1);
}

#[tokio::test]
async fn a_submission_is_given_out_like_any_lead_unless_the_form_says_whose_it_is() {
    let sales = Sales::open().await;
    let (ruled, named) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [ruled]}})).await;
    let form = json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page",
        "fields": [{"name": "email", "required": true, "maps_to": "contact.email"}],
    });
    let publish = async |form: Value| {
        let form = sales.admin.post("/v1/forms", form).await.expect(201);
        sales.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
        form
    };
    let submit = async |form: &Value, email: &str| {
        let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
        sales.app.visitor().post(&path, json!({"fields": {"email": email}})).await.expect(202);
        let leads =
            super::records(&sales.admin, &format!("/v1/leads?form_id={}&sort=-created_at", bodies::id(form))).await;
        leads.into_iter().next().unwrap()
    };
    let plain = publish(form.clone()).await;
    assert_eq!(submit(&plain, "ann@example.com").await["owner_id"], json!(ruled));
    let owned = publish(bodies::with(form, json!({"owner_id": named}))).await;
    let lead = submit(&owned, "bob@example.com").await;
    assert_eq!((&lead["owner_id"], &sales.history(&lead).await[0]["cause"]), (&json!(named), &json!("form")));
    // A form whose owner was locked out since leaves its leads to the rules.
    sales.change_user(&named, json!({"disabled": true})).await;
    sales.app.wait_seconds(1);
    assert_eq!(submit(&owned, "eve@example.com").await["owner_id"], json!(ruled));
}

#[tokio::test]
async fn a_lead_that_a_seller_enters_is_theirs_whatever_the_rules_say() {
    let sales = Sales::open().await;
    let ruled = sales.seller(json!({})).await;
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [ruled]}})).await;
    let seller = sales.app.person(Role::Salesperson).await;
    let contact = sales.contact(json!({})).await;
    let lead =
        seller.post("/v1/leads", json!({"contact_id": contact, "topic": "Fleet", "source": "web"})).await.expect(201);
    assert_eq!(lead["owner_id"], json!(seller.id()));
    let history = sales.history(&lead).await;
    assert_eq!((history.len(), &history[0]["cause"]), (1, &json!("entered_by_sales")));
    assert_eq!((&history[0]["from_owner_id"], &history[0]["by"]), (&Value::Null, &json!(seller.id())));
}

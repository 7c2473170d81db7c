//! Leads that become one, and two again, with those who work them.

use serde_json::{Value, json};

use super::Sales;
use crate::support::bodies;

#[tokio::test]
async fn the_survivor_has_the_owner_and_the_history_of_both_and_gives_them_back() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({})).await;
    let contact = sales.contact(json!({})).await;
    let survivor = sales.lead_of(&contact, json!({})).await;
    sales.app.wait_seconds(60);
    let loser = sales.lead_of(&contact, json!({"owner_id": seller})).await;
    let merge = json!({"other_id": loser["id"]});
    let merge = sales.admin.post(&format!("/v1/leads/{}/merges", bodies::id(&survivor)), merge).await.expect(201);
    assert_eq!(merge["survivor_id"], survivor["id"]);
    assert_eq!(sales.owner(&survivor).await, json!(seller));
    let causes = |history: Vec<Value>| history.iter().map(|row| row["cause"].clone()).collect::<Vec<_>>();
    assert_eq!(causes(sales.history(&survivor).await), ["merged", "by_hand"]);
    sales.app.wait_seconds(60);
    sales.admin.post(&format!("/v1/merges/{}/undo", bodies::id(&merge)), Value::Null).await.expect(200);
    assert_eq!((sales.owner(&survivor).await, sales.owner(&loser).await), (Value::Null, json!(seller)));
    assert_eq!(causes(sales.history(&survivor).await), ["parted", "merged"]);
    assert_eq!(causes(sales.history(&loser).await), ["by_hand"]);
}

#[tokio::test]
async fn a_lead_that_is_ready_and_nobodys_after_a_merge_is_given_out() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({"capacity": 0})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let contact = sales.contact(json!({})).await;
    let (one, two) = (sales.lead_of(&contact, json!({})).await, sales.lead_of(&contact, json!({})).await);
    sales.meet(&one).await;
    assert_eq!(sales.queue().await.len(), 2);
    sales.change_user(&seller, json!({"capacity": 1})).await;
    let merge = sales
        .admin
        .post(&format!("/v1/leads/{}/merges", bodies::id(&one)), json!({"other_id": two["id"]}))
        .await
        .expect(201);
    assert_eq!((sales.owner(&one).await, sales.queue().await.len()), (json!(seller), 0));
    // Parted, the other is nobody's again, and waits.
    sales.admin.post(&format!("/v1/merges/{}/undo", bodies::id(&merge)), Value::Null).await.expect(200);
    assert_eq!((sales.owner(&one).await, sales.owner(&two).await), (json!(seller), Value::Null));
    assert_eq!(sales.queue().await[0]["lead_id"], two["id"]);
}

#[tokio::test]
async fn a_deleted_lead_takes_its_history_and_its_place_in_the_queue_with_it() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({"capacity": 0})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let waiting = sales.ready_lead(json!({})).await;
    let owned = sales.lead(json!({"owner_id": seller})).await;
    for lead in [&waiting, &owned] {
        sales.admin.delete(&format!("/v1/leads/{}", bodies::id(lead))).await.expect(204);
    }
    assert_eq!(sales.queue().await, [] as [Value; 0]);
}

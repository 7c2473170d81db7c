//! Leads that people give out, take and give back.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::Sales;
use crate::support::bodies;

const NOBODY: &str = "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10";

fn path(lead: &Value) -> String {
    format!("/v1/leads/{}/assignment", bodies::id(lead))
}

#[tokio::test]
async fn a_manager_gives_a_lead_to_one_and_then_to_another() {
    let sales = Sales::open().await;
    let manager = sales.app.person(Role::SalesManager).await;
    let (one, two) = (sales.seller(json!({})).await, sales.seller(json!({})).await);
    let lead = sales.lead(json!({})).await;
    let answer = manager.post(&path(&lead), json!({"owner_id": one, "note": "knows them"})).await;
    let given = answer.expect(201);
    assert_eq!(answer.header("location"), Some(path(&lead).as_str()));
    assert_eq!((&given["lead"]["owner_id"], &given["decision"]), (&json!(one), &Value::Null));
    let row = &given["assignment"];
    assert_eq!(
        (&row["cause"], &row["note"], &row["by"], &row["override"]),
        (&json!("by_hand"), &json!("knows them"), &json!(manager.id()), &json!(false))
    );
    sales.app.wait_seconds(5);
    // Once more is no change, and leaves no trace.
    let same = manager.post(&path(&lead), json!({"owner_id": one})).await.expect(200);
    assert_eq!((&same["assignment"], &same["lead"]["version"]), (&Value::Null, &given["lead"]["version"]));
    manager.post(&path(&lead), json!({"owner_id": two})).await.expect(201);
    let history = sales.history(&lead).await;
    let steps: Vec<_> = history.iter().map(|row| (&row["from_owner_id"], &row["to_owner_id"])).collect();
    assert_eq!(steps, [(&json!(one), &json!(two)), (&Value::Null, &json!(one))]);
    let page = sales.admin.get(&format!("{}?sort=at&limit=1&count=true", path(&lead))).await.expect(200);
    assert_eq!((&page["data"][0], &page["total"], page["next_cursor"].is_string()), (&history[1], &json!(2), true));
    let told = sales.facts("lead.assigned").await;
    assert_eq!((told.len(), &told[1]["data"]["before"]["owner_id"]), (2, &json!(one)));
}

#[tokio::test]
async fn a_seller_takes_what_is_nobodys_and_nothing_else() {
    let sales = Sales::open().await;
    let (seller, other) = (sales.app.person(Role::Salesperson).await, sales.app.person(Role::Salesperson).await);
    let lead = sales.lead(json!({})).await;
    seller.post(&path(&lead), json!({"owner_id": other.id()})).await.expect_problem(403, "forbidden");
    seller.post(&path(&lead), json!({"auto": true})).await.expect_problem(403, "forbidden");
    let taken = seller.post(&path(&lead), json!({"owner_id": seller.id()})).await.expect(201);
    assert_eq!(taken["assignment"]["cause"], "taken");
    let refused = other.post(&path(&lead), json!({"owner_id": other.id()})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("leads:assign"), "{refused}");
    seller.post(&path(&lead), json!({"owner_id": null})).await.expect_problem(403, "forbidden");
    let viewer = sales.app.person(Role::Viewer).await;
    viewer.post(&path(&lead), json!({"owner_id": viewer.id()})).await.expect_problem(403, "forbidden");
    viewer.get(&path(&lead)).await.expect(200);
}

#[tokio::test]
async fn the_owner_among_the_fields_of_a_lead_follows_the_same_rules() {
    let sales = Sales::open().await;
    let (seller, other) = (sales.app.person(Role::Salesperson).await, sales.app.person(Role::Salesperson).await);
    let lead = sales.lead(json!({})).await;
    let fields = format!("/v1/leads/{}", bodies::id(&lead));
    seller.patch(&fields, json!({"owner_id": other.id()})).await.expect_problem(403, "forbidden");
    seller.patch(&fields, json!({"owner_id": seller.id()})).await.expect(200);
    // Naming whoever has it already changes nothing.
    seller.patch(&fields, json!({"owner_id": seller.id(), "topic": "Trucks"})).await.expect(200);
    other.patch(&fields, json!({"owner_id": other.id()})).await.expect_problem(409, "conflict");
    other.patch(&fields, json!({"owner_id": null})).await.expect_problem(403, "forbidden");
    sales.admin.patch(&fields, json!({"owner_id": null})).await.expect(200);
    assert_eq!(sales.queue().await[0]["reason"], "released");
    let full = sales.seller(json!({"capacity": 0})).await;
    sales.admin.patch(&fields, json!({"owner_id": full})).await.expect_problem(409, "conflict");
    assert_eq!((sales.owner(&lead).await, sales.history(&lead).await.len()), (Value::Null, 2));
    sales.change_user(&full, json!({"capacity": 1})).await;
    sales.admin.patch(&fields, json!({"owner_id": full})).await.expect(200);
    assert_eq!(sales.queue().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_capacity_is_exceeded_only_by_who_says_so_and_may() {
    let sales = Sales::open().await;
    let full = sales.seller(json!({"capacity": 1})).await;
    sales.lead(json!({"owner_id": full})).await;
    let lead = sales.lead(json!({})).await;
    let manager = sales.app.person(Role::SalesManager).await;
    let refused = manager.post(&path(&lead), json!({"owner_id": full})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("override"), "{refused}");
    let client = sales.app.integration(&["leads:read", "leads:write", "leads:assign"]).await;
    client.post(&path(&lead), json!({"owner_id": full, "override": true})).await.expect_problem(403, "forbidden");
    let given = manager.post(&path(&lead), json!({"owner_id": full, "override": true})).await.expect(201);
    assert_eq!(given["assignment"]["override"], true);
    assert_eq!(sales.facts("lead.assigned").await.last().unwrap()["data"]["assignment"]["override"], true);
    // Where there is room, nothing was overridden.
    let (free, lead) = (sales.seller(json!({"capacity": 1})).await, sales.lead(json!({})).await);
    let given = manager.post(&path(&lead), json!({"owner_id": free, "override": true})).await.expect(201);
    assert_eq!(given["assignment"]["override"], false);
}

#[tokio::test]
async fn who_is_away_may_be_given_a_lead_by_hand() {
    let sales = Sales::open().await;
    let away = sales.seller(json!({})).await;
    sales.change_user(&away, json!({"away_until": sales.app.now().plus_days(9)})).await;
    let lead = sales.lead(json!({})).await;
    sales.admin.post(&path(&lead), json!({"owner_id": away})).await.expect(201);
}

#[tokio::test]
async fn only_users_of_the_workspace_who_are_not_locked_out_work_leads() {
    let sales = Sales::open().await;
    let gone = sales.seller(json!({})).await;
    sales.change_user(&gone, json!({"disabled": true})).await;
    let stranger = sales.app.other_workspace().person(Role::Salesperson).await.id().to_string();
    let lead = sales.lead(json!({})).await;
    for owner in [gone.as_str(), &stranger, NOBODY] {
        sales.admin.post(&path(&lead), json!({"owner_id": owner})).await.expect_invalid(&["/owner_id"]);
        sales
            .admin
            .patch(&format!("/v1/leads/{}", bodies::id(&lead)), json!({"owner_id": owner}))
            .await
            .expect_invalid(&["/owner_id"]);
        let new = json!({"captured": {"first_name": "Ann"}, "topic": "Fleet", "source": "web", "owner_id": owner});
        sales.admin.post("/v1/leads", new).await.expect_invalid(&["/owner_id"]);
    }
    // Whoever is locked out keeps what they have until somebody moves it.
    let seller = sales.seller(json!({})).await;
    let kept = sales.lead(json!({"owner_id": seller})).await;
    sales.change_user(&seller, json!({"disabled": true})).await;
    let listed = sales.admin.get(&format!("/v1/leads?owner_id={seller}")).await.expect(200);
    assert_eq!(listed["data"][0]["id"], kept["id"]);
    sales
        .admin
        .patch(&format!("/v1/leads/{}", bodies::id(&kept)), json!({"owner_id": seller, "topic": "x"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({})).await;
    let lead = sales.lead(json!({})).await;
    sales.admin.post(&path(&lead), json!({})).await.expect_invalid(&[""]);
    sales.admin.post(&path(&lead), json!({"auto": true, "owner_id": seller})).await.expect_invalid(&[""]);
    sales.admin.post(&path(&lead), json!({"owner": seller})).await.expect_invalid(&["/owner"]);
    let stale =
        sales.admin.request(reqwest::Method::POST, &path(&lead)).if_version(99).json(&json!({"owner_id": seller}));
    stale.send().await.expect_problem(412, "precondition-failed");
    let nowhere = format!("/v1/leads/{NOBODY}/assignment");
    sales.admin.post(&nowhere, json!({"owner_id": seller})).await.expect(404);
    sales.admin.get(&nowhere).await.expect(404);
    let stranger = sales.app.other_workspace().admin().await;
    stranger.post(&path(&lead), json!({"owner_id": stranger.id()})).await.expect(404);
    stranger.get(&path(&lead)).await.expect(404);
}

#[tokio::test]
async fn a_closed_lead_is_given_to_nobody_and_waits_for_nobody() {
    let sales = Sales::open().await;
    let seller = sales.seller(json!({"capacity": 0})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [seller]}})).await;
    let lead = sales.ready_lead(json!({})).await;
    assert_eq!(sales.queue().await.len(), 1);
    sales.close_leads().await;
    for wish in [json!({"owner_id": sales.admin.id()}), json!({"owner_id": null}), json!({"auto": true})] {
        let refused = sales.admin.post(&path(&lead), wish).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("reopen"), "{refused}");
    }
    assert_eq!(sales.queue().await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_rules_can_be_asked_by_hand_for_any_lead() {
    let sales = Sales::open().await;
    let (old, new, ready) =
        (sales.seller(json!({})).await, sales.seller(json!({})).await, sales.seller(json!({})).await);
    let lead = sales.lead(json!({"owner_id": old})).await;
    // Without a rule whoever has it keeps it.
    let kept = sales.admin.post(&path(&lead), json!({"auto": true})).await.expect(200);
    assert_eq!((&kept["lead"]["owner_id"], &kept["decision"]["reason"]), (&json!(old), &json!("no_rule_matched")));
    sales.rule(json!({"when": "created", "mode": "user", "target": {"users": [new]}})).await;
    sales.rule(json!({"mode": "user", "target": {"users": [ready]}})).await;
    let given = sales.admin.post(&path(&lead), json!({"auto": true, "note": "again"})).await.expect(201);
    assert_eq!(
        (&given["lead"]["owner_id"], &given["assignment"]["cause"], &given["assignment"]["note"]),
        (&json!(new), &json!("rule"), &json!("again"))
    );
    sales.meet(&lead).await;
    let given = sales.admin.post(&path(&lead), json!({"auto": true})).await.expect(201);
    assert_eq!(given["lead"]["owner_id"], json!(ready));
    sales.admin.post(&path(&lead), json!({"auto": true})).await.expect(200);
}

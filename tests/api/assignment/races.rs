//! Many leads and people at once: no round and no capacity is ever broken.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{Sales, contact, meetings, records, seller};
use crate::scoring;
use crate::support::process::Site;
use crate::support::{Person, bodies};

/// Requests at once.
const AT_ONCE: usize = 64;

/// How many of these leads each user has, and how many are nobody's.
async fn shares(person: &Person, query: &str) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for lead in records(person, &format!("/v1/leads?limit=200&{query}")).await {
        *shares.entry(lead["owner_id"].as_str().unwrap_or("nobody").to_owned()).or_insert(0) += 1;
    }
    shares
}

#[tokio::test]
async fn one_lead_that_sixty_four_give_to_one_user_changes_hands_once() {
    let sales = Sales::open().await;
    let user = sales.seller(json!({"capacity": 1})).await;
    let lead = sales.lead(json!({})).await;
    let path = format!("/v1/leads/{}/assignment", bodies::id(&lead));
    let answers = join_all((0..AT_ONCE).map(|_| sales.admin.post(&path, json!({"owner_id": user})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status() == 201).count(), 1);
    assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status())));
    assert_eq!((sales.owner(&lead).await, sales.history(&lead).await.len()), (json!(user), 1));
}

#[tokio::test]
async fn a_lead_that_sixteen_take_at_once_is_one_persons() {
    let sales = Sales::open().await;
    let lead = sales.lead(json!({})).await;
    let path = format!("/v1/leads/{}/assignment", bodies::id(&lead));
    let sellers = join_all((0..16).map(|_| sales.app.person(Role::Salesperson))).await;
    let answers = join_all(sellers.iter().map(|seller| seller.post(&path, json!({"owner_id": seller.id()})))).await;
    let taken: Vec<_> = answers.iter().zip(&sellers).filter(|(answer, _)| answer.status() == 201).collect();
    assert_eq!(taken.len(), 1);
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
    assert_eq!((sales.owner(&lead).await, sales.history(&lead).await.len()), (json!(taken[0].1.id()), 1));
}

#[tokio::test]
async fn a_lead_that_becomes_ready_in_sixty_four_ways_at_once_is_given_out_once() {
    let sales = Sales::open().await;
    let users = [sales.seller(json!({})).await, sales.seller(json!({})).await];
    sales.rule(json!({"target": {"users": users}})).await;
    let lead = sales.lead(json!({})).await;
    join_all((0..AT_ONCE).map(|_| sales.meet(&lead))).await;
    assert_eq!(sales.history(&lead).await.len(), 1);
    assert_eq!(sales.facts("lead.assigned").await.len(), 1);
}

#[tokio::test]
async fn one_recording_that_makes_many_leads_ready_gives_each_out_in_turn() {
    let sales = Sales::open().await;
    let users =
        [sales.seller(json!({})).await, sales.seller(json!({})).await, sales.seller(json!({"capacity": 3})).await];
    sales.rule(json!({"target": {"users": users}})).await;
    let leads = join_all((0..12).map(|_| sales.lead(json!({})))).await;
    let meeting =
        |lead: &Value| json!({"kind": "meeting", "occurred_at": sales.app.now(), "contact_id": lead["contact_id"]});
    let batch: Vec<Value> = leads.iter().map(meeting).collect();
    sales.admin.post("/v1/interactions", json!(batch)).await.expect(200);
    let shares = shares(&sales.admin, "").await;
    let held: Vec<usize> = users.iter().map(|user| shares.get(user).copied().unwrap_or(0)).collect();
    assert_eq!(held.iter().sum::<usize>(), 12);
    assert!(held[2] == 3 && held[0].abs_diff(held[1]) <= 1, "{held:?}");
}

#[tokio::test]
async fn leads_that_are_recorded_patched_merged_and_moved_at_once_keep_within_capacity() {
    let sales = Sales::open().await;
    let users: Vec<String> = join_all((0..3).map(|_| sales.seller(json!({"capacity": 4})))).await;
    sales.rule(json!({"mode": "least_loaded", "target": {"users": users}})).await;
    let contacts = join_all((0..4).map(|_| sales.contact(json!({})))).await;
    let mut leads = Vec::new();
    for number in 0..16 {
        leads.push(sales.lead_of(&contacts[number % 4], json!({})).await);
    }
    let storm = async |number: usize| {
        let lead = &leads[number * 7 % 16];
        let path = format!("/v1/leads/{}", bodies::id(lead));
        let user = &users[number % 3];
        let answer = match number % 5 {
            0 => {
                let meeting =
                    json!({"kind": "meeting", "occurred_at": sales.app.now(), "contact_id": contacts[number % 4]});
                sales.admin.post("/v1/interactions", json!([meeting])).await
            }
            1 => sales.admin.patch(&path, json!({"owner_id": user, "topic": format!("{number}")})).await,
            2 => sales.admin.post(&format!("{path}/assignment"), json!({"owner_id": user})).await,
            3 => sales.admin.post(&format!("{path}/assignment"), json!({"auto": true})).await,
            _ => sales.admin.post(&format!("{path}/transitions"), json!({"to": "teleprospect_acceptance"})).await,
        };
        assert!([200, 201, 409].contains(&answer.status()), "{}", answer.text());
    };
    join_all((0..AT_ONCE).map(storm)).await;
    let shares = shares(&sales.admin, "status=open").await;
    assert!(users.iter().all(|user| shares.get(user).copied().unwrap_or(0) <= 4), "{shares:?}");
    assert!(shares.get("nobody").copied().unwrap_or(0) >= 4, "{shares:?}");
    for lead in &leads {
        let history = sales.history(lead).await;
        let mut owner = Value::Null;
        for row in history.iter().rev() {
            assert_eq!(row["from_owner_id"], owner, "{history:#?}");
            owner = row["to_owner_id"].clone();
        }
        assert_eq!(owner, sales.owner(lead).await);
    }
}

#[tokio::test]
async fn two_instances_break_neither_a_round_nor_a_capacity() {
    let site = Site::new();
    let token = site.token();
    let (one, two) = (site.serve(), site.serve());
    let callers = [one.caller(&token), two.caller(&token)];
    let admin = &callers[0];
    scoring::live_model(admin, meetings()).await;
    let round: Vec<String> = join_all((0..5).map(|_| seller(admin, json!({})))).await;
    let small: Vec<String> = join_all([3, 4, 5].map(|capacity| seller(admin, json!({"capacity": capacity})))).await;
    let on = |line: &str| json!({"field": "lead.product_line", "op": "eq", "value": line});
    for rule in [
        json!({"name": "Round", "when": "created", "mode": "round_robin", "target": {"users": round}, "condition": on("round")}),
        json!({"name": "Few", "mode": "least_loaded", "target": {"users": small}, "condition": on("few")}),
    ] {
        admin.post("/v1/assignment-rules", rule).await.expect(201);
    }
    let people: Vec<String> = join_all((0..AT_ONCE).map(|_| contact(admin, json!({})))).await;
    let few = async |number: usize| {
        let lead = json!({"contact_id": people[number], "topic": "Fleet", "source": "web", "product_line": "few"});
        admin.post("/v1/leads", lead).await.expect(201);
    };
    join_all((0..AT_ONCE).map(few)).await;
    let send = async |number: usize| {
        let caller = &callers[number % 2];
        let lead = json!({"contact_id": people[number], "topic": "Fleet", "source": "web", "product_line": "round"});
        let meeting = json!({"kind": "meeting", "occurred_at": "2026-03-01T10:00:00Z", "contact_id": people[number]});
        let (made, met) =
            tokio::join!(caller.post("/v1/leads", lead), callers[(number + 1) % 2].post("/v1/interactions", meeting));
        made.expect(201);
        met.expect(201);
    };
    join_all((0..AT_ONCE).map(send)).await;
    let rounds = shares(admin, "product_line=round").await;
    let counts: Vec<usize> = round.iter().map(|user| rounds.get(user).copied().unwrap_or(0)).collect();
    assert_eq!(counts.iter().sum::<usize>(), AT_ONCE, "{rounds:?}");
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    let few = shares(admin, "product_line=few").await;
    let counts: Vec<usize> = small.iter().map(|user| few.get(user).copied().unwrap_or(0)).collect();
    assert_eq!((counts, few.get("nobody")), (vec![3, 4, 5], Some(&(AT_ONCE - 12))));
    let waiting = admin.get("/v1/assignment-queue?reason=nobody_left&count=true").await.expect(200);
    assert_eq!(waiting["total"], json!(AT_ONCE - 12));
}

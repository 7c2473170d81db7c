//! Workspaces that want one open lead per person (ASG-7).

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Sales, records};
use crate::support::bodies;

/// A workspace that wants one open lead per contact.
async fn one_per_contact() -> Sales {
    let sales = Sales::open().await;
    let version =
        sales.admin.get("/v1/settings").await.header("etag").unwrap().trim_matches(['"', 'v']).parse().unwrap();
    sales.admin.patch_version("/v1/settings", version, json!({"leads_per_contact": "one"})).await.expect(200);
    sales
}

/// A live form; where its submissions go.
async fn form(sales: &Sales, changes: Value) -> String {
    let form = json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page", "duplicate_window_s": 0,
        "fields": [{"name": "email", "required": true, "maps_to": "contact.email"}, {"name": "question"},
            {"name": "product", "maps_to": "lead.product_line"}],
    });
    let form = sales.admin.post("/v1/forms", bodies::with(form, changes)).await.expect(201);
    sales.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap())
}

#[tokio::test]
async fn usually_each_context_is_a_lead_of_its_own() {
    let sales = Sales::open().await;
    assert_eq!(sales.admin.get("/v1/settings").await.expect(200)["leads_per_contact"], "per_context");
    for _ in 0..2 {
        let form = form(&sales, json!({})).await;
        sales.app.visitor().post(&form, json!({"fields": {"email": "ann@example.com"}})).await.expect(202);
    }
    assert_eq!(records(&sales.admin, "/v1/leads").await.len(), 2);
}

#[tokio::test]
async fn whatever_a_person_submits_lands_in_their_open_lead() {
    let sales = one_per_contact().await;
    let forms = [
        form(&sales, json!({})).await,
        form(&sales, json!({})).await,
        form(&sales, json!({"always_create_lead": true})).await,
    ];
    for (number, form) in forms.iter().enumerate() {
        let fields = json!({"email": "ann@example.com", "question": format!("{number}?"), "product": "crm"});
        sales.app.visitor().post(form, json!({"fields": fields})).await.expect(202);
    }
    let leads = records(&sales.admin, "/v1/leads").await;
    assert_eq!((leads.len(), &leads[0]["product_line"]), (1, &json!("crm")));
    let submissions = records(&sales.admin, "/v1/submissions?sort=received_at").await;
    let effects: Vec<&Value> = submissions.iter().map(|one| &one["outcome"]["lead"]["effect"]).collect();
    assert_eq!(effects, ["created", "linked", "linked"]);
    assert!(submissions.iter().all(|one| one["lead_id"] == leads[0]["id"]), "{submissions:#?}");
    assert_eq!(records(&sales.admin, "/v1/interactions").await.len(), 3);
}

#[tokio::test]
async fn a_second_open_lead_entered_by_hand_is_refused_with_the_first() {
    let sales = one_per_contact().await;
    let contact = sales.contact(json!({"email": "ann@example.com"})).await;
    let first = sales.lead_of(&contact, json!({})).await;
    for whose in [json!({"contact_id": contact}), json!({"contact": {"email": "Ann@Example.com"}})] {
        let lead = bodies::with(json!({"topic": "Trucks", "source": "web"}), whose);
        let refused = sales.admin.post("/v1/leads", lead).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains(&bodies::id(&first)), "{refused}");
    }
    sales.admin.delete(&format!("/v1/leads/{}", bodies::id(&first))).await.expect(204);
    sales.lead_of(&contact, json!({})).await;
    // Leads of nobody who is known stand beside each other.
    for _ in 0..2 {
        let lead = json!({"topic": "Trucks", "source": "web", "captured": {"first_name": "Bob"}});
        sales.admin.post("/v1/leads", lead).await.expect(201);
    }
}

#[tokio::test]
async fn sixty_four_ways_at_once_leave_one_lead() {
    let sales = one_per_contact().await;
    let contact = sales.contact(json!({"email": "ann@example.com"})).await;
    let forms = [form(&sales, json!({})).await, form(&sales, json!({})).await];
    let enter = async |number: usize| match number % 4 {
        0 | 1 => {
            let fields = json!({"email": "ann@example.com", "question": format!("{number}?")});
            sales.app.visitor().post(&forms[number % 2], json!({"fields": fields})).await.expect(202);
        }
        2 => {
            let lead = json!({"contact_id": contact, "topic": "Fleet", "source": "web"});
            assert!([201, 409].contains(&sales.admin.post("/v1/leads", lead).await.status()));
        }
        _ => {
            let lead = json!({"contact": {"email": "ann@example.com"}, "topic": "Fleet", "source": "web"});
            assert!([201, 409].contains(&sales.admin.post("/v1/leads", lead).await.status()));
        }
    };
    join_all((0..64).map(enter)).await;
    assert_eq!(records(&sales.admin, "/v1/leads").await.len(), 1);
    assert_eq!(records(&sales.admin, "/v1/submissions?status=failed").await, [] as [Value; 0]);
}

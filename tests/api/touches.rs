//! What users did for people, and how often before the first sale (WRK-2, WRK-3).

use ripen::auth::scope::Role;
use ripen::id::Id;
use serde_json::{Value, json};

use crate::merges::{contact, lead};
use crate::scoring::day;
use crate::support::{Person, TestApp, bodies};

/// The kinds of a lead's touches, in the order they occurred.
async fn touches(person: &Person, lead: &str, filter: &str) -> Vec<Value> {
    let list = person.get(&format!("/v1/leads/{lead}/touches?sort=occurred_at&{filter}")).await.expect(200);
    list["data"].as_array().unwrap().iter().map(|touch| touch["kind"].clone()).collect()
}

/// Records something with this contact.
async fn record(person: &Person, contact: &str, kind: &str, changes: Value) -> Value {
    let body = json!({"kind": kind, "occurred_at": day(10), "contact_id": contact});
    person.post("/v1/interactions", bodies::with(body, changes)).await.expect(201)
}

async fn sender(admin: &Person, recorded: &Value) -> Value {
    admin.get(&format!("/v1/interactions/{}", bodies::id(recorded))).await.expect(200)["sender_id"].clone()
}

#[tokio::test]
async fn what_users_do_is_theirs_unless_they_say_whose_it_was() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let ann = contact(&admin, bodies::contact("ann@example.com")).await;
    for kind in ["call", "meeting", "message"] {
        assert_eq!(sender(&admin, &record(&rep, &ann, kind, json!({})).await).await, json!(rep.id()), "{kind}");
        let said = record(&rep, &ann, kind, json!({"sender_id": admin.id()})).await;
        assert_eq!(sender(&admin, &said).await, json!(admin.id()));
    }
    // What people do themselves has no user behind it, and a program is no user.
    assert_eq!(sender(&admin, &record(&rep, &ann, "page_visited", json!({})).await).await, Value::Null);
    let program = app.integration(&["interactions:write"]).await;
    assert_eq!(sender(&admin, &record(&program, &ann, "call", json!({})).await).await, Value::Null);
    // An answer is of whoever was answered.
    let mail = json!({"source": "mailer", "external_id": "sent-1", "cause": "offer-7"});
    record(&rep, &ann, "message", mail).await;
    let answer = json!({"in_reply_to": {"source": "mailer", "external_id": "sent-1"}});
    let answer = record(&admin, &ann, "message", answer).await;
    assert_eq!(sender(&admin, &answer).await, json!(rep.id()));
    let waiting = json!({"in_reply_to": {"source": "mailer", "external_id": "sent-2"}});
    assert_eq!(sender(&admin, &record(&admin, &ann, "message", waiting).await).await, Value::Null);
}

#[tokio::test]
async fn every_touch_of_a_lead_counts_and_answers_are_none() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    let rep = app.person(Role::Salesperson).await;
    let ann = contact(&admin, bodies::contact("ann@example.com")).await;
    let before = json!({"occurred_at": day(9)});
    record(&rep, &ann, "call", before.clone()).await;
    let (one, other) = (lead(&admin, &ann, "One").await, lead(&admin, &ann, "Other").await);
    record(&rep, &ann, "call", json!({"lead_id": one, "occurred_at": day(8)})).await;
    record(&rep, &ann, "meeting", json!({})).await;
    record(&admin, &ann, "meeting", json!({"lead_id": other})).await;
    let sent = record(&rep, &ann, "message", json!({})).await;
    record(&rep, &ann, "event_attended", json!({"sender_id": rep.id()})).await;
    // None of these is a touch.
    record(&rep, &ann, "page_visited", json!({})).await;
    record(&admin, &ann, "email_opened", json!({"sender_id": rep.id()})).await;
    record(&admin, &ann, "message", json!({"in_reply_to": {"interaction_id": sent["id"]}})).await;
    let waits = json!({"source": "mailer", "external_id": "sent-9"});
    record(&admin, &ann, "message", json!({"sender_id": rep.id(), "in_reply_to": waits})).await;
    record(&rep, &ann, "call", json!({"evidence": "machine"})).await;
    let wrong = record(&rep, &ann, "call", json!({})).await;
    let void = json!({"interaction_id": wrong["id"], "reason": "mistake"});
    admin.post("/v1/interactions/voids", void).await.expect(201);

    assert_eq!(touches(&admin, &one, "").await, ["call", "meeting", "message", "event_attended"]);
    assert_eq!(touches(&admin, &other, "").await, ["meeting", "meeting", "message", "event_attended"]);
    assert_eq!(touches(&admin, &other, &format!("sender_id={}", admin.id())).await, ["meeting"]);
    let page = admin.get(&format!("/v1/leads/{one}/touches?limit=3&count=true")).await.expect(200);
    assert_eq!((&page["total"], page["data"].as_array().unwrap().len()), (&json!(4), 3));
    let next = format!("/v1/leads/{one}/touches?limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(admin.get(&next).await.expect(200)["data"][0]["kind"], "call");

    let nobodys = json!({"captured": {"last_name": "Tamm"}, "topic": "Software", "source": "web"});
    let nobodys = bodies::id(&admin.post("/v1/leads", nobodys).await.expect(201));
    let body = json!({"kind": "call", "occurred_at": day(10), "lead_id": nobodys});
    rep.post("/v1/interactions", body).await.expect(201);
    assert_eq!(touches(&admin, &nobodys, "").await, ["call"]);

    let stranger = app.other_workspace().admin().await;
    stranger.get(&format!("/v1/leads/{one}/touches")).await.expect_problem(404, "not-found");
    let program = app.integration(&["leads:read"]).await;
    program.get(&format!("/v1/leads/{one}/touches")).await.expect_problem(403, "forbidden");
    let merge = crate::merges::merge_leads(&admin, &one, &other).await;
    let loser = merge["loser_id"].as_str().unwrap();
    admin.get(&format!("/v1/leads/{loser}/touches")).await.expect_problem(410, "gone");
}

/// A lead that `seller` enters, and so accepts, after this many calls with its contact.
async fn won(seller: &Person, admin: &Person, number: usize, calls: usize, owner: Id) -> String {
    let ann = contact(admin, bodies::contact(&format!("p{number}@example.com"))).await;
    let body = json!({"contact_id": ann, "topic": "Warehouse", "source": "web", "owner_id": owner});
    let lead = bodies::id(&seller.post("/v1/leads", body).await.expect(201));
    for _ in 0..calls {
        record(seller, &ann, "call", json!({"lead_id": lead, "occurred_at": day(9)})).await;
    }
    // Too late to have won it.
    record(seller, &ann, "call", json!({"lead_id": lead})).await;
    lead
}

#[tokio::test]
async fn touches_before_the_first_sale_are_reported_in_all_and_by_owner() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    let (one, other) = (app.person(Role::Salesperson).await, app.person(Role::Salesperson).await);
    let none = json!({"leads": 0, "touches": 0, "average": null, "median": null, "distribution": []});
    let report = async |query: &str| admin.get(&format!("/v1/reports/touches{query}")).await.expect(200);
    assert_eq!(report("").await, json!({"from": null, "until": null, "total": none, "owners": []}));

    for (number, calls) in [0, 3, 3].into_iter().enumerate() {
        won(&one, &admin, number, calls, one.id()).await;
    }
    won(&one, &admin, 7, 8, other.id()).await;
    // A lead that nobody won yet is in no report.
    let open = contact(&admin, bodies::contact("open@example.com")).await;
    lead(&admin, &open, "Open").await;
    record(&one, &open, "call", json!({})).await;

    let told = report("").await;
    let total = json!({
        "leads": 4, "touches": 14, "average": 3.5, "median": 3.0,
        "distribution": [{"touches": 0, "leads": 1}, {"touches": 3, "leads": 2}, {"touches": 8, "leads": 1}],
    });
    assert_eq!(told["total"], total);
    let owners: Vec<Value> = told["owners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|owner| json!([owner["owner_id"], owner["leads"], owner["touches"], owner["average"], owner["median"]]))
        .collect();
    assert_eq!(owners, [json!([one.id(), 3, 6, 2.0, 3.0]), json!([other.id(), 1, 8, 8.0, 8.0])]);

    // By the instant of winning: from the first, up to but without the second.
    app.wait_days(1);
    won(&one, &admin, 9, 1, one.id()).await;
    let (ten, eleven) = (day(10), day(11));
    assert_eq!(report(&format!("?from={ten}&until={eleven}")).await["total"], total);
    let later = report(&format!("?from={eleven}")).await;
    assert_eq!(
        (&later["total"]["leads"], &later["total"]["touches"], &later["from"]),
        (&json!(1), &json!(2), &json!(eleven))
    );
    assert_eq!(report(&format!("?until={ten}")).await["total"], none);
    admin.get(&format!("/v1/reports/touches?from={eleven}&until={ten}")).await.expect_bad_parameter("from");
    let stranger = app.other_workspace().admin().await;
    assert_eq!(stranger.get("/v1/reports/touches").await.expect(200)["total"], none);
    let program = app.integration(&["leads:read"]).await;
    program.get("/v1/reports/touches").await.expect_problem(403, "forbidden");
}

//! Leads moved by hand: completed, passed on, moved forward and back, and into another process.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use ripen::db::{Scope, Tx};
use ripen::id::Id;
use ripen::process::{self, StageCause};
use serde_json::{Value, json};

use crate::processes::{lead, re_sale, reshape};
use crate::scoring::{events, live_model};
use crate::submissions::execute;
use crate::support::{Options, Person, TestApp, bodies};

/// A shipped process whose first two stages ask for something.
async fn demanding(admin: &Person) {
    reshape(
        admin,
        json!({
            "inquiry": {"fields": [
                {"key": "budget", "name": "Budget", "type": "integer", "required": true},
                {"key": "timing", "name": "Timing", "type": "choice", "choices": ["now", "later"], "required": true},
                {"key": "hobby", "name": "Hobby", "type": "text"},
                {"key": "need", "name": "Need", "type": "text", "fills": "lead.topic"},
                {"key": "phone", "name": "Phone", "type": "text", "fills": "contact.phone"},
            ]},
            "teleprospect_acceptance": {"fields": [
                {"key": "called_on", "name": "Called on", "type": "date", "required": true},
            ]},
        }),
    )
    .await;
}

async fn history(admin: &Person, lead: &str) -> Vec<Value> {
    admin.get(&format!("{lead}/transitions?sort=at")).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn latest(admin: &Person, lead: &str) -> Value {
    history(admin, lead).await.last().unwrap().clone()
}

#[tokio::test]
async fn a_stage_is_completed_with_the_values_it_asks_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    let transitions = format!("{lead}/transitions");
    admin.post(&transitions, json!({"complete": true})).await.expect_invalid(&["/fields/budget", "/fields/timing"]);
    let half = json!({"complete": true, "fields": {"budget": 12_000}});
    admin.post(&transitions, half).await.expect_invalid(&["/fields/timing"]);
    assert_eq!(admin.get(&lead).await.expect(200)["attributes"], json!({}));

    let whole =
        json!({"complete": true, "fields": {"budget": 12_000, "timing": "now", "need": "Fleet"}, "note": "call"});
    let moved = admin.post(&transitions, whole).await.expect(201);
    assert_eq!(moved, json!({"from": "inquiry", "to": "marketing_qualification"}));
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!(shown["attributes"], json!({"budget": 12_000, "timing": "now"}));
    assert_eq!((&shown["topic"], &shown["stage"]), (&json!("Fleet"), &json!("marketing_qualification")));
    let row = latest(&admin, &lead).await;
    assert_eq!((&row["cause"], &row["note"], &row["overridden"]), (&json!("completed"), &json!("call"), &Value::Null));
}

#[tokio::test]
async fn values_that_do_not_fit_are_told_all_at_once_and_nothing_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    let fields =
        json!({"budget": "much", "timing": "soon", "phone": "+372 5551 2345", "shoe_size": 44, "hobby": "chess"});
    let wrong = admin.post(&format!("{lead}/transitions"), json!({"complete": true, "fields": fields})).await;
    let wrong = wrong.expect_invalid(&["/fields/budget", "/fields/timing", "/fields/phone", "/fields/shoe_size"]);
    assert!(wrong.to_string().contains("PATCH /v1/contacts/{id}"), "{wrong}");
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!((&shown["attributes"], &shown["stage"]), (&json!({}), &json!("inquiry")));
}

#[tokio::test]
async fn a_value_of_another_type_fills_no_requirement() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    admin.patch(&lead, json!({"attributes": {"budget": "much", "timing": "now"}})).await.expect(200);
    let refused = admin.post(&format!("{lead}/transitions"), json!({"next": true})).await;
    let refused = refused.expect_invalid(&["/fields/budget"]);
    assert_eq!(refused["errors"][0]["code"], "wrong_type");
}

#[tokio::test]
async fn what_the_contact_is_to_say_is_said_there() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let fields = json!([{"key": "phone", "name": "Phone", "type": "text", "fills": "contact.phone", "required": true}]);
    reshape(&admin, json!({"inquiry": {"fields": fields}})).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    admin.post(&format!("{lead}/transitions"), json!({"complete": true})).await.expect_invalid(&["/fields/phone"]);
    admin.patch(&format!("/v1/contacts/{contact}"), json!({"phone": "+372 5551 2345"})).await.expect(200);
    admin.post(&format!("{lead}/transitions"), json!({"complete": true})).await.expect(201);
}

#[tokio::test]
async fn forward_every_stage_on_the_way_must_be_complete_and_back_none() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    let transitions = format!("{lead}/transitions");
    let refused = admin.post(&transitions, json!({"to": "sales_acceptance"})).await;
    refused.expect_invalid(&["/fields/budget", "/fields/timing", "/fields/called_on"]);
    let known = json!({"attributes": {"budget": 5, "timing": "later", "called_on": "2026-03-01"}});
    admin.patch(&lead, known).await.expect(200);
    admin.post(&transitions, json!({"to": "sales_acceptance"})).await.expect(201);
    assert_eq!(latest(&admin, &lead).await["cause"], "by_hand");
    admin.patch(&lead, json!({"attributes": {"budget": null}})).await.expect(200);
    admin.post(&transitions, json!({"to": "inquiry"})).await.expect(201);
}

#[tokio::test]
async fn whoever_may_passes_over_requirements_and_the_history_tells() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    let transitions = format!("{lead}/transitions");
    let over = json!({"to": "teleprospect_qualification", "override": true, "note": "knows them"});
    let seller = app.person(Role::Salesperson).await;
    seller.post(&transitions, over.clone()).await.expect_problem(403, "forbidden");
    let manager = app.person(Role::SalesManager).await;
    let moved = manager.post(&transitions, over).await.expect(201);
    let passed: Vec<&Value> = moved["overridden"].as_array().unwrap().iter().map(|it| &it["field"]).collect();
    assert_eq!(passed, ["budget", "timing", "called_on"]);
    let row = latest(&admin, &lead).await;
    assert_eq!((&row["cause"], &row["actor_id"]), (&json!("overridden"), &json!(manager.id())));
    assert_eq!(row["overridden"], moved["overridden"]);
    assert_eq!(row["overridden"][0]["fault"], "missing");

    admin.post(&transitions, json!({"to": "inquiry"})).await.expect(201);
    manager.post(&transitions, json!({"next": true})).await.expect_invalid(&["/fields/budget", "/fields/timing"]);
    let moved = manager.post(&transitions, json!({"next": true, "override": true})).await.expect(201);
    assert_eq!(moved["to"], "marketing_qualification");
}

#[tokio::test]
async fn the_next_stage_follows_until_the_last() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let transitions = format!("{lead}/transitions");
    for to in ["marketing_qualification", "teleprospect_acceptance", "teleprospect_qualification", "sales_acceptance"] {
        assert_eq!(admin.post(&transitions, json!({"next": true})).await.expect(201)["to"], to);
        assert_eq!(latest(&admin, &lead).await["cause"], "next");
    }
    for body in [json!({"next": true}), json!({"complete": true})] {
        let refused = admin.post(&transitions, body).await.expect_problem(409, "conflict");
        assert!(refused["detail"].as_str().unwrap().contains("qualify"), "{refused}");
    }
}

#[tokio::test]
async fn a_request_names_one_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let transitions = format!("{}/transitions", lead(&admin).await);
    for (body, pointers) in [
        (json!({}), vec![""]),
        (json!({"to": "sales_acceptance", "next": true}), vec![""]),
        (json!({"complete": false}), vec!["/complete"]),
        (json!({"next": false, "process": "p"}), vec!["/next", "/to"]),
        (json!({"next": true, "fields": {"budget": 1}}), vec!["/fields"]),
        (json!({"complete": true, "override": true}), vec!["/override"]),
        (json!({"to": ""}), vec!["/to"]),
        (json!({"to": null, "next": true}), vec!["/to"]),
        (json!({"next": true, "stage": "won"}), vec!["/stage"]),
    ] {
        admin.post(&transitions, body).await.expect_invalid(&pointers);
    }
}

#[tokio::test]
async fn a_lead_goes_on_in_another_process_at_the_named_stage() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/v1/processes", re_sale()).await.expect(201);
    let lead = lead(&admin).await;
    let transitions = format!("{lead}/transitions");
    admin.post(&transitions, json!({"process": "re_sale", "to": "won"})).await.expect_invalid(&["/to"]);
    admin.post(&transitions, json!({"process": "re_sale", "to": "offer"})).await.expect_invalid(&["/fields/budget"]);
    let moved = admin.post(&transitions, json!({"process": "re_sale", "to": "talk"})).await.expect(201);
    assert_eq!(moved, json!({"from": "inquiry", "to": "talk"}));
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!((&shown["process"], &shown["stage"]), (&json!("re_sale"), &json!("talk")));
    let row = latest(&admin, &lead).await;
    assert_eq!((&row["cause"], &row["process"]), (&json!("switched_process"), &json!("re_sale")));
    assert_eq!(row["from_process"], "lead_to_opportunity_marketing");
    let told = events(&admin, lead.rsplit('/').next().unwrap(), "lead.stage_changed").await;
    assert_eq!(told.last().unwrap()["data"]["from_process"], "lead_to_opportunity_marketing");

    let filled = json!({"complete": true, "fields": {"budget": 5}});
    assert_eq!(admin.post(&transitions, filled).await.expect(201)["to"], "offer");
    let back = json!({"process": "lead_to_opportunity_marketing", "to": "inquiry"});
    admin.post(&transitions, back).await.expect(201);
}

#[tokio::test]
async fn what_is_filled_in_is_scored_and_may_move_the_lead_further() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    live_model(
        &admin,
        json!({"name": "Money", "target": "contact", "rules": [
        {"key": "rich", "points": 100, "when": [{"field": "lead.attributes.budget", "op": "gte", "value": 10_000}]}]}),
    )
    .await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    let whole = json!({"complete": true, "fields": {"budget": 12_000, "timing": "now"}});
    let moved = admin.post(&format!("{lead}/transitions"), whole).await.expect(201);
    assert_eq!(moved, json!({"from": "inquiry", "to": "sales_acceptance"}));
    let causes: Vec<Value> = history(&admin, &lead).await.iter().map(|row| row["cause"].clone()).collect();
    assert_eq!(causes, ["created", "completed", "sales_ready"]);
}

#[tokio::test]
async fn a_lead_tells_what_its_stage_asks_for_and_what_is_missing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let lead = lead(&admin).await;
    admin.patch(&lead, json!({"attributes": {"budget": 5, "timing": "soon"}})).await.expect(200);
    let shown = admin.get(&format!("{lead}/process")).await.expect(200);
    assert_eq!((&shown["stage"], &shown["next_stage"]), (&json!("inquiry"), &json!("marketing_qualification")));
    assert_eq!((&shown["is_complete"], &shown["deadline"]), (&json!(false), &Value::Null));
    assert_eq!(shown["offered_flags"], json!(["sales_ready", "teleprospect_ready"]));
    let fields: Vec<(&Value, &Value, &Value)> = shown["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (&field["key"], &field["is_filled"], &field["value"]))
        .collect();
    let (yes, no, none) = (&json!(true), &json!(false), &Value::Null);
    let expected = [
        (&json!("budget"), yes, &json!(5)),
        (&json!("timing"), no, &json!("soon")),
        (&json!("hobby"), no, none),
        (&json!("need"), yes, &json!("Software")),
        (&json!("phone"), no, none),
    ];
    assert_eq!(fields, expected);
    assert_eq!(shown["process"]["stages"].as_array().unwrap().len(), 5);
    app.person(Role::Viewer).await.get(&format!("{lead}/process")).await.expect(200);
    let stranger = app.other_workspace().admin().await;
    stranger.get(&format!("{lead}/process")).await.expect_problem(404, "not-found");
    stranger.post(&format!("{lead}/transitions"), json!({"next": true})).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn values_of_a_contact_are_not_shown_with_its_lead() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let contact = bodies::with(bodies::contact("ann@example.com"), json!({"phone": "+372 5551 2345"}));
    let contact = bodies::id(&admin.post("/v1/contacts", contact).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let shown = app.integration(&["leads:read"]).await.get(&format!("/v1/leads/{lead}/process")).await.expect(200);
    let phone = shown["fields"].as_array().unwrap().iter().find(|field| field["key"] == "phone").unwrap();
    assert_eq!((&phone["is_filled"], &phone["value"]), (&json!(true), &Value::Null));
    assert!(!shown.to_string().contains("5551"));
}

/// One of the things that people do with a lead at once.
async fn gust(admin: &Person, lead: &str, dice: usize) -> u16 {
    let transitions = format!("{lead}/transitions");
    match dice % 8 {
        0 => admin.post(&transitions, json!({"complete": true, "fields": {"budget": dice, "timing": "now"}})).await,
        1 => admin.post(&transitions, json!({"next": true, "override": true})).await,
        2 => admin.post(&transitions, json!({"to": "inquiry"})).await,
        3 => admin.post(&transitions, json!({"to": "sales_acceptance", "override": true})).await,
        4 => admin.post(&format!("{lead}/flags"), json!({"flag": "teleprospect_ready"})).await,
        5 => admin.post(&format!("{lead}/flags"), json!({"flag": "sales_ready"})).await,
        6 => admin.post(&format!("{lead}/rejection"), json!({"reason": "no_budget"})).await,
        _ => admin.delete(&format!("{lead}/flags/sales_ready")).await,
    }
    .status()
}

#[tokio::test]
async fn of_many_who_move_a_lead_at_once_each_goes_on_from_where_another_left_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    demanding(&admin).await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    let answers = join_all((0..64).map(|dice| gust(&admin, &lead, dice))).await;
    assert!(answers.iter().all(|status| [200, 201, 204, 404, 409, 422].contains(status)), "{answers:?}");
    let rows =
        admin.get(&format!("{lead}/transitions?limit=200")).await.expect(200)["data"].as_array().unwrap().clone();
    assert!(rows.len() > 1);
    // Every move begins where another ended: written in any order, they make one chain from the beginning to the end.
    let count = |member: &str, stage: &Value| rows.iter().filter(|row| row[member] == *stage).count();
    let present = admin.get(&lead).await.expect(200)["stage"].clone();
    for stage in admin.get(&format!("{lead}/process")).await.expect(200)["process"]["stages"].as_array().unwrap() {
        let key = &stage["key"];
        assert_eq!(count("to_stage", key), count("from_stage", key) + usize::from(*key == present), "{key}: {rows:#?}");
    }
    assert_eq!(count("from_stage", &Value::Null), 1);
}

/// Closes every lead, as nobody can by hand here.
async fn close_all(app: &TestApp) {
    let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
    let closing = |tx: &mut Tx<'_>| execute(tx, "UPDATE leads SET status = 'disqualified'");
    app.state.db.write(scope, closing).await.unwrap();
}

#[tokio::test]
async fn a_closed_lead_changes_no_stage_and_no_mark() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    admin.post(&format!("{lead}/flags"), json!({"flag": "sales_ready"})).await.expect(200);
    close_all(&app).await;
    let transitions = format!("{lead}/transitions");
    for body in [json!({"to": "inquiry"}), json!({"next": true}), json!({"complete": true})] {
        admin.post(&transitions, body).await.expect_problem(409, "conflict");
    }
    for flag in ["sales_ready", "sales_accepted"] {
        admin.post(&format!("{lead}/flags"), json!({"flag": flag})).await.expect_problem(409, "conflict");
    }
    admin.delete(&format!("{lead}/flags/sales_ready")).await.expect_problem(409, "conflict");
    admin.post(&format!("{lead}/rejection"), json!({"reason": "no_budget"})).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn a_closed_lead_is_never_late() {
    let often = Some(std::time::Duration::from_millis(20));
    let app = TestApp::start_with(Options { sweep_every: often, ..Options::default() }).await;
    let admin = app.admin().await;
    reshape(&admin, json!({"inquiry": {"service_level": {"default_minutes": 60}}})).await;
    let lead = lead(&admin).await;
    close_all(&app).await;
    app.wait_days(1);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(admin.get("/v1/service-level-breaches").await.expect(200)["data"], json!([]));
    assert_eq!(admin.get("/v1/leads?overdue=true").await.expect(200)["data"], json!([]));
    assert_eq!(admin.get(&format!("{lead}/process")).await.expect(200)["deadline"], Value::Null);
}

#[tokio::test]
async fn a_lead_that_is_open_again_goes_on_in_marketing_qualification_with_all_its_time() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    reshape(&admin, json!({"marketing_qualification": {"service_level": {"default_minutes": 60}}})).await;
    let lead = lead(&admin).await;
    admin.post(&format!("{lead}/transitions"), json!({"to": "sales_acceptance"})).await.expect(201);
    let id = Id::parse(lead.rsplit('/').next().unwrap()).unwrap();
    for (cause, from) in [(StageCause::Reopened, Some("sales_acceptance")), (StageCause::Recycled, None)] {
        app.wait_seconds(1_800);
        let scope = Scope { workspace: app.workspace().id, at: app.now(), actor: None, cause: None };
        let moved = app.state.db.write(scope, move |tx| process::reenter(tx, id, cause)).await.unwrap();
        assert_eq!(moved.and_then(|moved| moved.from).as_deref(), from);
        let shown = admin.get(&format!("{lead}/process")).await.expect(200);
        assert_eq!(shown["stage"], "marketing_qualification");
        assert_eq!(shown["deadline"], json!(app.now().plus_seconds(3_600)));
    }
    assert_eq!(latest(&admin, &lead).await["cause"], "reopened");
}

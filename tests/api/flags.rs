//! Marks on a lead by hand, and the automatic moves that follow.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use serde_json::{Value, json};

use crate::processes::lead;
use crate::scoring::{events, live_model};
use crate::support::{Answer, Person, TestApp, bodies};

fn id(lead: &str) -> &str {
    lead.rsplit('/').next().unwrap()
}

pub async fn mark(person: &Person, lead: &str, flag: &str) -> Answer {
    person.post(&format!("{lead}/flags"), json!({"flag": flag})).await
}

async fn enter(admin: &Person, lead: &str, stage: &str) {
    admin.post(&format!("{lead}/transitions"), json!({"to": stage})).await.expect(201);
}

/// What happens to a lead that moves it by itself, and the move.
const MOVES: [(&str, &str, &str, &str); 6] = [
    ("teleprospect_ready", "teleprospect_ready", "inquiry", "teleprospect_acceptance"),
    ("teleprospect_ready", "teleprospect_ready", "marketing_qualification", "teleprospect_acceptance"),
    ("teleprospect_accepted", "teleprospect_accepted", "teleprospect_acceptance", "teleprospect_qualification"),
    ("sales_ready", "sales_ready", "inquiry", "sales_acceptance"),
    ("sales_ready", "sales_ready", "teleprospect_acceptance", "sales_acceptance"),
    ("sales_ready", "sales_ready", "teleprospect_qualification", "sales_acceptance"),
];

#[tokio::test]
async fn each_mark_moves_a_lead_as_the_process_says() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (flag, cause, from, to) in MOVES {
        let lead = lead(&admin).await;
        if from != "inquiry" {
            enter(&admin, &lead, from).await;
        }
        let marked = mark(&admin, &lead, flag).await.expect(200);
        assert_eq!(marked["stage"], json!({"from": from, "to": to}), "{flag} in {from}");
        assert_eq!(marked["flags"][flag], json!({"at": app.now(), "by": admin.id(), "model_id": null}));
        let history = admin.get(&format!("{lead}/transitions")).await.expect(200);
        assert_eq!(history["data"][0]["cause"], cause);
        let told = events(&admin, id(&lead), &format!("lead.{flag}")).await;
        assert_eq!((told.len(), &told[0]["data"]["lead"]["flags"]), (1, &marked["flags"]));
    }
}

#[tokio::test]
async fn each_move_can_be_switched_off_and_the_mark_is_set_all_the_same() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (place, (flag, switch, from, _)) in MOVES.into_iter().enumerate() {
        let version = i64::try_from(place).unwrap() * 2 + 1;
        admin.patch_version("/v1/settings", version, json!({"automatic_moves": {switch: false}})).await.expect(200);
        let lead = lead(&admin).await;
        if from != "inquiry" {
            enter(&admin, &lead, from).await;
        }
        let marked = mark(&admin, &lead, flag).await.expect(200);
        assert_eq!((&marked["stage"], marked["flags"][flag].is_object()), (&Value::Null, true), "{flag} in {from}");
        admin.patch_version("/v1/settings", version + 1, json!({"automatic_moves": {switch: true}})).await.expect(200);
    }
}

#[tokio::test]
async fn the_first_score_moves_a_lead_unless_that_is_switched_off() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = json!([{"interaction": "call", "frequency": "each"}]);
    live_model(
        &admin,
        json!({"name": "Calls", "target": "contact", "rules": [{"key": "call", "points": 30, "when": call}]}),
    )
    .await;
    for (version, email, on, stage) in [(1, "a@x.ee", true, "marketing_qualification"), (1, "b@x.ee", false, "inquiry")]
    {
        if !on {
            let off = json!({"automatic_moves": {"first_score": false}});
            admin.patch_version("/v1/settings", version, off).await.expect(200);
        }
        let contact = bodies::id(&admin.post("/v1/contacts", json!({"email": email})).await.expect(201));
        let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
        let lead = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
        let call = json!({"kind": "call", "occurred_at": app.now(), "contact_id": contact});
        admin.post("/v1/interactions", call).await.expect(201);
        let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
        assert_eq!((&shown["score"], &shown["stage"]), (&json!(30), &json!(stage)));
    }
}

#[tokio::test]
async fn a_score_that_makes_sales_ready_moves_a_lead_unless_that_is_switched_off() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let call = json!([{"interaction": "call", "frequency": "each"}]);
    live_model(
        &admin,
        json!({"name": "Calls", "target": "contact", "rules": [{"key": "call", "points": 100, "when": call}]}),
    )
    .await;
    let off = json!({"automatic_moves": {"sales_ready": false}});
    for (email, stage) in [("a@x.ee", "sales_acceptance"), ("b@x.ee", "marketing_qualification")] {
        let contact = bodies::id(&admin.post("/v1/contacts", json!({"email": email})).await.expect(201));
        let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
        let lead = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
        let call = json!({"kind": "call", "occurred_at": app.now(), "contact_id": contact});
        admin.post("/v1/interactions", call).await.expect(201);
        let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
        assert_eq!(shown["stage"], stage);
        assert!(shown["flags"]["sales_ready"]["model_id"].is_string());
        assert_eq!(events(&admin, &lead, "lead.sales_ready").await.len(), 1);
        let version = admin.get("/v1/settings").await.header("etag").unwrap().to_owned();
        let request = admin.request(reqwest::Method::PATCH, "/v1/settings").header("if-match", version);
        request.merge_patch(&off).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_mark_that_the_stage_does_not_offer_is_refused_with_the_stages_that_do() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let refused = mark(&admin, &lead, "teleprospect_accepted").await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().ends_with("it is in teleprospect_acceptance"), "{refused}");
    mark(&admin, &lead, "sales_accepted").await.expect_problem(409, "conflict");
    mark(&admin, &lead, "ready").await.expect_invalid(&["/flag"]);
    admin.post(&format!("{lead}/flags"), json!({})).await.expect_invalid(&["/flag"]);
}

#[tokio::test]
async fn setting_what_is_set_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "teleprospect_ready").await.expect(200);
    let before = admin.get(&lead).await.expect(200);
    app.wait_seconds(60);
    let again = mark(&admin, &lead, "teleprospect_ready").await.expect(200);
    assert_eq!((&again["flags"], &again["stage"]), (&before["flags"], &Value::Null));
    assert_eq!(admin.get(&lead).await.expect(200), before);
    assert_eq!(events(&admin, id(&lead), "lead.teleprospect_ready").await.len(), 1);
}

#[tokio::test]
async fn sales_accepts_a_lead_only_when_it_is_somebodys() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "sales_ready").await.expect(200);
    let refused = mark(&admin, &lead, "sales_accepted").await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("owner"), "{refused}");
    let seller = app.person(Role::Salesperson).await;
    admin.patch(&lead, json!({"owner_id": seller.id()})).await.expect(200);
    let accepted = mark(&seller, &lead, "sales_accepted").await.expect(200);
    assert_eq!((&accepted["flags"]["sales_accepted"]["by"], &accepted["stage"]), (&json!(seller.id()), &Value::Null));
    assert_eq!(events(&admin, id(&lead), "lead.sales_accepted").await.len(), 1);
}

#[tokio::test]
async fn a_mark_is_taken_back_and_the_lead_stays_where_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    mark(&admin, &lead, "sales_ready").await.expect(200);
    admin.delete(&format!("{lead}/flags/sales_ready")).await.expect(204);
    let shown = admin.get(&lead).await.expect(200);
    assert_eq!((&shown["flags"], &shown["stage"]), (&json!({}), &json!("sales_acceptance")));
    let told = events(&admin, id(&lead), "lead.flag_removed").await;
    assert_eq!(
        (&told[0]["data"]["flag"], &told[0]["data"]["before"]["by"]),
        (&json!("sales_ready"), &json!(admin.id()))
    );
    for flag in ["sales_ready", "sales_accepted", "ready"] {
        admin.delete(&format!("{lead}/flags/{flag}")).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn what_a_mark_says_is_scored() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(
        &admin,
        json!({"name": "Taken", "target": "contact", "rules": [
        {"key": "taken", "points": 40, "when": [{"field": "lead.teleprospect_accepted", "op": "eq", "value": true}]}]}),
    )
    .await;
    let contact = bodies::id(&admin.post("/v1/contacts", bodies::contact("ann@example.com")).await.expect(201));
    let body = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    let lead = format!("/v1/leads/{}", bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    enter(&admin, &lead, "teleprospect_acceptance").await;
    mark(&admin, &lead, "teleprospect_accepted").await.expect(200);
    assert_eq!(admin.get(&lead).await.expect(200)["score"], 40);
    admin.delete(&format!("{lead}/flags/teleprospect_accepted")).await.expect(204);
    assert_eq!(admin.get(&lead).await.expect(200)["score"], 0);
}

#[tokio::test]
async fn a_note_goes_into_the_history_of_the_move() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let body = json!({"flag": "sales_ready", "note": "asked for an offer"});
    admin.post(&format!("{lead}/flags"), body).await.expect(200);
    let history = admin.get(&format!("{lead}/transitions")).await.expect(200);
    assert_eq!(history["data"][0]["note"], "asked for an offer");
}

#[tokio::test]
async fn of_many_who_set_one_mark_at_once_one_does() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = lead(&admin).await;
    let answers = join_all((0..32).map(|_| mark(&admin, &lead, "sales_ready"))).await;
    let moved = answers.iter().filter(|answer| answer.expect(200)["stage"].is_object()).count();
    assert_eq!(moved, 1);
    assert_eq!(events(&admin, id(&lead), "lead.sales_ready").await.len(), 1);
}

#[tokio::test]
async fn marks_are_set_only_by_those_who_may_and_in_their_own_workspace() {
    let app = TestApp::start().await;
    let lead = lead(&app.admin().await).await;
    let viewer = app.person(Role::Viewer).await;
    mark(&viewer, &lead, "sales_ready").await.expect_problem(403, "forbidden");
    viewer.delete(&format!("{lead}/flags/sales_ready")).await.expect_problem(403, "forbidden");
    let stranger = app.other_workspace().admin().await;
    mark(&stranger, &lead, "sales_ready").await.expect_problem(404, "not-found");
    stranger.delete(&format!("{lead}/flags/sales_ready")).await.expect_problem(404, "not-found");
}

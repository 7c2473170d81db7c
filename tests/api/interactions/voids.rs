//! Taking interactions back, and what follows.

use futures_util::future::join_all;
use ripen::auth::scope::Role;
use ripen::clock::Timestamp;
use serde_json::{Value, json};

use super::{listed, person_with_lead, score_of, ten_an_open};
use crate::scoring::{day, decider, ledger, live_model, newcomers, of_rule, record, scores};
use crate::support::{Person, TestApp, bodies};

const VOIDS: &str = "/v1/interactions/voids";

async fn void(admin: &Person, body: Value) -> Value {
    admin.post(VOIDS, bodies::with(json!({"reason": "a mail scanner"}), body)).await.expect(201)
}

fn open(contact: &str, on: i64) -> Value {
    json!({"kind": "email_opened", "occurred_at": day(on), "contact_id": contact})
}

#[tokio::test]
async fn a_voided_interaction_counts_for_nothing_and_stays_readable() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let first = bodies::id(&admin.post("/v1/interactions", open(&contact, 9)).await.expect(201));
    admin.post("/v1/interactions", open(&contact, 10)).await.expect(201);
    app.wait_days(1);
    let done = void(&admin, json!({"interaction_id": first})).await;
    assert_eq!((&done["voided"], &done["status"], &done["leads_total"]), (&json!(1), &json!("done"), &json!(0)));
    assert_eq!((&done["created_by"], &done["reason"]), (&json!(admin.id()), &json!("a mail scanner")));
    assert_eq!(score_of(&admin, &lead).await, 10);
    let last = ledger(&admin, &lead).await.pop().unwrap();
    assert_eq!((&last["cause"], &last["points"]), (&json!("void"), &json!(-10)));
    assert_eq!((&last["interaction_id"], &last["at"]), (&json!(first), &json!(day(11))));
    let read = admin.get(&format!("/v1/interactions/{first}")).await.expect(200);
    assert_eq!((&read["voided_at"], &read["void_id"]), (&json!(day(11)), &done["id"]));
    assert_eq!(read["void_reason"], "a mail scanner");
    assert_eq!(listed(&admin, "voided=true").await.len(), 1);
    let events = admin.get("/v1/events?type=interaction.voided").await.expect(200);
    assert_eq!(events["data"][0]["contact_id"], contact);
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_voided_already_is_not_counted_again() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let one = bodies::id(&admin.post("/v1/interactions", open(&contact, 9)).await.expect(201));
    let again = bodies::with(json!({"reason": "x"}), json!({"interaction_id": one}));
    let answers = join_all((0..8).map(|_| admin.post(VOIDS, again.clone()))).await;
    let counted: i64 = answers.iter().map(|answer| answer.expect(201)["voided"].as_i64().unwrap()).sum();
    assert_eq!(counted, 1);
    assert_eq!(score_of(&admin, &lead).await, 0);
    assert_eq!(ledger(&admin, &lead).await.iter().filter(|row| row["cause"] == "void").count(), 1);
    // Told again it is known, and stays voided.
    assert_eq!(admin.get(VOIDS).await.expect(200)["data"].as_array().unwrap().len(), 8);
    let key = admin.request(reqwest::Method::POST, VOIDS).key("void-1").json(&again).send().await.expect(201);
    let same = admin.request(reqwest::Method::POST, VOIDS).key("void-1").json(&again).send().await.expect(201);
    assert_eq!(key, same);
}

#[tokio::test]
async fn a_class_is_what_its_source_network_kind_time_and_evidence_say() {
    let app = TestApp::start_at(day(30)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let scanned = bodies::with(
        open(&contact, 10),
        json!({"source": "mailer", "external_id": "1", "remote_address": "203.0.113.9", "evidence": "suspect"}),
    );
    admin.post("/v1/interactions", scanned.clone()).await.expect(201);
    for (number, other) in [
        json!({"source": "other"}),
        json!({"remote_address": "203.0.114.9"}),
        json!({"remote_address": null}),
        json!({"kind": "email_clicked"}),
        json!({"occurred_at": day(20)}),
        json!({"occurred_at": Timestamp::from_micros(day(9).micros() - 1)}),
        json!({"evidence": "human"}),
    ]
    .into_iter()
    .enumerate()
    {
        let body = bodies::with(bodies::with(scanned.clone(), other), json!({"external_id": format!("o-{number}")}));
        admin.post("/v1/interactions", body).await.expect(201);
    }
    let class = json!({"source": "mailer", "network": "203.0.113.0/24", "kind": "email_opened", "from": day(9),
        "to": day(20), "evidence": "suspect"});
    let done = void(&admin, class.clone()).await;
    assert_eq!(done["voided"], 1);
    assert_eq!(done["selection"], class);
    assert_eq!(listed(&admin, &format!("void_id={}", bodies::id(&done))).await[0]["external_id"], "1");
    assert_eq!(score_of(&admin, &lead).await, 10);
    // The wider class takes the rest of it; what comes in later is not in it.
    let wider = json!({"network": "203.0.0.0/16", "from": day(1), "to": day(30)});
    assert_eq!(void(&admin, wider.clone()).await["voided"], 6);
    assert_eq!(score_of(&admin, &lead).await, 0);
    app.wait_seconds(1);
    admin
        .post("/v1/interactions", bodies::with(scanned, json!({"external_id": "2", "evidence": "human"})))
        .await
        .expect(201);
    assert_eq!(score_of(&admin, &lead).await, 10);
    assert_eq!(void(&admin, wider).await["voided"], 1);
}

#[tokio::test]
async fn a_void_says_what_it_is_about_and_why() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let class = json!({"source": "mailer", "from": day(1), "to": day(2), "reason": "x"});
    for (change, pointers) in [
        (json!({"reason": null}), vec!["/reason"]),
        (json!({"reason": " "}), vec!["/reason"]),
        (json!({"source": null}), vec!["/source"]),
        (json!({"from": null, "to": null}), vec!["/from", "/to"]),
        (json!({"to": day(1)}), vec!["/to"]),
        (json!({"source": null, "network": "203.0.113.9/24"}), vec!["/network"]),
        (json!({"network": "scanner"}), vec!["/network"]),
        (json!({"kind": "teleported"}), vec!["/kind"]),
        (json!({"interaction_id": "019aa8b4-6c1e-7d3a-8f00-3a5d2c9b7e10"}), vec!["/interaction_id", "/interaction_id"]),
        (json!({"evidence": "ghost"}), vec!["/evidence"]),
        (json!({"reason": "a\u{0}"}), vec!["/reason"]),
        (json!({"reason": "x".repeat(501)}), vec!["/reason"]),
    ] {
        admin.post(VOIDS, bodies::with(class.clone(), change)).await.expect_invalid(&pointers);
    }
    assert_eq!(admin.get(VOIDS).await.expect(200)["data"], json!([]));
    let rep = app.person(Role::Salesperson).await;
    rep.post(VOIDS, class.clone()).await.expect_problem(403, "forbidden");
    let done = void(&admin, class).await;
    assert_eq!(done["voided"], 0);
    let elsewhere = app.other_workspace().admin().await;
    elsewhere.get(&format!("{VOIDS}/{}", bodies::id(&done))).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_void_names_the_leads_that_came_where_they_stand_by_what_it_takes() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    for on in 2..5 {
        app.clock.set(day(on));
        record(&admin, &contact, "email_opened", on).await;
    }
    app.clock.set(day(10));
    let webinar = bodies::id(&record(&admin, &contact, "event_attended", 10).await);
    // By now the score has fallen below the threshold by itself; the mark still rests on the webinar.
    app.clock.set(day(45));
    let done = void(&admin, json!({"interaction_id": webinar})).await;
    assert_eq!(done["leads_total"], 1);
    let told = &done["leads"][0];
    assert_eq!((&told["lead_id"], &told["sales_ready"], &told["stage"]), (&json!(lead), &json!(true), &json!(true)));
    assert_eq!(told["score_after"], score_of(&admin, &lead).await);
    let shown = admin.get(&format!("/v1/leads/{lead}")).await.expect(200);
    assert_eq!((&shown["stage"], &shown["flags"]["sales_ready"]["at"]), (&json!("sales_acceptance"), &json!(day(10))));
    // What faded before is told as it passed, and only the rest as voided.
    let rows = ledger(&admin, &lead).await;
    let webinar: Vec<(&Value, &Value)> =
        of_rule(&rows, "webinar").iter().map(|row| (&row["cause"], &row["points"])).collect();
    let expected =
        [("interaction", 40), ("decay", -20), ("void", -20)].map(|(cause, points)| (json!(cause), json!(points)));
    assert_eq!(webinar, expected.iter().map(|(cause, points)| (cause, points)).collect::<Vec<_>>());
    let path = format!("{VOIDS}/{}", bodies::id(&done));
    assert_eq!(admin.get(&path).await.expect(200), done);
    assert_eq!(admin.get(&format!("{path}/leads?count=true")).await.expect(200)["total"], 1);
    let events = admin.get(&format!("/v1/events?type=lead.points_voided&lead_id={lead}")).await.expect(200);
    assert_eq!(events["data"][0]["data"]["lead"], *told);
}

#[tokio::test]
async fn a_lead_that_stands_on_other_points_as_well_does_not_rest_on_the_voided_ones() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "asset_downloaded", 1).await;
    let webinars =
        [record(&admin, &contact, "event_attended", 1).await, record(&admin, &contact, "event_attended", 1).await];
    assert_eq!(scores(&admin, &lead).await["score"], 130);
    let fallen = bodies::id(&webinars[1]);
    // 90 points would not have been enough.
    assert_eq!(void(&admin, json!({"interaction_id": fallen})).await["leads"][0]["sales_ready"], true);
    assert_eq!(score_of(&admin, &lead).await, 90);
    // Her first points were for what she is; the stage after the first score rests on that.
    let download = listed(&admin, "kind=asset_downloaded").await;
    let done = void(&admin, json!({"interaction_id": bodies::id(&download[0])})).await;
    assert_eq!((&done["voided"], &done["leads"]), (&json!(1), &json!([])));
    assert_eq!(score_of(&admin, &lead).await, 60);
    // Moved by hand it stands where it stands by a person's decision.
    let other = json!({"contact_id": contact, "topic": "More", "source": "web"});
    let other = bodies::id(&admin.post("/v1/leads", other).await.expect(201));
    admin.post(&format!("/v1/leads/{other}/transitions"), json!({"to": "teleprospect_acceptance"})).await.expect(201);
    let done = void(&admin, json!({"interaction_id": bodies::id(&webinars[0])})).await;
    assert_eq!(done["leads"], json!([]));
}

#[tokio::test]
async fn the_stage_that_first_points_brought_rests_on_them() {
    let app = TestApp::start_at(day(5)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let first = bodies::id(&admin.post("/v1/interactions", open(&contact, 5)).await.expect(201));
    assert_eq!(admin.get(&format!("/v1/leads/{lead}")).await.expect(200)["stage"], "marketing_qualification");
    app.wait_days(1);
    let done = void(&admin, json!({"interaction_id": first})).await;
    let expected =
        json!([{"lead_id": lead, "sales_ready": false, "stage": true, "score_before": 10, "score_after": 0}]);
    assert_eq!(done["leads"], expected);
}

#[tokio::test]
async fn an_undone_void_gives_everything_back() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let (contact, lead) = decider(&admin).await;
    record(&admin, &contact, "event_attended", 10).await;
    app.wait_days(1);
    let done = void(&admin, json!({"interaction_id": bodies::id(&listed(&admin, "").await[0])})).await;
    assert_eq!(score_of(&admin, &lead).await, 20);
    app.wait_days(1);
    let path = format!("{VOIDS}/{}", bodies::id(&done));
    for _ in 0..2 {
        let undone = admin.post(&format!("{path}/undo"), Value::Null).await.expect(200);
        assert_eq!((&undone["status"], &undone["voided"], &undone["leads"]), (&json!("undone"), &json!(0), &json!([])));
    }
    assert_eq!(score_of(&admin, &lead).await, 60);
    let rows = ledger(&admin, &lead).await;
    let causes: Vec<&Value> = of_rule(&rows, "webinar").iter().map(|row| &row["cause"]).collect();
    assert_eq!(causes, ["interaction", "void", "void"]);
    let read = &listed(&admin, "voided=false").await[0];
    assert_eq!(
        (&read["voided_at"], &read["void_id"], &read["void_reason"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_large_class_is_voided_in_steps_that_add_up() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let nobody = json!({"kind": "email_opened", "occurred_at": day(9), "person": {"email": "bob@example.com"}, "source": "mailer"});
    for part in 0..3 {
        let items = (0..801).map(|number| {
            let id = json!({"external_id": format!("{part}-{number}"), "occurred_at": Timestamp::from_micros(day(5).micros() + number % 7)});
            match number {
                800 => bodies::with(bodies::with(open(&contact, 9), id), json!({"source": "mailer"})),
                _ => bodies::with(nobody.clone(), id),
            }
        });
        admin.post("/v1/interactions", Value::Array(items.collect())).await.expect(200);
    }
    assert_eq!(score_of(&admin, &lead).await, 30);
    let class = json!({"source": "mailer", "from": day(1), "to": day(10), "reason": "x"});
    let answer = admin.post(VOIDS, class).await;
    assert_eq!(answer.expect(202)["voided"], 1_000);
    let path = answer.header("location").unwrap();
    admin.post(&format!("{path}/undo"), Value::Null).await.expect_problem(409, "conflict");
    assert_eq!(finished(&admin, path, "done").await["voided"], 2_403);
    assert_eq!(score_of(&admin, &lead).await, 0);
    assert_eq!(admin.get("/v1/interactions?voided=true&count=true&limit=1").await.expect(200)["total"], 2_403);
    let jobs = admin.get("/v1/jobs?kind=void_interactions").await.expect(200);
    assert_eq!((&jobs["data"][0]["items_done"], &jobs["data"][0]["result"]["voided"]), (&json!(1_403), &json!(2_403)));
    assert_eq!(admin.post(&format!("{path}/undo"), Value::Null).await.expect(202)["status"], "undoing");
    assert_eq!(finished(&admin, path, "undone").await["voided"], 0);
    assert_eq!(score_of(&admin, &lead).await, 30);
}

/// The void once it is `status`.
async fn finished(admin: &Person, path: &str, status: &str) -> Value {
    for _ in 0..600 {
        let void = admin.get(path).await.expect(200);
        if void["status"] == status {
            return void;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{path} is never {status}");
}

#[tokio::test]
async fn what_is_voided_while_its_person_appears_never_scores() {
    let app = TestApp::start_at(day(10)).await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    for round in 0..5 {
        let email = format!("new-{round}@example.com");
        let items = (0..20).map(|number| {
            json!({"kind": "email_opened", "occurred_at": day(9), "person": {"email": email},
                "source": "mailer", "external_id": format!("{round}-{number}")})
        });
        admin.post("/v1/interactions", Value::Array(items.collect())).await.expect(200);
        let class = json!({"source": "mailer", "from": day(9), "to": day(10)});
        let appears = person_with_lead(&admin, bodies::contact(&email));
        let ((_, lead), done) = tokio::join!(appears, void(&admin, class));
        assert_eq!(done["voided"], 20);
        assert_eq!(score_of(&admin, &lead).await, 0);
    }
}

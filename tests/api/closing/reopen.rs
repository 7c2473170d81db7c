//! Reopening: the lead goes on where it was, and its history knows of both.

use serde_json::{Value, json};

use super::{close, disqualify, entries, happened, id_of, of_contact, qualify, reopen, stranger};
use crate::scoring::{day, live_model, published, record, stopped};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn a_reopened_lead_is_where_it_was_and_keeps_the_old_closing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    admin.post(&format!("{lead}/transitions"), json!({"to": "teleprospect_acceptance"})).await.expect(201);
    close(&admin, &lead).await;
    let path = format!("{lead}/reopening");
    let again = admin.post(&path, json!({"note": "they called"})).await.expect(201);
    let told = ["status", "status_reason", "stage"].map(|name| again["lead"][name].clone());
    assert_eq!(told, [json!("open"), Value::Null, json!("teleprospect_acceptance")]);
    assert_eq!((&again["stage"], &again["closing"]["reopened_as"]), (&Value::Null, &json!("reopened")));
    assert_eq!(
        (&again["closing"]["reopening_note"], &again["closing"]["reopened_by"]),
        (&json!("they called"), &json!(admin.id()))
    );
    close(&admin, &lead).await;
    let closings = entries(&admin, &format!("{lead}/closings?sort=closed_at")).await;
    let open: Vec<bool> = closings.iter().map(|closing| closing["reopened_at"].is_string()).collect();
    assert_eq!(open, [true, false]);
    assert!(happened(&admin, &lead).await.contains(&"lead.reopened".to_owned()));
    reopen(&admin, &lead).await.expect(201);
    reopen(&admin, &lead).await.expect_problem(409, "conflict");
    admin.patch(&lead, json!({"topic": "More"})).await.expect(200);
}

#[tokio::test]
async fn what_it_qualified_into_stays_and_a_second_qualification_finds_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let made = qualify(&admin, &lead, json!({})).await.expect(201);
    reopen(&admin, &lead).await.expect(201);
    let opportunity = admin.get(&format!("/v1/opportunities/{}", bodies::id(&made["opportunity"]))).await.expect(200);
    assert_eq!((&opportunity["lead_id"], &opportunity["status"]), (&id_of(&lead), &json!("open")));
    let wish = json!({"opportunity": {"action": "link", "id": opportunity["id"]}});
    let again = qualify(&admin, &lead, wish).await.expect(201);
    assert_eq!((&again["contact"]["id"], &again["account"]["id"]), (&made["contact"]["id"], &made["account"]["id"]));
    assert_eq!(entries(&admin, "/v1/opportunities").await.len(), 1);
    assert_eq!(entries(&admin, &format!("{lead}/closings")).await.len(), 2);
}

#[tokio::test]
async fn a_newer_lead_of_the_same_form_stands_beside_the_one_that_is_reopened() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = json!({
        "name": "Paper", "kind": "landing_page", "source": "landing_page", "duplicate_window_s": 0,
        "fields": [{"name": "email", "required": true, "maps_to": "contact.email"}, {"name": "question"}],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    let public = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    let submit = |question: &'static str| {
        let (visitor, public) = (app.visitor(), public.clone());
        async move {
            let body = json!({"fields": {"email": "ann@x.ee", "question": question}});
            visitor.post(&public, body).await.expect(202);
        }
    };
    submit("a").await;
    let first = super::path(&entries(&admin, "/v1/leads").await[0]);
    close(&admin, &first).await;
    submit("b").await;
    assert_eq!(entries(&admin, "/v1/leads?status=open").await.len(), 1);
    reopen(&admin, &first).await.expect(201);
    assert_eq!(entries(&admin, "/v1/leads?status=open").await.len(), 2);
    submit("c").await;
    assert_eq!(entries(&admin, "/v1/leads").await.len(), 2);
}

#[tokio::test]
async fn scores_follow_the_models_that_are_live_when_it_is_reopened() {
    let app = TestApp::start_at(day(1)).await;
    let admin = app.admin().await;
    let calls = |name: &str, points: i64| {
        json!({"name": name, "target": "contact", "rules": [
            {"key": "calls", "points": points, "when": [{"interaction": "call", "frequency": "each"}]}]})
    };
    let (gone, stays) = (live_model(&admin, calls("Gone", 70)).await, live_model(&admin, calls("Stays", 5)).await);
    let (lead, contact) = of_contact(&admin, bodies::contact("ann@x.ee")).await;
    record(&admin, contact.rsplit('/').next().unwrap(), "call", 1).await;
    close(&admin, &lead).await;
    stopped(&admin, &gone, false).await;
    let draft = format!("/v1/scoring-models/{stays}/draft");
    admin
        .request(reqwest::Method::PUT, &draft)
        .header("if-match", "*")
        .json(&calls("Stays", 8))
        .send()
        .await
        .expect(200);
    published(&admin, &stays).await;
    assert_eq!(admin.get(&lead).await.expect(200)["score"], 70);
    reopen(&admin, &lead).await.expect(201);
    let read = admin.get(&format!("{lead}?expand=scores")).await.expect(200);
    assert_eq!(read["score"], 8);
    let models: Vec<Value> = read["scores"].as_array().unwrap().iter().map(|score| score["model_id"].clone()).collect();
    assert_eq!(models, [json!(stays)]);
    for model in [&gone, &stays] {
        let job = admin.finished(admin.post(&format!("/v1/scoring-models/{model}/verify"), Value::Null).await).await;
        assert_eq!(job["result"]["differences"], 0, "{job}");
    }
}

#[tokio::test]
async fn a_lead_that_was_merged_is_gone_for_whoever_would_close_or_reopen_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = crate::merges::contact(&admin, bodies::contact("ann@x.ee")).await;
    let one = crate::merges::lead(&admin, &ann, "Fleet").await;
    let other = crate::merges::lead(&admin, &ann, "Cars").await;
    crate::merges::merge_leads(&admin, &one, &other).await;
    let lead = format!("/v1/leads/{other}");
    let answers = [
        qualify(&admin, &lead, json!({})).await,
        disqualify(&admin, &lead, json!({"reason": "no_budget"})).await,
        reopen(&admin, &lead).await,
        admin.post(&format!("{lead}/recycling"), json!({})).await,
        admin.put(&format!("{lead}/recycling"), json!({"recycle_on": "2027-01-01"})).await,
        admin.get(&format!("{lead}/closings")).await,
        admin.get(&format!("{lead}/recycling")).await,
    ];
    for answer in answers {
        assert_eq!(answer.expect_problem(410, "gone")["merged_into"], json!(one));
    }
}

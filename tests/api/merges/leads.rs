//! Merging leads: what may be merged, what the survivor says, and where the loser's history and ledger are.

use serde_json::json;

use super::{contact, did, form, kept, lead, merge, merge_leads, records, submit, undo};
use crate::scoring::{ledger, live_model, newcomers, sum};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn leads_of_one_contact_become_one_that_has_the_values_of_both() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let body = json!({"contact_id": ann, "topic": "Fleet", "source": "web", "attributes": {"size": 5}});
    let one = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let body =
        json!({"contact_id": ann, "topic": "Cars", "campaign": "spring", "source": "web", "attributes": {"vip": true}});
    let other = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    let path = format!("/v1/leads/{other}/merges");
    let preview = admin.post(&format!("{path}/preview"), json!({"other_id": one})).await.expect(200);
    assert_eq!(records(&admin, "/v1/leads").await.len(), 2);
    let done = merge_leads(&admin, &other, &one).await;
    assert_eq!(preview["fields"], done["fields"]);
    assert_eq!((&done["survivor_id"], &done["kind"]), (&json!(one), &json!("lead")));
    assert_eq!(kept(&done, "topic")["reason"], "survivor");
    assert_eq!(kept(&done, "campaign")["from"], json!(other));
    let shown = admin.get(&format!("/v1/leads/{one}")).await.expect(200);
    assert_eq!((&shown["topic"], &shown["campaign"]), (&json!("Fleet"), &json!("spring")));
    assert_eq!(shown["attributes"], json!({"size": 5, "vip": true}));
    assert_eq!(records(&admin, "/v1/events?type=lead.merged").await[0]["lead_id"], json!(one));
    assert_eq!(records(&admin, &path).await.len(), 1);
}

#[tokio::test]
async fn a_merged_lead_is_gone_everywhere_with_the_survivors_id() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &ann, "Cars").await);
    merge_leads(&admin, &one, &other).await;
    let path = format!("/v1/leads/{other}");
    let answers = [
        admin.get(&path).await,
        admin.patch(&path, json!({"topic": "x"})).await,
        admin.delete(&path).await,
        admin.get(&format!("{path}/scores")).await,
        admin.get(&format!("{path}/score-entries")).await,
        admin.get(&format!("{path}/transitions")).await,
        admin.post(&format!("{path}/transitions"), json!({"to": "inquiry"})).await,
    ];
    for answer in answers {
        assert_eq!(answer.expect_problem(410, "gone")["merged_into"], json!(one));
    }
    for query in ["", "&status=disqualified", "&q=cars"] {
        let listed = admin.get(&format!("/v1/leads?count=true{query}")).await.expect(200);
        let others = listed["data"].as_array().unwrap().iter().filter(|lead| lead["id"] == json!(other));
        assert_eq!((others.count(), listed["total"].as_i64().unwrap() <= 1), (0, true), "{query}");
    }
    admin.delete(&format!("/v1/leads/{one}")).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn leads_of_two_contacts_are_merged_only_after_the_contacts() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let bob = contact(&admin, bodies::contact("bob@x.ee")).await;
    let (one, other) = (lead(&admin, &ann, "Fleet").await, lead(&admin, &bob, "Cars").await);
    let path = format!("/v1/leads/{one}/merges");
    let refused = admin.post(&path, json!({"other_id": other})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("merge the contacts first"), "{refused}");
    merge(&admin, &ann, &bob).await;
    merge_leads(&admin, &one, &other).await;
}

#[tokio::test]
async fn a_lead_of_nobody_joins_one_of_somebody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let body = json!({"topic": "Cars", "source": "web", "captured": {"first_name": "Ann"}});
    let nobodys = bodies::id(&admin.post("/v1/leads", body).await.expect(201));
    app.wait_seconds(5);
    let ann = contact(&admin, bodies::contact("ann@x.ee")).await;
    let anns = lead(&admin, &ann, "Fleet").await;
    let done = merge_leads(&admin, &nobodys, &anns).await;
    assert_eq!((&done["survivor_id"], &done["because"]), (&json!(anns), &json!("has_contact")));
    let shown = admin.get(&format!("/v1/leads/{anns}")).await.expect(200);
    assert_eq!(shown["captured"]["first_name"], "Ann");
    assert_eq!(records(&admin, "/v1/leads?q=ann").await.len(), 1);
}

#[tokio::test]
async fn leads_of_two_accounts_stay_two() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut leads = Vec::new();
    for name in ["Contoso", "Fabrikam"] {
        let account = bodies::id(&admin.post("/v1/accounts", bodies::account(name)).await.expect(201));
        let body = json!({"account_id": account, "topic": "Fleet", "source": "web"});
        leads.push(bodies::id(&admin.post("/v1/leads", body).await.expect(201)));
    }
    let path = format!("/v1/leads/{}/merges", leads[0]);
    admin.post(&path, json!({"other_id": leads[1]})).await.expect_problem(409, "conflict");
    admin.post(&path, json!({"other_id": leads[0]})).await.expect_invalid(&["/other_id"]);
}

#[tokio::test]
async fn history_and_ledger_move_and_every_ledger_still_adds_up() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    live_model(&admin, newcomers()).await;
    let ann =
        contact(&admin, bodies::with(bodies::contact("ann@x.ee"), json!({"decision_role": "decision_maker"}))).await;
    let one = lead(&admin, &ann, "Fleet").await;
    app.wait_days(1);
    let other = lead(&admin, &ann, "Cars").await;
    did(&admin, json!({"kind": "event_attended", "occurred_at": app.now(), "contact_id": ann, "lead_id": other})).await;
    let (mine, others) = (ledger(&admin, &one).await, ledger(&admin, &other).await);
    let score = admin.get(&format!("/v1/leads/{one}")).await.expect(200)["score"].as_i64().unwrap();
    assert!(score > 0 && sum(&mine) == score && sum(&others) > 0);

    let done = merge_leads(&admin, &one, &other).await;
    let after = ledger(&admin, &one).await;
    assert_eq!(sum(&after), score);
    assert!(after.len() > mine.len() + others.len());
    let taken_back: Vec<_> = after.iter().filter(|row| row["cause"] == "merge").cloned().collect();
    assert_eq!(sum(&taken_back), -sum(&others));
    let named = records(&admin, &format!("/v1/interactions?lead_id={one}")).await;
    assert_eq!(named.len(), 1);
    let moves = records(&admin, &format!("/v1/leads/{one}/transitions")).await.len();

    undo(&admin, &done).await;
    for id in [&one, &other] {
        let shown = admin.get(&format!("/v1/leads/{id}")).await.expect(200);
        assert_eq!(shown["score"].as_i64(), Some(sum(&ledger(&admin, id).await)), "{id}");
        assert!(shown["score"].as_i64().unwrap() >= score);
    }
    let apart = records(&admin, &format!("/v1/leads/{one}/transitions")).await.len();
    assert!(apart < moves);
    assert_eq!(records(&admin, &format!("/v1/interactions?lead_id={other}")).await.len(), 1);
    assert_eq!(records(&admin, "/v1/events?type=lead.unmerged").await.len(), 1);
}

#[tokio::test]
async fn what_names_the_merged_lead_or_comes_through_its_form_is_the_survivors_until_they_part() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (paper, demo) = (form(&admin, "White paper").await, form(&admin, "Demo").await);
    let first = submit(&app, &admin, &paper, "ann@x.ee").await;
    let second = submit(&app, &admin, &demo, "ann@x.ee").await;
    let (one, other) = (first["lead_id"].as_str().unwrap(), second["lead_id"].as_str().unwrap());
    assert_ne!(one, other);
    let done = merge_leads(&admin, one, other).await;
    let again = submit(&app, &admin, &demo, "ann@x.ee").await;
    assert_eq!((&again["status"], &again["lead_id"]), (&json!("processed"), &json!(one)));
    let deed = did(&admin, json!({"lead_id": other})).await;
    let named = async |id: &str| {
        admin.get(&format!("/v1/interactions/{id}")).await.expect(200)["lead_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&bodies::id(&deed)).await, one);
    let stays = submit(&app, &admin, &paper, "ann@x.ee").await;
    assert_eq!(records(&admin, "/v1/leads").await.len(), 1);

    undo(&admin, &done).await;
    assert_eq!(named(&bodies::id(&deed)).await, other);
    let of = async |sent: &serde_json::Value| {
        admin.get(&format!("/v1/submissions/{}", bodies::id(sent))).await.expect(200)["lead_id"].clone()
    };
    for (sent, lead) in [(&first, one), (&stays, one), (&second, other), (&again, other)] {
        assert_eq!(of(sent).await, json!(lead));
    }
    let next = submit(&app, &admin, &demo, "ann@x.ee").await;
    assert_eq!(next["lead_id"], json!(other));
}

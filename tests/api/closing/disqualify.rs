//! Disqualifying: the reason, the letter that says goodbye, and who is not to be written to.

use std::time::Duration;

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{disqualify, entries, happened, id_of, of_contact, stranger};
use crate::support::smtp::{Mood, Smtp};
use crate::support::{Options, Person, TestApp, bodies};

/// A service with a mail server and a template that asks for a questionnaire.
struct Desk {
    app: TestApp,
    smtp: Smtp,
    admin: Person,
}

impl Desk {
    async fn open() -> Self {
        let smtp = Smtp::start().await;
        let app = TestApp::start_with(Options { smtp: Some(smtp.url()), ..Options::default() }).await;
        let admin = app.admin().await;
        let template = json!({
            "key": "goodbye", "subject": "Your interest in {{ lead.topic }}",
            "text": "Dear {{ contact.first_name }},\n\nwhy? {{ questionnaire_url }}\n\n{{ owner.name }}\n",
        });
        admin.post("/v1/message-templates", template).await.expect(201);
        Self { app, smtp, admin }
    }

    /// The letter of a lead, once the job that sends it has ended or waits for another try.
    async fn letter(&self, lead: &str) -> Value {
        for _ in 0..600 {
            let jobs = entries(&self.admin, "/v1/jobs?kind=goodbye_mail&limit=200").await;
            let rests =
                |job: &Value| job["finished_at"].is_string() || job["attempts"] != 0 && job["state"] == "queued";
            if jobs.iter().all(rests) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        entries(&self.admin, &format!("{lead}/closings")).await[0]["goodbye"].clone()
    }
}

fn farewell() -> Value {
    json!({
        "reason": "no_budget",
        "goodbye": {"template": "goodbye", "questionnaire_url": "https://survey.example/q?a=7"},
    })
}

#[tokio::test]
async fn a_lead_is_disqualified_for_a_reason_and_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let wish = json!({"reason": "no_budget", "note": "asks again next year"});
    let done = disqualify(&admin, &lead, wish).await.expect(201);
    let told = ["status", "status_reason", "stage"].map(|name| done["lead"][name].clone());
    assert_eq!(told, [json!("disqualified"), json!("no_budget"), json!("inquiry")]);
    let closing = &entries(&admin, &format!("{lead}/closings?count=true")).await[0];
    assert_eq!(*closing, done["closing"]);
    assert_eq!((&closing["note"], &closing["goodbye"]), (&json!("asks again next year"), &Value::Null));
    assert!(happened(&admin, &lead).await.contains(&"lead.disqualified".to_owned()));
    assert_eq!(entries(&admin, "/v1/leads?status=disqualified").await.len(), 1);
}

#[tokio::test]
async fn everything_wrong_with_a_disqualification_is_listed() {
    let desk = Desk::open().await;
    let lead = stranger(&desk.admin).await;
    disqualify(&desk.admin, &lead, json!({})).await.expect_invalid(&["/reason"]);
    let wish = json!({"reason": "bored", "recycle_on": "2026-03-02", "goodbye": {"template": "unknown"}});
    let expected = ["/reason", "/recycle_on", "/goodbye/template"];
    disqualify(&desk.admin, &lead, wish).await.expect_invalid(&expected);
    for (goodbye, pointer) in [
        (json!({"template": "goodbye"}), "/goodbye/questionnaire_url"),
        (json!({"template": "goodbye", "questionnaire_url": "http://x.ee"}), "/goodbye/questionnaire_url"),
        (json!({"questionnaire_url": "https://x.ee"}), "/goodbye/template"),
    ] {
        let wish = json!({"reason": "no_budget", "goodbye": goodbye});
        disqualify(&desk.admin, &lead, wish).await.expect_invalid(&[pointer]);
    }
    disqualify(&desk.admin, &lead, json!({"reason": "no_budget", "recycle_on": "2026-02-30"}))
        .await
        .expect_invalid(&["/recycle_on"]);
    assert_eq!(desk.admin.get(&lead).await.expect(200)["status"], "open");
    assert_eq!(entries(&desk.admin, &format!("{lead}/closings")).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_goodbye_is_sent_in_the_owners_name_and_an_answer_finds_its_way_back() {
    let desk = Desk::open().await;
    let seller = desk.app.person(Role::Salesperson).await;
    let (lead, contact) = of_contact(&desk.admin, bodies::contact("ann@example.com")).await;
    desk.admin.patch(&lead, json!({"owner_id": seller.id()})).await.expect(200);
    let done = disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    assert_eq!(done["closing"]["goodbye"]["status"], "queued");
    let letter = desk.letter(&lead).await;
    assert_eq!((&letter["status"], &letter["to"]), (&json!("sent"), &json!("ann@example.com")));
    let mails = desk.smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ann@example.com"]);
    assert_eq!(mails[0].headers("subject"), ["Your interest in Warehouse"]);
    let text = "Dear Ann,\n\nwhy? https://survey.example/q?a=7\n\nSalesperson 0\n";
    assert_eq!(mails[0].text().trim_end(), text.trim_end());
    let reply_to = mails[0].headers("reply-to").concat();
    assert!(reply_to.contains("user-0@acme.example") && reply_to.contains("Salesperson 0"), "{reply_to}");
    let external_id = format!("goodbye-{}", bodies::id(&done["closing"]));
    assert!(mails[0].headers("message-id").concat().contains(&external_id));

    let message = letter["interaction_id"].as_str().unwrap();
    let message = desk.admin.get(&format!("/v1/interactions/{message}")).await.expect(200);
    let told = ["kind", "contact_id", "lead_id", "sender_id", "cause", "evidence"].map(|name| message[name].clone());
    let expected =
        [json!("message"), id_of(&contact), id_of(&lead), json!(seller.id()), json!("goodbye"), json!("machine")];
    assert_eq!(told, expected);
    let reply = json!({
        "kind": "email_replied", "occurred_at": desk.app.now(), "in_reply_to": {"source": "ripen", "external_id": external_id},
    });
    let reply = desk.admin.post("/v1/interactions", reply).await.expect(201);
    let reply = desk.admin.get(&format!("/v1/interactions/{}", bodies::id(&reply))).await.expect(200);
    let told = ["contact_id", "lead_id", "sender_id", "cause"].map(|name| reply[name].clone());
    assert_eq!(told, [id_of(&contact), id_of(&lead), json!(seller.id()), json!("goodbye")]);
    assert!(happened(&desk.admin, &lead).await.contains(&"lead.goodbye_sent".to_owned()));
}

#[tokio::test]
async fn a_person_who_is_not_known_yet_is_written_to_as_captured() {
    let desk = Desk::open().await;
    let lead = stranger(&desk.admin).await;
    disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    let letter = desk.letter(&lead).await;
    assert_eq!((&letter["status"], &letter["sender_id"]), (&json!("sent"), &Value::Null));
    let mails = desk.smtp.mails();
    assert_eq!((mails[0].to.concat().as_str(), mails[0].headers("reply-to").len()), ("Ann@Example.com", 0));
}

#[tokio::test]
async fn nobody_is_written_to_who_has_no_address_or_wants_to_be_left_in_peace() {
    let desk = Desk::open().await;
    let refused = json!({"marketing": {"granted": false, "at": "2026-03-01T00:00:00Z"}});
    let contacts = [
        (json!({"last_name": "Lee"}), "no_address"),
        (bodies::with(bodies::contact("bob@x.ee"), json!({"consents": refused})), "consent_refused"),
        (bodies::contact("eve@x.ee"), "unsubscribed"),
    ];
    for (contact, why) in contacts {
        let (lead, contact) = of_contact(&desk.admin, contact).await;
        if why == "unsubscribed" {
            let deed =
                json!({"kind": "unsubscribed", "occurred_at": "2026-03-01T00:00:00Z", "contact_id": id_of(&contact)});
            desk.admin.post("/v1/interactions", deed).await.expect(201);
        }
        let done = disqualify(&desk.admin, &lead, farewell()).await.expect(201);
        let letter = &done["closing"]["goodbye"];
        assert_eq!((&letter["status"], &letter["withheld"]), (&json!("withheld"), &json!(why)));
        assert_eq!(done["lead"]["status"], "disqualified");
    }
    assert_eq!(entries(&desk.admin, "/v1/jobs?kind=goodbye_mail").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_letter_waits_while_the_mail_server_is_away_and_is_sent_once() {
    let desk = Desk::open().await;
    let (lead, _) = of_contact(&desk.admin, bodies::contact("ann@example.com")).await;
    desk.smtp.set(Mood::Closes);
    disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    let letter = desk.letter(&lead).await;
    assert_eq!(letter["status"], "queued");
    assert!(letter["error"].is_string(), "{letter}");
    desk.smtp.set(Mood::Takes);
    desk.app.wait_seconds(6);
    let job = bodies::id(&entries(&desk.admin, "/v1/jobs?kind=goodbye_mail").await[0]);
    desk.admin.ended(&format!("/v1/jobs/{job}")).await;
    let letter = desk.letter(&lead).await;
    assert_eq!((&letter["status"], &letter["error"]), (&json!("sent"), &Value::Null));
    assert_eq!(desk.smtp.mails().len(), 1);
}

#[tokio::test]
async fn a_letter_that_is_refused_for_good_says_so() {
    let desk = Desk::open().await;
    let (lead, _) = of_contact(&desk.admin, bodies::contact("ann@example.com")).await;
    desk.smtp.set(Mood::Refuses("550 no such mailbox"));
    disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    let letter = desk.letter(&lead).await;
    assert_eq!(letter["status"], "refused");
    assert!(letter["error"].as_str().unwrap().contains("550"), "{letter}");
    assert!(happened(&desk.admin, &lead).await.contains(&"lead.goodbye_refused".to_owned()));
}

#[tokio::test]
async fn without_a_mail_server_a_goodbye_is_refused_before_anything_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let template = json!({"key": "goodbye", "subject": "Bye", "text": "Bye"});
    admin.post("/v1/message-templates", template).await.expect(201);
    let lead = stranger(&admin).await;
    let wish = json!({"reason": "no_budget", "goodbye": {"template": "goodbye"}});
    let refused = disqualify(&admin, &lead, wish).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("mail server"));
    assert_eq!(admin.get(&lead).await.expect(200)["status"], "open");
}

#[tokio::test]
async fn a_letter_of_a_lead_that_was_deleted_meanwhile_is_not_sent() {
    let desk = Desk::open().await;
    let (lead, _) = of_contact(&desk.admin, bodies::contact("ann@example.com")).await;
    desk.smtp.set(Mood::Closes);
    disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    desk.letter(&lead).await;
    desk.admin.delete(&lead).await.expect(204);
    desk.smtp.set(Mood::Takes);
    desk.app.wait_seconds(6);
    let job = bodies::id(&entries(&desk.admin, "/v1/jobs?kind=goodbye_mail").await[0]);
    let job = desk.admin.ended(&format!("/v1/jobs/{job}")).await;
    assert_eq!((&job["state"], &job["result"]["sent"]), (&json!("done"), &json!(false)));
    assert_eq!(desk.smtp.mails().len(), 0);
}

#[tokio::test]
async fn a_letter_is_called_back_when_the_lead_is_reopened_before_it_was_sent() {
    let desk = Desk::open().await;
    let (lead, _) = of_contact(&desk.admin, bodies::contact("ann@example.com")).await;
    desk.smtp.set(Mood::Closes);
    disqualify(&desk.admin, &lead, farewell()).await.expect(201);
    desk.letter(&lead).await;
    super::reopen(&desk.admin, &lead).await.expect(201);
    desk.smtp.set(Mood::Takes);
    desk.app.wait_seconds(6);
    let job = bodies::id(&entries(&desk.admin, "/v1/jobs?kind=goodbye_mail").await[0]);
    desk.admin.ended(&format!("/v1/jobs/{job}")).await;
    let letter = desk.letter(&lead).await;
    assert_eq!((&letter["status"], &letter["withheld"]), (&json!("withheld"), &json!("reopened")));
    assert_eq!(desk.smtp.mails().len(), 0);
}

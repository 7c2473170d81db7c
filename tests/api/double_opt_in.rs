//! Double opt-in: nothing but the submission before the link in the mail is opened, and once then.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use ripen::jobs::worker;
use serde_json::{Value, json};

use crate::support::smtp::{Mail, Mood, Smtp};
use crate::support::{Options, PUBLIC_URL, Person, TestApp, bodies};

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

fn form() -> Value {
    json!({
        "name": "Newsletter", "kind": "subscription", "source": "web", "double_opt_in": true,
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "first_name", "maps_to": "contact.first_name"},
            {"name": "topic", "maps_to": "lead.topic"},
        ],
        "consents": [{"purpose": "marketing", "text_version": "2026-03"}],
    })
}

/// A service with a mail server and one live form.
struct Site {
    app: TestApp,
    smtp: Smtp,
    admin: Person,
    form: Value,
}

impl Site {
    async fn open() -> Self {
        Self::with(json!({})).await
    }

    async fn with(changes: Value) -> Self {
        let smtp = Smtp::start().await;
        let app = TestApp::start_with(Options { smtp: Some(smtp.url()), ..Options::default() }).await;
        let admin = app.admin().await;
        let form = admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201);
        let form = admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
        Self { app, smtp, admin, form }
    }

    async fn send(&self, fields: Value) -> String {
        let body = json!({"fields": fields, "consents": {"marketing": true}});
        let path = format!("/v1/public/forms/{}/submissions", self.form["key"].as_str().unwrap());
        let answer = self.app.visitor().post(&path, body).await.expect(202);
        let id = answer["submission_id"].as_str().unwrap().to_owned();
        assert_eq!(answer, json!({"status": "accepted", "submission_id": id}));
        id
    }

    async fn ann(&self) -> String {
        self.send(json!({"email": "Ann@Example.com", "first_name": "Ann"})).await
    }

    /// The mails, once there are `count` of them and every job that was asked for has ended.
    async fn mails(&self, count: usize) -> Vec<Mail> {
        self.settled().await;
        let mails = self.smtp.mails();
        assert_eq!(mails.len(), count, "{mails:?}");
        mails
    }

    /// Waits until no letter is on its way: sent, refused, or waiting for another try.
    async fn settled(&self) {
        for _ in 0..600 {
            let jobs = self.list("/v1/jobs?kind=confirmation_mail&limit=200").await;
            let rests =
                |job: &Value| job["finished_at"].is_string() || job["attempts"] != 0 && job["state"] == "queued";
            if jobs.iter().all(rests) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the letters do not leave");
    }

    /// Waits until the submission gives this reason.
    async fn until_told(&self, id: &str, words: &str) -> Value {
        for _ in 0..400 {
            let submission = self.submission(id).await;
            if submission["reason"].as_str().is_some_and(|reason| reason.contains(words)) {
                return submission;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{:?} never says {words}", self.submission(id).await);
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    /// How many contacts, leads, interactions and accounts there are.
    async fn written(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (place, kind) in ["contacts", "leads", "interactions", "accounts"].iter().enumerate() {
            counts[place] = self.list(&format!("/v1/{kind}?limit=200")).await.len();
        }
        counts
    }

    async fn submission(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/submissions/{id}")).await.expect(200)
    }

    async fn confirmation(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/submissions/{id}/confirmation")).await.expect(200)
    }

    async fn browse(&self, method: Method, path: &str) -> crate::support::Answer {
        self.app.visitor().request(method, path).header("accept", HTML).send().await
    }
}

#[tokio::test]
async fn nothing_but_the_submission_is_written_before_the_link_is_opened() {
    let site = Site::open().await;
    let id = site.ann().await;
    let mail = site.mails(1).await.remove(0);
    assert_eq!(site.written().await, [0; 4]);
    assert_eq!(site.submission(&id).await["status"], "pending");
    let decisions = format!("/v1/match-decisions?submission_id={id}");
    assert_eq!(site.list(&decisions).await.len(), 0);

    let sent_at = site.app.now();
    site.app.wait_seconds(3_600);
    let answer = site.app.visitor().request(Method::GET, &mail.path()).header("user-agent", "Reader 1.0").send().await;
    assert_eq!(answer.expect(200), json!({"status": "confirmed"}));
    assert_eq!(site.written().await, [1, 1, 1, 0]);
    assert_eq!(site.list(&decisions).await.len(), 2);
    let submission = site.submission(&id).await;
    assert_eq!((&submission["status"], &submission["reason"]), (&json!("processed"), &Value::Null));
    assert_eq!(site.list("/v1/interactions").await[0]["occurred_at"], json!(sent_at));
}

#[tokio::test]
async fn the_consent_tells_when_from_where_and_with_what_it_was_confirmed() {
    let site = Site::open().await;
    let id = site.ann().await;
    let mail = site.mails(1).await.remove(0);
    site.app.wait_days(2);
    site.app.visitor().request(Method::GET, &mail.path()).header("user-agent", "Reader 1.0").send().await.expect(200);
    let consent = site.list("/v1/contacts").await[0]["consents"]["marketing"].clone();
    let now = site.app.now();
    assert_eq!((&consent["granted"], &consent["at"]), (&json!(true), &json!(now)));
    let expected = format!("submission {id}, text 2026-03, confirmed {now} from 127.0.0.1 with Reader 1.0");
    assert_eq!(consent["evidence"], expected);
    let kept = site.confirmation(&id).await;
    assert_eq!((&kept["state"], &kept["confirmed_at"]), (&json!("confirmed"), &json!(now)));
    assert_eq!((&kept["remote_address"], &kept["user_agent"]), (&json!("127.0.0.1"), &json!("Reader 1.0")));
}

#[tokio::test]
async fn the_mail_has_one_link_the_configured_sender_and_nothing_that_a_visitor_wrote() {
    let letter = json!({"subject": "Grüße: {{form}}", "text": "Öffnen Sie {{link}} für {{form}}.\n"});
    let site = Site::with(json!({"confirmation": letter, "name": "Küche\u{2029}& <b>{{7*7}}"})).await;
    let fields = json!({"email": "Ann@Example.com", "first_name": "<script>{{link}}</script> ${jndi:x}"});
    site.send(fields).await;
    let mail = site.mails(1).await.remove(0);
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("hello@ripen.example", &["Ann@Example.com".to_owned()][..]));
    assert_eq!(mail.headers("to"), ["Ann@Example.com"]);
    let from = mail.headers("from").remove(0);
    assert!(from.starts_with("=?utf-8?") && from.ends_with("<hello@ripen.example>"), "{from}");
    assert!(mail.headers("subject")[0].contains("=?utf-8?"), "{:?}", mail.headers("subject"));
    assert_eq!(mail.headers("content-type"), ["text/plain; charset=utf-8"]);
    assert_eq!((mail.headers("bcc").len(), mail.headers("cc").len()), (0, 0));
    let link = mail.links().remove(0);
    assert_eq!(mail.text().trim_end(), format!("Öffnen Sie {link} für Küche\u{2029}& <b>{{{{7*7}}}}."));
    assert!(link.starts_with(&format!("{PUBLIC_URL}/v1/public/confirmations/")), "{link}");
    assert!(!mail.data.contains("script") && !mail.data.contains("jndi"), "{}", mail.data);
}

#[tokio::test]
async fn the_link_never_begins_with_what_a_request_claims() {
    let site = Site::open().await;
    let path = format!("/v1/public/forms/{}/submissions", site.form["key"].as_str().unwrap());
    let body = json!({"fields": {"email": "ann@example.com"}});
    let request = site.app.visitor().request(Method::POST, &path).header("host", "evil.example");
    request.header("x-forwarded-host", "evil.example").json(&body).send().await.expect(202);
    assert!(!site.mails(1).await.remove(0).data.contains("evil"));
}

#[tokio::test]
async fn a_link_works_once_and_says_so_afterwards_without_telling_anything() {
    let site = Site::open().await;
    site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    let first = site.browse(Method::GET, &path).await;
    assert_eq!((first.status(), first.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(first.text().contains("is confirmed"), "{}", first.text());
    let again = site.browse(Method::GET, &path).await;
    assert!(again.status() == 200 && again.text().contains("was confirmed before"), "{}", again.text());
    for page in [&first, &again] {
        assert!(!page.text().to_lowercase().contains("ann"), "{}", page.text());
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
    assert_eq!(site.app.visitor().get(&path).await.expect(200), json!({"status": "already_confirmed"}));
    assert_eq!(site.app.visitor().post(&path, Value::Null).await.expect(200), json!({"status": "already_confirmed"}));
    assert_eq!(site.written().await, [1, 1, 1, 0]);
}

#[tokio::test]
async fn a_link_opened_many_times_at_once_confirms_once() {
    let site = Site::open().await;
    site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    let visitor = site.app.visitor();
    let answers = join_all((0..64).map(|_| visitor.get(&path))).await;
    let firsts = answers.iter().filter(|answer| answer.expect(200) == json!({"status": "confirmed"})).count();
    assert_eq!(firsts, 1);
    assert_eq!(site.written().await, [1, 1, 1, 0]);
    let consents = &site.list("/v1/contacts").await[0]["consents"];
    assert_eq!((&consents["marketing"]["granted"], &consents["profiling"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_link_is_good_for_28_days() {
    let site = Site::open().await;
    let id = site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    site.app.wait_days(28);
    site.app.visitor().get(&path).await.expect_problem(410, "gone");
    let page = site.browse(Method::GET, &path).await;
    assert!(page.status() == 410 && page.text().contains("expired"), "{}", page.text());
    let submission = site.submission(&id).await;
    assert_eq!(submission["status"], "pending");
    assert!(submission["reason"].as_str().unwrap().contains("expired"), "{submission}");
    assert_eq!(site.list("/v1/submissions").await[0]["reason"], submission["reason"]);
    assert_eq!(site.confirmation(&id).await["state"], "expired");
    assert_eq!(site.written().await, [0; 4]);

    let site = Site::open().await;
    site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    site.app.wait_seconds(28 * 86_400 - 1);
    site.app.visitor().get(&path).await.expect(200);
}

#[tokio::test]
async fn a_link_that_nobody_was_sent_leads_nowhere() {
    let site = Site::open().await;
    let id = site.ann().await;
    site.mails(1).await;
    for token in ["q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k", "x", &id] {
        let path = format!("/v1/public/confirmations/{token}");
        site.app.visitor().get(&path).await.expect_problem(404, "not-found");
        site.app.visitor().post(&path, Value::Null).await.expect_problem(404, "not-found");
        assert_eq!(site.browse(Method::GET, &path).await.status(), 404);
    }
}

#[tokio::test]
async fn looking_and_fetching_in_advance_do_not_confirm() {
    let site = Site::open().await;
    site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    assert_eq!(site.app.visitor().request(Method::HEAD, &path).send().await.status(), 200);
    let ahead = site.app.visitor().request(Method::GET, &path).header("sec-purpose", "prefetch;prerender");
    assert_eq!(ahead.send().await.expect(200), json!({"status": "waiting"}));
    assert_eq!(site.written().await, [0; 4]);
    assert_eq!(site.app.visitor().get(&path).await.expect(200), json!({"status": "confirmed"}));
}

#[tokio::test]
async fn a_form_may_want_a_button_pressed() {
    let site = Site::with(json!({"confirmation": {"button": true}})).await;
    site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    let page = site.browse(Method::GET, &path).await;
    assert!(page.status() == 200 && page.text().contains("<form method=\"post\">"), "{}", page.text());
    assert_eq!(site.app.visitor().get(&path).await.expect(200), json!({"status": "waiting"}));
    assert_eq!(site.written().await, [0; 4]);
    let pressed = site.app.visitor().request(Method::POST, &path).header("accept", HTML).form(&[]).send().await;
    assert!(pressed.status() == 200 && pressed.text().contains("is confirmed"), "{}", pressed.text());
    assert_eq!(site.written().await, [1, 1, 1, 0]);
}

#[tokio::test]
async fn many_identical_submissions_at_once_are_one_with_one_mail() {
    let site = Site::open().await;
    let ids: std::collections::BTreeSet<String> = join_all((0..64).map(|_| site.ann())).await.into_iter().collect();
    assert_eq!(ids.len(), 1);
    site.mails(1).await;
}

#[tokio::test]
async fn sending_the_form_again_is_reminded_of_after_some_minutes() {
    let site = Site::with(json!({"duplicate_window_s": 86_400})).await;
    let id = site.ann().await;
    let first = site.mails(1).await.remove(0).path();
    site.app.wait_seconds(299);
    assert_eq!(site.ann().await, id);
    site.mails(1).await;
    site.app.wait_seconds(1);
    assert_eq!(site.ann().await, id);
    let second = site.mails(2).await.remove(1).path();
    assert_ne!(first, second);
    site.app.visitor().get(&first).await.expect(200);
    assert_eq!(site.app.visitor().get(&second).await.expect(200), json!({"status": "already_confirmed"}));
    site.app.wait_seconds(600);
    site.ann().await;
    site.mails(2).await;
}

#[tokio::test]
async fn an_address_is_not_flooded_with_mail() {
    let site = Site::open().await;
    for number in 0..7 {
        site.send(json!({"email": "ann@example.com", "topic": format!("{number}")})).await;
    }
    site.mails(5).await;
    let waiting = site.list("/v1/submissions?status=pending").await;
    assert_eq!(waiting.len(), 7);
    let held: Vec<&Value> = waiting.iter().filter(|one| one["reason"].is_string()).collect();
    assert_eq!(held.len(), 2);
    site.send(json!({"email": "bob@example.com"})).await;
    site.mails(6).await;

    let resend = format!("/v1/submissions/{}/confirmation", bodies::id(held[0]));
    site.admin.post(&resend, Value::Null).await.expect(202);
    site.mails(7).await;
    assert_eq!(site.submission(&bodies::id(held[0])).await["reason"], Value::Null);
}

#[tokio::test]
async fn a_user_may_have_another_mail_sent_which_makes_the_first_link_worthless() {
    let site = Site::open().await;
    let id = site.ann().await;
    let first = site.mails(1).await.remove(0).path();
    let resend = format!("/v1/submissions/{id}/confirmation");
    let refused = site.admin.post(&resend, Value::Null).await;
    refused.expect_problem(429, "quota-exceeded");
    assert!(refused.header("retry-after").unwrap().parse::<i64>().unwrap() > 0);
    site.app.wait_days(20);
    let asked = site.admin.post(&resend, Value::Null).await.expect(202);
    assert_eq!((&asked["letters"], &asked["state"]), (&json!(2), &json!("waiting")));
    let second = site.mails(2).await.remove(1).path();
    site.app.visitor().get(&first).await.expect_problem(404, "not-found");
    site.app.wait_days(20);
    assert_eq!(site.app.visitor().get(&second).await.expect(200), json!({"status": "confirmed"}));
    site.admin.post(&resend, Value::Null).await.expect_problem(409, "conflict");
}

#[tokio::test]
async fn only_who_may_write_submissions_has_mail_sent() {
    let site = Site::open().await;
    let path = format!("/v1/submissions/{}/confirmation", site.ann().await);
    site.app.wait_seconds(60);
    let reader = site.app.integration(&["submissions:read"]).await;
    reader.post(&path, Value::Null).await.expect_problem(403, "forbidden");
    let stranger = site.app.other_workspace().admin().await;
    stranger.post(&path, Value::Null).await.expect_problem(404, "not-found");
    stranger.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn while_the_mail_server_is_away_nothing_is_lost_and_the_mail_goes_later() {
    for mood in [Mood::Closes, Mood::Hangs, Mood::Refuses("451 later")] {
        let site = Site::open().await;
        site.smtp.set(mood);
        let id = site.ann().await;
        let told = site.until_told(&id, "the confirmation mail was not sent").await;
        assert_eq!(told["status"], "pending", "{mood:?}");
        assert_eq!(site.confirmation(&id).await["sent_at"], Value::Null);
        site.settled().await;
        site.smtp.set(Mood::Takes);
        site.app.wait_seconds(5);
        for _ in 0..400 {
            if !site.confirmation(&id).await["sent_at"].is_null() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let mail = site.mails(1).await.remove(0);
        assert_eq!(site.submission(&id).await["reason"], Value::Null, "{mood:?}");
        site.app.visitor().get(&mail.path()).await.expect(200);
    }
}

#[tokio::test]
async fn a_mail_that_arrived_without_a_word_has_a_link_that_works_even_after_another() {
    let site = Site::open().await;
    site.smtp.set(Mood::TakesSilently);
    let id = site.ann().await;
    site.until_told(&id, "was not sent").await;
    site.settled().await;
    site.smtp.set(Mood::Takes);
    site.app.wait_seconds(5);
    while site.smtp.mails().len() < 2 {
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let mails = site.mails(2).await;
    assert_eq!(site.app.visitor().get(&mails[0].path()).await.expect(200), json!({"status": "confirmed"}));
    assert_eq!(site.app.visitor().get(&mails[1].path()).await.expect(200), json!({"status": "already_confirmed"}));
}

#[tokio::test]
async fn what_the_mail_server_refuses_for_good_the_submission_tells() {
    let site = Site::open().await;
    site.smtp.set(Mood::Refuses("550 no such person"));
    let id = site.ann().await;
    let told = site.until_told(&id, "550").await;
    assert_eq!(told["status"], "pending");
    site.settled().await;
    let jobs = site.list("/v1/jobs?kind=confirmation_mail").await;
    assert_eq!((&jobs[0]["state"], &jobs[0]["result"]["sent"]), (&json!("done"), &json!(false)));
    site.smtp.set(Mood::Takes);
    site.app.wait_days(1);
    site.mails(0).await;
}

#[tokio::test]
async fn a_later_letter_makes_one_that_still_waits_superfluous() {
    let site = Site::open().await;
    site.smtp.set(Mood::Refuses("451 later"));
    let id = site.ann().await;
    site.until_told(&id, "was not sent").await;
    site.settled().await;
    site.smtp.set(Mood::Takes);
    site.app.wait_seconds(60);
    site.admin.post(&format!("/v1/submissions/{id}/confirmation"), Value::Null).await.expect(202);
    site.mails(1).await;
}

#[tokio::test]
async fn a_form_that_has_changed_keeps_a_confirmed_submission_as_failed() {
    let site = Site::open().await;
    let id = site.ann().await;
    let path = site.mails(1).await.remove(0).path();
    let form = format!("/v1/forms/{}", bodies::id(&site.form));
    let fields = json!({"fields": [{"name": "email", "required": true, "maps_to": "contact.email"}]});
    site.admin.patch_version(&form, 2, fields).await.expect(200);
    assert_eq!(site.app.visitor().get(&path).await.expect(200), json!({"status": "confirmed"}));
    let submission = site.submission(&id).await;
    assert_eq!(submission["status"], "failed");
    assert!(submission["reason"].as_str().unwrap().contains("/fields/first_name"), "{submission}");
    assert_eq!(site.confirmation(&id).await["state"], "confirmed");
    assert_eq!(site.written().await, [0; 4]);
}

#[tokio::test]
async fn a_service_without_a_mail_server_does_not_publish_such_a_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post("/v1/forms", form()).await.expect(201);
    let publish = |form: &Value| format!("/v1/forms/{}/publish", bodies::id(form));
    let problem = admin.post(&publish(&created), Value::Null).await.expect_invalid(&["/double_opt_in"]);
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("RIPEN_SMTP_URL"), "{problem}");
    let plain = admin.post("/v1/forms", bodies::with(form(), json!({"double_opt_in": null}))).await.expect(201);
    admin.post(&publish(&plain), Value::Null).await.expect(200);
    let path = format!("/v1/forms/{}", bodies::id(&plain));
    admin.patch_version(&path, 2, json!({"double_opt_in": true})).await.expect_invalid(&["/double_opt_in"]);
}

#[tokio::test]
async fn a_form_must_ask_for_the_address_and_its_letter_must_hold_the_link() {
    let site = Site::open().await;
    let optional = json!({"fields": [{"name": "email", "maps_to": "contact.email"}]});
    let draft = site.admin.post("/v1/forms", bodies::with(form(), optional)).await.expect(201);
    let publish = format!("/v1/forms/{}/publish", bodies::id(&draft));
    site.admin.post(&publish, Value::Null).await.expect_invalid(&["/double_opt_in"]);
    let letter = json!({"confirmation": {"subject": "Hi\nBcc: all@example.com", "text": "No {{name}}"}});
    let answer = site.admin.post("/v1/forms", bodies::with(form(), letter)).await;
    answer.expect_invalid(&["/confirmation/subject", "/confirmation/text", "/confirmation/text"]);
}

#[tokio::test]
async fn without_workers_the_mail_waits_and_the_visitor_hears_the_same() {
    let smtp = Smtp::start().await;
    let jobs = worker::Terms { workers: 0, lease_s: 60 };
    let options = Options { smtp: Some(smtp.url()), jobs, ..Options::default() };
    let app = TestApp::start_with(options).await;
    let admin = app.admin().await;
    let form = admin.post("/v1/forms", form()).await.expect(201);
    let form = admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    let site = Site { app, smtp, admin, form };
    site.ann().await;
    let jobs = site.list("/v1/jobs").await;
    assert_eq!((&jobs[0]["kind"], &jobs[0]["state"]), (&json!("confirmation_mail"), &json!("queued")));
    assert_eq!(site.smtp.mails().len(), 0);
}

#[tokio::test]
async fn what_was_held_back_as_spam_waits_to_be_confirmed_once_it_is_released() {
    let site = Site::with(json!({"honeypot": "website"})).await;
    let id = site.send(json!({"email": "ann@example.com", "website": "x"})).await;
    site.mails(0).await;
    let released = site.admin.post(&format!("/v1/submissions/{id}/release"), Value::Null).await.expect(200);
    assert_eq!((&released["status"], &released["contact_id"]), (&json!("pending"), &Value::Null));
    site.mails(1).await;
}

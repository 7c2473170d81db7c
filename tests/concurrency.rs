//! Many callers at once leave what some order of them would have left.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::scoring;
use crate::support::process::Site;
use crate::support::{Answer, Person, TestApp, bodies};

/// Callers of the storm, and requests that each sends.
const CALLERS: usize = 8;
const REQUESTS: usize = 30;
/// People whom the storm is about; few, so that callers meet.
const PEOPLE: usize = 4;

/// Requests that come at once about one new person.
const AT_ONCE: usize = 64;

/// A form whose submissions become contacts and leads; the path visitors send it to.
async fn live_form(admin: &Person) -> String {
    let form = json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page", "duplicate_window_s": 0,
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "company", "maps_to": "account.name"}, {"name": "question"},
        ],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap())
}

/// The records on the first page of `path`.
async fn records(person: &Person, path: &str) -> Vec<Value> {
    person.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

/// A record's id out of those on the first page of `path`; there may be none yet.
async fn some(person: &Person, path: &str, dice: usize) -> Option<String> {
    let records = records(person, path).await;
    (!records.is_empty()).then(|| bodies::id(&records[dice % records.len()]))
}

/// One request of the storm.
async fn gust(app: &TestApp, admin: &Person, form: &str, dice: usize) -> Option<Answer> {
    let email = format!("person-{}@example.com", dice / 11 % PEOPLE);
    let deed = |kind: &str| json!({"kind": kind, "occurred_at": "2026-03-01T10:00:00Z", "person": {"email": email}});
    Some(match dice % 11 {
        0 | 1 => {
            let fields = json!({"email": email, "company": format!("Company {}", dice / 7 % 2)});
            app.visitor().post(form, json!({"fields": fields})).await
        }
        2 => admin.post("/v1/interactions", deed("email_opened")).await,
        3 => {
            admin
                .post(
                    "/v1/interactions",
                    json!([deed("asset_downloaded"), deed("page_visited"), deed("event_attended")]),
                )
                .await
        }
        4 => admin.post("/v1/contacts", json!({"email": email})).await,
        5 => {
            let id = some(admin, "/v1/contacts", dice).await?;
            let role = ["decision_maker", "user"][dice / 3 % 2];
            admin.patch(&format!("/v1/contacts/{id}"), json!({"decision_role": role})).await
        }
        6 => {
            let id = some(admin, "/v1/leads", dice).await?;
            let stage = ["inquiry", "marketing_qualification", "sales_acceptance"][dice / 3 % 3];
            admin.post(&format!("/v1/leads/{id}/transitions"), json!({"to": stage})).await
        }
        7 => {
            admin
                .patch(
                    &format!("/v1/leads/{}", some(admin, "/v1/leads", dice).await?),
                    json!({"topic": format!("{dice}")}),
                )
                .await
        }
        8 => {
            let contact = some(admin, "/v1/contacts", dice).await?;
            admin.post("/v1/leads", json!({"contact_id": contact, "topic": "Storm", "source": "web"})).await
        }
        9 => {
            let account = some(admin, "/v1/accounts", dice).await?;
            admin.patch(&format!("/v1/accounts/{account}"), json!({"employees": dice})).await
        }
        _ => admin.delete(&format!("/v1/leads/{}", some(admin, "/v1/leads", dice).await?)).await,
    })
}

#[tokio::test]
async fn a_storm_of_requests_of_every_kind_leaves_a_whole_that_adds_up() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    scoring::live_model(&admin, scoring::newcomers()).await;
    let form = live_form(&admin).await;
    let caller = async |number: usize| {
        for turn in 0..REQUESTS {
            // Spread by two primes: every caller does something of everything, in an order of its own.
            let dice = number * 7919 + turn * 104_729;
            if let Some(answer) = gust(&app, &admin, &form, dice).await {
                assert!([200, 201, 202, 204, 404, 409, 422].contains(&answer.status()), "{}", answer.text());
            }
        }
    };
    join_all((0..CALLERS).map(caller)).await;

    let mut people = BTreeMap::new();
    for contact in records(&admin, "/v1/contacts?limit=200").await {
        *people.entry(contact["email"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    assert!(people.values().all(|count| *count == 1), "{people:?}");
    assert_eq!(people.len(), PEOPLE);
    let leads = records(&admin, "/v1/leads?limit=200").await;
    assert!(!leads.is_empty());
    for lead in leads {
        let id = bodies::id(&lead);
        let scores = admin.get(&format!("/v1/leads/{id}/scores")).await.expect(200);
        let ledger = scoring::ledger(&admin, &id).await;
        if let Some(score) = scores["data"][0]["score"].as_i64() {
            assert_eq!(scoring::sum(&ledger), score, "{scores:#}\n{ledger:#?}");
        }
        let moves = records(&admin, &format!("/v1/leads/{id}/transitions?sort=at&limit=200")).await;
        for pair in moves.windows(2) {
            assert_eq!(pair[0]["to_stage"], pair[1]["from_stage"], "{moves:#?}");
        }
        assert_eq!(moves.last().map(|last| &last["to_stage"]), Some(&lead["stage"]), "{lead:#}");
    }
}

#[tokio::test]
async fn an_account_that_goes_while_somebody_joins_it_leaves_nobody_behind() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for round in 0..10 {
        let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
        let path = format!("/v1/accounts/{account}");
        let joiner = json!({"email": format!("joiner-{round}@example.com"), "account_id": account});
        let (gone, joined) = tokio::join!(admin.delete(&path), admin.post("/v1/contacts", joiner));
        match (gone.status(), joined.status()) {
            (204, 422 | 409) => drop(admin.get(&path).await.expect(404)),
            (409, 201) => drop(admin.get(&path).await.expect(200)),
            _ => panic!("{} {}", gone.text(), joined.text()),
        }
    }
}

#[tokio::test]
async fn a_record_changed_and_deleted_at_once_ends_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..10 {
        let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Contoso")).await.expect(201));
        let path = format!("/v1/accounts/{account}");
        let changes = join_all((0..4).map(|k| admin.patch(&path, json!({"employees": k}))));
        let (gone, changes) = tokio::join!(admin.delete(&path), changes);
        gone.expect(204);
        assert!(changes.iter().all(|answer| [200, 404].contains(&answer.status())));
        admin.get(&path).await.expect(404);
    }
}

#[tokio::test]
async fn two_instances_on_one_database_act_as_one() {
    let site = Site::new();
    let token = site.token();
    let (one, two) = (site.serve(), site.serve());
    let callers = [one.caller(&token), two.caller(&token)];

    let post = |k: usize| {
        callers[k % 2].request(Method::POST, "/v1/accounts").key("same").json(&bodies::account("Contoso")).send()
    };
    let answers = join_all((0..32).map(post)).await;
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status())));
    assert_eq!(callers[0].get("/v1/accounts?count=true").await.expect(200)["total"], 1);

    let contacts =
        join_all((0..32).map(|k| callers[k % 2].post("/v1/contacts", bodies::contact("ann@example.com")))).await;
    let created: Vec<&Answer> = contacts.iter().filter(|answer| answer.status() == 201).collect();
    assert_eq!(created.len(), 1);
    let id = created[0].json()["id"].clone();
    for refused in contacts.iter().filter(|answer| answer.status() != 201) {
        assert_eq!(refused.expect_problem(409, "duplicate-contact")["contact_id"], id);
    }
}

/// A lead ad whose responses become contacts and leads; the path LinkedIn's responses are sent to.
async fn live_ad(admin: &Person) -> String {
    let form = json!({
        "name": "Lead ad", "kind": "lead_ad", "source": "lead_ad",
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email", "question_id": 1},
            {"name": "company", "maps_to": "account.name", "question_id": 2},
        ],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    format!("/v1/lead-ads/linkedin/{}", form["key"].as_str().unwrap())
}

/// The doors that people come through.
struct Doors {
    visitor: Person,
    admin: Person,
    form: String,
    ad: String,
}

impl Doors {
    /// Somebody comes through one of the doors; the status must be one of those that the door gives.
    async fn enter(&self, email: &str, number: usize) {
        let told = json!({"questionId": 1, "answerDetails": {"textQuestionAnswer": {"answer": email}}});
        let company = format!("Company {}", number % 3);
        let (answer, usual) = match number % 8 {
            0..3 => {
                let fields = json!({"email": email, "company": company, "question": format!("{number}?")});
                (self.visitor.post(&self.form, json!({"fields": fields})).await, [202, 202])
            }
            3 => {
                let fields = [("email", email), ("question", &format!("{number}?"))];
                (self.visitor.request(Method::POST, &self.form).form(&fields).send().await, [202, 202])
            }
            4 | 5 => {
                let response = json!({"id": format!("{email} {number}"), "submittedAt": 1_772_355_600_000_i64,
                    "leadType": "SPONSORED", "formResponse": {"answers": [told]}});
                (self.admin.post(&self.ad, response).await, [201, 201])
            }
            6 => (self.admin.post("/v1/contacts", json!({"email": email})).await, [201, 409]),
            _ => {
                let lead = json!({"topic": "Software", "source": "referral", "contact": {"email": email}});
                (self.admin.post("/v1/leads", lead).await, [201, 201])
            }
        };
        assert!(usual.contains(&answer.status()), "{} {}", answer.status(), answer.text());
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests have no config.rs")]
fn door_rounds() -> usize {
    std::env::var("DOOR_ROUNDS").map_or(3, |rounds| rounds.parse().expect("DOOR_ROUNDS must be a number"))
}

#[tokio::test]
async fn somebody_new_who_comes_through_every_door_at_once_is_one_contact() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (form, ad) = (live_form(&admin).await, live_ad(&admin).await);
    let doors = Doors { visitor: app.visitor(), admin, form, ad };
    let count =
        async |path: &str| doors.admin.get(&format!("{path}?limit=1&count=true")).await.expect(200)["total"].clone();
    for round in 1..=door_rounds() {
        let email = format!("new-{round}@example.com");
        join_all((0..AT_ONCE).map(|number| doors.enter(&email, number))).await;
        // One lead of the form, one of the ad, and the eight that were opened by hand; each submission is an interaction.
        let counted = [count("/v1/contacts").await, count("/v1/leads").await, count("/v1/interactions").await];
        assert_eq!(counted, [json!(round), json!(10 * round), json!(48 * round)], "round {round}");
        assert_eq!(records(&doors.admin, "/v1/submissions?status=failed").await, [] as [Value; 0], "round {round}");
    }
}

#[tokio::test]
async fn a_contact_and_its_lead_that_change_while_the_person_comes_back_keep_nobody_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = live_form(&admin).await;
    let submit = async |number: usize| {
        let fields = json!({"email": "ann@example.com", "question": format!("{number}?")});
        app.visitor().post(&form, json!({"fields": fields})).await.expect(202);
    };
    submit(0).await;
    let contact = format!("/v1/contacts/{}", bodies::id(&records(&admin, "/v1/contacts").await[0]));
    let lead = format!("/v1/leads/{}", bodies::id(&records(&admin, "/v1/leads").await[0]));
    let deed = json!({"kind": "call", "occurred_at": "2026-03-01T10:00:00Z", "contact_id": contact.trim_start_matches("/v1/contacts/")});
    for round in 0..5 {
        let change = async |number: usize| match number % 4 {
            0 | 1 => submit(round * 64 + number + 1).await,
            2 => drop(admin.post("/v1/interactions", deed.clone()).await.expect(201)),
            _ if number % 8 == 3 => {
                drop(admin.patch(&contact, json!({"job_title": format!("{number}")})).await.expect(200))
            }
            _ => drop(admin.patch(&lead, json!({"topic": format!("{number}")})).await.expect(200)),
        };
        join_all((0..AT_ONCE).map(change)).await;
    }
    assert_eq!(records(&admin, "/v1/submissions?status=failed").await, [] as [Value; 0]);
}

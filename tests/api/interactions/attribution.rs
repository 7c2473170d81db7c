//! Whose interactions become when somebody appears, gains a key, or is linked with a lead.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{AT, listed, person_with_lead, score_of, ten_an_open};
use crate::scoring::ledger;
use crate::support::{Person, TestApp, bodies};

fn open(person: Value) -> Value {
    json!({"kind": "email_opened", "occurred_at": AT, "person": person})
}

async fn opens(admin: &Person, person: Value) {
    let recorded = admin.post("/v1/interactions", open(person)).await.expect(201);
    assert_eq!(recorded["attributed_to"], Value::Null);
}

#[tokio::test]
async fn what_waited_scores_when_a_contact_gains_each_key() {
    for (key, person) in [
        (json!({"email": "ann@example.com"}), json!({"email": "Ann@Example.com"})),
        (json!({"phone": "+372 5551 2345"}), json!({"phone": "0037255512345"})),
        (json!({"mobile": "+372 5551 2345"}), json!({"phone": "+37255512345"})),
        (json!({"external_id": "crm-1"}), json!({"external_id": "crm-1"})),
        (json!({"anonymous_ids": ["browser-1"]}), json!({"anonymous_id": "browser-1"})),
    ] {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        ten_an_open(&admin).await;
        opens(&admin, person.clone()).await;
        let (contact, lead) = person_with_lead(&admin, json!({"last_name": "Tamm"})).await;
        assert_eq!(score_of(&admin, &lead).await, 0);
        app.wait_seconds(60);
        admin.patch(&format!("/v1/contacts/{contact}"), key.clone()).await.expect(200);
        assert_eq!(score_of(&admin, &lead).await, 10, "{key}");
        let rows = ledger(&admin, &lead).await;
        assert_eq!((&rows[0]["cause"], &rows[0]["at"]), (&json!("interaction"), &json!(app.now())));

        let app = TestApp::start().await;
        let admin = app.admin().await;
        ten_an_open(&admin).await;
        opens(&admin, person).await;
        let (_, lead) = person_with_lead(&admin, bodies::with(json!({"last_name": "Tamm"}), key.clone())).await;
        assert_eq!(score_of(&admin, &lead).await, 10, "{key}");
    }
}

#[tokio::test]
async fn what_waited_scores_when_its_person_fills_in_a_form() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let form = json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page",
        "fields": [{"name": "email", "maps_to": "contact.email"}, {"name": "phone", "maps_to": "contact.phone"}],
    });
    let form = admin.post("/v1/forms", form).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
    for person in
        [json!({"email": "ann@example.com"}), json!({"phone": "+37255512345"}), json!({"anonymous_id": "browser-1"})]
    {
        opens(&admin, person).await;
    }
    let sent = json!({"fields": {"email": "ann@example.com", "phone": "+372 5551 2345"}, "anonymous_id": "browser-1"});
    let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
    app.visitor().post(&path, sent).await.expect(202);
    let lead = bodies::id(&admin.get("/v1/leads").await.expect(200)["data"][0]);
    assert_eq!(score_of(&admin, &lead).await, 30);
    assert_eq!(listed(&admin, "attributed=false").await.len(), 0);
}

#[tokio::test]
async fn what_a_browser_did_scores_when_an_interaction_tells_whose_it_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    opens(&admin, json!({"anonymous_id": "browser-7"})).await;
    let (_, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    app.wait_days(1);
    let visit = json!({"kind": "page_visited", "occurred_at": AT,
        "person": {"email": "ann@example.com", "anonymous_id": "browser-7"}});
    admin.post("/v1/interactions", visit).await.expect(201);
    assert_eq!(score_of(&admin, &lead).await, 10);
}

#[tokio::test]
async fn what_was_done_about_a_lead_becomes_the_contacts_that_it_is_linked_with() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let lead = json!({"captured": {"last_name": "Tamm"}, "topic": "Warehouse", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    let about = json!({"kind": "email_opened", "occurred_at": AT, "lead_id": lead});
    admin.post("/v1/interactions", about).await.expect(201);
    let somebody = bodies::with(open(json!({"email": "bob@example.com"})), json!({"lead_id": lead}));
    admin.post("/v1/interactions", somebody).await.expect(201);
    assert_eq!(score_of(&admin, &lead).await, 0);
    let (contact, other) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    admin.patch(&format!("/v1/leads/{lead}"), json!({"contact_id": contact})).await.expect(200);
    assert_eq!((score_of(&admin, &lead).await, score_of(&admin, &other).await), (10, 10));
    assert_eq!(listed(&admin, &format!("contact_id={contact}")).await.len(), 1);
    assert_eq!(listed(&admin, "attributed=false").await.len(), 1);
}

#[tokio::test]
async fn sixty_four_that_wait_while_their_person_appears_all_score_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    admin.patch_version("/v1/settings", 1, json!({"default_country": "EE"})).await.expect(200);
    let lead = json!({"captured": {"last_name": "Tamm"}, "topic": "Warehouse", "source": "web"});
    let lead = bodies::id(&admin.post("/v1/leads", lead).await.expect(201));
    // A national number, so that only who knows the workspace's country takes turns with the contact.
    let keys =
        [json!({"phone": "5551 2345"}), json!({"email": "ann@example.com"}), json!({"anonymous_id": "browser-1"})];
    let told = (0..64).map(|number| admin.post("/v1/interactions", open(keys[number % 3].clone())));
    let appears = async {
        let ann = json!({"email": "ann@example.com", "phone": "5551 2345", "anonymous_ids": ["browser-1"]});
        let contact = bodies::id(&admin.post("/v1/contacts", ann).await.expect(201));
        admin.patch(&format!("/v1/leads/{lead}"), json!({"contact_id": contact})).await.expect(200);
        contact
    };
    let (contact, told) = tokio::join!(appears, join_all(told));
    assert!(told.iter().all(|answer| answer.status() == 201));
    assert_eq!(listed(&admin, &format!("contact_id={contact}")).await.len(), 64);
    assert_eq!(score_of(&admin, &lead).await, 640);
    let mut scored: Vec<String> = ledger(&admin, &lead).await.iter().map(|row| row["points"].to_string()).collect();
    scored.sort_unstable();
    assert!(!scored.iter().any(|points| points.starts_with('-')), "{scored:?}");
}

#[tokio::test]
async fn lists_and_single_ones_of_the_same_people_at_once_stand_in_nobodys_way() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let person = |number: usize| json!({"email": format!("person-{}@example.com", number % 120)});
    let list = |from: usize| Value::Array((0..300).map(|number| open(person(from + number))).collect());
    let lists = join_all([0, 40, 80].map(|from| admin.post("/v1/interactions", list(from))));
    let singles = join_all((0..40).map(|number| admin.post("/v1/interactions", open(person(number * 3)))));
    let people = join_all((0..20).map(|number| admin.post("/v1/contacts", person(number * 5))));
    let (lists, singles, people) = tokio::join!(lists, singles, people);
    assert!(lists.iter().all(|answer| answer.status() == 200));
    assert!(singles.iter().chain(&people).all(|answer| answer.status() == 201));
    let total = admin.get("/v1/interactions?count=true&limit=1").await.expect(200)["total"].as_i64();
    assert_eq!(total, Some(940));
    for person in people {
        let (contact, email) = (bodies::id(&person.json()), person.json()["email"].as_str().unwrap().to_owned());
        let of = |filter: String| {
            let admin = admin.clone();
            async move {
                admin.get(&format!("/v1/interactions?count=true&limit=1&{filter}")).await.expect(200)["total"].clone()
            }
        };
        let number: usize = email.trim_start_matches("person-").split('@').next().unwrap().parse().unwrap();
        let lists: usize =
            [0, 40, 80].iter().map(|from| (0..300).filter(|it| (from + it) % 120 == number).count()).sum();
        let singles = (0..40).filter(|it| it * 3 % 120 == number).count();
        assert_eq!(of(format!("contact_id={contact}")).await, json!(lists + singles), "{email}");
    }
}

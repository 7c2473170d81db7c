//! Forms and the strategies they use: by key or by default, and never one that can compare nothing they send (MAT-2).

use futures_util::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use super::{STRATEGIES, alternatives, decision, new_strategy, publish, strategy, strategy_path, submit, wide_form};
use crate::support::{Person, TestApp, bodies};

/// What a form needs to be without an address or a number.
fn only(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, slot)| json!({"name": name, "maps_to": slot})).collect()
}

fn form_path(form: &Value) -> String {
    format!("/v1/forms/{}", bodies::id(form))
}

async fn email_path(admin: &Person) -> String {
    let all = admin.get(STRATEGIES).await.expect(200);
    strategy_path(&all["data"][0])
}

#[tokio::test]
async fn a_form_uses_the_strategies_it_names_and_otherwise_the_defaults() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let phone = strategy(&admin, "by_phone", "contact", &[&["phone"]]).await;
    let topic = strategy(&admin, "by_topic", "lead", &[&["contact", "topic"]]).await;
    let naming = publish(&admin, json!({"contact_strategy": "by_phone", "lead_strategy": "by_topic"})).await;
    let plain = publish(&admin, json!({})).await;
    let used = async |form: &Value| {
        let fields = json!({"email": "ann@example.com", "phone": "+372 5551 2345", "topic": "CRM"});
        let id = submit(&app, form, fields).await;
        let of = async |about| decision(&admin, &id, about).await["decision"]["strategy"].as_str().unwrap().to_owned();
        [of("contact").await, of("lead").await]
    };
    assert_eq!(used(&naming).await, ["by_phone", "by_topic"]);
    assert_eq!(used(&plain).await, ["contact_by_email", "lead_by_contact_and_form"]);
    for strategy in [&phone, &topic] {
        admin.post(&format!("{}/default", strategy_path(strategy)), Value::Null).await.expect(200);
    }
    assert_eq!(used(&plain).await, ["by_phone", "by_topic"]);
}

#[tokio::test]
async fn a_form_names_only_strategies_that_there_are() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    strategy(&admin, "by_topic", "lead", &[&["contact", "topic"]]).await;
    let unknown = json!({"contact_strategy": "by_topic", "lead_strategy": "nothing"});
    let pointers = ["/contact_strategy", "/lead_strategy"];
    admin.post("/v1/forms", bodies::with(wide_form(), unknown)).await.expect_invalid(&pointers);
    let stranger = app.other_workspace().admin().await;
    let foreign = bodies::with(wide_form(), json!({"lead_strategy": "by_topic"}));
    stranger.post("/v1/forms", foreign).await.expect_invalid(&["/lead_strategy"]);
}

#[tokio::test]
async fn a_form_that_never_sends_what_its_strategy_compares_does_not_go_live() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let phone = json!({"fields": only(&[("last", "contact.last_name"), ("phone", "contact.phone")])});
    let draft = admin.post("/v1/forms", bodies::with(wide_form(), phone.clone())).await.expect(201);
    let publish_path = format!("{}/publish", form_path(&draft));
    let refused = admin.post(&publish_path, Value::Null).await.expect_invalid(&["/contact_strategy"]);
    assert!(refused["detail"].as_str().unwrap().contains("contact_by_email"), "{refused}");

    strategy(&admin, "by_phone", "contact", &[&["external_id"], &["phone", "~last_name"]]).await;
    strategy(&admin, "by_campaign", "lead", &[&["contact", "campaign"]]).await;
    let naming = json!({"contact_strategy": "by_phone", "lead_strategy": "by_campaign"});
    admin.patch_version(&form_path(&draft), 1, naming).await.expect(200);
    admin.post(&publish_path, Value::Null).await.expect_invalid(&["/lead_strategy"]);
    admin.patch_version(&form_path(&draft), 2, json!({"campaign": "spring"})).await.expect(200);
    admin.post(&publish_path, Value::Null).await.expect(200);

    for (changes, pointer) in [
        (json!({"campaign": null}), "/lead_strategy"),
        (json!({"contact_strategy": null}), "/contact_strategy"),
        (json!({"fields": only(&[("phone", "contact.phone")])}), "/contact_strategy"),
    ] {
        admin.patch_version(&form_path(&draft), 4, changes).await.expect_invalid(&[pointer]);
    }
    admin.patch_version(&form_path(&draft), 4, json!({"campaign": null, "always_create_lead": true})).await.expect(200);
}

#[tokio::test]
async fn a_form_is_held_only_to_strategies_for_what_it_writes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let phone = only(&[("phone", "contact.phone")]);
    publish(&admin, json!({"fields": phone, "writes": "none"})).await;
    let lead = bodies::with(wide_form(), json!({"fields": phone, "writes": "lead"}));
    let draft = admin.post("/v1/forms", lead).await.expect(201);
    admin.post(&format!("{}/publish", form_path(&draft)), Value::Null).await.expect_invalid(&["/lead_strategy"]);
    strategy(&admin, "lead_by_phone", "lead", &[&["phone"]]).await;
    publish(&admin, json!({"fields": phone, "writes": "lead", "lead_strategy": "lead_by_phone"})).await;
}

#[tokio::test]
async fn a_strategy_whose_fields_a_live_form_lacks_is_refused_with_that_form_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = strategy_path(&strategy(&admin, "mine", "contact", &[&["phone"], &["email"]]).await);
    let email = only(&[("email", "contact.email")]);
    let named = publish(&admin, json!({"name": "White paper", "fields": email, "contact_strategy": "mine"})).await;
    let plain = publish(&admin, json!({"name": "Newsletter", "fields": email})).await;
    publish(&admin, json!({"name": "Both"})).await;
    let of_form = |answer: Value, forms: &[&Value], others: &[&str]| {
        let detail = answer["errors"][0]["detail"].as_str().unwrap().to_owned();
        for form in forms {
            assert!(detail.contains(form["name"].as_str().unwrap()) && detail.contains(&bodies::id(form)), "{detail}");
        }
        assert!(others.iter().all(|other| !detail.contains(other)), "{detail}");
    };
    let only_phone = json!({"alternatives": alternatives(&[&["phone"]])});
    let refused = admin.patch_version(&path, 1, only_phone.clone()).await.expect_invalid(&["/alternatives"]);
    of_form(refused, &[&named], &["Newsletter", "Both"]);
    assert_eq!(admin.get(&path).await.expect(200)["version"], 1);

    let phone = strategy(&admin, "phone", "contact", &[&["phone"]]).await;
    let default = format!("{}/default", strategy_path(&phone));
    let refused = admin.post(&default, Value::Null).await.expect_invalid(&["/alternatives"]);
    of_form(refused, &[&plain], &["White paper", "Both"]);
    let at_once = bodies::with(new_strategy("other", "contact", &[&["phone"]]), json!({"is_default": true}));
    let refused = admin.post(STRATEGIES, at_once).await.expect_invalid(&["/alternatives"]);
    of_form(refused, &[&plain], &["White paper", "Both"]);
    assert_eq!(admin.get(STRATEGIES).await.expect(200)["data"].as_array().unwrap().len(), 4);

    for form in [&named, &plain] {
        admin.post(&format!("{}/stop", form_path(form)), Value::Null).await.expect(200);
    }
    admin.patch_version(&path, 1, only_phone).await.expect(200);
    admin.post(&default, Value::Null).await.expect(200);
    for (form, pointer) in [(&named, "/contact_strategy"), (&plain, "/contact_strategy")] {
        admin.post(&format!("{}/publish", form_path(form)), Value::Null).await.expect_invalid(&[pointer]);
    }
}

#[tokio::test]
async fn a_strategy_that_a_form_names_is_not_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let path = strategy_path(&strategy(&admin, "mine", "lead", &[&["email"]]).await);
    let draft = bodies::with(wide_form(), json!({"name": "White paper", "lead_strategy": "mine"}));
    let form = admin.post("/v1/forms", draft).await.expect(201);
    let remove = async || admin.request(Method::DELETE, &path).if_version(1).send().await;
    let refused = remove().await.expect_problem(409, "conflict");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("White paper") && detail.contains(&bodies::id(&form)), "{detail}");
    admin.get(&path).await.expect(200);
    admin.request(Method::DELETE, &form_path(&form)).if_version(1).send().await.expect(204);
    remove().await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn forms_and_strategies_that_change_at_once_never_end_up_unsuited() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let (email, phone) = (email_path(&admin).await, strategy(&admin, "phone", "contact", &[&["phone"]]).await);
    let (email, phone) = (format!("{email}/default"), format!("{}/default", strategy_path(&phone)));
    let draft = bodies::with(wide_form(), json!({"fields": only(&[("phone", "contact.phone")])}));
    for _ in 0..8 {
        admin.post(&phone, Value::Null).await.expect(200);
        let form = admin.post("/v1/forms", draft.clone()).await.expect(201);
        let publish_path = format!("{}/publish", form_path(&form));
        let publishing = admin.post(&publish_path, Value::Null);
        let (published, made) = join(publishing, admin.post(&email, Value::Null)).await;
        let both = (published.status(), made.status());
        assert!([(200, 422), (422, 200)].contains(&both), "{both:?}");
        let version = if published.status() == 200 { 2 } else { 1 };
        admin.request(Method::DELETE, &form_path(&form)).if_version(version).send().await.expect(204);
    }
}

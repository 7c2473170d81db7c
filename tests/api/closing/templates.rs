//! Message templates: checked when they are saved, and never read out of what visitors sent.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::entries;
use crate::support::{TestApp, bodies};

const TEMPLATES: &str = "/v1/message-templates";

fn template(key: &str) -> Value {
    json!({"key": key, "subject": "About {{ lead.topic }}", "text": "Dear {{ contact.first_name }}\n"})
}

#[tokio::test]
async fn a_template_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created = admin.post(TEMPLATES, template("bye")).await;
    let made = created.expect(201);
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(admin.get(&path).await.expect(200), made);
    admin.post(TEMPLATES, template("bye")).await.expect_problem(409, "conflict");
    let changed = admin.patch_version(&path, 1, json!({"text": "Hello"})).await.expect(200);
    assert_eq!((&changed["text"], &changed["version"]), (&json!("Hello"), &json!(2)));
    admin.patch_version(&path, 1, json!({"text": "x"})).await.expect_problem(412, "precondition-failed");
    admin.post(TEMPLATES, template("other")).await.expect(201);
    let keys: Vec<Value> =
        entries(&admin, &format!("{TEMPLATES}?sort=key")).await.iter().map(|it| it["key"].clone()).collect();
    assert_eq!(keys, ["bye", "other"]);
    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not-found");
    assert_eq!(admin.get(&format!("{TEMPLATES}?count=true")).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn what_a_template_cannot_be_is_refused_with_the_place() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (changes, pointers) in [
        (json!({"text": "{{ contact.password }}"}), vec!["/text"]),
        (json!({"subject": "{{ secret }}", "text": "{% for x in y %}{% endfor %}"}), vec!["/subject", "/text"]),
        (json!({"text": "{{ 'x' * 100000000 }}"}), vec!["/text"]),
        (json!({"text": "{% if lead.topic %}"}), vec!["/text"]),
        (json!({"text": "{{ lead.topic"}), vec!["/text"]),
        (json!({"subject": "a\nb"}), vec!["/subject"]),
        (json!({"key": "Good Bye"}), vec!["/key"]),
    ] {
        let body = bodies::with(template("bye"), changes.clone());
        admin.post(TEMPLATES, body).await.expect_invalid(&pointers);
    }
    let path = format!("{TEMPLATES}/{}", bodies::id(&admin.post(TEMPLATES, template("bye")).await.expect(201)));
    admin.patch(&path, json!({"text": "{{ nothing }}"})).await.expect_invalid(&["/text"]);
    admin.patch(&path, json!({"text": null})).await.expect_invalid(&["/text"]);
}

#[tokio::test]
async fn templates_are_written_by_those_who_set_up_the_process() {
    let app = TestApp::start().await;
    let seller = app.person(Role::Salesperson).await;
    seller.post(TEMPLATES, template("bye")).await.expect_problem(403, "forbidden");
    app.person(Role::Marketer).await.post(TEMPLATES, template("bye")).await.expect(201);
    assert_eq!(entries(&seller, TEMPLATES).await.len(), 1);
    let path = format!("{TEMPLATES}/{}", bodies::id(&entries(&seller, TEMPLATES).await[0]));
    app.other_workspace().admin().await.get(&path).await.expect_problem(404, "not-found");
}

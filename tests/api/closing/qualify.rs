//! Qualifying: what is created, linked and carried, what is demanded, and that nothing is half-done.

use ripen::auth::scope::Role;
use serde_json::{Value, json};

use super::{close, entries, happened, id_of, of_contact, path, qualify, set, stranger};
use crate::support::{TestApp, bodies};

#[tokio::test]
async fn what_was_captured_becomes_contact_account_and_opportunity() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let answer = qualify(&admin, &lead, json!({"note": "wants an offer"})).await;
    assert_eq!(answer.header("location"), Some(format!("{lead}/closings").as_str()));
    let made = answer.expect(201);
    assert_eq!((&made["lead"]["status"], &made["lead"]["stage"]), (&json!("qualified"), &json!("inquiry")));
    for record in ["contact", "account", "opportunity"] {
        assert_eq!(made[record]["effect"], "created", "{record}");
        let name = format!("{record}_id");
        assert_eq!(made["closing"][name.as_str()], made[record]["id"]);
    }
    let contact = admin.get(&format!("/v1/contacts/{}", bodies::id(&made["contact"]))).await.expect(200);
    assert_eq!((&contact["email"], &contact["marketing_only"]), (&json!("Ann@Example.com"), &json!(false)));
    assert_eq!(contact["account_id"], made["account"]["id"]);
    let opportunity = admin.get(&format!("/v1/opportunities/{}", bodies::id(&made["opportunity"]))).await.expect(200);
    let links = ["name", "lead_id", "contact_id", "account_id"].map(|name| opportunity[name].clone());
    let expected = [json!("Warehouse software"), id_of(&lead), contact["id"].clone(), made["account"]["id"].clone()];
    assert_eq!(links, expected);
    let read = admin.get(&lead).await.expect(200);
    assert_eq!((&read["contact_id"], &read["account_id"]), (&contact["id"], &made["account"]["id"]));
    let closing = &entries(&admin, &format!("{lead}/closings")).await[0];
    let told = ["status", "note", "closed_by", "stage", "reopened_at"].map(|name| closing[name].clone());
    assert_eq!(told, [json!("qualified"), json!("wants an offer"), json!(admin.id()), json!("inquiry"), Value::Null]);
    assert!(happened(&admin, &lead).await.ends_with(&["lead.qualified".to_owned()]));
}

#[tokio::test]
async fn attributes_of_the_lead_fill_blanks_and_overwrite_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::with(bodies::account("contoso oü"), json!({"attributes": {"vip": false}}));
    let account = bodies::id(&admin.post("/v1/accounts", account).await.expect(201));
    let lead = stranger(&admin).await;
    let wish = json!({"opportunity": {"action": "create", "attributes": {"budget": 900}}});
    let made = qualify(&admin, &lead, wish).await.expect(201);
    assert_eq!((&made["account"]["effect"], &made["account"]["id"]), (&json!("linked"), &json!(account)));
    let carried = json!({"contact": ["budget", "vip"], "account": ["budget"], "opportunity": ["vip"]});
    assert_eq!(made["closing"]["carried"], carried);
    for (path, expected) in [
        (format!("/v1/accounts/{account}"), json!({"budget": 500, "vip": false})),
        (format!("/v1/contacts/{}", bodies::id(&made["contact"])), json!({"budget": 500, "vip": true})),
        (format!("/v1/opportunities/{}", bodies::id(&made["opportunity"])), json!({"budget": 900, "vip": true})),
    ] {
        assert_eq!(admin.get(&path).await.expect(200)["attributes"], expected, "{path}");
    }
}

#[tokio::test]
async fn a_known_person_is_found_by_the_default_strategy_and_earned_for_sales() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = bodies::with(bodies::contact("ann@example.com"), json!({"marketing_only": true}));
    let known = bodies::id(&admin.post("/v1/contacts", known).await.expect(201));
    let made = qualify(&admin, &stranger(&admin).await, json!({})).await.expect(201);
    assert_eq!((&made["contact"]["effect"], &made["contact"]["id"]), (&json!("linked"), &json!(known)));
    let decision = made["contact"]["decision_id"].as_str().unwrap();
    admin.get(&format!("/v1/match-decisions/{decision}")).await.expect(200);
    let contact = admin.get(&format!("/v1/contacts/{known}")).await.expect(200);
    assert_eq!((&contact["marketing_only"], &contact["last_name"]), (&json!(false), &json!("Lee")));
}

#[tokio::test]
async fn the_leads_own_records_are_linked_unless_others_are_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let seller = app.person(Role::Salesperson).await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Fabrikam")).await.expect(201));
    let ann = json!({"first_name": "Ann", "email": "ann@x.ee", "marketing_only": true, "account_id": account});
    let (lead, contact) = of_contact(&admin, ann).await;
    admin.patch(&lead, json!({"owner_id": seller.id()})).await.expect(200);
    let made = qualify(&admin, &lead, json!({})).await.expect(201);
    assert_eq!((&made["contact"]["id"], &made["account"]["id"]), (&id_of(&contact), &json!(account)));
    let opportunity = admin.get(&format!("/v1/opportunities/{}", bodies::id(&made["opportunity"]))).await.expect(200);
    assert_eq!(opportunity["owner_id"], json!(seller.id()));

    let (second, _) = of_contact(&admin, bodies::contact("bob@x.ee")).await;
    let deal = json!({"name": "Big deal", "amount": {"amount_minor": 5, "currency": "EUR"}});
    let deal = bodies::id(&admin.post("/v1/opportunities", deal).await.expect(201));
    let wish = json!({
        "contact": {"action": "link", "id": id_of(&contact)}, "account": {"action": "link", "id": account},
        "opportunity": {"action": "link", "id": deal},
    });
    let made = qualify(&admin, &second, wish).await.expect(201);
    assert_eq!((&made["lead"]["contact_id"], &made["lead"]["account_id"]), (&id_of(&contact), &json!(account)));
    let deal = admin.get(&format!("/v1/opportunities/{deal}")).await.expect(200);
    assert_eq!(
        (&deal["lead_id"], &deal["contact_id"], &deal["account_id"]),
        (&id_of(&second), &id_of(&contact), &json!(account))
    );
}

#[tokio::test]
async fn none_leaves_the_records_as_they_are() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ann = bodies::with(bodies::contact("ann@x.ee"), json!({"marketing_only": true}));
    let (lead, contact) = of_contact(&admin, ann).await;
    let none = json!({"action": "none"});
    let made = qualify(&admin, &lead, json!({"contact": none, "account": none, "opportunity": none})).await.expect(201);
    for record in ["contact", "account", "opportunity"] {
        assert_eq!(made[record], Value::Null, "{record}");
    }
    assert_eq!(admin.get(&contact).await.expect(200)["marketing_only"], true);
    assert_eq!(made["lead"]["contact_id"], id_of(&contact));
    assert_eq!(entries(&admin, "/v1/opportunities").await, Vec::<Value>::new());
}

#[tokio::test]
async fn everything_wrong_with_a_qualification_is_listed_and_nothing_is_written() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let foreign = app.other_workspace().admin().await;
    let theirs = bodies::id(&foreign.post("/v1/accounts", bodies::account("Theirs")).await.expect(201));
    let wish = json!({
        "contact": {"action": "create", "email": "no address", "owner_id": theirs},
        "account": {"action": "link", "id": theirs},
        "opportunity": {"action": "create", "name": " ", "owner_id": theirs},
    });
    let expected = ["/contact/email", "/contact/owner_id", "/account/id", "/opportunity/name", "/opportunity/owner_id"];
    qualify(&admin, &lead, wish).await.expect_invalid(&expected);
    let wish = json!({
        "contact": {"action": "link"}, "account": {"action": "none", "id": theirs},
        "opportunity": {"action": "link", "id": theirs, "name": "x"},
    });
    qualify(&admin, &lead, wish).await.expect_invalid(&["/contact/id", "/account/id", "/opportunity/name"]);
    let wish = json!({"contact": {"action": "make"}, "account": {"id": theirs}, "opportunity": {"action": "create", "lead_id": theirs}});
    let refused = qualify(&admin, &lead, wish).await;
    refused.expect_invalid(&["/contact/action", "/account/action", "/opportunity/lead_id"]);
    qualify(&admin, &lead, json!({"reason": "Not a code"})).await.expect_invalid(&["/reason"]);
    for path in ["/v1/contacts", "/v1/accounts", "/v1/opportunities"] {
        assert_eq!(entries(&admin, path).await, Vec::<Value>::new(), "{path}");
    }
    assert_eq!(admin.get(&lead).await.expect(200)["status"], "open");
}

#[tokio::test]
async fn nothing_is_made_of_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let account = bodies::id(&admin.post("/v1/accounts", bodies::account("Fabrikam")).await.expect(201));
    let body = json!({"account_id": account, "campaign": "spring", "source": "web"});
    let lead = path(&admin.post("/v1/leads", body).await.expect(201));
    let wish = json!({"contact": {"action": "create"}});
    qualify(&admin, &lead, wish).await.expect_invalid(&["/contact"]);
    let made = qualify(&admin, &lead, json!({})).await.expect(201);
    assert_eq!((&made["contact"], &made["account"]["id"]), (&Value::Null, &json!(account)));
    let opportunity = admin.get(&format!("/v1/opportunities/{}", bodies::id(&made["opportunity"]))).await.expect(200);
    assert_eq!(opportunity["name"], "spring");
}

#[tokio::test]
async fn fields_that_the_workspace_demands_of_a_customer_are_listed_together() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let fields = ["contact.email", "contact.job_title", "account.tax_id", "contact.attributes.segment"];
    set(&admin, json!({"customer_fields": fields})).await.expect(200);
    let expected = ["/contact/job_title", "/account/tax_id", "/contact/attributes/segment"];
    qualify(&admin, &lead, json!({})).await.expect_invalid(&expected);
    for path in ["/v1/contacts", "/v1/accounts", "/v1/opportunities"] {
        assert_eq!(entries(&admin, path).await, Vec::<Value>::new(), "{path}");
    }
    let wish = json!({
        "contact": {"action": "create", "email": "ann@x.ee", "job_title": "CEO", "attributes": {"segment": "a"}},
        "account": {"action": "create", "name": "Contoso", "tax_id": "EE1"},
    });
    qualify(&admin, &lead, wish).await.expect(201);
}

#[tokio::test]
async fn only_fields_of_contact_and_account_can_be_demanded_and_reasons_are_codes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for field in ["contact.secret", "lead.topic", "email", "interaction.kind"] {
        set(&admin, json!({"customer_fields": [field]})).await.expect_invalid(&["/customer_fields"]);
    }
    set(&admin, json!({"disqualification_reasons": {"Not now": "Not now"}, "loss_reasons": {"price": " "}}))
        .await
        .expect_invalid(&["/disqualification_reasons/Not now", "/loss_reasons/price"]);
    let own = json!({"disqualification_reasons": {"student": "Only studies it", "spam": null}});
    let changed = set(&admin, own).await.expect(200)["disqualification_reasons"].clone();
    assert_eq!((&changed["student"], &changed["spam"]), (&json!("Only studies it"), &Value::Null));
    let restored = set(&admin, json!({"disqualification_reasons": null})).await.expect(200);
    assert_eq!(restored["disqualification_reasons"]["spam"], "Not meant seriously");
}

#[tokio::test]
async fn a_closed_lead_is_not_qualified_and_the_refusal_names_what_came_of_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let made = qualify(&admin, &lead, json!({})).await.expect(201);
    let refused = qualify(&admin, &lead, json!({})).await.expect_problem(409, "conflict");
    let detail = refused["detail"].as_str().unwrap();
    for part in [&bodies::id(&made["contact"]), &bodies::id(&made["opportunity"]), "reopening"] {
        assert!(detail.contains(part), "{detail}");
    }
    let other = stranger(&admin).await;
    close(&admin, &other).await;
    let refused = qualify(&admin, &other, json!({})).await.expect_problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("no_budget"));
}

#[tokio::test]
async fn a_stale_version_qualifies_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let post = |version| {
        admin
            .request(reqwest::Method::POST, &format!("{lead}/qualification"))
            .if_version(version)
            .json(&json!({}))
            .send()
    };
    post(99).await.expect_problem(412, "precondition-failed");
    let version = admin.get(&lead).await.expect(200)["version"].as_i64().unwrap();
    post(version).await.expect(201);
}

#[tokio::test]
async fn making_records_needs_their_scopes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let narrow = app.integration(&["leads:read", "leads:write", "contacts:write", "accounts:write"]).await;
    qualify(&narrow, &lead, json!({})).await.expect_problem(403, "forbidden");
    qualify(&narrow, &lead, json!({"opportunity": {"action": "none"}})).await.expect(201);
    let viewer = app.person(Role::Viewer).await;
    qualify(&viewer, &stranger(&admin).await, json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_lead_of_another_workspace_is_as_unknown_as_none() {
    let app = TestApp::start().await;
    let theirs = stranger(&app.other_workspace().admin().await).await;
    let admin = app.admin().await;
    for (action, body) in [
        ("qualification", json!({})),
        ("disqualification", json!({"reason": "no_budget"})),
        ("reopening", json!({})),
        ("recycling", json!({})),
    ] {
        admin.post(&format!("{theirs}/{action}"), body).await.expect_problem(404, "not-found");
    }
    admin.get(&format!("{theirs}/closings")).await.expect_problem(404, "not-found");
    admin.get(&format!("{theirs}/recycling")).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_qualified_lead_can_be_deleted_and_its_opportunity_stays() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let made = qualify(&admin, &lead, json!({})).await.expect(201);
    admin.delete(&lead).await.expect(204);
    let opportunity = admin.get(&format!("/v1/opportunities/{}", bodies::id(&made["opportunity"]))).await.expect(200);
    assert_eq!((&opportunity["lead_id"], &opportunity["status"]), (&Value::Null, &json!("open")));
}

#[tokio::test]
async fn a_retried_qualification_is_done_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let lead = stranger(&admin).await;
    let post =
        || admin.request(reqwest::Method::POST, &format!("{lead}/qualification")).key("q-1").json(&json!({})).send();
    let first = post().await;
    let again = post().await;
    assert_eq!(first.expect(201), again.expect(201));
    assert_eq!(entries(&admin, "/v1/opportunities").await.len(), 1);
}

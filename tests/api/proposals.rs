//! Values that contradict what is known: proposed by forms, decided by users.

use futures_util::future::join_all;
use reqwest::Method;
use ripen::db::{Conn, Scope, Tx};
use ripen::forms::policy::Contradiction;
use ripen::forms::slot::Slot;
use ripen::id::Id;
use ripen::proposals::{NewProposal, Record};
use serde_json::{Value, json};

use crate::scoring;
use crate::support::{Answer, Person, TestApp, bodies};

/// Every field that the forms of these tests have, and where its value goes.
pub const FIELDS: [(&str, &str); 15] = [
    ("email", "contact.email"),
    ("first_name", "contact.first_name"),
    ("last_name", "contact.last_name"),
    ("phone", "contact.phone"),
    ("job_title", "contact.job_title"),
    ("decision_role", "contact.decision_role"),
    ("line1", "contact.address.line1"),
    ("city", "contact.address.city"),
    ("country", "contact.address.country"),
    ("size", "contact.attributes.size"),
    ("vip", "contact.attributes.vip"),
    ("company", "account.name"),
    ("topic", "lead.topic"),
    ("campaign", "lead.campaign"),
    ("budget", "lead.attributes.budget"),
];

/// A service with someone who makes forms and decides about what they propose.
pub struct Desk {
    pub app: TestApp,
    pub admin: Person,
}

impl Desk {
    pub async fn open() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        Self { app, admin }
    }

    /// A live form with this update policy; the path visitors send it to.
    pub async fn form(&self, policy: &str) -> String {
        let mut fields: Vec<Value> = FIELDS.iter().map(|(name, slot)| json!({"name": name, "maps_to": slot})).collect();
        fields.push(json!({"name": "comment"}));
        let form = json!({
            "name": "White paper", "kind": "landing_page", "source": "landing_page", "duplicate_window_s": 0,
            "update_policy": policy, "fields": fields, "consents": [{"purpose": "marketing"}],
        });
        let form = self.admin.post("/v1/forms", form).await.expect(201);
        self.admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
        format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap())
    }

    /// Sends a form; what became of the submission.
    pub async fn send(&self, form: &str, body: Value) -> Value {
        let id = self.app.visitor().post(form, body).await.expect(202)["submission_id"].clone();
        self.admin.get(&format!("/v1/submissions/{}", id.as_str().unwrap())).await.expect(200)
    }

    pub async fn submit(&self, form: &str, fields: Value) -> Value {
        self.send(form, json!({"fields": fields})).await
    }

    /// What Ann says of herself first.
    async fn ann(&self, form: &str) -> Value {
        self.submit(
            form,
            json!({"email": "ann@example.com", "first_name": "Ann", "company": "Contoso", "topic": "CRM"}),
        )
        .await
    }

    async fn list(&self, query: &str) -> Vec<Value> {
        self.admin.get(&format!("/v1/proposals?{query}")).await.expect(200)["data"].as_array().unwrap().clone()
    }

    /// The only proposal there is for `field`.
    async fn proposal(&self, field: &str) -> Value {
        let found = self.list(&format!("field={field}")).await;
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].clone()
    }

    pub async fn decide(&self, proposal: &Value, decision: &str) -> Answer {
        self.admin.post(&format!("/v1/proposals/{}/{decision}", bodies::id(proposal)), json!({})).await
    }

    pub async fn contact(&self, submission: &Value) -> Value {
        self.admin.get(&format!("/v1/contacts/{}", submission["contact_id"].as_str().unwrap())).await.expect(200)
    }

    pub async fn lead(&self, submission: &Value) -> Value {
        self.admin.get(&format!("/v1/leads/{}", submission["lead_id"].as_str().unwrap())).await.expect(200)
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let page = self.admin.get(&format!("/v1/events?type={kind}")).await.expect(200);
        page["data"].as_array().unwrap().clone()
    }

    /// Works in the database as the service itself.
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> ripen::error::Result<T> + Send + 'static,
    ) -> T {
        let scope = Scope { workspace: self.app.workspace().id, at: self.app.now(), actor: None, cause: None };
        self.app.state.db.write(scope, work).await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        use diesel::connection::SimpleConnection;
        self.write(move |tx| {
            match &mut *tx.conn {
                Conn::Postgres(conn) => conn.batch_execute(sql)?,
                Conn::Sqlite(conn) => conn.batch_execute(sql)?,
            }
            Ok(())
        })
        .await;
    }

    /// Proposes another e-mail address for a contact, as a form that matches by something else does.
    async fn propose_email(&self, contact: &Value, email: &'static str) -> Value {
        let record = Record::Contact(Id::parse(contact["id"].as_str().unwrap()).unwrap());
        let (submission_id, form_id) = (Id::new(self.app.now()), Id::new(self.app.now()));
        let proposal = self.write(move |tx| {
            let (sent, known) = (email.to_owned(), Some("ann@example.com".to_owned()));
            let contradiction = Contradiction { slot: Slot::Email, sent, compared: email.to_lowercase(), known };
            ripen::proposals::open(tx, &NewProposal { record, contradiction, submission_id, form_id })
        });
        json!(proposal.await)
    }
}

#[tokio::test]
async fn a_value_that_contradicts_what_is_known_becomes_a_proposal() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.app.wait_seconds(60);
    let sent = json!({
        "email": "ann@example.com", "first_name": "Anna", "last_name": "Tamm", "company": "Fabrikam", "topic": "ERP",
    });
    let second = desk.submit(&form, sent).await;

    let contact = desk.contact(&first).await;
    assert_eq!((&contact["first_name"], &contact["last_name"]), (&json!("Ann"), &json!("Tamm")));
    let proposal = desk.proposal("contact.first_name").await;
    let shown =
        ["contact_id", "lead_id", "value", "known", "account_id", "submission_id", "form_id", "times", "status"]
            .map(|member| proposal[member].clone());
    let expected = [
        contact["id"].clone(),
        Value::Null,
        json!("Anna"),
        json!("Ann"),
        Value::Null,
        second["id"].clone(),
        second["form_id"].clone(),
        json!(1),
        json!("open"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(proposal["created_at"], json!(desk.app.now()));

    let company = desk.proposal("account.name").await;
    let accounts = desk.admin.get("/v1/accounts?q=fabrikam").await.expect(200);
    assert_eq!((&company["value"], &company["known"]), (&json!("Fabrikam"), &json!("Contoso")));
    assert_eq!((&company["contact_id"], &company["account_id"]), (&contact["id"], &accounts["data"][0]["id"]));
    let topic = desk.proposal("lead.topic").await;
    assert_eq!((&topic["contact_id"], &topic["lead_id"]), (&Value::Null, &first["lead_id"]));

    let conflicts = second["outcome"]["conflicts"].as_array().unwrap();
    let mut named: Vec<&Value> = conflicts.iter().map(|conflict| &conflict["proposal_id"]).collect();
    named.sort_by_key(|id| id.as_str());
    let mut all = [&proposal["id"], &company["id"], &topic["id"]];
    all.sort_by_key(|id| id.as_str());
    assert_eq!(named, all);
    let opened = desk.events("proposal.opened").await;
    assert_eq!(opened.len(), 3);
    assert!(opened.iter().any(|event| event["data"]["proposal"] == proposal && event["contact_id"] == contact["id"]));
}

#[tokio::test]
async fn only_a_form_that_fills_blanks_proposes() {
    let desk = Desk::open().await;
    for policy in ["overwrite", "link_only"] {
        let form = desk.form(policy).await;
        desk.ann(&form).await;
        desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna", "topic": policy})).await;
    }
    assert_eq!(desk.list("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_accepted_proposal_changes_the_contact_as_a_user_does() {
    let desk = Desk::open().await;
    let model = scoring::newcomers();
    scoring::live_model(&desk.admin, model).await;
    let form = desk.form("fill_blanks").await;
    let known = json!({"email": "ann@example.com", "decision_role": "user", "topic": "CRM"});
    let first = desk.submit(&form, known).await;
    let lead = first["lead_id"].as_str().unwrap().to_owned();
    desk.submit(&form, json!({"email": "ann@example.com", "decision_role": "decision_maker"})).await;
    let proposal = desk.proposal("contact.decision_role").await;
    let before = (desk.contact(&first).await, scoring::scores(&desk.admin, &lead).await);
    assert_eq!(scoring::points(&before.1, "decider"), 0);

    desk.app.wait_seconds(60);
    let path = format!("/v1/proposals/{}/accept", bodies::id(&proposal));
    let answer = desk.admin.post(&path, json!({"note": "She told me."})).await;
    assert_eq!(answer.header("etag"), Some("\"v2\""));
    let accepted = answer.expect(200);
    assert_eq!((&accepted["status"], &accepted["note"]), (&json!("accepted"), &json!("She told me.")));
    assert_eq!((&accepted["decided_by"], &accepted["decided_at"]), (&json!(desk.admin.id()), &json!(desk.app.now())));
    let after = (desk.contact(&first).await, scoring::scores(&desk.admin, &lead).await);
    assert_eq!((&after.0["decision_role"], &after.0["version"]), (&json!("decision_maker"), &json!(2)));
    assert_eq!(scoring::points(&after.1, "decider"), 20);
    assert_eq!(desk.events("contact.changed").await[0]["data"]["before"]["decision_role"], "user");
    assert_eq!(desk.events("proposal.accepted").await[0]["data"]["proposal"], accepted);
}

#[tokio::test]
async fn an_accepted_company_moves_the_contact_there() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "company": "Fabrikam"})).await;
    let proposal = desk.proposal("account.name").await;
    desk.decide(&proposal, "accept").await.expect(200);
    assert_eq!(desk.contact(&first).await["account_id"], proposal["account_id"]);

    desk.submit(&form, json!({"email": "ann@example.com", "company": "Northwind"})).await;
    let northwind = desk.list("field=account.name&status=open").await[0].clone();
    let account = format!("/v1/accounts/{}", northwind["account_id"].as_str().unwrap());
    desk.admin.delete(&account).await.expect(204);
    desk.decide(&northwind, "accept").await.expect_problem(409, "conflict");
    assert_eq!(desk.contact(&first).await["account_id"], proposal["account_id"]);
}

#[tokio::test]
async fn an_accepted_proposal_changes_the_lead_unless_it_is_closed() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "topic": "ERP"})).await;
    let proposal = desk.proposal("lead.topic").await;
    desk.decide(&proposal, "accept").await.expect(200);
    assert_eq!(desk.lead(&first).await["topic"], "ERP");
    assert_eq!(desk.events("proposal.accepted").await[0]["lead_id"], first["lead_id"]);

    desk.submit(&form, json!({"email": "ann@example.com", "topic": "Web shop"})).await;
    desk.execute("UPDATE leads SET status = 'disqualified' WHERE form_id IS NOT NULL").await;
    let late = desk.list("field=lead.topic&status=open").await[0].clone();
    desk.decide(&late, "accept").await.expect_problem(409, "conflict");
    assert_eq!(desk.list("status=open").await, [late]);
}

#[tokio::test]
async fn an_address_that_another_contact_has_leaves_the_proposal_open_and_names_the_holder() {
    let desk = Desk::open().await;
    let ann = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let eve = desk.admin.post("/v1/contacts", json!({"email": "eve@example.com"})).await.expect(201);
    let proposal = desk.propose_email(&ann, "Eve@example.com").await;
    let refused = desk.decide(&proposal, "accept").await.expect_problem(409, "duplicate-contact");
    assert_eq!(refused["contact_id"], eve["id"]);
    assert_eq!(desk.proposal("contact.email").await, proposal);

    desk.admin.delete(&format!("/v1/contacts/{}", bodies::id(&eve))).await.expect(204);
    desk.decide(&proposal, "accept").await.expect(200);
    let ann = desk.admin.get(&format!("/v1/contacts/{}", bodies::id(&ann))).await.expect(200);
    assert_eq!(ann["email"], "Eve@example.com");
}

#[tokio::test]
async fn what_waited_for_the_accepted_address_becomes_the_contacts() {
    let desk = Desk::open().await;
    let ann = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let deed = json!({"kind": "email_opened", "occurred_at": "2026-03-01T10:00:00Z", "person": {"email": "a@x.com"}});
    let deed = desk.admin.post("/v1/interactions", deed).await.expect(201);
    assert_eq!(deed["attributed_to"], Value::Null);
    let proposal = desk.propose_email(&ann, "a@x.com").await;
    desk.decide(&proposal, "accept").await.expect(200);
    let deeds = desk.admin.get(&format!("/v1/interactions?contact_id={}", bodies::id(&ann))).await.expect(200);
    assert_eq!(deeds["data"][0]["id"], deed["id"]);
}

#[tokio::test]
async fn a_proposal_that_breaks_a_rule_by_now_stays_open() {
    let desk = Desk::open().await;
    let ann = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let proposal = desk.propose_email(&ann, "not an address").await;
    desk.decide(&proposal, "accept").await.expect_invalid(&["/email"]);
    assert_eq!(desk.proposal("contact.email").await["status"], "open");
}

#[tokio::test]
async fn a_rejected_proposal_changes_nothing_but_itself() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    let (proposal, before) = (desk.proposal("contact.first_name").await, desk.contact(&first).await);
    let path = format!("/v1/proposals/{}/reject", bodies::id(&proposal));
    let rejected = desk.admin.post(&path, json!({"note": "A typing error."})).await.expect(200);
    assert_eq!((&rejected["status"], &rejected["note"]), (&json!("rejected"), &json!("A typing error.")));
    assert_eq!(rejected["decided_by"], json!(desk.admin.id()));
    assert_eq!(desk.contact(&first).await, before);
    assert_eq!(desk.events("proposal.rejected").await[0]["data"]["proposal"], rejected);
}

#[tokio::test]
async fn the_same_value_is_proposed_once_and_counted_until_it_is_decided() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    desk.ann(&form).await;
    for name in ["Anna", " ANNA ", "anna"] {
        desk.app.wait_seconds(60);
        desk.submit(&form, json!({"email": "ann@example.com", "first_name": name})).await;
    }
    let proposal = desk.proposal("contact.first_name").await;
    assert_eq!((&proposal["value"], &proposal["times"]), (&json!("Anna"), &json!(3)));
    assert_eq!(proposal["last_sent_at"], json!(desk.app.now()));
    assert_eq!(desk.events("proposal.opened").await.len(), 1);
    desk.decide(&proposal, "reject").await.expect(200);
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    assert_eq!(desk.list("field=contact.first_name").await.len(), 2);
    assert_eq!(desk.list("field=contact.first_name&status=open").await.len(), 1);
}

#[tokio::test]
async fn sixty_four_submissions_at_once_make_one_proposal_of_one_value() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    desk.ann(&form).await;
    let visitor = desk.app.visitor();
    let send = |k: usize| {
        let fields = json!({"email": "ann@example.com", "first_name": "Anna", "comment": format!("{k}")});
        visitor.post(&form, json!({"fields": fields}))
    };
    for answer in join_all((0..64).map(send)).await {
        answer.expect(202);
    }
    let page = desk.admin.get("/v1/submissions?limit=200&status=processed").await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 65);
    assert_eq!(desk.proposal("contact.first_name").await["times"], 64);
}

#[tokio::test]
async fn accepting_one_value_leaves_the_others_proposed() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    for name in ["Anna", "Anne"] {
        desk.submit(&form, json!({"email": "ann@example.com", "first_name": name})).await;
    }
    let all = desk.list("field=contact.first_name&sort=created_at").await;
    desk.decide(&all[0], "accept").await.expect(200);
    assert_eq!(desk.list("status=open").await, [all[1].clone()]);
    desk.decide(&all[1], "accept").await.expect(200);
    assert_eq!(desk.contact(&first).await["first_name"], "Anne");
}

#[tokio::test]
async fn a_proposal_whose_value_becomes_known_some_other_way_is_superseded() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "size": "5"})).await;
    let sent = json!({"email": "ann@example.com", "first_name": "Anna", "size": "6", "topic": "ERP"});
    desk.submit(&form, sent).await;
    let contact = format!("/v1/contacts/{}", first["contact_id"].as_str().unwrap());
    desk.admin.patch(&contact, json!({"first_name": "Eve"})).await.expect(200);
    assert_eq!(desk.list("status=open").await.len(), 3);
    desk.admin.patch(&contact, json!({"first_name": "anna", "attributes": {"size": 6}})).await.expect(200);
    let lead = format!("/v1/leads/{}", first["lead_id"].as_str().unwrap());
    desk.admin.patch(&lead, json!({"topic": "erp"})).await.expect(200);
    assert_eq!(desk.list("status=superseded").await.len(), 3);
    assert_eq!(desk.events("proposal.superseded").await.len(), 3);
    let proposal = desk.proposal("contact.first_name").await;
    for decision in ["accept", "reject"] {
        desk.decide(&proposal, decision).await.expect_problem(409, "conflict");
    }
}

#[tokio::test]
async fn a_form_that_overwrites_supersedes_what_it_takes() {
    let desk = Desk::open().await;
    let (careful, bold) = (desk.form("fill_blanks").await, desk.form("overwrite").await);
    desk.ann(&careful).await;
    for form in [&careful, &bold] {
        desk.submit(form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    }
    assert_eq!(desk.proposal("contact.first_name").await["status"], "superseded");
}

#[tokio::test]
async fn a_number_stays_a_number_when_another_is_accepted() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let known = json!({"email": "ann@example.com", "attributes": {"size": 50, "vip": true}});
    desk.admin.post("/v1/contacts", known).await.expect(201);
    let first = desk.submit(&form, json!({"email": "ann@example.com", "size": "50.0", "vip": "TRUE"})).await;
    assert_eq!(first["outcome"]["conflicts"], json!([]));
    desk.submit(&form, json!({"email": "ann@example.com", "size": "51", "vip": "false"})).await;
    for field in ["contact.attributes.size", "contact.attributes.vip"] {
        let proposal = desk.proposal(field).await;
        desk.decide(&proposal, "accept").await.expect(200);
    }
    assert_eq!(desk.contact(&first).await["attributes"], json!({"size": 51, "vip": false}));
}

#[tokio::test]
async fn another_spelling_of_what_is_known_is_not_proposed() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let known = json!({
        "email": "Ann@example.com", "first_name": "Ann", "phone": "+372 5551 2345", "line1": "Pärnu mnt 10",
        "city": "Tallinn", "country": "EE", "company": "Contoso OÜ", "topic": "Warehouse software",
    });
    let first = desk.submit(&form, known).await;
    let (contact, lead) = (desk.contact(&first).await, desk.lead(&first).await);
    let again = json!({
        "email": "ANN@EXAMPLE.com.", "first_name": " ann ", "phone": "003725551 2345", "line1": "pärnu  MNT 10",
        "city": "TALLINN", "country": "ee", "company": "contoso oü", "topic": "warehouse  Software",
    });
    let second = desk.submit(&form, again).await;
    assert_eq!(second["outcome"]["conflicts"], json!([]));
    assert_eq!((desk.contact(&first).await, desk.lead(&first).await), (contact, lead));
    assert_eq!(desk.list("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_decision_made_again_is_the_same_and_another_is_refused() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    for (decision, other) in [("accept", "reject"), ("reject", "accept")] {
        let email = format!("{decision}@example.com");
        let first = desk.submit(&form, json!({"email": email, "first_name": "Ann"})).await;
        desk.submit(&form, json!({"email": email, "first_name": "Anna"})).await;
        let query = format!("contact_id={}", first["contact_id"].as_str().unwrap());
        let proposal = desk.list(&query).await[0].clone();
        let decided = desk.decide(&proposal, decision).await.expect(200);
        let contact = desk.contact(&first).await;
        desk.app.wait_seconds(60);
        assert_eq!(desk.decide(&proposal, decision).await.expect(200), decided);
        desk.decide(&proposal, other).await.expect_problem(409, "conflict");
        assert_eq!(desk.contact(&first).await, contact);
        assert_eq!(desk.list(&query).await, [decided]);
    }
}

#[tokio::test]
async fn of_many_who_decide_at_once_all_hear_of_one_outcome() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    let proposal = desk.proposal("contact.first_name").await;
    let decide = |k: usize| desk.decide(&proposal, ["accept", "reject"][k % 2]);
    let answers = join_all((0..64).map(decide)).await;
    let outcome = desk.proposal("contact.first_name").await;
    let (verdict, name) = match outcome["status"].as_str() {
        Some("accepted") => (0, "Anna"),
        Some("rejected") => (1, "Ann"),
        other => panic!("{other:?}"),
    };
    for (k, answer) in answers.iter().enumerate() {
        if k % 2 == verdict {
            assert_eq!(answer.expect(200), outcome);
        } else {
            answer.expect_problem(409, "conflict");
        }
    }
    let contact = desk.contact(&first).await;
    assert_eq!((&contact["first_name"], &contact["version"]), (&json!(name), &json!(2 - verdict)));
    let told = desk.events("proposal.accepted").await.len() + desk.events("proposal.rejected").await.len();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn submissions_and_decisions_at_once_get_along() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Name 0", "topic": "Topic 0"})).await;
    let worker = async |number: usize| {
        for turn in 0..6 {
            let k = number * 7 + turn;
            if k.is_multiple_of(2) {
                let fields = json!({
                    "email": "ann@example.com", "first_name": format!("Name {}", k % 5), "topic": format!("Topic {}", k % 3),
                });
                desk.app.visitor().post(&form, json!({"fields": fields})).await.expect(202);
            } else if let Some(open) = desk.list("status=open").await.first() {
                let answer = desk.decide(open, ["accept", "reject"][k / 2 % 2]).await;
                assert!([200, 409].contains(&answer.status()), "{}", answer.text());
            }
        }
    };
    join_all((0..8).map(worker)).await;
    let failed = desk.admin.get("/v1/submissions?status=failed").await.expect(200);
    assert_eq!(failed["data"], json!([]));
}

#[tokio::test]
async fn a_decision_may_have_a_note_and_nothing_else() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    let path = format!("/v1/proposals/{}/accept", bodies::id(&desk.proposal("contact.first_name").await));
    desk.admin.post(&path, json!({"value": "Eve"})).await.expect_invalid(&["/value"]);
    desk.admin.post(&path, json!({"note": "x".repeat(2_001)})).await.expect_invalid(&["/note"]);
    desk.admin.post(&path, json!([])).await.expect_invalid(&[""]);
    desk.admin.request(Method::POST, &path).send().await.expect(200);
}

#[tokio::test]
async fn proposals_are_listed_by_state_record_submission_and_field() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    let mut last = Value::Null;
    for name in ["Anna", "Anne", "Anu"] {
        desk.app.wait_seconds(60);
        last = desk.submit(&form, json!({"email": "ann@example.com", "first_name": name, "topic": name})).await;
    }
    let contact = first["contact_id"].as_str().unwrap();
    let named = async |query: &str| {
        let found = desk.list(query).await;
        found.iter().map(|one| format!("{} {}", one["field"], one["value"]).replace('"', "")).collect::<Vec<_>>()
    };
    let names = ["Anna", "Anne", "Anu"].map(|name| format!("contact.first_name {name}"));
    assert_eq!(named(&format!("contact_id={contact}&sort=created_at")).await, names);
    assert_eq!(named(&format!("lead_id={}", first["lead_id"].as_str().unwrap())).await.len(), 3);
    let query = format!("submission_id={}&sort=created_at", last["id"].as_str().unwrap());
    assert_eq!(named(&query).await, ["contact.first_name Anu", "lead.topic Anu"]);
    assert_eq!(named("field=lead.topic&status=open").await.len(), 3);
    assert_eq!(named("status=rejected").await, Vec::<String>::new());
    desk.admin.get("/v1/proposals?status=new").await.expect_bad_parameter("status");

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = desk.admin.get(&format!("/v1/proposals?limit=4&count=true{cursor}")).await.expect(200);
        assert_eq!(page["total"], 6);
        seen.extend(page["data"].as_array().unwrap().iter().map(bodies::id));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, desk.list("").await.iter().map(bodies::id).collect::<Vec<_>>());
}

#[tokio::test]
async fn to_another_workspace_a_proposal_does_not_exist() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna"})).await;
    let proposal = desk.proposal("contact.first_name").await;
    let stranger = desk.app.other_workspace().admin().await;
    let path = format!("/v1/proposals/{}", bodies::id(&proposal));
    stranger.get(&path).await.expect_problem(404, "not-found");
    for decision in ["accept", "reject"] {
        stranger.post(&format!("{path}/{decision}"), json!({})).await.expect_problem(404, "not-found");
    }
    assert_eq!(stranger.get("/v1/proposals").await.expect(200)["data"], json!([]));
    assert_eq!(desk.admin.get(&path).await.expect(200), proposal);
}

#[tokio::test]
async fn who_may_see_only_contacts_or_only_leads_sees_no_proposals() {
    let desk = Desk::open().await;
    let ann = desk.admin.post("/v1/contacts", json!({"email": "ann@example.com"})).await.expect(201);
    let proposal = desk.propose_email(&ann, "anna@example.com").await;
    let path = format!("/v1/proposals/{}", bodies::id(&proposal));
    for scopes in [["contacts:read", "contacts:write"], ["leads:read", "leads:write"]] {
        let program = desk.app.integration(&scopes).await;
        program.get("/v1/proposals").await.expect_problem(403, "forbidden");
        program.get(&path).await.expect_problem(403, "forbidden");
        program.post(&format!("{path}/accept"), json!({})).await.expect_problem(403, "forbidden");
        program.post(&format!("{path}/reject"), json!({})).await.expect_problem(403, "forbidden");
    }
    let reader = desk.app.integration(&["contacts:read", "leads:read"]).await;
    assert_eq!(reader.get(&path).await.expect(200), proposal);
    reader.post(&format!("{path}/accept"), json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_proposal_goes_with_its_record() {
    let desk = Desk::open().await;
    let form = desk.form("fill_blanks").await;
    let first = desk.ann(&form).await;
    desk.submit(&form, json!({"email": "ann@example.com", "first_name": "Anna", "topic": "ERP"})).await;
    let topic = desk.proposal("lead.topic").await;
    desk.admin.delete(&format!("/v1/leads/{}", first["lead_id"].as_str().unwrap())).await.expect(204);
    desk.admin.get(&format!("/v1/proposals/{}", bodies::id(&topic))).await.expect_problem(404, "not-found");
    desk.decide(&topic, "accept").await.expect_problem(404, "not-found");
    let left = desk.proposal("contact.first_name").await;
    assert_eq!(desk.list("").await, [left]);

    desk.execute("DELETE FROM interactions WHERE kind = 'form_submitted'").await;
    desk.admin.delete(&format!("/v1/contacts/{}", first["contact_id"].as_str().unwrap())).await.expect(204);
    assert_eq!(desk.list("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_company_that_contradicts_a_contacts_says_nothing_of_the_lead() {
    let desk = Desk::open().await;
    for policy in ["fill_blanks", "link_only"] {
        let (first, other) = (desk.form(policy).await, desk.form(policy).await);
        let email = format!("{policy}@example.com").replace('_', "-");
        let known = desk.submit(&first, json!({"email": email, "company": "Contoso"})).await;
        let new = desk.submit(&other, json!({"email": email, "company": "Fabrikam"})).await;
        assert_eq!(new["contact_id"], known["contact_id"]);
        assert_ne!(new["lead_id"], known["lead_id"]);
        assert_eq!(desk.lead(&new).await["account_id"], Value::Null, "{policy}");
    }
}

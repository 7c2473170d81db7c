//! What visitors send: the door, the three bodies, once only, and what becomes of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Options, Person, Request, TestApp, bodies};

mod again;
mod becomes;
mod consents;
mod door;
mod kept;
mod once;
mod together;

pub const PAGE: &str = "https://www.example.com";

/// A form with a field of each sort.
pub fn form() -> Value {
    json!({
        "name": "White paper", "kind": "landing_page", "source": "landing_page", "campaign": "spring-2026",
        "fields": [
            {"name": "email", "required": true, "maps_to": "contact.email"},
            {"name": "first_name", "maps_to": "contact.first_name"},
            {"name": "phone", "maps_to": "contact.phone"},
            {"name": "city", "maps_to": "contact.address.city"},
            {"name": "role", "maps_to": "contact.attributes.role"},
            {"name": "company", "maps_to": "account.name"},
            {"name": "topic", "maps_to": "lead.topic"},
            {"name": "budget", "maps_to": "lead.attributes.budget"},
            {"name": "size"},
            {"name": "question", "multi_line": true},
        ],
        "consents": [{"purpose": "marketing", "text_version": "2026-03"}],
        "allowed_origins": [PAGE],
    })
}

/// A service with one live form, and someone who looks at what became of its submissions.
pub struct Site {
    pub app: TestApp,
    pub admin: Person,
    pub form: Value,
}

/// A live form with `changes`.
async fn live(admin: &Person, changes: Value) -> Value {
    let form = admin.post("/v1/forms", bodies::with(form(), changes)).await.expect(201);
    admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200)
}

impl Site {
    pub async fn open() -> Self {
        Self::with(json!({})).await
    }

    pub async fn with(changes: Value) -> Self {
        Self::set_up(Options::default(), changes).await
    }

    /// With a service set up as `options` say.
    pub async fn set_up(options: Options, changes: Value) -> Self {
        let app = TestApp::start_with(options).await;
        let admin = app.admin().await;
        let form = live(&admin, changes).await;
        Self { app, admin, form }
    }

    /// Goes on with another form than before.
    pub async fn turn_to(&mut self, changes: Value) {
        self.form = live(&self.admin, changes).await;
    }

    pub fn path(&self) -> String {
        format!("/v1/public/forms/{}/submissions", self.form["key"].as_str().unwrap())
    }

    pub fn request(&self) -> Request {
        self.app.visitor().request(Method::POST, &self.path())
    }

    pub async fn send(&self, body: Value) -> Answer {
        self.app.visitor().post(&self.path(), body).await
    }

    /// Sends these fields; gives the submission's id.
    pub async fn submit(&self, fields: Value) -> String {
        let answer = self.send(json!({"fields": fields})).await.expect(202);
        assert_eq!(answer["status"], "accepted");
        answer["submission_id"].as_str().unwrap().to_owned()
    }

    /// What became of a submission.
    pub async fn became(&self, id: &str) -> Value {
        self.admin.get(&format!("/v1/submissions/{id}")).await.expect(200)
    }

    pub async fn list(&self, path: &str) -> Vec<Value> {
        self.admin.get(path).await.expect(200)["data"].as_array().unwrap().clone()
    }

    pub async fn count(&self, path: &str) -> usize {
        self.list(path).await.len()
    }

    /// How many contacts, leads, interactions and submissions there are.
    pub async fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (place, kind) in ["contacts", "leads", "interactions", "submissions"].iter().enumerate() {
            counts[place] = self.count(&format!("/v1/{kind}?limit=200")).await;
        }
        counts
    }

    pub async fn contact(&self) -> Value {
        let contacts = self.list("/v1/contacts").await;
        assert_eq!(contacts.len(), 1, "{contacts:?}");
        contacts[0].clone()
    }

    pub async fn lead(&self) -> Value {
        let leads = self.list("/v1/leads").await;
        assert_eq!(leads.len(), 1, "{leads:?}");
        leads[0].clone()
    }
}

/// Sends these bodies at once; gives the ids that were answered.
pub async fn at_once(site: &Site, bodies: Vec<Value>) -> Vec<String> {
    let visitor = site.app.visitor();
    let mut sending = tokio::task::JoinSet::new();
    for body in bodies {
        let (visitor, path) = (visitor.clone(), site.path());
        sending.spawn(async move {
            visitor.post(&path, body).await.expect(202)["submission_id"].as_str().unwrap().to_owned()
        });
    }
    let mut ids = sending.join_all().await;
    ids.sort();
    ids
}

/// What the service itself writes with.
pub fn scope(site: &Site) -> ripen::db::Scope {
    ripen::db::Scope { workspace: site.app.workspace().id, at: site.app.now(), actor: None, cause: None }
}

/// Carries out statements.
pub fn execute(tx: &mut ripen::db::Tx<'_>, sql: &str) -> ripen::error::Result<()> {
    use diesel::connection::SimpleConnection;
    match &mut *tx.conn {
        ripen::db::Conn::Postgres(conn) => conn.batch_execute(sql)?,
        ripen::db::Conn::Sqlite(conn) => conn.batch_execute(sql)?,
    }
    Ok(())
}

/// Makes every new row of `table` for which `condition` holds a fault.
pub async fn break_inserts(site: &Site, table: &'static str, condition: &'static str) {
    break_inserts_with(site, table, condition, "broken").await;
}

/// The same with a fault that says `message`.
pub async fn break_inserts_with(site: &Site, table: &'static str, condition: &'static str, message: &'static str) {
    let breaking = move |tx: &mut ripen::db::Tx<'_>| {
        let sql = match &*tx.conn {
            ripen::db::Conn::Postgres(_) => format!(
                "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{message}'; END $$ LANGUAGE plpgsql; \
                 CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION broken();"
            ),
            ripen::db::Conn::Sqlite(_) => format!(
                "CREATE TRIGGER broken BEFORE INSERT ON {table} WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, '{message}'); END;"
            ),
        };
        execute(tx, &sql)
    };
    site.app.state.db.write(scope(site), breaking).await.unwrap();
}

/// Undoes [`break_inserts`].
pub async fn mend_inserts(site: &Site, table: &'static str) {
    let mending = move |tx: &mut ripen::db::Tx<'_>| {
        let sql = match &*tx.conn {
            ripen::db::Conn::Postgres(_) => format!("DROP TRIGGER broken ON {table}"),
            ripen::db::Conn::Sqlite(_) => "DROP TRIGGER broken".to_owned(),
        };
        execute(tx, &sql)
    };
    site.app.state.db.write(scope(site), mending).await.unwrap();
}

/// A model that values submissions and buyers.
pub fn model() -> Value {
    json!({
        "name": "Interest", "target": "contact", "sales_ready_score": 100, "groups": [],
        "rules": [
            {"key": "forms", "points": 30, "when": [{"interaction": "form_submitted", "frequency": "each"}]},
            {"key": "buyer", "points": 20, "when": [{"field": "contact.attributes.role", "op": "eq", "value": "buyer"}]},
        ],
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}],
    })
}

//! Who takes a lead: rules that give leads out, people who take and give them, and leads that wait.

use diesel::connection::SimpleConnection;
use ripen::auth::scope::Role;
use ripen::db::{Conn, Scope, Tx};
use serde_json::{Value, json};

use crate::scoring;
use crate::support::{Person, TestApp, bodies};

mod by_hand;
mod dry_run;
mod merges;
mod modes;
mod one_lead;
mod queue;
mod races;
mod rules;

/// A workspace whose leads become ready for sales by one meeting.
pub struct Sales {
    pub app: TestApp,
    pub admin: Person,
}

/// A model by which a meeting makes a lead ready, and a download makes it warm.
pub fn meetings() -> Value {
    json!({
        "name": "Meetings", "target": "contact", "sales_ready_score": 100,
        "rules": [
            {"key": "meeting", "points": 100, "when": [{"interaction": "meeting", "frequency": {"at_least": 1}}]},
            {"key": "decider", "points": 40,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
        ],
        "groups": [], "floor": 0, "residual": 1,
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}]
    })
}

impl Sales {
    pub async fn open() -> Self {
        Self::of(TestApp::start().await).await
    }

    pub async fn of(app: TestApp) -> Self {
        let admin = app.admin().await;
        scoring::live_model(&admin, meetings()).await;
        Self { app, admin }
    }

    /// A user who sells, of whom this is known beside; their id.
    pub async fn seller(&self, known: Value) -> String {
        seller(&self.admin, known).await
    }

    /// Changes a user.
    pub async fn change_user(&self, id: &str, change: Value) {
        let path = format!("/v1/users/{id}");
        let version = self.admin.get(&path).await.expect(200)["version"].as_i64().unwrap();
        self.admin.patch_version(&path, version, change).await.expect(200);
    }

    /// A rule; its id.
    pub async fn rule(&self, rule: Value) -> String {
        let rule = bodies::with(json!({"name": "Rule", "mode": "round_robin"}), rule);
        bodies::id(&self.admin.post("/v1/assignment-rules", rule).await.expect(201))
    }

    /// A contact; its id.
    pub async fn contact(&self, known: Value) -> String {
        contact(&self.admin, known).await
    }

    /// A lead of a new contact; the lead.
    pub async fn lead(&self, known: Value) -> Value {
        let contact = self.contact(json!({})).await;
        self.lead_of(&contact, known).await
    }

    /// A lead of this contact; the lead.
    pub async fn lead_of(&self, contact: &str, known: Value) -> Value {
        let lead = bodies::with(json!({"contact_id": contact, "topic": "Fleet", "source": "web"}), known);
        self.admin.post("/v1/leads", lead).await.expect(201)
    }

    /// A lead that has become ready for sales; the lead as it is then.
    pub async fn ready_lead(&self, known: Value) -> Value {
        let lead = self.lead(known).await;
        self.meet(&lead).await;
        self.read(&lead).await
    }

    /// Somebody meets the lead's contact.
    pub async fn meet(&self, lead: &Value) {
        let meeting = json!({"kind": "meeting", "occurred_at": self.app.now(), "contact_id": lead["contact_id"]});
        self.admin.post("/v1/interactions", meeting).await.expect(201);
    }

    /// The lead as it is now.
    pub async fn read(&self, lead: &Value) -> Value {
        self.admin.get(&format!("/v1/leads/{}", bodies::id(lead))).await.expect(200)
    }

    /// Who works the lead now.
    pub async fn owner(&self, lead: &Value) -> Value {
        self.read(lead).await["owner_id"].clone()
    }

    /// The history of the lead's owners, newest first.
    pub async fn history(&self, lead: &Value) -> Vec<Value> {
        records(&self.admin, &format!("/v1/leads/{}/assignment", bodies::id(lead))).await
    }

    /// The leads that wait, those first that have waited longest.
    pub async fn queue(&self) -> Vec<Value> {
        records(&self.admin, "/v1/assignment-queue").await
    }

    /// The facts of this kind, oldest first.
    pub async fn facts(&self, kind: &str) -> Vec<Value> {
        let all = records(&self.admin, "/v1/events?sort=at&limit=200").await;
        all.into_iter().filter(|fact| fact["type"] == kind).collect()
    }

    /// Closes all leads, as they end one day.
    pub async fn close_leads(&self) {
        const CLOSING: &str = "UPDATE leads SET status = 'disqualified'";
        let scope = Scope { workspace: self.app.workspace().id, at: self.app.now(), actor: None, cause: None };
        let closing = |tx: &mut Tx<'_>| {
            match &mut *tx.conn {
                Conn::Postgres(conn) => conn.batch_execute(CLOSING)?,
                Conn::Sqlite(conn) => conn.batch_execute(CLOSING)?,
            }
            Ok(())
        };
        self.app.state.db.write(scope, closing).await.unwrap();
    }

    /// Waits until the sweeper has given the lead to `owner`.
    pub async fn until_owned(&self, lead: &Value, owner: &str) {
        for _ in 0..400 {
            if self.owner(lead).await == owner {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{owner} does not get {lead}; waiting are {:#?}", self.queue().await);
    }
}

/// The records on the first page of `path`.
pub async fn records(person: &Person, path: &str) -> Vec<Value> {
    person.get(path).await.expect(200)["data"].as_array().unwrap().clone()
}

/// A new user who sells; their id.
pub async fn seller(admin: &Person, known: Value) -> String {
    let email = format!("{}@sales.example", uuid::Uuid::new_v4().simple());
    let user = bodies::with(json!({"name": "Seller", "email": email, "role": Role::Salesperson}), known);
    bodies::id(&admin.post("/v1/users", user).await.expect(201))
}

/// A new contact; its id.
pub async fn contact(admin: &Person, known: Value) -> String {
    let email = format!("{}@example.com", uuid::Uuid::new_v4().simple());
    bodies::id(&admin.post("/v1/contacts", bodies::with(bodies::contact(&email), known)).await.expect(201))
}

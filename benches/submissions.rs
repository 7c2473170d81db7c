//! What a submission costs when there are many contacts: the same form posted to two services in turn, one that knows
//! 10,000 contacts and one that knows 1,000,000, each contact with a lead. Prints medians and their ratio.
//!
//!     cargo bench --bench submissions                                   # SQLite
//!     TEST_DATABASE_URL=postgres://… cargo bench --bench submissions    # PostgreSQL

#[path = "../tests/api/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use serde_json::{Value, json};

use support::{Person, TestApp, bodies};

/// Contacts that the two services know.
const CONTACTS: [u32; 2] = [10_000, 1_000_000];
/// Submissions of each kind to each service, after some that are not counted.
const ROUNDS: usize = 500;
const WARM_UP: usize = 50;

/// A service that knows many contacts, and the form that is posted to it.
struct Site {
    app: TestApp,
    visitor: Person,
    form: String,
    contacts: u32,
}

impl Site {
    async fn new(contacts: u32) -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let form = json!({
            "name": "White paper", "kind": "landing_page", "source": "landing_page",
            "fields": [
                {"name": "email", "required": true, "maps_to": "contact.email"},
                {"name": "name", "maps_to": "contact.first_name"},
                {"name": "question", "multi_line": true},
            ],
        });
        let form = admin.post("/v1/forms", form).await.expect(201);
        admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), Value::Null).await.expect(200);
        let when = json!([{"interaction": "form_submitted", "frequency": "each", "within_days": 30}]);
        let model = json!({"name": "M", "target": "contact", "rules": [{"key": "forms", "points": 10, "when": when}]});
        let model = admin.post("/v1/scoring-models", model).await.expect(201);
        admin
            .finished(admin.post(&format!("/v1/scoring-models/{}/publish", bodies::id(&model)), json!({})).await)
            .await;
        let form = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
        // Only now: publishing scores every lead there is.
        seed(&app, contacts);
        Self { visitor: app.visitor(), app, form, contacts }
    }

    /// How long one submission takes.
    async fn submit(&self, email: String, round: usize) -> Duration {
        let fields = json!({"email": email, "name": "Ann", "question": format!("{round}?")});
        let begun = Instant::now();
        self.visitor.post(&self.form, json!({"fields": fields})).await.expect(202);
        begun.elapsed()
    }

    /// Of somebody nobody knows.
    async fn stranger(&self, round: usize) -> Duration {
        self.submit(format!("stranger-{round}@example.com"), round).await
    }

    /// Of one of the many, another each time.
    async fn acquaintance(&self, round: usize) -> Duration {
        let person = (round as u64 * 7_919_993 % u64::from(self.contacts)) + 1;
        self.submit(format!("person-{person}@example.com"), round).await
    }
}

/// Puts contacts into the database, each with an open lead.
fn seed(app: &TestApp, contacts: u32) {
    let workspace = app.workspace().id.to_string();
    match app.database().url().strip_prefix("sqlite://") {
        Some(path) => {
            let workspace = format!("unhex('{}')", workspace.replace('-', ""));
            let id = |kind: &str| format!("unhex('{kind}' || printf('%012x', k))");
            let numbers =
                format!("WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {contacts})");
            let sql = statements(&workspace, &id("00000000000070008001"), &id("00000000000070008002"), "n");
            let sql = sql.map(|(insert, select)| format!("{insert} {numbers} {select};")).concat();
            let mut conn = SqliteConnection::establish(path).unwrap();
            conn.batch_execute(&format!("BEGIN; {sql} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")).unwrap();
        }
        None => {
            let id = |kind: &str| format!("('00000000-0000-7000-{kind}-' || lpad(to_hex(k), 12, '0'))::uuid");
            let numbers = format!("generate_series(1, {contacts}) AS n(k)");
            let sql = statements(&format!("'{workspace}'::uuid"), &id("8001"), &id("8002"), &numbers);
            let sql = sql.map(|(insert, select)| format!("{insert} {select};")).concat();
            let mut conn = PgConnection::establish(app.database().url()).unwrap();
            conn.batch_execute(&format!("{sql} ANALYZE contacts; ANALYZE leads;")).unwrap();
        }
    }
}

/// The two inserts, each as its beginning and its select.
fn statements(workspace: &str, contact: &str, lead: &str, numbers: &str) -> [(String, String); 2] {
    const AT: &str = "'2026-01-05T10:00:00.000000Z'";
    let email = "'person-' || k || '@example.com'";
    let contacts = "INSERT INTO contacts (workspace_id, id, first_name, search_key, email, email_key, address, \
        marketing_only, consents, attributes, created_at, updated_at)";
    let leads = "INSERT INTO leads (workspace_id, id, topic, contact_id, captured, email_key, source, channel_class, \
        utm, status, process, stage, stage_since, flags, score, attributes, search_key, created_at, updated_at)";
    let (no, at) = if numbers == "n" { ("0", AT.to_owned()) } else { ("false", format!("{AT}::timestamptz")) };
    let empty = if numbers == "n" { "'{}'" } else { "'{}'::jsonb" };
    [
        (
            contacts.to_owned(),
            format!(
                "SELECT {workspace}, {contact}, 'Person', 'person ' || k, {email}, {email}, {empty}, {no}, {empty}, \
                 {empty}, {at}, {at} FROM {numbers}"
            ),
        ),
        (
            leads.to_owned(),
            format!(
                "SELECT {workspace}, {lead}, 'Software', {contact}, {empty}, {email}, 'web', 'net', {empty}, 'open', \
                 'lead_to_opportunity_marketing', 'inquiry', {at}, {empty}, 0, {empty}, 'person ' || k, {at}, {at} \
                 FROM {numbers}"
            ),
        ),
    ]
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

fn show(what: &str, times: [Vec<Duration>; 2]) {
    let [few, many] = times.map(median);
    println!("{what:<16} {few:>10.2} ms {many:>14.2} ms {:>8.2}", many / few);
}

#[tokio::main]
async fn main() {
    let [few, many] = CONTACTS;
    let sites = [Site::new(few).await, Site::new(many).await];
    let (mut strangers, mut acquaintances) = ([vec![], vec![]], [vec![], vec![]]);
    for round in 0..WARM_UP + ROUNDS {
        for (place, site) in sites.iter().enumerate() {
            let (stranger, acquaintance) = (site.stranger(round).await, site.acquaintance(round).await);
            if round >= WARM_UP {
                strangers[place].push(stranger);
                acquaintances[place].push(acquaintance);
            }
        }
    }
    let is_sqlite = sites[0].app.database().url().starts_with("sqlite");
    let database = if is_sqlite { "SQLite" } else { "PostgreSQL" };
    println!("{database}: one submission after another, medians of {ROUNDS}");
    println!("{:<16} {few:>10}    {many:>14}       ratio", "contacts");
    show("new person", strangers);
    show("known person", acquaintances);
}

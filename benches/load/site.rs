//! A service with people, their leads and what they did, on a database of its own.
//!
//! A few people come in as people do: through the form and the API, and the service matches and scores them. Then
//! `growth` makes of them as many as are asked for, set by set, so that every tally and every row of the ledger is what
//! the service itself wrote for a history like it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use ripen::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::{Database, Kind};
use crate::definitions::{self, KINDS};
use crate::growth;
use crate::pressure::{Load, Write};
use crate::service::Service;
use crate::settings::Settings;

/// People who come in as people do. Each stands for every eighth of the others.
pub const SAMPLES: u64 = 8;

/// How large a site is.
#[derive(Clone, Copy)]
pub struct Size {
    /// People, each with two open leads; beside the samples.
    pub contacts: u64,
    /// What each of them did before.
    pub past: usize,
    pub models: usize,
}

pub struct Site {
    pub program: PathBuf,
    pub database: Database,
    /// As it was before anything was measured, for pgbench.
    pub copy: Option<Database>,
    pub folder: TempDir,
    pub service: Service,
    pub size: Size,
    pub models: Vec<String>,
    /// The public key of the form.
    pub form: String,
    next: Arc<AtomicU64>,
}

impl Site {
    /// `name` tells it from other sites of this run; `is_copied` when pgbench is to have the like.
    pub async fn new(settings: &Settings, kind: Kind, name: &str, size: Size, is_copied: bool) -> Self {
        let begun = Instant::now();
        let folder = TempDir::with_prefix("ripen-bench-").unwrap();
        let database = match kind {
            Kind::Postgres => Database::create(settings.server(), &format!("bench_{name}")),
            Kind::Sqlite => Database::Sqlite { path: folder.path().join("ripen.db") },
        };
        let program = settings.program.clone();
        let service = Service::start(&program, &database, folder.path()).await;
        let (models, form) = define(&service, size.models).await;
        let mut samples = Vec::new();
        for number in 0..SAMPLES {
            samples.push(sample(&service, number, size.past, &form).await);
        }
        service.stop();
        growth::grow(&database, &samples, size.contacts);
        let copy = (is_copied && kind == Kind::Postgres).then(|| database.copy(&format!("bench_{name}_copy")));
        let service = Service::start(&program, &database, folder.path()).await;
        eprintln!("{}: {} contacts are there after {:.0} s", kind.name(), size.contacts, begun.elapsed().as_secs_f64());
        let next = Arc::new(AtomicU64::new(1));
        Self { program, database, copy, folder, service, size, models, form, next }
    }

    /// Load of one kind on this site.
    pub fn load(&self, write: Write, expected: u16) -> Load {
        Load { port: self.service.port, next: self.next.clone(), write, expected }
    }

    /// Interactions, as an integration tells of them.
    pub fn interactions(&self) -> Load {
        self.load(definitions::interactions(&self.service.token, self.size.contacts), 201)
    }

    /// The least that the service can be asked for, which passes the whole frame around its handlers.
    pub fn nothing(&self) -> Load {
        let request = crate::client::get("/health/live", None);
        self.load(Arc::new(move |_, into| request.clone_into(into)), 200)
    }

    /// Ends the service and takes the data away.
    pub fn close(self) {
        self.service.stop();
        self.database.drop();
        if let Some(copy) = self.copy {
            copy.drop();
        }
    }
}

async fn define(service: &Service, models: usize) -> (Vec<String>, String) {
    let mut ids = Vec::new();
    for number in 0..models {
        let model = service.ask("POST", "/v1/scoring-models", definitions::model(number), 201).await;
        let id = text(&model["id"]);
        publish(service, &id).await;
        ids.push(id);
    }
    let form = service.ask("POST", "/v1/forms", definitions::form(), 201).await;
    service.ask("POST", &format!("/v1/forms/{}/publish", text(&form["id"])), Value::Null, 200).await;
    (ids, text(&form["key"]))
}

/// Makes a model's draft live and waits until all leads are scored by it; gives how long that took.
pub async fn publish(service: &Service, model: &str) -> Duration {
    let begun = Instant::now();
    let job = service.ask("POST", &format!("/v1/scoring-models/{model}/publish"), json!({}), 202).await;
    service.job(&text(&job["id"])).await;
    begun.elapsed()
}

/// Somebody who comes in by the form, asks for something else later, and has done so much since; gives their name.
async fn sample(service: &Service, number: u64, past: usize, form: &str) -> growth::Sample {
    let name = format!("sample-{}", char::from(b'a' + number as u8));
    let fields = json!({"fields": {"email": format!("{name}@example.com"), "name": "Ann", "question": "What is it?"}});
    service.ask("POST", &format!("/v1/public/forms/{form}/submissions"), fields, 202).await;
    let found = service.get(&format!("/v1/contacts?q={name}@example.com")).await;
    let contact = text(&found["data"][0]["id"]);
    let lead = json!({"contact_id": contact, "topic": "Software", "source": "web"});
    service.ask("POST", "/v1/leads", lead, 201).await;
    let now = Clock::system().now();
    // Neither due nor about to be: what time alone changes is not what is measured.
    let done = |place: usize| {
        let at = now.plus_seconds(-86_400 - (place as i64 * 86_400 * 8) / past as i64);
        json!({"kind": KINDS[(place * 3 + number as usize) % KINDS.len()], "occurred_at": at, "contact_id": contact,
            "source": "mailer", "external_id": format!("{name}-{place}")})
    };
    let done: Value = (0..past).map(done).collect();
    service.ask("POST", "/v1/interactions", done, 200).await;
    growth::Sample { contact, name }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

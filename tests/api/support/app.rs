//! A running service: a real server on a free port, a database of its own, a clock that tests move.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use ripen::auth::scope::Role;
use ripen::auth::token::Tokens;
use ripen::clock::{Clock, Timestamp};
use ripen::db::{Db, Scope};
use ripen::http::State;
use ripen::http::idempotency::Terms;
use ripen::http::peer::Proxies;
use ripen::http::rate::Rate;
use ripen::http::throttle::Throttle;
use ripen::id::Id;
use ripen::jobs::{sweeper, worker};
use ripen::mail::Mail;
use ripen::workspaces::{self, NewUser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::database::Database;
use super::people::{Credential, Person, http};

/// The secret that signs the tokens of every test's service.
pub const SECRET: &[u8] = b"a secret only for tests, of more than 32 bytes";
/// When a test's clock starts, unless the test says otherwise.
const START: &str = "2026-03-02T09:00:00Z";
/// The sender of the services' mail.
pub const MAIL_FROM: &str = "Müller & Söhne <hello@ripen.example>";
/// What links in mail begin with.
pub const PUBLIC_URL: &str = "https://ripen.example";
/// How long a mail server may take.
const MAIL_PATIENCE: Duration = Duration::from_millis(1_500);
/// Connections of one service; every test has one, and all share the server's.
const CONNECTIONS: u32 = 5;

/// A service under test, stopped when dropped. Two workspaces are in it, and they know nothing of each other.
pub struct TestApp {
    /// The service's clock. It stands still until a test moves it.
    pub clock: Clock,
    /// What the service's handlers share.
    pub state: web::Data<State>,
    main: Workspace,
    other: Workspace,
    server: Option<Running>,
    database: Database,
}

/// What a test may want otherwise.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the clock starts.
    pub start: Timestamp,
    /// Requests a minute that each caller may send; 0 sets no limit.
    pub rate_limit: u32,
    /// Whether forms keep to their rate limits.
    pub form_rate_limits: bool,
    /// Proxies that are trusted.
    pub trusted_proxies: &'static str,
    /// How long idempotency keys are kept and leases last.
    pub idempotency: Terms,
    /// How many workers do jobs, and how long their leases last.
    pub jobs: worker::Terms,
    /// How often the sweeper looks for what is due; none when time moves nothing by itself.
    pub sweep_every: Option<Duration>,
    /// The mail server, as `RIPEN_SMTP_URL` takes it.
    pub smtp: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: Timestamp::parse(START).unwrap(),
            rate_limit: 0,
            form_rate_limits: false,
            trusted_proxies: "",
            idempotency: Terms { keep_s: 24 * 3600, lease_s: 30 },
            jobs: worker::Terms { workers: 2, lease_s: 60 },
            sweep_every: None,
            smtp: None,
        }
    }
}

impl TestApp {
    /// A service whose clock stands at 2026-03-02T09:00:00Z.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A service whose clock stands at `start`.
    pub async fn start_at(start: Timestamp) -> Self {
        Self::start_with(Options { start, ..Options::default() }).await
    }

    /// A service set up as `options` say.
    pub async fn start_with(options: Options) -> Self {
        let database = Database::new();
        let db = Db::new(&database.address(), CONNECTIONS);
        db.migrate().await.unwrap();
        let (clock, tokens) = (Clock::manual(options.start), Tokens::new(SECRET).unwrap());
        let state = State::new(db, clock.clone(), tokens, Rate::new(options.rate_limit), options.idempotency);
        let mail = options.smtp.as_deref().map(|url| Mail::new(url, MAIL_FROM, PUBLIC_URL).unwrap());
        let mail = mail.map(|mail| mail.with_patience(MAIL_PATIENCE));
        let mut state = state.unwrap().with_mail(mail);
        state.throttle = if options.form_rate_limits { Throttle::on() } else { Throttle::off() };
        state.proxies = Proxies::parse(options.trusted_proxies).unwrap();
        let state = web::Data::new(state);
        let server = Running::start(state.clone(), options.jobs, options.sweep_every);
        let base: Arc<str> = server.base.as_str().into();
        let main = Workspace::create(&state, &base, "acme").await;
        let other = Workspace::create(&state, &base, "globex").await;
        Self { clock, state, main, other, server: Some(server), database }
    }

    /// The present instant of the service.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets `seconds` pass.
    pub fn wait_seconds(&self, seconds: i64) {
        self.clock.set(self.now().plus_seconds(seconds));
    }

    /// Lets `days` pass.
    pub fn wait_days(&self, days: i64) {
        self.clock.set(self.now().plus_days(days));
    }

    /// The workspace that most tests work in.
    pub fn workspace(&self) -> &Workspace {
        &self.main
    }

    /// A second workspace, which must never see anything of the first.
    pub fn other_workspace(&self) -> &Workspace {
        &self.other
    }

    /// The first administrator of the main workspace.
    pub async fn admin(&self) -> Person {
        self.main.admin().await
    }

    /// A new user of the main workspace.
    pub async fn person(&self, role: Role) -> Person {
        self.main.person(role).await
    }

    /// A new client of the main workspace; it gets its tokens from `/oauth/token`.
    pub async fn integration(&self, scopes: &[&str]) -> Person {
        self.main.integration(scopes).await
    }

    /// Someone without a token.
    pub fn visitor(&self) -> Person {
        self.main.caller(Credential::None)
    }

    /// Someone who sends `token`, whatever it is.
    pub fn bearer(&self, token: &str) -> Person {
        self.main.caller(Credential::Fixed(token.to_owned()))
    }

    /// Sends exactly these bytes and reads until the service closes the connection or says nothing for a second.
    pub async fn raw(&self, request: &str) -> String {
        let address = self.base().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The service may answer and close before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let (mut answer, mut chunk) = (Vec::new(), [0; 8192]);
        while let Ok(Ok(length @ 1..)) = timeout(Duration::from_secs(1), stream.read(&mut chunk)).await {
            answer.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Where the service listens: `http://127.0.0.1:<port>`.
    pub fn base(&self) -> &str {
        &self.main.base
    }

    /// The database under the service.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // Before the database goes, so that no connection is left in it.
        drop(self.server.take());
    }
}

/// One tenant of the service, and the way to call it as its people.
#[derive(Clone)]
pub struct Workspace {
    /// Its id.
    pub id: Id,
    /// Its key.
    pub key: &'static str,
    admin: Id,
    base: Arc<str>,
    state: web::Data<State>,
    http: reqwest::Client,
    people: Arc<AtomicU32>,
}

impl Workspace {
    async fn create(state: &web::Data<State>, base: &Arc<str>, key: &'static str) -> Self {
        let email = format!("admin@{key}.example");
        let made = state.db.write(system_scope(state, Id::NIL), move |tx| workspaces::bootstrap(tx, key, &email));
        let (workspace, admin) = made.await.unwrap();
        let http = http();
        Self {
            id: workspace.id,
            key,
            admin: admin.id,
            base: base.clone(),
            state: state.clone(),
            http,
            people: Arc::default(),
        }
    }

    /// The first administrator.
    pub async fn admin(&self) -> Person {
        self.user(self.admin)
    }

    /// A new user.
    pub async fn person(&self, role: Role) -> Person {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let new = NewUser::plain(&format!("{role:?} {number}"), &format!("user-{number}@{}.example", self.key), role);
        let scope = system_scope(&self.state, self.id);
        let user = self.state.db.write(scope, move |tx| workspaces::create_user(tx, &new)).await.unwrap();
        self.user(user.id)
    }

    /// A new client that gets its tokens from `/oauth/token`.
    pub async fn integration(&self, scopes: &[&str]) -> Person {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let scope = system_scope(&self.state, self.id);
        let made = self.state.db.write(scope, move |tx| workspaces::create_client(tx, "Integration", &scopes));
        let (client, secret) = made.await.unwrap();
        let clock = self.state.clock.clone();
        self.caller(Credential::Client { id: client.id, secret, clock, token: Mutex::default() })
    }

    fn user(&self, id: Id) -> Person {
        self.caller(Credential::User { id, workspace: self.id, state: self.state.clone() })
    }

    fn caller(&self, credential: Credential) -> Person {
        Person::new(self.http.clone(), &self.base, credential)
    }
}

fn system_scope(state: &State, workspace: Id) -> Scope {
    Scope { workspace, at: state.clock.now(), actor: None, cause: None }
}

/// The server in a thread of its own, so that it serves whatever the test's runtime is doing.
struct Running {
    base: String,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(state: web::Data<State>, jobs: worker::Terms, sweep_every: Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                worker::start(&state, jobs);
                sweeper::start(&state, sweep_every.map(|every| sweeper::Terms { every, lease_s: jobs.lease_s }));
                let server = ripen::http::serve::start(listener, state, 1).unwrap();
                tell.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { base, handle: told.recv().unwrap(), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Sends the command at once; the future would only wait for it.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

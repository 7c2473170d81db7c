//! The command line: what an operator can ask of the program, and how it ends.
//!
//! It ends with 0 when all went well, with 2 and one line on standard error when a setting is wrong, and with 1 and one
//! line when something else stood in the way.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::{rt, web};
use clap::Parser;

use crate::auth::scope::Role;
use crate::auth::token::PrincipalKind;
use crate::clock::Clock;
use crate::config::{BadSetting, Config, SECRETS_HELP, Settings, socket_address};
use crate::db::{Db, Scope};
use crate::error::Error;
use crate::http::rate::Rate;
use crate::http::throttle::Throttle;
use crate::http::{State, document, serve};
use crate::id::Id;
use crate::jobs::{sweeper, worker};
use crate::scoring::proof;
use crate::{demo, logging, workspaces};

/// How often a database that does not answer at the start is tried.
const TRIES: u32 = 3;
/// How long to wait between two tries; a try itself takes up to three seconds.
const PAUSE: Duration = Duration::from_millis(500);
/// How often idempotency keys that have had their time are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

#[derive(Parser)]
#[command(name = "ripen", version, about = "A headless lead-lifecycle engine", after_help = SECRETS_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Run the service (what happens without a command)
    Serve,
    /// Run the service with a workspace to play with and a landing page that feeds it
    Demo {
        /// Address and port of the landing page
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081", value_parser = socket_address)]
        landing_listen: SocketAddr,
    },
    /// Bring the tables up to date, then end
    Migrate {
        /// Only tell which migrations would run
        #[arg(long)]
        dry_run: bool,
    },
    /// Compute all scores anew and hold them against what is stored and against the ledger
    Verify {
        /// Only this workspace
        #[arg(long, value_name = "KEY")]
        workspace: Option<String>,
    },
    /// Print a token, making workspace and user when they are missing
    Token(TokenWish),
    /// Print the OpenAPI document
    Openapi,
}

#[derive(clap::Args)]
struct TokenWish {
    /// The workspace
    #[arg(long, value_name = "KEY")]
    workspace: String,
    /// What the token may be used for: admin, marketer, teleprospector, salesperson, sales_manager, viewer or integration
    #[arg(long, default_value = "admin", value_parser = role)]
    role: Role,
    /// The user it speaks for: unless said, the first administrator or an address made of role and workspace.
    #[arg(long, help = "The user it speaks for [default: the first administrator, or <role>@<key>.invalid]")]
    email: Option<String>,
    /// Hours that it is good for, 1 to 24
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(i64).range(1..=24))]
    ttl_hours: i64,
}

/// Why the program ends early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// Something else stood in the way.
    #[error("{0}")]
    Other(String),
}

impl From<BadSetting> for Failure {
    fn from(bad: BadSetting) -> Self {
        Self::Setting(bad.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(broken) => {
                let all: Vec<&str> = broken.iter().map(|rule| rule.detail.as_str()).collect();
                Self::Setting(all.join("; "))
            }
            Error::Unavailable(why) => Self::Other(format!("the database cannot be reached: {}", why.trim())),
            other => Self::Other(other.to_string()),
        }
    }
}

/// Does what the command line asks.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refused) if !refused.use_stderr() => {
            let _ = refused.print();
            return ExitCode::SUCCESS;
        }
        Err(refused) => return end(&Failure::Setting(first_paragraph(&refused.to_string()))),
    };
    match carry_out(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure),
    }
}

fn end(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "ripen: {}", logging::one_line(&failure.to_string()));
    match failure {
        Failure::Setting(_) => ExitCode::from(2),
        Failure::Other(_) => ExitCode::FAILURE,
    }
}

/// What clap says first, on one line; the rest is usage, which the help tells better.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "must be admin, marketer, teleprospector, salesperson, sales_manager, viewer or integration".to_owned()
    })
}

fn carry_out(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Serve);
    if matches!(command, Command::Openapi) {
        return print(&document::text());
    }
    let config = cli.settings.check()?;
    logging::start(&config.log);
    rt::System::new().block_on(async move {
        match command {
            Command::Serve => run_service(&config).await,
            Command::Demo { landing_listen } => demo::run(&config, landing_listen).await,
            Command::Migrate { dry_run: true } => print_pending(&config).await,
            Command::Migrate { dry_run: false } => connect(&config).await.map(drop),
            Command::Verify { workspace } => verify(&config, workspace).await,
            Command::Token(wish) => print_token(&config, wish).await,
            Command::Openapi => Ok(()),
        }
    })
}

async fn run_service(config: &Config) -> Result<(), Failure> {
    let state = prepare(config).await?;
    let listener = bind(config.listen)?;
    serve_until_told(config, state, listener).await
}

/// The state of the service that `config` describes, on a database that answers and is up to date.
pub async fn prepare(config: &Config) -> Result<web::Data<State>, Failure> {
    let (tokens, mail) = (config.tokens()?, config.mail()?);
    let db = connect(config).await?;
    let clock = Clock::system();
    if let Some((key, email)) = config.administrator.clone() {
        let scope = Scope { workspace: Id::NIL, at: clock.now(), actor: None, cause: None };
        db.write(scope, move |tx| workspaces::user_for_token(tx, &key, Role::Admin, email.as_deref())).await?;
    }
    let state = State::new(db, clock, tokens, Rate::new(config.rate_limit), config.idempotency);
    let mut state = state.map_err(Failure::Other)?.with_mail(mail);
    state.proxies = config.trusted_proxies.clone();
    state.throttle = if config.form_rate_limits { Throttle::on() } else { Throttle::off() };
    Ok(web::Data::new(state))
}

/// Opens `address`.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|e| Failure::Other(format!("{address} cannot be listened on: {e}")))
}

/// Serves until SIGTERM or SIGINT; requests under way are finished.
pub async fn serve_until_told(config: &Config, state: web::Data<State>, listener: TcpListener) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::Other(format!("the service cannot run: {e}"));
    let address = listener.local_addr().map_err(failed)?;
    let server = serve::start(listener, state.clone(), config.workers).map_err(failed)?;
    rt::spawn(stop_when_told(server.handle()));
    worker::start(&state, config.jobs);
    sweeper::start(&state, config.sweep);
    rt::spawn(prune_now_and_then(state));
    if let Some(path) = &config.port_file {
        write_port(path, address.port())
            .map_err(|e| Failure::Other(format!("the port file cannot be written: {e}")))?;
    }
    log::info!("listening on http://{address}");
    server.await.map_err(failed)
}

/// A first signal lets requests under way end; a second one does not wait for them.
async fn stop_when_told(server: actix_web::dev::ServerHandle) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        log::error!("signals cannot be received; only killing the process ends it");
        return;
    };
    let mut told = async || {
        futures_util::future::select(std::pin::pin!(terminate.recv()), std::pin::pin!(interrupt.recv())).await;
    };
    told().await;
    log::info!("stopping");
    let stopping = rt::spawn(server.stop(true));
    told().await;
    log::warn!("stopping at once");
    server.stop(false).await;
    drop(stopping);
}

async fn prune_now_and_then(state: web::Data<State>) {
    let mut hours = rt::time::interval(PRUNE_EVERY);
    loop {
        hours.tick().await;
        let scope = Scope { workspace: Id::NIL, at: state.clock.now(), actor: None, cause: None };
        match state.db.write(scope, |tx| tx.idempotency_keys().prune()).await {
            Ok(0) => {}
            Ok(gone) => log::info!("forgot {gone} idempotency keys"),
            Err(error) => log::warn!("idempotency keys were not pruned: {error}"),
        }
    }
}

/// Written beside and renamed, so that whoever waits for the file never reads half of it.
fn write_port(path: &Path, port: u16) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&draft, format!("{port}\n"))?;
    std::fs::rename(draft, path)
}

/// The database, up to date. One that does not answer is given some seconds.
async fn connect(config: &Config) -> Result<Db, Failure> {
    let db = Db::new(&config.database, config.db_connections);
    for _ in 1..TRIES {
        match db.migrate().await {
            Err(Error::Unavailable(why)) => log::warn!("the database does not answer, trying again: {why}"),
            other => return migrated(db, other),
        }
        rt::time::sleep(PAUSE).await;
    }
    let last = db.migrate().await;
    migrated(db, last)
}

fn migrated(db: Db, outcome: crate::error::Result<Vec<String>>) -> Result<Db, Failure> {
    for name in outcome? {
        log::info!("migrated {name}");
    }
    Ok(db)
}

async fn print_pending(config: &Config) -> Result<(), Failure> {
    let pending = Db::new(&config.database, 1).pending_migrations().await?;
    print(&pending.iter().map(|name| format!("{name}\n")).collect::<String>())
}

/// Fails when there are differences.
async fn verify(config: &Config, workspace: Option<String>) -> Result<(), Failure> {
    let proof = proof::prove(&connect(config).await?, &Clock::system(), workspace).await?;
    print(&proof.text)?;
    match proof.differences {
        0 => Ok(()),
        found => Err(Failure::Other(format!("{found} differences"))),
    }
}

async fn print_token(config: &Config, wish: TokenWish) -> Result<(), Failure> {
    let tokens = config.tokens()?;
    let db = connect(config).await?;
    let at = Clock::system().now();
    let (role, life_s) = (wish.role, wish.ttl_hours * 3600);
    let user = db.write(Scope { workspace: Id::NIL, at, actor: None, cause: None }, move |tx| {
        workspaces::user_for_token(tx, &wish.workspace, wish.role, wish.email.as_deref())
    });
    let user = user.await?;
    let scopes = role.scopes().join(" ");
    let token = tokens.issue(user.workspace_id, user.id, PrincipalKind::User, &scopes, at, life_s);
    print(&format!("{}\n", token.map_err(Failure::Other)?))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Failure::Other(format!("standard output: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_put_together_well() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn of_several_lines_the_first_paragraph_is_told_on_one() {
        assert_eq!(first_paragraph("error: this\n  is wrong\n\nUsage: ripen"), "this is wrong");
    }
}

//! Configuration: read once at the start from flags and the environment, and refused when anything about it is wrong.
//!
//! This is the only module that reads the environment. Nothing here is ever shown again: an error names the setting and
//! what is allowed, and repeats no secret and no database address.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auth::token::{SHORTEST_SECRET, Tokens};
use crate::db::Address;
use crate::http::idempotency::Terms;
use crate::http::peer::Proxies;
use crate::jobs::{sweeper, worker};
use crate::mail::Mail;
use crate::text;

const SECRET: &str = "RIPEN_JWT_SECRET";
const SECRET_FILE: &str = "RIPEN_JWT_SECRET_FILE";
const SMTP: &str = "RIPEN_SMTP_URL";
const SMTP_FILE: &str = "RIPEN_SMTP_URL_FILE";

const DATABASE_HELP: &str = "Database: sqlite://<file> or postgres://<user>:<password>@<host>/<database> \
    [default: ripen.db in the data directory]";
const LOG_HELP: &str = "What to log: off, error, warn, info, debug or trace, for all or as <module>=<level>, separated \
    by commas";

/// What the help says about the settings that are never flags.
pub const SECRETS_HELP: &str = "\
Secrets are taken from the environment only:
  RIPEN_JWT_SECRET       signs the tokens: 32 bytes or more
  RIPEN_JWT_SECRET_FILE  a file that holds it instead
  RIPEN_SMTP_URL         the mail server: smtps://<user>:<password>@<host>, or smtp://… with STARTTLS
  RIPEN_SMTP_URL_FILE    a file that holds it instead
With SQLite and no RIPEN_JWT_SECRET, one is made once and kept in <data dir>/jwt-secret. PostgreSQL needs one, the same
for every instance. RIPEN_SMTP_URL needs --mail-from and --public-url.";

/// A setting that cannot be worked with, in one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub String);

/// The settings as they are given.
#[derive(clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The database's address; a file in the data directory unless said.
    #[arg(long, help = DATABASE_HELP, value_name = "URL", env = "RIPEN_DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// Directory for what the service keeps beside a database server: the SQLite file and the token secret
    #[arg(
        long,
        value_name = "DIR",
        env = "RIPEN_DATA_DIR",
        hide_env_values = true,
        global = true,
        default_value = "./ripen-data"
    )]
    data_dir: PathBuf,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", env = "RIPEN_LISTEN", hide_env_values = true, global = true, default_value = "127.0.0.1:8080", value_parser = socket_address)]
    listen: SocketAddr,
    /// Connections to the database that may be open at once
    #[arg(long, value_name = "N", env = "RIPEN_DB_CONNECTIONS", hide_env_values = true, global = true, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    db_connections: u32,
    /// Threads that serve requests [default: one for each core]
    #[arg(long, value_name = "N", env = "RIPEN_WORKERS", hide_env_values = true, global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Requests a minute that each user or client may send to this instance; 0 sets no limit
    #[arg(
        long,
        value_name = "N",
        env = "RIPEN_RATE_LIMIT",
        hide_env_values = true,
        global = true,
        default_value_t = 60_000
    )]
    rate_limit: u32,
    /// Whether forms keep to their rate limits [default: on]
    #[arg(long, value_name = "on|off", env = "RIPEN_FORM_RATE_LIMITS", hide_env_values = true, global = true, default_value = "on", hide_default_value = true, value_parser = on_or_off)]
    form_rate_limits: Switch,
    /// Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas
    #[arg(long, value_name = "NETWORKS", env = "RIPEN_TRUSTED_PROXIES", hide_env_values = true, global = true, default_value = "", hide_default_value = true, value_parser = Proxies::parse)]
    trusted_proxies: Proxies,
    /// Hours that the answer to a request with an idempotency key is kept, 1 to 168
    #[arg(long, value_name = "HOURS", env = "RIPEN_IDEMPOTENCY_TTL_HOURS", hide_env_values = true, global = true, default_value_t = 24, value_parser = clap::value_parser!(i64).range(1..=168))]
    idempotency_ttl_hours: i64,
    /// Seconds that a request may take before a repeat may take over its idempotency key, 1 to 3600
    #[arg(long, value_name = "SECONDS", env = "RIPEN_IDEMPOTENCY_LEASE_S", hide_env_values = true, global = true, default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=3600))]
    idempotency_lease_s: i64,
    /// Workers of this instance that do jobs; 0 leaves them to other instances
    #[arg(long, value_name = "N", env = "RIPEN_JOB_WORKERS", hide_env_values = true, global = true, default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=64))]
    job_workers: u16,
    /// Seconds that a worker may take over a step of a job before another takes it over, 1 to 3600
    #[arg(long, value_name = "SECONDS", env = "RIPEN_JOB_LEASE_S", hide_env_values = true, global = true, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=3600))]
    job_lease_s: i64,
    /// Seconds after which this instance looks again for scores that time has changed, 1 to 3600; 0 leaves it to others
    #[arg(long, value_name = "SECONDS", env = "RIPEN_SWEEP_EVERY_S", hide_env_values = true, global = true, default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=3600))]
    sweep_every_s: u64,
    /// Sender of the service's mail, such as Contoso <hello@example.com>
    #[arg(long, value_name = "ADDRESS", env = "RIPEN_MAIL_FROM", hide_env_values = true, global = true)]
    mail_from: Option<String>,
    /// Address that the public reaches the service by; links in mail begin with it
    #[arg(long, value_name = "URL", env = "RIPEN_PUBLIC_URL", hide_env_values = true, global = true)]
    public_url: Option<String>,
    /// File to write the port to once the service listens
    #[arg(long, value_name = "FILE", env = "RIPEN_PORT_FILE", hide_env_values = true, global = true)]
    port_file: Option<PathBuf>,
    /// What to log, for all or by module.
    #[arg(long, help = LOG_HELP, value_name = "FILTER", env = "RIPEN_LOG", hide_env_values = true, global = true, default_value = "info", value_parser = log_filter)]
    log: String,
    /// Workspace to make at the start, with an administrator, unless it exists
    #[arg(long, value_name = "KEY", env = "RIPEN_ADMIN_WORKSPACE", hide_env_values = true, global = true)]
    admin_workspace: Option<String>,
    /// E-mail address of that administrator; made of the key unless said.
    #[arg(
        long,
        help = "E-mail address of that administrator [default: admin@<key>.invalid]",
        value_name = "EMAIL",
        env = "RIPEN_ADMIN_EMAIL",
        hide_env_values = true,
        global = true
    )]
    admin_email: Option<String>,
}

/// The settings, checked.
pub struct Config {
    /// Where the data is.
    pub database: Address,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections to the database.
    pub db_connections: u32,
    /// Threads that serve requests.
    pub workers: usize,
    /// Requests a minute for each caller; 0 sets no limit.
    pub rate_limit: u32,
    /// Whether forms keep to their rate limits.
    pub form_rate_limits: bool,
    /// Proxies whose word on where a request comes from is taken.
    pub trusted_proxies: Proxies,
    /// How long idempotency keys are kept and leases last.
    pub idempotency: Terms,
    /// How many workers do jobs, and how long their leases last.
    pub jobs: worker::Terms,
    /// How often scores are looked for that time has changed; none when others do so.
    pub sweep: Option<sweeper::Terms>,
    /// Where to write the port.
    pub port_file: Option<PathBuf>,
    /// What to log.
    pub log: String,
    /// The workspace to make at the start and its administrator's address.
    pub administrator: Option<(String, Option<String>)>,
    data_dir: PathBuf,
    mail_from: Option<String>,
    public_url: Option<String>,
}

impl Settings {
    /// Checks what the command line could not.
    pub fn check(self) -> Result<Config, BadSetting> {
        let database = match &self.database_url {
            Some(url) => Address::parse(url).map_err(BadSetting)?,
            None => Address::Sqlite(self.data_dir.join("ripen.db")),
        };
        let administrator = match (self.admin_workspace, self.admin_email) {
            (Some(key), email) => Some((key, email)),
            (None, None) => None,
            (None, Some(_)) => return Err(BadSetting("RIPEN_ADMIN_EMAIL needs RIPEN_ADMIN_WORKSPACE".into())),
        };
        if self.database_url.is_none() {
            make_private_directory(&self.data_dir)?;
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Config {
            database,
            listen: self.listen,
            db_connections: self.db_connections,
            workers: self.workers.map_or_else(cores, usize::from),
            rate_limit: self.rate_limit,
            form_rate_limits: self.form_rate_limits.0,
            trusted_proxies: self.trusted_proxies,
            idempotency: Terms { keep_s: self.idempotency_ttl_hours * 3600, lease_s: self.idempotency_lease_s },
            jobs: worker::Terms { workers: usize::from(self.job_workers), lease_s: self.job_lease_s },
            sweep: (self.sweep_every_s > 0)
                .then(|| sweeper::Terms { every: Duration::from_secs(self.sweep_every_s), lease_s: self.job_lease_s }),
            port_file: self.port_file,
            log: self.log,
            administrator,
            data_dir: self.data_dir,
            mail_from: self.mail_from,
            public_url: self.public_url,
        })
    }
}

impl Config {
    /// Tokens signed with the configured secret; on SQLite with one made for this installation when there is none.
    pub fn tokens(&self) -> Result<Tokens, BadSetting> {
        let secret = match secret(SECRET, SECRET_FILE)? {
            Some((secret, setting)) => checked(secret, setting)?,
            None if self.database.is_sqlite() => self.own_secret()?,
            None => {
                return Err(BadSetting(format!(
                    "PostgreSQL needs {SECRET} or {SECRET_FILE}, the same for every instance"
                )));
            }
        };
        Tokens::new(secret.as_bytes()).map_err(BadSetting)
    }

    /// The way mail leaves the service; none when no mail server is configured.
    pub fn mail(&self) -> Result<Option<Mail>, BadSetting> {
        let Some((url, _)) = secret(SMTP, SMTP_FILE)? else { return Ok(None) };
        let (Some(from), Some(public)) = (&self.mail_from, &self.public_url) else {
            return Err(BadSetting(format!("{SMTP} needs RIPEN_MAIL_FROM and RIPEN_PUBLIC_URL")));
        };
        Mail::new(&url, from, public).map(Some).map_err(BadSetting)
    }

    /// The secret in the data directory, made when it is missing. Of several instances that start at once, one makes
    /// it and all use that one.
    fn own_secret(&self) -> Result<String, BadSetting> {
        make_private_directory(&self.data_dir)?;
        let path = self.data_dir.join("jwt-secret");
        if !path.exists() {
            let draft = self.data_dir.join(format!("jwt-secret.{}", std::process::id()));
            let made = write_new_secret(&draft).and_then(|()| match fs::hard_link(&draft, &path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
                _ => fs::remove_file(&draft),
            });
            made.map_err(|e| BadSetting(format!("the token secret cannot be written to {}: {e}", path.display())))?;
        }
        let whence = path.display().to_string();
        checked(read(&path, &whence)?, &whence)
    }
}

fn write_new_secret(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0_u8; SHORTEST_SECRET];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let text = text::hex(&bytes);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

fn make_private_directory(path: &Path) -> Result<(), BadSetting> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| BadSetting(format!("the data directory {} cannot be made: {e}", path.display())))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Result<Option<String>, BadSetting> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(BadSetting(format!("{name} is not UTF-8"))),
    }
}

/// A secret from the environment or from the file that it names, and which of the two settings gave it.
fn secret(own: &'static str, file: &'static str) -> Result<Option<(String, &'static str)>, BadSetting> {
    match (variable(own)?, variable(file)?) {
        (Some(_), Some(_)) => Err(BadSetting(format!("{own} and {file} exclude each other"))),
        (Some(secret), None) => Ok(Some((secret, own))),
        (None, Some(path)) => Ok(Some((read(Path::new(&path), file)?, file))),
        (None, None) => Ok(None),
    }
}

fn read(path: &Path, setting: &str) -> Result<String, BadSetting> {
    let text =
        fs::read_to_string(path).map_err(|e| BadSetting(format!("{setting}: the secret cannot be read: {e}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn checked(secret: String, setting: &str) -> Result<String, BadSetting> {
    if secret.len() < SHORTEST_SECRET {
        return Err(BadSetting(format!("{setting}: the secret must have at least {SHORTEST_SECRET} bytes")));
    }
    Ok(secret)
}

/// Reads `<address>:<port>`; a name is looked up.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    found.ok_or_else(|| "must be <address>:<port>, such as 127.0.0.1:8080".to_owned())
}

/// A setting that is on or off.
#[derive(Clone, Copy)]
struct Switch(bool);

fn on_or_off(text: &str) -> Result<Switch, String> {
    match text {
        "on" => Ok(Switch(true)),
        "off" => Ok(Switch(false)),
        _ => Err("must be on or off".to_owned()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |level: &str| level.parse::<log::LevelFilter>().is_ok();
    let is_known = |part: &str| is_level(part.split_once('=').map_or(part, |(_, level)| level));
    if text.split(',').all(|part| is_known(part.trim())) {
        return Ok(text.to_owned());
    }
    Err("must be off, error, warn, info, debug or trace, for all or as <module>=<level>, separated by commas"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_names_levels_for_all_or_for_modules() {
        for good in ["info", "warn,ripen::request=off", "DEBUG"] {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "ripen=loud", "info,"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_needs_a_port() {
        assert!(socket_address("127.0.0.1:0").is_ok());
        assert!(socket_address("[::1]:8080").is_ok());
        assert!(socket_address("127.0.0.1").is_err());
        assert!(socket_address("127.0.0.1:99999").is_err());
    }
}

//! The real program as a process of its own: started, asked, killed.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::database::Database;
use super::people::{Credential, Person, http};

/// The secret that the processes of the tests sign tokens with.
pub const PROCESS_SECRET: &str = "a secret for processes under test, of more than 32 bytes";
/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with no settings but those given here.
pub fn ripen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ripen"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Everything a service needs that outlives its process: the database and a folder.
pub struct Site {
    /// The database.
    pub database: Database,
    /// The data directory and whatever else is to be kept.
    pub folder: TempDir,
}

impl Site {
    /// An empty one.
    pub fn new() -> Self {
        Self { database: Database::new(), folder: TempDir::with_prefix("ripen-site-").unwrap() }
    }

    /// The program with the settings of this site.
    pub fn ripen(&self, arguments: &[&str]) -> Command {
        let mut command = ripen(arguments);
        command
            .env("RIPEN_DATABASE_URL", self.database.url())
            .env("RIPEN_DATA_DIR", self.folder.path())
            .env("RIPEN_JWT_SECRET", PROCESS_SECRET)
            .env("RIPEN_LISTEN", "127.0.0.1:0")
            .env("RIPEN_DB_CONNECTIONS", "5")
            .env("RIPEN_WORKERS", "2")
            .env("RIPEN_RATE_LIMIT", "0")
            .env("RIPEN_FORM_RATE_LIMITS", "off")
            .env("RIPEN_LOG", "warn");
        command
    }

    /// Runs the program to its end, which must be a good one; gives what it printed.
    #[track_caller]
    pub fn print(&self, arguments: &[&str]) -> String {
        let output = self.ripen(arguments).output().unwrap();
        assert!(output.status.success(), "ripen {arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A token for an administrator of the workspace `acme`.
    pub fn token(&self) -> String {
        self.print(&["token", "--workspace", "acme"]).trim().to_owned()
    }

    /// The service, listening.
    pub fn serve(&self) -> Service {
        Service::start(self.ripen(&["serve"]), self.folder.path())
    }
}

/// What a process said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A service in a process of its own, killed when dropped.
pub struct Service {
    child: Child,
    /// Where it listens.
    pub base: String,
}

impl Service {
    /// Starts `command`, which must serve, and waits until it listens. What it logs goes to `log` in `folder`.
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let port_file = folder.join(format!("port-{}", uuid::Uuid::new_v4().simple()));
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut child =
            command.env("RIPEN_PORT_FILE", &port_file).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let begun = Instant::now();
        let port = loop {
            if let Ok(port) = std::fs::read_to_string(&port_file) {
                break port;
            }
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert_eq!(child.try_wait().unwrap(), None, "the service ended: {}", log());
            assert!(begun.elapsed() < PATIENCE, "the service does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { child, base: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// Someone who calls the service with `token`.
    pub fn caller(&self, token: &str) -> Person {
        Person::new(http(), &self.base, Credential::Fixed(token.to_owned()))
    }

    /// Ends it without any warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it a signal: `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it ends by itself; whether it ended well.
    pub fn ended_well(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the service does not end");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

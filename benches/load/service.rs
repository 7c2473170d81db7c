//! The service as it is shipped, as a program of its own on a free port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Connection, Requests, get};
use crate::database::Database;

/// The workspace that everything is in.
pub const WORKSPACE: &str = "bench";
/// Signs the tokens; nothing here is worth a better one.
const SECRET: &str = "a secret of the bench, which guards nothing at all";

/// A service that runs; it is ended when this goes.
pub struct Service {
    child: Child,
    pub port: u16,
    pub token: String,
    /// How long it took from the start of the program to the first answer.
    pub start: Duration,
}

impl Service {
    /// Runs `program` on `database`; `folder` is for what it keeps beside it.
    pub async fn start(program: &Path, database: &Database, folder: &Path) -> Self {
        let port_file = folder.join("port");
        let _ = std::fs::remove_file(&port_file);
        let begun = Instant::now();
        let mut command = configured(program, database, folder);
        command.args(["serve", "--port-file"]).arg(&port_file);
        let mut child = command.spawn().expect("the service can be started");
        let port = loop {
            match std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok()) {
                Some(port) => break port,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            assert!(child.try_wait().unwrap().is_none(), "the service ended at once");
        };
        let mut connection = Connection::open(port).await.expect("the service listens");
        assert_eq!(connection.send(&get("/health/ready", None)).await.unwrap(), 200);
        let start = begun.elapsed();
        let wanted = ["token", "--workspace", WORKSPACE];
        let token = configured(program, database, folder).args(wanted).output().expect("a token can be made");
        let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        Self { child, port, token, start }
    }

    /// Lets it end what is under way, and waits until it is gone.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.unwrap().success());
        self.child.wait().unwrap();
    }

    /// A line of what the kernel counts of its memory, such as `VmRSS`, in MiB.
    pub fn memory(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let found = status.lines().find(|found| found.starts_with(line)).expect("the kernel counts it");
        found.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Has the kernel count the most memory anew.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// Asks for something and gives the answer, which must be as good as `expected`.
    pub async fn ask(&self, method: &str, path: &str, body: Value, expected: u16) -> Value {
        let mut connection = Connection::open(self.port).await.unwrap();
        let mut request = Vec::new();
        match method {
            "GET" => request = get(path, Some(&self.token)),
            _ => Requests::new(method, path, Some(&self.token)).write(&mut request, &body.to_string()),
        }
        let status = connection.send(&request).await.unwrap();
        let said = String::from_utf8_lossy(connection.body());
        assert_eq!(status, expected, "{method} {path}: {said}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null, 200).await
    }

    /// Waits for a job; gives how long it took, from when it was asked for to when it ended.
    pub async fn job(&self, id: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let job = self.get(&format!("/v1/jobs/{id}")).await;
            if job["finished_at"].is_string() {
                assert_eq!(job["state"], "done", "{job}");
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ripen verify`: whether all scores are as they would be from scratch, and what it says.
pub fn verify(program: &Path, database: &Database, folder: &Path) -> (bool, String) {
    let proof = configured(program, database, folder).arg("verify").output().expect("the scores can be proven");
    let said = [proof.stdout, proof.stderr].concat();
    (proof.status.success(), String::from_utf8_lossy(&said).trim().to_owned())
}

/// The program with the settings of a bench: nothing but what is measured is in its way.
fn configured(program: &Path, database: &Database, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    let settings = [
        ("RIPEN_DATABASE_URL", database.url()),
        ("RIPEN_LISTEN", "127.0.0.1:0".to_owned()),
        ("RIPEN_JWT_SECRET", SECRET.to_owned()),
        ("RIPEN_LOG", "warn".to_owned()),
        ("RIPEN_RATE_LIMIT", "0".to_owned()),
        ("RIPEN_FORM_RATE_LIMITS", "off".to_owned()),
    ];
    command.envs(settings).env("RIPEN_DATA_DIR", folder);
    command
}

/// The program that is measured.
pub fn program(given: Option<String>) -> PathBuf {
    given.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_ripen")), PathBuf::from)
}

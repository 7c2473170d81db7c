//! The program as an operator meets it: commands, settings, start and end.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scoring::{decider, live_model, newcomers};
use crate::support::process::{PROCESS_SECRET, Service, Site, ripen, stderr};
use crate::support::{Credential, Person, bodies, http};

/// Asserts that `command` ends with `code` and one line, and tells no password.
#[track_caller]
fn expect_refusal(mut command: std::process::Command, code: i32, says: &str) {
    let output = command.output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ripen: ")).count(), 1, "{told}");
    assert!(told.contains(says), "{told}");
    assert!(!told.contains("hush"), "{told}");
    assert!(output.stdout.is_empty());
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_setting_that_makes_no_sense_stops_the_start_with_one_line() {
    for (arguments, says) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--rate-limit", "many"], "--rate-limit"),
        (&["--form-rate-limits", "perhaps"], "on or off"),
        (&["--trusted-proxies", "10.0.0.0/33"], "networks"),
        (&["--db-connections", "0"], "1..=1000"),
        (&["--workers", "0"], "1..=1024"),
        (&["--idempotency-ttl-hours", "169"], "1..=168"),
        (&["--idempotency-lease-s", "0"], "1..=3600"),
        (&["--log", "loud"], "debug"),
        (&["--database-url", "mysql://u:hush@h/x"], "sqlite://"),
        (&["--database-url", "postgres://u:hu/hush@h/x"], "%2F"),
        (&["--admin-email", "mari@example.com"], "RIPEN_ADMIN_WORKSPACE"),
        (&["token"], "--workspace"),
        (&["token", "--workspace", "acme", "--ttl-hours", "25"], "1..=24"),
        (&["token", "--workspace", "acme", "--role", "root"], "salesperson"),
        (&["--unknown"], "--unknown"),
        (&["fly"], "fly"),
    ] {
        let mut command = ripen(arguments);
        command.current_dir(std::env::temp_dir());
        let output = command.output().unwrap();
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        expect_refusal(command, 2, says);
    }
}

#[test]
fn a_secret_that_is_missing_short_or_ambiguous_stops_the_start() {
    let with = |settings: &[(&str, &str)]| {
        let site = Site::new();
        let mut command = site.ripen(&["serve"]);
        command.env_remove("RIPEN_JWT_SECRET").env("RIPEN_DATABASE_URL", "postgres://u:hush@127.0.0.1:1/x");
        command.envs(settings.iter().copied());
        command
    };
    expect_refusal(with(&[]), 2, "RIPEN_JWT_SECRET_FILE");
    expect_refusal(with(&[("RIPEN_JWT_SECRET", "hush")]), 2, "32 bytes");
    expect_refusal(with(&[("RIPEN_JWT_SECRET", "")]), 2, "32 bytes");
    expect_refusal(with(&[("RIPEN_JWT_SECRET_FILE", "/nowhere")]), 2, "RIPEN_JWT_SECRET_FILE");
    expect_refusal(with(&[("RIPEN_JWT_SECRET_FILE", "/dev/null")]), 2, "32 bytes");
    expect_refusal(with(&[("RIPEN_JWT_SECRET", PROCESS_SECRET), ("RIPEN_JWT_SECRET_FILE", "/x")]), 2, "exclude");
}

#[test]
fn a_mail_server_that_cannot_be_used_safely_stops_the_start() {
    let whole = [("RIPEN_MAIL_FROM", "hello@example.com"), ("RIPEN_PUBLIC_URL", "https://ripen.example.com")];
    let with = |url: &str, settings: &[(&str, &str)]| {
        let site = Site::new();
        let mut command = site.ripen(&["serve"]);
        command.env("RIPEN_SMTP_URL", url).envs(settings.iter().copied());
        command
    };
    expect_refusal(with("smtps://me:hush@mail.example.com", &[]), 2, "RIPEN_MAIL_FROM and RIPEN_PUBLIC_URL");
    expect_refusal(with("smtp://me:hush@mail.example.com?tls=none", &whole), 2, "where TLS is certain");
    expect_refusal(with("me:hush@mail.example.com", &whole), 2, "RIPEN_SMTP_URL");
    let elsewhere = [("RIPEN_MAIL_FROM", "hello@example.com"), ("RIPEN_PUBLIC_URL", "ripen.example.com")];
    expect_refusal(with("smtps://me:hush@mail.example.com", &elsewhere), 2, "RIPEN_PUBLIC_URL");
}

#[test]
fn a_database_that_does_not_answer_stops_a_command() {
    let mut away = ripen(&["migrate", "--dry-run", "--database-url", "postgres://u:hush@127.0.0.1:1/x"]);
    away.env("RIPEN_LOG", "off");
    expect_refusal(away, 1, "the database cannot be reached");
    let mut nowhere = ripen(&["migrate", "--dry-run", "--database-url", "sqlite:///nowhere/ripen.db"]);
    nowhere.env("RIPEN_LOG", "off");
    expect_refusal(nowhere, 1, "the database cannot be reached");
}

#[test]
fn a_port_that_is_taken_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::new();
    let address = taken.local_addr().unwrap().to_string();
    expect_refusal(site.ripen(&["--listen", &address]), 1, &address);
}

#[tokio::test]
async fn an_empty_folder_is_all_that_is_needed_to_start() {
    let site = Site::new();
    let data = site.folder.path().join("data");
    let own = |arguments: &[&str]| {
        let mut command = site.ripen(arguments);
        command.env_remove("RIPEN_JWT_SECRET").env_remove("RIPEN_DATABASE_URL").env("RIPEN_DATA_DIR", &data);
        command
    };
    let token = || {
        let output = own(&["token", "--workspace", "acme"]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = token();
    assert_eq!(first.trim().split('.').count(), 3, "{first}");
    assert_eq!(first.lines().count(), 1);
    assert_eq!((mode(&data), mode(&data.join("jwt-secret"))), (0o700, 0o600));
    for token in [first, token()] {
        let service = Service::start(own(&[]), site.folder.path());
        service.caller(token.trim()).post("/v1/accounts", bodies::account("Contoso")).await.expect(201);
    }
}

#[tokio::test]
async fn a_token_is_for_the_role_and_user_that_were_asked_for() {
    let site = Site::new();
    let service = site.serve();
    let scopes = async |arguments: &[&str]| {
        let token = site.print(&[&["token", "--workspace", "acme"], arguments].concat());
        let me = service.caller(token.trim()).get("/v1/me").await.expect(200);
        (me["id"].as_str().unwrap().to_owned(), me["scopes"].as_array().unwrap().len())
    };
    let admin = scopes(&[]).await;
    assert_eq!(scopes(&["--role", "admin"]).await, admin);
    let viewer = scopes(&["--role", "viewer"]).await;
    assert_ne!(viewer.0, admin.0);
    assert!(viewer.1 < admin.1);
    assert_eq!(scopes(&["--role", "viewer", "--ttl-hours", "1"]).await, viewer);
    let mari = scopes(&["--role", "marketer", "--email", "mari@example.com"]).await;
    assert_ne!(mari.0, viewer.0);
    let site = &site;
    expect_refusal(site.ripen(&["token", "--workspace", "acme", "--email", "mari@example.com"]), 1, "another role");
    expect_refusal(site.ripen(&["token", "--workspace", "Ac me"]), 2, "a-z");
    expect_refusal(site.ripen(&["token", "--workspace", "acme", "--email", "mari"]), 2, "@");
}

#[tokio::test]
async fn all_scores_are_proved_from_the_command_line() {
    let site = Site::new();
    let service = site.serve();
    let admin = service.caller(site.print(&["token", "--workspace", "acme"]).trim());
    let model = live_model(&admin, newcomers()).await;
    let (contact, _) = decider(&admin).await;
    let call = json!({"kind": "event_attended", "occurred_at": "2026-01-01T00:00:00Z", "contact_id": contact});
    admin.post("/v1/interactions", call).await.expect(201);
    assert_eq!(site.print(&["verify"]), "acme: 1 leads, 1 scores, 0 differences\n");
    expect_refusal(site.ripen(&["verify", "--workspace", "nobody"]), 2, "no workspace");
    admin.get(&format!("/v1/scoring-models/{model}")).await.expect(200);
}

#[tokio::test]
async fn migrations_are_told_before_they_run_and_not_run_twice() {
    let site = Site::new();
    let pending = site.print(&["migrate", "--dry-run"]);
    assert!(pending.lines().next().unwrap().starts_with("0001"), "{pending}");
    assert_eq!(site.print(&["migrate", "--dry-run"]), pending);
    site.print(&["migrate"]);
    assert_eq!(site.print(&["migrate", "--dry-run"]), "");
    site.print(&["migrate"]);
}

#[test]
fn the_contract_is_printed_as_it_is_served() {
    let output = ripen(&["openapi"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), ripen::http::document::text());
}

#[tokio::test]
async fn instances_that_start_at_once_make_one_administrator() {
    let site = Site::new();
    let start = || {
        let mut command = site.ripen(&[]);
        command.env("RIPEN_ADMIN_WORKSPACE", "acme").env("RIPEN_ADMIN_EMAIL", "mari@example.com");
        Service::start(command, site.folder.path())
    };
    let services: Vec<Service> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let users = services[0].caller(&site.token()).get("/v1/users").await.expect(200);
    let addresses: Vec<_> = users["data"].as_array().unwrap().iter().map(|user| user["email"].clone()).collect();
    assert_eq!(addresses, [json!("mari@example.com")]);
}

#[tokio::test]
async fn forms_keep_to_their_limits_unless_the_operator_says_otherwise() {
    let site = Site::new();
    let token = site.token();
    for (limits, taken) in [(None, 10), (Some("off"), 15)] {
        let mut command = site.ripen(&["serve"]);
        match limits {
            Some(limits) => command.env("RIPEN_FORM_RATE_LIMITS", limits),
            None => command.env_remove("RIPEN_FORM_RATE_LIMITS"),
        };
        let service = Service::start(command, site.folder.path());
        let admin = service.caller(&token);
        let rate = json!({"per_address": 10, "per_form": 50});
        let form = json!({
            "name": "x", "kind": "landing_page", "source": "web", "fields": [{"name": "a"}], "writes": "none",
        });
        let form = admin.post("/v1/forms", form).await.expect(201);
        assert_eq!(form["rate_limit"], rate);
        admin.post(&format!("/v1/forms/{}/publish", bodies::id(&form)), json!(null)).await.expect(200);
        let path = format!("/v1/public/forms/{}/submissions", form["key"].as_str().unwrap());
        let visitor = Person::new(http(), &service.base, Credential::None);
        let sending = (0..15).map(|number| visitor.post(&path, json!({"fields": {"a": format!("{number}")}})));
        let heard = futures_util::future::join_all(sending).await;
        let accepted = heard.iter().filter(|answer| answer.status() == 202).count();
        // A slow machine lets the bucket refill meanwhile.
        assert!((taken..=15).contains(&accepted), "{accepted}");
        assert!(limits.is_some() || heard.iter().any(|answer| answer.status() == 429), "{accepted}");
    }
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_service_ends() {
    for signal in ["TERM", "INT"] {
        let site = Site::new();
        let token = site.token();
        let mut service = site.serve();
        let idle = service.caller(&token);
        idle.get("/v1/me").await.expect(200);
        let mut stream = TcpStream::connect(service.base.trim_start_matches("http://")).await.unwrap();
        let body = bodies::account("Contoso").to_string();
        let head = format!(
            "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        service.signal(signal);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{signal}: {answer}");
        assert!(service.ended_well());
        assert!(idle.request(reqwest::Method::GET, "/v1/me").attempt().await.is_err());
        let accounts = site.serve().caller(&token).get("/v1/accounts").await.expect(200);
        assert_eq!(accounts["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn no_secret_and_no_personal_data_is_logged() {
    let site = Site::new();
    let token = site.token();
    let mut command = site.ripen(&["serve"]);
    command.env("RIPEN_LOG", "trace");
    let service = Service::start(command, site.folder.path());
    let admin = service.caller(&token);
    admin.post("/v1/contacts", bodies::contact("ann.canary@example.com")).await.expect(201);
    admin.post("/v1/contacts", bodies::contact("ann.canary@example.com")).await.expect(409);
    admin.get("/v1/contacts?email=ann.canary@example.com").await.expect(200);
    let client = admin.post("/v1/clients", json!({"name": "Mailer", "scopes": ["accounts:read"]})).await.expect(201);
    let secret = client["client_secret"].as_str().unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client["client"]["id"].as_str().unwrap()),
        ("client_secret", secret),
    ];
    let visitor = Person::new(http(), &service.base, Credential::None);
    visitor.request(reqwest::Method::POST, "/oauth/token").form(&form).send().await.expect(200);
    service.kill();
    let log = std::fs::read_to_string(site.folder.path().join("log")).unwrap();
    assert!(log.contains("POST /v1/contacts 201"), "{log}");
    for canary in [&token, PROCESS_SECRET, secret, "canary"] {
        assert!(!log.contains(canary), "{canary} is in the log");
    }
}

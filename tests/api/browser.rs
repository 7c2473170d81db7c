//! The demonstration's landing page in a real browser.
//!
//! `CHROMIUM` and `CHROMEDRIVER` name the programs; `scripts/test` sets them. Without them the tests are left out, loudly,
//! and where `CI` is true they fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::demo::Demo;
use crate::support::process::Site;
use crate::support::{Person, bodies, http};

/// How long the page may take to show something.
const PATIENCE: Duration = Duration::from_secs(20);
/// The member that holds an element's id (WebDriver, §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const QUIET: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

#[expect(clippy::disallowed_methods, reason = "the tests have no config.rs")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A browser driven over the WebDriver protocol, closed when dropped.
struct Browser {
    http: reqwest::Client,
    session: String,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// A new one; none where there is no browser and that is all right.
    async fn open() -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) = (variable("CHROMIUM"), variable("CHROMEDRIVER")) else {
            assert_ne!(
                variable("CI").as_deref(),
                Some("true"),
                "CHROMIUM and CHROMEDRIVER must be set where CI is true"
            );
            eprintln!("LEFT OUT: set CHROMIUM and CHROMEDRIVER to test in a browser");
            return None;
        };
        let mut driver =
            Command::new(chromedriver).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.filter_map(|line| line.split_once("successfully on port ").map(|(_, port)| port.to_owned())).next();
        let base = format!("http://127.0.0.1:{}", port.expect("chromedriver starts").trim_end_matches('.'));
        let profile = TempDir::with_prefix("ripen-browser-").unwrap();
        let mut arguments: Vec<String> = QUIET.iter().map(|&argument| argument.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let options = json!({"binary": chromium, "args": arguments});
        let capabilities =
            json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}});
        let mut browser = Self { http: http(), session: format!("{base}/session"), driver, _profile: profile };
        let session = browser.ask("", capabilities).await;
        browser.session = format!("{base}/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    async fn ask(&self, command: &str, body: Value) -> Value {
        let response = self.http.post(format!("{}{command}", self.session)).json(&body).send().await.unwrap();
        let (good, answer) = (response.status().is_success(), response.json::<Value>().await.unwrap());
        assert!(good, "{command} {body}: {answer}");
        answer["value"].clone()
    }

    async fn go(&self, address: &str) {
        self.ask("/url", json!({"url": address})).await;
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.ask("/element", json!({"using": "css selector", "value": selector})).await;
        format!("/element/{}", found[ELEMENT].as_str().unwrap())
    }

    async fn type_into(&self, selector: &str, text: &str) {
        self.ask(&format!("{}/value", self.element(selector).await), json!({"text": text})).await;
    }

    async fn click(&self, selector: &str) {
        self.ask(&format!("{}/click", self.element(selector).await), json!({})).await;
    }

    /// What `script`, the body of a function, returns once that is a text that is not empty.
    async fn wait_for(&self, script: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let value = self.ask("/execute/sync", json!({"script": script, "args": []})).await;
            if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
                return text.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let page = self
            .ask("/execute/sync", json!({"script": "return location.href + document.body.outerText", "args": []}))
            .await;
        panic!("the page never did: {script}; it shows {page}");
    }

    /// Opens the landing page and fills in its form.
    async fn fill_in(&self, demo: &Demo, first_name: &str, email: &str) {
        self.go(demo.fact("Landing page")).await;
        self.type_into("[name=first_name]", first_name).await;
        self.type_into("[name=last_name]", "Tamm").await;
        self.type_into("[name=email]", email).await;
        self.type_into("[name=company]", "Contoso OÜ").await;
        self.click("[name=role] option[value=decision_maker]").await;
        self.type_into("[name=message]", "How much?\nHow soon?").await;
        self.click("[name='consent.marketing']").await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, not with its driver.
        let (host, path) = self.session.trim_start_matches("http://").split_once('/').unwrap_or_default();
        if let Ok(mut stream) = std::net::TcpStream::connect(host) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = write!(stream, "DELETE /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            // Answered once the browser has ended; the driver would keep the connection.
            let _ = stream.read(&mut [0; 512]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The contact and the lead of `email`, as the API shows them.
async fn records_of(admin: &Person, email: &str) -> (Value, Value) {
    let contacts = admin.get(&format!("/v1/contacts?email={email}")).await.expect(200);
    let leads = admin.get(&format!("/v1/leads?q={email}")).await.expect(200);
    assert_eq!((contacts["data"].as_array().unwrap().len(), leads["data"].as_array().unwrap().len()), (1, 1));
    (contacts["data"][0].clone(), leads["data"][0].clone())
}

/// Asserts that what was filled in for `email` is a contact with a scored lead.
async fn expect_scored_lead(demo: &Demo, first_name: &str, email: &str) {
    let admin = demo.admin();
    let (contact, lead) = records_of(&admin, email).await;
    assert_eq!((&contact["first_name"], &contact["last_name"]), (&json!(first_name), &json!("Tamm")));
    assert_eq!(contact["decision_role"], "decision_maker");
    assert_eq!((&lead["contact_id"], &lead["source"]), (&contact["id"], &json!("landing_page")));
    let scores = admin.get(&format!("/v1/leads/{}/scores", bodies::id(&lead))).await.expect(200);
    assert_eq!(scores["data"][0]["score"], 20, "{scores:#}");
}

#[tokio::test]
async fn a_form_sent_without_script_makes_a_scored_lead_and_comes_back_with_thanks() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::new();
    let demo = Demo::start(&site);
    browser.fill_in(&demo, "Ann", "ann@example.com").await;
    browser.click("#send").await;
    assert_eq!(browser.wait_for("return document.body.dataset.state").await, "thanks");
    let address = browser.wait_for("return location.href").await;
    assert_eq!(address, format!("{}/?thanks", demo.origin()));
    expect_scored_lead(&demo, "Ann", "ann@example.com").await;
}

#[tokio::test]
async fn a_form_sent_by_script_makes_a_scored_lead_and_shows_the_answer() {
    let Some(browser) = Browser::open().await else { return };
    let site = Site::new();
    let demo = Demo::start(&site);
    browser.fill_in(&demo, "Mari", "mari@example.com").await;
    browser.click("#send-script").await;
    let answer = browser.wait_for("return document.getElementById('answer').textContent").await;
    let submission = answer.strip_prefix("accepted ").unwrap_or_else(|| panic!("the page shows: {answer}"));
    demo.admin().get(&format!("/v1/submissions/{submission}")).await.expect(200);
    expect_scored_lead(&demo, "Mari", "mari@example.com").await;
}

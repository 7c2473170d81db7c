//! Interactions one a line: each line has its answer, and none spoils another.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{AT, listed, person_with_lead, score_of, ten_an_open};
use crate::support::{Person, TestApp, bodies};

const STREAM: &str = "/v1/interactions/stream";
const NDJSON: &str = "application/x-ndjson";

/// The answers to a stream of these lines.
pub async fn told(_: &TestApp, person: &Person, lines: &[String]) -> Vec<Value> {
    let body = format!("{}\n", lines.join("\n"));
    answers(person, body).await
}

async fn answers(person: &Person, body: impl Into<reqwest::Body>) -> Vec<Value> {
    let answer = person.request(Method::POST, STREAM).bytes(NDJSON, body).send().await;
    assert_eq!((answer.status(), answer.header("content-type")), (200, Some(NDJSON)), "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn open(number: usize) -> String {
    json!({"kind": "email_opened", "occurred_at": AT, "person": {"email": "ann@example.com"}, "source": "mailer",
        "external_id": format!("m-{number}")})
    .to_string()
}

fn statuses(answers: &[Value]) -> Vec<(i64, i64)> {
    answers.iter().map(|line| (line["line"].as_i64().unwrap(), line["status"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn each_line_is_answered_in_order_and_a_bad_one_spoils_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (contact, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    let long = format!("{{\"kind\": \"{}\"}}", "x".repeat(70_000));
    let mut body = Vec::new();
    for line in [open(1).as_bytes(), b"{broken", b"", b"\"\xff\"", long.as_bytes(), b" \t", br#"{"kind": "call"}"#] {
        body.extend_from_slice(line);
        body.extend_from_slice(b"\r\n");
    }
    let unknown = json!({"kind": "teleported", "occurred_at": AT, "contact_id": contact});
    body.extend_from_slice(format!("[]\n{unknown}\n{}\n{}", open(1), open(2)).as_bytes());
    let answers = answers(&admin, body).await;
    let expected = [(1, 201), (2, 400), (4, 400), (5, 413), (7, 422), (8, 400), (9, 422), (10, 200), (11, 201)];
    assert_eq!(statuses(&answers), expected, "{answers:?}");
    assert_eq!(answers[0]["recorded"]["attributed_to"], contact);
    assert_eq!(answers[7]["recorded"]["id"], answers[0]["recorded"]["id"]);
    assert_eq!(answers[8]["recorded"]["leads"][0]["scores"][0]["score"], 20);
    assert_eq!(answers[4]["problem"]["errors"][0]["pointer"], "/occurred_at");
    assert!(answers[1]["problem"]["instance"].as_str().is_some_and(|id| !id.is_empty()));
    assert_eq!(score_of(&admin, &lead).await, 20);
    assert_eq!(listed(&admin, "").await.len(), 2);
}

#[tokio::test]
async fn a_whole_stream_sent_again_records_nothing_twice() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    ten_an_open(&admin).await;
    let (_, lead) = person_with_lead(&admin, bodies::contact("ann@example.com")).await;
    // More than a body may have elsewhere.
    let padding = format!("{{\"properties\": {{\"padding\": \"{}\"}}, ", "x".repeat(900));
    let lines: Vec<String> = (0..1_500).map(|number| open(number).replacen('{', &padding, 1)).collect();
    assert!(lines.iter().map(String::len).sum::<usize>() > 1024 * 1024);
    let first = told(&app, &admin, &lines).await;
    assert_eq!(first.len(), 1_500);
    assert!(first.iter().all(|line| line["status"] == 201), "{:?}", first[0]);
    let again = told(&app, &admin, &lines).await;
    assert!(again.iter().all(|line| line["status"] == 200));
    let ids = |answers: &[Value]| answers.iter().map(|line| line["recorded"]["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(score_of(&admin, &lead).await, 15_000);
}

#[tokio::test]
async fn a_stream_is_asked_for_as_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    assert_eq!(answers(&admin, "").await, Vec::<Value>::new());
    assert_eq!(answers(&admin, "\n\n \n").await, Vec::<Value>::new());
    let as_json = admin.post(STREAM, json!({"kind": "call"})).await;
    as_json.expect_problem(415, "unsupported-media-type");
    let keyed = admin.request(Method::POST, STREAM).key("key-1").bytes(NDJSON, open(1)).send().await;
    keyed.expect_problem(400, "malformed-request");
    let reader = app.integration(&["interactions:read"]).await;
    let refused = reader.request(Method::POST, STREAM).bytes(NDJSON, open(1)).send().await;
    refused.expect_problem(403, "forbidden");
    assert_eq!(listed(&admin, "").await.len(), 0);
}

/// A stream under way, line by line.
struct Talk {
    wire: TcpStream,
    /// What was received and not yet read.
    text: String,
}

impl Talk {
    async fn begin(app: &TestApp, person: &Person) -> Self {
        let address = app.base().trim_start_matches("http://");
        let mut wire = TcpStream::connect(address).await.unwrap();
        let token = person.token().await.unwrap();
        let head = format!(
            "POST {STREAM} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        wire.write_all(head.as_bytes()).await.unwrap();
        Self { wire, text: String::new() }
    }

    async fn send(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        self.wire.write_all(chunk.as_bytes()).await.unwrap();
    }

    /// Reads until an answer for the line `number` has come.
    async fn answer(&mut self, number: u64) -> String {
        let sought = format!("{{\"line\":{number},");
        loop {
            if let Some(line) = self.text.lines().find(|line| line.starts_with(&sought)) {
                return line.to_owned();
            }
            let mut chunk = [0; 8192];
            let read = timeout(Duration::from_secs(30), self.wire.read(&mut chunk)).await.expect("an answer").unwrap();
            assert!(read > 0, "the stream ended: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    }
}

#[tokio::test]
async fn a_line_alone_is_answered_while_the_stream_stays_open() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut talk = Talk::begin(&app, &admin).await;
    for number in 1..=3 {
        talk.send(&format!("{}\n", open(number))).await;
        assert!(talk.answer(number as u64).await.contains("\"status\":201"));
        assert_eq!(listed(&admin, "").await.len(), number);
    }
    // A line may arrive in pieces, and a blank one keeps the stream open.
    let (begin, end) = (open(4), format!("{}\n", open(5)));
    let (begin, rest) = begin.split_at(20);
    talk.send("\n").await;
    talk.send(begin).await;
    talk.send(&format!("{rest}\n{end}")).await;
    assert!(talk.answer(5).await.contains("\"status\":201"));
    assert!(talk.answer(6).await.contains("\"status\":201"));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_what_was_answered_and_harms_nobody() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut talk = Talk::begin(&app, &admin).await;
    talk.send(&format!("{}\n", open(1))).await;
    talk.answer(1).await;
    let many: String = (2..400).map(|number| format!("{}\n", open(number))).collect();
    talk.send(&format!("{many}{{\"kind\": \"ca")).await;
    drop(talk);
    let told = told(&app, &admin, &[open(1), open(1_000)]).await;
    assert_eq!(statuses(&told), [(1, 200), (2, 201)]);
    admin.get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn a_stream_records_nothing_more_for_whoever_has_lost_the_right() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let created =
        admin.post("/v1/clients", json!({"name": "Mailer", "scopes": ["interactions:write"]})).await.expect(201);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", created["client"]["id"].as_str().unwrap()),
        ("client_secret", created["client_secret"].as_str().unwrap()),
    ];
    let token = app.visitor().request(Method::POST, "/oauth/token").form(&form).send().await.expect(200);
    let mailer = app.bearer(token["access_token"].as_str().unwrap());
    let mut talk = Talk::begin(&app, &mailer).await;
    talk.send(&format!("{}\n", open(1))).await;
    assert!(talk.answer(1).await.contains("\"status\":201"));
    admin.delete(&format!("/v1/clients/{}", created["client"]["id"].as_str().unwrap())).await.expect(204);
    talk.send(&format!("{}\n", open(2))).await;
    assert!(talk.answer(2).await.contains("\"status\":403"));
    assert_eq!(listed(&admin, "").await.len(), 1);
}

#[tokio::test]
async fn what_the_database_cannot_take_is_told_line_by_line_and_what_follows_is_recorded() {
    let app = TestApp::start().await;
    // One writer holds off all others on SQLite alone.
    let Some(file) = app.database().url().strip_prefix("sqlite://") else { return };
    let admin = app.admin().await;
    let mut talk = Talk::begin(&app, &admin).await;
    talk.send(&format!("{}\n", open(1))).await;
    assert!(talk.answer(1).await.contains("\"status\":201"));
    let mut writer = SqliteConnection::establish(file).unwrap();
    writer.batch_execute("BEGIN IMMEDIATE").unwrap();
    talk.send(&format!("{}\n{{broken\n{}\n", open(2), open(3))).await;
    for line in [2, 4] {
        assert!(talk.answer(line).await.contains("\"status\":503"));
    }
    assert!(talk.answer(3).await.contains("\"status\":400"));
    writer.batch_execute("ROLLBACK").unwrap();
    talk.send(&format!("{}\n", open(2))).await;
    assert!(talk.answer(5).await.contains("\"status\":201"));
    assert_eq!(listed(&admin, "").await.len(), 2);
}

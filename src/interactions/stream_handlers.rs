//! Interactions without end (INT-6): one a line in, one answer a line out, while the body is still being sent.
//!
//! The answer is made as it is taken: each piece of it reads some lines, records them in one transaction and answers
//! them. So nothing is read that cannot be answered, and a slow database, or a caller who takes no answers, slows down
//! the sending. While a transaction runs, the lines of the next one arrive. A line alone is answered at once. When the
//! caller goes away the answer is dropped, and with it everything but a transaction under way, which ends as it would.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, post};
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::handlers::ItemResult;
use super::{NewInteraction, Recorded};
use crate::auth::Actor;
use crate::db::Scope;
use crate::error::{Error, Result};
use crate::http::command::{operation, typed};
use crate::http::contract::Operation;
use crate::http::ndjson::{LINE_LIMIT, Line, Lines, MEDIA_TYPE};
use crate::http::problem::{Kind, Problem};
use crate::http::routes::Routes;
use crate::http::{idempotency, json, request_id};
use crate::interactions;

/// The paths of streams.
pub fn routes(routes: &mut Routes<'_>) {
    routes.service(record_stream);
}

/// Lines of one transaction.
const TOGETHER: usize = 500;
/// Bytes that may wait to be recorded.
const READ_AHEAD: usize = 256 * 1024;
/// How long the next line may keep us waiting; a blank one will do.
const PATIENCE: Duration = Duration::from_secs(60);
/// The scope that a stream needs to go on.
const SCOPE: &str = "interactions:write";

/// What became of one line.
#[derive(Serialize, ToSchema)]
#[schema(as = InteractionLine)]
struct LineResult {
    /// The line, counted from 1 with blank ones; null in a last line that tells why the stream ends early.
    #[schema(example = 1, nullable)]
    line: Option<u64>,
    #[serde(flatten)]
    result: ItemResult,
}

/// Record a stream of interactions
///
/// One interaction a line (NDJSON), as many as there are, for as long as it takes; each is answered with a line, in
/// order, while the body is still being sent. Read the answers while you send: what is not read is not recorded. A line
/// that is wrong is refused and spoils no other. Lines that arrive together are recorded together, up to 500 in one
/// transaction; a line alone is recorded and answered at once. What is answered 201 is stored for good; 409 and 503 ask
/// for the line to be sent again. A line may have 64 KiB (413), blank lines are skipped, and one of them every now and
/// then keeps a quiet stream open: after a minute without a line it is ended. A stream that ends early says why in a
/// last line without a number. `Idempotency-Key` is refused here: `source` and `external_id` make it safe to send the
/// whole stream again.
#[utoipa::path(
    tag = "interactions",
    operation_id = "record_interaction_stream",
    request_body(
        content = NewInteraction,
        content_type = "application/x-ndjson",
        description = "Interactions, one a line",
    ),
    responses(
        (status = 200, description = "One line for each line", body = LineResult, content_type = "application/x-ndjson"),
        (status = 408, description = "Told in a last line: nothing arrived for a minute"),
        (status = 409, description = "Told of a line: others were changing the same records; send it again"),
        (status = 413, description = "Told of a line: it is too long"),
        (status = 422, description = "Told of a line: it breaks rules; all of them are listed"),
    ),
    security(("bearer" = ["interactions:write"])),
)]
#[post("/v1/interactions/stream")]
async fn record_stream(
    actor: Actor,
    request: HttpRequest,
    body: web::Payload,
) -> std::result::Result<HttpResponse, Problem> {
    if idempotency::header(request.headers())?.is_some() {
        let detail = "Idempotency-Key has no meaning here: source and external_id make each line safe to repeat";
        return Err(Problem::new(Kind::MalformedRequest, detail));
    }
    let (operation, id) = (operation(&request)?, request_id::current());
    let session = Session { actor, operation, body, lines: Lines::default(), end: None };
    let answers = stream::unfold(session, move |mut session| {
        let id = id.clone();
        async move {
            let answer = request_id::scope(id, session.answer()).await?;
            Some((Ok::<Bytes, std::io::Error>(answer), session))
        }
    });
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).streaming(Box::pin(answers)))
}

/// A stream under way.
struct Session {
    actor: Actor,
    operation: Arc<Operation>,
    body: web::Payload,
    lines: Lines,
    /// Whether nothing more is read, and why, if that is to be told.
    end: Option<Option<Problem>>,
}

impl Session {
    /// Answers some more lines; none when all is answered.
    async fn answer(&mut self) -> Option<Bytes> {
        let lines = self.gather().await;
        if lines.is_empty() {
            let problem = self.end.as_mut()?.take()?;
            return Some(written(&[LineResult { line: None, result: ItemResult::new(Err(problem)) }]));
        }
        let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
        let outcomes = self.record(lines).await;
        let results = numbers.into_iter().zip(outcomes);
        Some(written(&Vec::from_iter(results.map(|(line, result)| LineResult { line: Some(line), result }))))
    }

    /// Waits for a line, and takes with it what else is there.
    async fn gather(&mut self) -> Vec<Line> {
        let mut gathered = Vec::new();
        while gathered.len() < TOGETHER {
            if let Some(line) = self.lines.next_line() {
                gathered.push(line);
                continue;
            }
            if self.end.is_some() {
                gathered.extend(self.lines.last());
                break;
            }
            match self.body.next().now_or_never() {
                Some(chunk) => self.take(chunk),
                None if gathered.is_empty() => self.wait().await,
                None => break,
            }
        }
        gathered
    }

    async fn wait(&mut self) {
        match tokio::time::timeout(PATIENCE, self.body.next()).await {
            Ok(chunk) => self.take(chunk),
            Err(_) => self.break_off(Problem::new(Kind::RequestTimeout, "nothing arrived for a minute")),
        }
    }

    fn take(&mut self, chunk: Option<std::result::Result<Bytes, actix_web::error::PayloadError>>) {
        match chunk {
            Some(Ok(bytes)) => self.lines.push(&bytes),
            Some(Err(_)) => self.break_off(Problem::new(Kind::MalformedRequest, "the body broke off")),
            None => self.end = Some(None),
        }
    }

    /// Ends the stream; what came of a line that has no end is let go.
    fn break_off(&mut self, why: Problem) {
        self.lines = Lines::default();
        self.end = Some(Some(why));
    }

    /// Records lines, one result for each, while the next ones arrive.
    async fn record(&mut self, lines: Vec<Line>) -> Vec<ItemResult> {
        if let Err(problem) = self.actor.still_may(SCOPE).await {
            let refused = ItemResult::new(Err(problem));
            return vec![refused; lines.len()];
        }
        let mut work = Box::pin(work(self.actor.clone(), self.operation.clone(), lines));
        while self.end.is_none() && self.lines.held() < READ_AHEAD {
            match select(work, self.body.next()).await {
                Either::Left((results, _)) => return results,
                Either::Right((chunk, rest)) => {
                    self.take(chunk);
                    work = rest;
                }
            }
        }
        work.await
    }
}

async fn work(actor: Actor, operation: Arc<Operation>, lines: Vec<Line>) -> Vec<ItemResult> {
    let read = move || lines.into_iter().map(|line| read(&operation, line)).collect::<Vec<_>>();
    let Ok(read) = tokio::task::spawn_blocking(read).await else { return Vec::new() };
    let batch: Vec<NewInteraction> = read.iter().filter_map(|item| item.as_ref().ok().cloned()).collect();
    let mut recorded = record(&actor, Arc::new(batch)).await.into_iter();
    let nothing = || ItemResult::new(Err(Error::internal("a line has no result").into()));
    let result = |item: std::result::Result<NewInteraction, Problem>| match item {
        Ok(_) => recorded.next().unwrap_or_else(nothing),
        Err(problem) => ItemResult::new(Err(problem)),
    };
    read.into_iter().map(result).collect()
}

/// Reads one line as the interaction that it is.
fn read(operation: &Operation, line: Line) -> std::result::Result<NewInteraction, Problem> {
    let too_long = || Problem::new(Kind::PayloadTooLarge, format!("a line may have at most {LINE_LIMIT} bytes"));
    let value: Value = json::read(&line.bytes.ok_or_else(too_long)?)?;
    operation.check_item(&value)?;
    typed(value)
}

/// Records interactions in one transaction. When others are in the way of some of them each has one of its own.
async fn record(actor: &Actor, batch: Arc<Vec<NewInteraction>>) -> Vec<ItemResult> {
    if batch.is_empty() {
        return Vec::new();
    }
    match record_once(actor, batch.clone()).await {
        Err(Error::Conflict(_)) if batch.len() > 1 => {
            let mut results = Vec::with_capacity(batch.len());
            for one in batch.iter() {
                results.extend(all_of(record_once(actor, Arc::new(vec![one.clone()])).await, 1));
            }
            results
        }
        outcome => all_of(outcome, batch.len()),
    }
}

async fn record_once(actor: &Actor, batch: Arc<Vec<NewInteraction>>) -> Result<Vec<Result<Recorded>>> {
    let scope = Scope { at: actor.state.clock.now(), ..actor.scope() };
    actor.state.db.write(scope, move |tx| interactions::record(tx, &batch)).await
}

/// One result for each of `count` interactions: what hit the whole hit each of them.
fn all_of(outcome: Result<Vec<Result<Recorded>>>, count: usize) -> Vec<ItemResult> {
    match outcome {
        Ok(recorded) => recorded.into_iter().map(|one| ItemResult::new(one.map_err(Problem::from))).collect(),
        Err(error) => vec![ItemResult::new(Err(error.into())); count],
    }
}

fn written(results: &[LineResult]) -> Bytes {
    let mut text = Vec::new();
    for result in results {
        if serde_json::to_writer(&mut text, result).is_ok() {
            text.push(b'\n');
        }
    }
    text.into()
}

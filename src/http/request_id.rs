//! The id of the request under way: in every answer, every problem and every log line.

use std::future::Future;

use actix_web::http::header::HeaderMap;

use crate::clock::Timestamp;
use crate::id::Id;

/// The header that carries it, in both directions.
pub const HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: String;
}

/// The caller's own id when it is short and plain, else a new one.
pub fn choose(headers: &HeaderMap, at: Timestamp) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given {
        Some(id)
            if (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) =>
        {
            id.to_owned()
        }
        _ => Id::new(at).to_string(),
    }
}

/// Runs `work` as the request `id`.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request under way; empty outside one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

//! Idempotency keys (C1): a repeated request gets the first answer, to the letter, and has no second effect.
//!
//! A key is taken in a short transaction of its own with a lease; the answer is stored in the transaction that does
//! the work, so effect and answer commit together or not at all. After a crash the lease runs out and the next try
//! takes over. Kept answers are those that would be the same again: success, and refusals by the state of the data
//! (404, 409, 410, 412). A faulty request never spends its key.

use actix_web::http::header::HeaderMap;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::problem::{Kind, Problem};
use crate::db::Tx;
use crate::db::types::JsonOf;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::idempotency_keys as table;
use crate::text;

/// How long keys are kept and leases last.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Seconds after which a kept answer may be forgotten.
    pub keep_s: i64,
    /// Seconds that a request may take before another may take over its key.
    pub lease_s: i64,
}

/// One request that asked to be carried out once.
#[derive(Clone, Debug)]
pub struct Key {
    /// Who asks: the user, client or form.
    pub principal: String,
    /// The method of the request.
    pub method: String,
    /// The path of the request.
    pub path: String,
    /// The key itself, without quotes.
    pub key: String,
    /// SHA-256 over what was asked.
    pub fingerprint: String,
}

/// What taking a key came to.
pub enum Taken {
    /// The work may be done under this lease.
    Now { lease: Id },
    /// It was done before.
    Before(Answer),
    /// It is being done.
    UnderWay,
    /// The key belongs to another request.
    ByAnother,
}

/// Reads the header, quoted or bare: 1 to 255 visible ASCII characters.
pub fn header(headers: &HeaderMap) -> std::result::Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key");
    let Some(first) = values.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if (1..=255).contains(&bare.len()) && bare.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        return Ok(Some(bare.to_owned()));
    }
    Err(Problem::new(
        Kind::MalformedRequest,
        "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters",
    ))
}

/// SHA-256 over the parts of a request, each with its length so that none runs into the next.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    text::hex(&digest.finalize())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
struct Row {
    fingerprint: String,
    lease_until: crate::clock::Timestamp,
    answer: Option<JsonOf<Answer>>,
    expires_at: crate::clock::Timestamp,
}

/// The keys of a workspace.
pub struct IdempotencyKeys<'c, 't> {
    tx: &'t mut Tx<'c>,
}

impl<'c> Tx<'c> {
    /// The idempotency keys of the workspace.
    pub fn idempotency_keys<'t>(&'t mut self) -> IdempotencyKeys<'c, 't> {
        IdempotencyKeys { tx: self }
    }
}

/// The row of `key` in the workspace of `tx`.
macro_rules! row_of {
    ($tx:expr, $key:expr) => {
        table::table
            .filter(table::workspace_id.eq($tx.scope.workspace))
            .filter(table::principal.eq(&$key.principal))
            .filter(table::method.eq(&$key.method))
            .filter(table::path.eq(&$key.path))
            .filter(table::key.eq(&$key.key))
    };
}

impl IdempotencyKeys<'_, '_> {
    /// Takes `key`, or tells why not. In a transaction of its own.
    pub fn take(&mut self, key: &Key, terms: Terms) -> Result<Taken> {
        let at = self.tx.at();
        self.tx.take_turns(&[format!("key {} {}", key.principal, key.key)])?;
        let found = row_of!(self.tx, key).select(Row::as_select()).first(self.tx.conn).optional()?;
        if let Some(row) = found.filter(|row| row.expires_at > at) {
            match row.answer {
                _ if row.fingerprint != key.fingerprint => return Ok(Taken::ByAnother),
                Some(JsonOf(answer)) => return Ok(Taken::Before(answer)),
                None if row.lease_until > at => return Ok(Taken::UnderWay),
                None => {}
            }
        }
        diesel::delete(row_of!(self.tx, key)).execute(self.tx.conn)?;
        let lease = Id::new(at);
        diesel::insert_into(table::table)
            .values((
                table::workspace_id.eq(self.tx.scope.workspace),
                table::principal.eq(&key.principal),
                table::method.eq(&key.method),
                table::path.eq(&key.path),
                table::key.eq(&key.key),
                table::fingerprint.eq(&key.fingerprint),
                table::lease.eq(lease),
                table::lease_until.eq(at.plus_seconds(terms.lease_s)),
                table::expires_at.eq(at.plus_seconds(terms.keep_s)),
            ))
            .execute(self.tx.conn)?;
        Ok(Taken::Now { lease })
    }

    /// Stores the answer in the transaction that did the work. Fails, and so undoes the work, when the lease was lost.
    pub fn complete(&mut self, key: &Key, lease: Id, answer: &Answer) -> Result<()> {
        let stored = diesel::update(row_of!(self.tx, key).filter(table::lease.eq(lease)))
            .set(table::answer.eq(JsonOf(answer.kept().clone())))
            .execute(self.tx.conn)?;
        if stored == 1 {
            Ok(())
        } else {
            Err(Error::Conflict("the request took too long and another took over".into()))
        }
    }

    /// Gives the key back, so that the request can be corrected and sent again under it.
    pub fn free(&mut self, key: &Key, lease: Id) -> Result<()> {
        diesel::delete(row_of!(self.tx, key).filter(table::lease.eq(lease))).execute(self.tx.conn)?;
        Ok(())
    }

    /// Forgets the keys of all workspaces that have had their time.
    pub fn prune(&mut self) -> Result<usize> {
        let at = self.tx.at();
        Ok(diesel::delete(table::table.filter(table::expires_at.le(at))).execute(self.tx.conn)?)
    }
}

/// The right to carry out one keyed request, held until it is settled or runs out.
pub struct Lease {
    key: Key,
    id: Id,
}

/// Whether a keyed request is to be carried out.
pub enum Turn {
    /// It is, by the holder of the lease.
    Ours(Lease),
    /// It was before; this was the answer.
    Before(Answer),
}

/// Takes `key` in a transaction of its own.
pub async fn take(state: &super::State, scope: crate::db::Scope, key: Key) -> std::result::Result<Turn, Problem> {
    let (taking, terms) = (key.clone(), state.idempotency);
    match state.db.write(scope, move |tx| tx.idempotency_keys().take(&taking, terms)).await? {
        Taken::Now { lease } => Ok(Turn::Ours(Lease { key, id: lease })),
        Taken::Before(answer) => Ok(Turn::Before(answer.replayed())),
        Taken::UnderWay => {
            let detail = "the first request with this key is still under way; ask again for its answer";
            Err(Problem::new(Kind::IdempotencyInProgress, detail).header("Retry-After", "1"))
        }
        Taken::ByAnother => {
            let detail = "this Idempotency-Key was used for another request; use a new one";
            Err(Problem::new(Kind::IdempotencyKeyReused, detail))
        }
    }
}

impl Lease {
    /// Does `work` in one write transaction and keeps its answer there.
    pub async fn carry_out<F>(&self, state: &super::State, scope: crate::db::Scope, work: F) -> Result<Answer>
    where
        F: Fn(&mut Tx<'_>) -> Result<Answer> + Send + 'static,
    {
        let (key, id) = (self.key.clone(), self.id);
        let work = move |tx: &mut Tx<'_>| {
            let answer = work(tx)?;
            tx.idempotency_keys().complete(&key, id, &answer)?;
            Ok(answer)
        };
        state.db.write(scope, work).await
    }

    /// Keeps a refusal by the state of the data as the key's answer, and gives the key back after anything else.
    pub async fn settle(self, state: &super::State, scope: crate::db::Scope, error: Error) -> Problem {
        let keep = matches!(
            error,
            Error::NotFound
                | Error::Gone { .. }
                | Error::Conflict(_)
                | Error::DuplicateContact { .. }
                | Error::Stale { .. }
        );
        let problem = Problem::from(error);
        let (Self { key, id }, answer) = (self, Answer::problem(&problem));
        let settle = move |tx: &mut Tx<'_>| match keep {
            true => tx.idempotency_keys().complete(&key, id, &answer),
            false => tx.idempotency_keys().free(&key, id),
        };
        if let Err(error) = state.db.write(scope, settle).await {
            log::warn!("an idempotency key stays taken until its lease ends: {error}");
        }
        problem
    }
}

/// Carries out `work` once for `key`, in one write transaction, or gives the first answer again.
pub async fn once<F>(
    state: &super::State,
    scope: crate::db::Scope,
    key: Key,
    work: F,
) -> std::result::Result<Answer, Problem>
where
    F: Fn(&mut Tx<'_>) -> Result<Answer> + Send + 'static,
{
    let lease = match take(state, scope, key).await? {
        Turn::Ours(lease) => lease,
        Turn::Before(answer) => return Ok(answer),
    };
    match lease.carry_out(state, scope, work).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(lease.settle(state, scope, error).await),
    }
}

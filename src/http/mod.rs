//! How HTTP is spoken here: the app and its state, problems, checked requests, kept answers, pages of lists.
//!
//! `frame` surrounds every request, `contract` tells what a request must look like, `command` carries it to its
//! feature. Everything else in this room is used by those three.

pub mod answer;
pub mod command;
pub mod condition;
pub mod contract;
pub mod document;
mod frame;
pub mod health;
pub mod idempotency;
pub mod json;
pub mod lists;
pub mod ndjson;
pub mod patch;
pub mod path;
pub mod peer;
pub mod problem;
pub mod rate;
pub mod request_id;
pub mod routes;
pub mod serve;
pub mod throttle;
mod violations;
mod written;

use crate::auth::Principals;
use crate::auth::token::Tokens;
use crate::clock::Clock;
use crate::db::Db;
use crate::mail::Mail;

/// What the handlers of one process share.
pub struct State {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Issues and checks tokens.
    pub tokens: Tokens,
    /// What users and clients may do, remembered.
    pub principals: Principals,
    /// What requests must look like.
    pub contract: &'static contract::Contract,
    /// How much each caller may ask.
    pub rate: rate::Rate,
    /// How long idempotency keys are kept.
    pub idempotency: idempotency::Terms,
    /// Whose word on where a request comes from is taken.
    pub proxies: peer::Proxies,
    /// How much forms take.
    pub throttle: throttle::Throttle,
    /// The way mail leaves the service; none when it is not set up.
    pub mail: Option<Mail>,
}

/// Marks a request for the head of an answer alone, which handlers otherwise see as a GET.
pub struct HeadOnly;

impl State {
    /// The state of a service on `db` with the tokens and limits given; it trusts no proxy and limits no form.
    pub fn new(
        db: Db,
        clock: Clock,
        tokens: Tokens,
        rate: rate::Rate,
        idempotency: idempotency::Terms,
    ) -> Result<Self, String> {
        let contract = contract::Contract::shared()?;
        let (principals, proxies, throttle) = Default::default();
        Ok(Self { db, clock, tokens, principals, contract, rate, idempotency, proxies, throttle, mail: None })
    }

    /// The same with a way for mail to leave.
    pub fn with_mail(self, mail: Option<Mail>) -> Self {
        Self { mail, ..self }
    }
}

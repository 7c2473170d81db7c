//! What a database error means to the service: one place that reads kinds, codes and texts.

use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::error::Error;

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match meaning(&error) {
            Meaning::Contention => Error::Contention(error.to_string()),
            Meaning::Unreachable => Error::Unavailable(error.to_string()),
            Meaning::StillReferred => {
                Error::Conflict("other records still refer to this one, or it refers to one that is gone".into())
            }
            Meaning::Missing => Error::NotFound,
            Meaning::Fault => Error::Internal(error.to_string()),
        }
    }
}

enum Meaning {
    /// Another transaction was in the way; the same work may succeed when tried again. A broken uniqueness guard
    /// belongs here: on the next try the rule in front of the guard sees the other's record and gives its answer.
    Contention,
    Unreachable,
    StillReferred,
    Missing,
    Fault,
}

fn meaning(error: &Diesel) -> Meaning {
    use DatabaseErrorKind as Kind;
    match error {
        Diesel::NotFound => Meaning::Missing,
        Diesel::BrokenTransactionManager => Meaning::Unreachable,
        Diesel::DatabaseError(Kind::UniqueViolation | Kind::SerializationFailure, _) => Meaning::Contention,
        Diesel::DatabaseError(Kind::ForeignKeyViolation, _) => Meaning::StillReferred,
        Diesel::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _) => Meaning::Unreachable,
        Diesel::DatabaseError(_, info) => meaning_of_text(info.message()),
        _ => Meaning::Fault,
    }
}

/// diesel keeps no error code for these, so the message has to tell.
fn meaning_of_text(message: &str) -> Meaning {
    const CONTENTION: [&str; 2] = ["deadlock detected", "lock timeout"];
    const EXHAUSTED: [&str; 4] = ["No space left", "too many clients", "out of shared memory", "out of memory"];
    const UNREACHABLE: [&str; 12] = [
        "database is locked",
        "database or disk is full",
        "disk I/O error",
        "unable to open database file",
        "server closed the connection",
        "connection to server",
        "terminating connection",
        "could not receive data",
        "could not send data",
        "no connection to the server",
        "the database system is",
        "SSL connection has been closed",
    ];
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&CONTENTION) {
        Meaning::Contention
    } else if says(&UNREACHABLE) || says(&EXHAUSTED) {
        Meaning::Unreachable
    } else {
        Meaning::Fault
    }
}

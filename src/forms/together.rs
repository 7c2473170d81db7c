//! Submissions that arrived at the same moment: what each asks for is done in turn up to its interaction, and the
//! interactions are recorded, and the submissions kept, for all of them together.

use super::brought::Brought;
use super::capture::{self, Arrival};
use super::fulfil::{self, Done};
use super::strategies::Strategies;
use super::submission::Submission;
use super::{activity::Deed, confirmation};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::interactions::{self, NewInteraction};

/// Stores submissions that arrived at the same moment, each as [`capture::receive`] does: what they did is recorded and written
/// for all of them together. What cannot be done for one fails for all, so that each is tried alone.
pub fn receive_all(tx: &mut Tx<'_>, arrivals: &[Arrival]) -> Result<Vec<Result<Id>>> {
    if let [arrival] = arrivals {
        return Ok(vec![Ok(capture::receive(tx, arrival)?)]);
    }
    capture::take_turns(tx, arrivals)?;
    let (mut begun, mut strategies) = (Vec::with_capacity(arrivals.len()), Strategies::default());
    for arrival in arrivals {
        begun.push(match capture::stored_before(tx, arrival) {
            // What this visitor did wrong is for them alone, and nothing was written for them.
            Err(error @ Error::Invalid(_)) => Err(error),
            first => Ok(begin(tx, &mut strategies, arrival, first?)?),
        });
    }
    let told = begun.iter().flatten().filter_map(Begun::interaction).cloned().collect::<Vec<_>>();
    let mut recorded = interactions::record(tx, &told)?.into_iter();
    let (mut received, mut kept) = (Vec::with_capacity(arrivals.len()), Vec::new());
    for (arrival, begun) in arrivals.iter().zip(begun) {
        let is_recorded = begun.as_ref().is_ok_and(|begun| begun.interaction().is_some());
        let recorded = if is_recorded { recorded.next().transpose()? } else { None };
        received.push(match begun {
            Err(error) => Err(error),
            Ok(Begun::Before(first)) => Ok(first),
            Ok(Begun::Held(id, held)) => Ok(keep(tx, &mut kept, id, arrival, held)),
            Ok(Begun::Brought(id, brought)) => {
                let done = brought.recorded(tx, recorded)?;
                Ok(keep(tx, &mut kept, id, arrival, done))
            }
        });
    }
    capture::keep_all(tx, &kept)?;
    for (submission, arrival) in &kept {
        capture::ask_if_pending(tx, submission.id, submission.status.0, arrival)?;
    }
    Ok(received)
}

/// A submission of several whose interaction, if it is one, is still to be recorded.
enum Begun {
    /// It repeats this one.
    Before(Id),
    /// Nothing is made of it.
    Held(Id, Done),
    Brought(Id, Brought),
}

impl Begun {
    fn interaction(&self) -> Option<&NewInteraction> {
        match self {
            Self::Brought(_, brought) => brought.interaction(),
            Self::Before(_) | Self::Held(..) => None,
        }
    }
}

/// Begins with one, unless it repeats `first`.
fn begin(tx: &mut Tx<'_>, strategies: &mut Strategies, arrival: &Arrival, first: Option<Id>) -> Result<Begun> {
    if let Some(first) = first {
        confirmation::remind(tx, first)?;
        return Ok(Begun::Before(first));
    }
    let id = Id::new(tx.at());
    match capture::on_hold(tx, id, arrival)? {
        Some(held) => Ok(Begun::Held(id, held)),
        None => Ok(Begun::Brought(id, fulfil::bring_about(tx, strategies, id, arrival, Deed::Sent(tx.at()))?)),
    }
}

/// Adds a submission to those that are to be kept together; gives its id.
fn keep<'a>(tx: &Tx<'_>, kept: &mut Vec<(Submission, &'a Arrival)>, id: Id, arrival: &'a Arrival, done: Done) -> Id {
    kept.push((capture::submission(tx, id, arrival, done), arrival));
    id
}

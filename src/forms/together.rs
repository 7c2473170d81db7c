//! Submissions that arrived at the same moment: what each asks for is done in turn up to its interaction, and the
//! interactions are recorded, and the submissions kept, for all of them together.

use super::activity::Deed;
use super::brought::Brought;
use super::capture::{self, Arrival};
use super::foresight::Foresight;
use super::{confirmation, fulfil};
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::interactions::{self, NewInteraction};

/// Stores submissions that arrived at the same moment, each as [`capture::receive`] does: what they did is recorded and
/// written for all of them together. What cannot be done for one fails for all, so that each is tried alone.
pub fn receive_all(tx: &mut Tx<'_>, arrivals: &[Arrival]) -> Result<Vec<Result<Id>>> {
    if let [arrival] = arrivals {
        return Ok(vec![Ok(capture::receive(tx, arrival)?)]);
    }
    capture::take_turns(tx, arrivals)?;
    let firsts = capture::stored_before(tx, arrivals)?;
    let new: Vec<_> = arrivals.iter().zip(&firsts).map(|(it, first)| matches!(first, Ok(None)).then_some(it)).collect();
    let (mut ahead, mut begun) = (Foresight::of(tx, &new)?, Vec::with_capacity(arrivals.len()));
    for (place, (arrival, first)) in arrivals.iter().zip(firsts).enumerate() {
        begun.push(match first {
            Ok(None) => Ok(begin(tx, &mut ahead, place, arrival)?),
            Ok(Some(first)) => {
                confirmation::remind(tx, first)?;
                Ok(Begun { id: first, brought: None })
            }
            // What this visitor did wrong is for them alone, and nothing was written for them.
            Err(error) => Err(error),
        });
    }
    let brought = begun.iter_mut().flatten().filter_map(|begun| begun.brought.as_mut());
    let decisions: Vec<_> = brought.flat_map(|brought| std::mem::take(&mut brought.decisions)).collect();
    tx.match_decisions().insert(&decisions)?;
    let told = begun.iter().flatten().filter_map(Begun::interaction).cloned().collect::<Vec<_>>();
    let mut recorded = interactions::record(tx, &told)?.into_iter();
    let (mut received, mut kept) = (Vec::with_capacity(arrivals.len()), Vec::new());
    for (arrival, begun) in arrivals.iter().zip(begun) {
        let is_recorded = begun.as_ref().is_ok_and(|begun| begun.interaction().is_some());
        let recorded = if is_recorded { recorded.next().transpose()? } else { None };
        if let Ok(Begun { id, brought: Some(brought) }) = begun {
            let done = brought.recorded(tx, recorded)?;
            kept.push((capture::submission(tx, id, arrival, done), arrival));
            received.push(Ok(id));
        } else {
            received.push(begun.map(|begun| begun.id));
        }
    }
    capture::keep_all(tx, &kept)?;
    for (submission, arrival) in &kept {
        capture::ask_if_pending(tx, submission.id, submission.status.0, arrival)?;
    }
    Ok(received)
}

/// One of several submissions, before its interaction was recorded.
struct Begun {
    /// Its id, or that of the one that it repeats.
    id: Id,
    /// What it brought about; nothing when it is a repeat.
    brought: Option<Brought>,
}

impl Begun {
    fn interaction(&self) -> Option<&NewInteraction> {
        self.brought.as_ref()?.interaction.as_ref()
    }
}

/// Begins with the one at `place`, which is new.
fn begin(tx: &mut Tx<'_>, ahead: &mut Foresight, place: usize, arrival: &Arrival) -> Result<Begun> {
    let (id, deed) = (Id::new(tx.at()), Deed::Sent(tx.at()));
    let brought = match capture::on_hold(tx, id, arrival)? {
        Some(held) => Brought::nothing(held, deed),
        None => {
            let foreseen = ahead.about(place, arrival);
            let brought = fulfil::bring_about(tx, &mut ahead.strategies, foreseen, (id, arrival), deed)?;
            ahead.came_about(&brought.done);
            brought
        }
    };
    Ok(Begun { id, brought: Some(brought) })
}

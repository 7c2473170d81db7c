//! What one condition has seen of a lead's interactions, in so far as it may still matter (SCO-8).
//!
//! It stays small however long the history is. Where only the latest so many count, those are kept one by one. Where
//! all count, those that give the same are one heap: how many they are, and the oldest, which is the first to fade or
//! to leave its window. When that one goes, the history tells which comes next.

use serde::{Deserialize, Serialize};

use super::condition::Frequency;
use super::ledger::Cause;
use super::terms::Terms;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::Id;

/// An occurrence: when, which, and what it gives before it fades. Instants are kept in microseconds, which read fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Entry(i64, Id, i64);

impl Entry {
    pub(super) fn new(at: Timestamp, id: Id, worth: i64) -> Self {
        Self(at.micros(), id, worth)
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.0)
    }
}

/// The occurrences of one instant that come first in a heap: when, the smallest id, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Front(i64, Id, u64);

impl Front {
    pub(super) fn new(at: Timestamp, id: Id) -> Self {
        Self(at.micros(), id, 1)
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.0)
    }

    /// One more of the same instant.
    pub(super) fn add(&mut self, id: Id) {
        self.1 = self.1.min(id);
        self.2 += 1;
    }
}

/// Occurrences that are worth the same and of which the same is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Heap {
    worth: i64,
    kept: i64,
    count: u64,
    /// None where nothing ever fades or leaves.
    front: Option<Front>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Counted {
    /// The latest, oldest first: no more of them than can count.
    Latest(Vec<Entry>),
    /// All, by what they give.
    Heaps(Vec<Heap>),
}

/// What one condition has seen until some instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// How many there ever were, counted no further than the condition asks.
    happened: usize,
    /// What is known and has yet to happen: clocks differ. Oldest first.
    coming: Vec<Entry>,
    counted: Counted,
}

/// Where to look for the earliest occurrences of a heap after some instant, by what each is worth.
pub(super) type Look<'l> = dyn FnMut(i64, Timestamp) -> Result<Option<Front>> + 'l;

/// Why a condition's points changed at a moment, and the first occurrence that made them.
pub(super) type Told = (Cause, Option<Id>);

impl Seen {
    /// Nothing yet.
    pub(super) fn nothing(terms: &Terms) -> Self {
        let counts_all = terms.frequency == Frequency::Each && terms.limit == usize::MAX;
        let counted = if counts_all { Counted::Heaps(Vec::new()) } else { Counted::Latest(Vec::new()) };
        Self { happened: 0, coming: Vec::new(), counted }
    }

    /// Takes in an occurrence, which may have happened at any time or have yet to happen.
    pub(super) fn insert(&mut self, terms: &Terms, entry: Entry, now: Timestamp) {
        if entry.at() > now {
            let place = self.coming.partition_point(|known| *known < entry);
            self.coming.insert(place, entry);
            return;
        }
        self.happened = (self.happened + 1).min(terms.needed());
        if terms.has_closed(entry.at(), now) {
            return;
        }
        match &mut self.counted {
            Counted::Latest(latest) => {
                latest.retain(|known| !terms.has_closed(known.at(), now));
                let place = latest.partition_point(|known| *known < entry);
                latest.insert(place, entry);
                if latest.len() > kept_one_by_one(terms) {
                    latest.remove(0);
                }
            }
            Counted::Heaps(heaps) => {
                let kept = terms.kept(entry.2, entry.at(), now);
                let front = (!terms.is_timeless()).then(|| Front::new(entry.at(), entry.1));
                put(heaps, Heap { worth: entry.2, kept, count: 1, front });
            }
        }
    }

    /// Whether as many happened as the condition asks for, its window left aside.
    pub(super) fn is_met(&self, terms: &Terms) -> bool {
        self.happened >= terms.needed()
    }

    /// Whether the condition holds at `at`, up to which everything was taken in.
    pub(super) fn holds(&self, terms: &Terms, old_enough: Timestamp, at: Timestamp) -> bool {
        match terms.frequency {
            Frequency::Each => !self.is_empty(),
            Frequency::AtLeast(_) if terms.within_days.is_none() => self.is_met(terms),
            Frequency::AtLeast(_) => matches!(&self.counted, Counted::Latest(all) if all.len() >= terms.limit),
            Frequency::None => self.is_empty() && at >= old_enough,
        }
    }

    /// What all that counts gives at `at` together.
    pub(super) fn sum(&self, terms: &Terms, at: Timestamp) -> i64 {
        match &self.counted {
            Counted::Latest(latest) => {
                latest.iter().map(|it| terms.kept(it.2, it.at(), at)).fold(0, i64::saturating_add)
            }
            Counted::Heaps(heaps) => {
                let times = |heap: &Heap| heap.kept.saturating_mul(i64::try_from(heap.count).unwrap_or(i64::MAX));
                heaps.iter().map(times).fold(0, i64::saturating_add)
            }
        }
    }

    /// The first instant after `at` at which something happens, fades, leaves its window or is long enough ago.
    pub(super) fn next(&self, terms: &Terms, old_enough: Timestamp, at: Timestamp) -> Option<(Timestamp, Cause)> {
        let coming = self.coming.first().map(|it| (it.at(), Cause::Interaction));
        let closing = self.closing(terms, old_enough, at).map(|at| (at, Cause::WindowExpiry));
        let fading = self.oldest().filter_map(|(it, worth)| terms.fades(worth, it, at)).min();
        [coming, closing, fading.map(|at| (at, Cause::Decay))].into_iter().flatten().min()
    }

    fn closing(&self, terms: &Terms, old_enough: Timestamp, at: Timestamp) -> Option<Timestamp> {
        match terms.frequency {
            Frequency::Each => {
                let left = |(it, worth): &(Timestamp, i64)| terms.kept(*worth, *it, at) != 0;
                self.oldest().filter(left).filter_map(|(it, _)| terms.closes(it)).min()
            }
            Frequency::AtLeast(_) if !self.holds(terms, old_enough, at) => None,
            Frequency::AtLeast(_) => self.oldest().next().and_then(|(it, _)| terms.closes(it)),
            Frequency::None if self.holds(terms, old_enough, at) => None,
            Frequency::None => {
                let earliest = at.max(old_enough);
                match self.oldest().next() {
                    Some((it, _)) => terms.closes(it).map(|closed| closed.max(earliest)),
                    None => Some(earliest),
                }
            }
        }
    }

    /// Moves on from `from` to `at`, the next moment. Tells why the points changed, if they may have; `Err(Lost)` in
    /// the inner result when the history no longer has what was counted before.
    pub(super) fn cross(
        &mut self,
        terms: &Terms,
        from: Timestamp,
        at: Timestamp,
        look: &mut Look<'_>,
    ) -> Result<Result<Option<Told>, Lost>> {
        let mut told: Option<Told> = None;
        let mut tell = |news: Told| told = Some(told.map_or(news, |known| if news.0 < known.0 { news } else { known }));
        while let Some(first) = self.coming.first().copied().filter(|it| it.at() <= at) {
            self.coming.remove(0);
            self.insert(terms, first, at);
            tell((Cause::Interaction, (terms.frequency != Frequency::None).then_some(first.1)));
        }
        match &mut self.counted {
            Counted::Latest(latest) => {
                for it in latest.iter().filter(|it| terms.fades(it.2, it.at(), from).is_some_and(|step| step <= at)) {
                    tell((Cause::Decay, Some(it.1)));
                }
                while let Some(first) = latest.first().copied().filter(|it| terms.has_closed(it.at(), at)) {
                    latest.remove(0);
                    tell((Cause::WindowExpiry, (terms.frequency != Frequency::None).then_some(first.1)));
                }
            }
            Counted::Heaps(heaps) => {
                while let Some((place, cause)) = due(heaps, terms, at) {
                    let Some(gone) = take_front(heaps, place, look)? else { return Ok(Err(Lost)) };
                    tell((cause, gone.front.map(|front| front.1)));
                    let Some(front) = gone.front.filter(|front| !terms.has_closed(front.at(), at)) else { continue };
                    put(heaps, Heap { kept: terms.kept(gone.worth, front.at(), at), ..gone });
                }
            }
        }
        Ok(Ok(told))
    }

    fn is_empty(&self) -> bool {
        match &self.counted {
            Counted::Latest(latest) => latest.is_empty(),
            Counted::Heaps(heaps) => heaps.is_empty(),
        }
    }

    /// Of all that gives the same the oldest, with what it is worth: the only ones that can be the next to change.
    fn oldest(&self) -> impl Iterator<Item = (Timestamp, i64)> {
        let (latest, heaps): (&[Entry], &[Heap]) = match &self.counted {
            Counted::Latest(latest) => (latest, &[]),
            Counted::Heaps(heaps) => (&[], heaps),
        };
        let fronts = heaps.iter().filter_map(|heap| Some((heap.front?.at(), heap.worth)));
        latest.iter().map(|it| (it.at(), it.2)).chain(fronts)
    }
}

/// The history no longer has what was counted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// Occurrences that are kept one by one, at most.
fn kept_one_by_one(terms: &Terms) -> usize {
    match terms.frequency {
        Frequency::Each => terms.limit,
        Frequency::AtLeast(_) if terms.within_days.is_none() => 0,
        Frequency::AtLeast(_) => terms.limit,
        Frequency::None => 1,
    }
}

/// A heap whose front has left or faded by `at`, and which of the two.
fn due(heaps: &[Heap], terms: &Terms, at: Timestamp) -> Option<(usize, Cause)> {
    let changed = |heap: &Heap| {
        let front = heap.front?.at();
        if terms.has_closed(front, at) {
            return Some(Cause::WindowExpiry);
        }
        (terms.kept(heap.worth, front, at) != heap.kept).then_some(Cause::Decay)
    };
    heaps.iter().enumerate().find_map(|(place, heap)| Some((place, changed(heap)?)))
}

/// Takes the front off a heap, as a heap of its own; none when the rest of the heap cannot be found.
fn take_front(heaps: &mut Vec<Heap>, place: usize, look: &mut Look<'_>) -> Result<Option<Heap>> {
    let Some(heap) = heaps.get_mut(place) else { return Ok(None) };
    let Some(front) = heap.front else { return Ok(None) };
    let gone = Heap { count: front.2, front: Some(front), ..*heap };
    heap.count = heap.count.saturating_sub(front.2);
    if heap.count == 0 {
        heaps.remove(place);
    } else {
        heap.front = look(heap.worth, front.at())?;
        if heap.front.is_none_or(|next| next.2 > heap.count) {
            return Ok(None);
        }
    }
    Ok(Some(gone))
}

/// Adds to the heap of those that give the same. Of which nothing is left is dropped.
fn put(heaps: &mut Vec<Heap>, new: Heap) {
    if new.kept == 0 {
        return;
    }
    let heap = match heaps.binary_search_by_key(&(new.worth, new.kept), |heap| (heap.worth, heap.kept)) {
        Ok(place) => heaps.get_mut(place),
        Err(place) => {
            heaps.insert(place, new);
            None
        }
    };
    let Some(heap) = heap else { return };
    heap.count += new.count;
    if let (Some(known), Some(front)) = (&mut heap.front, new.front) {
        match front.at().cmp(&known.at()) {
            std::cmp::Ordering::Less => *known = front,
            std::cmp::Ordering::Equal => *known = Front(known.0, known.1.min(front.1), known.2 + front.2),
            std::cmp::Ordering::Greater => {}
        }
    }
}

//! Natural batching: what many callers ask for at once is written together, so that the cost of each falls as the load
//! rises.
//!
//! Work of one kind for one workspace and actor stands in one queue. Whoever comes first has it done at once; what comes
//! while transactions are under way waits for the end of one and is written by the next, as much as there is. There is
//! no timer, so nobody waits when nothing is under way. Each caller is answered after the commit that their work is in.
//! On PostgreSQL two transactions of a queue are under way at most, so that one computes while the other waits for the
//! disk; on SQLite, which has one writer, one is.
//!
//! Items with the same key, such as two of one person, are never under way together, and are written in the order in
//! which they came. What hits a whole transaction makes every item be tried alone, so that only the one it is about
//! fails. The queue is bounded: when it is full the caller is told to come back.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Db, Scope, Tx};
use crate::error::{Error, Result};
use crate::id::Id;

/// Items that wait in one queue.
const MOST_WAITING: usize = 4_096;
/// Items of one transaction: as many as take their turns one by one.
const MOST_TOGETHER: usize = super::turns::MOST;

/// What is done for some items in one transaction: one result for each, or what hit all of them.
pub type Together<T, R> = fn(&mut Tx<'_>, &[T]) -> Result<Vec<Result<R>>>;

/// The queues of a process, by what is done and for whom.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<Lane, Arc<dyn Any + Send + Sync>>>);

type Lane = (TypeId, Id, Option<Id>);

impl Queues {
    fn queue<T: Send + 'static, R: Send + 'static>(&self, scope: &Scope) -> Arc<Queue<T, R>> {
        let lane = (TypeId::of::<(T, R)>(), scope.workspace, scope.actor);
        let mut queues = locked(&self.0);
        let found = queues.entry(lane).or_insert_with(|| Arc::new(Queue::<T, R>::default())).clone();
        // The lane names the types, so this is the queue itself.
        found.downcast().unwrap_or_default()
    }
}

/// What waits in one lane.
struct Queue<T, R>(Mutex<Waiting<T, R>>);

struct Waiting<T, R> {
    items: VecDeque<Item<T, R>>,
    /// The keys of what is under way.
    busy: HashSet<String>,
    /// How many are at work.
    at_work: usize,
}

struct Item<T, R> {
    scope: Scope,
    key: String,
    asked: T,
    answer: oneshot::Sender<Result<R>>,
}

impl<T, R> Default for Queue<T, R> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { items: VecDeque::new(), busy: HashSet::new(), at_work: 0 }))
    }
}

impl<T, R> Queue<T, R> {
    /// Puts an item at the end; tells whether somebody has to be sent to work, of whom there are `most`.
    fn push(&self, item: Item<T, R>, most: usize) -> Result<bool> {
        let mut waiting = locked(&self.0);
        if waiting.items.len() >= MOST_WAITING {
            return Err(Error::Unavailable("too many requests wait to be written".into()));
        }
        waiting.items.push_back(item);
        let is_called = waiting.at_work < most;
        waiting.at_work += usize::from(is_called);
        Ok(is_called)
    }

    /// Takes the items that the next transaction is about, in their order, after one that was about `done`. When nothing
    /// can be done there are none, and whoever asked goes.
    fn take(&self, done: &[String]) -> Vec<Item<T, R>> {
        let mut waiting = locked(&self.0);
        done.iter().for_each(|key| {
            waiting.busy.remove(key);
        });
        let (mut taken, mut rest, mut passed) = (Vec::new(), VecDeque::new(), HashSet::new());
        while let Some(item) = waiting.items.pop_front() {
            if taken.len() == MOST_TOGETHER {
                rest.push_back(item);
                break;
            }
            if passed.contains(&item.key) || !waiting.busy.insert(item.key.clone()) {
                passed.insert(item.key.clone());
                rest.push_back(item);
            } else {
                taken.push(item);
            }
        }
        rest.append(&mut waiting.items);
        waiting.items = rest;
        waiting.at_work -= usize::from(taken.is_empty());
        taken
    }
}

impl Db {
    /// Does `work` for `asked` in one transaction with what others ask for at the same moment. `key` says whom it is
    /// about: what has the same key is done in order, each in a transaction of its own.
    pub async fn write_together<T, R>(&self, scope: Scope, key: String, asked: T, work: Together<T, R>) -> Result<R>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let queue = self.queues.queue::<T, R>(&scope);
        if queue.push(Item { scope, key, asked, answer }, self.writers)? {
            let db = self.clone();
            tokio::task::spawn_blocking(move || serve(&db, &queue, work));
        }
        answered.await.map_err(|_| Error::Unavailable("the service is going down".into()))?
    }
}

/// Works until nothing waits.
fn serve<T, R>(db: &Db, queue: &Queue<T, R>, work: Together<T, R>) {
    let mut done = Vec::new();
    loop {
        let items = queue.take(&done);
        if items.is_empty() {
            return;
        }
        done = items.iter().map(|item| item.key.clone()).collect();
        carry_out(db, items, work);
    }
}

/// Does the work for some items and answers each of them.
fn carry_out<T, R>(db: &Db, items: Vec<Item<T, R>>, work: Together<T, R>) {
    let (mut scopes, mut asked, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        scopes.push(item.scope);
        asked.push(item.asked);
        answers.push(item.answer);
    }
    let results = match all_at_once(db, &scopes, &asked, work) {
        // The database is away or overloaded: it is so for each of them.
        Err(Error::Unavailable(what)) => answers.iter().map(|_| Err(Error::Unavailable(what.clone()))).collect(),
        Err(_) if asked.len() > 1 => one_by_one(db, &scopes, &asked, work),
        Err(error) => vec![Err(error)],
        Ok(results) => results,
    };
    for (answer, result) in answers.into_iter().zip(results) {
        // Who has gone away does not hear of it; it is done all the same.
        let _ = answer.send(result);
    }
}

/// One transaction for all items, at the latest of their instants.
fn all_at_once<T, R>(db: &Db, scopes: &[Scope], asked: &[T], work: Together<T, R>) -> Result<Vec<Result<R>>> {
    let Some(scope) = scopes.iter().max_by_key(|scope| scope.at) else { return Ok(Vec::new()) };
    let done = || db.write_here(*scope, |tx| work(tx, asked));
    // A fault of ours about one item must not leave the queue without anybody at work.
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(done));
    done.unwrap_or_else(|_| Err(Error::internal("work in a transaction panicked")))
}

fn one_by_one<T, R>(db: &Db, scopes: &[Scope], asked: &[T], work: Together<T, R>) -> Vec<Result<R>> {
    let alone = |(scope, asked): (&Scope, &T)| {
        let mut results = all_at_once(db, std::slice::from_ref(scope), std::slice::from_ref(asked), work)?;
        results.pop().unwrap_or_else(|| Err(Error::internal("an item has no result")))
    };
    scopes.iter().zip(asked).map(alone).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tempfile::TempDir;

    use super::*;
    use crate::clock::Timestamp;
    use crate::db::Address;

    fn db(folder: &TempDir) -> Db {
        let address = format!("sqlite://{}", folder.path().join("together.db").display());
        Db::new(&Address::parse(&address).unwrap(), 1)
    }

    fn scope() -> Scope {
        Scope { workspace: Id::NIL, at: Timestamp::from_day(1), actor: None, cause: None }
    }

    fn item(key: &str, asked: u32) -> (Item<u32, u32>, oneshot::Receiver<Result<u32>>) {
        let (answer, answered) = oneshot::channel();
        (Item { scope: scope(), key: key.to_owned(), asked, answer }, answered)
    }

    /// What the transactions of a queue are about.
    fn transactions(queue: &Queue<u32, u32>) -> Vec<Vec<u32>> {
        let mut done = Vec::new();
        let taken = std::iter::from_fn(|| {
            let items = Some(queue.take(&done)).filter(|items| !items.is_empty())?;
            done = items.iter().map(|item| item.key.clone()).collect();
            Some(items)
        });
        taken.map(|items| items.into_iter().map(|item| item.asked).collect()).collect()
    }

    #[test]
    fn what_waits_is_taken_together_but_never_two_of_one_person_and_in_order() {
        let queue = Queue::default();
        for (key, asked) in [("ann", 1), ("bob", 2), ("ann", 3), ("eve", 4), ("ann", 5), ("bob", 6)] {
            assert_eq!(
                queue.push(item(key, asked).0, 1).unwrap(),
                asked == 1,
                "the first alone sends somebody to work"
            );
        }
        assert_eq!(transactions(&queue), [vec![1, 2, 4], vec![3, 6], vec![5]]);
        assert!(queue.push(item("ann", 7).0, 1).unwrap(), "when nothing waited any more, the next one does again");
    }

    #[test]
    fn two_may_be_at_work_but_not_on_one_person() {
        let queue = Queue::default();
        assert!(queue.push(item("ann", 1).0, 2).unwrap());
        let first = queue.take(&[]);
        assert!(queue.push(item("ann", 2).0, 2).unwrap());
        assert!(queue.take(&[]).is_empty(), "the second finds nothing that can be done, and goes");
        assert!(queue.push(item("bob", 3).0, 2).unwrap());
        assert_eq!(queue.take(&[]).first().map(|item| item.asked), Some(3));
        assert!(!queue.push(item("eve", 4).0, 2).unwrap(), "two are at work");
        let next = queue.take(&[first[0].key.clone()]);
        assert_eq!(next.iter().map(|item| item.asked).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn a_transaction_is_about_so_many_at_most_and_a_full_queue_takes_no_more() {
        let queue = Queue::default();
        for asked in 0..MOST_WAITING as u32 {
            queue.push(item(&asked.to_string(), asked).0, 1).unwrap();
        }
        assert!(matches!(queue.push(item("late", 0).0, 1), Err(Error::Unavailable(_))));
        let all = transactions(&queue);
        assert!(all.iter().all(|one| one.len() <= MOST_TOGETHER));
        assert_eq!(all.concat(), Vec::from_iter(0..MOST_WAITING as u32));
    }

    /// Refuses odd numbers, fails as a whole over 13, and panics over 17.
    fn halve(_: &mut Tx<'_>, asked: &[u32]) -> Result<Vec<Result<u32>>> {
        assert!(!asked.contains(&17), "a fault");
        match asked.contains(&13) {
            true => Err(Error::internal("the database took offence")),
            false => Ok(asked.iter().map(|n| if n % 2 == 0 { Ok(n / 2) } else { Err(Error::NotFound) }).collect()),
        }
    }

    #[tokio::test]
    async fn what_fails_fails_for_its_own_caller_alone() {
        let folder = TempDir::new().unwrap();
        let (db, queue) = (db(&folder), Queue::default());
        let numbers = [2, 3, 13, 17, 8];
        let answers = numbers.map(|asked| {
            let (item, answered) = item(&asked.to_string(), asked);
            queue.push(item, 1).unwrap();
            answered
        });
        tokio::task::spawn_blocking(move || serve(&db, &queue, halve)).await.unwrap();
        let mut told = Vec::new();
        for answer in answers {
            told.push(answer.await.unwrap());
        }
        assert!(matches!(
            told.as_slice(),
            [Ok(1), Err(Error::NotFound), Err(Error::Internal(_)), Err(Error::Internal(_)), Ok(4)]
        ));
    }

    static BEGUN: AtomicUsize = AtomicUsize::new(0);

    fn count(_: &mut Tx<'_>, asked: &[usize]) -> Result<Vec<Result<usize>>> {
        let begun = BEGUN.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(asked.iter().map(|_| Ok(begun)).collect())
    }

    #[tokio::test]
    async fn what_comes_while_a_transaction_is_under_way_is_in_the_next_one() {
        let folder = TempDir::new().unwrap();
        let db = db(&folder);
        let ask = |number: usize| db.write_together(scope(), number.to_string(), number, count);
        assert_eq!(ask(0).await.unwrap(), 0);
        let rest = futures_util::future::join_all((1..=50).map(ask)).await;
        assert!(rest.into_iter().all(|transaction| transaction.is_ok_and(|number| (1..=2).contains(&number))));
    }
}

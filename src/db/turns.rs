//! Which locks stand for the names that transactions take turns by.
//!
//! Every name is one lock, and the first word of the name, its crowd, is another that whoever names one of the crowd
//! shares. Who names many of a crowd at once takes the crowd's lock alone and no other: everybody who names one of them
//! waits, and the locks of a transaction stay few, however long the list it works on. PostgreSQL keeps all locks in one
//! table of fixed size.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::id::Id;

/// Names of one crowd that are held one by one.
pub const MOST: usize = 100;

/// Whether a lock is held beside others or alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    Shared,
    Alone,
}

/// The locks that a transaction has; on SQLite none.
#[derive(Clone, Default)]
pub struct Taken(HashMap<i64, Hold>);

impl Taken {
    /// Whether it has this lock, held so or stronger.
    pub fn has(&self, number: i64, hold: Hold) -> bool {
        self.0.get(&number).is_some_and(|held| *held >= hold)
    }

    /// Adds locks; one that it has is held as strongly as ever it was taken.
    pub fn add(&mut self, locks: Vec<(i64, Hold)>) {
        for (number, hold) in locks {
            let held = self.0.entry(number).or_insert(hold);
            *held = hold.max(*held);
        }
    }
}

/// The locks to take for `names`, in the order in which everybody takes them.
pub fn locks(workspace: &Id, names: &[String], hold: Hold) -> BTreeMap<i64, Hold> {
    let mut crowds: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for name in names {
        let crowd = name.split(' ').next().unwrap_or_default();
        crowds.entry(crowd).or_default().push(number(workspace, name));
    }
    let mut locks = BTreeMap::new();
    for (crowd, mut numbers) in crowds {
        numbers.sort_unstable();
        numbers.dedup();
        let gate = number(workspace, &format!("all of {crowd}"));
        if numbers.len() > MOST {
            locks.insert(gate, Hold::Alone);
        } else {
            locks.insert(gate, Hold::Shared);
            locks.extend(numbers.into_iter().map(|number| (number, hold)));
        }
    }
    locks
}

fn number(workspace: &Id, name: &str) -> i64 {
    let digest = Sha256::new().chain_update(workspace.as_bytes()).chain_update(name).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(crowd: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{crowd} {number}")).collect()
    }

    /// Whether two sets of locks hold each other off.
    fn collide(one: &BTreeMap<i64, Hold>, other: &BTreeMap<i64, Hold>) -> bool {
        one.iter().any(|(number, hold)| other.get(number).is_some_and(|held| *hold.max(held) == Hold::Alone))
    }

    #[test]
    fn many_names_of_a_crowd_are_few_locks_and_still_hold_off_each_of_them() {
        let many = locks(&Id::NIL, &names("person", 1_000), Hold::Alone);
        assert_eq!(many.len(), 1);
        for hold in [Hold::Alone, Hold::Shared] {
            assert!(collide(&many, &locks(&Id::NIL, &names("person", 1), hold)));
        }
        assert!(collide(&many, &many));
        assert!(!collide(&many, &locks(&Id::NIL, &names("contact", 1), Hold::Alone)));
    }

    #[test]
    fn few_names_hold_off_those_who_name_the_same() {
        let one = locks(&Id::NIL, &names("person", 1), Hold::Alone);
        assert!(collide(&one, &locks(&Id::NIL, &names("person", 2), Hold::Alone)));
        assert!(!collide(&one, &locks(&Id::NIL, &["person x".to_owned()], Hold::Alone)));
        let shared = locks(&Id::NIL, &names("person", 2), Hold::Shared);
        assert!(collide(&one, &shared) && !collide(&shared, &shared));
        assert!(locks(&Id::NIL, &names("person", MOST), Hold::Alone).len() == MOST + 1);
        assert!(locks(&Id::NIL, &[], Hold::Alone).is_empty());
    }
}

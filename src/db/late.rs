//! Work that a transaction does last, just before it commits.
//!
//! Some things are shared by a whole workspace, such as the rounds in which leads are given out. Whoever holds one of
//! them must not wait for a record that another holds who waits for the same thing. So what needs them is left for the
//! end: by then the transaction holds every record it is about, and waits for nothing but that.

use super::{Scope, Tx};
use crate::error::Result;
use crate::id::Id;

/// Work about one record.
pub type Work = fn(&mut Tx<'_>, Id) -> Result<()>;

/// One piece of work, and the scope it was asked for in.
struct Piece {
    name: &'static str,
    record: Id,
    scope: Scope,
    work: Work,
}

/// What a transaction has left for the end, in the order in which it is done.
#[derive(Default)]
pub(super) struct Late(Vec<Piece>);

impl Late {
    /// How much there is.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was added after there were `len` pieces.
    pub(super) fn forget_after(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

impl Tx<'_> {
    /// Leaves `work` about `record` for the end of the transaction. What bears the same name and is about the same record
    /// is done once. It happens in this transaction or not at all, and not when the savepoint it was asked for in fails.
    pub fn at_end(&mut self, name: &'static str, record: Id, work: Work) {
        let (pieces, scope) = (&mut self.late.0, self.scope);
        if !pieces.iter().any(|known| (known.name, known.record) == (name, record)) {
            pieces.push(Piece { name, record, scope, work });
        }
    }

    /// Does what was left for the end, for those who show what came of it; the rest of the transaction locks no record
    /// that it does not hold. Without this it is done before the commit.
    pub fn end(&mut self) -> Result<()> {
        while !self.late.0.is_empty() {
            for Piece { record, scope, work, .. } in std::mem::take(&mut self.late.0) {
                work(&mut self.within(scope), record)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;
    use crate::clock::Timestamp;
    use crate::db::{Address, Db};
    use crate::error::Error;

    /// What was done, by name of the test's records.
    static DONE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn note(tx: &mut Tx<'_>, record: Id) -> Result<()> {
        DONE.lock().unwrap().push(record.as_bytes()[0]);
        if record == id(1) {
            tx.at_end("after", id(9), note);
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_is_left_for_the_end_is_done_once_in_order_and_not_for_what_failed() {
        let folder = TempDir::new().unwrap();
        let address = format!("sqlite://{}", folder.path().join("late.db").display());
        let db = Db::new(&Address::parse(&address).unwrap(), 1);
        let scope = Scope { workspace: Id::NIL, at: Timestamp::from_day(1), actor: None, cause: None };
        let work = |tx: &mut Tx<'_>| {
            tx.at_end("note", id(1), note);
            let failed = tx.savepoint(|tx| {
                tx.at_end("note", id(2), note);
                Err::<(), _>(Error::NotFound)
            });
            assert!(failed.is_err());
            tx.rehearsal(|tx| {
                tx.at_end("note", id(3), note);
                Ok(())
            })?;
            tx.savepoint(|tx| {
                tx.at_end("note", id(4), note);
                tx.at_end("note", id(1), note);
                Ok(())
            })?;
            assert!(DONE.lock().unwrap().is_empty());
            Ok(())
        };
        db.write(scope, work).await.unwrap();
        assert_eq!(*DONE.lock().unwrap(), [1, 4, 9]);
        let failing = |tx: &mut Tx<'_>| {
            tx.at_end("note", id(5), note);
            Err::<(), _>(Error::NotFound)
        };
        assert!(db.write(scope, failing).await.is_err());
        assert_eq!(*DONE.lock().unwrap(), [1, 4, 9]);
    }
}

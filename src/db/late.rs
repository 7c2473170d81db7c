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

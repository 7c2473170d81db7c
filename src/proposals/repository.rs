//! Proposals in the database.

use diesel::prelude::*;

use super::{Proposal, Record, Status};
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::page::{Condition, Paging};
use crate::db::types::Code;
use crate::error::Result;
use crate::id::Id;
use crate::schema::proposals::{self, BoxedQuery, table};

/// Which proposals.
#[derive(Clone, Debug, Default)]
pub struct ProposalFilter {
    pub status: Option<Status>,
    pub contact_id: Option<Id>,
    pub lead_id: Option<Id>,
    pub submission_id: Option<Id>,
    pub field: Option<String>,
}

/// The proposals of the workspace.
pub struct Proposals<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The proposals of the workspace.
    pub fn proposals<'t>(&'t mut self) -> Proposals<'c, 't> {
        Proposals(self)
    }
}

impl Proposals<'_, '_> {
    pub(super) fn insert(&mut self, proposal: &Proposal) -> Result<()> {
        diesel::insert_into(table).values(proposal).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Proposal> {
        Ok(table.find((self.0.scope.workspace, id)).select(Proposal::as_select()).first(self.0.conn)?)
    }

    /// The open proposal of this value for this field of a record.
    pub(super) fn open_with(&mut self, record: Record, field: &str, value_key: &str) -> Result<Option<Id>> {
        let found = self.open(record).filter(proposals::field.eq(field)).filter(proposals::value_key.eq(value_key));
        Ok(found.select(proposals::id).first(self.0.conn).optional()?)
    }

    /// The open proposals about a record, oldest first.
    pub(super) fn open_of(&mut self, record: Record) -> Result<Vec<Proposal>> {
        let mut open: Vec<Proposal> = self.open(record).select(Proposal::as_select()).load(self.0.conn)?;
        // Asked for in this order, SQLite would walk through all proposals of the workspace.
        open.sort_unstable_by_key(|proposal| proposal.id);
        Ok(open)
    }

    /// Counts that the value was sent again.
    pub(super) fn count_again(&mut self, id: Id) -> Result<Proposal> {
        let at = self.0.at();
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set((
                proposals::times.eq(proposals::times + 1),
                proposals::last_sent_at.eq(at),
                proposals::version.eq(proposals::version + 1),
                proposals::updated_at.eq(at),
            ))
            .execute(self.0.conn)?;
        self.get(id)
    }

    /// Notes what became of a proposal.
    pub(super) fn decide(&mut self, id: Id, status: Status, note: Option<&str>) -> Result<Proposal> {
        let at = self.0.at();
        diesel::update(table.find((self.0.scope.workspace, id)))
            .set((
                proposals::status.eq(Code(status)),
                proposals::note.eq(note),
                proposals::decided_by.eq(self.0.scope.actor),
                proposals::decided_at.eq(at),
                proposals::version.eq(proposals::version + 1),
                proposals::updated_at.eq(at),
            ))
            .execute(self.0.conn)?;
        self.get(id)
    }

    pub fn list(&mut self, filter: &ProposalFilter, paging: &Paging) -> Result<Vec<Proposal>> {
        let mut query = self.filtered(filter);
        if let Some(after) = paging.after("proposals") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("proposals")).limit(paging.fetch());
        Ok(page.select(Proposal::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self, filter: &ProposalFilter) -> Result<i64> {
        Ok(self.filtered(filter).count().get_result(self.0.conn)?)
    }

    fn open(&self, record: Record) -> BoxedQuery<'static, MultiBackend> {
        let about: Condition<table> = match record {
            Record::Contact(id) => Box::new(proposals::contact_id.eq(id).assume_not_null()),
            Record::Lead(id) => Box::new(proposals::lead_id.eq(id).assume_not_null()),
        };
        // Asked for by status, SQLite would look through all open proposals of the workspace.
        table
            .filter(proposals::workspace_id.eq(self.0.scope.workspace))
            .filter(about)
            .filter(proposals::decided_at.is_null())
            .into_boxed()
    }

    fn filtered(&self, filter: &ProposalFilter) -> BoxedQuery<'static, MultiBackend> {
        let mut query = table.filter(proposals::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(status) = filter.status {
            query = query.filter(proposals::status.eq(Code(status)));
        }
        if let Some(contact) = filter.contact_id {
            query = query.filter(proposals::contact_id.eq(contact));
        }
        if let Some(lead) = filter.lead_id {
            query = query.filter(proposals::lead_id.eq(lead));
        }
        if let Some(submission) = filter.submission_id {
            query = query.filter(proposals::submission_id.eq(submission));
        }
        if let Some(field) = &filter.field {
            query = query.filter(proposals::field.eq(field.clone()));
        }
        query
    }
}

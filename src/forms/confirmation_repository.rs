//! Confirmations and their links in the database.

use diesel::prelude::*;

use super::confirmation::{Confirmation, Opener};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::schema::confirmations::{self, table};
use crate::schema::{confirmation_links as links, submissions};

/// The confirmations of the workspace.
pub struct Confirmations<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The confirmations of the workspace.
    pub fn confirmations<'t>(&'t mut self) -> Confirmations<'c, 't> {
        Confirmations(self)
    }
}

impl Confirmations<'_, '_> {
    pub fn insert(&mut self, confirmation: &Confirmation) -> Result<()> {
        diesel::insert_into(table).values(confirmation).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, submission: Id) -> Result<Confirmation> {
        let found = table.find((self.0.scope.workspace, submission)).select(Confirmation::as_select());
        Ok(found.first(self.0.conn)?)
    }

    pub fn find(&mut self, submission: Id) -> Result<Option<Confirmation>> {
        let found = table.find((self.0.scope.workspace, submission)).select(Confirmation::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// How many submissions with this address were asked about since `since`.
    pub fn asked_since(&mut self, email_key: &str, since: Timestamp) -> Result<i64> {
        let found = table
            .filter(confirmations::workspace_id.eq(self.0.scope.workspace))
            .filter(confirmations::email_key.eq(email_key))
            .filter(confirmations::asked_at.gt(since));
        Ok(found.count().get_result(self.0.conn)?)
    }

    /// Another letter is on its way, with a link that is good until `expires_at`.
    pub fn ask_again(&mut self, submission: Id, expires_at: Timestamp) -> Result<Confirmation> {
        diesel::update(table.find((self.0.scope.workspace, submission)))
            .set((
                confirmations::letters.eq(confirmations::letters + 1),
                confirmations::asked_at.eq(self.0.at()),
                confirmations::expires_at.eq(expires_at),
                confirmations::sent_at.eq(None::<Timestamp>),
            ))
            .execute(self.0.conn)?;
        self.get(submission)
    }

    pub fn sent(&mut self, submission: Id) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, submission)))
            .set(confirmations::sent_at.eq(self.0.at()))
            .execute(self.0.conn)?;
        Ok(())
    }

    pub fn give(&mut self, submission: Id, opener: &Opener) -> Result<()> {
        diesel::update(table.find((self.0.scope.workspace, submission)))
            .set((
                confirmations::confirmed_at.eq(self.0.at()),
                confirmations::remote_address.eq(&opener.remote_address),
                confirmations::user_agent.eq(&opener.user_agent),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Remembers a link by the hash of its token.
    pub fn add_link(&mut self, submission: Id, token_hash: &str) -> Result<()> {
        diesel::insert_into(links::table)
            .values((
                links::token_hash.eq(token_hash),
                links::workspace_id.eq(self.0.scope.workspace),
                links::submission_id.eq(submission),
                links::made_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }

    /// Forgets all links that were sent for a submission.
    pub fn forget_links(&mut self, submission: Id) -> Result<()> {
        let sent = links::table
            .filter(links::workspace_id.eq(self.0.scope.workspace))
            .filter(links::submission_id.eq(submission));
        diesel::delete(sent).execute(self.0.conn)?;
        Ok(())
    }

    /// The workspace and the submission that a link belongs to, of whatever workspace.
    pub fn behind_link(&mut self, token_hash: &str) -> Result<Option<(Id, Id)>> {
        let found =
            links::table.filter(links::token_hash.eq(token_hash)).select((links::workspace_id, links::submission_id));
        Ok(found.first(self.0.conn).optional()?)
    }

    /// Says why a submission still waits, if it does.
    pub fn explain(&mut self, submission: Id, reason: Option<&str>) -> Result<()> {
        let waiting = submissions::table
            .filter(submissions::workspace_id.eq(self.0.scope.workspace))
            .filter(submissions::id.eq(submission))
            .filter(submissions::status.eq("pending"));
        diesel::update(waiting)
            .set((
                submissions::reason.eq(reason),
                submissions::version.eq(submissions::version + 1),
                submissions::updated_at.eq(self.0.at()),
            ))
            .execute(self.0.conn)?;
        Ok(())
    }
}

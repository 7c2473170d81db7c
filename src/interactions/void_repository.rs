//! Voids in the database, and the interactions they are about.

use diesel::prelude::*;

use super::network;
use super::voids::{Hit, Void, VoidedLead};
use crate::clock::Timestamp;
use crate::db::page::Paging;
use crate::db::types::Code;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::schema::{interaction_void_leads as void_leads, interaction_voids as voids, interactions};

/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// The voids of the workspace.
pub struct Voids<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The voids of the workspace.
    pub fn voids<'t>(&'t mut self) -> Voids<'c, 't> {
        Voids(self)
    }
}

/// What is read of an interaction.
const HIT: (interactions::id, interactions::occurred_at, interactions::contact_id, interactions::lead_id) =
    (interactions::id, interactions::occurred_at, interactions::contact_id, interactions::lead_id);

impl Voids<'_, '_> {
    pub fn insert(&mut self, void: &Void) -> Result<()> {
        diesel::insert_into(voids::table).values(void).execute(self.0.conn)?;
        Ok(())
    }

    pub fn get(&mut self, id: Id) -> Result<Void> {
        Ok(voids::table.find((self.0.scope.workspace, id)).select(Void::as_select()).first(self.0.conn)?)
    }

    pub fn find(&mut self, id: Id) -> Result<Option<Void>> {
        let found = voids::table.find((self.0.scope.workspace, id)).select(Void::as_select());
        Ok(found.first(self.0.conn).optional()?)
    }

    /// The void, with which no other transaction goes on until this one ends.
    pub fn lock(&mut self, id: Id) -> Result<Void> {
        let key = (self.0.scope.workspace, id);
        Ok(match &mut *self.0.conn {
            Conn::Postgres(conn) => voids::table.find(key).select(Void::as_select()).for_no_key_update().first(conn)?,
            Conn::Sqlite(conn) => voids::table.find(key).select(Void::as_select()).first(conn)?,
        })
    }

    pub fn list(&mut self, paging: &Paging) -> Result<Vec<Void>> {
        let mut query = voids::table.filter(voids::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        if let Some(after) = paging.after("interaction_voids") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interaction_voids")).limit(paging.fetch());
        Ok(page.select(Void::as_select()).load(self.0.conn)?)
    }

    pub fn count(&mut self) -> Result<i64> {
        let own = voids::table.filter(voids::workspace_id.eq(self.0.scope.workspace));
        Ok(own.count().get_result(self.0.conn)?)
    }

    pub fn update(&mut self, void: Void) -> Result<Void> {
        let void = Void { updated_at: self.0.at(), ..void };
        diesel::update(voids::table.find((void.workspace_id, void.id))).set(&void).execute(self.0.conn)?;
        Ok(void)
    }

    /// The first `most` interactions after those reached that the void is about and nothing has voided, in order of time.
    pub fn matching(&mut self, void: &Void, most: i64) -> Result<Vec<Hit>> {
        let selection = void.selection.0.clone();
        let mut query = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::voided_at.is_null())
            .filter(interactions::recorded_at.le(void.created_at))
            .into_boxed();
        if let Some(id) = selection.interaction_id {
            query = query.filter(interactions::id.eq(id));
        }
        if let Some(source) = selection.source {
            query = query.filter(interactions::source.eq(source));
        }
        if let Some(text) = selection.network {
            let network = network::network(&text).map_err(Error::internal)?;
            query = query.filter(interactions::network_key.between(network.first, network.last));
        }
        if let Some(kind) = selection.kind {
            query = query.filter(interactions::kind.eq(kind));
        }
        if let Some(from) = selection.from {
            query = query.filter(interactions::occurred_at.ge(from));
        }
        if let Some(to) = selection.to {
            query = query.filter(interactions::occurred_at.lt(to));
        }
        if let Some(evidence) = selection.evidence {
            query = query.filter(interactions::evidence.eq(Code(evidence)));
        }
        if let Some((at, id)) = void.reached_at.zip(void.reached_id) {
            let later = interactions::occurred_at.gt(at);
            let same = interactions::occurred_at.eq(at).and(interactions::id.gt(id));
            query = query.filter(interactions::occurred_at.ge(at)).filter(later.or(same));
        }
        let order = (interactions::occurred_at, interactions::id);
        Ok(query.order(order).limit(most).select(HIT).load(self.0.conn)?)
    }

    /// The first `most` interactions that a void voided.
    pub fn voided_by(&mut self, void: Id, most: i64) -> Result<Vec<Hit>> {
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::void_id.eq(void))
            .order((interactions::occurred_at, interactions::id))
            .limit(most)
            .select(HIT);
        Ok(found.load(self.0.conn)?)
    }

    /// Voids those of the interactions that nothing has voided yet; gives them as they are then.
    pub fn mark(&mut self, void: &Void, ids: &[Id]) -> Result<Vec<Hit>> {
        let (workspace, at) = (self.0.scope.workspace, self.0.at());
        let set = (
            interactions::voided_at.eq(at),
            interactions::void_id.eq(void.id),
            interactions::void_reason.eq(&void.reason),
        );
        let mut marked = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let own = interactions::table.filter(interactions::workspace_id.eq(workspace));
            let these = own.filter(interactions::id.eq_any(some));
            let valid = these.clone().filter(interactions::voided_at.is_null());
            diesel::update(valid).set(set).execute(self.0.conn)?;
            let voided = these.filter(interactions::void_id.eq(void.id));
            marked.extend(voided.select(HIT).load::<Hit>(self.0.conn)?);
        }
        Ok(marked)
    }

    /// Gives back interactions that the void has voided; gives them as they are then.
    pub fn unmark(&mut self, void: Id, ids: &[Id]) -> Result<Vec<Hit>> {
        let workspace = self.0.scope.workspace;
        let mut restored = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let own = interactions::table.filter(interactions::workspace_id.eq(workspace));
            let these = own.filter(interactions::id.eq_any(some));
            diesel::update(these.clone().filter(interactions::void_id.eq(void)))
                .set((
                    interactions::voided_at.eq(None::<Timestamp>),
                    interactions::void_id.eq(None::<Id>),
                    interactions::void_reason.eq(None::<String>),
                ))
                .execute(self.0.conn)?;
            restored.extend(these.select(HIT).load::<Hit>(self.0.conn)?);
        }
        Ok(restored)
    }

    /// Notes that a lead rested on what a void took; of several notes of one lead the first score before and the last
    /// score after are kept.
    pub fn note_lead(&mut self, noted: &VoidedLead) -> Result<()> {
        let key = (noted.workspace_id, noted.void_id, noted.lead_id);
        let found = void_leads::table.find(key).select(VoidedLead::as_select()).first(self.0.conn).optional()?;
        match found {
            None => diesel::insert_into(void_leads::table).values(noted).execute(self.0.conn)?,
            Some(known) => diesel::update(void_leads::table.find(key))
                .set((
                    void_leads::sales_ready.eq(known.sales_ready || noted.sales_ready),
                    void_leads::stage.eq(known.stage || noted.stage),
                    void_leads::score_after.eq(noted.score_after),
                ))
                .execute(self.0.conn)?,
        };
        Ok(())
    }

    /// The leads that rested on what a void took.
    pub fn leads(&mut self, void: Id, paging: &Paging) -> Result<Vec<VoidedLead>> {
        let mut query = void_leads::table
            .filter(void_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(void_leads::void_id.eq(void))
            .into_boxed();
        if let Some(after) = paging.after("interaction_void_leads") {
            query = query.filter(after);
        }
        let page = query.order(paging.order("interaction_void_leads")).limit(paging.fetch());
        Ok(page.select(VoidedLead::as_select()).load(self.0.conn)?)
    }

    pub fn count_leads(&mut self, void: Id) -> Result<i64> {
        let noted = void_leads::table
            .filter(void_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(void_leads::void_id.eq(void));
        Ok(noted.count().get_result(self.0.conn)?)
    }

    pub fn forget_leads(&mut self, void: Id) -> Result<()> {
        let noted = void_leads::table
            .filter(void_leads::workspace_id.eq(self.0.scope.workspace))
            .filter(void_leads::void_id.eq(void));
        diesel::delete(noted).execute(self.0.conn)?;
        Ok(())
    }
}

//! Leads and what was done, in the database, as studies read them: in the order of the people, some at a time, and no
//! column that no rule asks about.

use std::collections::HashMap;

use diesel::dsl::{count_star, sql};
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};
use serde_json::Value;

use super::history::Wanted;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::connection::MultiBackend;
use crate::db::types::{Code, Json, JsonOf, Uuid};
use crate::error::Result;
use crate::id::Id;
use crate::leads::{Lead, Status};
use crate::schema::leads::BoxedQuery;
use crate::schema::{interactions, lead_closings, leads};
use crate::scoring::{Evidence, Occurrence, Target};

/// Interactions that are not simply a person's doing: in the words of the index that knows them.
const ODD: &str = "(interactions.voided_at IS NOT NULL OR interactions.evidence <> 'human')";
/// Values of one `IN` list: far below what either database takes.
pub const AT_ONCE: usize = 500;

/// The recorded history of the workspace.
pub struct Records<'c, 't>(&'t mut Tx<'c>);

impl<'c> Tx<'c> {
    /// The recorded history of the workspace.
    pub fn history<'t>(&'t mut self) -> Records<'c, 't> {
        Records(self)
    }
}

/// An interaction, and whose it is.
type Done = (
    Id,
    Option<Id>,
    Timestamp,
    String,
    Code<Evidence>,
    Option<Id>,
    Option<String>,
    Option<String>,
    Option<Id>,
    Option<JsonOf<Value>>,
);

/// A column, or nothing in its place.
type Column<T> = Box<dyn BoxableExpression<interactions::table, MultiBackend, SqlType = Nullable<T>>>;
type Columns = (
    interactions::id,
    interactions::contact_id,
    interactions::occurred_at,
    interactions::kind,
    interactions::evidence,
    Column<Uuid>,
    Column<Text>,
    Column<Text>,
    Column<Uuid>,
    Column<Json>,
);

fn columns(wanted: &Wanted) -> Columns {
    let no_id = || Box::new(None::<Id>.into_sql::<Nullable<Uuid>>());
    let no_text = || Box::new(None::<String>.into_sql::<Nullable<Text>>());
    let lead: Column<Uuid> = if wanted.lead { Box::new(interactions::lead_id) } else { no_id() };
    let asset: Column<Text> = if wanted.asset { Box::new(interactions::asset) } else { no_text() };
    let campaign: Column<Text> = if wanted.campaign { Box::new(interactions::campaign) } else { no_text() };
    let form: Column<Uuid> = if wanted.form { Box::new(interactions::form_id) } else { no_id() };
    let properties: Column<Json> = match wanted.properties {
        true => Box::new(interactions::properties.nullable()),
        false => Box::new(None::<JsonOf<Value>>.into_sql::<Nullable<Json>>()),
    };
    let (id, contact, at) = (interactions::id, interactions::contact_id, interactions::occurred_at);
    (id, contact, at, interactions::kind, interactions::evidence, lead, asset, campaign, form, properties)
}

fn occurrence(done: Done) -> (Option<Id>, Occurrence) {
    let (id, contact, occurred_at, kind, evidence, lead_id, asset, campaign, form_id, properties) = done;
    let properties = properties.map_or(Value::Null, |properties| properties.0);
    let evidence = evidence.0;
    (
        contact,
        Occurrence { id, kind, occurred_at, lead_id, asset, campaign, form_id, properties, evidence, voided: false },
    )
}

impl Records<'_, '_> {
    /// How many leads there are that a study with `wanted` looks at.
    pub fn count_leads(&mut self, wanted: &Wanted) -> Result<i64> {
        let query = self.wanted(wanted);
        let query = match wanted.created_before {
            Some(before) => query.filter(leads::created_at.lt(before)),
            None => query,
        };
        Ok(query.count().get_result(self.0.conn)?)
    }

    /// The next contacts or accounts, after `after` and in the order of their ids, that have such leads, or have none
    /// but younger ones.
    pub fn next_parties(&mut self, wanted: &Wanted, after: Option<Id>, most: i64) -> Result<Vec<Id>> {
        let query = self.wanted(wanted);
        Ok(match wanted.target {
            Target::Contact => {
                let query = match after {
                    Some(after) => query.filter(leads::contact_id.gt(after)),
                    None => query,
                };
                let found = query.select(leads::contact_id.assume_not_null()).distinct();
                found.order(leads::contact_id.assume_not_null()).limit(most).load(self.0.conn)?
            }
            Target::Account => {
                let query = match after {
                    Some(after) => query.filter(leads::account_id.gt(after)),
                    None => query,
                };
                let found = query.select(leads::account_id.assume_not_null()).distinct();
                found.order(leads::account_id.assume_not_null()).limit(most).load(self.0.conn)?
            }
        })
    }

    /// Such leads of these contacts or accounts, in the order of their ids.
    pub fn leads_of(&mut self, wanted: &Wanted, parties: &[Id]) -> Result<Vec<Lead>> {
        let query = leads::table.filter(leads::workspace_id.eq(self.0.scope.workspace)).into_boxed();
        let query = match wanted.target {
            Target::Contact => query.filter(leads::contact_id.eq_any(parties.to_vec())),
            Target::Account => query.filter(leads::account_id.eq_any(parties.to_vec())),
        };
        let mut found: Vec<Lead> = query.select(Lead::as_select()).load(self.0.conn)?;
        // Asked for in SQL, any of it would lead SQLite past the index on the party.
        found.retain(|lead| wanted.takes(lead));
        found.sort_unstable_by_key(|lead| lead.id);
        Ok(found)
    }

    /// When each of these leads was closed, of those that are.
    pub fn closed_at(&mut self, leads: &[Id]) -> Result<Vec<(Id, Timestamp)>> {
        let found = lead_closings::table
            .filter(lead_closings::workspace_id.eq(self.0.scope.workspace))
            .filter(lead_closings::lead_id.eq_any(leads.to_vec()))
            .filter(lead_closings::reopened_at.is_null())
            .select((lead_closings::lead_id, lead_closings::closed_at));
        Ok(found.load(self.0.conn)?)
    }

    fn wanted(&self, wanted: &Wanted) -> BoxedQuery<'static, MultiBackend> {
        let query = leads::table
            .filter(leads::workspace_id.eq(self.0.scope.workspace))
            .filter(leads::merged_into_id.is_null())
            .into_boxed();
        let query = match wanted.target {
            Target::Contact => query.filter(leads::contact_id.is_not_null()),
            Target::Account => query.filter(leads::contact_id.is_null()).filter(leads::account_id.is_not_null()),
        };
        match wanted.only_open {
            true => query.filter(leads::status.eq(Code(Status::Open))),
            false => query,
        }
    }

    /// How many interactions of any kind each of these contacts has; those who have none are left out.
    pub fn volumes(&mut self, people: &[Id]) -> Result<Vec<(Id, i64)>> {
        let found = interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::contact_id.eq_any(people.to_vec()))
            .group_by(interactions::contact_id)
            .select((interactions::contact_id.assume_not_null(), count_star()));
        Ok(found.load(self.0.conn)?)
    }

    /// What these contacts did that may score, each with the contact, in whatever order.
    pub fn done_by(&mut self, wanted: &Wanted, people: &[Id]) -> Result<Vec<(Option<Id>, Occurrence)>> {
        if wanted.needs_no_more_than_an_index() {
            return self.done_by_from_index(wanted, people);
        }
        let query = self.scoring().filter(interactions::contact_id.eq_any(people.to_vec()));
        let query = query.filter(interactions::kind.eq_any(wanted.kinds.clone()));
        let query = match wanted.before {
            Some(before) => query.filter(interactions::occurred_at.lt(before)),
            None => query,
        };
        Ok(query.select(columns(wanted)).load::<Done>(self.0.conn)?.into_iter().map(occurrence).collect())
    }

    /// The same where one index has all that is wanted, so that the interactions themselves need not be looked up, which
    /// would be most of the work. What is not simply a person's doing, another index knows.
    fn done_by_from_index(&mut self, wanted: &Wanted, people: &[Id]) -> Result<Vec<(Option<Id>, Occurrence)>> {
        let own = interactions::table.filter(interactions::workspace_id.eq(self.0.scope.workspace));
        let own = own.filter(interactions::contact_id.eq_any(people.to_vec()));
        let odd = own.clone().filter(sql::<Bool>(ODD)).select((
            interactions::id,
            interactions::evidence,
            interactions::voided_at,
        ));
        let odd: Vec<(Id, Code<Evidence>, Option<Timestamp>)> = odd.load(self.0.conn)?;
        let odd: HashMap<Id, (Evidence, bool)> =
            odd.into_iter().map(|(id, evidence, voided_at)| (id, (evidence.0, voided_at.is_some()))).collect();
        let mut done = own.filter(interactions::kind.eq_any(wanted.kinds.clone())).into_boxed();
        if let Some(before) = wanted.before {
            done = done.filter(interactions::occurred_at.lt(before));
        }
        let key = (interactions::id, interactions::contact_id, interactions::occurred_at, interactions::kind);
        let rows = done.select(key).load::<(Id, Option<Id>, Timestamp, String)>(self.0.conn)?;
        let done = rows.into_iter().filter_map(|(id, contact, at, kind)| {
            let (evidence, voided) = odd.get(&id).copied().unwrap_or((Evidence::Human, false));
            let row = (id, contact, at, kind, Code(evidence), None, None, None, None, None);
            (!voided && evidence != Evidence::Machine).then(|| occurrence(row))
        });
        Ok(done.collect())
    }

    /// What was done about a lead, by people nobody named, and may score.
    pub fn done_by_nobody(&mut self, wanted: &Wanted, lead: Id) -> Result<Vec<Occurrence>> {
        let about = self.scoring().filter(interactions::lead_id.eq(lead));
        let rows = about.select(columns(wanted)).load::<Done>(self.0.conn)?;
        let nobodys = rows.into_iter().map(occurrence).filter(|(contact, _)| contact.is_none());
        let counts = |it: &Occurrence| {
            wanted.kinds.contains(&it.kind) && wanted.before.is_none_or(|before| it.occurred_at < before)
        };
        Ok(nobodys.map(|(_, occurrence)| occurrence).filter(counts).collect())
    }

    /// The interactions that may score.
    fn scoring(&self) -> interactions::BoxedQuery<'static, MultiBackend> {
        interactions::table
            .filter(interactions::workspace_id.eq(self.0.scope.workspace))
            .filter(interactions::voided_at.is_null())
            .filter(interactions::evidence.ne(Code(Evidence::Machine)))
            .into_boxed()
    }

    /// Whether one of these contacts ever did anything, as a person and as far as is known.
    pub fn has_anybody_acted(&mut self, people: &[Id]) -> Result<bool> {
        for some in people.chunks(AT_ONCE) {
            let acted = interactions::table
                .filter(interactions::workspace_id.eq(self.0.scope.workspace))
                .filter(interactions::contact_id.eq_any(some.to_vec()))
                .filter(interactions::voided_at.is_null())
                .filter(interactions::evidence.eq(Code(Evidence::Human)))
                .select(interactions::id);
            if acted.first::<Id>(self.0.conn).optional()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

//! The interactions that score one lead, in the database: found again kind by kind, in order of time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;

use super::case::target_of;
use super::history::History;
use super::known;
use super::known_repository::{Asked, Done};
use super::step::{News, Past};
use super::{Occurrence, Target};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::leads::Lead;
use crate::schema::interactions::{self, table};

/// Interactions that one look takes.
const SOME: i64 = 64;
/// Values of one `IN` list: far below what either database takes.
const AT_ONCE: usize = 500;

/// What the people did whose doings score a lead.
pub struct DonePast<'c, 't> {
    tx: &'t mut Tx<'c>,
    lead: &'t Lead,
    news: &'t News,
    consent_needed: bool,
    kinds: Vec<&'t str>,
    people: Option<Vec<Id>>,
    all: Option<Arc<[Occurrence]>>,
    /// What was last found of a kind, and after what.
    found: HashMap<String, ((Timestamp, Id), Vec<Occurrence>)>,
}

impl<'c, 't> DonePast<'c, 't> {
    /// Of the interactions of `kinds` that score `lead`; those that `news` tells of count only for [`Past::all`].
    pub fn new(tx: &'t mut Tx<'c>, lead: &'t Lead, news: &'t News, consent_needed: bool, kinds: Vec<&'t str>) -> Self {
        Self { tx, lead, news, consent_needed, kinds, people: None, all: None, found: HashMap::new() }
    }

    fn people(&mut self) -> Result<Vec<Id>> {
        if let Some(people) = &self.people {
            return Ok(people.clone());
        }
        let people = match (self.lead.contact_id, self.lead.account_id) {
            (Some(contact), _) => vec![contact],
            (None, Some(account)) => known::people_of(self.tx, account, self.consent_needed)?,
            (None, None) => Vec::new(),
        };
        self.people = Some(people.clone());
        Ok(people)
    }

    /// The first of the kind after the instant and id, whoever of the people did it.
    fn look(&mut self, kind: &str, (at, id): (Timestamp, Id)) -> Result<Vec<Occurrence>> {
        let (people, workspace) = (self.people()?, self.tx.scope.workspace);
        let after = || {
            table
                .filter(interactions::workspace_id.eq(workspace))
                .filter(interactions::kind.eq(kind))
                .filter(interactions::voided_at.is_null())
                .filter(interactions::occurred_at.ge(at))
                .filter(interactions::occurred_at.gt(at).or(interactions::id.gt(id)))
                .order((interactions::occurred_at, interactions::id))
                .limit(SOME)
                .select(Done::as_select())
        };
        let mut found: Vec<Occurrence> = Vec::new();
        for some in people.chunks(AT_ONCE) {
            let rows = after().filter(interactions::contact_id.eq_any(some)).load::<Done>(self.tx.conn)?;
            found.extend(rows.into_iter().map(Occurrence::from));
        }
        if target_of(self.lead) == Target::Account {
            let nobodys =
                after().filter(interactions::contact_id.is_null()).filter(interactions::lead_id.eq(self.lead.id));
            found.extend(nobodys.load::<Done>(self.tx.conn)?.into_iter().map(Occurrence::from));
        }
        found.sort_by_key(|it| (it.occurred_at, it.id));
        found.truncate(usize::try_from(SOME).unwrap_or(usize::MAX));
        Ok(found)
    }
}

impl History for DonePast<'_, '_> {
    fn some_after(&mut self, kind: &str, after: (Timestamp, Id)) -> Result<&[Occurrence]> {
        let is_there = self.found.get(kind).is_some_and(|(from, found)| {
            *from <= after && found.last().is_some_and(|last| (last.occurred_at, last.id) > after)
        });
        if !is_there {
            let mut from = after;
            loop {
                let mut found = self.look(kind, from)?;
                let last = found.last().map(|last| (last.occurred_at, last.id));
                found.retain(|it| !self.news.interactions.contains(&it.id));
                match last.filter(|_| found.is_empty()) {
                    Some(last) => from = last,
                    None => {
                        self.found.insert(kind.to_owned(), (after, found));
                        break;
                    }
                }
            }
        }
        Ok(self.found.get(kind).map(|(_, found)| found.as_slice()).unwrap_or_default())
    }
}

impl Past for DonePast<'_, '_> {
    fn all(&mut self) -> Result<Arc<[Occurrence]>> {
        if let Some(all) = &self.all {
            return Ok(all.clone());
        }
        let voided: &HashSet<Id> = &self.news.voided;
        let asked = Asked { kinds: self.kinds.clone(), just_voided: voided.iter().copied().collect() };
        let people = self.people()?;
        let mut done: Vec<_> = self.tx.scorables().done_by(&people, &asked)?.into_iter().map(|(_, it)| it).collect();
        if target_of(self.lead) == Target::Account {
            done.extend(self.tx.scorables().done_by_nobody(self.lead.id, &asked)?);
        }
        let all: Arc<[Occurrence]> = done.into();
        self.all = Some(all.clone());
        Ok(all)
    }
}

//! Is this person, or this interest, already known? One path for every channel (MAT-1 to MAT-7).
//!
//! `strategy` says what is compared, `decide` compares and gives its reasons, this module finds the records to compare
//! with and keeps each decision beside what was done about it. Callers take turns ([`turns`]) before they look, so that
//! what comes in twice at once is found by the second; a unique index stands behind them (MAT-5).
//!
//! `strategies` keeps the strategies of a workspace: the shipped ones and its own.

mod ahead;
pub mod decide;
pub mod handlers;
pub mod keys;
pub mod origin;
mod preview_handlers;
mod repository;
pub mod strategies;
pub mod strategy;
mod strategy_handlers;
mod strategy_repository;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::contacts::{self, Contact};
use crate::db::Tx;
use crate::db::page::Sorted;
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::id::Id;
use crate::schema::match_decisions;
use decide::{Candidate, Decision, Keys, Outcome, decide, value};
use strategy::{Field, Strategy, Target};

pub use ahead::{find_contact_by_email, find_lead_around, leads_around};
pub use repository::{DecisionFilter, KnownLead};
pub use strategies::{default_strategies, default_strategy, strategy};

/// What was done about a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchEffect)]
pub enum Effect {
    /// A record was created.
    Created,
    /// The matched record was changed.
    Updated,
    /// What came in was linked with the matched record, which was not changed otherwise.
    Linked,
    /// Nothing was created and nothing changed.
    LeftAlone,
}

/// Where what came in came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchChannel)]
pub enum Channel {
    /// A submission of a form.
    Form,
    /// An answer to a lead ad.
    LeadAd,
    /// A request of a user or integration, such as a lead that is to have its contact.
    Api,
    /// Leads without a contact, linked in bulk.
    Link,
}

/// A decision as it is kept, with what was done about it.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = match_decisions, treat_none_as_default_value = false)]
#[schema(as = KeptMatchDecision)]
pub struct Kept {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// What was looked for.
    #[schema(value_type = Target)]
    pub target: Code<Target>,
    /// Where the input came from.
    #[schema(value_type = Channel)]
    pub channel: Code<Channel>,
    /// The submission that was being processed, if one was.
    pub submission_id: Option<Id>,
    /// What was compared and what was found.
    #[schema(value_type = Decision)]
    pub decision: JsonOf<Decision>,
    /// What was done about it.
    #[schema(value_type = Effect)]
    pub effect: Code<Effect>,
    /// The contact or lead that the input ended up with: the winner, or a new one. Null when there is none.
    pub record_id: Option<Id>,
    /// When it was decided.
    pub at: Timestamp,
}

impl Sorted for Kept {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.at.to_string()
    }
}

/// The names by which transactions that concern one person take turns; see [`Tx::take_turns`].
pub fn turns(person: &Keys) -> Vec<String> {
    let key = |field| person.get(&field).map(String::as_str).filter(|key| !key.is_empty());
    let mut turns = contacts::turns(key(Field::Email), key(Field::Phone), key(Field::ExternalId));
    // A mobile number of one is the phone number of another.
    turns.extend(contacts::turns(None, key(Field::Mobile), None));
    turns.extend(key(Field::AnonymousId).map(|id| format!("anonymous {id}")));
    turns
}

/// Looks for the contact that `incoming` stands for. Writes nothing.
///
/// Who has the incoming e-mail address or external id is told in `held_by` when the strategy finds nobody: another
/// contact with it cannot be made.
pub fn find_contact(tx: &mut Tx<'_>, strategy: &Strategy, incoming: &Keys) -> Result<Decision> {
    let known = tx.contacts().with_keys(&identifying(strategy, incoming))?;
    let mut candidates: Vec<Candidate> = known.iter().map(candidate).collect();
    if let Some(anonymous_id) = value(incoming, Field::AnonymousId)
        && strategy.compares(Field::AnonymousId)
    {
        add_anonymous_ids(tx, anonymous_id, &mut candidates)?;
    }
    let mut decision = decide(strategy, incoming, &candidates);
    if decision.outcome != Outcome::Matched {
        decision.held_by = holder(tx, incoming)?;
    }
    Ok(decision)
}

fn candidate(contact: &Contact) -> Candidate {
    Candidate {
        id: contact.id,
        keys: contact.keys(),
        is_open: true,
        belongs_to_matched_contact: false,
        updated_at: contact.updated_at,
    }
}

/// A contact may have many anonymous ids: it is compared by the incoming one if that is among them.
fn add_anonymous_ids(tx: &mut Tx<'_>, incoming: &str, candidates: &mut [Candidate]) -> Result<()> {
    let ids: Vec<Id> = candidates.iter().map(|candidate| candidate.id).collect();
    let owner = tx.contacts().with_anonymous_id(incoming)?;
    for (contact, anonymous_id) in tx.contacts().anonymous_ids_among(&ids)? {
        let key = if owner == Some(contact) { incoming.to_owned() } else { anonymous_id };
        let of_contact = candidates.iter_mut().filter(|candidate| candidate.id == contact);
        of_contact.for_each(|candidate| drop(candidate.keys.insert(Field::AnonymousId, key.clone())));
    }
    Ok(())
}

fn holder(tx: &mut Tx<'_>, incoming: &Keys) -> Result<Option<Id>> {
    let of_email = match value(incoming, Field::Email) {
        Some(key) => tx.contacts().with_email(key)?,
        None => None,
    };
    match (of_email, value(incoming, Field::ExternalId)) {
        (None, Some(external_id)) => tx.contacts().with_external_id(external_id),
        (found, _) => Ok(found),
    }
}

/// Looks for the lead that `incoming` stands for; its key `contact` is the contact that was matched or named. Writes
/// nothing.
pub fn find_lead(tx: &mut Tx<'_>, strategy: &Strategy, incoming: &Keys) -> Result<Decision> {
    let candidates = tx.known_leads().candidates(strategy, incoming)?;
    Ok(decide(strategy, incoming, &candidates))
}

/// The keys by which the applicable alternatives identify a record: none is looked up by any other.
fn identifying(strategy: &Strategy, incoming: &Keys) -> Keys {
    let applicable = strategy.applicable(|field| value(incoming, field).is_some());
    let fields = applicable.iter().flat_map(|alternative| alternative.identifying(strategy.target));
    fields.filter_map(|field| Some((field, value(incoming, field)?.to_owned()))).collect()
}

/// What came of a decision, to be kept with it.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// What was looked for.
    pub target: Target,
    /// Where the input came from.
    pub channel: Channel,
    /// The submission being processed.
    pub submission_id: Option<Id>,
    /// What was done.
    pub effect: Effect,
    /// The record that the input ended up with.
    pub record_id: Option<Id>,
}

/// Keeps a decision for good; returns its id (MAT-6).
pub fn keep(tx: &mut Tx<'_>, decision: &Decision, done: Done) -> Result<Id> {
    let kept = kept(tx, decision, done);
    tx.match_decisions().insert(std::slice::from_ref(&kept))?;
    Ok(kept.id)
}

/// A decision and what was done about it, to be kept together with others.
pub fn kept(tx: &Tx<'_>, decision: &Decision, done: Done) -> Kept {
    Kept {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        target: Code(done.target),
        channel: Code(done.channel),
        submission_id: done.submission_id,
        decision: JsonOf(decision.clone()),
        effect: Code(done.effect),
        record_id: done.record_id,
        at: tx.at(),
    }
}

#[cfg(test)]
mod tests {
    use super::strategy::{Alternative, MatchField};
    use super::*;

    fn keys(pairs: &[(Field, &str)]) -> Keys {
        pairs.iter().map(|&(field, key)| (field, key.to_owned())).collect()
    }

    #[test]
    fn one_number_takes_one_turn_whether_it_is_called_phone_or_mobile() {
        let (phone, mobile) = (keys(&[(Field::Phone, "+3725551")]), keys(&[(Field::Mobile, "+3725551")]));
        assert_eq!(turns(&phone), turns(&mobile));
    }

    #[test]
    fn what_many_people_share_holds_nobody_off() {
        assert!(turns(&keys(&[(Field::FirstName, "ann"), (Field::Topic, "crm"), (Field::Email, "")])).is_empty());
    }

    #[test]
    fn records_are_looked_up_only_by_what_identifies_them_in_an_applicable_alternative() {
        let incoming = keys(&[(Field::Email, "a@x.com"), (Field::Phone, "+3725551"), (Field::LastName, "lee")]);
        assert_eq!(identifying(&Target::Contact.default_strategy(), &incoming), keys(&[(Field::Email, "a@x.com")]));
        let both = Alternative { fields: [Field::LastName, Field::Phone].map(MatchField::exact).into() };
        let beyond = Alternative { fields: [Field::Email, Field::ExternalId].map(MatchField::exact).into() };
        let strategy = Strategy { alternatives: vec![both, beyond], ..Target::Contact.default_strategy() };
        assert_eq!(identifying(&strategy, &incoming), keys(&[(Field::Phone, "+3725551")]));
    }
}

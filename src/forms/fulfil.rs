//! What a submission brings about: company, contact, lead and interaction (MAT-5, MAT-7, REC-6).
//!
//! The interaction is recorded whatever else is done, as long as anybody or anything is known that did it.

use super::activity::{self, Deed};
use super::brought::Brought;
use super::capture::Arrival;
use super::confirmation;
use super::definition::{Definition, Kind, OnUnmatchable, Writes};
use super::foresight::{Foreseen, ForeseenLead};
use super::interest::Whose;
use super::landing;
use super::person::{self, Proof};
use super::policy::{Contradiction, UpdatePolicy};
use super::proof;
use super::reading::Reading;
use super::slot::Slot;
use super::strategies::Strategies;
use super::submission::{Conflict, Status, Touched};
use crate::accounts::{self, NewAccount};
use crate::clock::Timestamp;
use crate::contacts::{Contact, ContactPatch};
use crate::db::{Cause, Tx};
use crate::error::{Error, Result};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::interactions::NewInteraction;
use crate::leads::Lead;
use crate::matching::decide::{Decision, Keys, Outcome as Found, decide};
use crate::matching::strategy::{Strategy, Target};
use crate::matching::{self, Channel, Effect, Kept};
use crate::proposals::{NewProposal, Record};
use crate::{contacts, interactions, proposals, scoring};

pub use super::submission::Done;

/// Does what `arrival`, the submission `id`, asks for.
pub fn fulfil(tx: &mut Tx<'_>, id: Id, arrival: &Arrival, deed: Deed) -> Result<Done> {
    bring_about(tx, &mut Strategies::default(), None, (id, arrival), deed)?.complete(tx)
}

/// Does what a submission asks for, up to its interaction. `foreseen` says whom it is of, if that was asked before.
pub fn bring_about(
    tx: &mut Tx<'_>,
    strategies: &mut Strategies,
    foreseen: Option<Foreseen>,
    (id, arrival): (Id, &Arrival),
    deed: Deed,
) -> Result<Brought> {
    let tx = &mut tx.because(Cause::Submission(id));
    let mut visit = Visit::begin(tx, strategies, id, arrival, deed)?;
    visit.note_consents();
    let found = match foreseen {
        Some(foreseen) => {
            (visit.known, visit.foreseen) = (foreseen.contact, foreseen.interest);
            foreseen.found
        }
        None => matching::find_contact(tx, &visit.contact_strategy, &visit.keys)?,
    };
    if let Some(known) = found.known() {
        scoring::take_turns_before(tx, Vec::new(), &[known])?;
    }
    match visit.obstacle(&found)? {
        None => {
            let account = visit.company(tx)?;
            let whose = visit.person(tx, &found, account)?;
            visit.interest(tx, whose)?;
        }
        Some(Obstacle::Nobody(reason)) => {
            visit.company(tx)?;
            visit.leave_person(tx, &found)?;
            visit.done.reason = Some(reason);
        }
        Some(Obstacle::Unmatchable(reason)) => {
            if let Some(known) = found.known() {
                tx.merged().refuse_contact(known)?;
            }
            visit.leave_person(tx, &found)?;
            visit.done = Done { status: Status::Failed, reason: Some(reason), ..visit.done };
        }
    }
    Ok(visit.end(tx))
}

/// Does what follows from something that `contact`, who is known without being looked for, did with the form.
pub fn credit(tx: &mut Tx<'_>, arrival: &Arrival, contact: Id, deed: Deed) -> Result<Done> {
    let mut visit = Visit::begin(tx, &mut Strategies::default(), Id::new(tx.at()), arrival, deed)?;
    scoring::hold_contact(tx, contact)?;
    let account = visit.known(tx, contact)?.account_id;
    visit.done.contact_id = Some(contact);
    visit.interest(tx, Whose { contact: Some(contact), account })?;
    visit.end(tx).complete(tx)
}

/// The turns to take for what `arrival` brings: everyone who brings the same person or company does.
pub fn turns(arrival: &Arrival) -> Vec<String> {
    let mut turns = matching::turns(&arrival.reading.keys());
    turns.extend(company_name(arrival).map(|name| accounts::turn(&name)));
    turns
}

fn company_name(arrival: &Arrival) -> Option<String> {
    arrival.reading.value(&Slot::Company).filter(|_| arrival.form.definition.0.fills(&Slot::Company))
}

/// Why neither contact nor lead is made of a submission.
enum Obstacle {
    /// It tells of no person (REC-6).
    Nobody(String),
    /// It cannot be matched, and the form creates nothing then (MAT-3).
    Unmatchable(String),
}

/// One submission on its way.
pub(super) struct Visit<'a> {
    id: Id,
    deed: Deed,
    pub(super) arrival: &'a Arrival,
    pub(super) definition: &'a Definition,
    contact_strategy: Strategy,
    pub(super) lead_strategy: Strategy,
    pub(super) reading: &'a Reading,
    /// What the person is matched by.
    keys: Keys,
    /// How the sender confirmed their address, if the form asks for that.
    confirmed: Option<String>,
    /// Since when its consents count.
    consented_at: Timestamp,
    /// The hash of the address it came from.
    address_sha256: Option<String>,
    /// The contact that it is of, where that was locked before.
    known: Option<Contact>,
    /// The lead that it belongs to, as far as that was asked before.
    pub(super) foreseen: Option<ForeseenLead>,
    /// What was decided, to be kept.
    decisions: Vec<Kept>,
    /// The lead that it belongs to.
    pub(super) lead: Option<Lead>,
    pub(super) done: Done,
}

impl<'a> Visit<'a> {
    /// Finds out what it takes, and takes the turn.
    fn begin(tx: &mut Tx<'_>, strategies: &mut Strategies, id: Id, arrival: &'a Arrival, deed: Deed) -> Result<Self> {
        let (definition, workspace) = (&arrival.form.definition.0, tx.scope.workspace);
        let confirmed = confirmation::evidence(tx, id, arrival)?;
        let visit = Self {
            id,
            deed,
            arrival,
            definition,
            contact_strategy: strategies.named(tx, definition, Target::Contact)?,
            lead_strategy: landing::lead_strategy(tx, strategies, arrival)?,
            reading: &arrival.reading,
            keys: arrival.reading.keys(),
            consented_at: if confirmed.is_some() { tx.at() } else { deed.at() },
            confirmed,
            address_sha256: arrival.remote_address.as_ref().map(|address| proof::address_hash(workspace, address)),
            known: None,
            foreseen: None,
            decisions: Vec::new(),
            lead: None,
            done: Done::nothing(),
        };
        tx.take_turns(&turns(arrival))?;
        Ok(visit)
    }

    fn note_consents(&mut self) {
        let Arrival { user_agent, .. } = self.arrival;
        let (address, at) = (self.address_sha256.as_deref(), self.consented_at);
        self.done.outcome.consents = proof::of(self.definition, self.reading, at, address, user_agent.as_deref());
    }

    /// Whether somebody who is not known becomes a contact.
    fn creates_contact(&self) -> bool {
        self.definition.writes.contact() && self.definition.create_contact
    }

    fn obstacle(&self, contact: &Decision) -> Result<Option<Obstacle>> {
        let writes = self.definition.writes;
        if writes == Writes::None {
            return Ok(None);
        }
        if !self.reading.names_somebody() && contact.known().is_none() {
            let reason = match company_name(self.arrival) {
                Some(_) => "a company without a person: the account is kept, no contact and no lead was made",
                None => "no name, e-mail address or phone: no contact and no lead was made",
            };
            return Ok(Some(Obstacle::Nobody(reason.to_owned())));
        }
        if self.definition.on_unmatchable == OnUnmatchable::Create {
            return Ok(None);
        }
        // The contact of a form that writes contacts is known by the time its lead is looked for.
        let contact_known = contact.known().or(self.creates_contact().then_some(Id::NIL));
        let needs_lead = writes.lead() && !self.definition.always_create_lead;
        let unmatchable = match writes.contact() && contact.outcome == Found::Unmatchable {
            true => Some(&contact.strategy),
            false if !needs_lead => None,
            false => {
                let keys = landing::lead_keys(self.arrival, Whose { contact: contact_known, account: None });
                let outcome = decide(&self.lead_strategy, &keys, &[]).outcome;
                (outcome == Found::Unmatchable).then_some(&self.lead_strategy.key)
            }
        };
        let reason = |strategy| format!("it lacks what {strategy} compares, and the form creates nothing then");
        Ok(unmatchable.map(|strategy| Obstacle::Unmatchable(reason(strategy))))
    }

    /// Finds the company by its name, or creates it.
    fn company(&mut self, tx: &mut Tx<'_>) -> Result<Option<Id>> {
        let Some(name) = company_name(self.arrival) else { return Ok(None) };
        let (id, is_new) = accounts::find_or_create(tx, &NewAccount { name, ..NewAccount::default() })?;
        let effect = if is_new { Effect::Created } else { Effect::Linked };
        self.done.outcome.account = Some(Touched { effect, id: Some(id), decision_id: None });
        Ok(Some(id))
    }

    /// Creates, changes or only credits the contact.
    fn person(&mut self, tx: &mut Tx<'_>, found: &Decision, account: Option<Id>) -> Result<Whose> {
        let (contact, effect, belongs_to) = match (found.known(), self.definition.writes.contact()) {
            (None, _) if !self.creates_contact() => (None, Effect::LeftAlone, None),
            (Some(known), false) => {
                // Whoever opens leads of one person takes turns, however each came to know the person.
                self.known(tx, known)?;
                (Some(known), Effect::Linked, None)
            }
            (None, _) => {
                let new = person::new_contact(self.reading, account, self.proof());
                (Some(contacts::create(tx, &new).map_err(overtaken)?.id), Effect::Created, account)
            }
            (Some(known), true) => {
                let (effect, belongs_to) = self.change_person(tx, found, known, account)?;
                (Some(known), effect, belongs_to)
            }
        };
        if let Some(contact) = contact.filter(|_| self.definition.writes.contact()) {
            self.recognise(tx, contact, effect)?;
        }
        self.credit(tx, found, effect, contact)?;
        // A company that contradicts the one the person is known to belong to says nothing of the lead either.
        let account = account.filter(|account| belongs_to.is_none_or(|known| known == *account));
        Ok(Whose { contact, account })
    }

    /// The contact that it is of, which no other transaction changes until this one ends.
    fn known(&mut self, tx: &mut Tx<'_>, id: Id) -> Result<Contact> {
        match self.known.take().filter(|known| known.id == id) {
            Some(known) => Ok(known),
            None => tx.contacts().lock(id).map_err(vanished),
        }
    }

    /// Gives the contact what waited for somebody with its keys.
    fn recognise(&self, tx: &mut Tx<'_>, contact: Id, effect: Effect) -> Result<()> {
        if let Some(anonymous_id) = &self.reading.anonymous_id {
            tx.contacts().link_anonymous(contact, anonymous_id)?;
        } else if effect == Effect::Linked {
            return Ok(());
        }
        interactions::attribute_waiting(tx, contact)?;
        Ok(())
    }

    /// Changes the contact as far as the form may; gives also the company that it belongs to then.
    fn change_person(
        &mut self,
        tx: &mut Tx<'_>,
        found: &Decision,
        known: Id,
        account: Option<Id>,
    ) -> Result<(Effect, Option<Id>)> {
        let contact = self.known(tx, known)?;
        // Somebody whom only the address tells, and not what the strategy compares, is credited and not changed.
        let policy = if found.winner.is_some() { self.definition.update_policy } else { UpdatePolicy::LinkOnly };
        let mut change = person::change(policy, &contact, self.reading, account, self.proof());
        if change.moves_email() && self.is_email_of_another(tx, known)? {
            change.leave_email(&contact, self.reading);
        }
        self.propose(tx, Record::Contact(known), change.contradictions)?;
        if change.patch == ContactPatch::default() {
            return Ok((Effect::Linked, contact.account_id));
        }
        let changed = contacts::change(tx, known, &change.patch, &Condition::None)?;
        proposals::contact_changed(tx, &changed)?;
        scoring::contact_changed(tx, &contact, &changed)?;
        Ok((Effect::Updated, changed.account_id))
    }

    /// Whether the address that was sent is another contact's. No two have the same, so it can only be proposed.
    fn is_email_of_another(&self, tx: &mut Tx<'_>, known: Id) -> Result<bool> {
        let Some(email) = &self.reading.email else { return Ok(false) };
        Ok(tx.contacts().with_email(&email.key)?.is_some_and(|holder| holder != known))
    }

    /// Keeps what contradicts a record for a user to decide.
    pub(super) fn propose(
        &mut self,
        tx: &mut Tx<'_>,
        record: Record,
        contradictions: Vec<Contradiction>,
    ) -> Result<()> {
        let (submission_id, form_id) = (self.id, self.arrival.form.id);
        for contradiction in contradictions {
            let (field, sent) = (contradiction.slot.to_string(), contradiction.sent.clone());
            let new = NewProposal { record, contradiction, submission_id, form_id };
            let proposal_id = Some(proposals::open(tx, &new)?.id);
            self.done.outcome.conflicts.push(Conflict { field, sent, proposal_id });
        }
        Ok(())
    }

    /// The person is left alone; one that is known is credited all the same.
    fn leave_person(&mut self, tx: &mut Tx<'_>, found: &Decision) -> Result<()> {
        let effect = if found.known().is_some() { Effect::Linked } else { Effect::LeftAlone };
        self.credit(tx, found, effect, found.known())
    }

    fn credit(&mut self, tx: &mut Tx<'_>, found: &Decision, effect: Effect, id: Option<Id>) -> Result<()> {
        let decision_id = Some(self.keep(tx, Target::Contact, found, effect, id));
        self.done.contact_id = id;
        self.done.outcome.contact = Some(Touched { effect, id, decision_id });
        Ok(())
    }

    pub(super) fn keep(&mut self, tx: &Tx<'_>, target: Target, found: &Decision, effect: Effect, id: Option<Id>) -> Id {
        let submission_id = Some(self.id).filter(|_| self.arrival.contact_id.is_none());
        let channel = if self.definition.kind == Kind::LeadAd { Channel::LeadAd } else { Channel::Form };
        let done = matching::Done { target, channel, submission_id, effect, record_id: id };
        let kept = matching::kept(tx, found, done);
        let id = kept.id;
        self.decisions.push(kept);
        id
    }

    /// What is left is to keep what was decided, and to record that the form was submitted, if anything tells by whom.
    fn end(self, tx: &Tx<'_>) -> Brought {
        let interaction = activity::of(self.id, self.arrival, self.done.contact_id, self.lead.as_ref(), self.deed)
            .map(|new| NewInteraction { because: tx.scope.cause, ..new });
        Brought { done: self.done, deed: self.deed, decisions: self.decisions, interaction }
    }

    fn proof(&self) -> Proof<'_> {
        let (confirmed, address_sha256) = (self.confirmed.as_deref(), self.address_sha256.as_deref());
        Proof { definition: self.definition, submission: self.id, at: self.consented_at, confirmed, address_sha256 }
    }
}

/// A contact that appeared a moment ago: on the next try it is found.
fn overtaken(error: Error) -> Error {
    match error {
        Error::DuplicateContact { existing } => Error::Contention(format!("contact {existing} was created meanwhile")),
        error => error,
    }
}

/// A record that was there a moment ago: on the next try it is not found at all.
pub(super) fn vanished(error: Error) -> Error {
    match error {
        Error::NotFound | Error::Gone { .. } => Error::Contention("a matched record was deleted or merged".into()),
        error => error,
    }
}

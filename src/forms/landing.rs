//! Where the interest of a submission lands: in a lead that is known, as far as the form may change it, or in a new one
//! (MAT-2, MAT-8, ASG-7).

use super::capture::Arrival;
use super::definition::Kind;
use super::foresight::ForeseenLead;
use super::fulfil::{Visit, vanished};
use super::interest::{self, Whose};
use super::slot::Slot;
use super::strategies::Strategies;
use super::submission::Touched;
use crate::assignment::{self, When};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{Lead, LeadPatch};
use crate::matching::decide::Keys;
use crate::matching::origin::origin_key;
use crate::matching::strategy::{Field, Strategy, Target};
use crate::matching::{self, Effect};
use crate::proposals::Record;
use crate::workspaces::settings::LeadsPerContact;
use crate::{interactions, leads, proposals, scoring, text, workspaces};

/// The strategy that finds the lead of `arrival`.
pub fn lead_strategy(tx: &mut Tx<'_>, strategies: &mut Strategies, arrival: &Arrival) -> Result<Strategy> {
    let definition = &arrival.form.definition.0;
    let mut strategy = strategies.named(tx, definition, Target::Lead)?;
    // An event has one lead for each contact, also when that lead has been closed (CAP-7).
    strategy.match_closed |= definition.kind == Kind::Event && definition.lead_strategy.is_none();
    Ok(strategy)
}

/// Whether the lead of `arrival` may be one that is known.
pub fn looks_for_lead(arrival: &Arrival) -> bool {
    let definition = &arrival.form.definition.0;
    definition.writes.lead() && !definition.always_create_lead
}

/// What the lead of `arrival` is matched by.
pub fn lead_keys(arrival: &Arrival, whose: Whose) -> Keys {
    let (definition, reading) = (&arrival.form.definition.0, &arrival.reading);
    let text = |id: Option<Id>| id.map(|id| id.to_string());
    let value = |slot, usual: &Option<String>| reading.value(&slot).or_else(|| usual.clone());
    let keys = [
        (Field::Contact, text(whose.contact)),
        (Field::Account, text(whose.account)),
        (Field::Form, text(Some(arrival.form.id))),
        (Field::Email, reading.email.as_ref().map(|email| email.key.clone())),
        (Field::Phone, interest::phone_key(reading)),
        (Field::Campaign, value(Slot::Campaign, &definition.campaign)),
        (Field::ProductLine, value(Slot::ProductLine, &definition.product_line)),
        (Field::Topic, value(Slot::Topic, &definition.topic).map(|topic| text::compare_key(&topic))),
    ];
    keys.into_iter().filter_map(|(field, key)| Some((field, key?))).collect()
}

impl Visit<'_> {
    /// Opens, changes or only links the lead.
    pub(super) fn interest(&mut self, tx: &mut Tx<'_>, whose: Whose) -> Result<()> {
        if !self.definition.writes.lead() {
            return Ok(());
        }
        let (id, effect, decision_id) = if self.definition.always_create_lead {
            let (id, effect) = self.begin_interest(tx, whose, None)?;
            (id, effect, None)
        } else {
            let keys = lead_keys(self.arrival, whose);
            let (found, lead) = match self.foreseen_lead(&keys) {
                Some(foreseen) => (foreseen.found, foreseen.lead),
                None => (matching::find_lead(tx, &self.lead_strategy, &keys)?, None),
            };
            let (id, effect) = match found.winner {
                Some(known) => (known, self.change_interest(tx, known, lead, whose)?),
                None => self.begin_interest(tx, whose, origin_key(&self.lead_strategy, &keys))?,
            };
            (id, effect, Some(self.keep(tx, Target::Lead, &found, effect, Some(id))))
        };
        self.done.lead_id = Some(id);
        self.done.outcome.lead = Some(Touched { effect, id: Some(id), decision_id });
        Ok(())
    }

    /// What was foreseen, if it was looked for by these keys and nothing about the contact has changed since.
    fn foreseen_lead(&mut self, keys: &Keys) -> Option<ForeseenLead> {
        let contact = self.done.outcome.contact.as_ref();
        let is_unchanged = contact.is_some_and(|contact| contact.effect == Effect::Linked);
        self.foreseen.take().filter(|foreseen| is_unchanged && foreseen.keys == *keys)
    }

    /// Opens a lead, or lands in the one that the contact has where the workspace wants one per contact (ASG-7).
    fn begin_interest(&mut self, tx: &mut Tx<'_>, whose: Whose, origin_key: Option<String>) -> Result<(Id, Effect)> {
        if let Some(contact) = whose.contact
            && workspaces::settings(tx)?.leads_per_contact == LeadsPerContact::One
            && let Some(known) = tx.leads().open_of_contact(contact)?.first().copied()
        {
            return Ok((known, self.change_interest(tx, known, None, whose)?));
        }
        Ok((self.open(tx, whose, origin_key)?, Effect::Created))
    }

    fn open(&mut self, tx: &mut Tx<'_>, whose: Whose, origin_key: Option<String>) -> Result<Id> {
        let Arrival { form, payload, .. } = self.arrival;
        let mut opening = interest::opening(form.id, self.definition, payload, self.reading, whose);
        // A lead that began alike and matches no more, because it was given to somebody else since, is not guarded now.
        if let Some(key) = &origin_key {
            tx.submissions().release_origin(key)?;
        }
        opening.origin_key = origin_key;
        // A form whose owner was locked out since gives its leads to nobody.
        if leads::unfit_owner(tx, opening.owner_id)?.is_some() {
            opening.owner_id = None;
        }
        let lead = leads::open(tx, &opening)?;
        assignment::assign(tx, lead.id, When::Created);
        Ok(self.lead.insert(lead).id)
    }

    /// Changes a known lead, which may be `locked` already, as far as the form may.
    fn change_interest(&mut self, tx: &mut Tx<'_>, known: Id, locked: Option<Lead>, whose: Whose) -> Result<Effect> {
        let lead = match locked {
            Some(lead) => lead,
            None => tx.leads().lock(known).map_err(vanished)?,
        };
        self.lead = Some(lead.clone());
        match lead.status.0 {
            leads::Status::Open => {}
            _ if self.lead_strategy.match_closed => return Ok(Effect::Linked),
            _ => return Err(Error::Contention("a matched lead was closed".into())),
        }
        let change = interest::change(self.definition.update_policy, &lead, self.reading, whose);
        self.propose(tx, Record::Lead(known), change.contradictions)?;
        if change.patch == LeadPatch::default() {
            return Ok(Effect::Linked);
        }
        let lead = leads::change(tx, known, &change.patch, &Condition::None)?;
        proposals::lead_changed(tx, &lead)?;
        scoring::lead_changed(tx, known)?;
        interactions::attribute_lead(tx, known)?;
        self.lead = Some(lead);
        Ok(Effect::Updated)
    }
}

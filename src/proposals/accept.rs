//! Accepting: the change that a proposal asks for, made as a user makes it.

use super::{Proposal, Status, contact_changed, decide, is_to_be_decided, lead_changed, turn};
use crate::contacts::{self, ContactPatch, identity};
use crate::db::{Cause, Tx};
use crate::error::{Error, Result};
use crate::forms::place;
use crate::forms::slot::Slot;
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{self, LeadPatch};
use crate::{interactions, scoring};

/// Lets the record take the proposed value. 409 for a proposal that was decided otherwise; whatever keeps a user from
/// making the change leaves the proposal open.
pub fn accept(tx: &mut Tx<'_>, id: Id, note: Option<&str>) -> Result<Proposal> {
    let proposal = tx.proposals().get(id)?;
    let slot = Slot::parse(&proposal.field).ok_or_else(|| Error::internal("a proposal for an unknown field"))?;
    take_turns(tx, &proposal, &slot)?;
    let proposal = tx.proposals().get(id)?;
    if !is_to_be_decided(&proposal, Status::Accepted)? {
        return Ok(proposal);
    }
    let within = &mut tx.because(Cause::Proposal { id, submission: proposal.submission_id });
    match (proposal.contact_id, proposal.lead_id) {
        (Some(contact), _) => change_contact(within, contact, &slot, &proposal, note),
        (None, Some(lead)) => change_lead(within, lead, &slot, &proposal, note),
        (None, None) => Err(Error::internal("a proposal about nothing")),
    }
}

/// Takes turns with whoever decides about the proposal or brings the same person, in the order in which a submission
/// does: by what the person is known by, then by the contact, and the records last.
fn take_turns(tx: &mut Tx<'_>, proposal: &Proposal, slot: &Slot) -> Result<()> {
    let lead = match proposal.lead_id {
        Some(id) => Some(tx.leads().get(id)?),
        None => None,
    };
    let proposed = identity::email(&proposal.value).ok().filter(|_| *slot == Slot::Email);
    let mut turns = contacts::turns(proposed.as_ref().map(|email| email.key.as_str()), None, None);
    turns.extend(contacts::turns(lead.as_ref().and_then(|lead| lead.email_key.as_deref()), None, None));
    turns.push(turn(proposal.id));
    let contact = proposal.contact_id.or(lead.and_then(|lead| lead.contact_id));
    if let Some(id) = contact {
        let anonymous_ids = tx.contacts().anonymous_ids(id)?;
        turns.extend(tx.contacts().get(id)?.turns(&anonymous_ids));
    }
    tx.take_turns(&turns)?;
    contact.map_or(Ok(()), |id| scoring::hold_contact(tx, id))
}

fn change_contact(tx: &mut Tx<'_>, id: Id, slot: &Slot, proposal: &Proposal, note: Option<&str>) -> Result<Proposal> {
    let known = tx.contacts().lock(id)?;
    let mut patch = ContactPatch::default();
    match slot {
        Slot::Company => patch.account_id = Some(Some(company(tx, proposal)?)),
        slot => place::put_in_contact(&mut patch, &known, slot, &proposal.value),
    }
    let contact = contacts::change(tx, id, &patch, &Condition::None)?;
    let accepted = decide(tx, proposal.id, Status::Accepted, note)?;
    contact_changed(tx, &contact)?;
    scoring::contact_changed(tx, &known, &contact)?;
    interactions::attribute_waiting(tx, id)?;
    Ok(accepted)
}

fn change_lead(tx: &mut Tx<'_>, id: Id, slot: &Slot, proposal: &Proposal, note: Option<&str>) -> Result<Proposal> {
    let known = tx.leads().lock(id)?;
    let mut patch = LeadPatch::default();
    match slot {
        Slot::Company => patch.account_id = Some(Some(company(tx, proposal)?)),
        slot => place::put_in_lead(&mut patch, &known, slot, &proposal.value),
    }
    let lead = leads::change(tx, id, &patch, &Condition::None)?;
    let accepted = decide(tx, proposal.id, Status::Accepted, note)?;
    lead_changed(tx, &lead)?;
    scoring::lead_changed(tx, id)?;
    Ok(accepted)
}

/// The company that the value means.
fn company(tx: &mut Tx<'_>, proposal: &Proposal) -> Result<Id> {
    let known = match proposal.account_id {
        Some(id) => tx.accounts().find(id)?,
        None => None,
    };
    let account = known.ok_or_else(|| Error::Conflict("the company was deleted since it was proposed".into()))?;
    Ok(account.id)
}

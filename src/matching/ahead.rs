//! The same decisions for several that came in at one moment, from what was looked up for all of them at once (MAT-3).
//!
//! Each decision is the one that a look for this person or interest alone would have led to. Where what was looked up does
//! not tell that, there is none.

use super::decide::{Candidate, Decision, Keys, Outcome, decide, value};
use super::repository::{KnownLead, MOST};
use super::strategy::{Field, Strategy, Target};
use super::{candidate, identifying};
use crate::contacts::Contact;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;

/// Looks for the contact that `incoming` stands for where `holder` is the contact that has the incoming e-mail address, if
/// there is one. None when the strategy looks for this person by something else too, or the holder was merged.
pub fn find_contact_by_email(strategy: &Strategy, incoming: &Keys, holder: Option<&Contact>) -> Option<Decision> {
    let identifying = identifying(strategy, incoming);
    let is_beyond = identifying.keys().any(|field| *field != Field::Email)
        || strategy.compares(Field::AnonymousId)
        || value(incoming, Field::ExternalId).is_some();
    if is_beyond || holder.is_some_and(|holder| holder.merged_into_id.is_some()) {
        return None;
    }
    let candidates: Vec<Candidate> = holder.filter(|_| !identifying.is_empty()).map(candidate).into_iter().collect();
    let mut decision = decide(strategy, incoming, &candidates);
    if decision.outcome != Outcome::Matched {
        decision.held_by = holder.map(|holder| holder.id);
    }
    Some(decision)
}

/// The leads of these contacts and those that came with these e-mail addresses. None when they are too many.
pub fn leads_around(tx: &mut Tx<'_>, contacts: &[Id], emails: &[&str]) -> Result<Option<Vec<KnownLead>>> {
    tx.known_leads().around(contacts, emails)
}

/// Looks for the lead that `incoming` stands for `around` its contact and its e-mail address, which were among those that
/// were asked about. None when the strategy looks beyond these, or one of them was merged.
pub fn find_lead_around(strategy: &Strategy, incoming: &Keys, around: &[KnownLead]) -> Option<Decision> {
    let contact = value(incoming, Field::Contact).and_then(Id::parse);
    let email = value(incoming, Field::Email);
    let near = around.iter().filter(|lead| lead.is_near(contact, email));
    let near: Vec<(&KnownLead, Candidate)> = near.map(|lead| (lead, lead.candidate(contact))).collect();
    let mut candidates: Vec<Candidate> = Vec::new();
    for alternative in strategy.applicable(|field| value(incoming, field).is_some()) {
        let fields: Vec<Field> = alternative.identifying(Target::Lead).collect();
        if !fields.iter().any(|field| matches!(field, Field::Contact | Field::Email)) {
            return None;
        }
        let is_alike = |known: &Candidate| fields.iter().all(|it| value(&known.keys, *it) == value(incoming, *it));
        let alike: Vec<_> = near.iter().filter(|(_, known)| is_alike(known)).collect();
        if alike.len() > MOST || alike.iter().any(|(lead, _)| lead.is_merged()) {
            return None;
        }
        for (_, lead) in alike {
            if candidates.iter().all(|other| other.id != lead.id) {
                candidates.push(lead.clone());
            }
        }
    }
    Some(decide(strategy, incoming, &candidates))
}

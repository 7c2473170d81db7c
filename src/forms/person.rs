//! What a submission says of a person: a new contact, or changes to a known one by the form's update policy (MAT-8).

use serde_json::Value;

use super::definition::{Definition, Purpose};
use super::policy::{UpdatePolicy, Verdict};
use super::reading::Reading;
use super::slot::{Record, Slot};
use super::submission::Conflict;
use crate::contacts::{Address, Consent, Consents, Contact, ContactPatch, NewContact};
use crate::id::Id;

/// Where the proof of a consent is.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The form that asked.
    pub definition: &'a Definition,
    /// The submission that gave it.
    pub submission: Id,
    /// When.
    pub at: crate::clock::Timestamp,
}

/// The contact that `reading` describes. Sales has yet to earn it.
pub fn new_contact(reading: &Reading, account: Option<Id>, proof: Proof<'_>) -> NewContact {
    let mut new = NewContact {
        account_id: account,
        marketing_only: true,
        consents: given(reading, &Consents::default(), proof).unwrap_or_default(),
        first_source: Some(proof.definition.source.clone()),
        anonymous_ids: reading.anonymous_id.iter().cloned().collect(),
        ..NewContact::default()
    };
    for (slot, value) in &reading.mapped {
        let value = Some(value.clone());
        match slot {
            Slot::FirstName => new.first_name = value,
            Slot::LastName => new.last_name = value,
            Slot::Email => new.email = value,
            Slot::Phone => new.phone = value,
            Slot::Mobile => new.mobile = value,
            Slot::JobTitle => new.job_title = value,
            Slot::DecisionRole => new.decision_role = value,
            Slot::Language => new.language = value,
            Slot::ContactAttribute(name) => drop(new.attributes.0.insert(name.clone(), value.into())),
            slot => put(&mut new.address, slot, value),
        }
    }
    new
}

/// What a submission changes of a known contact.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The changes; none when the contact stays as it is.
    pub patch: Option<ContactPatch>,
    /// The values that contradict what is known.
    pub conflicts: Vec<Conflict>,
}

/// What `reading` changes of `known`. Consents are given whatever the policy, and never withdrawn.
pub fn change(
    policy: UpdatePolicy,
    known: &Contact,
    reading: &Reading,
    account: Option<Id>,
    proof: Proof<'_>,
) -> Change {
    let (mut patch, mut changed, mut conflicts) = (ContactPatch::default(), false, Vec::new());
    for (slot, sent) in reading.mapped.iter().filter(|(slot, _)| slot.record() == Record::Contact) {
        let verdict = match identities(slot, known, reading) {
            Some((known, sent)) => policy.weigh(known, sent),
            None => policy.weigh(present(slot, known).as_deref(), sent),
        };
        match verdict {
            Verdict::Leave => {}
            Verdict::Conflict => conflicts.push(Conflict { field: slot.to_string(), sent: sent.clone() }),
            Verdict::Take => {
                take(&mut patch, known, slot, sent);
                changed = true;
            }
        }
    }
    if let Some(account) = account {
        let text = |id: Id| id.to_string();
        match policy.weigh(known.account_id.map(text).as_deref(), &text(account)) {
            Verdict::Leave => {}
            Verdict::Conflict => {
                let sent = reading.value(&Slot::Company).unwrap_or_default();
                conflicts.push(Conflict { field: Slot::Company.to_string(), sent });
            }
            Verdict::Take => {
                patch.account_id = Some(Some(account));
                changed = true;
            }
        }
    }
    patch.consents = given(reading, &known.consents.0, proof);
    changed |= patch.consents.is_some();
    Change { patch: changed.then_some(patch), conflicts }
}

/// Both sides of an identity in the form that is compared: spellings of one address or number are no contradiction.
fn identities<'v>(slot: &Slot, known: &'v Contact, reading: &'v Reading) -> Option<(Option<&'v str>, &'v str)> {
    match slot {
        Slot::Email => Some((known.email_key.as_deref(), &reading.email.as_ref()?.key)),
        Slot::Phone => Some((known.phone_key.as_deref(), &reading.phone.as_ref()?.e164)),
        Slot::Mobile => Some((known.mobile_key.as_deref(), &reading.mobile.as_ref()?.e164)),
        _ => None,
    }
}

fn present(slot: &Slot, known: &Contact) -> Option<String> {
    let address = &known.address.0;
    match slot {
        Slot::FirstName => known.first_name.clone(),
        Slot::LastName => known.last_name.clone(),
        Slot::JobTitle => known.job_title.clone(),
        Slot::DecisionRole => known.decision_role.clone(),
        Slot::Language => known.language.clone(),
        Slot::Line1 => address.line1.clone(),
        Slot::Line2 => address.line2.clone(),
        Slot::City => address.city.clone(),
        Slot::Region => address.region.clone(),
        Slot::PostalCode => address.postal_code.clone(),
        Slot::Country => address.country.clone(),
        Slot::ContactAttribute(name) => known.attributes.0.0.get(name).map(as_text),
        _ => None,
    }
}

/// An attribute as a form could have sent it.
pub fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn take(patch: &mut ContactPatch, known: &Contact, slot: &Slot, sent: &str) {
    let value = Some(Some(sent.to_owned()));
    match slot {
        Slot::FirstName => patch.first_name = value,
        Slot::LastName => patch.last_name = value,
        Slot::Email => patch.email = value,
        Slot::Phone => patch.phone = value,
        Slot::Mobile => patch.mobile = value,
        Slot::JobTitle => patch.job_title = value,
        Slot::DecisionRole => patch.decision_role = value,
        Slot::Language => patch.language = value,
        Slot::ContactAttribute(name) => {
            patch.attributes.get_or_insert_default().0.insert(name.clone(), sent.into());
        }
        slot => put(patch.address.get_or_insert_with(|| known.address.0.clone()), slot, value.flatten()),
    }
}

fn put(address: &mut Address, slot: &Slot, value: Option<String>) {
    match slot {
        Slot::Line1 => address.line1 = value,
        Slot::Line2 => address.line2 = value,
        Slot::City => address.city = value,
        Slot::Region => address.region = value,
        Slot::PostalCode => address.postal_code = value,
        Slot::Country => address.country = value,
        _ => {}
    }
}

/// The consents that are given and were not before.
fn given(reading: &Reading, known: &Consents, proof: Proof<'_>) -> Option<Consents> {
    let mut new = Consents::default();
    for purpose in &reading.granted {
        let (held, place) = match purpose {
            Purpose::Marketing => (&known.marketing, &mut new.marketing),
            Purpose::Profiling => (&known.profiling, &mut new.profiling),
        };
        if !held.as_ref().is_some_and(|consent| consent.granted) {
            *place = Some(consent(*purpose, proof));
        }
    }
    (new != Consents::default()).then_some(new)
}

fn consent(purpose: Purpose, proof: Proof<'_>) -> Consent {
    let asked = proof.definition.consents.iter().find(|asked| asked.purpose == purpose);
    let version = asked.and_then(|asked| asked.text_version.as_deref());
    let text = version.map(|version| format!(", text {version}")).unwrap_or_default();
    let evidence = format!("submission {}{text}", proof.submission);
    Consent { granted: true, at: proof.at, how: Some("form".to_owned()), evidence: Some(evidence) }
}

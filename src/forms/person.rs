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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::UpdatePolicy::{FillBlanks, LinkOnly, Overwrite};
    use super::*;
    use crate::clock::Timestamp;
    use crate::contacts::identity;
    use crate::db::types::JsonOf;

    const AT: Timestamp = Timestamp::from_day(20_000);

    fn definition() -> Definition {
        let consents = json!([{"purpose": "marketing", "text_version": "3"}, {"purpose": "profiling"}]);
        let document = json!({"name": "x", "kind": "event", "source": "web", "consents": consents});
        serde_json::from_value(document).unwrap()
    }

    fn proof(definition: &Definition) -> Proof<'_> {
        Proof { definition, submission: Id::NIL, at: AT }
    }

    fn reading(values: &[(&str, &str)]) -> Reading {
        let mapped = values.iter().map(|(name, value)| (Slot::parse(name).unwrap(), (*value).to_owned()));
        let mut reading = Reading { mapped: mapped.collect(), ..Reading::default() };
        reading.email = reading.value(&Slot::Email).map(|email| identity::email(&email).unwrap());
        reading.phone = reading.value(&Slot::Phone).map(|phone| identity::phone(&phone, None).unwrap());
        reading
    }

    fn known() -> Contact {
        Contact {
            workspace_id: Id::NIL,
            id: Id::NIL,
            first_name: Some("Ann".into()),
            last_name: None,
            search_key: "ann".into(),
            email: Some("Ann@x.ee".into()),
            email_key: Some("ann@x.ee".into()),
            phone: Some("+372 5551 2345".into()),
            phone_key: Some("+37255512345".into()),
            mobile: None,
            mobile_key: None,
            external_id: None,
            job_title: None,
            decision_role: None,
            language: None,
            address: JsonOf(Address { city: Some("Tartu".into()), ..Address::default() }),
            account_id: None,
            owner_id: None,
            marketing_only: false,
            consents: JsonOf(Consents::default()),
            first_source: None,
            attributes: JsonOf(serde_json::from_value(json!({"size": 50, "role": "buyer"})).unwrap()),
            merged_into_id: None,
            version: 1,
            created_at: AT,
            updated_at: AT,
        }
    }

    fn changed(policy: UpdatePolicy, values: &[(&str, &str)]) -> (Option<ContactPatch>, Vec<String>) {
        let definition = definition();
        let Change { patch, conflicts } = change(policy, &known(), &reading(values), None, proof(&definition));
        (patch, conflicts.into_iter().map(|conflict| conflict.field).collect())
    }

    #[test]
    fn a_new_contact_has_every_value_in_its_place() {
        let values = [
            ("contact.first_name", "Ann"),
            ("contact.last_name", "Tamm"),
            ("contact.email", "ann@x.ee"),
            ("contact.phone", "+37255512345"),
            ("contact.mobile", "+37255512346"),
            ("contact.job_title", "CTO"),
            ("contact.decision_role", "buyer"),
            ("contact.language", "et"),
            ("contact.address.line1", "a"),
            ("contact.address.line2", "b"),
            ("contact.address.city", "c"),
            ("contact.address.region", "d"),
            ("contact.address.postal_code", "e"),
            ("contact.address.country", "EE"),
            ("contact.attributes.size", "50"),
        ];
        let new = new_contact(&reading(&values), None, proof(&definition()));
        let given = [&new.first_name, &new.last_name, &new.email, &new.phone, &new.mobile, &new.job_title];
        let given = given.into_iter().chain([&new.decision_role, &new.language]);
        let address = &new.address;
        let placed = [&address.line1, &address.line2, &address.city, &address.region, &address.postal_code];
        let all = given.chain(placed).chain([&address.country]).map(|value| value.as_deref().unwrap());
        assert!(all.eq(values.iter().take(14).map(|(_, value)| *value)));
        assert_eq!(new.attributes.0, [("size".to_owned(), json!("50"))].into());
        assert!(new.marketing_only);
    }

    #[test]
    fn blanks_are_filled_beside_what_is_known() {
        let values =
            [("contact.last_name", "Tamm"), ("contact.address.region", "Tartumaa"), ("contact.first_name", "Eve")];
        let (patch, conflicts) = changed(FillBlanks, &values);
        let patch = patch.unwrap();
        assert_eq!((patch.first_name, patch.last_name), (None, Some(Some("Tamm".to_owned()))));
        let address = patch.address.unwrap();
        assert_eq!((address.city.as_deref(), address.region.as_deref()), (Some("Tartu"), Some("Tartumaa")));
        assert_eq!(conflicts, ["contact.first_name"]);
    }

    #[test]
    fn spellings_of_one_identity_change_nothing_under_any_policy() {
        for policy in [FillBlanks, Overwrite, LinkOnly] {
            let (patch, conflicts) =
                changed(policy, &[("contact.email", "ann@X.ee"), ("contact.phone", "003725551 2345")]);
            assert!(patch.is_none() && conflicts.is_empty(), "{policy:?}");
        }
    }

    #[test]
    fn an_attribute_that_is_no_text_is_compared_as_a_form_would_send_it() {
        assert!(changed(FillBlanks, &[("contact.attributes.size", "50")]).0.is_none());
        assert_eq!(changed(FillBlanks, &[("contact.attributes.size", "51")]).1, ["contact.attributes.size"]);
        let patch = changed(Overwrite, &[("contact.attributes.size", "51")]).0.unwrap();
        assert_eq!(patch.attributes.unwrap().0, [("size".to_owned(), json!("51"))].into());
    }

    #[test]
    fn a_company_is_taken_where_none_is_known_and_contradicts_another() {
        let (definition, account) = (definition(), Some(Id::new(AT)));
        let reading = reading(&[("account.name", "Contoso")]);
        let into = |policy, known: &Contact| change(policy, known, &reading, account, proof(&definition));
        assert_eq!(into(FillBlanks, &known()).patch.unwrap().account_id, Some(account));
        let employed = Contact { account_id: Some(Id::NIL), ..known() };
        assert_eq!(
            into(FillBlanks, &employed).conflicts[0],
            Conflict { field: "account.name".into(), sent: "Contoso".into() }
        );
        assert_eq!(into(Overwrite, &employed).patch.unwrap().account_id, Some(account));
        assert!(into(LinkOnly, &known()).patch.is_none());
    }

    #[test]
    fn a_consent_given_keeps_its_first_proof() {
        let definition = definition();
        let reading = Reading { granted: vec![Purpose::Marketing, Purpose::Profiling], ..Reading::default() };
        let change_of = |known: &Contact| change(LinkOnly, known, &reading, None, proof(&definition)).patch;
        let given = change_of(&known()).unwrap().consents.unwrap();
        let evidence = |consent: &Option<Consent>| consent.clone().unwrap().evidence.unwrap();
        assert_eq!(evidence(&given.marketing), format!("submission {}, text 3", Id::NIL));
        assert_eq!(evidence(&given.profiling), format!("submission {}", Id::NIL));
        assert!(change_of(&Contact { consents: JsonOf(given.clone()), ..known() }).is_none());
        let refused = Consent { granted: false, ..given.marketing.clone().unwrap() };
        let consents = Consents { marketing: Some(refused), profiling: given.profiling };
        let again = change_of(&Contact { consents: JsonOf(consents), ..known() }).unwrap().consents.unwrap();
        assert!(again.marketing.unwrap().granted && again.profiling.is_none());
    }

    proptest! {
        #[test]
        fn no_policy_ever_blanks_a_value(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]),
            slot in prop::sample::select(vec!["contact.first_name", "contact.address.city", "contact.attributes.role"]),
            sent in "[a-c ]{0,3}",
        ) {
            let (patch, _) = changed(policy, &[(slot, &sent)]);
            if let Some(patch) = patch {
                let taken = match slot {
                    "contact.first_name" => patch.first_name.unwrap(),
                    "contact.address.city" => patch.address.unwrap().city,
                    _ => patch.attributes.unwrap().0.get("role").map(as_text),
                };
                prop_assert_eq!((policy, taken.as_deref()), (Overwrite, Some(sent.as_str())));
                prop_assert!(!sent.trim().is_empty());
            }
        }
    }
}

//! What a submission says of a person: a new contact, or changes to a known one by the form's update policy (MAT-8).

use super::definition::{Definition, Purpose};
use super::place;
use super::policy::{Contradiction, UpdatePolicy, Verdict};
use super::reading::Reading;
use super::slot::{Record, Slot};
use crate::contacts::{Consent, Consents, Contact, ContactPatch, NewContact};
use crate::id::Id;
use crate::text::compare_key;

/// Where the proof of a consent is.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The form that asked.
    pub definition: &'a Definition,
    /// The submission that gave it.
    pub submission: Id,
    /// When.
    pub at: crate::clock::Timestamp,
    /// How the sender confirmed their address, if they had to.
    pub confirmed: Option<&'a str>,
    /// The hash of the address it came from.
    pub address_sha256: Option<&'a str>,
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
            slot => place::put_in_address(&mut new.address, slot, value),
        }
    }
    new
}

/// What a submission changes of a known contact.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The changes; one that names nothing when the contact stays as it is.
    pub patch: ContactPatch,
    /// The values that contradict what is known.
    pub contradictions: Vec<Contradiction>,
}

/// What `reading` changes of `known`. Consents are given whatever the policy, and never withdrawn.
pub fn change(
    policy: UpdatePolicy,
    known: &Contact,
    reading: &Reading,
    account: Option<Id>,
    proof: Proof<'_>,
) -> Change {
    let mut change = Change::default();
    for (slot, sent) in reading.mapped.iter().filter(|(slot, _)| slot.record() == Record::Contact) {
        match verdict(policy, slot, known, reading, sent) {
            Verdict::Leave => {}
            Verdict::Conflict => change.contradictions.push(contradiction(slot, known, reading, sent)),
            Verdict::Take => place::put_in_contact(&mut change.patch, known, slot, sent),
        }
    }
    if let Some(account) = account {
        match policy.weigh_company(known.account_id, account) {
            Verdict::Leave => {}
            Verdict::Conflict => {
                let name = reading.value(&Slot::Company);
                change.contradictions.push(Contradiction::company(known.account_id, account, name));
            }
            Verdict::Take => change.patch.account_id = Some(Some(account)),
        }
    }
    change.patch.consents = given(reading, &known.consents.0, proof);
    change
}

impl Change {
    /// Whether it gives the contact another e-mail address.
    pub fn moves_email(&self) -> bool {
        self.patch.email.is_some()
    }

    /// Leaves the e-mail address as it is, and keeps the one that was sent as a contradiction.
    pub fn leave_email(&mut self, known: &Contact, reading: &Reading) {
        if let Some(sent) = self.patch.email.take().flatten() {
            self.contradictions.push(contradiction(&Slot::Email, known, reading, &sent));
        }
    }
}

fn verdict(policy: UpdatePolicy, slot: &Slot, known: &Contact, reading: &Reading, sent: &str) -> Verdict {
    match slot {
        Slot::ContactAttribute(name) => policy.weigh_attribute(known.attributes.0.0.get(name), sent),
        slot => match identity(slot, reading) {
            // Spellings of one address or number are no contradiction.
            Some(sent) => policy.weigh(place::compared_of_contact(slot, known).as_deref(), sent),
            None => policy.weigh(place::of_contact(slot, known).as_deref(), sent),
        },
    }
}

/// An identity that was sent, in the form that is compared.
fn identity<'r>(slot: &Slot, reading: &'r Reading) -> Option<&'r str> {
    match slot {
        Slot::Email => Some(&reading.email.as_ref()?.key),
        Slot::Phone => Some(&reading.phone.as_ref()?.e164),
        Slot::Mobile => Some(&reading.mobile.as_ref()?.e164),
        _ => None,
    }
}

fn contradiction(slot: &Slot, known: &Contact, reading: &Reading, sent: &str) -> Contradiction {
    let compared = identity(slot, reading).map_or_else(|| compare_key(sent), str::to_owned);
    Contradiction { slot: slot.clone(), sent: sent.to_owned(), compared, known: place::of_contact(slot, known) }
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
    // A confirmation tells from where it was given itself.
    let whence = match (proof.confirmed, proof.address_sha256) {
        (Some(how), _) => format!(", {how}"),
        (None, Some(hash)) => format!(", address sha256:{hash}"),
        (None, None) => String::new(),
    };
    let evidence = format!("submission {}{text}{whence}", proof.submission);
    Consent { granted: true, at: proof.at, how: Some("form".to_owned()), evidence: Some(evidence) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::UpdatePolicy::{FillBlanks, LinkOnly, Overwrite};
    use super::*;
    use crate::attributes::as_text;
    use crate::clock::Timestamp;
    use crate::contacts::{Address, identity};
    use crate::db::types::JsonOf;

    const AT: Timestamp = Timestamp::from_day(20_000);

    fn definition() -> Definition {
        let consents = json!([{"purpose": "marketing", "text_version": "3"}, {"purpose": "profiling"}]);
        let document = json!({"name": "x", "kind": "event", "source": "web", "consents": consents});
        serde_json::from_value(document).unwrap()
    }

    fn proof(definition: &Definition) -> Proof<'_> {
        Proof { definition, submission: Id::NIL, at: AT, confirmed: None, address_sha256: None }
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
        let Change { patch, contradictions } = change(policy, &known(), &reading(values), None, proof(&definition));
        let fields = contradictions.into_iter().map(|contradiction| contradiction.slot.to_string());
        ((patch != ContactPatch::default()).then_some(patch), fields.collect())
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
    fn an_attribute_that_is_no_text_is_compared_by_what_it_says_and_stays_no_text() {
        for policy in [FillBlanks, Overwrite, LinkOnly] {
            let (patch, conflicts) = changed(policy, &[("contact.attributes.size", "50.0")]);
            assert!(patch.is_none() && conflicts.is_empty(), "{policy:?}");
        }
        assert_eq!(changed(FillBlanks, &[("contact.attributes.size", "51")]).1, ["contact.attributes.size"]);
        let patch = changed(Overwrite, &[("contact.attributes.size", "51")]).0.unwrap();
        assert_eq!(patch.attributes.unwrap().0, [("size".to_owned(), json!(51))].into());
    }

    #[test]
    fn a_company_is_taken_where_none_is_known_and_contradicts_another() {
        let (definition, account, text) = (definition(), Some(Id::new(AT)), |id: Id| id.to_string());
        let reading = reading(&[("account.name", "Contoso")]);
        let into = |policy, known: &Contact| change(policy, known, &reading, account, proof(&definition));
        assert_eq!(into(FillBlanks, &known()).patch.account_id, Some(account));
        let employed = Contact { account_id: Some(Id::NIL), ..known() };
        let contradiction = into(FillBlanks, &employed).contradictions[0].clone();
        assert_eq!((contradiction.slot, contradiction.sent.as_str()), (Slot::Company, "Contoso"));
        assert_eq!((Some(contradiction.compared), contradiction.known), (account.map(text), Some(text(Id::NIL))));
        assert_eq!(into(Overwrite, &employed).patch.account_id, Some(account));
        assert_eq!(into(LinkOnly, &known()).patch, ContactPatch::default());
    }

    #[test]
    fn what_is_known_in_another_spelling_is_no_contradiction() {
        let values =
            [("contact.first_name", "  ANN"), ("contact.address.city", "tartu "), ("contact.email", "ANN@x.ee.")];
        let (patch, conflicts) = changed(FillBlanks, &values);
        assert!(patch.is_none() && conflicts.is_empty(), "{conflicts:?}");
    }

    #[test]
    fn an_address_that_is_to_stay_contradicts_by_its_normal_form() {
        let (definition, reading) = (definition(), reading(&[("contact.email", "Eve@X.ee")]));
        let mut change = change(Overwrite, &known(), &reading, None, proof(&definition));
        assert!(change.moves_email());
        change.leave_email(&known(), &reading);
        assert!(!change.moves_email());
        let Contradiction { sent, compared, known, .. } = change.contradictions.remove(0);
        assert_eq!((sent.as_str(), compared.as_str(), known.as_deref()), ("Eve@X.ee", "eve@x.ee", Some("Ann@x.ee")));
    }

    #[test]
    fn a_consent_given_keeps_its_first_proof() {
        let definition = definition();
        let reading = Reading { granted: vec![Purpose::Marketing, Purpose::Profiling], ..Reading::default() };
        let change_of = |known: &Contact| change(LinkOnly, known, &reading, None, proof(&definition)).patch;
        let given = change_of(&known()).consents.unwrap();
        let evidence = |consent: &Option<Consent>| consent.clone().unwrap().evidence.unwrap();
        assert_eq!(evidence(&given.marketing), format!("submission {}, text 3", Id::NIL));
        assert_eq!(evidence(&given.profiling), format!("submission {}", Id::NIL));
        let same = change_of(&Contact { consents: JsonOf(given.clone()), ..known() });
        assert_eq!(same, ContactPatch::default());
        let refused = Consent { granted: false, ..given.marketing.clone().unwrap() };
        let consents = Consents { marketing: Some(refused), profiling: given.profiling };
        let again = change_of(&Contact { consents: JsonOf(consents), ..known() }).consents.unwrap();
        assert!(again.marketing.unwrap().granted && again.profiling.is_none());
    }

    /// Slots of every sort.
    const SLOTS: [&str; 11] = [
        "contact.first_name",
        "contact.last_name",
        "contact.job_title",
        "contact.decision_role",
        "contact.language",
        "contact.address.line1",
        "contact.address.city",
        "contact.address.country",
        "contact.attributes.size",
        "contact.attributes.role",
        "contact.attributes.new",
    ];

    /// Some of them with a value, which may be blank.
    fn sent() -> impl Strategy<Value = Vec<(&'static str, String)>> {
        prop::collection::btree_map(prop::sample::select(SLOTS.to_vec()), "[a-c ]{0,3}", 0..6)
            .prop_map(|sent| sent.into_iter().collect())
    }

    /// The contact after `patch`, slot by slot.
    fn after(known: &Contact, patch: &ContactPatch, slot: &Slot) -> Option<String> {
        let taken = |new: &Option<Option<String>>, old: Option<String>| new.clone().unwrap_or(old);
        let old = place::of_contact(slot, known);
        match slot {
            Slot::FirstName => taken(&patch.first_name, old),
            Slot::LastName => taken(&patch.last_name, old),
            Slot::JobTitle => taken(&patch.job_title, old),
            Slot::DecisionRole => taken(&patch.decision_role, old),
            Slot::Language => taken(&patch.language, old),
            Slot::ContactAttribute(name) => {
                let new = patch.attributes.as_ref().and_then(|attributes| attributes.0.get(name));
                new.map(as_text).or(old)
            }
            slot => {
                let address = patch.address.clone().unwrap_or_else(|| known.address.0.clone());
                place::of_contact(slot, &Contact { address: JsonOf(address), ..known.clone() })
            }
        }
    }

    proptest! {
        #[test]
        fn no_policy_ever_blanks_a_value_or_touches_one_that_was_not_sent(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]), sent in sent(),
        ) {
            let values: Vec<(&str, &str)> = sent.iter().map(|(slot, value)| (*slot, value.as_str())).collect();
            let (known, patch) = (known(), changed(policy, &values).0.unwrap_or_default());
            for name in SLOTS {
                let slot = Slot::parse(name).unwrap();
                let (before, after) = (place::of_contact(&slot, &known), after(&known, &patch, &slot));
                let sent = values.iter().find(|(slot, _)| *slot == name).map(|(_, value)| *value);
                if before != after {
                    prop_assert!(sent.is_some_and(|sent| !sent.trim().is_empty() && after.as_deref() == Some(sent)));
                    prop_assert!(policy == Overwrite || (policy == FillBlanks && before.is_none()));
                }
            }
        }
    }
}

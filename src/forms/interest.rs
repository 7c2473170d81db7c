//! What a submission says of an interest: a new lead, or changes to a known one by the form's update policy (MAT-8).

use std::collections::BTreeMap;

use super::definition::Definition;
use super::payload::Payload;
use super::place;
use super::policy::{Contradiction, UpdatePolicy, Verdict};
use super::reading::Reading;
use super::slot::{Record, Slot};
use crate::id::Id;
use crate::leads::{Captured, Lead, LeadPatch, Opening};
use crate::text::compare_key;

/// Whose interest it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whose {
    pub contact: Option<Id>,
    pub account: Option<Id>,
}

/// The lead that `reading` describes.
pub fn opening(form: Id, definition: &Definition, payload: &Payload, reading: &Reading, whose: Whose) -> Opening {
    let or_usual = |slot, usual: &Option<String>| reading.value(&slot).or_else(|| usual.clone());
    let mut opening = Opening {
        topic: or_usual(Slot::Topic, &definition.topic),
        contact_id: whose.contact,
        account_id: whose.account,
        captured: captured(reading),
        email_key: reading.email.as_ref().map(|email| email.key.clone()),
        phone_key: phone_key(reading),
        form_id: Some(form),
        campaign: or_usual(Slot::Campaign, &definition.campaign),
        product_line: or_usual(Slot::ProductLine, &definition.product_line),
        source: definition.source.clone(),
        source_detail: definition.source_detail.clone(),
        utm: filled(&payload.utm),
        owner_id: definition.owner_id,
        ..Opening::default()
    };
    for (slot, value) in &reading.mapped {
        if let Slot::LeadAttribute(name) = slot {
            opening.attributes.0.insert(name.clone(), value.clone().into());
        }
    }
    opening
}

/// The number that a lead is matched by: the phone, or without one the mobile phone.
pub fn phone_key(reading: &Reading) -> Option<String> {
    reading.phone.as_ref().or(reading.mobile.as_ref()).map(|phone| phone.e164.clone())
}

fn captured(reading: &Reading) -> Captured {
    Captured {
        first_name: reading.value(&Slot::FirstName),
        last_name: reading.value(&Slot::LastName),
        email: reading.value(&Slot::Email),
        phone: reading.value(&Slot::Phone).or_else(|| reading.value(&Slot::Mobile)),
        company: reading.value(&Slot::Company),
    }
}

fn filled(utm: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    utm.iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What a submission changes of a known lead.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The changes; one that names nothing when the lead stays as it is.
    pub patch: LeadPatch,
    /// The values that contradict what is known.
    pub contradictions: Vec<Contradiction>,
}

/// What `reading` changes of `known`. A lead that was nobody's becomes the contact's, whatever the policy.
pub fn change(policy: UpdatePolicy, known: &Lead, reading: &Reading, whose: Whose) -> Change {
    let mut change = Change::default();
    for (slot, sent) in reading.mapped.iter().filter(|(slot, _)| slot.record() == Record::Lead) {
        let (held, compared) = (place::of_lead(slot, known), compare_key(sent));
        let verdict = match slot {
            Slot::LeadAttribute(name) => policy.weigh_attribute(known.attributes.0.0.get(name), sent),
            _ => policy.weigh(held.as_deref(), sent),
        };
        match verdict {
            Verdict::Leave => {}
            Verdict::Conflict => change.contradictions.push(Contradiction {
                slot: slot.clone(),
                sent: sent.clone(),
                compared,
                known: held,
            }),
            Verdict::Take => place::put_in_lead(&mut change.patch, known, slot, sent),
        }
    }
    if known.contact_id.is_none() && whose.contact.is_some() {
        change.patch.contact_id = Some(whose.contact);
    }
    if let Some(account) = whose.account {
        match policy.weigh_company(known.account_id, account) {
            Verdict::Leave => {}
            Verdict::Conflict => {
                let name = reading.value(&Slot::Company);
                change.contradictions.push(Contradiction::company(known.account_id, account, name));
            }
            Verdict::Take => change.patch.account_id = Some(Some(account)),
        }
    }
    change
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::UpdatePolicy::{FillBlanks, LinkOnly, Overwrite};
    use super::*;
    use crate::clock::Timestamp;
    use crate::contacts::identity;
    use crate::db::types::{Code, JsonOf};
    use crate::leads::Status;
    use crate::workspaces::settings::ChannelClass;

    const FORM: Id = Id::from_bytes([7; 16]);

    fn definition() -> Definition {
        let document = json!({
            "name": "x", "kind": "event", "source": "web", "topic": "CRM", "campaign": "spring", "product_line": "crm",
        });
        serde_json::from_value(document).unwrap()
    }

    fn reading(values: &[(&str, &str)]) -> Reading {
        let mapped = values.iter().map(|(name, value)| (Slot::parse(name).unwrap(), (*value).to_owned()));
        let mut reading = Reading { mapped: mapped.collect(), ..Reading::default() };
        reading.email = reading.value(&Slot::Email).map(|email| identity::email(&email).unwrap());
        reading
    }

    #[test]
    fn what_a_visitor_says_of_the_interest_goes_before_what_the_form_says() {
        let payload = Payload {
            utm: [("utm_term", " "), ("utm_source", "x")].map(|(n, v)| (n.into(), v.into())).into(),
            ..Payload::default()
        };
        let values = [
            ("lead.topic", "ERP"),
            ("lead.attributes.budget", "10k"),
            ("contact.mobile", "+3725551"),
            ("account.name", "Contoso"),
        ];
        let opening = opening(FORM, &definition(), &payload, &reading(&values), Whose::default());
        assert_eq!((opening.topic.as_deref(), opening.campaign.as_deref()), (Some("ERP"), Some("spring")));
        assert_eq!(opening.attributes.0, [("budget".to_owned(), json!("10k"))].into());
        assert_eq!(opening.utm, [("utm_source".to_owned(), "x".to_owned())].into());
        assert_eq!(
            (opening.captured.phone.as_deref(), opening.captured.company.as_deref()),
            (Some("+3725551"), Some("Contoso"))
        );
    }

    /// A lead with a topic and two attributes, and nothing else that a form could fill.
    fn known() -> Lead {
        let at = Timestamp::from_day(20_000);
        Lead {
            workspace_id: Id::NIL,
            id: Id::NIL,
            topic: Some("CRM".into()),
            contact_id: None,
            account_id: None,
            captured: JsonOf::default(),
            email_key: None,
            phone_key: None,
            form_id: Some(FORM),
            campaign: None,
            product_line: None,
            source: "web".into(),
            source_detail: None,
            channel_class: Code(ChannelClass::Net),
            utm: JsonOf::default(),
            referrer_contact_id: None,
            status: Code(Status::Open),
            status_reason: None,
            process: "lead".into(),
            stage: None,
            stage_since: at,
            owner_id: None,
            flags: JsonOf::default(),
            temperature: None,
            score: 0,
            origin_key: None,
            attributes: JsonOf(serde_json::from_value(json!({"size": 50, "role": "buyer"})).unwrap()),
            search_key: "crm".into(),
            merged_into_id: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn text(slot: &Slot, known: &Lead, patch: &LeadPatch) -> Option<String> {
        let old = place::of_lead(slot, known);
        match slot {
            Slot::Topic => patch.topic.clone().unwrap_or(old),
            Slot::Campaign => patch.campaign.clone().unwrap_or(old),
            Slot::ProductLine => patch.product_line.clone().unwrap_or(old),
            Slot::LeadAttribute(name) => {
                let new = patch.attributes.as_ref().and_then(|attributes| attributes.0.get(name));
                new.map(crate::attributes::as_text).or(old)
            }
            _ => old,
        }
    }

    const SLOTS: [&str; 6] = [
        "lead.topic",
        "lead.campaign",
        "lead.product_line",
        "lead.attributes.size",
        "lead.attributes.role",
        "lead.attributes.new",
    ];

    proptest! {
        #[test]
        fn no_policy_ever_blanks_a_value_or_touches_one_that_was_not_sent(
            policy in prop::sample::select(vec![FillBlanks, Overwrite, LinkOnly]),
            sent in prop::collection::btree_map(prop::sample::select(SLOTS.to_vec()), "[a-c ]{0,3}", 0..5),
        ) {
            let values: Vec<(&str, &str)> = sent.iter().map(|(slot, value)| (*slot, value.as_str())).collect();
            let known = known();
            let patch = change(policy, &known, &reading(&values), Whose::default()).patch;
            for name in SLOTS {
                let slot = Slot::parse(name).unwrap();
                let (before, after) = (place::of_lead(&slot, &known), text(&slot, &known, &patch));
                if before != after {
                    let value = sent.get(name);
                    prop_assert!(value.is_some_and(|value| !value.trim().is_empty() && after.as_ref() == Some(value)));
                    prop_assert!(policy == Overwrite || (policy == FillBlanks && before.is_none()));
                }
            }
        }
    }

    #[test]
    fn a_lead_that_was_nobodys_becomes_the_contacts_and_its_company_follows_the_policy() {
        let (contact, account, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]), Id::from_bytes([3; 16]));
        let whose = Whose { contact: Some(contact), account: Some(account) };
        let company = reading(&[("account.name", "Contoso")]);
        for (policy, new, moved) in
            [(FillBlanks, Some(account), None), (Overwrite, Some(account), Some(account)), (LinkOnly, None, None)]
        {
            let free = change(policy, &known(), &company, whose);
            assert_eq!(free.patch.contact_id, Some(Some(contact)), "{policy:?}");
            assert_eq!(free.patch.account_id.flatten(), new, "{policy:?}");
            let taken = Lead { contact_id: Some(other), account_id: Some(other), ..known() };
            let change = change(policy, &taken, &company, whose);
            assert_eq!((change.patch.contact_id, change.patch.account_id.flatten()), (None, moved), "{policy:?}");
            let slots: Vec<Slot> = change.contradictions.into_iter().map(|contradiction| contradiction.slot).collect();
            assert_eq!(slots, if policy == FillBlanks { vec![Slot::Company] } else { vec![] });
        }
    }
}

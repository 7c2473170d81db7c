//! Two leads that are one interest: which of them survives, and what it says then (MAT-9).
//!
//! Both must be open, and of one contact, or one of nobody yet; of leads without contact, of one account or one of none.
//! The lead that has a contact survives; of two the older, then the one with the smaller id. Its values go first and its
//! blanks are filled, marks and custom attributes one by one. It stays in its own stage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Captured, Flags, Lead, Status};
use crate::attributes::Attributes;
use crate::id::Id;
use crate::merges::fields::Because;
use crate::workspaces::settings::ChannelClass;

/// The fields that a merge decides on, beside each `attributes.<name>`.
pub const FIELDS: [&str; 17] = [
    "account_id",
    "campaign",
    "captured",
    "channel_class",
    "contact_id",
    "flags.sales_accepted",
    "flags.sales_ready",
    "flags.teleprospect_accepted",
    "flags.teleprospect_ready",
    "form_id",
    "owner_id",
    "product_line",
    "referrer_contact_id",
    "source",
    "source_detail",
    "topic",
    "utm",
];

/// What a lead says of an interest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Values {
    pub topic: Option<String>,
    pub contact_id: Option<Id>,
    pub account_id: Option<Id>,
    #[serde(default)]
    pub captured: Captured,
    pub form_id: Option<Id>,
    pub campaign: Option<String>,
    pub product_line: Option<String>,
    pub source: String,
    pub source_detail: Option<String>,
    pub channel_class: ChannelClass,
    #[serde(default)]
    pub utm: BTreeMap<String, String>,
    pub referrer_contact_id: Option<Id>,
    pub owner_id: Option<Id>,
    #[serde(default)]
    pub flags: Flags,
    pub origin_key: Option<String>,
    #[serde(default)]
    pub attributes: Attributes,
}

impl From<&Lead> for Values {
    fn from(lead: &Lead) -> Self {
        Self {
            topic: lead.topic.clone(),
            contact_id: lead.contact_id,
            account_id: lead.account_id,
            captured: lead.captured.0.clone(),
            form_id: lead.form_id,
            campaign: lead.campaign.clone(),
            product_line: lead.product_line.clone(),
            source: lead.source.clone(),
            source_detail: lead.source_detail.clone(),
            channel_class: lead.channel_class.0,
            utm: lead.utm.0.clone(),
            referrer_contact_id: lead.referrer_contact_id,
            owner_id: lead.owner_id,
            flags: lead.flags.0.clone(),
            origin_key: lead.origin_key.clone(),
            attributes: lead.attributes.0.clone(),
        }
    }
}

/// Why two leads are not to be merged; `None` when they may be.
pub fn obstacle(one: &Lead, other: &Lead) -> Option<&'static str> {
    if [one, other].iter().any(|lead| lead.status.0 != Status::Open) {
        return Some("only open leads can be merged, and one of these is closed");
    }
    let differ = |one: Option<Id>, other: Option<Id>| one.zip(other).is_some_and(|(one, other)| one != other);
    if differ(one.contact_id, other.contact_id) {
        return Some("the leads belong to two contacts; merge the contacts first");
    }
    let nobodys = one.contact_id.is_none() && other.contact_id.is_none();
    (nobodys && differ(one.account_id, other.account_id)).then_some("the leads belong to two accounts")
}

/// Which of two leads survives a merge, and why.
pub fn survivor(one: &Lead, other: &Lead) -> (Id, Because) {
    let rank = |lead: &Lead| (lead.contact_id.is_none(), lead.created_at, lead.id);
    let (first, second) = if rank(one) < rank(other) { (one, other) } else { (other, one) };
    let because = if first.contact_id.is_some() != second.contact_id.is_some() {
        Because::HasContact
    } else if first.created_at != second.created_at {
        Because::Older
    } else {
        Because::SmallerId
    };
    (first.id, because)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::db::types::{Code, JsonOf};
    use crate::merges::fields::{gather, spread};

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn lead(number: u8, contact: Option<u8>, account: Option<u8>, day: i64) -> Lead {
        let at = Timestamp::from_day(day);
        Lead {
            workspace_id: Id::NIL,
            id: id(number),
            topic: Some("Fleet".into()),
            contact_id: contact.map(id),
            account_id: account.map(id),
            captured: JsonOf(Captured { email: Some("ann@x.ee".into()), ..Captured::default() }),
            email_key: Some("ann@x.ee".into()),
            form_id: None,
            campaign: None,
            product_line: None,
            source: "web".into(),
            source_detail: None,
            channel_class: Code(ChannelClass::Net),
            utm: JsonOf(BTreeMap::new()),
            referrer_contact_id: None,
            status: Code(Status::Open),
            status_reason: None,
            process: "p".into(),
            stage: None,
            stage_since: at,
            owner_id: None,
            flags: JsonOf(Flags::default()),
            temperature: None,
            score: 0,
            origin_key: Some("ann@x.ee form".into()),
            attributes: JsonOf(Attributes([("size".to_owned(), json!(5))].into())),
            search_key: String::new(),
            phone_key: None,
            merged_into_id: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn only_open_leads_of_one_person_or_of_nobody_yet_may_be_merged() {
        let may = |one: &Lead, other: &Lead| obstacle(one, other).is_none() && obstacle(other, one).is_none();
        let (anns, bobs, nobodys) = (lead(1, Some(8), None, 1), lead(2, Some(9), None, 1), lead(3, None, None, 1));
        assert!(may(&anns, &lead(4, Some(8), None, 1)) && may(&anns, &nobodys) && !may(&anns, &bobs));
        let closed = Lead { status: Code(Status::Qualified), ..lead(4, Some(8), None, 1) };
        assert!(!may(&anns, &closed));
        let (contosos, fabrikams) = (lead(5, None, Some(6), 1), lead(6, None, Some(7), 1));
        assert!(!may(&contosos, &fabrikams) && may(&contosos, &nobodys) && may(&contosos, &anns));
        assert!(may(&lead(7, Some(8), Some(6), 1), &lead(8, Some(8), Some(7), 1)));
    }

    #[test]
    fn values_come_back_whole_from_their_fields() {
        let values = Values::from(&lead(1, Some(8), None, 1));
        let fields = spread(&values).unwrap();
        assert_eq!(gather::<Values>(&fields).unwrap(), values);
        let is_known =
            |name: &String| FIELDS.contains(&name.as_str()) || name == "origin_key" || name == "attributes.size";
        assert!(fields.keys().all(is_known), "{fields:?}");
    }

    proptest! {
        #[test]
        fn the_survivor_is_the_same_whichever_lead_is_named_first(
            contacts in prop::array::uniform2(prop::option::of(Just(8_u8))), days in prop::array::uniform2(1..3_i64),
        ) {
            let (one, other) = (lead(1, contacts[0], None, days[0]), lead(2, contacts[1], None, days[1]));
            let (chosen, because) = survivor(&one, &other);
            prop_assert_eq!(survivor(&other, &one), (chosen, because));
            if because == Because::HasContact {
                prop_assert!(contacts[usize::from(chosen == id(2))].is_some());
            }
        }
    }
}

//! What was done, as scoring sees it, and which of it counts (SCO-3, SCO-7, INT-5).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::condition::{Behaviour, Property};
use crate::clock::Timestamp;
use crate::filter;
use crate::filter::Kind;
use crate::id::Id;

/// An interaction of the people whose doings score the lead: its contact, or all contacts of its account.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The interaction.
    pub id: Id,
    /// Its kind, such as `email_opened`.
    pub kind: String,
    /// When it happened. It counts from that instant on, whenever it was recorded.
    pub occurred_at: Timestamp,
    /// The lead it names.
    pub lead_id: Option<Id>,
    /// The asset it was about.
    pub asset: Option<String>,
    /// The campaign it belongs to.
    pub campaign: Option<String>,
    /// The form it came through.
    pub form_id: Option<Id>,
    /// Whatever else is known of it: a JSON object.
    pub properties: Value,
    /// Who seems to have done it.
    pub evidence: Evidence,
    /// Whether it was voided; then it is as if it had never been.
    pub voided: bool,
}

/// Who seems to have done something. Mail scanners open mails and follow links too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A person. It scores.
    Human,
    /// Possibly a machine. It scores only in models that say so.
    Suspect,
    /// A machine. It never scores.
    Machine,
}

impl Occurrence {
    /// Whether this is one of the interactions that `behaviour` asks about, for the lead `lead_id`.
    pub(super) fn matches(&self, behaviour: &Behaviour, lead_id: Id, suspects_count: bool) -> bool {
        let trusted = match self.evidence {
            Evidence::Human => true,
            Evidence::Suspect => suspects_count,
            Evidence::Machine => false,
        };
        trusted
            && !self.voided
            && self.kind == behaviour.interaction
            && (!behaviour.same_lead || self.lead_id == Some(lead_id))
            && (behaviour.asset.is_none() || self.asset == behaviour.asset)
            && (behaviour.campaign.is_none() || self.campaign == behaviour.campaign)
            && (behaviour.form.is_none() || self.form_id == behaviour.form)
            && behaviour.properties.iter().all(|property| self.has(property))
    }

    fn has(&self, property: &Property) -> bool {
        let actual = self.properties.get(&property.key);
        filter::compare(Kind::Any, actual, property.op, property.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LEAD: Id = Id::from_bytes([7; 16]);
    const FORM: Id = Id::from_bytes([9; 16]);

    fn download() -> Occurrence {
        Occurrence {
            id: Id::from_bytes([1; 16]),
            kind: "asset_downloaded".into(),
            occurred_at: Timestamp::from_day(1),
            lead_id: Some(LEAD),
            asset: Some("white-paper".into()),
            campaign: Some("spring".into()),
            form_id: Some(FORM),
            properties: json!({"pages": 12}),
            evidence: Evidence::Human,
            voided: false,
        }
    }

    fn matches(occurrence: &Occurrence, filters: Value) -> bool {
        let mut behaviour = json!({"interaction": "asset_downloaded", "frequency": "each"});
        for (member, value) in filters.as_object().unwrap() {
            behaviour[member] = value.clone();
        }
        occurrence.matches(&serde_json::from_value(behaviour).unwrap(), LEAD, false)
    }

    #[test]
    fn every_filter_given_must_pass() {
        let all = json!({"asset": "white-paper", "campaign": "spring", "form": FORM, "same_lead": true,
            "properties": [{"key": "pages", "op": "gte", "value": 10}, {"key": "title", "op": "not_set"}]});
        assert!(matches(&download(), all));
        for other in [
            json!({"interaction": "asset_viewed"}),
            json!({"asset": "White-Paper"}),
            json!({"campaign": "autumn"}),
            json!({"form": Id::NIL}),
            json!({"properties": [{"key": "pages", "op": "lt", "value": 12}, {"key": "title", "op": "not_set"}]}),
        ] {
            assert!(!matches(&download(), other.clone()), "{other}");
        }
    }

    #[test]
    fn what_names_another_lead_counts_unless_the_condition_says_same_lead() {
        for lead_id in [None, Some(Id::NIL)] {
            let elsewhere = Occurrence { lead_id, ..download() };
            assert!(matches(&elsewhere, json!({})));
            assert!(!matches(&elsewhere, json!({"same_lead": true})));
        }
    }

    #[test]
    fn machines_never_count_and_suspects_only_where_the_model_says_so() {
        let behaviour =
            serde_json::from_value(json!({"interaction": "asset_downloaded", "frequency": "each"})).unwrap();
        let counts = |evidence, suspects| Occurrence { evidence, ..download() }.matches(&behaviour, LEAD, suspects);
        assert!(counts(Evidence::Human, false));
        assert!(!counts(Evidence::Suspect, false));
        assert!(counts(Evidence::Suspect, true));
        assert!(!counts(Evidence::Machine, true));
    }

    #[test]
    fn a_voided_occurrence_counts_for_nothing() {
        assert!(!matches(&Occurrence { voided: true, ..download() }, json!({})));
    }
}

//! The decision whether an incoming contact or lead is a known one, with everything it rests on (MAT-3, MAT-4, MAT-6).
//!
//! A decision is kept for good, so it holds names of fields, verdicts and ids, and no personal values.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::strategy::{Alternative, Compare, Field, MatchField, Strategy, Target};
use crate::clock::Timestamp;
use crate::id::Id;

/// Names at least as alike as this match where a strategy compares them `fuzzy`.
const ALIKE: f64 = 0.92;

/// The normalised key of each field that has a value. An empty key counts as no value.
pub type Keys = BTreeMap<Field, String>;

/// A known record that may be the one that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The record.
    pub id: Id,
    /// The normalised keys of its fields.
    pub keys: Keys,
    /// Whether a lead is open. Does not matter for contacts.
    pub is_open: bool,
    /// Whether a lead belongs to the contact that was matched or named for the input; false for contacts.
    pub belongs_to_matched_contact: bool,
    /// When the record was last changed.
    pub updated_at: Timestamp,
}

/// Whether the input is a known record, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatchDecision)]
pub struct Decision {
    /// Key of the strategy that was used.
    pub strategy: String,
    /// Version of that strategy.
    pub version: i32,
    /// What was found.
    pub outcome: Outcome,
    /// The record that the input is taken to be; null unless matched.
    pub winner: Option<Id>,
    /// For each alternative of the strategy, in order, whether the input had what it needs.
    pub alternatives: Vec<AlternativeReading>,
    /// Every record that was compared, best first.
    pub candidates: Vec<CandidateReading>,
    /// Why the winner was preferred; null when no more than one record could win.
    pub tie_break: Option<TieBreak>,
    /// The contact that has the incoming e-mail address or external id although the strategy found nobody. No two
    /// contacts share one, so what came in is credited to that contact, whose fields stay as they are. Null otherwise.
    #[serde(default)]
    pub held_by: Option<Id>,
}

impl Decision {
    /// The record that what came in belongs to, if it is known.
    pub fn known(&self) -> Option<Id> {
        self.winner.or(self.held_by)
    }
}

/// What a matching found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchOutcome)]
pub enum Outcome {
    /// A known record.
    Matched,
    /// Records could be compared, and none is the one.
    NoMatch,
    /// The input lacks fields for every alternative, so nothing could be compared.
    Unmatchable,
}

/// Whether an alternative could be used for the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatchAlternativeReading)]
pub struct AlternativeReading {
    /// Whether the input has all of the alternative's fields.
    pub applicable: bool,
    /// The fields that the input lacks; empty when applicable.
    pub missing: Vec<Field>,
}

/// How one record compared with the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatchCandidateReading)]
pub struct CandidateReading {
    /// The record.
    pub id: Id,
    /// Whether the record could win at all.
    pub eligible: bool,
    /// Why it could not; null when it could.
    #[serde(default)]
    pub excluded: Option<Exclusion>,
    /// Index, from 0, of the first applicable alternative whose fields all agree; null when there is none.
    #[schema(minimum = 0)]
    pub satisfies: Option<usize>,
    /// A verdict for each field that the strategy compares, in its order.
    pub fields: Vec<FieldReading>,
}

/// Why a lead cannot win, whatever its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchExclusion)]
pub enum Exclusion {
    /// It is closed, and the strategy matches only open leads.
    Closed,
    /// It belongs to another contact than the input, and the strategy compares contacts. A strategy that compares none,
    /// such as one by account and product line, takes leads whoever they belong to.
    OtherContact,
}

/// How one field of a record compared with the input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatchFieldReading)]
pub struct FieldReading {
    /// The field.
    pub field: Field,
    /// How it was compared.
    pub compare: Compare,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of comparing a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchVerdict)]
pub enum Verdict {
    /// The values are equal after normalisation.
    Equal,
    /// The values are not equal, and alike enough for a `fuzzy` comparison.
    Alike,
    /// Both have a value, and they differ.
    Different,
    /// The input or the record has no value.
    Missing,
}

/// How the winner was chosen from several records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatchTieBreak)]
pub struct TieBreak {
    /// The records that could have won, best first; the winner is the first.
    #[schema(min_items = 2)]
    pub contenders: Vec<Id>,
    /// What sets the winner apart from the second.
    pub decided_by: TieRule,
}

/// A reason to prefer one record, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MatchTieRule)]
pub enum TieRule {
    /// It satisfies an earlier alternative.
    EarlierAlternative,
    /// It is a lead of the matched contact, and the other is not.
    MatchedContact,
    /// It was changed later.
    LatestUpdate,
    /// It has the smaller id.
    SmallestId,
}

/// Compares `incoming` with `candidates` under `strategy`. The order of the candidates does not matter.
pub fn decide(strategy: &Strategy, incoming: &Keys, candidates: &[Candidate]) -> Decision {
    let alternatives: Vec<_> =
        strategy.alternatives.iter().map(|alternative| applicability(alternative, incoming)).collect();
    let mut compared: Vec<_> =
        candidates.iter().map(|candidate| (candidate, compare(strategy, &alternatives, incoming, candidate))).collect();
    compared.sort_by_key(|(candidate, reading)| (!can_win(reading), rank(candidate, reading)));

    let contenders: Vec<_> = compared.iter().filter(|(_, reading)| can_win(reading)).collect();
    let winner = contenders.first().map(|(candidate, _)| candidate.id);
    let tie_break = match contenders.as_slice() {
        [first, second, ..] => Some(TieBreak {
            contenders: contenders.iter().map(|(candidate, _)| candidate.id).collect(),
            decided_by: difference(rank(first.0, &first.1), rank(second.0, &second.1)),
        }),
        _ => None,
    };
    Decision {
        strategy: strategy.key.clone(),
        version: strategy.version,
        outcome: outcome(winner, &alternatives),
        winner,
        tie_break,
        held_by: None,
        alternatives,
        candidates: compared.into_iter().map(|(_, reading)| reading).collect(),
    }
}

fn outcome(winner: Option<Id>, alternatives: &[AlternativeReading]) -> Outcome {
    match winner {
        Some(_) => Outcome::Matched,
        None if alternatives.iter().any(|alternative| alternative.applicable) => Outcome::NoMatch,
        None => Outcome::Unmatchable,
    }
}

fn applicability(alternative: &Alternative, incoming: &Keys) -> AlternativeReading {
    let missing: Vec<Field> = alternative
        .fields
        .iter()
        .map(|wanted| wanted.field)
        .filter(|&field| value(incoming, field).is_none())
        .collect();
    // An alternative that names no field would make every record match.
    AlternativeReading { applicable: missing.is_empty() && !alternative.fields.is_empty(), missing }
}

fn compare(
    strategy: &Strategy,
    alternatives: &[AlternativeReading],
    incoming: &Keys,
    candidate: &Candidate,
) -> CandidateReading {
    let verdict = |wanted: &MatchField| verdict(*wanted, incoming, &candidate.keys);
    let satisfies = strategy.alternatives.iter().zip(alternatives).position(|(alternative, reading)| {
        reading.applicable && alternative.fields.iter().all(|wanted| verdict(wanted).agrees())
    });
    let mut fields: Vec<FieldReading> = Vec::new();
    for wanted in strategy.alternatives.iter().flat_map(|alternative| &alternative.fields) {
        let reading = FieldReading { field: wanted.field, compare: wanted.compare, verdict: verdict(wanted) };
        if !fields.contains(&reading) {
            fields.push(reading);
        }
    }
    let excluded = exclusion(strategy, incoming, candidate);
    CandidateReading { id: candidate.id, eligible: excluded.is_none(), excluded, satisfies, fields }
}

fn exclusion(strategy: &Strategy, incoming: &Keys, candidate: &Candidate) -> Option<Exclusion> {
    if strategy.target == Target::Contact {
        return None;
    }
    if !candidate.is_open && !strategy.match_closed {
        return Some(Exclusion::Closed);
    }
    let is_other = match (value(incoming, Field::Contact), value(&candidate.keys, Field::Contact)) {
        (Some(one), Some(other)) => one != other && strategy.compares(Field::Contact),
        _ => false,
    };
    is_other.then_some(Exclusion::OtherContact)
}

fn verdict(wanted: MatchField, incoming: &Keys, known: &Keys) -> Verdict {
    let (Some(one), Some(other)) = (value(incoming, wanted.field), value(known, wanted.field)) else {
        return Verdict::Missing;
    };
    match wanted.compare {
        _ if one == other => Verdict::Equal,
        Compare::Fuzzy if strsim::jaro_winkler(one, other) >= ALIKE => Verdict::Alike,
        _ => Verdict::Different,
    }
}

impl Verdict {
    fn agrees(self) -> bool {
        matches!(self, Self::Equal | Self::Alike)
    }
}

/// The key of `field`, if it has a value.
pub fn value(keys: &Keys, field: Field) -> Option<&str> {
    keys.get(&field).map(String::as_str).filter(|key| !key.is_empty())
}

fn can_win(reading: &CandidateReading) -> bool {
    reading.eligible && reading.satisfies.is_some()
}

/// Which of the records that can win is preferred: the smaller, from the first part to the last.
type Rank = (usize, bool, Reverse<Timestamp>, Id);

fn rank(candidate: &Candidate, reading: &CandidateReading) -> Rank {
    let alternative = reading.satisfies.unwrap_or(usize::MAX);
    (alternative, !candidate.belongs_to_matched_contact, Reverse(candidate.updated_at), candidate.id)
}

fn difference(winner: Rank, second: Rank) -> TieRule {
    if winner.0 != second.0 {
        TieRule::EarlierAlternative
    } else if winner.1 != second.1 {
        TieRule::MatchedContact
    } else if winner.2 != second.2 {
        TieRule::LatestUpdate
    } else {
        TieRule::SmallestId
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as Draw;

    use super::*;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn keys(pairs: &[(Field, &str)]) -> Keys {
        pairs.iter().map(|&(field, key)| (field, key.to_owned())).collect()
    }

    fn lead(number: u8, pairs: &[(Field, &str)]) -> Candidate {
        let updated_at = Timestamp::from_day(20_000);
        Candidate { id: id(number), keys: keys(pairs), is_open: true, belongs_to_matched_contact: false, updated_at }
    }

    const BY_CONTACT: [(Field, &str); 2] = [(Field::Contact, "c1"), (Field::Form, "f1")];
    const BY_EMAIL: [(Field, &str); 2] = [(Field::Email, "a@x.com"), (Field::Form, "f1")];

    fn leads() -> Strategy {
        Target::Lead.default_strategy()
    }

    fn all() -> Keys {
        keys(&[(Field::Contact, "c1"), (Field::Email, "a@x.com"), (Field::Form, "f1")])
    }

    #[test]
    fn a_known_contact_is_found_by_email() {
        let known = lead(1, &[(Field::Email, "a@x.com"), (Field::Phone, "+15550109999")]);
        let decision = decide(&Target::Contact.default_strategy(), &keys(&[(Field::Email, "a@x.com")]), &[known]);
        assert_eq!((decision.outcome, decision.winner, decision.tie_break), (Outcome::Matched, Some(id(1)), None));
    }

    #[test]
    fn a_missing_field_makes_its_alternative_not_applicable() {
        let decision = decide(&leads(), &keys(&BY_EMAIL), &[lead(1, &BY_EMAIL)]);
        assert_eq!(decision.alternatives[0], AlternativeReading { applicable: false, missing: vec![Field::Contact] });
        assert_eq!((decision.winner, decision.candidates[0].satisfies), (Some(id(1)), Some(1)));
    }

    #[test]
    fn an_input_without_the_needed_fields_is_unmatchable_and_one_without_equals_is_no_match() {
        let decision = decide(&leads(), &keys(&[(Field::Email, "a@x.com"), (Field::Form, "")]), &[lead(1, &BY_EMAIL)]);
        assert_eq!((decision.outcome, decision.winner), (Outcome::Unmatchable, None));
        assert_eq!(decision.alternatives[1].missing, [Field::Form]);
        assert_eq!(decide(&leads(), &all(), &[]).outcome, Outcome::NoMatch);
    }

    #[test]
    fn names_that_are_alike_match_only_where_the_strategy_says_so() {
        let fuzzy = |compare| {
            let name = MatchField { field: Field::LastName, compare };
            let alternatives = vec![Alternative { fields: vec![MatchField::exact(Field::Phone), name] }];
            Strategy { alternatives, ..Target::Contact.default_strategy() }
        };
        let incoming = keys(&[(Field::Phone, "+3725551"), (Field::LastName, "jonathan")]);
        let verdict = |compare, name| {
            let known = lead(1, &[(Field::Phone, "+3725551"), (Field::LastName, name)]);
            let decision = decide(&fuzzy(compare), &incoming, &[known]);
            (decision.candidates[0].fields[1].verdict, decision.winner.is_some())
        };
        assert_eq!(verdict(Compare::Fuzzy, "jonathon"), (Verdict::Alike, true));
        assert_eq!(verdict(Compare::Fuzzy, "jonathan"), (Verdict::Equal, true));
        assert_eq!(verdict(Compare::Fuzzy, "jane"), (Verdict::Different, false));
        assert_eq!(verdict(Compare::Exact, "jonathon"), (Verdict::Different, false));
    }

    #[test]
    fn a_lead_of_another_contact_is_taken_only_by_a_strategy_that_compares_no_contacts() {
        let theirs = lead(1, &[(Field::Contact, "c2"), (Field::Email, "a@x.com"), (Field::Form, "f1")]);
        let decision = decide(&leads(), &all(), std::slice::from_ref(&theirs));
        assert_eq!((decision.outcome, decision.candidates[0].satisfies), (Outcome::NoMatch, Some(1)));
        assert_eq!(decision.candidates[0].excluded, Some(Exclusion::OtherContact));
        let by_email = Strategy { alternatives: leads().alternatives.split_off(1), ..leads() };
        assert_eq!(decide(&by_email, &all(), std::slice::from_ref(&theirs)).winner, Some(id(1)));
        let nobody = keys(&BY_EMAIL);
        assert_eq!(decide(&leads(), &nobody, std::slice::from_ref(&theirs)).winner, Some(id(1)));
    }

    #[test]
    fn each_field_of_each_candidate_has_a_verdict_once() {
        let decision = decide(&leads(), &all(), &[lead(1, &[(Field::Contact, "c2"), (Field::Form, "f1")])]);
        let verdicts: Vec<_> = decision.candidates[0].fields.iter().map(|f| (f.field, f.verdict)).collect();
        let expected =
            [(Field::Contact, Verdict::Different), (Field::Form, Verdict::Equal), (Field::Email, Verdict::Missing)];
        assert_eq!(verdicts, expected);
        assert_eq!(decision.outcome, Outcome::NoMatch);
    }

    #[test]
    fn an_earlier_alternative_beats_everything_else() {
        let newer = Candidate {
            updated_at: Timestamp::from_day(20_001),
            belongs_to_matched_contact: true,
            ..lead(1, &BY_EMAIL)
        };
        let decision = decide(&leads(), &all(), &[newer, lead(2, &BY_CONTACT)]);
        let expected = TieBreak { contenders: vec![id(2), id(1)], decided_by: TieRule::EarlierAlternative };
        assert_eq!((decision.winner, decision.tie_break), (Some(id(2)), Some(expected)));
    }

    #[test]
    fn ties_go_to_the_matched_contact_then_the_latest_update_then_the_smallest_id() {
        let old = lead(3, &BY_EMAIL);
        let theirs = Candidate { belongs_to_matched_contact: true, ..lead(4, &BY_EMAIL) };
        let newer = Candidate { updated_at: Timestamp::from_day(20_001), ..lead(5, &BY_EMAIL) };
        let winner = |candidates: &[&Candidate]| {
            let candidates: Vec<_> = candidates.iter().map(|&candidate| candidate.clone()).collect();
            let decision = decide(&leads(), &all(), &candidates);
            (decision.winner, decision.tie_break.map(|tie| tie.decided_by))
        };
        assert_eq!(winner(&[&old, &newer, &theirs]), (Some(id(4)), Some(TieRule::MatchedContact)));
        assert_eq!(winner(&[&old, &newer]), (Some(id(5)), Some(TieRule::LatestUpdate)));
        assert_eq!(winner(&[&lead(9, &BY_EMAIL), &old]), (Some(id(3)), Some(TieRule::SmallestId)));
    }

    #[test]
    fn closed_leads_match_only_when_the_strategy_says_so() {
        let closed = Candidate { is_open: false, ..lead(1, &BY_CONTACT) };
        let refused = decide(&leads(), &all(), std::slice::from_ref(&closed));
        assert_eq!((refused.outcome, refused.candidates[0].eligible), (Outcome::NoMatch, false));
        assert_eq!(refused.candidates[0].satisfies, Some(0));
        let taken = decide(&Strategy { match_closed: true, ..leads() }, &all(), std::slice::from_ref(&closed));
        assert_eq!(taken.winner, Some(id(1)));
        let contact = Candidate { is_open: false, ..lead(1, &BY_EMAIL) };
        assert_eq!(decide(&Target::Contact.default_strategy(), &all(), &[contact]).winner, Some(id(1)));
    }

    #[test]
    fn a_decision_survives_json_and_holds_no_personal_values() {
        let decision = decide(&leads(), &all(), &[lead(1, &BY_EMAIL), lead(2, &BY_CONTACT)]);
        let json = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);
        assert!(!json.contains("a@x.com"));
    }

    fn any_keys() -> impl Draw<Value = Keys> {
        let fields = [Field::Contact, Field::Email, Field::Form, Field::Topic];
        prop::collection::btree_map(prop::sample::select(fields.to_vec()), "[ab]?", 0..=4)
    }

    fn any_candidates() -> impl Draw<Value = Vec<Candidate>> {
        let one = (any_keys(), any::<bool>(), any::<bool>(), 0..3_i64);
        prop::collection::vec(one, 0..8).prop_map(|drawn| {
            let numbered = drawn.into_iter().zip(1_u8..);
            numbered
                .map(|((keys, is_open, belongs_to_matched_contact, day), number)| {
                    let updated_at = Timestamp::from_day(day);
                    Candidate { id: id(number), keys, is_open, belongs_to_matched_contact, updated_at }
                })
                .collect()
        })
    }

    fn any_strategy() -> impl Draw<Value = Strategy> {
        let field = prop::sample::select(vec![Field::Contact, Field::Email, Field::Form, Field::Topic]);
        let fields = prop::collection::vec(field.prop_map(MatchField::exact), 0..4);
        let alternatives = prop::collection::vec(fields.prop_map(|fields| Alternative { fields }), 0..4);
        (alternatives, any::<bool>()).prop_map(|(alternatives, match_closed)| Strategy {
            alternatives,
            match_closed,
            ..leads()
        })
    }

    proptest! {
        #[test]
        fn the_order_of_the_candidates_does_not_matter(
            strategy in any_strategy(),
            incoming in any_keys(),
            (candidates, shuffled) in any_candidates().prop_flat_map(|c| (Just(c.clone()), Just(c).prop_shuffle())),
        ) {
            prop_assert_eq!(decide(&strategy, &incoming, &candidates), decide(&strategy, &incoming, &shuffled));
        }

        #[test]
        fn a_winner_satisfies_an_applicable_alternative(
            strategy in any_strategy(), incoming in any_keys(), candidates in any_candidates(),
        ) {
            let decision = decide(&strategy, &incoming, &candidates);
            prop_assert_eq!(decision.winner.is_some(), decision.outcome == Outcome::Matched);
            prop_assert_eq!(decision.candidates.len(), candidates.len());
            if let Some(winner) = decision.winner {
                let candidate = candidates.iter().find(|c| c.id == winner).unwrap();
                let reading = &decision.candidates[0];
                let satisfied = reading.satisfies.unwrap();
                prop_assert_eq!(reading.id, winner);
                prop_assert!(decision.alternatives[satisfied].applicable);
                prop_assert!(candidate.is_open || strategy.match_closed);
                for wanted in &strategy.alternatives[satisfied].fields {
                    prop_assert_eq!(candidate.keys.get(&wanted.field), incoming.get(&wanted.field));
                }
            }
        }
    }
}

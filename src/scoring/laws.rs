//! What holds for every model and every history (SCO-8, SCO-9).

use std::collections::{BTreeMap, HashSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::told::Told;
use super::*;
use crate::clock::Timestamp;
use crate::filter::Records;
use crate::id::Id;

const LEAD: Id = Id::from_bytes([1; 16]);
const QUARTERS: std::ops::Range<i64> = -80..320;

/// Windows are whole days and everything happens at a quarter of a day, so nothing changes but at quarters.
fn quarter(quarter: i64) -> Timestamp {
    Timestamp::from_micros(quarter * 21_600_000_000)
}

/// Few enough that things happen at the same instant, and close to each other.
fn few_instants() -> impl Strategy<Value = Timestamp> {
    (-8_i64..32, 0_i64..2).prop_map(|(step, off)| quarter(step * 6 + off))
}

fn kind() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["call", "meeting", "message"]).prop_map(str::to_owned)
}

fn frequency() -> impl Strategy<Value = Frequency> {
    prop_oneof![Just(Frequency::None), (1_u32..4).prop_map(Frequency::AtLeast)]
}

fn other_behaviour() -> impl Strategy<Value = Condition> {
    (kind(), frequency(), option::of(1_u32..30), any::<bool>()).prop_map(
        |(interaction, frequency, within_days, same_lead)| {
            serde_json::from_value(
                json!({"interaction": interaction, "frequency": frequency, "within_days": within_days,
            "same_lead": same_lead}),
            )
            .unwrap()
        },
    )
}

fn each_behaviour() -> impl Strategy<Value = Condition> {
    let decay = (1_u32..=100, 1_u32..20)
        .prop_map(|(percent, every_days)| json!({"percent": percent, "every_days": every_days}));
    (kind(), option::of(1_u32..30), option::of(1_u32..4), option::of(decay)).prop_map(
        |(interaction, within_days, max_times, decay)| {
            serde_json::from_value(json!({"interaction": interaction, "frequency": "each", "within_days": within_days,
            "max_times": max_times, "decay": decay}))
            .unwrap()
        },
    )
}

fn attribute() -> impl Strategy<Value = Condition> {
    any::<bool>().prop_map(|vip| {
        serde_json::from_value(json!({"field": "contact.attributes.vip", "op": "eq", "value": vip})).unwrap()
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let when = (vec(other_behaviour(), 0..3), option::of(each_behaviour()), option::weighted(0.3, attribute()))
        .prop_map(|(others, each, attribute)| others.into_iter().chain(each).chain(attribute).collect());
    (-30_i64..50, any::<bool>(), when).prop_map(|(points, grouped, when)| Rule {
        key: String::new(),
        name: None,
        group: grouped.then(|| "group".to_owned()),
        points: Some(points),
        readiness_percent: None,
        from_asset: false,
        when,
    })
}

pub(super) fn definition() -> impl Strategy<Value = Definition> {
    let bounds = (option::of(-30_i64..0), option::of(0_i64..60), -50_i64..20, option::of(20_i64..90), 0_i64..3);
    (vec(rule(), 1..5), bounds, any::<bool>()).prop_map(
        |(mut rules, (min, max, floor, ceiling, residual), suspects)| {
            for (index, rule) in rules.iter_mut().enumerate() {
                rule.key = format!("rule_{index}");
            }
            let shell = json!({"name": "M", "target": "contact", "rules": [],
            "groups": [{"name": "group", "min": min, "max": max}], "floor": floor,
            "ceiling": ceiling, "residual": residual, "suspect_evidence": suspects});
            Definition { rules, ..serde_json::from_value(shell).unwrap() }
        },
    )
}

fn occurrence() -> impl Strategy<Value = Occurrence> {
    let evidence = prop_oneof![4 => Just(Evidence::Human), 1 => Just(Evidence::Suspect), 1 => Just(Evidence::Machine)];
    (any::<[u8; 16]>(), kind(), few_instants(), option::of(Just(LEAD)), evidence, prop::bool::weighted(0.2)).prop_map(
        |(id, kind, occurred_at, lead_id, evidence, voided)| Occurrence {
            id: Id::from_bytes(id),
            kind,
            occurred_at,
            lead_id,
            asset: None,
            campaign: None,
            form_id: None,
            properties: json!({}),
            evidence,
            voided,
        },
    )
}

pub(super) fn history() -> impl Strategy<Value = Vec<Occurrence>> {
    vec(occurrence(), 0..12)
}

pub(super) fn instant() -> impl Strategy<Value = Timestamp> {
    QUARTERS.prop_map(quarter)
}

pub(super) fn facts(vip: bool) -> Facts {
    let contact = json!({"attributes": {"vip": vip}});
    Facts {
        lead_id: LEAD,
        lead_created_at: quarter(5),
        records: Records { lead: json!({}), contact: Some(contact), account: None },
    }
}

fn by_rule(shares: &[Share]) -> BTreeMap<String, i64> {
    shares.iter().map(|share| (share.rule.clone(), share.points)).collect()
}

fn summed<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(row.rule.clone()).or_insert(0) += row.points;
    }
    sums.retain(|_, points| *points != 0);
    sums
}

/// The rows of a lead that is brought up to date at every one of `stops`, all of its history known from the start.
fn retold(definition: &Definition, facts: &Facts, history: &[Occurrence], stops: &[Timestamp]) -> Vec<Row> {
    let mut told = Told::new(Model::compile(definition).unwrap());
    told.hears(facts, quarter(QUARTERS.start - 1), history);
    for stop in stops {
        told.hears(facts, *stop, &[]);
    }
    told.rows
}

proptest! {
    #[test]
    fn scores_are_what_a_plain_reading_of_the_rules_gives(
        definition in definition(), history in history(), vip: bool, at in instant(),
    ) {
        let model = Model::compile(&definition).unwrap();
        let card = evaluate(&model, &facts(vip), &history, at);
        prop_assert_eq!(by_rule(&card.shares), reference::shares(&definition, &facts(vip), &history, at));
    }

    #[test]
    fn shares_add_up_to_the_score(definition in definition(), history in history(), at in instant()) {
        let card = evaluate(&Model::compile(&definition).unwrap(), &facts(true), &history, at);
        prop_assert_eq!(card.shares.iter().map(|share| share.points).sum::<i64>(), card.score);
        prop_assert_eq!(by_rule(&card.shares).len(), card.shares.len());
    }

    #[test]
    fn the_order_in_which_evidence_is_given_does_not_matter(
        definition in definition(),
        (history, shuffled) in history().prop_flat_map(|history| (Just(history.clone()), Just(history).prop_shuffle())),
        at in instant(),
    ) {
        let model = Model::compile(&definition).unwrap();
        prop_assert_eq!(evaluate(&model, &facts(true), &history, at), evaluate(&model, &facts(true), &shuffled, at));
        prop_assert_eq!(forecast(&model, &facts(true), &history, at), forecast(&model, &facts(true), &shuffled, at));
    }

    #[test]
    fn what_is_voided_or_done_by_machines_is_as_if_it_had_never_been(
        definition in definition(), history in history(), at in instant(),
    ) {
        let model = Model::compile(&definition).unwrap();
        let counting: Vec<_> =
            history.iter().filter(|it| !it.voided && it.evidence != Evidence::Machine).cloned().collect();
        let facts = facts(true);
        prop_assert_eq!(evaluate(&model, &facts, &history, at), evaluate(&model, &facts, &counting, at));
        prop_assert_eq!(next_change(&model, &facts, &history, at), next_change(&model, &facts, &counting, at));
    }

    #[test]
    fn until_the_next_change_nothing_changes(definition in definition(), history in history(), from in -90_i64..340) {
        let model = Model::compile(&definition).unwrap();
        let card = evaluate(&model, &facts(true), &history, quarter(from));
        let next = next_change(&model, &facts(true), &history, quarter(from));
        for later in (from + 1..from + 300).map(quarter).take_while(|later| next.is_none_or(|next| *later < next)) {
            prop_assert_eq!(&evaluate(&model, &facts(true), &history, later), &card, "at {}", later);
        }
        if let Some(next) = next {
            let just_before = Timestamp::from_micros(next.micros() - 1);
            prop_assert_eq!(evaluate(&model, &facts(true), &history, just_before), card);
        }
    }

    #[test]
    fn a_forecast_names_every_later_score(definition in definition(), history in history(), from in -90_i64..340) {
        let model = Model::compile(&definition).unwrap();
        let coming = forecast(&model, &facts(true), &history, quarter(from));
        let now = evaluate(&model, &facts(true), &history, quarter(from));
        for later in (from..from + 300).map(quarter) {
            let card = evaluate(&model, &facts(true), &history, later);
            let latest = coming.iter().rfind(|change| change.at <= later);
            let foretold = latest.map_or((now.score, &now.grade), |change| (change.score, &change.grade));
            prop_assert_eq!(foretold, (card.score, &card.grade), "at {}", later);
        }
    }

    #[test]
    fn the_ledger_is_the_same_however_often_it_is_brought_up_to_date(
        definition in definition(), history in history(), mut stops in vec(instant(), 0..6),
    ) {
        let model = Model::compile(&definition).unwrap();
        let end = quarter(QUARTERS.end);
        stops.sort();
        stops.push(end);
        let rows = retold(&definition, &facts(true), &history, &stops);
        prop_assert_eq!(&rows, &retold(&definition, &facts(true), &history, &[end]));
        prop_assert!(rows.is_sorted_by_key(|row| row.at));
        for at in QUARTERS.map(quarter) {
            let card = evaluate(&model, &facts(true), &history, at);
            prop_assert_eq!(summed(rows.iter().filter(|row| row.at <= at)), by_rule(&card.shares), "at {}", at);
        }
    }

    #[test]
    fn step_by_step_is_as_from_scratch_whenever_things_become_known(
        definition in definition(),
        history in vec((occurrence(), 0_usize..12, option::weighted(0.15, 0_usize..12)), 0..14),
        mut steps in vec((instant(), any::<bool>(), prop::bool::weighted(0.1)), 1..12),
        is_clock_steady: bool,
    ) {
        let model = Model::compile(&definition).unwrap();
        if is_clock_steady {
            steps.sort_by_key(|(at, ..)| *at);
        }
        let mut told = Told::new(model.clone());
        for (place, (now, vip, is_merge)) in steps.iter().enumerate() {
            let arriving = history.iter().filter(|(_, known, _)| *known == place);
            let arrivals: Vec<_> = arriving.map(|(it, ..)| Occurrence { voided: false, ..it.clone() }).collect();
            let known: HashSet<Id> = told.known.iter().map(|it| it.id).collect();
            let voiding = history.iter().filter(|(it, _, void)| *void == Some(place) && known.contains(&it.id));
            let voided: HashSet<Id> = voiding.map(|(it, ..)| it.id).collect();
            // Voids and recordings are never of one transaction.
            let arrivals = if voided.is_empty() { arrivals } else { Vec::new() };
            let facts = facts(*vip);
            let before = told.stored.as_ref().map(|stored| stored.evaluated_at);
            let walk = if *is_merge {
                // What counted every other time goes, and what was to come is there at once.
                let known = told.known.iter().step_by(2).cloned().chain(arrivals).collect();
                told.becomes(&facts, *now, known)
            } else {
                told.step(&facts, *now, &arrivals, &voided)
            };
            prop_assert!(walk.rows.iter().all(|row| before.is_none_or(|before| before <= row.at) && row.at <= walk.at));
            let scratch = evaluate(&model, &facts, &told.known, walk.at);
            prop_assert_eq!(&walk.card.parts, &scratch.parts());
            prop_assert_eq!((walk.card.score, &walk.card.grade), (scratch.score, &scratch.grade));
            prop_assert_eq!(walk.due, next_change(&model, &facts, &told.known, walk.at));
            prop_assert_eq!(summed(told.rows.iter()), by_rule(&scratch.shares));
        }
    }

    #[test]
    fn no_time_is_too_extreme(definition in definition(), micros in vec(any::<i64>(), 0..4), created: i64, at: i64) {
        let model = Model::compile(&definition).unwrap();
        let facts = Facts { lead_created_at: Timestamp::from_micros(created), ..facts(true) };
        let history: Vec<_> = micros
            .into_iter()
            .zip(0_u8..)
            .map(|(micros, n)| Occurrence {
                id: Id::from_bytes([n; 16]),
                kind: "call".to_owned(),
                occurred_at: Timestamp::from_micros(micros),
                lead_id: None,
                asset: None,
                campaign: None,
                form_id: None,
                properties: json!(null),
                evidence: Evidence::Human,
                voided: false,
            })
            .collect();
        let mut told = Told::new(model.clone());
        told.hears(&facts, Timestamp::from_micros(created), &history);
        let walk = told.hears(&facts, Timestamp::from_micros(at), &[]);
        prop_assert_eq!(&walk.card.parts, &evaluate(&model, &facts, &history, walk.at).parts());
        forecast(&model, &facts, &history, walk.at);
    }

    #[test]
    fn a_score_without_its_shares_is_the_score(definition in definition(), history in history(), vip: bool, at in instant()) {
        let model = Model::compile(&definition).unwrap();
        prop_assert_eq!(score(&model, &facts(vip), &history, at), evaluate(&model, &facts(vip), &history, at).score);
    }

    #[test]
    fn a_course_has_the_highest_score_of_all_its_instants(
        definition in definition(), history in history(), ready in 1_i64..60, from in QUARTERS, length in 0_i64..300,
    ) {
        let definition = Definition { sales_ready_score: ready, ..definition };
        let model = Model::compile(&definition).unwrap();
        let scores: Vec<(Timestamp, i64)> = (from..from + length)
            .map(quarter)
            .map(|at| (at, evaluate(&model, &facts(true), &history, at).score))
            .collect();
        let expected = scores.iter().map(|(_, score)| *score).max().map(|highest| {
            let first = |reached: &dyn Fn(i64) -> bool| scores.iter().find(|it| reached(it.1)).map(|it| it.0);
            let highest_at = first(&|score| score == highest).unwrap();
            Course { highest, highest_at, ready_at: first(&|score| score >= ready) }
        });
        prop_assert_eq!(course(&model, &facts(true), &history, quarter(from), quarter(from + length)), expected);
    }
}

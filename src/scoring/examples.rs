//! The worked numbers of the design (one model, one lead, ten weeks), and corners that chance seldom finds.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::told::Told;
use super::*;
use crate::clock::Timestamp;
use crate::filter::Records;
use crate::id::Id;

const LEAD: Id = Id::from_bytes([1; 16]);

fn day(day: i64) -> Timestamp {
    Timestamp::from_day(day)
}

fn newcomers() -> Value {
    json!({
        "name": "Newcomers", "target": "contact", "sales_ready_score": 100,
        "rules": [
            {"key": "white_paper", "readiness_percent": 30,
             "when": [{"interaction": "asset_downloaded", "frequency": {"at_least": 1}}]},
            {"key": "opens", "points": 5,
             "when": [{"interaction": "email_opened", "frequency": "each", "max_times": 3, "within_days": 30}]},
            {"key": "webinar", "points": 40,
             "when": [{"interaction": "event_attended", "frequency": "each",
                       "decay": {"percent": 50, "every_days": 30}}]},
            {"key": "decider", "points": 20,
             "when": [{"field": "contact.decision_role", "op": "eq", "value": "decision_maker"}]},
            {"key": "silent", "points": -15,
             "when": [{"interaction": "page_visited", "frequency": "none", "within_days": 60}]}
        ],
        "groups": [], "floor": 0, "residual": 1,
        "grades": [{"name": "cold", "to": 25}, {"name": "warm", "from": 26, "to": 60}, {"name": "hot", "from": 61}]
    })
}

fn model(document: Value) -> Model {
    Model::compile(&serde_json::from_value(document).unwrap()).unwrap()
}

fn facts(contact: Value) -> Facts {
    let records = Records { lead: json!({"topic": "CRM"}), contact: Some(contact), account: None };
    Facts { lead_id: LEAD, lead_created_at: day(1), records }
}

fn decider() -> Facts {
    facts(json!({"decision_role": "decision_maker"}))
}

fn done(kind: &str, on: i64) -> Occurrence {
    let mut id = [0; 16];
    id[15] = on as u8;
    Occurrence {
        id: Id::from_bytes(id),
        kind: kind.to_owned(),
        occurred_at: day(on),
        lead_id: None,
        asset: None,
        campaign: None,
        form_id: None,
        properties: json!({}),
        evidence: Evidence::Human,
        voided: false,
    }
}

fn history() -> Vec<Occurrence> {
    let opens = [2, 3, 4, 5].map(|on| done("email_opened", on));
    [vec![done("asset_downloaded", 1)], opens.into(), vec![done("event_attended", 10)]].concat()
}

fn points(card: &Scorecard, rule: &str) -> i64 {
    card.shares.iter().find(|share| share.rule == rule).map_or(0, |share| share.points)
}

fn ids(days: &[i64]) -> Vec<Id> {
    days.iter().map(|on| done("", *on).id).collect()
}

#[test]
fn every_day_of_the_example_comes_out() {
    let model = model(newcomers());
    let rules = ["white_paper", "opens", "webinar", "decider", "silent"];
    for (on, shares, score, grade) in [
        (1, [30, 0, 0, 20, 0], 50, "warm"),
        (5, [30, 15, 0, 20, 0], 65, "hot"),
        (10, [30, 15, 40, 20, 0], 105, "hot"),
        (33, [30, 10, 40, 20, 0], 100, "hot"),
        (34, [30, 5, 40, 20, 0], 95, "hot"),
        (35, [30, 0, 40, 20, 0], 90, "hot"),
        (40, [30, 0, 20, 20, 0], 70, "hot"),
        (61, [30, 0, 20, 20, -15], 55, "warm"),
        (70, [30, 0, 0, 20, -15], 35, "warm"),
    ] {
        let card = evaluate(&model, &decider(), &history(), day(on));
        assert_eq!(rules.map(|rule| points(&card, rule)), shares, "day {on}");
        assert_eq!((card.score, card.grade.as_str()), (score, grade), "day {on}");
    }
}

#[test]
fn a_window_closes_at_the_first_instant_of_the_day_not_before() {
    let model = model(newcomers());
    let just_before = Timestamp::from_micros(day(33).micros() - 1);
    assert_eq!(evaluate(&model, &decider(), &history(), just_before).score, 105);
    assert_eq!(evaluate(&model, &decider(), &history(), day(33)).score, 100);
}

#[test]
fn shares_tell_which_interactions_they_rest_on() {
    let card = evaluate(&model(newcomers()), &decider(), &history(), day(10));
    let because = |rule: &str| card.shares.iter().find(|share| share.rule == rule).unwrap().because.clone();
    assert_eq!(because("opens"), ids(&[3, 4, 5]));
    assert_eq!(because("white_paper"), ids(&[1]));
    assert_eq!(because("decider"), []);
}

#[test]
fn the_forecast_made_on_day_10_lists_what_is_to_come() {
    let coming = forecast(&model(newcomers()), &decider(), &history(), day(10));
    let read: Vec<_> = coming.iter().map(|change| (change.at, change.score, change.grade.as_str())).collect();
    assert_eq!(
        read,
        [(33, 100, "hot"), (34, 95, "hot"), (35, 90, "hot"), (40, 70, "hot"), (61, 55, "warm"), (70, 35, "warm")]
            .map(|(on, score, grade)| (day(on), score, grade))
    );
}

/// A lead whose every interaction is told of on the day it happens.
fn told_live(model: &Model) -> Told {
    let mut told = Told::new(model.clone());
    told.hears(&decider(), day(1), &[]);
    for it in history() {
        told.hears(&decider(), it.occurred_at, &[it]);
    }
    told
}

/// The same, looked at again on day 40.
fn live_ledger(model: &Model) -> (Vec<Row>, Scorecard) {
    let mut told = told_live(model);
    told.hears(&decider(), day(40), &[]);
    (told.rows, evaluate(model, &decider(), &history(), day(40)))
}

#[test]
fn the_ledger_on_day_40_tells_every_change_when_it_happened() {
    let (rows, card) = live_ledger(&model(newcomers()));
    let told = |rule: &str| {
        let rows = rows.iter().filter(|row| row.rule == rule);
        rows.map(|row| (row.at, row.points, row.cause)).collect::<Vec<_>>()
    };
    let (interaction, expiry, decay) = (Cause::Interaction, Cause::WindowExpiry, Cause::Decay);
    assert_eq!(
        told("opens"),
        [
            (2, 5, interaction),
            (3, 5, interaction),
            (4, 5, interaction),
            (33, -5, expiry),
            (34, -5, expiry),
            (35, -5, expiry)
        ]
        .map(|(on, points, cause)| (day(on), points, cause))
    );
    assert_eq!(told("webinar"), [(day(10), 40, interaction), (day(40), -20, decay)]);
    assert_eq!(rows.iter().map(|row| row.points).sum::<i64>(), 70);
    assert_eq!(card.score, 70);
}

#[test]
fn rows_name_the_interactions_that_began_faded_or_ceased_to_count() {
    let (rows, _) = live_ledger(&model(newcomers()));
    let named = |on: i64| rows.iter().find(|row| row.at == day(on)).and_then(|row| row.interaction);
    let id = |on: i64| Some(done("", on).id);
    assert_eq!([named(2), named(33), named(40)], [id(2), id(3), id(10)]);
    assert_eq!(rows[0].rule, "decider");
    assert_eq!(rows[0].interaction, None);
}

#[test]
fn a_stored_score_knows_when_it_is_next_due() {
    let model = model(newcomers());
    let due = |on: i64| next_change(&model, &decider(), &history(), day(on));
    assert_eq!([10, 33, 34, 35, 40, 61, 70].map(due), [33, 34, 35, 40, 61, 70, 0].map(|on| (on > 0).then(|| day(on))));
}

#[test]
fn points_from_percent_follow_the_sales_ready_score() {
    for (percent, sales_ready_score, expected) in [(30.0, 100, 30), (30.0, 150, 45), (12.5, 60, 8), (-12.5, 60, -8)] {
        let document = json!({"name": "M", "target": "contact", "sales_ready_score": sales_ready_score, "floor": -100,
            "residual": 0, "rules": [{"key": "a", "readiness_percent": percent,
                "when": [{"field": "lead.topic", "op": "is_set"}]}]});
        assert_eq!(
            evaluate(&model(document), &decider(), &[], day(1)).score,
            expected,
            "{percent} % of {sales_ready_score}"
        );
    }
}

#[test]
fn a_group_gives_no_more_than_its_cap_and_the_ledger_shows_both() {
    let mut document = newcomers();
    document["groups"] = json!([{"name": "mail", "max": 10}]);
    document["rules"][1]["group"] = json!("mail");
    let card = evaluate(&model(document), &decider(), &history(), day(5));
    assert_eq!((card.score, points(&card, "opens"), points(&card, "@cap:mail")), (60, 15, -5));
}

#[test]
fn a_lead_that_once_earned_points_keeps_the_residual() {
    let model = model(newcomers());
    let (nobody, webinar) = (facts(json!({})), [done("event_attended", 10)]);
    let score = |on: i64| evaluate(&model, &nobody, &webinar, day(on)).score;
    assert_eq!([9, 10, 40, 61, 69, 70, 3000].map(score), [0, 40, 20, 5, 5, 1, 1]);
    let card = evaluate(&model, &nobody, &webinar, day(70));
    assert_eq!((points(&card, "@floor"), points(&card, "@residual")), (15, 1));
}

#[test]
fn a_lead_that_never_did_anything_shows_nothing() {
    let card = evaluate(&model(newcomers()), &facts(json!({})), &[], day(3000));
    assert_eq!((card.score, points(&card, "silent"), points(&card, "@floor")), (0, -15, 15));
}

fn one_rule(points: i64, when: Value) -> Model {
    let rules = json!([{"key": "rule", "points": points, "when": when}]);
    model(json!({"name": "M", "target": "contact", "rules": rules}))
}

#[test]
fn silence_is_met_once_every_window_has_closed_and_is_remembered() {
    let model = one_rule(10, json!([{"interaction": "page_visited", "frequency": "none", "within_days": 10}]));
    let visits = [5, 12, 23].map(|on| done("page_visited", on));
    let score = |on: i64| evaluate(&model, &decider(), &visits, day(on)).score;
    assert_eq!([11, 15, 21, 22, 23, 33].map(score), [0, 0, 0, 10, 1, 10]);
}

#[test]
fn of_what_happened_at_one_instant_the_greater_id_is_the_later() {
    let model = one_rule(10, json!([{"interaction": "call", "frequency": "each", "max_times": 2}]));
    let calls = [9, 7, 8].map(|id| Occurrence { occurred_at: day(2), ..done("call", id) });
    assert_eq!(evaluate(&model, &decider(), &calls, day(2)).shares[0].because, ids(&[8, 9]));
}

#[test]
fn an_interaction_that_meets_two_conditions_is_named_once() {
    let model = one_rule(
        10,
        json!([{"interaction": "call", "frequency": "each"}, {"interaction": "call", "frequency": {"at_least": 2}}]),
    );
    let calls = [2, 3, 4].map(|on| done("call", on));
    let card = evaluate(&model, &decider(), &calls, day(4));
    assert_eq!((card.score, card.shares[0].because.clone()), (30, ids(&[2, 3, 4])));
}

#[test]
fn late_interactions_take_effect_when_they_become_known() {
    let mut told = told_live(&model(newcomers()));
    told.hears(&decider(), day(36), &[]);
    let walk = told.hears(&decider(), day(38), &[done("event_attended", 20)]);
    let interaction = Some(done("", 20).id);
    let row = Row { at: day(38), rule: "webinar".into(), cause: Cause::Interaction, points: 40, interaction };
    assert_eq!((walk.rows, walk.card.score, walk.due), (vec![row], 130, Some(day(40))));
}

#[test]
fn news_other_than_interactions_is_told_by_its_own_cause() {
    let mut told = told_live(&model(newcomers()));
    told.hears(&decider(), day(36), &[]);
    let voided = HashSet::from([done("", 10).id]);
    let rows = told.step(&decider(), day(37), &[], &voided).rows;
    let row = Row {
        at: day(37),
        rule: "webinar".into(),
        cause: Cause::Void,
        points: -40,
        interaction: Some(done("", 10).id),
    };
    assert_eq!(rows, [row]);
    let rows = told.hears(&facts(json!({})), day(38), &[]).rows;
    assert_eq!(rows.iter().map(|row| (row.rule.as_str(), row.points)).collect::<Vec<_>>(), [("decider", -20)]);
}

#[test]
fn a_model_covers_the_leads_of_its_target_and_audience() {
    let mut document = newcomers();
    document["audience"] = json!([{"field": "lead.product_line", "op": "eq", "value": "crm"}]);
    let model_for = |target: &str| {
        document["target"] = json!(target);
        model(document.clone())
    };
    let [for_contacts, for_accounts] = ["contact", "account"].map(model_for);
    let lead = |line: &str, contact: bool, account: bool| Records {
        lead: json!({"product_line": line}),
        contact: contact.then(|| json!({})),
        account: account.then(|| json!({})),
    };
    for (records, by_contacts, by_accounts) in [
        (lead("crm", true, false), true, false),
        (lead("crm", true, true), true, false),
        (lead("crm", false, true), false, true),
        (lead("crm", false, false), false, false),
        (lead("erp", true, false), false, false),
    ] {
        assert_eq!((for_contacts.covers(&records), for_accounts.covers(&records)), (by_contacts, by_accounts));
    }
}

#[test]
fn a_model_tells_what_it_looks_at() {
    let model = model(newcomers());
    assert!(model.looks_at("email_opened") && !model.looks_at("email_clicked"));
    assert!(model.reads("contact.decision_role") && !model.reads("contact.language") && !model.reads("nonsense"));
}

#[test]
fn years_of_catching_up_are_told_in_bounded_steps_and_end_exactly() {
    let model = model(json!({"name": "M", "target": "contact", "rules": [{"key": "calls", "points": 1_000_000,
        "when": [{"interaction": "call", "frequency": "each", "decay": {"percent": 0.01, "every_days": 1}}]}]}));
    let calls: Vec<_> =
        (1..=5).map(|on| Occurrence { occurred_at: day(on).plus_seconds(on), ..done("call", on) }).collect();
    let mut told = Told::new(model.clone());
    let before = told.hears(&decider(), day(6), &calls).card;
    let walk = told.hears(&decider(), day(4000), &[]);
    assert_eq!(walk.rows.len(), 1001);
    assert_eq!(walk.card.parts, evaluate(&model, &decider(), &calls, day(4000)).parts());
    assert_eq!(before.score + walk.rows.iter().map(|row| row.points).sum::<i64>(), walk.card.score);
    assert_eq!(forecast(&model, &decider(), &calls, day(6)).len(), 1000);
}

//! Whom a rule gives a lead to, and why not the others (ASG-2, ASG-3).
//!
//! Nobody gets a lead who is disabled, away, or holds as many open leads as they may; that holds for every mode.
//! `least_loaded` and `specialist` compare the number of open leads held, not its share of the capacity: a seller
//! without a limit can be compared with one who has one. What is equal then is decided by whose last lead from the rule
//! is longest ago, and then by the smaller id, so that a choice can be repeated.
//!
//! `round_robin` gives to whoever has waited longest: with the same people there throughout, nobody is ever two leads
//! ahead. Somebody who comes back gets the next lead, and not all that they missed. `weighted` is smooth weighted round
//! robin: everybody who can take the lead is credited with their weight, whoever has most gets it and pays what all were
//! credited with, so that a full cycle gives each exactly their weight.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::Id;

/// How a rule chooses among its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentMode)]
pub enum Mode {
    /// The contact's owner, or else the account's.
    KeepOwner,
    /// One user.
    User,
    /// One after the other.
    RoundRobin,
    /// Whoever holds the fewest open leads.
    LeastLoaded,
    /// By turns, in the shares that the weights give.
    Weighted,
    /// The best-ranked who has room: the smallest rank.
    BestRank,
    /// Whoever sells the lead's product line; of several, whoever holds the fewest open leads.
    Specialist,
}

/// Somebody who may get a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: Id,
    pub disabled: bool,
    pub away_until: Option<Timestamp>,
    /// Open leads that they hold.
    pub open: i64,
    /// Open leads that they may hold; none is no limit.
    pub capacity: Option<i64>,
    pub rank: Option<i64>,
    pub product_lines: Vec<String>,
    /// Their share in `weighted`, at least 1.
    pub weight: i64,
}

/// Where a rule stands in giving out leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Round {
    /// Leads given out so far.
    given: i64,
    turns: BTreeMap<Id, Turn>,
}

/// What a round knows of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Turn {
    /// The number of the last lead they were given; 0 for none.
    last: i64,
    /// What `weighted` owes them.
    credit: i64,
}

/// Why somebody did not get a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentRefusal)]
pub enum Refusal {
    /// They are locked out.
    Disabled,
    /// They are away.
    Away,
    /// They hold as many open leads as they may.
    Full,
    /// They do not sell the lead's product line.
    OtherProductLine,
    /// They could, and somebody else came first.
    PassedOver,
}

/// Somebody who did not get the lead, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub id: Id,
    pub refusal: Refusal,
    /// The same for people.
    pub detail: String,
}

/// What came of choosing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub chosen: Option<Id>,
    /// Everybody else, in the order in which they were given.
    pub others: Vec<Passed>,
    /// Where the rule stands afterwards.
    pub round: Round,
    /// When the first of those who are only away comes back.
    pub back_at: Option<Timestamp>,
}

/// What about the lead matters for a choice.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    pub product_line: Option<&'a str>,
    pub at: Timestamp,
}

/// Chooses among `candidates`; for `keep_owner` and `user` the first who can comes first.
pub fn choose(mode: Mode, occasion: Occasion<'_>, candidates: &[Candidate], round: &Round) -> Choice {
    let mut round = round.clone();
    let able: Vec<&Candidate> = candidates.iter().filter(|one| hindrance(mode, occasion, one).is_none()).collect();
    if mode == Mode::Weighted {
        able.iter().for_each(|one| round.credit(one.id, one.weight));
    }
    let chosen = able.iter().enumerate().min_by_key(|(place, one)| preference(mode, *place, one, &round));
    let chosen = chosen.map(|(_, one)| *one);
    if let Some(chosen) = chosen {
        round.serve(chosen.id);
        if mode == Mode::Weighted {
            round.credit(chosen.id, -able.iter().map(|one| one.weight).sum::<i64>());
        }
    }
    let others = candidates.iter().filter(|one| chosen.is_none_or(|chosen| chosen.id != one.id));
    let passed = |one: &Candidate| {
        let hindered = hindrance(mode, occasion, one);
        let (refusal, detail) = hindered.unwrap_or_else(|| (Refusal::PassedOver, outrun(mode, one)));
        Passed { id: one.id, refusal, detail }
    };
    let others: Vec<Passed> = others.map(passed).collect();
    let back_at = candidates.iter().filter(|one| is_only_away(mode, occasion, one)).filter_map(|one| one.away_until);
    Choice { chosen: chosen.map(|one| one.id), others, round, back_at: back_at.min() }
}

/// The order of those who can take the lead; the smallest gets it.
type Preference = (i64, i64, i64, Id);

fn preference(mode: Mode, place: usize, one: &Candidate, round: &Round) -> Preference {
    let turn = round.turns.get(&one.id).copied().unwrap_or_default();
    match mode {
        Mode::KeepOwner | Mode::User => (i64::try_from(place).unwrap_or(i64::MAX), 0, 0, one.id),
        Mode::RoundRobin => (turn.last, 0, 0, one.id),
        Mode::LeastLoaded | Mode::Specialist => (one.open, turn.last, 0, one.id),
        Mode::Weighted => (turn.credit.saturating_neg(), 0, 0, one.id),
        Mode::BestRank => (one.rank.unwrap_or(i64::MAX), one.open, turn.last, one.id),
    }
}

/// Why somebody cannot take the lead, if so.
fn hindrance(mode: Mode, occasion: Occasion<'_>, one: &Candidate) -> Option<(Refusal, String)> {
    let away = one.away_until.filter(|until| *until > occasion.at);
    let full = one.capacity.filter(|capacity| one.open >= *capacity);
    let sells = |line: &str| one.product_lines.iter().any(|own| own == line);
    if one.disabled {
        Some((Refusal::Disabled, "is locked out".to_owned()))
    } else if mode == Mode::Specialist && !occasion.product_line.is_some_and(sells) {
        let line = occasion.product_line.map_or_else(|| "it names none".to_owned(), |line| format!("`{line}`"));
        Some((Refusal::OtherProductLine, format!("does not sell the lead's product line: {line}")))
    } else if let Some(until) = away {
        Some((Refusal::Away, format!("is away until {until}")))
    } else {
        full.map(|capacity| (Refusal::Full, format!("holds {} open leads and may hold {capacity}", one.open)))
    }
}

/// Whether only an absence that ends keeps somebody from taking the lead.
fn is_only_away(mode: Mode, occasion: Occasion<'_>, one: &Candidate) -> bool {
    let back = Candidate { away_until: None, ..one.clone() };
    hindrance(mode, occasion, one).is_some() && hindrance(mode, occasion, &back).is_none()
}

/// What somebody who could have taken the lead is told.
fn outrun(mode: Mode, one: &Candidate) -> String {
    match mode {
        Mode::KeepOwner | Mode::User => "comes after the one who got it".to_owned(),
        Mode::RoundRobin => "had a lead later than the one who got it, or none either".to_owned(),
        Mode::Weighted => format!("has a share of {}, and it was another's turn", one.weight),
        Mode::LeastLoaded | Mode::Specialist => {
            format!("holds {} open leads, no fewer than the one who got it", one.open)
        }
        Mode::BestRank => match one.rank {
            Some(rank) => format!("has rank {rank}, no better than the one who got it"),
            None => "has no rank".to_owned(),
        },
    }
}

impl Round {
    fn credit(&mut self, id: Id, points: i64) {
        let turn = self.turns.entry(id).or_default();
        turn.credit = turn.credit.saturating_add(points);
    }

    fn serve(&mut self, id: Id) {
        self.given = self.given.saturating_add(1);
        self.turns.entry(id).or_default().last = self.given;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 20_000;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn seller(number: u8) -> Candidate {
        Candidate {
            id: id(number),
            disabled: false,
            away_until: None,
            open: 0,
            capacity: None,
            rank: None,
            product_lines: Vec::new(),
            weight: 1,
        }
    }

    fn occasion(product_line: Option<&str>) -> Occasion<'_> {
        Occasion { product_line, at: Timestamp::from_day(NOW) }
    }

    fn chosen(mode: Mode, candidates: &[Candidate]) -> Option<Id> {
        choose(mode, occasion(Some("crm")), candidates, &Round::default()).chosen
    }

    #[test]
    fn each_mode_prefers_its_own() {
        let sellers = [
            Candidate { open: 3, rank: Some(2), product_lines: vec!["crm".into()], ..seller(1) },
            Candidate { open: 1, rank: None, ..seller(2) },
            Candidate { open: 2, rank: Some(1), product_lines: vec!["crm".into(), "erp".into()], ..seller(3) },
        ];
        for (mode, expected) in [
            (Mode::KeepOwner, 1),
            (Mode::User, 1),
            (Mode::RoundRobin, 1),
            (Mode::LeastLoaded, 2),
            (Mode::Weighted, 1),
            (Mode::BestRank, 3),
            (Mode::Specialist, 3),
        ] {
            assert_eq!(chosen(mode, &sellers), Some(id(expected)), "{mode:?}");
        }
        assert_eq!(choose(Mode::Specialist, occasion(None), &sellers, &Round::default()).chosen, None);
    }

    #[test]
    fn whoever_is_passed_by_hears_why() {
        let (past, future) = (Timestamp::from_day(NOW - 1), Timestamp::from_day(NOW + 3));
        let sellers = [
            Candidate { disabled: true, ..seller(1) },
            Candidate { away_until: Some(future), ..seller(2) },
            Candidate { open: 5, capacity: Some(5), ..seller(3) },
            Candidate { away_until: Some(past), rank: Some(7), ..seller(4) },
            seller(5),
        ];
        let choice = choose(Mode::BestRank, occasion(None), &sellers, &Round::default());
        assert_eq!(choice.chosen, Some(id(4)));
        let told: Vec<Refusal> = choice.others.iter().map(|passed| passed.refusal).collect();
        assert_eq!(told, [Refusal::Disabled, Refusal::Away, Refusal::Full, Refusal::PassedOver]);
        assert_eq!(choice.back_at, Some(future));
        let nobody = choose(Mode::RoundRobin, occasion(None), &sellers[..3], &Round::default());
        assert_eq!((nobody.chosen, nobody.back_at, nobody.round), (None, Some(future), Round::default()));
    }

    #[test]
    fn who_comes_back_gets_the_next_lead_and_not_what_they_missed() {
        let mut sellers = vec![seller(1), Candidate { disabled: true, ..seller(2) }];
        let mut round = Round::default();
        for _ in 0..5 {
            round = choose(Mode::RoundRobin, occasion(None), &sellers, &round).round;
        }
        sellers[1].disabled = false;
        let mut given = Vec::new();
        for _ in 0..4 {
            let choice = choose(Mode::RoundRobin, occasion(None), &sellers, &round);
            (round, given) = (choice.round, [given, choice.chosen.into_iter().collect()].concat());
        }
        assert_eq!(given, [id(2), id(1), id(2), id(1)]);
    }

    fn mode() -> impl Strategy<Value = Mode> {
        prop::sample::select(vec![
            Mode::KeepOwner,
            Mode::User,
            Mode::RoundRobin,
            Mode::LeastLoaded,
            Mode::Weighted,
            Mode::BestRank,
            Mode::Specialist,
        ])
    }

    fn somebody() -> impl Strategy<Value = Candidate> {
        let limits = (prop::option::of(0..6_i64), prop::option::of(1..4_i64), 1..5_i64);
        let away = prop::option::of(NOW - 2..NOW + 3);
        (any::<bool>(), away, 0..6_i64, limits, any::<bool>()).prop_map(|(disabled, away, open, limits, sells)| {
            Candidate {
                disabled,
                away_until: away.map(Timestamp::from_day),
                open,
                capacity: limits.0,
                rank: limits.1,
                weight: limits.2,
                product_lines: if sells { vec!["crm".to_owned()] } else { Vec::new() },
                ..seller(0)
            }
        })
    }

    fn people() -> impl Strategy<Value = Vec<Candidate>> {
        prop::collection::vec(somebody(), 0..6).prop_map(|people| {
            let numbered = people.into_iter().zip(1..).map(|(one, number)| Candidate { id: id(number), ..one });
            numbered.collect()
        })
    }

    /// Gives out `leads` one after the other; how many each got.
    fn given_out(mode: Mode, people: &mut [Candidate], leads: usize) -> BTreeMap<Id, i64> {
        let (mut round, mut given) = (Round::default(), BTreeMap::new());
        for _ in 0..leads {
            let choice = choose(mode, occasion(Some("crm")), people, &round);
            let Some(chosen) = choice.chosen else { break };
            round = choice.round;
            *given.entry(chosen).or_insert(0) += 1;
            people.iter_mut().filter(|one| one.id == chosen).for_each(|one| one.open += 1);
        }
        given
    }

    proptest! {
        #[test]
        fn nobody_gets_a_lead_who_is_full_away_or_disabled(mode in mode(), mut people in people(), leads in 0..40_usize) {
            let before = people.clone();
            let given = given_out(mode, &mut people, leads);
            for one in &before {
                let got = given.get(&one.id).copied().unwrap_or(0);
                let able = !one.disabled && one.away_until.is_none_or(|until| until <= Timestamp::from_day(NOW));
                prop_assert!(got == 0 || able);
                prop_assert!(got == 0 || one.capacity.is_none_or(|capacity| one.open + got <= capacity));
            }
        }

        #[test]
        fn a_lead_is_left_over_only_when_nobody_can_take_it(mode in mode(), people in people()) {
            let choice = choose(mode, occasion(Some("crm")), &people, &Round::default());
            let able = people.iter().filter(|one| hindrance(mode, occasion(Some("crm")), one).is_none()).count();
            prop_assert_eq!(choice.chosen.is_some(), able > 0);
            prop_assert_eq!(choice.others.len(), people.len() - usize::from(choice.chosen.is_some()));
            let passed_over = choice.others.iter().filter(|one| one.refusal == Refusal::PassedOver).count();
            prop_assert_eq!(passed_over, able.saturating_sub(1));
        }

        #[test]
        fn a_round_is_fair(count in 1..7_u8, leads in 0..60_usize) {
            let mut people: Vec<Candidate> = (1..=count).map(seller).collect();
            let given = given_out(Mode::RoundRobin, &mut people, leads);
            let counts: Vec<i64> = people.iter().map(|one| given.get(&one.id).copied().unwrap_or(0)).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }

        #[test]
        fn a_full_cycle_gives_everybody_their_share(weights in prop::collection::vec(1..6_i64, 1..6), cycles in 1..4_i64) {
            let people = weights.iter().zip(1..).map(|(weight, number)| Candidate { weight: *weight, ..seller(number) });
            let mut people: Vec<Candidate> = people.collect();
            let leads = usize::try_from(weights.iter().sum::<i64>() * cycles).unwrap();
            let given = given_out(Mode::Weighted, &mut people, leads);
            for one in &people {
                prop_assert_eq!(given.get(&one.id).copied(), Some(one.weight * cycles));
            }
        }

        #[test]
        fn the_order_of_the_people_does_not_matter_unless_the_mode_says_so(people in people()) {
            let reversed: Vec<Candidate> = people.iter().rev().cloned().collect();
            for mode in [Mode::RoundRobin, Mode::LeastLoaded, Mode::Weighted, Mode::BestRank, Mode::Specialist] {
                prop_assert_eq!(chosen(mode, &people), chosen(mode, &reversed));
            }
        }
    }
}

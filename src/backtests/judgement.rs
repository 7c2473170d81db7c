//! How well scores foretold what became of leads (SCO-15): whole numbers and fractions, exact, and nothing where
//! nothing can be said.
//!
//! Leads are told one by one; what is kept of them is counted by score, by grade, by day and by days of lead time, so
//! that it grows with how different leads are and not with how many they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::leads::Outcome;

/// What a model made of one lead, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    pub outcome: Outcome,
    /// When that was; none while it is open.
    pub decided_at: Option<Timestamp>,
    /// The highest score and its grade; none when the model does not score the lead, which then ranks below all others.
    pub highest: Option<(i64, &'a str)>,
    /// When it would first have been sales ready.
    pub ready_at: Option<Timestamp>,
}

/// A fraction: exact, and as a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// The upper number.
    #[schema(example = 3)]
    pub numerator: i64,
    /// The lower number; above 0.
    #[schema(example = 4)]
    pub denominator: i64,
    /// One divided by the other.
    #[schema(example = 0.75)]
    pub value: f64,
}

/// How well a version of a model foretold what became of leads. Leads that are still open are counted and not judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestNumbers)]
pub struct Numbers {
    /// Leads that would have become sales ready and were won.
    #[schema(example = 3)]
    pub ready_won: i64,
    /// Leads that would have become sales ready and were lost.
    #[schema(example = 1)]
    pub ready_lost: i64,
    /// Leads that would not have become sales ready and were won.
    #[schema(example = 1)]
    pub unready_won: i64,
    /// Leads that would not have become sales ready and were lost.
    #[schema(example = 5)]
    pub unready_lost: i64,
    /// Leads that would have become sales ready and are open.
    #[schema(example = 2)]
    pub ready_open: i64,
    /// Leads that would not have become sales ready and are open.
    #[schema(example = 8)]
    pub unready_open: i64,
    /// Of the leads that would have become sales ready, the share that was won; null when there are none.
    pub precision: Option<Ratio>,
    /// Of the leads that were won, the share that would have become sales ready; null when there are none.
    pub recall: Option<Ratio>,
    /// The harmonic mean of precision and recall; null when nothing was won and nothing would have become sales ready.
    pub f1: Option<Ratio>,
    /// The area under the curve: how probable it is that a lead that was won had a higher highest score than one that was
    /// lost, an equal one counted as half. Null unless there are both.
    pub auc: Option<Ratio>,
    /// The grades of the highest scores, lowest first. Leads that the version does not score have none.
    #[schema(max_items = 20)]
    pub grades: Vec<GradeNumbers>,
    /// When leads would have been handed to sales.
    pub hand_offs: HandOffs,
    /// Whole days from the moment a lead would have become sales ready to the moment it was won; null when there is no
    /// such lead.
    pub lead_time_days: Option<Spread>,
}

/// The leads whose highest score was in one grade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestGrade)]
pub struct GradeNumbers {
    /// The grade.
    #[schema(example = "hot")]
    pub grade: String,
    /// Leads that were won.
    #[schema(example = 3)]
    pub won: i64,
    /// Leads that were lost.
    #[schema(example = 1)]
    pub lost: i64,
    /// Leads that are open.
    #[schema(example = 4)]
    pub open: i64,
    /// The share that was won in the grade, divided by the share that was won of all; null when nothing was won or the
    /// grade has no judged lead.
    pub lift: Option<Ratio>,
}

/// When leads would have been handed to sales: on the day, in UTC, on which each first became sales ready. Those that
/// were so at the beginning of their replay count on that day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestHandOffs)]
pub struct HandOffs {
    /// All of them.
    #[schema(example = 6)]
    pub total: i64,
    /// Days that the backtest touches.
    #[schema(example = 31)]
    pub days: i64,
    /// So many a day on average.
    pub mean_per_day: Option<Ratio>,
    /// The most on one day.
    #[schema(example = 2)]
    pub max_per_day: i64,
    /// The days that have any, in their order.
    #[schema(max_items = 3_661)]
    pub daily: Vec<DayHandOffs>,
}

/// A day and its hand-offs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestDay)]
pub struct DayHandOffs {
    /// The beginning of the day, in UTC.
    pub day: Timestamp,
    /// Leads that would have become sales ready on it.
    #[schema(example = 2)]
    pub hand_offs: i64,
}

/// How whole numbers are spread: each of the three is one of them, the least that so many of all do not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestSpread)]
pub struct Spread {
    /// How many numbers there are.
    #[schema(example = 3)]
    pub count: i64,
    /// A quarter of them.
    #[schema(example = 4)]
    pub lower_quartile: i64,
    /// Half of them.
    #[schema(example = 9)]
    pub median: i64,
    /// Three quarters of them.
    #[schema(example = 20)]
    pub upper_quartile: i64,
}

/// Won, lost and open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    won: i64,
    lost: i64,
    open: i64,
}

/// All that is kept of the leads that were told.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    ready: Counts,
    unready: Counts,
    by_score: BTreeMap<Option<i64>, Counts>,
    by_grade: BTreeMap<String, Counts>,
    by_day: BTreeMap<i64, i64>,
    by_lead_time: BTreeMap<i64, i64>,
}

impl Ratio {
    /// `numerator / denominator`, unless that says nothing.
    pub fn of(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator > 0).then(|| Self { numerator, denominator, value: numerator as f64 / denominator as f64 })
    }
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Won => self.won += 1,
            Outcome::Lost => self.lost += 1,
            Outcome::Open => self.open += 1,
        }
    }
}

impl Tally {
    /// Takes one more lead in.
    pub fn add(&mut self, lead: &Judged<'_>) {
        let side = if lead.ready_at.is_some() { &mut self.ready } else { &mut self.unready };
        side.add(lead.outcome);
        self.by_score.entry(lead.highest.map(|(score, _)| score)).or_default().add(lead.outcome);
        if let Some((_, grade)) = lead.highest {
            match self.by_grade.get_mut(grade) {
                Some(counts) => counts.add(lead.outcome),
                None => self.by_grade.entry(grade.to_owned()).or_default().add(lead.outcome),
            }
        }
        if let Some(ready_at) = lead.ready_at {
            *self.by_day.entry(day(ready_at)).or_default() += 1;
        }
        if let (Some(ready_at), Some(decided_at), Outcome::Won) = (lead.ready_at, lead.decided_at, lead.outcome) {
            *self.by_lead_time.entry(decided_at.whole_days_since(ready_at)).or_default() += 1;
        }
    }

    /// What the leads told so far say, for a model with these grades and a time from `from` up to `until`.
    pub fn numbers<'g>(&self, grades: impl Iterator<Item = &'g str>, from: Timestamp, until: Timestamp) -> Numbers {
        let (ready, unready) = (self.ready, self.unready);
        Numbers {
            ready_won: ready.won,
            ready_lost: ready.lost,
            unready_won: unready.won,
            unready_lost: unready.lost,
            ready_open: ready.open,
            unready_open: unready.open,
            precision: Ratio::of(ready.won, ready.won + ready.lost),
            recall: Ratio::of(ready.won, ready.won + unready.won),
            f1: Ratio::of(2 * ready.won, 2 * ready.won + ready.lost + unready.won),
            auc: self.auc(),
            grades: grades.map(|grade| self.grade(grade)).collect(),
            hand_offs: self.hand_offs(from, until),
            lead_time_days: self.lead_time(),
        }
    }

    fn judged(&self) -> (i64, i64) {
        (self.ready.won + self.unready.won, self.ready.lost + self.unready.lost)
    }

    /// Twice the pairs of a won and a lost lead in which the won one is above, and those in which they are equal, by
    /// twice all pairs.
    fn auc(&self) -> Option<Ratio> {
        let (mut below, mut twice) = (0_i64, 0_i64);
        for counts in self.by_score.values() {
            let above = below.saturating_mul(2).saturating_add(counts.lost);
            twice = twice.saturating_add(counts.won.saturating_mul(above));
            below += counts.lost;
        }
        let (won, lost) = self.judged();
        Ratio::of(twice, won.saturating_mul(lost).saturating_mul(2))
    }

    fn grade(&self, grade: &str) -> GradeNumbers {
        let Counts { won, lost, open } = self.by_grade.get(grade).copied().unwrap_or_default();
        let (all_won, all_lost) = self.judged();
        let lift = Ratio::of(won.saturating_mul(all_won + all_lost), (won + lost).saturating_mul(all_won));
        GradeNumbers { grade: grade.to_owned(), won, lost, open, lift }
    }

    fn hand_offs(&self, from: Timestamp, until: Timestamp) -> HandOffs {
        let total = self.by_day.values().sum();
        let last = Timestamp::from_micros(until.micros().saturating_sub(1));
        let days = (day(last) - day(from) + 1).max(0);
        let daily =
            |(day, hand_offs): (&i64, &i64)| DayHandOffs { day: Timestamp::from_day(*day), hand_offs: *hand_offs };
        HandOffs {
            total,
            days,
            mean_per_day: Ratio::of(total, days),
            max_per_day: self.by_day.values().copied().max().unwrap_or(0),
            daily: self.by_day.iter().map(daily).collect(),
        }
    }

    fn lead_time(&self) -> Option<Spread> {
        let count: i64 = self.by_lead_time.values().sum();
        let at = |quarters: i64| {
            let rank = (count * quarters + 3) / 4;
            let mut seen = 0;
            let mut reached = self.by_lead_time.iter().skip_while(|(_, times)| {
                seen += **times;
                seen < rank
            });
            reached.next().map_or(0, |(days, _)| *days)
        };
        (count > 0).then(|| Spread { count, lower_quartile: at(1), median: at(2), upper_quartile: at(3) })
    }
}

fn day(at: Timestamp) -> i64 {
    at.whole_days_since(Timestamp::from_day(0))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    const GRADES: [&str; 3] = ["cold", "warm", "hot"];

    /// Outcome, score, the hour of readiness, and hours from then to the outcome.
    type Told = (Outcome, Option<i64>, Option<i64>, i64);

    fn told() -> impl Strategy<Value = Vec<Told>> {
        let outcome = prop::sample::select(vec![Outcome::Won, Outcome::Lost, Outcome::Open]);
        vec((outcome, option::weighted(0.9, -3_i64..12), option::of(0_i64..240), 0_i64..500), 0..40)
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * 3_600_000_000)
    }

    fn grade(score: i64) -> &'static str {
        GRADES[usize::from(score > 2) + usize::from(score > 7)]
    }

    fn numbers(told: &[Told]) -> Numbers {
        let mut tally = Tally::default();
        for (outcome, score, ready, later) in told {
            let decided_at = (*outcome != Outcome::Open).then(|| hour(ready.unwrap_or(0) + later));
            let highest = score.map(|score| (score, grade(score)));
            tally.add(&Judged { outcome: *outcome, decided_at, highest, ready_at: ready.map(hour) });
        }
        tally.numbers(GRADES.into_iter(), hour(0), hour(240))
    }

    fn count(told: &[Told], which: impl Fn(&Told) -> bool) -> i64 {
        told.iter().filter(|told| which(told)).count() as i64
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_in_their_right_order(told in told()) {
            let mut twice = 0;
            let mut pairs = 0;
            for won in told.iter().filter(|told| told.0 == Outcome::Won) {
                for lost in told.iter().filter(|told| told.0 == Outcome::Lost) {
                    pairs += 1;
                    twice += match (won.1, lost.1) {
                        (Some(won), Some(lost)) if won > lost => 2,
                        (Some(won), Some(lost)) if won < lost => 0,
                        (Some(_), None) => 2,
                        (None, Some(_)) => 0,
                        _ => 1,
                    };
                }
            }
            let auc = numbers(&told).auc;
            prop_assert_eq!(auc.map(|auc| (auc.numerator, auc.denominator)), (pairs > 0).then_some((twice, 2 * pairs)));
        }

        #[test]
        fn everything_counted_is_what_a_plain_count_gives(told in told()) {
            let numbers = numbers(&told);
            let of = |outcome, ready: bool| count(&told, |it| it.0 == outcome && it.2.is_some() == ready);
            prop_assert_eq!(numbers.ready_won, of(Outcome::Won, true));
            prop_assert_eq!(numbers.ready_lost, of(Outcome::Lost, true));
            prop_assert_eq!(numbers.unready_won, of(Outcome::Won, false));
            prop_assert_eq!(numbers.unready_lost, of(Outcome::Lost, false));
            prop_assert_eq!(numbers.ready_open, of(Outcome::Open, true));
            prop_assert_eq!(numbers.unready_open, of(Outcome::Open, false));
            let (won, lost) = (count(&told, |it| it.0 == Outcome::Won), count(&told, |it| it.0 == Outcome::Lost));
            let share = |part: i64, whole: i64| if whole > 0 { Some(part as f64 / whole as f64) } else { None };
            prop_assert_eq!(numbers.precision.map(|it| it.value), share(of(Outcome::Won, true), of(Outcome::Won, true) + of(Outcome::Lost, true)));
            prop_assert_eq!(numbers.recall.map(|it| it.value), share(of(Outcome::Won, true), won));
            if let (Some(precision), Some(recall), Some(f1)) = (numbers.precision, numbers.recall, numbers.f1)
                && precision.value + recall.value > 0.0
            {
                let harmonic = 2.0 * precision.value * recall.value / (precision.value + recall.value);
                prop_assert!((harmonic - f1.value).abs() < 1e-12);
            }
            for (name, shown) in GRADES.into_iter().zip(&numbers.grades) {
                let own = |outcome| count(&told, |it| it.0 == outcome && it.1.is_some_and(|score| grade(score) == name));
                prop_assert_eq!((&*shown.grade, shown.won, shown.lost, shown.open), (name, own(Outcome::Won), own(Outcome::Lost), own(Outcome::Open)));
                let lift = match (share(shown.won, shown.won + shown.lost), share(won, won + lost)) {
                    (Some(own), Some(all)) if all > 0.0 => Some(own / all),
                    _ => None,
                };
                prop_assert_eq!(shown.lift.is_some(), lift.is_some());
                if let (Some(shown), Some(lift)) = (shown.lift, lift) {
                    prop_assert!((shown.value - lift).abs() < 1e-9);
                }
            }
        }

        #[test]
        fn hand_offs_are_those_of_each_day(told in told()) {
            let hand_offs = numbers(&told).hand_offs;
            let on = |day: i64| count(&told, |it| it.2.is_some_and(|ready| ready / 24 == day));
            let daily: Vec<_> = (0..10).filter(|day| on(*day) > 0).map(|day| (Timestamp::from_day(day), on(day))).collect();
            prop_assert_eq!(hand_offs.daily.iter().map(|it| (it.day, it.hand_offs)).collect::<Vec<_>>(), daily);
            prop_assert_eq!(hand_offs.total, count(&told, |it| it.2.is_some()));
            prop_assert_eq!((hand_offs.days, hand_offs.max_per_day), (10, (0..10).map(on).max().unwrap()));
            prop_assert_eq!(hand_offs.mean_per_day.map(|it| it.value), Some(hand_offs.total as f64 / 10.0));
        }

        #[test]
        fn lead_times_are_spread_as_their_sorted_list_is(told in told()) {
            let ready_and_won = told.iter().filter(|it| it.0 == Outcome::Won && it.2.is_some());
            let mut times: Vec<i64> = ready_and_won.map(|it| it.3 / 24).collect();
            times.sort_unstable();
            let at = |part: f64| times[((times.len() as f64 * part).ceil() as usize).saturating_sub(1)];
            let expected = (!times.is_empty()).then(|| Spread {
                count: times.len() as i64, lower_quartile: at(0.25), median: at(0.5), upper_quartile: at(0.75),
            });
            prop_assert_eq!(numbers(&told).lead_time_days, expected);
        }
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        let expected = Numbers {
            grades: GRADES
                .map(|grade| GradeNumbers { grade: grade.into(), won: 0, lost: 0, open: 0, lift: None })
                .into(),
            hand_offs: HandOffs { days: 10, mean_per_day: Ratio::of(0, 10), ..HandOffs::default() },
            ..Numbers::default()
        };
        assert_eq!(numbers(&[]), expected);
    }
}

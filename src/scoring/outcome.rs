//! What a changed score means for its lead (SCO-6, SCO-12): whether a threshold was reached or left, and how warm the
//! lead is.

use super::ledger::Row;
use super::model::{Definition, Grade};
use crate::clock::Timestamp;

/// What became of a model's threshold while the score moved on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// When the score first came to the threshold from below.
    pub reached_at: Option<Timestamp>,
    /// Whether the score fell below the threshold at some moment.
    pub fell: bool,
    /// Whether the score is at the threshold or above in the end.
    pub reached: bool,
}

/// Follows a score of `before` points, which had `reached` the threshold or not, through the ledger's new rows. A
/// threshold that itself has moved is seen at `now`.
pub fn crossing(before: i64, reached: bool, rows: &[Row], threshold: i64, now: Timestamp) -> Crossing {
    let mut crossing = Crossing { reached, ..Crossing::default() };
    let mut score = before;
    for moment in rows.chunk_by(|one, next| one.at == next.at) {
        score = moment.iter().fold(score, |score, row| score.saturating_add(row.points));
        crossing.step(score >= threshold, moment.first().map_or(now, |row| row.at));
    }
    crossing.step(score >= threshold, now);
    crossing
}

impl Crossing {
    fn step(&mut self, reached: bool, at: Timestamp) {
        if reached && !self.reached {
            self.reached_at = self.reached_at.or(Some(at));
        }
        self.fell |= self.reached && !reached;
        self.reached = reached;
    }
}

/// The best of several grades, each of one model: the one whose range begins highest; of equal ones the first. A
/// model's lowest grade has no beginning and comes last.
pub fn temperature<'a>(grades: impl Iterator<Item = (&'a Definition, &'a str)>) -> Option<String> {
    let mut best: Option<&Grade> = None;
    for (definition, name) in grades {
        let grade = definition.grades.iter().find(|grade| grade.name == name);
        if let Some(grade) = grade
            && best.is_none_or(|best| grade.from > best.from)
        {
            best = Some(grade);
        }
    }
    best.map(|grade| grade.name.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Cause;
    use super::*;

    fn row(day: i64, points: i64) -> Row {
        let rule = "a".to_owned();
        Row { at: Timestamp::from_day(day), rule, cause: Cause::Interaction, points, interaction: None }
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::from_day(day)
    }

    #[test]
    fn a_threshold_is_reached_by_all_that_happens_at_one_instant_together() {
        let rows = [row(1, 120), row(1, -30), row(2, 20), row(2, -10)];
        let expected = Crossing { reached_at: Some(day(2)), fell: false, reached: true };
        assert_eq!(crossing(0, false, &rows, 100, day(3)), expected);
    }

    #[test]
    fn a_threshold_reached_and_left_again_was_reached() {
        let rows = [row(1, 100), row(2, -1)];
        assert_eq!(
            crossing(0, false, &rows, 100, day(3)),
            Crossing { reached_at: Some(day(1)), fell: true, reached: false }
        );
        assert_eq!(
            crossing(100, true, &rows[1..], 100, day(3)),
            Crossing { reached_at: None, fell: true, reached: false }
        );
    }

    #[test]
    fn a_threshold_that_moves_is_reached_or_left_at_once() {
        let reached = Crossing { reached_at: Some(day(3)), fell: false, reached: true };
        assert_eq!(crossing(95, false, &[], 90, day(3)), reached);
        assert_eq!(crossing(95, true, &[], 100, day(3)), Crossing { fell: true, ..Crossing::default() });
    }

    fn best(grades: &[(&str, i64)]) -> Option<String> {
        let model = |limit: i64| -> Definition {
            let grades = json!([{"name": "low", "to": limit - 1}, {"name": format!("from {limit}"), "from": limit}]);
            serde_json::from_value(json!({"name": "M", "target": "contact", "rules": [], "grades": grades})).unwrap()
        };
        let models: Vec<_> = grades.iter().map(|(name, limit)| (model(*limit), *name)).collect();
        temperature(models.iter().map(|(definition, name)| (definition, *name)))
    }

    #[test]
    fn the_temperature_is_the_grade_that_begins_highest() {
        assert_eq!(best(&[("low", 50), ("from 20", 20), ("from 60", 60)]).as_deref(), Some("from 60"));
        assert_eq!(best(&[("low", 50), ("low", 20)]).as_deref(), Some("low"));
        assert_eq!(best(&[]), None);
    }
}

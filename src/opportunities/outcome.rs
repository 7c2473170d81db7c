//! What became of several opportunities together, such as those that one lead led to (SCO-15, CLO-4).

use super::Status;

/// What became of them: won when one was, otherwise open while one is, otherwise lost; `None` of none.
pub fn together(each: impl IntoIterator<Item = Status>) -> Option<Status> {
    let rank = |status: &Status| match status {
        Status::Won => 2,
        Status::Open => 1,
        Status::Lost => 0,
    };
    each.into_iter().max_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::Status::{Lost, Open, Won};
    use super::*;

    #[test]
    fn one_that_was_won_is_enough_and_one_that_is_open_leaves_hope() {
        for (each, expected) in [
            (vec![], None),
            (vec![Lost, Lost], Some(Lost)),
            (vec![Lost, Open], Some(Open)),
            (vec![Open, Won, Lost], Some(Won)),
        ] {
            assert_eq!(together(each.clone()), expected, "{each:?}");
            assert_eq!(together(each.into_iter().rev()), expected);
        }
    }
}

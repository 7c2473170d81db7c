//! Who set each value goes with the value: into the survivor when two become one, and back when they part.

use super::{Merge, Plan};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::provenance::{self, Sources};

/// Lets the survivor's values that were the loser's name whoever set them there.
pub(super) fn join(tx: &mut Tx<'_>, plan: &mut Plan) -> Result<()> {
    let before = provenance::of(tx, plan.survivor_id)?;
    let losers = provenance::of(tx, plan.loser_id)?;
    let taken = plan.fields.iter().filter(|kept| kept.from == plan.loser_id).map(|kept| kept.field.as_str());
    provenance::replace(tx, plan.survivor_id, joined(before.clone(), &losers, taken))?;
    plan.snapshot.sources = before;
    Ok(())
}

/// Lets the survivor's values name whoever set them before the merge, or after it. The loser has kept its own.
pub(super) fn part(tx: &mut Tx<'_>, merge: &Merge) -> Result<()> {
    let present = provenance::of(tx, merge.survivor_id)?;
    let before = merge.snapshot.0.sources.clone();
    provenance::replace(tx, merge.survivor_id, parted(before, present, merge.merged_at))
}

fn joined<'f>(mut survivor: Sources, loser: &Sources, taken: impl Iterator<Item = &'f str>) -> Sources {
    for field in taken {
        let is_of = |name: &str| name.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        survivor.retain(|name, _| !is_of(name));
        survivor
            .extend(loser.iter().filter(|(name, _)| is_of(name)).map(|(name, source)| (name.clone(), source.clone())));
    }
    survivor
}

fn parted(before: Sources, present: Sources, merged_at: Timestamp) -> Sources {
    let since = present.into_iter().filter(|(_, source)| source.at > merged_at);
    before.into_iter().chain(since).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::{How, Source};

    fn set(fields: &[(&str, i64)]) -> Sources {
        let source = |day| Source {
            at: Timestamp::from_day(day),
            how: How::Service,
            submission_id: None,
            proposal_id: None,
            actor_id: None,
        };
        fields.iter().map(|(field, day)| ((*field).to_owned(), source(*day))).collect()
    }

    #[test]
    fn a_value_that_was_taken_brings_all_its_parts_and_nothing_else() {
        let survivor = set(&[("phone", 1), ("address.city", 1), ("address_note", 1)]);
        let loser = set(&[("phone", 2), ("email", 2), ("address.line1", 2)]);
        let joined = joined(survivor, &loser, ["address", "email"].into_iter());
        assert_eq!(joined, set(&[("phone", 1), ("address_note", 1), ("address.line1", 2), ("email", 2)]));
    }

    #[test]
    fn what_was_set_since_the_merge_stays_when_the_two_part() {
        let present = set(&[("phone", 1), ("email", 2), ("first_name", 9)]);
        let left = parted(set(&[("phone", 1), ("first_name", 1)]), present, Timestamp::from_day(5));
        assert_eq!(left, set(&[("phone", 1), ("first_name", 9)]));
    }
}

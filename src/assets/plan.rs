//! What an import changes: the sheet compared with the register (SCO-13).

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::sheet::Row;
use super::{Asset, Entry, Step};

/// What becomes of assets that the sheet does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssetImportMode)]
pub enum Mode {
    /// They stay.
    #[default]
    Merge,
    /// They are removed.
    Replace,
}

/// What an import does, and to how many assets.
#[derive(Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub created: u64,
    pub changed: u64,
    pub removed: u64,
    pub unchanged: u64,
}

/// The steps that make the register say what `rows` say, in their order. The sheet knows neither names nor kinds: known
/// assets keep theirs, new ones are called by their key.
pub fn plan(known: Vec<Asset>, rows: &[Row], mode: Mode) -> Plan {
    let mut known: BTreeMap<String, Asset> = known.into_iter().map(|asset| (asset.key.clone(), asset)).collect();
    let mut plan = Plan::default();
    for row in rows {
        let (stage, readiness_percent) = (row.stage.clone(), row.readiness_percent.clone());
        match known.remove(&row.asset) {
            None => {
                plan.created += 1;
                let entry = Entry { stage, readiness_percent, ..Entry::named(&row.asset) };
                plan.steps.push(Step::Create { key: row.asset.clone(), entry });
            }
            Some(asset) => {
                let entry = Entry { stage, readiness_percent, ..asset.entry() };
                if entry == asset.entry() {
                    plan.unchanged += 1;
                } else {
                    plan.changed += 1;
                    plan.steps.push(Step::Change { asset, entry });
                }
            }
        }
    }
    match mode {
        Mode::Merge => {}
        Mode::Replace => {
            plan.removed = known.len() as u64;
            plan.steps.extend(known.into_values().map(|asset| Step::Remove { asset }));
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::id::Id;
    use crate::percent::Percent;

    type Percents = BTreeMap<String, Option<i64>>;

    fn asset(key: &str, percent: Option<i64>) -> Asset {
        let at = Timestamp::from_day(1);
        Asset {
            workspace_id: Id::NIL,
            id: Id::new(at),
            key: key.to_owned(),
            name: "A name".to_owned(),
            search_key: String::new(),
            kind: "video".to_owned(),
            stage: None,
            readiness_percent: percent.map(Percent::from_millionths),
            revision: 1,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn assets(register: &Percents) -> Vec<Asset> {
        register.iter().map(|(key, percent)| asset(key, *percent)).collect()
    }

    fn rows(sheet: &Percents) -> Vec<Row> {
        let row = |(key, percent): (&String, &Option<i64>)| Row {
            asset: key.clone(),
            stage: None,
            readiness_percent: percent.map(Percent::from_millionths),
        };
        sheet.iter().map(row).collect()
    }

    /// The register after the steps of a plan.
    fn carried_out(mut register: Percents, plan: &Plan) -> Percents {
        let percent = |entry: &Entry| entry.readiness_percent.as_ref().and_then(Percent::millionths);
        for step in &plan.steps {
            match step {
                Step::Create { key, entry } => assert_eq!(register.insert(key.clone(), percent(entry)), None),
                Step::Change { asset, entry } => {
                    assert_eq!((&entry.name, &entry.kind), (&asset.name, &asset.kind));
                    assert_ne!(register.insert(asset.key.clone(), percent(entry)), Some(percent(entry)));
                }
                Step::Remove { asset } => assert!(register.remove(&asset.key).is_some()),
            }
        }
        register
    }

    fn percents() -> impl Strategy<Value = Percents> {
        btree_map("[a-f]", proptest::option::of(0..3_i64), 0..6)
    }

    proptest! {
        #[test]
        fn a_register_that_is_replaced_says_what_the_sheet_says(known in percents(), sheet in percents()) {
            let plan = plan(assets(&known), &rows(&sheet), Mode::Replace);
            prop_assert_eq!(plan.created + plan.changed + plan.unchanged, sheet.len() as u64);
            prop_assert_eq!(plan.created + plan.changed + plan.removed, plan.steps.len() as u64);
            prop_assert_eq!(carried_out(known, &plan), sheet);
        }

        #[test]
        fn a_register_that_is_merged_keeps_what_the_sheet_does_not_name(known in percents(), sheet in percents()) {
            let plan = plan(assets(&known), &rows(&sheet), Mode::Merge);
            let mut merged = known.clone();
            merged.extend(sheet);
            prop_assert_eq!(plan.removed, 0);
            prop_assert_eq!(carried_out(known, &plan), merged);
        }

        #[test]
        fn what_is_so_already_takes_no_step(known in percents()) {
            for mode in [Mode::Merge, Mode::Replace] {
                prop_assert!(plan(assets(&known), &rows(&known), mode).steps.is_empty());
            }
        }
    }
}

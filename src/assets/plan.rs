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

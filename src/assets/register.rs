//! What scoring reads: how ready for sales each asset shows a person to be, now or as of any revision (SCO-13).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::percent::Percent;

/// Assets that all registers kept ready may have together.
const KEPT: u64 = 1_000_000;

/// A revision never changes, so what was read of one is good for ever. It goes by the id of its last row and not by its
/// number: a revision that is just being made may be undone, and another may get its number.
static READ: LazyLock<Cache<(Id, Id), Arc<Register>>> = LazyLock::new(|| {
    let weight = |_: &(Id, Id), register: &Arc<Register>| {
        u32::try_from(register.percents.len()).unwrap_or(u32::MAX).saturating_add(1)
    };
    Cache::builder().max_capacity(KEPT).weigher(weight).build()
});

/// How ready for sales the assets of a workspace show people to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Register {
    /// The revision that says so; 0 before the first.
    pub revision: i64,
    /// The readiness of each asset that has one, by its key.
    pub percents: HashMap<String, Percent>,
}

impl Register {
    /// The readiness of the asset with exactly this key; none when it has none or is not in the register.
    pub fn percent(&self, key: &str) -> Option<&Percent> {
        self.percents.get(key)
    }
}

/// The register as it stands. Whoever writes what depends on it sees the changes of their own transaction.
pub fn register(tx: &mut Tx<'_>) -> Result<Arc<Register>> {
    register_at(tx, i64::MAX)
}

/// The register as it stood at `revision`; of one that is yet to come, as it stands.
pub fn register_at(tx: &mut Tx<'_>, revision: i64) -> Result<Arc<Register>> {
    let Some((revision, id)) = tx.asset_revisions().newest(revision)? else { return Ok(Arc::default()) };
    let key = (tx.scope.workspace, id);
    if let Some(known) = READ.get(&key) {
        return Ok(known);
    }
    let entries = tx.asset_revisions().entries_at(revision)?;
    let percents = entries.into_iter().filter_map(|(key, entry)| Some((key, entry.readiness_percent?))).collect();
    let read = Arc::new(Register { revision, percents });
    READ.insert(key, read.clone());
    Ok(read)
}

//! The models that score a workspace's leads now, ready to score with.

use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use super::Model;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;

/// Versions that are kept ready; more than one instance's workspaces use at a time.
const KEPT: u64 = 2_000;

/// A published version never changes, so what was made of one is good for ever. Nobody asks for one in the transaction
/// that publishes it, which may yet be undone.
static COMPILED: LazyLock<Cache<(Id, i64), Arc<Model>>> = LazyLock::new(|| Cache::new(KEPT));

/// A version of a model that scores leads.
#[derive(Clone)]
pub struct Live {
    pub id: Id,
    pub version: i64,
    pub model: Arc<Model>,
    /// Whether it only keeps a ledger of its own beside the live ones (SCO-17).
    pub is_shadow: bool,
}

impl Live {
    /// The model's name.
    pub fn name(&self) -> &str {
        &self.model.definition().name
    }

    /// The score from which a lead is ready for sales.
    pub fn threshold(&self) -> i64 {
        self.model.definition().sales_ready_score
    }
}

/// The live models of the workspace, in the order they were created, and those that run in their shadow.
pub fn live(tx: &mut Tx<'_>) -> Result<Vec<Live>> {
    let mut live = Vec::new();
    for (id, version, shadow_of) in tx.scoring_models().live()? {
        let model = compiled(tx, id, version)?;
        live.push(Live { id, version, model, is_shadow: shadow_of.is_some() });
    }
    Ok(live)
}

/// The same model in another version.
pub fn version(tx: &mut Tx<'_>, live: &Live, version: i64) -> Result<Live> {
    Ok(Live { version, model: compiled(tx, live.id, version)?, ..live.clone() })
}

fn compiled(tx: &mut Tx<'_>, id: Id, version: i64) -> Result<Arc<Model>> {
    if let Some(known) = COMPILED.get(&(id, version)) {
        return Ok(known);
    }
    let compiled = Model::compile(&tx.scoring_models().definition(id, version)?);
    let broken = |broken| Error::internal(format!("model {id} version {version}: {broken:?}"));
    let model = Arc::new(compiled.map_err(broken)?);
    COMPILED.insert((id, version), model.clone());
    Ok(model)
}

/// A published version of a model, whether it scores leads now or did once.
pub fn version_of(tx: &mut Tx<'_>, id: Id, version: i64) -> Result<Live> {
    Ok(Live { id, version, model: compiled(tx, id, version)?, is_shadow: false })
}

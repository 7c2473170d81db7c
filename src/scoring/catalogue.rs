//! The models that score a workspace's leads now, ready to score with.

use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use super::Model;
use super::repository::LiveVersion;
use crate::assets;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::workspaces;
use crate::workspaces::settings::Settings;

/// Versions that are kept ready; more than one instance's workspaces use at a time.
const KEPT: u64 = 2_000;

/// A published version never changes, nor does a revision of the register of assets, so what was made of them is good
/// for ever. Nobody asks for one in the transaction that makes it, which may yet be undone.
static COMPILED: LazyLock<Cache<(Id, i64, i64), Arc<Model>>> = LazyLock::new(|| Cache::new(KEPT));

/// A version of a model that scores leads.
#[derive(Clone)]
pub struct Live {
    pub id: Id,
    pub version: i64,
    pub model: Arc<Model>,
    /// The revision of the register of assets that its points are of; 0 where no rule takes points from assets.
    pub assets_revision: i64,
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
    let models = tx.scoring_models().live()?;
    ready(tx, models)
}

/// The same with the settings of the workspace.
pub fn live_and_settings(tx: &mut Tx<'_>) -> Result<(Vec<Live>, Arc<Settings>)> {
    let (models, stand) = tx.scoring_models().live_and_stand()?;
    Ok((ready(tx, models)?, workspaces::settings_of(tx, stand)?))
}

fn ready(tx: &mut Tx<'_>, models: Vec<LiveVersion>) -> Result<Vec<Live>> {
    let mut live = Vec::new();
    for (id, version, shadow_of) in models {
        let (model, assets_revision) = compiled(tx, id, version, i64::MAX)?;
        live.push(Live { id, version, model, assets_revision, is_shadow: shadow_of.is_some() });
    }
    Ok(live)
}

/// The same model as it was: in another version, and by another revision of the register of assets.
pub fn as_it_was(tx: &mut Tx<'_>, live: &Live, version: i64, assets_revision: i64) -> Result<Live> {
    if (version, assets_revision) == (live.version, live.assets_revision) {
        return Ok(live.clone());
    }
    let (model, assets_revision) = compiled(tx, live.id, version, assets_revision)?;
    Ok(Live { version, model, assets_revision, ..live.clone() })
}

/// A published version of a model, whether it scores leads now or did once, by the present register of assets.
pub fn version_of(tx: &mut Tx<'_>, id: Id, version: i64) -> Result<Live> {
    let (model, assets_revision) = compiled(tx, id, version, i64::MAX)?;
    Ok(Live { id, version, model, assets_revision, is_shadow: false })
}

/// The model by the register of assets as it stood at `revision`, and which revision that was.
fn compiled(tx: &mut Tx<'_>, id: Id, version: i64, revision: i64) -> Result<(Arc<Model>, i64)> {
    if let Some(known) = COMPILED.get(&(id, version, 0)) {
        return Ok((known, 0));
    }
    let register = assets::register_at(tx, revision)?;
    if let Some(known) = COMPILED.get(&(id, version, register.revision)) {
        return Ok((known, register.revision));
    }
    let compiled = Model::compile_with(&tx.scoring_models().definition(id, version)?, &register.percents);
    let broken = |broken| Error::internal(format!("model {id} version {version}: {broken:?}"));
    let model = Arc::new(compiled.map_err(broken)?);
    let revision = if model.asks_assets() { register.revision } else { 0 };
    // A revision before the first is no key of its own: it would pass for a model that asks for no assets.
    if revision != 0 || !model.asks_assets() {
        COMPILED.insert((id, version, revision), model.clone());
    }
    Ok((model, revision))
}

//! The models that score a workspace's leads now, ready to score with.

use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use super::{Definition, Model};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;

/// Versions that are kept ready; more than one instance's workspaces use at a time.
const KEPT: u64 = 2_000;

/// A published version never changes, so what was made of one is good for ever. Only versions that were read back from
/// the database go in: one that is just being published may yet be undone.
static COMPILED: LazyLock<Cache<(Id, i64), Arc<Model>>> = LazyLock::new(|| Cache::new(KEPT));

/// A version of a model that scores leads.
#[derive(Clone)]
pub struct Live {
    pub id: Id,
    pub version: i64,
    pub model: Arc<Model>,
}

impl Live {
    /// Makes a definition that was found sound before ready to score with.
    pub fn new(id: Id, version: i64, definition: &Definition) -> Result<Self> {
        let compiled = Model::compile(definition);
        let model = compiled.map_err(|broken| Error::internal(format!("model {id} version {version}: {broken:?}")))?;
        Ok(Self { id, version, model: Arc::new(model) })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.model.definition().name
    }

    /// The kinds of interaction that its rules look at.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        let rules = self.model.definition().rules.iter();
        rules.flat_map(|rule| rule.behaviours()).map(|behaviour| behaviour.interaction.as_str())
    }

    /// The score from which a lead is ready for sales.
    pub fn threshold(&self) -> i64 {
        self.model.definition().sales_ready_score
    }
}

/// The live models of the workspace, in the order they were created.
pub fn live(tx: &mut Tx<'_>) -> Result<Vec<Live>> {
    let mut live = Vec::new();
    for (id, version) in tx.scoring_models().live()? {
        live.push(version_of(tx, id, version)?);
    }
    Ok(live)
}

/// A published version of a model, whether it scores leads now or did once.
pub fn version_of(tx: &mut Tx<'_>, id: Id, version: i64) -> Result<Live> {
    match COMPILED.get(&(id, version)) {
        Some(model) => Ok(Live { id, version, model }),
        None => read(tx, id, version),
    }
}

fn read(tx: &mut Tx<'_>, id: Id, version: i64) -> Result<Live> {
    let live = Live::new(id, version, &tx.scoring_models().definition(id, version)?)?;
    COMPILED.insert((id, version), live.model.clone());
    Ok(live)
}

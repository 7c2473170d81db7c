//! The life of a model (SCO-1): a draft is written, published as the next version, and one day stopped.
//!
//! A published version never changes. Publishing and stopping hold off all scoring of the workspace until every lead
//! concerned is scored anew, so no lead is ever left with the scores of a version that is gone.

use super::catalogue::{self, Live};
use super::ledger::Cause;
use super::rescore::{self, MODELS, Round};
use super::{Definition, Model, ScoringModel, Status};
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;

/// Creates a model that has only a draft. Lists everything wrong with the draft.
pub fn create(tx: &mut Tx<'_>, definition: &Definition) -> Result<ScoringModel> {
    all_hold(definition.check())?;
    let at = tx.at();
    let model = ScoringModel {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        name: definition.name.clone(),
        status: Code(Status::Draft),
        live_version: None,
        draft: Some(JsonOf(definition.clone())),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.scoring_models().insert(&model)?;
    Ok(model)
}

/// Replaces the draft, or begins one beside what is live. Lists everything wrong with it.
pub fn save_draft(tx: &mut Tx<'_>, id: Id, definition: &Definition, condition: &Condition) -> Result<ScoringModel> {
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    all_hold(definition.check())?;
    let name = if model.status.0 == Status::Draft { definition.name.clone() } else { model.name.clone() };
    tx.scoring_models().update(&ScoringModel { name, draft: Some(JsonOf(definition.clone())), ..model })
}

/// Makes the draft the live version and scores all open leads of its target anew. 409 when there is no draft.
pub fn publish(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<ScoringModel> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    let Some(draft) = model.draft.clone() else {
        return Err(Error::Conflict("there is no draft to publish; save one first".into()));
    };
    Model::compile(&draft.0).map_err(Error::Invalid)?;
    let models = catalogue::live(tx)?;
    // What the version that ends would have done by now is told by that version.
    let due = tx.scores().due(id)?;
    rescore::run(tx, &due, &Round::of_model(models.clone(), id, Cause::WindowExpiry, false))?;
    let version = tx.scoring_models().last_version(id)?.unwrap_or(0) + 1;
    tx.scoring_models().insert_version(id, version, &draft.0)?;
    let name = draft.0.name.clone();
    let changed = ScoringModel { name, status: Code(Status::Live), live_version: Some(version), draft: None, ..model };
    let published = tx.scoring_models().update(&changed)?;
    let live = Live::new(id, version, &draft.0)?;
    let leads = [tx.scorables().open_leads(draft.0.target)?, tx.scores().scored_by(id)?].concat();
    rescore::run(tx, &leads, &Round::of_model(with(models, live), id, Cause::Publish, false))?;
    announce(tx, "scoring_model.published", &published)?;
    Ok(published)
}

/// Stops a live model and takes its scores off every lead. 409 when it is not live.
pub fn stop(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<ScoringModel> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    if model.status.0 != Status::Live {
        return Err(Error::Conflict("only a live model can be stopped".into()));
    }
    let changed = ScoringModel { status: Code(Status::Stopped), live_version: None, ..model };
    let stopped = tx.scoring_models().update(&changed)?;
    let leads = tx.scores().scored_by(id)?;
    let models = catalogue::live(tx)?;
    rescore::run(tx, &leads, &Round::of_model(models, id, Cause::Publish, true))?;
    announce(tx, "scoring_model.stopped", &stopped)?;
    Ok(stopped)
}

/// Whether a draft or a live version asks about a kind of interaction.
pub fn is_kind_used(tx: &mut Tx<'_>, kind: &str) -> Result<bool> {
    let asks = |definition: &Definition| {
        definition.rules.iter().flat_map(|rule| rule.behaviours()).any(|behaviour| behaviour.interaction == kind)
    };
    if tx.scoring_models().drafts()?.iter().any(asks) {
        return Ok(true);
    }
    for (id, version) in tx.scoring_models().live()? {
        if asks(&tx.scoring_models().definition(id, version)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The live models with `live` in its place: where its earlier version was, or where its id belongs.
fn with(mut models: Vec<Live>, live: Live) -> Vec<Live> {
    models.retain(|other| other.id != live.id);
    let place = models.partition_point(|other| other.id < live.id);
    models.insert(place, live);
    models
}

fn announce(tx: &mut Tx<'_>, kind: &str, model: &ScoringModel) -> Result<()> {
    let data = serde_json::json!({"model_id": model.id, "model": model.name, "model_version": model.live_version});
    events::emit(tx, kind, Subject::default(), &data)
}

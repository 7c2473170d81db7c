//! The life of a model (SCO-1): a draft is written, published as the next version, and one day stopped.
//!
//! A published version never changes. Publishing and stopping take effect at once; the leads follow one by one, see
//! `rescoring`. A draft may also run in the shadow of its model (SCO-17): it scores what happens, has a ledger of its
//! own, and nothing follows from its scores.

use super::rescore::MODELS;
use super::rescoring::{self, Concern};
use super::{Definition, Model, ScoringModel, Status};
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::jobs::Job;

/// Creates a model that has only a draft. Lists everything wrong with the draft.
pub fn create(tx: &mut Tx<'_>, definition: &Definition) -> Result<ScoringModel> {
    all_hold(definition.check())?;
    let model = new(tx, definition, Status::Draft);
    tx.scoring_models().insert(&model)?;
    Ok(model)
}

fn new(tx: &Tx<'_>, definition: &Definition, status: Status) -> ScoringModel {
    let at = tx.at();
    ScoringModel {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        name: definition.name.clone(),
        status: Code(status),
        live_version: None,
        draft: Some(JsonOf(definition.clone())),
        version: 1,
        created_at: at,
        updated_at: at,
        shadow_of: None,
        keeps_scores: false,
    }
}

/// Replaces the draft, or begins one beside what is live. Lists everything wrong with it.
pub fn save_draft(tx: &mut Tx<'_>, id: Id, definition: &Definition, condition: &Condition) -> Result<ScoringModel> {
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    all_hold(definition.check())?;
    let name = if model.status.0 == Status::Draft { definition.name.clone() } else { model.name.clone() };
    tx.scoring_models().update(&ScoringModel { name, draft: Some(JsonOf(definition.clone())), ..model })
}

/// Makes the draft the live version; gives the job that scores all open leads anew. 409 when there is no draft.
pub fn publish(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Job> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    let draft = draft_of(&model)?;
    let version = add_version(tx, id, &draft)?;
    let name = draft.name.clone();
    let changed = ScoringModel {
        name,
        status: Code(Status::Live),
        live_version: Some(version),
        draft: None,
        keeps_scores: false,
        ..model
    };
    let published = tx.scoring_models().update(&changed)?;
    announce(tx, "scoring_model.published", &published)?;
    let total = tx.scorables().count_open()?;
    rescoring::request(tx, &Concern::Published { model_id: id, model_version: version }, Some(total))
}

/// The draft, which can be published.
fn draft_of(model: &ScoringModel) -> Result<Definition> {
    let Some(draft) = &model.draft else {
        return Err(Error::Conflict("there is no draft to publish; save one first".into()));
    };
    Model::compile(&draft.0).map_err(Error::Invalid)?;
    Ok(draft.0.clone())
}

fn add_version(tx: &mut Tx<'_>, id: Id, definition: &Definition) -> Result<i64> {
    let version = tx.scoring_models().last_version(id)?.unwrap_or(0) + 1;
    tx.scoring_models().insert_version(id, version, definition)?;
    Ok(version)
}

/// Stops a live model; gives the job that takes its scores off every open lead, or lets them be as they are when they
/// are to be kept. 409 when it is not live.
pub fn stop(tx: &mut Tx<'_>, id: Id, keep_scores: bool, condition: &Condition) -> Result<Job> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let model = tx.scoring_models().lock(id)?;
    condition.check(model.version)?;
    if model.status.0 != Status::Live {
        return Err(Error::Conflict("only a live model can be stopped".into()));
    }
    let stopped = end(tx, model, keep_scores)?;
    announce(tx, "scoring_model.stopped", &stopped)?;
    let total = tx.scores().count_scored_by(id)?;
    rescoring::request(tx, &Concern::Stopped { model_id: id, keep_scores }, Some(total))
}

fn end(tx: &mut Tx<'_>, model: ScoringModel, keep_scores: bool) -> Result<ScoringModel> {
    let changed =
        ScoringModel { status: Code(Status::Stopped), live_version: None, keeps_scores: keep_scores, ..model };
    tx.scoring_models().update(&changed)
}

/// Lets the draft run in the shadow of its model, in place of what ran there before; gives the job that scores all open
/// leads by it. 409 when there is no draft.
pub fn start_shadow(tx: &mut Tx<'_>, id: Id) -> Result<Job> {
    tx.take_turns(&[MODELS.to_owned()])?;
    let model = tx.scoring_models().lock(id)?;
    let draft = draft_of(&model)?;
    let shadow = match tx.scoring_models().shadow_of(id)? {
        Some(shadow) => shadow,
        None => {
            let shadow = ScoringModel { shadow_of: Some(id), draft: None, ..new(tx, &draft, Status::Stopped) };
            tx.scoring_models().insert(&shadow)?;
            shadow
        }
    };
    let version = add_version(tx, shadow.id, &draft)?;
    let running =
        ScoringModel { name: draft.name.clone(), status: Code(Status::Live), live_version: Some(version), ..shadow };
    let shadow = tx.scoring_models().update(&running)?;
    let total = tx.scorables().count_open()?;
    rescoring::request(tx, &Concern::Published { model_id: shadow.id, model_version: version }, Some(total))
}

/// Ends the run in the shadow of a model; gives the job that takes its scores back. 404 when there is none.
pub fn stop_shadow(tx: &mut Tx<'_>, id: Id) -> Result<Job> {
    tx.take_turns(&[MODELS.to_owned()])?;
    tx.scoring_models().lock(id)?;
    let shadow = tx.scoring_models().shadow_of(id)?.ok_or(Error::NotFound)?;
    let shadow = end(tx, shadow, false)?;
    let total = tx.scores().count_scored_by(shadow.id)?;
    rescoring::request(tx, &Concern::Stopped { model_id: shadow.id, keep_scores: false }, Some(total))
}

/// Whether a draft or a live version asks about a kind of interaction.
pub fn is_kind_used(tx: &mut Tx<'_>, kind: &str) -> Result<bool> {
    let asks = |definition: &Definition| {
        definition.rules.iter().flat_map(|rule| rule.behaviours()).any(|behaviour| behaviour.interaction == kind)
    };
    if tx.scoring_models().drafts()?.iter().any(asks) {
        return Ok(true);
    }
    for (id, version, _) in tx.scoring_models().live()? {
        if asks(&tx.scoring_models().definition(id, version)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn announce(tx: &mut Tx<'_>, kind: &str, model: &ScoringModel) -> Result<()> {
    let data = serde_json::json!({"model_id": model.id, "model": model.name, "model_version": model.live_version});
    events::emit(tx, kind, Subject::default(), &data)
}

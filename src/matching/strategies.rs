//! The strategies of a workspace (MAT-1, MAT-2): the shipped ones and its own, exactly one per target the default.
//!
//! A shipped strategy is the default until another is made it, and again when that is undone. Each change of an own
//! strategy's rules makes a new version; the rules of every version stay, also when the strategy is deleted, because
//! decisions name them. A key that is used again goes on counting, so key and version name one set of rules for good.
//!
//! Whoever changes strategies takes turns, and holds off whoever checks a form against them ([`hold_still`]).

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::strategy::{Alternative, Strategy, Target};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, all_hold};
use crate::events::{self, Subject};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::id::Id;
use crate::schema::{matching_strategies, matching_strategy_versions};

/// The most strategies of its own that a workspace may have.
pub const OWN_MAX: i64 = 100;

/// What those take turns by who change strategies.
const TURN: &str = "matching strategies";

/// The ids of the shipped strategies, the same in every workspace.
const SHIPPED: [(Target, Id); 2] = [
    (Target::Contact, Id::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1])),
    (Target::Lead, Id::from_bytes([0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 2])),
];

/// A strategy of the workspace's own.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = matching_strategies, treat_none_as_default_value = false)]
pub struct OwnStrategy {
    pub workspace_id: Id,
    pub id: Id,
    pub key: String,
    pub target: Code<Target>,
    pub definition: JsonOf<Strategy>,
    pub is_default: bool,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A strategy, and how it stands in the workspace.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = MatchingStrategyEntry)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// The strategy.
    pub strategy: Strategy,
    /// Whether it is used where none is named. Each target has exactly one default.
    pub is_default: bool,
    /// Whether it came with the service; such a strategy can be neither changed nor deleted.
    pub is_shipped: bool,
    /// Grows by one with every change, also of the default; the `ETag` is made of it. The strategy's own `version` counts
    /// its rules alone.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created; null for a shipped one.
    pub created_at: Option<Timestamp>,
    /// When it was last changed; null for a shipped one.
    pub updated_at: Option<Timestamp>,
}

impl From<OwnStrategy> for Entry {
    fn from(own: OwnStrategy) -> Self {
        Self {
            id: own.id,
            strategy: own.definition.0,
            is_default: own.is_default,
            is_shipped: false,
            version: own.version,
            created_at: Some(own.created_at),
            updated_at: Some(own.updated_at),
        }
    }
}

/// The rules of one version of a strategy.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = matching_strategy_versions, treat_none_as_default_value = false)]
pub struct Version {
    pub workspace_id: Id,
    pub id: Id,
    pub key: String,
    pub strategy_version: i64,
    pub definition: JsonOf<Strategy>,
    pub changed_by: Option<Id>,
    pub at: Timestamp,
}

/// The fields that versions can be ordered by.
pub const VERSION_SORT: &[SortField] =
    &[SortField::new("version", "matching_strategy_versions.strategy_version", SortKind::Number)];

impl Sorted for Version {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.strategy_version.to_string()
    }
}

/// A new strategy.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMatchingStrategy)]
#[schema(example = json!({
    "key": "contact_by_phone", "name": "Contact by phone and alike name", "target": "contact",
    "alternatives": [
        {"fields": [{"field": "email"}]},
        {"fields": [{"field": "phone"}, {"field": "last_name", "compare": "fuzzy"}]},
    ],
}))]
pub struct NewStrategy {
    /// Name for forms to refer to; stays. No other strategy of the workspace has it.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z][a-z0-9_]*$", example = "contact_by_phone")]
    pub key: String,
    /// Name for people.
    #[schema(min_length = 1, max_length = 200, example = "Contact by phone")]
    pub name: String,
    /// What it finds; stays.
    pub target: Target,
    /// Ways to match. A record matches when any one of them holds; earlier ones win over later ones.
    #[schema(min_items = 1, max_items = 10)]
    pub alternatives: Vec<Alternative>,
    /// Whether closed leads match as well. Default false.
    #[serde(default)]
    pub match_closed: bool,
    /// Whether it is to be the target's default at once. Default false.
    #[serde(default)]
    pub is_default: bool,
}

/// Changes to a strategy: absent members stay.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = MatchingStrategyPatch)]
#[schema(example = json!({"name": "Contact by phone, else e-mail", "alternatives": [{"fields": [{"field": "phone"}]}, {"fields": [{"field": "email"}]}]}))]
pub struct StrategyPatch {
    /// Name for people.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Ways to match, as a whole.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<Alternative>, required = false, min_items = 1, max_items = 10)]
    pub alternatives: Option<Vec<Alternative>>,
    /// Whether closed leads match as well.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = bool, required = false)]
    pub match_closed: Option<bool>,
}

/// Keeps all strategies as they are until the transaction ends.
pub fn hold_still(tx: &mut Tx<'_>) -> Result<()> {
    tx.share_turn(TURN)
}

/// The strategy `key` for `target`, or the default one; `None` when there is no such strategy.
pub fn strategy(tx: &mut Tx<'_>, target: Target, key: Option<&str>) -> Result<Option<Strategy>> {
    let Some(key) = key else { return default_strategy(tx, target).map(Some) };
    let shipped = target.default_strategy();
    if key == shipped.key {
        return Ok(Some(shipped));
    }
    Ok(tx.own_strategies().with_key(key)?.filter(|own| own.target == target))
}

/// The strategy for `target` that is used where none is named.
pub fn default_strategy(tx: &mut Tx<'_>, target: Target) -> Result<Strategy> {
    let [contact, lead] = default_strategies(tx)?;
    Ok(if target == Target::Contact { contact } else { lead })
}

/// Those of both targets: of contacts, and of leads.
pub fn default_strategies(tx: &mut Tx<'_>) -> Result<[Strategy; 2]> {
    let own = tx.own_strategies().defaults()?;
    let default = |target: Target| own.iter().find(|own| own.target == target).cloned();
    Ok([Target::Contact, Target::Lead].map(|target| default(target).unwrap_or_else(|| target.default_strategy())))
}

/// Every strategy of the workspace: the shipped ones, then its own by key.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (target, id) in SHIPPED {
        entries.push(shipped(tx, target, id)?);
    }
    entries.extend(tx.own_strategies().all()?.into_iter().map(Entry::from));
    Ok(entries)
}

/// The strategy `id`.
pub fn get(tx: &mut Tx<'_>, id: Id) -> Result<Entry> {
    match shipped_target(id) {
        Some(target) => shipped(tx, target, id),
        None => Ok(tx.own_strategies().get(id)?.into()),
    }
}

/// The rules that a decision made with version `version` of `key` went by.
pub fn rules(tx: &mut Tx<'_>, target: Target, key: &str, version: i32) -> Result<Strategy> {
    let shipped = target.default_strategy();
    match shipped.key == key && shipped.version == version {
        true => Ok(shipped),
        false => tx.own_strategies().rules(key, version.into())?.ok_or(Error::NotFound),
    }
}

/// Creates a strategy. Lists everything wrong with it.
pub fn create(tx: &mut Tx<'_>, new: &NewStrategy) -> Result<Entry> {
    tx.take_turns(&[TURN.to_owned()])?;
    let strategy = Strategy {
        key: new.key.clone(),
        name: new.name.clone(),
        version: tx.own_strategies().last_version(&new.key)? + 1,
        target: new.target,
        alternatives: new.alternatives.clone(),
        match_closed: new.match_closed,
    };
    all_hold(strategy.violations())?;
    let is_shipped = SHIPPED.iter().any(|(target, _)| target.default_strategy().key == new.key);
    if is_shipped || tx.own_strategies().with_key(&new.key)?.is_some() {
        return Err(Error::invalid("/key", "duplicate", "another strategy has this key"));
    }
    if tx.own_strategies().count()? >= OWN_MAX {
        return Err(Error::Conflict(format!("a workspace has at most {OWN_MAX} strategies of its own")));
    }
    let at = tx.at();
    let own = OwnStrategy {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        key: strategy.key.clone(),
        target: Code(strategy.target),
        definition: JsonOf(strategy.clone()),
        is_default: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.own_strategies().insert(&own)?;
    keep_version(tx, &strategy)?;
    if new.is_default {
        tx.own_strategies().set_default(new.target, Some(own.id))?;
    }
    told(tx, "matching_strategy.created", own.id)
}

/// Changes what `patch` names, which makes a new version. A patch that changes nothing makes none.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &StrategyPatch, condition: &Condition) -> Result<Entry> {
    let own = changeable(tx, id, condition)?;
    let before = own.definition.0.clone();
    let mut strategy = before.clone();
    strategy.name = patch.name.clone().unwrap_or(strategy.name);
    strategy.alternatives = patch.alternatives.clone().unwrap_or(strategy.alternatives);
    strategy.match_closed = patch.match_closed.unwrap_or(strategy.match_closed);
    if strategy == before {
        return Ok(own.into());
    }
    strategy.version += 1;
    all_hold(strategy.violations())?;
    tx.own_strategies().update(id, &strategy)?;
    keep_version(tx, &strategy)?;
    told(tx, "matching_strategy.changed", id)
}

/// Makes the strategy the one that is used where none is named.
pub fn make_default(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Entry> {
    tx.take_turns(&[TURN.to_owned()])?;
    let entry = get(tx, id)?;
    condition.check(entry.version)?;
    if entry.is_default {
        return Ok(entry);
    }
    tx.own_strategies().set_default(entry.strategy.target, Some(id).filter(|_| !entry.is_shipped))?;
    told(tx, "matching_strategy.made_default", id)
}

/// Deletes a strategy; what its versions said stays. 409 for a shipped one and for the default.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<Strategy> {
    let own = changeable(tx, id, condition)?;
    if own.is_default {
        return Err(Error::Conflict("the default cannot be deleted; make another strategy the default first".into()));
    }
    tx.own_strategies().delete(id)?;
    let data = serde_json::json!({"id": id, "strategy": own.definition});
    events::emit(tx, "matching_strategy.deleted", Subject::default(), &data)?;
    Ok(own.definition.0)
}

fn shipped_target(id: Id) -> Option<Target> {
    SHIPPED.iter().find(|(_, shipped)| *shipped == id).map(|(target, _)| *target)
}

fn shipped(tx: &mut Tx<'_>, target: Target, id: Id) -> Result<Entry> {
    let is_default = tx.own_strategies().defaults()?.iter().all(|own| own.target != target);
    let strategy = target.default_strategy();
    Ok(Entry { id, strategy, is_default, is_shipped: true, version: 1, created_at: None, updated_at: None })
}

fn changeable(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<OwnStrategy> {
    tx.take_turns(&[TURN.to_owned()])?;
    if shipped_target(id).is_some() {
        let what = "a shipped strategy can be neither changed nor deleted; create one, and make it the default";
        return Err(Error::Conflict(what.into()));
    }
    let own = tx.own_strategies().get(id)?;
    condition.check(own.version)?;
    Ok(own)
}

fn keep_version(tx: &mut Tx<'_>, strategy: &Strategy) -> Result<()> {
    let version = Version {
        workspace_id: tx.scope.workspace,
        id: Id::new(tx.at()),
        key: strategy.key.clone(),
        strategy_version: strategy.version.into(),
        definition: JsonOf(strategy.clone()),
        changed_by: tx.scope.actor,
        at: tx.at(),
    };
    tx.own_strategies().insert_version(&version)
}

/// The strategy as it is now, told to others as the fact `kind`.
fn told(tx: &mut Tx<'_>, kind: &str, id: Id) -> Result<Entry> {
    let entry = get(tx, id)?;
    events::emit(tx, kind, Subject::default(), &entry)?;
    Ok(entry)
}

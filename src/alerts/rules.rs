//! What a user wants to be told of. A rule is its user's own: nobody else sees or changes it.
//!
//! The shipped rules `assigned` and `sales_ready` are everyone's and on; they are written down when a user first looks at
//! their rules, and cannot be deleted, only switched off. A user has up to 50 rules, and one for a score.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Kind;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::{Error, Result, Violation, all_hold};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::id::Id;
use crate::schema::alert_rules;

/// Rules of one user.
const MOST: i64 = 50;

/// The rules that everyone has.
const SHIPPED: [Kind; 2] = [Kind::Assigned, Kind::SalesReady];

/// The leads that a rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AlertLeads)]
pub enum Leads {
    /// Those that the user owns.
    #[default]
    Own,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = alert_rules, treat_none_as_default_value = false)]
pub struct AlertRule {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    #[serde(skip)]
    pub user_id: Id,
    /// What the user is told of.
    #[serde(rename = "on")]
    #[schema(value_type = Kind)]
    pub kind: Code<Kind>,
    /// With `score_above`: the score to reach, in points.
    #[schema(example = 60)]
    pub score: Option<i64>,
    /// With `interaction`: only interactions of these kinds; null for all.
    #[schema(value_type = Option<Vec<String>>, example = json!(["email_replied"]))]
    pub kinds: Option<JsonOf<Vec<String>>>,
    /// The leads it is about.
    #[schema(value_type = Leads)]
    pub leads: Code<Leads>,
    /// Whether it is on.
    pub enabled: bool,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that rules can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[SortField::new("created_at", "alert_rules.created_at", SortKind::Instant)];

impl Sorted for AlertRule {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, _: &str) -> String {
        self.created_at.to_string()
    }
}

/// A new rule.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": "score_above", "score": 60}))]
pub struct NewAlertRule {
    /// What to be told of.
    pub on: Kind,
    /// The score to reach, in points; with `score_above`, and only there.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub score: Option<i64>,
    /// Only interactions of these kinds of the register; all when left out. Only with `interaction`.
    #[schema(value_type = Option<Vec<KindKey>>, min_items = 1, max_items = 50)]
    pub kinds: Option<Vec<String>>,
    /// The leads it is about; `own` when left out.
    #[serde(default)]
    pub leads: Leads,
    /// Whether it is on; true when left out.
    #[serde(default = "on")]
    #[schema(default = true)]
    pub enabled: bool,
}

/// A kind of interaction in the register.
#[derive(ToSchema)]
#[schema(as = AlertedKind, min_length = 1, max_length = 64, example = "email_replied")]
#[expect(dead_code, reason = "describes an entry of `kinds`")]
pub struct KindKey(String);

fn on() -> bool {
    true
}

/// Changes to a rule: absent fields stay, null clears.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"enabled": false}))]
pub struct AlertRulePatch {
    /// The score to reach, in points; of a rule `score_above`.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = i64, minimum = -1_000_000, maximum = 1_000_000)]
    pub score: Option<i64>,
    /// Only interactions of these kinds; null for all. Of a rule `interaction`.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Vec<KindKey>>, min_items = 1, max_items = 50)]
    pub kinds: Option<Option<Vec<String>>>,
    /// Whether it is on.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = bool)]
    pub enabled: Option<bool>,
}

/// Writes down the rules that everyone has, if the user's are not yet.
pub fn ship(tx: &mut Tx<'_>, user: Id) -> Result<()> {
    hold(tx, user)?;
    for kind in SHIPPED {
        if tx.alert_rules().shipped(user, kind)?.is_none() {
            let rule = new_rule(tx, user, kind);
            tx.alert_rules().insert(&rule)?;
        }
    }
    Ok(())
}

/// Adds a rule of a user. 409 for a shipped one, for a score that has one, and beyond 50.
pub fn create(tx: &mut Tx<'_>, user: Id, new: &NewAlertRule) -> Result<AlertRule> {
    let mut broken = misplaced(new.on, new.score.is_some(), new.kinds.is_some());
    if new.on == Kind::ScoreAbove && new.score.is_none() {
        broken.push(Violation::new("/score", "required", "say which score is to be reached"));
    }
    all_hold(broken)?;
    ship(tx, user)?;
    if let Some(rule) = tx.alert_rules().shipped(user, new.on)? {
        let detail = format!("everyone has this rule; switch it on or off at /v1/alert-rules/{}", rule.id);
        return Err(Error::Conflict(detail));
    }
    refuse_second(tx, user, new.score)?;
    if tx.alert_rules().count(user)? >= MOST {
        return Err(Error::Conflict(format!("a user has at most {MOST} alert rules; delete one first")));
    }
    let rule = AlertRule {
        score: new.score,
        kinds: new.kinds.clone().map(JsonOf),
        leads: Code(new.leads),
        enabled: new.enabled,
        ..new_rule(tx, user, new.on)
    };
    tx.alert_rules().insert(&rule)?;
    Ok(rule)
}

/// Changes a rule of a user. What is so already makes no version.
pub fn change(
    tx: &mut Tx<'_>,
    (user, id): (Id, Id),
    patch: &AlertRulePatch,
    condition: &Condition,
) -> Result<AlertRule> {
    hold(tx, user)?;
    let before = tx.alert_rules().get(user, id)?;
    condition.check(before.version)?;
    all_hold(misplaced(before.kind.0, patch.score.is_some(), patch.kinds.is_some()))?;
    let rule = AlertRule {
        score: patch.score.or(before.score),
        kinds: patch.kinds.clone().map_or(before.kinds.clone(), |kinds| kinds.map(JsonOf)),
        enabled: patch.enabled.unwrap_or(before.enabled),
        ..before.clone()
    };
    if rule == before {
        return Ok(before);
    }
    if rule.score != before.score {
        refuse_second(tx, user, rule.score)?;
    }
    tx.alert_rules().update(&rule)
}

/// Removes a rule of a user. 409 for a shipped one, which can be switched off.
pub fn remove(tx: &mut Tx<'_>, user: Id, id: Id, condition: &Condition) -> Result<()> {
    hold(tx, user)?;
    let rule = tx.alert_rules().get(user, id)?;
    condition.check(rule.version)?;
    match SHIPPED.contains(&rule.kind.0) {
        true => Err(Error::Conflict("everyone has this rule; switch it off with enabled=false".into())),
        false => tx.alert_rules().delete(user, id),
    }
}

/// Holds off whoever else changes the rules of a user.
fn hold(tx: &mut Tx<'_>, user: Id) -> Result<()> {
    tx.take_turns(&[format!("alert-rules {user}")])
}

fn new_rule(tx: &Tx<'_>, user: Id, kind: Kind) -> AlertRule {
    let at = tx.at();
    AlertRule {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        user_id: user,
        kind: Code(kind),
        score: None,
        kinds: None,
        leads: Code(Leads::Own),
        enabled: true,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

fn misplaced(on: Kind, has_score: bool, has_kinds: bool) -> Vec<Violation> {
    let mut broken = Vec::new();
    if has_score && on != Kind::ScoreAbove {
        broken.push(Violation::new("/score", "not_allowed", "only a rule on score_above has a score"));
    }
    if has_kinds && on != Kind::Interaction {
        broken.push(Violation::new("/kinds", "not_allowed", "only a rule on interaction has kinds"));
    }
    broken
}

fn refuse_second(tx: &mut Tx<'_>, user: Id, score: Option<i64>) -> Result<()> {
    match score {
        Some(score) if tx.alert_rules().has_score(user, score)? => {
            Err(Error::Conflict("there is a rule for this score; change that one".into()))
        }
        _ => Ok(()),
    }
}

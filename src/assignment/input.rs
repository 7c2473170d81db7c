//! What callers may say of an assignment rule (ASG-1).

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::choose::Mode;
use super::{Otherwise, Rule, Target, Weight, When};
use crate::db::Tx;
use crate::db::types::{Code, JsonOf};
use crate::error::{Result, Violation};
use crate::filter::{Allowed, Filter};
use crate::http::patch;
use crate::id::Id;
use crate::leads;

/// A new assignment rule.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAssignmentRule, example = json!({
    "name": "Hot leads to the best", "when": "sales_ready", "mode": "best_rank", "target": {"role": "salesperson"},
    "condition": {"field": "lead.temperature", "op": "eq", "value": "hot"}
}))]
pub struct NewRule {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Its place among the rules; the last when left out or beyond it. The rules from there on move back by one.
    #[schema(minimum = 1, maximum = 200, nullable = false)]
    pub position: Option<i64>,
    /// When it is asked; `sales_ready` when left out.
    #[serde(default)]
    pub when: When,
    /// The leads it is for, by lead, contact and account; all when left out.
    pub condition: Option<Filter>,
    /// How it chooses.
    pub mode: Mode,
    /// Whom it chooses among. Not with `keep_owner`; one user with `user`; with `specialist` all users when left out.
    pub target: Option<Target>,
    /// The shares in `weighted`; whoever is not named has weight 1.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub weights: Vec<Weight>,
    /// What becomes of a lead that it matches and can give to nobody; `unassigned` when left out.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// Whether it is asked at all; true when left out.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// Changes to an assignment rule: absent fields stay, null clears. Another mode, target or other weights begin its round
/// anew.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = AssignmentRulePatch, example = json!({"position": 1, "enabled": true}))]
pub struct RulePatch {
    /// Its name.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Its place among the rules; the last when beyond it. The others move to make room.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = i64, minimum = 1, maximum = 200)]
    pub position: Option<i64>,
    /// When it is asked.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = When)]
    pub when: Option<When>,
    /// The leads it is for, by lead, contact and account; null for all.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Filter>)]
    pub condition: Option<Option<Filter>>,
    /// How it chooses.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Mode)]
    pub mode: Option<Mode>,
    /// Whom it chooses among, as a whole.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Target>)]
    pub target: Option<Option<Target>>,
    /// The shares in `weighted`, all of them.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Vec<Weight>, max_items = 500)]
    pub weights: Option<Vec<Weight>>,
    /// What becomes of a lead that it matches and can give to nobody.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Otherwise)]
    pub otherwise: Option<Otherwise>,
    /// Whether it is asked at all.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = bool)]
    pub enabled: Option<bool>,
}

impl NewRule {
    /// The rule, at no place yet.
    pub(super) fn rule(&self, tx: &Tx<'_>) -> Rule {
        let at = tx.at();
        Rule {
            workspace_id: tx.scope.workspace,
            id: Id::new(at),
            name: self.name.clone(),
            position: 0,
            moment: Code(self.when),
            condition: self.condition.clone().map(JsonOf),
            mode: Code(self.mode),
            target: self.target.clone().map(JsonOf),
            weights: JsonOf(self.weights.clone()),
            otherwise: Code(self.otherwise),
            enabled: self.enabled,
            round: JsonOf::default(),
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }
}

impl RulePatch {
    /// The rule after the change, at the place it had.
    pub(super) fn apply(&self, rule: &Rule) -> Rule {
        let rule = rule.clone();
        let changed = Rule {
            name: self.name.clone().unwrap_or(rule.name),
            moment: self.when.map_or(rule.moment, Code),
            condition: self.condition.clone().map_or(rule.condition, |condition| condition.map(JsonOf)),
            mode: self.mode.map_or(rule.mode, Code),
            target: self.target.clone().map_or_else(|| rule.target.clone(), |target| target.map(JsonOf)),
            weights: self.weights.clone().map_or_else(|| rule.weights.clone(), JsonOf),
            otherwise: self.otherwise.map_or(rule.otherwise, Code),
            enabled: self.enabled.unwrap_or(rule.enabled),
            ..rule
        };
        let is_other_round =
            (changed.mode, &changed.target, &changed.weights) != (rule.mode, &rule.target, &rule.weights);
        Rule { round: if is_other_round { JsonOf::default() } else { changed.round }, ..changed }
    }
}

/// Everything that is wrong with a rule; `present` is what it was.
pub(super) fn broken(tx: &mut Tx<'_>, rule: &Rule, present: Option<&Rule>) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    broken.extend(Violation::blank("/name", &rule.name));
    if let Some(JsonOf(condition)) = &rule.condition {
        broken.extend(condition.check("/condition", Allowed::LEAD_ALONE));
    }
    let target = rule.target.as_ref().map(|target| &target.0);
    broken.extend(unsuited_target(rule.mode.0, target));
    broken.extend(unsuited_weights(rule));
    // Somebody who was locked out since may stay; they get nothing.
    let known = |rule: &Rule| named(rule).into_iter().map(|(_, id)| id).collect::<BTreeSet<Id>>();
    let known = present.map(known).unwrap_or_default();
    for (pointer, id) in named(rule).into_iter().filter(|(_, id)| !known.contains(id)) {
        broken.extend(leads::unfit_user(tx, id, &pointer)?);
    }
    Ok(broken)
}

/// The users that a rule names, each with the pointer to it.
fn named(rule: &Rule) -> Vec<(String, Id)> {
    let target = rule.target.iter().flat_map(|target| target.0.users.iter().flatten()).enumerate();
    let target = target.map(|(index, id)| (format!("/target/users/{index}"), *id));
    let weights = rule.weights.0.iter().enumerate();
    target.chain(weights.map(|(index, weight)| (format!("/weights/{index}/user_id"), weight.user_id))).collect()
}

fn unsuited_target(mode: Mode, target: Option<&Target>) -> Vec<Violation> {
    let wrong = |pointer: &str, code, detail: &str| vec![Violation::new(pointer, code, detail)];
    let Some(target) = target else {
        return match mode {
            Mode::KeepOwner | Mode::Specialist => Vec::new(),
            _ => wrong("/target", "required", "this mode needs users, a team or a role to choose among"),
        };
    };
    if mode == Mode::KeepOwner {
        return wrong("/target", "not_allowed", "keep_owner chooses the contact's or account's owner and nobody else");
    }
    let given = [target.users.is_some(), target.team.is_some(), target.role.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return wrong("/target", "invalid", "give one of users, team and role, and no more");
    }
    let users = target.users.as_deref().unwrap_or_default();
    if mode == Mode::User && users.len() != 1 {
        return wrong("/target/users", "invalid", "this mode gives every lead to one user: name exactly one");
    }
    duplicates(users.iter().copied(), |index| format!("/target/users/{index}"))
}

fn unsuited_weights(rule: &Rule) -> Vec<Violation> {
    let weights = &rule.weights.0;
    if rule.mode.0 != Mode::Weighted && !weights.is_empty() {
        return vec![Violation::new("/weights", "not_allowed", "only the mode weighted has weights")];
    }
    let mut broken =
        duplicates(weights.iter().map(|weight| weight.user_id), |index| format!("/weights/{index}/user_id"));
    let Some(users) = rule.target.as_ref().and_then(|target| target.0.users.as_ref()) else { return broken };
    for (index, _) in weights.iter().enumerate().filter(|(_, weight)| !users.contains(&weight.user_id)) {
        let pointer = format!("/weights/{index}/user_id");
        broken.push(Violation::new(pointer, "not_allowed", "is not among the users of the target"));
    }
    broken
}

fn duplicates(ids: impl Iterator<Item = Id>, pointer: impl Fn(usize) -> String) -> Vec<Violation> {
    let mut seen = BTreeSet::new();
    let again = ids.enumerate().filter(|(_, id)| !seen.insert(*id));
    again.map(|(index, _)| Violation::new(pointer(index), "duplicate", "is named above")).collect()
}

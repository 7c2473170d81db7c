//! Who takes a lead (ASG-1 to ASG-5): rules in order, whom they choose, and the leads that nobody can take.
//!
//! A rule says when it is asked (`sales_ready` or `created`), for which leads, and whom to choose how; the first that
//! matches decides. When nobody is left whom it could give the lead to, the lead waits in the queue of unassigned leads,
//! or the next rule is asked if the rule says `otherwise: next_rule`. `keep_owner` matches only where the contact or its
//! account has an owner, who must be there and have room like everybody else. Only leads that nobody works are given
//! out; whoever has one keeps it, and hears of it by the fact that it became sales ready. Conditions ask about the lead,
//! its contact and its account; `related` is refused, because what is related is not at hand when a lead is given out.
//!
//! A sales-ready lead that no rule matches waits in the queue, too, where a workspace has rules for sales-ready leads at
//! all; one that was only created does not. The queue is asked again, oldest first, when room may have appeared: a user
//! was changed or came back, a lead was closed, deleted or given to another, a rule was changed; and every hour. A lead
//! that somebody gave back by hand is in the queue, and not asked again.
//!
//! Capacity binds the rules, and those who give leads out by hand unless they say `override`. It does not bind who opens
//! a lead: nothing that a form, a program or a seller enters is refused because somebody is busy.
//!
//! # At once
//!
//! Loads and rounds belong to the whole workspace, so one transaction at a time gives out leads in it: it holds the turn
//! `assignment` until it ends. It takes that turn as the last thing it does ([`Tx::at_end`]), when it holds every lead it
//! is about and will wait for no record any more; those who give out by hand lock the lead, then take the turn, then are
//! done. So the order is: turns of people and contacts, leads, `assignment`; nobody who has the turn waits for a lead,
//! and a recording that makes many leads ready gives them out together at its end, in the order they became so. What is
//! chosen sees the lead as it is then, with its final score. Whoever gives a lead an owner without asking about capacity
//! (a form, a merge) needs no turn: it comes out as if they had come after.

mod assign;
mod by_hand;
mod candidate_repository;
pub mod choose;
mod decide;
mod dry_run_handlers;
pub mod handlers;
mod input;
mod lead_handlers;
mod queue;
mod queue_repository;
mod repository;
mod rules;
pub mod sweep;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::scope::Role;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::{Code, JsonOf};
use crate::error::Result;
use crate::filter::Filter;
use crate::id::Id;
use crate::schema::assignment_rules;
use choose::{Mode, Round};

pub use assign::{assign, reconsider, room_changed};
pub use by_hand::{Asking, Done, Wish, by_hand, owner_patched};
pub use decide::{Decision, Guess, Reason, foretell};
pub use input::{NewRule, RulePatch};
pub use queue::{QUEUE_SORT, QueueFilter, UnassignedLead};
pub use rules::{change, create, remove};

/// When a rule is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentMoment)]
pub enum When {
    /// When a lead becomes sales ready, by score or by hand.
    #[default]
    SalesReady,
    /// When a lead is created, once it has its first score.
    Created,
}

/// What becomes of a lead that a rule matches and can give to nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AssignmentOtherwise)]
pub enum Otherwise {
    /// It waits in the queue until there is room.
    #[default]
    Unassigned,
    /// The next rule is asked.
    NextRule,
}

/// Whom a rule chooses among: one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentTarget, example = json!({"team": "north"}))]
pub struct Target {
    /// These users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 500)]
    pub users: Option<Vec<Id>>,
    /// The users of this team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, example = "north")]
    pub team: Option<String>,
    /// The users of this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
}

/// A user's share of the leads that a rule gives out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentWeight)]
pub struct Weight {
    /// The user.
    pub user_id: Id,
    /// How many leads they get for each one that a user of weight 1 gets.
    #[schema(minimum = 1, maximum = 1000, example = 3)]
    pub weight: i64,
}

/// A rule that gives out leads.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = assignment_rules, treat_none_as_default_value = false)]
#[schema(as = AssignmentRule)]
pub struct Rule {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// Its name.
    #[schema(example = "Hot leads to the best")]
    pub name: String,
    /// Its place among the rules, from 1 without gaps; the first that matches decides.
    #[schema(example = 1)]
    pub position: i64,
    /// When it is asked.
    #[serde(rename = "when")]
    #[schema(value_type = When)]
    pub moment: Code<When>,
    /// The leads it is for; null for all.
    #[schema(value_type = Option<Filter>)]
    pub condition: Option<JsonOf<Filter>>,
    /// How it chooses.
    #[schema(value_type = Mode)]
    pub mode: Code<Mode>,
    /// Whom it chooses among; null with `keep_owner`, and with `specialist` for all users.
    #[schema(value_type = Option<Target>)]
    pub target: Option<JsonOf<Target>>,
    /// The shares in `weighted`; whoever is not named has weight 1.
    #[schema(value_type = Vec<Weight>)]
    pub weights: JsonOf<Vec<Weight>>,
    /// What becomes of a lead that it matches and can give to nobody.
    #[schema(value_type = Otherwise)]
    pub otherwise: Code<Otherwise>,
    /// Whether it is asked at all.
    pub enabled: bool,
    #[serde(skip)]
    pub round: JsonOf<Round>,
    /// Grows by one with every change, also of its place; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that rules can be ordered by.
pub const RULE_SORT: &[SortField] = &[
    SortField::new("position", "assignment_rules.position", SortKind::Number),
    SortField::new("created_at", "assignment_rules.created_at", SortKind::Instant),
];

impl Sorted for Rule {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "created_at" => self.created_at.to_string(),
            _ => self.position.to_string(),
        }
    }
}

/// Waits until nobody else gives out leads in the workspace, and holds them off until the transaction ends.
fn hold(tx: &mut Tx<'_>) -> Result<()> {
    tx.take_turns(&["assignment".to_owned()])
}

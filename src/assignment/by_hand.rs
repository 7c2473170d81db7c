//! Leads that people give out, take or give back (ASG-3).
//!
//! Whoever may give leads out gives any lead to any user who is not locked out, also to one who is away. Others may take
//! a lead for themselves that nobody works. Capacity binds both, unless they say `override`, which is recorded where it
//! made a difference. Giving a lead to whoever has it already changes nothing and leaves no trace.

use super::assign::{carry_out, room_changed};
use super::decide::{Decision, decide};
use super::{Rule, When, hold, queue};
use crate::db::Tx;
use crate::error::{Error, Result, all_hold};
use crate::http::condition::Condition;
use crate::id::Id;
use crate::leads::{self, Handing, Handover, HandoverCause, Lead};

/// What somebody wants of a lead.
#[derive(Clone, Debug)]
pub enum Wish {
    /// This user is to work it.
    Owner(Id),
    /// Nobody is.
    Nobody,
    /// The rules are to say who.
    Rules,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Done {
    pub lead: Lead,
    /// The change of owner; none when the lead stays whose it was.
    pub handover: Option<Handover>,
    /// What the rules said, if they were asked.
    pub decision: Option<Decision>,
}

/// Who asks, and what they add.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Whether they may give leads to others.
    pub may_assign: bool,
    /// Whether the new owner may get more than they may hold.
    pub overrides: bool,
    pub note: Option<String>,
}

/// Gives the lead to whom `wish` says. 409 for a closed lead, for one that somebody else took first, and for a user who
/// holds as many as they may.
pub fn by_hand(tx: &mut Tx<'_>, id: Id, wish: &Wish, asking: &Asking, condition: &Condition) -> Result<Done> {
    let lead = tx.leads().lock(id)?;
    condition.check(lead.version)?;
    leads::open_only(&lead)?;
    let done = match wish {
        Wish::Owner(owner) => give(tx, lead.clone(), *owner, asking)?,
        Wish::Nobody => take_away(tx, lead.clone(), asking)?,
        Wish::Rules => ask_rules(tx, lead.clone(), asking)?,
    };
    if done.handover.is_some() && lead.owner_id.is_some() {
        room_changed(tx);
    }
    Ok(done)
}

fn give(tx: &mut Tx<'_>, lead: Lead, owner: Id, asking: &Asking) -> Result<Done> {
    if lead.owner_id == Some(owner) {
        return Ok(Done { lead, handover: None, decision: None });
    }
    permit(tx.scope.actor, lead.owner_id, Some(owner), asking.may_assign)?;
    all_hold(leads::unfit_owner(tx, Some(owner))?.into_iter().collect())?;
    hold(tx)?;
    let full = fullness(tx, owner, lead.id)?.filter(|(open, capacity)| open >= capacity);
    if let Some((open, capacity)) = full.filter(|_| !asking.overrides) {
        return Err(full_up(open, capacity));
    }
    let cause = if tx.scope.actor == Some(owner) { HandoverCause::Taken } else { HandoverCause::ByHand };
    let handing = Handing { overridden: full.is_some(), note: asking.note.clone(), ..Handing::by(cause) };
    let (lead, handover) = leads::hand_over(tx, &lead, Some(owner), handing)?;
    Ok(Done { lead, handover: Some(handover), decision: None })
}

fn take_away(tx: &mut Tx<'_>, lead: Lead, asking: &Asking) -> Result<Done> {
    if lead.owner_id.is_none() {
        return Ok(Done { lead, handover: None, decision: None });
    }
    permit(tx.scope.actor, lead.owner_id, None, asking.may_assign)?;
    let handing = Handing { note: asking.note.clone(), ..Handing::by(HandoverCause::ByHand) };
    let (lead, handover) = leads::hand_over(tx, &lead, None, handing)?;
    queue::release(tx, &lead)?;
    Ok(Done { lead, handover: Some(handover), decision: None })
}

/// Asks the rules for leads that are sales ready, if it is, or else those for new ones, whoever has the lead. When they
/// find nobody, whoever has it keeps it.
fn ask_rules(tx: &mut Tx<'_>, lead: Lead, asking: &Asking) -> Result<Done> {
    let when = if lead.flags.0.sales_ready.is_some() { When::SalesReady } else { When::Created };
    hold(tx)?;
    let rules: Vec<Rule> = tx.assignment_rules().all()?.into_iter().filter(|rule| rule.enabled).collect();
    let decision = decide(tx, &lead, when, &rules)?;
    if decision.owner_id.is_some() && decision.owner_id != lead.owner_id {
        let (lead, handover) = carry_out(tx, &lead, &decision, asking.note.clone())?;
        return Ok(Done { lead, handover: Some(handover), decision: Some(decision) });
    }
    if lead.owner_id.is_none() {
        queue::wait(tx, &lead, when, &decision)?;
    }
    Ok(Done { lead, handover: None, decision: Some(decision) })
}

/// What follows when a change of the lead's fields gave it to another: only those may do so who may give leads out, and
/// the new owner has room for it, which is looked at when the transaction ends.
pub fn owner_patched(tx: &mut Tx<'_>, before: &Lead, after: &Lead, may_assign: bool) -> Result<()> {
    if before.owner_id == after.owner_id {
        return Ok(());
    }
    permit(tx.scope.actor, before.owner_id, after.owner_id, may_assign)?;
    match after.owner_id {
        Some(owner) => tx.at_end("room of a user", owner, keep_room),
        None => queue::release(tx, after)?,
    }
    if before.owner_id.is_some() {
        room_changed(tx);
    }
    Ok(())
}

/// Refuses what the transaction did if the user holds more than they may.
fn keep_room(tx: &mut Tx<'_>, owner: Id) -> Result<()> {
    hold(tx)?;
    match fullness(tx, owner, Id::NIL)? {
        Some((open, capacity)) if open > capacity => Err(full_up(open - 1, capacity)),
        _ => Ok(()),
    }
}

/// How many open leads a user holds, one lead aside, and may hold; `None` without a limit.
fn fullness(tx: &mut Tx<'_>, owner: Id, except: Id) -> Result<Option<(i64, i64)>> {
    let Some(capacity) = tx.users().find(owner)?.and_then(|user| user.capacity) else { return Ok(None) };
    let open = tx.candidates().open_leads(&[owner], except)?.get(&owner).copied().unwrap_or(0);
    Ok(Some((open, capacity)))
}

fn full_up(open: i64, capacity: i64) -> Error {
    Error::Conflict(format!(
        "the user holds {open} open leads and may hold {capacity}; give it to another, raise the capacity, or send \
         `override: true` to POST /v1/leads/{{id}}/assignment with the scope leads:override"
    ))
}

/// Whether `actor` may give a lead of `from` to `to`.
fn permit(actor: Option<Id>, from: Option<Id>, to: Option<Id>, may_assign: bool) -> Result<()> {
    let is_own = to.is_some() && to == actor;
    match from {
        _ if may_assign => Ok(()),
        None if is_own => Ok(()),
        Some(owner) if is_own => {
            Err(Error::Conflict(format!("user {owner} has the lead; whoever has the scope leads:assign may move it")))
        }
        _ => Err(Error::Forbidden(
            "the scope leads:assign is needed to give a lead to somebody else or to nobody".into(),
        )),
    }
}

//! Leads that are given out by the rules, at the end of the transaction that made them due (ASG-4).

use super::decide::{Decision, decide};
use super::{Rule, When, hold, queue};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::leads::{self, Handing, HandoverCause, Lead};

/// Lets the rules of this moment give out a lead that nobody works, as the last thing that the transaction does. The
/// transaction has locked the lead, or made it. One that has an owner by then, is closed or gone, stays as it is.
pub fn assign(tx: &mut Tx<'_>, lead: Id, when: When) {
    match when {
        When::Created => tx.at_end("assign created", lead, |tx, lead| give_out(tx, lead, When::Created)),
        When::SalesReady => tx.at_end("assign ready", lead, |tx, lead| give_out(tx, lead, When::SalesReady)),
    }
}

/// The same for a lead that may have come to nobody by a merge or its undoing: if it is ready for sales.
pub fn reconsider(tx: &mut Tx<'_>, lead: &Lead) {
    if lead.owner_id.is_none() && lead.flags.0.sales_ready.is_some() {
        assign(tx, lead.id, When::SalesReady);
    }
}

/// Lets the queue be asked again soon: somebody may have room who had none. For whoever closes, deletes or moves a lead,
/// or changes a user.
pub fn room_changed(tx: &mut Tx<'_>) {
    tx.at_end("room for leads", Id::NIL, |tx, _| {
        if tx.assignment_rules().is_any_asked(When::SalesReady)? || tx.assignment_rules().is_any_asked(When::Created)? {
            // Whoever found no room before this transaction has written so by the time it has the turn.
            hold(tx)?;
            tx.unassigned().wake()?;
        }
        Ok(())
    });
}

fn give_out(tx: &mut Tx<'_>, lead: Id, when: When) -> Result<()> {
    if !tx.assignment_rules().is_any_asked(when)? {
        return Ok(());
    }
    if let Some(lead) = nobodys(tx, lead)? {
        hold(tx)?;
        try_rules(tx, &lead, when)?;
    }
    Ok(())
}

/// The lead, held, if it is open and nobody works it.
pub(super) fn nobodys(tx: &mut Tx<'_>, lead: Id) -> Result<Option<Lead>> {
    match tx.leads().lock(lead) {
        Err(Error::NotFound | Error::Gone { .. }) => Ok(None),
        found => Ok(Some(found?).filter(|lead| lead.status.0.is_open() && lead.owner_id.is_none())),
    }
}

/// Gives the lead to whom the rules choose, or lets it wait. The caller holds the lead and has the turn.
pub(super) fn try_rules(tx: &mut Tx<'_>, lead: &Lead, when: When) -> Result<Decision> {
    let rules: Vec<Rule> = tx.assignment_rules().all()?.into_iter().filter(|rule| rule.enabled).collect();
    let decision = decide(tx, lead, when, &rules)?;
    match decision.owner_id {
        Some(_) => drop(carry_out(tx, lead, &decision, None)?),
        None => queue::wait(tx, lead, when, &decision)?,
    }
    Ok(decision)
}

/// Gives the lead to whom a rule chose.
pub(super) fn carry_out(
    tx: &mut Tx<'_>,
    lead: &Lead,
    decision: &Decision,
    note: Option<String>,
) -> Result<(Lead, leads::Handover)> {
    let rule = decision.rule_id.zip(decision.chosen.as_ref().map(|(mode, _)| *mode));
    let handing = Handing { rule, note, ..Handing::by(HandoverCause::Rule) };
    if let Some((rule, (_, round))) = decision.rule_id.zip(decision.chosen.clone()) {
        tx.assignment_rules().set_round(rule, round)?;
    }
    leads::hand_over(tx, lead, decision.owner_id, handing)
}

//! The matching strategies of forms (MAT-2): by key, or the workspace's default; each must suit the form it is used by.

use super::definition::Definition;
use super::suit::{self, Pair};
use super::{Form, FormStatus};
use crate::db::Tx;
use crate::error::{Error, Result, Violation};
use crate::matching;
use crate::matching::strategies::Entry;
use crate::matching::strategy::{Field, Strategy, Target, named as field_names};

/// Forms that an error names at most.
const NAMED_MAX: usize = 10;

const TARGETS: [(Target, &str); 2] = [(Target::Contact, "/contact_strategy"), (Target::Lead, "/lead_strategy")];

impl Definition {
    /// The key of the strategy that the form names for `target`.
    pub fn strategy_key(&self, target: Target) -> Option<&str> {
        match target {
            Target::Contact => self.contact_strategy.as_deref(),
            Target::Lead => self.lead_strategy.as_deref(),
        }
    }
}

/// The strategy that finds records of `target` for the form.
pub fn named(tx: &mut Tx<'_>, definition: &Definition, target: Target) -> Result<Strategy> {
    let missing = || Error::Conflict("the form names a matching strategy that does not exist".into());
    matching::strategy(tx, target, definition.strategy_key(target))?.ok_or_else(missing)
}

/// Strategies that were looked up for some submissions of one transaction, by key.
#[derive(Default)]
pub struct Strategies(Vec<(Target, Option<String>, Strategy)>);

impl Strategies {
    /// The strategy that finds records of `target` for a form.
    pub fn named(&mut self, tx: &mut Tx<'_>, definition: &Definition, target: Target) -> Result<Strategy> {
        let key = definition.strategy_key(target);
        if let Some((.., known)) = self.0.iter().find(|(of, named, _)| (*of, named.as_deref()) == (target, key)) {
            return Ok(known.clone());
        }
        if key.is_some() {
            let strategy = named(tx, definition, target)?;
            self.0.push((target, key.map(str::to_owned), strategy.clone()));
            return Ok(strategy);
        }
        // Whoever needs one of the defaults soon needs the other.
        let defaults = matching::default_strategies(tx)?;
        self.0.extend(defaults.clone().map(|strategy| (strategy.target, None, strategy)));
        let [contact, lead] = defaults;
        Ok(if target == Target::Contact { contact } else { lead })
    }
}

/// What is wrong with the strategies of a form that is to be in this state: unknown ones always, and for a live form
/// those that can never apply to what it sends. No strategy changes from here to the end of the transaction.
pub(super) fn broken(tx: &mut Tx<'_>, definition: &Definition, status: FormStatus) -> Result<Vec<Violation>> {
    matching::strategies::hold_still(tx)?;
    let mut broken = Vec::new();
    for (target, pointer) in TARGETS {
        if matching::strategy(tx, target, definition.strategy_key(target))?.is_none() {
            let detail = "there is no such matching strategy for this target";
            broken.push(Violation::new(pointer, "unknown", detail));
        }
    }
    // A form without a person is refused for that already.
    if !broken.is_empty() || status != FormStatus::Live || !definition.missing().is_empty() {
        return Ok(broken);
    }
    let pair = pair(tx, definition)?;
    for (target, pointer) in TARGETS {
        if suit::is_held(definition, target) && !suit::suits(definition, &pair, target) {
            broken.push(Violation::new(pointer, "unsuited", unsuited(pair.of(target))));
        }
    }
    Ok(broken)
}

fn pair(tx: &mut Tx<'_>, definition: &Definition) -> Result<Pair> {
    Ok(Pair { contact: named(tx, definition, Target::Contact)?, lead: named(tx, definition, Target::Lead)? })
}

fn unsuited(strategy: &Strategy) -> String {
    let compared: Vec<String> = strategy
        .alternatives
        .iter()
        .map(|alternative| field_names(&alternative.fields.iter().map(|one| one.field).collect::<Vec<Field>>()))
        .collect();
    let (key, compared) = (&strategy.key, compared.join("; or "));
    format!("{key} compares {compared}, and the form never sends all of these; add fields or name another strategy")
}

/// `Err(Invalid)` that names the live forms which use the strategy and can never satisfy one of its alternatives.
pub fn refuse_unsuited(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    let mut unsuited = Vec::new();
    for form in tx.forms().present()? {
        let definition = &form.definition.0;
        if form.status.0 != FormStatus::Live || !uses(definition, entry) {
            continue;
        }
        let pair = pair(tx, definition)?;
        // What finds contacts may also be what lets leads be found.
        let fails = |target| suit::is_held(definition, target) && !suit::suits(definition, &pair, target);
        if fails(Target::Contact) || fails(Target::Lead) {
            unsuited.push(form);
        }
    }
    if unsuited.is_empty() {
        return Ok(());
    }
    let detail = format!("these live forms never send what any alternative compares: {}", names(&unsuited));
    Err(Error::invalid("/alternatives", "unsuited", detail))
}

fn uses(definition: &Definition, entry: &Entry) -> bool {
    match definition.strategy_key(entry.strategy.target) {
        Some(key) => key == entry.strategy.key,
        None => entry.is_default,
    }
}

/// `Err(Conflict)` that names the forms, other than deleted ones, which name the strategy.
pub fn refuse_named(tx: &mut Tx<'_>, strategy: &Strategy) -> Result<()> {
    let is_named = |form: &Form| form.definition.0.strategy_key(strategy.target) == Some(strategy.key.as_str());
    let naming: Vec<Form> = tx.forms().present()?.into_iter().filter(is_named).collect();
    match naming.is_empty() {
        true => Ok(()),
        false => Err(Error::Conflict(format!("these forms name the strategy: {}", names(&naming)))),
    }
}

fn names(forms: &[Form]) -> String {
    let named: Vec<String> = forms.iter().take(NAMED_MAX).map(|form| format!("{} ({})", form.name, form.id)).collect();
    match forms.len().checked_sub(NAMED_MAX) {
        Some(more @ 1..) => format!("{} and {more} more", named.join(", ")),
        _ => named.join(", "),
    }
}
